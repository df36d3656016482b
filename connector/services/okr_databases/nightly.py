"""The nightly reading of a connection's OKR databases: every row is seen once, what is gone is noted, what differs is named.

It repairs what events did not tell; work and panels come first. Its trouble ends nothing else: the next night, or the next event, goes on.
"""

from __future__ import annotations

import structlog

from connector.errors import HostError, Refused
from connector.runtime import Runtime
from connector.services import connections
from connector.services.okr_databases.importing import read_all
from connector.services.row_check_ins.asks import note_standing_asks
from connector.services.row_check_ins.rows import want_history
from connector.store.tables import Connection

log = structlog.get_logger(__name__)

HISTORY = 2000  # older check-ins that get a row of their own in one night


def nightly(runtime: Runtime, connection: Connection) -> int:
    """Read all OKR databases of a connection, behind everything that somebody waits for. Returns how many requests that cost.

    Raises ``Refused`` when the host refuses the connection as a whole; other trouble is logged, and ended by the next night.
    """
    try:
        done = read_all(runtime, connection, background=True)
    except HostError as error:
        if isinstance(error, Refused) and error.parks:
            raise
        log.warning("okr_databases_not_read", connection=connection.name, error=type(error).__name__, message=error.message)
        return 0
    with runtime.store.write() as session:
        note_standing_asks(session, runtime.now())
        want_history(session, connection.id, runtime.epoch(), limit=HISTORY)
    for each in done.databases:
        if each.changed or each.gone or each.broken:
            log.info("okr_database_read", connection=connection.name, **_counts(each))
    return done.requests


def read_rows(runtime: Runtime, connection_id: int) -> None:
    """Read the OKR databases of a connection that was just set up or adopted. Host errors are recorded, not raised."""
    with runtime.store.read() as session:
        connection = session.get_one(Connection, connection_id)
    if connection.parked_at or connection.paused_at or connection.retired_at or connection.paused_until > runtime.epoch():
        return
    try:
        read_all(runtime, connection, background=True)
        with runtime.store.write() as session:
            want_history(session, connection.id, runtime.epoch())
    except HostError as error:
        log.warning("okr_databases_not_read", connection=connection.name, error=type(error).__name__, message=error.message)
        with runtime.store.write() as session:
            connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())


def _counts(each: object) -> dict[str, object]:
    return {name: getattr(each, name) for name in ("kind", "rows", "changed", "gone", "broken")}
