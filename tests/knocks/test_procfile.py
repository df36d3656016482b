"""The three processes of the Procfile under honcho, on Postgres and a Redis of their own; the database goes away and comes back."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.supervisor import descendants
from tests.support.plant import Door, Plant, command_line, hosts, until
from tests.support.services import Postgres, free_port


@pytest.fixture
def empty_plant(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Plant]:
    found = Plant(tmp_path, free_port(), OKR_DATABASE_URL=postgres_url, OKR_REDIS_URL=redis_url)
    try:
        yield found
    finally:
        found.stop()


def test_honcho_runs_it_a_database_outage_loses_nothing_and_sigterm_ends_it(empty_plant: Plant, postgres: Postgres) -> None:
    plant = empty_plant
    honcho = shutil.which("honcho", path=plant.env["PATH"])
    assert honcho is not None
    with hosts(epics=1) as world:
        [epic] = world.epics
        children = world.children[epic]
        plant.apply(world.declaration())
        started = plant.start(program=[honcho, "start", "--no-colour"])
        until(plant.ready, 40, what=plant.output)
        until(lambda: plant.current("kr-0") == 0.0, 30, what=plant.output)
        door = Door(plant.port)

        world.jira.set_status(children[0], "done")
        assert door.jira(world.jira_event(children[0])) == 200
        until(lambda: plant.current("kr-0") == 25.0 and "now 25" in "".join(world.links(epic)), what=plant.output)

        # Acknowledged just before the outage, and refused during it.
        world.jira.set_status(children[1], "done")
        assert door.jira(world.jira_event(children[1]), key="before") == 200
        postgres.stop()
        world.jira.set_status(children[2], "done")
        refused = [door.jira(world.jira_event(children[2]), key=f"during-{number}") for number in range(3)]
        assert refused == [503, 503, 503]
        assert not plant.ready()
        time.sleep(1.0)  # clock and workers notice
        postgres.start()
        until(plant.ready, 20, what=plant.output)
        assert "before" in plant.stored()
        assert not any(key.startswith("during") for key in plant.stored())
        until(lambda: plant.current("kr-0") in (50.0, 75.0), 30, what=plant.output)
        until(lambda: door.jira(world.jira_event(children[2]), key="again") == 200, 10)
        until(lambda: plant.current("kr-0") == 75.0 and "now 75" in "".join(world.links(epic)), 30, what=plant.output)
        assert len(world.links(epic)) == 1
        door.close()
        assert "Traceback" not in plant.output()

        below = descendants(started.pid)
        assert len(below) >= 5
        started.send_signal(signal.SIGTERM)
        started.wait(20)
        until(lambda: not any(command_line(pid) for pid in below), 5, what=lambda: [command_line(pid) for pid in below])
