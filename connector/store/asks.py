"""Which ask of an update still waits for an answer, as one value for every statement that reads key results: pages, panels, counts."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, case, func, not_, or_, select
from sqlalchemy.orm import aliased

from connector.domain.model import DecisionKind
from connector.domain.okr_columns import DECISION_STATES
from connector.store.tables import Decision, KeyResult

ASKED = tuple(kind.value for kind in DecisionKind if kind is not DecisionKind.NONE)


def is_waiting(decision: Any = Decision) -> ColumnElement[bool]:
    """A condition over ``Decision`` (or an alias of it): asked for, and nobody has said anything to it so far."""
    return and_(decision.state == DECISION_STATES[0], decision.decided_at.is_(None))


@cache
def asked_at() -> Label[Any]:
    """Since when that ask waits, by its decision; NULL where none was noted for it. Over ``KeyResult``."""
    kept = aliased(Decision)
    same = (kept.key_result_id == KeyResult.id, kept.kind == KeyResult.decision_needed)
    return select(func.min(kept.created_at)).where(*same, is_waiting(kept)).correlate(KeyResult).scalar_subquery().label("asked_at")


@cache
def open_ask() -> Label[Any]:
    """The kind of decision that a key result's last update asks for and nobody has answered; NULL for none. Over ``KeyResult``.

    An ask that no decision was ever noted for stands as its update says it.
    """
    kept = aliased(Decision)
    same = select(func.count()).where(kept.key_result_id == KeyResult.id, kept.kind == KeyResult.decision_needed).correlate(KeyResult)
    waiting = same.where(is_waiting(kept)).scalar_subquery() > 0
    stands = or_(waiting, not_(same.scalar_subquery() > 0))
    # Of the many that ask for nothing, nothing is looked up.
    return case((KeyResult.decision_needed.in_(ASKED), case((stands, KeyResult.decision_needed)))).label("open_ask")
