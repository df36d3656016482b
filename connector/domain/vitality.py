"""Is the tracker used to decide? The vitality of a forum from four shares (S11), and when a fall is said (R071). Pure.

What has no basis is not known: it is neither 0 nor 1, and two reviews are compared over what both know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

WEIGHTS = {"on_time": 0.3, "verdicts": 0.3, "follow_through": 0.2, "opened": 0.2}
WORDS = {
    "on_time": "updates on time",
    "verdicts": "key results at risk with a verdict",
    "follow_through": "decisions done by their day",
    "opened": "pre-read opened by leaders before the review",
}
LEAST_KNOWN = 0.5  # of the weight; from less no vitality is told
FALL = 0.20
REVIEWS_BACK = 2
WEEK_THREE = timedelta(days=20)  # from the day of the first review, so that a review a day later than usual still counts
LEAST_DUE = 3  # updates that were due: a share of fewer says nothing
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    good: int = 0
    of: int = 0

    @property
    def value(self) -> float | None:
        """0-1, None without a basis."""
        return self.good / self.of if self.of else None

    @property
    def text(self) -> str:
        """ "3 of 4"."""
        return f"{self.good} of {self.of}" if self.of else "nothing to count"


NOTHING = Share()


@dataclass(frozen=True, slots=True)
class Use:
    """How one review was prepared and held. ``parts``: a share for each of ``WEIGHTS``."""

    day: date
    parts: dict[str, Share] = field(default_factory=dict)

    @property
    def known(self) -> tuple[str, ...]:
        """The parts that have a basis."""
        return tuple(name for name in WEIGHTS if self.parts.get(name, NOTHING).of)

    @property
    def vitality(self) -> float | None:
        """0-1 over what is known; None when that is less than half of the weight."""
        return self.over(self.known)

    def over(self, names: Sequence[str]) -> float | None:
        """The vitality over some parts alone."""
        weight = sum(WEIGHTS[name] for name in names)
        if weight < LEAST_KNOWN - _CLOSE:
            return None
        return sum(WEIGHTS[name] * (self.parts[name].value or 0.0) for name in names) / weight


@dataclass(frozen=True, slots=True)
class Fell:
    """A fall: from which share on which day to which."""

    before: float
    after: float
    since: date
    until: date
    most: str = ""  # the part that fell most

    @property
    def points(self) -> int:
        """How many points of a hundred."""
        return round((self.before - self.after) * 100)


def vitality_fell(uses: Sequence[Use]) -> Fell | None:
    """A fall of 20 points or more over two reviews, the youngest against the one two before it. ``uses``: oldest first."""
    if len(uses) <= REVIEWS_BACK:
        return None
    before, after = uses[-1 - REVIEWS_BACK], uses[-1]
    both = tuple(name for name in before.known if name in after.known)
    then, now = before.over(both), after.over(both)
    if then is None or now is None or then - now < FALL - _CLOSE:
        return None
    lost = {name: WEIGHTS[name] * ((before.parts[name].value or 0.0) - (after.parts[name].value or 0.0)) for name in both}
    return Fell(then, now, before.day, after.day, max(lost, key=lambda name: lost[name]))


def on_time_fell(uses: Sequence[Use]) -> Fell | None:
    """The share of updates in time fell by 20 points from the first review of a cycle by its third week, and did not recover since.

    ``uses``: the reviews of one cycle, oldest first.
    """
    rated = [(each.day, each.parts["on_time"]) for each in uses if each.parts.get("on_time", NOTHING).of >= LEAST_DUE]
    if len(rated) < 2:
        return None
    (first, share), *later = rated
    before = share.value or 0.0
    early = [(day, each.value or 0.0) for day, each in later if day - first <= WEEK_THREE]
    last_day, last = rated[-1]
    if not any(before - value >= FALL - _CLOSE for _, value in early) or before - (last.value or 0.0) < FALL - _CLOSE:
        return None
    return Fell(before, last.value or 0.0, first, last_day)
