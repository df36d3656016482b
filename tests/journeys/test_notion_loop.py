"""A Notion event moves a key result and its callout: real client, real HTTP to the stand-in, real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import sync as syncs
from connector.store.tables import Audit, Objective, Panel
from tests.support.standin import running
from tests.support.world import Company, company

STAGES = {"type": "status", "options": ["Lead", "Talking", "Won"]}


class Workspace:
    """The company, a database of deals, and an objective whose page holds the panel."""

    def __init__(self, people: Company, sandbox: NotionSandbox, url: str) -> None:
        self.company, self.sandbox = people, sandbox
        self.world = sandbox.world
        self.connection = people.connection("acme-notion", "notion", url, {"token": sandbox.token})
        self.database, self.source = self.world.add_database("Deals", {"Name": "title", "Stage": "status", "Seats": "number"})
        self.page = self.world.add_page("Objective")
        people.objective(pages=[{"connection": self.connection, "ref": self.page}])
        people.key_result("kr-signups", unit="", start=0.0, target=100.0)

    def row(self, seats: float | None, stage: str = "Done") -> str:
        return self.world.add_row(self.source, {"Name": f"Deal of {seats}", "Stage": stage, "Seats": seats})

    def map(self, **rule: Any) -> int:
        return self.company.mapping(
            "kr-signups",
            self.connection,
            **{"select": {"database": self.database, "filter": {"Stage": "Done"}}, "measure": {"sum": "Seats"}, **rule},
        )

    def event(self, kind: str, page: str, **data: Any) -> None:
        self.company.deliver(
            self.connection,
            json.dumps(
                {
                    "id": f"{kind}-{page}",
                    "type": kind,
                    "entity": {"id": page, "type": "page"},
                    "authors": [],
                    "data": {"parent": {"id": self.database, "type": "database", "data_source_id": self.source}, **data},
                }
            ).encode(),
        )

    def work(self, ahead: float = 3.0) -> None:
        self.company.work(self.connection)
        self.company.clock.ahead += ahead
        self.company.work(self.connection)

    def callouts(self) -> list[str]:
        """The text of every callout on the objective's page."""
        return [
            _text(block)
            for block in self.world.data["blocks"].values()
            if block.get("type") == "callout" and not block.get("in_trash") and block["page"] == self.page
        ]


def _text(block: dict[str, Any]) -> str:
    return "".join(run["text"]["content"] for run in block["content"]["rich_text"])


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    sandbox = NotionSandbox()
    with running(sandbox) as url, company(tmp_path) as people:
        yield Workspace(people, sandbox, url)


def test_a_changed_row_moves_the_value_and_the_one_callout(workspace: Workspace) -> None:
    workspace.row(10)
    second = workspace.row(30, stage="In progress")
    workspace.map()
    workspace.work()
    assert workspace.company.row("kr-signups").current == 10.0
    assert len(workspace.callouts()) == 1

    workspace.world.set_property(second, "Stage", "Done")
    workspace.event("page.properties_updated", second)
    workspace.work()

    assert workspace.company.row("kr-signups").current == 40.0
    [text] = workspace.callouts()
    assert "40" in text


def test_rows_without_a_number_are_left_out_and_said_and_none_at_all_is_unknown(workspace: Workspace) -> None:
    workspace.row(None)
    workspace.map()
    workspace.work()
    row = workspace.company.row("kr-signups")
    assert (row.current, row.state) == (None, "no_data")
    workspace.event("page.created", workspace.row(5))
    workspace.work()
    row = workspace.company.row("kr-signups")
    assert row.current == 5.0
    assert row.source is not None
    assert row.source["without_number"] == 1


def test_trashed_and_restored_rows_leave_and_come_back(workspace: Workspace) -> None:
    workspace.row(10)
    other = workspace.row(30)
    workspace.map()
    workspace.work()
    workspace.world.trash(other)
    workspace.event("page.deleted", other)
    workspace.work()
    assert workspace.company.row("kr-signups").current == 10.0
    workspace.world.restore(other)
    workspace.event("page.undeleted", other)
    workspace.work()
    assert workspace.company.row("kr-signups").current == 40.0


def test_a_renamed_property_changes_nothing(workspace: Workspace) -> None:
    row = workspace.row(10)
    workspace.map()
    workspace.work()
    workspace.world.rename_property(workspace.source, "Seats", "Licences")
    workspace.company.deliver(
        workspace.connection,
        json.dumps(
            {
                "id": "s",
                "type": "data_source.schema_updated",
                "entity": {"id": workspace.source, "type": "data_source"},
                "authors": [],
                "data": {"parent": {"id": workspace.database, "type": "database"}, "updated_properties": []},
            }
        ).encode(),
    )
    workspace.work(ahead=20)
    workspace.world.set_property(row, "Licences", 12)
    workspace.event("page.properties_updated", row)
    workspace.work()
    assert workspace.company.row("kr-signups").current == 12.0


def test_a_database_that_is_no_longer_shared_makes_the_data_late_and_keeps_the_value(workspace: Workspace) -> None:
    row = workspace.row(10)
    workspace.map()
    workspace.work()
    workspace.world.unshare(workspace.database)
    workspace.event("page.properties_updated", row)
    workspace.work()
    key_result = workspace.company.row("kr-signups")
    assert (key_result.current, key_result.state) == (10.0, "data_late")
    [text] = workspace.callouts()
    assert "Data late" in text
    workspace.world.share(workspace.database)
    syncs.sync_connection(workspace.company.runtime, workspace.connection, trigger="test")
    workspace.work()
    assert workspace.company.row("kr-signups").state != "data_late"


def test_a_page_out_of_reach_is_told_to_the_admin_and_never_duplicated(workspace: Workspace) -> None:
    row = workspace.row(10)
    workspace.map()
    workspace.work()
    workspace.world.unshare(workspace.page)
    workspace.world.set_property(row, "Seats", 20)
    workspace.event("page.properties_updated", row)
    workspace.work()
    with workspace.company.runtime.store.read() as session:
        panel = session.scalars(select(Panel)).one()
        told = session.scalars(select(Audit).where(Audit.action == "panel_failed")).all()
    assert panel.error
    assert len(told) == 1
    workspace.world.share(workspace.page)
    workspace.world.set_property(row, "Seats", 30)
    workspace.event("page.properties_updated", row)
    workspace.work()
    [text] = workspace.callouts()
    assert "30" in text


def test_a_callout_that_a_person_deletes_comes_back_once_and_then_never(workspace: Workspace) -> None:
    row = workspace.row(10)
    workspace.map()
    workspace.work()
    for number, expected in ((20, 1), (30, 0), (40, 0)):
        for block in [
            block for block in workspace.world.data["blocks"].values() if block.get("type") == "callout" and not block.get("in_trash")
        ]:
            workspace.world.delete_block(block["id"])
        workspace.world.set_property(row, "Seats", number)
        workspace.event("page.properties_updated", row)
        workspace.work()
        assert len(workspace.callouts()) == expected


def test_a_write_that_was_committed_and_answered_503_is_not_repeated(workspace: Workspace) -> None:
    workspace.row(10)
    workspace.sandbox.fail(path="/children", method="PATCH", status=503, commit=True)
    workspace.map()
    workspace.work()
    workspace.work(ahead=30)
    assert len(workspace.callouts()) == 1


def test_second_sync_reads_but_writes_nothing(workspace: Workspace) -> None:
    for number in range(7):
        workspace.row(number)
    workspace.map()
    workspace.work()
    syncs.sync_connection(workspace.company.runtime, workspace.connection, trigger="test")
    workspace.work()
    before = workspace.sandbox.writes
    run = syncs.sync_connection(workspace.company.runtime, workspace.connection, trigger="test")
    workspace.work()
    assert (run.seen, run.changed, run.repaired) == (7, 0, 0)
    assert workspace.sandbox.writes == before


def test_a_measured_property_that_is_removed_makes_the_data_late(workspace: Workspace) -> None:
    workspace.row(10)
    workspace.map()
    workspace.work()
    workspace.world.remove_property(workspace.source, "Seats")
    workspace.company.deliver(
        workspace.connection,
        json.dumps(
            {
                "id": "s",
                "type": "data_source.schema_updated",
                "entity": {"id": workspace.source, "type": "data_source"},
                "authors": [],
                "data": {"parent": {"id": workspace.database, "type": "database"}, "updated_properties": []},
            }
        ).encode(),
    )
    workspace.work(ahead=20)
    workspace.work()
    row = workspace.company.row("kr-signups")
    assert (row.current, row.state) == (10.0, "data_late")
    assert any("Seats" in reason for reason in row.reasons)


def test_a_sync_that_finds_a_database_out_of_reach_keeps_what_was_known(workspace: Workspace) -> None:
    workspace.row(10)
    workspace.map()
    workspace.work()
    workspace.world.unshare(workspace.database)
    run = syncs.sync_connection(workspace.company.runtime, workspace.connection, trigger="test")
    workspace.work()
    row = workspace.company.row("kr-signups")
    assert (run.status, run.gone) == ("done", 0)
    assert (row.current, row.state) == (10.0, "data_late")


def test_our_own_properties_on_a_mapped_row_are_no_change(workspace: Workspace) -> None:
    """The objective's page may itself be a row of the mapped database: what we write there must not look like news."""
    for name, kind in (("OKR status", "rich_text"), ("OKR current", "number"), ("OKR progress", "number")):
        workspace.world.add_property(workspace.source, name, kind)
    page = workspace.row(10)
    with workspace.company.runtime.store.write() as session:
        session.query(Objective).one().pages = [{"connection": workspace.connection, "ref": page}]
    other, source = workspace.world.add_database("Others", {"Name": "title", "Score": "number"})
    workspace.world.add_row(source, {"Name": "x", "Score": 1})
    workspace.company.key_result("kr-other", unit="", start=0.0, target=10.0)
    workspace.company.mapping("kr-other", workspace.connection, select={"database": other}, measure={"sum": "Score"})
    workspace.map()
    workspace.work()
    workspace.event("page.properties_updated", page)
    workspace.work()
    before = workspace.sandbox.writes
    run = syncs.sync_connection(workspace.company.runtime, workspace.connection, trigger="test")
    workspace.work()
    assert (run.changed, run.repaired) == (0, 0)
    assert workspace.sandbox.writes == before
