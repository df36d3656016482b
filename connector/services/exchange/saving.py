"""Carries out the plan of an import in one transaction, in bulk: tens of thousands of rows must not hold the write lock for long."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from connector.domain.model import Kind
from connector.services.exchange.known import KeyResultKnown
from connector.services.exchange.plan import Change, NewKeyResult, Plan, before_of, shown
from connector.store import work
from connector.store.tables import Audit, CheckIn, Cycle, KeyResult, Objective, ObjectiveReader, Person, Reading, Team
from connector.store.visibility import DRAFT, READY

T = TypeVar("T")

_CHUNK = 1000
# The columns that a part of a plan rests on: when one of them has changed since, the plan is stale.
_RESTS_ON = {"owner": ("owner_id",), "value": ("current",), "confidence": ("confidence",), "blocker": ("blocker",)}


def rests_on(change: Change) -> dict[str, Any]:
    """The stored values that a change was planned against, by column."""
    row = change.known.row
    columns: set[str] = {"objective_id"}
    for name in change.plan:
        columns.update(_RESTS_ON.get(name, ("kind", "start", "target", "low", "high")))
    return {column: getattr(row, column) for column in columns}


@dataclass(frozen=True, slots=True)
class _Note:
    """What every line that is written says of its origin."""

    actor: str
    reason: str
    source: str
    now: datetime
    epoch: float


def carry_out(session: Session, plan: Plan, *, actor: str, reason: str, source: str, now: datetime, epoch: float) -> None:
    """Write the whole plan: rows, readings, check-ins, audit trail, and the wish to compute what changed.

    ``actor`` and ``reason`` stand in the audit trail; ``source`` is the file or database that readings name.
    """
    note = _Note(actor, reason, source, now, epoch)
    people = _people(session, plan)
    _frame(session, plan, people, note)
    for part in _parts(plan.key_results):
        _insert_key_results(session, part, people, note)
    for changes in _parts(plan.changes):
        _update_key_results(session, changes, people, note)
    work.want(session, KeyResult, [change.known.id for change in plan.changes], epoch)


def _people(session: Session, plan: Plan) -> dict[str, int]:
    if plan.people:
        session.execute(insert(Person), [dict(person) for person in plan.people])
    wanted = any("owner" in change.plan for change in plan.changes) or plan.key_results or plan.teams or plan.objectives
    return {row.email.lower(): row.id for row in session.execute(select(Person.email, Person.id))} if wanted else {}


def _frame(session: Session, plan: Plan, people: Mapping[str, int], note: _Note) -> None:
    """Teams, cycles and objectives."""
    if plan.teams:
        session.execute(
            insert(Team), [{"name": team["name"], "lead_id": people.get(str(team["lead"] or "").lower())} for team in plan.teams]
        )
    if plan.cycles:
        session.execute(insert(Cycle), [dict(cycle) for cycle in plan.cycles])
    if not plan.objectives:
        return
    cycles = {row.name: row.id for row in session.execute(select(Cycle.name, Cycle.id))}
    teams = {row.name: row.id for row in session.execute(select(Team.name, Team.id).where(Team.retired_at.is_(None)))}
    rows = [
        {
            "id": new.known.id,
            "title": new.known.title,
            "position": new.position,
            "cycle_id": cycles[new.known.cycle.name],
            "team_id": teams.get(new.team or ""),
            "pages": [],
            "restricted": new.known.restricted,
            "stage": DRAFT if new.known.draft else READY,
            "closed_at": new.closed_at,
            "created_at": note.now,
        }
        for new in plan.objectives
    ]
    for part in _parts(rows):
        session.execute(insert(Objective), part)
    supports = [{"id": new.known.id, "supports_id": new.supports} for new in plan.objectives if new.supports]
    if supports:  # afterwards: one may support another that came later in the file
        session.execute(update(Objective), supports)
    _insert(
        session,
        ObjectiveReader,
        [{"objective_id": new.known.id, "person_id": people[reader]} for new in plan.objectives for reader in new.readers],
    )
    audits = [_audit(note, "import_create", "objective", new.known.id, None, {"title": new.known.title}) for new in plan.objectives]
    for part in _parts(audits):
        session.execute(insert(Audit), part)


def _insert_key_results(session: Session, part: Sequence[NewKeyResult], people: Mapping[str, int], note: _Note) -> None:
    _insert(
        session,
        KeyResult,
        [
            {
                **new.columns,
                "id": new.id,
                "objective_id": new.objective,
                "title": new.title,
                "owner_id": people.get(new.owner.lower()),
                "created_at": note.now,
                "wanted": 1,
                "first_at": note.epoch,
                "ready_at": note.epoch,
            }
            for new in part
        ],
    )
    _insert(session, Reading, [_reading_of(new.id, new.plan["value"], None, note) for new in part if "value" in new.plan])
    _insert(session, CheckIn, [imported_check_in(new.id, new.plan, None, note.now) for new in part if _speaks(new.plan)])
    _insert(
        session,
        Audit,
        [
            _audit(note, "import_create", "key_result", new.id, None, {name: shown(value) for name, value in new.plan.items()})
            for new in part
        ],
    )


def _update_key_results(session: Session, part: Sequence[Change], people: Mapping[str, int], note: _Note) -> None:
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in part:
        columns = _columns(change, people)
        if columns:
            by_columns.setdefault(tuple(columns), []).append({"id": change.known.id, **columns})
    for rows in by_columns.values():
        session.execute(update(KeyResult), rows)
    values = [change for change in part if "value" in change.plan]
    _insert(session, Reading, [_reading_of(each.known.id, each.plan["value"], each.known.row.current, note) for each in values])
    _insert(session, CheckIn, [imported_check_in(each.known.id, each.plan, each.known, note.now) for each in part if _speaks(each.plan)])
    _insert(session, Audit, [_changed(change, note) for change in part])


def _columns(change: Change, people: Mapping[str, int]) -> dict[str, Any]:
    between = change.known.row.kind == Kind.BETWEEN
    names = {"start": "low", "target": "high"} if between else {"start": "start", "target": "target"}
    columns = {names[name]: change.plan[name] for name in ("start", "target") if name in change.plan}
    if "owner" in change.plan:
        columns["owner_id"] = people[change.plan["owner"].lower()]
    return columns


def _changed(change: Change, note: _Note) -> dict[str, Any]:
    before = before_of(change.known)
    old = {name: shown(before[name]) for name in change.plan}
    new = {name: shown(value) for name, value in change.plan.items()}
    if change.late:
        new["late"] = change.late
    return _audit(note, "import", "key_result", change.known.id, old, new)


def _reading_of(key_result: str, value: float, previous: float | None, note: _Note) -> dict[str, Any]:
    return imported_reading(key_result, value, previous, actor=note.actor, source=note.source, now=note.now)


def imported_reading(key_result: str, value: float, previous: float | None, *, actor: str, source: str, now: datetime) -> dict[str, Any]:
    """The columns of a reading that came with a table; ``source`` names it."""
    return {
        "key_result_id": key_result,
        "value": value,
        "previous": previous,
        "kind": "import",
        "as_of": now,
        "day": now.date(),
        "recorded_at": now,
        "actor": actor,
        "source": {"file": source},
    }


def _speaks(plan: Mapping[str, Any]) -> bool:
    return "confidence" in plan or "blocker" in plan


def imported_check_in(key_result: str, plan: Mapping[str, Any], known: KeyResultKnown | None, now: datetime) -> dict[str, Any]:
    """The columns of an update that came with a table. Without a value of its own: the reading carries it.

    Movement is measured against the owner's last number.
    """
    row = known.row if known is not None else None
    return {
        "key_result_id": key_result,
        "author_id": None,
        "value": None,
        "confidence": plan.get("confidence", row.confidence if row is not None else None),
        "blocker": plan.get("blocker", row.blocker if row is not None else None),
        "decision": row.decision_needed if row is not None else None,
        "comment": None,
        "movement": row.movement if row is not None else None,
        "as_of": now,
        "delayed": False,
        "draft": False,
        "created_at": now,
        "source": "import",
        "source_id": secrets.token_hex(12),
    }


def _audit(note: _Note, action: str, entity: str, ident: str, before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": note.now,
        "actor": note.actor,
        "action": action,
        "entity": entity,
        "entity_id": ident,
        "before": before,
        "after": after,
        "reason": note.reason,
    }


def _insert(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table.__table__), rows)


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
