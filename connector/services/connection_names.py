"""A connection by its name, as people and programs call it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.errors import Conflict, NotFound
from connector.store.tables import Connection


def connection_called(session: Session, name: str, *, retired: bool = False) -> Connection:
    """The connection of this name. Raises ``NotFound``; for a retired one unless ``retired``."""
    row = session.scalar(select(Connection).where(Connection.name == name))
    if row is None or (row.retired_at is not None and not retired):
        raise NotFound(f"there is no connection {name[:80]!r}")
    return row


def working_connection(session: Session, name: str) -> Connection:
    """The connection of this name, if its host may be asked. Raises ``NotFound``, ``Conflict`` when it is parked."""
    row = connection_called(session, name)
    if row.parked_at is not None:
        raise Conflict(f"connection {row.name} is parked: {row.parked_reason}; mend it first")
    return row
