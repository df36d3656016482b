"""The forms of objectives and key results: what was typed stays, messages stand at fields, and nothing typed is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from connector.domain.targets import parse_number
from connector.store.tables import KeyResult, Objective
from connector.views.plan.key_result_forms import number_text
from tests.support.signed_in import Visit
from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.objective("onboarding")
        yield found


NEW = "/plan/objectives/onboarding/key-results/new"
TYPED = {
    "title": "Churn of new customers from 5 to 3",
    "objective": "onboarding",
    "owner": "alice@acme.example",
    "kind": "metric",
    "start": "5",
    "target": "3",
    "cadence": "weekly",
    "weight": "1",
    "decimals": "0",
}


def version(text: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', text)
    assert found
    return found[1]


def stored(acme: Company, table: type[Any] = KeyResult) -> list[Any]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(table).order_by(table.position, table.id)))


def values(text: str) -> dict[str, str]:
    """What single-line fields and the title show."""
    found = {name: unescape(value) for name, value in re.findall(r'<input[^>]* name="(\w+)"[^>]*? value="([^"]*)"', text)}
    area = re.search(r'<textarea[^>]*name="title"[^>]*>([^<]*)</textarea>', text)
    return {**found, "title": unescape(area[1]) if area else ""}


# --- key results ---------------------------------------------------------------------------------------------------------------


def test_a_key_result_is_made_with_numbers_as_people_write_them(admin: Visit, acme: Company) -> None:
    assert admin.get(NEW).status_code == 200
    answer = admin.post(NEW, {**TYPED, "unit": "EUR", "start": "1 200", "target": "1.500,5 EUR", "decimals": "1", "weight": "2"})
    assert answer.status_code == 303
    row = stored(acme)[0]
    assert (row.start, row.target, row.decimals, row.weight) == (1200.0, 1500.5, 1, 2.0)
    assert answer.location == f"/key-results/{row.id}"
    assert "Saved." in admin.get(answer.location).text


def test_what_was_typed_stays_and_each_message_stands_at_its_field(admin: Visit, acme: Company) -> None:
    answer = admin.post(NEW, {**TYPED, "owner": "a@b.c, d@e.f", "start": "", "target": "", "weight": "-1"})
    assert answer.status_code == 422
    text = answer.text
    for name in ("owner", "start", "target", "weight"):
        assert f'id="e-{name}"' in text
        assert re.search(rf'id="f-{name}"[^>]*aria-invalid="true"', text)
    assert values(text)["owner"] == "a@b.c, d@e.f"
    assert values(text)["title"] == TYPED["title"]
    assert not stored(acme)


def test_a_number_that_may_be_read_two_ways_is_asked_about(admin: Visit, acme: Company) -> None:
    answer = admin.post(NEW, {**TYPED, "target": "1,234"})
    assert answer.status_code == 422
    assert "may mean 1234 or 1.234" in unescape(answer.text)
    assert values(answer.text)["target"] == "1,234"
    assert not stored(acme)


def test_a_relative_target_without_a_baseline_offers_to_set_it_first(admin: Visit, acme: Company) -> None:
    typed = {**TYPED, "title": "Reduce support cost by 20 %", "start": "", "target": "", "change": "-20 %"}
    answer = admin.post(NEW, typed)
    assert answer.status_code == 422
    assert "Make “Set the baseline for support cost” first" in answer.text
    assert admin.post(NEW, {**typed, "set_baseline": "1"}).status_code == 303
    assert [(row.title, row.kind) for row in stored(acme)] == [("Set the baseline for support cost", "yes_no")]


def test_another_kind_shows_its_fields_and_loses_nothing(admin: Visit) -> None:
    answer = admin.post("/plan/key-results/fields", {**TYPED, "kind": "between", "low": "1"})
    assert answer.status_code == 200
    assert 'id="f-low"' in answer.text
    assert '<input type="hidden" name="start" value="5">' in answer.text
    back = admin.post("/plan/key-results/fields", {**TYPED, "kind": "metric", "low": "1"})
    assert re.search(r'id="f-start"[^>]*value="5"', back.text)
    assert '<input type="hidden" name="low" value="1">' in back.text


def test_rows_are_added_without_scripts_too_and_nothing_is_saved(admin: Visit, acme: Company) -> None:
    typed = {**TYPED, "kind": "milestones", "milestone_title": ["Plan"], "milestone_weight": [""], "milestone_done": ["1"]}
    answer = admin.post(NEW, {**typed, "more": "milestones"})
    assert answer.status_code == 200
    assert answer.text.count('name="milestone_title"') == 2
    assert not stored(acme)
    assert admin.post(NEW, typed).status_code == 303
    assert stored(acme)[0].milestones == [{"title": "Plan", "weight": 1.0, "done": True}]


def test_an_error_in_a_row_names_the_row(admin: Visit) -> None:
    rows = {"milestone_title": ["Plan", "", "Build"], "milestone_weight": ["", "", "-2"], "milestone_done": ["", "", ""]}
    answer = admin.post(NEW, {**TYPED, "kind": "milestones", **rows})
    assert answer.status_code == 422
    assert "row 2: a weight is 0 or above" in answer.text
    phases = {"phase_day": ["2026-13-01"], "phase_value": ["4"]}
    assert "row 1: must be a day" in admin.post(NEW, {**TYPED, **phases}).text


def test_a_change_that_needs_a_reason_asks_for_it_and_the_key_results_page_tells_it(admin: Visit, acme: Company) -> None:
    admin.post(NEW, TYPED)
    path = f"/plan/key-results/{stored(acme)[0].id}"
    page = admin.get(path).text
    assert 'name="reason"' not in page
    typed = {**TYPED, "target": "2", "version": version(page)}
    asked = admin.post(path, typed)
    assert asked.status_code == 422
    assert re.search(r'id="f-reason"[^>]*aria-invalid="true"', asked.text)
    assert "a change of target needs a reason" in asked.text
    assert admin.post(path, {**typed, "reason": "the board asked"}).status_code == 303
    assert stored(acme)[0].target == 2.0
    told = admin.get(f"/key-results/{stored(acme)[0].id}").text
    assert "the board asked" in told
    assert "Root" in told


def test_two_admins_who_save_at_once_both_see_both_versions(app: Flask, admin: Visit, acme: Company) -> None:
    admin.post(NEW, TYPED)
    path = f"/plan/key-results/{stored(acme)[0].id}"
    other = Visit(app, acme.runtime, "ben@acme.example", "admin")
    mine, theirs = (version(visit.get(path).text) for visit in (admin, other))
    assert other.post(path, {**TYPED, "target": "2", "reason": "one", "version": theirs}).status_code == 303
    answer = admin.post(path, {**TYPED, "target": "1", "reason": "two", "version": mine})
    assert answer.status_code == 409
    assert "ben@acme.example" in answer.text
    row = re.search(r'<tr><th scope="row">To</th><td class="wrap">(\S+)</td><td class="wrap">(\S+)</td></tr>', answer.text)
    assert row
    assert row.groups() == ("2", "1")
    assert answer.text.count('<tr><th scope="row">') == 1  # only what differs
    assert stored(acme)[0].target == 2.0
    assert admin.post(path, {**TYPED, "target": "1", "reason": "two", "version": version(answer.text)}).status_code == 303
    assert stored(acme)[0].target == 1.0


def test_the_form_shows_what_is_stored_and_saving_it_unchanged_changes_nothing(admin: Visit, acme: Company) -> None:
    rows = {"checkpoint_value": ["4.1250"], "checkpoint_progress": ["29"], "phase_day": ["2026-10-01"], "phase_value": ["4"]}
    admin.post(NEW, {**TYPED, "start": "5,5", "target": "0.125", **rows})
    before = stored(acme)[0]
    assert before.checkpoints == [{"value": 4.125, "progress": 0.29}]
    page = admin.get(f"/plan/key-results/{before.id}").text
    shown = values(page)
    assert (shown["start"], shown["target"], shown["checkpoint_value"]) == ("5.5", "0.1250", "4.1250")
    same = {name: shown[name] for name in ("start", "target", "checkpoint_value", "checkpoint_progress", "phase_day", "phase_value")}
    answer = admin.post(f"/plan/key-results/{before.id}", {**TYPED, **same, "version": version(page)})
    assert answer.status_code == 303
    assert "Nothing was changed." in admin.get(answer.location).text


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_every_number_that_the_form_shows_is_read_back_as_itself(number: float) -> None:
    assert parse_number(number_text(number)) == number


HOSTILE = "<script>alert(1)</script>\" onmouseover='x' {{7*7}} </textarea>"


def test_hostile_titles_are_text_everywhere(admin: Visit, acme: Company) -> None:
    assert admin.post(NEW, {**TYPED, "title": HOSTILE}).status_code == 303
    ident = stored(acme)[0].id
    paths = ("/", f"/key-results/{ident}", f"/plan/key-results/{ident}", f"/plan/key-results/{ident}/retire", "/plan/objectives/onboarding")
    for path in (*paths, "/plan/quality", f"/plan/key-results/{ident}/sign-off"):
        text = admin.get(path).text
        assert "<script>alert" not in text
        assert "49" not in re.findall(r"onmouseover[^<]{0,20}", text)
        assert "&lt;script&gt;alert(1)" in text or "&lt;/textarea" in text


@pytest.mark.parametrize(("title", "status"), [("x" * 501, 422), ("\u202eevil", 422), ("bell\x07", 422), ("nul\x00", 400), ("  ", 422)])
def test_titles_that_cannot_be_shown_are_refused(admin: Visit, acme: Company, title: str, status: int) -> None:
    answer = admin.post(NEW, {**TYPED, "title": title})
    assert answer.status_code == status
    assert not stored(acme)


# --- quality while typing --------------------------------------------------------------------------------------------------------


def test_the_verdicts_name_the_failing_words_while_typing(admin: Visit) -> None:
    text = admin.post("/plan/key-results/quality", {**TYPED, "title": "Improve the quality of support", "start": "", "target": ""}).text
    assert "<mark>" in text
    assert text.count("<li>") >= 5
    for name in ("Specific", "Measurable", "Achievable", "Relevant", "Time-bound"):
        assert f"<b>{name}</b>" in text
    good = admin.post("/plan/key-results/quality", TYPED).text
    assert good.count("holds") > text.count("holds")


def test_an_activity_is_called_an_output(admin: Visit) -> None:
    text = admin.post("/plan/key-results/quality", {**TYPED, "title": "Ship 12 releases", "start": "0", "target": "12"}).text
    assert ">output</span>" in text


def test_the_check_takes_anything_that_is_typed(admin: Visit) -> None:
    for typed in ({}, {"kind": "nonsense"}, {"start": "abc", "kind": "metric"}, {"change": "-20 %", "kind": "metric"}, {"title": HOSTILE}):
        assert admin.post("/plan/key-results/quality", typed).status_code == 200


# --- objectives ------------------------------------------------------------------------------------------------------------------


def test_an_objective_is_made_aligned_and_retired(admin: Visit, acme: Company) -> None:
    path = "/plan/objectives/new"
    assert "Choose a cycle" in admin.get(path).text
    answer = admin.post(path, {"title": "", "cycle": "", "stage": "ready"})
    assert answer.status_code == 422
    assert 'id="e-title"' in answer.text
    assert 'id="e-cycle"' in answer.text
    made = admin.post(path, {"title": "Customers stay", "cycle": "now", "team": "Growth", "stage": "ready", "supports": "onboarding"})
    assert made.status_code == 303
    assert made.location == "/plan/objectives/customers-stay"
    page = admin.get("/plan/objectives/onboarding").text
    assert "Customers stay" in page
    retire = "/plan/objectives/customers-stay/retire"
    as_read = {"version": version(admin.get(retire).text)}
    asked = admin.post(retire, {"reason": "", **as_read})
    assert asked.status_code == 422
    assert admin.post(retire, {"reason": "merged", **as_read}).status_code == 303
    assert admin.get("/plan/objectives/customers-stay").status_code == 404
    assert {row.id: row.retired_at is None for row in stored(acme, Objective)} == {"customers-stay": False, "onboarding": True}


def test_an_orphan_says_so(admin: Visit) -> None:
    assert "Orphan:" in admin.get("/plan/objectives/onboarding").text


def test_an_objective_cannot_support_itself_round_about(admin: Visit) -> None:
    admin.post("/plan/objectives/new", {"title": "Below", "cycle": "now", "stage": "ready", "supports": "onboarding"})
    page = admin.get("/plan/objectives/onboarding").text
    typed = {
        "title": "Objective onboarding",
        "cycle": "now",
        "stage": "ready",
        "supports": "below",
        "reason": "x",
        "version": version(page),
    }
    answer = admin.post("/plan/objectives/onboarding", typed)
    assert answer.status_code == 422
    assert "in a circle" in answer.text


def test_a_lead_cannot_lock_themselves_out(app: Flask, acme: Company) -> None:
    lead = Visit(app, acme.runtime, "lead@acme.example", "lead")
    page = lead.get("/plan/objectives/onboarding").text
    typed = {"title": "Objective onboarding", "cycle": "now", "stage": "ready", "restricted": "1", "version": version(page)}
    answer = lead.post("/plan/objectives/onboarding", typed)
    assert answer.status_code == 422
    assert "add yourself to the readers" in answer.text
    assert lead.post("/plan/objectives/onboarding", {**typed, "reader": ["lead@acme.example", ""]}).status_code == 303
    bystander = Visit(app, acme.runtime, "bystander@acme.example", "lead")
    assert bystander.get("/plan/objectives/onboarding").status_code == 404
    assert "onboarding" not in bystander.get("/plan/objectives/new").text


def test_two_admins_see_both_versions_of_an_objective(app: Flask, admin: Visit, acme: Company) -> None:
    path = "/plan/objectives/onboarding"
    other = Visit(app, acme.runtime, "ben@acme.example", "admin")
    mine, theirs = (version(visit.get(path).text) for visit in (admin, other))
    typed = {"cycle": "now", "stage": "ready", "reason": "clearer"}
    assert other.post(path, {**typed, "title": "Theirs", "version": theirs}).status_code == 303
    answer = admin.post(path, {**typed, "title": "Mine", "version": mine})
    assert answer.status_code == 409
    assert '<td class="wrap">Theirs</td><td class="wrap">Mine</td>' in answer.text


def test_both_pages_show_the_whole_chain_of_goals(admin: Visit, acme: Company) -> None:
    for title, supports in (("Product", "onboarding"), ("Feature", "product")):
        admin.post("/plan/objectives/new", {"title": title, "cycle": "now", "stage": "ready", "supports": supports})
    acme.key_result("kr", "feature")
    for path, above in (("/key-results/kr", ["onboarding", "product", "feature"]), ("/objectives/feature", ["onboarding", "product"])):
        chain = re.search(r'<ol class="chain".*?</ol>', admin.get(path).text, re.DOTALL)
        assert chain
        assert re.findall(r'href="/objectives/([^"]+)"', chain[0]) == above


def test_they_move_from_their_pages(admin: Visit, acme: Company) -> None:
    acme.key_result("a")
    acme.key_result("b")
    admin.post("/plan/objectives/new", {"title": "Second", "cycle": "now", "stage": "ready"})
    assert "Move “Key result b” up" in admin.get("/plan/objectives/onboarding").text
    assert admin.post("/plan/key-results/b/move", {"direction": "up"}).status_code == 303
    assert [row.id for row in stored(acme)] == ["b", "a"]
    assert admin.post("/plan/objectives/second/move", {"direction": "up", "cycle": "now"}).location == "/plan?cycle=now"
    assert [row.id for row in stored(acme, Objective)] == ["second", "onboarding"]


# --- rights ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
def test_only_those_who_write_get_the_forms(app: Flask, acme: Company, role: str) -> None:
    acme.key_result("kr")
    visit = Visit(app, acme.runtime, "someone@acme.example", role)
    for path in ("/plan/objectives/new", "/plan/objectives/onboarding", NEW, "/plan/key-results/kr", "/plan/key-results/kr/retire"):
        assert visit.get(path).status_code == 403
        assert visit.post(path, TYPED).status_code == 403
    for path in ("/plan/objectives/onboarding/move", "/plan/key-results/kr/move", "/plan/key-results/fields", "/plan/key-results/quality"):
        assert visit.post(path, {"direction": "up"}).status_code == 403
    assert "/plan/key-results/kr" not in visit.get("/key-results/kr").text.replace("/plan/key-results/kr/sign-off", "")


def test_forms_without_the_token_are_refused(admin: Visit, acme: Company) -> None:
    assert admin.post(NEW, TYPED, token="").status_code == 400
    assert not stored(acme)
