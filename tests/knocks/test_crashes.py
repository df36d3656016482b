"""Processes of a running installation are killed in the middle of their work: nothing acknowledged is lost, nothing is written twice."""

from __future__ import annotations

import threading
import time

from sqlalchemy import select, update

from connector.store.tables import Task
from tests.support.plant import Door, Hosts, Plant, until

FAST = ("-m connector worker --single", "--slow")  # the worker for webhooks, not the one for listings


def test_redis_killed_while_deliveries_arrive(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[3]
    server = int((plant.folder / "redis.pid").read_text())
    assert plant.kill("redis.sock") == [server]
    for child in world.children[epic][:3]:
        world.jira.set_status(child, "done")
        assert door.jira(world.jira_event(child), key=f"without-redis-{child}") == 200
    assert {f"without-redis-{child}" for child in world.children[epic][:3]} <= plant.stored()
    # No further event: the restarted server and the clock's sweep are enough.
    until(lambda: plant.current("kr-3") == 75.0, 30, what=plant.output)
    until(lambda: "now 75" in "".join(world.links(epic)), what=plant.output)
    assert int((plant.folder / "redis.pid").read_text()) != server


def test_worker_killed_while_it_writes_a_link(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[4]
    world.jira.forget_log()
    world.jira.fail(path="remotelink", seconds=2.0)
    world.jira.set_status(world.children[epic][0], "done")
    assert door.jira(world.jira_event(world.children[epic][0])) == 200
    until(lambda: world.jira.calls("remotelink") != [], what=plant.output)
    assert len(plant.kill(*FAST)) == 1
    begun = time.monotonic()
    until(lambda: len(world.jira.calls("remotelink")) > 1 and "now 25" in "".join(world.links(epic)), 30, what=plant.output)
    assert plant.current("kr-4") == 25.0
    assert time.monotonic() - begun < 15
    until(lambda: plant.connection().lease == "", what=plant.output)
    assert len(world.links(epic)) == 1


def test_worker_killed_while_it_creates_a_callout_leaves_one(plant: Plant, world: Hosts, door: Door) -> None:
    """A person deleted the callout, so the next change writes it anew; the worker dies before it hears that it was written."""
    with world.notion.world.lock:
        for block in list(world.notion.world.data["blocks"].values()):
            if block["type"] == "callout" and not block["in_trash"]:
                world.notion.world.delete_block(block["id"])
    world.notion.log.clear()
    world.notion.fail(method="PATCH", path="/children$", latency=2.0)
    world.notion.world.set_property(world.rows[1], "Seats", 50)
    assert door.notion(world.notion_event(world.rows[1])) == 200
    until(lambda: plant.current("kr-deals") == world.seats(), what=plant.output)
    until(lambda: world.notion.troubles == [], what=plant.output)  # the call is being answered now
    assert len(plant.kill(*FAST)) == 1
    until(lambda: f"{world.seats():.0f}" in "".join(world.callouts()), 30, what=plant.output)
    until(lambda: plant.connection("acme-notion").lease == "", 30, what=plant.output)
    assert len(world.callouts()) == 1


def test_web_killed_in_the_middle_of_load_has_stored_what_it_acknowledged(plant: Plant, world: Hosts) -> None:
    epic = world.epics[6]
    child = world.children[epic][0]
    acknowledged: list[str] = []
    stop = threading.Event()

    def sender(number: int) -> None:
        mine = Door(plant.port)
        count = 0
        while not stop.is_set():
            count += 1
            key = f"load-{number}-{count}"
            if mine.jira(world.jira_event(child, number=key), key=key) == 200:
                acknowledged.append(key)
            else:
                time.sleep(0.05)
        mine.close()

    world.jira.set_status(child, "done")
    threads = [threading.Thread(target=sender, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for word in ("connector web", "connector web"):
            known = len(acknowledged)
            until(lambda enough=known + 50: len(acknowledged) > enough, 30, what=plant.output)  # type: ignore[misc]
            assert len(plant.kill(word)) >= 2
        until(plant.ready, 40, what=plant.output)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(acknowledged) <= plant.stored()
    until(lambda: plant.current("kr-6") == 25.0 and plant.pending() == 0, 30, what=plant.output)


def test_clock_outlives_redis_and_a_killed_clock_is_replaced(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[7]
    [clock] = plant.pids("-m connector clock")
    plant.kill("redis.sock")
    begun = time.time()
    until(lambda: _swept(plant, after=begun), 15, what=plant.output)
    assert plant.pids("-m connector clock") == [clock]

    assert plant.kill("-m connector clock") == [clock]
    # As if it had been killed in the middle of its sweep.
    with plant.runtime.store.write() as session:
        session.execute(update(Task).where(Task.name == "sweep").values(lease_until=time.time() + 3.0, due_at=0.0))
    begun = time.time()
    until(lambda: _swept(plant, after=begun), 25, what=plant.output)
    world.jira.set_status(world.children[epic][0], "done")
    assert door.jira(world.jira_event(world.children[epic][0])) == 200
    until(lambda: plant.current("kr-7") == 25.0, what=plant.output)


def _swept(plant: Plant, after: float) -> bool:
    with plant.runtime.store.read() as session:
        last = session.scalar(select(Task.last_run_at).where(Task.name == "sweep"))
    return last is not None and last.timestamp() > after


def test_a_revoked_token_is_said_and_a_new_one_catches_up(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[5]
    world.jira.world.settings["api_token"] = "a-new-token"
    world.jira.set_status(world.children[epic][0], "done")
    assert door.jira(world.jira_event(world.children[epic][0])) == 200
    until(lambda: plant.connection().parked_at is not None, what=plant.output)
    until(lambda: plant.state("kr-5") == "data_late", what=plant.output)
    world.jira.forget_log()
    world.jira.set_status(world.children[epic][1], "done")
    assert door.jira(world.jira_event(world.children[epic][1])) == 200  # still stored
    entry = plant.status()["kr-5"]
    assert (entry["current"], entry["state"]) == (0.0, "data_late")
    assert any("parked" in reason for reason in entry["reasons"])
    assert world.jira.log == []

    plant.apply(world.declaration("a-new-token"))
    assert plant.connection().parked_at is None
    until(lambda: plant.current("kr-5") == 50.0 and "now 50" in "".join(world.links(epic)), what=plant.output)
    until(lambda: plant.state("kr-5") != "data_late", what=plant.output)
