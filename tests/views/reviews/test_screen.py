"""The pages on which a review is held: no value can be typed, errors stand at their fields, everybody sees what they may."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from connector.services.reviews import holding
from connector.services.rhythm import skipping
from connector.store.tables import KeyResult, Objective, PreRead, Review
from tests.support.meeting import Meeting
from tests.support.signed_in import Visit


@pytest.fixture
def nadia(app: Flask, meeting: Meeting) -> Visit:
    return Visit(app, meeting.runtime, "nadia@acme.example", "member")


def test_a_review_from_the_list_to_its_minutes(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.review()
    assert f"/reviews/{review}" in nadia.get("/reviews").text
    page = nadia.get(f"/reviews/{review}").text
    assert "Open the review" in page
    assert "Lock now" not in page
    assert nadia.post(f"/reviews/{review}/open").status_code == 303
    page = nadia.get(f"/reviews/{review}").text
    assert "0 of 5 verdicts." in page
    assert "Missing: a verdict for Key result kr-1" in page
    assert 'aria-disabled="true"' in page
    assert "7 folded:" in page
    refused = nadia.post(f"/reviews/{review}/close", {"review_version": "1"})
    assert (refused.status_code, "The review cannot be closed yet. Missing" in refused.text) == (409, True)
    assert nadia.post(f"/reviews/{review}/close", {"review_version": "²"}).status_code == 409
    first = meeting.talked(review)[0].id
    wrong = nadia.post(
        f"/reviews/{review}/items/{first}", {"verdict": "intervene", "text": "Move <b>12</b> k€", "owner": "bob@acme.example"}
    )
    assert wrong.status_code == 422
    assert re.search(r'id="e-due">.*choose a due date', wrong.text)
    assert 'value="Move &lt;b&gt;12&lt;/b&gt; k€"' in wrong.text
    assert '<option value="bob@acme.example" selected>' in wrong.text
    due = (meeting.runtime.now() + timedelta(days=9)).date().isoformat()
    given = {"verdict": "intervene", "action": "reallocate", "text": "Move <b>12</b> k€", "owner": "bob@acme.example", "due": due}
    assert nadia.post(f"/reviews/{review}/items/{first}", given).status_code == 303
    meeting.hold_all(review)
    assert nadia.post(f"/reviews/{review}/hold-folded").status_code == 303
    page = nadia.get(f"/reviews/{review}").text
    assert "5 of 5 verdicts." in page
    version = re.search(r'name="review_version" value="(\d+)"', page)
    assert version is not None
    closed = nadia.post(f"/reviews/{review}/close", {"review_version": version[1]})
    assert (closed.status_code, closed.location) == (303, f"/reviews/{review}/minutes")
    minutes = nadia.get(closed.location).text
    assert "Reallocate resources: Move &lt;b&gt;12&lt;/b&gt; k€ (Bob, due" in minutes
    assert "closed by Nadia" in minutes
    assert nadia.get(f"/reviews/{review}").location == f"/reviews/{review}/minutes"
    assert "1 decision" in nadia.get("/reviews").text


def test_opening_early_is_offered_from_a_day_before_the_lock(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.review(lock=False)
    assert "Lock now and open the review" in nadia.get(f"/reviews/{review}").text
    with meeting.runtime.store.write() as session:
        row = session.get_one(Review, review)
        row.starts_at, row.lock_at = row.starts_at + timedelta(days=9), row.lock_at + timedelta(days=9)
    page = nadia.get(f"/reviews/{review}").text
    assert "Lock now" not in page
    assert "it can be opened early from the day before its lock." in page
    refused = nadia.post(f"/reviews/{review}/open", {"lock_now": "1"})
    assert (refused.status_code, "it can be opened early from" in refused.text) == (409, True)
    assert meeting.row(review).state == "planned"


def test_a_frozen_pre_read_is_a_link_before_the_review_is_opened(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.review()
    key = meeting.held(review).pre_read
    assert f'<a href="/reviews/{review}/pre-read">{key}</a>' in nadia.get(f"/reviews/{review}").text


def test_before_it_is_opened_the_agenda_is_shown_as_it_would_be_and_then_is(nadia: Visit, meeting: Meeting) -> None:
    planned = meeting.review(lock=False)
    page = nadia.get(f"/reviews/{planned}").text
    assert "as things stand; updates still change it" in page
    assert "what it would say now" in page
    assert meeting.items(planned) == []  # looking writes nothing
    review = meeting.review()
    page = nadia.get(f"/reviews/{review}").text
    assert "5 items, 6 min each · from the frozen pre-read" in page
    assert "7 would be folded:</b> 7 on track" in page
    assert "On the agenda: asks for budget" in page
    previewed = re.findall(r'<li id="ahead-([^"]+)"', page)
    assert meeting.items(review) == []
    holding.open_review(meeting.runtime, meeting.viewer("Nadia"), review)
    assert previewed == [each.key_result_id for each in meeting.talked(review)]
    assert "as it would be" not in nadia.get(f"/reviews/{review}").text


def test_before_it_is_opened_the_missing_updates_are_named(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.review()
    with meeting.runtime.store.write() as session:
        row = session.scalars(select(PreRead).where(PreRead.review_id == review)).one()
        gone = {"update": {"standing": "missing", "text": "last check-in 2 Nov"}}
        row.content = {**row.content, "entries": [each | (gone if each["id"] == "kr-9" else {}) for each in row.content["entries"]]}
    page = nadia.get(f"/reviews/{review}").text.partition("Updates missing at the lock")[2].partition("</section>")[0]
    assert "Key result kr-9" in page
    assert "last check-in 2 Nov" in page
    assert "Key result kr-8" not in page


def test_what_is_restricted_is_not_on_the_agenda_that_others_see_before_it_is_opened(app: Flask, meeting: Meeting) -> None:
    with meeting.runtime.store.write() as session:
        session.get_one(Objective, "o-1").restricted = True
    lea = Visit(app, meeting.runtime, "lea@acme.example", "lead")
    for review in (meeting.review(lock=False), meeting.review()):
        page = lea.get(f"/reviews/{review}").text
        assert "The agenda as it would be" in page
        assert "Key result kr-2" in page
        assert "Key result kr-5" not in page
        assert 'key-results/kr-1"' not in page


def test_the_closing_bar_says_what_is_missing_in_one_line(nadia: Visit, meeting: Meeting) -> None:
    with meeting.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-1").title = "A very long title " * 12
    review = meeting.opened()
    shown = re.search(r'<form class="closing".*?</form>', nadia.get(f"/reviews/{review}").text, re.DOTALL)
    assert shown is not None
    assert re.search(r'aria-hidden="true">Missing: 5 verdicts<span class="names"></span>', shown[0])  # whole or not at all
    assert "A very long title" in shown[0].partition('id="missing"')[2]  # for readers, everything
    first = meeting.talked(review)[0]
    meeting.hold(review, first.id)
    page = nadia.get(f"/reviews/{review}").text
    assert 'Missing: 4 verdicts<span class="names">, first Key result kr-' in page
    meeting.hold_all(review)
    assert "The 7 folded hold course." in nadia.get(f"/reviews/{review}").text


def test_a_skipped_review_that_is_ahead_is_listed_among_all_with_its_reason(nadia: Visit, meeting: Meeting) -> None:
    first, second = meeting.review(lock=False), meeting.review(hours=60, lock=False)
    skipping.skip(meeting.runtime, meeting.viewer("Nadia"), first, "company offsite")
    ahead = nadia.get("/reviews").text.partition('id="h-behind"')[0]
    assert "skipped: company offsite" in ahead
    assert f'action="/reviews/{first}/take-back"' in ahead
    assert f'href="/reviews/{second}"' in ahead
    nadia.post(f"/reviews/{first}/take-back")
    ahead = nadia.get("/reviews").text.partition('id="h-behind"')[0]
    assert (f'href="/reviews/{first}"' in ahead, f'href="/reviews/{second}"' in ahead) == (True, False)


def test_no_value_and_no_confidence_can_be_typed_in_a_review(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.opened()
    page = nadia.get(f"/reviews/{review}").text
    names = set(re.findall(r'<(?:input|select|textarea|button)\b[^>]*\bname="([^"]+)"', page))
    allowed = {
        "csrf_token",
        "version",
        "verdict",
        "action",
        "text",
        "owner",
        "due",
        "plan",
        "review_version",
        "person",
        "issue",
        "lock_now",
    }
    assert names <= allowed | {"shown"}
    assert not re.search(r'type="(number|range)"', page)
    assert not re.search(r"<label[^>]*>[^<]*(value|confidence)", page, re.IGNORECASE)


def test_a_part_of_the_page_is_swapped_and_the_next_item_takes_the_focus(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.opened()
    first, second = meeting.talked(review)[:2]
    answer = nadia.post(f"/reviews/{review}/items/{first.id}", {"verdict": "hold"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert re.search(rf'<h3 id="title-{second.id}" tabindex="-1" autofocus>', answer.text)
    wrong = nadia.post(f"/reviews/{review}/items/{second.id}", {"verdict": "stop"}, headers={"HX-Request": "true"})
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    assert "autofocus" not in wrong.text


def test_whoever_may_only_read_sees_no_buttons_and_changes_nothing(app: Flask, meeting: Meeting) -> None:
    review = meeting.opened()
    item = meeting.talked(review)[0].id
    for name, role in (("viv", "viewer"), ("bob", "member"), ("charlie", "champion")):
        visit = Visit(app, meeting.runtime, f"{name}@acme.example", role)
        page = visit.get(f"/reviews/{review}").text
        assert "Save decision" not in page
        assert "Close review" not in page
        for path in ("open", "hold-folded", "hand-over", "close", f"items/{item}", f"items/{item}/take-up"):
            assert visit.post(f"/reviews/{review}/{path}", {"verdict": "hold"}).status_code == 403, path
    assert [each.verdict for each in meeting.items(review)] == [None] * 12


def test_what_is_restricted_is_not_there_for_others(app: Flask, meeting: Meeting) -> None:
    with meeting.runtime.store.write() as session:
        session.get_one(Objective, "o-1").restricted = True
    review = meeting.opened()
    lea = Visit(app, meeting.runtime, "lea@acme.example", "lead")
    page = lea.get(f"/reviews/{review}").text
    assert "kr-1<" not in page
    assert "Key result kr-5" not in page
    assert "0 of 3 verdicts." in page


def test_two_hundred_items_make_a_page_of_bounded_size(app: Flask, meeting: Meeting) -> None:
    with meeting.runtime.store.write() as session:
        row = session.get_one(KeyResult, "kr-4")
        same = {name: getattr(row, name) for name in ("objective_id", "owner_id", "kind", "start", "target", "created_at", "state")}
        same["raw_progress"] = 0.1
        for number in range(200):
            session.add(KeyResult(id=f"kr-many-{number}", title=f"Many {number}", current=1.0, **same))
    review = meeting.review()
    nadia = Visit(app, meeting.runtime, "nadia@acme.example", "member")
    statements: list[str] = []
    event.listen(meeting.runtime.store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    before = nadia.get(f"/reviews/{review}")
    assert (before.status_code, len(before.data) < 150_000, "and 1" in before.text) == (200, True, True)
    assert len(statements) < 40
    statements.clear()
    holding.open_review(meeting.runtime, meeting.viewer("Nadia"), review)
    opened, statements[:] = len(statements), []
    page = nadia.get(f"/reviews/{review}")
    assert page.status_code == 200
    assert len(meeting.talked(review)) > 200
    assert opened < 60
    assert len(statements) < 40
    assert len(page.data) < 150_000
    assert "somebody who takes" in page.text


def test_decisions_are_listed_edited_and_entered(nadia: Visit, app: Flask, meeting: Meeting) -> None:
    review = meeting.opened()
    item = meeting.talked(review)[0].id
    meeting.decide(review, item, owner="bob@acme.example")
    ident = meeting.decisions()[0].id
    assert "Move 12 k€ to ads" in nadia.get("/decisions").text
    assert "Move 12 k€ to ads" not in nadia.get("/decisions?show=done").text
    bob = Visit(app, meeting.runtime, "bob@acme.example", "member")
    page = bob.get(f"/decisions/{ident}").text
    version = re.search(r'name="version" value="([^"]+)"', page)
    assert version is not None
    given = {"title": "Move 12 k€ to ads", "owner": "bob@acme.example", "due": "", "state": "open", "outcome": "", "version": version[1]}
    refused = bob.post(f"/decisions/{ident}", given)
    assert (refused.status_code, "an open decision has a due date" in refused.text) == (422, True)
    done = bob.post(f"/decisions/{ident}", given | {"state": "done", "due": "2099-01-01", "outcome": "Ads run"})
    assert done.status_code == 303
    assert meeting.decisions()[0].state == "done"
    stale = nadia.post(f"/decisions/{ident}", given | {"state": "dropped"})
    assert stale.status_code == 409
    viv = Visit(app, meeting.runtime, "viv@acme.example", "viewer")
    assert "Save" not in viv.get(f"/decisions/{ident}").text
    assert viv.post(f"/decisions/{ident}", given).status_code == 403
    made = nadia.post(
        "/decisions/new", {"key_result": "kr-7", "title": "Correct it", "owner": "bob@acme.example", "due": "2099-01-01", "state": "open"}
    )
    assert made.status_code == 303
    assert "Correct it" in nadia.get(made.location).text


def test_a_folded_key_result_is_pulled_up_and_the_page_says_what_closing_does(nadia: Visit, meeting: Meeting) -> None:
    review = meeting.review()
    noticed = {"kind": "busy_not_moving", "sentence": "Busy: 12 items done, the number stands still"}
    more = {"kr-8": {"state": "data_late"}, "kr-6": {"signals": [noticed]}}
    with meeting.runtime.store.write() as session:
        row = session.scalars(select(PreRead).where(PreRead.review_id == review)).one()
        row.content = {**row.content, "entries": [each | more.get(each["id"], {}) for each in row.content["entries"]]}
    holding.open_review(meeting.runtime, meeting.viewer("Nadia"), review)
    folded = next(each for each in meeting.items(review) if each.key_result_id == "kr-6")
    assert folded.folded
    page = nadia.get(f"/reviews/{review}").text
    assert "7 folded:</b> 6 on track, 1 cannot be told: ask for the number" in page
    assert "Busy: 12 items done, the number stands still" in page.partition('id="folded" open')[2]
    assert "Closing holds course for what is folded and has no verdict (7)." in page
    assert nadia.post(f"/reviews/{review}/items/{folded.id}/take-up").status_code == 303
    page = nadia.get(f"/reviews/{review}").text
    assert f'id="save-{folded.id}"' in page.partition('id="folded" open')[2]
