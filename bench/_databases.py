"""The two databases that a benchmark measures on, each in a folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.report import Row
from tests.support.services import postgres_server


def on_both(measure: Callable[[str, Path, str], list[Row]]) -> list[Row]:
    """The rows of SQLite, then of Postgres. ``measure`` gets the database's name, the folder and the address ("" for SQLite)."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure("SQLite", Path(folder), "")
    with postgres_server() as postgres, tempfile.TemporaryDirectory() as folder:
        rows += measure("Postgres", Path(folder), postgres.new_database())
    return rows
