"""The statements that a database is sent meanwhile, for tests that bound their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from connector.store.base import Store

READS = ("SELECT", "WITH")


@contextmanager
def statements(store: Store, *starts: str) -> Iterator[list[str]]:
    """A list that grows with each statement that starts so, of whatever kind without ``starts``; it may be cleared between."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not starts or statement.startswith(starts):
            seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
