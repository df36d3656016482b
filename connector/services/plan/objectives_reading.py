"""What a person says of an objective, checked against what is stored. Words are those of the file of ``apply``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.services.declare import reading
from connector.services.declare.document import join
from connector.services.declare.reading import Fields, Notes
from connector.services.plan import saving
from connector.store.tables import Connection, Cycle, Objective, Person, Team, TeamMember
from connector.store.visibility import DRAFT, READY, visible
from mappings.reading import as_text, near
from mappings.rules import notion_id

HIDDEN = "an objective that you may not see"
"""Stands for the supported objective when the viewer may not know of it; saying it back keeps that."""

FIELDS = ("title", "cycle", "team", "supports", "panels", "stage", "restricted", "readers")


@dataclass(frozen=True, slots=True)
class ObjectiveValues:
    """An objective as it shall be, with its references looked up."""

    title: str
    cycle: Cycle
    team: Team | None
    supports: str | None
    panels: tuple[tuple[Connection, str], ...]
    stage: str
    restricted: bool
    readers: tuple[Person, ...]

    def view(self) -> saving.View:
        """In the words of the file of ``apply``."""
        return {
            "title": self.title,
            "cycle": self.cycle.name,
            "team": self.team.name if self.team else None,
            "supports": self.supports,
            "panels": [{"connection": connection.name, "page": page} for connection, page in self.panels],
            "stage": self.stage,
            "restricted": self.restricted,
            "readers": sorted(person.email for person in self.readers),
        }


def read(session: Session, viewer: Viewer, given: Mapping[str, Any], row: Objective | None) -> ObjectiveValues:
    """Everything that ``given`` says (keys of ``FIELDS``); ``row`` is the objective as it is stored, None for a new one.

    Raises ``Faults`` with all errors, each at its field.
    """
    notes = saving.new_notes()
    ident = row.id if row is not None else None
    fields = Fields(notes, given, "")
    title = fields.take("title", saving.title, missing="; enter what is to be reached")
    cycle = fields.take("cycle", lambda each, where: _cycle(session, each, where), missing="; choose a cycle")
    team = fields.take("team", lambda each, where: _team(session, each, where))
    supports = fields.take("supports", lambda each, where: _supports(session, viewer, each, where, row))
    panels = _panels(session, viewer, notes, given.get("panels") or (), ident)
    stage = fields.take("stage", _stage) or READY
    restricted = fields.take("restricted", reading.flag) or False
    readers = _readers(session, notes, given.get("readers") or ())
    saving.raise_noted(notes)
    assert title is not None and cycle is not None  # noqa: PT018  # missing ones are noted
    values = ObjectiveValues(title, cycle, team, supports, panels, stage, restricted, readers if restricted else ())
    _keep_in_sight(session, viewer, values)
    return values


def _cycle(session: Session, value: Any, where: str) -> Cycle:
    name = as_text(value, where)
    found = {row.name: row for row in session.scalars(select(Cycle).where(Cycle.retired_at.is_(None)))}
    if name not in found:
        raise InputError(f"no cycle is called {name[:80]!r}{near(name, found)}", where=where)
    return found[name]


def _team(session: Session, value: Any, where: str) -> Team:
    name = as_text(value, where)
    found = {row.name: row for row in session.scalars(select(Team).where(Team.retired_at.is_(None)))}
    if name not in found:
        raise InputError(f"no team is called {name[:80]!r}{near(name, found)}", where=where)
    return found[name]


def _stage(value: Any, where: str) -> str:
    if value not in (DRAFT, READY):
        raise InputError(f"must be {DRAFT} or {READY}", where=where)
    return str(value)


def _supports(session: Session, viewer: Viewer, value: Any, where: str, row: Objective | None) -> str | None:
    name = as_text(value, where)
    if row is not None and name in (HIDDEN, row.supports_id):
        return row.supports_id
    known = session.execute(select(Objective.id, Objective.supports_id).where(Objective.retired_at.is_(None))).all()
    above = {row.id: row.supports_id for row in known}
    seen = set(session.scalars(select(Objective.id).where(Objective.retired_at.is_(None), visible(viewer))))
    if name not in seen:
        raise InputError(f"no objective has the id {name[:80]!r}{near(name, seen)}", where=where)
    step: str | None = name
    passed: set[str] = set()
    while step is not None and step not in passed:
        if row is not None and step == row.id:
            raise InputError("the objectives would support each other in a circle; choose one further up", where=where)
        passed.add(step)
        step = above.get(step)
    return name


def _panels(session: Session, viewer: Viewer, notes: Notes, given: Any, ident: str | None) -> tuple[tuple[Connection, str], ...]:
    entries = notes.entries(given, "panels")
    if not entries:
        return ()
    connections = {row.name: row for row in session.scalars(select(Connection).where(Connection.retired_at.is_(None)))}
    others = session.execute(
        select(Objective.id, Objective.pages, visible(viewer).label("seen")).where(
            Objective.retired_at.is_(None), Objective.id != (ident or "")
        )
    )
    holders = {(page["connection"], page["ref"]): row.id if row.seen else "" for row in others for page in row.pages or ()}
    found: dict[tuple[str, str], tuple[Connection, str]] = {}
    for where, value in entries:
        fields = notes.fields(value, where, ("connection", "page"))
        if fields is None:
            continue
        name = fields.take("connection", as_text, missing="; choose a Notion connection")
        page = fields.take(
            "page", lambda each, path: notion_id(as_text(each, path), path, row=True), missing="; paste the link of the page"
        )
        if name is None or page is None:
            continue
        connection = connections.get(name)
        if connection is None:
            notes.add(f"no connection is called {name[:80]!r}{near(name, connections)}", join(where, "connection"))
        elif connection.host != "notion":
            notes.add(f"{name} is not a Notion connection; in Jira the panel stands at the mapped epics", join(where, "connection"))
        elif (connection.id, page) in holders:
            holder = holders[connection.id, page]
            notes.add(f"this page shows {f'objective {holder}' if holder else 'another objective'} already", join(where, "page"))
        else:
            found[name, page] = (connection, page)
    return tuple(found.values())


def _readers(session: Session, notes: Notes, given: Any) -> tuple[Person, ...]:
    if isinstance(given, str):
        given = [given]
    found: dict[str, Person] = {}
    entries = [(f"readers[{index}]", value) for index, value in enumerate(given)]
    people = {row.email: row for row in session.scalars(select(Person))} if entries else {}
    for where, value in entries:
        with notes.noting():
            address = reading.email(value, where)
            if address not in people:
                raise InputError(f"no person has the e-mail address {address}{near(address, people)}", where=where)
            found[address] = people[address]
    return tuple(found.values())


def _keep_in_sight(session: Session, viewer: Viewer, values: ObjectiveValues) -> None:
    """Nobody restricts an objective so that they cannot see it themselves."""
    if not values.restricted or viewer.sees_everything:
        return
    mine = viewer.person_id
    if mine is None:
        raise InputError("whoever asks is no person and would not see it any more; a person does this", where="restricted")
    on_team = values.team is not None and (
        values.team.lead_id == mine
        or session.scalar(select(TeamMember.person_id).where(TeamMember.team_id == values.team.id, TeamMember.person_id == mine))
        is not None
    )
    if not on_team and all(person.id != mine for person in values.readers):
        raise InputError("you would not see it any more; add yourself to the readers", where="readers")
