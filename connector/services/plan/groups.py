"""What teams and forums have in common: people named by e-mail address, and names that are part of addresses."""

from __future__ import annotations

import unicodedata
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.errors import InputError
from connector.services.declare import reading
from connector.services.plan import saving
from connector.store.tables import Audit, Forum, Person, Team
from mappings.reading import as_list, near

LONGEST_NAME = 120

Group = TypeVar("Group", Team, Forum)


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


def is_taken(session: Session, table: type[Group], name: str, row: Group | None) -> bool:
    """Whether another one has the name; ``row`` is the one that wants it, None for a new one."""
    # A new one brings back a retired one of its name; another one must not take the name from it.
    return any(each.retired_at is None if row is None else each.id != row.id for each in _called(session, table, name))


def of_old(session: Session, table: type[Group], name: str) -> Group | None:
    """The retired one that a new one of this name brings back, None for a name that nobody had."""
    retired = [each for each in _called(session, table, name) if each.retired_at is not None]
    return min(retired, key=lambda each: (each.name != name, each.id)) if retired else None


def plainly(name: str) -> str:
    """A name as it is compared: people take "Board", "BOARD" and "Ｂoard" for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _called(session: Session, table: type[Group], name: str) -> list[Group]:
    # Compared here: databases fold letters differently, and there are few teams.
    return [each for each in session.scalars(select(table).order_by(table.id)) if plainly(each.name) == plainly(name)]


def had_by_others(session: Session, name: str, current: str | None) -> bool:
    """Whether the audit trail knows a team by this name that is not the one called ``current`` (None: a new one)."""
    holders: dict[str, int] = {}  # name → number of the team that had it last
    had: dict[str, set[int]] = {}  # name → every team that had it
    rows = session.execute(select(Audit.entity_id, Audit.before).where(Audit.entity == "team").order_by(Audit.id))
    for number, (ident, before) in enumerate(rows):
        now, former = plainly(ident), plainly(str((before or {}).get("name") or ident))
        team = holders.pop(former, number)
        holders[now] = team
        had.setdefault(former, set()).add(team)
        had.setdefault(now, set()).add(team)
    own = holders.get(plainly(current)) if current is not None else None
    return bool(had.get(plainly(name), set()) - {own})


def email_of(session: Session, person_id: int | None) -> str | None:
    """The e-mail address of a stored person."""
    return session.get_one(Person, person_id).email if person_id is not None else None


def address_of(person: Person | None) -> str | None:
    """The e-mail address of a person, None for nobody."""
    return person.email if person is not None else None
