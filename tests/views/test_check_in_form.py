"""Our own page of the check-in form: prefilled, filed once, drafts, conflicts, who may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from connector.services.check_ins import file_check_in
from connector.store.tables import CheckIn, Connection, Cycle, Item, KeyResult, MappingItem, Reading
from tests.support.signed_in import Visit
from tests.support.world import Company, company

ADDRESS = "/key-results/kr-setup/check-in"
ALICE = "alice@acme.example"
_FIELD = re.compile(r'<input (?:id="[^"]+" )?(?:type="hidden" )?name="(\w+)"(?: type="\w+")?[^>]*? value="([^"]*)"')
_CHOSEN = re.compile(r'<input type="(?:radio|checkbox)" name="(\w+)" value="([^"]+)" checked')
_AREA = re.compile(r'<textarea id="[^"]+" name="(\w+)"[^>]*>([^<]*)<')


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", start=41.0, target=60.0, title="First invoice sent in 7 days")
        yield found


def entries(page: str) -> dict[str, str]:
    """The form as a browser would send it."""
    form = page[page.index("<form id=") : page.index("</form>")]
    found = {
        name: unescape(value) for name, value in _FIELD.findall(form) if name not in ("csrf_token", "confidence", "decision", "delayed")
    }
    return found | dict(_CHOSEN.findall(form)) | {name: unescape(text) for name, text in _AREA.findall(form)}


def text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page[page.index("<main") :])).split())


def tell(acme: Company, **changes: Any) -> None:
    file_check_in(acme.runtime, "kr-setup", {"value": 42, "confidence": 7, "decision": "none", **changes}, author=ALICE, source="page")


def rows(acme: Company) -> list[CheckIn]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(CheckIn).order_by(CheckIn.id)))


def test_three_clicks_update_decision_save(acme: Company, alice: Visit) -> None:
    tell(acme, blocker="waiting for legal")
    page = alice.get("/key-results/kr-setup").text
    assert re.search(rf'<a class="btn main" href="{ADDRESS}">Update</a>', page)
    form = entries(alice.get(ADDRESS).text)
    assert (form["value"], form["confidence"], form["blocker"]) == ("42", "7", "waiting for legal")
    assert "decision" not in form  # chosen by a person, never by the form
    answer = alice.post(ADDRESS, {**form, "decision": "approval"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/key-results/kr-setup")
    assert (rows(acme)[-1].decision, rows(acme)[-1].blocker) == ("approval", "waiting for legal")
    told = text(alice.get("/key-results/kr-setup").text)
    assert "Check-in saved: 42 %, confidence 7, asks for approval." in told


def test_the_form_has_six_fields_and_no_others(alice: Visit) -> None:
    page = alice.get(ADDRESS).text
    visible = text(page)
    for words in ("Current value, %", "Target value from 41 % to 60 %", "Confidence", "Movement", "Key blocker", "Decision needed"):
        assert words in visible
    shown = set(entries(page)) | {"confidence", "decision", "delayed"}
    assert shown == {
        *("key", "seen", "shown_value", "shown_day", "clicks"),  # hidden
        *("value", "confidence", "blocker", "decision", "comment", "doubt", "as_of", "delayed"),
    }
    for word in ("narrative", "dependency", "mitigation", "stakeholder", "red", "green", "amber"):
        assert f'name="{word}"' not in page
    for span in ("1–4 needs a change", "5–6 open", "7–10 on the way"):
        assert span in visible


def test_the_value_comes_from_the_source_with_its_name_and_age(acme: Company, alice: Visit) -> None:
    connection = acme.connection("acme-notion", "notion", "http://127.0.0.1:9", {"token": "x" * 12})
    acme.mapping("kr-setup", connection, select={"rows": ["a" * 32]}, measure="done_share")
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        session.get_one(Connection, connection).last_success_at = now - timedelta(minutes=8)
        session.get_one(KeyResult, "kr-setup").current = 41.66666667
        session.get_one(KeyResult, "kr-setup").source = {"kind": "mapping"}
        session.add(Reading(key_result_id="kr-setup", value=41.66666667, kind="mapping", as_of=now, day=now.date(), recorded_at=now))
    page = alice.get(ADDRESS).text
    assert "Notion, 8 min ago" in text(page)
    form = entries(page)
    assert form["value"] == "42"
    alice.post(ADDRESS, {**form, "confidence": "6", "decision": "none"})
    assert rows(acme)[-1].value == 41.66666667  # left as shown: the number, not its rounded text


def test_no_change_in_one_pass(acme: Company, alice: Visit) -> None:
    tell(acme, confidence=5, blocker="conversion of existing traffic", decision="budget")
    page = alice.get(ADDRESS).text
    assert "No change, nothing needed" in page
    assert "No change, still needs budget" in page
    alice.post(ADDRESS, {**entries(page), "no_change": "budget"})
    last = rows(acme)[-1]
    assert (last.value, last.confidence, last.blocker, last.decision) == (42.0, 5, "conversion of existing traffic", "budget")
    assert last.movement == "flat"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "44"}, "value"),
        ({"confidence": "3"}, "confidence"),
        ({"blocker": "legal"}, "blocker"),
        ({"decision": "scope"}, "decision"),
    ],
)
def test_no_change_never_hides_what_was_typed(acme: Company, alice: Visit, change: dict[str, str], field: str) -> None:
    tell(acme)
    answer = alice.post(ADDRESS, {**entries(alice.get(ADDRESS).text), **change, "no_change": "none"})
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert entries(answer.text)[field] == change[field]
    assert len(rows(acme)) == 1


def test_before_the_first_check_in_there_is_nothing_to_repeat(acme: Company, alice: Visit) -> None:
    page = alice.get(ADDRESS).text
    assert "No change" not in page
    assert alice.post(ADDRESS, {**entries(page), "no_change": "none"}).status_code == 422


def test_a_draft_is_kept_said_resumed_and_completed(acme: Company, alice: Visit) -> None:
    form = entries(alice.get(ADDRESS).text)
    answer = alice.post(ADDRESS, {**form, "value": "44", "comment": "cohort of October", "doubt": "sales may stop it"})
    assert (answer.status_code, answer.headers["Location"]) == (303, ADDRESS)
    page = alice.get(ADDRESS).text
    assert "it does not count yet, still to add: the confidence and the decision needed" in text(page)
    resumed = entries(page)
    assert (resumed["value"], resumed["comment"], resumed["doubt"]) == ("44", "cohort of October", "sales may stop it")
    assert alice.post(ADDRESS, {**resumed, "confidence": "6", "decision": "none"}).headers["Location"] == "/key-results/kr-setup"
    assert [(row.draft, row.value) for row in rows(acme)] == [(False, 44.0)]


def test_a_blocker_that_was_taken_away_stays_away_in_the_draft(acme: Company, alice: Visit) -> None:
    tell(acme, blocker="no test site")
    form = entries(alice.get(ADDRESS).text)
    assert form["blocker"] == "no test site"
    alice.post(ADDRESS, {**form, "blocker": "", "value": "44", "decision": ""})
    assert entries(alice.get(ADDRESS).text)["blocker"] == ""


def test_nothing_at_all_is_no_draft(acme: Company, alice: Visit) -> None:
    answer = alice.post(ADDRESS, entries(alice.get(ADDRESS).text))
    assert answer.status_code == 422
    assert "Nothing was entered yet" in text(answer.text)
    assert rows(acme) == []


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"value": "many"}, "value", "Enter a number"),
        ({"value": "1,200"}, "value", "Enter a number"),
        ({"confidence": "11"}, "confidence", "whole number from 1 to 10"),
        ({"confidence": "7.5"}, "confidence", "whole number from 1 to 10"),
        ({"decision": "maybe"}, "decision", "Choose one of"),
        ({"comment": "x" * 281}, "comment", "280 are the most"),
        ({"doubt": "x" * 281}, "doubt", "280 are the most"),
        ({"blocker": "one\ntwo"}, "blocker", "one blocker"),
        ({"as_of": "2099-01-01"}, "as_of", "a day that has come"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_field_and_kept(
    acme: Company, alice: Visit, change: dict[str, str], field: str, words: str
) -> None:
    good = {**entries(alice.get(ADDRESS).text), "value": "42", "confidence": "7", "decision": "none"}
    answer = alice.post(ADDRESS, {**good, **change})
    assert answer.status_code == 422
    error = re.search(rf'id="e-{field}">.*?</p>', answer.text, re.DOTALL)
    assert error
    assert words in unescape(error[0])
    assert answer.text.count('aria-invalid="true"') == 1
    if field in ("value", "as_of", "comment", "doubt"):
        assert entries(answer.text)[field] == change[field]
    assert rows(acme) == []


def test_a_double_click_and_a_replay_file_one(acme: Company, alice: Visit) -> None:
    form = {**entries(alice.get(ADDRESS).text), "value": "42", "confidence": "7", "decision": "none"}
    assert [alice.post(ADDRESS, form).status_code for _ in range(3)] == [303, 303, 303]
    assert len(rows(acme)) == 1


@pytest.mark.parametrize("stolen", ["other person", "other key result", "made up", "none"])
def test_a_key_of_another_form_files_nothing_and_keeps_the_entries(acme: Company, app: Flask, alice: Visit, stolen: str) -> None:
    acme.key_result("kr-other")
    lead = Visit(app, acme.runtime, "lena@acme.example", "lead")
    keys = {
        "other person": entries(lead.get(ADDRESS).text)["key"],
        "other key result": entries(alice.get("/key-results/kr-other/check-in").text)["key"],
        "made up": "1.2.3",
        "none": "",
    }
    form = {**entries(alice.get(ADDRESS).text), "value": "42", "confidence": "7", "decision": "none"}
    answer = alice.post(ADDRESS, {**form, "key": keys[stolen]})
    assert answer.status_code == 422
    assert "made for another person or key result" in text(answer.text)
    assert rows(acme) == []
    assert alice.post(ADDRESS, {**entries(answer.text), "decision": "none"}).status_code == 303
    assert len(rows(acme)) == 1


def test_a_conflict_shows_both_versions_keeps_the_entries_and_files_on_the_next_save(acme: Company, app: Flask, alice: Visit) -> None:
    lead = Visit(app, acme.runtime, "lena@acme.example", "lead")
    form = entries(alice.get(ADDRESS).text)
    lead.post(ADDRESS, {**entries(lead.get(ADDRESS).text), "value": "50", "confidence": "3", "decision": "budget"})
    answer = alice.post(ADDRESS, {**form, "value": "44", "confidence": "7", "decision": "none", "comment": "cohort of October"})
    assert answer.status_code == 409
    shown = text(answer.text)
    assert "Lena checked in meanwhile" in shown
    assert "Value 50 % 44 %" in shown
    assert "Decision Budget None" in shown
    again = entries(answer.text)
    assert (again["value"], again["confidence"], again["decision"], again["comment"]) == ("44", "7", "none", "cohort of October")
    assert alice.post(ADDRESS, again).status_code == 303
    assert [row.value for row in rows(acme)] == [50.0, 44.0]
    page = text(alice.get("/key-results/kr-setup").text)
    assert "Lena, not the owner" in page


def test_a_source_that_moved_on_is_shown_before_it_is_confirmed(acme: Company, alice: Visit) -> None:
    tell(acme)
    form = entries(alice.get(ADDRESS).text)
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).values(current=47.0))
    answer = alice.post(ADDRESS, {**form, "decision": "none"})
    assert answer.status_code == 409
    assert "The source says 47 % now" in text(answer.text)
    assert entries(answer.text)["value"] == "47"
    assert alice.post(ADDRESS, entries(answer.text)).status_code == 303
    assert rows(acme)[-1].value == 47.0


@pytest.mark.parametrize(
    ("role", "words"),
    [("member", "owners, their teams and leads"), ("viewer", "your role reads"), ("champion", "champions judge the wording")],
)
def test_others_read_the_form_and_are_told_whom_to_ask(acme: Company, app: Flask, role: str, words: str) -> None:
    charlie = Visit(app, acme.runtime, "charlie@acme.example", role)
    page = charlie.get(ADDRESS)
    assert page.status_code == 200
    assert words in text(page.text).lower()
    assert "ask Alice, who owns this one" in text(page.text)
    assert "<form id=" not in page.text
    assert "Update</a>" not in charlie.get("/key-results/kr-setup").text
    assert charlie.post(ADDRESS, {"value": "42", "confidence": "7", "decision": "none"}).status_code == 403
    assert charlie.post(f"{ADDRESS}/check", {"value": "42"}).status_code == 403
    assert rows(acme) == []


def test_a_cycle_that_is_over_is_read_only_with_words(acme: Company, alice: Visit) -> None:
    tell(acme)
    day = acme.runtime.now().date()
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).values(start=day - timedelta(90), end=day - timedelta(2)))
    page = alice.get(ADDRESS).text
    assert "is over" in text(page)
    assert "<form id=" not in page
    assert alice.post(ADDRESS, {"value": "44", "confidence": "7", "decision": "none"}).status_code == 409
    assert "Update</a>" not in alice.get("/key-results/kr-setup").text


def test_unknown_and_hidden_key_results_are_the_same_404(app: Flask, acme: Company) -> None:
    charlie = Visit(app, acme.runtime, "charlie@acme.example", "member")
    assert charlie.get("/key-results/none/check-in").status_code == 404
    assert charlie.post("/key-results/none/check-in", {"value": "1"}).status_code == 404


def test_movement_and_questions_follow_the_typing(acme: Company, alice: Visit) -> None:
    tell(acme, confidence=6)

    def live(**typed: str) -> str:
        answer = alice.post(f"{ADDRESS}/check", {**entries(alice.get(ADDRESS).text), **typed})
        assert answer.status_code == 200
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())

    assert "flat 0 points" in live()
    assert "moving closer to target by 3 points" in live(value="45")
    assert "slipping further from target by 2 points" in live(value="40")
    assert "nothing to compare with yet" in live(value="4x")
    assert "asks for help" in live(confidence="4")
    assert "asks for help" not in live(confidence="7", value="45")
    assert "flat but confident: what makes this safe?" in live(confidence="7").lower()
    assert "flat 0 points" in live(confidence="99")  # one field that cannot be read silences no other
    assert "What did the number do?" in live(comment="held meetings and continued work")
    assert "What did the number do?" not in live(comment="held meetings and continued work", dismissed="1")
    assert "no signal" in live(decision="none")
    assert len(rows(acme)) == 1


def test_an_update_that_says_nothing_is_stored_and_marked(acme: Company, alice: Visit) -> None:
    for _ in range(2):
        tell(acme, confidence=6)
    assert "no signal" in text(alice.get("/key-results/kr-setup").text)


def test_a_delayed_number_says_of_when_it_is(acme: Company, alice: Visit) -> None:
    day = acme.runtime.now() - timedelta(days=6)
    form = entries(alice.get(ADDRESS).text)
    alice.post(ADDRESS, {**form, "value": "42", "confidence": "7", "decision": "none", "as_of": day.date().isoformat(), "delayed": "1"})
    row = rows(acme)[0]
    assert (row.as_of.date(), row.delayed) == (day.date(), True)
    assert ", delayed" in text(alice.get("/key-results/kr-setup").text)


def test_a_stuck_issue_is_offered_as_the_blocker(acme: Company, alice: Visit) -> None:
    connection = acme.connection("harbor-jira", "jira", "http://127.0.0.1:9", {"email": "b@acme.example", "api_token": "x" * 12})
    mapping = acme.mapping("kr-setup", connection, select={"jql": "project = HARB"}, measure="done_share", mode="context")
    given = [("HARB-1", "In progress", "indeterminate"), ("HARB-151", "Blocked", "indeterminate"), ("HARB-2", "Done", "done")]
    with acme.runtime.store.write() as session:
        for number, (key, status, category) in enumerate(given):
            item = Item(connection_id=connection, ref=str(number), key=key, title=f"Title of {key}", kind="issue", status=status)
            item.url, item.category = f"https://acme.atlassian.net/browse/{key}", category
            session.add(item)
            session.flush()
            session.add(MappingItem(mapping_id=mapping, item_id=item.id))
    page = alice.get(ADDRESS).text
    assert re.findall(r'<option value="([^"]+)">', page) == ["HARB-151 Title of HARB-151", "HARB-1 Title of HARB-1"]
    assert "Blocked: HARB-151 Title of HARB-151" in text(page)
    form = {**entries(page), "value": "42", "confidence": "5", "decision": "none", "blocker": "HARB-151 Title of HARB-151"}
    alice.post(ADDRESS, form)
    assert (rows(acme)[0].blocker_link or {})["key"] == "HARB-151"
    assert 'href="https://acme.atlassian.net/browse/HARB-151"' in alice.get("/key-results/kr-setup").text


@pytest.mark.parametrize(
    ("kind", "columns", "typed", "stored", "words"),
    [
        ("yes_no", {"start": None, "target": None, "unit": ""}, "yes", 1.0, "done"),
        ("yes_no", {"start": None, "target": None, "unit": "%"}, "yes", 100.0, "done"),
        ("at_most", {"start": None, "target": 3.0, "unit": "h"}, "2,5 h", 2.5, "at most 3"),
        ("between", {"start": None, "target": None, "low": 2.0, "high": 5.0, "unit": ""}, "4", 4.0, "between 2 and 5"),
    ],
)
def test_every_kind_has_its_form(
    acme: Company, alice: Visit, kind: str, columns: dict[str, Any], typed: str, stored: float, words: str
) -> None:
    acme.key_result("kr-kind", kind=kind, **columns)
    page = alice.get("/key-results/kr-kind/check-in").text
    assert words in text(page)
    form = {**entries(page), "value": typed, "confidence": "7", "decision": "none"}
    assert alice.post("/key-results/kr-kind/check-in", form).status_code == 303
    assert rows(acme)[-1].value == stored
    again = alice.get("/key-results/kr-kind/check-in").text
    assert alice.post("/key-results/kr-kind/check-in", {**entries(again), "no_change": "none"}).status_code == 303
    assert rows(acme)[-1].movement == "flat"


def test_the_form_takes_few_statements(acme: Company, alice: Visit) -> None:
    tell(acme)
    alice.get(ADDRESS)
    seen: list[str] = []
    event.listen(acme.runtime.store.engine, "before_cursor_execute", lambda _c, _k, statement, *_: seen.append(statement))
    alice.get(ADDRESS)
    assert len([each for each in seen if each.startswith(("SELECT", "WITH"))]) <= 14
