"""Whose change a field is: several people in one reading, events that are lost or late, reasons, and rows that were hidden meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from connector.domain.rights import SYSTEM
from connector.hosts.base import Event
from connector.hosts.okr_databases import Row
from connector.services.drain import drain
from connector.services.okr_databases.hearing import Heard, heard_of, with_event
from connector.services.okr_databases.importing import read_all
from connector.services.plan import key_results, objectives
from connector.store.tables import Connection, KeyResult, OkrDatabase, Person
from tests.support.okr_notion import NotionRow, OkrScene, okr_world

NAME = "First invoice sent"
COLUMNS = {"to": {"id": "XGe%40"}, "unit": {"id": "DbAu"}, "title": {"id": "title"}}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with okr_world(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title=NAME)
        found.drain()
        yield found


def leads_only(scene: OkrScene, **roles: str) -> NotionRow:
    """Definitions are the leads' affair; ``roles``: of people."""
    with scene.runtime.store.write() as session:
        session.execute(update(OkrDatabase).values(options={"definitions": "leads"}))
    give(scene, **roles)
    return scene.row(NAME)


def give(scene: OkrScene, **roles: str) -> None:
    with scene.runtime.store.write() as session:
        for name, role in roles.items():
            session.execute(update(Person).where(Person.email == f"{name}@acme.example").values(role=role))


def record(scene: OkrScene) -> KeyResult:
    with scene.runtime.store.read() as session:
        return session.get_one(KeyResult, "kr-setup")


def lose_events(scene: OkrScene) -> None:
    scene._told = len(scene.sandbox.events)


def read_lists(scene: OkrScene) -> None:
    scene.company.clock.ahead += 300
    with scene.runtime.store.read() as session:
        connection = session.get_one(Connection, scene.connection)
    read_all(scene.runtime, connection)
    lose_events(scene)
    for _ in range(3):
        scene.company.clock.ahead += 20
        drain(scene.runtime, scene.connection)


def actors(scene: OkrScene, action: str) -> list[str]:
    return [each.actor for each in scene.audit(action) if each.entity == "key_result"]


# --- definitions -------------------------------------------------------------------------------------------------------


def test_of_two_people_in_one_reading_each_answers_for_their_own_columns(scene: OkrScene) -> None:
    row = leads_only(scene, alice="lead", bob="champion")
    row.edit({"To": 1}, by="Bob")
    row.edit({"Unit": "x"}, by="Alice")
    scene.drain()
    assert (record(scene).target, record(scene).unit, row["To"]) == (100, "x", 100)
    assert actors(scene, "update") == ["alice@acme.example"]
    assert actors(scene, "put_back") == ["bob@acme.example"]


def test_an_edit_whose_event_is_under_way_is_not_taken_on_anothers_word(scene: OkrScene) -> None:
    row = leads_only(scene, alice="lead")
    row.edit({"Unit": "EUR"}, by="Alice")
    scene.tell()
    row.edit({"To": 1}, by="Eve")
    scene.company.clock.ahead += 2
    drain(scene.runtime, scene.connection)
    assert (record(scene).target, record(scene).unit) == (100, "EUR"), "what Alice changed is hers"
    (by,) = actors(scene, "put_back")
    assert by == f"alice@acme.example or notion:{scene.account('Eve')}"
    scene.drain()
    assert row["To"] == 100


def test_somebody_whom_our_own_write_hides_never_has_a_leads_rights(scene: OkrScene) -> None:
    row = leads_only(scene, bob="lead")
    row.edit({"To": 1}, by="Bob")
    scene.world.write_values(row.ref, {}, scene.world.data["bot"])
    lose_events(scene)
    read_lists(scene)
    assert (record(scene).target, row["To"]) == (100, 100)
    assert actors(scene, "put_back") == ["notion:somebody"]


def test_a_champion_whose_event_is_lost_is_the_one_whom_the_row_names(scene: OkrScene) -> None:
    give(scene, bob="champion")
    row = scene.row(NAME)
    row.edit({"To": 1}, by="Bob")
    lose_events(scene)
    read_lists(scene)
    assert (record(scene).target, row["To"]) == (100, 100)
    assert actors(scene, "put_back") == ["bob@acme.example"]


def test_an_older_edit_of_a_column_does_not_win_because_another_column_was_edited_later(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Key result": "Older, typed there"}, by="Alice")
    scene.company.clock.ahead += 300
    key_results.update(scene.runtime, SYSTEM, "kr-setup", {"title": "Newer, from our pages"}, reason="agreed in the review")
    scene.company.clock.ahead += 60
    row.edit({"Unit": "EUR"}, by="Bob")
    scene.drain()
    assert (record(scene).title, row["Key result"], record(scene).unit) == ("Newer, from our pages", "Newer, from our pages", "EUR")
    assert [each.before["typed_by"] for each in scene.audit("conflict")] == ["alice@acme.example"]


# --- updates -----------------------------------------------------------------------------------------------------------


def test_two_people_who_type_at_once_are_each_credited_with_their_words(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Blocker": "said by somebody else"}, by="Eve")
    row.edit({"Confidence": 6, "Decision": "none", "Value": 3}, by="Alice")
    for _ in range(3):
        scene.drain(20)
    (filed,) = scene.check_ins()
    assert (filed.author_id, filed.confidence, filed.blocker) == (scene.person("Alice").id, 6, None)
    assert row["Blocker"] == "said by somebody else", "it waits in the row until somebody knows who that was"


# --- reasons -----------------------------------------------------------------------------------------------------------


def test_only_whoever_may_change_definitions_gives_a_reason(scene: OkrScene) -> None:
    row = leads_only(scene, alice="lead", charlie="lead")
    row.edit({"To": 50}, by="Alice")
    scene.drain()
    row.edit({"Reason": "because Alice pleases"}, by="Eve")
    scene.drain()
    assert [each.reason for each in scene.audit("update")][-1] == "no reason given yet"
    assert row["Reason"] in (None, "")
    assert "“Reason” was put back" in str(row["OKR note"])
    row.edit({"Reason": "agreed on Monday"}, by="Charlie")
    scene.drain()
    assert [each.reason for each in scene.audit("update") if each.entity == "key_result"] == ["agreed on Monday"]
    assert actors(scene, "reason") == ["charlie@acme.example"]


def test_a_reason_that_somebody_else_wrote_before_is_not_taken_for_a_change(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Reason": "The chief ordered it"}, by="Eve")
    scene.drain()
    scene.company.clock.ahead += 86_400
    row.edit({"To": 40}, by="Alice")
    scene.drain()
    change = [each for each in scene.audit("update") if each.entity == "key_result"]
    assert [(each.actor, each.reason) for each in change] == [("alice@acme.example", "no reason given yet")]
    assert "please say why" in str(row["OKR note"]).lower()
    row.edit({"Reason": "Agreed on Monday"}, by="Alice")
    scene.drain()
    assert [each.reason for each in scene.audit("update") if each.entity == "key_result"] == ["Agreed on Monday"]


def test_ones_own_reason_may_come_before_the_change(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Reason": "Agreed on Monday"}, by="Alice")
    scene.drain()
    row.edit({"To": 40}, by="Alice")
    scene.drain()
    assert [each.reason for each in scene.audit("update") if each.entity == "key_result"] == ["Agreed on Monday"]
    assert row["Reason"] in (None, "")


# --- hidden meanwhile --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read_while_hidden", [True, False])
def test_what_was_typed_while_a_record_was_hidden_is_put_back_when_it_is_shown_again(scene: OkrScene, read_while_hidden: bool) -> None:
    row = scene.row(NAME)
    row.edit({"Confidence": 4, "Decision": "none", "Blocker": "the vendor", "Value": 20}, by="Alice")
    for _ in range(3):
        scene.drain(20)
    objectives.update(scene.runtime, SYSTEM, "onboarding", {"restricted": True}, reason="quiet now")
    for _ in range(3):
        scene.drain(20)
    row.edit({"Blocker": "typed while hidden", "To": 7}, by="Eve")
    if read_while_hidden:
        scene.drain(20)
    else:
        lose_events(scene)
    objectives.update(scene.runtime, SYSTEM, "onboarding", {"restricted": False}, reason="public again")
    for _ in range(4):
        scene.drain(20)
    assert (row["Blocker"], row["To"], record(scene).target) == ("the vendor", 100, 100)
    assert len(scene.check_ins()) == 1
    assert any("typed while hidden" in str(each.before) for each in scene.audit("put_back"))
    row.edit({"To": 90}, by="Alice")
    scene.drain()
    assert record(scene).target == 90, "from then on edits count again"


# --- what is kept of events --------------------------------------------------------------------------------------------


def test_events_are_kept_by_column(scene: OkrScene) -> None:
    at = scene.runtime.now()
    kept = with_event({}, Event("changed", author="a", authors=("a", "bot:r"), fields=("XGe@",), at=at), COLUMNS)
    kept = with_event(kept, Event("changed", author="b", authors=("b",), fields=("DbAu", "else"), at=at + timedelta(seconds=9)), COLUMNS)
    found = heard_of(kept, Row("ref", "source", {}, edited_at=at, edited_by="c"), "r")
    assert (found.candidates("to"), found.candidates("unit"), found.candidates("title")) == (("a",), ("b",), ("a", "b", "c"))
    assert (found.moment("to"), found.moment("unit")) == ((at, True), (at + timedelta(seconds=9), True))
    assert found.moment("title") == (at, False)
    hidden = heard_of(kept, Row("ref", "source", {}, edited_at=at, edited_by="r"), "r")
    assert hidden.candidates("title") == ("", "a", "b"), "our own robot wrote since"
    general = with_event(kept, Event("changed", author="d", at=at), COLUMNS)
    assert heard_of(general, Row("ref", "source", {}, edited_by="r"), "r").candidates("title") == ("a", "b", "d")


def test_nobody_is_known_where_nothing_was_heard(scene: OkrScene) -> None:
    assert Heard().candidates("to") == ("",)
    assert Heard(editor="e", account="e").candidates("to") == ("e",)
