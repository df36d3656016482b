"""A night over 20,000 rows on the plan with 180 requests a minute, pauses counted and not slept: beside the time that the limit allows.

All of it: delivery data that twenty key results measure, and OKR databases with their rows. The limit's own time is that of a client that
spends its requests evenly; what our own work takes is part of ours.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench._notion import PLAN, minute, paced, workspace
from bench.report import Row, at_most, scaled
from connector.services.okr_databases.importing import read_all
from connector.services.sync import sync_connection

ROWS = 20_000
STAGES = 20
OKR_ROWS = 500  # of them, key results


def run() -> list[Row]:
    """SQLite: the pace is the host's."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def measure(folder: Path) -> list[Row]:
    """One night with nothing new, one with a fiftieth changed that no webhook told."""
    okr_rows, count = scaled(OKR_ROWS, least=5), scaled(ROWS, least=STAGES)
    with workspace(folder, "", okr_rows) as scene:
        world = scene.sandbox.world
        stages = [f"Stage {number}" for number in range(STAGES)]
        database, source = world.add_database("Deals", {"Stage": {"type": "select", "options": stages}, "Seats": "number"})
        deals = count - okr_rows - -(-okr_rows // 5) if count > okr_rows * 2 else count
        pages = [
            world.add_row(
                source,
                {"Name": f"Deal {number}", "Stage": stages[number % STAGES], "Seats": number % 50},
                created_at=minute(number),
            )
            for number in range(deals)
        ]
        scene.company.objective("deals")
        for number, stage in enumerate(stages):
            scene.company.key_result(f"kr-{number}", "deals", unit="")
            select = {"database": database, "filter": {"Stage": stage}}
            scene.company.mapping(f"kr-{number}", scene.connection, select=select, measure={"sum": "Seats"})
        read_all(scene.runtime, scene.row(), background=True)
        sync_connection(scene.runtime, scene.connection, trigger="bench", full=True)
        rows = []
        for label, changed in (("nothing new", 0), ("a fiftieth changed", max(1, deals // 50))):
            for page in pages[:changed]:
                world.set_property(page, "Seats", 1000)
            scene.company.clock.ahead += 86_400.0
            rows += night(scene, f"{deals + okr_rows:,} rows, {label}")
        return rows


def night(scene, label: str) -> list[Row]:  # type: ignore[no-untyped-def]  # a scene of the tests
    """One full run, and its time beside the limit's."""
    scene.sandbox.counts.clear()
    with paced(scene.runtime, scene.connection) as clock:
        before, begun = clock.now, time.perf_counter()
        run = sync_connection(scene.runtime, scene.connection, trigger="bench", full=True)
        worked, took = time.perf_counter() - begun, clock.now - before
    asked = scene.sandbox.reads + scene.sandbox.writes
    limit = asked * 60.0 / PLAN
    return [
        Row(f"{label}: requests", asked, "requests"),
        Row(f"{label}: seconds of our own work, alone", worked, "s"),
        at_most(f"{label}: seconds with the pauses, beside {limit:.0f} s by the limit", took, "s", max(limit, 10.0) * 1.1),
        at_most(f"{label}: writes", scene.sandbox.writes, "requests", 0),
        Row(f"{label}: changes repaired", run.changed, ""),
    ]
