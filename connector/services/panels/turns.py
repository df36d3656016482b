"""Whose turn it is among what waits to be written: the newest change first, because somebody looks at it, until others wait too long."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from connector.store import work

TOO_LONG = 10.0  # seconds that something may wait while newer changes are written before it


def is_behind(session: Session, table: work.Workable, now: float, *where: ColumnElement[bool]) -> bool:
    """Whether something waits too long by now: then what waits longest goes first."""
    due = work.next_due(session, table, *where)
    return due is not None and due < now - TOO_LONG
