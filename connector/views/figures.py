"""The small drawings of the pages as plain numbers and SVG paths: sparkline, confidence trail, progress bar, chart. Pure.

Up is always closer to the target. Widths are SVG attributes, because the pages allow no style attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain.model import Cycle, Definition, Kind
from connector.domain.scoring import BOUND_KINDS, full_value, raw_progress
from connector.domain.wording import value_text


@dataclass(frozen=True, slots=True)
class Spark:
    """A line of values against the plan, with the place of "now". Empty ``value`` means that nothing is known."""

    plan: str
    value: str
    hold: str
    x: str
    y: str
    late: bool
    label: str


@dataclass(frozen=True, slots=True)
class Trail:
    """The last five confidences: (x, y, height) of each bar."""

    bars: tuple[tuple[str, str, str], ...]
    last: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar of ``width`` units: fill and notch as lengths; ``label`` says both in words."""

    width: int
    fill: str
    notch: str
    label: str


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def spark(
    points: Sequence[tuple[datetime, float]], definition: Definition, cycle: Cycle, *, width: int, height: int, late: bool, since: str
) -> Spark:
    """Values over the whole cycle; x is time, y progress from start to target. ``points`` are oldest first."""
    top, bottom = 2.0, height - 2.0
    bound = definition.kind in BOUND_KINDS
    plan = f"M1 {_number(height / 2)}H{width - 1}" if bound else f"M1 {_number(bottom)} {width - 1} {_number(top)}"
    days = (cycle.end - cycle.start).days + 1
    values = [(moment, value) for moment, value in points if cycle.start <= moment.date() <= cycle.end]
    if not values:
        return Spark(plan, "", "", "", "", late, "No readings yet")
    heights = _levels([value for _, value in values], definition)
    places = [
        (1 + (width - 2) * min(1.0, ((moment.date() - cycle.start).days + moment.hour / 24) / days), bottom - (bottom - top) * level)
        for (moment, _), level in zip(values, heights, strict=True)
    ]
    line = "M" + " ".join(f"{_number(x)} {_number(y)}" for x, y in places)
    held = len(values) - 1
    while held > 0 and math.isclose(values[held - 1][1], values[-1][1]):
        held -= 1
    hold = f"M{_number(places[held][0])} {_number(places[held][1])} {_number(places[-1][0])} {_number(places[-1][1])}"
    told = ", ".join(value_text(definition, value) for _, value in values[-8:])
    return Spark(
        plan,
        line,
        hold if held < len(values) - 1 else "",
        _number(places[-1][0]),
        _number(places[-1][1]),
        late,
        f"Trend since {since}: {told}",
    )


def _levels(values: Sequence[float], definition: Definition) -> list[float]:
    """0-1 for each value; for bounds the middle is the bound, and above it is inside."""
    if definition.kind not in BOUND_KINDS:
        return [min(1.0, max(0.0, raw_progress(definition, value) or 0.0)) for value in values]
    edge = next((mark for mark in (definition.target, definition.high, definition.low) if mark is not None), 0.0)
    reach = max((abs(value - edge) for value in values), default=0.0) or 1.0
    sign = 1.0 if definition.kind.value == "at_least" else -1.0
    return [0.5 + 0.45 * sign * (value - edge) / reach for value in values]


def trail(confidences: Sequence[int]) -> Trail:
    """Bars of 1 to 10, oldest first."""
    shown = list(confidences)[-5:]
    bars = tuple((str(1 + 6 * place), _number(13 - 1.2 * value), _number(1.2 * value)) for place, value in enumerate(shown))
    label = f"Confidence, last {len(shown)}: {', '.join(map(str, shown))}" if shown else "No confidence stated yet"
    return Trail(bars, shown[-1] if shown else None, label)


def bar(progress: float | None, expected: float | None, label: str, *, width: int = 120) -> Bar:
    """A bar; None leaves fill or notch out, because unknown is not zero."""
    fill = "" if progress is None else _number((width - 2) * min(1.0, max(0.0, progress)))
    notch = "" if expected is None else _number(1 + (width - 2) * min(1.0, max(0.0, expected)))
    return Bar(width, fill, notch, label)


@dataclass(frozen=True, slots=True)
class Chart:
    """Value against plan, 640 × 200: paths, dots (x, y, confirmed), labelled grid lines (y, text) and days (x, text)."""

    plan: str
    value: str
    dots: tuple[tuple[str, str, bool], ...]
    grid: tuple[tuple[str, str], ...]
    days: tuple[tuple[str, str], ...]
    today: str
    label: str


LEFT, RIGHT, TOP, BOTTOM = 64.0, 628.0, 14.0, 170.0


def chart(points: Sequence[tuple[datetime, float, bool]], definition: Definition, cycle: Cycle, now: datetime) -> Chart | None:
    """The chart of a key result page; ``points``: (moment, value, confirmed by the owner), oldest first. None without values."""
    from connector.domain.wording import day_text

    kept = [(moment, value, sure) for moment, value, sure in points if cycle.start <= moment.date() <= cycle.end]
    if not kept:
        return None
    marks = _steps(definition) or [
        mark for mark in (definition.start, definition.target, definition.low, definition.high) if mark is not None
    ]
    everything = [value for _, value, _ in kept] + marks
    low, high = min(everything), max(everything)
    if math.isclose(low, high):
        low, high = low - 1, high + 1
    down = definition.start is not None and definition.target is not None and definition.target < definition.start
    days = (cycle.end - cycle.start).days + 1

    def across(moment: datetime) -> float:
        return LEFT + (RIGHT - LEFT) * min(1.0, ((moment.date() - cycle.start).days + moment.hour / 24) / days)

    def up(value: float) -> float:
        share = (value - low) / (high - low)
        return TOP + (BOTTOM - TOP) * (share if down else 1 - share)

    levels = sorted(set(marks) | ({low + (high - low) * step / 4 for step in range(5)} if not _steps(definition) else set()))
    grid = tuple(
        (_number(up(level)), value_text(definition, level))
        for level in _apart(levels, up, {low, high} if _steps(definition) else set(marks))
    )
    plan = ""
    if definition.kind not in BOUND_KINDS and definition.start is not None and definition.target is not None:
        plan = f"M{LEFT:g} {_number(up(definition.start))} {RIGHT:g} {_number(up(definition.target))}"
    line = "M" + " ".join(f"{_number(across(moment))} {_number(up(value))}" for moment, value, _ in kept)
    told = [
        # What sync read just before the owner confirmed the same number is one dot, the confirmed one.
        each
        for each, after in zip(kept, [*kept[1:], None], strict=True)
        if each[2] or after is None or not (after[2] and after[1] == each[1] and after[0] - each[0] < timedelta(days=1))
    ]
    dots = tuple((_number(across(moment)), _number(up(value)), sure) for moment, value, sure in told)
    ticks = tuple(
        (_number(LEFT + (RIGHT - LEFT) * step / 4), day_text(cycle.start + (cycle.end - cycle.start) * step // 4)) for step in range(5)
    )
    label = f"Value against plan: {len(kept)} values, the last {value_text(definition, kept[-1][1])}. The tables below hold the data."
    return Chart(plan, line, dots, grid, ticks, _number(across(now)), label)


def _steps(definition: Definition) -> list[float]:
    """The values that a key result of steps can have: its axis has no others."""
    full = full_value(definition)
    if definition.kind is Kind.YES_NO:
        return [0.0, full]
    if definition.kind is not Kind.MILESTONES or not definition.milestones:
        return []
    count = len(definition.milestones) if len({step.weight for step in definition.milestones}) == 1 else 4
    return [full * step / count for step in range(count + 1)]


def _apart(levels: Sequence[float], up: object, keep: set[float]) -> list[float]:
    """Grid lines at least 22 units apart; the marks of the definition win."""
    place = up if callable(up) else float
    kept = [level for level in levels if level in keep]
    for level in levels:
        if all(abs(place(level) - place(other)) >= 22 for other in kept):
            kept.append(level)
    return sorted(kept)
