"""Asks for leads' pages to be written. Calls no host, and knows nothing of what they say: everything that changes a plan asks here.

Changes are gathered longer than for panels: a lead reads the page before a meeting, and an unchanged section costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.store import work
from connector.store.tables import Connection, LeadsPage

QUIET, LONGEST, REST = 20.0, 60.0, 60.0  # seconds


def want_changed(session: Session, key_results: Collection[str], now: float) -> set[int]:
    """Want the pages that may show these key results to be written. Returns their connections."""
    return _want(session, now, LeadsPage.gone_at.is_(None)) if key_results else set()


def want_all(session: Session, now: float) -> set[int]:
    """Want every page to be written, those too that were gone: what is due changes with the calendar, and pages come back."""
    return _want(session, now)


def _want(session: Session, now: float, *conditions: Any) -> set[int]:
    rows = session.execute(
        select(LeadsPage.id, LeadsPage.connection_id)
        .join(Connection, Connection.id == LeadsPage.connection_id)
        .where(Connection.retired_at.is_(None), *conditions)
    ).all()
    work.want(session, LeadsPage, [row.id for row in rows], now, quiet=QUIET, longest=LONGEST, gap=REST)
    return {row.connection_id for row in rows}
