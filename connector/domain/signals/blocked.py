"""What holds work up (S3): which words say so, since when it counts, how much of what is left it holds, and when it is worth saying.

Pure. A host tells flags, statuses and links; an item that is done holds nobody up, and what nobody knows is not held against anybody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from connector.domain.rhythm import after_working_days
from connector.domain.signals import Seen
from connector.domain.wording import local_day_text, percent_text, with_capital

KIND = "blocker_detected"
DECLARED, DETECTED = "declared", "detected"  # by whom a blocker was told: an update, the work
OWNER, UPDATE, SEEN, DISMISSED = "owner", "update", "seen", "dismissed"  # by what one ended
AFTER = 2
"""Working days that something must stand before it is called a blocker."""
TOLD = 3
"""Working days after which somebody beside the owner hears of it."""
LARGE = 0.2
"""Share of what is left from which blocked work is called a blocker."""

# "Blocked", "Blockiert", "Bloqué", "Bloqueado", "Bloccato", "Geblokkeerd", "Impediment", "Заблокировано", "ブロック中"
_HELD = re.compile(r"blo[ckq]|imped|блок|ブロック|阻", re.IGNORECASE)
_NOT_HELD = re.compile(r"\b(?:un|de|ent)-?blo|\b(?:not|non|no|never|nicht|keine?|pas|geen)\b", re.IGNORECASE)
_YES = frozenset({"yes", "true", "ja", "oui", "sí", "si", "sim", "sì"})


def says_blocked(name: str | None) -> bool:
    """Whether a name says that nothing moves: a status "Blocked", a property "Is blocked"; not "Unblocked", nor "Blocks"."""
    text = (name or "").strip()
    return bool(_HELD.search(text)) and not _NOT_HELD.search(text) and text.casefold() not in ("blocks", "blocking", "blocker of")


def says_blocked_by(words: str | None) -> bool:
    """Whether the name of a link, as its holder reads it, says that they wait for the other side: "is blocked by", "blockiert durch".

    One word alone ("blocks", "bloque") says the opposite, and so does "is blocking".
    """
    text = (words or "").strip().casefold()
    return len(text.split()) > 1 and says_blocked(text) and not {"blocks", "blocking"} & set(text.split())


def says_yes(option: str | None) -> bool:
    """Whether the option chosen in a property about being blocked means that it is."""
    return (option or "").strip().casefold() in _YES or says_blocked(option)


def is_held(blocked: Mapping[str, Any] | None) -> bool:
    """Whether a stored ``Item.blocked`` says that something known holds the item up."""
    if not blocked:
        return False
    return bool(blocked.get("flag") or blocked.get("status")) or any(link.get("done") is False for link in blocked.get("links") or ())


@dataclass(frozen=True, slots=True)
class Work:
    """An open item that feeds a key result. ``since``: what holds it up is known to stand since then, None when nothing does.

    ``epic``: the mapped epic above it, "" for none. ``blocked``: the stored ``Item.blocked``.
    """

    place: str  # connection and ref: what it is known by
    name: str  # "HARB-151 Template picker hides Send"
    points: float | None = None
    epic: str = ""
    since: datetime | None = None
    blocked: Mapping[str, Any] | None = None


def stands_long_enough(since: datetime, now: datetime, zone: tzinfo, holidays: Collection[date] = frozenset()) -> bool:
    """Whether it has stood for more than ``AFTER`` working days."""
    return now >= after_working_days(since, AFTER, zone, holidays)


def share_held(open_work: Sequence[Work], held: Collection[str]) -> float | None:
    """β: points of held work over points of all open work; items where there are no points; None without open work."""
    if not open_work:
        return None
    known = [each for each in open_work if each.points is not None]
    whole = sum(each.points or 0.0 for each in known)
    if whole > 0:
        return sum(each.points or 0.0 for each in known if each.place in held) / whole
    return sum(each.place in held for each in open_work) / len(open_work)


def is_worth_saying(open_work: Sequence[Work], held: Collection[str], share: float | None) -> bool:
    """Whether enough of what is left waits, or the last open epic has something that waits."""
    if share is not None and share >= LARGE - 1e-9:
        return True
    epics = {each.epic for each in open_work if each.epic}
    return len(epics) == 1 and any(each.place in held and each.epic for each in open_work)


def why(blocked: Mapping[str, Any] | None) -> str:
    """What holds an item up, in a few words: "flagged", "status “Blocked”", "waits for HARB-99"."""
    if not blocked:
        return "what it belongs to is held up"
    parts = ["flagged"] if blocked.get("flag") else []
    if blocked.get("status"):
        parts.append(f"status “{blocked['status']}”")
    waits = [str(link.get("key") or "") for link in blocked.get("links") or () if link.get("done") is False]
    named = [key for key in waits if key]
    if waits:
        others = len(waits) - len(named[:2])
        more = f"{others} other {'item' if others == 1 else 'items'}" if others else ""
        parts.append("waits for " + " and ".join(filter(None, (", ".join(named[:2]), more))))
    return ", ".join(parts)


def sentence(held: Sequence[Work]) -> str:
    """What is said of them, the longest held first: "HARB-151 Template picker hides Send: flagged (and 2 more)"."""
    first = held[0]
    more = f" (and {len(held) - 1} more)" if len(held) > 1 else ""
    return f"{first.name}: {why(first.blocked)}{more}"


def seen(subject: str, text: str, since: datetime, share: float | None, zone: tzinfo) -> Seen:
    """The signal of a blocker that was seen and that nobody has confirmed."""
    part = f"; {percent_text(share)} of what is left waits" if share is not None else ""
    words = f"{text.rstrip('.')}, since {local_day_text(since, zone)}{part}. Is it in the way?"
    return Seen(KIND, subject, with_capital(words), {"since": since.isoformat(), "share": share})
