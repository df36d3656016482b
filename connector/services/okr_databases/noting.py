"""What events tell of OKR databases: which rows are read again, and why. Calls no host."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from connector.hosts.base import Event


def note_changes(session: Session, connection_id: int, events: Sequence[Event], now: float, moment: datetime) -> set[str]:
    """Want the rows that events are about to be read. Returns the refs that are rows of OKR databases and feed no mapping."""
    return set()
