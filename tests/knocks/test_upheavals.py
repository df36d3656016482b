"""Epics, projects and pages that move, vanish and come back: the value is kept or unknown, never wrong, and panels are never doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import InputError
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import drain as drains
from connector.services import sync as syncs
from connector.services.declare.apply import apply_text
from tests.support.passing import Site, pass_time
from tests.support.standin import running
from tests.support.world import company


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drains, "LINGER", 0.0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    sandbox = JiraSandbox()
    with running(sandbox) as url, company(tmp_path) as people:
        yield Site(people, sandbox, url)


def tell(site: Site, event: str, **body: Any) -> None:
    site.company.deliver(site.connection, {"timestamp": 1, "webhookEvent": event, **body})
    site.company.runtime.queue.nudge("drain", site.connection)


def test_an_epic_that_moves_to_another_project_goes_on_feeding_and_keeps_its_one_link(site: Site) -> None:
    site.close(0)
    site.pass_time(5.0)
    issue = site.sandbox.world.find(site.epic)
    assert issue is not None
    site.sandbox.add_issue("NEW", "The project exists already")
    new = site.sandbox.move_to_project(site.epic, "NEW")
    tell(site, "jira:issue_updated", issue={"id": issue["id"], "key": new})
    site.close(1)
    site.pass_time(10.0)
    assert site.company.row("kr").current == 50.0
    assert ["now 50" in text for text in site.links()] == [True]
    syncs.sync_connection(site.company.runtime, site.connection, full=True)
    site.close(2)
    site.pass_time(10.0)
    assert site.company.row("kr").current == 75.0
    assert ["now 75" in text for text in site.links()] == [True]


def test_an_archived_project_makes_the_data_late_and_comes_back(site: Site) -> None:
    site.close(0)
    site.pass_time(5.0)
    project = {"id": 10000, "key": "ACME", "name": "Acme"}
    site.sandbox.archive_project("ACME")
    tell(site, "project_archived", project=project)
    site.pass_time(30.0)
    row = site.company.row("kr")
    assert (row.current, row.state) == (25.0, "data_late")
    site.sandbox.archive_project("ACME", archived=False)
    tell(site, "project_restored_archived", project=project)
    site.pass_time(30.0)
    syncs.sync_connection(site.company.runtime, site.connection)  # at the latest the night repairs it
    site.pass_time(5.0)
    row = site.company.row("kr")
    assert row.current == 25.0
    assert row.state != "data_late"
    assert ["now 25" in text for text in site.links()] == [True]


def test_an_epic_deleted_without_an_event_is_found_by_the_sync(site: Site) -> None:
    site.close(0)
    site.pass_time(5.0)
    site.sandbox.delete(site.epic)
    syncs.sync_connection(site.company.runtime, site.connection, full=True)
    site.pass_time(10.0)
    row = site.company.row("kr")
    assert (row.current, row.state) == (25.0, "data_late")


def test_a_trashed_page_holds_up_nothing_and_gets_its_panel_when_it_is_restored(tmp_path: Path) -> None:
    sandbox = NotionSandbox()
    with running(sandbox) as url, company(tmp_path) as people:
        connection = people.connection("acme-notion", "notion", url, {"token": sandbox.token})
        database, source = sandbox.world.add_database("Deals", {"Name": "title", "Seats": "number"})
        pages = [sandbox.world.add_page(f"Objective {number}") for number in range(2)]
        deal = sandbox.world.add_row(source, {"Name": "A", "Seats": 7})
        people.objective(pages=[{"connection": connection, "ref": page} for page in pages])
        people.key_result("kr", unit="")
        people.mapping("kr", connection, select={"database": database}, measure={"sum": "Seats"})
        pass_time(people, 10.0)

        def callouts(page: str) -> list[str]:
            blocks = [block for block in sandbox.world.data["blocks"].values() if block["type"] == "callout" and not block["in_trash"]]
            return ["".join(run["text"]["content"] for run in block["content"]["rich_text"]) for block in blocks if block["page"] == page]

        def seats(number: int) -> None:
            sandbox.world.set_property(deal, "Seats", number)
            parent = {"id": database, "type": "database", "data_source_id": source}
            entity = {"id": deal, "type": "page"}
            body = {"id": f"e-{number}", "type": "page.properties_updated", "entity": entity, "authors": [], "data": {"parent": parent}}
            people.deliver(connection, body)
            people.runtime.queue.nudge("drain", connection)
            pass_time(people, 15.0)

        assert [len(callouts(page)) for page in pages] == [1, 1]
        sandbox.world.trash(pages[0])
        seats(21)
        assert people.row("kr").current == 21.0
        assert "21" in callouts(pages[1])[0]
        sandbox.world.restore(pages[0])
        seats(35)
        assert ["35" in text for page in pages for text in callouts(page)] == [True, True]


def test_equal_start_and_target_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    text = """
version: 1
people: [{email: alice@acme.example, name: Alice}]
cycles: {now: {start: 2026-10-01, end: 2026-12-31}}
objectives:
  - id: one
    title: One
    cycle: now
    key_results:
      - {id: kr, title: Nothing to reach, owner: alice@acme.example, start: 5, target: 5}
"""
    with company(tmp_path) as people:
        with pytest.raises(InputError) as caught:
            apply_text(people.runtime, text, {})
        assert "start" in str(caught.value) or "target" in str(caught.value)
        with people.runtime.store.read() as session:
            assert session.connection().exec_driver_sql("SELECT count(*) FROM objectives").scalar() == 0
