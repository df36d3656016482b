"""Rows that stand for nothing yet: what they lack is said, a match is bound, a complete one becomes a record. Read over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.services.okr_databases import setting_up
from connector.services.okr_databases.contents import contents_of
from connector.services.okr_databases.importing import read_all
from connector.services.okr_databases.overview import Overview, overview
from connector.store.tables import Audit, CheckIn, Cycle, KeyResult, Objective, OkrDatabase, OkrRow, Person, Reading, Team
from tests.services.okr_databases.bare import Bare, bare_world

KEY_RESULTS, OBJECTIVES = DatabaseKind.KEY_RESULTS, DatabaseKind.OBJECTIVES
WHOLE = {"Key result": "First invoice sent", "From": 0, "To": 40}


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        scene.company.objective("cycle-maker", cycle="Q4")
        with scene.runtime.store.write() as session:
            session.get_one(Objective, "cycle-maker").restricted = True  # the cycle is there, the objective is nobody's business
        setting_up.set_up(scene.runtime, SYSTEM, "acme-notion", scene.page)
        yield scene


def _add(bare: Bare, kind: DatabaseKind, values: dict[str, Any], by: str = "Alice") -> str:
    return bare.sandbox.world.add_row(bare.databases()[kind].source, values, author=bare.accounts[by])


def _objective(bare: Bare, title: str = "Faster onboarding", **more: Any) -> str:
    return _add(bare, OBJECTIVES, {"Objective": title, "Cycle": "Q4", **more})


def _read(bare: Bare) -> None:
    read_all(bare.runtime, bare.row())


def _row(bare: Bare, ref: str) -> OkrRow:
    with bare.runtime.store.read() as session:
        return session.scalars(select(OkrRow).where(OkrRow.ref == ref)).one()


def test_complete_rows_become_records(bare: Bare) -> None:
    above = _objective(bare, Team="Growth")
    ref = _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]], "Unit": "invoices"})
    _read(bare)
    with bare.runtime.store.read() as session:
        objective = session.get_one(Objective, "faster-onboarding")
        made = session.get_one(KeyResult, "kr-first-invoice-sent")
        owner = session.get_one(Person, made.owner_id)
        actors = {audit.entity_id: audit.actor for audit in session.scalars(select(Audit).where(Audit.action == "create"))}
    assert (objective.title, objective.stage, objective.restricted) == ("Faster onboarding", "ready", False)
    assert (made.title, made.objective_id, owner.name, made.start, made.target, made.unit, made.kind) == (
        "First invoice sent", "faster-onboarding", "Bob", 0.0, 40.0, "invoices", "metric",
    )  # fmt: skip
    assert actors == {"faster-onboarding": "alice@acme.example", "kr-first-invoice-sent": "alice@acme.example"}
    assert _row(bare, ref).record == "kr-first-invoice-sent"
    assert not _row(bare, ref).missing


def test_reading_twice_makes_nothing_twice(bare: Bare) -> None:
    above = _objective(bare)
    _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]]})
    _read(bare)
    _read(bare)
    assert len(bare.key_results()) == 1
    assert len(bare.objectives()) == 2


def test_what_is_missing_is_said(bare: Bare) -> None:
    ref = _add(bare, KEY_RESULTS, {"Key result": "Half"})
    empty = _add(bare, KEY_RESULTS, {})
    _read(bare)
    assert _row(bare, ref).missing == ["needs an objective", "needs an owner", "needs “From”", "needs “To”"]
    assert _row(bare, ref).note == "Not a key result yet: needs an objective; needs an owner; needs “From”; needs “To”."
    assert _row(bare, ref).wanted > _row(bare, ref).done
    assert _row(bare, empty).missing[0] == "needs a title"
    assert not bare.key_results()


def test_a_draft_is_completed(bare: Bare) -> None:
    above = _objective(bare)
    ref = _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above]})
    _read(bare)
    assert _row(bare, ref).missing == ["needs an owner"]
    bare.sandbox.world.set_property(ref, "Owner", [bare.accounts["Alice"]], author=bare.accounts["Alice"])
    _read(bare)
    assert _row(bare, ref).record == "kr-first-invoice-sent"
    assert _row(bare, ref).note == ""
    assert _row(bare, ref).missing == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"Owner": ["Alice", "Bob"]}, "“Owner” holds 2 people; a key result has exactly one owner: keep one"),
        ({"Owner": ["Eve"]}, "“Owner”: this account belongs to nobody here yet; an admin adds them, or their account, under People"),
        ({"From": 40}, "“From” and “To” are equal, so there is no way to go; change one"),
    ],
)
def test_what_cannot_be_used_is_said(bare: Bare, values: dict[str, Any], sentence: str) -> None:
    above = _objective(bare)
    accounts = {name: [bare.accounts[each] for each in value] if name == "Owner" else value for name, value in values.items()}
    ref = _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]], **accounts})
    _read(bare)
    assert _row(bare, ref).missing == [sentence]
    assert not bare.key_results()


def test_the_names_in_sentences_are_those_of_the_columns_now(bare: Bare) -> None:
    bare.sandbox.world.rename_property(bare.databases()[KEY_RESULTS].source, "From", "Start")
    above = _objective(bare)
    ref = _add(bare, KEY_RESULTS, {"Key result": "x1", "To": 3, "Objective": [above], "Owner": [bare.accounts["Bob"]]})
    _read(bare)
    assert _row(bare, ref).missing == ["needs “Start”"]


def test_an_objective_that_is_a_draft_itself(bare: Bare) -> None:
    above = _add(bare, OBJECTIVES, {"Objective": "Without a cycle"})
    ref = _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]]})
    _read(bare)
    assert _row(bare, above).missing == ["needs a cycle"]
    assert _row(bare, ref).missing == ["its objective “Without a cycle” is a draft itself: needs a cycle"]
    before = _row(bare, ref).wanted
    bare.sandbox.world.set_property(above, "Cycle", "Q4", author=bare.accounts["Alice"])
    _read(bare)
    assert _row(bare, above).record == "without-a-cycle"
    assert _row(bare, ref).record == "kr-first-invoice-sent"
    assert _row(bare, ref).wanted > before


def test_cycles_and_teams_that_are_not_there(bare: Bare) -> None:
    bare.company.objective("elsewhere", cycle="Q9")
    with bare.runtime.store.write() as session:
        session.add(Team(name="Nobody"))
    setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    with bare.runtime.store.write() as session:  # the options stay in Notion
        for table, name in ((Team, "Nobody"), (Cycle, "Q9")):
            session.scalars(select(table).where(table.name == name)).one().retired_at = bare.runtime.now()
    over = _add(bare, OBJECTIVES, {"Objective": "Late", "Cycle": "long ago"})
    unknown = _add(bare, OBJECTIVES, {"Objective": "Unknown", "Cycle": "Q9", "Team": "Nobody"})
    _read(bare)
    assert _row(bare, over).missing == ["“Cycle”: the cycle long ago is over; choose one that runs or comes"]
    assert _row(bare, unknown).missing == [
        "“Cycle”: there is no cycle 'Q9'; choose one of Q4",
        "“Team”: there is no team 'Nobody'; choose one of Growth, or leave it empty",
    ]


def test_a_restricted_objective_is_never_drawn_out(bare: Bare) -> None:
    bare.company.key_result("kr-secret", "cycle-maker", title="Secret thing")
    same = _objective(bare, "Objective cycle-maker")
    by_key = _add(bare, OBJECTIVES, {"Objective": "Curious", "Cycle": "Q4", "OKR key": "cycle-maker"})
    _read(bare)
    assert _row(bare, same).record == "objective-cycle-maker"
    assert _row(bare, by_key).record == "curious"


def test_a_row_that_matches_a_record_is_bound(bare: Bare) -> None:
    bare.company.objective("onboarding", cycle="Q4")
    bare.company.key_result("kr-setup", title="Set up in a day")
    above = _objective(bare, "objective  ONBOARDING")
    ref = _add(bare, KEY_RESULTS, {"Key result": "set up in a day", "Objective": [above]})
    _read(bare)
    assert _row(bare, above).record == "onboarding"
    assert _row(bare, ref).record == "kr-setup"
    assert len(bare.key_results()) == 1
    assert [each.record for each in bare.rows()] == ["kr-setup"]  # no second row is wanted for it


def test_a_row_that_was_about_to_be_made_is_this_one(bare: Bare) -> None:
    bare.company.objective("onboarding", cycle="Q4")
    setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    assert [(each.record, each.ref) for each in bare.rows(OBJECTIVES)] == [("onboarding", None)]
    above = _objective(bare, "Objective onboarding")
    _read(bare)
    assert [(each.record, each.ref) for each in bare.rows(OBJECTIVES)] == [("onboarding", above)]


def test_two_records_with_one_title_are_asked_about(bare: Bare) -> None:
    bare.company.objective("onboarding", cycle="Q4")
    for name in ("kr-a", "kr-b"):
        bare.company.key_result(name, title="Twins")
    above = _objective(bare, "Objective onboarding")
    ref = _add(bare, KEY_RESULTS, {"Key result": "Twins", "Objective": [above]})
    _read(bare)
    assert _row(bare, ref).missing[0] == "2 here have this title; write the one that it is into “OKR key”: kr-a or kr-b"
    bare.sandbox.world.set_property(ref, "OKR key", "kr-b", author=bare.accounts["Alice"])
    _read(bare)
    assert _row(bare, ref).record == "kr-b"


def test_a_copy_of_a_row_waits_for_a_title_of_its_own(bare: Bare) -> None:
    above = _objective(bare)
    whole = {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]]}
    _add(bare, KEY_RESULTS, whole)
    _read(bare)
    copy = _add(bare, KEY_RESULTS, {**whole, "OKR key": "kr-first-invoice-sent"})
    _read(bare)
    assert _row(bare, copy).missing == ["is a copy of “First invoice sent”: give it a title of its own, or delete it"]
    bare.sandbox.world.set_property(copy, "Key result", "Second invoice sent", author=bare.accounts["Alice"])
    _read(bare)
    assert _row(bare, copy).record == "kr-second-invoice-sent"


def test_who_may_define(bare: Bare) -> None:
    setting_up.change_options(bare.runtime, SYSTEM, "acme-notion", {"definitions": "leads"})
    above = _objective(bare)
    _read(bare)
    assert _row(bare, above).missing == ["definitions are changed by admin or lead here; ask one of them"]
    with bare.runtime.store.write() as session:
        session.scalars(select(Person).where(Person.name == "Alice")).one().role = "lead"
    _read(bare)
    assert _row(bare, above).record == "faster-onboarding"


def test_somebody_unknown_may_where_everybody_may(bare: Bare) -> None:
    _add(bare, OBJECTIVES, {"Objective": "From a guest", "Cycle": "Q4"}, by="Eve")
    _read(bare)
    assert bare.audits("create")[-1].actor == f"notion:{bare.accounts['Eve']}"


@pytest.mark.parametrize("unit", ["yes/no", "Yes/No", "done"])
def test_yes_or_no_needs_no_numbers(bare: Bare, unit: str) -> None:
    above = _objective(bare)
    _add(bare, KEY_RESULTS, {"Key result": "Contract signed", "Unit": unit, "Objective": [above], "Owner": [bare.accounts["Bob"]]})
    _read(bare)
    assert [(each.kind, each.unit) for each in bare.key_results()] == [("yes_no", unit)]


def test_decimals_come_from_the_numbers(bare: Bare) -> None:
    above = _objective(bare)
    _add(bare, KEY_RESULTS, {"Key result": "Churn", "From": 4.25, "To": 2, "Objective": [above], "Owner": [bare.accounts["Bob"]]})
    _read(bare)
    assert [(each.start, each.target, each.decimals) for each in bare.key_results()] == [(4.25, 2.0, 2)]


def test_what_a_new_row_says_of_its_value_comes_with_it(bare: Bare) -> None:
    above = _objective(bare)
    said = {"Value": 12, "Confidence": 7, "Blocker": "Legal review", "Decision": "approval", "Comment": "Two customers wait"}
    _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]], **said})
    _read(bare)
    with bare.runtime.store.read() as session:
        reading = session.scalars(select(Reading)).one()
        update = session.scalars(select(CheckIn)).one()
        author = session.get_one(Person, update.author_id)
    assert (reading.value, reading.kind, reading.source) == (12.0, "check_in", {"file": "Key Results", "check_in": update.id})
    assert (update.confidence, update.blocker, update.decision, update.comment) == (7, "Legal review", "approval", "Two customers wait")
    assert author.name == "Alice"
    bare.company.work(bare.connection)
    assert bare.key_results()[0].current == 12.0
    with bare.runtime.store.read() as session:
        assert len(session.scalars(select(CheckIn)).all()) == 1
        database = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == KEY_RESULTS)).one()
        [row] = session.scalars(select(OkrRow).where(OkrRow.database_id == database.id, OkrRow.record != "")).all()
        ours = contents_of(session, bare.runtime, database, [row])[row.id].ours
    assert "value told by Alice, as of" in str(ours["source"])
    # When and who are of one event, and what a source reads later has neither the person's name nor their time.
    minute = update.created_at.replace(second=0, microsecond=0)
    assert (ours["updated_by"], ours["updated"]) == ("Alice", minute.isoformat())
    later = minute + timedelta(hours=1)
    with bare.runtime.store.write() as session:
        kept = session.get_one(KeyResult, row.record)
        kept.as_of, kept.source = later, {"kind": "import"}
        session.flush()
        ours = contents_of(session, bare.runtime, database, [row])[row.id].ours
    assert (ours["updated_by"], ours["updated"]) == ("an import", later.isoformat())
    assert "value told by an import" in str(ours["source"])


def test_what_is_no_update_is_left_out(bare: Bare) -> None:
    above = _objective(bare)
    _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]], "Confidence": 11})
    _read(bare)
    assert len(bare.key_results()) == 1
    with bare.runtime.store.read() as session:
        assert not session.scalars(select(CheckIn)).all()


def test_rows_of_check_ins_are_only_kept(bare: Bare) -> None:
    ref = _add(bare, DatabaseKind.CHECK_INS, {"Check-in": "Typed by hand"})
    _read(bare)
    assert (_row(bare, ref).record, _row(bare, ref).missing) == ("", [])


def test_a_row_of_ours_whose_place_nobody_noted_is_bound_by_its_key(bare: Bare) -> None:
    """The process that made it died before it could say where."""
    kept = bare.databases()[DatabaseKind.CHECK_INS]
    with bare.runtime.store.write() as session:
        session.add(
            OkrRow(connection_id=bare.connection, database_id=kept.id, record="77", unsure=True, created_at=bare.runtime.now(), wanted=1)
        )
    ref = _add(bare, DatabaseKind.CHECK_INS, {"Check-in": "Ours", "OKR key": "77"})
    _read(bare)
    assert [(row.ref, row.record, row.unsure) for row in bare.rows(DatabaseKind.CHECK_INS)] == [(ref, "77", False)]


def test_a_row_that_was_moved_into_another_database_stands_for_nothing_there(bare: Bare) -> None:
    above = _objective(bare)
    ref = _add(bare, KEY_RESULTS, {**WHOLE, "Objective": [above], "Owner": [bare.accounts["Bob"]]})
    _read(bare)
    bare.sandbox.world.move_page(ref, source=bare.databases()[OBJECTIVES].source)
    _read(bare)
    assert _row(bare, ref).gone_at is not None
    assert len(bare.objectives()) == 2
    bare.sandbox.world.move_page(ref, source=bare.databases()[KEY_RESULTS].source)
    _read(bare)
    bare.company.work(bare.connection)
    assert _row(bare, ref).gone_at is None
    assert _row(bare, ref).record == "kr-first-invoice-sent"
    assert len(bare.key_results()) == 1


@pytest.mark.databases("sqlite", "postgres")
def test_on_both_databases(tmp_path: Path, database_url: str) -> None:
    with bare_world(tmp_path, database_url) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        scene.company.key_result("kr-setup", title="Set up in a day")
        setting_up.set_up(scene.runtime, SYSTEM, "acme-notion", scene.page)
        above = _objective(scene, "Objective onboarding")
        whole = {"Objective": [above], "Owner": [scene.accounts["Bob"]]}
        _add(scene, KEY_RESULTS, {**WHOLE, **whole, "Value": 3, "Confidence": 5})
        _add(scene, KEY_RESULTS, {**WHOLE, **whole, "Key result": "Set up in a day"})
        _add(scene, KEY_RESULTS, {"Key result": "Half"})
        for _ in range(2):
            _read(scene)
        assert [each.record for each in scene.rows(OBJECTIVES)] == ["onboarding"]
        assert sorted(each.record for each in scene.rows()) == ["", "kr-first-invoice-sent", "kr-setup"]
        assert [each.title for each in overviews(scene).drafts] == ["Half"]


def overviews(scene: Bare) -> Overview:
    with scene.runtime.store.read() as session:
        return overview(session, SYSTEM, scene.row(), scene.runtime.epoch())
