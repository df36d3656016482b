"""How a batch of deliveries gets into the database: one statement shape per database, on a connection of its own.

Plain SQL instead of the mapper: this is the hottest path of the product, and the commit should be all that it costs.
``Writer.write`` returns only after the rows are durable. Callers take turns; a writer is not for two threads at a time.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from connector.errors import StoreUnavailable
from connector.store.base import Store

# A body that came already is a repeat, also under another key: a host's delivery id may stand outside the signed bytes.
# Longer than a host's last attempt, which comes about a day after the first.
REPLAY_WINDOW = timedelta(hours=25)
BUSY_STEPS = (0.001, 0.02)  # seconds before the second try for SQLite's write lock, and at most between two; other requests run meanwhile


class Row(NamedTuple):
    """One delivery, ready to be stored. ``headers`` is JSON text; ``received_at`` is aware UTC."""

    connection_id: int
    key: str
    event: str
    body_hash: str
    received_at: datetime
    headers: str
    body: bytes
    packed: bool
    state: str
    reason: str


class Writer(Protocol):
    """Stores batches of deliveries."""

    def begin(self, patience: float) -> None:
        """Get the database's turn for us. Raises ``StoreUnavailable``, after ``patience`` seconds at the latest."""
        ...

    def write(self, rows: Sequence[Row], touch: Sequence[int]) -> frozenset[int]:
        """Store ``rows`` in one transaction, after ``begin``; returns the positions of those that were new.

        ``touch``: connections whose last event is now. Raises ``StoreUnavailable`` when the rows may not be durable.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def open_writer(store: Store) -> Writer:
    """A writer with a connection of its own. Raises ``StoreUnavailable``."""
    return SqliteWriter(store) if store.is_sqlite else PostgresWriter(store)


def _without_repeats(rows: Sequence[Row]) -> list[int]:
    """Positions of the rows that do not repeat an earlier body of the same batch."""
    seen: set[tuple[int, str]] = set()
    kept = []
    for position, row in enumerate(rows):
        mark = (row.connection_id, row.body_hash)
        if mark not in seen:
            seen.add(mark)
            kept.append(position)
    return kept


def _text(moment: datetime) -> str:
    """A moment as the column type writes it for SQLite."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


_SQLITE_INSERT = """
INSERT INTO deliveries (connection_id, key, event, body_hash, received_at, headers, body, packed, state, reason, handled_at)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, CASE ?9 WHEN 'pending' THEN NULL ELSE ?5 END
WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE connection_id = ?1 AND body_hash = ?4 AND received_at > ?11)
ON CONFLICT (connection_id, key) DO NOTHING
"""


class SqliteWriter:
    """SQLite: ``BEGIN IMMEDIATE``, one insert per row, ``COMMIT`` with full synchronisation (set by the store)."""

    def __init__(self, store: Store) -> None:
        self._path = Path(store.url.database or "")
        self._file = self._identity()
        try:
            pooled = store.engine.raw_connection()
        except (DBAPIError, sqlite3.Error, PoolTimeout) as error:
            raise StoreUnavailable(f"the database cannot be opened: {type(error).__name__}") from error
        connection: Any = pooled.driver_connection
        pooled.detach()
        self._connection = connection
        weakref.finalize(self, connection.close)  # an application may be dropped without being told
        # Waiting inside SQLite would halt every request of this process: we wait outside, in small steps.
        connection.execute("PRAGMA busy_timeout = 0")

    def _identity(self) -> tuple[int, int]:
        """Which file it is: writing into one that was deleted or replaced would succeed and keep nothing."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise StoreUnavailable("the database file cannot be reached") from error
        return found.st_dev, found.st_ino

    def begin(self, patience: float) -> None:
        """See ``Writer.begin``."""
        ends = time.monotonic() + patience
        if self._identity() != self._file:
            raise StoreUnavailable("the database file was replaced")
        pause, longest = BUSY_STEPS
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
                if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > ends:
                    raise StoreUnavailable(f"the database did not take the deliveries: {error}") from error
            time.sleep(pause)
            pause = min(pause * 2, longest)

    def write(self, rows: Sequence[Row], touch: Sequence[int]) -> frozenset[int]:
        """See ``Writer.write``."""
        execute = self._connection.execute
        since = _text(rows[0].received_at - REPLAY_WINDOW)
        fresh = []
        try:
            for position in _without_repeats(rows):
                row = rows[position]
                if execute(_SQLITE_INSERT, (*row[:4], _text(row.received_at), *row[5:], since)).rowcount:
                    fresh.append(position)
            for connection_id in touch:
                execute("UPDATE connections SET last_event_at = ? WHERE id = ?", (_text(rows[-1].received_at), connection_id))
            execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StoreUnavailable(f"the database did not take the deliveries: {error}") from error
        return frozenset(fresh)

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the connection is given up by the caller; nothing was committed

    def close(self) -> None:
        """See ``Writer.close``."""
        self._connection.close()


# One statement is one transaction and one round trip. Two processes that store the same body under two keys at the same moment both
# keep it: a hint more, no harm. The same key cannot be stored twice.
_POSTGRES_INSERT = """
WITH incoming AS (
    SELECT * FROM unnest(
        %(connection_id)b::int[], %(key)b::text[], %(event)b::text[], %(body_hash)b::text[], %(received_at)b::timestamptz[],
        %(headers)b::text[], %(body)b::bytea[], %(packed)b::bool[], %(state)b::text[], %(reason)b::text[]
    ) WITH ORDINALITY
    AS t (connection_id, key, event, body_hash, received_at, headers, body, packed, state, reason, number)
), stored AS (
    INSERT INTO deliveries (connection_id, key, event, body_hash, received_at, headers, body, packed, state, reason, handled_at)
    SELECT connection_id, key, event, body_hash, received_at, headers, body, packed, state, reason,
           CASE state WHEN 'pending' THEN NULL ELSE received_at END
    FROM incoming
    WHERE NOT EXISTS (
        SELECT 1 FROM deliveries AS known
        WHERE known.connection_id = incoming.connection_id AND known.body_hash = incoming.body_hash AND known.received_at > %(since)b
    )
    ORDER BY number
    ON CONFLICT (connection_id, key) DO NOTHING
    RETURNING connection_id, key
), touched AS (
    UPDATE connections SET last_event_at = %(now)b WHERE id = ANY(%(touch)b::int[])
)
SELECT connection_id, key FROM stored
"""


class PostgresWriter:
    """Postgres: one statement in autocommit mode. The server confirms after its log is flushed (``synchronous_commit``)."""

    def __init__(self, store: Store) -> None:
        arguments, options = store.engine.dialect.create_connect_args(store.url)
        try:
            self._connection = psycopg.connect(
                *arguments, **{"connect_timeout": 5, **options, "autocommit": True, "tcp_user_timeout": 10_000}
            )
            weakref.finalize(self, self._connection.close)  # an application may be dropped without being told
            # Whatever the server's default: an acknowledged delivery must survive a crash of the server.
            self._connection.execute("SET synchronous_commit = on")
        except psycopg.Error as error:
            raise StoreUnavailable(f"the database does not answer: {type(error).__name__}") from error
        self._limit = 0.0

    def begin(self, patience: float) -> None:
        """See ``Writer.begin``: nothing to wait for, the server lets many write at once. Sets how long a statement may take."""
        if patience != self._limit:
            try:
                self._connection.execute(f"SET statement_timeout = {int(patience * 1000)}")
            except psycopg.Error as error:
                raise StoreUnavailable(f"the database does not answer: {type(error).__name__}") from error
            self._limit = patience

    def write(self, rows: Sequence[Row], touch: Sequence[int]) -> frozenset[int]:
        """See ``Writer.write``."""
        kept = _without_repeats(rows)
        columns = zip(*(rows[position] for position in kept), strict=True)
        values: dict[str, Any] = dict(zip(Row._fields, map(list, columns), strict=True))
        values |= {"since": rows[0].received_at - REPLAY_WINDOW, "now": rows[-1].received_at, "touch": list(touch)}
        try:
            stored = {(row[0], row[1]) for row in self._connection.execute(_POSTGRES_INSERT, values)}
        except psycopg.Error as error:
            raise StoreUnavailable(f"the database did not take the deliveries: {type(error).__name__}") from error
        fresh = []
        for position in kept:
            mark = (rows[position].connection_id, rows[position].key)
            if mark in stored:
                stored.discard(mark)  # the same key twice in one batch: the first was stored
                fresh.append(position)
        return frozenset(fresh)

    def close(self) -> None:
        """See ``Writer.close``."""
        self._connection.close()
