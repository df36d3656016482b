"""Who edited a row: an account at the host and the person behind it here. Strangers are looked up by the address they have there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM, Act, Viewer, roles_that_may
from connector.errors import Forbidden, Refused
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.okr_databases.waiting import want_waiting
from connector.services.people.accounts import folded_address
from connector.services.people.directory import view
from connector.store.tables import Audit, Connection, Person, PersonAccount

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=1)  # a stranger is not looked up more often
PAGES = 10  # of the host's list of people that are read for strangers
LOOKED_UP, ACCOUNT = "look_up", "account"  # action and entity of the audit trail's line about a stranger
REFUSED_ROLES = frozenset({"viewer", "champion"})  # may not define even where "everybody" may


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody at a host. ``account`` is "" where the host does not tell who; ``person`` None for nobody known here.

    ``actor`` is what the audit trail says: the e-mail address, or ``notion:<account>``. ``known_as``: what sentences call them.
    """

    account: str
    actor: str
    person: Person | None = None
    all: tuple[Editor, ...] = ()  # where it was one of several, and nobody can tell which

    @property
    def known_as(self) -> str:
        """A name, as sentences print it."""
        return self.person.name if self.person is not None else "somebody"

    @property
    def viewer(self) -> Viewer:
        """They, with the rights that they have here; a stranger reads."""
        person = self.person
        if person is None or not person.active:
            return Viewer(self.actor, "viewer")
        return Viewer(person.email, person.role, person.id, person.email, person.name)

    def definer(self, definitions: str) -> Viewer:
        """They, as somebody who changes what a record promises. ``definitions``: who may, an option of the OKR databases.

        With "everybody" the host's own sharing decides, and only viewers and champions are kept from it. Of several, all must be allowed
        to. Raises ``Forbidden``, a sentence.
        """
        if self.all:
            for each in self.all:
                each.definer(definitions)
            return Viewer(self.actor, "lead")
        viewer, person = self.viewer, self.person
        if definitions == "leads":
            if not viewer.may(Act.WRITE):
                raise Forbidden(f"definitions are changed by {' or '.join(roles_that_may(Act.WRITE))} here; ask one of them")
            return viewer
        if person is None:
            return Viewer(self.actor, "lead")
        if not person.active:
            raise Forbidden(f"{person.name} is not active here any more; ask a lead")
        if person.role in REFUSED_ROLES:
            raise Forbidden(f"the role {person.role} does not change definitions here; ask a lead")
        return viewer if viewer.may(Act.WRITE) else Viewer(person.email, "lead", person.id, person.email, person.name)


def editors_of(session: Session, connection: Connection, accounts: Collection[str]) -> dict[str, Editor]:
    """The editor behind each account; those who are nobody here too."""
    people: dict[str, Person] = {}
    rows = session.execute(
        select(PersonAccount.account, Person)
        .join(Person, Person.id == PersonAccount.person_id)
        .where(PersonAccount.connection_id == connection.id, PersonAccount.account.in_([each for each in accounts if each]))
    )
    for account, person in rows:
        people[account] = person
    return {
        account: Editor(account, people[account].email, people[account])
        if account in people
        else Editor(account, f"{connection.host}:{account or 'somebody'}")
        for account in accounts
    }


def editor_of(session: Session, connection: Connection, account: str) -> Editor:
    """The editor behind one account; "" stands for somebody whom the host did not tell."""
    return editors_of(session, connection, [account])[account]


def one_of(editors: Sequence[Editor]) -> Editor:
    """Whoever of these it was: one of them when there is but one, else somebody with the rights that all have, told by all their names."""
    if len(editors) == 1:
        return editors[0]
    return Editor("", " or ".join(each.actor for each in editors), all=tuple(editors))


def accounts_of(session: Session, connection_id: int, people: Collection[int]) -> dict[int, str]:
    """Person id → their account at a connection, for those who have one."""
    rows = session.execute(
        select(PersonAccount.person_id, PersonAccount.account).where(
            PersonAccount.connection_id == connection_id, PersonAccount.person_id.in_(people)
        )
    )
    return {row.person_id: row.account for row in rows}


def strangers(runtime: Runtime, session: Session, connection: Connection, accounts: Collection[str]) -> set[str]:
    """Those of the accounts that are nobody here and were not looked up lately."""
    wanted = {account for account in accounts if account}
    if not wanted:
        return set()
    known = select(PersonAccount.account).where(PersonAccount.connection_id == connection.id, PersonAccount.account.in_(wanted))
    lately = select(Audit.entity_id).where(
        Audit.entity == ACCOUNT,
        Audit.action == LOOKED_UP,
        Audit.entity_id.in_([_key(connection, account) for account in wanted]),
        Audit.at > runtime.now() - AGAIN,
    )
    asked = set(session.scalars(lately))
    return {each for each in wanted - set(session.scalars(known)) if _key(connection, each) not in asked}


def look_up(runtime: Runtime, connection: Connection, accounts: Collection[str]) -> int:
    """Ask the host for the addresses of strangers and give each account to the person here who has that address. Returns how many.

    One request for 100 people there, at most once an hour for one stranger, none when nobody is strange. What the host may not tell
    changes nothing. Raises ``HostError`` for the connection.
    """
    with runtime.store.read() as session:
        wanted = strangers(runtime, session, connection, accounts)
    if not wanted:
        return 0
    found = _addresses(runtime, connection, wanted)
    linked = 0
    with runtime.store.write() as session:
        for account in sorted(wanted):
            known = bool(found.get(account)) and _link(runtime, session, connection, account, found[account])
            linked += known
            session.add(
                Audit(
                    at=runtime.now(),
                    actor="system",
                    action=LOOKED_UP,
                    entity=ACCOUNT,
                    entity_id=_key(connection, account),
                    after={"connection": connection.name, "account": account, "found": known},
                )
            )
    return linked


def _key(connection: Connection, account: str) -> str:
    return f"{connection.id} {account}"[:200]


def _addresses(runtime: Runtime, connection: Connection, wanted: set[str]) -> dict[str, str]:
    """Account → address in the form of people's addresses, "" where the host keeps it to itself."""
    found: dict[str, str] = {}
    cursor: str | None = None
    host = runtime.connect(connection)
    try:
        for _ in range(PAGES):
            page = host.people("", cursor)
            found |= {each.account: folded_address(each.email or "") for each in page.people if each.account in wanted}
            cursor = page.cursor
            if cursor is None or wanted <= found.keys():
                break
    except Refused as error:  # the bot may not see people: they stay strangers, and the row says what an admin can do
        log.warning("people_not_told", connection=connection.name, reason=error.message)
    finally:
        host.close()
    return found


def _link(runtime: Runtime, session: Session, connection: Connection, account: str, address: str) -> bool:
    person = session.scalar(select(Person).where(Person.email == address, Person.active.is_(True)))
    if person is None:
        return False
    held = select(PersonAccount.account).where(PersonAccount.connection_id == connection.id)
    if session.scalar(held.where(PersonAccount.person_id == person.id)) or session.scalar(held.where(PersonAccount.account == account)):
        return False  # they have another account there, or somebody gave this one away meanwhile
    before = view(session, person)
    session.add(PersonAccount(person_id=person.id, connection_id=connection.id, account=account))
    session.flush()
    want_waiting(session, [connection.id], runtime.epoch())
    record(session, SYSTEM, runtime.now(), "update", "person", address, before=before, after=view(session, person))
    log.info("account_linked", connection=connection.name, person=address)
    return True
