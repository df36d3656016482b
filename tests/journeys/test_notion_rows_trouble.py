"""Rows of OKR databases whose record is closed or hidden, that come and go, and whose host is in trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.services import drain as drains
from connector.services.plan import key_results, objectives
from connector.services.rollup import roll_up_dirty, want_all
from connector.store.tables import Connection, Cycle, Objective, OkrDatabase, OkrRow
from tests.journeys.row_steps import TITLE, asked, kept_row, update
from tests.support.okr_notion import NotionRow, OkrScene


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drains, "LINGER", 0.0)  # time is the scene's: nothing real is waited for


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with kept_row(tmp_path) as found:
        yield found


@pytest.fixture
def row(scene: OkrScene) -> NotionRow:
    return scene.row(TITLE)


# --- closed, retired, hidden -------------------------------------------------------------------------------------------


def test_a_closed_cycle_keeps_its_rows_as_they_were(scene: OkrScene, row: NotionRow) -> None:
    with scene.runtime.store.write() as session:
        session.scalars(select(Objective).where(Objective.id == "onboarding")).one().closed_at = scene.runtime.now()
    row.edit({"To": 50, "Confidence": 3}, by="Bob")
    scene.drain()
    assert (row["To"], row["Confidence"]) == (100.0, None)
    assert scene.company.row("kr-setup").target == 100.0
    assert "The cycle now is over: this stays as it was, and edits are put back." in str(row["OKR note"])


def test_a_retired_key_result_keeps_its_row_and_says_so(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"OKR status": None}, by="Bob")
    scene.drain()
    key_results.retire(scene.runtime, SYSTEM, "kr-setup", reason="not any more")
    scene.drain()
    assert row["OKR status"] is None
    assert str(row["OKR note"]).startswith("This key result is no longer shown here: it was retired.")
    row.edit({"Key result": "Anything"}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").title == TITLE
    assert row["Key result"] == "Anything"


def test_what_becomes_restricted_is_told_no_more(scene: OkrScene, row: NotionRow) -> None:
    objectives.update(scene.runtime, SYSTEM, "onboarding", {"restricted": True})
    scene.drain()
    assert row["OKR status"] is None
    assert row["Source"] is None
    assert "restricted, a draft, or its cycle was not started" in str(row["OKR note"])
    update(scene, title="Secret")
    scene.drain()
    assert row["Key result"] == TITLE


def test_a_cycle_that_is_not_started_has_no_rows(scene: OkrScene) -> None:
    scene.objective("next", cycle="next one")
    with scene.runtime.store.write() as session:
        session.scalars(select(Cycle).where(Cycle.name == "next one")).one().started_at = None
    scene.key_result("kr-next", "next", title="Later")
    scene.drain()
    assert [each["Key result"] for each in scene.rows()] == [TITLE]


# --- rows and databases come and go ------------------------------------------------------------------------------------


def test_a_trashed_row_is_left_alone_and_a_restored_one_is_kept_in_step_again(scene: OkrScene, row: NotionRow) -> None:
    row.trash(by="Bob")
    scene.drain()
    assert scene.row_here(row.ref).gone_at is not None
    assert scene.audit("row_gone")[-1].entity_id == "kr-setup"
    update(scene, title="Meanwhile")
    scene.drain()
    assert not scene.rows(), "nothing is made in its place"
    row.restore(by="Bob")
    scene.drain()
    assert scene.row_here(row.ref).gone_at is None
    assert row["Key result"] == "Meanwhile"


def test_a_row_moved_out_of_its_database_is_kept_in_step_no_more(scene: OkrScene, row: NotionRow) -> None:
    scene.world.move_page(row.ref, parent=scene.page, author=scene.account("Bob"))
    scene.drain()
    here = scene.row_here(row.ref)
    assert here.gone_at is not None
    assert here.note.startswith("Moved out of its database")


def test_a_renamed_column_is_followed(scene: OkrScene, row: NotionRow) -> None:
    scene.world.rename_property(scene.source(), "To", "Ziel")
    row.edit({"Ziel": 77}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").target == 77.0
    with scene.runtime.store.read() as session:
        database = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == "key_results")).one()
    assert (database.columns["to"]["name"], database.drift) == ("Ziel", [])


def test_an_unshared_database_is_unknown_and_heals(scene: OkrScene, row: NotionRow) -> None:
    scene.world.unshare(scene.databases[DatabaseKind.KEY_RESULTS].database)
    update(scene, title="Nobody sees this yet")
    scene.drain()
    with scene.runtime.store.read() as session:
        database = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == "key_results")).one()
    assert "cannot be read" in str(database.broken)
    assert scene.row_here(row.ref).gone_at is None, "unknown, not gone"
    asked(scene, row)
    update(scene, target=90)
    scene.drain()
    assert not asked(scene, row), "nothing is tried while it is out of reach"
    scene.world.share(scene.databases[DatabaseKind.KEY_RESULTS].database)
    row.edit({"Unit": "points"}, by="Bob")
    scene.drain()
    with scene.runtime.store.read() as session:
        database = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == "key_results")).one()
    assert database.broken is None
    assert (row["Key result"], row["To"], scene.company.row("kr-setup").unit) == ("Nobody sees this yet", 90.0, "points")


def test_a_database_in_the_trash_is_unknown_until_it_is_put_back(scene: OkrScene, row: NotionRow) -> None:
    scene.world.trash_database(scene.databases[DatabaseKind.KEY_RESULTS].database)
    scene.drain()
    with scene.runtime.store.read() as session:
        assert session.scalars(select(OkrDatabase).where(OkrDatabase.kind == "key_results")).one().broken
    assert scene.row_here(row.ref).gone_at is None
    update(scene, title="Meanwhile")
    scene.drain()
    scene.world.trash_database(scene.databases[DatabaseKind.KEY_RESULTS].database, restore=True)
    scene.drain()
    assert row["Key result"] == "Meanwhile"


# --- trouble -----------------------------------------------------------------------------------------------------------


def test_a_write_that_was_done_although_the_host_failed_is_known_for_ours(scene: OkrScene, row: NotionRow) -> None:
    update(scene, title="Written, and 503")
    scene.sandbox.fail(method="PATCH", path=f"pages/{row.ref}", status=503, code="service_unavailable", commit=True)
    scene.drain()
    scene.company.clock.ahead += 60
    update(scene, title="And changed again")
    scene.drain(30.0)
    scene.drain(30.0)
    assert scene.company.row("kr-setup").title == row["Key result"] == "And changed again"
    assert not scene.audit("conflict"), "what we wrote ourselves is nobody's edit"


def test_a_row_that_was_made_although_the_host_failed_is_found_by_its_key(scene: OkrScene) -> None:
    scene.sandbox.fail(method="POST", path="pages$", status=503, code="service_unavailable", commit=True)
    scene.key_result("kr-second", title="Second")
    scene.drain()
    scene.drain(60.0)
    scene.drain(60.0)
    assert [each["Key result"] for each in scene.rows()].count("Second") == 1
    assert next(each for each in scene.rows_here() if each.record == "kr-second").ref == scene.row("Second").ref


def test_after_a_rate_limited_hour_everything_arrives(scene: OkrScene, row: NotionRow) -> None:
    scene.sandbox.fail(times=3, status=429, code="rate_limited", headers={"Retry-After": "1200"})
    row.edit({"Key result": "Typed in the dark"}, by="Bob")
    for _ in range(4):
        scene.drain(60.0)
    with scene.runtime.store.read() as session:
        until = session.get_one(Connection, scene.connection).paused_until
    assert until > scene.runtime.epoch(), "the host's wish is a minimum"
    row.edit({"Unit": "points"}, by="Alice")
    for _ in range(8):
        scene.drain(900.0)
    here = scene.company.row("kr-setup")
    assert (here.title, here.unit) == ("Typed in the dark", "points")


def test_a_worker_that_dies_between_the_hosts_write_and_ours_leaves_nothing_stale(scene: OkrScene, row: NotionRow) -> None:
    update(scene, title="Half written")
    with scene.runtime.store.write() as session:
        kept = session.scalars(select(OkrRow).where(OkrRow.ref == row.ref)).one()
        kept.shown = {**kept.shown, "writing": {"title": "Half written"}}
    scene.world.set_property(row.ref, "Key result", "Half written", author=scene.world.data["bot"])
    update(scene, title=TITLE)  # and back to what was noted before
    scene.drain()
    assert scene.company.row("kr-setup").title == row["Key result"] == TITLE


def test_two_peoples_edits_of_one_moment_all_arrive(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Unit": "points"}, by="Bob")
    row.edit({"To": 90}, by="Charlie")
    scene.drain()
    here = scene.company.row("kr-setup")
    assert (here.unit, here.target) == ("points", 90.0)


def test_our_robots_events_alone_ask_nothing(scene: OkrScene, row: NotionRow) -> None:
    scene.world.set_property(row.ref, "Source", "ours", author=scene.world.data["bot"])
    scene.drain()
    assert scene.count() == (0, 0)


def test_what_is_computed_here_shows_in_the_row(scene: OkrScene, row: NotionRow) -> None:
    with scene.runtime.store.write() as session:
        want_all(session, scene.runtime.epoch())
    roll_up_dirty(scene.runtime)
    scene.drain()
    assert row["Source"] == "Alice, no check-in yet · no source"
