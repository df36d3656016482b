"""What a Notion workspace has to map: its data sources, and the rows of those that mappings know."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.model import Category
from connector.errors import Refused
from connector.hosts.base import Candidate
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import NotionSandbox
from mappings.rules import Selector, SelectorKind

LONG_AGO = datetime.now(UTC) - timedelta(days=400)


def walk(host: NotionHost, containers: Sequence[str] = (), since: datetime = LONG_AGO) -> list[Candidate]:
    found: list[Candidate] = []
    cursor = None
    while True:
        page = host.list_candidates(containers, since, cursor=cursor)
        found += page.candidates
        if page.cursor is None:
            return found
        cursor = json.loads(json.dumps(page.cursor))


def test_data_sources_then_the_rows_of_those_asked_for(box: NotionSandbox, host: NotionHost) -> None:
    status = {"type": "status", "groups": {"To-do": ["Lead"], "Complete": ["Won"]}}
    tags = {"type": "multi_select", "options": ["okr:kr-signups", "big"]}
    database, deals = box.world.add_database("Deals", {"Name": "title", "Stage": status, "Tags": tags, "Points": "number"})
    _, risks = box.world.add_database("Risks", {})
    row = box.world.add_row(deals, {"Name": "Acme", "Stage": "Won", "Tags": ["okr:kr-signups"], "Points": 5})
    box.world.add_row(risks, {"Name": "A risk"})
    found = walk(host, [deals])
    assert [(each.kind, each.title) for each in found] == [("data_source", "Deals"), ("data_source", "Risks"), ("row", "Acme")]
    assert (found[0].ref, found[0].container) == (deals, database)
    acme = found[2]
    assert (acme.ref, acme.container, acme.category, acme.status) == (row, deals, Category.DONE, "Won")
    assert (acme.labels, acme.points) == (("okr:kr-signups",), 5.0)
    assert host.requests == 3  # the search, the schema, the rows


def test_rows_that_did_not_change_since_are_not_read(box: NotionSandbox, host: NotionHost) -> None:
    _, deals = box.world.add_database("Deals", {})
    box.world.add_row(deals, {"Name": "Acme"})
    assert [each.kind for each in walk(host, [deals], datetime.now(UTC) + timedelta(hours=1))] == ["data_source"]


def test_many_data_sources_and_rows_come_in_pages(box: NotionSandbox, host: NotionHost) -> None:
    sources = [box.world.add_database(f"Base {number:03}", {})[1] for number in range(120)]
    for number in range(150):
        box.world.add_row(sources[0], {"Name": f"Row {number}"})
    box.world.trash(box.world.add_row(sources[0], {"Name": "in the trash"}))
    found = walk(host, sources[:1])
    assert [sum(each.kind == kind for each in found) for kind in ("data_source", "row")] == [120, 150]
    assert len({each.ref for each in found}) == 270
    assert host.requests == 5


def test_a_data_source_that_is_gone_is_passed_over(box: NotionSandbox, host: NotionHost) -> None:
    database, deals = box.world.add_database("Deals", {})
    _, risks = box.world.add_database("Risks", {})
    box.world.add_row(risks, {"Name": "A risk"})
    box.world.data["databases"][database]["shared"] = False
    assert [each.title for each in walk(host, [deals, risks])] == ["Risks", "A risk"]


def test_a_refused_token_is_raised(make_host: Callable[..., NotionHost]) -> None:
    with pytest.raises(Refused):
        make_host(token="ntn_wrong").list_candidates((), LONG_AGO)


def test_a_rename_is_told_and_breaks_nothing(box: NotionSandbox, host: NotionHost) -> None:
    database, deals = box.world.add_database("Deals", {"Seats": "number", "Stage": {"type": "select", "options": ["Won"]}})
    selector = Selector(SelectorKind.DATABASE, database=database, filter={"Stage": ("Won",)})
    before = host.resolve(selector, ["Seats"])
    assert before.renamed == {}
    box.world.rename_property(deals, "Seats", "Places")
    after = host.resolve(selector, ["Seats"], before)
    assert (after.renamed, after.missing, after.fields) == ({"Seats": "Places"}, (), before.fields)
    box.world.remove_property(deals, "Places")
    gone = host.resolve(selector, ["Seats"], after)
    assert (gone.renamed, gone.missing) == ({}, ("Seats",))


def test_another_case_or_the_id_itself_is_no_rename(box: NotionSandbox, host: NotionHost) -> None:
    database, deals = box.world.add_database("Deals", {"Seats": "number"})
    ident = box.world.property_id(deals, "Seats")
    selector = Selector(SelectorKind.DATABASE, database=database)
    assert host.resolve(selector, ["seats"]).renamed == {}
    assert host.resolve(selector, [ident]).renamed == {}
