"""Rows for objectives and key results that have none yet: wanted, and made at the host by the row worker. Calls no host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import DatabaseKind
from connector.services.okr_databases.choices import chosen_cycles
from connector.services.okr_databases.waiting_rows import want_new_rows
from connector.store.tables import Cycle, KeyResult, Objective, OkrDatabase, OkrRow
from connector.store.visibility import public

_LATER = 1.0  # seconds: an objective's row is made first, so that its key results' rows can point at it


def want_faces(
    session: Session,
    databases: Mapping[DatabaseKind, OkrDatabase],
    today: date,
    now: float,
    moment: datetime,
    *,
    key_results: Collection[str] | None = None,
    objectives: Collection[str] | None = None,
) -> int:
    """Want a row for each public objective and key result of the chosen cycles that has none. ``key_results``, ``objectives``: only these.

    Returns how many rows are new.
    """
    if not databases:
        return 0
    first = next(iter(databases.values()))
    cycles = [row.id for row in chosen_cycles(session, first.options or {}, today)]
    made = 0
    for kind, table, only in ((DatabaseKind.OBJECTIVES, Objective, objectives), (DatabaseKind.KEY_RESULTS, KeyResult, key_results)):
        database = databases.get(kind)
        if database is None or (only is not None and not only):
            continue
        # One at a time: two processes that both find no row would make two.
        session.execute(select(OkrDatabase.id).where(OkrDatabase.id == database.id).with_for_update())
        query = _without_row(table, database.id, cycles)
        if only is not None:
            query = query.where(table.id.in_(only))
        ready = now if kind is DatabaseKind.OBJECTIVES else now + _LATER
        records = [(row.id, row.title) for row in session.execute(query)]
        made += want_new_rows(session, database, records, now=now, ready_at=ready, moment=moment)
    return made


def _without_row(table: Any, database_id: int, cycles: Collection[int]) -> Any:
    bound = select(literal(1)).where(OkrRow.database_id == database_id, OkrRow.record == table.id).exists()
    query = select(table.id, table.title)
    query = query.join(Objective, Objective.id == KeyResult.objective_id) if table is KeyResult else query
    return (
        query.join(Cycle, Cycle.id == Objective.cycle_id)
        .where(
            table.retired_at.is_(None),
            Objective.retired_at.is_(None),
            Objective.closed_at.is_(None),
            Objective.cycle_id.in_(cycles),
            public(),
            ~bound,
        )
        .order_by(table.position, table.id)
    )
