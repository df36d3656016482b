"""The command `sign-in-link`: the link on standard output alone, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import cli
from connector.errors import InputError
from connector.runtime import build_runtime
from connector.services.sign_in import links
from connector.settings import load_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OKR_DATA_DIR", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sign-in-link", *arguments], catch_exceptions=True)


def test_the_link_signs_the_named_person_in(folder: Path) -> None:
    told = run("--as", "Dora@acme.example", "--role", "lead")
    assert (told.exit_code, told.stdout.count("\n")) == (0, 1)
    assert "once, within 60 minutes" in told.stderr
    runtime = build_runtime(load_settings())
    try:
        found = links.look(runtime, told.stdout.strip().rpartition("/")[2])
    finally:
        runtime.close()
    assert found is not None
    assert found.email == "dora@acme.example"


def test_without_a_name_whoever_uses_it_becomes_admin(folder: Path) -> None:
    told = run()
    assert told.stdout.startswith("http://127.0.0.1:8080/sign-in/once/")


@pytest.mark.parametrize("arguments", [("--as", "nobody"), ("--role", "lead")])
def test_what_does_not_fit_is_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    told = run(*arguments)
    assert isinstance(told.exception, InputError)
    assert told.stdout == ""


def test_an_unknown_role_is_refused_as_bad_usage(folder: Path) -> None:
    assert run("--role", "king").exit_code == 2
