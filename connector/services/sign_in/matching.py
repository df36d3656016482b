"""From what a provider says to a person who is known here: by identity, then by host account, then by a verified e-mail address.

Never by name, never by an unverified address, and nobody is created: an admin decides who is here.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.sign_in import sessions
from connector.services.sign_in.claims import Claim, SignInRefused
from connector.store.tables import Connection, Identity, Person, PersonAccount


class NobodyKnown(SignInRefused):
    """The provider vouches for somebody who is not on the list of people."""


def sign_in(runtime: Runtime, claim: Claim, agent: str = "") -> str:
    """Find the person, remember the identity, open a session; gives its key. Raises ``SignInRefused`` and changes nothing then."""
    now = runtime.now()
    with runtime.store.write() as session:
        person = _by_identity(session, claim)
        if person is None:
            person = _by_account(session, claim) or _by_email(session, claim)
            if person is None:
                raise NobodyKnown(_nobody(claim))
            _bind(runtime, session, claim, person)
        if not person.active:
            raise SignInRefused(f"{person.name} is not active here any more; ask an admin to change that")
        return sessions.add(session, person, claim.provider, agent, now)


def _by_identity(session: Session, claim: Claim) -> Person | None:
    return session.scalar(
        select(Person)
        .join(Identity, Identity.person_id == Person.id)
        .where(Identity.issuer == claim.issuer, Identity.subject == claim.subject)
    )


def _by_account(session: Session, claim: Claim) -> Person | None:
    """The person with this account at any connection of the host; nobody when connections disagree."""
    if not claim.account:
        return None
    found = session.scalars(
        select(Person)
        .join(PersonAccount, PersonAccount.person_id == Person.id)
        .join(Connection, Connection.id == PersonAccount.connection_id)
        .where(
            Connection.host == claim.host,
            Connection.retired_at.is_(None),
            PersonAccount.account.in_({claim.account, claim.account.replace("-", "")}),  # Notion's ids are written both ways
            PersonAccount.left_at.is_(None),
        )
        .distinct()
    ).all()
    return found[0] if len(found) == 1 else None


def _by_email(session: Session, claim: Claim) -> Person | None:
    if not claim.email or not claim.email_verified or not claim.email.isascii():
        return None
    return session.scalar(select(Person).where(Person.email == claim.email))


def _bind(runtime: Runtime, session: Session, claim: Claim, person: Person) -> None:
    """Remember who this is. One identity per provider and person: an address that went to somebody else must not open this door."""
    if not person.active:
        return
    if session.scalar(select(Identity.subject).where(Identity.issuer == claim.issuer, Identity.person_id == person.id)) is not None:
        raise SignInRefused(
            f"{person.name} signs in with another account of this provider; an admin can forget that one on the page of {person.name}"
        )
    now = runtime.now()
    session.add(Identity(issuer=claim.issuer, subject=claim.subject, person_id=person.id, created_at=now))
    viewer = sessions.viewer_of(person)
    record(session, viewer, now, "bind_identity", "person", person.email, after={"provider": claim.provider, "issuer": claim.issuer})


def _nobody(claim: Claim) -> str:
    address = f" ({claim.email})" if claim.email else ""
    why = "" if claim.email_verified or not claim.email else ", and the provider does not say that the address is verified"
    if not claim.email.isascii():
        why = ", and an address with letters beyond a to z is never trusted"
    return f"nobody here has this account{address}{why}. Ask an admin to add you, with the account or this e-mail address"
