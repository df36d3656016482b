"""Asks for rows to be written: when what they show has changed here. Calls no host, and writes nothing of what they show."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import DatabaseKind
from connector.services.okr_databases.faces import want_faces
from connector.services.okr_databases.records import databases_of, rows_of
from connector.store import work
from connector.store.tables import KeyResult, OkrDatabase, OkrRow

# A first change is written at once; while changes keep coming they are gathered (seconds), as those of panels are.
QUIET, LONGEST, REST = 1.1, 2.6, 1.2


def want_changed(session: Session, key_results: Collection[str], now: float, *, objectives: Collection[str] = ()) -> set[int]:
    """Want the rows of these key results and objectives, and of the key results' objectives, to be written.

    Those that hosts may show and that have no row yet get one. Returns the connections that have such rows.
    """
    kept = list(session.scalars(select(OkrDatabase.connection_id).where(OkrDatabase.retired_at.is_(None)).distinct()))
    if not kept or not (key_results or objectives):
        return set()
    above = set(session.scalars(select(KeyResult.objective_id).where(KeyResult.id.in_(key_results)))) | set(objectives)
    moment = datetime.fromtimestamp(now, UTC)
    for connection_id in kept:
        want_faces(session, databases_of(session, connection_id), moment.date(), now, moment, key_results=key_results, objectives=above)
    rows = [*rows_of(session, DatabaseKind.OBJECTIVES, above), *rows_of(session, DatabaseKind.KEY_RESULTS, key_results)]
    work.want(session, OkrRow, [row.id for row in rows if row.gone_at is None], now, quiet=QUIET, longest=LONGEST, gap=REST)
    return {row.connection_id for row in rows}
