"""The list of key results with their verdicts and the state of their wording, page by page, for champions and those who write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.services.plan.quality import Judged, judge_stored
from connector.services.plan.sign_offs import RETURNED, SIGNED, Word, last_words, state_of
from connector.store.tables import Cycle, KeyResult, Objective, Person, SignOff
from connector.store.visibility import DRAFT, visible

PER_PAGE = 50
NOT_JUDGED, REWORDED = "not judged", "reworded"
STATES = (NOT_JUDGED, RETURNED, REWORDED, SIGNED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key result of the list."""

    id: str
    title: str
    objective: str
    objective_title: str
    cycle: str
    owner: str
    draft: bool
    judged: Judged
    state: str
    word: Word | None


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """One page of the list; ``total`` key results in ``pages`` pages."""

    entries: Sequence[Entry]
    page: int
    pages: int
    total: int


def judged_page(
    session: Session, viewer: Viewer, now: datetime, zone: Any, *, cycle: str | None = None, state: str | None = None, page: int = 1
) -> JudgedPage:
    """A page of what the viewer may know of, in the order of the plan. Raises ``InputError`` for a state that is none."""
    last = select(SignOff.key_result_id, func.max(SignOff.id).label("id")).group_by(SignOff.key_result_id).subquery()
    query = (
        select(KeyResult.id, KeyResult.title, Objective.id.label("objective"), Objective.title.label("above"), Objective.stage)
        .add_columns(Cycle.name.label("cycle"), Person.name.label("owner"))
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .outerjoin(last, last.c.key_result_id == KeyResult.id)
        .outerjoin(SignOff, SignOff.id == last.c.id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), Objective.closed_at.is_(None), visible(viewer))
    )
    if cycle is not None:
        query = query.where(Cycle.name == cycle)
    if state is not None:
        query = query.where(_in_state(state))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(page, 1), pages)
    ordered = query.order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    rows = session.execute(ordered.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    ids = [row.id for row in rows]
    judged, words = judge_stored(session, ids, now, zone), last_words(session, ids)
    entries = [
        Entry(
            row.id,
            row.title,
            row.objective,
            row.above,
            row.cycle,
            row.owner or "",
            row.stage == DRAFT,
            judged[row.id],
            state_of(words.get(row.id), row.title),
            words.get(row.id),
        )
        for row in rows
    ]
    return JudgedPage(entries, page, pages, total)


def _in_state(state: str) -> Any:
    if state == NOT_JUDGED:
        return SignOff.id.is_(None)
    if state == REWORDED:
        return SignOff.title != KeyResult.title
    if state not in (SIGNED, RETURNED):
        raise InputError(f"choose one of {', '.join(STATES)}", where="state")
    return and_(SignOff.verdict == state, SignOff.title == KeyResult.title)
