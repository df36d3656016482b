"""What every command that works with the database does first: settings, log, schema, runtime. Must not hold a command itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connector import log
from connector.errors import ConnectorError
from connector.runtime import Runtime, build_runtime
from connector.settings import Settings, load_settings
from connector.store.migrate import is_current, upgrade


@contextmanager
def opened(**overrides: object) -> Iterator[Runtime]:
    """A runtime for one command, closed at its end; ``overrides`` are settings that options decide.

    The SQLite file of a single machine is brought up to date on the way. A server's database is not: there other processes
    of another version may be at work. Raises ``ConnectorError`` when it is not current, ``StoreUnavailable`` when it does not answer.
    """
    settings = load_settings(**overrides)
    log.configure(settings.log_format, settings.log_level if settings.log_level != "info" else "warning")
    _check_schema(settings)
    runtime = build_runtime(settings)
    try:
        yield runtime
    finally:
        runtime.close()


def _check_schema(settings: Settings) -> None:
    runtime = build_runtime(settings)
    try:
        with runtime.store.read():  # translates a database that does not answer
            current = is_current(runtime.store)
        if not current and not runtime.store.is_sqlite:
            raise ConnectorError("the database has not the schema of this version; run: okr-connector db upgrade")
    finally:
        runtime.close()
    if not current:
        upgrade(settings)
