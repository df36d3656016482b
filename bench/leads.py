"""The leads' pages over 300 and 2,000 key results with weeks of history: server time, statements and bytes, on SQLite and Postgres.

Requests go through the whole application inside this process. The viewer is a lead, so that every objective is asked for its visibility.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, text

from bench._company import KEY
from bench._databases import on_both
from bench.dashboard import reviewed_teams
from bench.pages import _history, _p95, _signed_in
from bench.recompute import fill
from bench.report import Row, at_most, scaled
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from connector.store.base import Base

SIZES = ((300, 300.0), (2_000, 1_000.0))  # key results, and the bound of the 95th percentile in ms
MOST_STATEMENTS = 20
PAGES = {
    "triage": "/triage",
    "triage of one forum, by contribution": "/triage?forum=1&sort=weight",
    "alignment, tree": "/alignment",
    "alignment by forum": "/alignment?view=matrix",
}


def run() -> list[Row]:
    """Both databases, both sizes."""
    rows: list[Row] = []
    for count, bound in SIZES:
        rows += on_both(lambda name, folder, url, count=count, bound=bound: measure(name, folder, url, scaled(count), bound))  # type: ignore[misc]
    return rows


def measure(name: str, folder: Path, url: str, count: int, bound: float) -> list[Row]:
    """One database with so many key results."""
    settings = load_settings(data_dir=folder, database_url=url, secret_key=KEY, allow_private_hosts=True, log_level="warning")
    runtime = build_runtime(settings, queue=InlineQueue())
    Base.metadata.create_all(runtime.store.engine)
    try:
        fill(runtime, count)
        _history(runtime, count)
        with runtime.store.write() as session:
            reviewed_teams(session)
        client = _signed_in(runtime)
        with runtime.store.write() as session:
            session.execute(text("UPDATE people SET role = 'lead'"))
        gc.collect()
        gc.freeze()  # as every web process does before its first request
        return _rows(name, runtime, client, count, bound)
    finally:
        gc.unfreeze()
        runtime.close()


def _rows(name: str, runtime: Runtime, client: FlaskClient, count: int, bound: float) -> list[Row]:
    rows: list[Row] = []
    for title, path in PAGES.items():
        client.get(path)  # compiles templates and statements, once in a process
        slow, weight = _p95(client, path)
        rows.append(at_most(f"{name}, {count:,} key results: {title}, p95", slow, "ms", bound))
        rows.append(at_most(f"{name}, {count:,}: {title}, statements", _statements(runtime, client, path), "", MOST_STATEMENTS))
        rows.append(Row(f"{name}, {count:,}: {title}, weight", weight / 1000, "KB"))
    return rows


def _statements(runtime: Runtime, client: FlaskClient, path: str) -> int:
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(runtime.store.engine, "before_cursor_execute", count)
    client.get(path)
    event.remove(runtime.store.engine, "before_cursor_execute", count)
    return sum(statement.startswith(("SELECT", "WITH")) for statement in seen)
