"""What the benchmarks share: a stand-in served with latency, a company in a database, and the memory of a child process.

Only set-up stands here; what is measured stands in the benchmarks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from connector.store.migrate import upgrade
from connector.store.tables import Connection, Cycle, KeyResult, Objective, Person
from connector.store.tables import Mapping as MappingRow
from tests.support.standin import running

SECRET = "a webhook secret for benchmarks"
KEY = "k" * 40
JIRA_AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}
NOTION_AUTH = {"token": "ntn_sandbox"}
BATCH = 500


class Slow:
    """A WSGI application that answers like another one, ``seconds`` later, and counts the requests by method."""

    def __init__(self, app: Any, seconds: float = 0.0) -> None:
        self.app, self.seconds, self.requests = app, seconds, 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.requests += 1
        if self.seconds:
            time.sleep(self.seconds)
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer


@contextmanager
def served(app: Any, seconds: float = 0.0) -> Iterator[tuple[str, Slow]]:
    """``app`` on a free port, ``seconds`` slower than it is; gives its address and the counter."""
    slow = Slow(app, seconds)
    with running(slow) as url:
        yield url, slow


@contextmanager
def runtime_in(folder: Path, **settings: Any) -> Iterator[Runtime]:
    """A runtime over a migrated database in ``folder``."""
    loaded = load_settings(data_dir=folder, allow_private_hosts=True, secret_key=KEY, **settings)
    upgrade(loaded)
    runtime = build_runtime(loaded, queue=InlineQueue())
    try:
        yield runtime
    finally:
        runtime.close()


def add_connection(runtime: Runtime, name: str, host: str, url: str, auth: Mapping[str, str]) -> int:
    """A connection to a stand-in; budgets are as wide as the host lets us set them."""
    with runtime.store.write() as session:
        row = Connection(
            name=name,
            host=host,
            url=url,
            auth=runtime.vault.seal(dict(auth)),
            webhook_secret=runtime.vault.seal(SECRET),
            options={"requests_per_minute": 1_000_000},
            created_at=runtime.now(),
        )
        session.add(row)
        session.flush()
        return row.id


def add_key_results(runtime: Runtime, connection: int, rules: Iterable[Mapping[str, Any]], *, per_objective: int = 5) -> list[str]:
    """One key result for each rule, in objectives of five, all in a cycle that runs now."""
    today = runtime.now().date()
    names: list[str] = []
    with runtime.store.write() as session:
        cycle = Cycle(
            name=f"cycle-{connection}", start=today - timedelta(days=40), end=today + timedelta(days=50), started_at=runtime.now()
        )
        person = Person(email=f"owner-{connection}@acme.example", name="Alice")
        session.add_all([cycle, person])
        session.flush()
        objectives: list[dict[str, Any]] = []
        key_results: list[dict[str, Any]] = []
        mappings: list[dict[str, Any]] = []
        for number, rule in enumerate(rules):
            objective = f"o{connection}-{number // per_objective}"
            if number % per_objective == 0:
                objectives.append({"id": objective, "title": objective, "cycle_id": cycle.id, "created_at": runtime.now()})
            names.append(f"kr{connection}-{number}")
            key_results.append({
                "id": names[-1], "objective_id": objective, "title": f"Key result {number}", "owner_id": person.id, "kind": "metric",
                "unit": "%", "start": 0.0, "target": 100.0, "created_at": runtime.now(),
            })  # fmt: skip
            mappings.append(
                {"key_result_id": names[-1], "connection_id": connection, "rule": dict(rule), "mode": "value", "created_at": runtime.now()}
            )
        for table, rows in ((Objective, objectives), (KeyResult, key_results), (MappingRow, mappings)):
            for start in range(0, len(rows), BATCH):
                session.execute(insert(table), rows[start : start + BATCH])
    return names


def child(role: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the connector's side alone in a process of its own (``bench._child``); gives what it measured."""
    env = {**os.environ, "OKR_DATA_DIR": str(folder), "OKR_SECRET_KEY": KEY, "OKR_ALLOW_PRIVATE_HOSTS": "1", "OKR_LOG_LEVEL": "warning"}
    done = subprocess.run([sys.executable, "-m", "bench._child", role, *arguments], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the benchmark's child failed:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def peak_megabytes() -> float:
    """The most resident memory that this process ever had, in MB (10^6 bytes)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def moment() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)
