"""The row worker: one request for a write, none without need, refusals of one row, several workers, people who become known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM
from connector.errors import Forbidden
from connector.services import connections
from connector.services.okr_databases import editors, working, writing
from connector.services.plan import key_results
from connector.store import work
from connector.store.tables import Audit, Connection, OkrRow, Person, PersonAccount
from tests.support.okr_notion import OkrScene, okr_world

NAME = "First invoice sent"


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[OkrScene]:
    with okr_world(tmp_path, database_url=database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title=NAME)
        found.drain()
        found.count()
        yield found


def rename(scene: OkrScene, title: str) -> None:
    key_results.update(scene.runtime, SYSTEM, "kr-setup", {"title": title}, reason="why")
    scene.company.clock.ahead += 5


@pytest.mark.databases("sqlite", "postgres")
def test_a_row_is_read_once_and_written_once(scene: OkrScene) -> None:
    row = scene.row(NAME)
    scene.company.clock.ahead += 60
    rename(scene, "Renamed here")
    scene.sandbox.log.clear()
    assert working.work_on_rows(scene.runtime, scene.connection_row()) > 0
    assert [(method, path.rpartition("/")[2] == row.ref) for method, path, _, _ in scene.sandbox.log] == [("GET", True), ("PATCH", True)]
    assert row["Key result"] == "Renamed here"
    scene.sandbox.log.clear()
    working.work_on_rows(scene.runtime, scene.connection_row())
    assert not scene.sandbox.log


def test_what_one_row_is_refused_for_leaves_the_others_alone(scene: OkrScene) -> None:
    scene.key_result("kr-other", title="Other")
    scene.drain()
    row, other = scene.row(NAME), scene.row("Other")
    rename(scene, "Refused")
    key_results.update(scene.runtime, SYSTEM, "kr-other", {"title": "Accepted"}, reason="why")
    scene.sandbox.fail(method="PATCH", path=f"pages/{row.ref}", times=9, status=400, code="validation_error", message="body failed")
    scene.drain()
    assert other["Key result"] == "Accepted"
    here = scene.row_here(row.ref)
    assert "body failed" in str(here.error)
    assert here.wanted == here.done, "it is tried again with its next change, not for ever"
    scene.sandbox.troubles.clear()
    rename(scene, "Taken now")
    scene.drain()
    assert row["Key result"] == "Taken now"
    assert scene.row_here(row.ref).error is None


def test_a_refusal_of_the_whole_connection_parks_it_and_keeps_the_work(scene: OkrScene) -> None:
    row = scene.row(NAME)
    rename(scene, "Kept for later")
    scene.sandbox.fail(times=99, status=401, code="unauthorized")
    scene.drain()
    assert scene.connection_row().parked_at is not None
    assert scene.row_here(row.ref).wanted > scene.row_here(row.ref).done
    scene.sandbox.troubles.clear()
    with scene.runtime.store.write() as session:
        connections.unpark(session, scene.connection, scene.runtime.now(), "alice@acme.example")
    scene.drain()
    assert row["Key result"] == "Kept for later"


@pytest.mark.databases("sqlite", "postgres")
def test_whoever_lost_the_lease_notes_nothing(scene: OkrScene) -> None:
    row = scene.row(NAME)
    rename(scene, "Written twice")
    with scene.runtime.store.write() as session:
        mine = work.claim(session, OkrRow, scene.runtime.epoch(), limit=9, lease_seconds=1.0)
        theirs = update(OkrRow).where(OkrRow.ref == row.ref).values(lease="somebody else", lease_until=scene.runtime.epoch() + 60)
        session.execute(theirs)
    with scene.host() as host:
        for claim in mine:
            writing.write_one(scene.runtime, scene.connection_row(), host, claim)
    here = scene.row_here(row.ref)
    assert here.wanted > here.done
    assert here.shown["writing"]
    with scene.runtime.store.write() as session:
        work.release(session, OkrRow)
    scene.drain(60.0)
    assert (row["Key result"], scene.company.row("kr-setup").title) == ("Written twice", "Written twice")
    assert not scene.audit("conflict")


def test_who_we_are_is_asked_once_where_no_test_has_noted_it(scene: OkrScene) -> None:
    with scene.runtime.store.write() as session:
        session.get_one(Connection, scene.connection).bot_id = ""
    scene.row(NAME).edit({"Unit": "points"}, by="Bob")
    scene.drain()
    assert scene.connection_row().bot_id == scene.world.data["bot"]
    assert scene.company.row("kr-setup").unit == "points"


# --- people ------------------------------------------------------------------------------------------------------------


def test_strangers_are_looked_up_by_address_once_an_hour(scene: OkrScene) -> None:
    eve = scene.account("Eve")
    found = scene.connection_row()
    assert editors.look_up(scene.runtime, found, {eve, scene.account("Alice"), ""}) == 0
    assert scene.count() == (1, 0)
    assert editors.look_up(scene.runtime, found, {eve}) == 0
    assert scene.count() == (0, 0)
    with scene.runtime.store.write() as session:
        session.add(Person(email="eve@acme.example", name="Eve"))
    scene.company.clock.ahead += 3700
    assert editors.look_up(scene.runtime, found, {eve}) == 1
    with scene.runtime.store.read() as session:
        assert editors.editor_of(session, found, eve).actor == "eve@acme.example"
        line = session.scalars(select(Audit).where(Audit.entity == "person").order_by(Audit.id.desc())).first()
    assert line is not None
    assert line.after == {"accounts": {"acme-notion": eve}}


def test_an_account_is_given_to_nobody_who_has_another(scene: OkrScene) -> None:
    with scene.runtime.store.write() as session:
        eve = Person(email="eve@acme.example", name="Eve")
        session.add(eve)
        session.flush()
        session.add(PersonAccount(person_id=eve.id, connection_id=scene.connection, account="another"))
    assert editors.look_up(scene.runtime, scene.connection_row(), {scene.account("Eve")}) == 0


def test_a_robot_that_may_not_see_people_leaves_them_strangers(scene: OkrScene) -> None:
    scene.sandbox.missing = {"user", "user_email"}
    assert editors.look_up(scene.runtime, scene.connection_row(), {scene.account("Eve")}) == 0


def test_an_outage_while_people_are_looked_up_keeps_the_edit(scene: OkrScene) -> None:
    scene.row(NAME).edit({"Unit": "points"}, by="Eve")
    scene.tell()
    scene.sandbox.fail(method="GET", path="users", times=9, status=503, code="service_unavailable")
    scene.company.clock.ahead += 5
    with scene.runtime.store.read() as session:
        assert not session.scalars(select(OkrRow).where(OkrRow.heard != {})).all()
    scene.drain()
    assert scene.company.row("kr-setup").unit == "%"
    scene.sandbox.troubles.clear()
    for _ in range(3):
        scene.drain(120.0)
    assert scene.company.row("kr-setup").unit == "points"


@pytest.mark.parametrize(
    ("role", "definitions", "allowed"),
    [
        ("member", "everybody", True),
        ("lead", "everybody", True),
        ("admin", "leads", True),
        ("member", "leads", False),
        ("viewer", "everybody", False),
        ("champion", "everybody", False),
        ("", "everybody", True),
        ("", "leads", False),
    ],
)
def test_who_may_define(role: str, definitions: str, allowed: bool) -> None:
    person = Person(id=1, email="pat@acme.example", name="Pat", role=role, active=True) if role else None
    editor = editors.Editor("u1", person.email if person else "notion:u1", person)
    if allowed:
        assert editor.definer(definitions).name == ("pat@acme.example" if role else "notion:u1")
    else:
        with pytest.raises(Forbidden, match="ask"):
            editor.definer(definitions)
