"""The part of ``doctor`` that looks at each connection: credentials, rights, webhooks, syncs, tokens.

Calls the hosts with the cheapest requests there are. Unparks a connection whose credentials work again.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select

from connector.errors import Busy, HostError, InputError, Offline, Refused
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import connections
from connector.services.connecting import keeping
from connector.services.findings import FAULT, OK, SKIPPED, WARNING, Finding
from connector.store.tables import Connection, Mapping

PATIENCE = 10.0  # seconds that one call may wait for request budget
QUIET_WEBHOOK = timedelta(days=7)
SYNC_LATE = timedelta(hours=26)  # a night and a margin
TOKEN_ENDS_SOON = timedelta(days=14)
_ACTOR = "doctor"


def examine_connections(runtime: Runtime) -> tuple[list[Finding], dict[str, float]]:
    """Findings of all connections in use, and by how many seconds our clock is ahead of each host's."""
    with runtime.store.read() as session:
        rows = session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)).all()
        mapped = set(session.scalars(select(Mapping.connection_id).where(Mapping.retired_at.is_(None)).distinct()))
    if not rows:
        return [Finding("connections", WARNING, "there is none yet", "write a file and run: okr-connector apply -f FILE")], {}
    found: list[Finding] = []
    skews: dict[str, float] = {}
    for row in rows:
        answers, skew = _ask(runtime, row)
        found += answers
        if skew is not None:
            skews[row.name] = skew
        found += _webhook(runtime, row)
        found += _sync(runtime, row, row.id in mapped)
        found += _token(runtime, row)
    return found, skews


def _ask(runtime: Runtime, row: Connection) -> tuple[list[Finding], float | None]:
    name = f"connection {row.name}"
    if row.paused_at is not None:
        mend = f"resume it on its page: {runtime.settings.base_url}/connections/{row.name}"
        return [Finding(name, SKIPPED, "a person paused it, so its host is not called", mend)], None
    try:
        host = runtime.connect(row, patience=PATIENCE)
    except InputError as error:
        return [Finding(name, FAULT, str(error), "enter the credentials again: set them in the file and run apply")], None
    with closing(host):
        try:
            bot_id = host.identify()
        except HostError as error:
            return [_refusal(name, row, error)], _skew(host)
        found = [_welcome(runtime, row, name, bot_id)]
        try:
            warnings = host.describe().warnings
        except HostError as error:
            warnings = (f"could not list what is there: {error.message}",)
        found += [Finding(name, WARNING, warning) for warning in warnings]
        return found, _skew(host)


def _refusal(name: str, row: Connection, error: HostError) -> Finding:
    parked = f"; parked since {row.parked_at:%Y-%m-%d %H:%M}Z: {row.parked_reason}" if row.parked_at else ""
    if isinstance(error, Refused) and error.code == "address_not_allowed":
        return Finding(name, FAULT, error.message, f"change connections.{row.name}.url in the file and run apply")
    if isinstance(error, Refused) and error.parks:
        mend = f"make a new token at {row.host.capitalize()} (or give its account the rights), set it under auth and run apply"
        return Finding(name, FAULT, f"the credentials are not accepted ({error.message}){parked}", mend)
    if isinstance(error, Busy):
        return Finding(name, WARNING, f"the host is busy ({error.message}){parked}", "wait: calls go on when the host allows")
    if isinstance(error, Offline):
        return Finding(name, FAULT, f"does not answer ({error.message}){parked}", f"check the network and that {row.url} is right")
    return Finding(name, FAULT, f"{error.message}{parked}", f"check that {row.url} is the address of {row.host.capitalize()}")


def _welcome(runtime: Runtime, row: Connection, name: str, bot_id: str) -> Finding:
    if row.parked_at is None:
        return Finding(name, OK, f"{row.url} accepts the credentials{f' of {row.account}' if row.account else ''}")
    with runtime.store.write() as session:
        connections.unpark(session, row.id, runtime.now(), _ACTOR)
        if bot_id and bot_id != row.bot_id:
            session.get_one(Connection, row.id).bot_id = bot_id
    runtime.queue.nudge("list", row.id)
    runtime.queue.nudge("drain", row.id)
    return Finding(name, OK, f"was parked ({row.parked_reason}); its credentials work again, so it goes on")


def _skew(host: Host) -> float | None:
    """What the host's last answer said about our clock; not part of the seam, so absent is fine."""
    skew = getattr(getattr(getattr(host, "_client", None), "gateway", None), "skew", None)
    return float(skew) if isinstance(skew, (int, float)) else None


def _webhook(runtime: Runtime, row: Connection) -> list[Finding]:
    name = f"webhook {row.name}"
    address = f"{runtime.settings.base_url}/webhooks/{row.name}"
    now = runtime.now()
    if not row.webhook_secret and row.installation_id is not None:
        return [Finding(name, OK, "there is none: events come through the Forge app")]
    if not row.webhook_secret:
        if row.armed_until is not None and row.armed_until > now:
            mend = f"create the webhook subscription for {address}"
            return [Finding(name, WARNING, f"waits for the verification token until {row.armed_until:%Y-%m-%d %H:%M}Z", mend)]
        mend = f"set connections.{row.name}.webhook_secret and run apply"
        return [Finding(name, FAULT, "there is no webhook secret, so webhooks are refused", mend)]
    if (kept := _kept(row, name, address)) is not None:
        return [kept]
    if row.last_event_at is None:
        return [Finding(name, WARNING, "no webhook has ever come", f"create it at {row.host.capitalize()} for {address}")]
    age = now - row.last_event_at
    if age > QUIET_WEBHOOK:
        mend = f"see at {row.host.capitalize()} whether the webhook for {address} is still active"
        return [Finding(name, WARNING, f"the last webhook came {age.days} days ago", mend)]
    return [Finding(name, OK, f"the last webhook came at {row.last_event_at:%Y-%m-%d %H:%M}Z")]


def _kept(row: Connection, name: str, address: str) -> Finding | None:
    """What is wrong with a webhook that ends unless it is prolonged; None for others, and when all is well."""
    facts = row.webhook or {}
    mend = f"look at its page: {address.replace('/webhooks/', '/connections/')}/webhook"
    ends = keeping.moment(facts.get("ends_at"))
    if not facts.get("kept"):
        return None
    if not facts.get("created"):
        return Finding(name, FAULT, f"the webhook could not be kept: {facts.get('why') or 'not known why'}", mend)
    left = ends - datetime.now(UTC) if ends is not None else None
    if left is None or left > keeping.SOON:
        return None
    if left.total_seconds() <= 0:
        return Finding(name, FAULT, f"the webhook ended on {ends:%Y-%m-%d}, so no event comes", mend)
    return Finding(name, WARNING, f"the webhook ends in {left.days} days and was not prolonged", mend)


def _sync(runtime: Runtime, row: Connection, mapped: bool) -> list[Finding]:
    name = f"sync {row.name}"
    now = runtime.now()
    mend = f"see that `okr-connector clock` and `worker` run; now: okr-connector sync --connection {row.name}"
    if row.last_sync_at is None:
        if mapped and now - row.created_at > SYNC_LATE:
            return [Finding(name, FAULT, "has never been synced", mend)]
        return [Finding(name, OK, "not synced yet; the first one comes with the night")]
    if now - row.last_sync_at > SYNC_LATE:
        return [Finding(name, FAULT, f"last synced at {row.last_sync_at:%Y-%m-%d %H:%M}Z, more than a night ago", mend)]
    return [Finding(name, OK, f"synced at {row.last_sync_at:%Y-%m-%d %H:%M}Z")]


def _token(runtime: Runtime, row: Connection) -> list[Finding]:
    told = (row.options or {}).get("token_expires")
    if not told:
        return []
    name = f"token {row.name}"
    ends = date.fromisoformat(str(told))
    today = runtime.now().astimezone(runtime.settings.zone).date()
    mend = f"make a new token at {row.host.capitalize()}, set auth and options.token_expires, and run apply"
    if ends < today:
        return [Finding(name, FAULT, f"expired on {ends}", mend)]
    if ends - today <= TOKEN_ENDS_SOON:
        return [Finding(name, WARNING, f"expires on {ends}", mend)]
    return [Finding(name, OK, f"valid until {ends}")]
