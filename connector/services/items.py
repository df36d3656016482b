"""Dirty items are read again, strongly and in bulk; the mirror follows and the key results they feed are marked.

Reads are coalesced per connection: at once after a rest, else when the burst pauses, but never later than ``LONGEST``.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.errors import HostError, Refused
from connector.hosts.base import Fetched, Host, Wanted
from connector.runtime import Runtime
from connector.services import decision_links, sources
from connector.services.connections import failed, succeeded
from connector.services.mirror import Saved, mark_gone, save_items
from connector.services.sources import as_wanted
from connector.store import work
from connector.store.tables import Connection, Item, KeyResult, Mapping, MappingItem
from mappings.repository import Link, Router, load_router

log = structlog.get_logger(__name__)

LIMIT = 100  # items per round
QUIET, LONGEST, REST = 0.15, 0.9, 0.8  # seconds
SECOND_PASS = 30.0  # seconds until a JQL membership is asked again: Jira's search index lags


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
        fetched, refused = _fetch(host, [refs[claim.id] for claim in claims if claim.id in refs], as_wanted(links))
        told, broken = _ask_members(host, [link for link in router.jql if not link.broken], fetched)
        if fetched.gone:
            broken |= sources.unreachable(host, _holding(runtime, router, fetched.gone))
    except HostError as error:
        with runtime.store.write() as session:
            until = failed(session, connection.id, error, runtime.now(), now)
            work.postpone(session, Item, claims, ready_at=max(until, now + 1.0), error=error.message)
        raise
    for ref, reason in refused.items():
        log.warning("item_refused", connection=connection.name, ref=ref, reason=reason)
    _save(runtime, connection, claims, router, fetched, told, broken)
    return True


def _fetch(host: Host, refs: Sequence[str], wanted: Sequence[Wanted]) -> tuple[Fetched, dict[str, str]]:
    """Read items; when the host refuses the batch, one by one, so that a single bad ref cannot hold up the others.

    A refusal is final: what is refused alone is not asked again until the next event names it.
    """
    try:
        return host.fetch_items(refs, wanted), {}
    except Refused as error:
        if error.parks:
            raise
        if len(refs) == 1:
            return Fetched((), ()), {refs[0]: error.message}
    parts = [_fetch(host, [ref], wanted) for ref in refs]
    refused = {ref: reason for _, part in parts for ref, reason in part.items()}
    return Fetched(tuple(item for part, _ in parts for item in part.items), tuple(ref for part, _ in parts for ref in part.gone)), refused


def _ask_members(host: Host, jql: list[Link], fetched: Fetched) -> tuple[dict[int, frozenset[str]], dict[int, str]]:
    """The host's word on who belongs to JQL mappings. A search that it refuses breaks that mapping alone."""
    broken: dict[int, str] = {}
    while jql and fetched.items:
        try:
            return dict(host.members(as_wanted(jql), [item.ref for item in fetched.items])), broken
        except Refused as error:
            mapping = error.details.get("mapping")
            if error.parks or mapping not in {link.id for link in jql}:
                raise
            broken[int(mapping)] = error.message
            jql = [link for link in jql if link.id != mapping]
    return {}, broken


def _holding(runtime: Runtime, router: Router, refs: Sequence[str]) -> list[Link]:
    """The mappings that hold one of these items."""
    with runtime.store.read() as session:
        ids = session.scalars(
            select(MappingItem.mapping_id).join(Item, Item.id == MappingItem.item_id).where(Item.ref.in_(refs)).distinct()
        )
        return [router.links[mapping] for mapping in sorted(ids) if mapping in router.links]


def _save(
    runtime: Runtime,
    connection: Connection,
    claims: Sequence[work.Claim],
    router: Router,
    fetched: Fetched,
    told: dict[int, frozenset[str]],
    broken: dict[int, str],
) -> None:
    now, moment = runtime.epoch(), runtime.now()
    with runtime.store.write() as session:
        mine = work.finish(session, Item, claims, now)
        if not mine:
            return  # the lease was lost: whoever has it reads anew
        saved = save_items(session, connection.id, fetched.items, router, at=moment, told=told, asked=frozenset(told))
        decision_links.follow(session, connection.id, fetched.items, now, moment)
        gone = mark_gone(session, connection.id, _really_gone(session, connection.id, fetched.gone, broken), router, at=moment)
        touched = saved.key_results | gone.key_results
        for mapping_id, reason in broken.items():
            session.execute(update(Mapping).where(Mapping.id == mapping_id).values(broken=reason[:500]))
            touched.add(router.links[mapping_id].key_result_id)
        # Children of an epic that is gone hang elsewhere now: list again what names it.
        work.want(session, Mapping, {link.id for ref in fetched.gone for link in router.as_epic(ref)}, now, quiet=2.0, longest=10.0)
        if router.jql:
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


def _really_gone(session: Session, connection_id: int, refs: Sequence[str], broken: dict[int, str]) -> list[str]:
    """Without the items of broken mappings: there a missing item proves nothing."""
    if not broken:
        return list(refs)
    hidden = set(
        session.scalars(
            select(Item.ref)
            .join(MappingItem, MappingItem.item_id == Item.id)
            .where(Item.connection_id == connection_id, Item.ref.in_(refs), MappingItem.mapping_id.in_(broken))
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
