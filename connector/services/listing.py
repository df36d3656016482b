"""List the items of new or disturbed mappings: resolve names at the host, walk, save, and set the members exactly.

Used after ``apply``, after a change of a whole project or database, and by nothing that is in a hurry: it runs beside the drain
of the same connection, and what the drain read since a page was asked for is newer and stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Mapping as Dict
from dataclasses import asdict, replace

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.errors import Gone, HostError, Refused
from connector.hosts.base import Host, ListQuery, Resolution
from connector.runtime import Runtime
from connector.services import connections, heartbeat
from connector.services.mapping.resolving import resolve
from connector.services.mirror import mark_gone, save_items, set_members
from connector.services.overlaps import warn_overlaps
from connector.services.patience import patiently
from connector.services.sources import as_resolution, as_wanted, why_broken
from connector.store import work
from connector.store.tables import Connection, Item, KeyResult, Mapping, MappingItem
from mappings.repository import Link, Router, load_links, load_router
from mappings.rules import SelectorKind

log = structlog.get_logger(__name__)

LIMIT = 200  # mappings per round: their walks are planned together, so that fifty epics share one query


def list_all(runtime: Runtime, connection_id: int) -> None:
    """List everything that asks for it, then let the drain write the panels. Host errors are recorded, not raised."""
    with runtime.store.read() as session:
        connection = session.get_one(Connection, connection_id)
    if connection.parked_at or connection.paused_at or connection.retired_at or connection.paused_until > runtime.epoch():
        return
    host = runtime.connect(connection, patience=90.0, background=True)
    try:
        while list_dirty(runtime, connection, host):
            runtime.queue.nudge("settle")
    except HostError as error:
        log.warning("listing_stopped", connection=connection.name, error=type(error).__name__, message=error.message)
    finally:
        host.close()
    runtime.queue.nudge("settle")


def list_dirty(runtime: Runtime, connection: Connection, host: Host) -> bool:
    """List the mappings of this connection that ask for it. False when none was due. Raises ``HostError`` for the connection."""
    now = runtime.epoch()
    with runtime.store.write() as session:
        claims = work.claim(
            session,
            Mapping,
            now,
            limit=LIMIT,
            lease_seconds=heartbeat.LEASE_SECONDS,
            where=[Mapping.connection_id == connection.id, Mapping.retired_at.is_(None)],
        )
    if not claims:
        return False
    try:
        with heartbeat.kept(runtime, lambda session, until: work.renew(session, Mapping, claims, until)):
            broken = patiently(lambda: resolve_links(runtime, connection.id, host, {claim.id for claim in claims}))
            with runtime.store.read() as session:
                links = [link for link in load_links(session, connection_id=connection.id) if link.id in {claim.id for claim in claims}]
            walk(runtime, connection.id, host, [link for link in links if link.id not in broken])
    except HostError as error:
        with runtime.store.write() as session:
            until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())
            work.postpone(session, Mapping, claims, ready_at=max(until, runtime.epoch() + 5.0), error=error.message)
        raise
    with runtime.store.write() as session:
        mine = work.finish(session, Mapping, claims, runtime.epoch())
        work.want(session, KeyResult, {link.key_result_id for link in links if link.id in mine}, runtime.epoch())
        connections.succeeded(session, connection.id, runtime.now())
        warn_overlaps(session, connection.id, runtime.now())
    return True


def resolve_links(runtime: Runtime, connection_id: int, host: Host, only: set[int] | None = None) -> dict[int, str]:
    """Turn the names of mappings into ids again and store them. Returns the broken ones with the reason, stored too."""
    with runtime.store.read() as session:
        links = [link for link in load_links(session, connection_id=connection_id) if only is None or link.id in only]
    answers: dict[int, Resolution | str] = {}
    try:
        host.expect(as_wanted(links) if len(links) > 1 else ())
        for link in links:
            try:
                known = as_resolution(link)
                answers[link.id] = resolve(runtime, connection_id, host, link.rule, known, key_result=link.key_result_id)
            except (Refused, Gone) as error:
                if isinstance(error, Refused) and error.parks:
                    raise
                answers[link.id] = error.message
    finally:
        host.expect(())
    broken: dict[int, str] = {}
    touched: set[str] = set()
    with runtime.store.write() as session:
        for link in links:
            answer = answers[link.id]
            reason = answer if isinstance(answer, str) else why_broken(link, answer)
            if reason is not None:
                broken[link.id] = reason
            if reason != link.broken:
                touched.add(link.key_result_id)
            values: dict[str, object] = {"broken": reason}
            if isinstance(answer, Resolution):
                values["resolved"] = asdict(answer)
            session.execute(update(Mapping).where(Mapping.id == link.id).values(**values))
        work.want(session, KeyResult, touched, runtime.epoch())
    return broken


def walk(runtime: Runtime, connection_id: int, host: Host, links: list[Link]) -> None:
    """Walk all items of some mappings and make their members exactly what was seen."""
    router = Router(links)
    seen: dict[int, set[str]] = {link.id: set() for link in links}
    begun_at = runtime.epoch()
    for query in host.plan(as_wanted(links)):
        walk_query(runtime, connection_id, host, query, router, seen)
    note_missing_epics(runtime, links, patiently(lambda: read_epics(runtime, connection_id, host, router)))
    with runtime.store.write() as session:
        for link in links:
            set_members(session, link.id, connection_id, seen[link.id], begun_at=begun_at)
            session.execute(update(Mapping).where(Mapping.id == link.id).values(listed_at=runtime.now()))


def walk_query(
    runtime: Runtime,
    connection_id: int,
    host: Host,
    query: ListQuery,
    router: Router,
    seen: dict[int, set[str]],
) -> None:
    """One walk, page by page, each saved in its own transaction; adds to ``seen`` which mapping saw which ref."""
    cursor: Dict[str, object] | None = None
    while True:
        read_at = runtime.epoch()
        page = patiently(lambda at=cursor: host.list_items(query, at))  # type: ignore[misc]
        told = {mapping: frozenset(page.refs) for mapping in query.members_of if mapping in router.links}
        with runtime.store.write() as session:
            # All mappings of the connection are asked, not only those listed now: an item may feed others too.
            everything = load_router(session, connection_id)
            saved = save_items(
                session, connection_id, page.items, everything, at=runtime.now(), told=told, asked=frozenset(), read_at=read_at
            )
            _join_told(seen, told)
            _join_local(session, connection_id, router, page.refs, seen)
            work.want(session, KeyResult, saved.key_results, runtime.epoch())
        if page.cursor is None:
            return
        cursor = page.cursor


def _join_told(seen: dict[int, set[str]], told: Dict[int, frozenset[str]]) -> None:
    for mapping, refs in told.items():
        seen[mapping] |= refs


def _join_local(session: Session, connection_id: int, router: Router, refs: tuple[str, ...], seen: dict[int, set[str]]) -> None:
    """Which of the refs just saved belong to which mapping by our own rules (memberships were renewed by ``save_items``)."""
    own = [link.id for link in router.links.values() if link.rule.selector.kind is not SelectorKind.JQL]
    if own and refs:
        for mapping, ref in session.execute(
            select(MappingItem.mapping_id, Item.ref)
            .join(Item, Item.id == MappingItem.item_id)
            .where(Item.connection_id == connection_id, Item.ref.in_(refs), MappingItem.mapping_id.in_(own))
        ):
            seen[mapping].add(ref)


def epic_refs(links: Iterable[Link]) -> set[str]:
    """Refs of all epics that some mappings name."""
    return {ref for link in links if link.rule.selector.kind is SelectorKind.EPICS for ref in link.resolved.refs.values()}


def read_epics(runtime: Runtime, connection_id: int, host: Host, router: Router, only: Collection[str] | None = None) -> set[str]:
    """Read the epics themselves: their status counts when they are empty, and panels hang on them. Returns the refs that are gone.

    ``only``: not all epics of ``router`` but these.
    """
    refs = sorted(epic_refs(router.links.values()) if only is None else only)
    wanted = as_wanted(list(router.links.values()))
    missing: set[str] = set()
    for start in range(0, len(refs), 100):
        fetched = host.fetch_items(refs[start : start + 100], wanted)
        missing.update(fetched.gone)
        with runtime.store.write() as session:
            everything = load_router(session, connection_id)
            saved = save_items(session, connection_id, fetched.items, everything, at=runtime.now(), told={}, asked=frozenset())
            gone = mark_gone(session, connection_id, fetched.gone, everything, at=runtime.now())
            work.want(session, KeyResult, saved.key_results | gone.key_results, runtime.epoch())
    return missing


def note_missing_epics(runtime: Runtime, links: list[Link], missing: set[str]) -> None:
    """Mark mappings whose epics are gone: all of them gone breaks the mapping, some of them is said with the number."""
    with runtime.store.write() as session:
        for link in links:
            if link.rule.selector.kind is not SelectorKind.EPICS:
                continue
            gone = tuple(sorted(name for name, ref in link.resolved.refs.items() if ref in missing))
            if gone == tuple(sorted(link.resolved.missing)):
                continue
            resolution = replace(as_resolution(link), missing=gone)
            session.execute(
                update(Mapping).where(Mapping.id == link.id).values(resolved=asdict(resolution), broken=why_broken(link, resolution))
            )
            work.want(session, KeyResult, [link.key_result_id], runtime.epoch())
