"""The clock: a table of tasks as data, their state in the database, run by whichever process holds the lease.

It survives a Redis outage (nudges fail, the database remembers) and a database outage (it waits and goes on).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import structlog
from sqlalchemy import delete, select, update

from connector.errors import StoreUnavailable
from connector.runtime import Runtime, build_runtime
from connector.services import decision_links, leads_page
from connector.services.check_ins import form_use
from connector.services.connecting import keeping
from connector.services.drain import agenda
from connector.services.forge.overseeing import look_for_silence
from connector.services.goals import linking
from connector.services.messages import sending
from connector.services.mirror import drop_idle, upsert
from connector.services.okr_databases import importing
from connector.services.panels import embedding
from connector.services.people import leavers
from connector.services.reviews import effects
from connector.services.rhythm.turning import turn
from connector.services.rollup import want_all
from connector.settings import load_settings
from connector.store import work
from connector.store.tables import Connection, Delivery, KeyResult, Mapping, Run, Task
from mappings.repository import Router, load_links

log = structlog.get_logger(__name__)

TICK = 0.5  # seconds
MESSAGES_KEPT = timedelta(days=400)  # what people were told
LEASE_SECONDS = 10.0  # a task whose clock died is run again after that; running one twice at a time does no harm


@dataclass(frozen=True, slots=True)
class Entry:
    """One scheduled task: every so many seconds, or daily at the local ``nightly_at`` when ``every`` is None."""

    name: str
    every: float | None
    run: Callable[[Runtime], None]
    why: str


def sweep(runtime: Runtime) -> None:
    """Nudge whatever is behind: the queue may have lost it, or it was not due when it was last looked at."""
    now = runtime.epoch()
    callable_now = (
        Connection.retired_at.is_(None),
        Connection.parked_at.is_(None),
        Connection.paused_at.is_(None),
        Connection.paused_until <= now,
    )
    with runtime.store.read() as session:
        free = session.execute(select(Connection.id, Connection.lease).where(*callable_now, Connection.lease_until < now)).all()
        # A lease that lapsed was not given back: whoever held it died, perhaps with work in hand that counts as taken until then.
        behind = [
            row.id
            for row in free
            if row.lease or ((due := agenda(session, row.id, goals=runtime.settings.atlassian_goals).due_at) is not None and due <= now)
        ]
        listings = session.scalars(
            select(Mapping.connection_id)
            .join(Connection, Connection.id == Mapping.connection_id)
            .where(
                *callable_now,
                Mapping.wanted > Mapping.done,
                Mapping.ready_at <= now,
                Mapping.lease_until < now,
                Mapping.retired_at.is_(None),
            )
            .distinct()
        ).all()
        values = work.next_due(session, KeyResult)
        halted = session.scalars(
            select(Run.connection_id)
            .join(Connection, Connection.id == Run.connection_id)
            .where(*callable_now, Run.status == "running", Run.lease_until > 0.0, Run.lease_until < now)
            .distinct()
        ).all()
        unread = importing.unread(session, now)
    if values is not None and values <= now:
        runtime.queue.nudge("settle")
    for connection_id in behind:
        runtime.queue.nudge("drain", connection_id)
    for connection_id in listings:
        runtime.queue.nudge("list", connection_id)
    for connection_id in halted:
        runtime.queue.nudge("sync", connection_id)
    for connection_id in unread:
        runtime.queue.nudge("rows", connection_id)


def refresh_states(runtime: Runtime) -> None:
    """States also change with the calendar: expected progress, overdue check-ins, silent sources, ended cycles."""
    with runtime.store.write() as session:
        want_all(session, runtime.epoch())
    runtime.queue.nudge("settle")


def nightly(runtime: Runtime) -> None:
    """Tell who must know of key results without an owner, look at goals and leads' pages again, renew the addresses of embedded pages that
    end, and start the sync of every callable connection."""
    leavers.tell(runtime)
    if runtime.settings.atlassian_goals:  # it may have been off while numbers moved
        with runtime.store.write() as session:
            linking.want_all(session, runtime.epoch())
    with runtime.store.write() as session:
        leads_page.want_all(session, runtime.epoch())
        embedding.renew_ending(session, runtime.now().astimezone(runtime.settings.zone).date(), runtime.epoch())
    with runtime.store.write() as session:
        decision_links.want_reads(session, runtime.epoch())
    effects.judge_effects(runtime)
    with runtime.store.read() as session:
        ids = session.scalars(
            select(Connection.id).where(Connection.retired_at.is_(None), Connection.parked_at.is_(None), Connection.paused_at.is_(None))
        ).all()
    for connection_id in ids:
        if not runtime.queue.nudge("sync", connection_id):
            raise StoreUnavailable("the queue did not take the nightly sync; it is tried again")
    runtime.queue.nudge("signals")


def keep_webhooks(runtime: Runtime) -> None:
    """Have the webhooks looked at that end unless they are prolonged."""
    for connection_id in keeping.due(runtime):
        runtime.queue.nudge("webhook", connection_id)


def keep_rhythm(runtime: Runtime) -> None:
    """Plan reviews, remind, have locks made that are due, and messages sent."""
    turn(runtime)
    if sending.anything_due(runtime):
        runtime.queue.nudge("send")


def prune(runtime: Runtime) -> None:
    """Forget old deliveries that were worked off, how forms were used a quarter ago, and items that feed nothing any more."""
    before = runtime.now() - timedelta(days=runtime.settings.delivery_days)
    with runtime.store.write() as session:
        session.execute(delete(Delivery).where(Delivery.received_at < before, Delivery.state != "pending"))
        sending.prune(session, runtime.now() - MESSAGES_KEPT)
        form_use.prune(session, runtime.now())
    with runtime.store.read() as session:
        ids = session.scalars(select(Connection.id)).all()
    for connection_id in ids:
        with runtime.store.write() as session:
            drop_idle(session, connection_id, Router(load_links(session, connection_id=connection_id)))


def find_signals(runtime: Runtime) -> None:
    """Have all key results looked at for what delivery data asks."""
    runtime.queue.nudge("signals")


SCHEDULE = (
    Entry("sweep", 1.0, sweep, "nudge work that the queue lost or that has become due"),
    Entry("refresh", 3600.0, refresh_states, "states change with the calendar"),
    Entry("rhythm", 10.0, keep_rhythm, "reminders, locks and pre-reads come at their moment"),
    Entry("signals", 6 * 3600.0, find_signals, "what delivery data asks changes with every day"),
    Entry("webhooks", 3600.0, keep_webhooks, "prolong webhooks that end, make lost ones again"),
    Entry("nightly", None, nightly, "repair what webhooks missed"),
    Entry("forge", 600.0, look_for_silence, "an uninstalled Forge app says nothing: it stops calling"),
    Entry("prune", 6 * 3600.0, prune, "keep the database small"),
)


def next_due(entry: Entry, runtime: Runtime) -> float:
    """When a task is due next (epoch seconds)."""
    if entry.every is not None:
        return runtime.epoch() + entry.every
    zone = runtime.settings.zone
    hours, _, minutes = runtime.settings.nightly_at.partition(":")
    local = runtime.now().astimezone(zone)
    moment = datetime.combine(local.date(), time(int(hours), int(minutes)), tzinfo=zone)
    if moment <= local:
        moment = datetime.combine(local.date() + timedelta(days=1), time(int(hours), int(minutes)), tzinfo=zone)
    return moment.timestamp()


def prepare(runtime: Runtime) -> None:
    """Reconcile the stored tasks with the table above: new ones are added, vanished ones removed, the rest left alone."""
    with runtime.store.write() as session:
        session.execute(delete(Task).where(Task.name.not_in([entry.name for entry in SCHEDULE])))
        upsert(
            session,
            Task,
            ["name"],
            [
                {"name": entry.name, "due_at": next_due(entry, runtime) if entry.every is None else 0.0, "lease_until": 0.0}
                for entry in SCHEDULE
            ],
        )


def tick(runtime: Runtime) -> None:
    """Run what is due. A task that fails is told in its row and tried again a minute later at the latest."""
    for entry in SCHEDULE:
        now = runtime.epoch()
        if not _take(runtime, entry, now):
            continue
        error: str | None = None
        try:
            entry.run(runtime)
        except StoreUnavailable as trouble:
            error = str(trouble)
            log.warning("task_failed", task=entry.name, error=error)
        due = runtime.epoch() + 30 if error else next_due(entry, runtime)
        with runtime.store.write() as session:
            session.execute(
                update(Task).where(Task.name == entry.name).values(due_at=due, lease_until=0.0, last_run_at=runtime.now(), last_error=error)
            )


def _take(runtime: Runtime, entry: Entry, now: float) -> bool:
    due = (Task.name == entry.name, Task.due_at <= now, Task.lease_until < now)
    with runtime.store.read() as session:  # a look first: most ticks find nothing due, and a write lock is not free
        if session.scalar(select(Task.name).where(*due)) is None:
            return False
    with runtime.store.write() as session:
        return session.execute(update(Task).where(*due).values(lease_until=now + LEASE_SECONDS).returning(Task.name)).first() is not None


def run(stop: threading.Event, runtime: Runtime | None = None) -> None:
    """The clock process: tick until told to stop. A database that does not answer is waited for."""
    runtime = runtime or build_runtime(load_settings())
    prepared = False
    while not stop.wait(TICK if prepared else 0.0):
        try:
            if not prepared:
                prepare(runtime)
                prepared = True
            tick(runtime)
        except StoreUnavailable as error:
            log.warning("clock_waits", error=str(error))
            stop.wait(2.0)
    runtime.close()
