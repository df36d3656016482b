"""Lets in what Forge sent and nothing else: the invocation token is checked before a view runs.

401 is said here and nowhere else, and only for a refused token: Forge takes it for that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Response, g, request

from connector.problems import problem
from connector.services.forge import people
from connector.services.forge.caller import Caller, Invocation
from connector.services.forge.invocation import NotInvoked, verify
from connector.web.context import runtime

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
        try:
            g.forge_invocation = verify(runtime(), dict(request.headers.items()))
        except NotInvoked as error:
            return problem(401, str(error))
        return view(*args, **kwargs)

    return checked


def for_person(view: Callable[P, R]) -> Callable[P, R | Response]:
    """A view for people who look at a module of an accepted installation. Raises ``Forbidden`` for others."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        g.forge_caller = people.caller_of(runtime(), g.forge_invocation)
        g.viewer = g.forge_caller.viewer  # templates and services ask the same question everywhere
        return view(*args, **kwargs)

    return for_app(checked)
