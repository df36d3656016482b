from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import State
from connector.domain.rollup import WORST_FIRST, Rollup, coverage_text, objective_progress, weakest_state
from connector.errors import InputError

shares = st.floats(0, 1)
weights = st.floats(0, 1e6)
families = st.lists(st.tuples(st.none() | shares, weights), max_size=12)


def test_mean_of_three_equal_weights() -> None:
    assert objective_progress([(1.0, 1), (0.0, 1), (0.0, 1)]).progress == pytest.approx(1 / 3)


def test_weights_count() -> None:
    assert objective_progress([(1.0, 3), (0.0, 1)]).progress == 0.75


def test_weight_zero_on_every_child_is_no_weighting() -> None:
    assert objective_progress([(0.5, 0), (1.0, 0)]) == Rollup(0.75, 2, 2)


def test_weight_zero_on_all_that_report_is_no_weighting_among_them() -> None:
    assert objective_progress([(0.5, 0), (1.0, 0), (None, 4)]) == Rollup(0.75, 2, 3)


def test_no_value_stays_out_of_the_mean_and_shows_in_the_coverage() -> None:
    rollup = objective_progress([(0.4, 1), (0.6, 1), (None, 1)])
    assert rollup.progress == pytest.approx(0.5)
    assert coverage_text(rollup) == "2 of 3 reporting"


def test_nothing_reports_is_unknown_not_zero() -> None:
    assert objective_progress([(None, 1), (None, 2)]) == Rollup(None, 0, 2)
    assert coverage_text(objective_progress([])) == "not measurable yet"


@pytest.mark.parametrize("child", [(0.5, -1.0), (0.5, math.nan), (0.5, math.inf), (math.nan, 1.0), (None, -1.0)])
def test_numbers_that_cannot_be_meant_are_refused(child: tuple[float | None, float]) -> None:
    with pytest.raises(InputError):
        objective_progress([(0.5, 1.0), child])


@given(families, st.randoms())
def test_order_does_not_matter_to_the_last_bit(children: list[tuple[float | None, float]], random: object) -> None:
    expected = objective_progress(children)
    shuffled = list(children)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert objective_progress(shuffled) == expected


@given(families)
def test_the_mean_lies_between_its_children_and_unknown_adds_nothing(children: list[tuple[float | None, float]]) -> None:
    rollup = objective_progress(children)
    known = [progress for progress, _ in children if progress is not None]
    assert (rollup.reporting, rollup.total) == (len(known), len(children))
    assert (rollup.progress is None) == (not known)
    if rollup.progress is not None:
        assert min(known) <= rollup.progress <= max(known)
    more = objective_progress([*children, (None, 5.0)])
    assert more.progress == rollup.progress


@given(st.floats(0, 1), st.lists(st.floats(5e-324, 1.7e308), min_size=1, max_size=5))
def test_equal_children_give_their_value_at_any_weight(progress: float, some: list[float]) -> None:
    assert objective_progress([(progress, weight) for weight in some]).progress == progress


def test_weakest_state() -> None:
    assert set(WORST_FIRST) == set(State)
    assert weakest_state([State.ON_TRACK, State.NO_DATA]) is State.NO_DATA
    assert weakest_state([State.ON_TRACK, State.STALLED, State.AT_RISK, State.OVERDUE]) is State.AT_RISK
    assert weakest_state([State.OVERDUE, State.DATA_LATE, State.ON_TRACK]) is State.OVERDUE
    assert weakest_state([State.CLOSED, State.ON_TRACK]) is State.ON_TRACK
    assert weakest_state([State.CLOSED, State.CLOSED]) is State.CLOSED
    assert weakest_state([]) is State.NO_DATA
