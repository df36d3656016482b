"""The way to one Jira site: addresses, credentials, budgets and the site's error wording. Knows paths, no issues.

The only importer of atlassian-python-api. Its own retries stay off: they repeat POSTs, sleep for half an hour in a worker
and lose the headers. What it does here is build addresses, bodies and the login; answers are read without it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from atlassian import Jira
from atlassian.jira import JiraCloud
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests.auth import AuthBase

from connector.errors import HostError, Offline, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.http import Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.jira import app_login
from connector.hosts.limits import Allowance, Budget
from connector.hosts.permitted import PermittedToken

# At DEBUG the library logs whole bodies and headers.
for _name in ("atlassian", "atlassian.rest_client"):
    logging.getLogger(_name).setLevel(logging.INFO)

CLOUD_API = "https://api.atlassian.com"
TOKEN_URL = "https://auth.atlassian.com/oauth/token"  # noqa: S105  # an address, no secret
TOKEN_MARGIN = 120.0  # seconds before its end at which an access token is replaced

# Half of the tenant's burst bucket (GET and POST 100, PUT and DELETE 50 a second): every other app shares it.
# Reference: https://developer.atlassian.com/cloud/jira/platform/rate-limiting
RATES: Mapping[str, str] = {"GET": "50 per 1 second", "POST": "50 per 1 second", "PUT": "25 per 1 second", "DELETE": "25 per 1 second"}
ISSUE_WRITES = "20 per 2 second; 100 per 30 second"

_SECRETS = ("api_token", "bearer_token", "client_secret", "access_token", "refresh_token")
_ISSUE_PATH = re.compile(r"/issue/(?!bulkfetch\b)([^/]+)")
# POSTs that only read, or that replace by an identity of their own (a remote link by its globalId).
_REPEATABLE_POST = re.compile(
    r"/(search/jql|search|issue/bulkfetch|search/approximate-count|jql/parse|jql/match|permissions/check|remotelink|oauth/token)\Z"
)
CONSENT_ENDED = "consent_ended"  # code of a refusal that only a person mends, by giving the permission again
MISSING_SCOPE = "missing_scope"  # code of a refusal that concerns one call, not the login
WEBHOOKS = "rest/webhooks/1.0/webhook"  # admin webhooks are no part of the versioned API


def allowances(method: str, path: str) -> Sequence[Allowance]:
    """The budgets of one request: the method's, and the issue's own for a write."""
    found = [Allowance(f"method:{method}", RATES.get(method, RATES["POST"]))]
    issue = _ISSUE_PATH.search(path)
    if issue and method in ("POST", "PUT", "DELETE"):
        found.append(Allowance(f"issue:{issue.group(1)}", ISSUE_WRITES))
    return found


def idempotent(method: str, path: str) -> bool:
    """May this request be sent again when its answer got lost?"""
    return method in ("GET", "PUT", "DELETE", "HEAD") or (method == "POST" and bool(_REPEATABLE_POST.search(path)))


def explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    """An error answer as (one sentence, code, details). Jira words errors in ``errorMessages`` and, by field, in ``errors``."""
    details: dict[str, Any] = {}
    if reason := answer.headers.get("ratelimit-reason", ""):
        details["rate_limit_reason"] = reason
    if trace := answer.headers.get("atl-traceid") or answer.headers.get("x-arequestid"):
        details["trace"] = trace
    data = answer.json()
    words: list[str] = []
    code = reason
    if isinstance(data, dict):
        messages, errors = data.get("errorMessages"), data.get("errors")
        words += [str(message) for message in messages] if isinstance(messages, list) else []
        if isinstance(errors, dict):
            details["errors"] = {str(name): str(text)[:200] for name, text in errors.items()}
            words += [f"{name}: {text}" for name, text in errors.items()]
        elif isinstance(errors, list):
            words += [str(error.get("message", error) if isinstance(error, dict) else error) for error in errors]
        if isinstance(data.get("error"), str):
            code = code or data["error"]
        words = words or [
            str(data[name]) for name in ("error_description", "errorMessage", "message", "error") if isinstance(data.get(name), str)
        ]
    if answer.status == 429:
        words = words or [f"too many requests{f' ({reason})' if reason else ''}"]
    sentence = "; ".join(word.strip().rstrip(".") for word in words if word.strip())
    return (sentence or "no reason given")[:500], code, details


class _Bearer(AuthBase):
    """Puts the current access token on each request of a session."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


class JiraClient:
    """One site, by path. Not shared between threads.

    ``version`` is the REST version ("3", on Data Center "2"); ``cloud`` tells the two apart; ``site`` is the address people use;
    ``is_app``: it logs in as our Forge app.
    Every call raises a ``HostError`` for all but success.
    """

    def __init__(self, settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float) -> None:
        auth = settings.auth
        self._built_from = settings, budget, allow_private, patience
        self.site = settings.url.rstrip("/")
        self.cloud = not auth.get("bearer_token")
        self.version = "3" if self.cloud else "2"
        self._connection = settings.name
        base, self._token_url = _addresses(self.site, auth.get("cloud_id", ""))
        self.is_app = app_login.is_app(auth)
        if self.is_app:
            base = app_login.address(settings, allow_private=allow_private)
        self._permitted: PermittedToken | None = None
        fetches = auth.get("client_id") and not auth.get("access_token")
        origins = frozenset({origin_of(base), origin_of(self._token_url)} if fetches else {origin_of(base)})
        told = settings.options.get("requests_per_minute")
        self.allowance = Allowance("all", f"{int(told)}/60 second", ranked=True) if isinstance(told, (int, float)) and told >= 1 else None
        ours = (*((self.allowance,) if self.allowance else ()), *((app_login.POINTS,) if self.is_app else ()))
        self.allowance = self.allowance or (app_login.POINTS if self.is_app else None)
        self._budget = budget
        policy = Policy(allowances=lambda method, path: (*allowances(method, path), *ours), explain=explain, idempotent=idempotent)
        self.gateway = Gateway(settings.name, origins, policy, budget, allow_private=allow_private, patience=patience)
        self.gateway.secrets = frozenset(str(auth[name]) for name in _SECRETS if auth.get(name)) | frozenset(
            {settings.app["token"]} if settings.app.get("token") else ()
        )
        self._login_mend = _mend(auth)
        self._session = self._behind_gateway(requests.Session())
        self._oauth: OAuth2Session | None = None
        self._token: Mapping[str, Any] = {}
        self._token_ends = 0.0
        options: dict[str, Any] = {"session": self._session, "backoff_and_retry": False, "retry_with_header": False}
        if auth.get("access_token"):
            self._permitted = PermittedToken(settings, self._hide)
            self._session.auth = _Bearer(self._permitted.current)
            self._api: Jira | JiraCloud = JiraCloud(base, **options)
        elif self.is_app:
            self._session.auth = _Bearer(lambda: app_login.token(settings))
            self._api = JiraCloud(base, **options)
        elif auth.get("client_id"):
            method = "client_secret_post"
            session = OAuth2Session(auth["client_id"], auth["client_secret"], token_endpoint_auth_method=method)  # type: ignore[no-untyped-call]
            self._oauth = self._behind_gateway(session)
            self._session.auth = _Bearer(self._access_token)
            self._api = JiraCloud(base, **options)
        elif self.cloud:
            self._api = JiraCloud(base, username=auth["email"], password=auth["api_token"], **options)
        else:
            self._api = Jira(base, token=auth["bearer_token"], api_version="2", cloud=False, **options)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the access token, empty for logins that do not tell."""
        return tuple(str(self._token.get("scope", "")).split())

    @property
    def by_permission(self) -> bool:
        """Whether the login is a person's permission (OAuth 2.0, 3LO)."""
        return self._permitted is not None

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer of ``GET /rest/api/<version>/<path>``."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Any, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer of a POST."""
        return self._call("POST", path, body, params)

    def put(self, path: str, body: Any, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer of a PUT, None when it is empty."""
        return self._call("PUT", path, body, params)

    def delete(self, path: str, params: Mapping[str, Any] | None = None, body: Any = None) -> None:
        """A DELETE, whose answer is empty."""
        self._call("DELETE", path, body, params)

    def webhooks(self, method: str, ident: str = "", body: Any = None) -> Any:
        """The JSON answer of a call to the admin webhooks, all or one of them."""
        return self._call(method, f"{WEBHOOKS}/{ident}" if ident else WEBHOOKS, body, root=True)

    def sibling(self) -> JiraClient:
        """Another client for the same site, for another thread; it takes over the access token and shares the budget."""
        settings, budget, allow_private, patience = self._built_from
        other = JiraClient(settings, budget=budget, allow_private=allow_private, patience=patience)
        other._token, other._token_ends = self._token, self._token_ends
        if self._permitted is not None:
            other._permitted = self._permitted.for_sibling(other._hide)
            other._session.auth = _Bearer(other._permitted.current)
        return other

    def as_app(self) -> JiraClient:
        """Another client for the same site that logs in as our Forge app; it shares the budget. Raises ``Refused``, see ``app_login``."""
        settings, budget, allow_private, patience = self._built_from
        settings = replace(settings, auth=app_login.login(settings), renew=None)
        return JiraClient(settings, budget=budget, allow_private=allow_private, patience=patience)

    def close(self) -> None:
        """Give back the sockets."""
        self._api.close()
        if self._oauth is not None:
            self._oauth.close()

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None, *, root: bool = False) -> Any:
        full = path if root else f"rest/api/{self.version}/{path}"
        try:
            try:
                return self._send(method, full, body, params)
            except Refused as error:
                if error.status != 401 or error.code == CONSENT_ENDED or _lacks_scope(error) or not self._forget_token():
                    raise
                return self._send(method, full, body, params)  # revoked, or our clock is wrong: one new token, then the refusal counts
        except Refused as error:
            if error.status != 401 or error.code in (CONSENT_ENDED, app_login.APP_SILENT):
                raise
            lacks = _lacks_scope(error)
            mend = f"give it the scope {_scope_for(method, path)}" if lacks else self._login_mend
            code = MISSING_SCOPE if lacks else error.code
            raise Refused(f"{error.message}; {mend}", status=401, code=code, details=error.details) from None

    def _send(self, method: str, path: str, body: Any, params: Mapping[str, Any] | None) -> Any:
        # advanced_mode: the library hands the answer over unread; the gateway has turned every failure into a HostError before
        response = self._api.request(
            method,
            path=path,
            json=body,
            params=dict(params) if params else None,
            advanced_mode=True,
            allow_redirects=False,
        )
        if not response.content:
            return None
        try:
            answer = orjson.loads(response.content)
            if self.is_app and (extra := app_login.points(answer)):
                self._budget.spend(app_login.POINTS, extra)
            return answer
        except orjson.JSONDecodeError as error:
            raise Offline(
                f"{self._connection}: {method} {path} answered {response.status_code} without JSON (a proxy's or login page?)",
                status=response.status_code,
                code="not_json",
            ) from error

    def _access_token(self) -> str:
        """The access token, fetched when there is none or its end is near.

        Reference: https://support.atlassian.com/user-management/docs/create-oauth-2-0-credential-for-service-accounts
        """
        if self._oauth is not None and time.monotonic() >= self._token_ends:
            # An odd answer is the site's fault, a refusal parks the connection like a 401 on any call
            try:
                token = self._oauth.fetch_token(self._token_url, grant_type="client_credentials")  # type: ignore[no-untyped-call]
            except OAuthError as error:
                word = self.gateway.harmless(str(error.error))
                raise Refused(f"{self._connection}: no access token: {word}", status=401, code=word) from None
            except Refused as error:
                raise Refused(
                    f"{self._connection}: no access token: {error.message}", status=401, code=error.code, details=error.details
                ) from None
            except HostError:
                raise
            except ValueError as error:
                raise Offline(f"{self._connection}: the token address answered without JSON", code="not_json") from error
            if not isinstance(token, dict) or not token.get("access_token"):
                raise Offline(f"{self._connection}: the token address answered without a token", code="no_token")
            self._token = token
            lasts = float(token.get("expires_in") or 3600)
            self._token_ends = time.monotonic() + max(lasts - TOKEN_MARGIN, lasts / 2)
        return str(self._token["access_token"])

    def _forget_token(self) -> bool:
        """Use another access token from now on; False for logins that have none of their own."""
        if self._permitted is not None:
            self._permitted.refuse()
            return self._permitted.renewable
        self._token_ends = 0.0
        return self._oauth is not None

    def _hide(self, secrets: frozenset[str]) -> None:
        self.gateway.secrets |= secrets

    def _behind_gateway(self, session: Any) -> Any:
        """``session`` with the gateway as its only way out: no proxies, no .netrc, no redirects."""
        session.trust_env = False
        adapter = RequestsAdapter(self.gateway)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session


def _addresses(site: str, cloud_id: str) -> tuple[str, str]:
    """(base of the REST calls, address of the token endpoint).

    Scoped tokens and service accounts are only accepted at api.atlassian.com. A site outside atlassian.net is a stand-in, which
    answers the same paths at its own address.
    """
    host = urlsplit(site).hostname or ""
    real = host.endswith(".atlassian.net")
    base = f"{CLOUD_API if real else site}/ex/jira/{cloud_id}" if cloud_id else site
    return base, TOKEN_URL if real else f"{site}/oauth/token"


def _mend(auth: Mapping[str, str]) -> str:
    """What to check when Jira does not accept a login, by its kind."""
    if app_login.is_app(auth):
        return app_login.MEND
    if auth.get("access_token"):
        return "give the permission again, for this site and with all its scopes: the connection's page → New credentials"
    if auth.get("client_id"):
        return "check the client id and secret of the service account's credential, and that its cloud id is this site's"
    if auth.get("bearer_token"):
        return "check that the personal access token has not ended or been revoked"
    token = "check the e-mail and that the API token has not ended (after a year at most) or been revoked"  # noqa: S105  # no secret
    if auth.get("cloud_id"):
        return f"{token}; with a cloud id only a token with scopes is accepted"
    return f"{token}; a token with scopes also needs the site's cloud id"


def _lacks_scope(error: Refused) -> bool:
    """True when the login is right and may not do this one thing: Jira answers 401 for that too."""
    return error.status == 401 and "scope" in error.message.casefold().rpartition("answered")[2]


def _scope_for(method: str, path: str) -> str:
    """The classic scope that a call needs. Reference: https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps"""
    if path.startswith(WEBHOOKS):
        return "manage:jira-configuration"
    if path.partition("/")[0] == "webhook":
        return "manage:jira-webhook"
    if path.partition("/")[0] in ("myself", "user", "users"):
        return "read:jira-user"
    reads = method == "GET" or (method == "POST" and _REPEATABLE_POST.search(f"/{path}") and not path.endswith("/remotelink"))
    return "read:jira-work" if reads else "write:jira-work"
