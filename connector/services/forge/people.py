"""From an invocation to a person of ours: by account id at the site's connection, never by name."""

from __future__ import annotations

from sqlalchemy import and_, select

from connector.domain.rights import Viewer
from connector.errors import Forbidden
from connector.runtime import Runtime
from connector.services.forge.caller import Caller, Invocation
from connector.services.forge.installations import connection_of
from connector.store.tables import Person, PersonAccount


def caller_of(runtime: Runtime, invocation: Invocation) -> Caller:
    """Who calls. Raises ``Forbidden`` for an installation that is not accepted, or an invocation without a person.

    An account that belongs to nobody, or to a person who is not active any more, is a mere viewer.
    """
    if not invocation.account:
        raise Forbidden("this call comes from no person")
    number, name = connection_of(runtime, invocation)
    with runtime.store.read() as session:
        person = session.scalar(
            select(Person)
            .join(PersonAccount, and_(PersonAccount.person_id == Person.id, PersonAccount.connection_id == number))
            .where(PersonAccount.account == invocation.account, Person.active.is_(True))
        )
    if person is None:
        stranger = Viewer(f"{name}:{invocation.account}", "viewer", shown="Visitor")
        return Caller(invocation, stranger, number, name, known=False)
    viewer = Viewer(person.email, person.role, person.id, person.email, person.name)
    return Caller(invocation, viewer, number, name, known=True)
