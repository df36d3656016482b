"""Wishes about every property type: what is sent to Notion lets through every row that our own rules take, and is never refused there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Category
from connector.errors import Refused
from connector.hosts.base import ListQuery, Resolution, Wanted
from connector.hosts.notion.fields import read_item
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.query import created_from, narrowed, source_filter
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.notion.sandbox_filters import matcher
from connector.hosts.notion.sandbox_values import new_property, shown_schema, shown_value, stored
from connector.hosts.notion.schema import read_schema
from mappings.rules import Selector, SelectorKind, field_names, matches, parse_mapping, unknown_filter
from tests.hosts.notion.conftest import check

BEN, CARA = "1111abcd-0123-4567-89ab-0123456789ab", "2222abcd-0123-4567-89ab-0123456789ab"
PLAN, OTHER = "3333abcd-0123-4567-89ab-0123456789ab", "4444abcd-0123-4567-89ab-0123456789ab"
DATABASE = "0123abcd-0123-4567-89ab-0123456789ab"
CLOCK = {"zone": "America/New_York", "today": "2026-11-22", "begin": "2026-10-01", "end": "2026-12-31"}
GROUPS = {"To-do": ["Idea"], "In progress": ["Doing", "Review"], "Complete": ["Won", "Lost"]}
KINDS: dict[str, Any] = {
    "State": {"type": "status", "groups": GROUPS},
    "Stage": {"type": "select", "options": ["A", "B"]},
    "Tags": {"type": "multi_select", "options": ["x", "y", "z"]},
    "Seats": "number",
    "Paid": "checkbox",
    "Due": "date",
    "Owner": "people",
    "Project": "relation",
    "Notes": "rich_text",
    "Site": "url",
    "Made": "created_time",
    "Hours": "formula",
}
PROPERTIES = {name: new_property(name, kind) for name, kind in KINDS.items()}
BY_ID = {each["id"]: each for each in PROPERTIES.values()}
SCHEMA = read_schema({"id": DATABASE, "properties": shown_schema(PROPERTIES)})
RESOLVED = Resolution(
    refs={"ben@acme.example": BEN, f"https://www.notion.so/Plan-{PLAN.replace('-', '')}": PLAN},
    fields={name: (each["id"],) for name, each in PROPERTIES.items()} | {"State#group": (f"{PROPERTIES['State']['id']}#group",)},
    containers=(DATABASE,),
    clock=CLOCK,
)

days = st.dates(date(2026, 9, 25), date(2027, 1, 5))
moments = st.one_of(
    days.map(date.isoformat),
    st.builds(
        lambda day, hour, zone: f"{day}T{hour:02}:30:00.000{zone}", days, st.integers(0, 23), st.sampled_from(["Z", "+13:00", "-11:00"])
    ),
)
rows = st.fixed_dictionaries(
    {
        "State": st.sampled_from([None, *(name for names in GROUPS.values() for name in names)]),
        "Stage": st.sampled_from([None, "A", "B"]),
        "Tags": st.lists(st.sampled_from("xyz"), unique=True),
        "Seats": st.none() | st.sampled_from([-1, 0, 4, 5, 5.5, 6, 100]),
        "Paid": st.booleans(),
        "Due": st.none() | moments,
        "Owner": st.lists(st.sampled_from([BEN, CARA]), unique=True),
        "Project": st.lists(st.sampled_from([PLAN, OTHER]), unique=True),
        "Notes": st.sampled_from(["", "Annual renewal", "renewal", "RENEWAL", "x"]),
        "Site": st.sampled_from([None, "https://acme.example"]),
        "Made": st.builds(lambda day, hour: f"{day}T{hour:02}:30:00.000Z", days, st.integers(0, 23)),
        "Hours": st.sampled_from([{"type": "number", "number": 7}, {"type": "unsupported", "unsupported": {}}]),
    }
)
empty = st.booleans().map(lambda empty: {"empty": empty})
bounds = st.builds(
    lambda op, number: {op: number}, st.sampled_from(["at_least", "above", "at_most", "below"]), st.sampled_from([-1, 0, 5, 5.5])
)
dated = st.one_of(
    days.map(date.isoformat),
    st.builds(lambda op, day: {op: day.isoformat()}, st.sampled_from(["before", "on_or_before", "after", "on_or_after"]), days),
    st.builds(lambda op, number: {op: number}, st.sampled_from(["last_days", "next_days"]), st.integers(1, 40)),
    st.just({"cycle": "this"}),
    st.builds(lambda day, more: {"between": [day.isoformat(), (day + timedelta(days=more)).isoformat()]}, days, st.integers(0, 30)),
)
WISHES: Mapping[str, st.SearchStrategy[Any]] = {
    "State": st.sampled_from(["Won", {"group": "Complete"}, {"group": "started"}, {"not": ["Won"]}, ["Idea", {"group": "Complete"}]])
    | empty,
    "Stage": st.sampled_from(["A", ["A", "B"], {"not": "A"}]) | empty,
    "Tags": st.sampled_from(["x", ["x", "y"], {"all": ["x", "y"]}, {"not": ["z"]}]) | empty,
    "Seats": st.one_of(st.sampled_from([5, [0, 5], {"between": [0, 5.5]}, {"at_least": 0, "below": 6}]), bounds, empty),
    "Paid": st.booleans(),
    "Due": dated | empty,
    "Owner": st.sampled_from([BEN, {"person": "ben@acme.example"}, {"person": CARA}]) | empty,
    "Project": st.sampled_from([{"page": f"https://www.notion.so/Plan-{PLAN.replace('-', '')}"}, OTHER]) | empty,
    "Notes": st.sampled_from(["x", {"contains": "renewal"}, {"not": ["x"]}]) | empty,
    "Site": st.sampled_from(["https://acme.example", {"contains": "ACME"}]) | empty,
    "Made": dated,
    "Hours": bounds | st.just(7),
}
EXACT = frozenset({"Stage", "Tags", "Seats", "Paid", "Owner", "Project"})  # what Notion and we surely read alike, "is not" apart


def asked(filter_: Mapping[str, Any]) -> Wanted:
    select = {"database": DATABASE, "filter": dict(filter_)}
    draft = parse_mapping({"connection": "c", "select": select, "measure": "count"}, where="m", host="notion")
    return Wanted(1, draft.selector, RESOLVED, field_names(draft))


def depth(filter_: Any) -> int:
    inner = [each for word in ("and", "or") for each in filter_.get(word, ())]
    return 1 + max(map(depth, inner)) if inner else 0


filters = st.lists(st.sampled_from(sorted(WISHES)), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: WISHES[name] for name in names})
)


@given(rows, st.lists(filters, min_size=1, max_size=3))
def test_what_is_sent_lets_through_every_row_that_belongs(row: dict[str, Any], filters_: list[dict[str, Any]]) -> None:
    values = {PROPERTIES[name]["id"]: stored(PROPERTIES[name], value) for name, value in row.items()}
    page = {"id": DATABASE, "properties": {name: shown_value(each, values[each["id"]]) for name, each in PROPERTIES.items()}}
    item = read_item(page, SCHEMA)
    wanted = [asked(each) for each in filters_]
    found = [matches(RESOLVED, item, each.selector.filter) for each in wanted]
    sent = source_filter(SCHEMA, wanted)
    if sent is None:
        return
    assert depth(sent) <= 2
    check("QueryDataSourceBodyParameters", {"filter": sent})
    shown = {"values": values, "created_time": row["Made"], "last_edited_time": row["Made"]}
    let_through = matcher(sent, BY_ID)(shown)
    assert let_through or True not in found
    windowed = narrowed(sent, created_from("2026-09-01T00:00:00.000Z"))
    assert depth(windowed) <= 2
    assert matcher(windowed, BY_ID)(shown) is let_through
    if set().union(*filters_) <= EXACT and "not" not in json.dumps(filters_):
        assert let_through is (True in found)


def test_a_window_of_days_in_two_time_zones() -> None:
    late = "2026-11-23T04:30:00.000Z"  # still the 22nd in New York
    page = {"id": DATABASE, "properties": {"Due": shown_value(PROPERTIES["Due"], {"start": late, "end": None, "time_zone": None})}}
    wanted = asked({"Due": {"last_days": 1}})
    assert matches(RESOLVED, read_item(page, SCHEMA), wanted.selector.filter) is True
    assert matcher(source_filter(SCHEMA, [wanted]), BY_ID)({"values": {PROPERTIES["Due"]["id"]: {"start": late}}})


# --- through the stand-in ------------------------------------------------------------------------------------------------------


def want(host: NotionHost, database: str, filter_: Mapping[str, Any], known: Resolution | None = None, **more: Any) -> Wanted:
    select = {"database": database, "filter": dict(filter_)}
    draft = parse_mapping({"connection": "c", "select": select, "measure": "count", **more}, where="m", host="notion")
    return Wanted(1, draft.selector, host.resolve(draft.selector, field_names(draft), known, also=draft.done), field_names(draft))


def read(host: NotionHost, wanted: Wanted) -> list[str]:
    """The titles of the rows that a walk shows and that belong."""
    titles: list[str] = []
    for query in host.plan([wanted]):
        cursor: Any = None
        while True:
            page = host.list_items(ListQuery(query.name, query.spec), cursor)
            titles += [item.title for item in page.items if matches(wanted.resolution, item, wanted.selector.filter)]
            cursor = page.cursor
            if cursor is None:
                break
    return sorted(titles)


@pytest.fixture
def tasks(box: NotionSandbox) -> Callable[..., str]:
    """Two databases: projects, and tasks that relate to them."""
    projects, project_source = box.world.add_database("Projects", {})
    database, source = box.world.add_database(
        "Tasks",
        {
            "Project": {"type": "relation", "data_source_id": project_source, "database_id": projects, "single_property": {}},
            "State": {"type": "status", "groups": GROUPS},
            "Seats": "number",
        },
    )
    plan = box.world.add_row(project_source, {"Name": "Plan"})
    other = box.world.add_row(project_source, {"Name": "Other"})
    for name, project, state in (("a", plan, "Won"), ("b", plan, "Doing"), ("c", other, "Won"), ("d", None, "Won")):
        box.world.add_row(source, {"Name": name, "Project": [project] if project else [], "State": state, "Seats": 5})
    return lambda what: {"database": database, "source": source, "projects": projects, "project_source": project_source, "plan": plan}[what]


def test_child_rows_of_a_page_by_their_relation(box: NotionSandbox, host: NotionHost, tasks: Callable[..., str]) -> None:
    link = f"https://www.notion.so/Plan-{tasks('plan').replace('-', '')}"
    before = len(box.log)
    wanted = want(host, tasks("database"), {"Project": {"page": link}})
    assert len(box.log) - before == 4  # database, data source, the related one, the page
    assert wanted.resolution.refs == {link: tasks("plan")}
    assert wanted.resolution.titles[tasks("plan")] == "Plan"
    before = len(box.log)
    assert read(host, wanted) == ["a", "b"]
    assert len(box.log) - before == 1
    body = next(body for _, path, _, body in reversed(box.log) if path.endswith("/query"))
    assert body["filter"] == {"property": box.world.property_id(tasks("source"), "Project"), "relation": {"contains": tasks("plan")}}


def test_only_what_is_asked_for_is_read(box: NotionSandbox, host: NotionHost, tasks: Callable[..., str]) -> None:
    assert read(host, want(host, tasks("database"), {"State": {"group": "Complete"}})) == ["a", "c", "d"]
    query = next(query for _, path, query, _ in reversed(box.log) if path.endswith("/query"))
    assert query["filter_properties"].split(",") == ["title", box.world.property_id(tasks("source"), "State")]


def test_a_page_or_a_database_that_is_not_shared_is_named_and_never_zero(
    box: NotionSandbox, host: NotionHost, tasks: Callable[..., str]
) -> None:
    known = want(host, tasks("database"), {"Project": tasks("plan")}).resolution
    box.world.unshare(tasks("projects"))
    later = want(host, tasks("database"), {"Project": tasks("plan")}, known).resolution
    assert 'the database that "Project" of Tasks leads to is not shared' in later.wrong[0]
    with pytest.raises(Refused, match="is not shared with this connection"):
        want(host, tasks("database"), {"Project": tasks("plan")})


def test_wrong_groups_options_and_tests_are_refused_with_what_there_is(host: NotionHost, tasks: Callable[..., str]) -> None:
    for filter_, words in (
        ({"State": {"group": "Finished"}}, "the groups are: To-do, In progress, Complete"),
        ({"State": {"not": ["Wonn"]}}, "the options are: Idea, Doing, Review, Won, Lost"),
        ({"Seats": {"group": "Complete"}}, 'is a number property and knows no test "group"'),
        ({"Seats": {"last_days": 3}}, "it can be asked for: a number, at_least"),
        ({"State": {"at_least": 3}}, "it can be asked for: options, group"),
        ({"Project": {"page": "nonsense"}}, "not a Notion id"),
        ({"Project": {"page": "9" * 32}}, "does not exist or is not shared"),
    ):
        with pytest.raises(Refused, match=words):
            want(host, tasks("database"), filter_)
    with pytest.raises(Refused, match="is not a group"):
        want(host, tasks("database"), {}, done={"State": {"group": "Finished"}})


def test_an_option_is_followed_when_it_is_renamed_and_missed_when_it_is_deleted(
    box: NotionSandbox, host: NotionHost, tasks: Callable[..., str]
) -> None:
    first = want(host, tasks("database"), {"State": "Won"})
    prop = box.world.data["sources"][tasks("source")]["properties"][box.world.property_id(tasks("source"), "State")]
    option = next(each for each in prop["status"]["options"] if each["name"] == "Won")
    option["name"] = "Closed won"
    for row in box.world.data["pages"].values():
        if (held := row["values"].get(prop["id"])) and held.get("name") == "Won":
            held["name"] = "Closed won"
    second = want(host, tasks("database"), {"State": "Won"}, first.resolution)
    assert second.resolution.options == {"State": {"Won": "Closed won"}}
    assert second.resolution.option_ids["State"]["Won"] == option["id"]
    assert second.resolution.wrong == ()
    assert read(host, second) == ["a", "c", "d"]
    prop["status"]["options"].remove(option)
    third = want(host, tasks("database"), {"State": "Won"}, second.resolution)
    assert third.resolution.wrong == ('"Won" is not an option of "State" in Tasks; the options are: Idea, Doing, Review, Lost',)


def test_a_group_decides_what_is_done(box: NotionSandbox, host: NotionHost, tasks: Callable[..., str]) -> None:
    wanted = want(host, tasks("database"), {}, done={"State": {"group": "In progress"}})
    items = [item for query in host.plan([wanted]) for item in host.list_items(query).items]
    draft = parse_mapping(
        {
            "connection": "c",
            "select": {"database": tasks("database")},
            "measure": "done_count",
            "done": {"State": {"group": "In progress"}},
        },
        where="m",
        host="notion",
    )
    assert sorted(item.title for item in items if matches(wanted.resolution, item, draft.done)) == ["b"]
    assert {item.title: item.category for item in items}["a"] is Category.DONE


def test_formulas_are_asked_by_us_and_marked_as_computed(box: NotionSandbox, host: NotionHost) -> None:
    database, source = box.world.add_database("Deals", {"Hours": "formula"})
    for name, value in (("a", {"type": "number", "number": 7}), ("b", {"type": "unsupported", "unsupported": {}})):
        box.world.add_row(source, {"Name": name, "Hours": value})
    wanted = want(host, database, {"Hours": {"at_least": 5}})
    assert wanted.resolution.computed == {"Hours": "formula"}
    assert source_filter(read_schema(host._client.source(source)), [wanted]) is None
    assert read(host, wanted) == ["a"]
    rule = parse_mapping(
        {"connection": "c", "select": {"database": database, "filter": {"Hours": {"at_least": 5}}}, "measure": "count"},
        where="m",
        host="notion",
    )
    items = [item for query in host.plan([wanted]) for item in host.list_items(query).items]
    assert [item.title for item in items if unknown_filter(rule, wanted.resolution, item)] == ["b"]
    assert Selector(SelectorKind.DATABASE).filter == {}
