"""API tokens: made, listed, checked and revoked. Only a SHA-256 of each is kept; the token itself is shown once.

A token is 256 random bits, so its plain digest cannot be guessed back and finding it by digest tells a guesser nothing.
Must not log or return a stored token.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connector.domain.rights import DEFAULT_ROLE, ROLES, Act, Viewer
from connector.errors import InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import require
from connector.store.tables import ApiToken, Audit, Person

PREFIX = "okr_"  # lets people, and secret scanners, tell what a found token is
SEEN_EVERY = timedelta(minutes=1)  # how exactly last_used_at is kept: no write for each request

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,79}")


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What may be shown of a stored token."""

    name: str
    role: str
    person: str  # e-mail address, "" for nobody's own
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def create(
    runtime: Runtime, name: str, role: str = DEFAULT_ROLE, *, person: str = "", actor: str = "admin", viewer: Viewer | None = None
) -> str:
    """Make a token and return it: the only time that it can be seen. ``person``: the e-mail address of whom it stands for.

    It never may more than that person, also when their role changes later. ``viewer``: who asks, None for a command on the machine.
    Raises ``InputError`` for a bad or taken name, role or person, ``Forbidden``.
    """
    if viewer is not None:
        require(viewer, Act.ADMINISTER)
        actor = viewer.name
    if not _NAME.fullmatch(name):
        raise InputError("must have 1 to 80 letters, digits, spaces or . _ @ + - and begin with a letter or digit", where="name")
    if role not in ROLES:
        raise InputError(f"{role!r} is not a role; choose {', '.join(ROLES)}", where="role")
    token = PREFIX + secrets.token_urlsafe(32)
    taken = InputError(f"a token called {name!r} exists already (a revoked one keeps its name); choose another name", where="name")
    try:
        with runtime.store.write() as session:
            if session.scalar(select(ApiToken.id).where(ApiToken.name == name)) is not None:
                raise taken
            owner = (
                session.scalar(select(Person).where(Person.email == person.strip().lower(), Person.active.is_(True))) if person else None
            )
            if person and owner is None:
                raise InputError(f"no active person has the e-mail address {person}", where="person")
            if owner is not None and _at_most(role, owner.role) != role:
                raise InputError(f"{owner.name} is {owner.role}; a token of theirs cannot be {role}", where="role")
            session.add(
                ApiToken(name=name, role=role, person_id=owner.id if owner else None, digest=_digest(token), created_at=runtime.now())
            )
            session.add(
                Audit(
                    at=runtime.now(),
                    actor=actor,
                    action="create",
                    entity="token",
                    entity_id=name,
                    before=None,
                    after={"role": role, "person": person or None},
                )
            )
    except IntegrityError as error:  # two at the same moment
        raise taken from error
    return token


def verify(runtime: Runtime, token: str) -> Viewer | None:
    """Who asks with a valid token, None for an unknown or revoked one, or when its person is not active any more.

    Notes the use, at most once a minute.
    """
    if not token.startswith(PREFIX):
        return None
    with runtime.store.read() as session:
        found = session.execute(
            select(ApiToken, Person)
            .outerjoin(Person, Person.id == ApiToken.person_id)
            .where(ApiToken.digest == _digest(token), ApiToken.revoked_at.is_(None))
        ).one_or_none()
    if found is None:
        return None
    row, person = found
    if row.person_id is not None and (person is None or not person.active):
        return None
    now = runtime.now()
    if row.last_used_at is None or now - row.last_used_at >= SEEN_EVERY:
        with runtime.store.write() as session:
            session.execute(update(ApiToken).where(ApiToken.id == row.id).values(last_used_at=now))
    return _viewer(row, person)


def viewer_of(session: Session, token_id: int) -> Viewer | None:
    """Who a token stands for now, None when it was revoked or its person is not active any more."""
    found = session.execute(
        select(ApiToken, Person)
        .outerjoin(Person, Person.id == ApiToken.person_id)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
    ).one_or_none()
    if found is None or (found[0].person_id is not None and (found[1] is None or not found[1].active)):
        return None
    return _viewer(found[0], found[1])


def _viewer(row: ApiToken, person: Person | None) -> Viewer:
    role = row.role if person is None else _at_most(row.role, person.role)
    return Viewer(row.name, role, row.person_id, person.email if person else "", person.name if person else row.name, row.id)


def _at_most(role: str, limit: str) -> str:
    """``role``, or ``limit`` when it may anything that ``limit`` may not."""
    given, most = Viewer("", role), Viewer("", limit)
    return role if all(most.may(act) for act in Act if given.may(act)) else limit


def list_tokens(runtime: Runtime) -> list[TokenInfo]:
    """All tokens by name, revoked ones too; never their digest."""
    with runtime.store.read() as session:
        rows = session.execute(
            select(ApiToken, Person.email).outerjoin(Person, Person.id == ApiToken.person_id).order_by(ApiToken.name)
        ).all()
    return [TokenInfo(row.name, row.role, email or "", row.created_at, row.last_used_at, row.revoked_at) for row, email in rows]


def revoke(runtime: Runtime, name: str, *, actor: str = "admin", viewer: Viewer | None = None) -> None:
    """End a token at once. Raises ``NotFound`` when there is none of that name that still works, ``Forbidden``."""
    if viewer is not None:
        require(viewer, Act.ADMINISTER)
        actor = viewer.name
    with runtime.store.write() as session:
        ended = session.execute(
            update(ApiToken)
            .where(ApiToken.name == name, ApiToken.revoked_at.is_(None))
            .values(revoked_at=runtime.now())
            .returning(ApiToken.id)
        ).first()
        if ended is None:
            raise NotFound(f"no token called {name!r} is in use; `okr-connector token list` shows all")
        session.add(Audit(at=runtime.now(), actor=actor, action="revoke", entity="token", entity_id=name, before=None, after=None))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
