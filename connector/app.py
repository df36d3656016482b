"""The Flask application: blueprints, error pages, response headers. It computes nothing and reads no table itself.

``create_app`` is called once per web process; the runtime it is given belongs to that process.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import os
import re
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect
from markupsafe import escape
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from connector.errors import Conflict, ConnectorError, Forbidden, InputError, NotFound, StoreUnavailable
from connector.problems import problem
from connector.runtime import Runtime
from connector.services.sign_in import sessions
from connector.web import limits
from connector.web.gate import KEY, common, inside, keep_inside
from connector.web.navigation import entries, landing
from webhooks.views import make_blueprint

log = structlog.get_logger(__name__)

# Each module has a Flask blueprint in its attribute ``blueprint``.
PARTS = (
    "connector.views.health",
    "connector.api",
    "connector.views.sign_in",
    "connector.views",
    "connector.views.triage",
    "connector.views.reviews",
    "connector.views.reports",
    "connector.views.plan",
    "mappings.views",
    "connector.views.connections",
    "connector.views.exchange",
    "connector.views.people",
    "connector.views.audit",
    "connector.views.forge",
    "connector.views.embed",
)
OWN_GUARD = frozenset(
    {"api", "webhooks", "health", "sandbox", "forge"}
)  # no cookie speaks for their callers, or they look at the origin themselves

MACHINE_PATHS = ("/api/", "/webhooks/", "/forge/")
OPEN_BY_ADDRESS = "/embed/"  # the address is the whole right to read: it stays out of logs
WITHOUT_COOKIES = (*MACHINE_PATHS, OPEN_BY_ADDRESS)
MAX_BODY = 16 * 1024 * 1024  # bytes, everywhere but at the door, which has its own limit
RETRY_AFTER = "10"  # seconds

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# The most special kind first. InputError is 400: what was sent cannot be used; a part may answer 422 itself.
_STATUS: tuple[tuple[type[ConnectorError], int], ...] = (
    (InputError, 400),
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (StoreUnavailable, 503),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class PageSessions(SecureCookieSessionInterface):
    """Signed cookie sessions for pages. Machines' requests get none: reading a cookie there would be work for nothing.

    Nor does our live page in somebody's frame: it shows the same to all.
    """

    def open_session(self, app: Flask, request: Request) -> Any:
        """The session of a page request."""
        if request.path.startswith(WITHOUT_COOKIES):
            return self.make_null_session(app)
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie when a page changed its session. One that a frame carries off never signs anybody in."""
        if inside() is not None:
            session.pop(KEY, None)
        if not self.is_null_session(session):
            super().save_session(app, session, response)


class _Application(Flask):
    """Flask, but that its log never tells the address of our live page in a frame: who has that may read the page."""

    def log_exception(self, exc_info: Any) -> None:
        """One line with the traceback."""
        self.logger.error("Exception on %s [%s]", told_path(), request.method, exc_info=exc_info)


def told_path() -> str:
    """The path of the request as logs may tell it."""
    if request.path.startswith(OPEN_BY_ADDRESS):
        return request.url_rule.rule if request.url_rule is not None else OPEN_BY_ADDRESS
    return request.path


class RowNumber(IntegerConverter):
    """A row's number in an address; one that no database could hold is no address of ours."""

    def __init__(self, map: Any, **options: Any) -> None:
        super().__init__(map, max=2**31 - 1, **options)


def create_app(runtime: Runtime) -> Flask:
    """The application of one web process. Opens nothing: the first request that needs the database connects to it."""
    app = _Application(__name__)  # its templates and static files lie beside this module
    app.url_map.converters["int"] = RowNumber
    _configure(app, runtime)
    app.before_request(keep_inside)  # before anything else looks at the request
    app.extensions["runtime"] = runtime
    registry = app.extensions["prometheus"] = CollectorRegistry()
    app.register_blueprint(make_blueprint(runtime, registry))
    for name in PARTS:
        app.register_blueprint(importlib.import_module(name).blueprint)
    app.context_processor(common)
    app.jinja_env.globals["entries"] = entries
    app.jinja_env.globals["landing"] = landing
    limits.install(app, runtime.redis_url)
    if runtime.settings.sandbox:
        install = getattr(importlib.import_module("connector.sandbox"), "install", None)
        if install is not None:
            install(app, runtime)
    untyped: Any = CSRFProtect  # the library has no types
    protection = untyped(app)
    for name in OWN_GUARD & set(app.blueprints):
        protection.exempt(app.blueprints[name])
    if runtime.settings.trusted_proxies:
        count = runtime.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]  # the documented way
    app.before_request(_name_request)
    app.after_request(_headers_for(runtime.settings.public_url.startswith("https://")))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ConnectorError, _connector_error)
    return app


def _configure(app: Flask, runtime: Runtime) -> None:
    keys = [_session_key(key) for key in runtime.settings.resolved_secret_key().split()]
    secure = runtime.settings.public_url.startswith("https://")
    app.config.update(
        SECRET_KEY=keys[0],
        SECRET_KEY_FALLBACKS=keys[1:],
        SESSION_COOKIE_NAME="okr_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=sessions.LASTS,
        PREFERRED_URL_SCHEME="https" if secure else "http",
        MAX_CONTENT_LENGTH=MAX_BODY,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form left open over lunch must not lose what was typed
        WTF_CSRF_SSL_STRICT=False,  # Referrer-Policy and the token itself do that
    )
    app.session_interface = PageSessions()
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; the contract's field order is meant


def _session_key(secret_key: str) -> str:
    """A key for cookies alone, so that neither use of the secret key weakens the other."""
    return hmac.new(secret_key.encode(), b"okr-connector session 1", hashlib.sha256).hexdigest()


def is_machine(path: str) -> bool:
    """True for paths whose callers are programs: their errors are problem details."""
    return path.startswith(MACHINE_PATHS) or path in ("/health", "/ready", "/metrics")


def _name_request() -> None:
    """Give the request an id that log lines and error answers share; one from a proxy before us is kept."""
    if request.path.startswith("/webhooks/"):
        return  # the delivery's own key is what its log lines and its row share
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()


def _headers_for(secure: bool) -> Any:
    headers = dict(_HEADERS)
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"

    def add(response: Response) -> Response:
        if request.path.startswith("/webhooks/"):
            return response  # the door sets its few headers itself
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if "request_id" in g:
            response.headers["X-Request-Id"] = g.request_id
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return add


def _http_error(error: HTTPException) -> Response | HTTPException:
    if error.response is not None:
        return error  # somebody made the whole answer already
    status = error.code or 500
    if status < 400:
        return error  # redirects by routing
    if isinstance(error, InternalServerError):
        # Flask has logged the traceback; the answer names only the request, so that a person can find it in the log.
        return _answer(500, "Something went wrong on our side. The log has the details under this request's id.")
    headers = {name: value for name, value in error.get_headers() if name.lower() in ("allow", "retry-after", "www-authenticate")}
    return _answer(status, error.description or "", headers)


def _connector_error(error: ConnectorError) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 502)
    if status == 503:
        log.warning("store_unavailable", path=told_path(), error=str(error))
        return _answer(status, "The database does not answer now. Try again shortly.", {"Retry-After": RETRY_AFTER})
    return _answer(status, str(error))


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    identity = g.get("request_id", "")
    if is_machine(request.path):
        return problem(status, detail, headers=headers, **({"request_id": identity} if identity else {}))
    phrase = HTTPStatus(status).phrase
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(phrase)} · okr-connector</title><link rel="stylesheet" href="/static/tokens.css">'
        f'<link rel="stylesheet" href="/static/app.css"></head><body><main>'
        f'<h1>{escape(phrase)}</h1><p class="problem plain">{escape(detail)}</p>'
        + (f"<p>Request {escape(identity)}</p>" if status >= 500 and identity else "")
        + '<p><a href="/">Back to the overview</a></p></main></body></html>'
    )
    return Response(page, status=status, headers=headers or {}, content_type="text/html; charset=utf-8")
