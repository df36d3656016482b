"""Reads the items of a mapping that is not stored yet, for a person who waits: what is there so far, again and again, then all of it.

The host is called in a thread of its own, so that its pages can be told while others are still on their way; whoever stops asking
(``close()`` of the generator) stops the reading after the call that is under way. Stores nothing.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event

from connector.domain.model import Item
from connector.errors import Gone, HostError, InputError, Refused
from connector.hosts.base import Host, Page, QueryCheck, Resolution, Wanted
from connector.runtime import Runtime
from connector.services.mapping import resolving
from connector.services.mapping.catalog import PATIENCE, check_query, identity
from connector.services.remembered import shelf
from connector.store.tables import Connection
from mappings.rules import Draft, Empty, SelectorKind, belongs, dump_mapping, field_names, needs_clock, unknown_filter

KEPT = 30.0  # seconds that items are kept, so that another measure or mode over them asks the host nothing
MOST_KEPT = 3  # readings per process
PACE = 0.4  # seconds between two partial answers
_NEW = 0  # the mapping's id while it has none

# Which part of a mapping a refusal is about, by the host's code; else the selector.
_PARTS = {
    "jql": "select.jql",
    "unknown_project": "select.project",
    "unknown_field": "measure",
    "unknown_property": "measure",
    "unknown_option": "select.filter",
    "unknown_data_source": "select.data_source",
    "ambiguous_data_source": "select.data_source",
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the host gave. ``complete``: everything was read that is to be read; ``cut_off``: there is more than is read for a preview."""

    resolution: Resolution
    members: tuple[Item, ...]
    epics: tuple[Item, ...] = ()
    unknown_members: int = 0  # rows of which nobody can say whether the filter matches
    query: QueryCheck = field(default_factory=QueryCheck)
    cut_off: bool = False
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Resolved:
    resolution: Resolution
    query: QueryCheck


@dataclass(frozen=True, slots=True)
class _Arrived:
    page: Page
    decides: bool  # the host's answer decides who is a member


class _Stopped(Exception):
    """Nobody waits for the rest."""


@dataclass
class _Heap:
    """Everything that arrived, in the thread of whoever asked."""

    draft: Draft
    resolved: _Resolved
    found: dict[str, Item] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def add(self, arrived: _Arrived) -> None:
        self.found.update((item.ref, item) for item in arrived.page.items)
        if arrived.decides:
            self.told.update(arrived.page.refs)

    def sorted_out(self, *, epics: tuple[Item, ...] = (), cut_off: bool = False, complete: bool = False) -> Gathered:
        draft, resolution = self.draft, self.resolved.resolution
        members = tuple(
            item
            for item in self.found.values()
            if belongs(draft, resolution, item, told=item.ref in self.told, ancestors=self._ancestors(item))
        )
        unknown = sum(unknown_filter(draft, resolution, item) for item in self.found.values())
        return Gathered(resolution, members, epics, unknown, self.resolved.query, cut_off, complete)

    def _ancestors(self, item: Item) -> Sequence[str]:
        if not self.draft.selector.subtasks:
            return ()
        return [above for parent in item.parents if parent in self.found for above in self.found[parent].parents]


def gather(
    runtime: Runtime, connection: Connection, draft: Draft, *, most: int, reuse: bool = True, key_result: str = ""
) -> Iterator[Gathered]:
    """Partial answers at most every ``PACE`` seconds, the first with the first page; the last one is complete.

    ``key_result``: whose cycle "this cycle" is.

    ``most``: items that are read at most. ``reuse``: an answer of the last ``KEPT`` seconds will do. Raises ``InputError`` for what the
    host refuses (``where`` is "select…" or "measure"), ``HostError``.
    """
    kept = shelf(runtime, "gathered", MOST_KEPT)
    key = _key(connection, draft, key_result)
    found: Gathered | None = kept.get(key, runtime.epoch()) if reuse else None
    if found is None:
        for found in _read(runtime, connection, draft, most, key_result):
            if not found.complete:
                yield found
        assert found is not None
        kept.put(key, found, runtime.epoch() + KEPT)
    yield found


def gathered_lately(runtime: Runtime, connection: Connection, draft: Draft, *, key_result: str = "") -> Gathered | None:
    """The complete answer of the last ``KEPT`` seconds, None without one. Calls no host."""
    found: Gathered | None = shelf(runtime, "gathered", MOST_KEPT).get(_key(connection, draft, key_result), runtime.epoch())
    return found


def _key(connection: Connection, draft: Draft, key_result: str) -> object:
    written = dump_mapping(draft)
    own = draft.empty is Empty.OWN_STATUS
    named = (repr(written["select"]), repr(written.get("done")), draft.selector.subtasks, frozenset(field_names(draft)), own)
    dated = needs_clock(draft.selector.filter) or needs_clock(draft.done)
    return identity(connection), named, key_result if dated else ""


def _read(runtime: Runtime, connection: Connection, draft: Draft, most: int, key_result: str) -> Iterator[Gathered]:
    arrivals: queue.SimpleQueue[_Resolved | _Arrived | None] = queue.SimpleQueue()
    enough = Event()
    host = runtime.connect(connection, patience=PATIENCE)

    def put(each: _Resolved | _Arrived) -> None:
        if enough.is_set():
            raise _Stopped
        arrivals.put(each)

    def work() -> tuple[bool, tuple[Item, ...]]:
        with closing(host):
            return _walk(runtime, connection, host, draft, most, put, key_result)

    pool = ThreadPoolExecutor(1, thread_name_prefix="preview")
    try:
        outcome: Future[tuple[bool, tuple[Item, ...]]] = pool.submit(work)
        outcome.add_done_callback(lambda _: arrivals.put(None))
        heap: _Heap | None = None
        told_at = 0.0
        while (each := arrivals.get()) is not None:
            if isinstance(each, _Resolved):
                heap = _Heap(draft, each)
                continue
            assert heap is not None
            heap.add(each)
            if each.page.cursor is not None and time.monotonic() - told_at >= PACE:
                yield heap.sorted_out()
                told_at = time.monotonic()
        complete, epics = outcome.result()
        assert heap is not None
        yield heap.sorted_out(epics=epics, cut_off=not complete, complete=True)
    finally:
        enough.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _walk(
    runtime: Runtime,
    connection: Connection,
    host: Host,
    draft: Draft,
    most: int,
    put: Callable[[_Resolved | _Arrived], None],
    key_result: str,
) -> tuple[bool, tuple[Item, ...]]:
    """(read to the end, the epics themselves where they matter)."""
    resolved = resolve(runtime, connection, host, draft, key_result=key_result)
    put(resolved)
    wanted = [Wanted(_NEW, draft.selector, resolved.resolution, field_names(draft))]
    seen = 0
    complete = True

    def arrived(page: Page, *, decides: bool) -> None:
        nonlocal seen
        seen += len(page.refs)
        put(_Arrived(page, decides))

    for query in host.plan(wanted):
        if seen >= most:
            complete = False
            break
        decides = bool(query.members_of)
        read = host.read_all(query, most - seen, lambda page, decides=decides: arrived(page, decides=decides))  # type: ignore[misc]
        complete = complete and read
    epics: tuple[Item, ...] = ()
    if draft.selector.kind is SelectorKind.EPICS and draft.empty is Empty.OWN_STATUS:
        epics = tuple(host.fetch_items(sorted(set(resolved.resolution.refs.values())), wanted).items)
    return complete, epics


def resolve(
    runtime: Runtime, connection: Connection, host: Host, draft: Draft, known: Resolution | None = None, *, key_result: str = ""
) -> _Resolved:
    """The mapping's names as ids, and what the host says about its query.

    Raises ``InputError`` for what the host refuses, ``HostError`` when it does not answer or does not accept the credentials.
    """
    query = QueryCheck()
    if draft.selector.kind is SelectorKind.JQL:
        query = check_query(runtime, connection, draft.selector.jql, host)
        if query.errors:
            raise InputError(f"Jira does not accept the JQL: {'; '.join(query.errors)}", where="select.jql")
    try:
        return _Resolved(resolving.resolve(runtime, connection.id, host, draft, known, key_result=key_result), query)
    except (Gone, Refused) as error:
        if isinstance(error, Refused) and (error.parks or error.code == "address_not_allowed"):
            raise
        raise InputError(error.message, where=_place(error, draft)) from error


def _place(error: HostError, draft: Draft) -> str:
    """The part of the mapping that was refused. A property that the measure does not name stands in the filter."""
    part = _PARTS.get(error.code, "select")
    measured = (draft.measure.field, *draft.points)
    if part == "measure" and draft.selector.filter and not any(name and name in error.message for name in measured):
        return "select.filter"
    return part


def titles(resolution: Resolution) -> Mapping[str, str]:
    """Name as written → title, for the epics, issues or rows that a mapping names."""
    return {name: resolution.titles.get(ref, name) for name, ref in resolution.refs.items()}
