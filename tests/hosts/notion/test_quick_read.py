"""A whole data source for somebody who waits: the same rows as page by page, whatever times they were made at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Offline
from connector.hosts.base import Page, Wanted
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.quick_read import _spans
from connector.hosts.notion.sandbox import NotionSandbox
from mappings.rules import Selector, SelectorKind

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STAGE: dict[str, Any] = {"type": "status", "groups": {"To-do": ["Lead"], "In progress": ["Talks"], "Complete": ["Won", "Lost"]}}
STAGES = ("Lead", "Talks", "Won", "Lost")


def fill(box: NotionSandbox, rows: int, minutes: Callable[[int], int], columns: dict[str, Any] | None = None) -> str:
    database, source = box.world.add_database("Deals", columns or {"Stage": STAGE, "Seats": "number", "Paid": "checkbox"})
    for number in range(rows):
        at = (BEGIN + timedelta(minutes=minutes(number))).strftime("%Y-%m-%dT%H:%M:00.000Z")
        values: dict[str, Any] = {"Seats": number}
        if not columns:
            values |= {"Stage": STAGES[number % 4] if number % 5 else None, "Paid": number % 3 == 0}
        box.world.add_row(source, values, created_at=at)
    return database


def read(host: NotionHost, selector: Selector, most: int = 10_000) -> tuple[bool, list[Page]]:
    wanted = [Wanted(1, selector, host.resolve(selector, ("Seats",)), ("Seats",))]
    pages: list[Page] = []
    (query,) = host.plan(wanted)
    return host.read_all(query, most, pages.append), pages


def slowly(host: NotionHost, selector: Selector) -> dict[str, Any]:
    (query,) = host.plan([Wanted(1, selector, host.resolve(selector, ("Seats",)), ("Seats",))])
    found: dict[str, Any] = {}
    cursor = None
    while True:
        page = host.list_items(query, cursor)
        found.update({item.ref: item for item in page.items})
        if page.cursor is None:
            return found
        cursor = page.cursor


@pytest.mark.parametrize(
    "minutes",
    [
        lambda number: number,
        lambda number: 0,
        lambda number: number // 200,
        lambda number: 0 if number < 300 else 500_000 + number,
        lambda number: number * 7919 % 631,
    ],
    ids=["spread", "one minute", "few minutes", "a burst and a tail", "mixed"],
)
@pytest.mark.parametrize("where", [{}, {"Stage": ("Won", "Lost")}], ids=["all", "filtered"])
def test_it_gives_what_the_pages_give(
    box: NotionSandbox, host: NotionHost, minutes: Callable[[int], int], where: dict[str, tuple[str, ...]]
) -> None:
    selector = Selector(SelectorKind.DATABASE, database=fill(box, 640, minutes), filter=where)
    complete, pages = read(host, selector)
    items = [item for page in pages for item in page.items]
    assert complete
    assert {item.ref: item for item in items} == slowly(host, selector)
    assert len(items) == len({item.ref for item in items})
    assert len(pages[0].items) == 100


def test_rows_of_one_minute_without_options_go_on_from_the_first_page(box: NotionSandbox, host: NotionHost) -> None:
    selector = Selector(SelectorKind.DATABASE, database=fill(box, 350, lambda number: 0, {"Seats": "number"}))
    complete, pages = read(host, selector)
    assert (complete, sum(len(page.refs) for page in pages)) == (True, 350)
    queries = [entry for entry in box.log if entry[1].endswith("/query")]
    assert len(queries) == 5  # four pages, and the look for the newest row


def test_a_short_data_source_is_one_request(box: NotionSandbox, host: NotionHost) -> None:
    complete, pages = read(host, Selector(SelectorKind.DATABASE, database=fill(box, 40, lambda number: number)))
    assert (complete, len(pages[0].items)) == (True, 40)
    assert len([entry for entry in box.log if entry[1].endswith("/query")]) == 1


@pytest.mark.parametrize("most", [1, 100, 130])
def test_it_stops_at_the_most_and_says_so(box: NotionSandbox, host: NotionHost, most: int) -> None:
    complete, pages = read(host, Selector(SelectorKind.DATABASE, database=fill(box, 500, lambda number: number)), most)
    assert not complete
    assert sum(len(page.refs) for page in pages) == max(most, 100)


def test_more_rows_than_one_query_gives_are_all_read(box: NotionSandbox, host: NotionHost) -> None:
    box.cap = 120
    complete, pages = read(host, Selector(SelectorKind.DATABASE, database=fill(box, 600, lambda number: number // 3)))
    assert (complete, sum(len(page.refs) for page in pages)) == (True, 600)


def test_named_rows_are_read_one_by_one(box: NotionSandbox, host: NotionHost) -> None:
    database = fill(box, 60, lambda number: number)
    rows = tuple(row["id"] for row in box.world.rows(box.world.data["databases"][database]["sources"][0]))
    complete, pages = read(host, Selector(SelectorKind.ROWS, rows=rows))
    assert (complete, [len(page.items) for page in pages]) == (True, [50, 10])


def test_a_fault_on_the_way_is_raised_and_leaves_no_thread(box: NotionSandbox, host: NotionHost) -> None:
    selector = Selector(SelectorKind.DATABASE, database=fill(box, 500, lambda number: number))
    (query,) = host.plan([Wanted(1, selector, host.resolve(selector, ()), ())])

    def spoil(page: Page) -> None:
        if not box.troubles:
            box.fail(path="/query", status=502, times=99)

    with pytest.raises(Offline):
        host.read_all(query, 10_000, spoil)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("notion-quick-read")]


def test_pages_are_shown_in_the_callers_thread_and_every_request_is_counted(box: NotionSandbox, host: NotionHost) -> None:
    selector = Selector(SelectorKind.DATABASE, database=fill(box, 500, lambda number: number))
    threads: set[threading.Thread] = set()
    (query,) = host.plan([Wanted(1, selector, host.resolve(selector, ()), ())])
    host.read_all(query, 10_000, lambda page: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}
    assert host.requests == len(box.log)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_spans_cover_every_minute_once(begin: int, length: int) -> None:
    first, last = BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=begin + length)
    spans = _spans(first, last)
    assert spans[0][0] <= first
    assert spans[-1][1] is None
    assert spans[-1][0] <= last
    assert all(before[1] == after[0] and before[0] < after[0] for before, after in pairwise(spans))
    assert all(edge.second == 0 for edge, _ in spans)
