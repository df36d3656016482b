"""The loop through real processes: an event at the door moves the value and the panel; storms, repeats and reordering do no harm."""

from __future__ import annotations

import threading
import time

from tests.support.plant import Door, Hosts, Plant, until


def test_a_jira_event_moves_value_link_and_status(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[0]
    child = world.children[epic][0]
    world.jira.set_status(child, "done")
    begun = time.monotonic()
    assert door.jira(world.jira_event(child)) == 200
    until(lambda: any("now 25" in summary for summary in world.links(epic)), what=plant.output)
    assert time.monotonic() - begun < 10
    assert len(world.links(epic)) == 1
    entry = plant.status()["kr-0"]
    assert (entry["current"], entry["progress"]) == (25.0, 0.25)
    assert entry["source"]["connection"] == "acme-jira"


def test_a_notion_event_moves_value_and_the_one_callout(plant: Plant, world: Hosts, door: Door) -> None:
    world.notion.world.set_property(world.rows[0], "Seats", 32)
    assert door.notion(world.notion_event(world.rows[0])) == 200
    until(lambda: plant.current("kr-deals") == world.seats(), what=plant.output)
    until(lambda: f"{world.seats():.0f}" in "".join(world.callouts()), what=plant.output)
    assert len(world.callouts()) == 1


def test_replayed_and_reordered_deliveries_end_in_the_present_state(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[1]
    first, second = world.children[epic][:2]
    bodies = []
    for child, category in ((first, "done"), (second, "done"), (first, "new")):
        world.jira.set_status(child, category)
        bodies.append(world.jira_event(child))
    for body in [*reversed(bodies), *bodies, bodies[0]]:
        assert door.jira(body, key=f"replay-{body['mark']}") == 200
    until(lambda: plant.current("kr-1") == 25.0, what=plant.output)
    assert sum(key.startswith("replay-") for key in plant.stored()) == 3
    # An old delivery that comes once more under another key changes nothing: its body is known.
    assert door.jira(bodies[0], key="another") == 200
    until(lambda: plant.pending() == 0)
    assert "another" not in plant.stored()
    assert plant.current("kr-1") == 25.0


def test_a_storm_on_one_epic_costs_few_calls_and_the_last_state_wins(plant: Plant, world: Hosts, door: Door) -> None:
    epic = world.epics[2]
    children = world.children[epic]
    until(lambda: plant.pending() == 0)
    time.sleep(1.5)  # earlier panels may be gathering changes still
    world.jira.forget_log()
    refused = []

    def sender(number: int) -> None:
        mine = Door(plant.port)
        for count in range(250):
            # Every event finds another state; the last of all is "done" for this sender's child.
            world.jira.set_status(children[number], "done" if count % 2 else "new")
            if mine.jira(world.jira_event(children[number], number=count)) != 200:
                refused.append(count)
        mine.close()

    begun = time.monotonic()
    threads = [threading.Thread(target=sender, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    assert refused == []
    until(lambda: plant.current("kr-2") == 100.0 and any("now 100" in summary for summary in world.links(epic)), what=plant.output)
    until(lambda: plant.pending() == 0)
    time.sleep(1.0)  # nothing may follow
    writes = [entry for entry in world.jira.log if entry[0] in ("PUT", "DELETE") or "remotelink" in entry[1]]
    reads = len(world.jira.log) - len(writes)
    slower = max(1.0, seconds / 2)  # the bounds are those of a storm of two seconds
    assert reads <= 10 * slower, (seconds, [entry[:2] for entry in world.jira.log])
    assert len(writes) <= 4 * slower, (seconds, writes)
    assert len(world.links(epic)) == 1
