"""A small company in a real database, for tests of whole flows: Alice owns, Bob is on the team, Charlie must see nothing.

Rows are written directly, so that a flow can be tested without the parts that usually write them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.services import drain as drains
from connector.services import listing
from connector.settings import load_settings
from connector.store import work
from connector.store.tables import Connection, Cycle, Delivery, KeyResult, Mapping, Objective, Person, Reading, Team
from tests.support.tables import give_tables

SECRET = "a webhook secret for tests"


@dataclass
class Clock:
    """A clock that tests can push forward."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Company:
    """A runtime with its database and the handles that tests need."""

    runtime: Runtime
    clock: Clock
    _next: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def connection(self, name: str, host: str, url: str, auth: dict[str, str], **options: Any) -> int:
        with self.runtime.store.write() as session:
            row = Connection(
                name=name,
                host=host,
                url=url,
                auth=self.runtime.vault.seal(auth),
                webhook_secret=self.runtime.vault.seal(SECRET),
                options={"requests_per_minute": 100_000, **options},
                created_at=self.runtime.now(),
            )
            session.add(row)
            session.flush()
            return row.id

    def objective(
        self,
        name: str = "onboarding",
        *,
        pages: list[dict[str, Any]] | None = None,
        cycle: str = "now",
        start: date | None = None,
        end: date | None = None,
    ) -> str:
        today = self.runtime.now().date()
        with self.runtime.store.write() as session:
            row = session.scalar(select(Cycle).where(Cycle.name == cycle))
            if row is None:
                row = Cycle(
                    name=cycle,
                    start=start or today - timedelta(days=40),
                    end=end or today + timedelta(days=50),
                    started_at=self.runtime.now(),
                )
                session.add(row)
            if session.scalar(select(Person).where(Person.email == "alice@acme.example")) is None:
                session.add_all(Person(email=f"{who.lower()}@acme.example", name=who) for who in ("Alice", "Bob", "Charlie"))
                session.add(Team(name="Growth"))
            session.flush()
            session.add(Objective(id=name, title=f"Objective {name}", cycle_id=row.id, pages=pages or [], created_at=self.runtime.now()))
        return name

    def key_result(self, name: str, objective: str = "onboarding", **columns: Any) -> str:
        values: dict[str, Any] = {"kind": "metric", "unit": "%", "start": 0.0, "target": 100.0, "created_at": self.runtime.now()}
        with self.runtime.store.write() as session:
            alice = session.scalars(select(Person).where(Person.email == "alice@acme.example")).one()
            given = {"title": f"Key result {name}", **values, "owner_id": alice.id, **columns}
            session.add(KeyResult(id=name, objective_id=objective, **given))
        return name

    def mapping(self, key_result: str, connection: int, **rule: Any) -> int:
        with self.runtime.store.write() as session:
            row = Mapping(
                key_result_id=key_result, connection_id=connection, rule=rule, mode=rule.get("mode", "value"), created_at=self.runtime.now()
            )
            session.add(row)
            session.flush()
            work.want(session, Mapping, [row.id], self.runtime.epoch())
            return row.id

    def deliver(self, connection: int, body: dict[str, Any] | bytes, **headers: str) -> None:
        """Store a delivery as the door would."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with self.runtime.store.write() as session:
            session.add(
                Delivery(
                    connection_id=connection,
                    key=f"test-{next(self._next)}",
                    body=raw,
                    headers=headers,
                    body_hash=hashlib.sha256(raw).hexdigest(),
                    event=json.loads(raw).get("webhookEvent", ""),
                    received_at=self.runtime.now(),
                )
            )

    def work(self, *connections: int) -> None:
        """Do everything that is wanted now."""
        for connection in connections:
            listing.list_all(self.runtime, connection)
        for connection in connections:
            drains.drain(self.runtime, connection)
        drains.settle(self.runtime)
        for connection in connections:
            drains.drain(self.runtime, connection)

    def row(self, name: str) -> KeyResult:
        with self.runtime.store.read() as session:
            return session.get_one(KeyResult, name)

    def readings(self, name: str) -> list[Reading]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(Reading).where(Reading.key_result_id == name).order_by(Reading.id)))


@contextmanager
def company(folder: Path, database_url: str = "", **settings: Any) -> Iterator[Company]:
    """A company with an empty database in ``folder``; private hosts are allowed, for the stand-ins."""
    clock = Clock()
    loaded = load_settings(data_dir=folder, database_url=database_url, allow_private_hosts=True, secret_key="k" * 40, **settings)
    give_tables(loaded.resolved_database_url)
    runtime = build_runtime(loaded, queue=InlineQueue(), clock=clock)
    try:
        yield Company(runtime, clock)
    finally:
        runtime.close()


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until a condition holds; fails with the condition's source otherwise."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


__all__ = ["SECRET", "UTC", "Clock", "Company", "company", "datetime", "eventually"]
