"""Done work against a value that stands still: weekly counts, their ratio, and the judgement (S6)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.activity import busy_not_moving, ratio, sample_days, weekly

TODAY = date(2026, 11, 18)
LEAST = 0.025


def counts(*weeks: int, until: date = TODAY) -> dict[date, int]:
    """Done items at the end of each week, the first a base of 100."""
    total, found = 100, {until - timedelta(weeks=len(weeks)): 100}
    for place, done in enumerate(weeks, 1):
        total += done
        found[until - timedelta(weeks=len(weeks) - place)] = total
    return found


def test_rising_activity_against_a_flat_value_is_busy_not_moving() -> None:
    weeks = weekly(counts(8, 9, 8, 10, 16, 18), TODAY)
    assert weeks == (8, 9, 8, 10, 16, 18)
    assert ratio(weeks) == pytest.approx(17 / 8.5)
    assert busy_not_moving(weeks, 0.0, LEAST) is True
    assert busy_not_moving(weeks, 0.1, LEAST) is False  # the work is paying


@pytest.mark.parametrize(("weeks", "judged"), [((16, 18), None), ((), None), ((8, 3, 2), False), ((0, 0, 0), False), ((0, 2, 0), True)])
def test_too_little_history_is_not_judged_and_no_work_is_not_busy(weeks: tuple[int, ...], judged: bool | None) -> None:
    assert busy_not_moving(weeks, 0.0, LEAST) is judged


def test_an_unknown_change_is_not_judged() -> None:
    assert busy_not_moving((8, 9, 16, 18), None, LEAST) is None


def test_only_the_unbroken_run_of_counted_nights_counts() -> None:
    told = counts(8, 9, 8, 10, 16, 18)
    del told[TODAY - timedelta(weeks=3)]
    assert weekly(told, TODAY) == (10, 16, 18)[1:]
    assert weekly(counts(5, 5, until=TODAY - timedelta(days=1)), TODAY) == (5, 5)  # tonight was not counted yet
    assert weekly(counts(5, 5, until=TODAY - timedelta(days=2)), TODAY) == ()


def test_reopened_items_never_count_below_nothing() -> None:
    assert weekly(counts(5, -9, 3), TODAY) == (5, 0, 3)


def test_the_sampled_days_are_those_that_are_looked_at() -> None:
    days = sample_days(TODAY)
    assert len(days) == len(set(days)) == 18
    assert days == tuple(sorted(days))
    assert days[-1] == TODAY


@given(st.lists(st.integers(0, 500), max_size=8))
def test_a_ratio_is_never_negative(weeks: list[int]) -> None:
    found = ratio(tuple(weeks))
    assert (found is None) == (len(weeks) < 3)
    assert found is None or found >= 0
