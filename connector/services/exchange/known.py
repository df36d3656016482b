"""What is stored, as an import must know it: key results, objectives, cycles and people, as light rows. Reads; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.model import Cycle as CycleFact
from connector.domain.model import Definition, Kind
from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.services.exchange.sheets import sheet_names
from connector.services.facts import cycle_end_moment, load_definition
from connector.store.tables import Cycle, KeyResult, Objective, Person, Team
from connector.store.visibility import DRAFT, visible

# Plain columns, not rows of the ORM: tens of thousands of those would take ten times the memory.
_KEY_RESULT = (
    KeyResult.id,
    KeyResult.title,
    KeyResult.objective_id,
    KeyResult.owner_id,
    KeyResult.kind,
    KeyResult.unit,
    KeyResult.start,
    KeyResult.target,
    KeyResult.low,
    KeyResult.high,
    KeyResult.strict,
    KeyResult.decimals,
    KeyResult.checkpoints,
    KeyResult.phased_targets,
    KeyResult.milestones,
    KeyResult.current,
    KeyResult.progress,
    KeyResult.confidence,
    KeyResult.blocker,
    KeyResult.decision_needed,
    KeyResult.movement,
)


@dataclass(frozen=True, slots=True)
class CycleKnown:
    """A cycle; ``over`` when its last day has passed. ``id`` is None for one that the file brings."""

    id: int | None
    name: str
    start: date
    end: date
    over: bool


@dataclass(frozen=True, slots=True)
class ObjectiveKnown:
    """An objective that key results may belong to; ``new`` for one that this import makes. Of a ``draft`` nothing is promised yet."""

    id: str
    title: str
    cycle: CycleKnown
    closed: bool
    new: bool = False
    draft: bool = False
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class PersonKnown:
    """Somebody who may own a key result. ``id`` is None for one that the file brings."""

    id: int | None
    email: str
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class KeyResultKnown:
    """A key result as it is stored, or as an earlier row of the file makes it (``row`` is None then)."""

    id: str
    objective: ObjectiveKnown
    row: Any  # the columns of ``_KEY_RESULT`` by name
    owner: str = ""  # e-mail

    @property
    def definition(self) -> Definition:
        """What it promises."""
        # The row has every column that a definition is made of, under the same names.
        return load_definition(cast(KeyResult, self.row))

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """From and To: the bounds of one that must stay between two, else start and target."""
        return (self.row.low, self.row.high) if self.row.kind == Kind.BETWEEN else (self.row.start, self.row.target)


@dataclass
class Known:
    """Everything an import is planned against; planned additions are entered here too, so that later rows see them.

    ``today`` is the day in the installation's time zone.
    """

    today: date = date.min
    cycles: dict[str, CycleKnown] = field(default_factory=dict)
    by_sheet: dict[str, str] = field(default_factory=dict)
    objectives: dict[str, list[ObjectiveKnown]] = field(default_factory=dict)  # by title
    objective_ids: dict[str, ObjectiveKnown] = field(default_factory=dict)  # living ones
    taken_objectives: set[str] = field(default_factory=set)  # ids, retired ones too
    teams: set[str] = field(default_factory=set)
    people: dict[str, PersonKnown] = field(default_factory=dict)  # by e-mail in lower case
    by_name: dict[str, list[PersonKnown]] = field(default_factory=dict)
    key_results: dict[tuple[str, str], list[KeyResultKnown]] = field(default_factory=dict)  # by titles of objective and key result
    taken: set[str] = field(default_factory=set)  # ids, retired ones too
    fingerprint: tuple[Any, ...] = ()

    def cycle(self, name: str, where: str) -> CycleKnown:
        """The cycle of that name; letter case does not matter. Raises ``InputError`` with the names there are."""
        exact = self.cycles.get(name)
        alike = [cycle for each, cycle in self.cycles.items() if each.casefold() == name.casefold()]
        if exact is None and len(alike) != 1:
            raise InputError(f"no cycle is called {name!r}; there are: {', '.join(self.cycles) or 'none'}", where=where)
        return exact or alike[0]

    def add_objective(self, objective: ObjectiveKnown) -> None:
        """Enter an objective that this import makes."""
        self.objectives.setdefault(objective.title.strip(), []).append(objective)
        self.objective_ids[objective.id] = objective
        self.taken_objectives.add(objective.id)

    def add_person(self, person: PersonKnown) -> None:
        """Enter a person."""
        self.people[person.email.lower()] = person
        self.by_name.setdefault(person.name.strip(), []).append(person)


def load_known(session: Session, now: datetime, zone: Any, viewer: Viewer) -> Known:
    """Read all that the viewer may know of: a handful of statements."""
    found = Known(now.astimezone(zone).date(), fingerprint=fingerprint(session))
    _load_frame(session, found, now, zone, viewer)
    emails = {person.id: person.email for person in found.people.values()}
    for row in session.execute(
        select(*_KEY_RESULT)
        .where(KeyResult.retired_at.is_(None))
        .order_by(KeyResult.position, KeyResult.id)
        .execution_options(yield_per=2000)
    ):
        objective = found.objective_ids.get(row.objective_id)
        if objective is not None:
            entry = KeyResultKnown(row.id, objective, row, emails.get(row.owner_id, ""))
            found.key_results.setdefault((objective.title.strip(), row.title.strip()), []).append(entry)
    found.taken = set(session.scalars(select(KeyResult.id)))
    return found


def _load_frame(session: Session, found: Known, now: datetime, zone: Any, viewer: Viewer) -> None:
    cycles: dict[int, CycleKnown] = {}
    for cycle in session.scalars(select(Cycle).where(Cycle.retired_at.is_(None)).order_by(Cycle.start, Cycle.name)):
        over = now >= cycle_end_moment(CycleFact(cycle.name, cycle.start, cycle.end), zone)
        cycles[cycle.id] = found.cycles[cycle.name] = CycleKnown(cycle.id, cycle.name, cycle.start, cycle.end, over)
    found.by_sheet = sheet_names(list(found.cycles))
    found.taken_objectives = set(session.scalars(select(Objective.id)))
    for row in session.execute(
        select(Objective.id, Objective.title, Objective.cycle_id, Objective.closed_at, Objective.stage, Objective.restricted)
        .where(Objective.retired_at.is_(None), visible(viewer))
        .order_by(Objective.position, Objective.id)
    ):
        if row.cycle_id in cycles:
            draft, closed = row.stage == DRAFT, row.closed_at is not None
            found.add_objective(ObjectiveKnown(row.id, row.title, cycles[row.cycle_id], closed, draft=draft, restricted=row.restricted))
    found.teams = set(session.scalars(select(Team.name).where(Team.retired_at.is_(None))))
    for person in session.execute(select(Person.id, Person.email, Person.name, Person.active).order_by(Person.email)):
        found.add_person(PersonKnown(person.id, person.email, person.name, person.active))


def fingerprint(session: Session) -> tuple[Any, ...]:
    """Changes when somebody adds or retires what an import is planned against: then it is planned anew."""
    counts: list[Any] = []
    for table in (KeyResult, Objective):
        counts += session.execute(select(func.count(), func.count(table.retired_at), func.max(table.created_at)).select_from(table)).one()
    for each in (Person, Cycle, Team):
        counts += session.execute(select(func.count(), func.max(each.id)).select_from(each)).one()
    # Whether a reason is needed hangs on it.
    counts += session.execute(select(func.count()).where(Objective.stage == DRAFT, Objective.retired_at.is_(None))).one()
    return tuple(counts)


def same_as_stored(session: Session, seen: Mapping[str, Mapping[str, Any]]) -> bool:
    """True when these key results (id → column → value as planned against) still hold these values and are not retired."""
    ids = list(seen)
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        columns = sorted({name for each in part for name in seen[each]})
        rows = session.execute(
            select(KeyResult.id, KeyResult.retired_at, *(getattr(KeyResult, name) for name in columns)).where(KeyResult.id.in_(part))
        ).all()
        if len(rows) != len(part):
            return False
        for row in rows:
            if row.retired_at is not None or any(getattr(row, name) != value for name, value in seen[row.id].items()):
                return False
    return True
