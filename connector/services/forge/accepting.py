"""Whether an installation is accepted, and which connection it works for. Called inside a transaction; it calls nobody.

Accepted by itself is a site of OKR_FORGE_SITES, the site of a Jira connection that is there, and, where no sites are set, the first one.
Everything else waits for an admin. A site that installs the app anew keeps what was decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.runtime import Runtime
from connector.services import connections
from connector.services.changes import record
from connector.services.connecting.kinds import JIRA, is_forge_login
from connector.services.connecting.views import NEW, view
from connector.services.forge.sites import host_of, same_place
from connector.services.forge.states import ACCEPTED, ACTIVE, REFUSED, REPLACED, SILENT, WAITING
from connector.store.tables import Connection, ForgeInstallation

log = structlog.get_logger(__name__)

_RANK = {"PRODUCTION": 2, "STAGING": 1}  # an installation of development does not push out one of production
_SEPARATORS = re.compile(r"[,;\s]+")


def judge(runtime: Runtime, session: Session, row: ForgeInstallation) -> None:
    """Set the state of an installation that calls now; the one before it on the same site is replaced."""
    if row.state in (ACTIVE, REPLACED, REFUSED):
        return
    before = row.state
    row.state = ACTIVE if row.state == SILENT else _decide(runtime, session, row)
    if row.state == ACTIVE:
        row.accepted_at = row.accepted_at or runtime.now()
        replace_others(session, row)
    if row.state != before:
        log.info("forge_installation", site=row.site_url or row.cloud_id, environment=row.environment, state=row.state, before=before)
        record(session, SYSTEM, runtime.now(), row.state, "forge installation", label(row), after=told(row))


def _decide(runtime: Runtime, session: Session, row: ForgeInstallation) -> str:
    others = [each for each in _of_site(session, row) if each.id != row.id]
    if any(each.state == REFUSED for each in others):
        return REFUSED
    current = next((each for each in others if each.state in ACCEPTED), None)
    if current is not None:
        newer = current.state == SILENT or _RANK.get(row.environment, 0) >= _RANK.get(current.environment, 0)
        return ACTIVE if newer else WAITING
    return ACTIVE if _trusted(runtime, session, row) else WAITING


def _of_site(session: Session, row: ForgeInstallation) -> list[ForgeInstallation]:
    query = select(ForgeInstallation).where(ForgeInstallation.cloud_id == row.cloud_id, ForgeInstallation.state != REPLACED)
    return list(session.scalars(query.order_by(ForgeInstallation.id.desc())))


def _trusted(runtime: Runtime, session: Session, row: ForgeInstallation) -> bool:
    listed = {each.lower() for each in _SEPARATORS.split(runtime.settings.forge_sites) if each}
    if row.cloud_id.lower() in listed or (row.site_url and host_of(row.site_url) in {host_of(each) for each in listed}):
        return True
    if _connections_of(runtime, session, row):
        return True
    other = session.scalar(select(ForgeInstallation.id).where(ForgeInstallation.cloud_id != row.cloud_id).limit(1))
    return not listed and other is None


def replace_others(session: Session, row: ForgeInstallation) -> None:
    """End what was installed on the same site before: its token is forgotten, its connections go over."""
    for each in _of_site(session, row):
        if each.id != row.id and each.state in (*ACCEPTED, WAITING):
            each.state, each.system_token, each.token_ends_at = REPLACED, None, None
            session.execute(update(Connection).where(Connection.installation_id == each.id).values(installation_id=row.id))


def settle(runtime: Runtime, session: Session, row: ForgeInstallation) -> None:
    """Let an accepted installation work for its site's Jira connection; where there is none, one is made.

    Not made again after an admin retired it, nor before the site's address is known.
    """
    for each in session.scalars(select(Connection).where(Connection.installation_id == row.id).order_by(Connection.id)):
        if is_forge_login(auth := login_of(runtime, each)) and auth.get("forge") != row.installation_id:
            each.auth = runtime.vault.seal({"cloud_id": row.cloud_id, "forge": row.installation_id})
        return
    found = _connections_of(runtime, session, row)
    if found:
        found[0].installation_id = row.id
        record(session, SYSTEM, runtime.now(), "join", "connection", found[0].name, after={"forge_installation": label(row)})
    elif row.site_url:
        _make_connection(runtime, session, row)


def _connections_of(runtime: Runtime, session: Session, row: ForgeInstallation) -> list[Connection]:
    """The site's Jira connections: those with its cloud id, or with its proven address where the login has none.

    Never one that an accepted installation of another site works for.
    """
    rows = session.scalars(select(Connection).where(Connection.host == JIRA, Connection.retired_at.is_(None)).order_by(Connection.id))
    taken = select(ForgeInstallation.id).where(ForgeInstallation.state.in_(ACCEPTED), ForgeInstallation.cloud_id != row.cloud_id)
    others = set(session.scalars(taken))
    found = []
    for each in rows:
        cloud_id = login_of(runtime, each).get("cloud_id")
        if each.installation_id in others:
            continue
        if cloud_id == row.cloud_id or (not cloud_id and same_place(each.url, row.site_url)):
            found.append(each)
    return found


def _make_connection(runtime: Runtime, session: Session, row: ForgeInstallation) -> None:
    stem = re.sub(r"[^a-z0-9-]+", "-", host_of(row.site_url).partition(":")[0].partition(".")[0]).strip("-")[:40] or "site"
    names = set(session.scalars(select(Connection.name)))
    name = next(each for each in (f"{stem}-jira", *(f"{stem}-jira-{n}" for n in range(2, 10_000))) if each not in names)
    made = Connection(
        name=name,
        host=JIRA,
        url=row.site_url,
        auth=runtime.vault.seal({"cloud_id": row.cloud_id, "forge": row.installation_id}),
        options={},
        installation_id=row.id,
        created_at=runtime.now(),
    )
    session.add(made)
    session.flush()
    record(
        session, SYSTEM, runtime.now(), "create", "connection", name, after={**view(made), "auth": NEW, "forge_installation": label(row)}
    )


def token_renewed(runtime: Runtime, session: Session, row: ForgeInstallation) -> None:
    """A connection that has no other login goes on when the app brings a token again."""
    parked = select(Connection).where(Connection.installation_id == row.id, Connection.parked_at.is_not(None))
    for each in session.scalars(parked):
        if is_forge_login(login_of(runtime, each)):
            connections.unpark(session, each.id, runtime.now(), "system")


def login_of(runtime: Runtime, row: Connection) -> Mapping[str, Any]:
    """The stored login; empty for one that this key cannot open (then other parts say so)."""
    try:
        found = runtime.vault.open(row.auth) if row.auth else {}
    except InputError:
        return {}
    return found if isinstance(found, dict) else {}


def label(row: ForgeInstallation) -> str:
    """An installation as the audit trail calls it."""
    return f"{host_of(row.site_url) or row.cloud_id} {row.installation_id.rpartition('/')[2]}"[:200]


def told(row: ForgeInstallation) -> dict[str, Any]:
    """What the audit trail keeps of an installation."""
    return {"state": row.state, "site": row.site_url or None, "cloud_id": row.cloud_id, "environment": row.environment or None}
