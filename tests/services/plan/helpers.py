"""What the tests of planning share: who does it, and a company's rows."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.services.plan import cycles, readiness
from connector.store.tables import (
    Audit,
    Cycle,
    Forum,
    KeyResult,
    Objective,
    Person,
    Team,
)
from tests.support.world import Company

BOTH = pytest.mark.databases("sqlite", "postgres")


LEAD = Viewer("lead script", "lead", 99)
DAYS = {"start": "2027-01-04", "end": "2027-04-02"}


def rows(acme: Company, table: type[Any]) -> list[Any]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(table).order_by(*table.__table__.primary_key.columns)))


def person(acme: Company, name: str, role: str) -> Viewer:
    email = f"{name.lower()}@acme.example"
    with acme.runtime.store.write() as session:
        row = session.scalar(select(Person).where(Person.email == email))
        if row is None:
            row = Person(email=email, name=name)
            session.add(row)
        row.role = role
        session.flush()
        return Viewer(email, role, row.id, email, name)


def last(acme: Company) -> Audit:
    return rows(acme, Audit)[-1]


def listed(acme: Company, viewer: Viewer = SYSTEM) -> dict[str, cycles.CycleEntry]:
    with acme.runtime.store.read() as session:
        return {each.name: each for each in cycles.cycles(session, viewer)}


def scheduled(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).values(started_at=None))


def complete(acme: Company, objective: str = "onboarding") -> None:
    """Give the objective a team that a forum reviews, and its key results a source."""
    with acme.runtime.store.write() as session:
        bob = session.scalars(select(Person).where(Person.email == "bob@acme.example")).one()
        forum = session.scalar(select(Forum)) or Forum(name="Growth review")
        forum.caller_id = bob.id
        session.add(forum)
        session.flush()
        team = session.scalars(select(Team)).one()
        team.forum_id = forum.id
        session.execute(update(Objective).where(Objective.id == objective).values(team_id=team.id))
        session.execute(update(KeyResult).where(KeyResult.objective_id == objective).values(by_hand=True))


def red(acme: Company, viewer: Viewer = SYSTEM) -> set[tuple[str, str]]:
    return {(ident, item) for ident, item, _ in readiness.load(acme.runtime, viewer, "now").red}


def following(acme: Company) -> None:
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})
