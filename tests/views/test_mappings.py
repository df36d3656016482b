"""The pages of mappings without a browser: whom they let in, what the form shows, what the host tells, and the list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import event

from connector.app import create_app
from connector.store.tables import Connection, Mapping, Objective
from tests.support.mapping_desk import TITLE, Desk, errors_of, mapping_desk, text_of
from tests.support.signed_in import Visit
from tests.support.world import company

WHY = "the epic was split"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with mapping_desk(tmp_path) as found:
        yield found


# --- who may --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
def test_only_those_who_write_get_the_editor(desk: Desk, role: str) -> None:
    desk.save()
    other = Visit(desk.app, desk.company.runtime, "bob@acme.example", role)
    for path in ("/mappings/new", "/mappings/new?key_result=kr-setup", "/mappings/1"):
        assert other.get(path).status_code == 403
    for path in (
        "/mappings/new",
        "/mappings/1",
        "/mappings/1/off",
        "/mappings/1/on",
        "/mappings/parts",
        "/mappings/choices",
        "/mappings/preview",
    ):
        assert other.post(path, desk.form()).status_code == 403
    listed = other.get("/mappings")
    assert listed.status_code == 200
    assert "Map work" not in listed.text
    assert "Map work" not in other.get("/key-results/kr-setup").text


def test_forms_want_their_token(desk: Desk) -> None:
    for path in ("/mappings/new", "/mappings/preview", "/mappings/parts", "/mappings/choices"):
        assert desk.lead.post(path, desk.form(), token="").status_code == 400
    assert desk.rows() == []


def test_a_restricted_key_result_is_not_there_for_others(desk: Desk) -> None:
    desk.save()
    with desk.company.runtime.store.write() as session:
        session.get_one(Objective, "onboarding").restricted = True
    other = Visit(desk.app, desk.company.runtime, "bob@acme.example", "lead")
    for path in ("/mappings/new?key_result=kr-setup", "/mappings/1"):
        assert other.get(path).status_code == 404
    assert other.post("/mappings/new", desk.form()).status_code == 404
    assert other.post("/mappings/1/off", {"off_reason": WHY}).status_code == 404
    assert "not there any more" in text_of(other.post("/mappings/preview", desk.form()).text)
    assert "kr-setup" not in other.get("/mappings").text
    assert "kr-setup" not in other.get("/mappings/new").text


# --- the empty form --------------------------------------------------------------------------------------------------------------


def test_without_a_key_result_one_is_chosen_first_those_without_a_mapping_on_top(desk: Desk) -> None:
    desk.save()
    page = desk.lead.get("/mappings/new").text
    assert page.index("kr-seats") < page.index("kr-setup")
    assert "kr-setup" not in desk.lead.get("/mappings/new?q=seats").text
    assert "No key result has these words" in desk.lead.get("/mappings/new?q=zebra").text


def test_the_form_opens_without_asking_the_host_and_guesses_what_it_can(desk: Desk) -> None:
    page = desk.lead.get("/mappings/new?key_result=kr-setup").text
    assert desk.jira.log == []
    assert re.search(r'value="done_share" selected', page)
    assert re.search(r'value="acme-jira" selected', page)
    assert 'value="alice@acme.example"' in page
    assert 'hx-trigger="load"' in page
    assert 'value="done_count" selected' in desk.lead.get("/mappings/new?key_result=kr-seats").text


def test_an_address_may_name_what_to_map(desk: Desk) -> None:
    page = desk.lead.get("/mappings/new?key_result=kr-setup&connection=acme-jira&epic=ACME-2&epic=ACME-1").text
    assert re.search(r'name="epic" value="ACME-2"[^>]* checked', page)
    assert re.search(r'name="epic" value="ACME-1"[^>]* checked', page)
    assert 'value="acme-notion" selected' in desk.lead.get("/mappings/new?key_result=kr-setup&connection=acme-notion").text


def test_without_a_connection_there_is_a_way_to_make_one(tmp_path: Path) -> None:
    with company(tmp_path / "empty") as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        admin = Visit(create_app(found.runtime), found.runtime, "alice@acme.example", "admin")
        page = admin.get("/mappings/new?key_result=kr-setup").text
        assert "There is no connection yet" in page
        assert "Connect Jira or Notion" in page
        assert "No work is mapped yet" in admin.get("/mappings").text


# --- what the host tells ---------------------------------------------------------------------------------------------------------


def test_the_parts_show_epics_projects_and_number_fields(desk: Desk) -> None:
    page = desk.lead.post("/mappings/parts", desk.form(epic="ACME-2", known="ACME-2\tTeam invitations\tTo Do")).text
    assert re.search(r'value="ACME-2"[^>]* checked', page)
    assert "&lt;b&gt;Guided&lt;/b&gt; &#34;first&#34; run" in page
    assert TITLE not in page
    assert re.search(r'<option value="ACME"[^>]*>ACME', page)
    assert "<option>Story Points</option>" in page


def test_choices_keep_what_is_picked_and_find_the_rest(desk: Desk) -> None:
    picked = {"epic": ["ACME-1"], "known": ["ACME-1\tGuided\tTo Do"]}
    page = desk.lead.post("/mappings/choices", {**desk.form(q="invit"), **picked}).text
    assert re.findall(r'name="epic" value="([^"]+)"', page) == ["ACME-1", "ACME-2"]
    assert re.search(r'value="ACME-1"[^>]* checked', page)
    assert "Nothing is found for “zebra”" in text_of(desk.lead.post("/mappings/choices", desk.form(q="zebra", epic="")).text)


def test_a_host_that_is_away_leaves_a_form_to_type_into(desk: Desk) -> None:
    desk.jira.fail(drop=True, times=100)
    page = desk.lead.post("/mappings/parts", desk.form(kind="project", project="ACME")).text
    assert "acme-jira could not be asked what there is to map" in text_of(page)
    assert re.search(r'name="project" type="text" value="ACME"', page)
    assert "does not answer" in text_of(desk.lead.post("/mappings/choices", desk.form()).text)
    (told,) = desk.preview()
    assert "acme-jira does not answer as it should" in told
    refused = desk.save()
    assert refused.status_code == 422
    assert "was not saved. Your entries are still here. Save again." in text_of(refused.text)
    assert re.search(r'value="ACME-1"[^>]* checked', refused.text)
    assert desk.rows() == []


def test_a_parked_connection_is_told_and_nothing_is_called(desk: Desk) -> None:
    with desk.company.runtime.store.write() as session:
        row = session.get_one(Connection, desk.ids[0])
        row.parked_at, row.parked_reason = desk.company.runtime.now(), "the token was revoked"
    page = desk.lead.get("/mappings/new?key_result=kr-setup&connection=acme-jira").text
    assert "acme-jira is parked: the token was revoked" in text_of(page)
    assert desk.lead.post("/mappings/parts", desk.form()).status_code == 200
    assert desk.preview() == ["Choose a connection that can be read."]
    assert errors_of(desk.save().text)["connection"].startswith("connection acme-jira is parked")
    assert desk.jira.log == []


def test_notion_shows_databases_properties_and_options(desk: Desk) -> None:
    values = {"connection": "acme-notion", "kind": "database", "epic": ""}
    page = desk.lead.post("/mappings/parts", desk.form(**values)).text
    (source,) = re.findall(r'name="source" value="([^"]+)"', page)
    assert source.endswith(f"/{desk.source}")
    chosen = {**values, "source": source, "parts_of": "acme-notion", "filter_name": "Stage"}
    page = desk.lead.post("/mappings/parts", desk.form(**chosen)).text
    assert re.search(r"<option>Won</option><option>Lost</option>", page)
    assert '<option value="checkbox:Paid">' in page
    assert "<option>Seats</option>" in page


def test_another_connection_forgets_what_was_picked_at_the_former(desk: Desk) -> None:
    page = desk.lead.post("/mappings/parts", desk.form(connection="acme-notion")).text
    assert "ACME-1" not in page
    assert re.search(r'id="k-database" value="database" checked', page)


# --- the list --------------------------------------------------------------------------------------------------------------------


def test_the_list_shows_value_items_owner_and_state_and_leads_to_the_explanation(desk: Desk) -> None:
    desk.save()
    waiting = text_of(desk.lead.get("/mappings").text)
    assert "Being read" in waiting
    assert "not known" in waiting
    desk.company.work(desk.ids[0])
    page = desk.lead.get("/mappings").text
    told = text_of(page)
    assert "40 % Explain this number of Key result kr-setup Direct children of ACME-1" in told
    assert "Share done 5 Working" in told
    assert "alice@acme.example" not in told
    assert "read" in told
    assert re.search(r"Key result kr-setup [\w ]+ · Alice 40 %", told)
    assert 'href="/key-results/kr-setup#explain"' in page
    with desk.company.runtime.store.write() as session:
        session.get_one(Mapping, 1).broken = "ACME-1: no longer there"
    assert "Broken ACME-1: no longer there" in text_of(desk.lead.get("/mappings?state=broken").text)


def test_filters_stand_in_the_address_and_a_bad_cursor_is_words(desk: Desk) -> None:
    desk.save()
    assert "ACME-1" in desk.lead.get("/mappings?connection=acme-jira&text=setup&state=waiting").text
    assert "No mapping fits" in desk.lead.get("/mappings?team=Nobody").text
    answer = desk.lead.get("/mappings?cursor=nonsense")
    assert answer.status_code == 200
    assert "This is not a cursor of this list" in answer.text


def test_a_long_list_comes_in_pages_with_few_statements(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mappings.views.listing.LIMIT", 2)
    for number in range(5):
        desk.company.key_result(f"kr-{number}")
        desk.company.mapping(f"kr-{number}", desk.ids[0], select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    statements: list[str] = []
    event.listen(desk.company.runtime.store.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    path, seen = "/mappings", []
    while path:
        statements.clear()
        page = desk.lead.get(path).text
        assert len([each for each in statements if each.startswith("SELECT")]) <= 10
        seen += re.findall(r'id="mapping-(\d+)"', page)
        following = re.search(r'href="([^"]+cursor[^"]+)"', page)
        path = unescape(following[1]) if following else ""
    assert seen == ["1", "2", "3", "4", "5"]


def test_the_editor_needs_few_statements(desk: Desk) -> None:
    desk.save()
    statements: list[str] = []
    event.listen(desk.company.runtime.store.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    for path in ("/mappings/1", "/mappings/new?key_result=kr-setup", "/mappings/new"):
        statements.clear()
        assert desk.lead.get(path).status_code == 200
        assert len([each for each in statements if each.startswith("SELECT")]) <= 10, path
