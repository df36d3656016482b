"""When reviews are: days, holidays, locks, and every way in which clocks on walls can be odd."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.domain.model import Cadence
from connector.domain.review_calendar import Occurrence, Schedule, occurrences, years_of
from connector.domain.rhythm import Holidays

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "UTC", "Asia/Kathmandu")


def schedule(**changes: Any) -> Schedule:
    """Thursdays at 10:00 in Berlin, locked the working day before at 16:00."""
    usual: dict[str, Any] = {"weekday": 3, "at": time(10), "cadence": Cadence.WEEKLY, "zone": BERLIN, "lock_time": time(16)}
    return Schedule(**{**usual, **changes})


def between(wanted: Schedule, start: date, end: date) -> list[Occurrence]:
    return list(occurrences(wanted, start, end))


def only(wanted: Schedule, day: date) -> Occurrence:
    [found] = between(wanted, day, day)
    return found


def local(moment: datetime, zone: str | ZoneInfo = BERLIN) -> str:
    return f"{moment.astimezone(ZoneInfo(zone) if isinstance(zone, str) else zone):%a %Y-%m-%d %H:%M}"


def test_every_thursday_locked_on_wednesday() -> None:
    found = between(schedule(), date(2026, 11, 16), date(2026, 12, 3))
    assert [(local(each.lock_at), local(each.starts_at)) for each in found] == [
        ("Wed 2026-11-18 16:00", "Thu 2026-11-19 10:00"),
        ("Wed 2026-11-25 16:00", "Thu 2026-11-26 10:00"),
        ("Wed 2026-12-02 16:00", "Thu 2026-12-03 10:00"),
    ]
    assert all(each.starts_at.tzinfo is UTC for each in found)


def test_a_monday_review_is_locked_on_friday_and_a_sunday_one_too() -> None:
    assert local(only(schedule(weekday=0), date(2026, 11, 23)).lock_at) == "Fri 2026-11-20 16:00"
    assert local(only(schedule(weekday=6), date(2026, 11, 22)).lock_at) == "Fri 2026-11-20 16:00"
    assert local(only(schedule(weekday=0, lock_days=2), date(2026, 11, 23)).lock_at) == "Thu 2026-11-19 16:00"
    assert local(only(schedule(weekday=0, lock_days=0, lock_time=time(8)), date(2026, 11, 23)).lock_at) == "Mon 2026-11-23 08:00"


def test_where_friday_and_saturday_are_off_the_lock_is_on_neither() -> None:
    free = Holidays.of({date(2026, 11, 26)}, frozenset({4, 5}))  # a Thursday
    sunday, monday, thursday = date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 26)
    assert local(only(schedule(weekday=6, holidays=free), sunday).lock_at) == "Thu 2026-11-19 16:00"
    assert local(only(schedule(weekday=0, holidays=free), monday).lock_at) == "Sun 2026-11-22 16:00"
    assert local(only(schedule(weekday=0, holidays=free, lock_days=2), monday).lock_at) == "Thu 2026-11-19 16:00"
    assert only(schedule(holidays=free), thursday).is_on == date(2026, 11, 29)  # the next working day is a Sunday


def test_a_holiday_moves_the_review_later_and_the_lock_earlier() -> None:
    thursday, friday, wednesday = date(2026, 11, 26), date(2026, 11, 27), date(2026, 11, 25)
    on_the_day = only(schedule(holidays={thursday}), thursday)
    assert (on_the_day.day, on_the_day.is_on) == (thursday, friday)
    assert local(on_the_day.lock_at) == "Wed 2026-11-25 16:00"  # the working day before Friday, as Thursday is none
    both = only(schedule(holidays={thursday, friday}), thursday)
    assert (local(both.starts_at), local(both.lock_at)) == ("Mon 2026-11-30 10:00", "Wed 2026-11-25 16:00")
    lock_day = only(schedule(holidays={wednesday}), thursday)
    assert (local(lock_day.starts_at), local(lock_day.lock_at)) == ("Thu 2026-11-26 10:00", "Tue 2026-11-24 16:00")


def test_a_week_of_holidays_does_not_put_two_reviews_into_one_slot() -> None:
    golden = {date(2026, 10, 1) + timedelta(days=number) for number in range(8)}
    found = between(schedule(holidays=golden), date(2026, 9, 24), date(2026, 10, 15))
    assert [each.is_on for each in found] == [date(2026, 9, 24), date(2026, 9, 30), date(2026, 10, 9), date(2026, 10, 15)]


def test_fortnights_keep_their_weeks_over_the_turn_of_the_year() -> None:
    every = schedule(cadence=Cadence.FORTNIGHTLY, first_on=date(2026, 11, 17))  # a Tuesday: the week counts
    found = [each.day for each in between(every, date(2026, 11, 1), date(2027, 1, 31))]
    assert found == [date(2026, 11, 19), date(2026, 12, 3), date(2026, 12, 17), date(2026, 12, 31), date(2027, 1, 14), date(2027, 1, 28)]
    # 2026 has 53 weeks; who counts even weeks would meet twice in a row.
    assert found[3].isocalendar().week == 53


def test_nothing_is_before_the_first_week_and_without_one_fortnights_are_the_same_for_every_window() -> None:
    assert between(schedule(first_on=date(2026, 12, 4)), date(2026, 11, 1), date(2026, 12, 4))[0].day == date(2026, 12, 3)
    free = schedule(cadence=Cadence.FORTNIGHTLY)
    whole = {each.day for each in between(free, date(2026, 1, 1), date(2026, 12, 31))}
    parts = {each.day for month in range(1, 12) for each in between(free, date(2026, month, 1), date(2026, month + 1, 14))}
    assert parts == {day for day in whole if day <= date(2026, 12, 14)}


def test_the_wall_time_stays_when_summer_time_begins_and_ends() -> None:
    sundays = between(schedule(weekday=0), date(2026, 3, 23), date(2026, 3, 30))
    assert [f"{each.starts_at:%H:%M}" for each in sundays] == ["09:00", "08:00"]
    autumn = between(schedule(weekday=0), date(2026, 10, 19), date(2026, 10, 26))
    assert [f"{each.starts_at:%H:%M}" for each in autumn] == ["08:00", "09:00"]


@pytest.mark.parametrize(
    ("zone", "day", "at", "held", "utc"),
    [
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), "Sun 2026-03-29 03:30", "01:30"),  # does not exist
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), "Sun 2026-10-25 02:30", "00:30"),  # twice: the first
        ("America/New_York", date(2026, 3, 8), time(2, 30), "Sun 2026-03-08 03:30", "07:30"),
        ("America/New_York", date(2026, 11, 1), time(1, 30), "Sun 2026-11-01 01:30", "05:30"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "Sun 2026-10-04 02:45", "15:45"),  # half an hour is left out
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), "Sun 2026-04-05 01:45", "14:45"),
    ],
)
def test_times_that_do_not_exist_or_come_twice(zone: str, day: date, at: time, held: str, utc: str) -> None:
    found = only(schedule(weekday=6, at=at, zone=ZoneInfo(zone)), day)
    assert local(found.starts_at, zone) == held
    assert f"{found.starts_at:%H:%M}" == utc
    assert found.lock_at < found.starts_at


def test_a_day_that_a_zone_left_out_is_a_holiday() -> None:
    apia = schedule(weekday=4, zone=ZoneInfo("Pacific/Apia"))  # Friday, 30 Dec 2011 never was
    found = only(apia, date(2011, 12, 30))
    assert local(found.starts_at, "Pacific/Apia") == "Mon 2012-01-02 10:00"
    assert local(found.lock_at, "Pacific/Apia") == "Thu 2011-12-29 16:00"


def test_a_lock_in_the_hour_that_is_left_out_stays_before_its_review() -> None:
    found = only(schedule(weekday=6, at=time(3, 10), lock_days=0, lock_time=time(2, 50)), date(2026, 3, 29))
    assert found.starts_at - found.lock_at == timedelta(minutes=20)


def test_the_holidays_of_the_neighbouring_year_are_asked_for() -> None:
    assert list(years_of(date(2026, 1, 4), date(2026, 12, 20))) == [2025, 2026, 2027]
    assert list(years_of(date(2026, 6, 1), date(2026, 7, 1))) == [2026]


days = st.dates(date(2011, 1, 1), date(2035, 12, 31))
times = st.times(min_value=time(0), max_value=time(23, 59)).map(lambda each: each.replace(second=0, microsecond=0))


@st.composite
def schedules(draw: Any) -> tuple[Schedule, date, date]:
    start = draw(days)
    end = start + timedelta(days=draw(st.integers(0, 120)))
    lock_days, at, lock_time = draw(st.integers(0, 4)), draw(times), draw(times)
    if lock_days == 0 and lock_time >= at:
        at, lock_time = (time(23, 59), time(0)) if lock_time == at else (lock_time, at)
    free = draw(st.sets(st.integers(-20, 140), max_size=25))
    wanted = Schedule(
        draw(st.integers(0, 6)),
        at,
        draw(st.sampled_from(Cadence)),
        ZoneInfo(draw(st.sampled_from(ZONES))),
        lock_time,
        lock_days,
        draw(st.none() | days),
        frozenset(start + timedelta(days=number) for number in free),
    )
    return wanted, start, end


GAP = Schedule(6, time(2, 55), Cadence.WEEKLY, BERLIN, time(2, 50), 0)


@given(schedules())
@example((GAP, date(2026, 3, 29), date(2026, 3, 29)))
def test_whatever_the_schedule_locks_come_first_and_wall_times_stay(case: tuple[Schedule, date, date]) -> None:
    wanted, start, end = case
    found = between(wanted, start, end)
    for each in found:
        assert each.lock_at < each.starts_at
        assert start <= each.day <= end
        assert each.is_on not in wanted.holidays
        assert each.day.weekday() == wanted.weekday
        assert each.is_on == each.day or each.is_on.weekday() < 5
        shown = each.starts_at.astimezone(wanted.zone)
        exists = datetime.combine(each.is_on, wanted.at, tzinfo=wanted.zone).astimezone(UTC).astimezone(wanted.zone)
        assert shown.replace(fold=0) == exists.replace(fold=0)
        if exists.replace(tzinfo=None) == datetime.combine(each.is_on, wanted.at):
            assert (shown.date(), shown.time().replace(fold=0)) == (each.is_on, wanted.at)
    gap = 14 if wanted.cadence is Cadence.FORTNIGHTLY else 7
    assert all((later.day - earlier.day).days == gap for earlier, later in pairwise(found))
    if wanted.first_on is None or wanted.first_on <= start - timedelta(days=14):
        assert len(found) >= ((end - start).days + 1) // gap


@given(schedules(), st.integers(0, 60))
def test_a_review_is_the_same_from_whatever_day_one_looks(case: tuple[Schedule, date, date], later: int) -> None:
    wanted, start, end = case
    after = start + timedelta(days=later)
    assert between(wanted, after, end) == [each for each in between(wanted, start, end) if each.day >= after]
