"""What an update costs and what the form could do without (S12, R117). Pure; knows openings of forms, and nobody who opened them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

SLOW = 120  # seconds: a median above asks for a shorter form
ABANDONED = 0.15
SAME_TRY = timedelta(minutes=30)  # a form that is opened again so soon is the same try: a page that was loaded twice
UNFINISHED = timedelta(hours=1)  # a form that was opened so lately may still be saved
LEAST = 10  # tries and updates; fewer are shown, and nothing is proposed from them
LONGEST = timedelta(hours=4)  # a form that lay open over lunch says nothing about filling it in
RARELY = 0.10
OPTIONAL = {"comment": "Comment", "doubt": "Doubt", "delayed": "The number is delayed"}
"""What the form can do without, and what it is called there; the six fields of an update and its day are none of it."""
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening of a form. ``saved_at`` None: it was left; ``about``: the key result and place."""

    about: str
    opened_at: datetime
    saved_at: datetime | None = None
    clicks: int | None = None
    offered: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What updates cost. None: not known. ``tries``: that are old enough to tell; ``waiting``: that are not."""

    tries: int = 0
    saved: int = 0
    waiting: int = 0
    p50: float | None = None  # seconds
    p90: float | None = None
    clicks: float | None = None
    abandoned: float | None = None
    kept: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Updates of two cadences, and in how many of them each optional field was used."""

    updates: int
    used: Mapping[str, int] = field(default_factory=dict)


def cost(openings: Sequence[Opened], now: datetime) -> Cost:
    """Times, clicks, forms that were left, prefilled entries that were kept."""
    tries = _tries(openings)
    told = [each for each in tries if each.saved_at is not None or now - each.opened_at > UNFINISHED]
    saved = [each for each in told if each.saved_at is not None]
    seconds = sorted(
        took.total_seconds() for each in saved if each.saved_at and timedelta() <= (took := each.saved_at - each.opened_at) <= LONGEST
    )
    clicks = [each.clicks for each in saved if each.clicks is not None]
    offered = sum(each.offered for each in saved)
    return Cost(
        tries=len(told),
        saved=len(saved),
        waiting=len(tries) - len(told),
        p50=quantile(seconds, 0.5),
        p90=quantile(seconds, 0.9),
        clicks=median(clicks) if clicks else None,
        abandoned=1 - len(saved) / len(told) if told else None,
        kept=sum(each.kept for each in saved) / offered if offered else None,
    )


def _tries(openings: Sequence[Opened]) -> list[Opened]:
    """Openings of one form in close succession are one try: what was saved of it, else the first one."""
    found: list[Opened] = []
    latest: dict[str, tuple[int, datetime]] = {}
    for each in sorted(openings, key=lambda each: each.opened_at):
        place, before = latest.get(each.about, (-1, each.opened_at))
        if place >= 0 and found[place].saved_at is None and each.opened_at - before <= SAME_TRY:
            if each.saved_at is not None:
                found[place] = each
        else:
            found.append(each)
            place = len(found) - 1
        latest[each.about] = (place, each.opened_at)
    return found


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """A value of sorted ones, between two neighbours where it falls there; None without any."""
    if not ordered:
        return None
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def proposals(found: Cost, usage: Usage) -> list[str]:
    """What to take away, in sentences; none while there is too little to tell from."""
    told: list[str] = []
    rare = rarely(usage)
    first = f" Take “{rare[0][0]}” off first: {rare[0][1]} of {usage.updates} updates used it." if rare else ""
    if found.tries >= LEAST and found.p50 is not None and found.p50 > SLOW:
        told.append(f"Half of the updates take {minutes_text(found.p50)} or longer; two minutes are the aim.{first}")
        first = ""
    if found.tries >= LEAST and found.abandoned is not None and found.abandoned > ABANDONED + _CLOSE:
        left = found.tries - found.saved
        told.append(f"{left} of {found.tries} forms were left unsaved.{first or ' Ask two owners what they could not answer.'}")
    if found.kept is not None and found.saved >= LEAST and found.kept < 0.5:
        told.append(f"{found.kept:.0%} of what is prefilled is kept. Look at the sources: a number that is corrected each time is no help.")
    return told


def rarely(usage: Usage) -> list[tuple[str, int]]:
    """Optional fields that one update in ten uses at most, the least used first."""
    if usage.updates < LEAST:
        return []
    found = [(name, count) for name, count in usage.used.items() if count <= usage.updates * RARELY]
    return sorted(found, key=lambda each: (each[1], each[0]))


def untouched(usage: Usage) -> list[str]:
    """Optional fields that nobody used (R117); none while there are too few updates to tell."""
    return [name for name, count in rarely(usage) if not count]


def minutes_text(seconds: float) -> str:
    """ "48 s", "2 min 5 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
