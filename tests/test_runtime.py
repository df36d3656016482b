"""What a process is built from."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.store.tables import Counter
from tests.support.world import company


@pytest.mark.databases("sqlite", "postgres")
def test_processes_that_start_together_on_an_empty_database_agree_on_the_installations_id(tmp_path: Path, database_url: str) -> None:
    with company(tmp_path, database_url) as found:
        begin = threading.Barrier(8)
        told: list[str] = []

        def start() -> None:
            runtime = build_runtime(found.runtime.settings, queue=InlineQueue())
            with runtime.store.read() as session:
                session.execute(select(1))  # connected, so that all of them write at the same moment
            begin.wait()
            told.append(runtime.instance)
            runtime.close()

        every = [threading.Thread(target=start) for _ in range(8)]
        for each in every:
            each.start()
        for each in every:
            each.join()
        with found.runtime.store.read() as session:
            rows = session.scalars(select(Counter.labels).where(Counter.name == "instance")).all()
        assert (len(told), set(told)) == (8, set(rows))
        assert len(rows) == 1
