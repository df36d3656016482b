"""The commands on a real database with two cycles of key results; run in this process, as ``main`` would be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.services import check_ins, rollup
from tests.support.commands import Run, call_it_migrated, commands
from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        call_it_migrated(found.runtime)
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
    with commands(acme.runtime, tmp_path, monkeypatch, capsys) as found:
        yield found
