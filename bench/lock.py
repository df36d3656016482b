"""The lock of 200 forums with 10 key results each at the same minute: three workers, one of which is killed inside a freeze.

Bounds of exactness (each review locked once, one pre-read and one set of messages for each) hold at any size; the time is for reading.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from bench.report import Row, at_most, scaled
from connector.services.rhythm import pre_reads
from connector.store.tables import (
    Channel,
    CheckIn,
    Cycle,
    Forum,
    ForumMember,
    KeyResult,
    Message,
    Notice,
    Objective,
    Person,
    PreRead,
    Review,
    Team,
)  # fmt: skip
from tests.support.services import postgres_server
from tests.support.world import Company, company

FORUMS, EACH, LEADERS = 200, 10, 3
BOUND = 120.0  # seconds
WORKERS = 3
SKEWS = (0, 60, -60)  # seconds that the clocks of the workers are off
SECRET = "k" * 40


def run() -> list[Row]:
    """Both databases."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure("SQLite", Path(folder), f"sqlite:///{folder}/okr.db")
    with postgres_server() as postgres, tempfile.TemporaryDirectory() as folder:
        return rows + measure("Postgres", Path(folder), postgres.new_database())


def measure(name: str, folder: Path, url: str) -> list[Row]:
    """One database."""
    count = scaled(FORUMS, 6)
    with company(folder, url, log_level="warning") as acme:
        _fill(acme, count)
        seconds, told = _work(folder, url, stalls=max(1, count // 10))
        with acme.runtime.store.read() as session:
            locked = session.scalar(select(func.count()).select_from(Review).where(Review.state == "locked")) or 0
            kept = session.execute(select(PreRead.key, PreRead.content)).all()
            messages = session.scalar(select(func.count()).select_from(Message).where(Message.way == "channel")) or 0
            notices = session.scalar(select(func.count()).select_from(Notice)) or 0
            whole = sum(len(pre_reads.load(row).entries) == EACH for row in session.scalars(select(PreRead)))
    label = f"{name}, {count:,} forums × {EACH} key results, {WORKERS} workers, one killed"
    return [
        at_most(f"{label}: until the last one is locked", seconds, "s", BOUND),
        Row(f"{name}: locks by the workers that lived", sum(each["locked"] for each in told), "locks"),
        _exactly(f"{name}: reviews locked", locked, count),
        _exactly(f"{name}: pre-reads, each with an id of its own", len({row.key for row in kept}), count),
        _exactly(f"{name}: pre-reads with every key result", whole, count),
        _exactly(f"{name}: messages to rooms", messages, count),
        _exactly(f"{name}: notices to leaders", notices, count * LEADERS),
    ]


def _exactly(name: str, value: int, wanted: int) -> Row:
    return Row(name, value, "", None, None, f"exactly {wanted:,}", value == wanted)


def _work(folder: Path, url: str, *, stalls: int) -> tuple[float, list[dict[str, Any]]]:
    """Three workers at once; the first is killed inside a freeze. Seconds until nothing is due, and what the others say."""
    workers = [_start(folder, url, [number, SKEWS[number], stalls if number == 0 else 0]) for number in range(WORKERS)]
    for each in workers:
        _line(each, "ready")
    begun = time.monotonic()
    _go(workers[0])
    _line(workers[0], "inside")
    for each in workers[1:]:
        _go(each)
    time.sleep(0.5)  # the others meet what it holds
    os.kill(workers[0].pid, signal.SIGKILL)
    workers[0].communicate()
    told = [json.loads(each.communicate(timeout=600)[0].splitlines()[-1]) for each in workers[1:]]
    return time.monotonic() - begun, told


def _start(folder: Path, url: str, arguments: Sequence[int]) -> subprocess.Popen[str]:
    environ = {**os.environ, "OKR_DATA_DIR": str(folder), "OKR_DATABASE_URL": url, "OKR_SECRET_KEY": SECRET}
    command = [sys.executable, "-m", "bench._locker", *map(str, arguments)]
    return subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _go(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


def _line(worker: subprocess.Popen[str], wanted: str) -> None:
    """Read until the worker says this."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.strip() == wanted:
            return
    raise RuntimeError(f"a worker ended before it said {wanted!r}")


def _fill(acme: Company, count: int) -> None:
    """So many forums whose locks fell two minutes ago; half of the key results ask for something, a third are blocked."""
    now = datetime.now(UTC)
    today = now.date()
    with acme.runtime.store.write() as session:
        cycle = Cycle(name="now", start=today - timedelta(days=40), end=today + timedelta(days=50), started_at=now)
        people = [Person(email=f"lead{number}@acme.example", name=f"Lead {number}") for number in range(30)]
        session.add_all([cycle, *people])
        session.flush()
        ids = [each.id for each in people]
        stamp = [{"id": number, "name": f"Forum {number}", "caller_id": ids[number % 30]} for number in range(1, count + 1)]
        session.execute(insert(Forum), stamp)
        session.execute(insert(Team), [{"id": number, "name": f"Team {number}", "forum_id": number} for number in range(1, count + 1)])
        session.execute(
            insert(ForumMember),
            [
                {"forum_id": number, "person_id": ids[(number + step) % 30], "leader": True}
                for number in range(1, count + 1)
                for step in (1, 2)
            ],
        )
        session.execute(
            insert(Channel),
            [{"name": f"room {n}", "kind": "slack", "forum_id": n, "secret": "sealed", "created_at": now} for n in range(1, count + 1)],
        )
        session.execute(
            insert(Review),
            [
                {
                    "forum_id": number,
                    "day": today,
                    "starts_at": now + timedelta(hours=18),
                    "lock_at": now - timedelta(minutes=2),
                    "created_at": now,
                    "minutes": {},
                }
                for number in range(1, count + 1)
            ],
        )
        session.execute(
            insert(Objective),
            [
                {"id": f"o{n}", "title": f"Goal {n}", "cycle_id": cycle.id, "team_id": n, "pages": [], "created_at": now}
                for n in range(1, count + 1)
            ],
        )
        rows = [_key_result(number, place, ids, now) for number in range(1, count + 1) for place in range(EACH)]
        session.execute(insert(KeyResult), rows)
        session.execute(insert(CheckIn), [each for row in rows for each in _check_ins(row, now)])


def _key_result(number: int, place: int, people: Sequence[int], now: datetime) -> dict[str, Any]:
    return {
        "id": f"kr-{number}-{place}",
        "objective_id": f"o{number}",
        "title": f"Key result {place} of forum {number}",
        "kind": "metric",
        "unit": "%",
        "start": 0.0,
        "target": 100.0,
        "current": 10.0 * place,
        "progress": place / 10,
        "raw_progress": place / 10,
        "expected": 0.5,
        "state": "at_risk" if place < 4 else "stalled" if place < 6 else "on_track",
        "reasons": [f"{place * 10} % done, 50 % expected"],
        "flags": [],
        "owner_id": people[(number + place) % len(people)],
        "blocker": "Certificate is missing" if place % 3 == 0 else None,
        "decision_needed": "budget" if place % 2 else "none",
        "created_at": now - timedelta(days=40),
    }


def _check_ins(row: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "key_result_id": row["id"],
            "author_id": row["owner_id"],
            "value": row["current"] - week,
            "confidence": 6,
            "blocker": row["blocker"],
            "decision": row["decision_needed"],
            "as_of": now - timedelta(days=7 * week + 1),
            "created_at": now - timedelta(days=7 * week + 1),
            "source": "page",
            "source_id": f"{row['id']}-{week}",
        }
        for week in (3, 2, 1, 0)
    ]
