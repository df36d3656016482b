"""Which connections stand for one site or workspace. Several may: a second token, a permission beside a token.

Where all workspaces of a host have one address, a connection whose workspace is not known yet stands for itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.hosts.base import Host
from connector.hosts.registry import HOSTS
from connector.runtime import Runtime
from connector.store.tables import Connection


def address_of(connection: Connection) -> str:
    """The address of a connection as part of an identity: with the id of what it names, it never changes."""
    return connection.url.partition("://")[2].rstrip("/").casefold()


def site_of(connection: Connection) -> str:
    """The site of a connection, the same for all that stand for it."""
    if connection.site:
        return f"{connection.host}:{connection.site}"
    return f"connection:{connection.id}" if HOSTS[connection.host].ONE_ADDRESS else address_of(connection)


def connections_of_site(session: Session, connection: Connection) -> Sequence[Connection]:
    """The connections of one site, that one among them, the oldest first; retired ones are none."""
    rows = session.scalars(
        select(Connection).where(Connection.host == connection.host, Connection.retired_at.is_(None)).order_by(Connection.id)
    ).all()
    return [row for row in rows if row.id == connection.id or site_of(row) == site_of(connection)]


def learn_site(runtime: Runtime, connection: Connection, host: Host) -> None:
    """Ask a host for the workspace of a connection that no test has noted yet; one request, once. Raises ``HostError``."""
    if connection.site or not HOSTS[connection.host].ONE_ADDRESS:
        return
    host.identify()
    if host.site:
        with runtime.store.write() as session:
            session.execute(update(Connection).where(Connection.id == connection.id, Connection.site == "").values(site=host.site))
