"""Cycles: listed with what they hold, made, changed and retired by people. Starting one is ``readiness``'s, copying one ``copying``'s.

A cycle that was not started is scheduled: its objectives are shown as such on our pages, and no host shows anything of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, case, distinct, func, select
from sqlalchemy.orm import Session

from connector.domain.changes import reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare import reading
from connector.services.declare.aftermath import WorkToDo
from connector.services.declare.reading import Fields
from connector.services.plan import saving
from connector.services.plan.saving import Saved, View
from connector.store.tables import Cycle, KeyResult, Objective
from connector.store.visibility import DRAFT, visible

ENTITY = "cycle"
RUNNING, SCHEDULED, NEXT, PAST = "running", "scheduled", "next", "past"
LONGEST_NAME = 60
_WORDS = {"name": "name", "start": "first day", "end": "last day"}


@dataclass(frozen=True, slots=True)
class CycleEntry:
    """A cycle with what the viewer may know of in it. ``drafts`` are objectives, ``scheduled`` means: not started."""

    id: int
    name: str
    start: date
    end: date
    started_at: datetime | None
    objectives: int
    drafts: int
    key_results: int

    @property
    def started(self) -> bool:
        """Whether somebody has started it."""
        return self.started_at is not None

    def phase(self, today: date) -> str:
        """ "running", "scheduled" (nobody has started it), "next" (started, its first day is to come) or "past"."""
        if self.end < today:
            return PAST
        if not self.started:
            return SCHEDULED
        return RUNNING if self.start <= today else NEXT


def cycles(session: Session, viewer: Viewer) -> list[CycleEntry]:
    """All cycles, the latest first, in one statement. Counts are of what the viewer may know of."""
    rows = session.execute(
        select(
            Cycle,
            func.count(distinct(Objective.id)),
            func.count(distinct(case((Objective.stage == DRAFT, Objective.id)))),
            func.count(KeyResult.id),
        )
        .select_from(Cycle)
        .outerjoin(Objective, and_(Objective.cycle_id == Cycle.id, Objective.retired_at.is_(None), visible(viewer)))
        .outerjoin(KeyResult, and_(KeyResult.objective_id == Objective.id, KeyResult.retired_at.is_(None)))
        .where(Cycle.retired_at.is_(None))
        .group_by(Cycle.id)
        .order_by(Cycle.start.desc(), Cycle.end.desc(), Cycle.name)
    )
    return [
        CycleEntry(row.id, row.name, row.start, row.end, row.started_at, objectives, drafts, key_results)
        for row, objectives, drafts, key_results in rows
    ]


def view_of(row: Cycle) -> View:
    """A cycle in the words of the file of ``apply``."""
    return {"name": row.name, "start": row.start.isoformat(), "end": row.end.isoformat()}


def find(session: Session, name: str | int) -> Cycle:
    """The cycle of that name (or id), if it is not retired. Raises ``NotFound``."""
    column = Cycle.id if isinstance(name, int) else Cycle.name
    row = session.scalar(select(Cycle).where(column == name, Cycle.retired_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no cycle {name!r}")
    return row


def load(runtime: Runtime, viewer: Viewer, name: str | int) -> Saved:
    """A cycle as it is, for a form. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        row = find(session, name)
        return Saved(row.name, view_of(row))


def create(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Saved:
    """Make a cycle from ``name``, ``start`` and ``end`` (days, both included). It is scheduled until somebody starts it.

    Raises ``Faults``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        wanted = _read(session, given, None)
        row = session.scalar(select(Cycle).where(Cycle.name == wanted["name"]))
        revived = row is not None
        if row is None:
            row = Cycle(name=wanted["name"])
            session.add(row)
        row.start, row.end, row.retired_at, row.started_at = wanted["start"], wanted["end"], None, None
        session.flush()
        record(session, viewer, runtime.now(), "revive" if revived else "create", ENTITY, row.name, after=view_of(row))
        return Saved(row.name, view_of(row), remarks=_overlaps(session, row))


def update(
    runtime: Runtime,
    viewer: Viewer,
    name: str | int,
    given: Mapping[str, Any],
    *,
    version: str | None = None,
    reason: str | None = None,
) -> Saved:
    """Change name or days; what ``given`` leaves out stays. Once it is started that needs a reason: other days change what is expected.

    Raises ``Faults``, ``InputError`` (where "reason"), ``Stale`` when somebody saved after ``version``, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row = find(session, name)
        before = view_of(row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        wanted = _read(session, {**before, **given}, row)
        after = {"name": wanted["name"], "start": wanted["start"].isoformat(), "end": wanted["end"].isoformat()}
        changed = tuple(_WORDS[key] for key in after if before[key] != after[key])
        why = reason_text(reason, changed if row.started_at is not None else ())
        if not changed:
            return Saved(row.name, before)
        touch(session, work, row.id)
        row.name, row.start, row.end = wanted["name"], wanted["start"], wanted["end"]
        record(session, viewer, runtime.now(), "update", ENTITY, row.name, before=before, after=after, reason=why)
        session.flush()
        remarks = _overlaps(session, row)
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return Saved(after["name"], after, changed, remarks=remarks)


def retire(runtime: Runtime, viewer: Viewer, name: str | int, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a cycle that holds no objective. Raises ``Conflict`` for one that does, ``NotFound``, ``Stale``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        before = view_of(row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        why = reason_text(reason, ())
        if session.scalar(select(Objective.id).where(Objective.cycle_id == row.id, Objective.retired_at.is_(None)).limit(1)) is not None:
            raise Conflict(f"the cycle {row.name} holds objectives; move or retire them first")
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", ENTITY, row.name, before=before, reason=why)


def touch(session: Session, work: WorkToDo, cycle_id: int) -> None:
    """Everything in the cycle is computed again, and what shows it written again."""
    objectives = session.scalars(select(Objective).where(Objective.cycle_id == cycle_id, Objective.retired_at.is_(None))).all()
    held = [each.id for each in objectives]
    ids = session.scalars(select(KeyResult.id).where(KeyResult.objective_id.in_(held), KeyResult.retired_at.is_(None)))
    saving.touch(session, work, ids, objectives)


def _read(session: Session, given: Mapping[str, Any], row: Cycle | None) -> dict[str, Any]:
    notes = saving.new_notes()
    fields = Fields(notes, {key: value for key, value in given.items() if value != ""}, "")
    name = fields.take("name", _name, missing="; enter a name such as 2027-Q1")
    start = fields.take("start", reading.day, missing="; enter the first day, such as 2026-10-01")
    end = fields.take("end", reading.day, missing="; enter the last day, such as 2026-12-31")
    if start and end and end < start:
        notes.add(f"the last day ({end}) is before the first day ({start})", "end")
    if name is not None:
        taken = session.scalar(select(Cycle.id).where(Cycle.name == name, Cycle.retired_at.is_(None)))
        if row is not None:  # a retired one keeps its name too
            taken = session.scalar(select(Cycle.id).where(Cycle.name == name, Cycle.id != row.id))
        if taken is not None:
            notes.add(f"another cycle is called {name}; choose another name", "name")
    saving.raise_noted(notes)
    return {"name": name, "start": start, "end": end}


def _name(value: Any, where: str) -> str:
    found = saving.title(value, where)
    if len(found) > LONGEST_NAME:
        raise InputError(f"is longer than {LONGEST_NAME} characters", where=where)
    if "/" in found:
        raise InputError("must hold no /: the name is part of addresses", where=where)
    return found


def _overlaps(session: Session, row: Cycle) -> tuple[str, ...]:
    others = session.scalars(
        select(Cycle.name)
        .where(Cycle.id != row.id, Cycle.retired_at.is_(None), Cycle.start <= row.end, Cycle.end >= row.start)
        .order_by(Cycle.start)
    ).all()
    return (f"Its days overlap with {' and '.join(others)}.",) if others else ()
