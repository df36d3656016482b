"""Forms: what was typed, what is wrong with which field, and both versions when somebody else saved first."""

from __future__ import annotations

import json
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
    shown: dict[str, str] = field(default_factory=dict)  # the fields as the form showed them before anybody typed

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
        """Somebody saved first: show both, and let the next save replace what is there now.

        A field that was left as the form showed it takes what is saved now, so that nobody undoes what they never touched.
        """
        self.stale, self.version = stale, stale.version
        for name, shown in self.shown.items():
            theirs = stale.theirs.get(name)
            if name in stale.theirs and self.values.get(name, "") == shown and not isinstance(theirs, list | dict):
                self.values[name] = plain(theirs)
        self.shown = {name: plain(value) for name, value in stale.theirs.items() if not isinstance(value, list | dict)}

    @property
    def memory(self) -> str:
        """What a form carries along to know later which of its fields were touched."""
        return json.dumps(self.shown or self.values, separators=(",", ":"), sort_keys=True)

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
        if len(text) > LONGEST_FIELD and name != "shown":
            raise InputError(f"is longer than {LONGEST_FIELD} characters", where=name)
        if "\x00" in text:
            raise InputError("holds a sign that text must not hold", where=name)
    lists = {name: list(texts) for name, texts in request.form.lists()}
    return Form(values, lists, version=values.get("version", ""), shown=_remembered(values.pop("shown", "")))


def _remembered(text: str) -> dict[str, str]:
    """What ``memory`` gave; nothing when somebody changed it into what it never is."""
    try:
        found = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def plain(value: Any) -> str:
    """A value of a view as a form's field holds it."""
    match value:
        case None | False:
            return ""
        case True:
            return "1"
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)


def filled(values: Mapping[str, Any], version: str = "") -> Form:
    """A form that shows what is stored."""
    texts = {name: "" if value is None else str(value) for name, value in values.items() if not isinstance(value, list | tuple)}
    lists = {name: [str(each) for each in value] for name, value in values.items() if isinstance(value, list | tuple)}
    return Form(texts, lists, version=version)
