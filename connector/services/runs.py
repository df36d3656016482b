"""The record of a sync: taken by one process at a time, kept while it runs, closed or left to be taken up again."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connector.errors import Conflict, HostError, Refused
from connector.runtime import Runtime
from connector.services import connections, heartbeat
from connector.store.tables import Connection, Item, Panel, Run
from mappings.repository import load_links
from mappings.rules import SelectorKind

SMALL_PAGES = 25  # up to this many pages a full walk costs so little that nothing else is worth thinking about
FULL_EVERY = timedelta(days=7)
ASK_AGAIN = 0.2  # seconds between two looks whether a sync that seems to run is alive
RESUME_AFTER = 300.0  # seconds after which a run that met an error is taken up again


def await_the_dead(runtime: Runtime, connection_id: int) -> None:
    """Wait while a sync seems to run that gives no sign of life. Returns at once when none seems to, or when it is alive."""
    known: float | None = None
    while True:
        with runtime.store.read() as session:
            until = session.scalar(
                select(Run.lease_until)
                .where(Run.connection_id == connection_id, Run.status == "running", Run.error.is_(None))
                .order_by(Run.id.desc())
                .limit(1)
            )
        if until is None or until <= runtime.epoch() or (known is not None and until != known):
            return
        known = until
        time.sleep(ASK_AGAIN)


def keep(session: Session, run: Run, until: float) -> bool:
    """Renew the lease of a run; False when it ended or somebody else took it over."""
    held = (Run.id == run.id, Run.lease == run.lease, Run.status == "running")
    return session.execute(update(Run).where(*held).values(lease_until=until).returning(Run.id)).first() is not None


def take(runtime: Runtime, connection: Connection, trigger: str, full: bool) -> Run:
    """Begin a run, or take up an unfinished one. Raises ``Conflict`` when one is running."""
    now = runtime.epoch()
    lease = secrets.token_hex(8)
    with runtime.store.write() as session:
        unfinished = session.scalar(select(Run).where(Run.connection_id == connection.id, Run.status == "running").order_by(Run.id.desc()))
        if unfinished is not None and unfinished.lease_until > now and unfinished.error is None:
            raise Conflict(f"a sync of {connection.name} is running since {unfinished.started_at:%H:%M:%S} UTC")
        if unfinished is not None and not (full and unfinished.kind != "full"):
            unfinished.lease, unfinished.lease_until, unfinished.error = lease, now + heartbeat.LEASE_SECONDS, None
            return unfinished
        if unfinished is not None:
            unfinished.status = "superseded"
        pages, chunks = _size(session, connection.id)
        old = connection.last_full_at is None or runtime.now() - connection.last_full_at > FULL_EVERY
        kind = "full" if full or old or pages + chunks <= SMALL_PAGES else "changes"
        run = Run(
            connection_id=connection.id,
            kind=kind,
            trigger=trigger,
            started_at=runtime.now(),
            lease=lease,
            lease_until=now + heartbeat.LEASE_SECONDS,
            seen=0,
            changed=0,
            repaired=0,
            gone=0,
            requests=0,
            written=0,
        )
        session.add(run)
    return run


def _size(session: Session, connection_id: int) -> tuple[int, int]:
    """Pages of items and lists of epics that a full walk would cost."""
    items = session.scalar(select(func.count()).select_from(Item).where(Item.connection_id == connection_id, Item.gone_at.is_(None))) or 0
    epics = {
        ref
        for link in load_links(session, connection_id=connection_id)
        if link.rule.selector.kind is SelectorKind.EPICS
        for ref in link.resolved.refs.values()
    }
    return -(-items // 100), -(-len(epics) // 50)


def count_written(runtime: Runtime, run: Run) -> int:
    """How many panels of the connection were written since the run began; kept in the run's record."""
    with runtime.store.write() as session:
        run.written = (
            session.scalar(
                select(func.count()).select_from(Panel).where(Panel.connection_id == run.connection_id, Panel.written_at >= run.started_at)
            )
            or 0
        )
        session.execute(update(Run).where(Run.id == run.id).values(written=run.written))
    return run.written


def save(session: Session, run: Run, now: float) -> None:
    """Store how far a run has come; only while it is ours."""
    if run.status == "running":
        run.lease_until = now + heartbeat.LEASE_SECONDS
    names = ("status", "kind", "finished_at", "cursor", "seen", "changed", "repaired", "gone", "requests", "lease_until")
    session.execute(update(Run).where(Run.id == run.id, Run.lease == run.lease).values({name: getattr(run, name) for name in names}))


def stop(runtime: Runtime, connection: Connection, run: Run, error: HostError) -> None:
    """Keep the run's cursor and say why it stopped; the sweeper takes it up again, unless the connection is parked."""
    with runtime.store.write() as session:
        now = runtime.epoch()
        until = connections.failed(session, connection.id, error, runtime.now(), now)
        final = isinstance(error, Refused)
        session.execute(
            update(Run)
            .where(Run.id == run.id, Run.lease == run.lease)
            .values(
                error=error.message[:500],
                lease_until=0.0 if final else max(until, now + RESUME_AFTER),
                **({"status": "failed", "finished_at": runtime.now()} if final else {}),
            )
        )
