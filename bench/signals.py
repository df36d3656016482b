"""The night's look at all key results: 2,000 with a year of daily readings, counted nights and weekly check-ins; SQL included.

The first run notes what it finds, the second finds nothing new; both are the product's own, in this process.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bench._company import JIRA_AUTH, add_connection, add_key_results, moment, peak_megabytes, runtime_in
from bench.report import Row, at_most, scaled
from connector.runtime import Runtime
from connector.services.signals.nightly import find_all
from connector.store.tables import CheckIn, KeyResult, MappingDay, Reading

KEY_RESULTS, DAYS, NIGHTS, CHECK_INS = 2_000, 365, 120, 12
BOUND = 60.0  # seconds


def run() -> list[Row]:
    """On SQLite."""
    with tempfile.TemporaryDirectory() as folder, runtime_in(Path(folder), log_level="warning") as runtime:
        return measure(runtime)


def measure(runtime: Runtime) -> list[Row]:
    """The first look and the one after it."""
    key_results = scaled(KEY_RESULTS)
    fill(runtime, key_results)
    begun = time.perf_counter()
    first = find_all(runtime)
    took = time.perf_counter() - begun
    begun = time.perf_counter()
    second = find_all(runtime)
    again = time.perf_counter() - begun
    name = f"{key_results:,} key results, {key_results * DAYS:,} readings"
    return [
        at_most(f"{name}: the first look", took, "s", BOUND),
        at_most(f"{name}: again", again, "s", BOUND),
        Row("signals that began", first, ""),
        at_most("changes of the second look", second, "", 0.0),
        Row("peak memory, with the filling", peak_megabytes(), "MB"),
    ]


def fill(runtime: Runtime, key_results: int) -> None:
    """Key results with a mapping each, as a year of nights leaves them: some move, some stand still while work is done."""
    connection = add_connection(runtime, "acme-jira", "jira", "http://127.0.0.1:9", JIRA_AUTH)
    rules = ({"select": {"epics": [f"ACME-{number + 1}"]}, "measure": "points_share", "mode": "context"} for number in range(key_results))
    names = add_key_results(runtime, connection, rules)
    now = moment()
    for number, name in enumerate(names):
        still = number % 3 == 0
        values = [40.0 if still else round(20 + 40 * day / DAYS, 2) for day in range(DAYS)]
        readings: list[dict[str, Any]] = []
        for day, value in enumerate(values):
            at = now - timedelta(days=DAYS - 1 - day)
            told = {"key_result_id": name, "value": value, "kind": "mapping", "as_of": at, "day": at.date(), "recorded_at": at}
            readings.append({**told, "actor": "sync", "source": {"items": 100, "done": 40, "total": 100}})
        check_ins: list[dict[str, Any]] = [
            {
                "key_result_id": name, "value": values[-1 - 7 * week], "confidence": 8, "decision": "none", "source": "bench",
                "source_id": f"{name}-{week}", "as_of": now - timedelta(days=7 * week), "created_at": now - timedelta(days=7 * week),
            }
            for week in range(CHECK_INS)
        ]  # fmt: skip
        nights: list[dict[str, Any]] = [
            {
                "mapping_id": number + 1, "day": now.date() - timedelta(days=NIGHTS - 1 - night), "items": 200, "done": night,
                "started": 5, "points": 400.0, "points_done": 2.0 * night,
            }
            for night in range(NIGHTS)
        ]  # fmt: skip
        with runtime.store.write() as session:
            session.execute(insert(Reading), readings)
            session.execute(insert(CheckIn), check_ins)
            session.execute(insert(MappingDay), nights)
            shown = {"current": values[-1], "raw_progress": values[-1] / 100, "progress": values[-1] / 100, "state": "at_risk"}
            session.execute(update(KeyResult).where(KeyResult.id == name).values(**shown))
