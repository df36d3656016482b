"""Key results: made, changed, moved and retired by people. One transaction each; their value and panels follow.

A change of target, scope, owner or wording needs a reason, unless the objective is a draft: then nothing is promised yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.changes import late_target_edit, needs_reason, reason_text
from connector.domain.model import Cycle, Kind
from connector.domain.readiness import many_key_results
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.declare.views import definition_view
from connector.services.facts import load_definition
from connector.services.plan import saving
from connector.services.plan.key_results_reading import BaselineMissing, KeyResultValues, merged, read
from connector.services.plan.saving import Saved, View
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import KeyResult, Objective, Person
from connector.store.visibility import DRAFT, visible

ENTITY = "key_result"
NEW: Mapping[str, Any] = {"kind": Kind.METRIC.value, "cadence": "weekly", "weight": 1.0}


def view_of(row: KeyResult, owner: str | None) -> View:
    """A key result in the words of the file of ``apply``; ``owner`` is the e-mail address."""
    return {
        "title": row.title,
        "objective": row.objective_id,
        "owner": owner,
        **definition_view(load_definition(row)),
        "weight": row.weight,
        "cadence": row.cadence,
        "by_hand": row.by_hand,
        "stretch_reason": row.stretch_reason,
    }


def find(session: Session, viewer: Viewer, ident: str) -> tuple[KeyResult, Objective, str | None]:
    """The key result, its objective and its owner's e-mail address. Raises ``NotFound``, also when the viewer may not know of it."""
    found = session.execute(
        select(KeyResult, Objective, Person.email)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.id == ident, KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no key result {ident!r}")
    return found[0], found[1], found[2]


def load(runtime: Runtime, viewer: Viewer, ident: str) -> Saved:
    """A key result as it is, for a form. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        row, _, owner = find(session, viewer, ident)
        return Saved(row.id, view_of(row, owner))


def create(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any], *, set_baseline: bool = False) -> Saved:
    """Make a key result. ``given`` has the words of the file of ``apply``; ``id`` is made from the title when it is not said.

    With ``set_baseline``, a relative ``change`` without a start makes the yes/no key result "Set the baseline for …" instead (R008).
    Raises ``Faults``, ``BaselineMissing``, ``Conflict`` for a closed objective, ``Forbidden``.
    """
    work = WorkToDo()
    with runtime.store.write() as session:
        saved = add(session, runtime, viewer, given, work, set_baseline=set_baseline)
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return saved


def add(
    session: Session, runtime: Runtime, viewer: Viewer, given: Mapping[str, Any], work: WorkToDo, *, set_baseline: bool = False
) -> Saved:
    """``create`` within the caller's transaction: who calls it wants ``work`` and, after the commit, announces it."""
    require(viewer, Act.WRITE)
    try:
        whole = merged(NEW, given)
    except BaselineMissing as missing:
        if not set_baseline:
            raise
        kept = {name: value for name, value in given.items() if name in ("objective", "owner", "cadence", "weight")}
        whole = {**NEW, **kept, "title": missing.title, "kind": Kind.YES_NO.value}
    values = read(session, whole)
    above = _objective(session, viewer, values.objective)
    if given.get("id"):
        ident = saving.given_id(session, KeyResult, given["id"], "title")
    else:
        ident = saving.new_id(session, KeyResult, values.title, "kr-", "result")
    last = session.scalar(select(func.max(KeyResult.position)).where(KeyResult.objective_id == above.id))
    row = KeyResult(id=ident, created_at=runtime.now(), position=0 if last is None else last + 1)
    session.add(row)
    _write(row, values)
    session.flush()
    record(session, viewer, runtime.now(), "create", ENTITY, ident, after=values.view())
    saving.touch(session, work, [ident], [above])
    return Saved(ident, values.view(), remarks=_remarks(session, runtime, above.id))


def update(
    runtime: Runtime, viewer: Viewer, ident: str, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays.

    Raises ``Faults``, ``InputError`` (where "reason") when one is needed, ``Stale`` when somebody saved after ``version``,
    ``Conflict`` for a closed objective, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    return _update(runtime, viewer, ident, given, version, reason)


def reword(runtime: Runtime, viewer: Viewer, ident: str, title: str, *, standing: str, reason: str) -> Saved:
    """Give a key result the title that was suggested while it was called ``standing``. Its owner may do this too.

    Raises ``Conflict`` when it is called otherwise by now; else as ``update`` does.
    """
    return _update(runtime, viewer, ident, {"title": title}, None, reason, standing)


def _update(
    runtime: Runtime,
    viewer: Viewer,
    ident: str,
    given: Mapping[str, Any],
    version: str | None,
    reason: str | None,
    standing: str | None = None,
) -> Saved:
    work, now = WorkToDo(), runtime.now()
    with runtime.store.write() as session:
        # Steps are ticked in check-ins: one of the same moment is waited for, so that this change does not undo its ticks.
        session.execute(select(KeyResult.id).where(KeyResult.id == ident).with_for_update())
        row, above, owner = find(session, viewer, ident)
        before = view_of(row, owner)
        check_version(before, version, by=saving.last_actor(session, ENTITY, ident))
        if standing is not None and row.title != standing:
            raise Conflict("the wording was changed meanwhile; the suggestion was made for another one")
        if standing is not None and row.owner_id != viewer.person_id:
            require(viewer, Act.WRITE)
        _refuse_closed(above)
        values = read(session, merged(before, given))
        target = above if values.objective == above.id else _objective(session, viewer, values.objective)
        after = values.view()
        changed = needs_reason(before, after)
        draft = above.stage == DRAFT
        why = reason_text(reason, () if draft else changed)
        if before == after:
            return Saved(ident, before)
        cycle = session.get_one(CycleRow, above.cycle_id)
        today = now.astimezone(runtime.settings.zone).date()
        late = None if draft else late_target_edit(changed, Cycle(cycle.name, cycle.start, cycle.end), today, row.progress)
        if target is not above:
            last = session.scalar(select(func.max(KeyResult.position)).where(KeyResult.objective_id == target.id))
            row.position = 0 if last is None else last + 1
        _write(row, values)
        told = {**after, "late": late.sentence} if late else after
        record(session, viewer, now, "update", ENTITY, ident, before=before, after=told, reason=why)
        saving.touch(session, work, [ident], {above.id: above, target.id: target}.values())
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return Saved(ident, after, changed, late.sentence if late else "")


def retire(runtime: Runtime, viewer: Viewer, ident: str, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a key result; its history stays, its panels go. Needs a reason, but in a draft. Raises as ``update`` does."""
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row, above, owner = find(session, viewer, ident)
        before = view_of(row, owner)
        check_version(before, version, by=saving.last_actor(session, ENTITY, ident))
        _refuse_closed(above)
        why = reason_text(reason, ("scope",) if above.stage != DRAFT else ())
        saving.touch(session, work, [ident], [above])
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", ENTITY, ident, before=before, reason=why)
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)


def move(runtime: Runtime, viewer: Viewer, ident: str, step: int) -> bool:
    """Move a key result up (-1) or down (1) in its objective. False at the end of the list."""
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row, above, _ = find(session, viewer, ident)
        query = select(KeyResult).where(KeyResult.objective_id == row.objective_id, KeyResult.retired_at.is_(None))
        rows = {each.id: each for each in session.scalars(query.order_by(KeyResult.position, KeyResult.id))}
        found = saving.reordered(list(rows), {name: each.position for name, each in rows.items()}, ident, step)
        for name, position in found.items():
            rows[name].position = position
        if found:
            record(session, viewer, runtime.now(), "move", ENTITY, ident, after={"direction": "up" if step < 0 else "down"})
            saving.touch(session, work, list(found), [above])
            session.flush()
            work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return bool(found)


def _objective(session: Session, viewer: Viewer, ident: str) -> Objective:
    found = session.scalar(select(Objective).where(Objective.id == ident, Objective.retired_at.is_(None), visible(viewer)))
    if found is None:
        raise InputError(f"no objective has the id {ident[:80]!r}", where="objective")
    _refuse_closed(found)
    return found


def _refuse_closed(above: Objective) -> None:
    if above.closed_at is not None:
        raise Conflict("this objective is closed; its key results stay as they were")


def _write(row: KeyResult, values: KeyResultValues) -> None:
    for name, value in definition_view(values.definition).items():
        setattr(row, name, value)
    row.title, row.objective_id, row.owner_id = values.title, values.objective, values.owner.id
    row.weight, row.cadence = values.weight, values.cadence.value
    row.by_hand, row.stretch_reason = values.by_hand, values.stretch_reason


def _remarks(session: Session, runtime: Runtime, objective: str) -> tuple[str, ...]:
    count = session.scalar(select(func.count()).where(KeyResult.objective_id == objective, KeyResult.retired_at.is_(None))) or 0
    many = many_key_results(count, runtime.settings.many_key_results)
    return (many,) if many else ()
