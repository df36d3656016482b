"""The steps of milestones in the check-in form, on our own page and in the panel of an issue: ticked, counted live, kept in a conflict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from connector.app import create_app
from connector.services.check_ins import file_check_in
from connector.services.rollup import want_all
from connector.store.tables import KeyResult
from tests.support.forge import ALICE as ALICE_THERE
from tests.support.forge import BOB as BOB_THERE
from tests.support.issue_scene import EPIC, IssueScene, issue_scene
from tests.support.signed_in import Visit
from tests.support.world import Company, company

ADDRESS, PANEL = "/key-results/kr-launch/check-in", "/forge/v1/check-in/kr-launch"
ALICE, BOB = "alice@acme.example", "bob@acme.example"
STEPS = [
    {"title": "Price agreed", "weight": 1.0, "done": True},
    {"title": "Help pages written", "weight": 2.0, "done": False},
    {"title": "Sales trained", "weight": 1.0, "done": False},
]
_BOX = re.compile(r'<input type="checkbox" name="step" value="([^"]+)"( checked)?> <span>([^<]+?) ?<')
_FIELD = re.compile(r'<input (?:id="[^"]+" )?(?:type="hidden" )?name="(\w+)"(?: type="\w+")?[^>]*? value="([^"]*)"')
_CHOSEN = re.compile(r'<input type="radio" name="(\w+)" value="([^"]+)" checked')


def launch(acme: Company, **columns: Any) -> None:
    acme.key_result("kr-launch", kind="milestones", unit="", start=None, target=None, **{"milestones": STEPS, **columns})
    with acme.runtime.store.write() as session:
        want_all(session, acme.runtime.epoch())
    acme.work()


def boxes(html: str) -> dict[str, bool]:
    return {unescape(title): bool(checked) for _, checked, title in _BOX.findall(html)}


def entries(html: str, *done: str) -> dict[str, Any]:
    """The form as a browser would send it, with these steps ticked."""
    form = html[html.index("<form id=") : html.index("</form>")]
    found = {
        name: unescape(value) for name, value in _FIELD.findall(form) if name not in ("csrf_token", "confidence", "decision", "delayed")
    }
    return {**found, **dict(_CHOSEN.findall(form)), "step": [key for key, _, title in _BOX.findall(form) if unescape(title) in done]}


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def done(acme: Company) -> list[str]:
    return [step["title"] for step in acme.row("kr-launch").milestones if step["done"]]


def tell(acme: Company, *steps: str, author: str = ALICE, **more: Any) -> None:
    data = {"confidence": 7, "decision": "none", "milestones": list(steps), **more}
    file_check_in(acme.runtime, "kr-launch", data, author=author, source="page")


# --- our own page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.objective("onboarding")
        launch(found)
        yield found


@pytest.fixture
def alice(acme: Company) -> Visit:
    return Visit(create_app(acme.runtime), acme.runtime, ALICE, "member")


def test_the_steps_are_boxes_as_they_stand_and_ticking_one_is_the_value(acme: Company, alice: Visit) -> None:
    page = alice.get(ADDRESS).text
    assert boxes(page) == {"Price agreed": True, "Help pages written": False, "Sales trained": False}
    assert "Help pages written weight 2" in text(page)
    assert 'name="value"' not in page
    sent = {**entries(page, "Price agreed", "Help pages written"), "confidence": "8", "decision": "none"}
    assert alice.post(ADDRESS, sent).status_code == 303
    assert done(acme) == ["Price agreed", "Help pages written"]
    assert acme.row("kr-launch").current == 0.75
    assert "Check-in saved: 2 of 3, confidence 8." in text(alice.get("/key-results/kr-launch").text)
    assert alice.post(ADDRESS, sent).status_code == 303  # sent again: filed once
    assert [row.kind for row in acme.readings("kr-launch")] == ["milestones", "check_in"]


def test_weights_are_shown_where_they_differ_alone(acme: Company, alice: Visit) -> None:
    with acme.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-launch").milestones = [{**step, "weight": 2.0} for step in STEPS]
    assert "weight" not in text(alice.get(ADDRESS).text)


def test_movement_and_questions_follow_the_ticks(acme: Company, alice: Visit) -> None:
    tell(acme, "Price agreed")
    page = alice.get(ADDRESS).text
    live = text(alice.post(f"{ADDRESS}/check", {**entries(page, "Price agreed", "Sales trained"), "confidence": "7"}).text)
    assert "moving 2 of 3 done · closer to target by 25 points since" in live
    live = text(alice.post(f"{ADDRESS}/check", {**entries(page, "Price agreed"), "confidence": "7"}).text)
    assert "1 of 3 done" in live
    assert "what makes this safe?" in live
    assert "0 of 3 done" in text(alice.post(f"{ADDRESS}/check", entries(page)).text)
    assert done(acme) == ["Price agreed"]  # a look saves nothing


def test_no_change_is_refused_beside_a_new_tick(acme: Company, alice: Visit) -> None:
    tell(acme, "Price agreed")
    page = alice.get(ADDRESS).text
    answer = alice.post(ADDRESS, {**entries(page, "Price agreed", "Sales trained"), "no_change": "none"})
    assert answer.status_code == 422
    assert boxes(answer.text)["Sales trained"]
    assert alice.post(ADDRESS, {**entries(answer.text, "Price agreed"), "no_change": "none"}).status_code == 303
    assert done(acme) == ["Price agreed"]


def test_a_draft_keeps_the_ticks_and_applies_them_when_it_is_completed(acme: Company, alice: Visit) -> None:
    sent = {**entries(alice.get(ADDRESS).text, "Price agreed", "Sales trained"), "confidence": "8"}
    assert alice.post(ADDRESS, sent).headers["Location"] == ADDRESS
    assert done(acme) == ["Price agreed"]
    page = alice.get(ADDRESS).text
    assert boxes(page)["Sales trained"]
    assert "still to add: the decision needed" in text(page)
    tell(acme, "Price agreed", "Help pages written", author=BOB)
    page = alice.get(ADDRESS).text
    assert set(boxes(page).values()) == {True}
    alice.post(ADDRESS, {**entries(page, *boxes(page)), "decision": "none"})
    assert len(done(acme)) == 3


def test_a_conflict_shows_both_keeps_what_was_touched_and_the_next_save_files(acme: Company, alice: Visit) -> None:
    page = alice.get(ADDRESS).text
    tell(acme, "Price agreed", "Help pages written", author=BOB)
    answer = alice.post(ADDRESS, {**entries(page, "Sales trained"), "confidence": "8", "decision": "scope"})
    assert answer.status_code == 409
    told = text(answer.text)
    assert "Bob checked in meanwhile" in told
    for row in ("Price agreed done open", "Help pages written done open", "Sales trained open done", "Confidence 7 8"):
        assert row in told
    assert "Steps that you did not touch are shown as they are saved now." in told
    assert boxes(answer.text) == {"Price agreed": False, "Help pages written": True, "Sales trained": True}
    again = entries(answer.text, "Help pages written", "Sales trained")
    assert (again["confidence"], again["decision"]) == ("8", "scope")
    assert alice.post(ADDRESS, again).status_code == 303
    assert done(acme) == ["Help pages written", "Sales trained"]


def test_steps_that_the_plan_changed_meanwhile_are_looked_at_first(acme: Company, alice: Visit) -> None:
    page = alice.get(ADDRESS).text
    with acme.runtime.store.write() as session:
        changed = [{**STEPS[0], "title": "Price fixed"}, {**STEPS[2], "done": True}, STEPS[1]]
        session.get_one(KeyResult, "kr-launch").milestones = changed
    answer = alice.post(ADDRESS, {**entries(page, "Price agreed", "Help pages written"), "confidence": "8", "decision": "none"})
    assert answer.status_code == 409
    assert "The steps changed meanwhile" in text(answer.text)
    assert boxes(answer.text) == {"Price fixed": True, "Sales trained": True, "Help pages written": True}
    assert alice.post(ADDRESS, entries(answer.text, *boxes(answer.text))).status_code == 303
    assert len(done(acme)) == 3


def test_who_only_reads_sees_the_steps_as_text_and_ticks_none(acme: Company) -> None:
    eve = Visit(create_app(acme.runtime), acme.runtime, "eve@acme.example", "viewer")
    page = eve.get(ADDRESS).text
    assert boxes(page) == {}
    assert "Price agreed done Help pages written open" in text(page)
    assert eve.post(ADDRESS, {"step": ["x"], "decision": "none", "confidence": "7"}).status_code == 403
    assert done(acme) == ["Price agreed"]


def test_milestones_that_items_count_keep_their_number(acme: Company, alice: Visit) -> None:
    connection = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "a@b.c", "api_token": "x"})
    acme.mapping("kr-launch", connection, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    page = alice.get(ADDRESS).text
    assert boxes(page) == {}
    assert alice.post(ADDRESS, {**entries(page), "step": ["x"], "confidence": "7", "decision": "none"}).status_code == 303
    assert done(acme) == ["Price agreed"]


# --- the panel of an issue -----------------------------------------------------------------------------------------------


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[IssueScene]:
    with issue_scene(tmp_path) as made:
        launch(made.company, owner_id=made.person("Bob"))
        made.map("kr-launch", [EPIC], measure="done_share", mode="context")
        yield made


def call(scene: IssueScene, method: str = "GET", body: Any = None, *, by: str = ALICE_THERE, path: str = PANEL) -> TestResponse:
    return scene.forge.call(method, path, body, account=by, issue=scene.ref(EPIC))


def shown(answer: TestResponse) -> str:
    return str((answer.json or {})["html"])


def test_steps_are_ticked_in_the_panel_one_several_or_none(scene: IssueScene) -> None:
    html = shown(call(scene))
    assert boxes(html)["Price agreed"]
    sent = {**entries(html, "Price agreed", "Sales trained"), "confidence": "7", "decision": "none"}
    live = call(scene, "POST", sent, path=f"{PANEL}/check")
    assert "2 of 3 done" in text(shown(live))
    assert (call(scene, "POST", sent).json or {})["said"] == "Check-in saved: 2 of 3, confidence 7."
    assert done(scene.company) == ["Price agreed", "Sales trained"]
    again = entries(shown(call(scene)), "Sales trained")
    call(scene, "POST", {**again, "step": again["step"][0], "decision": "none"})  # one alone comes as a text
    assert done(scene.company) == ["Sales trained"]
    none = entries(shown(call(scene)))
    del none["step"]
    call(scene, "POST", {**none, "decision": "none"})
    assert done(scene.company) == []


def test_a_conflict_in_the_panel_is_409_with_both(scene: IssueScene) -> None:
    html = shown(call(scene))
    theirs = {**entries(shown(call(scene, by=BOB_THERE)), "Price agreed", "Help pages written"), "confidence": "6", "decision": "none"}
    assert call(scene, "POST", theirs, by=BOB_THERE).status_code == 200
    answer = call(scene, "POST", {**entries(html, "Price agreed", "Sales trained"), "confidence": "7", "decision": "none"})
    assert answer.status_code == 409
    assert "Help pages written done open" in text(shown(answer))
    assert set(boxes(shown(answer)).values()) == {True}
    assert call(scene, "POST", entries(shown(answer), *boxes(shown(answer)))).status_code == 200
    assert len(done(scene.company)) == 3
