"""The command `secrets rotate`: what it prints, and its exit codes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import select

from connector.cli import cli
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from connector.store.migrate import upgrade
from connector.store.tables import Connection
from connector.store.vault import Vault

OLD, NEW, LOST = "o" * 40, "n" * 40, "x" * 40
LOGIN = {"email": "bot@acme.example", "api_token": "never-printed-1"}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    settings = load_settings(data_dir=tmp_path, secret_key=OLD)
    upgrade(settings)
    found = build_runtime(settings, queue=InlineQueue())
    handlers, level = logging.root.handlers[:], logging.root.level
    yield found
    found.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def store(runtime: Runtime, name: str, key: str) -> None:
    sealed = Vault(key).seal(LOGIN)
    with runtime.store.write() as session:
        session.add(Connection(name=name, host="jira", url="https://acme.example", auth=sealed, options={}, created_at=runtime.now()))


def rotate(runtime: Runtime, key: str) -> Result:
    answer = CliRunner().invoke(cli, ["secrets", "rotate"], env={"OKR_DATA_DIR": str(runtime.settings.data_dir), "OKR_SECRET_KEY": key})
    assert LOGIN["api_token"] not in answer.output
    return answer


def auth(runtime: Runtime, name: str) -> str:
    with runtime.store.read() as session:
        return session.scalars(select(Connection.auth).where(Connection.name == name)).one()


def test_everything_is_sealed_with_the_newest_key(runtime: Runtime) -> None:
    store(runtime, "acme-jira", OLD)
    answer = rotate(runtime, f"{NEW} {OLD}")
    assert (answer.exit_code, answer.output.splitlines()[0]) == (0, "1 secret sealed with the newest key")
    assert "set OKR_SECRET_KEY to the new key alone" in answer.output
    assert Vault(NEW).open(auth(runtime, "acme-jira")) == LOGIN


def test_what_no_key_opens_is_named_and_kept(runtime: Runtime) -> None:
    store(runtime, "acme-jira", OLD)
    store(runtime, "lost", LOST)
    answer = rotate(runtime, f"{NEW} {OLD}")
    assert answer.exit_code == 1
    assert "cannot be opened with any of these keys: lost: credentials; enter it again" in answer.output
    assert "to the new key alone" not in answer.output
    assert Vault(LOST).open(auth(runtime, "lost")) == LOGIN
