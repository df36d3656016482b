"""Stored deliveries become wanted work: parse, mark items dirty, note comments, ask for listings. Calls no host and moves no value."""

from __future__ import annotations

import zlib
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.hosts.base import Dialect, Event, Ignored, NotThisHost
from connector.runtime import Runtime
from connector.services.blocked_items import note_told
from connector.services.comment_commands import note_comments, why_left_alone, worth_reading
from connector.services.counters import count
from connector.services.mirror import mark_dirty
from connector.services.okr_databases.hearing import BOT
from connector.services.okr_databases.noting import note_changes
from connector.store import work
from connector.store.batches import batches
from connector.store.tables import Connection, Delivery, Item, LeadsPage, Mapping, MappingItem
from mappings.repository import load_router

log = structlog.get_logger(__name__)

BATCH = 500


@dataclass(frozen=True, slots=True)
class Handled:
    """What one batch of deliveries led to."""

    deliveries: int
    items: int
    comments: int = 0


def handle_deliveries(runtime: Runtime, connection: Connection) -> Handled:
    """Work off up to one batch of stored deliveries of a connection in one transaction."""
    dialect = runtime.dialect(connection.host)
    now, moment = runtime.epoch(), runtime.now()
    refs: set[str] = set()
    scopes: set[str] = set()
    comments: dict[str, str] = {}
    heard: list[Event] = []
    tally: Tally[tuple[str, str]] = Tally()
    with runtime.store.write() as session:
        rows = session.execute(
            select(Delivery.id, Delivery.headers, Delivery.body, Delivery.packed, Delivery.event)
            .where(Delivery.connection_id == connection.id, Delivery.state == "pending")
            .order_by(Delivery.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return Handled(0, 0)
        outcomes: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            # Parsed, used and dropped one by one: keeping many parsed trees alive makes the collector slow.
            body = zlib.decompress(row.body) if row.packed else row.body
            try:
                parsed = dialect.parse(row.headers, body)
            except NotThisHost as error:
                state, reason = "failed", str(error)[:80] or "not this host"
            else:
                state, reason = _sort(parsed, dialect, connection.bot_id, refs, scopes, comments, heard)
            outcomes.setdefault((state, reason), []).append(row.id)
            tally[(row.event, state if not reason else f"{state}: {reason}")] += 1
        for (state, reason), ids in outcomes.items():
            session.execute(
                update(Delivery)
                .where(Delivery.id.in_(ids))
                .values(state=state, reason=reason, handled_at=moment)
                .execution_options(synchronize_session=False)
            )
        for (event, outcome), number in tally.items():
            count(session, "okr_deliveries_total", number, connection=connection.name, event=event, outcome=outcome)
        refs -= _echoed(session, connection, heard)
        refs -= note_changes(session, connection.id, heard, now, moment)
        mark_dirty(session, connection.id, refs, now)
        note_told(session, connection.id, heard)
        if refs:
            _note_change(session, connection.id, now)
        if scopes:
            _list_again(session, connection.id, scopes, now)
        comments = worth_reading(session, connection.id, dialect, comments)
        note_comments(session, connection.id, comments, now, moment)
    return Handled(len(rows), len(refs), len(comments))


def _sort(
    parsed: object, dialect: Dialect, bot_id: str, refs: set[str], scopes: set[str], comments: dict[str, str], heard: list[Event]
) -> tuple[str, str]:
    """Fill ``refs``, ``scopes``, ``comments`` (id → ref) and ``heard`` (all but comments); returns the delivery's state and reason."""
    if isinstance(parsed, Ignored):
        return "ignored", parsed.reason
    acted, reason = False, "nothing measured"
    for event in parsed:  # type: ignore[attr-defined]  # a sequence of events
        assert isinstance(event, Event)
        if event.kind != "comment":
            heard.append(event)
        if event.kind == "scope":
            scopes.add(event.container)
            acted = True
        elif event.kind in ("changed", "deleted"):
            # Most echoes of our own writes are not filtered: a read that finds nothing changed ends them.
            refs |= _named([event])
            acted = acted or bool(event.ref or event.parent_refs)
        elif event.kind == "comment":
            reason = why_left_alone(event, dialect, bot_id)
            if not reason:
                comments[event.comment_id] = event.ref
                acted = True
    return ("done", "") if acted else ("ignored", reason)


def _echoed(session: Session, connection: Connection, events: Sequence[Event]) -> set[str]:
    """What is named by echoes of our own writes on leads' pages alone: what stands there is known, and nothing is to be read.

    A page that feeds a mapping is read all the same, and so is one that anybody else edited meanwhile.
    """
    robot = f"{BOT}{connection.bot_id}"
    wanted = [event for event in events if event.kind in ("changed", "deleted")]
    ours = {event.ref for event in wanted if connection.bot_id and event.kind == "changed" and event.author == robot}
    pages: set[str] = set()
    for part in batches(sorted(ours)):
        feeds = select(MappingItem.item_id).join(Item).where(Item.connection_id == connection.id, Item.ref == LeadsPage.ref).exists()
        here = select(LeadsPage.ref).where(LeadsPage.connection_id == connection.id, LeadsPage.ref.in_(part), ~feeds)
        pages |= set(session.scalars(here))
    echoes = [event for event in wanted if event.ref in pages and event.author == robot]
    if not echoes:
        return set()
    return _named(echoes) - _named([event for event in wanted if event not in echoes])


def _named(events: Sequence[Event]) -> set[str]:
    return {ref for event in events for ref in (event.ref, *event.parent_refs) if ref}


def _note_change(session: Session, connection_id: int, now: float) -> None:
    """Remember first and last change since the last read: reads are coalesced per connection."""
    row = session.execute(select(Connection.fetch_first_at, Connection.fetched_at).where(Connection.id == connection_id)).one()
    values = {"fetch_last_at": now}
    if row.fetch_first_at <= row.fetched_at:
        values["fetch_first_at"] = now
    session.execute(update(Connection).where(Connection.id == connection_id).values(**values))


def _list_again(session: Session, connection_id: int, scopes: set[str], now: float) -> None:
    router = load_router(session, connection_id)
    ids = {link.id for scope in scopes for link in router.in_scope(scope)}
    work.want(session, Mapping, ids, now, quiet=2.0, longest=10.0, gap=5.0)
