"""Objectives in the API's shape: progress, coverage and the one state come from their key results by the domain's rules.

Two statements per page: the objectives, and what their key results say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session, aliased

from connector.domain.model import State
from connector.domain.rights import Viewer
from connector.domain.rollup import coverage_text, objective_progress, weakest_state
from connector.domain.scoring import shown_progress
from connector.store.reads.paging import Page, after, cut, moment_text, share
from connector.store.tables import Cycle, KeyResult, Objective, Team
from connector.store.visibility import visible

_Child = tuple[str, float | None, float, str]  # id, progress, weight, state


def _query(viewer: Viewer) -> Select[*tuple[Any, ...]]:
    above = aliased(Objective)
    return (
        select(Objective, Cycle.name, Team.name, above.id.label("supports"))
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(above, and_(above.id == Objective.supports_id, above.retired_at.is_(None), visible(viewer, above)))
        .where(Objective.retired_at.is_(None), visible(viewer))
    )


def objectives_page(
    session: Session, viewer: Viewer, cursor: str | None = None, limit: int = 50, *, cycle: str | None = None, team: str | None = None
) -> Page:
    """Objectives that the viewer may know of, in their order.

    Filters: cycle's and team's name. Raises ``InputError`` for a bad cursor or limit."""
    query = _query(viewer)
    if cycle is not None:
        query = query.where(Cycle.name == cycle)
    if team is not None:
        query = query.where(Team.name == team)
    rows = session.execute(after(query, (Objective.position, Objective.id), (int, str), cursor, limit)).all()
    shown, following = cut(rows, limit, lambda row: (row[0].position, row[0].id))
    return Page(_shapes(session, shown), following)


def objective_detail(session: Session, viewer: Viewer, objective_id: str) -> dict[str, Any] | None:
    """One objective; None when the viewer knows of none."""
    shapes = _shapes(session, session.execute(_query(viewer).where(Objective.id == objective_id)).all())
    return shapes[0] if shapes else None


def _shapes(session: Session, rows: Sequence[Any]) -> list[dict[str, Any]]:
    children: dict[str, list[_Child]] = {row[0].id: [] for row in rows}
    for objective_id, name, progress, weight, state in session.execute(
        select(KeyResult.objective_id, KeyResult.id, KeyResult.progress, KeyResult.weight, KeyResult.state)
        .where(KeyResult.objective_id.in_(children), KeyResult.retired_at.is_(None))
        .order_by(KeyResult.position, KeyResult.id)
    ):
        children[objective_id].append((name, progress, weight, state))
    return [_shape(row[0], row[1], row[2], row[3], children[row[0].id]) for row in rows]


def _shape(row: Objective, cycle: str, team: str | None, supports: str | None, children: Sequence[_Child]) -> dict[str, Any]:
    rollup = objective_progress([(progress, weight) for _, progress, weight, _ in children])
    return {
        "id": row.id,
        "title": row.title,
        "cycle": cycle,
        "team": team,
        "supports": supports,
        "progress": share(shown_progress(rollup.progress)),
        "coverage": coverage_text(rollup),
        "reporting": rollup.reporting,
        "total": rollup.total,
        "state": State.CLOSED.value if row.closed_at else weakest_state(State(state) for *_, state in children).value,
        "key_results": [name for name, *_ in children],
        "closed_at": moment_text(row.closed_at),
        "stage": row.stage,
        "restricted": row.restricted,
    }
