"""``/health``, ``/ready`` and ``/metrics``: for load balancers and Prometheus. They read, they never write, and they name no secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from statistics import median
from typing import Any

import orjson
from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from connector.errors import StoreUnavailable
from connector.runtime import Runtime
from connector.services.messages.trouble import waiting as messages_waiting
from connector.store import work
from connector.store.migrate import is_current
from connector.store.tables import CheckIn, CommentCommand, Connection, Counter, Delivery, Item, KeyResult, Mapping, OkrDatabase, Panel, Run

blueprint = Blueprint("health", __name__)

_LABEL = re.compile(r'(\w+)="([^"]*)"')
LATEST = 1000  # check-ins whose times are looked at
FAILING_FROM = 3  # attempts in a row after which a panel counts as failing


def _runtime() -> Runtime:
    runtime: Runtime = current_app.extensions["runtime"]
    return runtime


@blueprint.get("/health")
def health() -> Response:
    """The process is alive. Asks nobody."""
    return _json({"status": "ok"}, 200)


@blueprint.get("/ready")
def ready() -> Response:
    """Can this process do its work: 200, or 503 with the check that failed and what to do."""
    runtime = _runtime()
    checks = {"database": _check_database(runtime), **_check_queue(runtime)}
    good = all(found == "ok" for found in checks.values())
    return _json({"status": "ok" if good else "unavailable", "checks": checks}, 200 if good else 503)


def _check_database(runtime: Runtime) -> str:
    try:
        with runtime.store.read() as session:
            session.execute(text("SELECT 1"))
        return "ok" if is_current(runtime.store) else "the schema is not that of this version; run `okr-connector db upgrade`"
    except StoreUnavailable as error:
        return str(error)
    except DBAPIError as error:
        return f"the database does not answer: {type(error.orig).__name__}"


def _check_queue(runtime: Runtime) -> dict[str, str]:
    if not runtime.queue.ping():
        return {"redis": "Redis does not answer", "queue": "Redis does not answer"}
    return {"redis": "ok", "queue": "ok" if runtime.queue.waiting() is not None else "the queue does not answer"}


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text: this process' door, and the stored numbers that all processes share."""
    own: CollectorRegistry = current_app.extensions["prometheus"]
    return Response(generate_latest(own) + generate_latest(_Stored(_runtime())), content_type=CONTENT_TYPE_LATEST)


def _json(document: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(document), status, content_type="application/json")


class _Stored(CollectorRegistry):
    """The numbers in the database, read anew for each scrape."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """All families; of a database that does not answer only that it does not."""
        families: list[Metric] = []
        try:
            with self._runtime.store.read() as session:
                for read in _READERS:
                    families.extend(read(session, self._runtime))
            alive = 1.0
        except (StoreUnavailable, DBAPIError):
            families, alive = [], 0.0
        yield GaugeMetricFamily("okr_database_up", "1 when the database answered this scrape.", value=alive)
        waiting = self._runtime.queue.waiting()
        yield GaugeMetricFamily("okr_queue_up", "1 when the queue answered this scrape.", value=0.0 if waiting is None else 1.0)
        if waiting is not None:
            yield GaugeMetricFamily("okr_queue_jobs", "Jobs waiting in the queue.", value=waiting)
        yield from families


def _counters(session: Session, _: Runtime) -> Iterator[Metric]:
    families: dict[str, CounterMetricFamily] = {}
    for row in session.execute(select(Counter.name, Counter.labels, Counter.value).where(Counter.name.startswith("okr_", autoescape=True))):
        name = row.name.removesuffix("_total")
        family = families.setdefault(name, CounterMetricFamily(name, "Counted since the installation was made."))
        family.add_sample(f"{name}_total", dict(_LABEL.findall(row.labels)), row.value)
    yield from families.values()


def _deliveries(session: Session, runtime: Runtime) -> Iterator[Metric]:
    pending = GaugeMetricFamily("okr_deliveries_pending", "Stored webhooks not worked off yet.", labels=["connection"])
    oldest = GaugeMetricFamily("okr_deliveries_oldest_seconds", "Age of the oldest webhook not worked off yet.", labels=["connection"])
    rows = session.execute(
        select(Connection.name, func.count(Delivery.id).label("number"), func.min(Delivery.received_at).label("first"))
        .join(Delivery, (Delivery.connection_id == Connection.id) & (Delivery.state == "pending"), isouter=True)
        .where(Connection.retired_at.is_(None))
        .group_by(Connection.name)
    )
    for row in rows:
        pending.add_metric([row.name], row.number)
        if row.first is not None:
            oldest.add_metric([row.name], _age(row.first, runtime))
    yield from (pending, oldest)


def _work(session: Session, runtime: Runtime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("okr_work_waiting", "Rows with work wanted and not done.", labels=["table"])
    for table in (CommentCommand, Item, KeyResult, Mapping, Panel):
        waiting.add_metric([table.__tablename__], work.waiting(session, table))
    yield waiting
    yield GaugeMetricFamily("okr_messages_waiting", "Messages to people and rooms that are not sent yet.", value=messages_waiting(session))
    failing = session.scalar(select(func.count()).select_from(Panel).where(Panel.wanted > Panel.done, Panel.attempts >= FAILING_FROM))
    yield GaugeMetricFamily("okr_panels_failing", f"Panels that could not be written {FAILING_FROM} times in a row.", value=failing or 0)
    broken = session.scalar(select(func.count()).select_from(Mapping).where(Mapping.broken.is_not(None), Mapping.retired_at.is_(None)))
    yield GaugeMetricFamily("okr_mappings_broken", "Mappings whose source cannot be read.", value=broken or 0)
    unread = select(func.count()).select_from(OkrDatabase).where(OkrDatabase.broken.is_not(None), OkrDatabase.retired_at.is_(None))
    yield GaugeMetricFamily("okr_databases_broken", "OKR databases at hosts that cannot be read.", value=session.scalar(unread) or 0)


def _connections(session: Session, runtime: Runtime) -> Iterator[Metric]:
    parked = GaugeMetricFamily("okr_connection_parked", "1 when an admin has to mend the credentials.", labels=["connection"])
    paused = GaugeMetricFamily("okr_connection_paused", "1 while the host asked to wait.", labels=["connection"])
    event = GaugeMetricFamily("okr_connection_last_event_seconds", "Seconds since the last webhook.", labels=["connection"])
    success = GaugeMetricFamily("okr_connection_last_success_seconds", "Seconds since the last good answer.", labels=["connection"])
    synced = GaugeMetricFamily("okr_connection_last_sync_seconds", "Seconds since the last sync.", labels=["connection"])
    repaired = GaugeMetricFamily(
        "okr_run_repaired", "Values that the last sync had to repair: webhooks missed them.", labels=["connection"]
    )
    for row in session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)):
        parked.add_metric([row.name], float(row.parked_at is not None))
        paused.add_metric([row.name], float(row.paused_until > runtime.epoch()))
        for family, moment in ((event, row.last_event_at), (success, row.last_success_at), (synced, row.last_sync_at)):
            if moment is not None:  # never: no sample, which is not the same as zero seconds
                family.add_metric([row.name], _age(moment, runtime))
        last = session.scalar(
            select(Run.repaired).where(Run.connection_id == row.id, Run.status == "done").order_by(Run.id.desc()).limit(1)
        )
        if last is not None:
            repaired.add_metric([row.name], last)
    yield from (parked, paused, event, success, synced, repaired)


def _check_ins(session: Session, _: Runtime) -> Iterator[Metric]:
    """How long the form takes people, from open to saved (R037): of the latest updates, without a word on whose they are."""
    latest = session.scalar(select(func.max(CheckIn.id))) or 0
    took: dict[str, list[int]] = {}
    query = select(CheckIn.source, CheckIn.seconds).where(CheckIn.id > latest - LATEST, CheckIn.draft.is_(False))
    for row in session.execute(query):
        if row.seconds is not None:  # a script fills in no form
            took.setdefault(row.source, []).append(row.seconds)
    middle = GaugeMetricFamily(
        "okr_check_in_seconds", f"Median time from opening the form to saving it, of the last {LATEST} check-ins.", labels=["source"]
    )
    timed = GaugeMetricFamily("okr_check_ins_timed", "How many check-ins that median is of.", labels=["source"])
    for source, times in sorted(took.items()):
        middle.add_metric([source], median(times))
        timed.add_metric([source], len(times))
    yield from (middle, timed)


def _age(moment: datetime, runtime: Runtime) -> float:
    return max(0.0, (runtime.now() - moment).total_seconds())


_READERS: tuple[Callable[[Session, Runtime], Iterator[Metric]], ...] = (
    _counters,
    _deliveries,
    _work,
    _connections,
    _check_ins,
)
