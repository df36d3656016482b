"""Our own JSON read back: what is missing of people, teams, cycles and objectives is made; key results become rows of an import.

Connections, mappings and history are not restored from it: they need credentials, or would be told by nobody who was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Cadence, Kind
from connector.errors import InputError
from connector.services.exchange.archive import DEFINITION, FORMAT, VERSION
from connector.services.exchange.sheets import COLUMNS
from connector.store.tables import Cycle, Objective, Person, Team

_ID = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
_PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"  # no control signs: texts end up in terminals and at hosts
_NAME = Field(min_length=1, max_length=500, pattern=_PLAIN)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Person(_Part):
    email: str = Field(pattern=r"^[^@\s,;]+@[^@\s,;]+$", max_length=320)
    name: str = _NAME
    active: bool = True


class _Team(_Part):
    name: str = _NAME
    lead: str | None = None


class _Cycle(_Part):
    name: str = _NAME
    start: date
    end: date


class _Objective(_Part):
    id: str = _ID
    title: str = _NAME
    cycle: str
    team: str | None = None
    supports: str | None = None
    position: int = Field(0, ge=0, le=1_000_000)
    closed_at: datetime | None = None


class _Checkpoint(_Part):
    value: float
    progress: float


class _Phase(_Part):
    day: date
    value: float


class _Milestone(_Part):
    title: str = _NAME
    weight: float = Field(1.0, ge=0)
    done: bool = False


class _KeyResult(_Part):
    id: str = _ID
    title: str = _NAME
    objective: str
    owner: str | None = None
    kind: Kind = Kind.METRIC
    unit: str = Field("", max_length=40, pattern=_PLAIN)
    start: float | None = None
    target: float | None = None
    low: float | None = None
    high: float | None = None
    strict: bool = False
    decimals: int = Field(0, ge=0, le=9)
    weight: float = Field(1.0, ge=0)
    cadence: Cadence = Cadence.WEEKLY
    position: int = Field(0, ge=0, le=1_000_000)
    checkpoints: list[_Checkpoint] = []
    phased_targets: list[_Phase] = []
    milestones: list[_Milestone] = []
    current: float | None = None
    confidence: int | None = None
    blocker: str | None = None


class Archive(_Part):
    """The parts of the document that an import reads."""

    format: str
    version: int
    people: list[_Person] = []
    teams: list[_Team] = []
    cycles: list[_Cycle] = []
    objectives: list[_Objective] = []
    key_results: list[_KeyResult] = []


@dataclass(frozen=True, slots=True)
class Stored:
    """A key result of the document as a row of the import, with its whole definition should it be missing here."""

    place: str
    id: str
    objective: str
    cells: dict[str, str | float]
    definition: dict[str, Any]
    sheet: str = ""


def read_archive(data: bytes) -> Archive:
    """Check the document. Raises ``InputError`` naming the first field that does not fit."""
    try:
        archive = Archive.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InputError(first["msg"], where=".".join(str(part) for part in first["loc"]) or "file") from None
    if archive.format != FORMAT or archive.version != VERSION:
        raise InputError(f"this is not an export of {FORMAT} in version {VERSION}", where="format")
    titles = {entry.id for entry in archive.objectives}
    for number, entry in enumerate(archive.key_results):
        if entry.objective not in titles:
            raise InputError(f"the file has no objective {entry.objective!r}", where=f"key_results[{number}].objective")
    return archive


def rows_of(archive: Archive) -> list[Stored]:
    """The key results as rows with the nine columns."""
    titles = {entry.id: entry.title for entry in archive.objectives}
    rows = []
    for number, entry in enumerate(archive.key_results):
        ends = (entry.low, entry.high) if entry.kind is Kind.BETWEEN else (entry.start, entry.target)
        values = (titles[entry.objective], entry.title, entry.owner, *ends, entry.current, entry.confidence, entry.blocker, None)
        cells = {column: _cell(value) for column, value in zip(COLUMNS, values, strict=True)}
        definition = {name: value for name, value in entry.model_dump(mode="json").items() if name in DEFINITION}
        rows.append(Stored(f"key_results[{number}]", entry.id, entry.objective, cells, definition))
    return rows


def _cell(value: str | float | None) -> str | float:
    if value is None:
        return ""
    return value if isinstance(value, str) else float(value)


def create_missing(session: Session, archive: Archive, now: datetime) -> list[str]:
    """Make the people, teams, cycles and objectives that are not here yet; what is here stays as it is. Says what was made."""
    made: list[str] = []
    people = {row.email: row for row in session.scalars(select(Person))}
    for person in archive.people:
        if person.email.lower() not in people:
            people[person.email.lower()] = Person(email=person.email.lower(), name=person.name, active=person.active)
            session.add(people[person.email.lower()])
            made.append(f"person {person.email.lower()}")
    session.flush()
    teams = {row.name: row for row in session.scalars(select(Team))}
    for team in archive.teams:
        if team.name not in teams:
            lead = people.get((team.lead or "").lower())
            teams[team.name] = Team(name=team.name, lead_id=lead.id if lead else None)
            session.add(teams[team.name])
            made.append(f"team {team.name}")
    cycles = {row.name: row for row in session.scalars(select(Cycle))}
    for cycle in archive.cycles:
        if cycle.end < cycle.start:
            raise InputError("a cycle ends after it starts", where=f"cycles.{cycle.name}")
        if cycle.name not in cycles:
            cycles[cycle.name] = Cycle(name=cycle.name, start=cycle.start, end=cycle.end)
            session.add(cycles[cycle.name])
            made.append(f"cycle {cycle.name}")
    session.flush()
    _objectives(session, archive, cycles, teams, now, made)
    return made


def _objectives(
    session: Session, archive: Archive, cycles: dict[str, Cycle], teams: dict[str, Team], now: datetime, made: list[str]
) -> None:
    known = {row.id: row for row in session.scalars(select(Objective))}
    new: list[tuple[Objective, str | None]] = []
    for number, entry in enumerate(archive.objectives):
        if entry.id in known:
            continue
        if entry.cycle not in cycles:
            raise InputError(f"there is no cycle {entry.cycle!r}", where=f"objectives[{number}].cycle")
        team = teams.get(entry.team or "")
        row = Objective(
            id=entry.id,
            title=entry.title,
            position=entry.position,
            cycle_id=cycles[entry.cycle].id,
            team_id=team.id if team else None,
            pages=[],
            closed_at=entry.closed_at,
            created_at=now,
        )
        session.add(row)
        known[entry.id] = row
        new.append((row, entry.supports))
        made.append(f"objective {entry.id}")
    session.flush()
    for row, supports in new:
        row.supports_id = supports if supports in known and supports != row.id else None
    session.flush()
