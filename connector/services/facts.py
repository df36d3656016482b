"""Loads everything that is known about some key results in a few statements, as plain values for the domain rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Exists, and_, func, select, union
from sqlalchemy.orm import Session

from connector.domain.model import CheckInFact, Checkpoint, Cycle, DecisionKind, Definition, Item, Kind, Milestone, PhasedTarget
from connector.services import provenance
from connector.services.calendars import holidays_between
from connector.services.mirror import ITEM_COLUMNS, item_of
from connector.services.signals.effective import load_told
from connector.store.asks import asked_at, open_ask
from connector.store.reads.people import names_of
from connector.store.tables import (
    Blocker,
    CheckIn,
    Connection,
    Forum,
    HeldValue,
    KeyResult,
    MappingItem,
    Objective,
    Person,
    PersonAccount,
    Reading,
    Team,
)
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import Item as ItemRow
from connector.store.visibility import READY
from mappings.repository import Link, load_links
from mappings.rules import SelectorKind

HISTORY = 12  # check-ins that rules may look back on
AROUND = timedelta(days=31)  # so far beyond a cycle check-ins may be due


@dataclass
class Facts:
    """One key result with its surroundings. Lists are oldest first."""

    row: KeyResult
    objective: Objective
    cycle: Cycle
    owner: Person | None
    links: list[Link] = field(default_factory=list)
    items: dict[int, list[Item]] = field(default_factory=dict)  # by mapping
    epics: dict[int, list[Item]] = field(default_factory=dict)  # by mapping
    check_ins: list[CheckIn] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    reads: list[Reading] = field(default_factory=list)  # what the source told, the last of each day, whoever spoke after it
    connections: dict[int, Connection] = field(default_factory=dict)
    started: bool = True  # the cycle
    spoke: str = ""  # who filed the last check-in, when it was not the owner; "" for the owner
    told_by: str = ""  # who told the number that stands, when a check-in did and it is among ``check_ins``
    held: HeldValue | None = None  # the last wild value that was held back, whatever became of it
    blockers: list[Blocker] = field(default_factory=list)  # that stand, and named ones that somebody said are cleared
    owner_left: bool = False  # a host says that an account of the owner is deactivated or gone
    country: str = ""  # whose holidays its forum keeps; "" for none
    ask: str = ""  # the kind of decision that is asked for and that nobody has answered; "" for none
    asked_at: datetime | None = None  # since when, by its decision; None where none was noted

    @property
    def public(self) -> bool:
        """Whether hosts may show it, where we cannot tell who reads: neither restricted nor a draft, and its cycle was started."""
        return self.started and self.objective.stage == READY and not self.objective.restricted

    @property
    def ownerless(self) -> bool:
        """Whether nobody who is here owns it."""
        return self.owner is None or not self.owner.active or self.owner_left

    @property
    def holidays(self) -> frozenset[date]:
        """The public holidays that its forum keeps, around its cycle: no update is due on them, and nothing is expected to move."""
        return holidays_between(self.country, self.cycle.start - AROUND, self.cycle.end + AROUND)

    @property
    def definition(self) -> Definition:
        """What the key result promises."""
        return load_definition(self.row)


def load_definition(row: KeyResult) -> Definition:
    """A stored key result → its definition."""
    return Definition(
        Kind(row.kind),
        row.unit,
        row.start,
        row.target,
        row.low,
        row.high,
        row.strict,
        row.decimals,
        tuple(Checkpoint(point["value"], point["progress"]) for point in row.checkpoints or ()),
        tuple(PhasedTarget(date.fromisoformat(point["day"]), point["value"]) for point in row.phased_targets or ()),
        tuple(Milestone(step["title"], step.get("weight", 1.0), step.get("done", False)) for step in row.milestones or ()),
    )


def has_left() -> Exists:
    """A condition over ``Person``: a host of ours says that an account of theirs is deactivated or gone."""
    return (
        select(PersonAccount.person_id)
        .join(Connection, Connection.id == PersonAccount.connection_id)
        .where(PersonAccount.person_id == Person.id, PersonAccount.left_at.is_not(None), Connection.retired_at.is_(None))
        .exists()
    )


def check_in_fact(row: CheckIn) -> CheckInFact:
    """A stored check-in → what triage needs."""
    # The clock of updates runs from the moment of filing: a number of last week, told today, is a fresh update.
    return CheckInFact(row.created_at, row.value, row.confidence, row.blocker, DecisionKind(row.decision or "none"))


def load_facts(
    session: Session, ids: Collection[str], *, computing: bool = True, history: bool = True, rows: Sequence[Any] | None = None
) -> dict[str, Facts]:
    """Facts of the given key results (retired ones are left out).

    ``computing=False`` leaves out items and readings, by far the most: enough to show what was computed before.
    ``history=False`` leaves out check-ins and readings: enough to explain the number. ``rows``: the caller has read them already,
    as (key result, objective, cycle, owner, ``open_ask``, ``asked_at``); whether the owner left, and the forum's holidays, are not
    known then.
    """
    rows = (
        rows
        or session.execute(
            select(KeyResult, Objective, CycleRow, Person, open_ask(), asked_at(), Forum.country, has_left().label("left"))
            .join(Objective, Objective.id == KeyResult.objective_id)
            .join(CycleRow, CycleRow.id == Objective.cycle_id)
            .outerjoin(Person, Person.id == KeyResult.owner_id)
            .outerjoin(Team, Team.id == Objective.team_id)
            .outerjoin(Forum, and_(Forum.id == Team.forum_id, Forum.retired_at.is_(None)))
            .where(KeyResult.id.in_(ids), KeyResult.retired_at.is_(None))
        ).all()
    )
    found = {
        key_result.id: Facts(
            key_result,
            objective,
            Cycle(cycle.name, cycle.start, cycle.end),
            owner,
            started=cycle.started_at is not None,
            owner_left=any(rest[1:]),
            country=str(rest[0] or "") if rest else "",
            ask=ask or "",
            asked_at=since,
        )
        for key_result, objective, cycle, owner, ask, since, *rest in rows
    }
    if not found:
        return {}
    for link in load_links(session, key_results=list(found)):
        found[link.key_result_id].links.append(link)
    _load_connections(session, found)
    if history:
        for row in recent_check_ins(session, list(found)):
            found[row.key_result_id].check_ins.append(row)
        _name_others(session, found)
    if computing:
        _load_items(session, found)
    if computing and history:
        _load_readings(session, found)
        for held in _last_held(session, list(found)):
            found[held.key_result_id].held = held
    if history:
        for blocker in load_told(session, list(found)):
            found[blocker.key_result_id].blockers.append(blocker)
    return found


def _last_held(session: Session, ids: Sequence[str]) -> list[HeldValue]:
    last = select(func.max(HeldValue.id)).where(HeldValue.key_result_id.in_(ids)).group_by(HeldValue.key_result_id)
    return list(session.scalars(select(HeldValue).where(HeldValue.id.in_(last))))


def _load_connections(session: Session, found: dict[str, Facts]) -> None:
    needed = {link.connection_id for facts in found.values() for link in facts.links}
    connections = {row.id: row for row in session.scalars(select(Connection).where(Connection.id.in_(needed)))}
    for facts in found.values():
        facts.connections = {link.connection_id: connections[link.connection_id] for link in facts.links}


def _load_items(session: Session, found: dict[str, Facts]) -> None:
    links = {link.id: link for facts in found.values() for link in facts.links}
    query = (
        select(MappingItem.mapping_id, *ITEM_COLUMNS)
        .join(ItemRow, ItemRow.id == MappingItem.item_id)
        .where(MappingItem.mapping_id.in_(links), ItemRow.gone_at.is_(None))
        .order_by(MappingItem.mapping_id, ItemRow.id)
    )
    # Plain columns, not rows of the ORM: with hundreds of thousands of items that is most of a recomputation's time.
    for mapping_id, *columns in session.execute(query):
        found[links[mapping_id].key_result_id].items.setdefault(mapping_id, []).append(item_of(*columns))
    own_status = [link for link in links.values() if link.rule.selector.kind is SelectorKind.EPICS and link.rule.empty == "own_status"]
    for link in own_status:
        refs = list(link.resolved.refs.values())
        rows: Any = session.execute(
            select(*ITEM_COLUMNS).where(ItemRow.connection_id == link.connection_id, ItemRow.ref.in_(refs), ItemRow.gone_at.is_(None))
        )
        found[link.key_result_id].epics[link.id] = [item_of(*row) for row in rows]


def recent_check_ins(session: Session, ids: Sequence[str]) -> list[CheckIn]:
    """The last ``HISTORY`` check-ins per key result, oldest first; drafts are none."""
    number = func.row_number().over(partition_by=CheckIn.key_result_id, order_by=CheckIn.id.desc()).label("number")
    inner = select(CheckIn.id, number).where(CheckIn.key_result_id.in_(ids), CheckIn.draft.is_(False)).subquery()
    return list(
        session.scalars(select(CheckIn).join(inner, inner.c.id == CheckIn.id).where(inner.c.number <= HISTORY).order_by(CheckIn.id))
    )


def _name_others(session: Session, found: dict[str, Facts]) -> None:
    """Who filed the last check-in where it was not the owner, and who told the number that stands: it is said wherever it is shown."""
    last = {name: facts.check_ins[-1].author_id for name, facts in found.items() if facts.check_ins}
    others = {name: author for name, author in last.items() if author is not None and author != found[name].row.owner_id}
    telling = {name: check_in for name, facts in found.items() if (check_in := provenance.telling(facts.row.source, facts.check_ins))}
    names = {facts.owner.id: facts.owner.name for facts in found.values() if facts.owner}
    names |= names_of(session, ({*others.values()} | {each.author_id for each in telling.values()}) - names.keys())
    for name, author in others.items():
        found[name].spoke = names.get(author, "")
    for name, check_in in telling.items():
        found[name].told_by = provenance.author_text(names.get(check_in.author_id), check_in.source)


def _load_readings(session: Session, found: dict[str, Facts]) -> None:
    """The first reading, the last of each day and the last of each kind, oldest first: a busy day must not hide the weeks before it.

    And the source's last of each day, apart: nobody's number may hide what it told before.
    """
    ids, source = list(found), "mapping"
    first = select(func.min(Reading.id)).where(Reading.key_result_id.in_(ids)).group_by(Reading.key_result_id)
    last_of_day = select(func.max(Reading.id)).where(Reading.key_result_id.in_(ids)).group_by(Reading.key_result_id, Reading.day)
    last_of_kind = select(func.max(Reading.id)).where(Reading.key_result_id.in_(ids)).group_by(Reading.key_result_id, Reading.kind)
    kept = union(first, last_of_day, last_of_kind, last_of_day.where(Reading.kind == source)).subquery()
    stored: dict[str, list[Reading]] = {}
    for row in session.scalars(select(Reading).join(kept, kept.c[0] == Reading.id).order_by(Reading.id)):
        stored.setdefault(row.key_result_id, []).append(row)
    for name, rows in stored.items():
        shown = {rows[0].id, *{row.day: row.id for row in rows}.values(), *{row.kind: row.id for row in rows}.values()}
        found[name].readings = [row for row in rows if row.id in shown]
        found[name].reads = [row for row in rows if row.kind == source]


def cycle_end_moment(cycle: Cycle, zone: Any) -> datetime:
    """The moment at which the cycle is over: midnight after its last day, in the given zone."""
    return datetime.combine(cycle.end + timedelta(days=1), time.min, tzinfo=zone)
