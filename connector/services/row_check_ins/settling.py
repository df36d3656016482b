"""Files what was typed into rows, through the one check-in service. Calls no host."""

from __future__ import annotations

from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.store.tables import Connection


def settles_at(session: Session, connection_id: int) -> float | None:
    """When the next typed update of a connection is filed (epoch seconds); None when nobody types."""
    return None


def settle_due(runtime: Runtime, connection: Connection) -> int:
    """File the updates whose authors have paused. Returns how many were filed."""
    return 0
