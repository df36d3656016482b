"""Rows of the OKR databases over real HTTP: listed, read, made, found again and written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.domain.model import Unknown
from connector.errors import Gone, Offline, Refused, Uncertain
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.okr_databases import FoundColumn, OkrDatabases

STAGES = {"type": "status", "groups": {"To-do": ["Asked"], "In progress": ["Open"], "Complete": ["Done"]}}
COLUMNS = {
    "title": ("Name", "title"),
    "value": ("Now", "number"),
    "note": ("Note", "rich_text"),
    "key": ("Key", "rich_text"),
    "owner": ("Owner", "people"),
    "state": ("State", "status"),
    "team": ("Team", "select"),
    "due": ("Due", "date"),
    "objective": ("Objective", "relation"),
}


class Goals:
    """A database of somebody's goals, whose columns are known to us, and another one that its relation leads to."""

    def __init__(self, box: NotionSandbox, okr: OkrDatabases) -> None:
        self.box, self.okr, self.world = box, okr, box.world
        _, self.above = box.world.add_database("Objectives", {"Name": "title"})
        relation = {"type": "relation", **box.world.relation_to(self.above)}
        wishes: dict[str, Any] = {name: STAGES if kind == "status" else kind for name, kind in COLUMNS.values()}
        wishes["Team"] = {"type": "select", "options": ["Growth"]}
        self.database, self.source = box.world.add_database("Goals", {**wishes, "Objective": relation})
        self.columns = {
            field: FoundColumn(self.world.property_id(self.source, name), name, kind) for field, (name, kind) in COLUMNS.items()
        }

    def add(self, number: int, **more: Any) -> str:
        return self.world.add_row(self.source, {"Name": f"Goal {number}", "Now": number, **more})

    def inner(self, ref: str, field: str) -> Any:
        return self.world.data["pages"][ref]["values"].get(self.columns[field].id)


@pytest.fixture
def goals(box: NotionSandbox, okr: OkrDatabases) -> Goals:
    return Goals(box, okr)


def everything(goals: Goals, since: datetime | None = None) -> list[str]:
    refs: list[str] = []
    cursor = None
    while True:
        page = goals.okr.list_rows(goals.source, goals.columns, since=since, cursor=cursor)
        refs += [each.ref for each in page.rows]
        cursor = page.cursor
        if cursor is None:
            return refs


# --- listing -----------------------------------------------------------------------------------------------------------


def test_a_walk_takes_a_request_for_each_hundred_rows(goals: Goals) -> None:
    wanted = [goals.add(number) for number in range(230)]
    assert everything(goals) == wanted
    assert goals.okr.requests == 3


def test_a_walk_goes_beyond_the_hosts_cap_without_doubles(goals: Goals) -> None:
    goals.box.cap = 120
    start = datetime(2026, 11, 1, tzinfo=UTC)
    for number in range(300):
        minute = (start + timedelta(minutes=number // 3)).strftime("%Y-%m-%dT%H:%M:00.000Z")
        goals.world.add_row(goals.source, {"Name": f"Goal {number}"}, created_at=minute)
    found = everything(goals)
    assert len(found) == len(set(found)) == 300


def test_since_looks_further_back_because_minutes_are_rounded_down(goals: Goals) -> None:
    old, new = goals.add(1), goals.add(2)
    goals.world.data["pages"][old]["last_edited_time"] = "2026-11-01T00:00:00.000Z"
    now = datetime.now(UTC)
    assert everything(goals, since=now) == [new]
    assert everything(goals, since=datetime(2026, 11, 1, 0, 1, 30, tzinfo=UTC)) == [old, new]


def test_a_row_tells_who_and_when(goals: Goals) -> None:
    ben = goals.world.add_person("Ben", "ben@acme.example")
    ref = goals.add(4, Owner=[ben], Team="Growth", State="Open", Due="2026-12-01")
    goals.world.set_property(ref, "Note", "typed", author=ben)
    [row] = goals.okr.list_rows(goals.source, goals.columns).rows
    assert (row.ref, row.source, row.edited_by, row.created_by) == (ref, goals.source, ben, goals.world.data["person"])
    assert row.values == {
        "title": "Goal 4", "value": 4.0, "note": "typed", "key": None, "owner": (ben,), "state": "Open", "team": "Growth",
        "due": "2026-12-01",
        "objective": None,
    }  # fmt: skip
    assert row.edited_at is not None
    assert (row.edited_at.second, row.edited_at.tzinfo) == (0, UTC)


def test_a_column_that_is_gone_is_unknown_and_the_walk_goes_on(goals: Goals) -> None:
    refs = [goals.add(number) for number in range(120)]
    goals.world.remove_property(goals.source, "Note")
    goals.world.rename_property(goals.source, "Now", "Current value")
    first = goals.okr.list_rows(goals.source, goals.columns)
    assert isinstance(first.rows[0].values["note"], Unknown)
    assert first.rows[0].values["value"] == 0.0
    goals.okr.list_rows(goals.source, goals.columns, cursor=first.cursor)
    assert goals.okr.requests == 3  # the refusal is remembered
    assert [each.ref for each in goals.okr.read_rows(refs[:1], goals.columns).rows] == refs[:1]


def test_a_database_that_is_not_shared_is_gone_and_not_empty(goals: Goals) -> None:
    goals.add(1)
    goals.world.unshare(goals.database)
    with pytest.raises(Gone):
        goals.okr.list_rows(goals.source, goals.columns)


def test_relations_and_people_beyond_25_are_read_in_full_only_then(goals: Goals) -> None:
    above = [goals.world.add_row(goals.above, {"Name": f"O{number}"}) for number in range(130)]
    people = [goals.world.add_person(f"P{number}", f"p{number}@acme.example") for number in range(30)]
    few, many = goals.add(1, Objective=above[:25], Owner=people[:3]), goals.add(2, Objective=above, Owner=people)
    [row] = goals.okr.read_rows([few], goals.columns).rows
    assert (row.values["objective"], goals.okr.requests) == (tuple(above[:25]), 1)
    [row] = goals.okr.read_rows([many], goals.columns).rows
    assert (row.values["objective"], row.values["owner"]) == (tuple(above), tuple(people))
    assert goals.okr.requests == 5  # one more for the people, two for the relation


# --- reading by id -----------------------------------------------------------------------------------------------------


def test_rows_in_the_trash_archived_deleted_and_unshared_are_gone(goals: Goals) -> None:
    living, trashed, archived, hidden = (goals.add(number) for number in range(4))
    goals.world.trash(trashed)
    goals.world.archive(archived)
    goals.world.unshare(hidden)
    found = goals.okr.read_rows([hidden, living, trashed, archived, "00000000-0000-4000-8000-000000000000"], goals.columns)
    assert [each.ref for each in found.rows] == [living]
    assert set(found.gone) == {trashed, archived, hidden, "00000000-0000-4000-8000-000000000000"}


def test_many_rows_edited_since_are_read_by_one_query_and_the_rest_one_by_one(goals: Goals) -> None:
    refs = [goals.add(number) for number in range(40)]
    old, trashed = refs[0], refs[1]
    goals.world.data["pages"][old]["last_edited_time"] = "2026-11-01T00:00:00.000Z"
    goals.world.trash(trashed)
    since = datetime.now(UTC) - timedelta(seconds=20)
    found = goals.okr.read_rows(refs[:30], goals.columns, source=goals.source, since=since)
    assert [each.ref for each in found.rows] == [each for each in refs[:30] if each != trashed]
    assert found.gone == (trashed,)
    assert goals.okr.requests == 3
    goals.okr.read_rows(refs[5:8], goals.columns, source=goals.source, since=since)
    assert goals.okr.requests == 6  # few rows are always read strongly


def test_a_row_that_moved_tells_its_new_database(goals: Goals) -> None:
    ref = goals.add(7)
    goals.world.move_page(ref, source=goals.above)
    [row] = goals.okr.read_rows([ref], goals.columns).rows
    assert (row.source, row.values["title"]) == (goals.above, "Goal 7")
    assert isinstance(row.values["value"], Unknown)


# --- making and finding ------------------------------------------------------------------------------------------------


def test_a_row_is_made_in_one_request_and_found_by_its_key(goals: Goals) -> None:
    row = goals.okr.create_row(goals.source, goals.columns, {"title": "Ours", "key": "kr-1", "value": 3.5, "state": "Open"})
    assert goals.okr.requests == 1
    assert (row.values["title"], row.values["value"], row.values["state"], dict(row.left_out)) == ("Ours", 3.5, "Open", {})
    found = goals.okr.find_row(goals.source, goals.columns, "key", "kr-1")
    assert found is not None
    assert found.ref == row.ref
    assert goals.okr.find_row(goals.source, goals.columns, "key", "kr-2") is None


def test_the_oldest_of_two_rows_with_a_key_is_found_and_none_in_the_trash(goals: Goals) -> None:
    times = ["2026-11-03T00:00:00.000Z", "2026-11-02T00:00:00.000Z", "2026-11-01T00:00:00.000Z"]
    refs = [goals.world.add_row(goals.source, {"Name": "x", "Key": "kr-1"}, created_at=each) for each in times]
    goals.world.trash(refs[2])
    found = goals.okr.find_row(goals.source, goals.columns, "key", "kr-1")
    assert found is not None
    assert found.ref == refs[1]
    goals.world.remove_property(goals.source, "Note")
    assert goals.okr.find_row(goals.source, goals.columns, "key", "kr-1") is not None
    with pytest.raises(Refused, match="cannot be found by it"):
        goals.okr.find_row(goals.source, goals.columns, "value", "3")


@pytest.mark.parametrize("tell", [True, False])
def test_a_row_that_was_made_and_answered_503_is_not_made_twice(goals: Goals, tell: bool) -> None:
    goals.box.fail(method="POST", path="/v1/pages", status=503, commit=True, tell=tell)
    if tell:
        goals.okr.create_row(goals.source, goals.columns, {"title": "Ours", "key": "kr-1"})
    else:
        with pytest.raises(Uncertain):
            goals.okr.create_row(goals.source, goals.columns, {"title": "Ours", "key": "kr-1"})
    assert goals.okr.find_row(goals.source, goals.columns, "key", "kr-1") is not None
    assert len(goals.world.rows(goals.source)) == 1


# --- writing -----------------------------------------------------------------------------------------------------------


def test_values_are_written_in_one_request_and_read_back(goals: Goals) -> None:
    ben, above = goals.world.add_person("Ben", "ben@acme.example"), goals.world.add_row(goals.above, {"Name": "O"})
    ref = goals.add(1)
    values = {
        "title": "New",
        "value": 0.1,
        "note": "line\nline",
        "owner": (ben,),
        "state": "Done",
        "team": "New team",
        "objective": (above,),
    }
    row = goals.okr.write_row(ref, goals.columns, {**values, "due": "2026-12-01T09:30:00+01:00"})
    assert goals.okr.requests == 1
    assert dict(row.values) == {**values, "key": None, "due": "2026-12-01T08:30:00+00:00"}
    assert row.edited_by == goals.world.data["bot"]


def test_empty_values_empty_a_column_but_for_a_status(goals: Goals) -> None:
    ref = goals.add(1, Note="typed", State="Open", Team="Growth", Due="2026-12-01")
    row = goals.okr.write_row(ref, goals.columns, dict.fromkeys(["value", "note", "state", "team", "due", "owner", "objective"]))
    assert {name: row.values[name] for name in ("value", "note", "team", "due", "owner", "objective")} == dict.fromkeys(
        ["value", "note", "team", "due", "owner", "objective"]
    )
    assert row.values["state"] == "Open"


def test_what_cannot_be_written_is_left_out_and_named_and_the_rest_arrives(goals: Goals) -> None:
    ref = goals.add(1)
    values = {
        "value": "many",
        "note": ("a", "b"),
        "team": "Growth, EMEA",
        "due": "next week",
        "owner": "Ben",
        "title": "Kept",
        "key": Unknown("x"),
    }
    row = goals.okr.write_row(ref, goals.columns, values)
    assert row.values["title"] == "Kept"
    assert set(row.left_out) == {"value", "note", "team", "due", "owner"}
    assert row.left_out["value"] == '"Now" is a number and cannot hold "many"'
    assert "no commas" in row.left_out["team"]


def test_an_option_that_a_status_does_not_have_is_left_out_and_named(goals: Goals) -> None:
    ref = goals.add(1)
    row = goals.okr.write_row(ref, goals.columns, {"state": "On track", "note": "kept"})
    assert row.values["note"] == "kept"
    assert row.left_out == {"state": '"State" has no option "On track": add it in Notion'}
    assert goals.okr.requests == 4  # the refusal, the page, the schema, and the write without it
    again = goals.okr.write_row(ref, goals.columns, {"state": "done", "note": "kept"})
    assert (again.values["state"], goals.okr.requests) == ("Done", 5)  # the options are known now


def test_a_column_that_was_deleted_or_changed_its_type_does_not_hold_up_the_others(goals: Goals) -> None:
    ref = goals.add(1)
    goals.world.remove_property(goals.source, "Note")
    goals.world.change_property(
        goals.source, goals.world.data["sources"][goals.source]["properties"][goals.columns["value"].id], {"rich_text": {}}, ""
    )
    row = goals.okr.write_row(ref, goals.columns, {"value": 640.5, "note": "x", "title": "Kept"})
    assert row.left_out == {"note": '"Note" is not there any more'}
    assert row.values["title"] == "Kept"
    assert goals.inner(ref, "value")[0]["plain_text"] == "640.5"
    made = goals.okr.create_row(goals.source, goals.columns, {"value": 1.0, "note": "x", "title": "Made"})
    assert (made.values["title"], made.values["value"], set(made.left_out)) == ("Made", 1.0, {"note"})


def test_a_relation_to_a_row_that_is_gone_is_left_out_and_the_row_is_not(goals: Goals) -> None:
    above = goals.world.add_row(goals.above, {"Name": "O"})
    goals.world.trash(above)
    ref = goals.add(1)
    row = goals.okr.write_row(ref, goals.columns, {"objective": (above,), "note": "kept"})
    assert (row.values["note"], row.left_out["objective"]) == ("kept", '"Objective" leads to a row that Notion does not find')
    made = goals.okr.create_row(goals.source, goals.columns, {"objective": (above,), "title": "Made"})
    assert made.values["title"] == "Made"
    assert len(goals.world.rows(goals.source)) == 2


def test_what_a_refusal_names_is_left_out_and_the_rest_arrives(goals: Goals) -> None:
    ref, ben = goals.add(1), goals.world.add_person("Ben", "ben@acme.example")
    values = {"note": "kept", "owner": (ben,), "team": "Growth"}
    goals.box.fail(method="PATCH", path="/v1/pages", status=400, code="validation_error", message="Owner: the user does not exist.")
    row = goals.okr.write_row(ref, goals.columns, values)
    assert (row.values["note"], row.values["team"], set(row.left_out)) == ("kept", "Growth", {"owner"})
    assert "the user does not exist" in row.left_out["owner"]
    goals.box.fail(method="PATCH", path="/v1/pages", status=400, code="validation_error", message="Something is wrong.")
    row = goals.okr.write_row(ref, goals.columns, values)
    assert (row.values["note"], set(row.left_out)) == ("kept", {"owner", "team"})
    goals.box.fail(method="PATCH", path="/v1/pages", status=400, code="validation_error", message="Something is wrong.", times=9)
    with pytest.raises(Refused, match=r"Something is wrong\."):
        goals.okr.write_row(ref, goals.columns, values)
    assert len(goals.box.troubles) == 1  # it gave up by itself


def test_a_row_in_the_trash_or_deleted_or_of_an_unshared_database_is_gone(goals: Goals) -> None:
    first, second = goals.add(1), goals.add(2)
    goals.world.trash(first)
    with pytest.raises(Gone, match="trash"):
        goals.okr.write_row(first, goals.columns, {"note": "x"})
    with pytest.raises(Gone):
        goals.okr.write_row("00000000-0000-4000-8000-000000000000", goals.columns, {"note": "x"})
    goals.world.trash_database(goals.database)
    for call in (
        lambda: goals.okr.write_row(second, goals.columns, {"note": "x"}),
        lambda: goals.okr.create_row(goals.source, goals.columns, {}),
    ):
        with pytest.raises(Gone, match="database of"):
            call()
    goals.world.trash_database(goals.database, restore=True)
    goals.world.unshare(goals.database)
    with pytest.raises(Gone):
        goals.okr.write_row(second, goals.columns, {"objective": (first,)})
    with pytest.raises(Gone):
        goals.okr.create_row(goals.source, goals.columns, {"title": "x"})


def test_text_is_plain_whatever_it_looks_like_and_long_text_is_cut_into_runs(goals: Goals) -> None:
    ref = goals.add(1)
    shouting = "@everyone **bold** [x](javascript:alert(1)) https://evil.example/ \u202e" + "😀" * 3000
    row = goals.okr.write_row(ref, goals.columns, {"note": shouting})
    assert row.values["note"] == shouting
    [sent] = [body for method, _, _, body in goals.box.log if method == "PATCH"]
    runs = sent["properties"][goals.columns["note"].id]["rich_text"]
    assert {each["type"] for each in runs} == {"text"}
    assert all("link" not in each["text"] and len(each["text"]["content"].encode("utf-16-le")) <= 4000 for each in runs)


def test_more_entries_than_a_request_takes_are_cut_with_a_word(goals: Goals) -> None:
    ref = goals.add(1)
    people = tuple(goals.world.add_person(f"P{number}", f"p{number}@acme.example") for number in range(101))
    row = goals.okr.write_row(ref, goals.columns, {"owner": people})
    assert row.left_out == {"owner": '"Owner" holds only the first 100 of 101'}
    assert len(goals.inner(ref, "owner")) == 100
    assert isinstance(row.values["owner"], Unknown)  # the answer shows 25 of them


def test_a_write_that_was_carried_out_and_answered_503_may_be_repeated(goals: Goals) -> None:
    ref = goals.add(1)
    goals.box.fail(method="PATCH", path="/v1/pages", status=503, commit=True)
    with pytest.raises(Offline):
        goals.okr.write_row(ref, goals.columns, {"note": "once"})
    assert goals.okr.write_row(ref, goals.columns, {"note": "once"}).values["note"] == "once"
