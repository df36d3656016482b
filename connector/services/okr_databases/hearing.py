"""What events told of a row since it was read last, as it is kept at the row: who edited it, when, whether its button was pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.hosts.base import Event
from connector.hosts.okr_databases import Row

BOT = "bot:"  # before an account in ``Event.author``: nobody but a robot edited
_MOST = 8  # authors that are remembered


@dataclass(frozen=True, slots=True)
class Heard:
    """Who edited a row, as far as anybody knows. ``account`` is "" where nobody does; ``at`` is None then too.

    ``exact``: the moment is that of an event; else the host may have rounded it down to the minute. ``presser``: who pressed the button.
    """

    account: str = ""
    at: datetime | None = None
    exact: bool = False
    pressed: bool = False
    presser: str = ""


def with_event(heard: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """What was heard, and this event."""
    found = dict(heard or {})
    authors = [each for each in found.get("authors", ()) if each != event.author]
    if event.pressed:
        found["pressed"], found["presser"] = True, event.author or found.get("presser", "")
    elif event.author:
        authors.append(event.author)
    found["authors"] = authors[-_MOST:]
    if event.at is not None:
        before = datetime.fromisoformat(found["at"]) if found.get("at") else event.at
        found["at"] = max(before, event.at).isoformat()
    return found


def heard_of(heard: Mapping[str, Any], row: Row, bot: str) -> Heard:
    """Who edited a row that was just read: whom events named, else whom the row itself names. Our own robot is nobody.

    Of several authors it is the one whom the row names as its last editor, else whoever was heard of last.
    """
    people = [each for each in heard.get("authors", ()) if each and not each.startswith(BOT)]
    robots = [each.removeprefix(BOT) for each in heard.get("authors", ()) if each.startswith(BOT)]
    editor = "" if row.edited_by == bot else row.edited_by
    named = people or [each for each in robots if each != bot]
    account = editor if editor in named or not named else named[-1]
    told = heard.get("at")
    at = datetime.fromisoformat(told) if told else row.edited_at
    presser = str(heard.get("presser", ""))
    return Heard(account, at, bool(told), bool(heard.get("pressed")), "" if presser.startswith(BOT) else presser)
