"""The commands on a real database with two cycles of key results; run in this process, as ``main`` would be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.cli import main
from connector.services import check_ins, rollup
from connector.store import migrate
from tests.support.world import Company, company


@dataclass
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        with found.runtime.store.engine.begin() as connection:  # its tables are made without migrations; the commands ask for those
            MigrationContext.configure(connection).stamp(ScriptDirectory(str(migrate.SCRIPTS)), "head")
        today = found.runtime.now().date()
        found.objective("onboarding")
        found.key_result("kr-setup", position=0)
        found.key_result("kr-signups", unit="", start=400.0, target=900.0, position=1)
        found.key_result("kr-late", unit="", start=None, target=5.0, kind="at_most", position=2)
        found.key_result("kr-range", unit="", start=None, target=None, kind="between", low=2.0, high=5.5, position=3)
        found.key_result("kr-done", unit="", start=None, target=None, kind="yes_no", position=4)
        found.objective("past", cycle="before", start=today - timedelta(days=200), end=today - timedelta(days=100))
        found.key_result("kr-old", "past")
        check_ins.file_check_in(
            found.runtime,
            "kr-setup",
            {"value": 41.3, "confidence": 4, "blocker": "no test site", "decision": "budget"},
            author="alice@acme.example",
        )
        with found.runtime.store.write() as session:
            rollup.want_all(session, found.runtime.epoch())
        found.work()
        yield found


@pytest.fixture
def run(acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    settings = acme.runtime.settings
    monkeypatch.setenv("OKR_DATA_DIR", str(tmp_path))
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
        return Result(code, told.out, told.err)

    yield call
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.configure(**former)
