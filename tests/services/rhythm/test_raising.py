"""Missed updates and blockers are told to further people, each step once, until they are answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import update

from connector.services.messages.sending import send_due
from connector.services.rhythm.raising import raise_due, standing_levels
from connector.store.tables import Blocker, Channel, Cycle, Forum, KeyResult, Objective, Person, Team
from tests.support.mail import mail_server
from tests.support.reminded import Told


def turn(told: Told, moment: str) -> int:
    told.at(moment)
    return raise_due(told.company.runtime)


def level(told: Told) -> int | None:
    with told.company.runtime.store.read() as session:
        return standing_levels(session, ["setup"]).get("setup")


def block(told: Told, since: str, **columns: Any) -> int:
    with told.company.runtime.store.write() as session:
        moment = datetime.fromisoformat(f"{since}+00:00")
        row = Blocker(key_result_id="setup", **{"source": "detected", "text": "HARB-151 is flagged", "since": moment, **columns})
        session.add(row)
        session.flush()
        return row.id


@pytest.mark.databases("sqlite", "postgres")
def test_missed_once_is_a_badge_twice_the_lead_hears_three_times_the_sponsor(told: Told) -> None:
    told.update("setup", "2026-10-21T09:00")  # due on Thursday the 29th
    assert turn(told, "2026-10-29T08:59") == 0
    assert turn(told, "2026-10-29T09:01") == 1
    assert (told.raised(), level(told)) == ([("setup", "missed", 1, "")], 1)
    assert told.notices("Bob") == told.notices("Alice") == []
    assert turn(told, "2026-11-05T08:59") == 0
    assert turn(told, "2026-11-05T09:01") == 1
    assert turn(told, "2026-11-06T09:01") == 0
    assert turn(told, "2026-11-12T09:01") == 1
    assert turn(told, "2026-11-26T09:01") == 0
    assert told.raised() == [("setup", "missed", 1, ""), ("setup", "missed", 2, "Bob"), ("setup", "missed", 3, "Sten")]
    said = "Setup: last check-in 21 Oct, twice without an update."
    assert told.notices("Bob") == [f"No update: Setup · {said} · What keeps the update from being made, and who can help?"]
    assert len(told.notices("Sten")) == 1
    assert told.notices("Alice") == told.notices("Cleo") == []


def test_an_update_begins_it_anew(told: Told) -> None:
    told.update("setup", "2026-10-21T09:00")
    assert turn(told, "2026-11-05T09:01") == 2
    told.update("setup", "2026-11-05T10:00")
    assert (turn(told, "2026-11-05T11:00"), level(told)) == (0, None)
    assert turn(told, "2026-11-13T10:01") == 1
    assert level(told) == 1


def test_after_days_without_a_clock_each_person_hears_once(told: Told) -> None:
    told.key_result("paid", "Product")
    assert turn(told, "2026-11-20T09:00") == 6
    assert [len(told.notices(name)) for name in ("Bob", "Sten")] == [1, 1]
    assert told.notices("Sten")[0].startswith("2 key results without an update · ")


def test_a_fortnightly_key_result_is_missed_by_its_own_cadence(told: Told) -> None:
    told.change(update(KeyResult).values(cadence="fortnightly"))
    told.update("setup", "2026-10-21T09:00")
    assert turn(told, "2026-11-05T08:59") == 0
    assert turn(told, "2026-11-05T09:01") == 1


@pytest.mark.parametrize(
    ("change", "whom"),
    [
        (update(Team).values(lead_id=None), "Cleo"),
        (update(Person).where(Person.name == "Bob").values(active=False), "Cleo"),
        (update(Objective).values(restricted=True), "Bob"),
        (update(Forum).values(caller_id=None, sponsor_id=None), "Bob"),
    ],
)
def test_the_lead_or_who_decides_hears_and_only_who_may_know(told: Told, change: Any, whom: str) -> None:
    told.change(change)
    told.update("setup", "2026-10-21T09:00")
    turn(told, "2026-11-12T09:01")
    second, third = told.raised()[1:]
    assert second[3] == whom
    assert third[3] == ("" if whom == "Bob" else "Sten")
    assert len(told.notices(whom)) == 1


def test_a_lead_who_owns_it_is_not_told_of_themselves(told: Told) -> None:
    told.change(update(KeyResult).values(owner_id=told.people["Bob"]))
    told.update("setup", "2026-10-21T09:00")
    turn(told, "2026-11-05T09:01")
    assert told.raised()[1] == ("setup", "missed", 2, "Cleo")


@pytest.mark.parametrize(
    "change", [update(Cycle).values(end=date(2026, 10, 30)), update(KeyResult).values(retired_at=KeyResult.created_at)]
)
def test_what_is_over_is_not_asked_for(told: Told, change: Any) -> None:
    told.change(change)
    assert turn(told, "2026-11-12T09:01") == 0


def test_low_confidence_raises_nothing(told: Told) -> None:
    told.update("setup", "2026-11-10T09:00", confidence=1)
    told.change(update(KeyResult).values(state="at_risk", confidence=1))
    assert turn(told, "2026-11-12T09:01") == 0


# --- blockers ----------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_a_blocker_of_monday_reaches_the_lead_on_thursday_then_further(told: Told) -> None:
    told.update("setup", "2026-11-09T08:00")
    block(told, "2026-11-09T09:00")
    assert turn(told, "2026-11-12T08:59") == 0
    assert turn(told, "2026-11-12T09:00") == 1
    assert turn(told, "2026-11-12T10:00") == 0
    told.update("setup", "2026-11-15T09:00")
    assert turn(told, "2026-11-16T08:59") == 0
    assert turn(told, "2026-11-16T09:00") == 1
    assert turn(told, "2026-11-19T09:00") == 1
    assert told.raised() == [("setup", "blocker", 1, "Bob"), ("setup", "blocker", 2, "Cleo"), ("setup", "blocker", 3, "Sten")]
    assert told.notices("Bob") == [
        "Held up: Setup · Setup: held up since 9 Nov: HARB-151 is flagged · What frees it, and who decides that?"
    ]


@pytest.mark.parametrize("column", ["ended_at", "clear_at"])
def test_a_blocker_that_was_cleared_or_seems_to_be_reaches_nobody(told: Told, column: str) -> None:
    told.update("setup", "2026-11-09T08:00")
    block(told, "2026-11-09T09:00")
    told.change(update(Blocker).values({column: told.at("2026-11-11T12:00")}))
    assert turn(told, "2026-11-13T09:00") == 0


def test_holidays_of_the_forum_are_no_working_days(told: Told) -> None:
    told.change(update(Forum).values(country="US"))  # Thanksgiving is on the 26th
    told.update("setup", "2026-11-24T08:00")
    block(told, "2026-11-24T09:00")
    assert turn(told, "2026-11-27T09:00") == 0
    assert turn(told, "2026-11-30T09:00") == 1


def test_late_in_the_cycle_every_step_comes_in_half_the_time(told: Told) -> None:
    told.update("setup", "2026-12-14T08:00")
    block(told, "2026-12-14T09:00")
    assert turn(told, "2026-12-15T20:59") == 0
    assert turn(told, "2026-12-15T21:00") == 1
    assert turn(told, "2026-12-16T21:00") == 1
    assert turn(told, "2026-12-18T09:00") == 1


def test_a_clock_that_turns_out_to_have_begun_earlier_tells_nobody_twice(told: Told) -> None:
    told.update("setup", "2026-11-09T08:00")
    block(told, "2026-11-09T09:00")
    assert turn(told, "2026-11-12T09:00") == 1
    block(told, "2026-11-08T09:00", source="declared", text="waits for legal")
    assert turn(told, "2026-11-12T09:30") == 0
    told.change(update(Blocker).values(ended_at=told.at("2026-11-12T10:00")))
    told.update("setup", "2026-11-15T08:00")
    block(told, "2026-11-16T09:00")
    assert turn(told, "2026-11-19T09:00") == 1


@pytest.mark.parametrize("second", ["2026-10-20T09:00", "2026-10-18T09:00"])
def test_what_was_said_of_one_blocker_does_not_stand_for_another(told: Told, second: str) -> None:
    told.update("setup", "2026-10-19T08:00")
    first = block(told, "2026-10-19T09:00")
    assert turn(told, "2026-10-22T09:01") == 1
    with told.company.runtime.store.write() as session:
        row = session.get_one(Blocker, first)
        row.ended_at, row.ended_by = datetime.fromisoformat("2026-10-22T11:00+00:00"), "owner"
    block(told, second, source="declared", text="The vendor has not signed")
    assert turn(told, "2026-10-23T09:01") == 1
    assert turn(told, "2026-10-23T09:02") == 0
    assert "The vendor has not signed" in told.notices("Bob")[-1]


def test_a_mail_that_waited_is_not_sent_for_a_blocker_that_is_gone(told: Told) -> None:
    with mail_server() as server:
        with told.company.runtime.store.write() as session:
            secret = told.company.runtime.vault.seal(server.address)
            session.add(Channel(name="mail", kind="mail", secret=secret, created_at=told.company.runtime.now()))
        told.update("setup", "2026-11-09T08:00")
        block(told, "2026-11-09T21:00")
        assert turn(told, "2026-11-12T21:00") == 1
        assert send_due(told.company.runtime) == 1
        told.change(update(Blocker).values(ended_at=told.at("2026-11-12T22:00")))
        told.at("2026-11-13T07:00")
        send_due(told.company.runtime)
        assert server.taken == []
    assert [row.state for row in told.messages()] == ["not_needed"]


def test_two_clocks_take_each_step_once(told: Told) -> None:
    told.at("2026-11-12T09:01")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: raise_due(told.company.runtime), range(8))) == 3
    assert len(told.raised()) == 3
