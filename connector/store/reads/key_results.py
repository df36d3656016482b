"""Key results in the API's shape. One statement per page; a detail adds its readings and check-ins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.store.reads.paging import Page, after, cut, moment_text, share
from connector.store.tables import CheckIn, Connection, Cycle, KeyResult, Mapping, Objective, Person, Reading, Team
from connector.store.visibility import visible

LATEST = 50  # readings and check-ins that a detail shows
_SOURCE = ("kind", "connection", "items", "done", "total")
_SOURCE_MORE = ("without_number", "wont_do", "unknown", "broken")
_ORDER = (Objective.position, Objective.id, KeyResult.position, KeyResult.id)
_KINDS = (int, str, int, str)


def _query(viewer: Viewer) -> Select[*tuple[Any, ...]]:
    # The oldest of the connections that feed the value; unknown as long as one of them was never read.
    read_at = (
        select(case((func.count() == func.count(Connection.last_success_at), func.min(Connection.last_success_at))))
        .select_from(Mapping)
        .join(Connection, Connection.id == Mapping.connection_id)
        .where(Mapping.key_result_id == KeyResult.id, Mapping.mode == "value", Mapping.retired_at.is_(None))
        .scalar_subquery()
    )
    return (
        select(KeyResult, Objective.position, Person.email, read_at.label("read_at"))
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    )


def key_results_page(
    session: Session,
    viewer: Viewer,
    cursor: str | None = None,
    limit: int = 50,
    *,
    objective: str | None = None,
    owner: str | None = None,
    state: str | None = None,
    cycle: str | None = None,
    team: str | None = None,
) -> Page:
    """Key results that the viewer may know of, in the order of their objectives.

    Filters: objective id, owner's e-mail, state, cycle's and team's name.

    Raises ``InputError`` for a bad cursor or limit.
    """
    query = _query(viewer)
    if objective is not None:
        query = query.where(KeyResult.objective_id == objective)
    if owner is not None:
        query = query.where(Person.email == owner.strip().lower())
    if state is not None:
        query = query.where(KeyResult.state == state)
    if cycle is not None:
        query = query.join(Cycle, Cycle.id == Objective.cycle_id).where(Cycle.name == cycle)
    if team is not None:
        query = query.join(Team, Team.id == Objective.team_id).where(Team.name == team)
    rows = session.execute(after(query, _ORDER, _KINDS, cursor, limit)).all()
    shown, following = cut(rows, limit, lambda row: (row[1], row[0].objective_id, row[0].position, row[0].id))
    return Page([_shape(row[0], row[2], row[3]) for row in shown], following)


def key_result_detail(session: Session, viewer: Viewer, key_result_id: str) -> dict[str, Any] | None:
    """One key result with its latest readings and check-ins, newest first; None when the viewer knows of none.

    ``sources`` (one entry per mapping) are added by ``connector.services.explain``: they need the mapping rules.
    """
    row = session.execute(_query(viewer).where(KeyResult.id == key_result_id)).one_or_none()
    if row is None:
        return None
    detail = _shape(row[0], row[2], row[3])
    readings = session.scalars(select(Reading).where(Reading.key_result_id == key_result_id).order_by(Reading.id.desc()).limit(LATEST))
    detail["readings"] = [_reading(entry) for entry in readings]
    check_ins = session.execute(
        select(CheckIn, Person.email)
        .outerjoin(Person, Person.id == CheckIn.author_id)
        .where(CheckIn.key_result_id == key_result_id)
        .order_by(CheckIn.id.desc())
        .limit(LATEST)
    )
    detail["check_ins"] = [_check_in(entry, email) for entry, email in check_ins]
    return detail


def _shape(row: KeyResult, owner: str | None, read_at: Any) -> dict[str, Any]:
    source = row.source or {}
    return {
        "id": row.id,
        "title": row.title,
        "objective": row.objective_id,
        "owner": owner,
        "kind": row.kind,
        "unit": row.unit,
        "start": row.start,
        "target": row.target,
        "current": row.current,
        "progress": share(row.progress),
        "raw_progress": share(row.raw_progress),
        "expected": share(row.expected),
        "state": row.state,
        "reasons": list(row.reasons or ()),
        "movement": row.movement,
        "confidence": row.confidence,
        "as_of": moment_text(row.as_of),
        "updated_at": moment_text(row.updated_at),
        "source": {name: source.get(name) for name in _SOURCE}
        | {"read_at": moment_text(read_at)}
        | {name: source.get(name) for name in _SOURCE_MORE},
        "blocker": row.blocker,
        "decision_needed": row.decision_needed,
        "low": row.low,
        "high": row.high,
        "weight": row.weight,
        "cadence": row.cadence,
        "flags": list(row.flags or ()),
    }


def _reading(row: Reading) -> dict[str, Any]:
    return {
        "id": row.id,
        "value": row.value,
        "previous": row.previous,
        "kind": row.kind,
        "as_of": moment_text(row.as_of),
        "recorded_at": moment_text(row.recorded_at),
        "actor": row.actor,
        "source": row.source or {},
    }


def _check_in(row: CheckIn, author: str | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "author": author,
        "value": row.value,
        "confidence": row.confidence,
        "blocker": row.blocker,
        "decision": row.decision,
        "comment": row.comment,
        "movement": row.movement,
        "as_of": moment_text(row.as_of),
        "delayed": row.delayed,
        "draft": row.draft,
        "late": row.late,
        "created_at": moment_text(row.created_at),
        "source": row.source,
        "doubt": None,  # sealed; opened above the store for those who may read it
        "blocker_link": row.blocker_link,
    }
