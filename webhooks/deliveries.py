"""Keeping deliveries: the group commit at the door, and setting stored ones back for another run.

Nobody is told that a delivery was stored before the transaction that holds it is durable. This module parses nothing and calls no host.
"""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

import orjson
import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.errors import StoreUnavailable
from connector.store.base import Store
from connector.store.tables import Delivery
from webhooks.writers import Row, Writer, open_writer

log = structlog.get_logger(__name__)

ACCEPTED, DUPLICATE = "accepted", "duplicate"

LIMIT = 200  # deliveries per transaction
PATIENCE = 12.0  # seconds a sender waits for the commit; Jira hangs up after 20
PACK_FROM = 1024  # bytes from which packing is worth its time
MAX_KEY = 200
MAX_TEXT = 100
NUDGE_PAUSE = 1.0  # seconds without a nudge after the queue did not answer: the sweeper finds the work as well
RETRY_WITHIN = 1.0  # seconds after which a failed commit is not tried again on a new connection
TOUCH_EVERY = 1.0  # seconds between two notes of "last event" per connection


def make_row(connection_id: int, key: str, event: str, at: datetime, headers: dict[str, str], body: bytes, *, dated: bool = True) -> Row:
    """A delivery as it is stored: the body packed when that is smaller, texts cut and free of what a database refuses.

    A body that names its moment (``dated``) is a repeat when it comes again under another key. One that does not may be a second
    change that reads the same: there only the key tells.
    """
    key = clean(key)
    packed = zlib.compress(body, 1) if len(body) > PACK_FROM else b""
    smaller = bool(packed) and len(packed) < len(body)
    return Row(
        connection_id=connection_id,
        key=key if len(key) <= MAX_KEY else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}",
        event=clean(event)[:MAX_TEXT],
        body_hash=hashlib.sha256(body if dated else key.encode() + b"\0" + body).hexdigest(),
        received_at=at,
        headers=orjson.dumps(headers, option=orjson.OPT_SORT_KEYS).decode(),
        body=packed if smaller else body,
        packed=smaller,
        state="pending",
        reason="",
    )


def clean(text: str) -> str:
    """Text that both databases take: no NUL, no lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


@dataclass(slots=True, eq=False)
class _Batch:
    """Deliveries that become durable together. ``fresh`` are positions of rows that were new; None until it is committed."""

    rows: list[Row] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    fresh: frozenset[int] | None = None
    error: str = "the database did not answer in time"


class DeliveryLog:
    """The group commit of one process. The first request of a batch commits for all of them; no thread of its own.

    It works alike under gevent, threads and in the test client: while one batch is being committed the next one fills.
    """

    def __init__(self, store: Store, nudge: Callable[[int], bool], *, patience: float = PATIENCE) -> None:
        self._store = store
        self._nudge = nudge
        self._patience = patience
        self._guard = threading.Lock()  # held for a few instructions only
        self._committing = threading.Lock()  # one writer per process
        self._open: _Batch | None = None
        self._writer: Writer | None = None
        self._touched: dict[int, float] = {}
        self._quiet_until = 0.0

    def store(self, row: Row) -> str:
        """Make one delivery durable. Returns what it was: accepted or duplicate.

        Raises ``StoreUnavailable`` when it may not be durable: the sender must hear that it has to try again.
        """
        with self._guard:
            batch = self._open
            leads = batch is None or len(batch.rows) >= LIMIT
            if batch is None or leads:
                batch = self._open = _Batch()
            position = len(batch.rows)
            batch.rows.append(row)
        if leads:
            self._lead(batch)
        elif not batch.done.wait(self._patience * 2):
            raise StoreUnavailable(batch.error)
        if batch.fresh is None:
            raise StoreUnavailable(batch.error)
        if leads:
            self._wake({row.connection_id for number, row in enumerate(batch.rows) if number in batch.fresh})
        if position not in batch.fresh:
            return DUPLICATE
        return ACCEPTED

    def close(self) -> None:
        """Give the connection back."""
        with self._committing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _lead(self, batch: _Batch) -> None:
        try:
            time.sleep(0)  # let requests that are ready now join
            if not self._committing.acquire(timeout=self._patience):
                self._detach(batch)
                return
            try:
                batch.fresh = self._commit(batch)
            except StoreUnavailable as error:
                batch.error = str(error)
                log.warning("delivery_store_unavailable", deliveries=len(batch.rows), error=str(error))
            finally:
                self._committing.release()
        finally:
            self._detach(batch)
            batch.done.set()  # whatever happened: nobody may wait for a leader that is gone

    def _detach(self, batch: _Batch) -> None:
        with self._guard:
            if self._open is batch:
                self._open = None

    def _commit(self, batch: _Batch) -> frozenset[int]:
        began = time.monotonic()
        for attempt in (1, 2):
            try:
                if self._writer is None:
                    self._writer = open_writer(self._store)
                self._writer.begin(self._patience)
                # Only now: who came while we waited for our turn is still on board.
                self._detach(batch)
                now = time.monotonic()
                touch = sorted({row.connection_id for row in batch.rows if now - self._touched.get(row.connection_id, -1e9) >= TOUCH_EVERY})
                fresh = self._writer.write(batch.rows, touch)
                self._touched.update(dict.fromkeys(touch, now))
                return fresh
            except StoreUnavailable:
                if self._writer is not None:
                    self._writer.close()
                    self._writer = None
                # The connection may be a dead one of yesterday. Repeating is safe: what was stored is a duplicate now.
                if attempt == 2 or time.monotonic() - began > RETRY_WITHIN:
                    raise
        raise AssertionError("unreachable")

    def _wake(self, connection_ids: Collection[int]) -> None:
        if time.monotonic() < self._quiet_until:
            return
        for connection_id in connection_ids:
            if not self._nudge(connection_id):
                self._quiet_until = time.monotonic() + NUDGE_PAUSE
                return


def replay(
    session: Session, *, connection_id: int | None = None, since: datetime | None = None, state: str = "failed", ids: Collection[int] = ()
) -> list[int]:
    """Set deliveries back to pending so that they are worked off again. Returns the connection id of each of them.

    ``state``: "failed", "ignored", "done" or "all". Handling twice is safe: a delivery is a hint after which items are read again.
    """
    query = select(Delivery.id, Delivery.connection_id).where(Delivery.state != "pending").order_by(Delivery.id)
    if state != "all":
        query = query.where(Delivery.state == state)
    if connection_id is not None:
        query = query.where(Delivery.connection_id == connection_id)
    if since is not None:
        query = query.where(Delivery.received_at >= since)
    if ids:
        query = query.where(Delivery.id.in_(list(ids)[:10_000]))
    rows = session.execute(query).all()
    for start in range(0, len(rows), 500):
        chosen = [row.id for row in rows[start : start + 500]]
        session.execute(update(Delivery).where(Delivery.id.in_(chosen)).values(state="pending", reason="", handled_at=None))
    return [row.connection_id for row in rows]
