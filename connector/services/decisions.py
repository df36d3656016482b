"""Decisions: what updates ask for and leads decide, from the question to "done" or "dropped".

Asked when an update asks for something and no such question is open; dropped again when the next update withdraws what nobody took up.
Where they are shown and edited is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from connector.domain.model import DecisionKind
from connector.domain.okr_columns import DECISION_OPTIONS, DECISION_STATES
from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.services.changes import record
from connector.services.plan.saving import title as checked_title
from connector.store.tables import Audit, CheckIn, Cycle, Decision, KeyResult, Objective, Person
from connector.store.visibility import public, visible

ASKED, OPEN, DONE, DROPPED = DECISION_STATES
UNSETTLED = (ASKED, OPEN)
WITHDRAWN = "withdrawn: the next update asks for nothing of this kind"
LONGEST_TITLE, LONGEST_OUTCOME = 300, 2000
_ASKS = {
    "budget": "Budget needed",
    "approval": "Faster approval needed",
    "scope": "Less scope needed",
    "headcount": "Headcount needed",
    "other": "A decision is needed",
}
_FIELDS = ("title", "kind", "owner_id", "due", "state", "outcome", "key_result_id")


@dataclass(frozen=True, slots=True)
class OpenDecision:
    """A decision that is asked for or under way, as lists show it. ``owner``: a name, "" while nobody took it up."""

    id: int
    key_result: str
    key_result_title: str
    title: str
    kind: str
    state: str
    owner: str
    due: date | None
    asked_at: datetime


def note_ask(session: Session, check_in: CheckIn, now: datetime) -> list[Decision]:
    """What an update that counts, or its amendment, asks for. Returns the decisions that are new or changed by it.

    An ask that stands open already is not asked twice; one that this update withdraws, and nobody took up, is dropped with the reason.
    """
    kind = check_in.decision or DecisionKind.NONE.value
    unsettled = session.scalars(
        select(Decision).where(Decision.key_result_id == check_in.key_result_id, Decision.state.in_(UNSETTLED)).order_by(Decision.id)
    ).all()
    changed: list[Decision] = []
    for row in unsettled:
        if row.kind != kind and row.state == ASKED and row.check_in_id is not None and row.owner_id is None and row.due is None:
            row.state, row.outcome, row.closed_at = DROPPED, WITHDRAWN, now
            _note(session, row, "update", {"state": ASKED}, {"state": DROPPED}, now, reason=WITHDRAWN)
            changed.append(row)
    if kind == DecisionKind.NONE or any(row.kind == kind and row.state in UNSETTLED for row in unsettled):
        return changed
    title = session.scalar(select(KeyResult.title).where(KeyResult.id == check_in.key_result_id)) or check_in.key_result_id
    made = Decision(
        key_result_id=check_in.key_result_id,
        check_in_id=check_in.id,
        kind=kind,
        title=f"{_ASKS.get(kind, _ASKS['other'])}: {title}"[:LONGEST_TITLE],
        asked_by_id=check_in.author_id,
        source="check_in",
        state=ASKED,
        created_at=now,
    )
    session.add(made)
    session.flush()
    _note(session, made, "create", None, view(session, made), now)
    return [*changed, made]


def view(session: Session, row: Decision) -> dict[str, Any]:
    """A decision as the audit trail says it."""
    return {
        "title": row.title,
        "kind": row.kind,
        "key_result": row.key_result_id,
        "owner": session.scalar(select(Person.email).where(Person.id == row.owner_id)) if row.owner_id is not None else None,
        "due": row.due.isoformat() if row.due else None,
        "state": row.state,
        "outcome": row.outcome,
    }


def change(session: Session, viewer: Viewer, row: Decision, given: Mapping[str, Any], now: datetime) -> bool:
    """Change what was given of a decision; the caller has looked at the right. True when something is different now.

    Raises ``InputError`` at the field: an open one has an owner and a due date (R061).
    """
    values = {name: _checked(name, value) for name, value in given.items()}
    after = {name: values.get(name, getattr(row, name)) for name in _FIELDS}
    if after["state"] == OPEN:
        _require_taken_up(after)
    before = view(session, row)
    for name, value in values.items():
        setattr(row, name, value)
    if row.state in UNSETTLED:
        row.closed_at = None
    elif before["state"] in UNSETTLED or row.closed_at is None:
        row.closed_at = now
    return record(session, viewer, now, "update", "decision", str(row.id), before=before, after=view(session, row))


def create(session: Session, viewer: Viewer, given: Mapping[str, Any], now: datetime, *, source: str = "") -> Decision:
    """A decision that somebody enters; the caller has looked at the right. Raises ``InputError`` at the field."""
    values = {name: _checked(name, value) for name, value in given.items()}
    for name in ("title", "key_result_id"):
        if not values.get(name):
            raise InputError("is needed", where=name)
    if values.get("state") == OPEN:
        _require_taken_up(values)
    row = Decision(**values, source=source, asked_by_id=viewer.person_id, created_at=now)
    row.kind, row.state, row.outcome = values.get("kind") or "other", values.get("state") or ASKED, values.get("outcome") or ""
    row.closed_at = None if row.state in UNSETTLED else now
    session.add(row)
    session.flush()
    record(session, viewer, now, "create", "decision", str(row.id), after=view(session, row))
    return row


def open_decisions(
    session: Session, viewer: Viewer | None = None, *, hosts: bool = False, key_results: Collection[str] | None = None
) -> Sequence[OpenDecision]:
    """What is asked for or under way: those with a day first, by day, then the oldest.

    ``viewer`` None: everything; ``hosts``: only what hosts may show to all who read there. ``key_results``: only of these.
    """
    conditions: list[ColumnElement[bool]] = [KeyResult.retired_at.is_(None), Objective.retired_at.is_(None)]
    if viewer is not None:
        conditions.append(visible(viewer))
    if hosts:
        conditions.append(public())
    if key_results is not None:
        conditions.append(KeyResult.id.in_(key_results))
    rows = session.execute(
        select(Decision, KeyResult.title, Person.name)
        .join(KeyResult, KeyResult.id == Decision.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == Decision.owner_id)
        .where(Decision.state.in_(UNSETTLED), *conditions)
        .order_by(Decision.due.is_(None), Decision.due, Decision.id)
    ).all()
    return [
        OpenDecision(row.id, row.key_result_id, title, row.title, row.kind, row.state, name or "", row.due, row.created_at)
        for row, title, name in rows
    ]


def _checked(name: str, value: Any) -> Any:
    if name == "title":
        found = checked_title(value or "", name)
        if len(found) > LONGEST_TITLE:
            raise InputError(f"has {len(found)} characters; {LONGEST_TITLE} are the most", where=name)
        return found
    if name == "outcome":
        text = str(value or "").strip()
        if len(text) > LONGEST_OUTCOME:
            raise InputError(f"has {len(text)} characters; {LONGEST_OUTCOME} are the most", where=name)
        return text
    if name in ("kind", "state"):
        options = DECISION_OPTIONS[1:] if name == "kind" else DECISION_STATES
        word = str(value or options[-1 if name == "kind" else 0]).strip().lower()
        if word not in options:
            raise InputError(f"choose one of {', '.join(options)}", where=name)
        return word
    if name in ("owner_id", "due", "key_result_id"):
        return value
    raise InputError(f"a decision has no such field; it has {', '.join(_FIELDS)}", where=name)


def _require_taken_up(values: Mapping[str, Any]) -> None:
    lacking = [word for name, word in (("owner_id", "an owner"), ("due", "a due date")) if not values.get(name)]
    if lacking:
        raise InputError(f"an open decision has {' and '.join(lacking)}; enter {'both' if len(lacking) > 1 else 'it'} first", where="state")


def _note(
    session: Session, row: Decision, action: str, before: dict[str, Any] | None, after: dict[str, Any], now: datetime, reason: str = ""
) -> None:
    session.add(
        Audit(at=now, actor="system", action=action, entity="decision", entity_id=str(row.id), before=before, after=after, reason=reason)
    )
