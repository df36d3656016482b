"""The commands run in this process, as ``main`` would be, on a database whose tables a test made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.cli import main
from connector.runtime import Runtime
from connector.store import migrate


@dataclass
class Result:
    """What a command did: its exit code, and what it printed on both streams."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def call_it_migrated(runtime: Runtime) -> None:
    """Tests make tables without migrations; the commands ask for those."""
    with runtime.store.engine.begin() as connection:
        MigrationContext.configure(connection).stamp(ScriptDirectory(str(migrate.SCRIPTS)), "head")


@contextmanager
def commands(runtime: Runtime, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """A function that runs a command with the settings of ``runtime``; logging is afterwards as it was before."""
    settings = runtime.settings
    monkeypatch.setenv("OKR_DATA_DIR", str(folder))
    monkeypatch.setenv("OKR_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("OKR_SECRET_KEY", settings.secret_key)
    monkeypatch.setenv("OKR_ALLOW_PRIVATE_HOSTS", "1")
    root, former = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Result(code, told.out, told.err)

    yield call
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.configure(**former)
