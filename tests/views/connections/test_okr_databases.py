"""The pages of OKR databases: tested before anything is made, made once, changed, left; what each person may see and do."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import OkrDatabase, OkrRow
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
