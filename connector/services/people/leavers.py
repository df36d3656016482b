"""The nightly look for people who left: accounts that a host deactivated, owners who are not here any more, and who is told.

What a host cannot tell changes nothing. Somebody who comes back is back by the next run.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from connector.domain.rights import SYSTEM
from connector.errors import HostError
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.facts import has_left
from connector.services.people import notices
from connector.services.rhythm.seats import leaders_of
from connector.store import work
from connector.store.tables import Connection, Cycle, Forum, KeyResult, Objective, Person, PersonAccount, Team

log = structlog.get_logger(__name__)

OWNERLESS = "ownerless"  # the kinds of notice
UNCALLED = "uncalled"


def check(runtime: Runtime, connection: Connection, host: Host) -> int:
    """Ask a host which of our people's accounts are still active, and note what changed; returns for how many people.

    A host that does not answer is asked again the next night.
    """
    with runtime.store.read() as session:
        ids = list(session.scalars(select(PersonAccount.account).where(PersonAccount.connection_id == connection.id)))
    if not ids:
        return 0
    try:
        told = host.accounts(ids)
    except HostError as error:
        log.warning("accounts_not_checked", connection=connection.name, error=error.message)
        return 0
    now = runtime.now()
    with runtime.store.write() as session:
        changed = _note(session, connection, {account: state for account, state in told.items() if state is not None}, now)
        work.want(session, KeyResult, _owned(session, changed), runtime.epoch())
    tell(runtime)
    return len(changed)


def tell(runtime: Runtime) -> int:
    """Tell leads, or admins where there is none, of key results without an owner who is here; returns how many notices were new.

    Each key result once a day, and only while its cycle runs. So too of forums without the person who called their decisions.
    """
    now = runtime.now()
    today = now.astimezone(runtime.settings.zone).date()
    lead = aliased(Person)
    new = 0
    with runtime.store.write() as session:
        admins = list(session.scalars(select(Person.id).where(Person.role == "admin", Person.active.is_(True)).order_by(Person.id)))
        rows = session.execute(
            select(KeyResult.id, KeyResult.title, KeyResult.owner_id, Person.name, lead.id.label("lead"))
            .join(Objective, Objective.id == KeyResult.objective_id)
            .join(Cycle, Cycle.id == Objective.cycle_id)
            .outerjoin(Person, Person.id == KeyResult.owner_id)
            .outerjoin(Team, Team.id == Objective.team_id)
            .outerjoin(lead, (lead.id == Team.lead_id) & lead.active.is_(True))
            .where(
                KeyResult.retired_at.is_(None),
                Objective.retired_at.is_(None),
                Objective.closed_at.is_(None),
                Cycle.end >= today,
                or_(KeyResult.owner_id.is_(None), Person.active.is_(False), has_left()),
            )
            .order_by(KeyResult.id)
        ).all()
        for row in rows:
            who = f"{row.name}, who owns it, is not here any more" if row.name else "it has no owner"
            text = f"{row.title}: {who}. Give it another owner"
            readers = [row.lead] if row.lead is not None and row.lead != row.owner_id else [each for each in admins if each != row.owner_id]
            for reader in readers:
                new += notices.tell(session, reader, OWNERLESS, row.id, text, f"/key-results/{row.id}", now)
        new += _tell_of_forums(session, admins, now)
    return new


def _tell_of_forums(session: Session, admins: Collection[int], now: datetime) -> int:
    """Forums whose caller left plan no review any more: the sponsor, the leaders and the admins hear of it, once a day."""
    new = 0
    query = select(Forum, Person.name).join(Person, Person.id == Forum.caller_id)
    left = (Forum.retired_at.is_(None), Forum.weekday.is_not(None), Person.active.is_(False))
    for forum, name in session.execute(query.where(*left).order_by(Forum.id)):
        sponsor = select(Person.id).where(Person.id == forum.sponsor_id, Person.active.is_(True))
        readers = {each.id for each in leaders_of(session, forum.id)} | set(session.scalars(sponsor)) | set(admins)
        text = f"{forum.name}: {name}, who calls decisions there, is not here any more, and no review is planned. Name another person"
        for reader in sorted(readers):
            new += notices.tell(session, reader, UNCALLED, str(forum.id), text, f"/plan/forums/{forum.id}", now)
    return new


def _note(session: Session, connection: Connection, told: dict[str, bool], now: datetime) -> list[int]:
    """Store what the host told; gives the ids of people for whom something changed."""
    changed: list[int] = []
    rows = session.execute(
        select(PersonAccount, Person.email)
        .join(Person, Person.id == PersonAccount.person_id)
        .where(PersonAccount.connection_id == connection.id, PersonAccount.account.in_(told))
        .order_by(PersonAccount.person_id)
    ).all()
    for row, email in rows:
        active = told[row.account]
        if active == (row.left_at is not None):
            row.left_at = None if active else now
            changed.append(row.person_id)
            record(session, SYSTEM, now, "return" if active else "leave", "person", email, after={"connection": connection.name})
            log.info("account_returned" if active else "account_left", connection=connection.name, person=email)
        row.checked_at = now
    return changed


def _owned(session: Session, people: list[int]) -> list[str]:
    return list(session.scalars(select(KeyResult.id).where(KeyResult.owner_id.in_(people), KeyResult.retired_at.is_(None))))
