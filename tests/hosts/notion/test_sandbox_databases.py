"""The stand-in is as strict and as awkward about databases as the real API: what fails there must fail here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.domain.okr_columns import COLUMNS, DatabaseKind
from connector.errors import Gone, HostError, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.hosts.notion.sandbox_values import new_property
from connector.hosts.notion.webhook import NotionDialect
from connector.hosts.okr_databases import OkrDatabases, View
from tests.hosts.notion.conftest import CONTRACT, check


@pytest.fixture
def client(base: str) -> Any:
    settings = ConnectionSettings("acme-notion", "notion", base, {"token": TOKEN}, {"requests_per_minute": 100_000})
    made = NotionClient(settings, budget=Budget("acme-notion"), allow_private=True, patience=2.0)
    yield made
    made.close()


@pytest.fixture
def page(box: NotionSandbox) -> str:
    return box.world.add_page("OKRs")


def create(client: NotionClient, page: str, **properties: Any) -> dict[str, Any]:
    database = client.create_database(page, [], {"Name": {"title": {}}, **properties})
    return client.source(database["data_sources"][0]["id"])


def options(*names: str) -> dict[str, Any]:
    return {"options": [{"name": each} for each in names]}


def test_no_two_properties_have_one_id() -> None:
    made = [new_property(f"Property {number}", "number")["id"] for number in range(20_000)]
    assert len(set(made)) == len(made)


def test_properties_at_the_top_are_ignored_as_by_the_newer_versions(client: NotionClient, page: str) -> None:
    body = {"parent": {"type": "page_id", "page_id": page}, "title": [], "properties": {"Name": {"title": {}}, "Seats": {"number": {}}}}
    source = client.source(client.call("POST", "databases", body=body)["data_sources"][0]["id"])
    assert list(source["properties"]) == ["Name"]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"Stage": {"select": options(*map(str, range(101)))}}, "≤ 100"),
        ({"Stage": {"select": options("a, b")}}, "commas not allowed"),
        ({"Stage": {"select": options("a", "a")}}, "unique names"),
        ({"Seats": {"number": {"format": "seats"}}}, "number format"),
        ({"Seats": {"numeral": {}}}, "configuration of one type"),
        ({"Second": {"title": {}}}, "Only one title"),
        ({"Other": {"relation": {"data_source_id": "00000000-0000-4000-8000-000000000000", "single_property": {}}}}, "Could not find"),
    ],
)
def test_a_wrong_property_is_refused(client: NotionClient, page: str, box: NotionSandbox, properties: Any, words: str) -> None:
    with pytest.raises(HostError, match=words):
        create(client, page, **properties)
    assert box.world.data["databases"] == {}
    box.log.clear()  # these requests are wrong on purpose


def test_option_lists_replace_and_a_renamed_option_keeps_its_name(client: NotionClient, page: str, box: NotionSandbox) -> None:
    source = create(client, page, Stage={"select": options("Open", "Won", "Lost")})
    row = box.world.add_row(source["id"], {"Name": "A", "Stage": "Lost"})
    known = {each["name"]: each["id"] for each in source["properties"]["Stage"]["select"]["options"]}
    sent = [{"id": known["Open"], "name": "Opened"}, {"name": "Won"}, {"name": "New"}]
    changed = client.update_source(source["id"], {source["properties"]["Stage"]["id"]: {"select": {"options": sent}}})
    assert [each["name"] for each in changed["properties"]["Stage"]["select"]["options"]] == ["Open", "Won", "New"]
    assert client.page(row)["properties"]["Stage"]["select"] is None


def test_status_options_are_written_by_the_schema_and_only_there(client: NotionClient, page: str, box: NotionSandbox) -> None:
    source = create(client, page, Stage={"status": options("Asked", "Done")}, Kind={"select": options()})
    row = client.create_page({"data_source_id": source["id"]}, {"Kind": {"select": {"name": "learned"}}})
    assert row["properties"]["Kind"]["select"]["name"] == "learned"
    with pytest.raises(Refused, match="does not exist"):
        client.update_page(row["id"], {"Stage": {"status": {"name": "Open"}}})
    client.update_source(source["id"], {"Stage": {"status": options("Asked", "Done", "Open")}})
    assert client.update_page(row["id"], {"Stage": {"status": {"name": "Open"}}})["properties"]["Stage"]["status"]["name"] == "Open"
    with pytest.raises(Refused, match="not a property that exists"):
        client.update_page(row["id"], {"Nobody": {"number": 1}})


def test_relations_replace_and_lead_only_to_rows_that_are_there(client: NotionClient, page: str, box: NotionSandbox) -> None:
    above = create(client, page)
    relation = {"relation": {"data_source_id": above["id"], "type": "dual_property", "dual_property": {"synced_property_name": "Below"}}}
    below = create(client, page, Above=relation)
    first, second = (client.create_page({"data_source_id": above["id"]}, {})["id"] for _ in range(2))
    row = client.create_page({"data_source_id": below["id"]}, {"Above": {"relation": [{"id": first}]}})["id"]
    client.update_page(row, {"Above": {"relation": [{"id": second}]}})
    assert client.page(first)["properties"]["Below"]["relation"] == []
    assert client.page(second)["properties"]["Below"]["relation"] == [{"id": row}]
    client.update_page(second, {"Below": {"relation": []}})
    assert client.page(row)["properties"]["Above"]["relation"] == []
    with pytest.raises(Gone):
        client.update_page(row, {"Above": {"relation": [{"id": row}]}})


def test_what_stands_on_a_page_shows_among_its_blocks(client: NotionClient, page: str, box: NotionSandbox) -> None:
    create(client, page)
    client.create_page({"page_id": page}, {"title": {"title": [{"text": {"content": "For leads"}}]}})
    kinds = [(each["type"], each[each["type"]]) for each in client.children(page)["results"]]
    assert kinds == [("child_database", {"title": ""}), ("child_page", {"title": "For leads"})]
    with pytest.raises(Refused, match="not a property that exists"):
        client.create_page({"page_id": page}, {"Seats": {"number": 1}})


def test_pages_move_between_data_sources_and_lose_what_is_not_there(client: NotionClient, page: str, box: NotionSandbox) -> None:
    first, second = create(client, page, Seats={"number": {}}), create(client, page, Seats={"number": {}}, Note={"rich_text": {}})
    row = client.create_page({"data_source_id": first["id"]}, {"Seats": {"number": 3}})["id"]
    client.call("POST", f"pages/{row}/move", body={"parent": {"type": "data_source_id", "data_source_id": second["id"]}})
    shown = client.page(row)
    assert (shown["parent"]["data_source_id"], shown["properties"]["Seats"]["number"]) == (second["id"], 3)
    assert box.events[-1]["type"] == "page.moved"


def test_every_event_of_a_set_up_fits_the_contract_and_the_bot_is_its_author(okr: OkrDatabases, page: str, box: NotionSandbox) -> None:
    before = len(box.events)
    found = okr.create(page, DatabaseKind.OBJECTIVES, "Objectives", COLUMNS[DatabaseKind.OBJECTIVES], {})
    completed = okr.complete(found, COLUMNS[DatabaseKind.DECISIONS], {DatabaseKind.KEY_RESULTS: found.source})
    okr.add_views(completed, {"title": completed.columns[0]}, (View("All"),), {})
    names = {each["properties"]["type"]["const"]: name for name, each in CONTRACT["definitions"].items() if name.endswith("WebhookPayload")}
    for event in box.events[before:]:
        check(names[event["type"]], event)
        assert event["authors"] == [{"id": box.world.data["bot"], "type": "bot"}]
        NotionDialect().parse({}, json.dumps(event).encode())
    assert {"database.created", "data_source.created", "data_source.schema_updated"} <= {each["type"] for each in box.events[before:]}


@pytest.mark.parametrize("missing", ["insert_content", "update_content"])
def test_a_missing_capability_is_named(okr: OkrDatabases, page: str, box: NotionSandbox, missing: str) -> None:
    found = okr.create(page, DatabaseKind.OBJECTIVES, "Objectives", COLUMNS[DatabaseKind.OBJECTIVES], {})
    box.missing = {missing}
    name = missing.replace("_", " ").capitalize()
    columns = COLUMNS[DatabaseKind.DECISIONS]
    call = {"insert_content": lambda: okr.create_row(found.source, {}, {}), "update_content": lambda: okr.complete(found, columns, {})}
    with pytest.raises(Refused, match=f'"{name}" is missing'):
        call[missing]()


def test_a_world_saved_by_an_older_stand_in_is_read(box: NotionSandbox) -> None:
    database, source = box.world.add_database("Deals", {})
    row = box.world.add_row(source, {"Name": "A"})
    saved = box.to_json()
    del saved["views"], saved["databases"][database]["page"], saved["pages"][row]["parent"]
    again = NotionSandbox.from_json(saved)
    assert again.world.visible(again.world.data["pages"][row])
    assert again.world.parent_of(row)["data_source_id"] == source
