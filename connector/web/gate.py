"""Who looks at a page, and whether they may: a signed-in person, the holder of an API token, or a visitor of the sandbox.

Every blueprint of pages calls ``guard`` once; a view that changes or shows more than reading asks ``need``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.rights import VISITOR, Act, Viewer
from connector.errors import Forbidden
from connector.services.changes import require
from connector.services.sign_in import sessions
from connector.services.tokens import verify
from connector.web.context import runtime

KEY = "key"  # what the cookie calls the key of a browser session
NOT_INSIDE = "this page is not shown inside Jira; open the connector in a tab of its own"
INSIDE = "okr.inside"  # only code of ours can put this into the WSGI environment

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Inside:
    """A page request that a host's frame carries: who asks, and which endpoints may answer ("plan." stands for all of a blueprint).

    ``refused`` is set when another endpoint was asked for.
    """

    viewer: Viewer
    endpoints: tuple[str, ...]
    refused: bool = False

    def may_show(self, endpoint: str) -> bool:
        """Whether this endpoint is one of them."""
        return any(endpoint.startswith(name) if name.endswith(".") else endpoint == name for name in self.endpoints)


def inside() -> Inside | None:
    """The frame that carries this request; None for a request of a browser or program."""
    found = request.environ.get(INSIDE)
    return found if isinstance(found, Inside) else None


def keep_inside() -> None:
    """Before every request: what a frame carries reaches only what is shown there, however its path is written. Raises ``Forbidden``."""
    frame = inside()
    if frame is not None and request.endpoint is not None and not frame.may_show(request.endpoint):
        frame.refused = True
        raise Forbidden(NOT_INSIDE)


def viewer() -> Viewer:
    """Who asks. Only behind ``guard``, where nobody else gets through."""
    found = current_viewer()
    if found is None:
        raise Forbidden("nobody is signed in")
    return found


def current_viewer() -> Viewer | None:
    """Who asks; None for a stranger. Looked up once for each request."""
    if "viewer" not in g:
        g.viewer = _look_up()
    found: Viewer | None = g.viewer
    return found


def _look_up() -> Viewer | None:
    if (frame := inside()) is not None:
        return frame.viewer
    key = session.get(KEY)
    if isinstance(key, str) and (person := sessions.find(runtime(), key)) is not None:
        return person
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return verify(runtime(), token.strip())
    return VISITOR if runtime().settings.sandbox else None


def guard(blueprint: Blueprint) -> None:
    """Let only known viewers reach this blueprint's views; others are sent to the sign-in page."""
    blueprint.before_request(_let_in)


def _let_in() -> AnyResponse | None:
    given = (*request.args.values(), *map(str, (request.view_args or {}).values()))
    if any("\x00" in text for text in given):
        abort(400, "The address holds a sign that text must not hold.")  # Postgres refuses it
    if current_viewer() is not None:
        return None
    address = url_for("sign_in.show", next=safe_path(request.full_path if request.method == "GET" else ""))
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": address})
    if request.method == "GET" and "Authorization" not in request.headers and request.accept_mimetypes.accept_html:
        return redirect(address)
    page = render_template("sign_in_needed.html", given="Authorization" in request.headers, address=address)
    return Response(page, status=401, headers={"WWW-Authenticate": 'Bearer realm="okr-connector"'}, content_type="text/html; charset=utf-8")


def need(act: Act) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for viewers whose role allows ``act``; 403 for others."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            require(viewer(), act)
            return view(*args, **kwargs)

        checked.act = act  # type: ignore[attr-defined]  # the test of rights reads it
        return checked

    return wrap


def safe_path(given: str | None) -> str:
    """A path of our own to go on to; "/" for anything that leads elsewhere (open redirects) or back to the sign-in."""
    if not given or not given.startswith("/") or given.startswith("//") or "\\" in given or any(sign < " " for sign in given):
        return "/"
    parts = urlsplit(given)
    if parts.scheme or parts.netloc or parts.path.startswith("/sign-in"):
        return "/"
    return given.rstrip("?")


def common() -> dict[str, Any]:
    """What every page's template may ask for."""
    found = current_viewer()
    return {"viewer": found, "Act": Act, "sandbox": runtime().settings.sandbox, "framed": inside() is not None}
