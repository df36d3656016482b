"""The webhook door against a bare Flask endpoint on the same server: requests per second, their ratio, latency, and kill -9 in mid-load.

gunicorn with gevent and two web processes, 10 KB signed bodies, 32 connections, rounds that take turns, medians.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import select

from bench.figures import Figure
from connector.settings import Settings
from connector.store.base import Store
from connector.store.migrate import upgrade
from connector.store.tables import Connection, Delivery
from connector.store.vault import Vault
from tests.support.services import free_port, postgres_server, redis_server

SECRET = "bench-webhook-secret"
KEY = "k" * 40
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
CONNECTIONS = 32
SIZE = 10_368


@contextmanager
def server(database_url: str, redis_url: str, folder: Path, **more: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A running gunicorn; gives port and process. ``more`` are further settings from the environment."""
    settings = Settings(data_dir=folder, database_url=database_url, secret_key=KEY)
    upgrade(settings)
    store = Store(settings.resolved_database_url)
    with store.write() as session:
        session.add(
            Connection(
                name="bench",
                host="jira",
                url="https://bench.example",
                auth=Vault(KEY).seal({}),
                webhook_secret=Vault(KEY).seal(SECRET),
                created_at=datetime.now(UTC),
            )
        )
    store.close()
    port = free_port()
    environment = os.environ | {
        "OKR_DATABASE_URL": database_url,
        "OKR_REDIS_URL": redis_url,
        "OKR_SECRET_KEY": KEY,
        "OKR_DATA_DIR": str(folder),
        "OKR_LOG_LEVEL": "error",
        **more,
    }
    arguments = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", "gevent", "--log-level", "error"]
    arguments += ["--keep-alive", "5", "--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *arguments, "bench.door_server:build()"], env=environment, start_new_session=True
    )
    try:
        _wait(port, process)
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
        with_children(process, signal.SIGKILL)


def with_children(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the server and its web processes."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
    process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as probe:
                probe.sendall(b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                if b" 200 " in probe.recv(100):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def load(port: int, path: str, seconds: float, **more: Any) -> dict[str, Any]:
    """One run of the load generator in a process of its own."""
    plan = {"host": "127.0.0.1", "port": port, "path": path, "connections": CONNECTIONS, "seconds": seconds, "secret": SECRET, "size": SIZE}
    plan |= {"prefix": uuid.uuid4().hex[:12], **more}
    done = subprocess.run([sys.executable, "-m", "bench.load"], input=json.dumps(plan).encode(), capture_output=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    if set(result["statuses"]) - {"200"}:
        raise RuntimeError(f"{path} answered {result['statuses']}")
    return result


def measure(database_url: str, redis_url: str, folder: Path, label: str, least: float) -> list[Figure]:
    """Throughput, ratio and latency on one database, then the kill."""
    with server(database_url, redis_url, folder) as (port, process):
        for path in ("/bare", "/webhooks/bench"):
            load(port, path, 0.5)
        bare, door = [], []
        for _ in range(ROUNDS):
            bare.append(load(port, "/bare", SECONDS))
            door.append(load(port, "/webhooks/bench", SECONDS))
        rates = {
            name: median(result["requests"] / result["seconds"] for result in results) for name, results in (("bare", bare), ("door", door))
        }
        lost, acknowledged = kill(port, process, database_url)
    return [
        Figure(f"{label}: bare Flask", rates["bare"], "req/s"),
        Figure(f"{label}: door", rates["door"], "req/s"),
        Figure(f"{label}: door / bare", rates["door"] / rates["bare"], "", at_least=least),
        Figure(f"{label}: door p50", median(result["p50"] for result in door), "ms"),
        Figure(f"{label}: door p99", median(result["p99"] for result in door), "ms", at_most=100),
        Figure(f"{label}: acknowledged before kill -9", acknowledged, "", at_least=1),
        Figure(f"{label}: of these lost", lost, "", at_most=0),
    ]


def kill(port: int, process: subprocess.Popen[bytes], database_url: str) -> tuple[int, int]:
    """kill -9 in mid-load. Returns (acknowledged but not stored, acknowledged)."""
    plan = {"host": "127.0.0.1", "port": port, "path": "/webhooks/bench", "connections": CONNECTIONS, "seconds": 20, "secret": SECRET}
    plan |= {"size": SIZE, "prefix": "kill", "acknowledged": True}
    client = subprocess.Popen([sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdin is not None
    client.stdin.write(json.dumps(plan).encode())
    client.stdin.close()
    client.stdin = None
    time.sleep(1.5)
    with_children(process, signal.SIGKILL)
    answer, _ = client.communicate(timeout=30)
    told = set(json.loads(answer)["acknowledged"])
    store = Store(database_url)
    with store.read() as session:
        kept = set(session.scalars(select(Delivery.key).where(Delivery.key.startswith("kill-"))))
    store.close()
    return len(told - kept), len(told)


def run() -> list[Figure]:
    """SQLite and Postgres, with a real Redis for the nudges."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okr-bench-")))
        figures = measure(f"sqlite:///{folder / 'bench.db'}", redis_url, folder, "SQLite", 0.3)
        database = stack.enter_context(postgres_server())
        return figures + measure(database.new_database(), redis_url, folder, "Postgres", 0.15)


if __name__ == "__main__":
    for figure in run():
        print(f"{figure.name:<40} {figure.value:>10.2f} {figure.unit} {figure.verdict}")
