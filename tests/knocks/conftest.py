"""One installation for the tests of this folder: `serve` with its embedded Redis and SQLite, set up by `apply`.

Each test knocks something over and leaves the installation working; each uses an epic of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.plant import Door, Hosts, Plant, hosts, until
from tests.support.services import free_port


@pytest.fixture(scope="session")
def world() -> Iterator[Hosts]:
    with hosts(epics=8) as both:
        yield both


@pytest.fixture(scope="session")
def _served(world: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    found = Plant(tmp_path_factory.mktemp("plant"), free_port())
    try:
        found.apply(world.declaration())
        found.start("serve")
        until(found.ready, 40, what=found.output)
        until(lambda: found.current("kr-deals") == world.seats() and found.current("kr-7") == 0.0, 30, what=found.output)
        until(lambda: len(world.callouts()) == 1 and all(len(world.links(epic)) == 1 for epic in world.epics), 20, what=found.output)
        yield found
    finally:
        found.stop()


@pytest.fixture
def plant(_served: Plant) -> Plant:
    """The running installation, listed and at rest."""
    until(_served.ready, 40, what=_served.output)
    return _served


@pytest.fixture
def door(plant: Plant) -> Iterator[Door]:
    found = Door(plant.port)
    yield found
    found.close()
