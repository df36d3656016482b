"""The four OKR databases over real HTTP: made, found again, completed, with views; each request and answer checked against the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from connector.domain.okr_columns import COLUMNS, IN_ORDER, KEY, STATE, TITLES, Column, ColumnType, DatabaseKind
from connector.errors import Gone, InputError, Offline, Refused, Uncertain
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.okr_databases import FoundColumn, FoundDatabase, OkrDatabases, View

KEY_RESULTS, OBJECTIVES = DatabaseKind.KEY_RESULTS, DatabaseKind.OBJECTIVES
BOARD = View("By status", "board", STATE, ("title", "owner"))
TABLE = View("Needs an update", "table", "", ("title", "state"), only={STATE: ("Stalled", "No data")})


def made_all(okr: OkrDatabases, page: str) -> dict[DatabaseKind, FoundDatabase]:
    found: dict[DatabaseKind, FoundDatabase] = {}
    for kind in IN_ORDER:
        found[kind] = okr.create(page, kind, TITLES[kind], COLUMNS[kind], {each: one.source for each, one in found.items()})
    return found


def fields_of(kind: DatabaseKind, found: FoundDatabase) -> dict[str, FoundColumn]:
    """Our field → column, by our names."""
    by_name = {each.name: each for each in found.columns}
    return {each.field: by_name[each.name] for each in COLUMNS[kind] if each.name in by_name}


@pytest.fixture
def page(box: NotionSandbox) -> str:
    return box.world.add_page("OKRs")


def test_the_four_databases_have_every_column_of_its_type_and_lead_to_each_other(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    found = made_all(okr, page)
    assert okr.requests == 8
    types = {each.field: each.type for each in COLUMNS[KEY_RESULTS]}
    columns = fields_of(KEY_RESULTS, found[KEY_RESULTS])
    assert set(columns) == set(types)
    assert {columns[name].type for name, kind in types.items() if kind in (ColumnType.NUMBER, ColumnType.PERCENT)} == {"number"}
    assert {columns[name].type for name, kind in types.items() if kind is ColumnType.CHOICE} == {"select"}
    assert columns["state"].options == next(each.options for each in COLUMNS[KEY_RESULTS] if each.field == STATE)
    assert columns["objective"].to == found[OBJECTIVES].source
    assert {each.page for each in found.values()} == {page}
    shown = {each["name"]: each for each in box.world.data["sources"][found[OBJECTIVES].source]["properties"].values()}
    assert shown["Key Results"]["type"] == "relation"
    assert shown["OKR progress"]["number"]["format"] == "percent"
    database = box.world.data["databases"][found[KEY_RESULTS].database]
    assert (database["title"], database["page"]) == ("Key Results", page)


def test_a_relation_shows_on_both_sides(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    found = made_all(okr, page)
    above = fields_of(OBJECTIVES, found[OBJECTIVES])
    below = fields_of(KEY_RESULTS, found[KEY_RESULTS])
    objective = okr.create_row(found[OBJECTIVES].source, above, {"title": "Onboarding"})
    row = okr.create_row(found[KEY_RESULTS].source, below, {"title": "First invoice", "objective": (objective.ref,)})
    back = okr.find(found[OBJECTIVES].source)
    other = {"back": next(each for each in back.columns if each.name == "Key Results")}
    assert okr.read_rows([objective.ref], other).rows[0].values == {"back": (row.ref,)}
    okr.write_row(row.ref, below, {"objective": None})
    assert okr.read_rows([objective.ref], other).rows[0].values == {"back": None}


def test_databases_are_found_by_link_by_id_and_by_the_id_of_their_source(okr: OkrDatabases, page: str) -> None:
    made = made_all(okr, page)[OBJECTIVES]
    for link in (made.database, made.source, made.url, f"https://www.notion.so/acme/Objectives-{made.database.replace('-', '')}?v=1"):
        found = okr.find(link)
        assert (found.database, found.source, found.title, found.page) == (made.database, made.source, "Objectives", page)


def test_what_cannot_be_a_database_is_told_and_what_is_not_shared_is_gone(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    made = made_all(okr, page)[OBJECTIVES]
    with pytest.raises(InputError, match="not a Notion id or link"):
        okr.find("https://example.com/objectives")
    with pytest.raises(Gone):
        okr.find("00000000-0000-4000-8000-000000000000")
    box.world.unshare(page)  # what stands on it is not shared either then
    with pytest.raises(Gone):
        okr.find(made.database)
    with pytest.raises(Gone):
        okr.on_page(page)
    box.world.share(page)
    box.world.trash_database(made.database)
    with pytest.raises(Gone, match="trash"):
        okr.find(made.database)
    assert {each.title for each in okr.on_page(page)} == {"Key Results", "Check-ins", "Decisions"}


def test_a_database_of_several_sources_is_told_with_its_sources(okr: OkrDatabases, box: NotionSandbox) -> None:
    database, _ = box.world.add_database("Deals", {})
    second = box.world.add_data_source(database, "Renewals", {})
    with pytest.raises(InputError, match=rf"has 2 data sources; give the id of the one .*Renewals \({second}\)"):
        okr.find(database)
    assert okr.find(second).title == "Renewals"


def test_ours_come_first_among_the_databases_on_a_page(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    for number in range(3):
        box.world.add_database(f"Other {number}", {}, page=page)
    made_all(okr, page)
    box.world.add_page("A page below", parent=page)
    titles = [each.title for each in okr.on_page(page)]
    assert sorted(titles[:4]) == sorted(TITLES.values())
    assert len(titles) == 7


@pytest.mark.parametrize("tell", [True, False])
def test_a_database_that_was_made_and_answered_503_is_not_made_twice(okr: OkrDatabases, box: NotionSandbox, page: str, tell: bool) -> None:
    box.fail(method="POST", path="/v1/databases", status=503, commit=True, tell=tell)
    if tell:
        assert okr.create(page, OBJECTIVES, "Objectives", COLUMNS[OBJECTIVES], {}).title == "Objectives"
    else:
        with pytest.raises(Uncertain):
            okr.create(page, OBJECTIVES, "Objectives", COLUMNS[OBJECTIVES], {})
    assert [each.title for each in okr.on_page(page)] == ["Objectives"]


def test_a_workspace_without_blocks_left_refuses_in_its_words(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    box.block_limit = True
    with pytest.raises(Refused, match="block limit"):
        okr.create(page, OBJECTIVES, "Objectives", COLUMNS[OBJECTIVES], {})


# --- completing --------------------------------------------------------------------------------------------------------


def adopted(box: NotionSandbox, **more: str) -> tuple[str, str]:
    wishes: Mapping[str, str | Mapping[str, object]] = {
        "Name": "title",
        "Stage": {"type": "select", "options": ["On track", "Mine"]},
        **more,
    }
    return box.world.add_database("Goals", wishes)


def test_missing_columns_are_added_and_nothing_is_taken_away(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    objectives = made_all(okr, page)[OBJECTIVES]
    _, source = adopted(box, Owner="people")
    found = okr.find(source)
    wanted = [each for each in COLUMNS[KEY_RESULTS] if each.field in ("title", "objective", "owner", "note", "key", "progress")]
    completed = okr.complete(found, wanted, {OBJECTIVES: objectives.source})
    names = {each.name: each.type for each in completed.columns}
    assert names == {
        "Name": "title", "Stage": "select", "Owner": "people", "Objective": "relation", "OKR note": "rich_text", "OKR key": "rich_text",
        "OKR progress": "number",
    }  # fmt: skip
    there = {each["name"] for each in box.world.data["sources"][objectives.source]["properties"].values()}
    assert "Related to Goals (Objective)" not in there  # the database of somebody else gets no column for it
    writes = box.writes
    assert okr.complete(completed, wanted, {OBJECTIVES: objectives.source}).columns == completed.columns
    assert box.writes == writes


def test_missing_options_join_those_that_are_there_under_their_ids(okr: OkrDatabases, box: NotionSandbox) -> None:
    _, source = adopted(box)
    row = box.world.add_row(source, {"Name": "A", "Stage": "Mine"})
    found = okr.find(source)
    completed = okr.complete(found, [Column("state", "stage", ColumnType.CHOICE, options=("on track", "At risk", "a, b"))], {})
    assert next(each.options for each in completed.columns if each.name == "Stage") == ("On track", "Mine", "At risk")
    assert box.world.data["pages"][row]["values"][box.world.property_id(source, "Stage")]["name"] == "Mine"


def test_status_columns_take_new_options_too(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    columns = (*COLUMNS[OBJECTIVES], Column("stage", "Stage", ColumnType.STATUS, options=("asked", "done")))
    made = okr.create(page, OBJECTIVES, "Objectives", columns, {})
    again = okr.complete(made, [replace(columns[-1], options=("asked", "done", "dropped"))], {})
    assert next(each.options for each in again.columns if each.name == "Stage") == ("asked", "done", "dropped")


def test_a_column_that_may_not_have_more_options_is_left_as_it_is(okr: OkrDatabases, box: NotionSandbox) -> None:
    names = [f"Option {number}" for number in range(100)]
    _, source = box.world.add_database("Goals", {"Name": "title", "Cycle": {"type": "select", "options": names}})
    found = okr.find(source)
    writes = box.writes
    okr.complete(found, [Column("cycle", "Cycle", ColumnType.CHOICE, options=("Option 101",))], {})
    assert box.writes == writes


# --- views -------------------------------------------------------------------------------------------------------------


def test_views_are_made_once_with_the_columns_that_they_name(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    found = made_all(okr, page)
    columns = fields_of(KEY_RESULTS, found[KEY_RESULTS])
    made = okr.add_views(found[KEY_RESULTS], columns, (BOARD, TABLE), {})
    assert set(made) == {"By status", "Needs an update"}
    board = box.world.data["views"][made["By status"]]
    assert board["configuration"]["group_by"]["property_id"] == columns[STATE].id
    shown = [each["property_id"] for each in board["configuration"]["properties"] if each["visible"]]
    assert shown == [columns["title"].id, columns["owner"].id]
    assert columns[KEY].id not in shown
    writes, requests = box.writes, okr.requests
    assert okr.add_views(found[KEY_RESULTS], columns, (BOARD, TABLE), made) == made
    assert (box.writes, okr.requests) == (writes, requests)


def test_a_chart_of_progress_by_week_stands_over_check_ins(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    found = made_all(okr, page)[DatabaseKind.CHECK_INS]
    columns = fields_of(DatabaseKind.CHECK_INS, found)
    chart = View("Progress over time", "chart", "updated", ("progress", "key_result"))
    made = okr.add_views(found, columns, (chart,), {})
    configuration = box.world.data["views"][made["Progress over time"]]["configuration"]
    assert configuration["y_axis"] == {"aggregator": "average", "property_id": columns["progress"].id}
    assert configuration["stack_by"]["type"] == "relation"


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_plan_without_views_is_no_trouble(okr: OkrDatabases, box: NotionSandbox, page: str, status: int) -> None:
    found = made_all(okr, page)[KEY_RESULTS]
    box.fail(path="/v1/views", status=status, times=10, code="restricted_resource" if status == 403 else "validation_error")
    assert okr.add_views(found, fields_of(KEY_RESULTS, found), (BOARD,), {}) == {}


@pytest.mark.parametrize("tell", [True, False])
def test_a_view_that_was_made_and_answered_503_is_not_made_twice(okr: OkrDatabases, box: NotionSandbox, page: str, tell: bool) -> None:
    found = made_all(okr, page)[KEY_RESULTS]
    columns = fields_of(KEY_RESULTS, found)
    box.fail(method="POST", path="/v1/views", status=503, commit=True, tell=tell)
    first = okr.add_views(found, columns, (BOARD,), {})
    assert len(first) == (1 if tell else 0)
    assert set(okr.add_views(found, columns, (BOARD,), first)) == {"By status"}
    assert [each["name"] for each in box.world.data["views"].values() if each["database"] == found.database] == [
        "Default view",
        "By status",
    ]


def test_a_view_whose_columns_cannot_carry_it_is_left_out(okr: OkrDatabases, box: NotionSandbox) -> None:
    _, source = box.world.add_database("Goals", {"Name": "title", "State": "rich_text"})
    found = okr.find(source)
    by_name = {each.name: each for each in found.columns}
    columns = {"title": by_name["Name"], STATE: by_name["State"]}
    assert okr.add_views(found, columns, (BOARD, TABLE), {}) == {}
    assert okr.requests == 2


# --- the rest ----------------------------------------------------------------------------------------------------------


def test_a_page_is_made_below_a_page_once(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    ref, url = okr.create_page(page, "OKRs for leads, @everyone")
    assert box.world.data["pages"][ref]["parent"] == page
    assert url.endswith(ref.replace("-", ""))
    box.fail(method="POST", path="/v1/pages", status=503, commit=True, tell=True)
    second, _ = okr.create_page(page, "Another")
    assert box.world.data["pages"][second]["values"]["title"][0]["plain_text"] == "Another"
    box.fail(method="POST", path="/v1/pages", status=503, commit=True)
    with pytest.raises(Uncertain):
        okr.create_page(page, "A third")


def test_the_bot_is_asked_once(make_okr: Callable[..., OkrDatabases], box: NotionSandbox) -> None:
    okr = make_okr()
    assert okr.bot() == okr.bot() == box.world.data["bot"]
    assert okr.requests == 1


def test_an_answer_that_is_lost_before_it_was_carried_out_is_uncertain(okr: OkrDatabases, box: NotionSandbox, page: str) -> None:
    box.fail(method="POST", path="/v1/databases", drop=True)
    with pytest.raises(Offline):
        okr.create(page, OBJECTIVES, "Objectives", COLUMNS[OBJECTIVES], {})
    assert okr.on_page(page) == []
