"""Works off the rows of OKR databases that wait: reads those that changed, takes over edits, writes what is computed.

The one place of these services that reads and writes rows for people who wait; newest changes first unless others wait too long, what is to
be made last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.okr_columns import OWNER, DatabaseKind
from connector.errors import BACKGROUND_BUDGET, Busy, Gone, HostError, InputError, Offline, Refused
from connector.hosts.okr_databases import FoundDatabase, OkrDatabases, Row
from connector.runtime import Runtime
from connector.services import connections
from connector.services.okr_databases import importing
from connector.services.okr_databases.editors import look_up
from connector.services.okr_databases.guarding import take_each
from connector.services.okr_databases.hearing import BOT
from connector.services.okr_databases.noting import LOOK
from connector.services.okr_databases.records import columns_of
from connector.services.okr_databases.writing import look_first, write_one
from connector.services.panels import is_behind
from connector.store import work
from connector.store.tables import Connection, OkrDatabase, OkrRow, Panel

log = structlog.get_logger(__name__)

READ_AT_ONCE = 100  # rows that events told of
PART = 25  # of these are read and taken over together: what is done is done when the host asks us to wait
SLICE = 6  # rows written before new deliveries are looked at again
FEW = 1  # rows written before that while panels wait too long
MAKE = 3  # rows made before that: nobody waits for these
MOST_ALONE = 3  # rows that are set aside in one pass: more of them are the host's trouble, not theirs
LEASE = 90.0  # seconds


def rows_due_at(session: Session, connection_id: int) -> float | None:
    """When the next row, or a database itself, is to be read or written (epoch seconds); None when nothing waits."""
    return _due_at(session, connection_id, _to_look_at(session, connection_id))


def work_on_rows(runtime: Runtime, connection: Connection) -> int:
    """Work on some rows that are due. Returns how many were taken. Raises ``HostError`` for the connection."""
    with runtime.store.read() as session:
        looks = _to_look_at(session, connection.id)
        due = _due_at(session, connection.id, looks)
    if due is None or due > runtime.epoch():
        return 0
    host = runtime.okr_databases(connection, spread=True)
    if host is None:
        return 0
    begun = runtime.now()
    with closing(host):
        _know_ourselves(runtime, connection, host)
        for ident in looks:
            _look(runtime, connection, host, ident)
        taken = _read_due(runtime, connection, host)
        taken += _write_due(runtime, connection, host, SLICE, begun, made=True)
    return taken + _make_due(runtime, connection)


def _databases(session: Session, connection_id: int) -> list[OkrDatabase]:
    query = select(OkrDatabase).where(OkrDatabase.connection_id == connection_id, OkrDatabase.retired_at.is_(None))
    return list(session.scalars(query.order_by(OkrDatabase.id)))


def _due_at(session: Session, connection_id: int, looks: Collection[int]) -> float | None:
    return 0.0 if looks else work.next_due(session, OkrRow, OkrRow.connection_id == connection_id)


def _to_look_at(session: Session, connection_id: int) -> list[int]:
    return [row.id for row in _databases(session, connection_id) if (row.options or {}).get(LOOK)]


def _know_ourselves(runtime: Runtime, connection: Connection, host: OkrDatabases) -> None:
    """Our own account there: without it our own edits would look like somebody's. Asked for once."""
    if connection.bot_id:
        return
    try:
        found = host.bot()
    except HostError as error:
        _stopped(runtime, connection, error, ())
        raise
    with runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.id == connection.id, Connection.bot_id == "").values(bot_id=found))
    connection.bot_id = found


# --- databases ---------------------------------------------------------------------------------------------------------


def _look(runtime: Runtime, connection: Connection, host: OkrDatabases, ident: int) -> None:
    """Somebody changed a database itself: see what differs. One that is reachable again is read whole, its rows may have changed."""
    with runtime.store.read() as session:
        database = session.get_one(OkrDatabase, ident)
    healed = database.broken is not None
    try:
        _see(runtime, connection, host, database)
        with runtime.store.read() as session:
            healed = healed and session.get_one(OkrDatabase, ident).broken is None
        if healed:
            importing.read_all(runtime, connection, kinds=[DatabaseKind(database.kind)])
            _want_all(runtime, ident)
    except HostError as error:
        if connections.is_item_trouble(error):
            importing.note_broken(runtime, ident, error)
        else:
            _stopped(runtime, connection, error, ())
            raise
    with runtime.store.write() as session:
        fresh = session.scalars(select(OkrDatabase).where(OkrDatabase.id == ident).with_for_update()).one()
        fresh.options = {name: value for name, value in (fresh.options or {}).items() if name != LOOK}


def _see(runtime: Runtime, connection: Connection, host: OkrDatabases, database: OkrDatabase) -> bool:
    """Look at a database; False when it cannot be reached, which is noted with it."""
    try:
        noted = FoundDatabase(database.database, database.source, database.title, database.url, ())
        importing.note_columns(runtime, database.id, host.complete(noted, (), {}))
    except (Gone, InputError) as error:
        importing.note_broken(runtime, database.id, error if isinstance(error, HostError) else Gone(str(error)))
        return False
    except Refused as error:
        if error.parks and not _credentials_work(runtime, connection, error):
            raise
        importing.note_broken(runtime, database.id, error)
        return False
    return True


def _want_all(runtime: Runtime, ident: int) -> None:
    with runtime.store.write() as session:
        rows = session.scalars(select(OkrRow.id).where(OkrRow.database_id == ident, OkrRow.gone_at.is_(None))).all()
        work.want(session, OkrRow, rows, runtime.epoch())


# --- reading -----------------------------------------------------------------------------------------------------------


def _read_due(runtime: Runtime, connection: Connection, host: OkrDatabases) -> int:
    """Read the rows that events told of, database by database, and take over what people changed."""
    heard_of = [OkrRow.connection_id == connection.id, OkrRow.heard != {}, OkrRow.ref.is_not(None)]
    with runtime.store.write() as session:
        claims = work.claim(session, OkrRow, runtime.epoch(), limit=READ_AT_ONCE, lease_seconds=LEASE, newest_first=True, where=heard_of)
        rows = {row.id: row for row in session.scalars(select(OkrRow).where(OkrRow.id.in_([claim.id for claim in claims])))}
        databases = {row.id: row for row in _databases(session, connection.id)}
    left, trouble = sorted(claims, key=_failed_often), _Trouble(runtime, connection)
    for ident, mine in _parts(left, rows):
        database = databases.get(ident)
        try:
            if database is not None and database.broken is None:
                _read_some(runtime, connection, host, database, [rows[claim.id] for claim in mine])
        except HostError as error:
            trouble.meet(error, mine, [claim for claim in left if claim not in mine])
        else:
            with runtime.store.write() as session:
                work.finish(session, OkrRow, mine, runtime.epoch())
                connections.succeeded(session, connection.id, runtime.now())
        left = [claim for claim in left if claim not in mine]
    return len(claims)


def _parts(claims: list[work.Claim], rows: Mapping[int, OkrRow]) -> Iterator[tuple[int, list[work.Claim]]]:
    """The claims by database, some at a time; those that failed time and again come last, each by itself."""
    sound = [claim for claim in claims if claim.id in rows and not _failed_often(claim)]
    for ident in dict.fromkeys(row.database_id for row in rows.values()):
        mine = [claim for claim in sound if rows[claim.id].database_id == ident]
        for start in range(0, len(mine), PART):
            yield ident, mine[start : start + PART]
    for claim in claims:
        if claim.id in rows and _failed_often(claim):
            yield rows[claim.id].database_id, [claim]


def _failed_often(claim: work.Claim) -> bool:
    return claim.attempts >= connections.TIME_AND_AGAIN


def _read_some(runtime: Runtime, connection: Connection, host: OkrDatabases, database: OkrDatabase, rows: Iterable[OkrRow]) -> None:
    told = {str(row.ref): dict(row.heard or {}) for row in rows}
    moments = [each["at"] for each in told.values() if each.get("at")]
    since = min(datetime.fromisoformat(moment) for moment in moments) if len(moments) == len(told) else None
    read = host.read_rows(list(told), columns_of(database), source=database.source, since=since)
    if read.gone and not _see(runtime, connection, host, database):
        return  # nothing can be said of rows whose database is out of reach
    look_up(runtime, connection, _people(read.rows, told))
    take_each(runtime, database.id, read.rows, read.gone, heard=told)


def _people(rows: Iterable[Row], told: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Everybody who edited one of the rows, or is named as its owner."""
    found = {each for heard in told.values() for each in (*heard.get("authors", ()), heard.get("presser", "")) if not each.startswith(BOT)}
    for row in rows:
        owner = row.values.get(OWNER)
        found |= set(owner) if isinstance(owner, tuple) else set()
    return found - {""}


# --- writing -----------------------------------------------------------------------------------------------------------


def _write_due(runtime: Runtime, connection: Connection, host: OkrDatabases, limit: int, begun: datetime, *, made: bool) -> int:
    """Write some rows that are due: those that are there, as panels are written, or else make some in the order of their waiting.

    While panels wait too long, few rows are written between them: whoever edited a row sees the outcome in its panel first.
    """
    here, now = OkrRow.connection_id == connection.id, runtime.epoch()
    there = [here, OkrRow.ref.is_not(None), OkrRow.heard == {}] if made else [here, OkrRow.ref.is_(None)]
    with runtime.store.write() as session:
        newest_first = made and not is_behind(session, OkrRow, now, *there)
        if is_behind(session, Panel, now, Panel.connection_id == connection.id):
            limit = FEW
        claims = work.claim(session, OkrRow, now, limit=limit, lease_seconds=LEASE, newest_first=newest_first, where=there)
    trouble = _Trouble(runtime, connection)
    for position, claim in enumerate(claims):
        mine = claim
        try:
            mine = look_first(runtime, host, claim, begun)
            write_one(runtime, connection, host, mine)
        except Gone as error:
            _gone(runtime, connection, host, claim, error, claims[position:])
        except HostError as error:
            trouble.meet(error, [mine], claims[position + 1 :])
    if claims:
        with runtime.store.write() as session:
            connections.succeeded(session, connection.id, runtime.now())
    return len(claims)


def _make_due(runtime: Runtime, connection: Connection) -> int:
    """Make some rows that are missing: nobody waits for these, so what people wait for has the request budget first."""
    with runtime.store.read() as session:
        due = work.next_due(session, OkrRow, OkrRow.connection_id == connection.id, OkrRow.ref.is_(None))
    if due is None or due > runtime.epoch() or (host := runtime.okr_databases(connection, background=True)) is None:
        return 0
    with closing(host):
        try:
            return _write_due(runtime, connection, host, MAKE, runtime.now(), made=False)
        except Busy as error:
            if error.code != BACKGROUND_BUDGET:
                raise
            return 0  # given back until the budget has room again


def _gone(runtime: Runtime, connection: Connection, host: OkrDatabases, claim: work.Claim, error: Gone, left: list[work.Claim]) -> None:
    """A row is gone, or its whole database is out of reach: then nothing can be said of the row."""
    with runtime.store.read() as session:
        row = session.get_one(OkrRow, claim.id)
        database = session.get_one(OkrDatabase, row.database_id)
    try:
        reached = _see(runtime, connection, host, database)
    except HostError as trouble:
        _stopped(runtime, connection, trouble, left)
        raise
    if reached and row.ref is not None:
        take_each(runtime, database.id, (), [row.ref])
    with runtime.store.write() as session:
        work.finish(session, OkrRow, [claim], runtime.epoch())
    log.info("okr_row_gone", connection=connection.name, row=claim.id, reached=reached, reason=error.message)


# --- trouble -----------------------------------------------------------------------------------------------------------


@dataclass
class _Trouble:
    """What the errors of one pass mean for the rows at work, and for those behind them."""

    runtime: Runtime
    connection: Connection
    aside: int = 0  # rows that were set aside in this pass

    def meet(self, error: HostError, mine: Sequence[work.Claim], behind: Sequence[work.Claim]) -> None:
        """Set one row aside, or note what the host refuses, so that the others go on. Raises the error when everything has to wait."""
        runtime, connection = self.runtime, self.connection
        if self.aside < MOST_ALONE and len(mine) == 1 and _set_aside(runtime, connection, mine[0], error):
            self.aside += 1
            return
        if not _concerns_item(runtime, connection, error):
            _stopped(runtime, connection, error, [*mine, *behind], of=len(mine))
            raise error
        log.warning("okr_rows_refused", connection=connection.name, rows=[claim.id for claim in mine], reason=error.message)
        _refused(runtime, mine, error)


def _concerns_item(runtime: Runtime, connection: Connection, error: HostError) -> bool:
    if connections.is_item_trouble(error):
        return True
    return isinstance(error, Refused) and _credentials_work(runtime, connection, error)


def _credentials_work(runtime: Runtime, connection: Connection, error: Refused) -> bool:
    with closing(runtime.connect(connection)) as host:
        return connections.credentials_work(host, error)


def _refused(runtime: Runtime, claims: Sequence[work.Claim], error: HostError) -> None:
    """The host takes this not: said with the row, and tried again with its next change."""
    with runtime.store.write() as session:
        work.finish(session, OkrRow, claims, runtime.epoch())
        session.execute(update(OkrRow).where(OkrRow.id.in_([claim.id for claim in claims])).values(error=error.message[:500]))


def _set_aside(runtime: Runtime, connection: Connection, claim: work.Claim, error: HostError) -> bool:
    """Let one row wait by itself that the host fails at time and again while it answers otherwise. False when that is not so."""
    if not isinstance(error, Offline) or not _failed_often(claim):
        return False
    with closing(runtime.connect(connection)) as host:
        if not connections.stays_alone(host, error, claim.attempts):
            return False
    with runtime.store.write() as session:
        until = runtime.epoch() + connections.back_off(claim.attempts)
        work.postpone(session, OkrRow, [claim], ready_at=until, error=error.message)
    log.warning("okr_row_set_aside", connection=connection.name, row=claim.id, attempts=claim.attempts + 1, reason=error.message)
    return True


def _stopped(runtime: Runtime, connection: Connection, error: HostError, claims: Iterable[work.Claim], *, of: int = 1) -> None:
    """Trouble of the whole connection: everything that was taken waits. ``of``: so many of them, the first, were at work."""
    with runtime.store.write() as session:
        until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())
        taken = list(claims)
        work.postpone(session, OkrRow, taken[:of], ready_at=max(until, runtime.epoch() + 1.0), error=error.message)
        work.postpone(session, OkrRow, taken[of:], ready_at=until, error="", failed=False)
