"""Lets in what Forge sent and nothing else: the invocation token is checked before a view runs.

401 is said here and nowhere else, and only for a refused token: Forge takes it for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import orjson
from flask import Response, g, request

from connector.errors import Forbidden, InputError
from connector.problems import problem
from connector.services.forge import installations, people, replay
from connector.services.forge.caller import Caller, Invocation
from connector.services.forge.invocation import NotInvoked, verify
from connector.services.forge.keys import KeysUnavailable
from connector.services.remembered import once
from connector.web.context import runtime

STREAM_SECONDS = 2.0  # for which events go on without a look at their installation
MOST_SENT = 600_000  # bytes; Forge lets people send 500 KB
MOST_OF_APP = 1_000_000  # bytes of an event; they are small
DEEPEST = 20  # levels of a body; those of our bundles have four
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # all but tab and the ends of lines

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


def json_body(*, needed: bool = False) -> Mapping[str, Any]:
    """The JSON object that was sent: whole text, no control characters, not deep. Empty for none, unless one is ``needed``.

    Only behind ``for_person``. Raises ``InputError`` when it is no object.
    """
    found = g.forge_body
    if found is None and not needed:
        return {}
    if not isinstance(found, dict):
        raise InputError("the body must be a JSON object")
    return found


def for_app(view: Callable[P, R]) -> Callable[P, R | Response]:
    """A view for events, schedules and lifecycle: a valid token of our app behind which no person stands. Raises ``Forbidden``."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        refused = _let_in_app()
        return view(*args, **kwargs) if refused is None else refused

    return checked


def for_events(view: Callable[P, R]) -> Callable[P, R | Response]:
    """``for_app`` for calls that come in hundreds: what is known of an installation is looked up once in ``STREAM_SECONDS``."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        refused = _let_in_app(stream=True)
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
        g.forge_body = _read_body()
        g.forge_caller = people.caller_of(runtime(), g.forge_invocation)
        g.viewer = g.forge_caller.viewer  # templates and services ask the same question everywhere
        return view(*args, **kwargs)

    return checked


def _read_body() -> Any:
    """What was sent, read once; None for nothing. Raises ``InputError`` for what no bundle of ours sends."""
    if any(_CONTROL.search(text) for text in (request.path, *(each for pair in request.args.items(multi=True) for each in pair))):
        raise InputError("holds a control character", where="address")
    if request.method in SAFE or not (raw := request.get_data()):
        return None
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the body is no JSON that can be read: {error}") from error
    _check(found)
    return found


def _check(whole: Any) -> None:
    """Raises ``InputError`` for what is too deep, and for control characters in texts."""
    waiting = [(whole, 1)]
    while waiting:
        each, depth = waiting.pop()
        if depth > DEEPEST:
            raise InputError(f"the body is nested deeper than {DEEPEST} levels")
        if isinstance(each, dict):
            waiting += [(part, depth + 1) for pair in each.items() for part in pair]
        elif isinstance(each, list):
            waiting += [(part, depth + 1) for part in each]
        elif isinstance(each, str) and _CONTROL.search(each):
            raise InputError("a text in the body holds a control character; take it out")


def _let_in_app(*, stream: bool = False) -> Response | None:
    request.max_content_length = MOST_OF_APP
    return _let_in(bind=False, stream=stream, app_alone=True)


def _let_in(*, bind: bool, stream: bool = False, app_alone: bool = False) -> Response | None:
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
    if app_alone and found.by_person:
        raise Forbidden("this address is for the app's own events and schedules; a person's call is not taken")
    g.forge_invocation = found
    if stream:
        key = (found.installation, found.cloud_id, found.api_base_url, found.app_version, found.environment)
        g.forge_installation = once(runtime(), "forge-streams", key, STREAM_SECONDS, lambda: installations.note(runtime(), found))
    else:
        g.forge_installation = installations.note(runtime(), found)
    return None
