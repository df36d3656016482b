"""A JSON export merged into an installation that is not empty: what is missing is made, key results become rows of an import.

Matched by id (people by e-mail, teams and cycles by name). Connections, mappings and history are not merged: they would be told by
nobody who was there, and are restored only into an empty installation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from connector.domain.model import Cadence, Kind
from connector.errors import InputError
from connector.services.declare import reading
from connector.services.exchange.archive import Document
from connector.services.exchange.cells import Cell, Incoming, plain_text
from connector.services.exchange.known import CycleKnown, Known, ObjectiveKnown, PersonKnown
from connector.services.exchange.plan import NewObjective, Plan
from connector.services.exchange.vocabulary import NINE
from connector.services.plan.groups import group_name
from connector.store.visibility import DRAFT

_ID = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")


def _shown(text: str) -> str:
    try:
        return plain_text(text)
    except InputError as error:
        raise PydanticCustomError("text", "{told}", {"told": error.message}) from None


_Plain = Annotated[str, AfterValidator(_shown)]  # texts end up on pages, in terminals and at hosts
_NAME = Field(min_length=1, max_length=500)
_DEFINITION = (
    "kind",
    "unit",
    "start",
    "target",
    "low",
    "high",
    "strict",
    "decimals",
    "weight",
    "cadence",
    "position",
    "checkpoints",
    "phased_targets",
    "milestones",
)
_NOT_MERGED = ("connections", "mappings", "readings", "check_ins", "audit", "team_members", "forums")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Person(_Part):
    email: str = Field(pattern=r"^[^@\s,;]+@[^@\s,;]+$", max_length=320)
    name: _Plain = _NAME
    active: bool = True


class _Team(_Part):
    name: _Plain = _NAME
    lead: str | None = None


class _Cycle(_Part):
    name: _Plain = _NAME
    start: date
    end: date


class _Objective(_Part):
    id: str = _ID
    title: _Plain = _NAME
    cycle: str
    team: str | None = None
    supports: str | None = None
    position: int = Field(0, ge=0, le=1_000_000)
    closed_at: datetime | None = None
    restricted: bool = False
    stage: Literal["draft", "ready"] = "ready"
    readers: list[str] = []


class _Checkpoint(_Part):
    value: float
    progress: float


class _Phase(_Part):
    day: date
    value: float


class _Milestone(_Part):
    title: _Plain = _NAME
    weight: float = Field(1.0, ge=0)
    done: bool = False


class _KeyResult(_Part):
    id: str = _ID
    title: _Plain = _NAME
    objective: str
    owner: str | None = None
    kind: Kind = Kind.METRIC
    unit: _Plain = Field("", max_length=40)
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
    """The parts of a document that a merge reads, in the words of version 1."""

    people: list[_Person] = []
    teams: list[_Team] = []
    cycles: list[_Cycle] = []
    objectives: list[_Objective] = []
    key_results: list[_KeyResult] = []


def archive_of(document: Document) -> Archive:
    """Check what will be merged. Raises ``InputError`` naming the first field that does not fit."""
    told: Mapping[str, Any] = document.whole if document.version < 2 else _named(document)
    try:
        archive = Archive.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InputError(first["msg"], where=".".join(str(part) for part in first["loc"]) or "file") from None
    titles = {entry.id for entry in archive.objectives}
    for number, entry in enumerate(archive.key_results):
        if entry.objective not in titles:
            raise InputError(f"the file has no objective {entry.objective!r}", where=f"key_results[{number}].objective")
    return archive


def left_out(document: Document) -> list[str]:
    """What the file holds and a merge does not take."""
    if document.version < 2:
        found = [name for name in _NOT_MERGED if document.whole.get(name)]
    else:
        found = [name for name, rows in document.tables() if name in _NOT_MERGED and next(rows, None) is not None]
    if not found:
        return []
    return [f"not merged: {', '.join(name.replace('_', ' ') for name in found)}; they are restored only into an empty installation"]


def _named(document: Document) -> dict[str, Any]:
    """Version 2 in the words of version 1: names and e-mails instead of numbers, retired things left out."""
    rows = {
        name: [row for row in found if row.get("retired_at") is None]
        for name, found in document.tables()
        if name in Archive.model_fields or name == "objective_readers"
    }
    emails = {row.get("id"): row.get("email") for row in rows.get("people", ())}
    teams = {row.get("id"): row.get("name") for row in rows.get("teams", ())}
    cycles = {row.get("id"): row.get("name") for row in rows.get("cycles", ())}
    readers: dict[Any, list[Any]] = {}
    for row in rows.get("objective_readers", ()):
        readers.setdefault(row.get("objective_id"), []).append(emails.get(row.get("person_id")) or "somebody who is not in the file")
    objectives = [
        {
            "readers": readers.get(row.get("id"), []),
            **row,
            "cycle": cycles[row.get("cycle_id")],
            "team": teams.get(row.get("team_id")),
            "supports": row.get("supports_id"),
        }
        for row in rows.get("objectives", ())
        if row.get("cycle_id") in cycles
    ]
    living = {row.get("id") for row in objectives}
    return {
        "people": rows.get("people", []),
        "teams": [{**row, "lead": emails.get(row.get("lead_id"))} for row in rows.get("teams", ())],
        "cycles": rows.get("cycles", []),
        "objectives": objectives,
        "key_results": [
            {**row, "objective": row.get("objective_id"), "owner": emails.get(row.get("owner_id"))}
            for row in rows.get("key_results", ())
            if row.get("objective_id") in living
        ],
    }


def rows_of(archive: Archive) -> list[Incoming]:
    """The key results as rows with the nine columns."""
    titles = {entry.id: entry.title for entry in archive.objectives}
    rows = []
    for number, entry in enumerate(archive.key_results):
        ends = (entry.low, entry.high) if entry.kind is Kind.BETWEEN else (entry.start, entry.target)
        values = (titles[entry.objective], entry.title, entry.owner, *ends, entry.current, entry.confidence, entry.blocker, None)
        cells = {name: _cell(value) for name, value in zip(NINE, values, strict=True)}
        definition = {name: value for name, value in entry.model_dump(mode="json").items() if name in _DEFINITION}
        rows.append(Incoming(f"key_results[{number}]", "", cells, NINE, entry.id, entry.objective, definition))
    return rows


def _cell(value: str | float | None) -> Cell:
    if value is None:
        return ""
    return value if isinstance(value, str) else float(value)


def add_missing(known: Known, archive: Archive, plan: Plan, now: datetime) -> list[str]:
    """Plan the people, teams, cycles and objectives that are not here yet; what is here stays as it is. Says what will be made."""
    made: list[str] = []
    for person in archive.people:
        email = person.email.lower()
        if email not in known.people:
            plan.people.append({"email": email, "name": person.name, "active": person.active})
            known.add_person(PersonKnown(None, email, person.name, person.active))
            made.append(f"person {email}")
    for team in archive.teams:
        if team.name not in known.teams:
            group_name(team.name, f"teams.{team.name}")
            plan.teams.append({"name": team.name, "lead": team.lead})
            known.teams.add(team.name)
            made.append(f"team {team.name}")
    for cycle in archive.cycles:
        for day in (cycle.start, cycle.end):
            reading.day(day, f"cycles.{cycle.name}")
        if cycle.end < cycle.start:
            raise InputError("a cycle ends after it starts", where=f"cycles.{cycle.name}")
        if cycle.name not in known.cycles:
            group_name(cycle.name, f"cycles.{cycle.name}")
            begun = now if cycle.start <= now.date() else None
            plan.cycles.append({"name": cycle.name, "start": cycle.start, "end": cycle.end, "started_at": begun})
            known.cycles[cycle.name] = CycleKnown(None, cycle.name, cycle.start, cycle.end, over=False)
            made.append(f"cycle {cycle.name}")
    return made + _add_objectives(known, archive, plan)


def _add_objectives(known: Known, archive: Archive, plan: Plan) -> list[str]:
    made: list[str] = []
    ids = {entry.id for entry in archive.objectives} | set(known.objective_ids)
    for number, entry in enumerate(archive.objectives):
        if entry.id in known.taken_objectives:
            continue
        if entry.cycle not in known.cycles:
            raise InputError(f"there is no cycle {entry.cycle!r}", where=f"objectives[{number}].cycle")
        new = ObjectiveKnown(
            entry.id,
            entry.title,
            known.cycles[entry.cycle],
            entry.closed_at is not None,
            new=True,
            draft=entry.stage == DRAFT,
            restricted=entry.restricted,
        )
        readers = tuple(dict.fromkeys(email.lower() for email in entry.readers if email.lower() in known.people))
        supports = entry.supports if entry.supports in ids and entry.supports != entry.id else None
        plan.objectives.append(NewObjective(new, entry.team, entry.position, supports, entry.closed_at, readers))
        known.add_objective(new)
        made.append(f"objective {entry.id}")
    return made


def hidden_notes(known: Known, archive: Archive, plan: Plan) -> list[str]:
    """What a merge cannot keep of restrictions, in words: readers whom nobody knows, objectives that are here without one."""
    made = {new.known.id for new in plan.objectives}
    notes: list[str] = []
    for entry in archive.objectives:
        if entry.id in made:
            gone = [email for email in entry.readers if email.lower() not in known.people]
            if gone:
                stays = "; it stays restricted" if entry.restricted else ""
                notes.append(f"objective {entry.id}: {', '.join(gone)[:300]} cannot be made a reader, nobody here has that address{stays}")
        elif entry.restricted and (stored := known.objective_ids.get(entry.id)) is not None and not stored.restricted:
            notes.append(f"objective {entry.id} is restricted in the file and not here; what is here stays as it is")
    return notes
