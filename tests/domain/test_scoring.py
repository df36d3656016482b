from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.domain.model import Checkpoint, Definition, Kind, Milestone, Movement, PhasedTarget
from connector.domain.scoring import (
    badge,
    display_decimals,
    epsilon,
    faults,
    inside_share,
    is_inside,
    milestones_value,
    movement,
    raw_progress,
    relative_target,
    shown_progress,
)
from connector.errors import InputError

BENT = Definition(start=50, target=10, checkpoints=(Checkpoint(30, 0.5),))
numbers = st.floats(-1e9, 1e9, allow_nan=False)
hundredths = st.integers(-(10**8), 10**8).map(lambda number: number / 100)


def metric(start: float, target: float, **more: object) -> Definition:
    return replace(Definition(start=start, target=target), **more)  # type: ignore[arg-type]


# --- edge cases 1 to 6 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "raw", "shown"), [(10, 1.0, 1.0), (5, 1.125, 1.0), (60, -0.25, 0.0), (30, 0.5, 0.5), (50, 0.0, 0.0)])
def test_decreasing_with_checkpoints(value: float, raw: float, shown: float) -> None:
    assert raw_progress(BENT, value) == pytest.approx(raw, abs=1e-12)
    assert shown_progress(raw_progress(BENT, value)) == pytest.approx(shown, abs=1e-12)


def test_bent_scale_uses_the_slope_of_the_piece_and_of_the_outer_pieces_beyond() -> None:
    bent = metric(0, 100, checkpoints=(Checkpoint(20, 0.5), Checkpoint(60, 0.75)))
    assert [raw_progress(bent, value) for value in (-20, 10, 20, 40, 60, 80, 100, 140)] == pytest.approx(
        [-0.5, 0.25, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25], abs=1e-12
    )


def test_start_that_is_not_zero() -> None:
    assert raw_progress(metric(80, 90), 84) == pytest.approx(0.40)
    below = raw_progress(metric(80, 90), 76)
    assert below == pytest.approx(-0.40)
    assert (shown_progress(below), badge(below)) == (0.0, "below the starting point")


def test_decrease_beyond_the_target() -> None:
    raw = raw_progress(metric(2.4, 1.8), 1.6)
    assert raw == pytest.approx(4 / 3)
    assert (shown_progress(raw), badge(raw)) == (1.0, "above target")


@pytest.mark.parametrize(
    ("definition", "on_it"),
    [
        (Definition(kind=Kind.AT_MOST, target=1.0), (1.0,)),
        (Definition(kind=Kind.AT_MOST, target=0.3), (0.1 + 0.2,)),
        (Definition(kind=Kind.AT_LEAST, target=99.9), (99.9,)),
        (Definition(kind=Kind.AT_LEAST, target=0.3), (0.7 - 0.4,)),
        (Definition(kind=Kind.BETWEEN, low=2, high=5), (2, 5)),
    ],
)
def test_exactly_on_the_threshold_is_inside_unless_strict(definition: Definition, on_it: tuple[float, ...]) -> None:
    for value in on_it:
        assert raw_progress(definition, value) == 1.0
        assert raw_progress(replace(definition, strict=True), value) == 0.0


def test_start_equal_to_target_is_refused_and_never_scored() -> None:
    same = metric(50, 50)
    assert [fault.field for fault in faults(same)] == ["target"]
    assert [raw_progress(same, value) for value in (0, 50, 100)] == [None, None, None]


def test_weight_zero_on_every_milestone_means_no_weighting() -> None:
    steps = (Milestone("a", 0, True), Milestone("b", 0), Milestone("c", 0), Milestone("d", 0))
    assert milestones_value(steps) == 0.25
    assert faults(Definition(kind=Kind.MILESTONES, milestones=steps)) == ()


# --- formulas -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "raw"), [(80, 0.50), (70, 0.75), (50, 1.25)])
def test_raw_progress_of_a_falling_metric(value: float, raw: float) -> None:
    assert raw_progress(metric(100, 60), value) == raw


def test_badges() -> None:
    assert [badge(raw) for raw in (None, 0.0, 1.0, 0.5, 1.0 + 1e-12)] == [""] * 5


def test_keep_at_most() -> None:
    assert raw_progress(Definition(kind=Kind.AT_MOST, target=1.0), 1.0) == 1.0
    assert raw_progress(Definition(kind=Kind.AT_MOST, target=1.0), 1.1) == 0.0


def test_share_of_check_ins_inside() -> None:
    keep = Definition(kind=Kind.AT_MOST, target=1.0)
    assert inside_share(keep, [0.8, 1.0, 1.2, None, 0.9]) == 0.75
    assert inside_share(keep, [None]) is None
    assert inside_share(metric(0, 1), [0.5]) is None


def test_yes_no_and_milestones() -> None:
    yes_no = Definition(kind=Kind.YES_NO)
    assert [raw_progress(yes_no, value) for value in (0, 0.99, 1)] == [0.0, 0.0, 1.0]
    assert [raw_progress(replace(yes_no, unit="%"), value) for value in (1, 99, 100)] == [0.0, 0.0, 1.0]
    four = tuple(Milestone(name, done=name in "ab") for name in "abcd")
    assert milestones_value(four) == 0.5
    assert raw_progress(Definition(kind=Kind.MILESTONES, milestones=four), 0.5) == 0.5
    assert milestones_value((Milestone("a", 3, True), Milestone("b", 1))) == 0.75
    assert milestones_value(()) is None


def test_movement_against_epsilon() -> None:
    kr = metric(40, 60, unit="%")
    assert epsilon(kr) == pytest.approx(0.025)
    assert raw_progress(kr, 42) - raw_progress(kr, 41) == pytest.approx(0.05)  # type: ignore[operator]
    assert movement(kr, 41, 42) is Movement.UP
    assert movement(kr, 42, 41) is Movement.DOWN
    assert movement(kr, 41, 41.5) is Movement.FLAT  # half a display unit exactly: not above it


def test_movement_up_is_always_closer_to_the_target() -> None:
    assert movement(metric(60, 40), 50, 48) is Movement.UP
    keep = Definition(kind=Kind.AT_MOST, target=3)
    assert [movement(keep, *pair) for pair in ((4, 2), (2, 4), (1, 3), (9, 5))] == [
        Movement.UP, Movement.DOWN, Movement.FLAT, Movement.FLAT]  # fmt: skip


def test_a_narrow_scale_with_whole_number_display_still_moves() -> None:
    assert movement(metric(2.4, 1.8), 2.4, 2.2) is Movement.UP
    assert movement(metric(0, 1), 0.2, 0.3) is Movement.UP
    assert display_decimals(metric(80, 90)) == 0
    assert display_decimals(metric(80, 90, decimals=2)) == 2


def test_unknown_is_never_zero() -> None:
    for kind in Kind:
        definition = Definition(kind=kind, start=0, target=1, low=0, high=1)
        assert raw_progress(definition, None) is None
        assert raw_progress(definition, math.nan) is None
        assert movement(definition, None, 1) is None
        assert movement(definition, 1, None) is None
    assert shown_progress(None) is None
    assert raw_progress(Definition(), 5) is None
    assert is_inside(Definition(kind=Kind.AT_LEAST), 5) is None


# --- refusals -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        (Definition(), ["start", "target"]),
        (Definition(start=1), ["target"]),
        (Definition(target=1), ["start"]),
        (Definition(kind=Kind.AT_LEAST), ["target"]),
        (Definition(kind=Kind.BETWEEN), ["low", "high"]),
        (Definition(kind=Kind.BETWEEN, low=5, high=5), ["high"]),
        (Definition(kind=Kind.MILESTONES), ["milestones"]),
        (Definition(kind=Kind.MILESTONES, milestones=(Milestone("a", -1), Milestone("b", 2))), ["milestones[0].weight"]),
        (metric(math.nan, 1), ["start"]),
        (metric(0, math.inf), ["target"]),
        (metric(-1.7e308, 1.7e308), ["target"]),
        (metric(0, 1, decimals=-1), ["decimals"]),
        (metric(50, 10, checkpoints=(Checkpoint(30, 0.5), Checkpoint(40, 0.7))), ["checkpoints[1]"]),
        (metric(50, 10, checkpoints=(Checkpoint(30, 0.5), Checkpoint(20, 0.4))), ["checkpoints[1]"]),
        (metric(50, 10, checkpoints=(Checkpoint(30, 1.5),)), ["checkpoints[0]"]),
        (metric(50, 10, checkpoints=(Checkpoint(60, 0.5),)), ["checkpoints[0]"]),
        (Definition(kind=Kind.YES_NO, checkpoints=(Checkpoint(30, 0.5),)), ["checkpoints"]),
        (metric(0, 9, phased_targets=(PhasedTarget(date(2026, 11, 2), 3), PhasedTarget(date(2026, 11, 2), 4))), ["phased_targets[1].day"]),
        (Definition(kind=Kind.YES_NO, phased_targets=(PhasedTarget(date(2026, 11, 2), 3),)), ["phased_targets"]),
    ],
)
def test_faults_name_the_field(definition: Definition, fields: list[str]) -> None:
    assert [fault.field for fault in faults(definition)] == fields
    assert all(fault.message for fault in faults(definition))


def test_sound_definitions_have_no_faults() -> None:
    sound = [
        metric(1, 2),
        BENT,
        Definition(kind=Kind.AT_MOST, start=3, target=3),
        Definition(kind=Kind.BETWEEN, low=2, high=5),
        Definition(kind=Kind.YES_NO),
        metric(50, 10, checkpoints=(Checkpoint(50, 0), Checkpoint(30, 0.5), Checkpoint(10, 1))),
    ]
    assert [faults(definition) for definition in sound] == [()] * len(sound)


def test_relative_target_with_and_without_a_baseline() -> None:
    reduced = relative_target(50, -0.2)
    assert (reduced.start, reduced.target, reduced.direction, reduced.needs_baseline) == (50, 40, "down", False)
    assert relative_target(400, 0.1).target == 440
    missing = relative_target(None, 0.1)
    assert (missing.target, missing.direction, missing.needs_baseline) == (None, "up", True)
    for baseline, change in ((50, 0.0), (0, 0.1), (50, math.nan)):
        with pytest.raises(InputError):
            relative_target(baseline, change)


# --- properties ---------------------------------------------------------------------------------------------------------------


@st.composite
def metrics(draw: st.DrawFn) -> Definition:
    start, target = draw(hundredths), draw(hundredths)
    assume(abs(start - target) > 0.01)
    inner = sorted(draw(st.sets(st.integers(1, 99), max_size=3)))
    shares = sorted(draw(st.lists(st.integers(1, 99), min_size=len(inner), max_size=len(inner), unique=True)))
    checkpoints = tuple(Checkpoint(start + (target - start) * at / 100, share / 100) for at, share in zip(inner, shares, strict=True))
    definition = Definition(start=start, target=target, checkpoints=checkpoints)
    assume(not faults(definition))
    return definition


@given(metrics(), numbers)
def test_shown_progress_stays_in_bounds(definition: Definition, value: float) -> None:
    shown = shown_progress(raw_progress(definition, value))
    assert shown is not None
    assert 0.0 <= shown <= 1.0


@given(metrics(), numbers, numbers)
def test_closer_to_the_target_is_never_less(definition: Definition, one: float, other: float) -> None:
    assert definition.start is not None
    assert definition.target is not None
    low, high = sorted((one, other), reverse=definition.target < definition.start)
    assert raw_progress(definition, low) <= raw_progress(definition, high)  # type: ignore[operator]


@given(metrics())
def test_start_is_zero_and_target_is_one_exactly(definition: Definition) -> None:
    assert raw_progress(definition, definition.start) == 0.0
    assert raw_progress(definition, definition.target) == 1.0


@given(metrics(), numbers)
def test_mirrored_scales_give_equal_progress(definition: Definition, value: float) -> None:
    assert definition.start is not None
    assert definition.target is not None
    points = tuple(Checkpoint(-point.value, point.progress) for point in definition.checkpoints)
    mirrored = Definition(start=-definition.start, target=-definition.target, checkpoints=points)
    assert raw_progress(mirrored, -value) == raw_progress(definition, value)


@given(metrics(), numbers, numbers)
def test_movement_turns_round_with_its_values(definition: Definition, one: float, other: float) -> None:
    opposite = {Movement.UP: Movement.DOWN, Movement.DOWN: Movement.UP, Movement.FLAT: Movement.FLAT}
    there, back = movement(definition, one, other), movement(definition, other, one)
    assert there is not None
    assert back is opposite[there]
    assert movement(definition, one, one) is Movement.FLAT


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=12), st.randoms())
def test_milestones_stay_in_bounds_in_any_order(weights: list[tuple[float, bool]], random: object) -> None:
    steps = [Milestone(str(index), weight, done) for index, (weight, done) in enumerate(weights)]
    value = milestones_value(steps)
    assert value is not None
    assert 0.0 <= value <= 1.0
    random.shuffle(steps)  # type: ignore[attr-defined]
    assert milestones_value(steps) == value
