"""The overview over 2,000 key results and 200,000 items: server time, statements and bytes, on SQLite and Postgres.

Requests go through the whole application inside this process: session, statements, template. The baseline is a page that shows nothing.
"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert, text

from bench._company import KEY, moment
from bench._databases import on_both
from bench.recompute import ITEMS_EACH, KEY_RESULTS, fill
from bench.report import Row, at_most, beside, scaled
from connector.app import create_app
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.services.sign_in import sessions
from connector.settings import load_settings
from connector.store.base import Base
from connector.store.tables import CheckIn, Person, Reading
from connector.web.gate import KEY as COOKIE

REPEATS = 40
DAYS, CHECK_INS = 40, 6
BOUND = 300.0  # ms, p95
HEAVIEST = 150_000  # bytes with styles and scripts
PAGES = {
    "overview": "/",
    "overview, last page": "/?page=60",
    "overview, at risk": "/?state=at_risk",
    "overview, search": "/?q=result+199",
    "key result": "/key-results/kr1-700",
}


def run() -> list[Row]:
    """Both databases."""
    return on_both(measure)


def measure(name: str, folder: Path, url: str) -> list[Row]:
    """One database."""
    settings = load_settings(data_dir=folder, database_url=url, secret_key=KEY, allow_private_hosts=True, log_level="warning")
    runtime = build_runtime(settings, queue=InlineQueue())
    Base.metadata.create_all(runtime.store.engine)
    count = scaled(KEY_RESULTS)
    try:
        fill(runtime, count)
        _history(runtime, count)
        client = _signed_in(runtime)
        rows: list[Row] = []
        empty = _p95(client, "/?q=nothing-has-this-name")[0]
        for title, path in PAGES.items():
            path = path.replace("kr1-700", f"kr1-{min(700, count - 1)}")
            slow, weight = _p95(client, path)
            rows.append(at_most(f"{name}, {count:,} key results over {count * ITEMS_EACH:,} items: {title}, p95", slow, "ms", BOUND))
            rows.append(at_most(f"{name}: {title}, weight without cache", (weight + _static(client)) / 1000, "KB", HEAVIEST / 1000))
        rows.append(beside(f"{name}: a search that finds nothing, p95", empty, "ms", _p95(client, "/health")[0]))
        return rows
    finally:
        runtime.close()


def _history(runtime: Runtime, count: int) -> None:
    """Weeks of readings and check-ins, and states as a running cycle has them."""
    now = moment()
    states = ("on_track", "on_track", "at_risk", "stalled", "overdue", "no_data")
    readings: list[dict[str, Any]] = []
    check_ins: list[dict[str, Any]] = []
    for number in range(count):
        name = f"kr1-{number}"
        for day in range(DAYS):
            at = now - timedelta(days=DAYS - day)
            readings.append({
                "key_result_id": name, "value": float((day * (number % 5)) % 97), "kind": "mapping", "as_of": at, "day": at.date(),
                "recorded_at": at, "source": {}, "actor": "sync",
            })  # fmt: skip
        for week in range(CHECK_INS):
            at = now - timedelta(weeks=CHECK_INS - week)
            check_ins.append({
                "key_result_id": name, "author_id": 1, "value": float(week * 5), "confidence": 1 + (number + week) % 10,
                "decision": "budget" if number % 9 == 0 else "none", "as_of": at, "created_at": at, "source": "api",
                "source_id": f"{name}:{week}", "draft": False,
            })  # fmt: skip
    with runtime.store.write() as session:
        for table, rows in ((Reading, readings), (CheckIn, check_ins)):
            for start in range(0, len(rows), 5_000):
                session.execute(insert(table), rows[start : start + 5_000])
        for place, state in enumerate(states):
            session.execute(
                text(
                    "UPDATE key_results SET state = :state, current = 40, progress = 0.4, raw_progress = 0.4, expected = 0.44, "
                    "movement = 'up', confidence = 6, decision_needed = CASE WHEN :place = 0 THEN 'budget' ELSE 'none' END "
                    "WHERE CAST(SUBSTR(id, 5) AS INTEGER) % 6 = :place"
                ),
                {"state": state, "place": place},
            )
        session.execute(text("ANALYZE"))


def _signed_in(runtime: Runtime) -> FlaskClient:
    with runtime.store.write() as session:
        person = Person(email="ada@acme.example", name="Ada", role="admin")
        session.add(person)
        session.flush()
        ident = person.id
    client = create_app(runtime).test_client()
    with client.session_transaction() as session:
        session[COOKIE] = sessions.begin(runtime, ident, "link")
    return client


def _p95(client: FlaskClient, path: str) -> tuple[float, int]:
    """95th percentile of the server's time in ms, and the bytes of the page."""
    times: list[float] = []
    weight = 0
    for _ in range(REPEATS):
        begun = time.perf_counter()
        answer = client.get(path)
        weight = len(answer.data)
        times.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    return sorted(times)[int(len(times) * 0.95)], weight


def _static(client: FlaskClient) -> int:
    """Bytes of the styles and scripts that the overview asks for."""
    return sum(len(client.get(f"/static/{name}").data) for name in ("tokens.css", "app.css", "live.js", "page.js", "overview.js"))
