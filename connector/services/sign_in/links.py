"""Links that sign a person in once: for the first admin, for an admin who is locked out, for a person without a provider.

Only a SHA-256 of each key is stored; the link itself is shown once, when it is made. Looking at a link does not use it up. A person has
one good link at most; it ends with another role, when they are signed out everywhere, and when they are not active any more.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connector.domain.rights import ROLES, SYSTEM, Act, Viewer
from connector.errors import Conflict, Faults, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.people.fields import email_address, person_name
from connector.services.sign_in import sessions
from connector.store.tables import BrowserSession, Person, SignInLink

LASTS = timedelta(hours=1)
LASTS_IN_SANDBOX = timedelta(hours=24)
FORGOTTEN = timedelta(days=7)  # after its end a link is removed
PATH = "/sign-in/once/"
START = "start"  # made by `serve` itself


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """What the page of a link shows. ``person`` is None for the link of the first admin, who says who they are."""

    person: str | None
    email: str
    expires_at: datetime


def admin_needed(session: Session) -> bool:
    """Whether no active admin has ever signed in, so that nobody could let others in."""
    signed_in = select(BrowserSession.id).where(BrowserSession.person_id == Person.id).exists()
    return session.scalar(select(Person.id).where(Person.role == "admin", Person.active.is_(True), signed_in).limit(1)) is None


def make_at_start(runtime: Runtime) -> str | None:
    """The address that `serve` prints: as long as no admin has signed in, and always in the sandbox. None when nobody needs it.

    In the sandbox it is the sample company's admin's. A link of an earlier start that was not used is worth nothing from now on.
    """
    sandbox = runtime.settings.sandbox
    with runtime.store.write() as session:
        if not sandbox and not admin_needed(session):
            return None
        session.execute(delete(SignInLink).where(SignInLink.made_by == START, SignInLink.used_at.is_(None)))
        admin = session.scalar(select(Person.id).where(Person.role == "admin", Person.active.is_(True)).order_by(Person.id).limit(1))
        return _add(runtime, session, admin if sandbox else None, START, LASTS_IN_SANDBOX if sandbox else LASTS)


def make(runtime: Runtime, viewer: Viewer, email: str) -> str:
    """A link for a person: its whole address, to be shown this once; earlier ones of theirs end.

    Raises ``NotFound``, or ``InputError`` for one who is not active.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        person = session.scalar(select(Person).where(Person.email == email.strip().lower()))
        if person is None:
            raise NotFound(f"no person has the e-mail address {email}")
        if not person.active:
            raise InputError(f"{person.name} is not active; make them active first", where="active")
        record(session, viewer, runtime.now(), "make_link", "person", person.email)
        return _add(runtime, session, person.id, viewer.name, LASTS)


def make_on_machine(runtime: Runtime, email: str = "", role: str = "") -> str:
    """A link made by whoever commands the machine: for a person, made when unknown (``role``, else admin), or for a first admin.

    A role given for a known person becomes theirs, and they become active: this is the way back in. Raises ``InputError``.
    """
    now = runtime.now()
    if role and role not in ROLES:
        raise InputError(f"{role!r} is not a role; choose {', '.join(ROLES)}", where="role")
    if not email:
        if role not in ("", "admin"):
            raise InputError(f"say who gets the role {role}: --as EMAIL", where="as")
        with runtime.store.write() as session:
            return _add(runtime, session, None, SYSTEM.name, LASTS)
    address = email_address(email, where="as")
    with runtime.store.write() as session:
        person = session.scalar(select(Person).where(Person.email == address))
        if person is None:
            person = Person(email=address, name=address.partition("@")[0], role=role or "admin")
            session.add(person)
            session.flush()
            record(session, SYSTEM, now, "create", "person", address, after={"name": person.name, "role": person.role, "active": True})
        elif not person.active and not role:
            raise InputError(f"{person.name} is not active; add --role to make them active with that role", where="as")
        elif role:
            before = {"role": person.role, "active": person.active}
            person.role, person.active = role, True
            record(session, SYSTEM, now, "update", "person", address, before=before, after={"role": role, "active": True})
        record(session, SYSTEM, now, "make_link", "person", address)
        return _add(runtime, session, person.id, SYSTEM.name, LASTS)


def look(runtime: Runtime, key: str) -> LinkInfo | None:
    """What a link is for; None when it is unknown, used or over. Does not use it up: scanners of e-mails open links too."""
    with runtime.store.read() as session:
        found = session.execute(
            select(SignInLink, Person)
            .outerjoin(Person, Person.id == SignInLink.person_id)
            .where(SignInLink.digest == _digest(key), SignInLink.used_at.is_(None), SignInLink.expires_at > runtime.now())
        ).one_or_none()
    if found is None:
        return None
    link, person = found
    return LinkInfo(person.name if person else None, person.email if person else "", link.expires_at)


def use(runtime: Runtime, key: str, *, email: str = "", name: str = "", agent: str = "") -> str:
    """Sign in with a link, once; gives the key of the new session. ``email`` and ``name`` count for the first admin's link only.

    Raises ``Conflict`` for a link that is used or over, ``Faults`` for a bad address or name (the link stays good then).
    """
    info = look(runtime, key)
    over = Conflict("this link was used or is over. Start the connector again for a new one, or ask an admin")
    if info is None:
        raise over
    address, shown = _who(email, name) if info.person is None else ("", "")
    now = runtime.now()
    with runtime.store.write() as session:
        taken = session.execute(
            update(SignInLink)
            .where(SignInLink.digest == _digest(key), SignInLink.used_at.is_(None), SignInLink.expires_at > now)
            .values(used_at=now)
            .returning(SignInLink.person_id)
        ).first()
        if taken is None:
            raise over
        person = session.get(Person, taken.person_id) if taken.person_id is not None else _first_admin(session, address, shown, now)
        if person is None or not person.active:
            raise over
        if taken.person_id is None:  # whoever finds another link of the first start must not become an admin too
            session.execute(delete(SignInLink).where(SignInLink.made_by == START, SignInLink.used_at.is_(None)))
        return sessions.add(session, person, "link", agent, now)


def _who(email: str, name: str) -> tuple[str, str]:
    """The first admin's address and name. Raises ``Faults`` with everything that is wrong."""
    faults: list[InputError] = []
    found = []
    for read, text in ((email_address, email), (person_name, name)):
        try:
            found.append(read(text))
        except InputError as error:
            faults.append(error)
    if faults:
        raise Faults(faults)
    return found[0], found[1]


def _first_admin(session: Session, address: str, name: str, now: datetime) -> Person:
    person = session.scalar(select(Person).where(Person.email == address))
    if person is not None:
        sessions.end_links(session, person.id, now)
    before = None if person is None else {"name": person.name, "role": person.role, "active": person.active}
    if person is None:
        person = Person(email=address, name=name)
        session.add(person)
    person.role, person.active = "admin", True
    session.flush()
    after = {"name": person.name, "role": "admin", "active": True}
    viewer = Viewer(address, "admin", person.id, address, person.name)
    record(session, viewer, now, "update" if before else "create", "person", address, before=before, after=after, reason="first admin")
    return person


def _add(runtime: Runtime, session: Session, person_id: int | None, made_by: str, lasts: timedelta) -> str:
    now, key = runtime.now(), secrets.token_urlsafe(32)
    session.execute(delete(SignInLink).where(SignInLink.expires_at < now - FORGOTTEN))
    if person_id is not None:
        sessions.end_links(session, person_id, now)
    session.add(SignInLink(digest=_digest(key), person_id=person_id, made_by=made_by, created_at=now, expires_at=now + lasts))
    return f"{runtime.settings.base_url}{PATH}{key}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
