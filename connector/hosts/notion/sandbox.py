"""A stand-in for Notion's API: a small WSGI application over an in-memory workspace, as strict and as awkward as the real one.

For tests and the sandbox mode only. It can be busy, slow, broken or silent on request, and sends webhooks signed like Notion.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from werkzeug.wrappers import Request, Response

from connector.hosts.notion import sandbox_api as api
from connector.hosts.notion.sandbox_values import ApiFault, invalid
from connector.hosts.notion.sandbox_world import World
from webhooks.signatures import sign

VERSION = "2026-03-11"
TOKEN = "ntn_sandbox"  # noqa: S105  # the stand-in's own, known to everybody


@dataclass
class Trouble:
    """Something that goes wrong for the next ``times`` requests that match ``method`` and ``path`` (a regular expression).

    ``commit``: carry the request out before failing · ``drop``: close the connection without an answer · ``html``: answer as
    the edge of the network does, without JSON · ``tell``: report what was committed in ``additional_data``.
    """

    method: str = ""
    path: str = ""
    times: int = 1
    status: int = 0
    code: str = ""
    message: str = "The stand-in was asked to fail."
    headers: Mapping[str, str] = field(default_factory=dict)
    additional: Mapping[str, Any] = field(default_factory=dict)
    latency: float = 0.0
    commit: bool = False
    tell: bool = False
    drop: bool = False
    html: bool = False


class NotionSandbox:
    """The WSGI application. ``world`` is the workspace; change it through its methods as a person would."""

    def __init__(
        self,
        world: Mapping[str, Any] | None = None,
        *,
        token: str = TOKEN,
        webhook_url: str = "",
        secret: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.world = World(world, clock=clock)
        self.world.announce = self._announce
        self.token = token
        self.webhook_url = webhook_url
        self.secret = secret
        self.cap = 10_000  # rows that one query gives at most; tests make it small
        self.pages_at = "https://app.notion.com/p/"  # where people open a page; its id follows
        self.missing: set[str] = (
            set()
        )  # capabilities: read_content, update_content, insert_content, read_comments, insert_comments, user, user_email
        self.block_limit = False  # a workspace that has used up its blocks
        self.troubles: list[Trouble] = []
        self.log: list[tuple[str, str, dict[str, str], Any]] = []  # method, path, query, body
        self.counts: Counter[str] = Counter()
        self.events: list[dict[str, Any]] = []  # every delivery made, sent or not
        self.sessions: dict[str, list[str]] = {}  # what stands behind a cursor
        self._outbox: queue.Queue[tuple[bytes, Mapping[str, str]]] = queue.Queue()
        self.button_paused = False  # an automation that got another answer than 2xx; a person resumes it
        self._sender: threading.Thread | None = None
        self._lock = threading.RLock()

    # --- state ---------------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The workspace as JSON."""
        with self.world.lock:
            copied: dict[str, Any] = json.loads(json.dumps(self.world.data))
            return copied

    @classmethod
    def from_json(cls, data: Mapping[str, Any], **options: Any) -> NotionSandbox:
        """A stand-in with a saved workspace."""
        return cls(data, **options)

    def fail(self, **trouble: Any) -> None:
        """Ask for a ``Trouble``."""
        with self._lock:
            self.troubles.append(Trouble(**trouble))

    @property
    def reads(self) -> int:
        """Requests that read."""
        return self.counts["reads"]

    @property
    def writes(self) -> int:
        """Requests that write."""
        return self.counts["writes"]

    # --- WSGI ----------------------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        trouble = self._trouble(request)
        if trouble and trouble.latency:
            time.sleep(trouble.latency)
        answer: tuple[int, dict[str, Any]] | None = None
        if trouble is None or trouble.commit or not (trouble.status or trouble.drop):
            answer = self._answer(request)
        else:
            self._note(request, None)
        if trouble and trouble.drop:
            _hang_up(environ)
            raise ConnectionResetError("the stand-in was asked to hang up")
        response = _trouble_response(trouble, answer) if trouble and trouble.status else _response(*(answer or (500, {})))
        return response(environ, start_response)

    def _trouble(self, request: Request) -> Trouble | None:
        with self._lock:
            for trouble in self.troubles:
                if trouble.method in ("", request.method) and re.search(trouble.path, request.path):
                    trouble.times -= 1
                    if trouble.times <= 0:
                        self.troubles.remove(trouble)
                    return trouble
        return None

    def _note(self, request: Request, body: Any) -> None:
        with self._lock:
            self.log.append((request.method, request.path, {key: ",".join(request.args.getlist(key)) for key in request.args}, body))
            reading = request.method == "GET" or request.path.endswith(("/query", "/search"))
            self.counts["reads" if reading else "writes"] += 1

    def _answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        body: Any = None
        try:
            raw = request.get_data()
            body = json.loads(raw) if raw else None
        except ValueError:
            body = ...
        self._note(request, None if body is ... else body)
        try:
            if body is ...:
                raise ApiFault(400, "invalid_json", "Error parsing JSON body.")
            self._check_headers(request)
            with self.world.lock:
                return 200, {**api.route(self, request.method, request.path, request.args, body), "request_id": str(uuid.uuid4())}
        except ApiFault as fault:
            return fault.status, _error(fault.status, fault.code, fault.message, fault.additional)

    def _check_headers(self, request: Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise ApiFault(401, "unauthorized", "API token is invalid.")
        version = request.headers.get("Notion-Version")
        if version is None:
            raise ApiFault(400, "missing_version", "Notion-Version header failed validation: Notion-Version header should be defined.")
        if version != VERSION:
            raise invalid(f"this stand-in speaks only version {VERSION}, instead was {version}")

    # --- webhooks ------------------------------------------------------------------------------------------------------

    def _announce(self, event: str, kind: str, ident: str, data: Mapping[str, Any], author: str) -> None:
        world = self.world.data
        moment = datetime.fromtimestamp(self.world.clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        delivery = {
            "id": str(uuid.uuid4()),
            "timestamp": moment,
            "workspace_id": world["workspace"],
            "workspace_name": world["workspace_name"],
            "subscription_id": str(uuid.uuid5(uuid.NAMESPACE_URL, world["workspace"])),
            "integration_id": str(uuid.uuid5(uuid.NAMESPACE_URL, world["bot"])),
            "type": event,
            "authors": [{"id": author, "type": "bot" if author == world["bot"] else "person"}],
            "attempt_number": 1,
            "api_version": VERSION,
            "entity": {"id": ident, "type": kind},
            "data": dict(data),
        }
        with self._lock:
            self.events.append(delivery)
            if self.webhook_url and self.secret:
                self.send(delivery)

    def send(self, delivery: Mapping[str, Any]) -> None:
        """Send a delivery (again), signed, from a thread of its own."""
        self.put(json.dumps(delivery, ensure_ascii=False, separators=(",", ":")).encode())

    def send_handshake(self) -> None:
        """The request that a new subscription sends once."""
        self.put(json.dumps({"verification_token": self.secret}).encode())

    def put(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Have a body sent; ``headers`` None: signed, as a subscription's deliveries are."""
        signed = {"X-Notion-Signature": sign(self.secret, body), "Content-Type": "application/json"}
        self._outbox.put((body, signed if headers is None else headers))
        self._ensure_sender()

    def _ensure_sender(self) -> None:
        with self._lock:
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_all, name="notion-sandbox-webhooks", daemon=True)
                self._sender.start()

    def _send_all(self) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            while True:
                body, headers = self._outbox.get()
                try:
                    self._send_one(client, body, headers)
                finally:
                    self._outbox.task_done()

    def _send_one(self, client: httpx.Client, body: bytes, headers: Mapping[str, str]) -> None:
        for attempt in range(3):
            try:
                if client.post(self.webhook_url, content=body, headers=headers).is_success:
                    return
            except httpx.TransportError:
                pass
            if "X-Notion-Signature" not in headers:
                self.button_paused = True
                return
            time.sleep(0.2 * 2**attempt)

    def flush(self) -> None:
        """Wait until every webhook has been sent or given up."""
        self._outbox.join()


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    # Half characters are told as escapes, as the languages of the web do; the rest as it is.
    text = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", json.dumps(body, ensure_ascii=False))
    return Response(text, status=status, headers=dict(headers or {}), content_type="application/json; charset=utf-8")


def _error(status: int, code: str, message: str, additional: Mapping[str, Any] | None) -> dict[str, Any]:
    body = {"object": "error", "status": status, "code": code, "message": message, "request_id": str(uuid.uuid4())}
    return {**body, "additional_data": dict(additional)} if additional else body


def _trouble_response(trouble: Trouble, answer: tuple[int, dict[str, Any]] | None) -> Response:
    if trouble.html:
        page = "<!doctype html><title>Attention Required! | Cloudflare</title>"
        return Response(page, status=trouble.status, content_type="text/html", headers={"cf-ray": "8f0-OSL"})
    additional = dict(trouble.additional)
    if trouble.tell and answer and answer[0] == 200:
        written = answer[1]
        ids = [each["id"] for each in written.get("results", ())]
        additional.update({"committed_child_ids": ids} if ids else {"committed_resource_id": written.get("id")})
        additional["retry_guidance"] = "Do not repeat the write"
    codes = {429: "rate_limited", 503: "service_unavailable", 529: "service_overload", 409: "conflict_error", 403: "restricted_resource"}
    code = trouble.code or codes.get(trouble.status, "internal_server_error")
    return _response(trouble.status, _error(trouble.status, code, trouble.message, additional), trouble.headers)


def _hang_up(environ: Mapping[str, Any]) -> None:
    socket = environ.get("werkzeug.socket") or environ.get("gunicorn.socket")
    if socket is not None:
        socket.shutdown(2)
