"""Rows that the host does not have yet: noted here, and made there by the row worker. Calls no host."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from connector.store.tables import OkrDatabase, OkrRow

FOUND = "found"  # option of a database that an earlier set-up made: rows that we know nothing of may stand there


def want_new_rows(
    session: Session, database: OkrDatabase, records: Iterable[tuple[str, str]], *, now: float, ready_at: float, moment: datetime
) -> int:
    """Want a row for each of these records (id, title), which have none; not before ``ready_at``. Returns how many these are."""
    unsure = bool((database.options or {}).get(FOUND)) and database.read_at is None
    rows = [
        {
            "connection_id": database.connection_id,
            "database_id": database.id,
            "record": record,
            "title": title,
            "created_at": moment,
            "agreed": {},
            "shown": {},
            "heard": {},
            "missing": [],
            "wanted": 1,
            "first_at": now,
            "ready_at": ready_at,
            "unsure": unsure,
        }
        for record, title in records
    ]
    if rows:
        session.execute(insert(OkrRow), rows)
    return len(rows)
