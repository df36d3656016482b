"""What followed a decision: the slope of the key result after it was done minus the slope before (S9). Pure.

The work of a decision takes a while to show: after its completion as many weeks are waited for as the key result's effect lag, and two
more. A verdict is given on the way of the promise: closer to the target is up, whatever the number does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain.forecast import theil_sen
from connector.domain.model import Point

LAG_WEEKS = 2  # weeks until work shows, where nobody said
MORE_WEEKS = 2
HELPED, NO_CHANGE, TOO_EARLY, UNKNOWN = "helped", "no visible change", "too early", "cannot tell"
LEAST = 0.005  # of the whole way in a week: less is no change that anybody sees
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Effect:
    """``word``: one of the four · ``before``, ``after``: shares of the whole way in a week, None where not known."""

    word: str
    before: float | None = None
    after: float | None = None

    @property
    def text(self) -> str:
        """ "helped: from 0.5 to 3.1 points of the way a week"."""
        if self.before is None or self.after is None or self.word in (TOO_EARLY, UNKNOWN):
            return self.word
        return f"{self.word}: {_points(self.before)} points of the way a week before, {_points(self.after)} after"


def window(lag: int | None) -> timedelta:
    """How long after its completion a decision is looked at."""
    return timedelta(weeks=(LAG_WEEKS if lag is None else max(0, lag)) + MORE_WEEKS)


def effect(points: Sequence[Point], done_at: datetime, now: datetime, lag: int | None) -> Effect:
    """What followed a decision done at ``done_at``. ``points``: raw progress over time, oldest first; gaps stay gaps."""
    length = window(lag)
    if now < done_at + length:
        return Effect(TOO_EARLY)
    before = _slope([each for each in points if done_at - length <= each.at <= done_at])
    after = _slope([each for each in points if done_at <= each.at <= done_at + length])
    if before is None or after is None:
        return Effect(UNKNOWN, before, after)
    return Effect(HELPED if after - before > LEAST else NO_CHANGE, before, after)


def _slope(points: Sequence[Point]) -> float | None:
    """Per week; None with fewer than two moments."""
    if len({each.at for each in points}) < 2:
        return None
    found = theil_sen(points)
    return None if found is None else found * 7


def _points(share: float) -> str:
    return f"{share * 100:.1f}".replace("-0.0", "0.0")
