"""Reading a whole data source for a person who waits: the first page at once, then parts of it side by side.

A query's pages come one after the other. Spans of creation time that begin and end at full minutes, as which Notion keeps the
times, share no row and leave none out. Rows that were all made in one minute, by an import, are parted by the options of their
properties instead. Nothing here can be resumed: syncs use ``list_items``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any

from connector.domain.model import Item
from connector.errors import ConnectorError
from connector.hosts.base import JSON, ListQuery, Page
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import moment
from connector.hosts.notion.filters import Filter
from connector.hosts.notion.query import Window, created_before, created_from, narrowed_by, option_parts
from connector.hosts.notion.rows import new_rows, query_rows
from connector.hosts.notion.schema import Schema

THREADS = 4
PARTS = 12  # more than threads, because rows are rarely spread evenly; each part costs a request, also when it is empty

ListItems = Callable[[ListQuery, Mapping[str, JSON] | None], Page]
Shown = Callable[[Mapping[str, JSON], Sequence[Mapping[str, Any]]], tuple[tuple[str, ...], tuple[Item, ...]]]
Rows = list[Mapping[str, Any]]
Part = tuple[Filter | None, Window]


def read_all(
    client: NotionClient,
    list_items: ListItems,
    shown: Shown,
    schema: Schema | None,
    query: ListQuery,
    most: int,
    on_page: Callable[[Page], None],
) -> bool:
    """See ``Host.read_all``. Rows that are named one by one are read one after the other."""
    page = list_items(query, None)
    on_page(page)
    seen = set(page.refs)
    while query.spec["kind"] == "rows" and page.cursor is not None and len(seen) < most:
        page = list_items(query, page.cursor)
        seen.update(page.refs)
        on_page(page)
    if page.cursor is None or len(seen) >= most:
        return page.cursor is None
    for rows in _side_by_side(client, query.spec, _parts(client, query.spec, schema, page.cursor)):
        refs, items = shown(query.spec, rows)
        fresh = [ref for ref in refs if ref not in seen][: most - len(seen)]
        seen.update(fresh)
        on_page(Page(tuple(item for item in items if item.ref in set(fresh)), tuple(fresh), {}))
        if len(seen) >= most:
            return False
    return True


def _parts(client: NotionClient, spec: Mapping[str, JSON], schema: Schema | None, cursor: Mapping[str, JSON]) -> list[Part]:
    """What is left after the first page, in parts that share no row; one part when there is no way to part it."""
    reached, newest = moment(cursor.get("last")), _newest(client, spec)
    if reached is None or newest is None:
        return [(spec["filter"], Window.load(cursor))]
    spans = _spans(reached, newest)
    if len(spans) > 1:
        return [(_within(spec["filter"], span), Window()) for span in spans]
    leaves = option_parts(schema, PARTS) if schema else []
    if len(leaves) < THREADS:
        return [(spec["filter"], Window.load(cursor))]
    return [(narrowed_by(spec["filter"], part), Window()) for part in leaves]


def _newest(client: NotionClient, spec: Mapping[str, JSON]) -> datetime | None:
    body: dict[str, Any] = {"sorts": [{"timestamp": "created_time", "direction": "descending"}], "page_size": 1, "result_type": "page"}
    if spec["filter"]:
        body["filter"] = spec["filter"]
    rows = client.query(spec["source"], body, spec["properties"]).get("results") or [{}]
    return moment(rows[0].get("created_time")) if isinstance(rows[0], dict) else None


Span = tuple[datetime, datetime | None]


def _spans(first: datetime, last: datetime) -> list[Span]:
    """The time from ``first`` on in parts of whole minutes; the last part is open, for rows made meanwhile."""
    begin = first.replace(second=0, microsecond=0)
    minutes = max(1, int((last - begin).total_seconds() // 60) + 1)
    count = min(PARTS, minutes)
    edges = [begin + timedelta(minutes=minutes * number // count) for number in range(count)]
    return [(edge, edges[number + 1] if number + 1 < count else None) for number, edge in enumerate(edges)]


def _side_by_side(client: NotionClient, spec: Mapping[str, JSON], parts: Sequence[Part]) -> Iterator[Rows]:
    """The pages of all parts as they arrive. Raises what reading them raised. Leaving early ends the reading."""
    arrived: SimpleQueue[Rows | ConnectorError | None] = SimpleQueue()
    free: SimpleQueue[NotionClient] = SimpleQueue()
    enough = threading.Event()

    def read(filter_: Filter | None, window: Window) -> None:
        mine = free.get()
        try:
            while not enough.is_set():
                answer = query_rows(mine, {**spec, "filter": filter_}, window)
                arrived.put(new_rows(answer, window))
                if not window.advance(answer):
                    break
        except ConnectorError as error:
            arrived.put(error)  # raised again in the caller's thread, without waiting for the other parts
        finally:
            free.put(mine)
            arrived.put(None)

    with ExitStack() as stack:
        members = [stack.enter_context(closing(client.sibling())) for _ in range(min(THREADS, len(parts)))]
        for member in members:
            free.put(member)
        pool = ThreadPoolExecutor(len(members), thread_name_prefix="notion-quick-read")
        try:
            futures = [pool.submit(read, *part) for part in parts]
            left = len(futures)
            while left:
                found = arrived.get()
                if isinstance(found, ConnectorError):
                    raise found
                if found is None:
                    left -= 1
                else:
                    yield found
            for future in futures:
                future.result()  # a fault of our own must not look like an empty part
        finally:
            enough.set()
            pool.shutdown(cancel_futures=True)
            client.gateway.requests += sum(member.gateway.requests for member in members)


def _within(filter_: Filter | None, span: Span) -> Filter | None:
    begin, end = span
    return narrowed_by(filter_, [created_from(_text(begin)), *([created_before(_text(end))] if end else [])])


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")
