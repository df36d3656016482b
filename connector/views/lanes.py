"""The chart of a key result's page as plain numbers: value against plan, confidence and delivery, in three lanes on one time axis. Pure.

Up is always closer to the target. Labels sit on the marks, so there is no legend; ``table`` holds the same by week for who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from connector.domain import rhythm
from connector.domain.forecast import Forecast
from connector.domain.model import Cycle, Definition, Kind
from connector.domain.scoring import BOUND_KINDS, full_value
from connector.domain.wording import HARD_SPACE, day_text, value_text

WIDTH, HEIGHT = 820, 294
LEFT, RIGHT, TOP, BOTTOM = 58.0, 700.0, 16.0, 170.0
SURE_TOP, SURE_BOTTOM = 193.0, 214.0  # a confidence of 10 and the line it stands on
WORK_TOP, WORK_BOTTOM = 238.0, 272.0
NEAR = 13.0  # units that two labels or marks need between them
HELD = 3  # values that are equal before "unchanged since" is said
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Week:
    """What was done in a week of the cycle; None where no night counted it."""

    start: date
    end: date
    done: float | None


@dataclass(frozen=True, slots=True)
class Text:
    """A label at a place; ``strong`` is printed in ink."""

    x: str
    y: str
    text: str
    anchor: str = "start"
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Lanes:
    """Paths, marks and labels, ready to print. ``dots``: (x, y, confirmed); bars: (x, y, width, height)."""

    label: str
    plan: str
    value: str
    ahead: str
    dots: tuple[tuple[str, str, bool], ...]
    grid: tuple[tuple[str, str], ...]
    today: str
    stated: tuple[tuple[str, str, str, str], ...]
    work: tuple[tuple[str, str, str, str], ...]
    texts: tuple[Text, ...]
    table: tuple[tuple[str, str, str, str, str], ...]
    unit: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the chart shows. ``points``: (moment, value, confirmed by the owner), ``stated``: (moment, confidence), oldest first.

    ``unit``: what ``weeks`` count, "points" or "items".
    """

    definition: Definition
    cycle: Cycle
    now: datetime
    points: Sequence[tuple[datetime, float, bool]] = ()
    stated: Sequence[tuple[datetime, int]] = ()
    weeks: Sequence[Week] = ()
    unit: str = "items"
    ahead: Forecast | None = None


def draw(told: Told) -> Lanes | None:
    """The chart; None while no value is known in the cycle."""
    cycle, definition = told.cycle, told.definition
    points = [each for each in told.points if cycle.start <= each[0].date() <= cycle.end]
    if not points:
        return None
    across, up, grid = _scales(told, points)
    today = across(told.now)
    ahead, ahead_texts = _ahead(told, points, across, up)
    held, since = _held(points)
    texts = [
        *_today_texts(told, points, today),
        *ahead_texts,
        *_target_texts(definition, up),
        *([Text(_n(across(since)), _n(max(TOP + 8, up(points[-1][1]) - 9)), held)] if since and held else []),
        *_days(cycle, across),
        Text(_n(RIGHT + 8), "196", "confidence", strong=True),
        Text(_n(RIGHT + 8), "209", "stated, 1 to 10"),
        Text(_n(RIGHT + 8), "250", "delivery", strong=True),
        Text(_n(RIGHT + 8), "263", f"{told.unit} a week"),
    ]
    stated, stated_texts = _stated(told, across)
    work, work_texts = _work(told, across)
    last = value_text(definition, points[-1][1])
    label = f"Value against plan, confidence and delivery: {len(points)} values, the last {last}. The table that follows holds the data."
    line = "M" + " ".join(f"{_n(across(moment))} {_n(up(value))}" for moment, value, _ in points)
    return Lanes(
        label,
        _plan(told, across, up),
        line,
        ahead,
        tuple((_n(across(moment)), _n(up(value)), sure) for moment, value, sure in _distinct(points)),
        tuple((_n(up(level)), value_text(definition, level)) for level in grid),
        _n(today),
        stated,
        work,
        (*texts, *stated_texts, *work_texts),
        _table(told, points),
        told.unit,
    )


# --- scales -----------------------------------------------------------------------------------------------------------------


def _scales(
    told: Told, points: Sequence[tuple[datetime, float, bool]]
) -> tuple[Callable[[datetime], float], Callable[[float], float], list[float]]:
    """How moments and values lie, and the values of the grid lines."""
    definition, cycle = told.definition, told.cycle
    steps = steps_of(definition)
    marks = steps or [mark for mark in (definition.start, definition.target, definition.low, definition.high) if mark is not None]
    everything = [value for _, value, _ in points] + marks
    low, high = min(everything), max(everything)
    if math.isclose(low, high):
        low, high = low - 1, high + 1
    falling = definition.start is not None and definition.target is not None and definition.target < definition.start
    begin = datetime.combine(cycle.start, time(), tzinfo=told.now.tzinfo or UTC)
    days = (cycle.end - cycle.start).days + 1

    def across(moment: datetime) -> float:
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, (moment - begin) / _DAY / days))

    def up(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return TOP + (BOTTOM - TOP) * (share if falling else 1 - share)

    levels = sorted(set(marks) | ({low + (high - low) * step / 4 for step in range(5)} if not steps else set()))
    return across, up, _apart(levels, up, {low, high} if steps else set(marks))


def steps_of(definition: Definition) -> list[float]:
    """The values that a key result of steps can have: its axis has no others."""
    full = full_value(definition)
    if definition.kind is Kind.YES_NO:
        return [0.0, full]
    if definition.kind is not Kind.MILESTONES or not definition.milestones:
        return []
    count = len(definition.milestones) if len({step.weight for step in definition.milestones}) == 1 else 4
    return [full * step / count for step in range(count + 1)]


def _apart(levels: Sequence[float], up: Callable[[float], float], keep: set[float]) -> list[float]:
    """Grid lines at least 22 units apart; the marks of the definition win."""
    kept = [level for level in levels if level in keep]
    for level in levels:
        if all(abs(up(level) - up(other)) >= 22 for other in kept):
            kept.append(level)
    return sorted(kept)


# --- lanes ------------------------------------------------------------------------------------------------------------------


def _plan(told: Told, across: Callable[[datetime], float], up: Callable[[float], float]) -> str:
    """The expected way over the cycle: straight, bent at phased targets; a bound is a level line at each edge."""
    definition, cycle = told.definition, told.cycle
    if definition.kind in BOUND_KINDS:
        edges = [mark for mark in (definition.target, definition.low, definition.high) if mark is not None]
        return " ".join(f"M{_n(LEFT)} {_n(up(edge))}H{_n(RIGHT)}" for edge in edges)
    if definition.kind is Kind.YES_NO:
        return ""
    days = (cycle.end - cycle.start).days + 1
    bends = sorted({0, days, *((phase.day - cycle.start).days + 1 for phase in definition.phased_targets)} | set(range(0, days, 7)))
    begin = datetime.combine(cycle.start, time(), tzinfo=told.now.tzinfo or UTC)
    straight = not definition.phased_targets and not definition.checkpoints
    places = []
    for day in [0, days] if straight else [each for each in bends if 0 <= each <= days]:
        value = plan_value(told, cycle.start + timedelta(days=day - 1))
        if value is not None:
            places.append(f"{_n(across(begin + timedelta(days=day)))} {_n(up(value))}")
    return f"M{' '.join(places)}" if len(places) > 1 else ""


def plan_value(told: Told, day: date) -> float | None:
    """The value that the plan expects at the end of a day; None for kinds without a way."""
    definition = told.definition
    if definition.kind not in (Kind.METRIC, Kind.MILESTONES):
        return None
    expected = rhythm.expected(told.cycle, day, definition).value
    if expected is None:
        return None
    if definition.kind is Kind.MILESTONES:
        return expected * full_value(definition)
    if definition.start is None or definition.target is None:
        return None
    knots = [(0.0, definition.start), *((each.progress, each.value) for each in definition.checkpoints), (1.0, definition.target)]
    for (before, low), (after, high) in pairwise(sorted(set(knots))):
        if before <= expected <= after and after > before:
            return low + (expected - before) / (after - before) * (high - low)
    return definition.target


def _ahead(
    told: Told, points: Sequence[tuple[datetime, float, bool]], across: Callable[[datetime], float], up: Callable[[float], float]
) -> tuple[str, list[Text]]:
    """The dotted way at the recent rate, with where it ends."""
    if told.ahead is None or not math.isfinite(told.ahead.value) or told.now.date() >= told.cycle.end:
        return "", []
    moment, value, _ = points[-1]
    end = told.ahead.value
    place = up(end)
    target = up(told.definition.target) if told.definition.target is not None else -100.0
    if abs(place - target) < 2 * NEAR:
        place = target + 2 * NEAR if target < BOTTOM - 3 * NEAR else target - 2 * NEAR
    texts = [
        Text(_n(RIGHT + 8), _n(place - 4), "at this rate"),
        Text(_n(RIGHT + 8), _n(place + 9), f"{_rounded(told.definition, end)} on {day_text(told.cycle.end)}"),
    ]
    return f"M{_n(across(max(moment, min(told.now, moment + _DAY))))} {_n(up(value))} {_n(RIGHT)} {_n(up(end))}", texts


def _rounded(definition: Definition, value: float) -> str:
    """A computed value with as many digits as a forecast deserves."""
    marks = [abs(mark) for mark in (definition.start, definition.target) if mark is not None]
    scale = abs((definition.target or 0.0) - (definition.start or 0.0)) or max(marks, default=1.0) or 1.0
    digits = max(0, 1 - math.floor(math.log10(scale)) + 1) if math.isfinite(scale) else 0
    return value_text(definition, round(value, digits))


def _held(points: Sequence[tuple[datetime, float, bool]]) -> tuple[str, datetime | None]:
    """ "unchanged since 14 Oct", when the last values are equal."""
    place = len(points) - 1
    while place > 0 and math.isclose(points[place - 1][1], points[-1][1]):
        place -= 1
    if len(points) - place < HELD:
        return "", None
    return f"unchanged since {day_text(points[place][0].date())}", points[place][0]


def _today_texts(told: Told, points: Sequence[tuple[datetime, float, bool]], today: float) -> list[Text]:
    planned = plan_value(told, min(told.now.date(), told.cycle.end))
    right = today > RIGHT - 90
    x, anchor = _n(today - 5 if right else today + 5), "end" if right else "start"
    found = [Text(x, "12", f"today: {value_text(told.definition, points[-1][1])}", anchor, strong=True)]
    if planned is not None:
        found.append(Text(x, "26", f"plan: {_rounded(told.definition, planned)}", anchor))
    return found


def _target_texts(definition: Definition, up: Callable[[float], float]) -> list[Text]:
    x = _n(RIGHT + 8)
    if definition.kind in BOUND_KINDS:
        edges = [mark for mark in (definition.target, definition.low, definition.high) if mark is not None]
        return [Text(x, _n(up(edge) + 4), f"bound {value_text(definition, edge)}", strong=True) for edge in edges]
    if definition.kind in (Kind.YES_NO, Kind.MILESTONES):
        full = full_value(definition)
        return [Text(x, _n(up(full) + 4), f"target {value_text(definition, full)}", strong=True)]
    if definition.target is None:
        return []
    return [Text(x, _n(up(definition.target) + 4), f"target {value_text(definition, definition.target)}", strong=True)]


def _stated(told: Told, across: Callable[[datetime], float]) -> tuple[tuple[tuple[str, str, str, str], ...], list[Text]]:
    """Bars of 1 to 10, the last of each day and none upon another."""
    kept: list[tuple[float, int]] = []
    for moment, confidence in told.stated:
        if not told.cycle.start <= moment.date() <= told.cycle.end:
            continue
        place = across(moment)
        if kept and place - kept[-1][0] < 2 * NEAR - 6:
            kept.pop()
        kept.append((place, confidence))
    height = (SURE_BOTTOM - SURE_TOP) / 10
    bars = tuple((_n(place - 3), _n(SURE_BOTTOM - height * value), "6", _n(height * value)) for place, value in kept)
    return bars, [Text(_n(place + 6), _n(SURE_BOTTOM - height * value + 9), str(value), strong=True) for place, value in kept]


def _work(told: Told, across: Callable[[datetime], float]) -> tuple[tuple[tuple[str, str, str, str], ...], list[Text]]:
    """Bars of what was done week by week; a week that nobody counted has none."""
    known = [week for week in told.weeks if week.done is not None]
    if not known:
        return (), [Text(_n(LEFT + 4), _n(WORK_BOTTOM - 6), "no night has been counted yet")]
    most = max(week.done or 0.0 for week in known)
    zone = told.now.tzinfo or UTC
    bars, texts = [], []
    for week in known:
        left = across(datetime.combine(week.start, time(), tzinfo=zone)) + 2
        right = across(datetime.combine(week.end, time(), tzinfo=zone) + _DAY) - 2
        height = (WORK_BOTTOM - WORK_TOP) * (week.done or 0.0) / most if most else 0.0
        if right <= left:
            continue
        bars.append((_n(left), _n(WORK_BOTTOM - height), _n(right - left), _n(height)))
        texts.append(Text(_n((left + right) / 2), _n(WORK_BOTTOM - height - 4), _amount(week.done), "middle", strong=True))
    return tuple(bars), texts


def _days(cycle: Cycle, across: Callable[[datetime], float]) -> list[Text]:
    steps = [cycle.start + (cycle.end - cycle.start) * step // 4 for step in range(5)]
    anchors = ("start", "middle", "middle", "middle", "end")
    places = [LEFT + (RIGHT - LEFT) * step / 4 for step in range(5)]
    return [Text(_n(x), "288", day_text(day), anchor) for x, day, anchor in zip(places, steps, anchors, strict=True)]


def _distinct(points: Sequence[tuple[datetime, float, bool]]) -> list[tuple[datetime, float, bool]]:
    """What sync read just before the owner confirmed the same number is one dot, the confirmed one."""
    return [
        each
        for each, after in zip(points, [*points[1:], None], strict=True)
        if each[2] or after is None or not (after[2] and after[1] == each[1] and after[0] - each[0] < _DAY)
    ]


def _table(told: Told, points: Sequence[tuple[datetime, float, bool]]) -> tuple[tuple[str, str, str, str, str], ...]:
    """Day, value, plan, confidence, work done in the week: a row for the end of each week that has begun."""
    rows = []
    start, last = told.cycle.start, min(told.now.date(), told.cycle.end)
    done = {week.start: week.done for week in told.weeks}
    while start <= last:
        end = min(start + timedelta(days=6), last)
        value = next((value for moment, value, _ in reversed(points) if moment.date() <= end), None)
        plan = plan_value(told, end)
        stated = next((each for moment, each in reversed(told.stated) if start <= moment.date() <= end), None)
        rows.append((
            day_text(end),
            "none" if value is None else value_text(told.definition, value),
            "none" if plan is None else _rounded(told.definition, plan),
            "none" if stated is None else str(stated),
            _amount(done.get(start)),
        ))  # fmt: skip
        start += timedelta(days=7)
    return tuple(rows)


def _amount(done: float | None) -> str:
    return "not known" if done is None else f"{done:,.1f}".rstrip("0").rstrip(".").replace(",", HARD_SPACE)


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
