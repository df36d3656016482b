"""What admins see and decide of the app's installations, and what the clock notices: that one has fallen silent.

An uninstall is told by nobody. It shows when the hourly calls stop and the token ends; the next call brings everything back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, NotFound
from connector.runtime import Runtime
from connector.services import connections
from connector.services.changes import View, record, require
from connector.services.connecting.kinds import is_forge_login
from connector.services.findings import FAULT, OK, WARNING, Finding
from connector.services.forge import accepting
from connector.services.forge.states import ACTIVE, REFUSED, REPLACED, SILENT, WAITING
from connector.store.tables import Connection, ForgeInstallation

log = structlog.get_logger(__name__)

SILENCE = timedelta(hours=4)  # four hourly calls, and the longest life of a token
LATE = timedelta(hours=2)
MEND = "see in Jira under Apps → Manage apps whether it is still installed, and that it reaches this connector"


@dataclass(frozen=True, slots=True)
class Known:
    """An installation as pages show it. Moments are aware UTC; ``token_ends_at`` is None where there is no token."""

    id: int
    state: str
    site: str
    cloud_id: str
    version: str
    environment: str
    connection: str  # "" where it works for none
    first_seen_at: datetime
    last_seen_at: datetime
    hourly_at: datetime | None
    token_ends_at: datetime | None


def listed(session: Session, connection: str = "") -> list[Known]:
    """The installations that count, those that wait first; with ``connection`` only the one that works for it."""
    query = (
        select(ForgeInstallation, Connection.name)
        .outerjoin(Connection, (Connection.installation_id == ForgeInstallation.id) & Connection.retired_at.is_(None))
        .where(ForgeInstallation.state != REPLACED)
        .order_by((ForgeInstallation.state == WAITING).desc(), ForgeInstallation.site_url, ForgeInstallation.id)
    )
    rows = session.execute(query.where(Connection.name == connection) if connection else query).all()
    return [_known(row, name or "") for row, name in rows]


def _known(row: ForgeInstallation, connection: str) -> Known:
    return Known(
        id=row.id,
        state=row.state,
        site=row.site_url,
        cloud_id=row.cloud_id,
        version=row.app_version,
        environment=row.environment.lower(),
        connection=connection,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        hourly_at=row.hourly_at,
        token_ends_at=row.token_ends_at,
    )


def accept(runtime: Runtime, viewer: Viewer, ident: int) -> Known:
    """Let an installation that waits or was refused be served; gives it as it is now. Raises ``NotFound``, ``Conflict``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        row = _row(session, ident)
        if row.state == REPLACED:
            raise Conflict("the app was installed anew on this site; look at the newer installation")
        if row.state in (WAITING, REFUSED):
            before = accepting.told(row)
            row.state, row.accepted_at = ACTIVE, runtime.now()
            accepting.replace_others(session, row)
            accepting.settle(runtime, session, row)
            _note(runtime, session, viewer, "accept", row, before)
        return _known(row, _connection_name(session, row))


def _note(runtime: Runtime, session: Session, viewer: Viewer, action: str, row: ForgeInstallation, before: View) -> None:
    """The decision in the audit trail, and stored."""
    label, after = accepting.label(row), accepting.told(row)
    record(session, viewer, runtime.now(), action, "forge installation", label, before=before, after=after)
    session.flush()


def refuse(runtime: Runtime, viewer: Viewer, ident: int) -> Known:
    """Serve an installation no more: its token is forgotten, a connection that has no other login is parked. Raises as ``accept``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        row = _row(session, ident)
        if row.state == REPLACED:
            raise Conflict("the app was installed anew on this site; look at the newer installation")
        if row.state != REFUSED:
            before = accepting.told(row)
            row.state, row.system_token, row.token_ends_at, row.accepted_at = REFUSED, None, None, None
            _park(
                runtime, session, row, f"an admin refused the Forge app of this site; accept it at {runtime.settings.base_url}/connections"
            )
            _note(runtime, session, viewer, "refuse", row, before)
        return _known(row, _connection_name(session, row))


def _row(session: Session, ident: int) -> ForgeInstallation:
    row = session.get(ForgeInstallation, ident)
    if row is None:
        raise NotFound("there is no such installation")
    return row


def _connection_name(session: Session, row: ForgeInstallation) -> str:
    query = select(Connection.name).where(Connection.installation_id == row.id, Connection.retired_at.is_(None)).order_by(Connection.id)
    return session.scalar(query.limit(1)) or ""


def look_for_silence(runtime: Runtime) -> None:
    """Note which installations call no more and have no token left; a connection that has no other login is parked until they call."""
    now = runtime.now()
    with runtime.store.read() as session:  # a look first: a write lock is not free
        if not session.scalars(_silent(now).limit(1)).first():
            return
    with runtime.store.write() as session:
        for row in session.scalars(_silent(now)):
            row.state, row.system_token = SILENT, None
            since = f"{row.hourly_at or row.last_seen_at:%Y-%m-%d %H:%M}Z"
            log.warning("forge_installation_silent", site=row.site_url or row.cloud_id, since=since)
            _park(runtime, session, row, f"the Forge app has not called since {since} and its token has ended; {MEND}")


def _silent(now: datetime) -> Select[ForgeInstallation]:
    last = func.coalesce(ForgeInstallation.hourly_at, ForgeInstallation.accepted_at, ForgeInstallation.first_seen_at)
    return select(ForgeInstallation).where(
        ForgeInstallation.state == ACTIVE,
        last < now - SILENCE,
        or_(ForgeInstallation.token_ends_at.is_(None), ForgeInstallation.token_ends_at < now),
    )


def _park(runtime: Runtime, session: Session, row: ForgeInstallation, reason: str) -> None:
    for each in session.scalars(select(Connection).where(Connection.installation_id == row.id, Connection.retired_at.is_(None))):
        if is_forge_login(accepting.login_of(runtime, each)):
            connections.park(session, each.id, reason, runtime.now())


def findings(runtime: Runtime, session: Session) -> list[Finding]:
    """What ``doctor`` says of the Forge app; nothing where it is not set up."""
    if not runtime.settings.forge_app_id:
        return []
    now = runtime.now()
    rows = listed(session)
    if not rows:
        mend = "install the app on the site (forge install), and see that Atlassian reaches this connector"
        return [Finding("forge", WARNING, "the app is set up here, but no call of it ever came", mend)]
    return [_finding(each, now) for each in rows]


def _finding(row: Known, now: datetime) -> Finding:
    name = f"forge {row.site or row.cloud_id}"
    if row.state == WAITING:
        return Finding(name, WARNING, "the installation waits to be accepted", "accept or refuse it on the page Connections")
    if row.state == REFUSED:
        return Finding(name, OK, "the installation is refused")
    if row.state == SILENT:
        return Finding(name, FAULT, f"has not called since {row.last_seen_at:%Y-%m-%d %H:%M}Z: it may be uninstalled", MEND)
    if not row.connection:
        return Finding(name, WARNING, "works for no connection: its site's address is not known yet", "open the panel on any issue there")
    if row.hourly_at is None:
        late = now - row.first_seen_at > LATE
        mend = "deploy the app with its scheduled trigger, and see that Atlassian reaches /forge/v1/hourly"
        return Finding(name, WARNING if late else OK, "no hourly call came yet", mend if late else "")
    if now - row.hourly_at > LATE:
        return Finding(name, WARNING, f"the last hourly call came at {row.hourly_at:%Y-%m-%d %H:%M}Z", MEND)
    return Finding(name, OK, f"works for {row.connection}, called at {row.hourly_at:%Y-%m-%d %H:%M}Z")
