"""What a worker runs: ids in, one service call. The runtime is built lazily, once per worker process.

Jobs may be lost, repeated and run twice at a time: the work they look for stands in the database.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from connector.errors import Conflict, HostError, NotFound, StoreUnavailable
from connector.runtime import Runtime, build_runtime
from connector.services import drain as drains
from connector.services import listing
from connector.services import sync as syncs
from connector.services.connecting import keeping
from connector.services.exchange import working
from connector.services.mapping import candidates
from connector.services.messages import sending
from connector.services.okr_databases import nightly
from connector.services.reports import alarms
from connector.services.rhythm import locking
from connector.services.signals import nightly as signals
from connector.settings import load_settings

log = structlog.get_logger(__name__)

_runtimes: dict[int, Runtime] = {}
_lock = threading.Lock()


def get_runtime() -> Runtime:
    """The runtime of this process; a forked child builds its own."""
    with _lock:
        runtime = _runtimes.get(os.getpid())
        if runtime is None:
            _runtimes.clear()
            runtime = _runtimes[os.getpid()] = build_runtime(load_settings())
        return runtime


def stop_soon() -> None:
    """Have the job at hand end at its next step: what it leaves stands in the database. For signal handlers."""
    for runtime in list(_runtimes.values()):
        runtime.stopping.set()


@contextmanager
def _outage_ends_it(job: str) -> Iterator[None]:
    """A database that does not answer ends a job in one line: the sweeper asks for the work again when it is back."""
    try:
        yield
    except StoreUnavailable as error:
        log.warning("job_stopped", job=job, error=str(error))


def drain(connection_id: int) -> None:
    """Work off one connection."""
    runtime = get_runtime()
    runtime.queue.started("drain", connection_id)
    with _outage_ends_it("drain"):
        drains.drain(runtime, connection_id)


def settle() -> None:
    """Compute waiting key results; their connections are nudged for the panels."""
    runtime = get_runtime()
    runtime.queue.started("settle")
    with _outage_ends_it("settle"):
        drains.settle(runtime)


def list_mappings(connection_id: int) -> None:
    """List the items of new or disturbed mappings."""
    runtime = get_runtime()
    runtime.queue.started("list", connection_id)
    with _outage_ends_it("list"):
        listing.list_all(runtime, connection_id)


def sync(connection_id: int, asked: int = 0) -> None:
    """The nightly sync of one connection. ``asked``: 0 by the night, 1 by a person, 2 by a person who wants everything read."""
    runtime = get_runtime()
    runtime.queue.started("sync", connection_id, *((asked,) if asked else ()))
    with _outage_ends_it("sync"):
        try:
            syncs.sync_connection(runtime, connection_id, trigger="request" if asked else "nightly", full=asked > 1)
        except Conflict as error:
            log.info("sync_left_to_another", reason=str(error))
        except HostError as error:
            log.warning("sync_stopped", connection=connection_id, error=error.message)  # the run keeps its cursor and is taken up again


def look(connection_id: int) -> None:
    """Look for what a connection has to map."""
    runtime = get_runtime()
    runtime.queue.started("look", connection_id)
    with _outage_ends_it("look"):
        try:
            candidates.look_for(runtime, connection_id)
        except (Conflict, NotFound) as error:
            log.info("look_left_out", reason=str(error))


def work_on_import(import_id: int) -> None:
    """Check or run one uploaded file."""
    runtime = get_runtime()
    runtime.queue.started("import", import_id)
    with _outage_ends_it("import"):
        working.work(runtime, import_id)


def keep_webhook(connection_id: int) -> None:
    """Prolong the webhook of one connection, or make it again."""
    runtime = get_runtime()
    runtime.queue.started("webhook", connection_id)
    with _outage_ends_it("webhook"):
        keeping.keep(runtime, connection_id)


def read_rows(connection_id: int) -> None:
    """Read the OKR databases of one connection whole."""
    runtime = get_runtime()
    runtime.queue.started("rows", connection_id)
    with _outage_ends_it("rows"):
        nightly.read_rows(runtime, connection_id)


def lock_review(review_id: int) -> None:
    """Freeze the pre-read of one review."""
    runtime = get_runtime()
    runtime.queue.started("lock", review_id)
    with _outage_ends_it("lock"):
        if locking.lock(runtime, review_id):
            runtime.queue.nudge("send")


def send_messages() -> None:
    """Send the messages that are due."""
    runtime = get_runtime()
    runtime.queue.started("send")
    with _outage_ends_it("send"):
        while sending.send_due(runtime):
            pass


def find_signals() -> None:
    """Look at all key results for what delivery data asks."""
    runtime = get_runtime()
    runtime.queue.started("signals")
    with _outage_ends_it("signals"):
        signals.find_all(runtime)
        alarms.find_alarms(runtime)
