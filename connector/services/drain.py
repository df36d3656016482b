"""One connection's work, in the order that keeps people waiting least: deliveries, reads, values, panels, listings.

The loop ends when nothing is due; what is due a moment later is waited for, what is due later is left to the sweeper.
"""

from __future__ import annotations

import time

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.errors import HostError
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import connections
from connector.services.events import handle_deliveries
from connector.services.items import fetch_dirty, fetch_due_at
from connector.services.listing import list_dirty
from connector.services.panels import write_due
from connector.services.rollup import roll_up_dirty
from connector.store.tables import Connection, Delivery, KeyResult, Mapping, Panel

log = structlog.get_logger(__name__)

LINGER = 1.0  # seconds for which a worker waits for work that is due soon, before it serves others
STEP = 0.03


def drain(runtime: Runtime, connection_id: int) -> None:
    """Work off what is wanted for one connection; returns at once when somebody else does. Host errors are recorded, not raised."""
    while True:
        lease = connections.take_lease(runtime, connection_id)
        if lease is None:
            settle(runtime)
            return
        try:
            _loop(runtime, connection_id, lease)
        except HostError as error:
            log.warning("drain_stopped", connection=connection_id, error=type(error).__name__, status=error.status, message=error.message)
        finally:
            connections.free_lease(runtime, connection_id, lease)
        # Whoever came while we held the lease went away again: look once more before going.
        with runtime.store.read() as session:
            due = due_at(session, connection_id)
            row = session.get(Connection, connection_id)
        if due is None or row is None or row.parked_at or max(due, row.paused_until) > runtime.epoch():
            return


def settle(runtime: Runtime) -> None:
    """Compute all key results that wait, whatever asked for it."""
    while roll_up_dirty(runtime):
        pass


def _loop(runtime: Runtime, connection_id: int, lease: str) -> None:
    with runtime.store.read() as session:
        connection = session.get_one(Connection, connection_id)
    host: Host | None = None
    waited_since: float | None = None
    try:
        while True:
            worked = handle_deliveries(runtime, connection).deliveries > 0
            host = host or runtime.connect(connection)
            worked = fetch_dirty(runtime, connection, host) or worked
            worked = roll_up_dirty(runtime) > 0 or worked
            worked = write_due(runtime, connection, host) > 0 or worked
            if not worked:
                worked = list_dirty(runtime, connection, host)
            with runtime.store.write() as session:
                if not connections.keep_lease(session, connection_id, lease, runtime.epoch()):
                    log.warning("lease_lost", connection=connection.name)
                    return
                due = None if worked else due_at(session, connection_id)
            if worked:
                waited_since = None
                continue
            now = runtime.epoch()
            waited_since = waited_since or now
            if due is None or due > now + LINGER or now - waited_since > LINGER:
                return
            time.sleep(max(0.001, min(STEP, due - now)))
    finally:
        if host is not None:
            host.close()


def due_at(session: Session, connection_id: int) -> float | None:
    """When the next work of a connection is due (epoch seconds); None when nothing waits."""
    if session.scalar(select(Delivery.id).where(Delivery.connection_id == connection_id, Delivery.state == "pending").limit(1)):
        return 0.0
    moments = [fetch_due_at(session, connection_id)]
    for table in (Panel, Mapping):
        query = select(func.min(table.ready_at)).where(table.connection_id == connection_id, table.wanted > table.done)
        if table is Mapping:
            query = query.where(Mapping.retired_at.is_(None))
        moments.append(session.scalar(query))
    moments.append(session.scalar(select(func.min(KeyResult.ready_at)).where(KeyResult.wanted > KeyResult.done)))
    return min((moment for moment in moments if moment is not None), default=None)
