"""What teams and forums have in common: people named by e-mail address, and names that are part of addresses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.errors import InputError
from connector.services.declare import reading
from connector.services.plan import saving
from connector.store.tables import Forum, Person, Team
from mappings.reading import as_list, near

LONGEST_NAME = 120


class People:
    """People by e-mail address, read when first asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, Person] = {}

    def one(self, value: Any, where: str) -> Person:
        """An active person."""
        if not self._known:
            self._known = {row.email: row for row in self._session.scalars(select(Person))}
        address = reading.email(value, where)
        if address not in self._known:
            raise InputError(f"no person has the e-mail address {address}{near(address, self._known)}", where=where)
        return self._known[address]

    def several(self, value: Any, where: str) -> list[Person]:
        """People, each once, by address."""
        found = {
            person.email: person for index, each in enumerate(as_list(value, where)) for person in [self.one(each, f"{where}[{index}]")]
        }
        return [found[address] for address in sorted(found)]


def group_name(value: Any, where: str) -> str:
    """The name of a team or forum."""
    found = saving.title(value, where)
    if len(found) > LONGEST_NAME:
        raise InputError(f"is longer than {LONGEST_NAME} characters", where=where)
    if "/" in found:
        raise InputError("must hold no /: the name is part of addresses", where=where)
    return found


def is_taken(session: Session, table: type[Team] | type[Forum], name: str, row: Team | Forum | None) -> bool:
    """Whether another one has the name; ``row`` is the one that wants it, None for a new one."""
    query = select(table.id).where(table.name == name)
    # A new one brings back a retired one of its name; another one must not take the name from it.
    query = query.where(table.retired_at.is_(None)) if row is None else query.where(table.id != row.id)
    return session.scalar(query) is not None


def email_of(session: Session, person_id: int | None) -> str | None:
    """The e-mail address of a stored person."""
    return session.get_one(Person, person_id).email if person_id is not None else None


def address_of(person: Person | None) -> str | None:
    """The e-mail address of a person, None for nobody."""
    return person.email if person is not None else None
