"""Product events of the Forge app at a steady 100 a second: how long each waits for its 204, counted from when it was due.

gunicorn with gevent and two web processes, events of 6 KB, each with an invocation token of its own, signed before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from joserfc import jws
from sqlalchemy import func, select, update

from bench.door import server
from bench.figures import Figure
from connector.store.base import Store
from connector.store.tables import Connection, Delivery, ForgeInstallation
from tests.support.forge import APP, APP_ID, INSTALLATION, KeySet, a_key
from tests.support.services import postgres_server, redis_server
from tests.support.standin import running

RATE = 100  # events a second
SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
SENDERS = 32  # connections; more than are ever busy at once while the bound holds
CLOUD = "11111111-2222-3333-4444-555555555555"
EVENT = Path(__file__).parent.parent / "tests" / "fixtures" / "jira-product-events" / "updated_issue_status.json"


def requests(count: int, port: int, path: str = "/forge/v1/events") -> list[bytes]:
    """Whole HTTP requests, each with another change and another token."""
    event, now = json.loads(EVENT.read_text()), int(time.time())
    event["payload"]["issue"]["fields"]["description"] = "what this issue is about " * 160
    made = []
    for number in range(count):
        event["payload"]["changelog"]["id"] = str(number)
        body = json.dumps(event).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {_token(now)}\r\nX-Forge-OAuth-System: the app's own\r\nX-B3-TraceId: 0123456789abcdef\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def _token(now: int) -> str:
    app = {
        "id": APP,
        "installationId": INSTALLATION,
        "apiBaseUrl": f"https://api.atlassian.com/ex/jira/{CLOUD}",
        "environment": {"type": "PRODUCTION"},
        "module": {"type": "core:endpoint", "key": "okr-events"},
    }
    context = {"cloudId": CLOUD, "moduleKey": "okr-events"}
    claims = {"iss": "forge/invocation-token", "aud": APP, "iat": now, "nbf": now, "exp": now + 240, "jti": uuid.uuid4().hex}
    body = json.dumps({**claims, "app": app, "context": context})
    return str(jws.serialize_compact({"alg": "RS256", "typ": "JWT", "kid": "first"}, body, a_key(), algorithms=["RS256"]))


async def send(port: int, waiting: list[bytes], rate: float) -> tuple[list[float], dict[int, int]]:
    """Send at a steady rate, whatever the answers take. Gives seconds from when each was due, and how often each status came."""
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    took: list[float] = []
    statuses: dict[int, int] = {}

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            at, request = await due.get()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if lengths and int(lengths[0].partition(b":")[2]):
                await reader.readexactly(int(lengths[0].partition(b":")[2]))
            took.append(time.perf_counter() - at)
            statuses[int(head[9:12])] = statuses.get(int(head[9:12]), 0) + 1
            due.task_done()

    senders = [asyncio.create_task(sender()) for _ in range(SENDERS)]
    began = time.perf_counter()
    for number, request in enumerate(waiting):
        at = began + number / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait((at, request))
    await due.join()
    for each in senders:
        each.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    return took, statuses


def measure(database_url: str, redis_url: str, folder: Path, label: str) -> list[Figure]:
    """The waits on one database, and whether all of it was kept."""
    with ExitStack() as stack:
        keys = stack.enter_context(running(KeySet()))
        settings = {"OKR_FORGE_APP_ID": APP_ID, "OKR_FORGE_JWKS_URL": f"{keys}/jwks.json", "OKR_ALLOW_PRIVATE_HOSTS": "1"}
        port, _ = stack.enter_context(server(database_url, redis_url, folder, **settings))
        store = Store(database_url)
        _accept(store)
        asyncio.run(send(port, requests(RATE, port), RATE))  # both processes have everything loaded
        count = max(RATE, int(RATE * SECONDS))
        bare, _ = asyncio.run(send(port, requests(count, port, "/bare"), RATE))
        took, statuses = asyncio.run(send(port, requests(count, port), RATE))
        with store.read() as session:
            kept = session.scalar(select(func.count()).select_from(Delivery)) or 0
        store.close()
    if set(statuses) != {204}:
        raise RuntimeError(f"the door answered {statuses}")
    ordered = sorted(took)
    return [
        Figure(f"{label}: bare Flask p99", sorted(bare)[int(len(bare) * 0.99)] * 1000, "ms"),
        Figure(f"{label}: p50", ordered[len(ordered) // 2] * 1000, "ms"),
        Figure(f"{label}: p99", ordered[int(len(ordered) * 0.99)] * 1000, "ms", at_most=50),
        Figure(f"{label}: longest", ordered[-1] * 1000, "ms"),
        Figure(f"{label}: events", len(took), ""),
        Figure(f"{label}: of these not kept", count - kept if kept < count else 0, "", at_most=0),
    ]


def _accept(store: Store) -> None:
    now = datetime.now(UTC)
    with store.write() as session:
        row = ForgeInstallation(
            installation_id=INSTALLATION,
            cloud_id=CLOUD,
            site_url="https://bench.example",
            state="active",
            first_seen_at=now,
            last_seen_at=now,
        )
        session.add(row)
        session.flush()
        session.execute(update(Connection).values(installation_id=row.id))


def run() -> list[Figure]:
    """SQLite and Postgres, with a real Redis for the nudges."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okr-bench-")))
        figures = measure(f"sqlite:///{folder / 'bench.db'}", redis_url, folder, "SQLite")
        database = stack.enter_context(postgres_server())
        return figures + measure(database.new_database(), redis_url, folder, "Postgres")


if __name__ == "__main__":
    for figure in run():
        print(f"{figure.name:<40} {figure.value:>10.2f} {figure.unit} {figure.verdict}")
