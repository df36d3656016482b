"""Copying objectives into another cycle: everything arrives as a draft, so that nobody is bound by a number that was only taken over.

What belongs to the old cycle stays there: check-ins, readings, ticked milestones, phased targets, the pages that show an objective
(a page shows one), sign-offs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.model import Kind
from connector.domain.rights import Act, Viewer
from connector.errors import Faults, InputError
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.plan import cycles, saving
from connector.store.tables import Cycle, KeyResult, Mapping, Objective, ObjectiveReader
from connector.store.visibility import DRAFT, visible

SAME, LAST, EMPTY = "same", "last", "empty"
STARTS = (LAST, SAME)
TARGETS = (EMPTY, SAME)
MOST = 200  # objectives at once


@dataclass(frozen=True, slots=True)
class Choices:
    """What is taken over. ``start``: "last" (the last value; none when it is not known) or "same" · ``target``: "empty" or "same"."""

    start: str = LAST
    target: str = EMPTY
    mappings: bool = False


@dataclass(frozen=True, slots=True)
class Copied:
    """How many were made, and the new ids of the objectives by the old ones."""

    cycle: str
    objectives: dict[str, str]
    key_results: int
    mappings: int


def copy(
    runtime: Runtime, viewer: Viewer, source: str | int, target: str | int, ids: Sequence[str], choices: Choices | None = None
) -> Copied:
    """Copy some objectives of the cycle ``source`` with their key results into the cycle ``target``, as drafts.

    Owners, teams, readers and weights are taken over. An objective serves the copy of its goal where that is copied too.
    Raises ``Faults`` (where "objectives", "to", "start", "target"), ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    chosen = choices or Choices()
    work = WorkToDo()
    with runtime.store.write() as session:
        former, following = cycles.find(session, source), _target(session, target)
        rows = _chosen(session, viewer, former, following, ids, chosen)
        copies = _objectives(session, viewer, runtime, rows, former, following)
        results, mappings = _key_results(session, viewer, runtime, copies, chosen, work)
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    for connection_id in sorted({each.connection_id for each in mappings}):
        runtime.queue.nudge("list", connection_id)
    return Copied(following.name, {old.id: new.id for old, new in copies}, results, len(mappings))


def _target(session: Session, name: str | int) -> Cycle:
    column = Cycle.id if isinstance(name, int) else Cycle.name
    row = session.scalar(select(Cycle).where(column == name, Cycle.retired_at.is_(None)))
    if row is None:
        raise InputError(f"no cycle is called {name!r}; make it first", where="to")
    return row


def _chosen(session: Session, viewer: Viewer, former: Cycle, following: Cycle, ids: Sequence[str], chosen: Choices) -> list[Objective]:
    wrong: list[InputError] = []
    if chosen.start not in STARTS:
        wrong.append(InputError(f"must be {' or '.join(STARTS)}", where="start"))
    if chosen.target not in TARGETS:
        wrong.append(InputError(f"must be {' or '.join(TARGETS)}", where="target"))
    if former.id == following.id:
        wrong.append(InputError("choose another cycle than the one that is copied", where="to"))
    if not ids:
        wrong.append(InputError("choose at least one objective", where="objectives"))
    if len(ids) > MOST:
        wrong.append(InputError(f"at most {MOST} at once", where="objectives"))
    if wrong:
        raise Faults(wrong)
    query = select(Objective).where(Objective.id.in_(ids), Objective.cycle_id == former.id, Objective.retired_at.is_(None), visible(viewer))
    rows = list(session.scalars(query.order_by(Objective.position, Objective.id)))
    if unknown := sorted(set(ids) - {row.id for row in rows}):
        wrong.append(InputError(f"the cycle {former.name} has no objective {', '.join(unknown)}", where="objectives"))
    there = set(
        session.scalars(select(Objective.title).where(Objective.cycle_id == following.id, Objective.retired_at.is_(None), visible(viewer)))
    )
    if again := [row.title for row in rows if row.title in there]:
        named = ", ".join(f"“{title}”" for title in again)
        wrong.append(
            InputError(f"the cycle {following.name} has {named} already; leave it out, or retire the one that is there", where="objectives")
        )
    if wrong:
        raise Faults(wrong)
    return rows


def _objectives(
    session: Session, viewer: Viewer, runtime: Runtime, rows: Iterable[Objective], former: Cycle, following: Cycle
) -> list[tuple[Objective, Objective]]:
    last = session.scalar(select(func.max(Objective.position)))
    free = 0 if last is None else last + 1
    pairs: list[tuple[Objective, Objective]] = []
    for old in rows:
        new = Objective(
            id=saving.new_id(session, Objective, old.title, "", "objective"),
            position=free + len(pairs),
            title=old.title,
            cycle_id=following.id,
            team_id=old.team_id,
            pages=[],
            restricted=old.restricted,
            stage=DRAFT,
            created_at=runtime.now(),
        )
        session.add(new)
        session.flush()
        pairs.append((old, new))
    copies = {old.id: new.id for old, new in pairs}
    readers: dict[str, list[int]] = {}
    for objective_id, person_id in session.execute(
        select(ObjectiveReader.objective_id, ObjectiveReader.person_id).where(ObjectiveReader.objective_id.in_(copies))
    ):
        readers.setdefault(objective_id, []).append(person_id)
    for old, new in pairs:
        new.supports_id = copies.get(old.supports_id, old.supports_id) if old.supports_id is not None else None
        session.add_all(ObjectiveReader(objective_id=new.id, person_id=person_id) for person_id in readers.get(old.id, ()))
        after = {"title": new.title, "cycle": following.name, "stage": DRAFT, "restricted": new.restricted}
        record(session, viewer, runtime.now(), "create", "objective", new.id, after={**after, "copied_from": f"{old.id} of {former.name}"})
    session.flush()
    return pairs


def _key_results(
    session: Session, viewer: Viewer, runtime: Runtime, pairs: Sequence[tuple[Objective, Objective]], chosen: Choices, work: WorkToDo
) -> tuple[int, list[Mapping]]:
    above = {old.id: new.id for old, new in pairs}
    query = select(KeyResult).where(KeyResult.objective_id.in_(above), KeyResult.retired_at.is_(None))
    copies: dict[str, str] = {}
    for old in session.scalars(query.order_by(KeyResult.objective_id, KeyResult.position, KeyResult.id)).all():
        new = _key_result(session, runtime, old, above[old.objective_id], chosen)
        copies[old.id] = new.id
        after = {"title": new.title, "objective": new.objective_id, "start": new.start, "target": new.target, "copied_from": old.id}
        record(session, viewer, runtime.now(), "create", "key_result", new.id, after=after)
    made = _mappings(session, runtime, copies) if chosen.mappings else []
    work.mappings.update(each.id for each in made)
    saving.touch(session, work, copies.values())
    return len(copies), made


def _key_result(session: Session, runtime: Runtime, old: KeyResult, objective_id: str, chosen: Choices) -> KeyResult:
    kind, same = Kind(old.kind), chosen.target == SAME
    start = old.start
    if kind is Kind.METRIC and chosen.start == LAST:
        start = old.current
    new = KeyResult(
        id=saving.new_id(session, KeyResult, old.title, "kr-", "result"),
        objective_id=objective_id,
        position=old.position,
        title=old.title,
        owner_id=old.owner_id,
        kind=old.kind,
        unit=old.unit,
        start=start,
        target=old.target if same else None,
        low=old.low if same else None,
        high=old.high if same else None,
        strict=old.strict,
        decimals=old.decimals,
        weight=old.weight,
        cadence=old.cadence,
        # A bent scale runs from the old start to the old target: it fits only both.
        checkpoints=list(old.checkpoints or ()) if same and start == old.start else [],
        phased_targets=[],
        milestones=[{**step, "done": False} for step in old.milestones or ()],
        by_hand=old.by_hand,
        created_at=runtime.now(),
    )
    session.add(new)
    session.flush()
    return new


def _mappings(session: Session, runtime: Runtime, copies: dict[str, str]) -> list[Mapping]:
    query = select(Mapping).where(Mapping.key_result_id.in_(copies), Mapping.retired_at.is_(None))
    made = [
        Mapping(
            key_result_id=copies[old.key_result_id],
            connection_id=old.connection_id,
            position=old.position,
            rule=dict(old.rule),
            mode=old.mode,
            owner_id=old.owner_id,
            resolved=dict(old.resolved) if old.resolved else None,
            created_at=runtime.now(),
        )
        for old in session.scalars(query.order_by(Mapping.id)).all()
    ]
    session.add_all(made)
    session.flush()
    return made
