"""What events told of a row since it was read last, as it is kept at the row: who edited what, when, whether its button was pressed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from connector.hosts.base import Event
from connector.hosts.okr_databases import Row

BOT = "bot:"  # before an account in ``Event.author``: nobody but a robot edited
NOBODY = ""  # the account of somebody whom nobody named
_ANY = ""  # in ``fields`` of what was heard: events that did not tell which columns
_MOST = 16  # authors that are remembered


@dataclass(frozen=True, slots=True)
class News:
    """What events told of one column: who edited it, the latest last, and when that was; None where they did not say."""

    authors: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Who edited a row, as far as anybody knows. ``account`` is "" where nobody does; ``presser``: who pressed the button.

    ``authors``: all of whom events told, the latest last · ``editor``: whom the row names as its last editor, "" for our own robot ·
    ``edited_at``: when that was, perhaps rounded down to the minute · ``latest``: the moment of the latest event, else that · ``fields``:
    by field, what events told of it; "" for those that did not say which columns changed.
    """

    account: str = NOBODY
    pressed: bool = False
    presser: str = NOBODY
    authors: tuple[str, ...] = ()
    editor: str = NOBODY
    edited_at: datetime | None = None
    latest: datetime | None = None
    fields: Mapping[str, News] = field(default_factory=dict)

    def candidates(self, name: str) -> tuple[str, ...]:
        """Everybody who may have made the change of a field that was read, the likeliest last. "" among them: somebody unknown.

        Where no event told of the field, it may be anybody who was heard of, and whom the row names as its last editor: the event that
        tells is still under way, or lost.
        """
        if news := self.fields.get(name, News()).authors:
            return news
        found = [each for each in self.authors if each != self.editor] + ([self.editor] if self.editor else [])
        if not self.editor and self.authors and _ANY not in self.fields:
            found.insert(0, NOBODY)  # events told of other columns only, and our robot hides who edited last
        return tuple(found) or (NOBODY,)

    def author(self, name: str) -> str:
        """The one whose words a field's are: the latest of whom events told for it, else whoever edited the row last."""
        news = self.fields.get(name, News()).authors
        return news[-1] if news else (self.editor or self.account)

    def moment(self, name: str) -> tuple[datetime | None, bool]:
        """When a field was edited, and whether a host told that exactly; else it may be rounded down to the minute."""
        for told in (self.fields.get(name), self.fields.get(_ANY)):
            if told is not None and told.at is not None:
                return told.at, True
        return self.edited_at, False


def with_event(heard: Mapping[str, Any], event: Event, columns: Mapping[str, Any]) -> dict[str, Any]:
    """What was heard, and this event. ``columns``: those of the row's database, as ``OkrDatabase.columns``."""
    found = dict(heard or {})
    new = event.authors or ((event.author,) if event.author else ())
    if event.pressed:
        found["pressed"], found["presser"] = True, event.author or found.get("presser", NOBODY)
        found.setdefault("authors", [])
        return found
    fields = dict(found.get("fields") or {})
    for name in _named(columns, event.fields) if event.fields else [_ANY]:
        before = fields.get(name) or {}
        fields[name] = {"authors": _added(before.get("authors", ()), new)} | _latest(before.get("at"), event.at)
    found["authors"] = _added(found.get("authors", ()), new)
    if fields:
        found["fields"] = fields
    return found | _latest(found.get("at"), event.at)


def heard_of(heard: Mapping[str, Any], row: Row, bot: str) -> Heard:
    """Who edited a row that was just read: whom events named, else whom the row itself names. Our own robot is nobody.

    Of several authors it is the one whom the row names as its last editor, else whoever was heard of last.
    """
    named = _people(heard.get("authors", ()), bot)
    editor = NOBODY if row.edited_by == bot else row.edited_by
    account = editor if editor in named or not named else named[-1]
    fields = {
        name: News(_people(each.get("authors", ()), bot), datetime.fromisoformat(each["at"]) if each.get("at") else None)
        for name, each in (heard.get("fields") or {}).items()
    }
    latest = datetime.fromisoformat(heard["at"]) if heard.get("at") else row.edited_at
    presser = str(heard.get("presser", NOBODY))
    presser = NOBODY if presser.startswith(BOT) else presser
    return Heard(account, bool(heard.get("pressed")), presser, named, editor, row.edited_at, latest, fields)


def _named(columns: Mapping[str, Any], ids: Collection[str]) -> list[str]:
    """Our fields of these columns; a host may write an id with signs of addresses in one place and without in another."""
    return [name for name, each in columns.items() if {str(each.get("id", "")), unquote(str(each.get("id", "")))} & set(ids)]


def _added(before: Iterable[str], new: Collection[str]) -> list[str]:
    return [*(each for each in before if each not in new), *new][-_MOST:]


def _latest(before: str | None, at: datetime | None) -> dict[str, str]:
    if at is None:
        return {"at": before} if before else {}
    return {"at": max(datetime.fromisoformat(before), at).isoformat() if before else at.isoformat()}


def _people(authors: Iterable[str], bot: str) -> tuple[str, ...]:
    """The accounts of people and of others' robots, robots first: where a person took part, it is the person whose words are taken."""
    told = [each for each in authors if each]
    robots = [each.removeprefix(BOT) for each in told if each.startswith(BOT)]
    return tuple(each for each in (*robots, *(each for each in told if not each.startswith(BOT))) if each != bot)
