"""Items that move two key results of one objective: work counted there moves the objective twice. Warned once per pair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from connector.store.tables import Audit, KeyResult, Mapping, MappingItem

log = structlog.get_logger(__name__)

ACTION = "double_counting"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two key results of one objective that share ``items`` items, both in mode ``value``."""

    objective: str
    first: str
    second: str
    items: int

    def __str__(self) -> str:
        return (
            f"{self.items} {'item moves' if self.items == 1 else 'items move'} both {self.first} and {self.second} of the objective "
            f"{self.objective}: its progress counts them twice; narrow one mapping or set it to mode: context"
        )


def find_overlaps(session: Session, connection_id: int | None = None) -> list[Overlap]:
    """All overlaps now, of one connection or of all. Items of different connections are never the same."""
    one, other = aliased(MappingItem), aliased(MappingItem)
    first, second = aliased(Mapping), aliased(Mapping)
    above, beside = aliased(KeyResult), aliased(KeyResult)
    query = (
        select(above.objective_id, first.key_result_id, second.key_result_id, func.count(one.item_id.distinct()))
        .join(first, first.id == one.mapping_id)
        .join(above, above.id == first.key_result_id)
        .join(other, other.item_id == one.item_id)
        .join(second, second.id == other.mapping_id)
        .join(beside, beside.id == second.key_result_id)
        .where(
            first.key_result_id < second.key_result_id,
            above.objective_id == beside.objective_id,
            first.mode == "value",
            second.mode == "value",
            first.retired_at.is_(None),
            second.retired_at.is_(None),
            above.retired_at.is_(None),
            beside.retired_at.is_(None),
        )
        .group_by(above.objective_id, first.key_result_id, second.key_result_id)
        .order_by(above.objective_id, first.key_result_id, second.key_result_id)
    )
    if connection_id is not None:
        query = query.where(first.connection_id == connection_id)
    return [Overlap(*row) for row in session.execute(query)]


def warn_overlaps(session: Session, connection_id: int, at: datetime) -> list[Overlap]:
    """Say each pair once, ever: in the log and in the audit trail. Returns the ones said now."""
    said: list[Overlap] = []
    for overlap in find_overlaps(session, connection_id):
        pair = f"{overlap.first} + {overlap.second}"
        if session.scalar(select(Audit.id).where(Audit.action == ACTION, Audit.entity == "key_results", Audit.entity_id == pair)) is None:
            session.add(Audit(at=at, actor="system", action=ACTION, entity="key_results", entity_id=pair, after={"warning": str(overlap)}))
            log.warning("double_counting", objective=overlap.objective, first=overlap.first, second=overlap.second, items=overlap.items)
            said.append(overlap)
    return said
