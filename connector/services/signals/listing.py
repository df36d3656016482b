"""Signals as pages and the API list them: only what the viewer may know of, newest first and never ranked by size (R042)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select, true
from sqlalchemy.orm import Session, aliased

from connector.domain.rights import Act, Viewer
from connector.domain.signals import KINDS
from connector.services.check_ins.rights import updatable
from connector.services.signals.dismissing import may_dismiss
from connector.services.signals.held import waiting_value
from connector.store.reads.paging import after, cut
from connector.store.tables import HeldValue, KeyResult, Objective, Person, Signal, Team
from connector.store.visibility import visible


@dataclass(frozen=True, slots=True)
class Filters:
    """What to list; "" and None do not narrow. ``dismissed``: those that were waved away instead of those that stand."""

    kind: str = ""
    key_result: str = ""
    team: str = ""
    mine: bool = False
    dismissed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One signal. ``key_result`` None: it is about ``subject``. ``may_dismiss``: the viewer's role allows it."""

    id: int
    kind: str
    title: str
    sentence: str
    numbers: dict[str, Any]
    subject: str
    key_result: str | None
    key_result_title: str
    team: str
    seen_at: datetime
    changed_at: datetime
    dismissed_at: datetime | None
    dismissed_by: str
    dismissed_reason: str
    may_dismiss: bool


@dataclass(frozen=True, slots=True)
class OfKeyResult:
    """What a key result's page shows: what stands, what was waved away, and the value that waits for a word."""

    standing: tuple[Line, ...]
    dismissed: tuple[Line, ...]
    held: HeldValue | None
    may_settle: bool


def _query(viewer: Viewer) -> Select[*tuple[Any, ...]]:
    dismisser = aliased(Person)
    about_forums = true() if viewer.may(Act.WRITE) or viewer.may(Act.SIGN_OFF) else Signal.key_result_id.is_not(None)
    return (
        select(Signal, KeyResult.title, KeyResult.owner_id, Team.name.label("team"), dismisser.name.label("dismisser"))
        .outerjoin(KeyResult, KeyResult.id == Signal.key_result_id)
        .outerjoin(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(dismisser, dismisser.id == Signal.dismissed_by_id)
        .where(
            Signal.ended_at.is_(None),
            about_forums,
            or_(
                Signal.key_result_id.is_(None),
                and_(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer)),
            ),
        )
    )


def listed(session: Session, viewer: Viewer, filters: Filters, cursor: str | None = None, limit: int = 50) -> tuple[list[Line], str | None]:
    """One page of signals, and the cursor of the next. Raises ``InputError`` for a bad cursor or limit."""
    query = _query(viewer).where(Signal.dismissed_at.is_not(None) if filters.dismissed else Signal.dismissed_at.is_(None))
    if filters.kind:
        query = query.where(Signal.kind == filters.kind)
    if filters.key_result:
        query = query.where(Signal.key_result_id == filters.key_result)
    if filters.team:
        query = query.where(Team.name == filters.team)
    if filters.mine:
        query = query.where(KeyResult.owner_id == (viewer.person_id or 0))
    rows = session.execute(after(query, (Signal.id,), (int,), cursor, limit, newest_first=True)).all()
    shown, following = cut(rows, limit, lambda row: (row.Signal.id,))
    return _lines(session, viewer, shown), following


def of_key_result(session: Session, viewer: Viewer, ident: str) -> OfKeyResult:
    """What the work says of one key result that the viewer may know of, oldest first."""
    lines = _lines(session, viewer, session.execute(_query(viewer).where(Signal.key_result_id == ident).order_by(Signal.id)).all())
    held = waiting_value(session, ident)
    return OfKeyResult(
        tuple(line for line in lines if line.dismissed_at is None),
        tuple(line for line in lines if line.dismissed_at is not None),
        held,
        held is not None and bool(updatable(session, viewer, [ident])),
    )


def one(session: Session, viewer: Viewer, signal_id: int) -> Line | None:
    """One signal that stands and that the viewer may know of."""
    lines = _lines(session, viewer, session.execute(_query(viewer).where(Signal.id == signal_id)).all())
    return lines[0] if lines else None


def teams(session: Session, viewer: Viewer) -> list[str]:
    """The teams of which something stands, for a filter."""
    names = session.scalars(_query(viewer).where(Team.name.is_not(None)).with_only_columns(Team.name).distinct())
    return sorted(names, key=str.casefold)


def _lines(session: Session, viewer: Viewer, rows: Any) -> list[Line]:
    mine = may_dismiss(session, viewer, [row.Signal.key_result_id for row in rows if row.Signal.key_result_id])
    every = viewer.may(Act.WRITE) or viewer.may(Act.SIGN_OFF)
    return [
        Line(
            row.Signal.id,
            row.Signal.kind,
            KINDS.get(row.Signal.kind, row.Signal.kind),
            row.Signal.sentence,
            dict(row.Signal.numbers),
            row.Signal.subject,
            row.Signal.key_result_id,
            row.title or "",
            row.team or "",
            row.Signal.seen_at,
            row.Signal.changed_at,
            row.Signal.dismissed_at,
            row.dismisser or "",
            row.Signal.dismissed_reason,
            row.Signal.kind != "value_held" and (row.Signal.key_result_id in mine if row.Signal.key_result_id else every),
        )
        for row in rows
    ]
