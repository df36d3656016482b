"""A Notion workspace that feeds a key result, its events handed over as Notion sends them: for journeys through trouble."""

from __future__ import annotations

import json
from typing import Any

from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import sync as syncs
from connector.store.tables import Connection, Mapping, Run
from tests.support.world import Company


class Workspace:
    """A database of deals, a key result that sums their seats, and an objective's page that shows it; events come as Notion sends them."""

    def __init__(self, people: Company, box: NotionSandbox, url: str, **options: Any) -> None:
        self.company, self.box, self.world, self.url = people, box, box.world, url
        self.connection = people.connection("acme-notion", "notion", url, {"token": box.token}, **options)
        self.connections = [self.connection]
        self.database, self.source = self.world.add_database("Deals", {"Name": "title", "Seats": "number"})
        self.page = self.world.add_page("Objective")
        people.objective(pages=[{"connection": self.connection, "ref": self.page}])
        people.key_result("kr-seats", unit="", start=0.0, target=100.0)
        self._told = len(box.events)

    def map(self, connection: int = 0, key_result: str = "kr-seats", **select_: Any) -> int:
        wanted = select_ or {"database": self.database}
        return self.company.mapping(key_result, connection or self.connection, select=wanted, measure={"sum": "Seats"})

    def row(self, seats: float) -> str:
        return self.world.add_row(self.source, {"Name": f"Deal of {seats}", "Seats": seats})

    def tell(self) -> None:
        """Every event since the last time, to every connection's own subscription."""
        news, self._told = self.box.events[self._told :], len(self.box.events)
        for event in news:
            for connection in self.connections:
                self.company.deliver(connection, json.dumps(event).encode())

    def forget(self) -> None:
        """What happened so far is told to nobody."""
        self._told = len(self.box.events)

    def work(self, ahead: float = 3.0) -> None:
        self.company.work(*self.connections)
        self.company.clock.ahead += ahead
        self.company.work(*self.connections)

    def night(self, *, full: bool = True) -> Run:
        run = syncs.sync_connection(self.company.runtime, self.connection, trigger="test", full=full)
        self.work()
        return run

    @property
    def current(self) -> float | None:
        return self.company.row("kr-seats").current

    @property
    def state(self) -> str:
        return self.company.row("kr-seats").state

    def broken(self, mapping: int) -> str:
        with self.company.runtime.store.read() as session:
            return session.get_one(Mapping, mapping).broken or ""

    def stored(self, connection: int = 0) -> Connection:
        with self.company.runtime.store.read() as session:
            return session.get_one(Connection, connection or self.connection)

    def callouts(self) -> list[str]:
        return [
            "".join(run["text"]["content"] for run in block["content"]["rich_text"])
            for block in self.world.data["blocks"].values()
            if block.get("type") == "callout" and not block.get("in_trash") and block["page"] == self.page
        ]
