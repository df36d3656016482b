"""From a request to a stored delivery: which connection, is it really that host, is it new. Generic: it knows no host by name.

It never touches a key result and never calls a host. Whatever cannot be decided because our own store is away raises ``StoreUnavailable``.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import select, update

from connector.domain.button_secret import button_secret
from connector.errors import InputError, StoreUnavailable
from connector.hosts.base import Dialect, NotThisHost
from connector.runtime import Runtime
from connector.store.tables import Audit, Connection
from webhooks.deliveries import DeliveryLog, make_row
from webhooks.signatures import verify, verify_token

log = structlog.get_logger(__name__)

# Senders that cannot sign (the "Send webhook" action of a Notion button or automation) show a secret of their own in this header, or the
# webhook secret itself. It counts for the events that a dialect calls unsigned and for no other.
SECRET_HEADER = "x-okr-secret"  # noqa: S105  # the name of a header
CACHE_SECONDS = 5.0  # for which a connection is used without a look at the database
BODY_IS_KEY = "sha256:"  # how dialects begin a key that is only a hash of the body
RECHECK_SECONDS = 0.3  # a refusal is not given on knowledge older than this: hosts do not repeat after a 401 or 404
# An admin will see it in a terminal and paste it at the host; it comes from a sender whom nobody has checked.
_TOKEN = re.compile(r"[!-~]{1,500}")
_ALWAYS_KEPT = frozenset({"content-type", "user-agent"})


class Answer(NamedTuple):
    """What the door says. ``outcome`` is a word from a small set: it is a metric's label."""

    status: int
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A connection as the door needs it. ``secret`` is "" when none is stored. Secrets appear in no repr."""

    id: int
    name: str
    dialect: Dialect = field(repr=False)
    secret: str = field(repr=False)
    previous: str = field(repr=False)
    previous_until: datetime | None
    armed_until: datetime | None
    locked: bool  # stored secrets cannot be opened with this installation's key
    app: int | None = None  # the row of the host's installed app that works for it

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets that count now, never empty ones."""
        previous = self.previous if self.previous_until is not None and self.previous_until > now else ""
        return tuple(secret for secret in (self.secret, previous) if secret)


class Connections:
    """The connections of this installation, read together and kept for a few seconds with their secrets opened."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known: dict[str, Known] = {}
        self._read_at = float("-inf")
        self._opened: dict[str, str] = {}
        self._lock = threading.Lock()

    def find(self, name: str, max_age: float = CACHE_SECONDS) -> Known | None:
        """The connection of that name; None when there is none or it is retired.

        Raises ``StoreUnavailable`` when it is not known well enough and the database does not answer. A connection known from
        before is given also without the database: what it sends cannot be stored then, and that is what the sender will hear.
        """
        if time.monotonic() - self._read_at > max_age:
            with self._lock:
                if time.monotonic() - self._read_at > max_age:
                    try:
                        self._read()
                    except StoreUnavailable:
                        if max_age < CACHE_SECONDS or name not in self._known:
                            raise
        return self._known.get(name)

    def of_app(self, app: int) -> Known | None:
        """The connection that an installed app works for; None when there is none. Raises ``StoreUnavailable``."""
        for max_age in (CACHE_SECONDS, RECHECK_SECONDS):
            self.find("", max_age)
            if found := next((known for known in self._known.values() if known.app == app), None):
                return found
        return None

    def forget(self) -> None:
        """Look at the database next time."""
        self._read_at = float("-inf")

    def _read(self) -> None:
        with self._runtime.store.read() as session:
            rows = session.execute(
                select(
                    Connection.id,
                    Connection.name,
                    Connection.host,
                    Connection.webhook_secret,
                    Connection.previous_webhook_secret,
                    Connection.previous_secret_until,
                    Connection.armed_until,
                    Connection.installation_id,
                ).where(Connection.retired_at.is_(None))
            ).all()
        known: dict[str, Known] = {}
        opened: dict[str, str] = {}
        for row in rows:
            secret, locked = self._open(row.webhook_secret, opened, row.name)
            previous, _ = self._open(row.previous_webhook_secret, opened, row.name)
            known[row.name] = Known(
                row.id,
                row.name,
                self._runtime.dialect(row.host),
                secret,
                previous,
                row.previous_secret_until,
                row.armed_until,
                locked,
                row.installation_id,
            )
        self._known, self._opened, self._read_at = known, opened, time.monotonic()

    def _open(self, sealed: str | None, opened: dict[str, str], name: str) -> tuple[str, bool]:
        """The secret, and whether it could not be opened. Opening costs more than a look: what is unchanged is not opened again."""
        if not sealed:
            return "", False
        secret = self._opened.get(sealed)
        if secret is None:
            try:
                secret = str(self._runtime.vault.open(sealed) or "")
            except InputError:
                log.error("webhook_secret_locked", connection=name)
                return "", True
        opened[sealed] = secret
        return secret, False


class Intake:
    """The door without HTTP. One per web process."""

    def __init__(self, runtime: Runtime, deliveries: DeliveryLog | None = None) -> None:
        self._runtime = runtime
        self.connections = Connections(runtime)
        self.deliveries = deliveries or DeliveryLog(runtime.store, lambda connection_id: runtime.queue.nudge("drain", connection_id))

    def find(self, name: str) -> Known | None:
        """The connection that a path names; None when there is none. Raises ``StoreUnavailable``."""
        return self.connections.find(name) or self.connections.find(name, RECHECK_SECONDS)

    def receive(self, known: Known, headers: Mapping[str, str], body: bytes) -> Answer:
        """Check and keep one delivery. ``headers`` have lower-case names. Raises ``StoreUnavailable``."""
        now = self._runtime.now()
        if not self._is_authentic(known, headers, body, now):
            # Perhaps the secret was changed, or the set-up armed, a moment ago. 401 is final for the sender, so look again first.
            fresh = self.connections.find(known.name, RECHECK_SECONDS)
            if fresh is None:
                return Answer(404, "unknown", "There is no connection of this name.")
            known = fresh
            if known.locked:
                raise StoreUnavailable("the stored webhook secret cannot be opened")
            if not self._is_authentic(known, headers, body, now):
                return self._handshake(known, headers, body, now) or _refuse(known, headers)
        return self.keep(known, headers, body)

    def keep(self, known: Known, headers: Mapping[str, str], body: bytes) -> Answer:
        """Keep a delivery whose sender was checked. ``headers`` have lower-case names. Raises ``StoreUnavailable``."""
        now = self._runtime.now()
        try:
            delivery = known.dialect.delivery(headers, body)
        except NotThisHost as error:
            packed = headers.get("content-encoding", "identity").lower() not in ("", "identity")
            return Answer(
                400, "not_this_host", "Compressed bodies are not accepted." if packed else f"Not a delivery of this host: {error}."
            )
        # However old it is: a delivery is a hint after which the item is read again. Dropping a late one could lose a change;
        # acting on a captured one costs a single read, and a repeat of it is known by its body.
        wanted = known.dialect.kept_headers | _ALWAYS_KEPT
        kept = {name: value[:300] for name, value in headers.items() if name in wanted}
        key = delivery.key
        if delivery.at is None and key.startswith(BODY_IS_KEY):
            # Neither an identifier nor a moment: a repeat cannot be told from a second change that reads the same, so it counts.
            key = f"{key}:{secrets.token_hex(8)}"
        row = make_row(known.id, key, delivery.event, now, kept, body, dated=delivery.at is not None)
        return Answer(200, self.deliveries.store(row))

    def _is_authentic(self, known: Known, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        valid = known.secrets(now)
        signature = known.dialect.signature(headers)
        token = known.dialect.bearer(headers) if signature is None else None
        if token is not None:
            return verify_token(valid, token, now.timestamp())
        if signature is not None or SECRET_HEADER not in headers:
            return verify(valid, body, signature)
        shown = headers[SECRET_HEADER].encode("utf-8", "replace")
        matched = False
        for secret in valid:
            for each in (button_secret(secret), secret):
                # `|` instead of `or`: the time it takes must not tell which secret matched
                matched = matched | hmac.compare_digest(each.encode(), shown)
        return matched and _is_unsigned(known.dialect, headers, body)

    def _handshake(self, known: Known, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer | None:
        """Take the secret that a set-up request brings: once, only while an admin has armed it, never over another one."""
        if known.secret or known.armed_until is None or known.armed_until <= now:
            return None
        token = known.dialect.handshake(headers, body)
        if not token or not _TOKEN.fullmatch(token):
            return None
        sealed = self._runtime.vault.seal(token)
        with self._runtime.store.write() as session:
            taken = session.execute(
                update(Connection)
                .where(
                    Connection.id == known.id,
                    Connection.webhook_secret.is_(None),
                    Connection.armed_until > now,
                    Connection.retired_at.is_(None),
                )
                .values(webhook_secret=sealed, armed_until=None)
                .returning(Connection.id)
                .execution_options(synchronize_session=False)
            ).first()
            if taken is None:
                return None  # somebody else was first
            session.add(Audit(at=now, actor="webhook", action="handshake", entity="connection", entity_id=known.name))
        self.connections.forget()
        log.info("webhook_handshake", connection=known.name)
        return Answer(200, "handshake")


def _is_unsigned(dialect: Dialect, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a delivery is one that its host cannot sign."""
    try:
        return dialect.delivery(headers, body).event in dialect.unsigned
    except NotThisHost:
        return False


def _refuse(known: Known, headers: Mapping[str, str]) -> Answer:
    if not known.secret:
        why = "This connection has no webhook secret, and its set-up is not armed."
    elif known.dialect.signature(headers) is None and known.dialect.bearer(headers) is not None:
        why = "The token is wrong or too old. It must be signed with the secret of the app that made the webhook, by HS256, HS384 or HS512."
    elif known.dialect.signature(headers) is None and SECRET_HEADER not in headers:
        why = "The signature is missing. Set the webhook's secret at the sender."
    elif known.dialect.signature(headers) is None:
        why = "The secret in X-OKR-Secret is wrong, or the event is not a button's or automation's: those of a webhook must be signed."
    else:
        why = "The signature is wrong. It must be made with this connection's webhook secret over the raw body."
    return Answer(401, "unsigned", why)
