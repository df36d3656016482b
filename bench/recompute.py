"""Recomputing every key result from the mirror on SQLite: seconds at three sizes, so that the cost can be seen to be linear.

No host is called: the mirror is filled directly, the computation is the product's own, alone in a process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bench._company import JIRA_AUTH, add_connection, add_key_results, child, moment, runtime_in
from bench.report import Row, at_most, scaled
from connector.runtime import Runtime
from connector.store.tables import Item, Mapping, MappingItem

KEY_RESULTS, ITEMS_EACH = 2_000, 100
BATCH = 5_000


def run(shares: Sequence[float] = (0.25, 0.5, 1.0)) -> list[Row]:
    """Some sizes, the full one last; the second computation of each is measured, as every night's is."""
    rows: list[Row] = []
    per_item: list[float] = []
    for share in shares:
        key_results = scaled(round(KEY_RESULTS * share))
        items = key_results * ITEMS_EACH
        with tempfile.TemporaryDirectory() as folder:
            with runtime_in(Path(folder)) as runtime:
                fill(runtime, key_results)
            first = child("recompute", Path(folder))
            again = child("recompute", Path(folder))
        per_item.append(again["cpu"] / items)
        name = f"{key_results:,} key results over {items:,} items"
        rows.append(Row(f"{name}: the first time", first["seconds"], "s"))
        if share == 1.0:
            rows.append(at_most(f"{name}: again", again["seconds"], "s", 30.0))
            rows.append(at_most(f"{name}: peak memory", again["memory"], "MB", 300.0))
        else:
            rows.append(Row(f"{name}: again", again["seconds"], "s"))
    growth = per_item[-1] / per_item[0]
    rows.append(
        Row("processor time per item, largest against smallest size", growth, "", None, growth, "at most 1.5 (linear)", growth <= 1.5)
    )
    return rows


def fill(runtime: Runtime, key_results: int) -> None:
    """``key_results`` with a mapping of ``ITEMS_EACH`` items each, as a sync leaves them."""
    connection = add_connection(runtime, "acme-jira", "jira", "http://127.0.0.1:9", JIRA_AUTH)
    add_key_results(
        runtime, connection, ({"select": {"epics": [f"ACME-{number + 1}"]}, "measure": "points_share"} for number in range(key_results))
    )
    now = moment()
    with runtime.store.write() as session:
        for number in range(key_results):
            resolved = {"refs": {f"ACME-{number + 1}": str(number + 1)}, "fields": {"": ["customfield_10016"]}}
            session.execute(update(Mapping).where(Mapping.id == number + 1).values(resolved=resolved, listed_at=now))
        items: list[dict[str, Any]] = [
            {
                "id": number + 1,
                "connection_id": connection,
                "ref": str(100_000 + number),
                "key": f"ACME-{100_000 + number}",
                "title": f"Story {number}",
                "url": f"https://acme.example/browse/ACME-{100_000 + number}",
                "kind": "issue",
                "container": "ACME",
                "parents": [str(number // ITEMS_EACH + 1)],
                "category": ("new", "indeterminate", "done")[number % 3],
                "status": "Open",
                "fields": {"customfield_10016": float(number % 8)},
                "created_at": now,
                "updated_at": now,
                "seen_at": now,
            }
            for number in range(key_results * ITEMS_EACH)
        ]
        for start in range(0, len(items), BATCH):
            part = items[start : start + BATCH]
            session.execute(insert(Item), part)
            session.execute(
                insert(MappingItem), [{"mapping_id": (item["id"] - 1) // ITEMS_EACH + 1, "item_id": item["id"]} for item in part]
            )
