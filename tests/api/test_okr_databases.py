"""OKR databases through the API: the same services as the pages, the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.api.routes import okr_databases as routes
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from tests.api.conftest import Api
from tests.support.standin import running
from tests.support.world import Company

ALL = "connections/acme-notion/okr-databases"


@pytest.fixture
def notion(acme: Company) -> Iterator[NotionSandbox]:
    sandbox = NotionSandbox()
    with running(sandbox) as url:
        acme.connection("acme-notion", "notion", url, {"token": TOKEN})
        yield sandbox


def call(api: Api, method: str, path: str, body: Any = None) -> Any:
    return api.client.open(f"/api/v1/{path}", method=method, json=body, headers=api.headers)


def test_they_are_tested_made_changed_and_left(api: Api, notion: NotionSandbox) -> None:
    page = notion.world.add_page("OKRs")
    tested = api.post(f"{ALL}/set-up", {"page": page, "test": True})
    assert (tested.status_code, {each["how"] for each in tested.json["databases"]}) == (200, {"to make"})
    assert api.get(ALL).json["databases"] == []
    made = api.post(f"{ALL}/set-up", {"page": page, "options": {"table": True}})
    assert (made.status_code, len(made.json["databases"])) == (201, 4)
    assert api.post(f"{ALL}/set-up", {"page": page}).status_code == 200
    found = api.get(ALL).json
    assert [each["kind"] for each in found["databases"]] == ["objectives", "key_results", "check_ins", "decisions"]
    assert (found["able"], found["options"]["table"], found["options"]["definitions"]) == (True, True, "everybody")
    assert call(api, "PATCH", ALL, {"definitions": "leads"}).json["options"]["definitions"] == "leads"
    wrong = call(api, "PATCH", ALL, {"cycles": ["1999-Q1"]})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "cycles")
    assert api.get(f"{ALL}/drafts").json == {"items": [], "total": 0}
    assert api.post(f"{ALL}/rows", {"record": "kr-nothing"}).status_code == 404
    assert api.post(f"{ALL}/rows", {"record": "kr-setup"}).status_code == 409
    assert call(api, "DELETE", ALL).json == {"databases": 4}
    assert call(api, "DELETE", ALL).status_code == 409


def test_a_page_that_is_not_shared_is_refused_at_its_field(api: Api, notion: NotionSandbox) -> None:
    page = notion.world.add_page("OKRs")
    notion.world.unshare(page)
    answer = api.post(f"{ALL}/set-up", {"page": page})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "page")
    assert "Connections" in answer.json["detail"]


def test_databases_that_people_made_are_tried_and_then_adopted(
    api: Api, acme: Company, notion: NotionSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = notion.world
    goals, goal_rows = world.add_database("Goals", {"Goal": "title", "Quarter": {"type": "select", "options": ["2026-Q4"]}})
    kinds: dict[str, Any] = {"Result": "title", "Objective": {"type": "relation", **world.relation_to(goal_rows), "single_property": {}}}
    results, rows = world.add_database("Results", {**kinds, "Owner": "people", "Start": "number", "Target": "number"})
    world.add_row(rows, {"Result": "Half an idea"})
    tried = api.post(f"{ALL}/adopt", {"links": {"key_results": results}, "columns": {"objectives": {"cycle": "Quarter"}}})
    assert (tried.status_code, tried.json["adopted"]) == (200, False)
    columns = {each["field"]: each["column"] for each in tried.json["databases"][1]["fields"]}
    assert (columns["from"], columns["to"], columns["objective"]) == ("Start", "Target", "Objective")
    [fate] = tried.json["rows"]
    assert fate["fate"] == "draft"
    assert fate["missing"]
    monkeypatch.setattr(routes, "MOST_ROWS", 1)
    for _ in range(101):
        world.add_row(rows, {"Result": "Half an idea"})

    tried = api.post(f"{ALL}/adopt", {"links": {"key_results": results}, "columns": {"objectives": {"cycle": "Quarter"}}})
    assert "the first 100 rows: 0 become key results, 100 need something" in tried.json["summary"]
    assert api.get(ALL).json["databases"] == []
    body = {"links": {"key_results": results, "objectives": goals}, "dry_run": False, "columns": {"objectives": {"cycle": "Quarter"}}}
    refused = api.post(f"{ALL}/adopt", body)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "complete")
    adopted = api.post(f"{ALL}/adopt", {**body, "complete": True})
    assert (adopted.status_code, adopted.json["adopted"]) == (201, True)
    assert [each["adopted"] for each in api.get(ALL).json["databases"]] == [True, True]
    assert "OKR key" in [each["name"] for each in world.data["sources"][rows]["properties"].values()]


def test_a_leads_page_is_chosen_and_given_up(api: Api, notion: NotionSandbox) -> None:
    page = notion.world.add_page("Where we stand")
    chosen = api.post("connections/acme-notion/leads-pages", {"page": page})
    assert chosen.status_code == 201
    [item] = chosen.json["items"]
    assert api.post("connections/acme-notion/leads-pages", {"page": page, "forum": "Nobody"}).json["errors"][0]["field"] == "forum"
    assert api.post("connections/acme-notion/leads-pages", {}).status_code == 422
    assert call(api, "DELETE", "connections/acme-notion/leads-pages/none").status_code == 404
    assert call(api, "DELETE", f"connections/acme-notion/leads-pages/{item['id']}").json == {"items": []}
    assert call(api, "DELETE", f"connections/acme-notion/leads-pages/{item['id']}").status_code == 404
