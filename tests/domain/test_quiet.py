"""Quiet hours: nights by the person's own clock, and whole weekends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.quiet import is_quiet, parse_quiet_hours, reachable_from
from connector.errors import InputError

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
times = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))


@pytest.mark.parametrize("text", ["20:00", "25:00-07:00", "20:00-20:00", "8pm-7am", "20:00-07:60"])
def test_what_is_no_span_of_hours_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="20:00-07:00"):
        parse_quiet_hours(text)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-18T19:59", "2026-11-18T19:59"),
        ("2026-11-18T20:00", "2026-11-19T07:00"),
        ("2026-11-19T06:59", "2026-11-19T07:00"),
        ("2026-11-20T21:00", "2026-11-23T07:00"),  # a Friday
        ("2026-11-22T12:00", "2026-11-23T07:00"),
        ("2026-10-24T23:00", "2026-10-26T07:00"),  # the night in which clocks change
    ],
)
def test_messages_wait_for_the_morning_of_a_working_day(moment: str, until: str) -> None:
    zone, hours = ZoneInfo("Europe/Berlin"), parse_quiet_hours("20:00-07:00")
    local = datetime.fromisoformat(moment).replace(tzinfo=zone)
    assert reachable_from(hours, local.astimezone(UTC), zone) == datetime.fromisoformat(until).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-19T21:00", "2026-11-22T07:00"),  # a Thursday
        ("2026-11-20T12:00", "2026-11-22T07:00"),
        ("2026-11-22T12:00", "2026-11-22T12:00"),
    ],
)
def test_a_weekend_of_friday_and_saturday_is_left_in_peace_and_its_sunday_is_a_working_day(moment: str, until: str) -> None:
    zone, hours = ZoneInfo("Asia/Riyadh"), parse_quiet_hours("20:00-07:00")
    local = datetime.fromisoformat(moment).replace(tzinfo=zone)
    reachable = reachable_from(hours, local.astimezone(UTC), zone, {4, 5})
    assert reachable == datetime.fromisoformat(until).replace(tzinfo=zone)


def test_hours_within_a_day_and_none_at_all() -> None:
    noon = datetime(2026, 11, 18, 12, 30, tzinfo=UTC)
    assert reachable_from(parse_quiet_hours("12:00-13:00"), noon, UTC) == datetime(2026, 11, 18, 13, tzinfo=UTC)
    sunday = datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert reachable_from(parse_quiet_hours("12:00-13:00"), sunday, UTC) == datetime(2026, 11, 23, tzinfo=UTC)
    assert reachable_from(parse_quiet_hours(""), sunday, UTC) == sunday


@given(
    st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]),
    st.integers(0, 2 * 365 * 24 * 60),
    st.sampled_from(ZONES),
)
def test_whoever_waits_is_reachable_then_and_not_before(pair: tuple[str, str], minutes: int, name: str) -> None:
    zone, moment, hours = ZoneInfo(name), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), parse_quiet_hours("-".join(pair))
    until = reachable_from(hours, moment, zone)
    assert not is_quiet(hours, until, zone)
    assert moment <= until <= moment + timedelta(days=4)
    if until > moment:
        assert is_quiet(hours, moment, zone)
