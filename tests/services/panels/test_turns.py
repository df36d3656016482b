"""Whose panel and whose row is written first: the newest change, until something waits too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.services.okr_databases import working
from connector.services.panels import write_due
from connector.services.panels.turns import TOO_LONG
from connector.store.tables import OkrRow, Panel
from tests.support.okr_notion import OkrScene, okr_world

COUNT = 4


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[OkrScene]:
    with okr_world(tmp_path, database_url=database_url) as found:
        found.objective("onboarding")
        for number in range(COUNT):
            found.key_result(f"kr-{number}", title=f"Result {number}")
        for _ in range(4):
            found.drain(ahead=70.0)
        yield found


def wait(scene: OkrScene, table: type[Panel] | type[OkrRow], oldest: float) -> list[int]:
    """All of a table are due, a second apart, the first one since so many seconds; their ids in this order."""
    now = scene.runtime.epoch()
    with scene.runtime.store.write() as session:
        ids = list(session.scalars(select(table.id).where(table.connection_id == scene.connection).order_by(table.id)))
        for place, ident in enumerate(ids):
            values = {"wanted": table.wanted + 1, "ready_at": now - oldest + place, "first_at": now - oldest + place}
            session.execute(update(table).where(table.id == ident).values(values).execution_options(synchronize_session=False))
    return ids


def waiting(scene: OkrScene, table: type[Panel] | type[OkrRow]) -> set[int]:
    with scene.runtime.store.read() as session:
        return set(session.scalars(select(table.id).where(table.wanted > table.done)))


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize(("oldest", "first"), [(TOO_LONG - 1, -1), (TOO_LONG + 5, 0)])
def test_the_newest_panel_first_until_one_waits_too_long(scene: OkrScene, oldest: float, first: int) -> None:
    ids = wait(scene, Panel, oldest)
    with closing(scene.runtime.connect(scene.connection_row())) as host:
        assert write_due(scene.runtime, scene.connection_row(), host, limit=1) == 1
    assert set(ids) - waiting(scene, Panel) == {ids[first]}


def test_few_rows_are_written_while_panels_wait_too_long(scene: OkrScene) -> None:
    rows = wait(scene, OkrRow, TOO_LONG + 5)
    wait(scene, Panel, TOO_LONG + 5)
    working.work_on_rows(scene.runtime, scene.connection_row())
    assert set(rows) - waiting(scene, OkrRow) == set(rows[: working.FEW])  # the oldest
    wait(scene, Panel, 0.0)
    with scene.runtime.store.write() as session:
        session.execute(update(Panel).values(done=Panel.wanted))
    working.work_on_rows(scene.runtime, scene.connection_row())
    assert not waiting(scene, OkrRow)


def test_a_panel_that_cannot_be_written_lets_the_others_go_on(scene: OkrScene) -> None:
    ids = wait(scene, Panel, 5.0)
    with scene.runtime.store.write() as session:
        stuck = session.get_one(Panel, ids[-1])
        session.execute(update(Panel).where(Panel.connection_id == scene.connection).values(receipt={"unsure": True}))
        ref = stuck.ref
    scene.sandbox.fail(path=f"(pages|blocks)/{ref}", times=99, status=500, code="internal_server_error")
    for _ in range(6):
        scene.drain(ahead=60.0, rounds=1)
    assert waiting(scene, Panel) == {ids[-1]}
    with scene.runtime.store.read() as session:
        assert session.get_one(Panel, ids[-1]).attempts > 2
    scene.sandbox.troubles.clear()
    for _ in range(5):
        scene.drain(ahead=70.0, rounds=1)
    assert not waiting(scene, Panel)
