"""What the endpoints of cycles, teams and forums share: a thing that people name is made, changed against its version, and retired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector.api.routing import Answer, Call

Shown = Callable[[Any], dict[str, Any]]  # how a saved thing is told


def said(body: Any) -> dict[str, Any]:
    """What the body says; what it leaves out is not there."""
    given: dict[str, Any] = body.model_dump(exclude_unset=True)
    return given


def create(call: Call, service: Any, shown: Shown) -> Answer:
    """Make what the body says."""
    return Answer(shown(service.create(call.runtime, call.viewer, said(call.body))), 201)


def change(call: Call, service: Any, shown: Shown, name: str) -> Answer:
    """Change what the body says, when it is still the version that the body names."""
    given = said(call.body)
    version, reason = given.pop("version", None), given.pop("reason", None)
    return Answer(shown(service.update(call.runtime, call.viewer, name, given, version=version, reason=reason)))


def retire(call: Call, service: Any, name: str) -> Answer:
    """Retire it."""
    service.retire(call.runtime, call.viewer, name, version=call.query.version, reason=call.query.reason)
    return Answer({"name": name})
