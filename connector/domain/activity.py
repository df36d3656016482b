"""Work that is done against a value that does not move (S6): weekly counts of done items, and one judgement of them.

Pure. Counts come from the nightly counts of the mirror; nothing is assumed for weeks that nobody counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from statistics import median

WEEK = timedelta(days=7)
RECENT, BEFORE, LEAST = 2, 6, 3
"""Weeks that are judged, weeks that they are compared with at most, and weeks that are needed at all."""


def sample_days(today: date) -> tuple[date, ...]:
    """The days whose counts ``weekly`` compares, oldest first, last night's among them; each night may be missing, so two are asked for."""
    ends = [today - WEEK * back for back in range(RECENT + BEFORE, -1, -1)]
    return tuple(day for end in ends for day in (end - timedelta(days=1), end))


def weekly(done: Mapping[date, int], today: date) -> tuple[int, ...]:
    """How many more items were done at the end of each week than at its begin, oldest first; only the unbroken run up to now.

    ``done``: how many were done on each counted night. Items that are reopened or leave the mapping count as nothing, not below it.
    """
    ends = [_at(done, today - WEEK * back) for back in range(RECENT + BEFORE + 1)]  # newest first
    found: list[int] = []
    for later, earlier in pairwise(ends):
        if later is None or earlier is None:
            break
        found.append(max(0, later - earlier))
    return tuple(reversed(found))


def _at(done: Mapping[date, int], day: date) -> int | None:
    return done.get(day, done.get(day - timedelta(days=1)))


def ratio(weeks: Sequence[int]) -> float | None:
    """The mean of the last two weeks over the median of up to six before; None with under three weeks. Nothing before: infinite."""
    if len(weeks) < LEAST:
        return None
    recent = sum(weeks[-RECENT:]) / RECENT
    usual = median(weeks[-RECENT - BEFORE : -RECENT])
    if usual == 0:
        return float("inf") if recent else 0.0
    return recent / usual


def busy_not_moving(weeks: Sequence[int], change: float | None, least: float) -> bool | None:
    """Whether at least as much is done as usual while progress changed by no more than ``least``; None when either cannot be told."""
    activity = ratio(weeks)
    if activity is None or change is None:
        return None
    return sum(weeks[-RECENT:]) > 0 and activity >= 1.0 and abs(change) <= least
