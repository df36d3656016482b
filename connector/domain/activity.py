"""Work against a value (S6): weekly counts of what was done and started, how they compare with the usual, and after how long work shows.

Pure. Counts come from the nightly counts of the mirror; nothing is assumed for weeks that nobody counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from math import fsum, inf, sqrt
from statistics import median

WEEK = timedelta(days=7)
RECENT, BEFORE, LEAST = 2, 6, 3
"""Weeks that are judged, weeks that they are compared with at most, and weeks that are needed at all."""
USUAL_LAG, LONGEST_LAG = 2, 6
"""Weeks until work shows in a value while nobody said or learned otherwise, and the most that are learned."""
LEARNED_FROM = 10
"""Weeks of work and value that learning takes."""
CLEAR = 0.5
"""A correlation below it says nothing about the lag."""
SAMPLED = 20
"""Weeks whose counts are looked at: what learning takes, the longest lag, and some."""
_STARTED = 0.25


@dataclass(frozen=True, slots=True)
class Night:
    """What the mappings of a key result held at the end of a night. None: not known, or one of them could not tell.

    ``started`` is not known where no item has a status: then it is not known either whether any is done.
    """

    items: int
    done: int
    started: int | None = None
    points: float | None = None
    points_done: float | None = None

    @property
    def tells(self) -> bool:
        """Whether it can be told what is done: rows without a status never are, and that is no idleness."""
        return self.started is not None or self.done > 0 or (self.points_done or 0.0) > 0

    @property
    def share(self) -> float | None:
        """How much of it is done, in points where they are known; None without anything, and where nobody can tell."""
        if not self.tells:
            return None
        if self.points is not None and self.points_done is not None and self.points > 0:
            return self.points_done / self.points
        return self.done / self.items if self.items else None


@dataclass(frozen=True, slots=True)
class Counted:
    """The counted nights of a key result by day, over all of its mappings."""

    nights: Mapping[date, Night] = field(default_factory=dict)

    def at(self, day: date) -> Night | None:
        """The count of a night, or of the one before it; None where neither was counted."""
        return self.nights.get(day, self.nights.get(day - timedelta(days=1)))

    @property
    def tells(self) -> bool:
        """Whether it could be told in any night what is done."""
        return any(night.tells for night in self.nights.values())

    @property
    def touched(self) -> bool:
        """Whether any of it was ever started or done; where nothing was, nobody knows whether it can be (rows without a status)."""
        return any(night.done > 0 or (night.started or 0) > 0 or (night.points_done or 0.0) > 0 for night in self.nights.values())

    def run(self, today: date) -> tuple[tuple[date, Night], ...]:
        """The ends of weeks without a hole up to now, oldest first."""
        found = []
        for back in range(SAMPLED + 1):
            day = today - WEEK * back
            night = self.at(day)
            if night is None:
                break
            found.append((day, night))
        return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class Week:
    """One week of work: what was done, in points or items, and the index of activity."""

    end: date
    done: float
    index: float


def sample_days(today: date) -> tuple[date, ...]:
    """The days whose counts are compared, oldest first, last night's among them; each night may be missing, so two are asked for."""
    ends = [today - WEEK * back for back in range(SAMPLED, -1, -1)]
    return tuple(day for end in ends for day in (end - timedelta(days=1), end))


def in_points(run: Sequence[tuple[date, Night]]) -> bool:
    """Whether every night of a run knows its points."""
    return bool(run) and all(night.points_done is not None for _, night in run)


def weekly(counted: Counted, today: date) -> tuple[tuple[Week, ...], bool]:
    """The weeks of work up to now, oldest first, and whether they are counted in points; only the unbroken run.

    A week's index is what was done and a quarter of what was started. Work that is reopened or leaves counts as nothing, not below it.
    """
    run = counted.run(today)
    points = in_points(run)
    found = []
    for (_, before), (end, after) in pairwise(run):
        done = max(0.0, _done(after, points) - _done(before, points))
        begun = 0
        if before.started is not None and after.started is not None:
            begun = max(0, after.started + after.done - before.started - before.done)
        found.append(Week(end, done, done + _STARTED * begun))
    return tuple(found), points


def _done(night: Night, points: bool) -> float:
    return night.points_done if points and night.points_done is not None else float(night.done)


def ratio(weeks: Sequence[float]) -> float | None:
    """The mean of the last two weeks over the median of up to six before; None with under three weeks. Nothing before: infinite."""
    if len(weeks) < LEAST:
        return None
    recent = fsum(weeks[-RECENT:]) / RECENT
    usual = median(weeks[-RECENT - BEFORE : -RECENT])
    if usual == 0:
        return inf if recent else 0.0
    return recent / usual


def learned_lag(weeks: Sequence[float], changes: Sequence[float | None]) -> int | None:
    """The lag in weeks (0 to 6) after which the value best follows the work; None below ten weeks, or when none stands out.

    ``changes``: by how much progress changed in each of the same weeks. At a tie the shorter lag.
    """
    if len(weeks) < LEARNED_FROM or len(weeks) != len(changes):
        return None
    found: tuple[float, int] | None = None
    for lag in range(LONGEST_LAG + 1):
        pairs = [(work, change) for work, change in zip(weeks, changes[lag:], strict=False) if change is not None]
        match = _correlation(pairs) if len(pairs) >= LEARNED_FROM - LONGEST_LAG else None
        if match is not None and match >= CLEAR and (found is None or match > found[0] + 1e-9):
            found = (match, lag)
    return found[1] if found else None


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < LEAST:
        return None
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    middle, middle_of_others = fsum(ones) / len(ones), fsum(others) / len(others)
    spread = sqrt(fsum((each - middle) ** 2 for each in ones) * fsum((each - middle_of_others) ** 2 for each in others))
    if spread <= 1e-12:
        return None
    return fsum((one - middle) * (other - middle_of_others) for one, other in pairs) / spread
