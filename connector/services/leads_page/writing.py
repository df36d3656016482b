"""When leads' pages are written: after changes, gathered for a minute."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.store.tables import Connection


def want_changed(session: Session, key_results: Collection[str], now: float) -> set[int]:
    """Want the pages that show these key results to be written. Returns their connections."""
    return set()


def write_pages(runtime: Runtime, connection: Connection) -> int:
    """Write the pages that are due. Returns how many were taken. Raises ``HostError`` for the connection."""
    return 0
