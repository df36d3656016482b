"""Asks that stand open since before decisions were kept become decisions, once. Calls no host."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.services.decisions import UNSETTLED, note_ask
from connector.services.insight.open_points import load_asks
from connector.store.asks import ASKED
from connector.store.tables import CheckIn, Cycle, Decision, KeyResult, Objective
from connector.store.visibility import public


def note_standing_asks(session: Session, now: datetime) -> int:
    """Note what the last update of each key result that hosts may show asks for, where no decision says so yet. Returns how many.

    One that was decided since it is asked for is not asked again.
    """
    last = select(CheckIn.id).where(CheckIn.key_result_id == KeyResult.id, CheckIn.draft.is_(False)).order_by(CheckIn.id.desc()).limit(1)
    rows = session.scalars(
        select(CheckIn)
        .join(KeyResult, CheckIn.id == last.correlate(KeyResult).scalar_subquery())
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(CheckIn.decision.in_(ASKED), public(), Objective.closed_at.is_(None), Objective.retired_at.is_(None))
        .where(KeyResult.retired_at.is_(None))
        .order_by(CheckIn.id)
    ).all()
    asked = {row.key_result_id: row.decision or "" for row in rows}
    since = {each.key_result: each.since for each in load_asks(session, asked)}
    known = session.scalars(select(Decision).where(Decision.key_result_id.in_(asked))).all()
    made = 0
    for row in rows:
        begun = since.get(row.key_result_id) or row.created_at
        same = [each for each in known if each.key_result_id == row.key_result_id and each.kind == row.decision]
        if any(each.state in UNSETTLED or each.created_at >= begun or (each.closed_at and each.closed_at >= begun) for each in same):
            continue
        for each in note_ask(session, row, now):
            if each.check_in_id == row.id:
                each.created_at = begun
                made += 1
    return made
