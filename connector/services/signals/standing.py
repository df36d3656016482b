"""The signals that stand, for pages, panels, pre-reads and agendas."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.store.tables import Signal


def standing(session: Session, key_results: Collection[str], *, dismissed: bool = False) -> dict[str, list[Signal]]:
    """The signals that stand by key result, oldest first; ``dismissed``: those that were waved away too."""
    if not key_results:
        return {}
    query = select(Signal).where(Signal.key_result_id.in_(key_results), Signal.ended_at.is_(None)).order_by(Signal.id)
    if not dismissed:
        query = query.where(Signal.dismissed_at.is_(None))
    found: dict[str, list[Signal]] = {}
    for row in session.scalars(query):
        found.setdefault(str(row.key_result_id), []).append(row)
    return found
