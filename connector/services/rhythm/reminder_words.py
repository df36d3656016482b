"""What a reminder says: the number and its date, never the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from connector.domain.wording import day_text, local_day_text
from connector.services.rhythm.people_asked import Asked

MOST = 20  # key results that one digest names


@dataclass(frozen=True, slots=True)
class Entry:
    """What one person is to be reminded of: a key result, its lock, the step."""

    asked: Asked
    lock_at: datetime
    starts_at: datetime
    step: str
    due: bool  # its time is now; else it is taken along


@dataclass(frozen=True, slots=True)
class Digest:
    """Subject, lines and a path."""

    subject: str
    lines: list[str]
    link: str


def words_for(entries: Sequence[Entry], person_zone: str, base: str, now: datetime, default: tzinfo) -> Digest:
    """The digest of some entries, in the order given. ``person_zone``: times of other zones are said with their zone."""
    ours = person_zone or str(default)
    first = entries[0]
    number = f"{len(entries)} updates are open" if len(entries) > 1 else f"Update open: {first.asked.title}"
    locked = all(each.lock_at <= now for each in entries)
    when = _moment(first, ours, now)
    subject = f"{number}; locked {when}" if locked else f"{number}; lock {when}"
    lines = [_line(each, ours, base, now) for each in entries[:MOST]]
    if len(entries) > MOST:
        lines.append(f"And {len(entries) - MOST} more.")
    if locked:
        lines.append("An update now is stored as late: it counts for the next review.")
    link = f"/key-results/{first.asked.id}/check-in" if len(entries) == 1 else "/"
    return Digest(subject, lines, link)


def _line(entry: Entry, ours: str, base: str, now: datetime) -> str:
    asked = entry.asked
    last = f"last check-in {local_day_text(asked.last, asked.zone)}" if asked.last else "no check-in yet"
    where = f", {asked.forum_name}" if asked.forum_name else ""
    about = f"{asked.title}: {last}. Lock {_moment(entry, ours, now)}{where}."
    if asked.is_away and asked.away_until is not None:
        about += f" Its owner is away until {day_text(asked.away_until)}: who updates it?"
    elif asked.owner is None:
        about += " It has no owner who is here."
    return f"{about} {base}/key-results/{asked.id}/check-in"


def _moment(entry: Entry, ours: str, now: datetime) -> str:
    zone = entry.asked.zone
    local, today = entry.lock_at.astimezone(zone), now.astimezone(zone).date()
    day = {0: "today", 1: "tomorrow"}.get((local.date() - today).days, f"{local:%a} {day_text(local.date())}")
    return f"{day} {local:%H:%M}" + (f" ({zone})" if str(zone) != ours else "")
