"""Lets in what Forge sent and nothing else: the invocation token is checked before a view runs.

401 is said here and nowhere else, and only for a refused token: Forge takes it for that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Response, g, request

from connector.problems import problem
from connector.services.forge import installations, people, replay
from connector.services.forge.caller import Caller, Invocation
from connector.services.forge.invocation import NotInvoked, verify
from connector.services.forge.keys import KeysUnavailable
from connector.services.remembered import once
from connector.web.context import runtime

STREAM_SECONDS = 2.0  # for which events go on without a look at their installation
MOST_SENT = 600_000  # bytes; Forge lets people send 500 KB
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

P = ParamSpec("P")
R = TypeVar("R")


def invocation() -> Invocation:
    """What the token of this request says. Only behind ``for_app`` or ``for_person``."""
    found: Invocation = g.forge_invocation
    return found


def caller() -> Caller:
    """The person who looks at a module. Only behind ``for_person``."""
    found: Caller = g.forge_caller
    return found


def for_app(view: Callable[P, R]) -> Callable[P, R | Response]:
    """A view for events, schedules and lifecycle: any valid token of our app."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        refused = _let_in(bind=False)
        return view(*args, **kwargs) if refused is None else refused

    return checked


def for_events(view: Callable[P, R]) -> Callable[P, R | Response]:
    """``for_app`` for calls that come in hundreds: what is known of an installation is looked up once in ``STREAM_SECONDS``."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        refused = _let_in(bind=False, stream=True)
        return view(*args, **kwargs) if refused is None else refused

    return checked


def for_person(view: Callable[P, R]) -> Callable[P, R | Response]:
    """A view for people who look at a module of an accepted installation. Raises ``Forbidden`` for others."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        request.max_content_length = MOST_SENT
        refused = _let_in(bind=request.method not in SAFE)
        if refused is not None:
            return refused
        g.forge_caller = people.caller_of(runtime(), g.forge_invocation)
        g.viewer = g.forge_caller.viewer  # templates and services ask the same question everywhere
        return view(*args, **kwargs)

    return checked


def _let_in(*, bind: bool, stream: bool = False) -> Response | None:
    """Check the token and make the installation known; an answer when the call ends here. ``bind``: the token may change one thing only."""
    try:
        found = verify(runtime(), dict(request.headers.items()))
        if bind:
            replay.bind(runtime(), found, request.method, request.full_path, request.get_data())
    except NotInvoked as error:
        return problem(401, str(error))
    except KeysUnavailable:
        return problem(
            503, "Atlassian's keys cannot be read now, so the call cannot be checked. Try again shortly.", headers={"Retry-After": "5"}
        )
    g.forge_invocation = found
    if stream:
        key = (found.installation, found.cloud_id, found.api_base_url, found.app_version, found.environment)
        g.forge_installation = once(runtime(), "forge-streams", key, STREAM_SECONDS, lambda: installations.note(runtime(), found))
    else:
        g.forge_installation = installations.note(runtime(), found)
    return None
