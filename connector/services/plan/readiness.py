"""The rollout checklist of a cycle, and its start (R020): refused while an item is red, unless somebody says why it starts all the same.

What is green is the domain's (``domain.readiness``); here are its facts, in a few statements for any number of key results.
Drafts do not start with the cycle, so they have a checklist of their own that holds nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from connector.domain import readiness
from connector.domain.changes import reason_text
from connector.domain.model import Cadence, Kind
from connector.domain.readiness import KeyResultReadiness, KeyResultSetUp, ObjectiveSetUp, Readiness
from connector.domain.rights import SYSTEM, Act, Viewer
from connector.errors import Conflict, NotFound
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.facts import load_definition
from connector.services.plan import cycles, saving
from connector.store.tables import Cycle, Forum, KeyResult, Mapping, Objective, Person, Team
from connector.store.visibility import DRAFT, READY, sees_key_result, visible

MOST_TOLD = 200  # red items that the audit trail names
# Their value can come from nowhere else, so nobody has to say so.
_BY_HAND = frozenset({Kind.YES_NO, Kind.MILESTONES})


class NotReady(Conflict):
    """The checklist has red items: mend them, or give a reason to start without. ``red`` are (key result id, item, what to do)."""

    def __init__(self, summary: str, red: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__(f"the cycle was not started: {summary}. Mend what is red, or give a reason to start without it")
        self.red = red


@dataclass(frozen=True, slots=True)
class Checklist:
    """The checklist of one cycle, of what the viewer may know of. ``goals`` are the titles of the objectives by id.

    ``objectives`` gives the objective of each key result, ``teams`` and ``forums`` the ids of those of each objective that has them.
    """

    name: str
    started: bool
    ready: Readiness
    drafts: Readiness
    goals: dict[str, str]
    objectives: dict[str, str]
    teams: dict[str, int]
    forums: dict[str, int]

    @property
    def red(self) -> tuple[tuple[str, str, str], ...]:
        """What keeps the cycle from starting: (key result id, item, what to do)."""
        return red_items(self.ready.key_results)


def red_items(key_results: Iterable[KeyResultReadiness]) -> tuple[tuple[str, str, str], ...]:
    """The red items of some key results."""
    return tuple((each.id, item.name, item.to_do) for each in key_results for item in each.items if not item.green)


def checklist(session: Session, viewer: Viewer, cycle: Cycle, many: int) -> Checklist:
    """The checklist of a cycle; ``many``: above so many key results an objective gets a remark. Three statements."""
    sides: dict[str, list[ObjectiveSetUp]] = {READY: [], DRAFT: []}
    rows = _rows(session, viewer, cycle.id)
    results: dict[str, list[KeyResultSetUp]] = {}
    held: dict[str, str] = {}
    for row, owner, active, sources, forum, caller, caller_active, objective_id in rows:
        held[row.id] = objective_id
        results.setdefault(objective_id, []).append(
            KeyResultSetUp(
                id=row.id,
                title=row.title,
                definition=load_definition(row),
                owner=owner or "",
                owner_active=bool(active),
                value_sources=sources,
                by_hand=row.by_hand or row.kind in _BY_HAND,
                cadence=Cadence(row.cadence),
                forum=forum or "",
                decision_maker=caller if caller and caller_active else "",
            )
        )
    goals: dict[str, str] = {}
    elsewhere: list[tuple[str, str | None]] = []
    teams: dict[str, int] = {}
    forums: dict[str, int] = {}
    query = (
        select(Objective.id, Objective.title, Objective.supports_id, Objective.stage, Objective.cycle_id, Team.id, Forum.id)
        .select_from(Objective)
        .outerjoin(Team, and_(Team.id == Objective.team_id, Team.retired_at.is_(None)))
        .outerjoin(Forum, and_(Forum.id == Team.forum_id, Forum.retired_at.is_(None)))
        .where(Objective.retired_at.is_(None), visible(viewer))
        .order_by(Objective.position, Objective.id)
    )
    for ident, title, supports, stage, cycle_id, team, forum in session.execute(query):
        if cycle_id != cycle.id:
            elsewhere.append((ident, supports))
            continue
        goals[ident] = title
        teams.update({ident: team} if team is not None else {})
        forums.update({ident: forum} if forum is not None else {})
        sides[stage].append(ObjectiveSetUp(ident, title, supports, tuple(results.get(ident, ()))))
    others = {
        stage: [*elsewhere, *((each.id, each.supports) for each in sides[other])] for stage, other in ((READY, DRAFT), (DRAFT, READY))
    }
    return Checklist(
        cycle.name,
        cycle.started_at is not None,
        readiness.check(sides[READY], others[READY], many),
        readiness.check(sides[DRAFT], others[DRAFT], many),
        goals,
        held,
        teams,
        forums,
    )


def _rows(session: Session, viewer: Viewer, cycle_id: int) -> Any:
    caller = aliased(Person)
    sources = (
        select(func.count())
        .select_from(Mapping)
        .where(Mapping.key_result_id == KeyResult.id, Mapping.mode == "value", Mapping.retired_at.is_(None))
        .correlate(KeyResult)
        .scalar_subquery()
    )
    return session.execute(
        select(KeyResult, Person.name, Person.active, sources, Forum.name, caller.name, caller.active, Objective.id)
        .select_from(KeyResult)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .outerjoin(Team, and_(Team.id == Objective.team_id, Team.retired_at.is_(None)))
        .outerjoin(Forum, and_(Forum.id == Team.forum_id, Forum.retired_at.is_(None)))
        .outerjoin(caller, caller.id == Forum.caller_id)
        .where(Objective.cycle_id == cycle_id, Objective.retired_at.is_(None), KeyResult.retired_at.is_(None), visible(viewer))
        .order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    )


def load(runtime: Runtime, viewer: Viewer, name: str | int) -> Checklist:
    """The checklist of a cycle. Raises ``NotFound``."""
    with runtime.store.read() as session:
        return checklist(session, viewer, cycles.find(session, name), runtime.settings.many_key_results)


def start(runtime: Runtime, viewer: Viewer, name: str | int, *, reason: str | None = None) -> Checklist:
    """Start a cycle: its ready objectives are shown in the hosts from now on; drafts stay drafts.

    While an item is red it takes a ``reason``, which the audit trail keeps with everything that was red. The person who starts is
    stopped by what they can see only: what they may not know of is in the audit trail, which is the admins'.
    Raises ``NotReady``, ``Conflict`` for one that was started, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row = cycles.find(session, name)
        if row.started_at is not None:
            raise Conflict(f"the cycle {row.name} was started already")
        many = runtime.settings.many_key_results
        found = checklist(session, viewer, row, many)
        why = reason_text(reason, ())
        if not found.ready.ready and not why:
            raise NotReady(found.ready.summary, found.red)
        red = found.red if viewer.sees_everything else checklist(session, SYSTEM, row, many).red
        row.started_at = runtime.now()
        cycles.touch(session, work, row.id)
        told = {"started": True, "red": [f"{ident}: {item}" for ident, item, _ in red[:MOST_TOLD]]}
        record(session, viewer, runtime.now(), "start", cycles.ENTITY, row.name, before={"started": False}, after=told, reason=why)
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return found


def stop(runtime: Runtime, viewer: Viewer, name: str | int, *, reason: str | None = None) -> None:
    """Take a start back: the cycle is scheduled again and hosts show nothing of it. Needs a reason.

    Raises ``InputError`` (where "reason"), ``Conflict`` for one that is scheduled, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row = cycles.find(session, name)
        if row.started_at is None:
            raise Conflict(f"the cycle {row.name} is not started")
        why = reason_text(reason, ("start",))
        row.started_at = None
        cycles.touch(session, work, row.id)
        record(
            session, viewer, runtime.now(), "stop", cycles.ENTITY, row.name, before={"started": True}, after={"started": False}, reason=why
        )
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)


def enter_by_hand(runtime: Runtime, viewer: Viewer, key_result_id: str) -> None:
    """Say that the owner enters the value, so that no mapping is missed. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        if not sees_key_result(session, viewer, key_result_id):
            raise NotFound(f"there is no key result {key_result_id!r}")
        row = session.get_one(KeyResult, key_result_id)
        before, row.by_hand = row.by_hand, True
        record(session, viewer, runtime.now(), "update", "key_result", row.id, before={"by_hand": before}, after={"by_hand": True})


def make_ready(runtime: Runtime, viewer: Viewer, name: str | int) -> int:
    """Make all drafts of a cycle ready that the viewer may know of. Returns how many. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    work = WorkToDo()
    with runtime.store.write() as session:
        row = cycles.find(session, name)
        query = select(Objective).where(
            Objective.cycle_id == row.id, Objective.stage == DRAFT, Objective.retired_at.is_(None), visible(viewer)
        )
        drafts = session.scalars(query).all()
        for each in drafts:
            each.stage = READY
            record(session, viewer, runtime.now(), "update", "objective", each.id, before={"stage": DRAFT}, after={"stage": READY})
        held = [each.id for each in drafts]
        ids = session.scalars(select(KeyResult.id).where(KeyResult.objective_id.in_(held), KeyResult.retired_at.is_(None)))
        saving.touch(session, work, ids, drafts)
        session.flush()
        work.want(session, runtime.epoch())
    saving.announce(runtime, work)
    return len(drafts)
