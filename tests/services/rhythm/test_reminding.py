"""Reminders: only to whom an update is missing, at three steps, in one digest, never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import update

from connector.services.rhythm.reminding import remind
from connector.store.tables import Connection, Forum, KeyResult, Objective, OkrDatabase, OkrRow, Panel, Person, PersonAccount, Review, Team
from tests.support.reminded import Told

BEFORE, LOCK = "2026-11-11T16:00", "2026-11-18T16:00"  # Wednesdays


@pytest.fixture
def told(after_a_review: Told) -> Told:
    after_a_review.review("Product", LOCK)
    return after_a_review


def turn(told: Told, moment: str) -> int:
    told.at(moment)
    return remind(told.company.runtime)


@pytest.mark.databases("sqlite", "postgres")
def test_the_owner_is_reminded_a_day_before_two_hours_before_and_at_the_lock(told: Told) -> None:
    told.update("setup", "2026-11-05T09:00")
    assert turn(told, "2026-11-17T15:59") == 0
    assert turn(told, "2026-11-17T16:00") == 1
    assert turn(told, "2026-11-17T16:10") == 0
    assert turn(told, "2026-11-18T13:59") == 0
    assert turn(told, "2026-11-18T14:00") == 1
    assert turn(told, "2026-11-18T14:01") == 0
    assert turn(told, "2026-11-18T16:00") == 1
    assert turn(told, "2026-11-18T18:00") == 0
    assert turn(told, "2026-11-19T10:00") == 0
    address = f"{told.company.runtime.settings.base_url}/key-results/setup/check-in"
    assert told.notices("Alice") == [
        f"Update open: Setup; lock tomorrow 16:00 · Setup: last check-in 5 Nov. Lock tomorrow 16:00, Product. {address}",
        f"Update open: Setup; lock today 16:00 · Setup: last check-in 5 Nov. Lock today 16:00, Product. {address}",
        f"Update open: Setup; locked today 16:00 · Setup: last check-in 5 Nov. Lock today 16:00, Product. {address}"
        " · An update now is stored as late: it counts for the next review.",
    ]
    assert told.notices("Bob") == []


def test_none_after_updating_and_an_update_after_the_lock_before_counts(told: Told) -> None:
    told.update("setup", "2026-11-11T16:30", late=True)
    assert turn(told, "2026-11-18T14:00") == 0
    told.key_result("paid", "Product")
    assert turn(told, "2026-11-18T14:01") == 1
    told.update("paid", "2026-11-18T15:00")
    assert turn(told, "2026-11-18T16:00") == 0


def test_an_unfinished_update_does_not_count(told: Told) -> None:
    told.update("setup", "2026-11-17T09:00", draft=True)
    assert turn(told, "2026-11-18T14:00") == 1


def test_a_fortnightly_key_result_in_a_weekly_forum_is_not_due_every_week(told: Told) -> None:
    told.change(update(KeyResult).values(cadence="fortnightly"))
    told.update("setup", "2026-11-10T09:00")
    assert turn(told, "2026-11-18T14:00") == 0
    told.review("Product", "2026-11-25T16:00")
    assert turn(told, "2026-11-25T14:00") == 1


def test_a_weekly_key_result_in_a_fortnightly_forum_is_due_by_its_own_cadence(told: Told) -> None:
    told.change(update(Review).where(Review.state == "closed").values(lock_at=Review.created_at, day=date(2026, 11, 5)))
    told.change(update(Review).where(Review.state == "closed").values(lock_at=told.at("2026-11-04T16:00")))
    told.update("setup", "2026-11-12T09:00")
    assert turn(told, "2026-11-18T14:00") == 0
    told.change(
        update(Review).where(Review.state == "planned").values(lock_at=told.at("2026-11-20T16:00"), starts_at=told.at("2026-11-23T10:00"))
    )
    told.at("2026-11-20T16:00")
    assert turn(told, "2026-11-20T16:00") == 1


def test_a_key_result_that_just_began_is_not_asked_for(told: Told) -> None:
    told.change(update(KeyResult).values(created_at=told.at("2026-11-16T09:00")))
    assert turn(told, "2026-11-18T14:00") == 0


def test_a_person_in_five_forums_gets_one_digest(told: Told) -> None:
    for number in range(4):
        told.forum(f"Forum {number}")
        told.key_result(f"kr-{number}", f"Forum {number}")
        told.review(f"Forum {number}", f"2026-11-18T16:{10 + number}")
    told.forum("Evening")
    told.key_result("kr-evening", "Evening")
    told.review("Evening", "2026-11-18T19:30")
    assert turn(told, "2026-11-18T14:00") == 1
    assert [turn(told, f"2026-11-18T14:{minute}") for minute in ("10", "11", "12", "13", "30")] == [0] * 5
    (digest,) = told.notices("Alice")
    assert digest.startswith("6 updates are open; lock today 16:00 · Setup: no check-in yet. Lock today 16:00, Product.")
    assert all(name in digest for name in ("Kr-0", "Kr-1", "Kr-2", "Kr-3", "Kr-evening"))
    assert turn(told, "2026-11-18T16:00") == 1  # the locks of the others are taken along
    assert [turn(told, f"2026-11-18T{moment}") for moment in ("16:10", "16:13", "17:30", "19:30")] == [0] * 4
    assert len(told.notices("Alice")) == 2


def test_after_an_hour_without_a_clock_only_the_latest_step_is_told(told: Told) -> None:
    assert turn(told, "2026-11-18T15:30") == 1
    assert len(told.notices("Alice")) == 1
    assert turn(told, "2026-11-19T09:59") == 1
    told.company.clock.ahead += 3600.0
    assert remind(told.company.runtime) == 0


@pytest.mark.parametrize("state", ["skipped", "closed", "open"])
def test_a_review_that_does_not_take_place_reminds_nobody(told: Told, state: str) -> None:
    told.change(update(Review).where(Review.state == "planned").values(state=state))
    assert turn(told, "2026-11-18T14:00") == 0


def test_a_review_that_moved_is_not_reminded_of_twice_for_one_step(told: Told) -> None:
    assert turn(told, "2026-11-17T16:00") == 1
    told.change(
        update(Review).where(Review.state == "planned").values(lock_at=told.at("2026-11-19T16:00"), starts_at=told.at("2026-11-20T10:00"))
    )
    assert turn(told, "2026-11-18T16:00") == 0
    assert turn(told, "2026-11-19T14:00") == 1


def test_in_quiet_hours_nobody_is_told_and_afterwards_what_is_still_missing(told: Told) -> None:
    told.change(update(Person).where(Person.name == "Alice").values(zone="Asia/Tokyo"))
    told.key_result("paid", "Product")
    assert turn(told, "2026-11-17T16:00") == 0  # 1:00 in the night there
    told.update("paid", "2026-11-17T20:00")
    assert turn(told, "2026-11-17T21:59") == 0
    assert turn(told, "2026-11-17T22:00") == 1
    (digest,) = told.notices("Alice")
    assert "Paid" not in digest
    assert "lock tomorrow 16:00 (UTC)" in digest


def test_weekends_are_quiet(told: Told) -> None:
    told.change(
        update(Review).where(Review.state == "planned").values(lock_at=told.at("2026-11-16T16:00"), starts_at=told.at("2026-11-17T10:00"))
    )
    assert turn(told, "2026-11-15T16:00") == 0
    assert turn(told, "2026-11-16T07:00") == 1


@pytest.mark.parametrize("owner", ["nobody", "inactive", "left"])
def test_without_an_owner_who_is_here_the_lead_is_reminded(told: Told, owner: str) -> None:
    if owner == "nobody":
        told.change(update(KeyResult).values(owner_id=None))
    elif owner == "inactive":
        told.change(update(Person).where(Person.name == "Alice").values(active=False))
    else:
        _account(told, _connection(told), "Alice", left=True)
    assert turn(told, "2026-11-18T14:00") == 1
    assert told.notices("Alice") == []
    assert "It has no owner who is here." in told.notices("Bob")[0]
    told.change(update(Team).values(lead_id=None))
    assert turn(told, "2026-11-18T16:00") == 1
    assert len(told.notices("Cleo")) == 1


def test_of_an_owner_on_leave_the_lead_hears_once(told: Told) -> None:
    told.change(update(Person).where(Person.name == "Alice").values(away_until=date(2026, 11, 20)))
    assert turn(told, "2026-11-17T16:00") == 1
    assert [turn(told, moment) for moment in ("2026-11-18T14:00", "2026-11-18T16:00")] == [0, 0]
    assert told.notices("Alice") == []
    assert "Its owner is away until 20 Nov: who updates it?" in told.notices("Bob")[0]
    told.change(update(Review).values(state="closed"))
    told.review("Product", "2026-11-25T16:00")
    assert turn(told, "2026-11-25T14:00") == 1
    assert len(told.notices("Alice")) == 1


def test_a_restricted_key_result_is_told_only_to_who_may_know_of_it(told: Told) -> None:
    told.change(update(Objective).values(restricted=True))
    told.change(update(KeyResult).values(owner_id=None))
    told.change(update(Team).values(lead_id=None))
    assert turn(told, "2026-11-18T14:00") == 0
    assert told.notices("Cleo") == []


def test_two_clocks_remind_once(told: Told) -> None:
    told.at("2026-11-18T14:00")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: remind(told.company.runtime), range(8))) == 1
    assert len(told.notices("Alice")) == 1


@pytest.mark.parametrize(("day", "lock"), [(date(2026, 10, 25), "2026-10-25T15:00"), (date(2027, 3, 28), "2027-03-28T14:00")])
def test_a_day_before_is_the_same_time_on_the_wall_when_clocks_change(told: Told, day: date, lock: str) -> None:
    """16:00 in Berlin on the Sunday of the change, which has 25 or 23 hours."""
    told.company.runtime.settings.quiet_hours = ""
    told.company.runtime.settings.__dict__.pop("quiet", None)
    told.change(update(Forum).values(zone="Europe/Berlin"))
    told.company.objective("spring", cycle="spring", start=date(2027, 1, 4), end=date(2027, 4, 4))
    told.change(update(Objective).values(team_id=told.forums["Product"]))
    told.company.key_result("kr-spring", "spring", created_at=told.at("2027-01-04T08:00"))
    told.change(update(Review).values(state="closed"))
    told.review("Product", lock)
    before = "T15:00" if day.month == 3 else "T14:00"
    hour = int(before[1:3])
    assert turn(told, f"{date.fromordinal(day.toordinal() - 1)}T{hour - 1}:59") == 0
    assert turn(told, f"{date.fromordinal(day.toordinal() - 1)}{before}") == 1


# --- where people work -------------------------------------------------------------------------------------------------


def test_people_are_left_in_peace_on_the_weekend_of_where_they_are(told: Told) -> None:
    told.company.runtime.settings.quiet_hours = "20:00-07:00"
    told.change(update(Person).values(zone="Asia/Riyadh"))
    told.change(
        update(Review).where(Review.state == "planned").values(lock_at=told.at("2026-11-22T13:00"), starts_at=told.at("2026-11-23T07:00"))
    )
    assert turn(told, "2026-11-21T13:00") == 0  # Saturday, a day before
    assert turn(told, "2026-11-22T06:30") == 1  # Sunday 9:30 in Riyadh
    assert turn(told, "2026-11-22T11:00") == 1


def _connection(told: Told, host: str = "jira") -> int:
    return told.company.connection(f"acme-{host}", host, "http://127.0.0.1:1", {"email": "b@acme.example", "api_token": "t"})


def _account(told: Told, connection: int, who: str, *, left: bool = False) -> None:
    with told.company.runtime.store.write() as session:
        gone = told.company.runtime.now() if left else None
        session.add(PersonAccount(person_id=told.people[who], connection_id=connection, account=f"acc-{who.lower()}", left_at=gone))


def _panel(told: Told, connection: int, ref: str, *key_results: str) -> None:
    with told.company.runtime.store.write() as session:
        session.add(Panel(connection_id=connection, ref=ref, key_results=list(key_results)))


def test_a_day_before_the_owner_is_mentioned_once_at_the_epic(told: Told) -> None:
    jira = _connection(told)
    _account(told, jira, "Alice")
    told.key_result("paid", "Product")
    told.key_result("hidden", "Product")
    _panel(told, jira, "10001", "setup", "paid", "other")
    _panel(told, jira, "10002", "setup")
    assert turn(told, "2026-11-17T16:00") == 1
    comments = [row for row in told.messages() if row.way == "comment"]
    assert [(row.ref, row.content["mentions"]) for row in comments] == [("10001", ["acc-alice"])] or [row.ref for row in comments] == [
        "10002"
    ]
    assert len(comments) == 1
    assert comments[0].content["lines"][0] == "3 updates are open; lock tomorrow 16:00"
    assert turn(told, "2026-11-18T14:00") == 1
    assert len([row for row in told.messages() if row.way == "comment"]) == 1


def test_a_restricted_key_result_is_mentioned_nowhere(told: Told) -> None:
    jira = _connection(told)
    _account(told, jira, "Alice")
    _panel(told, jira, "10001", "setup")
    told.change(update(Objective).values(restricted=True))
    assert turn(told, "2026-11-17T16:00") == 1
    assert [row.way for row in told.messages()] == ["mail"]


def test_a_row_in_notion_comes_first_and_a_retired_connection_has_no_places(told: Told) -> None:
    jira, notion = _connection(told), _connection(told, "notion")
    _account(told, jira, "Alice")
    _account(told, notion, "Alice")
    _panel(told, jira, "10001", "setup")
    with told.company.runtime.store.write() as session:
        database = OkrDatabase(connection_id=notion, kind="key_results", database="d0", source="d1", created_at=told.company.runtime.now())
        session.add(database)
        session.flush()
        row = OkrRow(connection_id=notion, database_id=database.id, ref="row-1", record="setup", created_at=told.company.runtime.now())
        session.add(row)
    assert turn(told, "2026-11-17T16:00") == 1
    assert [row.ref for row in told.messages() if row.way == "comment"] == ["row-1"]
    told.change(update(Connection).values(retired_at=told.company.runtime.now()))
    told.key_result("paid", "Product")
    assert turn(told, "2026-11-17T16:30") == 1
    assert len([row for row in told.messages() if row.way == "comment"]) == 1
