"""Words that say that work is held up, the clock of working days, and how much of what is left waits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.rhythm import after_working_days
from connector.domain.signals import blocked as b
from connector.domain.signals.blocked import Work

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["Blocked", "blocked ", "Is blocked?", "Blockiert", "Bloqué", "Bloqueado", "Impediment", "Blocked by legal"]
)
def test_names_that_say_so(name: str) -> None:
    assert b.says_blocked(name)


@pytest.mark.parametrize("name", ["Unblocked", "Not blocked", "Nicht blockiert", "Blocks", "Blocking", "In Progress", "On hold", "", None])
def test_names_that_do_not(name: str | None) -> None:
    assert not b.says_blocked(name)


@pytest.mark.parametrize(
    ("words", "waits"),
    [
        ("is blocked by", True),
        ("wird blockiert von", True),
        ("est bloqué par", True),
        ("This work item is blocked by HARB-7", True),
        ("blocks", False),
        ("is blocking", False),
        ("This issue blocks HARB-7", False),
        ("relates to", False),
        ("depends on", False),
        ("blockiert", False),
    ],
)
def test_links_are_known_by_how_their_holder_reads_them(words: str, waits: bool) -> None:
    assert b.says_blocked_by(words) is waits


def test_two_working_days_skip_weekends_and_holidays_and_keep_the_wall_clock() -> None:
    assert b.stands_long_enough(MONDAY, MONDAY + timedelta(days=2), UTC)
    assert not b.stands_long_enough(MONDAY, MONDAY + timedelta(days=2, seconds=-1), UTC)
    friday = MONDAY + timedelta(days=4)
    assert after_working_days(friday, 2, UTC) == MONDAY + timedelta(days=8)
    assert after_working_days(friday, 2, UTC, {date(2026, 11, 23)}) == MONDAY + timedelta(days=9)
    assert after_working_days(MONDAY, 3, UTC) == MONDAY + timedelta(days=3)  # Thursday 09:00
    saturday = MONDAY + timedelta(days=5)
    assert after_working_days(saturday, 1, UTC) == datetime(2026, 11, 24, 0, tzinfo=UTC)
    before_summer = datetime(2026, 3, 27, 9, tzinfo=BERLIN)
    assert after_working_days(before_summer, 1, BERLIN).astimezone(BERLIN).hour == 9


@given(st.integers(0, 3 * 365 * 24 * 60), st.integers(0, 30))
def test_the_clock_runs_forward_and_never_ends_on_a_day_off(minutes: int, days: int) -> None:
    later = after_working_days(moment := MONDAY + timedelta(minutes=minutes), days, UTC)
    assert later >= moment
    assert after_working_days(moment, days + 1, UTC) > later
    assert later.weekday() < 5


def work(place: str, points: float | None = None, epic: str = "") -> Work:
    return Work(place, place, points, epic)


def test_the_share_is_of_points_and_of_items_where_there_are_none() -> None:
    assert b.share_held([], []) is None
    assert b.share_held([work("a", 8), work("b", 2)], {"b"}) == 0.2
    assert b.share_held([work("a"), work("b"), work("c"), work("d")], {"b"}) == 0.25
    assert b.share_held([work("a", 0), work("b", 0)], {"b"}) == 0.5
    assert b.share_held([work("a", 5), work("b")], {"b"}) == 0.0  # an item without a number weighs nothing beside points


def test_it_is_worth_saying_from_a_fifth_on_or_on_the_last_open_epic() -> None:
    many = [work(str(number), epic="e1" if number < 5 else "e2") for number in range(10)]
    assert not b.is_worth_saying(many, {"1"}, 0.1)
    assert b.is_worth_saying(many, {"1", "2"}, 0.2)
    assert b.is_worth_saying(many[:5], {"1"}, 0.1)  # the other epic is done
    assert not b.is_worth_saying([work("a"), work("b")], set(), 0.0)


def test_what_is_said() -> None:
    flag = {
        "flag": True,
        "status": "Blocked",
        "links": [{"ref": "1", "key": "HARB-9", "done": False}, {"ref": "2", "key": "", "done": None}],
    }
    held = [Work("a", "HARB-151 Picker", blocked=flag), Work("b", "HARB-2 Other", blocked={"flag": True})]
    assert b.sentence(held) == "HARB-151 Picker: flagged, status “Blocked”, waits for HARB-9 (and 1 more)"
    many = {"links": [{"ref": str(n), "key": f"HARB-{n}", "done": False} for n in range(4)]}
    assert b.why(many) == "waits for HARB-0, HARB-1 and 2 other items"
    told = b.seen("kr", "HARB-151 Picker: flagged", MONDAY, 0.31, UTC)
    assert told.kind == b.KIND
    assert told.sentence == "HARB-151 Picker: flagged, since 16 Nov; 31\u00a0% of what is left waits. Is it in the way?"
    assert b.seen("kr", "picker: flagged.", MONDAY, None, UTC).sentence == "Picker: flagged, since 16 Nov. Is it in the way?"


def test_unknown_links_hold_nobody_up() -> None:
    assert not b.is_held(None)
    assert not b.is_held({"flag": False, "status": None, "links": [{"done": None}, {"done": True}]})
    assert b.is_held({"flag": False, "status": None, "links": [{"done": False}]})
