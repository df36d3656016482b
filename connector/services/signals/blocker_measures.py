"""How long blockers stand, and who clears them: figures for reports (S3). Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.signals.blocked import DISMISSED, OWNER, UPDATE
from connector.store.tables import Blocker, KeyResult

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Measures:
    """Ages in days; None where there is nothing to tell. ``by_owner`` of ``cleared`` were cleared by the key result's own owner."""

    standing: int
    median_age: float | None
    cleared: int
    median_until_cleared: float | None
    by_owner: int

    @property
    def share_by_owner(self) -> float | None:
        """Share of the cleared ones that the named owner cleared."""
        return self.by_owner / self.cleared if self.cleared else None


def measure_blockers(session: Session, key_results: Collection[str], since: datetime, now: datetime) -> Measures:
    """The blockers of these key results: those that stand, and those that ended since a moment. What was waved away is no blocker."""
    rows = session.execute(
        select(Blocker, KeyResult.owner_id)
        .join(KeyResult, KeyResult.id == Blocker.key_result_id)
        .where(Blocker.key_result_id.in_(key_results), (Blocker.ended_at.is_(None)) | (Blocker.ended_at >= since))
        .order_by(Blocker.id)
    ).all()
    ages = [(now - row.since).total_seconds() / _DAY for row, _ in rows if row.ended_at is None]
    ended = [
        (row, owner) for row, owner in rows if row.ended_at is not None and row.ended_by != DISMISSED and not row.evidence.get("named")
    ]
    took = [((row.ended_at or now) - row.since).total_seconds() / _DAY for row, _ in ended]
    own = sum(row.ended_by in (OWNER, UPDATE) and row.ended_by_id is not None and row.ended_by_id == owner for row, owner in ended)
    return Measures(len(ages), median(ages) if ages else None, len(ended), median(took) if took else None, own)
