"""Who is here: people with role, teams, host accounts and when they were last seen. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from connector.errors import NotFound
from connector.services.changes import version_of
from connector.store.reads.paging import Page, after, cut, moment_text
from connector.store.tables import (
    BrowserSession,
    Connection,
    Identity,
    Person,
    PersonAccount,
    Team,
    TeamMember,
)

View = dict[str, Any]


def find(session: Session, email: str) -> Person:
    """The person with this address. Raises ``NotFound``."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower()))
    if person is None:
        raise NotFound(f"no person has the e-mail address {email[:254]}")
    return person


def view(session: Session, person: Person) -> View:
    """A person as the audit trail and the version check see them: ``accounts`` are ids by the connection's name."""
    rows = session.execute(
        select(Connection.name, PersonAccount.account)
        .join(Connection, Connection.id == PersonAccount.connection_id)
        .where(PersonAccount.person_id == person.id)
        .order_by(Connection.name)
    )
    return {
        "name": person.name,
        "role": person.role,
        "active": person.active,
        "accounts": {name: account for name, account in rows},  # noqa: C416  # rows are no pairs to the type checker
        **_leave(person),
    }


def _leave(person: Person) -> View:
    return {"zone": person.zone, "away_until": person.away_until.isoformat() if person.away_until else None}


def people_page(
    session: Session,
    cursor: str | None = None,
    limit: int = 50,
    *,
    text: str | None = None,
    role: str | None = None,
    active: bool | None = None,
) -> Page:
    """People by e-mail address, in five statements. ``text`` is part of a name or address.

    Raises ``InputError`` for a bad cursor or limit.
    """
    query = select(Person)
    if text and text.strip():
        part = f"%{text.strip().lower().replace('|', '||').replace('%', '|%').replace('_', '|_')}%"
        query = query.where(or_(func.lower(Person.name).like(part, escape="|"), Person.email.like(part, escape="|")))
    if role:
        query = query.where(Person.role == role)
    if active is not None:
        query = query.where(Person.active.is_(active))
    rows = session.scalars(after(query, (Person.email,), (str,), cursor, limit)).all()
    shown, following = cut(rows, limit, lambda row: (row.email,))
    return Page(shapes(session, shown), following)


def shapes(session: Session, people: Sequence[Person]) -> list[View]:
    """People as the API gives them and the pages print them."""
    ids = [person.id for person in people]
    accounts: dict[int, list[View]] = {}
    for number, name, account, left_at in session.execute(
        select(PersonAccount.person_id, Connection.name, PersonAccount.account, PersonAccount.left_at)
        .join(Connection, Connection.id == PersonAccount.connection_id)
        .where(PersonAccount.person_id.in_(ids))
        .order_by(Connection.name)
    ):
        accounts.setdefault(number, []).append({"connection": name, "account": account, "left_at": moment_text(left_at)})
    teams: dict[int, set[str]] = {}
    members = select(TeamMember.person_id, Team.name).join(Team, Team.id == TeamMember.team_id)
    leads: Any = select(Team.lead_id, Team.name).where(Team.lead_id.in_(ids))
    for query in (members.where(TeamMember.person_id.in_(ids)), leads):
        for number, name in session.execute(query.where(Team.retired_at.is_(None))):
            teams.setdefault(number, set()).add(name)
    seen: dict[int, datetime] = {}
    for number, moment in session.execute(
        select(BrowserSession.person_id, func.max(BrowserSession.seen_at))
        .where(BrowserSession.person_id.in_(ids))
        .group_by(BrowserSession.person_id)
    ):
        seen[number] = moment
    found = []
    for person in people:
        own = accounts.get(person.id, [])
        by_name = {each["connection"]: each["account"] for each in own}
        found.append(
            {
                "email": person.email,
                "name": person.name,
                "role": person.role,
                "active": person.active,
                "teams": sorted(teams.get(person.id, ())),
                "accounts": own,
                "last_seen_at": moment_text(seen.get(person.id)),
                **_leave(person),
                "version": version_of(
                    {"name": person.name, "role": person.role, "active": person.active, "accounts": by_name, **_leave(person)}
                ),
            }
        )
    return found


def providers_of(session: Session, person_id: int) -> list[str]:
    """The issuers at which a person's identity is known."""
    return list(session.scalars(select(Identity.issuer).where(Identity.person_id == person_id).order_by(Identity.issuer)))


def connections(session: Session) -> list[tuple[str, str]]:
    """(name, host) of the connections at which people have accounts."""
    rows = session.execute(select(Connection.name, Connection.host).where(Connection.retired_at.is_(None)).order_by(Connection.name))
    return [(name, host) for name, host in rows]
