"""What a signal is judged by: one key result as the night finds it. Unknown is None or an empty run, never 0."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from connector.domain import wording
from connector.domain.activity import Counted
from connector.domain.forecast import Forecast, outlook, rate_ratio, recent_points, required_rate
from connector.domain.model import Cadence, CheckInFact, Cycle, Definition, Kind, Point, State
from connector.domain.rhythm import Expected, cadence_length, start_of_day
from connector.domain.scoring import TOLERANCE, display_decimals, epsilon, raw_progress

WEEK = timedelta(days=7)
TRAVELS = frozenset({Kind.METRIC, Kind.MILESTONES})
"""Kinds whose value goes a way; a bound or a yes/no does not."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Values:
    """The value at the end of days, oldest first; None from a day on which it was not known any more."""

    days: tuple[date, ...] = ()
    values: tuple[float | None, ...] = ()

    def at(self, day: date) -> float | None:
        """The value that stood at the end of a day; None before the first, or where it was not known."""
        place = bisect_right(self.days, day)
        return self.values[place - 1] if place else None

    def weekly(self, today: date, weeks: int) -> tuple[float | None, ...]:
        """The values at the end of each of the last weeks, oldest first, today's last."""
        return tuple(self.at(today - WEEK * back) for back in range(weeks, -1, -1))


@dataclass(frozen=True, slots=True)
class Source:
    """A connection that feeds the value. ``edited_at``: when one of its items was last edited, None where nobody can tell."""

    name: str
    read_at: datetime | None
    fed_since: datetime
    edited_at: datetime | None = None
    stopped: bool = False  # parked or paused: no call is made


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of the target that came late, in the words in which it was noted."""

    day: date
    sentence: str


@dataclass(frozen=True, slots=True)
class Known:
    """One running key result. Check-ins are without drafts, oldest first; ``points`` are values at the end of recent days.

    ``lag``: weeks until work shows in the value; ``lag_by`` says where that comes from: "said", "learned" or "usual".
    ``best``: the best sustained rate that history knows, in progress a day towards the target; ``best_of``: "key result" or "team".
    """

    id: str
    definition: Definition
    cycle: Cycle
    cycle_end: datetime
    now: datetime
    zone: tzinfo
    expected: Expected
    started_at: datetime
    current: float | None = None
    raw: float | None = None
    state: State = State.ON_TRACK
    cadence: Cadence = Cadence.WEEKLY
    check_ins: tuple[CheckInFact, ...] = ()
    points: tuple[Point, ...] = ()
    values: Values = field(default_factory=Values)
    fed: bool = False
    output: bool = False
    flat_since: datetime | None = None  # flat but confident, since then
    counted: Counted = field(default_factory=Counted)
    scoped: Counted | None = None  # of those mappings whose growth is scope, where others move the value by growing
    lag: int = 2
    lag_by: str = "usual"
    best: float | None = None
    best_of: str = ""
    sources: tuple[Source, ...] = ()
    edits: tuple[Edit, ...] = ()
    holidays: frozenset[date] = frozenset()

    @property
    def scope(self) -> Counted:
        """The counted nights of the work that is to be done; rows that are summed or counted as the value are none."""
        return self.counted if self.scoped is None else self.scoped

    @property
    def today(self) -> date:
        """The day where the reader lives."""
        return self.now.astimezone(self.zone).date()

    @property
    def length(self) -> timedelta:
        """One cadence."""
        return cadence_length(self.cadence)

    @property
    def arrived(self) -> bool:
        """Whether the whole way is done."""
        return self.raw is not None and self.raw >= 1.0 - TOLERANCE

    @property
    def least(self) -> float:
        """The least change of progress that counts as movement."""
        return epsilon(self.definition) + TOLERANCE

    @property
    def days_left(self) -> float:
        """Days until the cycle is over, counted from midnight so that they stay the same for a day."""
        return max(0.0, (self.cycle_end - start_of_day(self.now, self.zone)) / _DAY)

    def change_since(self, day: date) -> float | None:
        """By how much progress changed since the end of a day; None where either end is not known."""
        before = raw_progress(self.definition, self.values.at(day))
        return None if before is None or self.raw is None else self.raw - before

    def points_by(self, moment: datetime | None = None) -> tuple[Point, ...]:
        """What the recent rate is judged by, as it was known at a moment (None: now)."""
        told = [Point(each.at, each.value) for each in self.check_ins if each.value is not None and (moment is None or each.at <= moment)]
        read = [each for each in self.points if moment is None or each.at <= moment]
        current = self.current if moment is None else None
        return recent_points(told, read, current, start_of_day(self.now, self.zone), self.length, fed=self.fed)

    def outlook(self) -> Forecast | None:
        """Where a metric ends at its recent rate; None where that is not known yet, or the cycle is too young."""
        if self.definition.kind is not Kind.METRIC or self.expected.too_early or self.days_left <= 0:
            return None
        return outlook(self.points_by(), self.cycle_end, self.length)

    def times(self, ahead: Forecast | None) -> float | None:
        """How many times the recent rate is needed; None where that is not known."""
        return None if ahead is None else rate_ratio(required_rate(self.definition, self.current, self.days_left), ahead.slope)

    def text(self, value: float, *, finer: bool = False) -> str:
        """A value as people read it; ``finer``: with a decimal more, for what was computed."""
        if not finer or self.definition.kind is not Kind.METRIC:
            return wording.value_text(self.definition, value)
        return wording.with_unit(wording.plain_number(value, display_decimals(self.definition) + 1), self.definition.unit)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which a share of them lies, interpolated; None without any."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
