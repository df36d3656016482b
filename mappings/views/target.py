"""What the editor shows beside the form's own fields: the key result, the connections, the people. One read, no host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from connector.domain.model import Definition
from connector.domain.rights import Viewer
from connector.domain.wording import moment_text, sentence
from connector.errors import NotFound
from connector.hosts.registry import HOSTS
from connector.services.facts import load_definition
from connector.store.tables import Connection, Cycle, KeyResult, Mapping, Objective, Person
from connector.store.visibility import READY, visible
from mappings.forms import option_of

MOST_PEOPLE = 200
MOST_KEY_RESULTS = 50


@dataclass(frozen=True, slots=True)
class Target:
    """The key result that is mapped. ``measures``: the options of its mappings that move the value; ``running``: it counts already."""

    id: str
    title: str
    objective: str
    definition: Definition
    sentence: str
    running: bool
    owner: str
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A connection to choose from. ``problem`` says why it cannot be asked now, "" when it can."""

    name: str
    host: str
    words: str
    problem: str


def load_target(session: Session, viewer: Viewer, ident: str) -> Target:
    """Raises ``NotFound`` for a key result that the viewer may not know of."""
    found = session.execute(
        select(KeyResult, Objective, Cycle, Person.email)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.id == ident, KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no key result {ident!r}; it may have been retired")
    row, objective, cycle, owner = found
    rules = session.scalars(
        select(Mapping.rule)
        .where(Mapping.key_result_id == ident, Mapping.retired_at.is_(None), Mapping.mode == "value")
        .order_by(Mapping.position, Mapping.id)
    )
    definition = load_definition(row)
    return Target(
        row.id,
        row.title,
        objective.title,
        definition,
        sentence(definition, row.current),
        cycle.started_at is not None and objective.stage == READY,
        owner or "",
        tuple(option_of(rule["measure"])[0] for rule in rules),
    )


def load_places(session: Session, zone: tzinfo) -> list[Place]:
    """All connections by name."""
    found = []
    for row in session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)):
        title = HOSTS[row.host].TITLE
        read = f"read {moment_text(row.last_success_at, zone)}" if row.last_success_at else "not read yet"
        words = f"{row.name} · {title} · {'parked' if row.parked_at else read}"
        problem = f"{row.name} is parked: {row.parked_reason}. Mend it on the page of the connection" if row.parked_at else ""
        found.append(Place(row.name, row.host, words, problem))
    return found


def load_people(session: Session) -> list[tuple[str, str]]:
    """(e-mail address, name) of active people, for the list of owners."""
    query = select(Person.email, Person.name).where(Person.active.is_(True)).order_by(Person.name).limit(MOST_PEOPLE)
    return [(email, name) for email, name in session.execute(query)]


def find_key_results(session: Session, viewer: Viewer, text: str) -> list[dict[str, Any]]:
    """Key results by words of their own or their objective's title, those without a mapping first."""
    mapped = (
        select(func.count())
        .where(Mapping.key_result_id == KeyResult.id, Mapping.retired_at.is_(None))
        .correlate(KeyResult)
        .scalar_subquery()
    )
    query = (
        select(KeyResult.id, KeyResult.title, Objective.title, mapped)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
        .order_by(mapped > 0, Objective.position, Objective.id, KeyResult.position, KeyResult.id)
        .limit(MOST_KEY_RESULTS)
    )
    for word in text.split():
        query = query.where(
            or_(
                KeyResult.title.icontains(word, autoescape=True),
                Objective.title.icontains(word, autoescape=True),
                KeyResult.id.icontains(word, autoescape=True),
            )
        )
    return [
        {"id": ident, "title": title, "objective": objective, "mappings": number}
        for ident, title, objective, number in session.execute(query)
    ]
