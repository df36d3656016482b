"""Adding people and changing their name, role, state and host accounts. One admin is always left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connector.domain.rights import DEFAULT_ROLE, Act, Viewer
from connector.errors import Conflict, Faults, InputError
from connector.runtime import Runtime
from connector.services.calendars import zone_name
from connector.services.changes import check_version, record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.okr_databases.waiting import want_waiting
from connector.services.people import directory
from connector.services.people.fields import account_id, email_address, last_day_away, person_name, role_name
from connector.services.sign_in import sessions
from connector.store.tables import Audit, Connection, Counter, Identity, KeyResult, Person, PersonAccount

FIELDS = ("name", "role", "active", "accounts", "zone", "away_until")


def add_person(runtime: Runtime, viewer: Viewer, email: str, fields: Mapping[str, Any]) -> str:
    """Add a person; gives their address as it is kept. ``fields``: name, role, accounts (connection → id), zone, away_until.

    Raises ``Faults`` with every field that does not fit, ``Conflict`` when two add the same one at a time.
    """
    require(viewer, Act.ADMINISTER)
    faults: list[InputError] = []
    address: str = _checked(faults, email_address, email)
    told = _read({"name": "", "role": DEFAULT_ROLE, **fields}, faults)
    try:
        with runtime.store.write() as session:
            if address and session.scalar(select(Person.id).where(Person.email == address)) is not None:
                faults.append(InputError("is on the list of people already", where="email"))
            accounts = _accounts(session, told.get("accounts", {}), None, faults)
            _raise(faults)
            person = Person(email=address, name=told["name"], role=told["role"], active=told.get("active", True))
            person.zone, person.away_until = told.get("zone", ""), told.get("away_until")
            session.add(person)
            session.flush()
            _write_accounts(session, person.id, accounts)
            record(session, viewer, runtime.now(), "create", "person", person.email, after=directory.view(session, person))
    except IntegrityError as error:
        raise Conflict("somebody else added this person or account at the same moment; look again") from error
    return address


def save_person(runtime: Runtime, viewer: Viewer, email: str, fields: Mapping[str, Any], version: str | None = None) -> bool:
    """Change what ``fields`` names of a person (see ``FIELDS``; ``accounts`` are all of them). False when nothing differs.

    A person who is not active any more is signed out everywhere at once; another role counts from the next request on and ends unused
    links.
    Raises ``NotFound``, ``Stale``, ``Faults``, ``InputError`` for the last admin, ``Conflict``.
    """
    require(viewer, Act.ADMINISTER)
    faults: list[InputError] = []
    told = _read(fields, faults)
    work, waiting = WorkToDo(), set[int]()
    serial = runtime.instance  # read before the transaction: it may need one of its own
    try:
        with runtime.store.write() as session:
            _one_at_a_time(session, serial)
            person = directory.find(session, email)
            before = directory.view(session, person)
            check_version(before, version, by=_changed_by(session, person.email))
            accounts = _accounts(session, told["accounts"], person.id, faults) if "accounts" in told else None
            _raise(faults)
            _keep_an_admin(session, person, told)
            person.name = told.get("name", person.name)
            person.role = told.get("role", person.role)
            person.active = told.get("active", person.active)
            person.zone, person.away_until = told.get("zone", person.zone), told.get("away_until", person.away_until)
            if accounts is not None and {each[0]: each[1] for each in accounts.values()} != before["accounts"]:
                _write_accounts(session, person.id, accounts)
                waiting = want_waiting(session, list(accounts), runtime.epoch())
            session.flush()
            changed = record(
                session, viewer, runtime.now(), "update", "person", person.email, before=before, after=directory.view(session, person)
            )
            if not person.active:
                sessions.end_all(session, person.id, runtime.now())
            elif person.role != before["role"]:
                sessions.end_links(session, person.id, runtime.now())
            if changed:
                work.key_results.update(session.scalars(select(KeyResult.id).where(KeyResult.owner_id == person.id)))
                work.want(session, runtime.epoch())
    except IntegrityError as error:
        raise Conflict("somebody else took this account at the same moment; look again") from error
    if work.key_results:
        runtime.queue.nudge("settle")
    for connection_id in sorted(waiting | work.connections):
        runtime.queue.nudge("drain", connection_id)
    return changed


def set_account(runtime: Runtime, viewer: Viewer, email: str, connection: str, account: str) -> bool:
    """Give a person one host account, "" to take it away. Raises as ``save_person``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        accounts = dict(directory.view(session, directory.find(session, email))["accounts"])
    return save_person(runtime, viewer, email, {"accounts": {**accounts, connection: account}})


def forget_identities(runtime: Runtime, viewer: Viewer, email: str) -> int:
    """Unbind a person from every sign-in provider, so that they are matched anew; returns from how many. Raises ``NotFound``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        person = directory.find(session, email)
        gone = session.scalars(delete(Identity).where(Identity.person_id == person.id).returning(Identity.issuer)).all()
        if gone:
            record(session, viewer, runtime.now(), "forget_identities", "person", person.email, before={"issuers": sorted(gone)})
    return len(gone)


def _read(fields: Mapping[str, Any], faults: list[InputError]) -> dict[str, Any]:
    """The fields that are there, checked. What is wrong is added to ``faults``."""
    told: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "name":
            told[name] = _checked(faults, person_name, value)
        elif name == "role":
            told[name] = _checked(faults, role_name, value)
        elif name == "active":
            told[name] = bool(value)
        elif name == "zone":
            told[name] = _checked(faults, zone_name, value)
        elif name == "away_until":
            told[name] = _checked(faults, last_day_away, value)
        elif name == "accounts":
            told[name] = {at: _checked(faults, partial(account_id, where=f"account-{at}"), each) for at, each in value.items()}
        else:
            faults.append(InputError(f"there is no such field; there are {', '.join(FIELDS)}", where=name))
    return told


def _checked(faults: list[InputError], read: Callable[[Any], Any], text: Any) -> Any:
    try:
        return read(text)
    except InputError as error:
        faults.append(error)
        return ""


def _raise(faults: list[InputError]) -> None:
    if faults:
        raise Faults(faults)


def _accounts(session: Session, wanted: Mapping[str, str], person_id: int | None, faults: list[InputError]) -> dict[int, tuple[str, str]]:
    """Connection id → (its name, account id); what is unknown or somebody else's is a fault. Empty ids are left out."""
    known = {row.name: row.id for row in session.scalars(select(Connection))}
    found: dict[int, tuple[str, str]] = {}
    for name, account in wanted.items():
        if not account:
            continue
        if name not in known:
            faults.append(InputError(f"there is no connection {name[:80]!r}", where=f"account-{name}"))
            continue
        holder = session.scalar(
            select(Person)
            .join(PersonAccount, PersonAccount.person_id == Person.id)
            .where(PersonAccount.connection_id == known[name], PersonAccount.account == account)
        )
        if holder is not None and holder.id != person_id:
            faults.append(InputError(f"is the account of {holder.name} ({holder.email}); take it from them first", where=f"account-{name}"))
        found[known[name]] = (name, account)
    return found


def _write_accounts(session: Session, person_id: int, accounts: Mapping[int, tuple[str, str]]) -> None:
    """Make the person's accounts these. One that stays the same keeps what the nightly check found of it."""
    rows = {row.connection_id: row for row in session.scalars(select(PersonAccount).where(PersonAccount.person_id == person_id))}
    for connection_id, row in rows.items():
        if connection_id not in accounts or accounts[connection_id][1] != row.account:
            session.delete(row)
    session.flush()
    for connection_id, (_, account) in accounts.items():
        if connection_id not in rows or rows[connection_id].account != account:
            session.add(PersonAccount(person_id=person_id, connection_id=connection_id, account=account))
    session.flush()


def _changed_by(session: Session, email: str) -> str:
    query = select(Audit.actor).where(Audit.entity == "person", Audit.entity_id == email, Audit.action.in_(("create", "update")))
    return session.scalar(query.order_by(Audit.id.desc()).limit(1)) or ""


def _keep_an_admin(session: Session, person: Person, told: Mapping[str, Any]) -> None:
    stays = told.get("role", person.role) == "admin" and told.get("active", person.active)
    if person.role != "admin" or not person.active or stays:
        return
    others = session.scalar(
        select(func.count()).select_from(Person).where(Person.role == "admin", Person.active.is_(True), Person.id != person.id)
    )
    if not others:
        where = "role" if told.get("role", "admin") != "admin" else "active"
        raise InputError(f"{person.name} is the last active admin; make somebody else an admin first", where=where)


def _one_at_a_time(session: Session, instance: str) -> None:
    """Two admins who demote each other at the same moment would leave none: both write this row first, so one waits for the other."""
    session.execute(update(Counter).where(Counter.name == "instance", Counter.labels == instance).values(value=Counter.value))
