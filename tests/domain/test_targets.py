from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.domain.model import Kind, Point
from connector.domain.scoring import raw_progress
from connector.domain.targets import NeedsBaseline, Target, parse_number, past_rates, relative_target, stretch
from connector.errors import InputError

MONDAY = datetime(2026, 10, 5, 8, tzinfo=UTC)


def test_fifty_hours_reduced_by_twenty_per_cent_is_forty() -> None:
    assert relative_target("reduce by 20 %", 50) == Target(50, 40, "down")


@pytest.mark.parametrize(
    ("text", "target", "direction"),
    [
        ("-20 %", 40, "down"),
        ("−20%", 40, "down"),
        ("+10%", 55, "up"),
        ("increase by 10 percent", 55, "up"),
        ("Cut by 12,5 %", 43.75, "down"),
        ("reduce 20 %", 40, "down"),
        ("+1 000 %", 550, "up"),
        ("-100 %", 0, "down"),
        ("x2", 100, "up"),
        ("2×", 100, "up"),
        ("1.5 times", 75, "up"),
        ("x0.5", 25, "down"),
        ("double", 100, "up"),
        ("Triple the revenue", 150, "up"),
        ("halve churn", 25, "down"),
        ("Increase customer survey scores by 10%", 55, "up"),
        ("Reduce customer support response time by 20 % by the end of Q4", 40, "down"),
    ],
)
def test_ways_of_saying_a_change(text: str, target: float, direction: str) -> None:
    found = relative_target(text, 50.0)
    assert isinstance(found, Target)
    assert (found.start, found.target, found.direction) == (50, target, direction)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("20 %", "which way"),
        ("improve by 20 %", "which way"),
        ("reduce by 20", "what the number is a part of"),
        ("increase to 20 %", "names a target"),
        ("reduce by -20 %", "both a direction and a sign"),
        ("reduce by 150 %", "below 0"),
        ("reduce churn by 10 % and cost by 5 %", "more than one change"),
        ("reduce churn by 20 % to 30 %", "more than one change"),
        ("+1.000 %", "may mean 1000 or 1.000"),
        ("x1", "other than 0"),
        ("+0 %", "other than 0"),
        ("+0.0000000000001 %", "too small"),
        (f"+{'9' * 400} %", "too large"),
        ("", "no change"),
        ("many more", "no change"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        relative_target(text, 50.0)
    assert why in caught.value.message
    assert caught.value.where == "change"


def test_without_a_baseline_the_first_key_result_is_to_set_it() -> None:
    found = relative_target("Increase customer survey scores by 10%", None)
    assert isinstance(found, NeedsBaseline)
    assert found.title == "Set the baseline for customer survey scores"
    assert found.definition.kind is Kind.YES_NO
    assert found.direction == "up"
    assert "measure first" in found.sentence
    bare = relative_target("-20 %", None)
    assert isinstance(bare, NeedsBaseline)
    assert (bare.title, bare.direction) == ("Set the baseline", "down")


def test_the_proposed_key_result_can_be_saved_and_finished() -> None:
    found = relative_target("x2", None)
    assert isinstance(found, NeedsBaseline)
    assert raw_progress(found.definition, 1) == 1.0


def test_a_baseline_of_nothing_or_below_it() -> None:
    with pytest.raises(InputError, match="baseline other than 0"):
        relative_target("+10 %", 0)
    with pytest.raises(InputError, match="two ways"):
        relative_target("double", -50)
    assert relative_target("-20 %", -50) == Target(-50, -60, "down")


@given(st.floats(0.01, 1e9), st.integers(1, 100))
def test_a_reduction_leads_down_and_never_below_nothing(baseline: float, percent: int) -> None:
    found = relative_target(f"reduce by {percent} %", baseline)
    assert isinstance(found, Target)
    assert 0 <= found.target < baseline
    assert math.isclose(found.target, baseline * (100 - percent) / 100, rel_tol=1e-9, abs_tol=1e-9)


# --- numbers -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("-3", -3),
        ("−4", -4),
        ("+7", 7),
        ("12,5", 12.5),
        ("0,125", 0.125),
        ("12.3456", 12.3456),
        ("1 200", 1200),
        ("1\u2009200", 1200),
        ("1'000", 1000),
        ("1,234,567", 1234567),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1.234.567,89", 1234567.89),
        ("1 234,567", 1234.567),
    ],
)
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "1,23,456", "5,", "1e5", "٣", "1 23", "--4", "nan", "1.234,567.8"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InputError):
        parse_number(text)


@pytest.mark.parametrize("text", ["1.250", "1,250", "999,000"])
def test_a_number_with_two_readings_is_not_guessed(text: str) -> None:
    with pytest.raises(InputError, match="may mean"):
        parse_number(text)


@given(st.integers(-(10**12), 10**12), st.integers(0, 99), st.sampled_from([(",", "."), (".", ","), (" ", ","), ("\u202f", ".")]))
def test_grouped_numbers_come_back(whole: int, cents: int, marks: tuple[str, str]) -> None:
    group, decimal = marks
    text = f"{whole:,}".replace(",", group) + f"{decimal}{cents:02d}"
    assert math.isclose(parse_number(text), math.copysign(abs(whole) + cents / 100, whole), rel_tol=1e-12)


# --- stretch -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("required", "rates", "verdict"),
    [
        (0.31, [0.1, 0.02], "too far"),
        (0.3, [0.1, 0.02], "fits"),  # exactly 3× is not above it
        (0.1, [0.1], "fits"),  # exactly 1× is not below it
        (0.05, [0.1], "too easy"),
        (-0.31, [-0.1, 0.9], "too far"),  # for a falling target a rise is no record
        (-0.2, [-0.1], "fits"),
        (0.1, [0.0, -0.2], "too far"),
        (0.0, [0.1], "too easy"),
    ],
)
def test_stretch_in_the_direction_of_good(required: float, rates: list[float], verdict: str) -> None:
    found = stretch(required, rates)
    assert found is not None
    assert found.verdict == verdict


def test_stretch_is_unknown_without_history() -> None:
    assert stretch(0.3, []) is None
    assert stretch(None, [0.1]) is None
    assert stretch(0.3, [math.nan]) is None


def test_stretch_says_its_numbers() -> None:
    found = stretch(0.4, [0.1], "%")
    assert found is not None
    assert found.sentence == "needs 2.8 points a week, 4× the best rate so far of 0.7 points a week"
    never = stretch(1, [-1], "h")
    assert never is not None
    assert never.sentence == "needs 7\u00a0h a week, and no past value led towards the target"


@given(st.floats(1e-6, 1e6), st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(1e-3, 1e3))
def test_stretch_does_not_depend_on_unit_or_sign(required: float, rates: list[float], factor: float) -> None:
    one = stretch(required, rates)
    assert one is not None
    assume(math.isinf(one.ratio) or min(abs(one.ratio - 3), abs(one.ratio - 1)) > 1e-6)
    mirrored = stretch(-required, [-rate for rate in rates])
    scaled = stretch(required * factor, [rate * factor for rate in rates])
    assert mirrored is not None
    assert scaled is not None
    assert one.verdict == mirrored.verdict == scaled.verdict


def test_past_rates_look_at_weeks_not_at_moments() -> None:
    points = [Point(MONDAY + timedelta(days=7 * week), 10.0 * week) for week in range(3)]
    points.append(Point(points[-1].at + timedelta(minutes=1), 20.5))
    assert past_rates(points) == pytest.approx((10 / 7, 10.5 / 7), rel=1e-3)
    assert past_rates(points[:1]) == ()
    assert past_rates(points[:3]) == pytest.approx((10 / 7, 10 / 7))
