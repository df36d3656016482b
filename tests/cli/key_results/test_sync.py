"""`sync`: reads, repairs, and leaves values and panels behind; one bad connection does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.hosts.jira.sandbox import JiraSandbox
from tests.support.commands import Run
from tests.support.standin import running
from tests.support.world import Company

AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}


@pytest.fixture
def jira() -> Iterator[tuple[JiraSandbox, str]]:
    issues: list[dict[str, Any]] = [{"key": "ACME-1", "type": "Epic"}]
    issues += [{"key": f"ACME-{number}", "parent": "ACME-1", "category": "done" if number < 4 else "new"} for number in range(2, 7)]
    sandbox = JiraSandbox({"issues": issues})
    with running(sandbox) as url:
        yield sandbox, url


def test_one_line_for_each_connection_with_what_was_done(run: Run, acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    sandbox, url = jira
    connection = acme.connection("acme-jira", "jira", url, AUTH)
    acme.mapping("kr-setup", connection, select={"epics": ["ACME-1"]}, measure="done_share")
    result = run("sync")
    assert result.code == 0, result.err
    assert result.out.startswith("acme-jira: seen 5, ")
    assert result.out.rstrip().endswith("written 1")
    assert acme.row("kr-setup").current == 40.0
    sandbox.set_status("ACME-4", category="done")
    again = run("sync", "--connection", "acme-jira", "--full")
    assert "changed 1, repaired 1, gone 0" in again.out
    assert acme.row("kr-setup").current == 60.0
    still = run("sync")
    assert "changed 0, repaired 0, gone 0" in still.out
    assert still.out.rstrip().endswith("written 0")


def test_a_parked_connection_says_so_and_the_others_still_run(run: Run, acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    _, url = jira
    bad = acme.connection("a-bad", "jira", url, {**AUTH, "api_token": "wrong-credential"})
    acme.mapping("kr-signups", bad, select={"epics": ["ACME-1"]}, measure="done_count")
    acme.connection("b-good", "jira", url, AUTH)
    result = run("sync")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].startswith("a-bad: parked: ")
    assert lines[1].startswith("b-good: seen 0, ")
    assert "wrong-credential" not in result.out + result.err


def test_an_unknown_connection_is_bad_input(run: Run) -> None:
    result = run("sync", "--connection", "nobody")
    assert result.code == 2
    assert "'nobody'" in result.err


def test_without_connections_there_is_nothing_to_do(run: Run) -> None:
    assert run("sync").code == 0
