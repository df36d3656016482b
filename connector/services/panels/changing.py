"""One change to all panels of a connection, by an admin: recorded once, and they are written again."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from connector.domain.rights import Act, Viewer
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.connection_names import connection_called
from connector.store import work
from connector.store.tables import Panel


def change_all(runtime: Runtime, viewer: Viewer, connection: str, change: Callable[[Panel], bool], *, action: str, counted: str) -> int:
    """Apply ``change`` to each panel; it says whether there was anything to change. Returns how many there were.

    ``counted``: what the number is called in the audit trail. Raises ``Forbidden``, ``NotFound``.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        found = connection_called(session, connection)
        rows = session.scalars(select(Panel).where(Panel.connection_id == found.id).order_by(Panel.id)).all()
        changed = [row.id for row in rows if change(row)]
        if changed:
            record(session, viewer, runtime.now(), action, "connection", found.name, after={counted: len(changed)})
        work.want(session, Panel, changed, runtime.epoch())
        ident = found.id
    if changed:
        runtime.queue.nudge("drain", ident)
    return len(changed)
