"""What the benchmarks of OKR databases in Notion share: a workspace with many rows, and a minute at the limiter's pace that costs none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import update

from connector import log
from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.hosts.http import Gateway
from connector.hosts.limits import Budget
from connector.runtime import Runtime
from connector.services.okr_databases import setting_up
from connector.store.tables import Connection
from tests.services.okr_databases.bare import Bare, bare_world
from tests.support.window_clock import WindowClock, window_clock

PLAN = 180  # requests a minute below the Business plan
PER_OBJECTIVE = 5


@contextmanager
def workspace(folder: Path, url: str, rows: int) -> Iterator[Bare]:
    """OKR databases made by us, and ``rows`` rows that people typed: key results below objectives of five."""
    log.configure("text", "warning")
    with bare_world(folder, database_url=url) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        setting_up.set_up(scene.runtime, SYSTEM, "acme-notion", scene.page)
        sources = {kind: row.source for kind, row in scene.databases().items()}
        world, author = scene.sandbox.world, scene.accounts["Alice"]
        for number in range(rows):
            if number % PER_OBJECTIVE == 0:
                values = {"Objective": f"Objective {number // PER_OBJECTIVE}", "Cycle": "Q4"}
                above = world.add_row(sources[DatabaseKind.OBJECTIVES], values, author=author)
            owner = [scene.accounts["Bob"]]
            typed = {"Key result": f"Result {number}", "From": 0, "To": 50, "Objective": [above], "Owner": owner}
            world.add_row(sources[DatabaseKind.KEY_RESULTS], typed, author=author, created_at=minute(number))
        scene.sandbox.log.clear()
        scene.sandbox.counts.clear()
        yield scene


def minute(number: int) -> str:
    """Times of creation, a hundred rows to a minute."""
    at = number // 100
    return f"2026-{at // 40_320 + 1:02}-{at // 1440 % 28 + 1:02}T{at // 60 % 24:02}:{at % 60:02}:00.000Z"


@contextmanager
def paced(runtime: Runtime, connection: int, name: str = "acme-notion", plan: int = PLAN) -> Iterator[WindowClock]:
    """The connection on a plan of ``plan`` requests a minute, its pauses not slept but counted: ``clock.now`` tells the time with them."""
    with runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.id == connection).values(options={"requests_per_minute": plan}))
    wait = Gateway._wait_for_budget
    with window_clock(running=True) as clock:

        def counted(self: Gateway, method: str, path: str) -> None:
            self.sleep = clock.sleep
            wait(self, method, path)

        Gateway._wait_for_budget = counted  # type: ignore[method-assign]  # all pauses for budget pass here
        runtime._budgets[connection] = Budget(f"{connection}-{name}", clock=clock)
        try:
            yield clock
        finally:
            Gateway._wait_for_budget = wait  # type: ignore[method-assign]
            del runtime._budgets[connection]
