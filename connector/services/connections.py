"""The state of a connection: who drains it, whether it is parked or asked to wait. The one place that decides after an error."""

from __future__ import annotations

import random
import secrets
from datetime import datetime

import structlog
from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from connector.errors import BACKGROUND_BUDGET, OWN_BUDGET, SITE_WIDE, Blocked, Busy, Gone, HostError, Offline, Refused
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import heartbeat
from connector.services.counters import count
from connector.services.sites import connections_of_site
from connector.store import work
from connector.store.tables import Audit, CommentCommand, Connection, GoalTarget, Item, KeyResult, LeadsPage, Mapping, OkrRow, Panel

log = structlog.get_logger(__name__)

LEASE_SECONDS = heartbeat.LEASE_SECONDS  # without a sign of life
BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)  # seconds after the first, second, ... failure in a row
TIME_AND_AGAIN = 2  # failures of one thing that let everything wait; after the next one, only it does
LEAST_WAIT = 1.0  # seconds after a 429 that says "Retry-After: 0" or nothing


def take_lease(runtime: Runtime, connection_id: int) -> str | None:
    """Become the one who drains this connection; None when somebody else is, or it is parked, paused or retired.

    Items, comments, panels and rows are worked on under this lease only. What is still taken was left by somebody who died: it is free.
    """
    now = runtime.epoch()
    lease = secrets.token_hex(8)
    with runtime.store.write() as session:
        taken = session.execute(
            update(Connection)
            .where(
                Connection.id == connection_id,
                Connection.lease_until < now,
                Connection.parked_at.is_(None),
                Connection.paused_until <= now,
                Connection.paused_at.is_(None),
                Connection.retired_at.is_(None),
            )
            .values(lease=lease, lease_until=now + heartbeat.LEASE_SECONDS)
            .returning(Connection.id)
        ).first()
        if taken:
            _release(session, connection_id)
    return lease if taken else None


def _release(session: Session, connection_id: int) -> None:
    work.release(session, Item, Item.connection_id == connection_id)
    work.release(session, Panel, Panel.connection_id == connection_id)
    work.release(session, CommentCommand, CommentCommand.connection_id == connection_id)
    work.release(session, GoalTarget, GoalTarget.connection_id == connection_id)
    work.release(session, OkrRow, OkrRow.connection_id == connection_id)
    work.release(session, LeadsPage, LeadsPage.connection_id == connection_id)


def keep_lease(session: Session, connection_id: int, lease: str, until: float) -> bool:
    """Renew the lease to ``until`` (epoch seconds); False when it was lost."""
    return (
        session.execute(
            update(Connection)
            .where(Connection.id == connection_id, Connection.lease == lease)
            .values(lease_until=until)
            .returning(Connection.id)
        ).first()
        is not None
    )


def free_lease(runtime: Runtime, connection_id: int, lease: str) -> None:
    """Let others drain. An error may have left items or panels taken: they are free again."""
    with runtime.store.write() as session:
        freed = session.execute(
            update(Connection)
            .where(Connection.id == connection_id, Connection.lease == lease)
            .values(lease="", lease_until=0.0)
            .returning(Connection.id)
        ).first()
        if freed:
            _release(session, connection_id)


def succeeded(session: Session, connection_id: int, at: datetime) -> None:
    """A call to the host worked: forget earlier failures."""
    session.execute(update(Connection).where(Connection.id == connection_id).values(failures=0, last_success_at=at, paused_until=0.0))


def failed(session: Session, connection_id: int, error: HostError, at: datetime, now: float) -> float:
    """Record what an error means for the whole connection. Returns the moment (epoch seconds) before which nothing is tried.

    401 and 403 park it; 429 waits at least as long as the host asked; silence backs off. A limit of the whole site lets all its
    connections wait. Anything else concerns one thing only and leaves the connection alone (returns ``now``).
    """
    if isinstance(error, Refused) and error.parks:
        park(session, connection_id, error.message, at)
        return now
    if isinstance(error, Busy) and error.code == BACKGROUND_BUDGET:
        return now + (error.retry_after or LEAST_WAIT)  # others are not held up by work that nobody waits for
    if isinstance(error, (Busy, Offline)):
        failures = (session.scalar(select(Connection.failures).where(Connection.id == connection_id)) or 0) + 1
        wait = BACK_OFF[min(failures, len(BACK_OFF)) - 1]
        if isinstance(error, Busy):
            # Our own budget is no sign of trouble: wait just as long as it says.
            own = error.code == OWN_BUDGET
            wait = error.retry_after or LEAST_WAIT if own else max(wait, error.retry_after or 0.0, LEAST_WAIT)
            failures -= own
        until = now + wait * random.uniform(1.0, 1.3)  # noqa: S311  # jitter; never shorter than what the host asked for
        session.execute(update(Connection).where(Connection.id == connection_id).values(failures=failures, paused_until=until))
        if error.details.get(SITE_WIDE):
            _pause_site(session, connection_id, until)
        count(session, "okr_host_waits_total", kind=type(error).__name__.lower())
        return until
    return now


def _pause_site(session: Session, connection_id: int, until: float) -> None:
    """Let the other connections of a site wait as long as this one."""
    others = [each.id for each in connections_of_site(session, session.get_one(Connection, connection_id)) if each.id != connection_id]
    session.execute(update(Connection).where(Connection.id.in_(others), Connection.paused_until < until).values(paused_until=until))


def park(session: Session, connection_id: int, reason: str, at: datetime) -> None:
    """Stop calling this connection until an admin mends it; said in status, doctor and on the config page."""
    parked = session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.parked_at.is_(None))
        .values(parked_at=at, parked_reason=reason[:500])
        .returning(Connection.name)
    ).first()
    if parked:
        log.warning("connection_parked", connection=parked.name, reason=reason)
        session.add(Audit(at=at, actor="system", action="park", entity="connection", entity_id=parked.name, after={"reason": reason[:500]}))
        _judge_anew(session, connection_id, at)


def unpark(session: Session, connection_id: int, at: datetime, actor: str) -> None:
    """The credentials work again (checked by a call): go on."""
    freed = session.execute(
        update(Connection)
        .where(and_(Connection.id == connection_id, Connection.parked_at.is_not(None)))
        .values(parked_at=None, parked_reason=None, failures=0, paused_until=0.0)
        .returning(Connection.name)
    ).first()
    if freed:
        session.add(Audit(at=at, actor=actor, action="unpark", entity="connection", entity_id=freed.name))
        _judge_anew(session, connection_id, at)
        # What was refused while it was parked is tried again at once, and no longer told as a fault.
        for table in (CommentCommand, GoalTarget, Item, LeadsPage, Mapping, OkrRow, Panel):
            session.execute(
                update(table)
                .where(table.connection_id == connection_id, table.attempts > 0, table.wanted > table.done)
                .values({table.attempts: 0, table.error: None, table.ready_at: 0.0})
                .execution_options(synchronize_session=False)
            )


def _judge_anew(session: Session, connection_id: int, at: datetime) -> None:
    """Ask for the states of what this connection feeds: its data is late now, or no longer."""
    fed = select(Mapping.key_result_id).where(Mapping.connection_id == connection_id, Mapping.retired_at.is_(None)).distinct()
    work.want(session, KeyResult, session.scalars(fed).all(), at.timestamp())


def is_item_trouble(error: HostError) -> bool:
    """True when the error concerns one thing (gone, bad request), not the connection as a whole."""
    return isinstance(error, Gone) or (isinstance(error, Refused) and not error.parks)


def stays_alone(host: Host, error: HostError, attempts: int) -> bool:
    """Whether one thing is set aside so that the others go on: the host has failed at it time and again, and answers otherwise."""
    if attempts < TIME_AND_AGAIN or not isinstance(error, Offline):
        return False
    try:
        host.identify()
    except HostError:
        return False
    return True


def back_off(attempts: int) -> float:
    """Seconds that one thing waits after so many failures of its own."""
    return BACK_OFF[min(attempts, len(BACK_OFF) - 1)]


def credentials_work(host: Host, error: Refused) -> bool:
    """Whether a refusal concerns one place only: a 401 or 403 there need not be the whole connection's, so the host is asked who we are.

    A host that has blocked us is not asked.
    """
    if isinstance(error, Blocked):
        return False
    try:
        host.identify()
    except Refused:
        return False
    return True
