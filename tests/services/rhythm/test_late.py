"""Updates after the lock (R054): kept, marked wherever they are shown or answered, and counted for the next review."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.app import create_app
from connector.domain.rights import SYSTEM
from connector.services import tokens
from connector.services.check_ins.amending import amend_check_in
from connector.services.facts import load_facts
from connector.services.insight.discipline import Update, load_standings
from connector.services.insight.scope import find_scope, load_lights
from connector.services.panels.building import describe_key_result
from connector.services.rhythm import skipping
from connector.services.sign_in.sessions import viewer_of
from connector.store.tables import Audit, Person, Review
from tests.support.frozen import BERLIN, DAY, LOCK, Meeting, meeting
from tests.support.signed_in import Visit

SAID = "after the lock of 18 Nov 16:00; it counts for the next review"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Meeting]:
    with meeting(tmp_path) as found:
        found.key_result("kr-good", 60)
        found.at(LOCK - 2 * DAY)
        found.check_in("kr-good", 66)
        found.at(LOCK)
        assert found.lock()
        found.at(LOCK + 5 * MINUTE)
        yield found


def test_it_is_marked_on_the_page_in_the_panel_and_in_the_api(acme: Meeting) -> None:
    acme.check_in("kr-good", 70)
    app = create_app(acme.runtime)
    visit = Visit(app, acme.runtime, "alice@acme.example", "member")
    assert "18 Nov 15:05, after the lock" in visit.get("/key-results/kr-good").text
    with acme.runtime.store.read() as session:
        facts = load_facts(session, ["kr-good"], computing=False)["kr-good"]
        panel = describe_key_result(facts, "", acme.runtime.now(), BERLIN)
    assert "Alice, 18 Nov, after the lock" in panel.source_text
    key = tokens.create(acme.runtime, "reader", "member")
    listed = app.test_client().get("/api/v1/key-results/kr-good", headers={"Authorization": f"Bearer {key}"}).json
    assert listed is not None
    assert [each["late"] for each in listed["check_ins"]] == [True, False, False]


def test_the_form_says_so_before_and_after_saving(acme: Meeting) -> None:
    visit = Visit(create_app(acme.runtime), acme.runtime, "alice@acme.example", "member")
    page = visit.get("/key-results/kr-good/check-in").text
    assert f"An update now comes {SAID}." in page
    acme.change(update(Review).values(state="closed"))
    assert "after the lock" not in visit.get("/key-results/kr-good/check-in").text


def test_a_script_is_answered_so(acme: Meeting) -> None:
    client = create_app(acme.runtime).test_client()
    key = tokens.create(acme.runtime, "writer", "lead")
    body = {"value": 70, "confidence": 7, "decision": "none", "as": "alice@acme.example", "source_id": "one"}
    path, headers = "/api/v1/key-results/kr-good/check-ins", {"Authorization": f"Bearer {key}"}
    for repeated in (False, True):
        answer = client.post(path, json=body, headers=headers).json
        assert answer is not None
        assert (answer["late"], answer["note"], answer["repeated"]) == (True, SAID, repeated)


def test_the_stored_lock_settles_it_however_long_a_form_was_open(acme: Meeting) -> None:
    """The lock was moved while somebody typed: what counts is what stands when the update is filed."""
    acme.change(update(Review).values(state="planned", lock_at=LOCK + timedelta(hours=2)))
    assert acme.check_in("kr-good", 70).late == ""
    acme.change(update(Review).values(state="locked"))
    assert acme.check_in("kr-good", 71).late


@pytest.mark.parametrize("amends", [False, True])
def test_what_came_while_the_review_was_skipped_is_late_when_that_is_taken_back(acme: Meeting, amends: bool) -> None:
    skipping.skip(acme.runtime, SYSTEM, acme.review, "everybody is ill")
    acme.at(LOCK + 10 * MINUTE)
    if amends:
        with acme.runtime.store.read() as session:
            viewer = viewer_of(session.get_one(Person, acme.people["Alice"]))
        amend_check_in(acme.runtime, acme.check_ins("kr-good")[-1].id, {"value": 80}, viewer=viewer)
    else:
        assert acme.check_in("kr-good", 80).late == ""
    acme.at(LOCK + 15 * MINUTE)
    skipping.take_back(acme.runtime, SYSTEM, acme.review)
    marks = [each.late for each in acme.check_ins("kr-good")]
    assert marks == [False] * (len(marks) - 1) + [True]
    assert acme.snapshot().entries[0].current_text == "66\u00a0%"


def test_an_amendment_after_the_lock_is_late_and_the_pre_read_keeps_what_was_said(acme: Meeting) -> None:
    with acme.runtime.store.read() as session:
        viewer = viewer_of(session.get_one(Person, acme.people["Alice"]))
    last = acme.check_ins("kr-good")[-1]
    assert amend_check_in(acme.runtime, last.id, {"value": 66.0}, viewer=viewer).late == "", "nothing was changed"
    amended = amend_check_in(acme.runtime, last.id, {"value": 80}, viewer=viewer)
    assert amended.late == SAID
    assert acme.check_ins("kr-good")[-1].late
    assert acme.snapshot().entries[0].current_text == "66\u00a0%"


def test_discipline_knows_that_it_came_late(acme: Meeting) -> None:
    def standing() -> Update:
        with acme.runtime.store.read() as session:
            today = acme.runtime.now().astimezone(BERLIN).date()
            lights = load_lights(session, SYSTEM, find_scope(session, today), today)
            return load_standings(session, lights, acme.runtime.now(), BERLIN)[0].update

    assert standing() is Update.ON_TIME
    acme.check_in("kr-good", 70)
    assert standing() is Update.LATE
    acme.change(update(Review).values(state="closed"))
    acme.at(LOCK + 5 * DAY)
    acme.check_in("kr-good", 75)
    assert standing() is Update.ON_TIME


def test_the_audit_trail_says_it(acme: Meeting) -> None:
    acme.check_in("kr-good", 70)
    with acme.runtime.store.read() as session:
        notes = session.scalars(select(Audit.after).where(Audit.action == "check_in").order_by(Audit.id)).all()
    assert [bool(each and each.get("late")) for each in notes] == [False, False, True]
