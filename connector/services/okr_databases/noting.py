"""What events tell of OKR databases: which rows are read again, and why. Calls no host."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.hosts.base import Event
from connector.services.okr_databases.hearing import BOT, with_event
from connector.services.okr_databases.records import databases_of
from connector.store import work
from connector.store.inserts import insert_into
from connector.store.tables import Connection, Item, OkrDatabase, OkrRow
from mappings.repository import load_router

# A first edit is read at once; while somebody goes on, edits are gathered (seconds).
QUIET, LONGEST, REST = 1.0, 4.0, 1.5
LOOK = "look_again"  # in ``OkrDatabase.options``: somebody changed the database itself, or it may be reachable again


def note_changes(session: Session, connection_id: int, events: Sequence[Event], now: float, moment: datetime) -> set[str]:
    """Want the rows that events are about to be read. Returns the refs that are rows of OKR databases and feed no mapping.

    An event of nothing but our own robot is the echo of what we wrote; one that may carry a person's edit is never dropped. A pressed
    button is read at once.
    """
    databases = list(databases_of(session, connection_id).values())
    if not databases or not events:
        return set()
    containers = {event.container for event in events if event.kind == "scope"}
    if any(row.broken or containers & {row.source, row.database} for row in databases):  # before any row, as whoever changes options
        databases = list(databases_of(session, connection_id, lock=True).values())
    sources = {row.source: row for row in databases} | {row.database: row for row in databases}
    refs = {event.ref for event in events if event.ref and event.kind in ("changed", "deleted")}
    known = _known(session, connection_id, refs)
    bot = session.scalar(select(Connection.bot_id).where(Connection.id == connection_id)) or ""
    ours: dict[str, OkrDatabase] = {}
    by_id = {row.id: row for row in databases}
    read: dict[int, bool] = {}
    for event in events:
        if event.kind == "scope":
            if event.container in sources:
                _look_again(sources[event.container], event.author, bot)
            continue
        if event.kind not in ("changed", "deleted") or not event.ref:
            continue
        row, database = known.get(event.ref), sources.get(event.container)
        if row is None and database is None:
            continue
        home = by_id[row.database_id] if row is not None else database
        assert home is not None  # one of both is there
        ours[event.ref] = home
        if bot and event.author == f"{BOT}{bot}":
            continue
        if row is None and database is not None:
            if event.kind == "deleted":
                continue
            row = known[event.ref] = _new(session, connection_id, database, event.ref, moment)
        if row is not None:
            row.heard = with_event(row.heard, event, home.columns or {})
            read[row.id] = read.get(row.id, False) or event.pressed
            _wake(home)
    session.flush()
    work.want(session, OkrRow, [ident for ident, pressed in read.items() if not pressed], now, quiet=QUIET, longest=LONGEST, gap=REST)
    work.want(session, OkrRow, [ident for ident, pressed in read.items() if pressed], now)
    return set(ours) - _measured(session, connection_id, ours)


def _known(session: Session, connection_id: int, refs: Collection[str]) -> dict[str, OkrRow]:
    found: dict[str, OkrRow] = {}
    ordered = sorted(refs)
    for start in range(0, len(ordered), work.BATCH):
        part = ordered[start : start + work.BATCH]
        rows = session.scalars(
            select(OkrRow)
            .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
            .where(OkrRow.connection_id == connection_id, OkrRow.ref.in_(part), OkrDatabase.retired_at.is_(None))
            .order_by(OkrRow.id)
            .with_for_update(of=OkrRow)
        )
        found |= {str(row.ref): row for row in rows}
    return found


def _new(session: Session, connection_id: int, database: OkrDatabase, ref: str, moment: datetime) -> OkrRow:
    """A row that somebody made there; another process may have noted it a moment ago."""
    empty: dict[str, Any] = {"agreed": {}, "shown": {}, "heard": {}, "missing": []}
    values = {"connection_id": connection_id, "database_id": database.id, "ref": ref, "created_at": moment, **empty}
    session.execute(insert_into(session, OkrRow).values(**values).on_conflict_do_nothing())
    return session.scalars(select(OkrRow).where(OkrRow.connection_id == connection_id, OkrRow.ref == ref).with_for_update()).one()


def _look_again(database: OkrDatabase, author: str, bot: str) -> None:
    if not (bot and author == f"{BOT}{bot}"):
        database.options = {**(database.options or {}), LOOK: True}


def _wake(database: OkrDatabase) -> None:
    """Events come only from what is shared: a database that could not be reached may be there again."""
    if database.broken:
        database.options = {**(database.options or {}), LOOK: True}


def _measured(session: Session, connection_id: int, rows: Mapping[str, OkrDatabase]) -> set[str]:
    """Those of the rows that feed a mapping too, or that one may take in: these are read as work items as well."""
    if not rows:
        return set()
    found: set[str] = set()
    ordered = sorted(rows)
    for start in range(0, len(ordered), work.BATCH):
        part = ordered[start : start + work.BATCH]
        found |= set(session.scalars(select(Item.ref).where(Item.connection_id == connection_id, Item.ref.in_(part))))
    router = load_router(session, connection_id)
    if router.links:
        scopes = {row.id: bool(router.in_scope(row.source) or router.in_scope(row.database)) for row in rows.values()}
        found |= {ref for ref, row in rows.items() if scopes[row.id]}
    return found
