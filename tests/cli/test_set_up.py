"""The commands `apply`, `token`, `db` and `doctor` as a person runs them: what they print, and their exit codes."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from connector.cli import main
from connector.hosts.jira.sandbox import JiraSandbox
from tests.support.standin import running

FILE = """\
version: 1
connections:
  acme-jira:
    host: jira
    url: {url}
    auth: {{email: bot@acme.example, api_token: "${{JIRA_TOKEN}}"}}
    webhook_secret: "${{JIRA_WEBHOOK_SECRET}}"
people: [{{email: alice@acme.example, name: Alice}}]
cycles: {{2026-Q4: {{start: 2026-10-01, end: 2026-12-31}}}}
objectives:
  - id: onboarding
    title: Onboarding
    cycle: 2026-Q4
    key_results:
      - id: kr-setup
        title: Guided set-up shipped
        owner: alice@acme.example
        unit: "%"
        start: 0
        target: 90
        mappings:
          - {{connection: acme-jira, select: {{epics: [ACME-1]}}, measure: done_share}}
"""
Run = Callable[..., "Answer"]


@pytest.fixture
def url() -> Iterator[str]:
    jira = JiraSandbox()
    jira.add_issue(key="ACME-1", type="Epic")
    with running(jira) as found:
        yield found


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command line in this process: one process for each call would take seconds."""
    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.chdir(tmp_path)
    base = {"OKR_DATA_DIR": str(tmp_path / "var"), "OKR_ALLOW_PRIVATE_HOSTS": "1"}
    base |= {"JIRA_TOKEN": "sandbox-token", "JIRA_WEBHOOK_SECRET": "jira-webhook-secret"}

    def call(*arguments: str, stdin: str = "", **variables: str | None) -> Answer:
        with monkeypatch.context() as patch:
            for name, value in {**base, **variables}.items():
                patch.setenv(name, value) if value is not None else patch.delenv(name, raising=False)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            code: Any = 0
            try:
                main(arguments)
            except SystemExit as ending:
                code = ending.code
        told = capsys.readouterr()
        for secret in ("sandbox-token", "jira-webhook-secret"):
            assert secret not in told.out + told.err
        return Answer(int(code or 0), told.out, told.err)

    yield call
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def test_apply_makes_changes_and_then_nothing(run: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "okr.yaml").write_text(FILE.format(url=url))
    dry = run("apply", "-f", "okr.yaml", "--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[-1]) == (0, "dry run, nothing was written; would be: 6 created")
    first = run("apply", "-f", "okr.yaml")
    assert first.returncode == 0
    assert "create key result kr-setup" in first.stdout.splitlines()
    assert first.stdout.splitlines()[-1] == "done: 6 created"
    second = run("apply", "-f", "okr.yaml")
    assert (second.returncode, second.stdout) == (0, "unchanged: 6\nnothing to change\n")
    third = run("apply", "-f", "-", stdin=FILE.format(url=url).replace("target: 90", "target: 100"))
    assert third.stdout.splitlines() == ["update key result kr-setup: target 90 → 100", "unchanged: 5", "done: 1 updated"]


def test_apply_takes_a_reason(run: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "okr.yaml").write_text(FILE.format(url=url))
    assert run("apply", "-f", "okr.yaml", "--reason", "agreed on Monday").returncode == 0
    refused = run("apply", "-f", "okr.yaml", "--reason", "x" * 281)
    assert refused.returncode == 2
    assert "280 are the most" in refused.stderr
    with sqlite3.connect(next(tmp_path.rglob("okr.db"))) as database:
        assert {reason for (reason,) in database.execute("SELECT reason FROM audit WHERE actor = 'apply'")} == {"agreed on Monday"}
    database.close()


def test_apply_names_file_line_and_field(run: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "okr.yaml").write_text(FILE.format(url=url).replace("target: 90", "target: 0").replace("title: Onb", "titel: Onb"))
    answer = run("apply", "-f", "okr.yaml", JIRA_TOKEN=None)
    assert answer.returncode == 2
    assert answer.stdout == ""
    told = answer.stderr.splitlines()
    assert told[0].startswith("okr.yaml:6: connections.acme-jira.auth.api_token: the environment variable JIRA_TOKEN is not set")
    answer = run("apply", "-f", "okr.yaml")
    told = answer.stderr.splitlines()
    assert any(line.startswith("okr.yaml:12: objectives[0].titel: unknown key") for line in told)
    assert any(line.startswith("okr.yaml:20: objectives[0].key_results[0].target: start and target are equal") for line in told)
    assert told[-1].endswith("errors; nothing was changed")


def test_apply_of_nothing_useful(run: Run, tmp_path: Path) -> None:
    assert run("apply", "-f", "missing.yaml").returncode == 2
    assert run("apply").returncode == 2
    answer = run("apply", "-f", "-", stdin="\tno yaml")
    assert answer.returncode == 2
    assert answer.stderr.startswith("<stdin>:1: this is not YAML")
    assert run("apply", "-f", str(tmp_path)).returncode == 2


def test_a_database_that_does_not_answer_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    answer = run("apply", "-f", "-", stdin="version: 1", OKR_DATABASE_URL="postgresql+psycopg://nobody:hidden@127.0.0.1:1/okr")
    assert answer.returncode == 1
    assert "does not answer" in answer.stderr
    assert "hidden" not in answer.stderr


def test_tokens(run: Run) -> None:
    made = run("token", "create", "ci", "--role", "viewer")
    assert made.returncode == 0
    assert made.stdout.startswith("okr_")
    assert len(made.stdout.strip()) > 40
    assert run("token", "create", "ci").returncode == 2
    assert run("token", "create", "x", "--role", "king").returncode == 2
    listed = run("token", "list")
    assert listed.stdout.startswith("ci  viewer  made ")
    assert made.stdout.strip() not in listed.stdout
    assert run("token", "revoke", "ci").returncode == 0
    assert run("token", "revoke", "ci").returncode == 1
    assert "revoked" in run("token", "list").stdout


def test_db_and_doctor(run: Run, url: str) -> None:
    assert run("db", "check").returncode == 1
    missing = run("doctor", "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["findings"][0]["mend"] == "run: okr-connector db upgrade"
    assert run("db", "upgrade").returncode == 0
    assert run("db", "check").returncode == 0
    assert run("doctor").returncode == 0
    assert run("apply", "-f", "-", stdin=FILE.format(url=url)).returncode == 0
    sound = run("doctor")
    assert sound.returncode == 0
    assert "ok      connection acme-jira" in sound.stdout
    assert run("apply", "-f", "-", stdin=FILE.format(url=url).replace("bot@", "other@")).returncode == 2
