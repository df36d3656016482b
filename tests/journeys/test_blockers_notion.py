"""Rows of Notion that wait for others become blockers: real client, real HTTP, real database."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from connector.hosts.notion.sandbox import NotionSandbox
from tests.journeys.test_blockers import MONDAY, Week
from tests.support.standin import running
from tests.support.world import Company, company


class NotionWeek(Week):
    """A database of deals whose rows wait for one another."""

    def __init__(self, people: Company, sandbox: NotionSandbox, url: str) -> None:
        super().__init__(people)
        self.sandbox, self.world = sandbox, sandbox.world
        self.connection = people.connection("acme-notion", "notion", url, {"token": sandbox.token})
        self.database, self.source = self.world.add_database(
            "Deals", {"Name": "title", "Stage": "status", "Blocked": "checkbox", "Blocked by": "relation"}
        )
        self.rows = [self.world.add_row(self.source, {"Name": f"Deal {number}", "Stage": "In progress"}) for number in range(3)]
        people.mapping("kr", self.connection, select={"database": self.database}, measure="done_share")
        self.work()

    def work(self) -> None:
        self.company.work(self.connection)
        self.company.clock.ahead += 3
        self.company.work(self.connection)

    def event(self, row: str) -> None:
        self.company.deliver(
            self.connection,
            {
                "id": f"{row}-{time.monotonic_ns()}",
                "type": "page.properties_updated",
                "entity": {"id": row, "type": "page"},
                "authors": [],
                "data": {"parent": {"id": self.database, "type": "database", "data_source_id": self.source}},
            },
        )
        self.work()


def test_an_unfinished_relation_holds_a_notion_row_up(tmp_path: Path) -> None:
    with company(tmp_path) as people:
        sandbox = NotionSandbox(clock=people.clock)
        with running(sandbox) as url:
            week = NotionWeek(people, sandbox, url)
            first, second, _ = week.rows
            week.world.set_property(first, "Blocked by", [second])
            week.event(first)
            week.at(MONDAY + timedelta(days=4))
            week.look()
            [row] = week.standing()
            assert row.text == "Deal 0: waits for 1 other item"
            week.world.set_property(second, "Stage", "Done")
            week.event(second)
            [row] = week.standing()
            assert row.clear_at is not None
            week.world.set_property(first, "Blocked", True)
            week.event(first)
            [row] = week.standing()
            assert row.clear_at is None
            assert row.text == "Deal 0: flagged"


def test_a_related_row_that_nobody_mapped_is_not_held_against_anybody(tmp_path: Path) -> None:
    with company(tmp_path) as people:
        sandbox = NotionSandbox(clock=people.clock)
        with running(sandbox) as url:
            week = NotionWeek(people, sandbox, url)
            elsewhere = week.world.add_page("A page of its own")
            week.world.set_property(week.rows[0], "Blocked by", [elsewhere])
            week.event(week.rows[0])
            week.at(MONDAY + timedelta(days=4))
            week.look()
            assert week.every() == []
