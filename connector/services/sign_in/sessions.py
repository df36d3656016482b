"""Sessions of signed-in browsers, kept in the database so that they can be revoked. Only a SHA-256 of each key is stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import NotFound
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.store.tables import BrowserSession, Person, SignInLink

LASTS = timedelta(days=14)  # from sign-in
IDLE = timedelta(hours=36)  # without a request: over a night and a day off
SEEN_EVERY = timedelta(minutes=5)  # how exactly seen_at is kept: no write for each request


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as pages show it."""

    id: int
    how: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    mine: bool


def begin(runtime: Runtime, person_id: int, how: str, agent: str = "") -> str:
    """Open a session and return its key, for the cookie alone. ``how``: "link" or the provider's name."""
    with runtime.store.write() as session:
        return add(session, session.get_one(Person, person_id), how, agent, runtime.now())


def add(session: Session, person: Person, how: str, agent: str, now: datetime) -> str:
    """As ``begin``, inside the caller's transaction."""
    key = secrets.token_urlsafe(32)
    session.add(
        BrowserSession(
            digest=_digest(key), person_id=person.id, how=how, agent=agent[:200], created_at=now, seen_at=now, expires_at=now + LASTS
        )
    )
    record(session, viewer_of(person), now, "sign_in", "person", person.email, after={"how": how})
    return key


def find(runtime: Runtime, key: str) -> Viewer | None:
    """Who holds this key; None when the session ended, or its person is not active any more. Notes the use now and then."""
    now = runtime.now()
    with runtime.store.read() as session:
        found = session.execute(
            select(BrowserSession, Person)
            .join(Person, Person.id == BrowserSession.person_id)
            .where(BrowserSession.digest == _digest(key), BrowserSession.revoked_at.is_(None))
        ).one_or_none()
    if found is None:
        return None
    row, person = found
    if now >= row.expires_at or now - row.seen_at >= IDLE or not person.active:
        return None
    if now - row.seen_at >= SEEN_EVERY:
        with runtime.store.write() as session:
            session.execute(update(BrowserSession).where(BrowserSession.id == row.id).values(seen_at=now))
    return viewer_of(person)


def end(runtime: Runtime, key: str) -> None:
    """Sign out: the key is worth nothing from now on."""
    with runtime.store.write() as session:
        session.execute(
            update(BrowserSession)
            .where(BrowserSession.digest == _digest(key), BrowserSession.revoked_at.is_(None))
            .values(revoked_at=runtime.now())
        )


def of_person(runtime: Runtime, person_id: int, key: str = "") -> list[SessionInfo]:
    """The open sessions of a person, newest first; ``key`` tells which one is asking."""
    now, mine = runtime.now(), _digest(key)
    with runtime.store.read() as session:
        rows = session.scalars(
            select(BrowserSession)
            .where(
                BrowserSession.person_id == person_id,
                BrowserSession.revoked_at.is_(None),
                BrowserSession.expires_at > now,
                BrowserSession.seen_at > now - IDLE,
            )
            .order_by(BrowserSession.id.desc())
        ).all()
    return [SessionInfo(row.id, row.how, row.agent, row.created_at, row.seen_at, row.expires_at, row.digest == mine) for row in rows]


def revoke(runtime: Runtime, viewer: Viewer, person_id: int, session_id: int | None = None, *, keep: str = "") -> int:
    """End one session of a person, or all of them but the one whose key is ``keep``; returns how many.

    Ending all of them ends the person's unused links too.
    Everybody may end their own, admins those of others. Raises ``Forbidden``, ``NotFound`` when the one named is not theirs.
    """
    if viewer.person_id != person_id:
        require(viewer, Act.ADMINISTER)
    now = runtime.now()
    with runtime.store.write() as session:
        person = session.get(Person, person_id)
        if person is None:
            raise NotFound("there is no such person")
        conditions = [BrowserSession.id == session_id] if session_id is not None else []
        if keep:
            conditions.append(BrowserSession.digest != _digest(keep))
        ended = end_all(session, person_id, now, *conditions)
        if session_id is not None and not ended:
            raise NotFound("there is no such session; it may have ended already")
        if session_id is None:
            end_links(session, person_id, now)
        record(session, viewer, now, "revoke_sessions", "person", person.email, after={"sessions": ended})
    return ended


def end_all(session: Session, person_id: int, now: datetime, *conditions: ColumnElement[bool]) -> int:
    """End a person's sessions inside the caller's transaction, and without ``conditions`` their links; returns how many sessions."""
    if not conditions:
        end_links(session, person_id, now)
    query = update(BrowserSession).where(BrowserSession.person_id == person_id, BrowserSession.revoked_at.is_(None), *conditions)
    return len(session.execute(query.values(revoked_at=now).returning(BrowserSession.id)).all())


def end_links(session: Session, person_id: int, now: datetime) -> None:
    """Make a person's unused links worth nothing, inside the caller's transaction."""
    session.execute(update(SignInLink).where(SignInLink.person_id == person_id, SignInLink.used_at.is_(None)).values(used_at=now))


def viewer_of(person: Person) -> Viewer:
    """Who a person is when they look at pages."""
    return Viewer(person.email, person.role, person.id, person.email, person.name)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
