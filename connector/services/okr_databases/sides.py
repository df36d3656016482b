"""The two sides of a row as they were when they last agreed: what the row said and what we said, by field. Kept at the row, as JSON.

Two memories instead of one: a host may round, trim or leave out what it was given, and that is no edit of anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import COLUMNS, DatabaseKind
from connector.domain.row_merge import MISSING, plain, same
from connector.services.mirror import load_value
from connector.store.tables import OkrRow

_HIDDEN = "hidden"  # in ``OkrRow.shown``
_SEEN, _TOLD, _WRITING = "seen", "told", "writing"  # in ``OkrRow.shown``; what people's columns said is ``OkrRow.agreed``


@dataclass
class Sides:
    """What both sides of one row were, to be changed and stored back with ``keep``.

    ``seen``: what the row said · ``told``: what we said · ``writing``: what we were about to write when nobody noted the outcome.
    """

    seen: dict[str, Any]
    told: dict[str, Any]
    writing: dict[str, Any]

    def seen_of(self, field: str) -> Any:
        """What the row last said, ``MISSING`` when that was never noted."""
        return _loaded(self.seen, field)

    def told_of(self, field: str) -> Any:
        """What we last said, ``MISSING`` when that was never noted, or must be said again."""
        return _loaded(self.told, field)

    def note(self, field: str, theirs: FieldValue, ours: FieldValue) -> None:
        """Both sides are as they should be: the row says this, and we say that, or leave it as it is."""
        if not isinstance(theirs, Unknown):
            self.seen[field] = plain(theirs)
        self.told[field] = plain(theirs if isinstance(ours, Unknown) else ours)

    def note_seen(self, field: str, theirs: FieldValue) -> None:
        """The row says this; what we say about it stays as it was."""
        if not isinstance(theirs, Unknown):
            self.seen[field] = plain(theirs)

    def say_again(self, field: str) -> None:
        """What we say must be written, whatever was written before."""
        self.told.pop(field, None)

    def overwrite(self, ours: Mapping[str, FieldValue]) -> None:
        """Where the row says something else than we do now, ours must be written, also over what somebody typed and nobody took over."""
        for field, value in ours.items():
            seen = self.seen_of(field)
            if seen is not MISSING and not same(seen, value):
                self.say_again(field)

    def settle_writing(self, values: Mapping[str, FieldValue]) -> None:
        """A write whose outcome nobody noted may have arrived: what the row says as it would then was said by us."""
        for field, value in self.writing.items():
            theirs = values.get(field, Unknown("not read"))
            if isinstance(theirs, Unknown):
                self.say_again(field)
            elif same(theirs, load_value(value)):
                self.note(field, theirs, load_value(value))
        self.writing = {}

    def to_write(self, ours: Mapping[str, FieldValue], columns: Mapping[str, Any], held: frozenset[str]) -> dict[str, FieldValue]:
        """What has to be written so that the row says what we do. ``held``: fields that hold what somebody is still typing."""
        wanted: dict[str, FieldValue] = {}
        for field, value in ours.items():
            if field not in columns or field in held or isinstance(value, Unknown):
                continue
            told = MISSING if field in self.writing else self.told_of(field)
            if told is MISSING and field not in self.writing and plain(value) is None:
                seen = self.seen_of(field)
                if seen is MISSING or plain(seen) is None:
                    continue
            if told is MISSING or not same(told, value):
                wanted[field] = value
        return wanted


def sides_of(row: OkrRow, kind: DatabaseKind) -> Sides:
    """What is kept at a row."""
    shown = row.shown or {}
    return Sides({**shown.get(_SEEN, {}), **(row.agreed or {})}, dict(shown.get(_TOLD, {})), dict(shown.get(_WRITING, {})))


def keep(row: OkrRow, kind: DatabaseKind, sides: Sides) -> None:
    """Store both sides at the row."""
    human = {each.field for each in COLUMNS[kind] if each.human}
    row.agreed = {field: value for field, value in sides.seen.items() if field in human}
    row.shown = {
        **(row.shown or {}),
        _SEEN: {field: value for field, value in sides.seen.items() if field not in human},
        _TOLD: sides.told,
        _WRITING: sides.writing,
    }


def note_hidden(row: OkrRow, *, hidden: bool) -> None:
    """Note whether a row's record is hidden from its host: what is typed there meanwhile changes nothing, also when it is shown again."""
    row.shown = {name: value for name, value in (row.shown or {}).items() if name != _HIDDEN} | ({_HIDDEN: True} if hidden else {})


def was_hidden(row: OkrRow) -> bool:
    """Whether the record was hidden when the row was dealt with last."""
    return bool((row.shown or {}).get(_HIDDEN))


def _loaded(kept: Mapping[str, Any], field: str) -> Any:
    return load_value(kept[field]) if field in kept else MISSING
