"""`okr-connector sync` is killed in mid-run and run again: it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.store.tables import Run
from tests.support.plant import Plant, hosts, until


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    found = Plant(tmp_path, 0)
    try:
        yield found
    finally:
        found.stop()


def test_sync_goes_on_from_its_cursor_after_a_kill(plant: Plant) -> None:
    with hosts(epics=1) as world:
        [epic] = world.epics
        for number in range(196):
            world.jira.add_issue("ACME", f"More {number}", parent=epic, category="done")
        world.jira.rest.page_limit = 10
        plant.apply(world.declaration())

        slow = world.jira.fail(path="search/jql", seconds=0.1, times=10_000)
        first = plant.start("sync", "--connection", "acme-jira")
        until(lambda: len(world.jira.calls("search/jql")) > 12 or first.poll() is not None, what=plant.output)
        assert first.poll() is None, plant.output()
        first.kill()
        first.wait()
        slow.times = 0

        world.jira.forget_log()
        again = plant.command("sync", "--connection", "acme-jira")
        assert again.returncode == 0, again.stdout + again.stderr
        # Twenty pages of children are a run from scratch; twelve of them were kept from the first.
        assert len(world.jira.calls("search/jql")) <= 10
        assert plant.current("kr-0") == pytest.approx(98.0)

        assert "seen 200," in again.stdout
        assert len(world.links(epic)) == 1
        with plant.runtime.store.read() as session:
            assert [run.status for run in session.scalars(select(Run).order_by(Run.id))] == ["done"]
