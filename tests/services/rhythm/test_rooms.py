"""What rooms hear of missing updates, the lead at the work of a blocker, and who calls decisions of a forgotten review."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from connector.services.rhythm.planning import next_review
from connector.services.rhythm.raising import raise_due
from connector.services.rhythm.rooms import tell_forgotten, tell_rooms
from connector.store.tables import Blocker, Channel, Objective, Panel, PersonAccount, Review
from tests.support.counting import statements
from tests.support.reminded import Told


@pytest.fixture
def told(after_a_review: Told) -> Told:
    return after_a_review


def room(told: Told, forum: str = "Product") -> None:
    with told.company.runtime.store.write() as session:
        secret = told.company.runtime.vault.seal("https://rooms.example/x")
        session.add(
            Channel(name=f"room {forum}", kind="slack", forum_id=told.forums[forum], secret=secret, created_at=told.company.runtime.now())
        )


def turn(told: Told, moment: str) -> int:
    told.at(moment)
    return tell_rooms(told.company.runtime)


@pytest.mark.databases("sqlite", "postgres")
def test_the_rooms_hear_which_updates_are_missing_a_day_before_and_at_the_lock(told: Told) -> None:
    room(told)
    told.review("Product", "2026-11-18T16:00")
    assert turn(told, "2026-11-17T15:59") == 0
    assert turn(told, "2026-11-17T16:00") == 1
    assert turn(told, "2026-11-18T14:30") == 0
    assert turn(told, "2026-11-18T16:00") == 1
    assert turn(told, "2026-11-18T18:00") == 0
    first, last = told.messages()
    assert first.content["subject"] == "Product: 1 update is open; lock Wed 18 Nov 16:00"
    assert first.content["lines"] == ["Setup"]
    assert last.content["subject"] == "Product: 1 update is open; locked Wed 18 Nov 16:00"
    assert "Alice" not in str(last.content)


def test_rooms_hear_nothing_of_what_came_or_is_restricted(told: Told) -> None:
    room(told)
    told.review("Product", "2026-11-18T16:00")
    told.change(update(Objective).values(restricted=True))
    assert turn(told, "2026-11-17T16:00") == 0
    told.change(update(Objective).values(restricted=False))
    told.update("setup", "2026-11-17T16:30")
    assert turn(told, "2026-11-17T17:00") == 0
    assert told.messages() == []


def test_nothing_is_written_where_nothing_is_missing_however_many_forums_there_are(told: Told) -> None:
    room(told)
    told.review("Product", "2026-11-18T16:00")
    told.update("setup", "2026-11-17T12:00")
    with statements(told.company.runtime.store) as one:
        assert turn(told, "2026-11-17T17:00") == 0
    for number in range(3):
        name = f"Forum {number}"
        told.forum(name)
        room(told, name)
        told.review(name, "2026-11-18T16:00")
        told.key_result(f"of-{number}", name)
        told.update(f"of-{number}", "2026-11-17T12:00")
    with statements(told.company.runtime.store) as several:
        assert turn(told, "2026-11-17T17:00") == 0
    assert len(several) == len(one) <= 6
    assert {each.split()[0] for each in several} == {"BEGIN", "SELECT"}
    assert "BEGIN IMMEDIATE" not in several


def test_the_lead_is_mentioned_where_the_work_is_at_the_first_step_of_a_blocker(told: Told) -> None:
    host = told.company.connection("acme", "jira", "http://127.0.0.1:1", {"email": "b@acme.example", "api_token": "t"})
    with told.company.runtime.store.write() as session:
        session.add(PersonAccount(connection_id=host, person_id=told.people["Bob"], account="bob-1"))
        session.add(Panel(connection_id=host, ref="10001", key_results=["setup"]))
        since = told.at("2026-11-09T09:00")
        session.add(Blocker(key_result_id="setup", source="detected", text="HARB-151 is flagged", since=since))
    told.update("setup", "2026-11-09T08:00")
    told.at("2026-11-12T09:00")
    assert raise_due(told.company.runtime) == 1
    told.at("2026-11-14T09:00")
    (comment,) = [each for each in told.messages() if each.way == "comment"]
    assert (comment.connection_id, comment.ref, comment.content["mentions"]) == (host, "10001", ["bob-1"])
    assert comment.content["lines"] == ["Setup: held up since 9 Nov: HARB-151 is flagged", "What frees it, and who decides that?"]


def test_a_forgotten_review_is_told_once_and_is_not_the_next_one(told: Told) -> None:
    began = told.at("2026-11-10T10:00")
    old = told.review("Product", "2026-11-09T16:00", "2026-11-10T10:00", opened_at=began)
    told.change(update(Review).where(Review.id == old).values(state="open"))
    following = told.review("Product", "2026-11-18T16:00")
    runtime = told.company.runtime

    def coming() -> int | None:
        with runtime.store.read() as session:
            found = next_review(session, told.forums["Product"], runtime.now())
            return found.id if found else None

    told.at("2026-11-11T09:59")
    assert (coming(), tell_forgotten(runtime)) == (old, 0)
    told.at("2026-11-11T10:01")
    assert (coming(), tell_forgotten(runtime), tell_forgotten(runtime)) == (following, 1, 0)
    assert told.notices("Cleo")[-1].startswith("Product: the review of 10 Nov is still open")
    assert began + timedelta(hours=24) < runtime.now()
