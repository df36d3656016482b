"""The OKR databases of a connection and the rows that stand for a record. Reads only."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import DatabaseKind
from connector.hosts.okr_databases import FoundColumn
from connector.store.tables import KeyResult, OkrDatabase, OkrRow


def databases_of(session: Session, connection_id: int, *, lock: bool = False) -> dict[DatabaseKind, OkrDatabase]:
    """The connection's OKR databases that are kept in step. ``lock``: to be changed; they are as everybody else has left them."""
    query = select(OkrDatabase).where(OkrDatabase.connection_id == connection_id, OkrDatabase.retired_at.is_(None))
    if lock:
        query = query.order_by(OkrDatabase.id).with_for_update().execution_options(populate_existing=True)
    return {DatabaseKind(row.kind): row for row in session.scalars(query)}


def columns_of(database: OkrDatabase) -> dict[str, FoundColumn]:
    """Our field → the host's column, for the columns that the database has; those that were deleted there are left out."""
    return {
        field: FoundColumn(each["id"], each["name"], each["type"], format=str(each.get("format") or ""))
        for field, each in database.columns.items()
        if not each.get("lost")
    }


def row_of(session: Session, connection_id: int, ref: str) -> OkrRow | None:
    """The row with this ref."""
    return session.scalar(select(OkrRow).where(OkrRow.connection_id == connection_id, OkrRow.ref == ref))


def rows_of(session: Session, kind: DatabaseKind, records: Collection[str]) -> list[OkrRow]:
    """The rows, of all connections, that are faces of these records."""
    return list(
        session.scalars(
            select(OkrRow)
            .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
            .where(OkrDatabase.kind == kind, OkrDatabase.retired_at.is_(None), OkrRow.record.in_(records), OkrRow.record != "")
            .order_by(OkrRow.id)
        )
    )


def key_results_at(session: Session, connection_id: int, ref: str) -> list[str]:
    """The key results that a row is about: its own, or those of its objective; [] for any other page."""
    found = session.execute(
        select(OkrDatabase.kind, OkrRow.record)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(OkrRow.connection_id == connection_id, OkrRow.ref == ref, OkrRow.record != "", OkrDatabase.retired_at.is_(None))
    ).first()
    if found is None:
        return []
    if found.kind == DatabaseKind.KEY_RESULTS:
        return [found.record]
    if found.kind != DatabaseKind.OBJECTIVES:
        return []
    return list(
        session.scalars(
            select(KeyResult.id)
            .where(KeyResult.objective_id == found.record, KeyResult.retired_at.is_(None))
            .order_by(KeyResult.position, KeyResult.id)
        )
    )
