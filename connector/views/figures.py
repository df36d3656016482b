"""The small drawings of the pages as plain numbers and SVG paths: sparkline, confidence trail, progress bar. Pure.

Up is always closer to the target. Widths are SVG attributes, because the pages allow no style attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.domain.model import Cycle, Definition
from connector.domain.scoring import BOUND_KINDS, raw_progress
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
