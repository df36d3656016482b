"""Finds the record that a row stands for already: by our key, else by its title beside the same objective or in the same cycle. Reads only.

Only what hosts may show is ever matched: a row must not draw out what is restricted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import KEY, DatabaseKind
from connector.domain.row_drafts import Reading, text_of
from connector.hosts.okr_databases import Row
from connector.store.tables import Cycle, KeyResult, Objective, OkrDatabase, OkrRow
from connector.store.visibility import public


@dataclass(frozen=True, slots=True)
class Match:
    """``record``: the id, "" for none. ``problem``: a sentence when a person has to decide."""

    record: str = ""
    problem: str = ""


def match(session: Session, database: OkrDatabase, kind: DatabaseKind, row: Row, reading: Reading) -> Match:
    """The record of a row that is bound to none yet."""
    table: Any = Objective if kind is DatabaseKind.OBJECTIVES else KeyResult
    title = str(reading.given.get("title") or "")
    if key := text_of(row.values.get(KEY)):
        found = session.execute(_shown(table).where(table.id == key)).first()
        if found is not None:
            holder = _holder(session, database, key)
            if holder is None or holder.ref == row.ref:
                return Match(key)
            if _folded(found.title) == _folded(title) or _folded(holder.title) == _folded(title):
                return Match(problem=f"is a copy of “{found.title[:80]}”: give it a title of its own, or delete it")
    if not title:
        return Match()
    query = _shown(table)
    if kind is DatabaseKind.OBJECTIVES:
        if "cycle" not in reading.given:
            return Match()
        query = query.where(Cycle.name == reading.given["cycle"])
    else:
        if "objective" not in reading.given:
            return Match()
        query = query.where(Objective.id == reading.given["objective"])
    bound = and_(OkrRow.database_id == database.id, OkrRow.record == table.id, OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None))
    free = [
        each.id for each in session.execute(query.where(~select(OkrRow.id).where(bound).exists())) if _folded(each.title) == _folded(title)
    ]
    if len(free) > 1:
        name = str(database.columns.get(KEY, {}).get("name", "OKR key"))
        return Match(problem=f"{len(free)} here have this title; write the one that it is into “{name}”: {' or '.join(free[:4])}")
    return Match(free[0]) if free else Match()


def awaited(session: Session, database: OkrDatabase, row: Row) -> str:
    """The record whose row was about to be made, when this row bears its key; "" for none."""
    key = text_of(row.values.get(KEY))
    if not key:
        return ""
    waiting = (OkrRow.database_id == database.id, OkrRow.record == key, OkrRow.ref.is_(None))
    return key if session.scalar(select(OkrRow.id).where(*waiting).limit(1)) is not None else ""


def _shown(table: Any) -> Any:
    query = select(table.id, table.title)
    if table is KeyResult:
        query = query.join(Objective, Objective.id == KeyResult.objective_id)
    return query.join(Cycle, Cycle.id == Objective.cycle_id).where(
        table.retired_at.is_(None), Objective.retired_at.is_(None), Objective.closed_at.is_(None), public()
    )


def _holder(session: Session, database: OkrDatabase, record: str) -> OkrRow | None:
    """The row that is the face of a record now."""
    return session.scalar(
        select(OkrRow)
        .where(OkrRow.database_id == database.id, OkrRow.record == record, OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None))
        .limit(1)
    )


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def record_of(session: Session, database: OkrDatabase, ref: str) -> str:
    """The record that a row of this database is the face of already, "" for none."""
    found = session.scalar(select(OkrRow.record).where(OkrRow.database_id == database.id, OkrRow.ref == ref))
    return found or ""
