"""The trend of key results as it was at a lock: what came later is not drawn, because it counts for the next review."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.model import Cycle, State
from connector.domain.wording import day_text
from connector.services.facts import load_definition
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import KeyResult, Objective, Reading
from connector.views.figures import Spark, spark
from connector.views.query import CANNOT_TELL, SPARK


def load_trends(session: Session, ids: Sequence[str], until: datetime) -> dict[str, Spark]:
    """By key result, its drawing with the readings recorded until a moment. Two statements."""
    if not ids:
        return {}
    last = (
        select(func.max(Reading.id))
        .where(Reading.key_result_id.in_(ids), Reading.recorded_at <= until)
        .group_by(Reading.key_result_id, Reading.day)
    )
    points: dict[str, list[tuple[datetime, float]]] = {}
    query = select(Reading.key_result_id, Reading.as_of, Reading.value).where(Reading.id.in_(last)).order_by(Reading.id)
    for name, at, value in session.execute(query):
        if value is not None:
            points.setdefault(name, []).append((at, value))
    rows = session.execute(
        select(KeyResult, CycleRow.name, CycleRow.start, CycleRow.end)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .where(KeyResult.id.in_(ids))
    )
    width, height = SPARK
    return {
        row.KeyResult.id: spark(
            points.get(row.KeyResult.id, []),
            load_definition(row.KeyResult),
            Cycle(row.name, row.start, row.end),
            width=width,
            height=height,
            late=State(row.KeyResult.state) in CANNOT_TELL,
            since=day_text(row.start),
        )
        for row in rows
    }
