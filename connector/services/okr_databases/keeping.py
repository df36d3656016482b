"""Notes which databases of a host are kept in step. One for each kind and connection, and each source through one connection only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import DatabaseKind
from connector.errors import Conflict
from connector.hosts.okr_databases import FoundColumn, FoundDatabase
from connector.services.okr_databases.columns import as_stored
from connector.store.tables import Connection, OkrDatabase, OkrRow


def keep(
    session: Session,
    connection_id: int,
    kind: DatabaseKind,
    found: FoundDatabase,
    columns: Mapping[str, FoundColumn],
    moment: datetime,
    *,
    page: str = "",
    adopted: bool = False,
    options: Mapping[str, Any] | None = None,
    views: Mapping[str, str] | None = None,
) -> OkrDatabase:
    """Note a database, new or again. One that was left before goes on with its rows; another database in its place begins anew."""
    row = session.scalar(
        select(OkrDatabase).where(OkrDatabase.connection_id == connection_id, OkrDatabase.kind == kind.value).with_for_update()
    )
    if row is None:
        row = OkrDatabase(connection_id=connection_id, kind=kind.value, created_at=moment, options={}, views={}, drift=[], columns={})
        session.add(row)
    elif row.source != found.source:
        session.execute(delete(OkrRow).where(OkrRow.database_id == row.id).execution_options(synchronize_session=False))
        row.views, row.options, row.columns, row.read_at, row.page = {}, {}, {}, None, ""
        row.adopted = adopted
    row.database, row.source, row.title, row.url = found.database, found.source, found.title, found.url
    row.columns = as_stored(columns, row.columns)
    row.adopted = row.adopted or adopted
    if not row.adopted:
        row.page = page or row.page
    row.options = {**(row.options or {}), **(options or {})}
    if views:
        row.views = {**(row.views or {}), **views}
    row.broken, row.drift, row.retired_at = None, [], None
    session.flush()
    return row


def kept_elsewhere(session: Session, found: FoundDatabase, connection_id: int, kind: DatabaseKind | None = None) -> None:
    """Raises ``Conflict`` when another connection, or this one as another kind, keeps a database already."""
    rows = session.execute(
        select(Connection.name, OkrDatabase.connection_id, OkrDatabase.kind)
        .join(Connection, Connection.id == OkrDatabase.connection_id)
        .where(OkrDatabase.source == found.source, OkrDatabase.retired_at.is_(None), Connection.retired_at.is_(None))
    ).all()
    for row in rows:
        if row.connection_id != connection_id:
            raise Conflict(
                f"the connection {row.name} keeps the database {found.title} in step already, and two would overwrite each other; "
                f"go on there, or stop it first: okr-connector notion leave --connection {row.name}"
            )
        if kind is not None and row.kind != kind.value:
            raise Conflict(f"the database {found.title} is kept as {row.kind.replace('_', ' ')} already")
