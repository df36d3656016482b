"""From a person's change at the host to the panel written there: the whole product with real processes, hosts 50 ms away.

First one change at a time (median and 95th percentile), then a thousand deliveries about one epic within two seconds: few reads, few
writes, and the panel shows the last state. The stand-ins send their own deliveries, and echoes of our writes, as the hosts do.
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench._company import JIRA_AUTH, NOTION_AUTH, SECRET, add_connection, add_key_results, runtime_in, served
from bench._plant import Sent, plant, post_all
from bench.report import Row, at_most, scaled
from connector import log
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.jira.sandbox_views import webhook_issue
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import drain as drains
from connector.services import sync as syncs
from connector.store.tables import Objective
from webhooks.signatures import sign

LATENCY = 0.05  # seconds, before every answer of a host
CHANGES, REST = 30, 1.5  # changes one at a time, seconds between them
BURST = 1_000
CHILDREN = 20
QUIET = 4.0  # seconds without a request of ours after which a burst is over
PATIENCE = 30.0


def run() -> list[Row]:
    """Both hosts."""
    return [*jira(), *notion()]


def jira() -> list[Row]:
    """One epic with twenty children, measured as a share done."""
    box = JiraSandbox()
    epic = box.add_issue("ACME", "Epic", type="Epic")
    children = [box.add_issue("ACME", f"Story {number}", parent=epic) for number in range(CHILDREN)]
    rule = {"select": {"epics": [epic]}, "measure": "done_share"}
    with tempfile.TemporaryDirectory() as name, served(box, LATENCY) as (url, _):
        folder = Path(name)
        log.configure("text", "warning")
        with runtime_in(folder) as runtime:
            connection = add_connection(runtime, "acme-jira", "jira", url, JIRA_AUTH)
            add_key_results(runtime, connection, [rule])
            syncs.sync_connection(runtime, connection)
            drains.settle(runtime)
            drains.drain(runtime, connection)

        def shown() -> str:
            issue = box.world.find(epic)
            assert issue is not None
            return "; ".join(str(link["body"]["object"].get("summary")) for link in issue["links"].values())

        def property_value() -> str:
            issue = box.world.find(epic)
            assert issue is not None
            return json.dumps(issue["properties"])

        with plant(folder) as address:
            box.webhook_secret, box.webhook_url = SECRET, f"{address}/webhooks/acme-jira"
            done = [False] * CHILDREN

            def change(number: int) -> None:
                place = number % CHILDREN
                done[place] = not done[place]
                box.set_status(children[place], "done" if done[place] else "new")

            times = one_by_one(change, lambda: (shown(), property_value()))
            box.webhook_url = ""
            settle(lambda: len(box.log))
            box.forget_log()

            def delivery(number: int) -> Sent:
                place = number % CHILDREN
                done[place] = number >= BURST - 7 or number % 3 == 0
                box.set_status(children[place], "done" if done[place] else "new")
                issue = box.world.find(children[place])
                assert issue is not None
                body = {
                    "timestamp": int(time.time() * 1000), "webhookEvent": "jira:issue_updated", "issue": webhook_issue(box.world, issue)
                }  # fmt: skip
                raw = json.dumps(body).encode()
                signed = {"X-Hub-Signature": sign(SECRET, raw), "X-Atlassian-Webhook-Identifier": str(uuid.uuid4())}
                return raw, {"Content-Type": "application/json", **signed}

            burst = scaled(BURST)
            deliveries = [delivery(number) for number in range(BURST - burst, BURST)]
            box.webhook_url = f"{address}/webhooks/acme-jira"
            seconds, accepted = post_all(address, "/webhooks/acme-jira", deliveries)
            settle(lambda: len(box.log))
            share = round(100 * sum(done) / CHILDREN)
            right = f"now {share}" in shown()
            return [*delays("Jira", times), *bursts("Jira", burst, seconds, accepted, box.reads, box.writes, right)]


def notion() -> list[Row]:
    """One database with twenty rows, summed, shown on an objective's page."""
    box = NotionSandbox()
    database, source = box.world.add_database("Deals", {"Seats": "number"})
    pages = [box.world.add_row(source, {"Name": f"Deal {number}", "Seats": 1}) for number in range(CHILDREN)]
    page = box.world.add_page("Growth")
    rule = {"select": {"database": database}, "measure": {"sum": "Seats"}}
    with tempfile.TemporaryDirectory() as name, served(box, LATENCY) as (url, _):
        folder = Path(name)
        log.configure("text", "warning")
        with runtime_in(folder) as runtime:
            connection = add_connection(runtime, "acme-notion", "notion", url, NOTION_AUTH)
            [key_result] = add_key_results(runtime, connection, [rule])
            with runtime.store.write() as session:
                objective = session.get_one(Objective, f"o{connection}-0")
                objective.pages = [{"connection": connection, "ref": page}]
            syncs.sync_connection(runtime, connection)
            drains.settle(runtime)
            drains.drain(runtime, connection)
        assert key_result

        def shown() -> str:
            with box.world.lock:
                blocks = [box.world.data["blocks"][each] for each in box.world.data["pages"][page]["children"]]
                return "".join(run["plain_text"] for block in blocks for run in block["content"].get("rich_text", ()))

        with plant(folder) as address:
            box.secret, box.webhook_url = SECRET, f"{address}/webhooks/acme-notion"
            seats = [1] * CHILDREN

            def change(number: int) -> None:
                seats[number % CHILDREN] += 1
                box.world.set_property(pages[number % CHILDREN], "Seats", seats[number % CHILDREN])

            times = one_by_one(change, shown)
            box.webhook_url = ""
            settle(lambda: len(box.log))
            box.counts.clear()
            row = pages[0]
            burst = scaled(BURST)
            deliveries: list[Sent] = []
            for number in range(burst):
                box.world.set_property(row, "Seats", number)
                event = {**box.events[-1], "id": str(uuid.uuid4())}
                raw = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
                deliveries.append((raw, {"Content-Type": "application/json", "X-Notion-Signature": sign(SECRET, raw)}))
            seats[0] = burst - 1
            box.webhook_url = f"{address}/webhooks/acme-notion"
            seconds, accepted = post_all(address, "/webhooks/acme-notion", deliveries)
            settle(lambda: len(box.log))
            text = "".join(shown().split())  # thin gaps between thousands, hard spaces before units
            return [
                *delays("Notion", times),
                *bursts("Notion", burst, seconds, accepted, box.reads, box.writes, f"now{sum(seats)}" in text),
            ]


def one_by_one(change: Callable[[int], None], shown: Callable[[], Any]) -> list[float]:
    """Seconds from each change to a panel that differs; the sender's own way to the door is part of it."""
    times: list[float] = []
    for number in range(scaled(CHANGES, least=3)):
        time.sleep(REST)
        before = shown()
        begun = time.perf_counter()
        change(number)
        while shown() == before:
            if time.perf_counter() - begun > PATIENCE:
                raise RuntimeError("a change did not reach its panel")
            time.sleep(0.004)
        times.append(time.perf_counter() - begun)
    return times


def settle(counter: Callable[[], int]) -> None:
    """Wait until nothing is asked any more."""
    last, since = counter(), time.monotonic()
    ends = since + PATIENCE * 2
    while time.monotonic() - since < QUIET and time.monotonic() < ends:
        time.sleep(0.1)
        if counter() != last:
            last, since = counter(), time.monotonic()


def delays(host: str, times: list[float]) -> list[Row]:
    """Median and 95th percentile."""
    ordered = sorted(times)
    return [
        at_most(f"{host}: change to panel, median of {len(times)}", ordered[len(ordered) // 2], "s", 1.0),
        at_most(f"{host}: change to panel, 95th percentile", ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], "s", 2.0),
    ]


def bursts(host: str, sent: int, seconds: float, accepted: int, reads: int, writes: int, right: bool) -> list[Row]:
    """What a burst cost."""
    return [
        Row(f"{host}: seconds in which {sent:,} deliveries came", seconds, "s"),
        Row(f"{host}: of them accepted", accepted, "", sent, accepted / sent, "all", accepted == sent),
        at_most(f"{host}: host reads after them", reads, "requests", 10),
        at_most(f"{host}: panel writes after them", writes, "requests", 4),
        Row(f"{host}: the panel shows the last state", float(right), "", bound="yes", ok=right),
    ]
