"""The preview of a mapping over many items, from a host that answers 50 ms late: when the first numbers come, and when all of it.

Jira by epics and by JQL, and Notion by database, each beside the plain walk, page after page, over the same items.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench._company import JIRA_AUTH, NOTION_AUTH, Slow, add_connection, child, runtime_in, served
from bench.report import Row, at_most, beside, scaled
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox

LATENCY = 0.05  # seconds
ITEMS = 5_000
FIRST, WHOLE = 1.0, 3.0  # seconds
EPICS = 10
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)


def run() -> list[Row]:
    """Both hosts."""
    return [*jira(scaled(ITEMS, least=EPICS)), *notion(scaled(ITEMS))]


def jira(count: int) -> list[Row]:
    """A site of ``count`` issues below ten epics."""
    box = JiraSandbox()
    names = [box.add_issue("ACME", f"Epic {number}", type="Epic") for number in range(EPICS)]
    for number in range(count):
        box.add_issue("ACME", f"Story {number}", parent=names[number % EPICS], category="done" if number % 3 == 0 else "new")
    rows: list[Row] = []
    with served(box, LATENCY) as (url, counter):
        for what, select in (("epics", {"epics": names}), ("JQL", {"jql": "project = ACME AND parent is not EMPTY"})):
            mapping = {"connection": "acme-jira", "select": select, "measure": "done_share"}
            rows += _measured(f"Jira, {count:,} issues by {what}", "jira", url, JIRA_AUTH, counter, mapping, count)
    return rows


def notion(count: int) -> list[Row]:
    """One database of ``count`` rows."""
    box = NotionSandbox()
    database, source = box.world.add_database("Deals", {"Stage": {"type": "select", "options": ["Won", "Lost"]}, "Seats": "number"})
    for number in range(count):
        at = (BEGIN + timedelta(minutes=number)).isoformat()
        box.world.add_row(source, {"Name": f"Deal {number}", "Stage": "Won" if number % 3 else "Lost", "Seats": number % 50}, created_at=at)
    mapping = {"connection": "acme-notion", "select": {"database": database}, "measure": {"sum": "Seats", "of": "all"}}
    with served(box, LATENCY) as (url, counter):
        return _measured(f"Notion, {count:,} rows", "notion", url, NOTION_AUTH, counter, mapping, count)


def _measured(label: str, host: str, url: str, auth: dict[str, str], counter: Slow, mapping: dict[str, Any], count: int) -> Sequence[Row]:
    with tempfile.TemporaryDirectory() as folder:
        with runtime_in(Path(folder)) as runtime:
            add_connection(runtime, mapping["connection"], host, url, auth)
        told = child("preview", Path(folder), repr(mapping))
        plain = child("preview_plain", Path(folder), repr(mapping))
    if (told["items"], plain["items"]) != (count, count):
        raise RuntimeError(f"{label}: counted {told['items']} and {plain['items']} of {count}")
    return [
        at_most(f"{label}: first numbers", told["first"], "s", FIRST),
        at_most(f"{label}: the whole preview", told["seconds"], "s", WHOLE),
        beside(f"{label}: the same beside the plain walk", told["seconds"], "s", plain["seconds"]),
        beside(f"{label}: requests", told["requests"], "requests", plain["requests"]),
        Row(f"{label}: partial answers on the way", told["partial"], ""),
        at_most(f"{label}: again with another measure", told["again"], "s", FIRST),
        at_most(f"{label}: requests of that", told["requests_again"], "requests", 0),
    ]
