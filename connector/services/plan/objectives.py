"""Objectives: made, changed, moved and retired by people. One transaction each; what shows them is written anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session, aliased

from connector.domain.changes import needs_reason, reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.plan import saving
from connector.services.plan.objectives_reading import HIDDEN, ObjectiveValues, read
from connector.services.plan.saving import Saved, View
from connector.store.tables import Connection, Cycle, KeyResult, Objective, ObjectiveReader, Person, Team
from connector.store.visibility import DRAFT, visible

ENTITY = "objective"


def view_of(session: Session, viewer: Viewer, row: Objective) -> View:
    """An objective in the words of the file of ``apply``. A supported objective that the viewer may not know of is not named."""
    above = aliased(Objective)
    names = session.execute(
        select(Cycle.name.label("cycle"), Team.name.label("team"), above.id.label("supports"))
        .select_from(Objective)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(above, and_(above.id == Objective.supports_id, visible(viewer, above)))
        .where(Objective.id == row.id)
    ).one()
    connections = {each.id: each.name for each in session.execute(select(Connection.id, Connection.name))} if row.pages else {}
    return {
        "title": row.title,
        "cycle": names.cycle,
        "team": names.team,
        "supports": HIDDEN if row.supports_id is not None and names.supports is None else row.supports_id,
        "panels": [{"connection": connections.get(page["connection"], ""), "page": page["ref"]} for page in row.pages or ()],
        "stage": row.stage,
        "restricted": row.restricted,
        "readers": _readers(session, row.id) if row.restricted else [],
    }


def _readers(session: Session, ident: str) -> list[str]:
    query = select(Person.email).join(ObjectiveReader, ObjectiveReader.person_id == Person.id).where(ObjectiveReader.objective_id == ident)
    return list(session.scalars(query.order_by(Person.email)))


def find(session: Session, viewer: Viewer, ident: str) -> Objective:
    """The objective, if it exists, is not retired and the viewer may know of it. Raises ``NotFound``."""
    row = session.scalar(select(Objective).where(Objective.id == ident, Objective.retired_at.is_(None), visible(viewer)))
    if row is None:
        raise NotFound(f"there is no objective {ident!r}")
    return row


def load(runtime: Runtime, viewer: Viewer, ident: str) -> Saved:
    """An objective as it is, for a form. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        row = find(session, viewer, ident)
        return Saved(row.id, view_of(session, viewer, row))


def create(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Saved:
    """Make an objective. ``given`` has the words of the file of ``apply``; ``id`` is made from the title when it is not said.

    Raises ``Faults`` with all errors at their fields, ``Forbidden``.
    """
    work = WorkToDo()
    with runtime.store.write() as session:
        saved = add(session, runtime, viewer, given, work)
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return saved


def add(session: Session, runtime: Runtime, viewer: Viewer, given: Mapping[str, Any], work: WorkToDo) -> Saved:
    """``create`` within the caller's transaction: who calls it wants ``work`` and, after the commit, announces it."""
    require(viewer, Act.WRITE)
    values = read(session, viewer, given, None)
    if given.get("id"):
        ident = saving.given_id(session, Objective, given["id"], "title")
    else:
        ident = saving.new_id(session, Objective, values.title, "", "objective")
    last = session.scalar(select(func.max(Objective.position)))
    row = Objective(id=ident, created_at=runtime.now(), position=0 if last is None else last + 1)
    session.add(row)
    _write(session, row, values)
    saving.touch(session, work, (), [row])
    record(session, viewer, runtime.now(), "create", ENTITY, ident, after=values.view())
    return Saved(ident, values.view(), remarks=_remarks(values))


def update(
    runtime: Runtime, viewer: Viewer, ident: str, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays. Title, cycle, team and supported goal need a reason, but in a draft.

    Raises ``Faults``, ``Stale`` when somebody saved after ``version``, ``Conflict`` for a closed one, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row = find(session, viewer, ident)
        before = view_of(session, viewer, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, ident))
        if row.closed_at is not None:
            raise Conflict("this objective is closed; it stays as it was")
        values = read(session, viewer, {**before, **given}, row)
        after = {**values.view(), "supports": before["supports"] if values.supports == row.supports_id else values.supports}
        changed = needs_reason(before, after)
        why = reason_text(reason, changed if row.stage != DRAFT else ())
        if before == after:
            return Saved(ident, before)
        results = session.scalars(select(KeyResult.id).where(KeyResult.objective_id == ident, KeyResult.retired_at.is_(None))).all()
        saving.touch(session, work, results, [row])
        _write(session, row, values)
        saving.touch(session, work, (), [row])  # its pages of now; those of before are cleared
        record(session, viewer, runtime.now(), "update", ENTITY, ident, before=before, after=after, reason=why)
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return Saved(ident, after, changed, remarks=_remarks(values))


def retire(runtime: Runtime, viewer: Viewer, ident: str, *, version: str | None = None, reason: str | None = None) -> int:
    """Retire an objective with its key results; their history stays. Returns how many key results went with it.

    Needs a reason, but for a draft. Raises as ``update`` does.
    """
    require(viewer, Act.WRITE)
    work, now = WorkToDo(), runtime.now()
    with runtime.store.write() as session:
        row = find(session, viewer, ident)
        before = view_of(session, viewer, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, ident))
        why = reason_text(reason, ("scope",) if row.stage != DRAFT else ())
        results = session.scalars(select(KeyResult).where(KeyResult.objective_id == ident, KeyResult.retired_at.is_(None))).all()
        saving.touch(session, work, [each.id for each in results], [row])
        for each in results:
            each.retired_at = now
            record(session, viewer, now, "retire", "key_result", each.id, before={"title": each.title, "objective": ident}, reason=why)
        row.retired_at = now
        record(session, viewer, now, "retire", ENTITY, ident, before=before, reason=why)
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return len(results)


def move(runtime: Runtime, viewer: Viewer, ident: str, step: int) -> bool:
    """Move an objective up (-1) or down (1) among those of its cycle that the viewer sees. False at the end of the list."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, viewer, ident)
        query = select(Objective).where(Objective.cycle_id == row.cycle_id, Objective.retired_at.is_(None), visible(viewer))
        rows = {each.id: each for each in session.scalars(query.order_by(Objective.position, Objective.id))}
        found = saving.reordered(list(rows), {name: each.position for name, each in rows.items()}, ident, step)
        for name, position in found.items():
            rows[name].position = position
        if found:
            direction = "up" if step < 0 else "down"
            record(session, viewer, runtime.now(), "move", ENTITY, ident, after={"direction": direction})
    return bool(found)


def _write(session: Session, row: Objective, values: ObjectiveValues) -> None:
    row.title, row.cycle_id = values.title, values.cycle.id
    row.team_id = values.team.id if values.team else None
    row.supports_id = values.supports
    row.pages = [{"connection": connection.id, "ref": page} for connection, page in values.panels]
    row.stage, row.restricted = values.stage, values.restricted
    session.flush()
    session.execute(delete(ObjectiveReader).where(ObjectiveReader.objective_id == row.id))
    session.add_all(ObjectiveReader(objective_id=row.id, person_id=person.id) for person in values.readers)
    session.flush()


def _remarks(values: ObjectiveValues) -> tuple[str, ...]:
    found = []
    if values.restricted:
        found.append("It is restricted: only its readers, its team, owners of its key results and admins know of it, and no host shows it.")
    if values.stage == DRAFT:
        found.append("It is a draft: those who write and judge wording see it, and no host shows it.")
    elif values.cycle.started_at is None:
        found.append(f"It is scheduled: hosts show it when the cycle {values.cycle.name} is started.")
    return tuple(found)
