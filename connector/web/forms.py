"""Forms: what was typed, what is wrong with which field, and both versions when somebody else saved first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from connector.errors import Faults, InputError
from connector.services.changes import Stale

LONGEST_FIELD = 20_000  # characters


@dataclass
class Form:
    """What a form shows. ``values`` are texts by field, ``errors`` one sentence by field ("" for the whole form).

    ``version`` goes out as a hidden field and comes back: the thing as it was when the form was made.
    """

    values: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)  # fields that may stand several times
    errors: dict[str, str] = field(default_factory=dict)
    version: str = ""
    stale: Stale | None = None

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def many(self, name: str) -> list[str]:
        """All values of a field that may stand several times."""
        return self.lists.get(name, [])

    def note(self, error: InputError) -> None:
        """Put each of the error's messages at its field; fields that the form has not are told above it."""
        for each in error.errors if isinstance(error, Faults) else (error,):
            self.errors.setdefault(each.where, each.message)

    def conflict(self, stale: Stale) -> None:
        """Somebody saved first: show both, and let the next save replace what is there now."""
        self.stale, self.version = stale, stale.version

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows the form."""
        if self.stale is not None:
            return 409
        return 422 if self.errors else 200


def submitted() -> Form:
    """The form as it was sent; raises ``InputError`` for a field beyond all measure."""
    values = {name: texts[-1] for name, texts in request.form.lists()}
    for name, text in values.items():
        if len(text) > LONGEST_FIELD:
            raise InputError(f"is longer than {LONGEST_FIELD} characters", where=name)
        if "\x00" in text:
            raise InputError("holds a sign that text must not hold", where=name)
    lists = {name: list(texts) for name, texts in request.form.lists()}
    return Form(values, lists, version=values.get("version", ""))


def filled(values: Mapping[str, Any], version: str = "") -> Form:
    """A form that shows what is stored."""
    texts = {name: "" if value is None else str(value) for name, value in values.items() if not isinstance(value, list | tuple)}
    lists = {name: [str(each) for each in value] for name, value in values.items() if isinstance(value, list | tuple)}
    return Form(texts, lists, version=version)
