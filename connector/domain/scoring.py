"""From a key result's value to progress, movement and the faults of a definition.

Pure arithmetic on one key result. Must not know cycles, moments, weights between key results, hosts or wording. Progress is
*raw*: 0 at the start, 1 at the target, below 0 or above 1 outside of them; only ``shown_progress`` clamps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from connector.domain.model import Checkpoint, Definition, Kind, Milestone, Movement
from connector.errors import InputError

TOLERANCE = 1e-9
"""Two numbers nearer than this are the same number: floating error must not put an exact edge on the wrong side."""

BOUND_KINDS = frozenset({Kind.AT_LEAST, Kind.AT_MOST, Kind.BETWEEN})
"""Kinds that hold a level and have no way to travel: no pace, no forecast, never stalled."""

_STEPS = 10  # people must be able to see at least so many steps between start and target
_MOST_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a definition or an input cannot be saved: the field, and a sentence that says what to enter."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class RelativeTarget:
    """The outcome of "change by 20 %". Without a baseline ``target`` is None and the first job is to set the baseline (R008)."""

    start: float | None
    target: float | None
    direction: str  # "up" | "down"

    @property
    def needs_baseline(self) -> bool:
        """True when nothing can be promised before somebody has measured."""
        return self.target is None


# --- definitions ---------------------------------------------------------------------------------------------------------------


def faults(definition: Definition) -> tuple[Fault, ...]:
    """Everything that makes a definition unusable, in the order of the form; empty when it can be saved (R005)."""
    found = [Fault(field, "enter a finite number") for field, value in _numbers(definition) if not math.isfinite(value)]
    if not 0 <= definition.decimals <= _MOST_DECIMALS:
        found.append(Fault("decimals", f"enter a whole number from 0 to {_MOST_DECIMALS}"))
    if found:  # the comparisons below mean nothing with a not-a-number among them
        return tuple(found)
    match definition.kind:
        case Kind.METRIC:
            found += _metric_faults(definition)
        case Kind.AT_LEAST | Kind.AT_MOST:
            if definition.target is None:
                found.append(Fault("target", "enter the bound that the value must keep"))
        case Kind.BETWEEN:
            found += _between_faults(definition)
        case Kind.MILESTONES:
            found += _milestone_faults(definition.milestones)
        case Kind.YES_NO:
            pass
    if definition.checkpoints and definition.kind is not Kind.METRIC:
        found.append(Fault("checkpoints", "only a metric has checkpoints; remove them"))
    found += _phase_faults(definition)
    return tuple(found)


def _numbers(definition: Definition) -> Iterable[tuple[str, float]]:
    named = {"start": definition.start, "target": definition.target, "low": definition.low, "high": definition.high}
    yield from ((name, value) for name, value in named.items() if value is not None)
    for index, checkpoint in enumerate(definition.checkpoints):
        yield f"checkpoints[{index}].value", checkpoint.value
        yield f"checkpoints[{index}].progress", checkpoint.progress
    yield from ((f"phased_targets[{index}].value", phase.value) for index, phase in enumerate(definition.phased_targets))
    yield from ((f"milestones[{index}].weight", milestone.weight) for index, milestone in enumerate(definition.milestones))


def _metric_faults(definition: Definition) -> list[Fault]:
    found = []
    if definition.start is None:
        found.append(Fault("start", "enter the value at the start: a key result reads from X to Y"))
    if definition.target is None:
        found.append(Fault("target", "enter the target: a key result reads from X to Y"))
    if definition.start is None or definition.target is None:
        return found
    if definition.start == definition.target:
        return [Fault("target", "start and target are equal, so there is no way to go; enter a target that differs from the start")]
    if not math.isfinite(definition.target - definition.start):
        return [Fault("target", "start and target are too far apart to compute with")]
    knots = _knots(definition)
    rising = definition.target > definition.start
    for index, (before, after) in enumerate(pairwise(knots)):
        field = f"checkpoints[{min(index, len(definition.checkpoints) - 1)}]"
        if (after.value > before.value) != rising or after.value == before.value:
            return [Fault(field, "checkpoints must run from start to target, each nearer to the target than the one before")]
        if after.progress <= before.progress:
            return [Fault(field, "the progress of checkpoints must rise from one to the next and stay between 0 and 1")]
    return found


def _between_faults(definition: Definition) -> list[Fault]:
    found = [
        Fault(field, f"enter the {word} bound")
        for field, word, value in (("low", "lower", definition.low), ("high", "upper", definition.high))
        if value is None
    ]
    if definition.low is not None and definition.high is not None and definition.low >= definition.high:
        found.append(Fault("high", "the upper bound must be above the lower bound"))
    return found


def _milestone_faults(milestones: Sequence[Milestone]) -> list[Fault]:
    if not milestones:
        return [Fault("milestones", "enter at least one milestone")]
    return [
        Fault(f"milestones[{index}].weight", "a weight is 0 or above") for index, milestone in enumerate(milestones) if milestone.weight < 0
    ]


def _phase_faults(definition: Definition) -> list[Fault]:
    if definition.phased_targets and definition.kind not in (Kind.METRIC, Kind.MILESTONES):
        return [Fault("phased_targets", "only a metric or milestones have phased targets; remove them")]
    days = [phase.day for phase in definition.phased_targets]
    for index, (before, after) in enumerate(pairwise(days), start=1):
        if after <= before:
            return [Fault(f"phased_targets[{index}].day", "phased targets must be in the order of their days, one for a day")]
    return []


def relative_target(baseline: float | None, change: float) -> RelativeTarget:
    """Start and target of "reduce by 20 %" (``change`` = -0.2) or "increase by 10 %" (0.1) on a measured baseline (R007, R008).

    Without a baseline nothing is guessed. Raises ``InputError`` for a change of nothing, or a baseline of 0, of which every
    percentage is 0.
    """
    if not math.isfinite(change) or change == 0:
        raise InputError("enter a change other than 0, such as -20 %", where="change")
    direction = "up" if change > 0 else "down"
    if baseline is None:
        return RelativeTarget(None, None, direction)
    if not math.isfinite(baseline) or baseline == 0:
        raise InputError("a change in per cent needs a baseline other than 0; enter the target itself", where="start")
    target = float(f"{baseline + abs(baseline) * change:.12g}")  # 12 digits: no floating dust in a promise
    return RelativeTarget(baseline, target, direction)


# --- progress ------------------------------------------------------------------------------------------------------------------


def full_value(definition: Definition) -> float:
    """The value at which a yes/no or milestone key result is complete.

    Milestones: always the share 1. Yes/no: 1 too, but 100 in the unit ``%``, since a mapping gives shares in the key result's unit.
    """
    return 100.0 if definition.kind is Kind.YES_NO and definition.unit.strip() == "%" else 1.0


def raw_progress(definition: Definition, value: float | None) -> float | None:
    """Progress of a value, unclamped; None when the value is unknown or the definition has faults, never a guess.

    Metric: (value - start) / (target - start), bent at the checkpoints and extended with the slope of the first and last piece.
    Bounds: 1.0 inside, 0.0 outside. Yes/no: 0.0 or 1.0. Milestones: the share of weight done.
    """
    if value is None or not math.isfinite(value):
        return None
    match definition.kind:
        case Kind.METRIC:
            progress = _metric_progress(definition, value)
        case Kind.YES_NO:
            progress = 1.0 if _at_least(value, full_value(definition)) else 0.0
        case Kind.MILESTONES:
            progress = value / full_value(definition)
        case _:
            inside = is_inside(definition, value)
            progress = None if inside is None else float(inside)
    return progress if progress is not None and math.isfinite(progress) else None


def _metric_progress(definition: Definition, value: float) -> float | None:
    start, target = definition.start, definition.target
    if start is None or target is None or start == target:
        return None
    if not definition.checkpoints:
        return (value - start) / (target - start)
    knots = _knots(definition)
    direction = 1.0 if target > start else -1.0
    index = bisect_right([direction * knot.value for knot in knots], direction * value)
    before, after = knots[max(index - 1, 0)], knots[min(max(index, 1), len(knots) - 1)]
    if index == len(knots):  # at or past the target: the last piece goes on
        before, after = knots[-2], knots[-1]
        return after.progress + (value - after.value) / (after.value - before.value) * (after.progress - before.progress)
    progress = before.progress + (value - before.value) / (after.value - before.value) * (after.progress - before.progress)
    return min(progress, after.progress)  # rounding must not lift a value above the checkpoint that it has not reached


def _knots(definition: Definition) -> list[Checkpoint]:
    """Start, checkpoints, target of a metric; checkpoints that only repeat an end are dropped."""
    assert definition.start is not None
    assert definition.target is not None
    ends = Checkpoint(definition.start, 0.0), Checkpoint(definition.target, 1.0)
    return [ends[0], *(checkpoint for checkpoint in definition.checkpoints if checkpoint not in ends), ends[1]]


def is_inside(definition: Definition, value: float) -> bool | None:
    """Whether a value keeps its bound; exactly on it counts as inside unless ``strict``. None for other kinds or a missing bound."""
    target, low, high = definition.target, definition.low, definition.high
    if definition.kind is Kind.AT_LEAST and target is not None:
        return _beyond(value, target, definition.strict)
    if definition.kind is Kind.AT_MOST and target is not None:
        return _beyond(-value, -target, definition.strict)
    if definition.kind is Kind.BETWEEN and low is not None and high is not None:
        return _beyond(value, low, definition.strict) and _beyond(-value, -high, definition.strict)
    return None


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)


def _at_least(value: float, bound: float) -> bool:
    return value >= bound or _same(value, bound)


def _beyond(value: float, bound: float, strict: bool) -> bool:
    return value > bound and not _same(value, bound) if strict else _at_least(value, bound)


def shown_progress(raw: float | None) -> float | None:
    """Raw progress clamped to 0-1 for people; unknown stays unknown."""
    return None if raw is None else min(1.0, max(0.0, raw))


def badge(raw: float | None) -> str:
    """What the clamped number hides: "above target", "below the starting point" or nothing."""
    if raw is None or -TOLERANCE <= raw <= 1.0 + TOLERANCE:
        return ""
    return "above target" if raw > 1.0 else "below the starting point"


def milestones_value(milestones: Sequence[Milestone]) -> float | None:
    """Share (0-1) of weight done; weights that are all 0 mean "no weighting", so each counts the same. None without milestones.

    This share is the value of a milestone key result, whatever its unit.
    """
    if not milestones:
        return None
    total = math.fsum(milestone.weight for milestone in milestones)
    if total <= 0:
        return sum(milestone.done for milestone in milestones) / len(milestones)
    return math.fsum(milestone.weight for milestone in milestones if milestone.done) / total


def inside_share(definition: Definition, values: Iterable[float | None]) -> float | None:
    """Share of the check-ins with a known value that kept the bound; None when there is none, or the kind has no bound."""
    known = [is_inside(definition, value) for value in values if value is not None and math.isfinite(value)]
    if not known or None in known:
        return None
    return sum(map(bool, known)) / len(known)


# --- movement ------------------------------------------------------------------------------------------------------------------


def display_decimals(definition: Definition) -> int:
    """How many decimals people see: the chosen number, or more where start and target are written finer or lie close together.

    A scale from 2.4 to 1.8 shown in whole numbers would never move; so at least ten steps must be visible on the way.
    """
    marks = [mark for mark in (definition.start, definition.target, definition.low, definition.high) if mark is not None]
    marks = [mark for mark in marks if math.isfinite(mark)]
    written = max((_written_decimals(mark) for mark in marks), default=0)
    if definition.kind is Kind.METRIC and definition.start is not None and definition.target is not None:
        scale = abs(definition.target - definition.start)
    else:
        scale = max((abs(mark) for mark in marks), default=0.0)
    needed = math.ceil(-math.log10(scale / _STEPS) - TOLERANCE) if 0 < scale < math.inf and scale / _STEPS > 0 else 0
    return min(max(definition.decimals, written, needed, 0), _MOST_DECIMALS)


@lru_cache(maxsize=4096)  # the same starts and targets are printed again and again
def _written_decimals(number: float) -> int:
    exponent = Decimal(f"{number:.12g}").normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def epsilon(definition: Definition) -> float:
    """The least movement that counts, in normalised progress: the larger of 1 % of the range and half a display unit.

    Kinds that know only inside and outside, or no and yes, move when they cross: half of that step.
    """
    if definition.kind in BOUND_KINDS or definition.kind is Kind.YES_NO:
        return 0.5
    if definition.kind is Kind.MILESTONES or definition.start is None or definition.target is None or definition.start == definition.target:
        return 0.01
    half_unit = 0.5 * 10.0 ** -display_decimals(definition)
    return max(0.01, half_unit / abs(definition.target - definition.start))


def movement(definition: Definition, previous_value: float | None, current_value: float | None) -> Movement | None:
    """Change of normalised progress: up is always closer to the target. None when either value is unknown (R029)."""
    before, now = raw_progress(definition, previous_value), raw_progress(definition, current_value)
    if before is None or now is None:
        return None
    least = epsilon(definition) + TOLERANCE
    if now - before > least:
        return Movement.UP
    return Movement.DOWN if before - now > least else Movement.FLAT
