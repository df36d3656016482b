"""Setting up a connection's webhook: made by us where the rights allow, else steps for a person; secrets made here are shown once.

The host is called between two transactions, never inside one. A former secret counts for a day more.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, HostError, InputError
from connector.hosts.base import WebhookSetUp
from connector.hosts.registry import HOSTS
from connector.runtime import Runtime
from connector.services import handshake
from connector.services.changes import check_version, record, require
from connector.services.connecting import testing
from connector.services.connecting.kinds import JIRA
from connector.services.connecting.views import view
from connector.services.connection_names import connection_called
from connector.services.sources import as_wanted
from connector.store.tables import Connection, Item, MappingItem
from mappings.repository import load_links

log = structlog.get_logger(__name__)

SECRET_KEPT = timedelta(hours=24)  # how long deliveries signed with the former secret are accepted
ARMED_HOURS = 24.0


@dataclass(frozen=True, slots=True)
class Guide:
    """How a webhook is set up by hand. ``by_us``: the host lets a program do it, if the rights allow.

    ``kept``: the login brings webhooks of its own, which end and are prolonged by us; the host signs them with a secret that it knows.
    """

    url: str
    by_us: bool
    handshake: bool  # the host makes the secret and tells it once
    steps: tuple[str, ...]
    events: tuple[str, ...]
    kept: bool = False


@dataclass(frozen=True, slots=True)
class SetUp:
    """The outcome of an attempt. ``secret`` is for showing once, "" when nobody needs it: the webhook is there."""

    created: bool
    why: str = ""
    steps: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)


def address(runtime: Runtime, name: str) -> str:
    """Where a connection's webhooks are sent."""
    return f"{runtime.settings.base_url}/webhooks/{name}"


def make_secret(runtime: Runtime, viewer: Viewer, name: str) -> str:
    """Store a new random webhook secret and give it: the only time that it can be seen. The former one counts for 24 hours more.

    Raises ``NotFound``, and ``Conflict`` for a host that makes its secrets itself.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        row = connection_called(session, name)
        if row.host != JIRA:
            raise Conflict(f"{name}'s webhook secret comes from the host: arm the connection instead")
        secret = _new_secret()
        store_secret(runtime, row, secret)
        record(session, viewer, runtime.now(), "new_secret", "connection", name)
    return secret


def register(runtime: Runtime, viewer: Viewer, name: str) -> SetUp:
    """Have the host send its events to us, signed with a new secret; where it does not let us, the steps for a person.

    Raises ``NotFound``, ``Conflict`` (paused, parked), ``HostError`` when the host does not answer; the secret is then as before.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        row = connection_called(session, name)
    if row.paused_at is not None or row.parked_at is not None:
        raise Conflict(f"{name} is {'paused' if row.paused_at else 'parked'}, so its host is not called: mend that first")
    if row.host != JIRA:
        guide = guide_for(runtime, row)
        return SetUp(False, "Notion offers no way to make a webhook over its API", guide.steps, guide.events)
    before = (row.webhook_secret, row.previous_webhook_secret, row.previous_secret_until)
    own = own_secret(runtime, row)
    wanted = wanted_containers(runtime, row) if own else ()
    secret = own or _new_secret()
    with runtime.store.write() as session:  # before the host knows it: no delivery signed with it may be refused
        store_secret(runtime, connection_called(session, name), secret)
    sealed = _stored_secret(runtime, name)
    made: WebhookSetUp | None = None
    try:
        with closing(runtime.connect(row, patience=testing.PATIENCE)) as host:
            made = host.register_webhook(address(runtime, name), secret, wanted)
    finally:
        _settle(runtime, viewer, name, made, sealed, before, wanted if own else None)
    assert made is not None
    if made.created:
        return SetUp(True, steps=made.how, events=made.events)
    how = made.how or guide_for(runtime, row).steps
    return SetUp(False, made.why, how, made.events, secret="" if before[0] or own else secret)


def own_secret(runtime: Runtime, row: Connection) -> str:
    """The secret with which the host itself signs what it sends for this login, "" where one is agreed upon (or it cannot be opened)."""
    try:
        return str(HOSTS[row.host].webhook_secret(runtime.vault.open(row.auth))) if row.auth else ""
    except InputError:
        return ""


def wanted_containers(runtime: Runtime, row: Connection) -> tuple[str, ...]:
    """Where events matter: what the mappings name and where their items are; () for everywhere, also while nothing is mapped."""
    with runtime.store.read() as session:
        links = load_links(session, connection_id=row.id)
        feeding = select(MappingItem.item_id).where(MappingItem.mapping_id.in_([link.id for link in links]))
        seen = session.scalars(select(Item.container).where(Item.id.in_(feeding), Item.container != "").distinct()).all()
    named: frozenset[str] | None = HOSTS[row.host].containers_of(as_wanted(links))
    return tuple(sorted({*named, *seen})) if named else ()


def kept_facts(made: WebhookSetUp, now: datetime, wanted: Sequence[str] = (), *, kept: bool) -> dict[str, Any]:
    """What is remembered of a webhook with its connection. ``wanted``: what it was asked to cover; the host may have had to widen that."""
    facts: dict[str, Any] = {"created": made.created, "id": made.id, "why": made.why, "events": list(made.events), "at": now.isoformat()}
    if kept:
        ends = made.ends_at.isoformat() if made.ends_at else None
        facts |= {"kept": True, "ends_at": ends, "containers": list(made.containers), "wanted": list(wanted)}
    return facts


def _settle(
    runtime: Runtime,
    viewer: Viewer,
    name: str,
    made: WebhookSetUp | None,
    sealed: str,
    before: tuple[str | None, str | None, datetime | None],
    wanted: Sequence[str] | None,
) -> None:
    """Note what became of it. A secret that the host did not take gives way to the one before, which the host still signs with."""
    now = runtime.now()
    with runtime.store.write() as session:
        row = connection_called(session, name)
        taken = made is not None and made.created
        if not taken and row.webhook_secret == sealed and (before[0] or made is None or wanted is not None):
            row.webhook_secret, row.previous_webhook_secret, row.previous_secret_until = before
        if made is not None:
            row.webhook = kept_facts(made, now, wanted or (), kept=wanted is not None)
            record(session, viewer, now, "webhook", "connection", name, after={"created": made.created, "id": made.id})


def take_away(runtime: Runtime, viewer: Viewer, name: str, version: str | None = None) -> bool:
    """Take our webhook away at the host before the connection ends, if the host lets us and can be called; True when it is gone.

    Raises ``NotFound``, ``Stale``; never for what the host answers: an orphan ends by itself, and what it sends is refused.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        row = connection_called(session, name)
        check_version(view(row), version)
    if not (row.webhook or {}).get("kept") or row.paused_at is not None or row.parked_at is not None:
        return False
    try:
        with closing(runtime.connect(row, patience=testing.PATIENCE)) as host:
            return host.drop_webhook(address(runtime, name))
    except (HostError, InputError) as error:
        log.warning("webhook_left_behind", connection=name, error=str(error))
        return False


def _stored_secret(runtime: Runtime, name: str) -> str:
    with runtime.store.read() as session:
        return connection_called(session, name).webhook_secret or ""


def store_secret(runtime: Runtime, row: Connection, secret: str) -> None:
    """Make ``secret`` the one that deliveries are signed with; a former one counts for a day more. The same one again changes nothing."""
    if row.webhook_secret:
        if _is_sealed(runtime, row.webhook_secret, secret):
            return
        row.previous_webhook_secret, row.previous_secret_until = row.webhook_secret, runtime.now() + SECRET_KEPT
    row.webhook_secret, row.armed_until = runtime.vault.seal(secret), None


def _is_sealed(runtime: Runtime, sealed: str, secret: str) -> bool:
    try:
        return bool(runtime.vault.open(sealed) == secret)
    except InputError:  # sealed with a key that is not here
        return False


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def arm(runtime: Runtime, viewer: Viewer, name: str, *, replace: bool = False) -> datetime:
    """Accept the next verification token, once, for 24 hours; gives the end.

    Raises ``NotFound``, and ``Conflict`` when a secret is stored and ``replace`` was not asked for, or the host sends no token.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        row = connection_called(session, name)
    if row.host == JIRA:
        raise Conflict(f"Jira sends no verification token: make a secret for {name} instead")
    handshake.arm(runtime, name, hours=ARMED_HOURS, replace=replace, actor=viewer.name)
    return runtime.now() + timedelta(hours=ARMED_HOURS)


def show_token(runtime: Runtime, viewer: Viewer, name: str) -> str:
    """The verification token that came, this once. Raises ``NotFound``, and ``Conflict`` when none came or it was shown before."""
    require(viewer, Act.ADMINISTER)
    return handshake.show_token(runtime, name, actor=viewer.name)


def show_button_secret(runtime: Runtime, viewer: Viewer, name: str) -> str:
    """The secret that a button at the host shows. Raises ``NotFound``, and ``Conflict`` without a webhook secret or such buttons."""
    require(viewer, Act.ADMINISTER)
    return handshake.show_button_secret(runtime, name, actor=viewer.name)


def guide_for(runtime: Runtime, row: Connection) -> Guide:
    """The steps by hand, without asking the host."""
    url = address(runtime, row.name)
    if row.host == JIRA:
        from connector.hosts.jira.webhook_set_up import EVENTS, steps_by_hand

        return Guide(url, True, False, steps_by_hand(row.url, url), EVENTS, kept=bool(own_secret(runtime, row)))
    from connector.hosts.notion.describing import set_up_by_hand

    made = set_up_by_hand(url)
    return Guide(url, False, True, made.how, made.events)


def guide_of(runtime: Runtime, viewer: Viewer, name: str) -> Guide:
    """The steps by hand for a connection. Raises ``NotFound``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        return guide_for(runtime, connection_called(session, name))


def token_state(runtime: Runtime, name: str) -> Mapping[str, Any]:
    """Where a handshake stands: ``state`` is "set", "came" (a token waits to be shown), "armed" or "missing"; ``until`` of the arming."""
    now = runtime.now()
    with runtime.store.read() as session:
        row = connection_called(session, name)
        waiting = handshake.is_unshown(session, row)
    if row.webhook_secret:
        return {"state": "came" if waiting else "set", "until": None}
    armed = row.armed_until is not None and row.armed_until > now
    return {"state": "armed" if armed else "missing", "until": row.armed_until if armed else None}
