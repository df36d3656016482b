"""Rows of OKR databases, both ways: real client, real HTTP to the stand-in, real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.services.okr_databases.applying import NO_REASON
from connector.services.people.accounts import NewPerson, add_people
from connector.store.tables import Objective, Person
from tests.journeys.row_steps import TITLE, asked, kept_row, offer, update
from tests.support.okr_notion import NotionRow, OkrScene

pytestmark = pytest.mark.usefixtures("nobody_lingers")


# --- there to here -----------------------------------------------------------------------------------------------------


def test_a_row_is_made_and_says_what_the_key_result_says(scene: OkrScene, row: NotionRow) -> None:
    above = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    assert (row["From"], row["To"], row["Unit"]) == (0.0, 100.0, "%")
    assert row["Objective"] == (above.ref,)
    assert row["Owner"] == (scene.account("Alice"),)
    assert (row["OKR status"], row["OKR progress"], row["Value"]) == ("No data", None, None)
    assert row["OKR key"] == "kr-setup"
    assert row["OKR note"] is None
    assert (above["Cycle"], above["OKR status"]) == ("now", "No data")


def test_nothing_is_asked_or_written_while_nothing_changes(scene: OkrScene) -> None:
    scene.drain()
    scene.drain(120.0)
    assert scene.count() == (0, 0)


def test_an_edit_of_the_wording_arrives_within_one_drain(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Key result": "First invoice paid"}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").title == "First invoice paid"
    line = scene.audit("update")[-1]
    assert (line.actor, line.after, line.reason) == ("bob@acme.example", {"title": "First invoice paid"}, NO_REASON)
    assert row["OKR note"] == "Please say why you changed the wording: write it under “Reason”."
    row.edit({"Reason": "an invoice that nobody pays is none"}, by="Bob")
    scene.drain()
    assert scene.audit("update")[-1].reason == "an invoice that nobody pays is none"
    assert (row["Reason"], row["OKR note"]) == (None, None)


def test_an_event_on_one_row_costs_one_read_and_at_most_one_write(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Reason": "because"}, by="Bob")  # a reason for nothing stays, and nothing is to be written
    scene.drain()
    assert scene.count() == (1, 0)
    row.edit({"OKR progress": 0.9}, by="Bob")
    scene.drain()
    assert scene.count() == (1, 1)
    scene.drain()
    assert scene.count() == (0, 0), "the echo of our own write asks nothing"


def test_owner_from_to_unit_and_objective_arrive_with_the_reason_that_stands_there(scene: OkrScene, row: NotionRow) -> None:
    scene.objective("growth")
    scene.drain()
    other = scene.row("Objective growth", DatabaseKind.OBJECTIVES)
    values = {"Reason": "a new plan", "Owner": "Bob", "From": 10, "To": 60.5, "Unit": "points", "Objective": other}
    row.edit(values, by="Alice")
    scene.drain()
    here = scene.company.row("kr-setup")
    assert (here.start, here.target, here.unit, here.objective_id) == (10.0, 60.5, "points", "growth")
    assert here.owner_id == scene.person("Bob").id
    assert {line.reason for line in scene.audit("update")} == {"a new plan"}
    assert (row["Reason"], row["OKR note"]) == (None, None)


def test_an_objective_is_edited_in_its_row(scene: OkrScene) -> None:
    above = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    offer(scene, "Team", "Growth", "Nobody's")
    above.edit({"Objective": "Customers start by themselves", "Team": "Growth"}, by="Bob")
    scene.drain()
    with scene.runtime.store.read() as session:
        found = session.get_one(Objective, "onboarding")
    assert found.title == "Customers start by themselves"
    assert found.team_id is not None
    above.edit({"Team": "Nobody's"}, by="Bob")
    scene.drain()
    assert "no team is called “Nobody's”" in str(above["OKR note"])
    assert above["Team"] == "Nobody's", "what somebody typed stays until they change it"


def test_a_key_result_stays_with_an_objective_whose_row_is_in_the_trash(scene: OkrScene, row: NotionRow) -> None:
    above = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    above.trash(by="Bob")
    scene.drain()
    update(scene, title="First invoice paid")
    scene.drain()
    assert row["Key result"] == "First invoice paid"
    assert row["Objective"] == (above.ref,)
    assert scene.company.row("kr-setup").objective_id == "onboarding"


# --- here to there -----------------------------------------------------------------------------------------------------


def test_a_change_here_arrives_there_after_one_look(scene: OkrScene, row: NotionRow) -> None:
    update(scene, title="First invoice paid", target=80)
    scene.drain()
    assert (row["Key result"], row["To"]) == ("First invoice paid", 80.0)
    assert scene.company.row("kr-setup").title == "First invoice paid"
    scene.count()
    scene.drain()
    assert scene.count() == (0, 0)


def test_an_edit_that_nobody_told_us_of_is_not_written_over(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Unit": "points"}, by="Bob")
    scene._told = len(scene.sandbox.events)  # its event is lost
    update(scene, title="First invoice paid")
    scene.drain()
    assert (row["Key result"], row["Unit"]) == ("First invoice paid", "points")
    assert scene.company.row("kr-setup").unit == "points"


def test_computed_values_are_written_by_one_request(scene: OkrScene, row: NotionRow) -> None:
    with scene.runtime.store.write() as session:
        session.get_one(Person, scene.person("Alice").id).name = "Alice B."
    update(scene, reason="", decimals=1)
    scene.drain()
    assert asked(scene, row) == [("PATCH", {"source"})]


def test_computed_columns_are_put_back_and_what_was_typed_is_kept(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"OKR status": "On track", "OKR progress": 0.9}, by="Bob")
    scene.drain()
    assert (row["OKR status"], row["OKR progress"]) == ("No data", None)
    assert row["OKR note"] == "“OKR progress” and “OKR status” were put back, because they are computed here."
    lines = scene.audit("put_back")
    assert {line.actor for line in lines} == {"bob@acme.example"}
    assert {name: value for line in lines for name, value in (line.before or {}).items()} == {"progress": 0.9, "state": "On track"}
    row.edit({"Unit": "points"}, by="Bob")
    scene.drain()
    assert "put back" not in str(row["OKR note"]), "the next edit is about something else"


# --- both at once ------------------------------------------------------------------------------------------------------


def test_the_latest_edit_wins_and_the_other_text_is_kept(scene: OkrScene, row: NotionRow) -> None:
    update(scene, title="Typed here first")
    scene.company.clock.ahead += 70
    row.edit({"Key result": "Typed there later"}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").title == row["Key result"] == "Typed there later"
    (line,) = scene.audit("conflict")
    assert (line.actor, line.before, line.after) == (
        "bob@acme.example", {"title": "Typed here first"}, {"title": "Typed there later"},
    )  # fmt: skip


def test_an_earlier_edit_of_the_row_gives_way_and_is_kept_too(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Key result": "Typed there first"}, by="Bob")
    scene.company.clock.ahead += 70
    update(scene, title="Typed here later")
    scene.drain()
    assert scene.company.row("kr-setup").title == row["Key result"] == "Typed here later"
    (line,) = scene.audit("conflict")
    assert line.before == {"title": "Typed there first", "typed_by": "bob@acme.example"}
    assert line.after == {"title": "Typed here later"}
    assert "“Typed there first” is kept in the history" in str(row["OKR note"])


def test_both_sides_typed_the_same(scene: OkrScene, row: NotionRow) -> None:
    update(scene, title="The same")
    row.edit({"Key result": "The same "}, by="Bob")
    scene.drain()
    assert not scene.audit("conflict")
    assert scene.company.row("kr-setup").title == "The same"


# --- what cannot be used -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"To": 0}, "“To”: start and target are equal"),
        ({"To": None}, "“To”: enter the target"),
        ({"Key result": ""}, "“Key result”: must not be empty"),
        ({"Key result": "x" * 600}, "“Key result”: "),
        ({"Owner": ["Alice", "Bob"]}, "“Owner”: a key result has exactly one owner, a person; leave one of the 2"),
        ({"Owner": []}, "“Owner”: a key result has exactly one owner, a person; choose one"),
        ({"Owner": ["Eve"]}, "“Owner”: this account is not known here yet; an admin gives it to a person under People"),
        ({"Objective": []}, "“Objective”: a key result serves exactly one objective; choose one"),
    ],
)
def test_what_cannot_be_used_stays_in_the_row_and_is_said(scene: OkrScene, row: NotionRow, values: dict[str, object], said: str) -> None:
    (name,) = values
    row.edit(values, by="Bob")
    typed = row[name]
    scene.drain()
    assert str(row["OKR note"]).startswith(said)
    assert row[name] == typed
    here = scene.company.row("kr-setup")
    assert (here.title, here.start, here.target, here.objective_id) == (TITLE, 0.0, 100.0, "onboarding")
    assert not scene.audit("update")


def test_other_fields_go_on_while_one_is_wrong_and_the_note_ends_when_it_is_mended(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"To": 0, "Unit": "points", "Reason": "a plan"}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").unit == "points"
    assert "equal" in str(row["OKR note"])
    row.edit({"To": 40}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").target == 40.0
    assert "equal" not in str(row["OKR note"])


def test_an_owner_who_becomes_known_by_their_address_is_taken_over(scene: OkrScene, row: NotionRow) -> None:
    with scene.runtime.store.write() as session:
        session.add(Person(email="eve@acme.example", name="Eve"))
    row.edit({"Owner": ["Eve"]}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").owner_id == scene.person("Eve").id
    assert row["OKR note"] == "Please say why you changed the owner: write it under “Reason”."
    assert scene.audit("look_up")[-1].after == {"account": scene.account("Eve"), "connection": "acme-notion", "found": True}


def test_a_stranger_may_edit_what_the_host_lets_them_and_is_named_by_account(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Unit": "points"}, by="Eve")
    scene.drain()
    assert scene.audit("update")[-1].actor == f"notion:{scene.account('Eve')}"
    scene.count()
    row.edit({"Unit": "shares"}, by="Eve")
    scene.drain()
    assert scene.count()[0] == 1, "a stranger is looked up once"


@pytest.mark.parametrize("role", ["viewer", "champion"])
def test_viewers_and_champions_change_no_definition(scene: OkrScene, row: NotionRow, role: str) -> None:
    with scene.runtime.store.write() as session:
        session.get_one(Person, scene.person("Bob").id).role = role
    row.edit({"Key result": "Not mine to say"}, by="Bob")
    scene.drain()
    assert scene.company.row("kr-setup").title == row["Key result"] == TITLE
    assert row["OKR note"] == f"“Key result” was put back: the role {role} does not change definitions here; ask a lead."
    assert scene.audit("put_back")[-1].before == {"title": "Not mine to say"}


def test_definitions_may_be_kept_to_leads(tmp_path: Path) -> None:
    with kept_row(tmp_path, definitions="leads") as scene:
        row = scene.row(TITLE)
        row.edit({"To": 70}, by="Bob")
        scene.drain()
        assert (row["To"], scene.company.row("kr-setup").target) == (100.0, 100.0)
        assert "“To” was put back: definitions are changed by admin or lead here" in str(row["OKR note"])
        with scene.runtime.store.write() as session:
            session.get_one(Person, scene.person("Bob").id).role = "lead"
        row.edit({"To": 70}, by="Bob")
        scene.drain()
        assert (row["To"], scene.company.row("kr-setup").target) == (70.0, 70.0)


def test_a_reason_is_asked_for_everything_that_lacks_one(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Key result": "First invoice paid"}, by="Bob")
    scene.drain()
    row.edit({"To": 90}, by="Charlie")
    scene.drain()
    assert row["OKR note"] == "Please say why you changed the wording and target: write it under “Reason”."
    row.edit({"Reason": "?!"}, by="Charlie")
    scene.drain()
    assert row["Reason"] == "?!", "it says nothing, and stays until somebody writes a reason"
    row.edit({"Reason": "the board asked for it"}, by="Charlie")
    scene.drain()
    assert [line.reason for line in scene.audit("update")] == ["the board asked for it"] * 2
    line = scene.audit("reason")[-1]
    assert (line.actor, line.reason) == ("charlie@acme.example", "the board asked for it")


def test_an_owner_is_taken_over_once_an_admin_has_given_them_their_account(scene: OkrScene, row: NotionRow) -> None:
    row.edit({"Owner": ["Eve"]}, by="Bob")
    scene.drain()
    assert "not known here yet" in str(row["OKR note"])
    add_people(scene.runtime, SYSTEM, "acme-notion", [NewPerson(scene.account("Eve"), "Eve", "eve.other@acme.example")])
    scene.drain()
    with scene.runtime.store.read() as session:
        assert session.get_one(Person, scene.company.row("kr-setup").owner_id).name == "Eve"
    assert "not known" not in str(row["OKR note"])


def test_another_robot_that_writes_into_our_columns_is_left_alone_after_a_while(scene: OkrScene, row: NotionRow) -> None:
    for number in range(8):
        scene.world.set_property(row.ref, "OKR progress", 0.1 + number / 100, author="00000000-0000-4000-8000-00000000b0b0")
        scene.drain()
    assert len(scene.audit("put_back")) == 5
    assert row["OKR progress"] == 0.17
    assert "something writes into it again and again" in str(row["OKR note"])
