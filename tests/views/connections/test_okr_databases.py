"""The pages of OKR databases: tested before anything is made, made once, changed, left; what each person may see and do."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import LeadsPage, OkrDatabase, OkrRow
from tests.support.connecting import address
from tests.support.signed_in import Visit
from tests.support.world import Company

PAGE = "/connections/acme-notion/okr-databases"
CHOICES = {"look": "callout", "definitions": "everybody", "settle_seconds": "", "amend_minutes": ""}


@pytest.fixture
def shared(acme: Company, notion: NotionSandbox) -> str:
    """A connection to the workspace, and a page that a person shared with it."""
    acme.connection("acme-notion", "notion", address(notion), {"token": TOKEN})
    return notion.world.add_page("OKRs")


def kept(acme: Company) -> int:
    with acme.runtime.store.read() as session:
        return session.scalar(select(func.count()).select_from(OkrDatabase).where(OkrDatabase.retired_at.is_(None))) or 0


def test_a_page_is_tested_first_and_then_the_four_are_made_once(acme: Company, admin: Visit, notion: NotionSandbox, shared: str) -> None:
    begin = admin.get(PAGE).text
    for words in ("Make new databases", "Nothing is made before you have seen what", "Confidence"):
        assert words in begin, words
    before = len(notion.world.data["databases"])
    tested = admin.post(f"{PAGE}/test", {"page": shared, **CHOICES, "look": "table"})
    assert tested.status_code == 200
    assert "Nothing was made yet" in tested.text
    assert 'name="look" value="table"' in tested.text
    assert (len(notion.world.data["databases"]), kept(acme)) == (before, 0)
    made = admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES, "look": "table"})
    assert (made.status_code, made.headers["Location"]) == (303, PAGE)
    assert (len(notion.world.data["databases"]), kept(acme)) == (before + 4, 4)
    page = admin.get(PAGE).text
    assert "4 databases made" in page
    for title in ("Objectives", "Key Results", "Check-ins", "Decisions"):
        assert title in page
    assert "In step" in page
    again = admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES})
    assert again.status_code == 303
    assert len(notion.world.data["databases"]) == before + 4
    with acme.runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(OkrRow).where(OkrRow.record == "kr-setup")) == 1


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"page": ""}, "page", "Paste the link"),
        ({"page": "nonsense"}, "page", ""),
        ({"page": "0" * 32}, "page", "Connections"),
        ({"look": "poster"}, "look", "Choose what stands"),
        ({"definitions": "nobody"}, "definitions", "everybody or leads"),
        ({"settle_seconds": "soon"}, "settle_seconds", "whole number"),
        ({"settle_seconds": "4"}, "settle_seconds", "from 5 to 40"),
        ({"cycles": "1999-Q1"}, "cycles", "1999-Q1"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(
    acme: Company, admin: Visit, shared: str, sent: dict[str, str], field: str, words: str
) -> None:
    answer = admin.post(f"{PAGE}/test", {"page": shared, **CHOICES, **sent})
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert words in answer.text
    assert kept(acme) == 0


def test_a_page_that_nobody_shared_says_how_to_share_it(acme: Company, admin: Visit, notion: NotionSandbox, shared: str) -> None:
    notion.world.unshare(shared)
    answer = admin.post(f"{PAGE}/test", {"page": shared, **CHOICES})
    assert answer.status_code == 422
    assert "••• → Connections" in answer.text
    assert shared in answer.text, "what was typed is lost"


def test_notion_out_of_order_is_told_and_nothing_is_half_done(acme: Company, admin: Visit, notion: NotionSandbox, shared: str) -> None:
    for _ in range(6):
        notion.fail(status=500, times=9)
    answer = admin.post(f"{PAGE}/test", {"page": shared, **CHOICES})
    assert answer.status_code == 502
    assert "Nothing was lost" in answer.text
    assert kept(acme) == 0


def test_choices_change_and_leaving_wants_the_name(acme: Company, admin: Visit, notion: NotionSandbox, shared: str) -> None:
    admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES})
    assert admin.post(f"{PAGE}/options", {**CHOICES, "look": "properties", "definitions": "leads"}).status_code == 303
    with acme.runtime.store.read() as session:
        options = session.scalars(select(OkrDatabase.options)).first()
    assert options is not None
    assert (options["panel"], options["definitions"]) == ("properties", "leads")
    wrong = admin.post(f"{PAGE}/options", {**CHOICES, "amend_minutes": "900"})
    assert (wrong.status_code, "from 0 to 60" in wrong.text) == (422, True)
    assert admin.post(f"{PAGE}/leave", {"confirm": "yes"}).status_code == 422
    assert kept(acme) == 4
    assert admin.post(f"{PAGE}/leave", {"confirm": "acme-notion"}).status_code == 303
    assert kept(acme) == 0
    assert admin.post(f"{PAGE}/leave", {"confirm": "acme-notion"}).status_code == 409
    assert sum(not each["in_trash"] for each in notion.world.data["databases"].values()) == 5, "databases were taken away at the host"


def test_drafts_and_rows_in_the_trash_are_listed_with_what_to_do(acme: Company, admin: Visit, shared: str) -> None:
    admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES})
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        [results] = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == "key_results"))
        results.drift = ["the column Owner was deleted; add it again"]
        results.broken = "it is not shared with this connection any more"
        common = {"connection_id": results.connection_id, "database_id": results.id, "created_at": now}
        session.add(OkrRow(ref="r1", title="Half an idea", missing=["needs an owner", "needs To"], **common))
        session.add(OkrRow(ref="r2", title="Thrown away", record="kr-old", gone_at=now, **common))
    page = admin.get(PAGE).text
    for words in ("Half an idea", "needs an owner; needs To", "Thrown away", "Out of reach", "nothing is counted as zero", "add it again"):
        assert words in page, words


def test_a_row_in_the_trash_is_made_again_only_when_asked_for(acme: Company, admin: Visit, shared: str) -> None:
    admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES})
    with acme.runtime.store.write() as session:
        [row] = session.scalars(select(OkrRow).where(OkrRow.record == "kr-setup"))
        row.ref, row.gone_at = "gone", acme.runtime.now()
    assert "make a new row" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/make-again", {"record": "kr-setup"}).status_code == 303
    with acme.runtime.store.read() as session:
        [row] = session.scalars(select(OkrRow).where(OkrRow.record == "kr-setup"))
        assert (row.ref, row.gone_at) == (None, None)
    assert admin.post(f"{PAGE}/make-again", {"record": "kr-setup"}).status_code == 303
    assert "this row is there".lower() in admin.get(PAGE).text.lower()
    assert admin.post(f"{PAGE}/make-again", {"record": "kr-nothing"}).status_code == 404


def test_who_sees_it_and_who_may_act(acme: Company, app: Flask, admin: Visit, shared: str) -> None:
    member = Visit(app, acme.runtime, "mia@acme.example", "member")
    assert member.get(PAGE).status_code == 403
    lead = Visit(app, acme.runtime, "lee@acme.example", "lead")
    seen = lead.get(PAGE)
    assert seen.status_code == 200
    assert "Make new databases" not in seen.text
    for act in ("test", "set-up", "options", "leave"):
        assert lead.post(f"{PAGE}/{act}", {"page": shared, **CHOICES}).status_code == 403, act
    assert admin.get("/connections/nobody/okr-databases").status_code == 404
    assert kept(acme) == 0


def test_the_progress_part_asks_for_the_page_when_reading_is_over(acme: Company, admin: Visit, shared: str) -> None:
    admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES})
    over = admin.get(f"{PAGE}/state")
    assert (over.status_code, over.headers["HX-Redirect"]) == (204, PAGE)


# --- databases that people made ------------------------------------------------------------------------------------------------


@pytest.fixture
def theirs(notion: NotionSandbox, shared: str) -> tuple[str, str]:
    """Two databases of an earlier attempt, with three rows: (link of the key results, data source)."""
    world = notion.world
    _, goals = world.add_database("Ziele", {"Ziel": "title", "Zyklus": {"type": "select", "options": ["2026-Q4"]}})
    kinds: dict[str, Any] = {"Result": "title", "Objective": {"type": "relation", **world.relation_to(goals), "single_property": {}}}
    database, source = world.add_database("Results", {**kinds, "Owner": "people", "Start": "number", "Target": "number"})
    world.add_row(goals, {"Ziel": "Grow"})
    for number in range(2):
        world.add_row(source, {"Result": f"Result {number}", "Start": 0, "Target": number})
    return database, source


def test_their_columns_are_guessed_shown_and_changed_and_rows_are_tried(
    acme: Company, admin: Visit, notion: NotionSandbox, theirs: tuple[str, str]
) -> None:
    sent = {"links.key_results": theirs[0], **CHOICES}
    guessed = admin.post(f"{PAGE}/adopt/columns", sent)
    assert guessed.status_code == 200, guessed.text
    for words in (
        "Which column is which",
        "Objective (relation)",
        "Start (number)",
        "Columns to add",
        "OKR key",
        "Try it on the rows",
        "Adopt",
    ):
        assert words in guessed.text, words
    start = notion.world.property_id(theirs[1], "Start")
    changed = admin.post(f"{PAGE}/adopt/columns", {**sent, "key_results.to": start, "key_results.from": start})
    assert changed.status_code == 422
    assert 'id="e-key_results.to"' in changed.text
    assert ">Adopt</button>" not in changed.text
    tried = admin.post(f"{PAGE}/adopt/rows", sent)
    assert tried.status_code == 200
    for words in ("What your rows would become", "Result 1", "stays a draft", "owner"):
        assert words in tried.text, words
    assert kept(acme) == 0
    assert "OKR key" not in [each["name"] for each in notion.world.data["sources"][theirs[1]]["properties"].values()]


def test_they_are_adopted_once_adding_columns_was_agreed_to(
    acme: Company, admin: Visit, notion: NotionSandbox, theirs: tuple[str, str]
) -> None:
    sent = {"links.key_results": theirs[0], **CHOICES}
    refused = admin.post(f"{PAGE}/adopt", sent)
    assert refused.status_code == 422
    assert 'id="e-complete"' in refused.text
    assert kept(acme) == 0
    adopted = admin.post(f"{PAGE}/adopt", {**sent, "complete": "1", "look": "properties"})
    assert (adopted.status_code, kept(acme)) == (303, 2)
    assert "yours" in admin.get(PAGE).text
    with acme.runtime.store.read() as session:
        options = session.scalars(select(OkrDatabase.options)).first()
    assert options is not None
    assert options["panel"] == "properties"


@pytest.mark.parametrize("link", ["", "nonsense", "0" * 32])
def test_a_link_that_leads_nowhere_is_told_at_its_field(admin: Visit, shared: str, link: str) -> None:
    answer = admin.post(f"{PAGE}/adopt/columns", {"links.key_results": link, **CHOICES})
    assert answer.status_code == 422
    assert 'id="e-links.key_results"' in answer.text


# --- leads' pages --------------------------------------------------------------------------------------------------------------


def test_a_leads_page_is_chosen_and_given_up(acme: Company, admin: Visit, notion: NotionSandbox, shared: str) -> None:
    admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES})
    url = "/connections/acme-notion/leads-pages"
    wrong = admin.post(url, {"leads_page": "", "place": "on"})
    assert (wrong.status_code, 'id="e-leads_page"' in wrong.text) == (422, True)
    nowhere = admin.post(url, {"leads_page": "0" * 32, "place": "on"})
    assert (nowhere.status_code, 'id="e-leads_page"' in nowhere.text) == (422, True)
    page = notion.world.add_page("For the review")
    assert admin.post(url, {"leads_page": page, "place": "on"}).status_code == 303
    assert admin.post(url, {"leads_page": shared, "place": "below"}).status_code == 303
    with acme.runtime.store.read() as session:
        pages = list(session.scalars(select(LeadsPage).order_by(LeadsPage.id)))
    assert pages[0].ref == page
    assert notion.world.data["pages"][pages[1].ref]["parent"] == shared
    shown = admin.get(PAGE).text
    assert shown.count("Stop writing it") == 2
    assert admin.post(f"{url}/{pages[0].id}/drop").status_code == 303
    assert admin.post(f"{url}/{pages[0].id}/drop").status_code == 404
    assert admin.get(PAGE).text.count("Stop writing it") == 1


def test_embedding_wants_https_and_all_addresses_can_be_ended(acme: Company, admin: Visit, shared: str) -> None:
    assert "Whoever sees the Notion page sees it" in admin.get(PAGE).text
    admin.post(f"{PAGE}/set-up", {"page": shared, **CHOICES, "embed": "1"})
    assert "End all addresses" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/end-embeds").status_code == 303
