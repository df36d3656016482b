"""The check-in form over 2,000 key results and 200,000 items: shown, looked at while typing, saved; on SQLite and Postgres.

Requests go through the whole application inside this process. A save includes the key result computed anew.
"""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

from flask.testing import FlaskClient

from bench._company import KEY
from bench._databases import on_both
from bench.pages import _history, _p95, _signed_in
from bench.recompute import ITEMS_EACH, KEY_RESULTS, fill
from bench.report import Row, at_most, beside, scaled
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.services.drain import settle
from connector.settings import load_settings
from connector.store.base import Base

REPEATS = 40
BOUND = 150.0  # ms, p95
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def run() -> list[Row]:
    """Both databases."""
    return on_both(measure)


def measure(name: str, folder: Path, url: str) -> list[Row]:
    """One database."""
    settings = load_settings(data_dir=folder, database_url=url, secret_key=KEY, allow_private_hosts=True, log_level="warning")
    runtime = build_runtime(settings, queue=InlineQueue())
    Base.metadata.create_all(runtime.store.engine)
    count = scaled(KEY_RESULTS, 2)
    try:
        fill(runtime, count)
        _history(runtime, count)
        settle(runtime)
        client = _signed_in(runtime)
        size = f"{name}, {count:,} key results over {count * ITEMS_EACH:,} items"
        empty = _p95(client, "/health")[0]
        shown = _p95(client, _address(0))[0]
        typed, saved = _saves(client, count)
        return [
            at_most(f"{size}: the form, p95", shown, "ms", BOUND),
            at_most(f"{name}: a look while typing, p95", typed, "ms", BOUND),
            at_most(f"{name}: a save, p95", saved, "ms", BOUND),
            beside(f"{name}: the form, beside a page that asks nobody", shown, "ms", empty),
        ]
    finally:
        runtime.close()


def _address(number: int) -> str:
    return f"/key-results/kr1-{number}/check-in"


def _saves(client: FlaskClient, count: int) -> tuple[float, float]:
    """95th percentiles of looks and saves in ms, each of another key result; every save is proven to be stored."""
    looks: list[float] = []
    saves: list[float] = []
    for turn in range(REPEATS):
        address = _address(turn * 7 % count)
        page = client.get(address).text
        form = {key: unescape(value) for key, value in _HIDDEN.findall(page)}
        form |= {"value": str(turn), "confidence": "6", "decision": "none"}
        begun = time.perf_counter()
        assert client.post(f"{address}/check", data=form).status_code == 200
        looks.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        answer = client.post(address, data=form)
        saves.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 303, answer.text
    return tuple(sorted(times)[int(REPEATS * 0.95)] for times in (looks, saves))  # type: ignore[return-value]  # two of them
