"""Work is claimed by several workers at once: each row by one, nobody waits for anybody, and no two writers block each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from connector.runtime import Runtime, build_runtime
from connector.store import work
from connector.store.tables import KeyResult
from tests.support.world import Company, company

BOTH = pytest.mark.databases("sqlite", "postgres")
POSTGRES = pytest.mark.databases("postgres")
ROWS = work.BATCH + 100
WORKERS = 4


@pytest.fixture
def full(tmp_path: Path, database_url: str) -> Iterator[Company]:
    """Every key result has work that waits, the ones with the later ids since longer."""
    with company(tmp_path, database_url) as acme:
        acme.objective()
        columns = {"objective_id": "onboarding", "title": "A", "kind": "metric", "unit": "%", "created_at": acme.runtime.now()}
        with acme.runtime.store.write() as session:
            session.add_all(KeyResult(id=f"kr-{each:03}", wanted=1, ready_at=float(ROWS - each), **columns) for each in range(ROWS))
        yield acme


@pytest.fixture
def others(full: Company) -> Iterator[list[Runtime]]:
    """Workers of their own: each has its connections to the same database, and gives up a lock after two seconds."""
    runtimes = [build_runtime(full.runtime.settings) for _ in range(WORKERS)]
    yield runtimes
    for each in runtimes:
        each.store.engine.dispose()


def claim(session: Any, limit: int = ROWS, *, newest_first: bool = False) -> list[work.Claim]:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL lock_timeout = '2s'"))
    return work.claim(session, KeyResult, 1000.0, limit=limit, lease_seconds=60.0, newest_first=newest_first)


def together(runtimes: list[Runtime], do: Callable[[Runtime, int], Any]) -> list[Any]:
    """What each worker's part gives; all begin at the same moment."""
    ready = threading.Barrier(len(runtimes))

    def one(number: int) -> Any:
        ready.wait(10)
        return do(runtimes[number], number)

    with ThreadPoolExecutor(len(runtimes)) as pool:
        return list(pool.map(one, range(len(runtimes))))


@POSTGRES
def test_a_claim_passes_over_what_somebody_else_is_taking(full: Company, others: list[Runtime], database_kind: str) -> None:
    with others[0].store.write() as first:
        mine = {each.id for each in claim(first, 50)}
        with others[1].store.write() as second:  # the first has not committed yet
            theirs = {each.id for each in claim(second)}
    assert len(mine) == 50
    assert len(theirs) == ROWS - 50
    assert not mine & theirs


@POSTGRES
def test_a_claim_does_not_wait_for_a_change_of_the_same_row(full: Company, others: list[Runtime], database_kind: str) -> None:
    with others[0].store.write() as first:
        work.want(first, KeyResult, ["kr-007"], 1000.0)
        with others[1].store.write() as second:
            assert "kr-007" not in {each.id for each in claim(second)}
    with others[1].store.write() as second:  # the next turn takes it
        assert [(each.id, each.wanted) for each in claim(second)] == [("kr-007", 2)]


@BOTH
def test_workers_that_claim_at_once_from_both_ends_take_each_row_once(full: Company, others: list[Runtime], database_kind: str) -> None:
    def rounds(runtime: Runtime, number: int) -> int:
        done = 0
        for turn in range(8):
            with runtime.store.write() as session:
                mine = claim(session, ROWS // 3, newest_first=bool(number % 2))
            with runtime.store.write() as session:
                done += len(work.finish(session, KeyResult, mine[::-1] if turn % 2 else mine, 1001.0))
        return done

    assert sum(together(others, rounds)) == ROWS


@BOTH
def test_changes_of_the_same_rows_in_any_order_all_count(full: Company, others: list[Runtime], database_kind: str) -> None:
    names = [f"kr-{number:03}" for number in range(ROWS)]

    def rounds(runtime: Runtime, number: int) -> None:
        for _ in range(6):
            with runtime.store.write() as session:
                work.want(session, KeyResult, names[::-1] if number % 2 else names, 1000.0)

    together(others, rounds)
    with full.runtime.store.read() as session:
        assert session.scalar(select(func.min(KeyResult.wanted))) == 1 + 6 * WORKERS
