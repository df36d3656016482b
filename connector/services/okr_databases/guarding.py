"""Taking over rows such that the fault of one ends that row only: the others are taken over, and the row says that it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DataError, DBAPIError, StatementError

from connector.errors import ConnectorError, HostError, StoreUnavailable
from connector.hosts.okr_databases import Row
from connector.runtime import Runtime
from connector.services.okr_databases import notes
from connector.services.okr_databases.taking import take_rows
from connector.store import work
from connector.store.tables import OkrDatabase, OkrRow

log = structlog.get_logger(__name__)

SAID = "something in this row could not be taken over; nothing is lost here; change it, or ask an admin to look into the log"


def take_each(
    runtime: Runtime,
    database_id: int,
    rows: Sequence[Row],
    gone: Sequence[str] = (),
    *,
    heard: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """As ``taking.take_rows``, but a row that cannot be taken over is named in the log and in the row, and the others are."""
    try:
        return take_rows(runtime, database_id, rows, gone, heard=heard)
    except (ConnectorError, ValueError, TypeError, OverflowError, StatementError) as error:
        if not _of_one_row(error):
            raise
    taken = take_rows(runtime, database_id, (), gone, heard=heard) if gone else 0
    for row in rows:  # taking over a row twice changes nothing
        try:
            taken += take_rows(runtime, database_id, [row], heard=heard)
        except (ConnectorError, ValueError, TypeError, OverflowError, StatementError) as error:
            if not _of_one_row(error):
                raise
            _leave(runtime, database_id, row, error)
    return taken


def _of_one_row(error: Exception) -> bool:
    """Whether an error is about what a row says, not about the host or our database."""
    if isinstance(error, (HostError, StoreUnavailable)):
        return False
    return isinstance(error, DataError) or not isinstance(error, DBAPIError)


def _leave(runtime: Runtime, database_id: int, row: Row, error: Exception) -> None:
    """What was heard of the row is done with: it is read again with its next change."""
    log.error("okr_row_unusable", database=database_id, ref=row.ref, error=type(error).__name__, why=ascii(str(error))[:200])
    with runtime.store.write() as session:
        database = session.get_one(OkrDatabase, database_id)
        known = select(OkrRow).where(OkrRow.connection_id == database.connection_id, OkrRow.ref == row.ref).with_for_update()
        kept = session.scalar(known)
        if kept is None:
            return
        kept.heard, kept.error = {}, f"could not be taken over ({type(error).__name__})"
        if notes.tell(kept, notes.FIELDS, SAID):
            session.flush()
            work.want(session, OkrRow, [kept.id], runtime.epoch())
