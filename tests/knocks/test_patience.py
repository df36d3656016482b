"""Hosts that are down, busy or refuse us, over hours of a clock that tests push forward: few calls, and no event needed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import drain as drains
from tests.support.passing import Site, pass_time
from tests.support.standin import running
from tests.support.world import company


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker waits in real time for what is due soon; here the clock is pushed instead."""
    monkeypatch.setattr(drains, "LINGER", 0.0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    sandbox = JiraSandbox()
    with running(sandbox) as url, company(tmp_path) as people:
        yield Site(people, sandbox, url)


@pytest.mark.parametrize(
    "how", [{"status": 503}, {"drop": True}, {"status": 429}, {"status": 502, "body": b"<html>", "content_type": "text/html"}]
)
def test_a_host_that_is_down_for_an_hour_is_called_rarely_and_caught_up_with(site: Site, how: dict[str, Any]) -> None:
    fault = site.sandbox.fail(times=1_000_000, **how)
    site.close(0)
    site.pass_time(1800.0, step=6.0)
    site.close(1)  # events go on arriving
    site.pass_time(1800.0, step=6.0)
    assert 3 <= len(site.sandbox.log) <= 40
    assert site.company.row("kr").current == 0.0
    assert site.row().parked_at is None
    fault.times = 0
    site.pass_time(420.0, step=5.0)
    assert site.company.row("kr").current == 50.0
    assert ["now 50" in text for text in site.links()] == [True]
    assert (site.row().failures, site.row().paused_until) == (0, 0.0)


@pytest.mark.parametrize(("headers", "least"), [({"Retry-After": "0"}, 1.0), ({}, 1.0), ({"Retry-After": "120"}, 120.0)])
@pytest.mark.parametrize("path", ["bulkfetch", "remotelink"])
def test_a_busy_host_is_asked_again_not_before_it_said(site: Site, headers: dict[str, str], least: float, path: str) -> None:
    site.sandbox.fail(path=path, status=429, headers=headers)
    site.close(0)
    site.pass_time(1.0)
    calls = len(site.sandbox.log)
    begun = site.company.runtime.epoch()
    while len(site.sandbox.log) == calls:
        assert site.company.runtime.epoch() - begun < least * 1.4 + 12
        site.pass_time(1.0)
    assert site.company.runtime.epoch() - begun >= least - 1.5
    site.pass_time(20.0)
    assert site.company.row("kr").current == 25.0
    assert ["now 25" in text for text in site.links()] == [True]


def test_a_link_that_was_written_and_answered_503_stands_there_once(site: Site) -> None:
    site.sandbox.fail(path="remotelink", status=503, commit=True)
    site.close(0)
    site.pass_time(30.0)
    assert ["now 25" in text for text in site.links()] == [True]


@pytest.mark.parametrize(
    "trouble",
    [{"status": 503, "commit": True}, {"drop": True, "commit": True}, {"status": 503}, {"status": 429, "headers": {"Retry-After": "0"}}],
)
def test_a_callout_is_written_once_whatever_happens_to_the_answer(tmp_path: Path, trouble: dict[str, Any]) -> None:
    sandbox = NotionSandbox()
    with running(sandbox) as url, company(tmp_path) as people:
        connection = people.connection("acme-notion", "notion", url, {"token": sandbox.token})
        database, source = sandbox.world.add_database("Deals", {"Name": "title", "Seats": "number"})
        page = sandbox.world.add_page("Objective")
        sandbox.world.add_row(source, {"Name": "A", "Seats": 7})
        people.objective(pages=[{"connection": connection, "ref": page}])
        people.key_result("kr", unit="")
        sandbox.fail(method="PATCH", path="/children$", **trouble)
        people.mapping("kr", connection, select={"database": database}, measure={"sum": "Seats"})
        pass_time(people, 40.0)
        assert people.row("kr").current == 7.0
        blocks = [block for block in sandbox.world.data["blocks"].values() if block["type"] == "callout" and not block["in_trash"]]
        assert len(blocks) == 1


def test_a_revoked_token_parks_and_says_so_without_further_calls(site: Site) -> None:
    site.sandbox.world.settings["api_token"] = "another-token"
    site.close(0)
    site.pass_time(5.0)
    row = site.row()
    assert row.parked_at is not None
    assert row.parked_reason
    assert "sandbox-token" not in row.parked_reason
    site.sandbox.forget_log()
    site.close(1)
    site.pass_time(600.0, step=5.0)
    assert site.sandbox.log == []
    # People see it without waiting for the calendar.
    key_result = site.company.row("kr")
    assert (key_result.current, key_result.state) == (0.0, "data_late")
    assert any("parked" in reason for reason in key_result.reasons)


def test_a_listing_that_a_worker_died_in_is_taken_over(site: Site) -> None:
    """What the worker had claimed stays claimed when it is killed; nobody frees it but time."""
    from connector.services import heartbeat
    from connector.store import work
    from connector.store.tables import KeyResult, Mapping

    runtime = site.company.runtime
    second = site.sandbox.add_issue("ACME", "Second", type="Epic")
    site.sandbox.add_issue("ACME", "Story", parent=second, category="done")
    site.company.key_result("kr-second")
    site.company.mapping("kr-second", site.connection, select={"epics": [second]}, measure="done_share")
    for table in (Mapping, KeyResult):
        with runtime.store.write() as session:
            work.want(session, KeyResult, ["kr", "kr-second"], runtime.epoch())
            work.claim(session, table, runtime.epoch(), limit=10, lease_seconds=heartbeat.LEASE_SECONDS)
    site.pass_time(heartbeat.LEASE_SECONDS + 6.0)
    assert site.company.row("kr-second").current == 100.0
