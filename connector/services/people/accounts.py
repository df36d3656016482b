"""People's accounts as a host lists them, for an admin to pick from. A name decides nothing; an equal address is only a suggestion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from connector.domain.rights import DEFAULT_ROLE, Act, Viewer
from connector.errors import Faults, InputError
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.connection_names import connection_called
from connector.services.okr_databases.waiting import want_waiting
from connector.services.people import directory
from connector.services.people.fields import account_id, email_address, person_name
from connector.store.tables import Person, PersonAccount

MOST = 500  # people added at a time


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a host. ``held_by``: address of the person who has it, ``suggested``: of the one with the same address, "" for none."""

    account: str
    name: str
    email: str
    active: bool
    held_by: str
    suggested: str


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Some accounts and the host's cursor of the next page, None on the last."""

    accounts: tuple[Account, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody whom an admin picked from a host's list, with the address that the admin read or entered."""

    account: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding people: how many are new, and how many were here and got an account."""

    new: int
    linked: int


def host_accounts(runtime: Runtime, viewer: Viewer, connection: str, text: str = "", cursor: str | None = None) -> AccountPage:
    """Ask a host for people's accounts; ``text`` narrows by name or address. Bots are left out.

    Raises ``NotFound``, or ``HostError`` with the mend when the host does not answer or the bot may not see people.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        row = connection_called(session, connection)
    host = runtime.connect(row)
    try:
        page = host.people(text.strip()[:200], cursor)
    finally:
        host.close()
    with runtime.store.read() as session:
        ids = [each.account for each in page.people]
        holders: dict[str, str] = {}
        for account, email in session.execute(
            select(PersonAccount.account, Person.email)
            .join(Person, Person.id == PersonAccount.person_id)
            .where(PersonAccount.connection_id == row.id, PersonAccount.account.in_(ids))
        ):
            holders[account] = email
        addresses = [folded_address(each.email) for each in page.people if each.email]
        known = set(session.scalars(select(Person.email).where(Person.email.in_(addresses))))
    found = []
    for each in page.people:
        email = folded_address(each.email or "")
        suggested = email if email in known and each.account not in holders else ""
        found.append(Account(each.account, each.name, email, each.active, holders.get(each.account, ""), suggested))
    return AccountPage(tuple(found), page.cursor)


def folded_address(email: str) -> str:
    """An address in the form in which people's are stored, to compare it with theirs."""
    return email.lower() if email.isascii() else email  # other letters may fold to somebody else's address


def add_people(runtime: Runtime, viewer: Viewer, connection: str, people: Sequence[NewPerson]) -> Added:
    """Add picked accounts as people, all or none: a person with that address gets the account, others are added as members.

    Raises ``NotFound``, and ``Faults`` at ``email-<n>``, ``name-<n>`` or ``account-<n>``, n counting from 0.
    """
    require(viewer, Act.ADMINISTER)
    if not people or len(people) > MOST:
        raise InputError(f"pick 1 to {MOST} people", where="pick")
    faults: list[InputError] = []
    new = linked = 0
    with runtime.store.write() as session:
        number = connection_called(session, connection).id
        for index, each in enumerate(people):
            try:
                address = email_address(each.email, where=f"email-{index}")
                account = account_id(each.account, where=f"account-{index}")
                name = person_name(each.name or address.partition("@")[0], where=f"name-{index}")
                taken = session.scalar(
                    select(Person.email)
                    .join(PersonAccount, PersonAccount.person_id == Person.id)
                    .where(PersonAccount.connection_id == number, PersonAccount.account == account)
                )
                if taken is not None and taken != address:
                    raise InputError(f"this account is {taken}'s already", where=f"email-{index}")
                person = session.scalar(select(Person).where(Person.email == address))
                if person is not None and taken is None and connection in directory.view(session, person)["accounts"]:
                    raise InputError(f"{person.name} has another account at {connection} already", where=f"email-{index}")
            except InputError as error:
                faults.append(error)
                continue
            if not account or taken is not None:
                continue
            before = directory.view(session, person) if person is not None else None
            if person is None:
                person = Person(email=address, name=name, role=DEFAULT_ROLE)
                session.add(person)
                session.flush()
            session.add(PersonAccount(person_id=person.id, connection_id=number, account=account))
            session.flush()
            action = "update" if before else "create"
            record(session, viewer, runtime.now(), action, "person", address, before=before, after=directory.view(session, person))
            new, linked = new + (before is None), linked + (before is not None)
        if faults:
            raise Faults(faults)
        waiting = want_waiting(session, [number], runtime.epoch()) if new or linked else set()
    for connection_id in waiting:
        runtime.queue.nudge("drain", connection_id)
    return Added(new, linked)
