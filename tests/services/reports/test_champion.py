"""What champions look at: each list with its own rule, and that no person is in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.errors import Forbidden
from connector.services.reports import alarms
from connector.services.reports.champion import Champion, load_champion
from connector.store.tables import Decision, FormOpening, KeyResult, Notice, PreRead, Reading, Review, Signal
from tests.support.frozen import DAY, LOCK, START, Meeting
from tests.support.reports import viewer

ADMIN = Viewer("root", "admin")


def champion(acme: Meeting, who: Viewer = ADMIN) -> Champion:
    with acme.runtime.store.read() as session:
        return load_champion(session, who, acme.runtime.now(), acme.runtime.settings.zone)


def another_review(acme: Meeting, weeks: int, state: str = "locked", **more: Any) -> int:
    with acme.runtime.store.write() as session:
        row = Review(
            forum_id=acme.forum,
            day=START.date() + timedelta(weeks=weeks),
            starts_at=START + timedelta(weeks=weeks),
            lock_at=LOCK + timedelta(weeks=weeks),
            state=state,
            created_at=LOCK,
            **more,
        )
        session.add(row)
        session.flush()
        return row.id


def test_members_and_viewers_do_not_see_it(acme: Meeting) -> None:
    for who in (viewer(acme, "Mia"), Viewer("token", "viewer")):
        with pytest.raises(Forbidden):
            champion(acme, who)


def test_weakly_built_ones_are_named_with_the_failing_words(acme: Meeting) -> None:
    acme.key_result("kr-launch", 1, title="Launch the improved website", kind="metric", unit="")
    found = {each.id: each for each in champion(acme).badly}
    assert "kr-launch" in found
    assert found["kr-launch"].output or found["kr-launch"].failing


def test_those_that_never_moved(acme: Meeting) -> None:
    with acme.runtime.store.write() as session:
        for day in (3, 10, 17):
            at = LOCK - timedelta(days=day)
            session.add(Reading(key_result_id="kr-silent", value=0.0, kind="mapping", as_of=at, day=at.date(), recorded_at=at, source={}))
    assert champion(acme).still == ()  # it was written last week: it had no time to move
    acme.change(update(KeyResult).where(KeyResult.id == "kr-silent").values(created_at=LOCK - timedelta(days=20)))
    assert [(each.id, each.still) for each in champion(acme).still] == [("kr-silent", "the same value in 3 readings of the cycle")]


def test_a_key_result_of_today_is_not_blamed_for_the_time_before_it(acme: Meeting) -> None:
    weak = {each.id: [weak.kind for weak in each.weak] for each in champion(acme).built}
    assert weak["kr-good"] == []
    acme.change(update(KeyResult).values(created_at=LOCK - timedelta(days=60)))
    assert [weak.kind for each in champion(acme).built if each.id == "kr-good" for weak in each.weak] == ["no valid data"]


def test_a_blocker_that_comes_back_is_told_once_for_each_time(acme: Meeting) -> None:
    acme.at(LOCK)
    acme.check_in("kr-ads", 12, 3, blocker="no  Contract.")  # carried on: one time
    assert champion(acme).repeats == ()
    acme.check_in("kr-good", 66, 8, blocker="No contract")
    (found,) = champion(acme).repeats
    assert (found.times, set(found.key_results)) == (2, {"kr-ads", "kr-good"})
    acme.check_in("kr-ads", 13, 5)
    acme.check_in("kr-ads", 13, 5, blocker="No contract")  # gone, and there again
    assert champion(acme).repeats[0].times == 3


def test_asks_carried_over_two_reviews_name_the_forum(acme: Meeting) -> None:
    assert acme.lock() is False
    acme.at(LOCK + timedelta(minutes=1))
    acme.compute()
    assert acme.lock()
    another_review(acme, 1)
    acme.at(START + timedelta(days=1))
    assert champion(acme).approvals.carried == ()
    acme.at(START + timedelta(days=8))
    (found,) = champion(acme).approvals.carried
    assert found.sentence == "Product: 2 asks have passed two reviews or more without a verdict."
    assert {each.kind for each in champion(acme).approvals.latencies} == {"Budget", "Headcount"}
    (lead,) = champion(acme, viewer(acme, "Dora", "lead")).approvals.carried  # who may not know of one counts one
    assert [name for name, _, _ in lead.key_results] == ["kr-ads"]
    with acme.runtime.store.write() as session:
        row = session.scalars(select(Decision).where(Decision.kind == "budget")).one()
        row.decided_at, row.state = row.created_at + timedelta(days=2, hours=12), "open"
    told = {each.kind: each for each in champion(acme).approvals.latencies}
    assert (told["Budget"].days, told["Budget"].waiting, told["Headcount"].days) == (2.5, 0, None)


def test_how_many_decisions_helped_is_one_line(acme: Meeting) -> None:
    assert champion(acme).effects.text == "no decision is done yet"
    with acme.runtime.store.write() as session:
        for number, word in enumerate(("helped", "helped", "no visible change", "too early")):
            name, moment = ("kr-ads" if number else "kr-merger"), acme.runtime.now()
            session.add(
                Decision(key_result_id=name, kind="budget", state="done", created_at=moment, closed_at=moment, effect={"word": word})
            )
    assert champion(acme).effects.text == "2 of 3 old enough to tell helped, 1 with no visible change; 1 cannot be told yet"
    assert champion(acme, viewer(acme, "Dora", "lead")).effects.text.startswith("1 of 2 old enough to tell helped")


def test_what_updates_cost(acme: Meeting) -> None:
    with acme.runtime.store.write() as session:
        for number in range(12):
            at = LOCK - timedelta(hours=number + 20)
            session.add(
                FormOpening(
                    key=str(number), key_result_id="kr-good", place="page" if number % 2 else "jira", opened_at=at,
                    saved_at=at + timedelta(seconds=200) if number < 9 else None, clicks=None, offered=3, kept=2,
                )
            )  # fmt: skip
    acme.at(LOCK)
    found = champion(acme).diet
    assert (found.total.p50, found.total.abandoned, set(found.places)) == (200, 0.25, {"page", "jira"})
    assert len(found.proposals) == 2
    assert found.hide == ()  # too few updates to tell


def test_a_cadence_that_does_not_fit_is_a_signal_once(acme: Meeting) -> None:
    with acme.runtime.store.write() as session:
        for number in range(5):
            at = LOCK - timedelta(days=1 + 25 * number)
            session.add(
                Reading(
                    key_result_id="kr-silent", value=90.0 - 10 * number, kind="mapping", as_of=at, day=at.date(), recorded_at=at, source={}
                )
            )
    alarms.find_alarms(acme.runtime)
    assert alarms.find_alarms(acme.runtime) == 0
    with acme.runtime.store.read() as session:
        (row,) = session.scalars(select(Signal).where(Signal.kind == "cadence_misfit"))
        assert row.key_result_id == "kr-silent"
        assert "leading measure" in row.sentence


def entries(on_time: int, missing: int) -> dict[str, Any]:
    told = ["on time"] * on_time + ["missing"] * missing
    return {"entries": [{"id": f"kr-{place}", "state": "on_track", "update": {"standing": each}} for place, each in enumerate(told)]}


def test_updates_that_come_late_more_often_are_told_once(acme: Meeting) -> None:
    for number in range(10):
        acme.company.key_result(f"kr-{number}")
    for weeks, on_time in ((-3, 10), (-2, 9), (-1, 7)):
        ident = another_review(acme, weeks, "closed", closed_at=START + timedelta(weeks=weeks))
        with acme.runtime.store.write() as session:
            session.add(PreRead(key=f"PR-{weeks}", review_id=ident, frozen_at=LOCK, content=entries(on_time, 10 - on_time)))
    acme.change(update(Review).where(Review.id == acme.review).values(state="planned"))
    acme.at(LOCK - DAY)
    assert alarms.find_alarms(acme.runtime) == 1
    assert alarms.find_alarms(acme.runtime) == 0
    with acme.runtime.store.read() as session:
        (row,) = session.scalars(select(Signal))
        assert (row.kind, row.subject, row.key_result_id) == ("on_time_fell", f"forum:{acme.forum}", None)
        assert row.sentence == "Product: updates in time fell from 100% on 29 Oct to 70% on 12 Nov."
        told = session.scalars(select(Notice.person_id)).all()
        assert sorted(told) == sorted([acme.people["Carla"], acme.people["Dora"]])
    (pulse,) = champion(acme).pulses
    assert pulse.on_time is not None


def test_no_person_is_named_or_ranked(held: Meeting) -> None:
    held.at(START + DAY)
    told = repr(champion(held))
    assert not [name for name in ("Dora", "Leo", "Mia", "Alice", "@acme") if name in told.replace("decided_by", "")]
