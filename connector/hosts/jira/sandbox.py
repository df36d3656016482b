"""A stand-in for a Jira Cloud site, as a WSGI application: the paths that our client calls, with Jira's refusals, lag and faults.

For tests and ``serve --sandbox`` only, never beside real credentials. It imports nothing of the client it stands in for.
"""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from connector.hosts.jira.sandbox_admin import SCOPES, Admin, check_scope
from connector.hosts.jira.sandbox_hooks import WebhookSender
from connector.hosts.jira.sandbox_permissions import Permissions
from connector.hosts.jira.sandbox_rest import Answered, RefusalError, Rest
from connector.hosts.jira.sandbox_views import webhook_issue
from connector.hosts.jira.sandbox_world import Change, IssueWorld

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


@dataclass
class Fault:
    """One misbehaviour: which requests it hits (``method`` equal, ``path`` contained; "" = all), how often, and what happens.

    ``seconds`` delays the answer. ``drop`` closes the connection without an answer. ``commit`` carries the request out before
    it answers ``status`` or drops. A fault with neither status nor drop only delays.
    """

    path: str = ""
    method: str = ""
    status: int = 0
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"errorMessages": ["The stand-in was asked to fail"], "errors": {}}'
    content_type: str = "application/json"
    seconds: float = 0.0
    drop: bool = False
    commit: bool = False

    def hits(self, method: str, path: str) -> bool:
        """True when this fault is meant for the request."""
        return self.times > 0 and self.method in ("", method) and self.path in path


class JiraSandbox:
    """A Jira site in memory. ``world`` as in ``sandbox_world.DEFAULT_WORLD``; change it through ``world``'s methods, also named here.

    ``log`` holds ``(method, path, body)`` of every request; ``reads`` and ``writes`` count those that succeeded.
    ``rest.page_limit`` makes search pages shorter than asked, ``rest.denied`` takes permissions away, ``rest.expire_tokens()``
    voids page tokens. ``admin`` has the people and webhooks. ``world.settings["scopes"]`` are the scopes of logins through the
    cloud id; people and the Forge app log in by bearer tokens there, see ``sandbox_access``. ``permissions``
    has apps with people's permissions and their webhooks. ``closed_paths`` answers 404 (405 when
    told so) for paths that contain a key, as an older site does.
    """

    def __init__(self, world: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.world = IssueWorld(world, clock)
        self.world.listener = self._changed
        self.hooks = WebhookSender()
        self.faults: list[Fault] = []
        self.closed_paths: dict[str, int] = {}
        self.log: list[tuple[str, str, Any]] = []
        self.reads = 0
        self.writes = 0
        self.tokens: dict[str, float] = {}  # access token → end (time.time)
        self.token_seconds = 3600
        self.rest = Rest(self.world)
        self.admin = Admin(self.world, self.rest)
        self.permissions = Permissions(self.world, self.tokens)
        self._lock = threading.Lock()
        self._asking = threading.local()
        # what tests and the sandbox's control page do most
        self.add_issue, self.set_status, self.move = self.world.add_issue, self.world.set_status, self.world.move
        self.set_field, self.delete, self.archive_project = self.world.set_field, self.world.delete, self.world.archive_project
        self.move_to_project, self.add_comment = self.world.move_to_project, self.world.add_comment

    # --- control -----------------------------------------------------------------------------------------------------------

    @property
    def webhook_url(self) -> str:
        """Where deliveries go; "" sends none."""
        return self.hooks.url

    @webhook_url.setter
    def webhook_url(self, url: str) -> None:
        self.hooks.url = url

    @property
    def webhook_secret(self) -> str:
        """What signs the deliveries; "" sends them unsigned."""
        return self.hooks.secret

    @webhook_secret.setter
    def webhook_secret(self, secret: str) -> None:
        self.hooks.secret = secret

    @property
    def index_lag(self) -> float:
        """Seconds by which searches stay behind, except for issues in ``reconcileIssues``."""
        return self.world.index_lag

    @index_lag.setter
    def index_lag(self, seconds: float) -> None:
        self.world.index_lag = seconds

    def fail(self, **how: Any) -> Fault:
        """Add a ``Fault``; gives it, so that a test can end it early."""
        fault = Fault(**how)
        self.faults.append(fault)
        return fault

    def forget_log(self) -> None:
        """Empty the request log and the counters."""
        with self._lock:
            self.log.clear()
            self.reads = self.writes = 0

    def calls(self, part: str = "", method: str = "") -> list[tuple[str, str, Any]]:
        """Logged requests whose path contains ``part``."""
        return [entry for entry in list(self.log) if part in entry[1] and method in ("", entry[0])]

    def to_json(self) -> dict[str, Any]:
        """The whole state as JSON."""
        return self.world.dump()

    def from_json(self, state: Mapping[str, Any]) -> None:
        """Take back a state from ``to_json``."""
        self.world.load(state)

    # --- WSGI --------------------------------------------------------------------------------------------------------------

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        method = str(environ["REQUEST_METHOD"])
        path = str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        raw = environ["wsgi.input"].read(length) if length else b""
        told = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
        # an account id has no comma, so the one parameter that may be repeated fits a flat mapping
        query = {name: ",".join(values) if name == "accountId" else values[-1] for name, values in told.items()}
        body = _json(raw)
        with self._lock:
            self.log.append((method, path, "(credentials)" if path.endswith("/oauth/token") else body))
            fault = next((fault for fault in self.faults if fault.hits(method, path)), None)
            if fault is not None:
                fault.times -= 1
        if fault is not None and fault.seconds:
            time.sleep(fault.seconds)
        if fault is not None and (fault.status or fault.drop):
            if fault.commit:
                self._answer(method, path, query, body, raw, environ)
            if fault.drop:
                return _drop(environ, start_response)
            return _send(start_response, fault.status, fault.body, {"Content-Type": fault.content_type, **fault.headers})
        status, answer, headers = self._answer(method, path, query, body, raw, environ)
        return _send(start_response, status, b"" if answer is None else orjson.dumps(answer), headers)

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any, raw: bytes, environ: Environ
    ) -> tuple[int, Any, dict[str, str]]:
        try:
            answered = self._route(method, path, query, body, raw, environ)
        except RefusalError as refusal:
            return refusal.status, refusal.body, {}
        with self._lock:
            self.writes += answered.wrote
            self.reads += not answered.wrote
        return answered.status, answered.body, dict(answered.headers)

    def _route(self, method: str, path: str, query: Mapping[str, str], body: Any, raw: bytes, environ: Environ) -> Answered:
        if path == "/_edge/tenant_info":
            return Answered(200, {"cloudId": self.world.settings["cloud_id"]})
        if path == "/oauth/token":
            return self._new_token(body, raw)
        token = str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer ")
        if path == "/authorize":
            return self.permissions.authorize(query)
        if path == "/oauth/token/accessible-resources":
            return self.permissions.list_sites(
                token, f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ.get('SCRIPT_NAME', '')}"
            )
        scoped = re.match(r"/ex/jira/([^/]+)(/.*)", path)
        if scoped and scoped.group(1) != self.world.settings["cloud_id"]:
            raise RefusalError(404, "No site with this cloud id")
        account = self._check_login(str(environ.get("HTTP_AUTHORIZATION", "")), bool(scoped))
        path = scoped.group(2) if scoped else path
        for part, status in self.closed_paths.items():
            if part in path:
                raise RefusalError(status, "")
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if scoped:
            check_scope(self.permissions.scopes_of(token) or str(self.world.settings.get("scopes", SCOPES)), method, parts)
        self._asking.over_http = True
        self.rest.access.ask_as(account)
        try:
            answered = self.permissions.route(method, parts, query, body, token) or self.admin.route(method, parts, query, body)
            return answered or self.rest.route(method, parts, query, body)
        finally:
            self._asking.over_http = False
            self.rest.access.ask_as("")

    def _check_login(self, header: str, scoped: bool) -> str:
        """The account id of whom a login belongs to. Raises ``RefusalError``."""
        settings = self.world.settings
        basic = base64.b64encode(f"{settings['email']}:{settings['api_token']}".encode()).decode()
        token = header.removeprefix("Bearer ")
        if header == f"Basic {basic}" and scoped == bool(settings.get("scoped_token")):
            return str(settings["account"]["accountId"])
        if header.startswith("Bearer ") and scoped:
            if account := self.rest.access.account_of(token):
                return account
            if self.tokens.get(token, 0.0) > time.time():
                return str(settings["account"]["accountId"])
        raise RefusalError(401, "Client must be authenticated to access this resource.")

    def _new_token(self, body: Any, raw: bytes) -> Answered:
        given = body if isinstance(body, dict) else {name: values[-1] for name, values in parse_qs(raw.decode("utf-8", "replace")).items()}
        settings = self.world.settings
        if given.get("grant_type") in ("authorization_code", "refresh_token"):
            return self.permissions.token(given)
        if given.get("grant_type") != "client_credentials":
            return Answered(400, {"error": "unsupported_grant_type"})
        if (given.get("client_id"), given.get("client_secret")) != (settings["client_id"], settings["client_secret"]):
            return Answered(401, {"error": "access_denied", "error_description": "Unauthorized"})
        token = uuid.uuid4().hex
        self.tokens[token] = time.time() + self.token_seconds
        return Answered(
            200,
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": self.token_seconds,
                "scope": settings.get("scopes", SCOPES),
            },
        )

    def _changed(self, change: Change) -> None:
        event, extra, items = change
        targets = self.admin.targets(event)
        if not (self.hooks.url or targets or self.permissions.webhooks):
            return
        body: dict[str, Any] = {"timestamp": int(self.world.clock().timestamp() * 1000), "webhookEvent": event}
        # what comes over HTTP is the doing of whoever asks, what comes from Python plays the person called ``actor``
        over_http = getattr(self._asking, "over_http", False)
        person = self.rest.access.person() if over_http else self.world.settings.get("actor")
        user = {"accountType": "atlassian", **(person or self.world.settings["account"])}
        body["user"] = {name: value for name, value in user.items() if name != "emailAddress"}
        if event.startswith("jira:issue_"):
            body["issue_event_type_name"] = event.removeprefix("jira:").replace("issue_updated", "issue_generic")
        for name, value in extra.items():
            body[name] = webhook_issue(self.world, value) if name == "issue" else value
        if items:
            body["changelog"] = {"id": str(int(time.time() * 1000)), "items": items}
        self.hooks.send(body, targets)
        for url, told, token in self.permissions.deliveries(event, body):
            self.hooks.send_to(url, told, {"Authorization": f"Bearer {token}"})


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        return None


def _send(start_response: StartResponse, status: int, body: bytes, headers: Mapping[str, str]) -> list[bytes]:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    kept = {"Content-Type": "application/json;charset=UTF-8", "Content-Length": str(len(body)), **headers}
    start_response(f"{status} {reason}", list(kept.items()))
    return [body]


def _drop(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Close the connection without an answer where the server lets us, else answer like a broken proxy."""
    connection = environ.get("werkzeug.socket") or environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    start_response("502 Bad Gateway", [("Content-Type", "text/html"), ("Content-Length", "0")])
    return [b""]
