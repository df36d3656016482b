"""Which installations of the Forge app are known, accepted and alive, and for which connection each works.

A row is one installation id on one site (cloud id). Any call through Forge makes its installation known; only an accepted one gets
further, and only its system token is kept (sealed). A site that installs the app anew comes with a new installation id.

The system token is a header beside the signed token. Where a person calls, their browser may have put it there: it is only kept where
there is none, and no longer than to the next hourly call.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connector.errors import Forbidden
from connector.runtime import Runtime
from connector.services.forge import accepting, sites
from connector.services.forge.caller import Invocation
from connector.services.forge.states import ACCEPTED, REFUSED, REPLACED, SILENT, WAITING, WORDS
from connector.store.tables import Connection, Counter, ForgeInstallation

log = structlog.get_logger(__name__)

TOKEN_LASTS = timedelta(hours=2)  # of a token that does not say it itself: the least that Atlassian promises
TOKEN_MOST = timedelta(hours=4)
TOKEN_BY_PERSON = timedelta(hours=1)
TOKEN_GAIN = timedelta(minutes=10)  # a token is only stored when it lasts so much longer than the one that is there
SEEN_EVERY = timedelta(minutes=1)  # how exactly last_seen_at is kept: no write for each call


def connection_of(runtime: Runtime, invocation: Invocation) -> tuple[int, str]:
    """(id, name) of the connection that a call's installation works for. Raises ``Forbidden`` unless it is accepted."""
    with runtime.store.read() as session:
        found = session.execute(
            select(ForgeInstallation.state, Connection.id, Connection.name)
            .outerjoin(Connection, (Connection.installation_id == ForgeInstallation.id) & Connection.retired_at.is_(None))
            .where(ForgeInstallation.installation_id == invocation.installation, ForgeInstallation.cloud_id == invocation.cloud_id)
            .order_by(Connection.id)
            .limit(1)
        ).first()
    if found is None or found.state not in ACCEPTED:
        raise Forbidden(WORDS.get(found.state if found else WAITING, WORDS[WAITING]))
    if found.id is None:
        raise Forbidden("No connection of the OKR connector works with this site; an admin must look at the page Connections.")
    return found.id, found.name


def note(runtime: Runtime, invocation: Invocation, *, hourly: bool = False) -> ForgeInstallation:
    """Make the installation of a verified call known and keep what is new of it. No write when nothing is.

    Raises ``Forbidden`` for an installation id that is another site's.
    """
    row = _find(runtime, invocation)
    known = row.site_url if row else ""
    site = known
    if not known and (row is None or row.state not in (REPLACED, REFUSED)):
        site = sites.site_of(runtime, invocation)
    if row is not None and not hourly and site == known and not _news(runtime, row, invocation):
        return row
    try:
        return _write(runtime, invocation, site, hourly)
    except IntegrityError:  # two first calls at a time
        return _write(runtime, invocation, site, hourly)


def _find(runtime: Runtime, invocation: Invocation) -> ForgeInstallation | None:
    with runtime.store.read() as session:
        rows = session.scalars(select(ForgeInstallation).where(ForgeInstallation.installation_id == invocation.installation)).all()
    if any(row.cloud_id != invocation.cloud_id for row in rows):
        raise Forbidden("This installation belongs to another site.")
    return rows[0] if rows else None


def _news(runtime: Runtime, row: ForgeInstallation, invocation: Invocation) -> bool:
    now = runtime.now()
    if row.state in (REPLACED, REFUSED, WAITING):
        return now - row.last_seen_at >= SEEN_EVERY
    ends = _end_for(row, invocation, now)
    gains = ends is not None and (row.token_ends_at is None or ends - row.token_ends_at >= TOKEN_GAIN)
    return gains or row.state == SILENT or _differs(row, invocation) or now - row.last_seen_at >= SEEN_EVERY


def _differs(row: ForgeInstallation, invocation: Invocation) -> bool:
    told = (invocation.api_base_url, invocation.app_version or row.app_version, invocation.environment or row.environment)
    return told != (row.api_base_url, row.app_version, row.environment)


def _write(runtime: Runtime, invocation: Invocation, site: str, hourly: bool) -> ForgeInstallation:
    instance = runtime.instance
    now = runtime.now()
    with runtime.store.write() as session:
        # Two sites that come first at the same moment: both write this row, so one waits for the other
        session.execute(update(Counter).where(Counter.name == "instance", Counter.labels == instance).values(value=Counter.value))
        row = session.scalar(
            select(ForgeInstallation).where(
                ForgeInstallation.installation_id == invocation.installation, ForgeInstallation.cloud_id == invocation.cloud_id
            )
        )
        if row is None:
            row = ForgeInstallation(
                installation_id=invocation.installation, cloud_id=invocation.cloud_id, first_seen_at=now, last_seen_at=now, state=""
            )
            session.add(row)
        row.site_url = row.site_url or site
        row.api_base_url = invocation.api_base_url
        row.app_version = invocation.app_version or row.app_version or ""
        row.environment = invocation.environment or row.environment or ""
        row.last_seen_at = max(row.last_seen_at, now)
        if hourly:
            row.hourly_at = now
        session.flush()
        accepting.judge(runtime, session, row)
        if row.state in ACCEPTED:
            _keep_token(runtime, session, row, invocation)
            accepting.settle(runtime, session, row)
        session.flush()
        return row


def _end_for(row: ForgeInstallation, invocation: Invocation, now: datetime) -> datetime | None:
    """Until when the system token of a call would be kept; None when it would not."""
    ends = token_end(invocation.system_token, now)
    if ends is None or not invocation.account:
        return ends
    usable = row.token_ends_at is not None and row.token_ends_at > now
    return None if usable else min(ends, now + TOKEN_BY_PERSON)


def _keep_token(runtime: Runtime, session: Session, row: ForgeInstallation, invocation: Invocation) -> None:
    """Store a system token that lasts longer than the one that is there; an older one, which came late, changes nothing."""
    now = runtime.now()
    ends = _end_for(row, invocation, now)
    if ends is None or ends <= now or (row.token_ends_at is not None and ends <= row.token_ends_at):
        return
    session.flush()
    session.execute(
        update(ForgeInstallation)
        .where(
            ForgeInstallation.id == row.id,
            or_(ForgeInstallation.token_ends_at.is_(None), ForgeInstallation.token_ends_at < ends),
        )
        .values(system_token=runtime.vault.seal(invocation.system_token), token_ends_at=ends)
        .execution_options(synchronize_session="fetch")
    )
    accepting.token_renewed(runtime, session, row)


def token_end(token: str, now: datetime) -> datetime | None:
    """When a system token ends: as it says itself, at most four hours from now; two hours when it says nothing. None without a token."""
    if not token:
        return None
    told = _expiry(token)
    return now + TOKEN_LASTS if told is None else min(told, now + TOKEN_MOST)


def _expiry(token: str) -> datetime | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        told = claims.get("exp") if isinstance(claims, Mapping) else None
        return datetime.fromtimestamp(told, UTC) if isinstance(told, (int, float)) else None
    except (binascii.Error, ValueError, OverflowError, OSError):
        return None
