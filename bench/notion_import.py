"""The first reading of OKR databases with 5,000 rows that people typed: its requests, its time, and what a second reading costs."""

from __future__ import annotations

import time
from math import ceil
from pathlib import Path

from sqlalchemy import func, select

from bench._databases import on_both
from bench._notion import PER_OBJECTIVE, paced, workspace
from bench.report import Row, at_most, scaled
from connector.services.okr_databases.importing import read_all
from connector.store.tables import KeyResult

ROWS = {"SQLite": 5_000, "Postgres": 1_000}


def run() -> list[Row]:
    """Both databases."""
    return on_both(measure)


def measure(name: str, folder: Path, url: str) -> list[Row]:
    """One database."""
    key_results = scaled(ROWS[name] * PER_OBJECTIVE // (PER_OBJECTIVE + 1), least=PER_OBJECTIVE)
    objectives = -(-key_results // PER_OBJECTIVE)
    count = key_results + objectives
    with workspace(folder, url, key_results) as scene:
        begun = time.perf_counter()
        first = read_all(scene.runtime, scene.row(), background=True)
        seconds = time.perf_counter() - begun
        writes = scene.sandbox.writes
        with scene.runtime.store.read() as session:
            made = session.scalar(select(func.count()).select_from(KeyResult)) or 0
        begun = time.perf_counter()
        second = read_all(scene.runtime, scene.row(), background=True)
        again = time.perf_counter() - begun
        with paced(scene.runtime, scene.connection) as clock:
            before = clock.now
            read_all(scene.runtime, scene.row(), background=True)
            took = clock.now - before
        label = f"{name}, {count:,} rows"
        changed = sum(each.changed for each in second.databases)
        return [
            at_most(f"{label}: requests of the import", first.requests, "requests", ceil(count / 100) + 10),
            at_most(f"{label}: writes among them", writes, "requests", 0),
            Row(f"{label}: key results made of {key_results:,}", made, "", bound="all", ok=made == key_results),
            Row(f"{label}: seconds of the import", seconds, "s"),
            Row(f"{label}: rows in a second", count / seconds, "/s"),
            at_most(f"{label}: requests of a second reading", second.requests, "requests", ceil(count / 100) + 10),
            Row(f"{label}: rows that it took for changed", changed, "", bound="none", ok=changed == 0),
            Row(f"{label}: seconds of a second reading", again, "s"),
            at_most(f"{label}: seconds of one with 180 requests a minute", took, "s", max(again, second.requests / 3) * 1.1 + 1.0),
        ]
