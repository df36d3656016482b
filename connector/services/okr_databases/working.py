"""Works off the rows of OKR databases that wait: reads those that changed, takes over edits, writes what is computed."""

from __future__ import annotations

from connector.runtime import Runtime
from connector.store.tables import Connection


def work_on_rows(runtime: Runtime, connection: Connection) -> int:
    """Work on some rows that are due. Returns how many were taken. Raises ``HostError`` for the connection."""
    return 0
