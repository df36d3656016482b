"""Dirty items are read again, strongly and in bulk; the mirror follows and the key results they feed are marked.

Reads are coalesced per connection: at once after a rest, else when the burst pauses, but never later than ``LONGEST``.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.errors import Gone, HostError, Refused
from connector.hosts.base import Fetched, Host, Resolution, Wanted
from connector.runtime import Runtime
from connector.services.connections import failed, succeeded
from connector.services.mirror import Saved, mark_gone, save_items
from connector.store import work
from connector.store.tables import Connection, Item, KeyResult, Mapping, MappingItem
from mappings.repository import Link, Router, load_router
from mappings.rules import field_names

log = structlog.get_logger(__name__)

LIMIT = 100  # items per round
QUIET, LONGEST, REST = 0.15, 0.9, 0.8  # seconds
SECOND_PASS = 30.0  # seconds until a JQL membership is asked again: Jira's search index lags


def as_wanted(links: Sequence[Link]) -> list[Wanted]:
    """Links in the shape that hosts read."""
    return [Wanted(link.id, link.rule.selector, as_resolution(link), field_names(link.rule)) for link in links]


def as_resolution(link: Link) -> Resolution:
    """What the host resolved for a link."""
    resolved = link.resolved
    return Resolution(resolved.refs, resolved.fields, resolved.containers, resolved.titles, resolved.missing)


def fetch_due_at(session: Session, connection_id: int) -> float | None:
    """When the next read of dirty items may start (epoch seconds); None when nothing waits."""
    ready = work.next_due(session, Item, Item.connection_id == connection_id)
    if ready is None:
        return None
    row = session.execute(
        select(Connection.fetch_first_at, Connection.fetch_last_at, Connection.fetched_at).where(Connection.id == connection_id)
    ).one()
    settled: float = (
        row.fetch_first_at if row.fetch_first_at > row.fetched_at + REST else min(row.fetch_last_at + QUIET, row.fetch_first_at + LONGEST)
    )
    return max(ready, settled)


def fetch_dirty(runtime: Runtime, connection: Connection, host: Host) -> bool:
    """Read one batch of dirty items. False when nothing was due. Raises ``HostError`` after giving the work back."""
    now = runtime.epoch()
    with runtime.store.write() as session:
        _wake_second_pass(session, connection.id, now)
        due = fetch_due_at(session, connection.id)
        if due is None or due > now:
            return False
        claims = work.claim(session, Item, now, limit=LIMIT, lease_seconds=90, where=[Item.connection_id == connection.id])
        session.execute(update(Connection).where(Connection.id == connection.id).values(fetched_at=now))
    if not claims:
        return False
    with runtime.store.read() as session:
        router = load_router(session, connection.id)
        refs = dict(iter(session.execute(select(Item.id, Item.ref).where(Item.id.in_([claim.id for claim in claims])))))
    links = [link for link in router.links.values() if link.listed or link.resolved.fields or link.resolved.refs]
    try:
        fetched = host.fetch_items([refs[claim.id] for claim in claims if claim.id in refs], as_wanted(links))
        jql = [link for link in router.jql if not link.broken]
        told = host.members(as_wanted(jql), [item.ref for item in fetched.items]) if jql and fetched.items else {}
        unreachable = _unreachable(runtime, host, router, fetched) if fetched.gone else {}
    except HostError as error:
        with runtime.store.write() as session:
            until = failed(session, connection.id, error, runtime.now(), now)
            work.postpone(session, Item, claims, ready_at=max(until, now + 1.0), error=error.message)
        raise
    _save(runtime, connection, claims, router, fetched, told, unreachable, second_pass=bool(jql))
    return True


def _save(
    runtime: Runtime,
    connection: Connection,
    claims: Sequence[work.Claim],
    router: Router,
    fetched: Fetched,
    told: object,
    unreachable: dict[int, str],
    *,
    second_pass: bool,
) -> None:
    now, moment = runtime.epoch(), runtime.now()
    with runtime.store.write() as session:
        mine = work.finish(session, Item, claims, now)
        if not mine:
            return  # the lease was lost: whoever has it reads anew
        answers = dict(told)  # type: ignore[call-overload]  # mapping id -> refs
        saved = save_items(session, connection.id, fetched.items, router, at=moment, told=answers, asked=frozenset(answers))
        gone = mark_gone(session, connection.id, _really_gone(session, connection.id, fetched.gone, unreachable), router, at=moment)
        touched = saved.key_results | gone.key_results
        for mapping_id, reason in unreachable.items():
            session.execute(update(Mapping).where(Mapping.id == mapping_id).values(broken=reason[:500]))
            touched.add(router.links[mapping_id].key_result_id)
        if second_pass:
            session.execute(
                update(Item)
                .where(Item.id.in_([claim.id for claim in claims]), Item.recheck_at == 0.0, Item.gone_at.is_(None))
                .values(recheck_at=now + SECOND_PASS)
                .execution_options(synchronize_session=False)
            )
        # -1 marks the second pass itself: it must not ask for a third.
        session.execute(
            update(Item)
            .where(Item.id.in_([claim.id for claim in claims]), Item.recheck_at == -1.0)
            .values(recheck_at=0.0)
            .execution_options(synchronize_session=False)
        )
        work.want(session, KeyResult, touched, now)
        succeeded(session, connection.id, moment)
    _report(saved, gone)


def _report(saved: Saved, gone: Saved) -> None:
    log.info("items_read", seen=saved.seen, changed=saved.changed, gone=gone.gone, key_results=len(saved.key_results | gone.key_results))


def _unreachable(runtime: Runtime, host: Host, router: Router, fetched: Fetched) -> dict[int, str]:
    """Mappings whose whole source is out of reach, so that a missing item proves nothing (a page lost its sharing).

    Only the mappings that hold one of the missing items are asked.
    """
    with runtime.store.read() as session:
        concerned = set(
            session.scalars(select(MappingItem.mapping_id).join(Item, Item.id == MappingItem.item_id).where(Item.ref.in_(fetched.gone)))
        )
    found: dict[int, str] = {}
    asked: dict[tuple[object, ...], str | None] = {}
    for mapping_id in sorted(concerned & set(router.links)):
        link = router.links[mapping_id]
        selector = link.rule.selector
        key = (selector.kind, selector.database, selector.data_source, selector.epics, selector.project, selector.rows)
        if key not in asked:
            asked[key] = None
            try:
                host.resolve(selector, field_names(link.rule), as_resolution(link))
            except (Gone, Refused) as error:
                if isinstance(error, Refused) and error.parks:
                    raise
                asked[key] = error.message
        if (reason := asked[key]) is not None:
            found[mapping_id] = reason
    return found


def _really_gone(session: Session, connection_id: int, refs: Sequence[str], unreachable: dict[int, str]) -> list[str]:
    if not unreachable:
        return list(refs)
    hidden = set(
        session.scalars(
            select(Item.ref)
            .join(MappingItem, MappingItem.item_id == Item.id)
            .where(Item.connection_id == connection_id, Item.ref.in_(refs), MappingItem.mapping_id.in_(unreachable))
        )
    )
    return [ref for ref in refs if ref not in hidden]


def _wake_second_pass(session: Session, connection_id: int, now: float) -> None:
    session.execute(
        update(Item)
        .where(Item.connection_id == connection_id, Item.recheck_at > 0.0, Item.recheck_at <= now)
        .values(wanted=Item.wanted + 1, first_at=now, ready_at=0.0, recheck_at=-1.0)
        .execution_options(synchronize_session=False)
    )
