"""Keeping the webhooks that end: looked at daily, prolonged weekly, made again when they got lost, widened when the mappings change.

A host stops sending without a word when nobody prolongs; so what it has is listed, never only remembered. One call outside transactions.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select

from connector.errors import HostError, InputError
from connector.runtime import Runtime
from connector.services import connections
from connector.services.connecting.webhooks import address, kept_facts, own_secret, store_secret, wanted_containers
from connector.store.tables import Audit, Connection

log = structlog.get_logger(__name__)

LOOKED_EVERY = timedelta(hours=20)
SOON = timedelta(days=14)  # of life left: looked at every hour, something keeps it from being prolonged


def due(runtime: Runtime) -> list[int]:
    """The connections whose webhook wants a look now, by their ids. Calls no host."""
    with runtime.store.read() as session:
        rows = session.scalars(
            select(Connection).where(
                Connection.retired_at.is_(None),
                Connection.parked_at.is_(None),
                Connection.paused_at.is_(None),
                Connection.webhook.is_not(None),
            )
        ).all()
    return [row.id for row in rows if _is_due(runtime, row)]


def _is_due(runtime: Runtime, row: Connection) -> bool:
    facts = row.webhook or {}
    if not facts.get("kept"):
        return False
    now, looked, ends = runtime.now(), moment(facts.get("at")), moment(facts.get("ends_at"))
    if looked is None or now - looked >= LOOKED_EVERY or (ends is not None and ends - now < SOON):
        return True
    return bool(facts.get("created")) and list(wanted_containers(runtime, row)) != facts.get("wanted")


def keep(runtime: Runtime, connection_id: int) -> bool:
    """Bring one connection's webhook up to date; True when it is there afterwards. What the host answers is noted, not raised."""
    with runtime.store.read() as session:
        row = session.get(Connection, connection_id)
    if row is None or row.retired_at or row.parked_at or row.paused_at or not (row.webhook or {}).get("kept"):
        return False
    wanted, secret = wanted_containers(runtime, row), own_secret(runtime, row)
    if secret:  # it changes when the permission is given again after the app's secret was replaced
        with runtime.store.write() as session:
            store_secret(runtime, session.get_one(Connection, connection_id), secret)
    try:
        with closing(runtime.connect(row)) as host:
            made = host.register_webhook(address(runtime, row.name), "", wanted)
    except InputError as error:
        log.warning("webhook_not_kept", connection=row.name, error=str(error))
        return False
    except HostError as error:
        log.warning("webhook_not_kept", connection=row.name, error=error.message)
        with runtime.store.write() as session:
            connections.failed(session, connection_id, error, runtime.now(), runtime.epoch())
        return False
    now, before = runtime.now(), row.webhook or {}
    with runtime.store.write() as session:
        current = session.get_one(Connection, connection_id)
        if current.retired_at is not None:
            return False
        facts = kept_facts(made, now, wanted, kept=True)
        current.webhook = facts
        told = ("created", "id", "containers")
        if any(facts.get(name) != before.get(name) for name in told):
            after = {name: facts.get(name) for name in told}
            session.add(Audit(at=now, actor="system", action="webhook", entity="connection", entity_id=row.name, after=after))
    if not made.created:
        log.warning("webhook_not_kept", connection=row.name, error=made.why)
    return made.created


def moment(text: object) -> datetime | None:
    """A stored moment, None for none."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except ValueError:
        return None
