"""200 edits on 50 rows within a minute, on the plan with 180 requests a minute and while a night runs: real processes, one limit for all.

People edit the goal of key results in Notion; what is measured is the time until the callout on the row's page shows that edit, or a later
one of the same row. The stand-in counts every request by the second, so that the limit is seen to be kept.
"""

from __future__ import annotations

import random
import re
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from bench._company import KEY, NOTION_AUTH, SECRET, add_connection, runtime_in, served
from bench._notion import PLAN
from bench._plant import plant
from bench.loop import settle
from bench.report import Row, at_most, scaled
from connector import log
from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import HostError
from connector.hosts.notion.sandbox import NotionSandbox
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.services import drain as drains
from connector.services.okr_databases import setting_up
from connector.services.okr_databases.records import databases_of
from connector.services.sync import sync_connection
from connector.settings import load_settings
from connector.store.tables import Connection, Cycle, KeyResult, Objective, Person, PersonAccount
from connector.store.tables import Mapping as MappingRow

ROWS, EDITS, SECONDS = 50, 200, 60.0
DEALS = 9_000  # rows of delivery data that the night reads meanwhile
LATENCY = 0.05  # seconds, before every answer of Notion
PATIENCE = 180.0
_GOAL = re.compile(r"\bto (\d[\d\s,.]*)")  # thousands are set apart by thin gaps
_GOAL_SIGNS = re.compile(r"\d")


class Counted:
    """The stand-in, which notes when each request came."""

    def __init__(self, box: NotionSandbox) -> None:
        self.box, self.at = box, list[float]()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        self.at.append(time.monotonic())
        return self.box(environ, start_response)

    def most(self, seconds: float) -> int:
        """The most requests within any window of so many seconds."""
        first, most = 0, 0
        for last, moment in enumerate(self.at):
            while self.at[first] <= moment - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


def run() -> list[Row]:
    """With a night beside it."""
    rows, edits = scaled(ROWS, least=2), scaled(EDITS, least=6)
    seconds = max(3.0, SECONDS * edits / EDITS)
    box = NotionSandbox()
    counted = Counted(box)
    log.configure("text", "warning")
    with tempfile.TemporaryDirectory() as name, served(counted, LATENCY) as (url, _):
        folder = Path(name)
        with runtime_in(folder) as runtime:
            connection, refs = workspace(runtime, box, url, rows)
        told: dict[str, str] = {}
        with plant(folder, told) as address:
            box.secret, box.webhook_url = SECRET, f"{address}/webhooks/acme-notion"
            counted.at.clear()
            night = threading.Thread(target=_night, args=(folder, told["redis"], connection))
            night.start()
            times, lost = edit(box, refs, edits, seconds)
            settle(lambda: len(box.log))
            night.join(PATIENCE)
        label = f"{edits} edits on {rows} rows in {seconds:.0f} s"
        ordered = sorted(times)
        with runtime_in(folder) as runtime, runtime.store.read() as session:
            synced = session.get_one(Connection, connection).last_sync_at is not None
            known = dict(iter(session.execute(select(KeyResult.id, KeyResult.target))))
        shown = {f"kr-{number}": _goal(box, ref) for number, ref in enumerate(refs)}
        return [
            at_most(f"{label}: edit to callout, 95th percentile", ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], "s", 60.0),
            Row(f"{label}: edit to callout, median", ordered[len(ordered) // 2], "s"),
            at_most(f"{label}: edits that never showed", lost, "", 0),
            Row(f"{label}: last edits that arrived here", float(known == shown), "", bound="all", ok=known == shown),
            at_most(f"{label}: requests in the fullest minute", counted.most(60.0), "requests", PLAN),
            Row(f"{label}: requests altogether, the night’s too", len(counted.at), "requests"),
            Row(f"{label}: the night went through", float(synced), "", bound="yes", ok=synced),
        ]


def workspace(runtime: Runtime, box: NotionSandbox, url: str, rows: int) -> tuple[int, list[str]]:
    """The databases, a row with its callout for each key result, and delivery data; gives the connection and the rows in their order."""
    connection = add_connection(runtime, "acme-notion", "notion", url, NOTION_AUTH)
    account = box.world.add_person("Alice", "alice@acme.example")
    deals, source = box.world.add_database("Deals", {"Seats": "number"})
    for number in range(scaled(DEALS, least=10)):
        box.world.add_row(
            source, {"Name": f"Deal {number}", "Seats": 1}, created_at=f"2026-01-05T{number // 600:02}:{number // 10 % 60:02}:00.000Z"
        )
    today = runtime.now().date()
    with runtime.store.write() as session:
        cycle = Cycle(name="Q4", start=today.replace(day=1), end=today.replace(year=today.year + 1), started_at=runtime.now())
        person = Person(email="alice@acme.example", name="Alice", role="admin")
        session.add_all([cycle, person])
        session.flush()
        session.add(PersonAccount(person_id=person.id, connection_id=connection, account=account))
        for number in range(rows):
            if number % 5 == 0:
                session.add(Objective(id=f"o-{number // 5}", title=f"Objective {number // 5}", cycle_id=cycle.id, created_at=runtime.now()))
                session.flush()
            session.add(
                KeyResult(
                    id=f"kr-{number}", objective_id=f"o-{number // 5}", title=f"Result {number}", owner_id=person.id, kind="metric",
                    unit="", start=0.0, target=100.0, created_at=runtime.now(),
                )
            )  # fmt: skip
        session.flush()
        rule = {"select": {"database": deals}, "measure": {"sum": "Seats"}}
        session.add(MappingRow(key_result_id="kr-0", connection_id=connection, rule=rule, mode="value", created_at=runtime.now()))
    setting_up.set_up(runtime, SYSTEM, "acme-notion", box.world.add_page("OKRs"))
    ends = time.monotonic() + PATIENCE
    while len(refs := _rows(runtime, box, connection)) < rows and time.monotonic() < ends:
        drains.drain(runtime, connection)
    with runtime.store.write() as session:
        session.execute(update(Connection).values(options={"requests_per_minute": PLAN}))
    return connection, [refs[f"Result {number}"] for number in range(rows)]


def _rows(runtime: Runtime, box: NotionSandbox, connection: int) -> dict[str, str]:
    """Title → row, of those that have their callout."""
    with runtime.store.read() as session:
        source = databases_of(session, connection)[DatabaseKind.KEY_RESULTS].source
    found = [row for row in box.world.rows(source) if row["children"]]
    return {"".join(run["plain_text"] for run in row["values"].get("title", ())): row["id"] for row in found}


def edit(box: NotionSandbox, refs: list[str], edits: int, seconds: float) -> tuple[list[float], int]:
    """Edit at even distances, rows at random; gives the seconds that each edit took to its callout, and how many never showed."""
    chosen = random.Random(7)
    waiting: dict[str, list[tuple[int, float]]] = {ref: [] for ref in refs}
    times: list[float] = []
    begun, made = time.monotonic(), 0
    person = box.world.data["people"][0]["id"]
    while time.monotonic() < begun + seconds + PATIENCE:
        if made < edits and time.monotonic() >= begun + made * seconds / edits:
            ref, goal = chosen.choice(refs), 1000 + made
            box.world.set_property(ref, "To", goal, author=person)
            waiting[ref].append((goal, time.monotonic()))
            made += 1
        for ref, open_edits in waiting.items():
            if open_edits:
                goal = _goal(box, ref)
                now = time.monotonic()
                times += [now - at for wanted, at in open_edits if wanted <= goal]
                waiting[ref] = [(wanted, at) for wanted, at in open_edits if wanted > goal]
        if made == edits and not any(waiting.values()):
            break
        time.sleep(0.02)
    return times, sum(map(len, waiting.values()))


def _goal(box: NotionSandbox, ref: str) -> float:
    """The goal that the callout on a row's page shows: edits give numbers that only grow."""
    return max([float("".join(_GOAL_SIGNS.findall(found))) for found in _GOAL.findall(_text(box, ref))], default=0.0)


def _text(box: NotionSandbox, ref: str) -> str:
    with box.world.lock:
        blocks = [box.world.data["blocks"][each] for each in box.world.data["pages"][ref]["children"]]
        return " ".join(run["plain_text"] for block in blocks for run in block["content"].get("rich_text", ()))


def _night(folder: Path, redis_url: str, connection: int) -> None:
    settings = load_settings(data_dir=folder, allow_private_hosts=True, secret_key=KEY, redis_url=redis_url)
    runtime = build_runtime(settings, queue=InlineQueue())
    try:
        sync_connection(runtime, connection, trigger="bench", full=True)
    except HostError as error:
        log.configure("text", "warning")
        print(f"the night was stopped: {error}")
    finally:
        runtime.close()
