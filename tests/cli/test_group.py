"""The command line as a whole: help at once, exit codes, one line for a known error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from connector.cli import COMMANDS, Entry, cli, main
from connector.errors import ConnectorError, InputError

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OKR_")} | variables
    return subprocess.run([sys.executable, "-m", "connector", *arguments], capture_output=True, text=True, env=env, cwd=ROOT, check=False)


def test_help_lists_every_command() -> None:
    answer = run("--help")
    assert answer.returncode == 0
    for name in COMMANDS:
        assert f"  {name} " in answer.stdout


def test_help_imports_no_command_and_no_library_that_takes_time() -> None:
    code = "import sys; from connector.cli import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(answer.stdout.split())
    assert not {"flask", "sqlalchemy", "redis", "rq", "pydantic", "requests", "connector.cli.serve"} & loaded


def test_version() -> None:
    assert run("--version").stdout.startswith("okr-connector, version ")


def test_an_unknown_command_is_a_usage_error_with_a_hint() -> None:
    answer = run("aply")
    assert answer.returncode == 2
    assert "Did you mean apply?" in answer.stderr


def test_a_bad_variable_ends_in_one_line_with_code_2(tmp_path: Path) -> None:
    answer = run("serve", OKR_TIMEZONE="Europe/Olso", OKR_DATA_DIR=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [answer.stderr.strip()]
    assert answer.stderr.startswith("error: OKR_TIMEZONE: ")


def test_workers_without_redis_say_what_is_missing(tmp_path: Path) -> None:
    answer = run("worker", OKR_DATA_DIR=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: OKR_REDIS_URL: ")


@pytest.mark.parametrize(("error", "code"), [(InputError("no such thing", where="file"), 2), (ConnectorError("it broke"), 1)])
def test_known_errors_become_exit_codes(
    error: ConnectorError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli, "get_command", lambda _ctx, _name: failing)
    monkeypatch.setitem(COMMANDS, "failing", Entry("nowhere:failing", "Fails."))
    with pytest.raises(SystemExit) as caught:
        main(["failing"])
    assert caught.value.code == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_command_whose_module_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(COMMANDS, "absent", Entry("connector.cli.absent:absent", "Not here."))
    with pytest.raises(SystemExit) as caught:
        main(["absent"])
    assert caught.value.code == 1
    assert "'absent' is not part of this installation" in capsys.readouterr().err
