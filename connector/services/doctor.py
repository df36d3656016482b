"""Looks at everything that can be wrong with an installation and names the mend for each fault.

Changes one thing only: a parked connection whose credentials work again goes on. ``doctor_connections`` looks at the hosts.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from connector.errors import StoreUnavailable
from connector.runtime import Runtime
from connector.services.doctor_connections import examine_connections
from connector.services.findings import FAULT, OK, SKIPPED, WARNING, Finding
from connector.services.forge.overseeing import findings as forge_findings
from connector.services.messages.trouble import findings as message_findings
from connector.services.okr_databases.examining import findings as okr_findings
from connector.store.migrate import is_current
from connector.store.tables import Connection, Delivery, Item, KeyResult, Mapping, OkrRow, Panel, Task

LATE = timedelta(minutes=5)  # work that has waited longer means that nobody works it off
MOST_SKEW = 30.0  # seconds
_MOST_LISTED = 20  # broken mappings and failing panels that are named one by one


def examine(runtime: Runtime) -> list[Finding]:
    """All findings, the database first: without it nothing else can be asked."""
    found = _database(runtime)
    if any(each.state == FAULT for each in found):
        return [*found, *_redis(runtime)]
    found += _redis(runtime)
    hosts, skews = examine_connections(runtime)
    found += _clock(runtime, skews)
    found += _proxies(runtime)
    found += hosts
    with runtime.store.read() as session:
        found += forge_findings(runtime, session)
        found += _mappings(session)
        found += _panels(session)
        found += okr_findings(session)
        found += message_findings(session, runtime.now())
        found += _waiting(session, runtime)
    return found


def as_json(found: list[Finding]) -> dict[str, Any]:
    """The findings as ``{"ok": bool, "findings": [...]}``."""
    return {"ok": all(each.state != FAULT for each in found), "findings": [asdict(each) for each in found]}


# --- the machine ---------------------------------------------------------------------------------------------------------------


def _database(runtime: Runtime) -> list[Finding]:
    shown = runtime.store.url.render_as_string(hide_password=True)
    try:
        with runtime.store.read() as session:
            session.execute(text("SELECT 1"))
            mode = session.scalar(text("PRAGMA journal_mode")) if runtime.store.is_sqlite else None
            current = is_current(runtime.store)
    except (StoreUnavailable, SQLAlchemyError) as error:
        reason = str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
        return [Finding("database", FAULT, f"{shown}: {reason}", "start the database, and check OKR_DATABASE_URL or OKR_DATA_DIR")]
    if not current:
        return [Finding("database", FAULT, f"{shown} has not the schema of this version", "run: okr-connector db upgrade")]
    if mode is not None and mode != "wal":
        return [
            Finding(
                "database",
                WARNING,
                f"{shown} has the journal mode {mode}, in which readers and writers wait for each other",
                "put the data folder on a local disk: network file systems cannot hold a write-ahead log",
            )
        ]
    return [Finding("database", OK, f"{shown} answers, schema current{f', journal mode {mode}' if mode else ''}")]


def _proxies(runtime: Runtime) -> list[Finding]:
    """TLS ends before us, so there is a proxy: without its word every caller seems to have the same address."""
    settings = runtime.settings
    if not settings.public_url.startswith("https://") or settings.trusted_proxies:
        return []
    return [
        Finding(
            "proxies",
            WARNING,
            "OKR_PUBLIC_URL is https, so a proxy stands before the web server, but OKR_TRUSTED_PROXIES is 0: all callers share one limit",
            "set OKR_TRUSTED_PROXIES to the number of proxies, usually 1",
        )
    ]


def _redis(runtime: Runtime) -> list[Finding]:
    url = runtime.redis_url
    if not url:
        mend = "start `okr-connector serve`, which brings its own, or set OKR_REDIS_URL"
        return [Finding("redis", WARNING, "no Redis runs and none is set: work waits until one does", mend)]
    try:
        with Redis.from_url(url, socket_timeout=3, socket_connect_timeout=2) as client:
            facts: Any = client.info()
            policy: Any = client.info("memory").get("maxmemory_policy")
    except (RedisError, ValueError) as error:
        told = bool(runtime.settings.redis_url)
        mend = "start Redis, and check OKR_REDIS_URL" if told else "start `okr-connector serve`, which brings its own"
        return [Finding("redis", FAULT if told else WARNING, f"Redis does not answer ({type(error).__name__})", mend)]
    version = facts.get("valkey_version") or facts.get("redis_version")
    name = "Valkey" if facts.get("valkey_version") else "Redis"
    found = [Finding("redis", OK, f"{name} {version} answers")]
    if not facts.get("aof_enabled"):
        mend = "set appendonly yes: queued work is found again without it, but later"
        found.append(Finding("redis persistence", WARNING, "there is no append-only file: a restart forgets the queue", mend))
    if policy and policy != "noeviction":
        found.append(Finding("redis memory", WARNING, f"the policy is {policy}: Redis may drop jobs", "set maxmemory-policy noeviction"))
    return found


def _clock(runtime: Runtime, skews: dict[str, float]) -> list[Finding]:
    if not runtime.store.is_sqlite:
        with runtime.store.read() as session:
            theirs = session.scalar(select(func.extract("epoch", func.clock_timestamp())))
        if theirs is not None:
            skews = {"the database": runtime.epoch() - float(theirs), **skews}
    if not skews:
        return [Finding("clock", SKIPPED, "no host answered with its time, so there is nothing to compare with")]
    name, worst = max(skews.items(), key=lambda entry: abs(entry[1]))
    if abs(worst) > MOST_SKEW:
        direction = "ahead of" if worst > 0 else "behind"
        mend = "let the machine set its clock by NTP: signatures and tokens are checked against the time"
        return [Finding("clock", FAULT, f"this machine's clock is {abs(worst):.0f} seconds {direction} {name}", mend)]
    return [Finding("clock", OK, f"within {MOST_SKEW:.0f} seconds of {', '.join(sorted(skews))}")]


# --- work ----------------------------------------------------------------------------------------------------------------------


def _mappings(session: Session) -> list[Finding]:
    rows = session.execute(
        select(Mapping.key_result_id, Mapping.position, Connection.name, Mapping.broken)
        .join(Connection, Connection.id == Mapping.connection_id)
        .join(KeyResult, KeyResult.id == Mapping.key_result_id)
        .where(Mapping.retired_at.is_(None), KeyResult.retired_at.is_(None), Mapping.broken.is_not(None))
        .order_by(Mapping.key_result_id, Mapping.position)
    ).all()
    mend = "change the mapping and apply, or give the connection's account access to it again"
    found = [
        Finding(f"mapping {row.key_result_id}[{row.position}]", FAULT, f"cannot be read at {row.name}: {row.broken}", mend)
        for row in rows[:_MOST_LISTED]
    ]
    return found + _rest("mappings", len(rows), "are broken too")


_NAMED_FIELD = ("has no field", "fields called", "holds story points")  # what a host says of a field that the settings name


def _panels(session: Session) -> list[Finding]:
    rows = session.execute(
        select(Panel.ref, Connection.name, Panel.error, Panel.gone_at)
        .join(Connection, Connection.id == Panel.connection_id)
        .where(Panel.error.is_not(None), Panel.error != "", Connection.retired_at.is_(None))
        .order_by(Connection.name, Panel.ref)
    ).all()
    alike: dict[tuple[str, str, bool], list[str]] = {}  # one cause is one finding, however many places it keeps from being written
    for row in rows:
        alike.setdefault((row.name, row.error, row.gone_at is not None), []).append(row.ref)
    found = []
    for (name, error, gone), refs in list(alike.items())[:_MOST_LISTED]:
        if gone:
            mend = "remove the page from panels (or the epic from the mapping), or restore and share it"
        elif any(words in error for words in _NAMED_FIELD):
            mend = f"correct the field for progress or status in the settings of connection {name}"
        else:
            mend = "give the connection's account the right to write there"
        if len(refs) == 1:
            found.append(Finding(f"panel {name} {refs[0]}", FAULT, f"cannot be written: {error}", mend))
        else:
            first = ", ".join(refs[:3]) + (f" and {len(refs) - 3} more" if len(refs) > 3 else "")
            found.append(Finding(f"panels {name}", FAULT, f"{len(refs)} cannot be written ({first}): {error}", mend))
    return found + _rest("panels", len(alike), "cannot be written either")


def _rest(name: str, number: int, words: str) -> list[Finding]:
    more = number - _MOST_LISTED
    return [Finding(name, FAULT, f"{more} more {words}", "mend those above and run doctor again")] if more > 0 else []


def _waiting(session: Session, runtime: Runtime) -> list[Finding]:
    """Old deliveries and wanted work; of parked and paused connections it is expected to wait."""
    now, before = runtime.epoch(), runtime.now() - LATE
    late = now - LATE.total_seconds()
    served = select(Connection.id).where(
        Connection.parked_at.is_(None), Connection.paused_at.is_(None), Connection.retired_at.is_(None), Connection.paused_until <= now
    )
    deliveries = session.scalar(
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.state == "pending", Delivery.received_at < before, Delivery.connection_id.in_(served))
    )
    behind: dict[str, int] = {}
    for table, name in ((Item, "items"), (Mapping, "mappings"), (Panel, "panels"), (OkrRow, "rows"), (KeyResult, "key results")):
        query = select(func.count()).select_from(table).where(table.wanted > table.done, table.ready_at < late, table.lease_until < now)
        if table is not KeyResult:
            query = query.where(table.connection_id.in_(served))  # type: ignore[union-attr]  # key results have no connection
        if table in (Mapping, KeyResult):
            query = query.where(table.retired_at.is_(None))
        if number := session.scalar(query) or 0:
            behind[name] = number
    mend = "see that `okr-connector worker` and `clock` (or `serve`) run and reach Redis and the database"
    found = []
    if deliveries:
        found.append(Finding("deliveries", FAULT, f"{deliveries} received webhooks have waited for more than 5 minutes", mend))
    if behind:
        words = ", ".join(f"{number} {name}" for name, number in behind.items())
        found.append(Finding("work", FAULT, f"waiting for more than 5 minutes: {words}", mend))
    found += [
        Finding(f"task {task.name}", WARNING, f"failed last time: {task.last_error}", "it is repeated by itself; see the log of `clock`")
        for task in session.scalars(select(Task).where(Task.last_error.is_not(None)).order_by(Task.name))
    ]
    return found or [Finding("work", OK, "nothing waits for longer than 5 minutes")]
