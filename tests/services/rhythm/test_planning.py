"""Reviews planned ahead: from the schedule, moved with it, once for each nominal day however many clocks turn, cheap when idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update

from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.runtime import build_runtime
from connector.services import calendars
from connector.services.plan import forums
from connector.services.rhythm import planning
from connector.store.tables import Forum, Objective, Person, Review, Team
from tests.services.rhythm.helpers import BERLIN, it_is, meets, person, reviews, told
from tests.support.counting import statements
from tests.support.world import Company

BOTH = pytest.mark.databases("sqlite", "postgres")


def change(acme: Company, name: str = "Board", **given: Any) -> None:
    forums.update(acme.runtime, SYSTEM, name, given)


def set_state(acme: Company, day: date, state: str) -> None:
    with acme.runtime.store.write() as session:
        assert session.execute(update(Review).where(Review.day == day).values(state=state)).rowcount == 1


def counted(acme: Company, do: Callable[[], Any]) -> int:
    with statements(acme.runtime.store) as seen:
        do()
    return len([each for each in seen if not each.startswith(("BEGIN", "PRAGMA"))])


@BOTH
def test_five_weeks_stand_and_the_next_turn_changes_nothing(acme: Company, database_kind: str) -> None:
    it_is(acme, "2026-11-16 09:00")
    meets(acme)
    assert told(acme) == [
        "Thu 19 Nov 10:00, lock Wed 18 Nov 16:00, planned",
        "Thu 26 Nov 10:00, lock Wed 25 Nov 16:00, planned",
        "Thu 3 Dec 10:00, lock Wed 2 Dec 16:00, planned",
        "Thu 10 Dec 10:00, lock Wed 9 Dec 16:00, planned",
        "Thu 17 Dec 10:00, lock Wed 16 Dec 16:00, planned",
    ]
    assert planning.plan_ahead(acme.runtime) == 0
    it_is(acme, "2026-11-20 09:00")
    assert planning.plan_ahead(acme.runtime) == 1
    assert told(acme)[-1] == "Thu 24 Dec 10:00, lock Wed 23 Dec 16:00, planned"
    assert len(reviews(acme)) == 6  # the one that passed stays: it is locked late


@BOTH
def test_a_changed_schedule_moves_planned_reviews_and_no_others(acme: Company, database_kind: str) -> None:
    it_is(acme, "2026-11-16 09:00")
    meets(acme)
    for day, state in ((19, "locked"), (26, "skipped")):
        set_state(acme, date(2026, 11, day), state)
    before = {each.day: each.id for each in reviews(acme)}
    change(acme, time="14:30", lock={"time": "12:00", "days_before": 2})
    assert told(acme)[:3] == [
        "Thu 19 Nov 10:00, lock Wed 18 Nov 16:00, locked",
        "Thu 26 Nov 10:00, lock Wed 25 Nov 16:00, skipped",
        "Thu 3 Dec 14:30, lock Tue 1 Dec 12:00, planned",
    ]
    assert {each.day: each.id for each in reviews(acme)} == before


def test_another_weekday_takes_planned_days_away_and_no_week_meets_twice(acme: Company) -> None:
    it_is(acme, "2026-11-18 17:00")
    meets(acme)
    set_state(acme, date(2026, 11, 19), "locked")
    change(acme, weekday="friday")
    assert [each.split(",")[0] for each in told(acme)] == ["Thu 19 Nov 10:00", *(f"Fri {day} 10:00" for day in (
        "27 Nov", "4 Dec", "11 Dec", "18 Dec"))]  # fmt: skip
    change(acme, weekday="thursday")
    assert [each.split(",")[0] for each in told(acme)][:2] == ["Thu 19 Nov 10:00", "Thu 26 Nov 10:00"]
    set_state(acme, date(2026, 11, 26), "skipped")
    change(acme, weekday="friday")
    assert "Fri 27 Nov 10:00, lock Thu 26 Nov 16:00, planned" in told(acme)  # that day did not suit, another one may


def remarks(acme: Company, **given: Any) -> tuple[str, ...]:
    return forums.update(acme.runtime, SYSTEM, "Board", given).remarks


def test_a_time_moved_into_the_past_of_its_own_day_is_said_to_count_from_the_next_review_on(acme: Company) -> None:
    it_is(acme, "2026-11-16 09:00")
    meets(acme, time="16:00", lock={"time": "15:00", "days_before": 0})
    it_is(acme, "2026-11-19 12:00")
    assert remarks(acme, time="11:00", lock={"time": "10:00"}) == (
        "The review of Thu 19 Nov 16:00 stays as it is, because its new time has passed already;"
        " what you saved counts from Thu 26 Nov 11:00 on.",
    )
    assert told(acme)[:2] == ["Thu 19 Nov 16:00, lock Thu 19 Nov 15:00, planned", "Thu 26 Nov 11:00, lock Thu 26 Nov 10:00, planned"]
    assert remarks(acme, time="17:00", lock={"time": "16:00"}) == ()
    assert told(acme)[0] == "Thu 19 Nov 17:00, lock Thu 19 Nov 16:00, planned"


def test_a_review_that_a_change_does_not_reach_is_said(acme: Company) -> None:
    it_is(acme, "2026-11-18 17:00")
    meets(acme)
    assert remarks(acme, minutes=45) == ()
    set_state(acme, date(2026, 11, 19), "locked")
    assert remarks(acme, time="14:30") == (
        "The review of Thu 19 Nov 10:00 stays as it is, because its updates are locked already;"
        " what you saved counts from Thu 26 Nov 14:30 on.",
    )
    set_state(acme, date(2026, 11, 19), "open")
    with acme.runtime.store.write() as session:
        session.execute(update(Review).where(Review.state == "open").values(opened_at=acme.runtime.now()))
    assert remarks(acme, weekday="friday") == (
        "The review of Thu 19 Nov 10:00 stays as it is, because it is being held; what you saved counts from Fri 27 Nov 14:30 on.",
    )


def test_a_weekday_that_has_passed_leaves_a_week_without_a_review_and_that_is_said(acme: Company) -> None:
    it_is(acme, "2026-11-18 12:00")
    meets(acme)
    assert remarks(acme, weekday="friday") == ()
    assert remarks(acme, weekday="monday") == (
        "The new day of this week's review has passed: the one of Fri 20 Nov 10:00 is taken away, the next is Mon 23 Nov 10:00.",
    )


def test_fortnightly_and_its_first_week(acme: Company) -> None:
    it_is(acme, "2026-12-10 12:00")
    meets(acme, cadence="fortnightly", first_on="2026-12-15")
    assert [each.day for each in reviews(acme)] == [date(2026, 12, 17), date(2026, 12, 31), date(2027, 1, 14)]
    change(acme, cadence="weekly", first_on=None)
    assert len(reviews(acme)) == 5


def test_a_fortnightly_forum_that_names_no_week_begins_with_the_next_one(acme: Company) -> None:
    it_is(acme, "2026-11-16 09:00")
    meets(acme, cadence="fortnightly")
    assert [each.day for each in reviews(acme)] == [date(2026, 11, 19), date(2026, 12, 3), date(2026, 12, 17)]
    it_is(acme, "2026-11-24 09:00")
    change(acme, minutes=45)
    assert [each.day for each in reviews(acme)] == [date(2026, 11, 19), date(2026, 12, 3), date(2026, 12, 17)]


@BOTH
def test_without_somebody_who_decides_nothing_is_planned(acme: Company, database_kind: str) -> None:
    it_is(acme, "2026-11-16 09:00")
    person(acme, "Cleo")
    meets(acme, caller=None)
    assert reviews(acme) == []
    change(acme, caller="cleo@acme.example")
    assert len(reviews(acme)) == 5
    set_state(acme, date(2026, 11, 19), "locked")
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == "Cleo").values(active=False))
    planning.plan_ahead(acme.runtime)
    assert [each.state for each in reviews(acme)] == ["locked"]
    change(acme, caller="bob@acme.example")
    assert len(reviews(acme)) == 5
    forums.retire(acme.runtime, SYSTEM, "Board")
    assert [each.state for each in reviews(acme)] == ["locked"]


def test_who_left_cannot_call_decisions_and_it_is_said(acme: Company) -> None:
    person(acme, "Cleo")
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == "Cleo").values(active=False))
    saved = forums.create(acme.runtime, SYSTEM, {"name": "Board", "caller": "cleo@acme.example", "weekday": "monday"})
    assert saved.remarks == ("It is not active: Cleo left; name another person who can call decisions there.",)
    assert reviews(acme) == []


def test_holidays_and_the_turn_of_the_year(acme: Company) -> None:
    it_is(acme, "2026-12-07 09:00")
    meets(acme, weekday="friday", country="DE-BY")
    assert told(acme) == [
        "Fri 11 Dec 10:00, lock Thu 10 Dec 16:00, planned",
        "Fri 18 Dec 10:00, lock Thu 17 Dec 16:00, planned",
        "Mon 28 Dec 10:00, lock Thu 24 Dec 16:00, planned",  # Christmas Day
        "Mon 4 Jan 10:00, lock Thu 31 Dec 16:00, planned",  # New Year's Day
        "Fri 8 Jan 10:00, lock Thu 7 Jan 16:00, planned",
    ]
    assert [each.day.weekday() for each in reviews(acme)] == [4] * 5


@pytest.mark.parametrize(
    ("country", "locks"),
    [
        ("SA", ["Sun 13 Dec", "Thu 17 Dec"]),
        ("IL", ["Sun 13 Dec", "Thu 17 Dec"]),
        ("IR", ["Sun 13 Dec", "Sat 19 Dec"]),  # Friday alone
        ("HK", ["Fri 11 Dec", "Fri 18 Dec"]),  # Sunday alone in the law; offices keep Saturday
        ("", ["Fri 11 Dec", "Fri 18 Dec"]),
    ],
)
def test_the_lock_keeps_the_weekend_of_the_forums_country(acme: Company, country: str, locks: list[str]) -> None:
    it_is(acme, "2026-12-07 09:00")
    monday, sunday = meets(acme, weekday="monday", country=country), meets(acme, "Second", weekday="sunday", country=country)
    assert told(acme, monday)[1] == f"Mon 14 Dec 10:00, lock {locks[0]} 16:00, planned"
    assert told(acme, sunday)[1] == f"Sun 20 Dec 10:00, lock {locks[1]} 16:00, planned"


@pytest.mark.parametrize(("zone", "weekend"), [("Asia/Riyadh", {4, 5}), ("Asia/Tel_Aviv", {4, 5}), ("Asia/Dubai", {5, 6}), ("UTC", {5, 6})])
def test_the_weekend_of_a_place_is_that_of_its_country(zone: str, weekend: set[int]) -> None:
    assert calendars.weekend_at(ZoneInfo(zone)) == weekend


def test_reviews_are_in_the_zone_of_their_forum(acme: Company) -> None:
    it_is(acme, "2026-11-16 09:00")
    meets(acme, "Sydney", zone="Australia/Sydney", weekday="monday")
    apia = meets(acme, "Plain", zone="")
    assert told(acme, zone=ZoneInfo("Australia/Sydney"))[0] != ""
    first = next(each for each in reviews(acme) if each.forum_id != apia)
    assert first.starts_at == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert reviews(acme, apia)[0].starts_at == datetime(2026, 11, 19, 10, tzinfo=UTC)  # the installation's


def test_summer_time_ends_between_two_reviews(acme: Company) -> None:
    it_is(acme, "2026-10-20 09:00")
    meets(acme)
    assert [f"{each.starts_at:%d %H:%M}" for each in reviews(acme)][:2] == ["22 08:00", "29 09:00"]


def test_a_clock_that_was_off_makes_nothing_twice_and_nothing_for_the_past(acme: Company) -> None:
    it_is(acme, "2026-11-16 09:00")
    meets(acme)
    it_is(acme, "2027-02-01 09:00")
    planning.plan_ahead(acme.runtime)
    days = [each.day for each in reviews(acme)]
    assert len(days) == len(set(days)) == 10
    assert not [day for day in days if date(2026, 12, 18) <= day < date(2027, 2, 1)]
    assert {each.state for each in reviews(acme)} == {"planned"}


def test_clocks_that_differ_by_a_minute_agree(acme: Company) -> None:
    """A review at the very end of the window must not come and go with the clock that happens to turn."""
    it_is(acme, "2026-11-16 09:00")
    meets(acme)
    seen: set[int] = set()
    for edge in ("2026-11-19 10:00", "2026-11-26 10:00"):
        for seconds in (0, 60, -60, 60, -60):
            it_is(acme, edge)
            stands = acme.runtime.clock() + seconds
            acme.runtime.clock = lambda stands=stands: stands  # type: ignore[misc]
            planning.plan_ahead(acme.runtime)
            found = {each.id for each in reviews(acme)}
            assert seen <= found
            seen = found
    assert len(seen) == 7


@BOTH
def test_three_clocks_at_once_make_no_doubles(acme: Company, database_kind: str) -> None:
    it_is(acme, "2026-11-16 09:00")
    with acme.runtime.store.write() as session:
        bob = Person(email="bob@acme.example", name="Bob")
        session.add(bob)
        session.flush()
        session.execute(insert(Forum), [{"name": f"Forum {number}", "caller_id": bob.id, "weekday": number % 5} for number in range(20)])
    others = [build_runtime(acme.runtime.settings, clock=acme.runtime.clock) for _ in range(3)]
    start, made = threading.Barrier(3), []

    def turn(runtime: Any) -> None:
        start.wait()
        made.append(planning.plan_ahead(runtime))

    threads = [threading.Thread(target=turn, args=(each,)) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in others:
        each.close()
    assert sum(made) == len(reviews(acme)) == 100
    assert len({(each.forum_id, each.day) for each in reviews(acme)}) == 100


@BOTH
def test_two_hundred_forums_are_planned_quickly_and_looked_at_in_two_statements(acme: Company, database_kind: str) -> None:
    it_is(acme, "2026-11-16 09:00")
    countries = ("", "DE-BY", "US", "GB-ENG", "NZ")
    with acme.runtime.store.write() as session:
        bob = Person(email="bob@acme.example", name="Bob")
        session.add(bob)
        session.flush()
        rows = [
            {"name": f"Forum {number}", "caller_id": bob.id, "weekday": number % 5, "country": countries[number % 5]}
            for number in range(200)
        ]
        session.execute(insert(Forum), rows)
    began = time.process_time()  # what others on the machine take does not count
    assert planning.plan_ahead(acme.runtime) == len(reviews(acme)) >= 990
    assert time.process_time() - began < 5  # two on a machine of its own
    assert counted(acme, lambda: planning.plan_ahead(acme.runtime)) <= 2


def test_the_next_review_is_the_one_that_is_held_or_else_the_next(acme: Company) -> None:
    it_is(acme, "2026-11-16 09:00")
    forum = meets(acme)

    def following() -> date | None:
        with acme.runtime.store.read() as session:
            found = planning.next_review(session, forum, acme.runtime.now())
            return found.day if found else None

    assert following() == date(2026, 11, 19)
    set_state(acme, date(2026, 11, 19), "skipped")
    assert following() == date(2026, 11, 26)
    set_state(acme, date(2026, 11, 19), "open")
    it_is(acme, "2026-11-20 09:00")
    assert following() == date(2026, 11, 19)
    set_state(acme, date(2026, 11, 19), "closed")
    assert following() == date(2026, 11, 26)
    set_state(acme, date(2026, 11, 26), "locked")
    it_is(acme, "2026-11-26 18:00")  # nobody opened it yet
    assert following() == date(2026, 11, 26)
    it_is(acme, "2026-11-27 09:00")
    assert following() == date(2026, 12, 3)
    change(acme, weekday=None)
    assert following() is None


def test_key_results_find_their_review_through_the_forum_of_their_team(acme: Company) -> None:
    it_is(acme, "2026-11-16 09:00")
    acme.objective("onboarding")
    acme.objective("lonely")
    acme.key_result("kr-a")
    acme.key_result("kr-b", "lonely")
    forum = meets(acme)
    with acme.runtime.store.write() as session:
        team = session.scalars(select(Team)).one()
        team.forum_id = forum
        session.execute(update(Objective).where(Objective.id == "onboarding").values(team_id=team.id))

    def found() -> dict[str, date]:
        with acme.runtime.store.read() as session:
            return {name: each.day for name, each in planning.reviews_of(session, ["kr-a", "kr-b"], acme.runtime.now()).items()}

    assert found() == {"kr-a": date(2026, 11, 19)}
    assert counted(acme, found) == 2
    forums.retire(acme.runtime, SYSTEM, "Board")
    assert found() == {}


def test_a_lock_that_moves_counts_as_it_stands_in_the_row(acme: Company) -> None:
    it_is(acme, "2026-11-18 15:59")
    meets(acme)
    change(acme, lock={"time": "18:00"})
    assert told(acme)[0] == "Thu 19 Nov 10:00, lock Wed 18 Nov 18:00, planned"
    set_state(acme, date(2026, 11, 19), "locked")
    change(acme, lock={"time": "20:00"})
    assert told(acme)[:2] == ["Thu 19 Nov 10:00, lock Wed 18 Nov 18:00, locked", "Thu 26 Nov 10:00, lock Wed 25 Nov 20:00, planned"]


def test_holidays_by_name_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("nothing is asked over the network"))
    assert date(2026, 11, 1) in planning.holidays_of("DE-BY", [2026])
    assert date(2026, 11, 1) not in planning.holidays_of("DE", [2026])
    assert planning.holidays_of("", [2026]) == frozenset()
    assert {day.year for day in planning.holidays_of("NO", [2026, 2027])} == {2026, 2027}
    with pytest.raises(InputError, match="no country 'ZZ' is known"):
        planning.holidays_of("ZZ", [2026])
    assert calendars.holidays_between("ZZ", date(2026, 1, 1), date(2026, 12, 31)) == frozenset()
    assert str(calendars.zone_called("Nowhere/Gone", BERLIN)) == "Europe/Berlin"
