"""What goes wrong with one row stays with that row: a page that the host cannot serve, signs that no store takes, a lost answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import NotFound
from connector.hosts.base import Event
from connector.hosts.notion.okr_databases.rows import Rows
from connector.services.drain import drain
from connector.services.okr_databases import guarding, importing, noting, setting_up, taking, waiting
from connector.services.okr_databases.noting import LOOK
from connector.services.okr_databases.records import databases_of
from connector.services.plan import key_results
from connector.store.tables import OkrRow
from tests.support.okr_notion import OkrScene, okr_world

NAME = "First invoice sent"


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[OkrScene]:
    with okr_world(tmp_path, database_url=database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title=NAME)
        found.key_result("kr-other", title="Other")
        found.drain()
        found.drain()
        found.count()
        yield found


def minutes(scene: OkrScene, number: int) -> None:
    for _ in range(number):
        scene.tell()
        scene.company.clock.ahead += 60
        drain(scene.runtime, scene.connection)


def unit(scene: OkrScene, name: str = "kr-other") -> str:
    return str(scene.company.row(name).unit)


def define_by_leads(scene: OkrScene) -> None:
    setting_up.change_options(scene.runtime, SYSTEM, "acme-notion", {"definitions": "leads"})


# --- a page that the host cannot serve ---------------------------------------------------------------------------------


def test_a_row_that_cannot_be_read_lets_the_others_go_on(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Unit": "kg"}, by="Alice")
    scene.sandbox.fail(method="GET", path=f"pages/{row.ref}$", times=99, status=500, code="internal_server_error")
    minutes(scene, 4)
    scene.row("Other").edit({"Unit": "EUR"}, by="Bob")
    minutes(scene, 2)
    assert unit(scene) == "EUR"
    here = scene.row_here(row.ref)
    assert here.attempts > 2
    assert here.wanted > here.done
    scene.sandbox.troubles.clear()
    minutes(scene, 6)
    assert unit(scene, "kr-setup") == "kg", "it is tried again, and nothing is lost"


def test_a_row_that_cannot_be_written_lets_the_others_go_on(scene: OkrScene) -> None:
    row = scene.row(NAME)
    key_results.update(scene.runtime, SYSTEM, "kr-setup", {"title": "Ours now"}, reason="why")
    scene.sandbox.fail(method="PATCH", path=f"pages/{row.ref}$", times=99, status=500, code="internal_server_error")
    minutes(scene, 4)
    scene.row("Other").edit({"Unit": "EUR"}, by="Bob")
    minutes(scene, 2)
    assert unit(scene) == "EUR"
    scene.sandbox.troubles.clear()
    minutes(scene, 8)
    assert row["Key result"] == "Ours now"


def test_a_host_that_answers_nothing_sets_no_row_aside(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Unit": "kg"}, by="Alice")
    scene.sandbox.fail(times=999, status=500, code="internal_server_error")
    minutes(scene, 5)
    assert scene.connection_row().paused_until > scene.runtime.epoch()
    scene.sandbox.troubles.clear()
    scene.company.clock.ahead += 300
    minutes(scene, 3)
    assert unit(scene, "kr-setup") == "kg"


# --- signs that no store takes -----------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize("text", ["cut \ud83d", "cut \x00 here"])
def test_half_characters_and_nul_are_cleaned_where_they_enter(scene: OkrScene, text: str) -> None:
    row = scene.row(NAME)
    for column in ("Key result", "Blocker", "Unit"):
        row.edit({column: text}, by="Alice")
    minutes(scene, 3)
    known = scene.company.row("kr-setup")
    assert (known.title, known.unit) in [("cut \ufffd", "cut \ufffd"), ("cut  here", "cut  here"), ("cut here", "cut here")]
    scene.row("Other").edit({"Unit": "EUR"}, by="Bob")
    minutes(scene, 2)
    assert unit(scene) == "EUR"


def test_what_one_row_breaks_ends_that_row_only(scene: OkrScene, monkeypatch: pytest.MonkeyPatch) -> None:
    row = scene.row(NAME)
    whole = taking.take_rows

    def strict(*given: Any, **more: Any) -> int:
        if any(each.ref == row.ref and each.values.get("unit") == "broken" for each in given[2]):
            raise NotFound("nobody thought of this")
        return whole(*given, **more)

    monkeypatch.setattr(guarding, "take_rows", strict)
    row.edit({"Unit": "broken"}, by="Alice")
    scene.row("Other").edit({"Unit": "EUR"}, by="Bob")
    minutes(scene, 2)
    assert unit(scene) == "EUR"
    assert "could not be taken over" in str(row["OKR note"])
    row.edit({"Unit": "kg"}, by="Alice")
    minutes(scene, 2)
    assert unit(scene, "kr-setup") == "kg"
    assert "could not" not in str(row["OKR note"])
    row.edit({"Unit": "broken"}, by="Alice")
    importing.read_all(scene.runtime, scene.connection_row())
    assert unit(scene, "kr-setup") == "kg"


# --- writes ------------------------------------------------------------------------------------------------------------


def test_what_people_write_before_our_write_is_in_the_trail(scene: OkrScene) -> None:
    row = scene.row(NAME)
    row.edit({"Unit": "kg"}, by="Bob")
    scene.tell()
    scene.company.clock.ahead += 2
    drain(scene.runtime, scene.connection)
    key_results.update(scene.runtime, SYSTEM, "kr-setup", {"title": "Ours now"}, reason="why")
    row.edit({"Key result": "Theirs"}, by="Bob")  # nothing was heard of this yet
    scene.company.clock.ahead += 1
    drain(scene.runtime, scene.connection)
    minutes(scene, 3)
    said = [str((each.before, each.after)) for each in scene.audit("conflict")]
    assert len(said) == 1
    assert "Theirs" in said[0]
    assert "Ours now" in said[0]


@pytest.mark.parametrize("key_column", [True, False])
def test_a_row_whose_making_got_no_answer_is_looked_for_twice(scene: OkrScene, monkeypatch: pytest.MonkeyPatch, key_column: bool) -> None:
    if not key_column:
        with scene.runtime.store.write() as session:
            kept = databases_of(session, scene.connection)[DatabaseKind.KEY_RESULTS]
            kept.columns = {**kept.columns, "key": {**kept.columns["key"], "lost": True}}
    find, lags = Rows.find, [True]
    monkeypatch.setattr(Rows, "find", lambda *given: [] if lags and lags.pop() else find(*given))
    scene.key_result("kr-lost", title="Made but not told")
    scene.sandbox.fail(method="POST", path="pages$", times=1, status=503, code="service_unavailable", commit=True)
    scene.company.clock.ahead += 5
    drain(scene.runtime, scene.connection)
    for _ in range(6):  # what the host announced comes later still
        scene.company.clock.ahead += 60
        drain(scene.runtime, scene.connection)
    minutes(scene, 2)
    assert not lags
    assert len([each for each in scene.rows() if each["Key result"] == "Made but not told"]) == 1
    assert [each.ref is not None for each in scene.rows_here() if each.record == "kr-lost"] == [True]


# --- what anybody may write --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{"OKR key": "kr-two"}, {"Key result": "Two"}])
def test_a_stranger_takes_no_records_place(scene: OkrScene, values: dict[str, Any]) -> None:
    define_by_leads(scene)
    scene.company.key_result("kr-two", "onboarding", title="Two")
    objective = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    taken = scene.add_row({"Key result": "Eve's", "Objective": [objective.ref], "To": 1, "From": 5, **values}, by="Eve")
    minutes(scene, 3)
    assert scene.row_here(taken.ref).record == ""
    assert taken["OKR note"]
    assert scene.company.row("kr-two").title == "Two"
    with scene.runtime.store.write() as session:  # also where its row was about to be made
        kept = databases_of(session, scene.connection)[DatabaseKind.KEY_RESULTS]
        session.add(OkrRow(connection_id=scene.connection, database_id=kept.id, record="kr-two", created_at=scene.runtime.now()))
    taken.edit({"Unit": "x"}, by="Eve")
    minutes(scene, 3)
    assert scene.row_here(taken.ref).record == ""


def test_whoever_may_define_names_a_record_by_its_key(scene: OkrScene) -> None:
    scene.company.key_result("kr-two", "onboarding", title="Two")
    taken = scene.add_row({"Key result": "Two", "OKR key": "kr-two"}, by="Alice")
    minutes(scene, 2)
    assert scene.row_here(taken.ref).record == "kr-two"


# --- several at once ---------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_what_an_admin_chose_meanwhile_stays(scene: OkrScene) -> None:
    source = scene.source()
    scope = Event("scope", container=source, author=scene.account("Alice"))
    if scene.runtime.store.is_sqlite:
        with scene.runtime.store.write() as session:
            noting.note_changes(session, scene.connection, [scope], scene.runtime.epoch(), scene.runtime.now())
    else:
        with scene.runtime.store.write() as session:
            seen = databases_of(session, scene.connection)  # as they were
            define_by_leads(scene)
            noting.note_changes(session, scene.connection, [scope], scene.runtime.epoch(), scene.runtime.now())
            assert seen
        with scene.runtime.store.read() as session:
            assert {(row.options or {}).get("definitions") for row in databases_of(session, scene.connection).values()} == {"leads"}
    with scene.runtime.store.read() as session:
        assert databases_of(session, scene.connection)[DatabaseKind.KEY_RESULTS].options[LOOK] is True


@pytest.mark.databases("postgres")
def test_what_was_heard_meanwhile_stays(scene: OkrScene) -> None:
    row = scene.row(NAME)
    with scene.runtime.store.write() as session:
        session.execute(update(OkrRow).where(OkrRow.ref == row.ref).values(note="waits for somebody"))
    with scene.runtime.store.write() as session:
        seen = session.scalars(select(OkrRow).where(OkrRow.ref == row.ref)).one()
        with scene.runtime.store.write() as other:
            other.execute(update(OkrRow).where(OkrRow.ref == row.ref).values(heard={"presser": "u1"}))
        waiting.want_waiting(session, [scene.connection], scene.runtime.epoch())
        assert seen.heard == {"presser": "u1", "again": True}


# --- robots that write against us --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "text"), [("To", 1), ("Source", "zz"), ("OKR note", "zz")])
def test_what_comes_again_and_again_is_left_alone(scene: OkrScene, column: str, text: Any) -> None:
    define_by_leads(scene)
    row = scene.row(NAME)
    scene.drain()
    scene.sandbox.log.clear()
    edits = 0
    for _ in range(24):
        if row[column] != text:
            row.edit({column: text}, by="Eve")
            edits += 1
        scene.drain(ahead=10, rounds=1)
    writes = [path for method, path, _, _ in scene.sandbox.log if method == "PATCH" and path.endswith(f"pages/{row.ref}")]
    assert edits <= 6
    assert len(writes) <= 12
    assert len(scene.audit("put_back")) == 5
    assert row[column] == text
    assert scene.company.row("kr-setup").target != 1
