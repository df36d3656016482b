"""Counted nights, weeks of work, their ratio to the usual, and the lag after which work shows (S6)."""

from __future__ import annotations

from datetime import date, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.activity import LEARNED_FROM, LONGEST_LAG, Counted, Night, learned_lag, ratio, weekly

TODAY = date(2026, 11, 18)


def counts(*weeks: int, until: date = TODAY, started: bool = False, points: bool = False) -> Counted:
    """Done items at the end of each week, the first a base of 100."""
    found, total = {}, 100
    for place in range(len(weeks) + 1):
        total += weeks[place - 1] if place else 0
        day = until - timedelta(weeks=len(weeks) - place)
        in_points = (900.0, 3.0 * total) if points else (None, None)
        found[day] = Night(300, total, 4 * place if started else None, *in_points)
    return Counted(found)


def done(counted: Counted) -> list[float]:
    return [week.done for week in weekly(counted, TODAY)[0]]


def test_weeks_of_work_against_the_usual() -> None:
    weeks = done(counts(8, 9, 8, 10, 16, 18))
    assert weeks == [8, 9, 8, 10, 16, 18]
    assert ratio(weeks) == pytest.approx(17 / 8.5)


@pytest.mark.parametrize(("weeks", "found"), [((), None), ((16, 18), None), ((0, 0, 0), 0.0), ((0, 2, 0), inf), ((8, 3, 2), 2.5 / 8)])
def test_too_little_history_has_no_ratio_and_nothing_before_is_without_bound(weeks: tuple[int, ...], found: float | None) -> None:
    assert ratio(weeks) == (None if found is None else pytest.approx(found))


def test_only_the_unbroken_run_of_counted_nights_counts() -> None:
    told = dict(counts(8, 9, 8, 10, 16, 18).nights)
    del told[TODAY - timedelta(weeks=3)]
    assert done(Counted(told)) == [16, 18]
    assert done(counts(5, 5, until=TODAY - timedelta(days=1))) == [5, 5]  # tonight was not counted yet
    assert done(counts(5, 5, until=TODAY - timedelta(days=2))) == []


def test_reopened_work_never_counts_below_nothing() -> None:
    assert done(counts(5, -9, 3)) == [5, 0, 3]


def test_what_was_started_counts_a_quarter_where_it_is_known() -> None:
    assert [week.index for week in weekly(counts(8, 8, started=True), TODAY)[0]] == [
        8 + 0.25 * 12,
        8 + 0.25 * 12,
    ]  # done work was started too
    assert [week.index for week in weekly(counts(8, 8), TODAY)[0]] == [8, 8]


def test_points_count_only_where_every_night_knows_them() -> None:
    weeks, points = weekly(counts(8, 9, points=True), TODAY)
    assert ([week.done for week in weeks], points) == ([24, 27], True)
    mixed = dict(counts(8, 9, points=True).nights)
    mixed[TODAY] = Night(300, 117)
    weeks, points = weekly(Counted(mixed), TODAY)
    assert ([week.done for week in weeks], points) == ([8, 9], False)


@pytest.mark.parametrize("lag", range(LONGEST_LAG + 1))
def test_the_lag_is_the_one_after_which_the_value_follows_the_work(lag: int) -> None:
    work = [3.0, 9, 1, 7, 12, 2, 5, 14, 4, 8, 1, 10, 6, 13]
    changes: list[float | None] = [None] * lag + [each / 100 for each in work[: len(work) - lag]]
    assert learned_lag(work, changes) == lag


def test_a_lag_is_not_learned_from_few_weeks_or_from_what_does_not_follow() -> None:
    work = [3.0, 9, 1, 7, 12, 2, 5, 14, 4]
    assert learned_lag(work, [each / 100 for each in work]) is None
    assert learned_lag([5.0] * LEARNED_FROM, [0.1] * LEARNED_FROM) is None
    assert learned_lag([*work, 3.0], [None] * LEARNED_FROM) is None


@given(st.lists(st.integers(0, 500), max_size=8))
def test_a_ratio_is_never_negative(weeks: list[int]) -> None:
    found = ratio(weeks)
    assert (found is None) == (len(weeks) < 3)
    assert found is None or found >= 0


@given(st.lists(st.floats(0, 1e6), min_size=10, max_size=20))
def test_a_learned_lag_is_within_its_bounds(weeks: list[float]) -> None:
    changes = [each / 1e6 for each in weeks]
    found = learned_lag(weeks, changes)
    assert found is None or 0 <= found <= LONGEST_LAG
