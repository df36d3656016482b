"""Reading a whole walk for a person who waits: the first page at once, then bare ids and the issues in parallel.

Pages of a search come one after the other, 100 issues each. Ids come 5,000 to a page, and issues by id can be asked for side
by side. Nothing here can be resumed: syncs use ``walks``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from datetime import datetime
from queue import SimpleQueue
from typing import Any

from connector.hosts.base import JSON, ListQuery, Page
from connector.hosts.jira import walks
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import as_sequence
from connector.hosts.jira.jql import chunks
from connector.hosts.jira.reader import BATCH, IDS_ONLY, IssueReader

THREADS = 4  # Atlassian advises 5 to 10 calls at a time; others call as well

Issues = Mapping[str, Mapping[str, Any] | None]


def read_all(
    client: JiraClient, reader: IssueReader, query: ListQuery, most: int, on_page: Callable[[Page], None], now: Callable[[], datetime]
) -> bool:
    """See ``Host.read_all``. On Data Center, which has no bulk reads, the pages come one after the other."""
    fields = [str(name) for name in as_sequence(query.spec.get("fields"))]
    page = walks.walk_page(reader, query, None, now())
    on_page(page)
    seen = set(page.refs)
    if page.cursor is None or len(seen) >= most:
        return page.cursor is None
    if not client.cloud or tuple(fields) == IDS_ONLY:
        return _one_after_the_other(reader, query, page.cursor, len(seen), most, on_page, now)
    named = {str(name): str(ref) for name, ref in as_sequence(query.spec.get("named"))}

    def show(batch: Sequence[str], found: Issues) -> None:
        items = tuple(item for issue in found.values() if issue is not None and (item := reader.item(issue, fields, named)) is not None)
        on_page(Page(items, tuple(batch), {}))

    with _Crew(client, fields) as crew:
        ids = ListQuery(query.name, {**query.spec, "fields": list(IDS_ONLY)}, query.members_of)
        cursor: Mapping[str, JSON] | None = None
        while True:
            listed = walks.walk_page(reader, ids, cursor, now())
            fresh = [ref for ref in dict.fromkeys(listed.refs) if ref not in seen][: most - len(seen)]
            seen.update(fresh)
            for batch in chunks(fresh, BATCH):
                crew.ask(batch)
            cursor = listed.cursor
            complete = cursor is None and len(seen) < most
            if cursor is None or len(seen) >= most:
                break
            crew.give(show, all_of_them=False)
        crew.give(show, all_of_them=True)
    return complete


def _one_after_the_other(
    reader: IssueReader,
    query: ListQuery,
    cursor: Mapping[str, JSON] | None,
    seen: int,
    most: int,
    on_page: Callable[[Page], None],
    now: Callable[[], datetime],
) -> bool:
    while cursor is not None and seen < most:
        page = walks.walk_page(reader, query, cursor, now())
        seen += len(page.refs)
        cursor = page.cursor
        on_page(page)
    return cursor is None


class _Crew:
    """A few threads that read issues by id, each with a client of its own: a client is not shared between threads."""

    def __init__(self, client: JiraClient, fields: Sequence[str]) -> None:
        self._client = client
        self._fields = list(fields)
        self._free: SimpleQueue[JiraClient] = SimpleQueue()
        self._waiting: dict[Future[Issues], list[str]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _Crew:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="jira-quick-read")
        self._members = [self._stack.enter_context(closing(self._client.sibling())) for _ in range(THREADS)]
        for member in self._members:
            self._free.put(member)
        return self

    def __exit__(self, *problem: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.gateway.requests += sum(member.gateway.requests for member in self._members)
        self._stack.close()

    def ask(self, batch: list[str]) -> None:
        """Have the issues of ``batch`` read."""
        self._waiting[self._pool.submit(self._read, batch)] = batch

    def give(self, show: Callable[[Sequence[str], Issues], None], *, all_of_them: bool) -> None:
        """Show what has arrived, in the caller's thread; or wait for everything. Raises what the reading raised."""
        while self._waiting:
            done, _ = wait(self._waiting, timeout=None if all_of_them else 0.0, return_when=FIRST_COMPLETED)
            if not done:
                return
            for future in done:
                show(self._waiting.pop(future), future.result())

    def _read(self, batch: list[str]) -> Issues:
        client = self._free.get()
        try:
            return IssueReader(client).issues(batch, self._fields)
        finally:
            self._free.put(client)
