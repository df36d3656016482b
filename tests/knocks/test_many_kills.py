"""Workers are killed again and again while events arrive: in the end every value is the truth and every panel stands there once."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plant import Door, Hosts, Plant, hosts, until
from tests.support.services import free_port

KILLS, EVENTS = 10, 300


@pytest.fixture
def world() -> Iterator[Hosts]:
    with hosts(epics=4) as both:
        yield both


@pytest.fixture
def plant(tmp_path: Path, redis_url: str, world: Hosts) -> Iterator[Plant]:
    found = Plant(tmp_path, free_port(), OKR_REDIS_URL=redis_url)
    try:
        found.apply(world.declaration())
        found.start("web")
        found.start("clock")
        found.start("worker", "--single", "--slow")
        yield found
    finally:
        found.stop()


def worker(plant: Plant) -> subprocess.Popen[bytes]:
    return plant.start("worker", "--single", module="tests.support.short_lease")


def busy(plant: Plant) -> bool:
    return any(plant.connection(name).lease != "" for name in ("acme-jira", "acme-notion"))


def test_ten_workers_killed_during_three_hundred_events(plant: Plant, world: Hosts) -> None:
    chance = random.Random(4)
    workers = [worker(plant) for _ in range(3)]
    until(plant.ready, 40, what=plant.output)
    until(lambda: plant.current("kr-3") == 0.0 and plant.current("kr-deals") == world.seats(), 30, what=plant.output)
    refused: list[int | None] = []
    done = threading.Event()

    def events() -> None:
        door = Door(plant.port)
        for number in range(EVENTS):
            if number % 5 == 4:
                row = chance.choice(world.rows)
                world.notion.world.set_property(row, "Seats", chance.randint(1, 90))
                answer = door.notion(world.notion_event(row))
            else:
                child = chance.choice(world.children[chance.choice(world.epics)])
                world.jira.set_status(child, chance.choice(["new", "indeterminate", "done"]))
                answer = door.jira(world.jira_event(child))
            if answer != 200:
                refused.append(answer)
            time.sleep(0.03)
        door.close()
        done.set()

    sender = threading.Thread(target=events)
    sender.start()
    # Calls are slow enough for a kill to land inside one: a read, the writing of a link or property, a query, a callout.
    for path in ("bulkfetch", "remotelink", "properties", "search"):
        world.jira.fail(path=path, seconds=0.15, times=10_000)
    world.notion.fail(path="", latency=0.15, times=10_000)
    hits = 0
    for _ in range(KILLS):
        until(lambda: busy(plant) or done.is_set(), 10, what=plant.output)
        time.sleep(chance.uniform(0.0, 0.3))
        hits += busy(plant)
        victim = workers.pop(chance.randrange(2))  # one of the two oldest: they work already
        victim.kill()
        victim.wait()
        workers.append(worker(plant))
        time.sleep(chance.uniform(0.4, 0.9))
    sender.join()
    world.jira.faults.clear()
    world.notion.troubles.clear()
    assert refused == []
    assert hits >= KILLS // 2  # else this test would show nothing

    def settled() -> bool:
        values = all(plant.current(f"kr-{number}") == world.share(epic) for number, epic in enumerate(world.epics))
        return values and plant.current("kr-deals") == world.seats() and plant.pending() == 0

    def shown() -> bool:
        links = all(f"now {round(world.share(epic))}" in "".join(world.links(epic)) for epic in world.epics)
        return links and f"now {world.seats():.0f}" in "".join(world.callouts()).lower()

    until(settled, 30, what=plant.output)
    until(shown, 30, what=lambda: ([world.links(epic) for epic in world.epics], world.callouts()))
    assert [len(world.links(epic)) for epic in world.epics] == [1] * 4
    assert len(world.callouts()) == 1
