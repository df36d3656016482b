"""One connection's work, in the order that keeps people waiting least: deliveries, reads, values, comments, panels.

The loop ends when nothing is due; what is due a moment later is waited for, what is due later is left to the sweeper. Listings
and syncs are no part of it: they take long and run beside it.
"""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.errors import HostError
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import connections, decision_links, heartbeat
from connector.services.comment_commands import answer_due
from connector.services.events import Handled, handle_deliveries
from connector.services.goals.exporting import export_due
from connector.services.items import fetch_dirty, fetch_due_at
from connector.services.leads_page import write_pages
from connector.services.okr_databases.working import rows_due_at, work_on_rows
from connector.services.panels import write_due
from connector.services.rollup import roll_up_dirty
from connector.services.row_check_ins.settling import settle_due, settles_at
from connector.store import work
from connector.store.tables import CommentCommand, Connection, Delivery, GoalTarget, Item, KeyResult, LeadsPage, Mapping, Panel

log = structlog.get_logger(__name__)

LINGER = 1.3  # seconds for which a worker waits for work that is due soon, such as a gathering panel, before it serves others
STEP = 0.03
LONGEST = 60.0  # seconds after which a busy connection lets others have the worker; far below the time-out of the job


@dataclass(frozen=True, slots=True)
class Agenda:
    """When each kind of work of a connection is due (epoch seconds); None where nothing waits."""

    deliveries: float | None
    reads: float | None
    values: float | None
    panels: float | None
    comments: float | None
    goals: float | None = None
    rows: float | None = None  # of OKR databases: to be read or written
    typed: float | None = None  # updates typed into rows that are filed then
    leads: float | None = None
    issues: float | None = None  # that decisions become

    @property
    def due_at(self) -> float | None:
        """When the first of it is due."""
        return min((moment for moment in astuple(self) if moment is not None), default=None)


def agenda(session: Session, connection_id: int, *, goals: bool = False) -> Agenda:
    """What waits for a connection; values are computed for whichever connection asked. ``goals``: whether the setting allows them."""
    pending = session.scalar(select(Delivery.id).where(Delivery.connection_id == connection_id, Delivery.state == "pending").limit(1))
    again = session.scalar(select(func.min(Item.recheck_at)).where(Item.connection_id == connection_id, Item.recheck_at > 0.0))
    reads = [moment for moment in (fetch_due_at(session, connection_id), again) if moment is not None]
    return Agenda(
        0.0 if pending is not None else None,
        min(reads, default=None),
        work.next_due(session, KeyResult),
        work.next_due(session, Panel, Panel.connection_id == connection_id),
        work.next_due(session, CommentCommand, CommentCommand.connection_id == connection_id),
        work.next_due(session, GoalTarget, GoalTarget.connection_id == connection_id) if goals else None,
        rows_due_at(session, connection_id),
        settles_at(session, connection_id),
        work.next_due(session, LeadsPage, LeadsPage.connection_id == connection_id),
        decision_links.due_at(session, connection_id),
    )


def drain(runtime: Runtime, connection_id: int) -> None:
    """Work off what is wanted for one connection; returns at once when somebody else does. Host errors are recorded, not raised."""
    ends = time.monotonic() + LONGEST
    while True:
        lease = connections.take_lease(runtime, connection_id)
        if lease is None:
            settle(runtime)
            return
        _hold(runtime, connection_id, lease, ends)
        # Whoever came while we held the lease went away again: look once more before going.
        with runtime.store.read() as session:
            due = agenda(session, connection_id, goals=runtime.settings.atlassian_goals).due_at
            row = session.get_one(Connection, connection_id)
            listing = work.next_due(session, Mapping, Mapping.connection_id == connection_id, Mapping.retired_at.is_(None))
        if row.parked_at or row.paused_at or row.paused_until > runtime.epoch():
            settle(runtime)  # values still follow what is known: a broken source must show
            return
        if listing is not None and listing <= runtime.epoch():
            runtime.queue.nudge("list", connection_id)
        if due is None or due > runtime.epoch() or runtime.stopping.is_set():
            return
        if time.monotonic() > ends:
            runtime.queue.nudge("drain", connection_id)
            return


def _hold(runtime: Runtime, connection_id: int, lease: str, ends: float) -> None:
    """Work while the lease is ours, then give it back."""
    try:
        with heartbeat.kept(runtime, lambda session, until: connections.keep_lease(session, connection_id, lease, until)) as pulse:
            _loop(runtime, connection_id, pulse, ends)
    except HostError as error:
        log.warning("drain_stopped", connection=connection_id, error=type(error).__name__, status=error.status, message=error.message)
    finally:
        connections.free_lease(runtime, connection_id, lease)


def settle(runtime: Runtime) -> None:
    """Compute all key results that wait, whatever asked for it."""
    while roll_up_dirty(runtime):
        pass


def _loop(runtime: Runtime, connection_id: int, pulse: heartbeat.Pulse, ends: float) -> None:
    with runtime.store.read() as session:
        connection = session.get_one(Connection, connection_id)
    host: Host | None = None
    waited_since: float | None = None
    try:
        while pulse.alive and time.monotonic() < ends and not runtime.stopping.is_set():
            # One look decides: an idle pass must not take the write lock, or it would make the door wait.
            with runtime.store.read() as session:
                waiting = agenda(session, connection_id, goals=runtime.settings.atlassian_goals)
            now = runtime.epoch()
            if waiting.due_at is not None and waiting.due_at <= now:
                host = host or runtime.connect(connection, spread=True)
                _work(runtime, connection, host, waiting, now)
                waited_since = None
                continue
            waited_since = waited_since or now
            if waiting.due_at is None or waiting.due_at > now + LINGER or now - waited_since > LINGER:
                return
            time.sleep(max(0.001, min(STEP, waiting.due_at - now)))
    finally:
        if host is not None:
            host.close()


def _work(runtime: Runtime, connection: Connection, host: Host, waiting: Agenda, now: float) -> None:
    """Do what is due; each step also does what the step before it made due."""
    taken = handle_deliveries(runtime, connection) if waiting.deliveries is not None else Handled(0, 0)
    handled = taken.deliveries > 0
    read = (handled or _is_due(waiting.reads, now)) and fetch_dirty(runtime, connection, host)
    told = (handled or _is_due(waiting.rows, now)) and work_on_rows(runtime, connection) > 0
    filed = (told or _is_due(waiting.typed, now)) and settle_due(runtime, connection) > 0
    computed = (read or told or filed or _is_due(waiting.values, now)) and roll_up_dirty(runtime) > 0
    # Numbers first: what a comment leaves out is carried over from them. Panels last: they show what a comment filed.
    answered = (taken.comments or _is_due(waiting.comments, now)) and answer_due(runtime, connection, host) > 0
    if computed or answered or _is_due(waiting.panels, now):
        write_due(runtime, connection, host)
        work_on_rows(runtime, connection)
    if _is_due(waiting.issues, now):
        decision_links.make_due(runtime, connection)
    if _is_due(waiting.leads, now):
        write_pages(runtime, connection)
    if _is_due(waiting.goals, now):
        export_due(runtime, connection)


def _is_due(moment: float | None, now: float) -> bool:
    return moment is not None and moment <= now
