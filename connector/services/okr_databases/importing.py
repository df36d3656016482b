"""Reads OKR databases whole: every row is taken over, what a complete walk did not show is gone, and what differs is named.

100 rows to a request. May be lost and repeated: taking over a row twice changes nothing. A walk that was not finished says nothing about
rows that it did not see, and an unshared database nothing about any: its rows are unknown, not gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue
from connector.domain.okr_columns import IN_ORDER, OWNER, TITLES, DatabaseKind
from connector.domain.row_drafts import refs_of
from connector.errors import Gone, HostError, Refused
from connector.hosts.base import JSON
from connector.hosts.okr_databases import FoundColumn, FoundDatabase, OkrDatabases, Row, RowPage
from connector.runtime import Runtime
from connector.services.okr_databases import columns as fitting
from connector.services.okr_databases.editors import look_up, strangers
from connector.services.okr_databases.faces import want_faces
from connector.services.okr_databases.guarding import take_each
from connector.services.okr_databases.records import columns_of, databases_of
from connector.services.patience import patiently
from connector.store.tables import Connection, OkrDatabase, OkrRow

log = structlog.get_logger(__name__)

PATIENCE = 90.0  # seconds that one call may wait for request budget: nobody waits for it
SILENT = 300.0  # seconds without a sign of life after which a reading counts as dead
READING = "reading"  # in ``OkrDatabase.options``: how far a reading has come
FEW = 5  # rows that are read one by one before they count as gone

Progress = Callable[[DatabaseKind, int], None]  # (database, rows read of it so far)


@dataclass(frozen=True, slots=True)
class Read:
    """What came of one database. ``broken``: why it could not be read, "" when it could."""

    kind: DatabaseKind
    rows: int
    changed: int
    gone: int
    broken: str = ""


@dataclass(frozen=True, slots=True)
class ReadAll:
    """What came of reading the databases of a connection."""

    databases: tuple[Read, ...]
    new_rows: int  # wanted for records that had none
    requests: int


def read_all(
    runtime: Runtime,
    connection: Connection,
    *,
    on_progress: Progress | None = None,
    kinds: Collection[DatabaseKind] = IN_ORDER,
    background: bool = False,
) -> ReadAll:
    """Read the connection's databases in their order and take over all rows. The first reading of an adopted one is on the word of
    whoever adopted it, whose rights decide.

    Raises ``HostError`` when the host stopped it for the whole connection; what was read until then is kept.
    """
    with runtime.store.read() as session:
        wanted = [row for kind, row in databases_of(session, connection.id).items() if kind in kinds]
    host = runtime.okr_databases(connection, patience=PATIENCE, background=background) if wanted else None
    if host is None:
        return ReadAll((), 0, 0)
    done: list[Read] = []
    with closing(host):
        for row in sorted(wanted, key=lambda each: IN_ORDER.index(DatabaseKind(each.kind))):
            done.append(_read(runtime, connection, host, row, on_progress))
        requests = host.requests
    with runtime.store.write() as session:
        today = runtime.now().astimezone(runtime.settings.zone).date()
        reachable = {kind: row for kind, row in databases_of(session, connection.id).items() if row.broken is None}
        new = want_faces(session, reachable, today, runtime.epoch(), runtime.now())
    runtime.queue.nudge("drain", connection.id)
    return ReadAll(tuple(done), new, requests)


def _read(runtime: Runtime, connection: Connection, host: OkrDatabases, row: OkrDatabase, on_progress: Progress | None) -> Read:
    kind = DatabaseKind(row.kind)
    try:
        look_at(runtime, host, row)
        return _walk(runtime, connection, host, row.id, on_progress)
    except (Gone, Refused) as error:
        if isinstance(error, Refused) and error.parks:
            raise
        note_broken(runtime, row.id, error)
        return Read(kind, 0, 0, 0, error.message)
    finally:
        _note_progress(runtime, row.id, None)


def look_at(runtime: Runtime, host: OkrDatabases, row: OkrDatabase) -> None:
    """See whether a database is as it was set up: follow renamed columns, name what was deleted or changed. One request."""
    noted = FoundDatabase(row.database, row.source, row.title, row.url, ())
    found = patiently(lambda: host.complete(noted, (), {}))
    note_columns(runtime, row.id, found)


def note_columns(runtime: Runtime, database_id: int, found: FoundDatabase) -> None:
    """Note the columns of a database as they are now. What was deleted, or cannot hold its field any more, is left out of what is read
    and written, and stays noted by its drift."""
    there = {each.id: each for each in found.columns}
    with runtime.store.write() as session:
        row = session.scalars(select(OkrDatabase).where(OkrDatabase.id == database_id).with_for_update()).one()
        kind = DatabaseKind(row.kind)
        drift = fitting.drift_of(kind, row.columns, found)
        told = drift != list(row.drift or ())
        kept = {
            field: there[str(column["id"])]
            for field, column in row.columns.items()
            if str(column["id"]) in there and fitting.may_hold(kind, field, there[str(column["id"])], column)
        }
        lost = {field: {**column, "lost": True} for field, column in row.columns.items() if field not in kept}
        row.columns = {**fitting.as_stored(kept, row.columns), **lost}
        row.drift, row.broken = drift, None
        if drift and told:
            log.warning("okr_database_differs", connection=row.connection_id, database=row.kind, drift=drift)


def note_broken(runtime: Runtime, database_id: int, error: HostError) -> None:
    """A database cannot be reached: its rows are unknown until it can, and keep what they had."""
    with runtime.store.write() as session:
        row = session.get_one(OkrDatabase, database_id)
        row.broken = f"{TITLES[DatabaseKind(row.kind)]} cannot be read: {error.message}; share it with the connection again"[:500]
    log.warning("okr_database_broken", database=database_id, reason=error.message)


@dataclass
class _Walk:
    """What one walk over a database has come to."""

    seen: set[str]
    strange: list[Row]
    changed: int = 0


def _walk(runtime: Runtime, connection: Connection, host: OkrDatabases, database_id: int, on_progress: Progress | None) -> Read:
    begun = runtime.now()
    with runtime.store.read() as session:
        database = session.get_one(OkrDatabase, database_id)
        kind, columns, source = DatabaseKind(database.kind), columns_of(database), database.source
        known = set(
            session.scalars(select(OkrRow.ref).where(OkrRow.database_id == database_id, OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None)))
        )
    walk = _Walk(set(), [])
    cursor: Mapping[str, JSON] | None = None
    started_again = False
    while True:
        try:
            page = _page(host, source, columns, cursor)
        except Refused as error:
            if error.code != "cursor_expired" or cursor is None or started_again:
                raise
            cursor, started_again = None, True
            continue
        walk.changed += take_each(runtime, database_id, page.rows)
        walk.seen.update(row.ref for row in page.rows)
        walk.strange += [row for row in page.rows if _may_be_strange(row.values)]
        _note_progress(runtime, database_id, len(walk.seen))
        if on_progress:
            on_progress(kind, len(walk.seen))
        if page.cursor is None:
            break
        cursor = page.cursor
    _find_strangers(runtime, connection, database_id, walk)
    gone = _gone(runtime, host, database_id, columns, sorted(ref for ref in known - walk.seen if ref))
    with runtime.store.write() as session:
        session.execute(update(OkrDatabase).where(OkrDatabase.id == database_id).values(read_at=begun, broken=None))
    return Read(kind, len(walk.seen), walk.changed, gone)


def _page(host: OkrDatabases, source: str, columns: Mapping[str, FoundColumn], cursor: Mapping[str, JSON] | None) -> RowPage:
    return patiently(lambda: host.list_rows(source, columns, cursor=cursor))


def _may_be_strange(values: Mapping[str, FieldValue]) -> bool:
    return bool(refs_of(values.get(OWNER)))


def _find_strangers(runtime: Runtime, connection: Connection, database_id: int, walk: _Walk) -> None:
    """Look all owners up that nobody here has, at once: the list of people is read one time, not for every page of rows."""
    accounts = {account for row in walk.strange for account in refs_of(row.values.get(OWNER))}
    with runtime.store.read() as session:
        unknown = strangers(runtime, session, connection, accounts)
    if not unknown:
        return
    linked: int = patiently(lambda: look_up(runtime, connection, unknown))
    if linked:
        theirs = [row for row in walk.strange if not unknown.isdisjoint(refs_of(row.values.get(OWNER)))]
        walk.changed += take_each(runtime, database_id, theirs)


def _gone(runtime: Runtime, host: OkrDatabases, database_id: int, columns: Mapping[str, FoundColumn], unseen: list[str]) -> int:
    """Rows that a complete walk did not show. A few are read directly first: the host's index may lag."""
    if not unseen:
        return 0
    if len(unseen) <= FEW:
        read = patiently(lambda: host.read_rows(unseen, columns))
        take_each(runtime, database_id, read.rows, read.gone)
        return len(read.gone)
    take_each(runtime, database_id, (), gone=unseen)
    return len(unseen)


def _note_progress(runtime: Runtime, database_id: int, read: int | None) -> None:
    with runtime.store.write() as session:
        row = session.scalar(select(OkrDatabase).where(OkrDatabase.id == database_id).with_for_update())
        if row is not None:
            options = {name: value for name, value in (row.options or {}).items() if name != READING}
            row.options = options if read is None else {**options, READING: {"rows": read, "at": runtime.epoch()}}


def rows_read(options: Mapping[str, Any], now: float) -> int | None:
    """How many rows a reading that is under way has read; None when none is, or none that gives a sign of life."""
    found = (options or {}).get(READING) or {}
    return int(found["rows"]) if found and found["at"] > now - SILENT else None


def unread(session: Session, now: float) -> list[int]:
    """The connections with a database that was never read whole and is not being read."""
    rows = session.scalars(
        select(OkrDatabase)
        .join(Connection, Connection.id == OkrDatabase.connection_id)
        .where(
            OkrDatabase.read_at.is_(None),
            OkrDatabase.retired_at.is_(None),
            OkrDatabase.broken.is_(None),
            Connection.retired_at.is_(None),
            Connection.parked_at.is_(None),
            Connection.paused_at.is_(None),
            Connection.paused_until <= now,
        )
    ).all()
    reading = {row.connection_id for row in rows if rows_read(row.options, now) is not None}
    return sorted({row.connection_id for row in rows} - reading)
