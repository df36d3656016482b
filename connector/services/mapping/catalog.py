"""What a connection has to map: projects, fields, data sources, epics and rows found by words. Kept for a minute or two.

Reads from the host, never inside a transaction; stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import closing
from typing import TypeVar

from sqlalchemy.orm import Session

from connector.errors import InputError
from connector.hosts.base import Choice, Container, Description, Host, QueryCheck
from connector.runtime import Runtime
from connector.services.connection_names import working_connection
from connector.services.remembered import once, shelf
from connector.store.tables import Connection

DESCRIBED = 120.0  # seconds that projects, fields and schemas are kept
FOUND = 60.0  # seconds that the answer to the same search or query is kept
CHOICES = 20
PATIENCE = 20.0  # seconds that a call may wait for request budget; a person is watching

T = TypeVar("T")


def usable_connection(session: Session, name: object) -> Connection:
    """The connection of that name. Raises ``InputError`` without a name, ``NotFound``, ``Conflict`` when it is parked."""
    if not isinstance(name, str) or not name:
        raise InputError("name the connection", where="connection")
    return working_connection(session, name)


def identity(connection: Connection) -> Hashable:
    """Equal as long as the connection leads to the same place with the same credentials and options."""
    return connection.id, connection.url, connection.auth, repr(sorted((connection.options or {}).items()))


def _asked(runtime: Runtime, connection: Connection, name: str, detail: Hashable, seconds: float, ask: Callable[[Host], T]) -> T:
    def call() -> T:
        with closing(runtime.connect(connection, patience=PATIENCE)) as host:
            return ask(host)

    return once(runtime, name, (identity(connection), detail), seconds, call)


def describe(runtime: Runtime, connection: Connection) -> Description:
    """Projects or data sources and fields. Raises ``HostError``."""
    return _asked(runtime, connection, "descriptions", "", DESCRIBED, lambda host: host.describe())


def described(runtime: Runtime, connection: Connection) -> Description | None:
    """What ``describe`` told lately; None when the host would have to be asked."""
    return shelf(runtime, "descriptions", 200).get((identity(connection), ""), runtime.epoch())


def find(runtime: Runtime, connection: Connection, text: str, *, container: str = "") -> Sequence[Choice]:
    """Epics, data sources or rows by words of their title, by key or link; what changed lately for an empty text.

    Raises ``InputError`` for a container that cannot be one, ``HostError``.
    """
    place = container.strip()
    return _asked(
        runtime,
        connection,
        "choices",
        (_wish(text), place),
        FOUND,
        lambda host: host.search(text.strip()[:200], container=place, limit=CHOICES),
    )


def found_lately(runtime: Runtime, connection: Connection, text: str, *, container: str = "") -> Sequence[Choice] | None:
    """What ``find`` told lately; None when the host would have to be asked."""
    found: Sequence[Choice] | None = shelf(runtime, "choices", 200).get(
        (identity(connection), (_wish(text), container.strip())), runtime.epoch()
    )
    return found


def _wish(text: str) -> str:
    return " ".join(text.split())[:200].casefold()


def check_query(runtime: Runtime, connection: Connection, jql: str, host: Host | None = None) -> QueryCheck:
    """What the host says about a query. ``host``: one that is open already. Raises ``HostError``."""
    if host is not None:
        return once(runtime, "queries", (identity(connection), jql), FOUND, lambda: host.check_query(jql))
    return _asked(runtime, connection, "queries", jql, FOUND, lambda opened: opened.check_query(jql))


def source_of(description: Description | None, ident: str, data_source: str = "") -> Container | None:
    """The data source that a selector's ``database`` (or ``data_source``, by id or name) means; None when the list has it not."""
    if description is None or not ident:
        return None
    for each in description.containers:
        if data_source and data_source in (each.id, each.name) and ident in (each.parent, each.id):
            return each
    alike = [each for each in description.containers if each.id == ident] or [
        each for each in description.containers if each.parent == ident
    ]
    return alike[0] if len(alike) == 1 and not data_source else None
