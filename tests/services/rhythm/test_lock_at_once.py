"""Several at once: workers that lock the same reviews and one that dies inside, and an update that is filed while the lock falls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import lock as bench
from connector.services.check_ins import filing
from connector.services.rhythm import delivering
from tests.support.frozen import LOCK, Meeting, meeting

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Meeting]:
    with meeting(tmp_path, database_url) as found:
        found.key_result("kr-good", 60)
        found.at(LOCK)
        yield found


def test_three_workers_lock_each_review_once_though_one_is_killed_inside(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SCALE", "0.04")
    rows = bench.measure("these", tmp_path, database_url)
    assert [row.name for row in rows if row.ok is False] == []
    assert sum(row.ok is True for row in rows) == 6


def test_threads_that_lock_the_same_review_freeze_it_once(acme: Meeting) -> None:
    found: list[bool] = []
    workers = [threading.Thread(target=lambda: found.append(acme.lock())) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(30)
    assert sorted(found) == [False, False, False, True]
    assert len(acme.snapshot().entries) == 1


def test_an_update_that_comes_while_the_lock_falls_waits_for_it_and_is_late(acme: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, going_on = threading.Event(), threading.Event()
    deliver = delivering.deliver

    def slow(*arguments: Any) -> None:
        inside.set()
        assert going_on.wait(10)
        deliver(*arguments)

    monkeypatch.setattr(delivering, "deliver", slow)
    locker = threading.Thread(target=acme.lock)
    locker.start()
    assert inside.wait(10)
    filed: list[Any] = []
    owner = threading.Thread(target=lambda: filed.append(acme.check_in("kr-good", 90)))
    owner.start()
    owner.join(0.5)
    assert owner.is_alive(), "it is not known yet whether it is late"
    going_on.set()
    locker.join(30)
    owner.join(30)
    assert filed[0].late
    assert acme.snapshot().entries[0].current_text == "60\u00a0%"


def test_a_lock_that_falls_while_an_update_is_filed_waits_for_it(acme: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, going_on = threading.Event(), threading.Event()
    told_elsewhere = filing.told_elsewhere

    def slow(*arguments: Any) -> set[int]:
        inside.set()
        assert going_on.wait(10)
        return told_elsewhere(*arguments)

    monkeypatch.setattr(filing, "told_elsewhere", slow)
    filed: list[Any] = []
    owner = threading.Thread(target=lambda: filed.append(acme.check_in("kr-good", 90)))
    owner.start()
    assert inside.wait(10)
    locker = threading.Thread(target=acme.lock)
    locker.start()
    locker.join(0.5)
    assert locker.is_alive(), "what is being filed belongs into it"
    going_on.set()
    owner.join(30)
    locker.join(30)
    assert not filed[0].late
    acme.lock()  # where it met the number while it was being computed, the clock asks again
    assert acme.snapshot().entries[0].current_text == "90\u00a0%"
