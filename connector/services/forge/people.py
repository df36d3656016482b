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

    An account that belongs to nobody is a mere viewer; one that left, or whose person was deactivated, is refused.
    """
    if not invocation.account:
        raise Forbidden("this call comes from no person")
    number, name = connection_of(runtime, invocation)
    with runtime.store.read() as session:
        found = session.execute(
            select(Person, PersonAccount.left_at)
            .join(PersonAccount, and_(PersonAccount.person_id == Person.id, PersonAccount.connection_id == number))
            .where(PersonAccount.account == invocation.account)
        ).first()
    if found is None:
        stranger = Viewer(f"{name}:{invocation.account}", "viewer", shown="Visitor")
        return Caller(invocation, stranger, number, name, known=False)
    person, left_at = found
    if not person.active:
        raise Forbidden("your access to the OKR connector was ended; an admin can give it back on the page People")
    if left_at is not None:
        raise Forbidden(
            "Jira said that your account is deactivated, so it is not served; the nightly run asks Jira again, "
            "and an admin can look at the page People"
        )
    viewer = Viewer(person.email, person.role, person.id, person.email, person.name)
    return Caller(invocation, viewer, number, name, known=True)
