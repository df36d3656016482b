"""Everything that the panel of an issue shows, in at most eleven statements, whatever the number of key results. Calls no host."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Text, and_, func, literal, or_, select, type_coerce
from sqlalchemy.orm import Session, aliased

from connector.domain.model import Category, Cycle, Item, State
from connector.domain.rights import Viewer
from connector.services.celebrations import last_thanks
from connector.services.check_ins.rights import updatable
from connector.services.facts import Facts
from connector.services.forge.issue_links import NAMED, Found, Issue, Served, find_issue, found_by, served_by
from connector.services.forge.issue_work import Work, work_of
from connector.services.mirror import item_of
from connector.services.plan.key_results_changes import DEEPEST, Goal
from connector.services.stuck_work import is_stuck
from connector.store.tables import (
    CheckIn,
    Connection,
    Forum,
    KeyResult,
    MappingDay,
    MappingItem,
    Objective,
    Person,
    Reading,
    Recognition,
    Team,
)
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import Item as ItemRow
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import visible_in_hosts
from mappings.repository import Link

SHOWN = 20  # key results with everything
TITLED = 30  # more are told by title; the rest are counted
MOST_ITEMS = 2_000  # of one panel; beyond that the counts that the roll-up stored are told


@dataclass(frozen=True, slots=True)
class Stuck:
    """An open linked issue whose status says that nothing moves. Who sees the panel need not see it."""

    ref: str
    key: str
    status: str


@dataclass
class Shown:
    """One key result of an issue with all that is told of it. Lists are oldest first.

    ``goals``: from its own objective upwards, as far as the viewer may know of them · ``draft``: the viewer's own open draft ·
    ``stuck``: open linked issues whose status says that nothing moves · ``work``: None when nothing is linked here
    or too much to count · ``scope``: (day, items) of the first night in the cycle, when the nightly sync has counted the one mapping of
    this connection.
    """

    served: Served
    facts: Facts
    goals: list[Goal] = field(default_factory=list)
    check_ins: list[Any] = field(default_factory=list)
    draft: Any = None
    readings: list[tuple[datetime, float]] = field(default_factory=list)
    may_update: bool = False
    stuck: tuple[Stuck, ...] = ()
    work: Work | None = None
    too_many: bool = False  # linked items, to count them here
    scope: tuple[date, int] | None = None
    linked: tuple[Link, ...] = ()
    thanks: tuple[str, str, datetime] | None = None  # the last one: sender, text, moment


@dataclass(frozen=True, slots=True)
class IssuePanel:
    """The issue and the key results that it serves, worst state first: ``shown``, then ``more``, then ``left`` others.

    ``states`` are those of all.
    """

    issue: Issue
    shown: tuple[Shown, ...]
    more: tuple[Found, ...] = ()
    left: int = 0
    states: tuple[State, ...] = ()


def read_issue(session: Session, viewer: Viewer, connection_id: int, ref: str) -> IssuePanel:
    """What the panel of this issue shows to this viewer. That they may see the issue was asked before."""
    issue = find_issue(session, connection_id, ref)
    found = found_by(session, viewer, connection_id, issue)
    shown = {each.id: _shown(each, connection_id) for each in served_by(session, connection_id, issue, found[:SHOWN])}
    if not shown:
        return IssuePanel(issue, ())
    _load_surroundings(session, shown)
    _load_check_ins(session, shown, viewer)
    _load_readings(session, shown)
    goals = _goals(session, viewer, {each.served.objective_id for each in shown.values()})
    items = _items(session, [link.id for each in shown.values() for link in each.linked])
    theirs = updatable(session, viewer, list(shown))
    for name, each in shown.items():
        each.goals = goals[each.served.objective_id]
        each.may_update = name in theirs
        each.too_many = items is None
        if items is not None:
            each.stuck = _stuck(each.linked, items)
            each.work = work_of(each.linked, items, _own(each.served, issue), each.served.epic)
    rest = found[SHOWN:]
    states = (*(each.served.state for each in shown.values()), *(each.state for each in rest))
    return IssuePanel(issue, tuple(shown.values()), tuple(rest[:TITLED]), len(rest[TITLED:]), states)


def _own(served: Served, issue: Issue) -> str:
    return served.epic if served.how == NAMED else issue.ref


def _stuck(links: Sequence[Link], items: Mapping[int, Sequence[Item]]) -> tuple[Stuck, ...]:
    """No titles: who sees this issue need not see those."""
    found = {
        item.ref: Stuck(item.ref, item.key, item.status or "")
        for link in links
        for item in items.get(link.id, ())
        if item.category is not Category.DONE and is_stuck(item.status)
    }
    return tuple(sorted(found.values(), key=lambda each: (len(each.key), each.key)))


def _shown(served: Served, connection_id: int) -> Shown:
    row = served.row
    cycle = Cycle(row.Cycle.name, row.Cycle.start, row.Cycle.end)
    facts = Facts(
        row.KeyResult,
        row.Objective,
        cycle,
        row.Person,
        links=list(served.every),
        started=row.Cycle.started_at is not None,
        ask=row.open_ask or "",
        asked_at=row.asked_at,
    )
    return Shown(served, facts, linked=tuple(link for link in served.every if link.connection_id == connection_id))


def _load_surroundings(session: Session, shown: Mapping[str, Shown]) -> None:
    """The connections of all mappings, how many items each had after the first night of its cycle; the last thanks of each key result."""
    day = aliased(MappingDay)
    first = (
        select(func.min(day.day))
        .where(day.mapping_id == MappingRow.id, day.day >= CycleRow.start)
        .correlate(MappingRow, CycleRow)
        .scalar_subquery()
    )
    query = (
        select(
            MappingRow.id, MappingRow.key_result_id, Connection, MappingDay.day, MappingDay.items, Forum.country, Recognition, Person.name
        )
        .join(Connection, Connection.id == MappingRow.connection_id)
        .join(KeyResult, KeyResult.id == MappingRow.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(Forum, and_(Forum.id == Team.forum_id, Forum.retired_at.is_(None)))
        .outerjoin(MappingDay, and_(MappingDay.mapping_id == MappingRow.id, MappingDay.day == first))
        .outerjoin(Recognition, Recognition.id == last_thanks())
        .outerjoin(Person, Person.id == Recognition.sender_id)
        .where(MappingRow.id.in_([link.id for each in shown.values() for link in each.served.every]))
    )
    nights: dict[int, tuple[date, int]] = {}
    for mapping, name, connection, night, count, country, thanks, sender in session.execute(query):
        shown[name].facts.connections[connection.id] = connection
        shown[name].facts.country = country or ""
        if thanks is not None:
            shown[name].thanks = (sender, thanks.text, thanks.at)
        if night is not None:
            nights[mapping] = (night, count)
    for each in shown.values():
        # An item that two mappings hold would count twice here and once in the work, so only a single one is compared.
        if len(each.linked) == 1 and each.linked[0].id in nights:
            each.scope = nights[each.linked[0].id]


def _load_check_ins(session: Session, shown: Mapping[str, Shown], viewer: Viewer) -> None:
    """All filed check-ins, and the viewer's own draft where it is the newest thing they said."""
    mine = and_(CheckIn.draft.is_(True), CheckIn.author_id == viewer.person_id) if viewer.person_id is not None else CheckIn.id.is_(None)
    query = (
        select(
            CheckIn.id, CheckIn.key_result_id, CheckIn.value, CheckIn.confidence, CheckIn.blocker, CheckIn.blocker_link, CheckIn.decision,
            CheckIn.comment, CheckIn.as_of, CheckIn.delayed, CheckIn.draft, CheckIn.late, CheckIn.created_at, CheckIn.source,
            CheckIn.author_id, Person.name,
        )
        .outerjoin(Person, Person.id == CheckIn.author_id)
        .where(CheckIn.key_result_id.in_(shown), or_(CheckIn.draft.is_(False), mine))
        .order_by(CheckIn.id)
    )  # fmt: skip
    for row in session.execute(query):
        each = shown[row.key_result_id]
        if row.draft:
            each.draft = row
            continue
        each.check_ins.append(row)
        if row.author_id == viewer.person_id:
            each.draft = None  # they have said more since


def _load_readings(session: Session, shown: Mapping[str, Shown]) -> None:
    """The last value of each day."""
    last = select(func.max(Reading.id)).where(Reading.key_result_id.in_(shown)).group_by(Reading.key_result_id, Reading.day)
    query = select(Reading.key_result_id, Reading.as_of, Reading.value).where(Reading.id.in_(last))
    for name, moment, value in session.execute(query.order_by(Reading.id)):
        if value is not None:
            shown[name].readings.append((moment, value))


def _goals(session: Session, viewer: Viewer, objective_ids: Collection[str]) -> dict[str, list[Goal]]:
    """For each objective: itself and the goals above it, nearest first, up to the first that the viewer may not know of."""
    steps = (
        select(Objective.id.label("root"), Objective.id, Objective.title, Objective.supports_id, literal(0).label("depth"))
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .where(Objective.id.in_(objective_ids), Objective.retired_at.is_(None), visible_in_hosts(viewer))
        .cte("steps", recursive=True)
    )
    above, cycle = aliased(Objective), aliased(CycleRow)
    steps = steps.union_all(
        select(steps.c.root, above.id, above.title, above.supports_id, steps.c.depth + 1)
        .join(steps, above.id == steps.c.supports_id)
        .join(cycle, cycle.id == above.cycle_id)
        .where(above.retired_at.is_(None), visible_in_hosts(viewer, above, cycle), steps.c.depth < DEEPEST)
    )
    found: dict[str, dict[str, Goal]] = {name: {} for name in objective_ids}
    for row in session.execute(select(steps.c.root, steps.c.id, steps.c.title).order_by(steps.c.root, steps.c.depth)):
        found[row.root].setdefault(row.id, Goal(row.id, row.title))  # a circle of goals ends where it began
    return {name: list(goals.values()) for name, goals in found.items()}


def _items(session: Session, mappings: Sequence[int]) -> dict[int, list[Item]] | None:
    """The items by mapping, with what counting them needs; None when there are more than one panel should read."""
    query = (
        select(
            MappingItem.mapping_id,
            ItemRow.ref,
            ItemRow.key,
            type_coerce(ItemRow.parents, Text),
            ItemRow.category,
            ItemRow.status,
            ItemRow.resolution,
            type_coerce(ItemRow.fields, Text),
        )
        .join(ItemRow, ItemRow.id == MappingItem.item_id)
        .where(MappingItem.mapping_id.in_(mappings), ItemRow.gone_at.is_(None))
        .limit(MOST_ITEMS + 1)
    )
    rows = session.execute(query).all()
    if len(rows) > MOST_ITEMS:
        return None
    found: dict[int, list[Item]] = {}
    for mapping, ref, key, parents, category, status, resolution, fields in rows:
        item = item_of(ref, key, "", "", "", "", parents, category, status, resolution, fields, None, None)
        found.setdefault(mapping, []).append(item)
    return found
