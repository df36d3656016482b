"""Walks: one per data source, filters two levels deep at most, windows around the 10,000-row cap, cursors, page sizes."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import Offline, Refused
from connector.hosts.base import ListQuery, Resolution, Wanted
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.query import CAP, Window, created_from, narrowed, source_filter
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.notion.sandbox_filters import matcher
from connector.hosts.notion.schema import Property, Schema
from mappings.rules import Selector, SelectorKind

PROPERTIES: dict[str, Any] = {
    "Stage": {"type": "select", "options": ["Lead", "Won", "Lost"]},
    "Region": {"type": "select", "options": ["North", "South"]},
    "Seats": "number",
}


def minute(at: int) -> str:
    return datetime.fromtimestamp(1_790_000_000 // 60 * 60 + at * 60, UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")


def want(host: NotionHost, mapping: int, database: str, filter_: Mapping[str, Any] | None = None, *names: str) -> Wanted:
    selector = Selector(SelectorKind.DATABASE, database=database, filter=filter_ or {})
    return Wanted(mapping, selector, host.resolve(selector, names), names)


def walk(host: NotionHost, query: ListQuery) -> tuple[list[str], list[Any]]:
    refs: list[str] = []
    items: list[Any] = []
    cursor: Mapping[str, Any] | None = None
    stored = json.loads(json.dumps(dict(query.spec)))  # a sync keeps it as JSON
    while True:
        page = host.list_items(ListQuery(query.name, stored), cursor)
        refs += page.refs
        items += page.items
        if page.cursor is None:
            return refs, items
        cursor = json.loads(json.dumps(page.cursor))


@pytest.fixture
def deals(box: NotionSandbox) -> tuple[str, str]:
    return box.world.add_database("Deals", PROPERTIES)


def test_one_walk_serves_all_mappings_of_a_data_source(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    won = box.world.add_row(deals[1], {"Name": "a", "Stage": "Won", "Region": "North", "Seats": 2})
    south = box.world.add_row(deals[1], {"Name": "b", "Stage": "Lost", "Region": "South", "Seats": 3})
    box.world.add_row(deals[1], {"Name": "c", "Stage": "Lead", "Region": "North"})
    trashed = box.world.add_row(deals[1], {"Name": "d", "Stage": "Won"})
    box.world.trash(trashed)
    both = [want(host, 1, deals[0], {"Stage": ("Won",)}, "Seats"), want(host, 2, deals[0], {"Region": ("South",)}, "Seats")]
    queries = host.plan(both)
    assert [each.name for each in queries] == ["rows of Deals"]
    refs, items = walk(host, queries[0])
    assert sorted(refs) == sorted([won, south])
    assert {each.fields[both[0].resolution.fields["Seats"][0]] for each in items} == {2.0, 3.0}
    assert all(each.container == deals[1] for each in items)
    assert len(walk(host, host.plan([*both, want(host, 3, deals[0])])[0])[0]) == 3  # a mapping without a filter wants every row


def test_ids_only_asks_for_the_title_alone(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    rows = {box.world.add_row(deals[1], {"Name": str(at)}) for at in range(120)}
    refs, items = walk(host, host.plan([want(host, 1, deals[0])], ids_only=True)[0])
    assert set(refs) == rows
    assert items == []
    assert {query["filter_properties"] for _, path, query, _ in box.log if path.endswith("/query")} == {"title"}


def test_since_overlaps_the_minute_rounding_and_sees_rows_that_left_the_filter(
    box: NotionSandbox, host: NotionHost, deals: tuple[str, str]
) -> None:
    old = box.world.add_row(deals[1], {"Name": "old", "Stage": "Won"}, created_at=minute(0))
    now = time.time()
    left = box.world.add_row(deals[1], {"Name": "left", "Stage": "Won"}, created_at=minute(1))
    box.world.set_property(left, "Stage", "Lost")  # edited in this minute, which is stored without seconds
    query = host.plan([want(host, 1, deals[0], {"Stage": ("Won",)})], since=datetime.fromtimestamp(now, UTC))[0]
    refs, _ = walk(host, query)
    assert left in refs
    assert old not in refs


def test_single_rows_are_read_one_by_one(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    rows = [box.world.add_row(deals[1], {"Name": str(at), "Seats": at}) for at in range(60)]
    selector = Selector(SelectorKind.ROWS, rows=tuple(rows))
    need = Wanted(1, selector, host.resolve(selector, ["Seats"]), ("Seats",))
    box.world.trash(rows[7])
    queries = host.plan([need])
    assert [each.spec["kind"] for each in queries] == ["rows"]
    first = host.list_items(queries[0])
    assert first.cursor == {"at": 50}
    refs, items = walk(host, queries[0])
    assert refs == [*rows[:7], *rows[8:]]
    assert len(items) == 59
    assert walk(host, host.plan([need], ids_only=True)[0]) == (refs, [])


def test_an_unresolved_mapping_is_refused(host: NotionHost) -> None:
    with pytest.raises(Refused, match="not been resolved"):
        host.plan([Wanted(7, Selector(SelectorKind.DATABASE, database="a" * 32), Resolution())])


# --- windows -----------------------------------------------------------------------------------------------------------


def test_25000_rows_are_all_seen_once(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    rows = {box.world.add_row(deals[1], {}, created_at=minute(at // 7)) for at in range(25_000)}
    refs, _ = walk(host, host.plan([want(host, 1, deals[0])], ids_only=True)[0])
    assert len(refs) == len(set(refs)) == 25_000
    assert set(refs) == rows
    assert sum(path.endswith("/query") for _, path, _, _ in box.log) <= 253


@pytest.mark.parametrize("number", [99, 100, 101, 250])
@pytest.mark.parametrize("per_minute", [1, 7, 99])
def test_windows_meet_without_gap_or_double(
    box: NotionSandbox, host: NotionHost, deals: tuple[str, str], monkeypatch: pytest.MonkeyPatch, number: int, per_minute: int
) -> None:
    box.cap = 100
    monkeypatch.setattr("connector.hosts.notion.query.CAP", 100)
    rows = [box.world.add_row(deals[1], {"Stage": "Won"}, created_at=minute(at // per_minute)) for at in range(number)]
    refs, _ = walk(host, host.plan([want(host, 1, deals[0], {"Stage": ("Won", "Lost")})])[0])
    assert refs == rows


def test_a_minute_with_more_rows_than_the_cap_is_refused_with_a_mend(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    box.cap = 50
    for at in range(120):
        box.world.add_row(deals[1], {}, created_at=minute(at // 100))
    with pytest.raises(Refused, match="narrow the mapping's filter") as refused:
        walk(host, host.plan([want(host, 1, deals[0])])[0])
    assert refused.value.code == "window_too_dense"


def test_an_expired_cursor_restarts_the_window(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    rows = [box.world.add_row(deals[1], {"Name": str(at)}, created_at=minute(at // 30)) for at in range(250)]
    query = host.plan([want(host, 1, deals[0])])[0]
    first = host.list_items(query)
    box.sessions.clear()
    refs, cursor = list(first.refs), first.cursor
    while cursor:
        page = host.list_items(query, cursor)
        refs, cursor = [*refs, *page.refs], page.cursor
    assert refs == rows


def test_a_query_that_is_too_big_goes_on_with_smaller_pages(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    rows = [box.world.add_row(deals[1], {"Name": str(at)}, created_at=minute(at)) for at in range(120)]
    query = host.plan([want(host, 1, deals[0])])[0]
    box.fail(path="/query", status=503, times=2, additional={"retry_guidance": "Reduce page_size and retry."})
    assert walk(host, query)[0] == rows
    sizes = [body["page_size"] for _, path, _, body in box.log if path.endswith("/query") and body]
    assert set(sizes) == {25}
    box.fail(path="/query", status=503, times=20, additional={"retry_guidance": "Reduce page_size and retry."})
    with pytest.raises(Offline):
        host.list_items(query)


# --- filters, by property ----------------------------------------------------------------------------------------------

SCHEMA = Schema(
    "s",
    "Deals",
    "",
    {ident: Property(ident, ident, kind) for ident, kind in {"a": "select", "b": "number", "c": "multi_select", "d": "date"}.items()},
)
VALUES: dict[str, list[Any]] = {"a": ["x", "y", "z"], "b": [1, 2, 3], "c": ["p", "q"]}
filters = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.data(), max_size=0) | st.fixed_dictionaries(
    {}, optional={key: st.lists(st.sampled_from(found), min_size=1, max_size=3, unique=True).map(tuple) for key, found in VALUES.items()}
)
rows = st.fixed_dictionaries(
    {"a": st.sampled_from(VALUES["a"]), "b": st.sampled_from(VALUES["b"]), "c": st.lists(st.sampled_from(VALUES["c"]), unique=True)}
)


def depth(filter_: Any) -> int:
    inner = [each for word in ("and", "or") for each in filter_.get(word, [])]
    return 1 + max(map(depth, inner)) if inner else 0


def belongs(filter_: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(any(value in row[key] if key == "c" else row[key] == value for value in found) for key, found in filter_.items())


@given(st.lists(filters, min_size=1, max_size=4), rows)
@settings(max_examples=300)
def test_a_filter_has_two_levels_and_lets_exactly_the_wanted_rows_through(found: list[Any], row: Mapping[str, Any]) -> None:
    fields = {key: (key,) for key in VALUES}
    needs = [Wanted(at, Selector(SelectorKind.DATABASE, filter=each), Resolution(fields=fields)) for at, each in enumerate(found)]
    filter_ = source_filter(SCHEMA, needs)
    if any(not each for each in found):
        assert filter_ is None
    if filter_ is None:
        return
    schema = {ident: {"id": ident, "name": ident, "type": each.type} for ident, each in SCHEMA.properties.items()}
    stored = {"a": {"name": row["a"]}, "b": row["b"], "c": [{"name": each} for each in row["c"]]}
    shown = {"values": stored, "created_time": minute(5)}
    expected = any(belongs(each, row) for each in found)
    assert matcher(filter_, schema)(shown) is expected
    for after, holds in ((minute(5), True), (minute(6), False)):
        windowed = narrowed(filter_, created_from(after))
        assert depth(windowed) <= 2
        assert matcher(windowed, schema)(shown) is (expected and holds)


def test_a_filter_that_cannot_be_said_is_not_sent() -> None:
    def needs(filter_: Mapping[str, Any]) -> list[Wanted]:
        return [Wanted(1, Selector(SelectorKind.DATABASE, filter=filter_), Resolution(fields={key: (key,) for key in "abcd"}))]

    assert source_filter(SCHEMA, needs({"d": ("some day",)})) is None
    day = source_filter(SCHEMA, needs({"d": ("2026-11-01",)}))  # a day more on each side: Notion's days are in a zone of its own
    assert day == {
        "and": [{"property": "d", "date": {"on_or_after": "2026-10-31"}}, {"property": "d", "date": {"on_or_before": "2026-11-02"}}]
    }
    assert source_filter(SCHEMA, needs({"a": tuple(map(str, range(60)))})) is None
    assert source_filter(SCHEMA, needs({"gone": ("x",)})) is None
    assert narrowed(None, created_from("t")) == created_from("t")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=60))
def test_a_window_shows_each_row_once_however_pages_overlap(found: list[tuple[int, int]]) -> None:
    rows = sorted({ref: at for at, ref in found}.items(), key=lambda pair: pair[1])
    window = Window()
    seen: list[int] = []
    for part in (1, 2):
        upto = rows[: len(rows) // 2] if part == 1 else [pair for pair in rows if minute(pair[1]) >= (window.last or "")]
        for ref, at in upto:
            if window.is_new(str(ref), minute(at)):
                seen.append(ref)
        window = Window.load(json.loads(json.dumps(window.dump())))
        window.restart()
    assert sorted(seen) == sorted(ref for ref, _ in rows)
    assert CAP == 10_000
