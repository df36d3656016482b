"""The nightly sync of one connection: sees every mapped item, repairs the mirror, and can go on where it stopped.

Small sites are walked in full. Large ones are asked what changed since the last run, and only for the ids of the rest; once a
week they are walked in full too, because some changes (a status moved to another category) touch no item. What a walk does
not show any more is read directly before it counts as gone: search indexes lag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connector.errors import Conflict, Gone, HostError, Refused
from connector.hosts.base import Host, ListQuery, Wanted
from connector.runtime import Runtime
from connector.services import connections, heartbeat, runs, sources
from connector.services.blocked_items import wait_for_others
from connector.services.drift.nightly import after_sync
from connector.services.listing import epic_refs, note_missing_epics, read_epics, resolve_links
from connector.services.mirror import mark_dirty, mark_gone, save_items, set_members
from connector.services.okr_databases import nightly as okr_rows
from connector.services.overlaps import warn_overlaps
from connector.services.patience import patiently
from connector.services.people import leavers
from connector.services.sites import learn_site
from connector.services.sources import as_wanted
from connector.store import work
from connector.store.tables import Connection, Item, KeyResult, Mapping, MappingItem, Run
from mappings.repository import Link, Router, load_links, load_router
from mappings.rules import SelectorKind

log = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=15)  # index lag, clock skew and minute rounding

Progress = Callable[[Run, str, int], None]  # (run, what is being read, estimate of all items)


@dataclass
class _Sync:
    """What one running sync carries along."""

    runtime: Runtime
    connection: Connection
    host: Host
    run: Run
    links: list[Link]
    progress: Progress | None
    estimate: int = 0
    counted: int = 0  # requests of this process already in the run's record

    def save(self, session: Session) -> None:
        """Store how far the run has come, with the requests sent since the last time."""
        self.run.requests += self.host.requests - self.counted
        self.counted = self.host.requests
        runs.save(session, self.run, self.runtime.epoch())


def sync_connection(
    runtime: Runtime, connection_id: int, *, trigger: str = "nightly", full: bool = False, progress: Progress | None = None
) -> Run:
    """Sync one connection. Returns the finished run.

    Raises ``Conflict`` when a sync of it is running or a person paused it, ``HostError`` when the host stopped it: the run
    is kept and the next call goes on from its cursor.
    """
    with runtime.store.read() as session:
        connection = session.get_one(Connection, connection_id)
    if connection.paused_at is not None:
        raise Conflict(f"{connection.name} is paused by a person; resume it first")
    if trigger == "command":  # a person who runs it again after a crash should not have to wait for the lease
        runs.await_the_dead(runtime, connection_id)
    run = runs.take(runtime, connection, trigger, full)
    host = runtime.connect(connection, patience=90.0, background=True)
    try:
        if connection.parked_at:
            host.identify()  # raises while the credentials are still refused
            with runtime.store.write() as session:
                connections.unpark(session, connection_id, runtime.now(), "sync")
        learn_site(runtime, connection, host)
        with heartbeat.kept(runtime, lambda session, until: runs.keep(session, run, until)):
            _run(runtime, connection, host, run, progress)
        leavers.check(runtime, connection, host)
    except HostError as error:
        runs.stop(runtime, connection, run, error)
        raise
    finally:
        host.close()
    log.info(
        "sync_finished",
        connection=connection.name,
        kind=run.kind,
        seen=run.seen,
        changed=run.changed,
        repaired=run.repaired,
        gone=run.gone,
        requests=run.requests,
    )
    return run


def _run(runtime: Runtime, connection: Connection, host: Host, run: Run, progress: Progress | None) -> None:
    if run.cursor is None:
        _resolve(runtime, connection, host)
    with runtime.store.read() as session:
        links = [link for link in load_links(session, connection_id=connection.id) if not link.broken]
        wanted = _with_containers(session, connection.id, as_wanted(links))
        estimate = (
            session.scalar(select(func.count()).select_from(Item).where(Item.connection_id == connection.id, Item.gone_at.is_(None))) or 0
        )
    state = _Sync(runtime, connection, host, run, links, progress, estimate)
    if run.cursor is None:
        run.cursor = {"walks": [asdict(query) | {"ids_only": ids_only} for query, ids_only in _plan(state, wanted)], "at": 0, "page": None}
    walks = run.cursor["walks"]
    while run.cursor["at"] < len(walks):
        stored = dict(walks[run.cursor["at"]])
        ids_only = stored.pop("ids_only")
        _walk(state, ListQuery(stored["name"], stored["spec"], tuple(stored["members_of"])), ids_only=ids_only)
    _finish(state)


def _resolve(runtime: Runtime, connection: Connection, host: Host) -> None:
    """Ask again for names that are unknown or broken, and for databases (their options and properties change)."""
    with runtime.store.read() as session:
        only = {
            link.id
            for link in load_links(session, connection_id=connection.id)
            if link.broken
            or not (link.resolved.refs or link.resolved.fields or link.resolved.containers)
            or link.rule.selector.kind in (SelectorKind.DATABASE, SelectorKind.ROWS)
        }
    if only:
        patiently(lambda: resolve_links(runtime, connection.id, host, only))


def _with_containers(session: Session, connection_id: int, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Tell the host in which projects the known children and the epics live: with very many epics it may ask by project."""
    found: dict[int, set[str]] = {}
    for mapping, container in session.execute(
        select(MappingItem.mapping_id, Item.container)
        .join(Item, Item.id == MappingItem.item_id)
        .where(Item.connection_id == connection_id, Item.container != "")
        .distinct()
    ):
        found.setdefault(mapping, set()).add(container)
    epics = sorted({ref for entry in wanted if entry.selector.kind is SelectorKind.EPICS for ref in entry.resolution.refs.values()})
    home: dict[str, str] = {}
    for start in range(0, len(epics), 500):
        rows = session.execute(
            select(Item.ref, Item.container).where(
                Item.connection_id == connection_id, Item.ref.in_(epics[start : start + 500]), Item.container != ""
            )
        )
        home.update((row.ref, row.container) for row in rows)
    told: list[Wanted] = []
    for entry in wanted:
        if entry.selector.kind is SelectorKind.EPICS:
            projects = found.get(entry.mapping, set()) | {home[ref] for ref in entry.resolution.refs.values() if ref in home}
            entry = replace(entry, resolution=replace(entry.resolution, containers=tuple(sorted(projects))))
        told.append(entry)
    return told


def _plan(state: _Sync, wanted: Sequence[Wanted]) -> list[tuple[ListQuery, bool]]:
    since = state.connection.last_sync_at
    if not state.host.cheap_ids:
        state.run.kind = "full"  # what is gone shows only in a whole walk; asking for the changes as well would save nothing
    if state.run.kind == "full" or since is None:
        return [(query, False) for query in state.host.plan(wanted)]
    changed = state.host.plan(wanted, since=since - OVERLAP)
    return [(replace(query, members_of=()), False) for query in changed] + [
        (query, True) for query in state.host.plan(wanted, ids_only=True)
    ]


def _walk(state: _Sync, query: ListQuery, *, ids_only: bool) -> None:
    """One walk from the run's cursor on. A walk that decides memberships begins anew after a crash: it must be seen whole."""
    run, runtime = state.run, state.runtime
    assert run.cursor is not None
    members: set[str] = set()
    begun_at = runtime.epoch()
    page_cursor = None if query.members_of else run.cursor["page"]
    while True:
        read_at = runtime.epoch()
        try:
            page = patiently(lambda at=page_cursor: state.host.list_items(query, at))  # type: ignore[misc]
        except (Refused, Gone) as error:
            if error.code == "cursor_expired" and page_cursor is not None:
                page_cursor = None
                continue
            _leave_out_broken(state, error)
            return
        if query.members_of:
            members.update(page.refs)
        with runtime.store.write() as session:
            router = load_router(session, state.connection.id)
            told = {mapping: frozenset(page.refs) for mapping in query.members_of if mapping in router.links}
            if not ids_only:
                saved = save_items(
                    session, state.connection.id, page.items, router, at=runtime.now(), told=told, asked=frozenset(), read_at=read_at
                )
                run.seen += saved.seen
                run.changed += saved.changed
                work.want(session, KeyResult, saved.key_results, runtime.epoch())
            _touch(session, state, page.refs)
            if page.cursor is None and query.members_of:
                _renew_members(session, state, query, members, router, begun_at)
            run.cursor = {**run.cursor, "page": page.cursor, "at": run.cursor["at"] + (page.cursor is None)}
            state.save(session)
        if state.progress:
            state.progress(run, query.name, state.estimate)
        if page.cursor is None:
            return
        page_cursor = page.cursor


def _leave_out_broken(state: _Sync, error: HostError) -> None:
    """A walk was refused: mark the mappings to blame as broken and go on with the next walk. Raises ``error`` when none is."""
    if isinstance(error, Refused) and error.parks:
        raise error
    run, runtime = state.run, state.runtime
    broken = patiently(lambda: sources.unreachable(state.host, state.links))
    if not broken:
        raise error
    assert run.cursor is not None
    with runtime.store.write() as session:
        for mapping, reason in broken.items():
            session.execute(update(Mapping).where(Mapping.id == mapping).values(broken=reason[:500]))
        work.want(session, KeyResult, {link.key_result_id for link in state.links if link.id in broken}, runtime.epoch())
        run.cursor = {**run.cursor, "page": None, "at": run.cursor["at"] + 1}
        state.save(session)
    state.links = [link for link in state.links if link.id not in broken]


def _touch(session: Session, state: _Sync, refs: Sequence[str]) -> None:
    """Note that these items were seen in this run."""
    for start in range(0, len(refs), 500):
        session.execute(
            update(Item)
            .where(Item.connection_id == state.connection.id, Item.ref.in_(refs[start : start + 500]))
            .values(seen_at=state.runtime.now())
            .execution_options(synchronize_session=False)
        )


def _renew_members(session: Session, state: _Sync, query: ListQuery, members: set[str], router: Router, begun_at: float) -> None:
    """The host decided who belongs (JQL): make it exactly so. New members that the mirror lacks are read by the drain."""
    known: set[str] = set()
    ordered = sorted(members)
    for start in range(0, len(ordered), 500):
        known.update(
            session.scalars(select(Item.ref).where(Item.connection_id == state.connection.id, Item.ref.in_(ordered[start : start + 500])))
        )
    mark_dirty(session, state.connection.id, members - known, state.runtime.epoch())
    for mapping in query.members_of:
        if mapping in router.links and set_members(session, mapping, state.connection.id, members, begun_at=begun_at):
            state.run.changed += 1
            work.want(session, KeyResult, [router.links[mapping].key_result_id], state.runtime.epoch())


def _finish(state: _Sync) -> None:
    """What no walk showed is read directly; then the run is closed."""
    runtime, run, connection = state.runtime, state.run, state.connection
    with runtime.store.read() as session:
        router = load_router(session, connection.id)
        unseen = list(
            session.scalars(
                select(Item.ref).where(
                    Item.connection_id == connection.id,
                    Item.gone_at.is_(None),
                    Item.seen_at < run.started_at,
                    # Of a broken mapping nothing was walked: what it holds stays as it was last seen.
                    select(MappingItem.item_id)
                    .where(MappingItem.item_id == Item.id, MappingItem.mapping_id.in_([link.id for link in state.links]))
                    .exists(),
                )
            )
        )
    wanted = as_wanted(state.links)
    for start in range(0, len(unseen), 100):
        part = unseen[start : start + 100]
        read_at = runtime.epoch()
        fetched = patiently(lambda refs=part: state.host.fetch_items(refs, wanted))  # type: ignore[misc]
        with runtime.store.write() as session:
            saved = save_items(session, connection.id, fetched.items, router, at=runtime.now(), told={}, asked=frozenset(), read_at=read_at)
            gone = mark_gone(session, connection.id, fetched.gone, router, at=runtime.now())
            run.changed += saved.changed + gone.gone
            run.gone += gone.gone
            work.want(session, KeyResult, saved.key_results | gone.key_results, runtime.epoch())
            _touch(session, state, [item.ref for item in fetched.items])
            state.save(session)
    epics = _epics_not_shown(state)
    missing = patiently(lambda: read_epics(runtime, connection.id, state.host, Router(state.links), epics))
    note_missing_epics(runtime, state.links, missing)
    after_sync(runtime, connection.id, state.host)  # before the run is closed, so that its requests are counted
    run.requests += okr_rows.nightly(runtime, connection)
    with runtime.store.write() as session:
        run.status, run.finished_at, run.repaired, run.cursor, run.lease_until = "done", runtime.now(), run.changed, None, 0.0
        state.save(session)
        values: dict[str, Any] = {"last_sync_at": run.started_at}
        if (quota := state.host.quota()) is not None:
            values["quota"] = dict(quota)
        if run.kind == "full":
            values["last_full_at"] = run.started_at
            session.execute(update(Mapping).where(Mapping.id.in_([link.id for link in state.links])).values(listed_at=runtime.now()))
        session.execute(update(Connection).where(Connection.id == connection.id).values(**values))
        connections.succeeded(session, connection.id, runtime.now())
        warn_overlaps(session, connection.id, runtime.now())
        if run.kind != "full":  # what others wait for changes without an edit of theirs, and may be none of our items
            mark_dirty(session, connection.id, wait_for_others(session, connection.id), runtime.epoch())
        # Ages and silent sources are judged anew, also where no number moved.
        work.want(session, KeyResult, {link.key_result_id for link in state.links}, runtime.epoch())
    runtime.queue.nudge("settle")
    runtime.queue.nudge("drain", connection.id)


def _epics_not_shown(state: _Sync) -> set[str]:
    """The epics that this run must read: those that no walk showed. Walks by project show them, walks over children do not."""
    epics = epic_refs(state.links)
    ordered = sorted(epics)
    with state.runtime.store.read() as session:
        for start in range(0, len(ordered), 500):
            epics.difference_update(
                session.scalars(
                    select(Item.ref).where(
                        Item.connection_id == state.connection.id,
                        Item.ref.in_(ordered[start : start + 500]),
                        Item.seen_at >= state.run.started_at,
                        Item.gone_at.is_(None),
                    )
                )
            )
    return epics
