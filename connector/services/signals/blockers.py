"""Blockers with their clock, declared in check-ins or seen in the work; the clock starts at the first of the two (S3)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.store.tables import Blocker


def standing_blockers(session: Session, key_results: Collection[str]) -> dict[str, list[Blocker]]:
    """The blockers that stand, by key result, the oldest first."""
    if not key_results:
        return {}
    found: dict[str, list[Blocker]] = {}
    query = select(Blocker).where(Blocker.key_result_id.in_(key_results), Blocker.ended_at.is_(None)).order_by(Blocker.since, Blocker.id)
    for row in session.scalars(query):
        found.setdefault(row.key_result_id, []).append(row)
    return found
