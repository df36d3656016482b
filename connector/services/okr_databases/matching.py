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


class Free:
    """The records that have no row yet, by title. For one transaction: whoever binds one says so with ``taken``."""

    def __init__(self, session: Session, database: OkrDatabase, kind: DatabaseKind) -> None:
        self._session, self._database = session, database
        self._table: Any = Objective if kind is DatabaseKind.OBJECTIVES else KeyResult
        self._beside: Any = Cycle.name if kind is DatabaseKind.OBJECTIVES else Objective.id
        self._found: dict[str, dict[str, str]] = {}

    def titled(self, title: str, scope: str) -> list[str]:
        """Their ids. ``scope``: the name of the cycle, or the id of the objective, in which they are looked for."""
        if scope not in self._found:
            table = self._table
            bound = and_(
                OkrRow.database_id == self._database.id, OkrRow.record == table.id, OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None)
            )
            query = _shown(table).where(self._beside == scope, ~select(OkrRow.id).where(bound).exists()).order_by(table.id)
            self._found[scope] = {each.id: _folded(each.title) for each in self._session.execute(query)}
        wanted = _folded(title)
        return [record for record, folded in self._found[scope].items() if folded == wanted]

    def taken(self, record: str) -> None:
        """This one has a row now."""
        for each in self._found.values():
            each.pop(record, None)


def match(
    session: Session, database: OkrDatabase, kind: DatabaseKind, row: Row, reading: Reading, free: Free, *, trusted: bool = True
) -> Match:
    """The record of a row that is bound to none yet. ``trusted``: we made it, or whoever wrote it may define: else it matches nothing."""
    table: Any = Objective if kind is DatabaseKind.OBJECTIVES else KeyResult
    title = str(reading.given.get("title") or "")
    if key := text_of(row.values.get(KEY)):
        keyed = session.execute(_shown(table).where(table.id == key)).first()
        if keyed is not None:
            holder = _holder(session, database, key)
            if holder is None or holder.ref == row.ref:
                return Match(key) if trusted else Match()
            if _folded(keyed.title) == _folded(title) or _folded(holder.title) == _folded(title):
                return Match(problem=f"is a copy of “{keyed.title[:80]}”: give it a title of its own, or delete it")
    scope = str(reading.given.get("cycle" if kind is DatabaseKind.OBJECTIVES else "objective") or "")
    if not title or not scope or not trusted:
        return Match()
    found = free.titled(title, scope)
    if len(found) > 1:
        name = str(database.columns.get(KEY, {}).get("name", "OKR key"))
        return Match(problem=f"{len(found)} here have this title; write the one that it is into “{name}”: {' or '.join(found[:4])}")
    return Match(found[0]) if found else Match()


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
