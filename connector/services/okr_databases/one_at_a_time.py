"""One set-up or adoption of a connection at a time: a second click must not make a second set of databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import delete, update

from connector.errors import Conflict
from connector.runtime import Runtime
from connector.services.mirror import upsert
from connector.store.tables import Connection, Task

LEASE = 180.0  # seconds without a sign of life after which a set-up counts as dead


@contextmanager
def one_at_a_time(runtime: Runtime, connection: Connection) -> Iterator[Callable[[], None]]:
    """Be the one who sets up this connection's databases; what is given renews that. Raises ``Conflict`` when somebody else does."""
    name = f"okr_databases {connection.id}"
    held = 0.0

    def renew() -> None:
        nonlocal held
        now = runtime.epoch()
        ours = (Task.name == name, (Task.lease_until == held) if held else (Task.lease_until < now))
        with runtime.store.write() as session:
            upsert(session, Task, ["name"], [{"name": name, "due_at": 0.0, "lease_until": 0.0}])
            if session.execute(update(Task).where(*ours).values(lease_until=now + LEASE).returning(Task.name)).first() is None:
                raise Conflict(f"somebody sets up the OKR databases of {connection.name} right now; look again in a minute")
        held = now + LEASE

    renew()
    try:
        yield renew
    finally:
        with runtime.store.write() as session:
            session.execute(delete(Task).where(Task.name == name, Task.lease_until == held))
