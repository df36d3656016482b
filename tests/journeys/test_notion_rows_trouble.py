"""Rows of OKR databases whose record is closed or hidden, that come and go, and whose host is in trouble."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import HIDDEN_TITLE, DatabaseKind
from connector.domain.rights import SYSTEM
from connector.services.plan import key_results, objectives
from connector.services.rollup import roll_up_dirty, want_all
from connector.services.row_check_ins.rows import want_retold
from connector.store.tables import Connection, Cycle, Objective, OkrDatabase, OkrRow
from tests.journeys.row_steps import TITLE, asked, offer, update
from tests.support.okr_notion import NotionRow, OkrScene

pytestmark = pytest.mark.usefixtures("nobody_lingers")


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
    assert row["Key result"] == HIDDEN_TITLE
    assert scene.audit("put_back")[-1].before == {"title": "Anything"}


HIDING = [{"restricted": True}, {"stage": "draft"}, None]


@pytest.mark.parametrize("hiding", HIDING)
def test_what_may_not_be_shown_any_more_leaves_every_row_at_once(scene: OkrScene, row: NotionRow, hiding: dict[str, object] | None) -> None:
    row.edit({"Confidence": 4, "Decision": "budget", "Blocker": "Hush", "Comment": "Hush", "Value": 20}, by="Alice")
    for _ in range(3):
        scene.drain(ahead=20)
    kept = {kind: scene.rows(kind)[0] for kind in DatabaseKind}
    before = {kind: cells(scene, each) for kind, each in kept.items()}
    assert "Hush" in str(before)
    if hiding is None:
        objectives.retire(scene.runtime, SYSTEM, "onboarding", reason="not any more")
    else:
        objectives.update(scene.runtime, SYSTEM, "onboarding", hiding, reason="quiet now")
    for _ in range(2):
        scene.drain(ahead=20)
    for kind, each in kept.items():
        said = {name: value for name, value in cells(scene, each).items() if value not in (None, (), "")}
        assert said.pop("OKR note"), kind
        if kind in (DatabaseKind.CHECK_INS, DatabaseKind.DECISIONS):
            assert said.pop("OKR key") == "1"
        assert list(said.values()) == [HIDDEN_TITLE], kind
    scene.count()
    scene.drain(ahead=20)
    assert scene.count() == (0, 0), "there is nothing more to say"
    assert scene.company.row("kr-setup").title == TITLE
    if hiding is None:
        return
    objectives.update(scene.runtime, SYSTEM, "onboarding", {"restricted": False, "stage": "ready"}, reason="told now")
    for _ in range(3):
        scene.drain(ahead=20)
    for kind, each in kept.items():
        assert cells(scene, each) == before[kind]
    assert (len(scene.check_ins()), scene.company.row("kr-setup").title) == (1, TITLE)


def test_what_is_being_typed_while_a_record_is_hidden_does_not_stay(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Blocker": "Hush"}, by="Eve")  # nobody here knows Eve: it waits in the row
    for _ in range(2):
        scene.drain(ahead=20)
    assert (row["Blocker"], scene.check_ins()) == ("Hush", [])
    objectives.update(scene.runtime, SYSTEM, "onboarding", {"restricted": True}, reason="quiet now")
    for _ in range(2):
        scene.drain(ahead=20)
    assert row["Blocker"] is None
    row.edit({"Blocker": "More", "Key result": "Mine", "Reason": "because"}, by="Alice")
    for _ in range(2):
        scene.drain(ahead=20)
    assert (row["Blocker"], row["Key result"], row["Reason"]) == (None, HIDDEN_TITLE, None)
    assert {"title": "Mine"}.items() <= {name: value for each in scene.audit("put_back") for name, value in each.before.items()}.items()
    assert scene.company.row("kr-setup").title == TITLE


def test_a_new_name_reaches_the_rows_of_check_ins_at_once(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Confidence": 4, "Decision": "none", "Value": 20}, by="Alice")
    for _ in range(3):
        scene.drain(ahead=20)
    update(scene, title="Second invoice sent")
    for _ in range(2):
        scene.drain(ahead=20)
    assert str(scene.rows(DatabaseKind.CHECK_INS)[0]["Check-in"]).endswith(": Second invoice sent")
    with scene.runtime.store.write() as session:
        assert not want_retold(session, ["kr-setup"], scene.runtime.epoch()), "nothing is different"


def test_the_id_of_a_hidden_objective_is_told_nowhere(scene: OkrScene, row: NotionRow) -> None:
    scene.objective("hush-hush")
    scene.drain()
    hidden = scene.row("Objective hush-hush", DatabaseKind.OBJECTIVES)
    objectives.update(scene.runtime, SYSTEM, "hush-hush", {"restricted": True}, reason="quiet now")
    scene.drain()
    row.edit({"Objective": [hidden]}, by="Bob")
    new = scene.add_row({"Key result": "New", "Objective": [hidden], "Owner": ["Bob"], "From": 0, "To": 1}, by="Bob")
    for _ in range(2):
        scene.drain()
    assert "“Objective”: that objective is no longer shown here; choose another" in str(row["OKR note"])
    assert "its objective is not shown here; choose another" in str(new["OKR note"])
    assert "hush" not in str([cells(scene, each) for kind in DatabaseKind for each in scene.rows(kind)])
    assert scene.company.row("kr-setup").objective_id == "onboarding"


def test_a_row_typed_into_the_check_ins_says_that_it_counts_for_nothing(scene: OkrScene, row: NotionRow) -> None:
    typed = scene.add_row({"Check-in": "My update", "Key result": [row], "Confidence": 3}, DatabaseKind.CHECK_INS)
    for _ in range(2):
        scene.drain()
    assert str(typed["OKR note"]).startswith("This row counts for nothing: check-ins are not typed here.")
    assert (typed["Check-in"], scene.check_ins()) == ("My update", [])


def test_cycles_ahead_are_not_named_and_take_nothing_yet(scene: OkrScene) -> None:
    with scene.runtime.store.write() as session:
        session.add(Cycle(name="Hush", start=date(2090, 1, 1), end=date(2090, 3, 31)))
    offer(scene, "Cycle", "nonsense", "Hush")
    wrong = scene.add_row({"Objective": "One", "Cycle": "nonsense"}, DatabaseKind.OBJECTIVES, by="Bob")
    ahead = scene.add_row({"Objective": "Two", "Cycle": "Hush"}, DatabaseKind.OBJECTIVES, by="Bob")
    above = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    above.edit({"Cycle": "Hush"}, by="Bob")
    for _ in range(2):
        scene.drain()
    assert "choose one of now" in str(wrong["OKR note"])
    assert "Hush" not in str(wrong["OKR note"])
    assert "the cycle Hush has not started" in str(ahead["OKR note"])
    assert "the cycle Hush has not started" in str(above["OKR note"])
    assert (ahead["Objective"], above["OKR status"] is not None) == ("Two", True)


def cells(scene: OkrScene, row: NotionRow) -> dict[str, object]:
    """Everything that stands in a row."""
    properties = scene.world.data["sources"][row.page["source"]]["properties"].values()
    return {each["name"]: row[each["name"]] for each in properties}


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
