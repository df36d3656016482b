"""Rows that wait for a person to become known: they are read again when somebody was given an account. Calls no host."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.store import work
from connector.store.tables import OkrDatabase, OkrRow

AGAIN = {"again": True}  # heard of nothing, and yet to be read


def want_waiting(session: Session, connection_ids: Collection[int], now: float) -> set[int]:
    """Have the rows of these connections read again whose note asks for something. Returns the connections that have such rows."""
    rows = session.scalars(
        select(OkrRow)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(
            OkrRow.connection_id.in_(connection_ids),
            OkrRow.note != "",
            OkrRow.ref.is_not(None),
            OkrRow.gone_at.is_(None),
            OkrDatabase.retired_at.is_(None),
        )
        .order_by(OkrRow.id)
        .with_for_update(of=OkrRow)
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        row.heard = {**(row.heard or {}), **AGAIN}
    session.flush()
    work.want(session, OkrRow, [row.id for row in rows], now)
    return {row.connection_id for row in rows}
