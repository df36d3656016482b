from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Cadence, Cycle, Definition, Kind, PhasedTarget
from connector.domain.rhythm import due_by, expected, is_overdue, missed_check_ins, parse_cadence, start_of_day, working_days
from connector.errors import InputError

OSLO = ZoneInfo("Europe/Oslo")
HUNDRED = Cycle("hundred", date(2026, 1, 5), date(2026, 5, 22))  # 20 weeks of five working days
days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def test_working_days_count_both_ends_and_leave_out_holidays() -> None:
    assert working_days(date(2026, 11, 16), date(2026, 11, 22)) == 5
    assert working_days(date(2026, 11, 21), date(2026, 11, 22)) == 0
    assert working_days(date(2026, 11, 20), date(2026, 11, 23)) == 2
    assert working_days(date(2026, 12, 21), date(2026, 12, 27), frozenset({date(2026, 12, 25), date(2026, 12, 26)})) == 4
    assert working_days(date(2026, 11, 23), date(2026, 11, 22)) == 0


@given(days, days)
def test_working_days_equal_a_plain_count(start: date, end: date) -> None:
    plain = sum((start + timedelta(offset)).weekday() < 5 for offset in range((end - start).days + 1))
    assert working_days(start, end) == plain


def test_day_forty_of_a_hundred_expects_forty_per_cent() -> None:
    fortieth = date(2026, 2, 27)  # the Friday of week eight
    plan = expected(HUNDRED, fortieth)
    assert (plan.day, plan.days) == (40, 100)
    assert plan.value == 0.40
    assert not plan.too_early


def test_too_early_ends_at_ten_per_cent() -> None:
    assert expected(HUNDRED, date(2026, 1, 15)).too_early  # day 9
    tenth = expected(HUNDRED, date(2026, 1, 16))
    assert (tenth.day, tenth.too_early) == (10, False)


def test_before_and_after_the_cycle() -> None:
    before, after = expected(HUNDRED, date(2026, 1, 1)), expected(HUNDRED, date(2026, 7, 1))
    assert (before.value, before.too_early) == (0.0, True)
    assert (after.value, after.too_early) == (1.0, False)


def test_bounds_and_yes_no_have_no_pace() -> None:
    for kind in (Kind.AT_LEAST, Kind.AT_MOST, Kind.BETWEEN, Kind.YES_NO):
        assert expected(HUNDRED, date(2026, 2, 27), Definition(kind=kind, target=1)).value is None
    assert expected(HUNDRED, date(2026, 2, 27), Definition(kind=Kind.MILESTONES)).value == 0.40


def test_phased_targets_interpolate_instead() -> None:
    phased = Definition(start=0, target=100, phased_targets=(PhasedTarget(date(2026, 2, 27), 10), PhasedTarget(date(2026, 4, 24), 80)))
    assert expected(HUNDRED, date(2026, 2, 27), phased).value == pytest.approx(0.10)
    assert expected(HUNDRED, date(2026, 1, 30), phased).value == pytest.approx(0.05)  # half way to the first
    assert expected(HUNDRED, date(2026, 3, 27), phased).value == pytest.approx(0.45)  # half way between
    assert expected(HUNDRED, date(2026, 5, 8), phased).value == pytest.approx(0.90)  # half way from the last to the target
    assert expected(HUNDRED, date(2026, 6, 1), phased).value == 1.0
    assert expected(HUNDRED, date(2025, 12, 1), phased).value == 0.0


def test_a_cycle_of_weekend_days_counts_calendar_days() -> None:
    weekend = Cycle("weekend", date(2026, 11, 21), date(2026, 11, 22))
    assert expected(weekend, date(2026, 11, 21)).value == 0.5


@given(days, days)
def test_expectation_stays_in_bounds_and_never_falls(one: date, other: date) -> None:
    early, late = sorted((one, other))
    first, second = expected(HUNDRED, early).value, expected(HUNDRED, late).value
    assert first is not None
    assert second is not None
    assert 0.0 <= first <= second <= 1.0


def test_due_after_one_cadence_and_one_working_day() -> None:
    monday = datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert due_by(Cadence.WEEKLY, monday, UTC) == datetime(2026, 11, 10, 9, tzinfo=UTC)
    assert due_by(Cadence.FORTNIGHTLY, monday, UTC) == datetime(2026, 11, 17, 9, tzinfo=UTC)
    friday = datetime(2026, 11, 6, 9, tzinfo=UTC)
    assert due_by(Cadence.WEEKLY, friday, UTC) == datetime(2026, 11, 16, 9, tzinfo=UTC)
    assert due_by(Cadence.WEEKLY, friday, UTC, frozenset({date(2026, 11, 16)})) == datetime(2026, 11, 17, 9, tzinfo=UTC)


def test_due_keeps_the_local_time_over_the_change_from_summer_time() -> None:
    last = datetime(2026, 10, 21, 9, tzinfo=OSLO)
    assert due_by(Cadence.WEEKLY, last, OSLO) == datetime(2026, 10, 29, 9, tzinfo=OSLO)


def test_exactly_due_is_on_time() -> None:
    monday = datetime(2026, 11, 2, 9, tzinfo=UTC)
    due = datetime(2026, 11, 10, 9, tzinfo=UTC)
    assert not is_overdue(Cadence.WEEKLY, monday, due, UTC)
    assert is_overdue(Cadence.WEEKLY, monday, due + timedelta(seconds=1), UTC)


def test_a_fortnightly_team_is_not_late_in_a_weekly_view() -> None:
    monday, ten_days_on = datetime(2026, 11, 2, 9, tzinfo=UTC), datetime(2026, 11, 12, 9, tzinfo=UTC)
    assert is_overdue(Cadence.WEEKLY, monday, ten_days_on, UTC)
    assert not is_overdue(Cadence.FORTNIGHTLY, monday, ten_days_on, UTC)


@pytest.mark.parametrize(("day", "missed"), [(9, 0), (10, 0), (11, 1), (17, 1), (18, 2), (25, 3)])
def test_missed_check_ins_in_a_row(day: int, missed: int) -> None:
    monday = datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert missed_check_ins(Cadence.WEEKLY, monday, datetime(2026, 11, day, 9, tzinfo=UTC), UTC) == missed


@pytest.mark.parametrize("text", ["weekly", " Weekly ", "every week", "7 days", "1 week", "7"])
def test_weekly(text: str) -> None:
    assert parse_cadence(text) is Cadence.WEEKLY


@pytest.mark.parametrize("text", ["fortnightly", "2 weeks", "every 14 days", "biweekly"])
def test_fortnightly(text: str) -> None:
    assert parse_cadence(text) is Cadence.FORTNIGHTLY


@pytest.mark.parametrize("text", ["monthly", "Monthly", "28 days", "4 weeks", "30d", "every month", "quarterly"])
def test_monthly_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InputError, match="too late") as caught:
        parse_cadence(text)
    assert caught.value.where == "cadence"


@pytest.mark.parametrize("text", ["", "daily", "10 days", "often", "0"])
def test_other_cadences_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="choose weekly or fortnightly"):
        parse_cadence(text)


def test_start_of_day_is_local_midnight() -> None:
    assert start_of_day(datetime(2026, 11, 18, 23, 30, tzinfo=UTC), OSLO) == datetime(2026, 11, 18, 23, tzinfo=UTC)
