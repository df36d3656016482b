"""Wild values (S15): what is usual, what is held, and what passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Definition, Kind, Milestone
from connector.domain.signals.jump import Told, jump, near, usual_change

SIGN_UPS = Definition(start=0, target=500)


def history(*values: float, items: int | None = 10) -> list[Told]:
    return [Told(value, items) for value in values]


GROWING = history(300, 310, 320, 330, 340)


def test_more_than_four_times_the_usual_change_is_held() -> None:
    assert jump(SIGN_UPS, 380, 10, 340, GROWING) is None
    assert jump(SIGN_UPS, 430, 10, 340, GROWING) == "value 430 held back: 9× the usual change; is it right?"
    assert jump(SIGN_UPS, 250, 10, 340, GROWING) == "value 250 held back: 9× the usual change; is it right?"


@pytest.mark.parametrize(("items", "held"), [(15, True), (14, False), (5, True), (6, False), (None, False)])
def test_half_of_the_items_more_or_less_are_held(items: int | None, held: bool) -> None:
    assert (jump(SIGN_UPS, 350, items, 340, GROWING) is not None) == held


def test_few_items_come_and_go() -> None:
    few = history(300, 310, 320, 330, 340, items=2)
    assert jump(SIGN_UPS, 350, 4, 340, few) is None
    assert jump(SIGN_UPS, 350, 5, 340, few) is not None


def test_a_history_is_needed() -> None:
    assert jump(SIGN_UPS, 500, 10, 340, GROWING[1:]) is None
    assert jump(SIGN_UPS, 500, 10, 340, history(340, 340, 340, 340, 340)) is None  # nothing usual to compare with
    assert usual_change(history(1, 1, 2, 2, 3)) is None
    assert usual_change(history(1, 2, 3, 5)) == 1


def test_what_the_owner_has_said_or_nobody_sees_passes() -> None:
    assert jump(SIGN_UPS, 480, 10, 478, GROWING) is None  # the owner said 478
    assert jump(SIGN_UPS, 340, 30, 340, GROWING) is None  # the same number of other items
    slow = history(340, 340.1, 340.2, 340.3, 340.4)
    assert jump(SIGN_UPS, 344, 10, 340.4, slow) is None  # below what counts as movement


def test_steps_are_never_held() -> None:
    assert jump(Definition(Kind.YES_NO), 1, 10, 0, history(0, 0, 0, 0, 0)) is None
    steps = Definition(Kind.MILESTONES, milestones=(Milestone("a"), Milestone("b")))
    assert jump(steps, 1, 10, 0, history(0, 0.1, 0.2, 0.3, 0.4)) is None


def test_near_a_refused_value_is_within_the_usual() -> None:
    assert near(800, 800, GROWING)
    assert near(840, 800, GROWING)
    assert not near(841, 800, GROWING)
    assert near(800, 800, [])


@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=12), st.floats(-1e6, 1e6))
def test_what_is_held_is_far_from_both_numbers(values: list[float], value: float) -> None:
    told = history(*values)
    said = jump(SIGN_UPS, value, 10, values[-1], told)
    usual = usual_change(told)
    assert said is None or (usual is not None and abs(value - values[-1]) > 4 * usual)
