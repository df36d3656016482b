"""The door over a real database: one application, two connections, signed requests."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from connector.app import create_app
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import Settings
from connector.store.migrate import upgrade
from connector.store.tables import Connection, Delivery
from webhooks.signatures import sign

SECRETS = {"acme-jira": "It's a Secret to Everybody", "acme-notion": "secret_ntn_4f3a"}
HEADERS = {"acme-jira": "X-Hub-Signature", "acme-notion": "X-Notion-Signature"}
KEY = "a-key-of-at-least-thirty-two-characters"


@dataclass
class Door:
    """The application, and what a test does to it."""

    app: Flask
    runtime: Runtime
    queue: InlineQueue

    def post(self, name: str, body: bytes | dict[str, Any], *, secret: str | None = None, **headers: str) -> TestResponse:
        """A signed delivery; ``secret=""`` leaves the signature away. Header names are written with underscores."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signing = SECRETS[name] if secret is None else secret
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        if signing:
            named.setdefault(HEADERS[name], sign(signing, raw))
        return self.app.test_client().post(f"/webhooks/{name}", data=raw, headers={"Content-Type": "application/json", **named})

    def set(self, name: str, **values: Any) -> None:
        """Change a connection's row, as another process would."""
        with self.runtime.store.write() as session:
            session.execute(update(Connection).where(Connection.name == name).values(**values))

    def connection(self, name: str) -> Connection:
        with self.runtime.store.read() as session:
            return session.scalars(select(Connection).where(Connection.name == name)).one()

    def stored(self) -> list[Delivery]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def issue_updated(number: int = 1, *, age: timedelta = timedelta()) -> dict[str, Any]:
    at = datetime.now(UTC) - age
    return {
        "timestamp": int(at.timestamp() * 1000),
        "webhookEvent": "jira:issue_updated",
        "issue": {"id": str(10000 + number), "key": f"ACME-{number}", "fields": {"summary": "Käse für alle"}},
    }


def page_updated(number: int = 1, *, age: timedelta = timedelta()) -> dict[str, Any]:
    return {
        "id": f"1782edd6-a853-4d4a-b02c-{number:012d}",
        "timestamp": (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z"),
        "type": "page.properties_updated",
        "workspace_name": "Käse",
        "authors": [{"id": "c7c11cca-1d73-471d-9b6e-bdef51470190", "type": "person"}],
        "entity": {"id": f"153104cd-477e-809d-8dc4-{number:012d}", "type": "page"},
        "data": {"parent": {"id": "d" * 32, "type": "database", "data_source_id": "d" * 32}},
    }


@pytest.fixture
def make_door(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    """Makes a door over a database of its own, with both connections set up."""
    opened: list[Door] = []

    def make(database_url: str = "", **settings: Any) -> Door:
        url = database_url or f"sqlite:///{tmp_path / 'okr.db'}"
        configured = Settings(data_dir=tmp_path / "var", database_url=url, secret_key=KEY, **settings)
        upgrade(configured)
        queue = InlineQueue()
        runtime = build_runtime(configured, queue=queue)
        with runtime.store.write() as session:
            for name, secret in SECRETS.items():
                session.add(
                    Connection(
                        name=name,
                        host=name.removeprefix("acme-"),
                        url=f"https://{name}.example",
                        auth=runtime.vault.seal({"token": "t"}),
                        webhook_secret=runtime.vault.seal(secret),
                        created_at=runtime.now(),
                    )
                )
        opened.append(Door(create_app(runtime), runtime, queue))
        return opened[-1]

    yield make
    for door in opened:
        door.app.extensions["door"].deliveries.close()
        door.runtime.close()


@pytest.fixture
def door(make_door: Callable[..., Door]) -> Door:
    """A door over SQLite."""
    return make_door()
