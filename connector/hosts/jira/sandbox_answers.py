"""What the stand-in answers: a success or a refusal in Jira's shape. It knows no path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Params = Mapping[str, str]


class RefusalError(Exception):
    """An answer of 400 and above, in Jira's error shape."""

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"errorMessages": [message] if message else [], "errors": dict(errors or {})}


@dataclass(frozen=True, slots=True)
class Answered:
    """A successful answer; ``wrote`` when it changed something."""

    status: int
    body: Any = None
    wrote: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def object_of(body: Any, allowed: set[str]) -> dict[str, Any]:
    """A request's body as an object that holds no other keys than ``allowed``. Raises ``RefusalError``."""
    if not isinstance(body, dict):
        raise RefusalError(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    if unknown := set(body) - allowed:
        raise RefusalError(400, f"Unrecognized field {sorted(unknown)[0]!r}")
    return body
