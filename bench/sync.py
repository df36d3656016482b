"""The nightly sync: requests, memory and writes over 50,000 issues and 20,000 rows, beside the script that anybody would write first.

The connector's side runs alone in a process (``_child``); the stand-ins count what they are asked. Four runs of each site: the
first sees everything, the second nothing new, the third a fiftieth changed that no webhook told.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from atlassian.jira import JiraCloud

from bench._company import JIRA_AUTH, NOTION_AUTH, Slow, add_connection, add_key_results, child, runtime_in, served
from bench.report import Row, at_most, beside, scaled, times_fewer
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox

LONG_AGO = "2026-01-05T10:00:00+00:00"
EPICS_EACH = 10  # epics that one key result names
ROWS = 20_000
STAGES = 20
EVERY = 50  # one item in so many changes between two nights
MEGABYTES = 300.0


def run() -> list[Row]:
    """All sites, one after the other."""
    return [*jira(scaled(500), 100), *jira(scaled(5_000), 10), *notion(scaled(ROWS, least=STAGES))]


def jira(epics: int, children: int) -> list[Row]:
    """A site of ``epics`` × ``children`` issues, ten epics to a key result."""
    box = JiraSandbox()
    old: dict[str, Any] = {"created": LONG_AGO, "updated": LONG_AGO}
    names = [box.add_issue("ACME", f"Epic {number}", type="Epic", **old) for number in range(epics)]
    stories = [
        box.add_issue("ACME", f"Story {number}", parent=name, category="done" if number % 3 == 0 else "new", **old)
        for name in names
        for number in range(children)
    ]
    rules = [{"select": {"epics": names[start : start + EPICS_EACH]}, "measure": "done_share"} for start in range(0, epics, EPICS_EACH)]
    label = f"{len(stories):,} issues, {epics:,} epics of {children}"
    with tempfile.TemporaryDirectory() as folder, served(box) as (url, counter):
        with runtime_in(Path(folder)) as runtime:
            connection = add_connection(runtime, "acme-jira", "jira", url, JIRA_AUTH)
            add_key_results(runtime, connection, rules)

        def night() -> tuple[dict[str, Any], int]:
            box.forget_log()
            told = child("sync", Path(folder), str(connection))
            return told, box.writes

        def yesterday() -> None:  # what our panels touched must not count as changed lately: a day has passed
            for name in names:
                issue = box.world.find(name)
                assert issue is not None
                issue["fields"]["updated"] = issue["fields"]["created"]

        first, _ = night()
        yesterday()
        second, written = night()
        for name in stories[::EVERY]:
            box.set_status(name, "indeterminate")
        third, _ = night()
        plain = plain_jira(url, counter, names)
        changed = count_changed(stories)
        many = children <= 10  # lists of epics are what the plain script pays for
        allowed = 1.05 * ceil(len(stories) / 100) + ceil(epics / 50) + len(rules)
        asked, plain_seconds = plain["requests"], plain["seconds"]
        name = f"{label}: requests of the first sync"
        rows = [at_most(name, first["requests"], "requests", allowed)]
        name = f"{label}: the same beside one JQL per epic"
        rows.append(
            times_fewer(name, first["requests"], "requests", asked, 8.0) if many else beside(name, first["requests"], "requests", asked)
        )
        name = f"{label}: requests of a night with {changed:,} changes"
        rows.append(
            times_fewer(name, third["requests"], "requests", asked, 100.0) if many else beside(name, third["requests"], "requests", asked)
        )
        return [
            *rows,
            exact(f"{label}: changes repaired that night", third["changed"], changed),
            beside(f"{label}: seconds of that night", third["sync_seconds"], "s", plain_seconds),
            beside(f"{label}: seconds of the first sync", first["sync_seconds"], "s", plain_seconds),
            at_most(f"{label}: peak memory of the sync", first["sync_memory"], "MB", MEGABYTES),
            at_most(f"{label}: peak memory with roll-up and panels", first["memory"], "MB", MEGABYTES),
            Row(f"{label}: requests of the second run", second["requests"], "requests"),
            at_most(f"{label}: writes of the second run", written, "requests", 0),
        ]


def plain_jira(url: str, counter: Slow, epics: Sequence[str]) -> dict[str, float]:
    """The obvious script: the plain client library and one JQL per epic. It reads and counts, and stores nothing."""
    client = JiraCloud(url, username=JIRA_AUTH["email"], password=JIRA_AUTH["api_token"])

    def read() -> None:
        for epic in epics:
            issues = client.enhanced_jql_get_list_of_tickets(f"parent = {epic}", fields=["status", "summary", "updated", "parent"])
            sum(issue["fields"]["status"]["statusCategory"]["key"] == "done" for issue in issues)

    return timed(read, counter)


def notion(count: int) -> list[Row]:
    """One database of ``count`` rows, which twenty key results share by a filter."""
    box = NotionSandbox()
    stages = [f"Stage {number}" for number in range(STAGES)]
    database, source = box.world.add_database("Deals", {"Stage": {"type": "select", "options": stages}, "Seats": "number"})
    pages: list[str] = []
    for number in range(count):
        values = {"Name": f"Deal {number}", "Stage": stages[number % STAGES], "Seats": number % 50}
        pages.append(box.world.add_row(source, values, created_at=minute(number)))
    rules = [{"select": {"database": database, "filter": {"Stage": stage}}, "measure": {"sum": "Seats"}} for stage in stages]
    label = f"{count:,} rows"
    with tempfile.TemporaryDirectory() as folder, served(box) as (url, _):
        with runtime_in(Path(folder)) as runtime:
            connection = add_connection(runtime, "acme-notion", "notion", url, NOTION_AUTH)
            add_key_results(runtime, connection, rules)

        def night() -> tuple[dict[str, Any], int]:
            box.log.clear()
            box.counts.clear()
            return child("sync", Path(folder), str(connection)), box.writes

        first, _ = night()
        second, written = night()
        for page in pages[::EVERY]:
            box.world.set_property(page, "Seats", 1000)
        third, _ = night()
        return [
            at_most(f"{label}: requests of the first sync", first["requests"], "requests", 1.05 * ceil(count / 100) + len(rules)),
            Row(f"{label}: seconds of the first sync", first["sync_seconds"], "s"),
            at_most(f"{label}: peak memory with roll-up", first["memory"], "MB", MEGABYTES),
            at_most(f"{label}: writes of the second run", written, "requests", 0),
            beside(f"{label}: requests of the second run", second["requests"], "requests", first["requests"]),
            beside(f"{label}: requests of a night with changes", third["requests"], "requests", first["requests"]),
            exact(f"{label}: changes repaired that night", third["changed"], count_changed(pages)),
        ]


def exact(name: str, value: int, expected: int) -> Row:
    """A row that must be exactly what is expected."""
    return Row(name, value, "items", expected, None, "exactly that", value == expected)


def count_changed(items: Sequence[str]) -> int:
    """How many items change between two nights."""
    return len(items[::EVERY])


def minute(number: int) -> str:
    """A creation time: forty rows a minute, long ago."""
    return time.strftime("%Y-%m-%dT%H:%M:00.000Z", time.gmtime(1_750_000_000 + number // 40 * 60))


def timed(call: Callable[[], None], counter: Slow) -> dict[str, float]:
    """Seconds and requests of ``call``."""
    before, begun = counter.requests, time.perf_counter()
    call()
    return {"seconds": time.perf_counter() - begun, "requests": counter.requests - before}
