"""What events tell of OKR databases: whose edit is read, what is an echo, which rows stay work items as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.hosts.base import Event
from connector.services.okr_databases.noting import LOOK, note_changes
from connector.store.tables import Connection, Item, OkrDatabase, OkrRow
from tests.support.okr_notion import OkrScene, okr_world

ELSEWHERE = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[OkrScene]:
    with okr_world(tmp_path, database_url=database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title="First invoice sent")
        found.drain()
        yield found


def note(scene: OkrScene, *events: Event) -> set[str]:
    with scene.runtime.store.write() as session:
        return note_changes(session, scene.connection, events, scene.runtime.epoch(), scene.runtime.now())


def bot_of(scene: OkrScene) -> str:
    with scene.runtime.store.read() as session:
        return f"bot:{session.get_one(Connection, scene.connection).bot_id}"


def database(scene: OkrScene, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> OkrDatabase:
    with scene.runtime.store.read() as session:
        return session.scalars(select(OkrDatabase).where(OkrDatabase.kind == kind)).one()


def changed(scene: OkrScene, ref: str = "", author: str = "", **more: object) -> Event:
    found = ref or scene.row("First invoice sent").ref
    return Event("changed", ref=found, container=scene.source(), author=author, **more)  # type: ignore[arg-type]


@pytest.mark.databases("sqlite", "postgres")
def test_a_persons_edit_is_to_be_read_with_its_author_and_moment(scene: OkrScene) -> None:
    row, at = scene.row("First invoice sent"), scene.runtime.now()
    alice, bob = scene.account("Alice"), scene.account("Bob")
    assert note(scene, changed(scene, author=alice, at=at), changed(scene, author=bob, at=at - timedelta(seconds=9))) == {row.ref}
    here = scene.row_here(row.ref)
    any_column = {"": {"authors": [alice, bob], "at": at.isoformat()}}
    assert here.heard == {"authors": [alice, bob], "at": at.isoformat(), "fields": any_column}
    assert here.wanted > here.done


def test_the_echo_of_our_own_edit_asks_nothing(scene: OkrScene) -> None:
    row = scene.row("First invoice sent")
    assert note(scene, changed(scene, author=bot_of(scene))) == {row.ref}, "it is no work item either"
    here = scene.row_here(row.ref)
    assert (here.heard, here.wanted) == ({}, here.done)


@pytest.mark.parametrize("author", ["", "bot:somebody-elses"])
def test_what_may_carry_somebodys_edit_is_never_dropped(scene: OkrScene, author: str) -> None:
    row = scene.row("First invoice sent")
    note(scene, changed(scene, author=author))
    here = scene.row_here(row.ref)
    assert here.heard
    assert here.wanted > here.done


def test_a_pressed_button_is_read_at_once_and_keeps_who_pressed(scene: OkrScene) -> None:
    row, bob = scene.row("First invoice sent"), scene.account("Bob")
    note(scene, changed(scene, author=scene.account("Alice")))
    note(scene, changed(scene, author=bob, pressed=True))
    here = scene.row_here(row.ref)
    assert (here.heard["pressed"], here.heard["presser"]) == (True, bob)
    assert here.ready_at <= scene.runtime.epoch()


def test_a_new_row_is_noted_once(scene: OkrScene) -> None:
    new = scene.add_row({"Key result": "Typed there"}, by="Bob")
    assert note(scene, changed(scene, new.ref, scene.account("Bob")), changed(scene, new.ref, scene.account("Bob"))) == {new.ref}
    assert [each.record for each in scene.rows_here() if each.ref == new.ref] == [""]
    gone = Event("deleted", ref=ELSEWHERE, container=scene.source(), author=scene.account("Bob"))
    assert note(scene, gone) == {ELSEWHERE}
    assert not [each for each in scene.rows_here() if each.ref == ELSEWHERE], "what was never known and is gone is nothing"


def test_other_pages_are_none_of_our_business(scene: OkrScene) -> None:
    assert note(scene, Event("changed", ref=ELSEWHERE, container=ELSEWHERE, author=scene.account("Bob"))) == set()
    assert note(scene, Event("scope", container=ELSEWHERE)) == set()
    assert LOOK not in database(scene).options


def test_a_changed_database_is_looked_at_but_not_for_what_we_did_ourselves(scene: OkrScene) -> None:
    note(scene, Event("scope", container=scene.source(), author=bot_of(scene)))
    assert LOOK not in database(scene).options
    note(scene, Event("scope", container=scene.databases[DatabaseKind.KEY_RESULTS].database, author=scene.account("Bob")))
    assert database(scene).options[LOOK] is True
    scene.drain()
    assert LOOK not in database(scene).options


def test_a_row_that_feeds_a_mapping_is_a_work_item_too(scene: OkrScene) -> None:
    row = scene.row("First invoice sent")
    scene.company.mapping("kr-setup", scene.connection, select={"database": scene.source()}, measure="count")
    assert note(scene, changed(scene, author=scene.account("Bob"))) == set()
    above = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    event = Event("changed", ref=above.ref, container=scene.source(DatabaseKind.OBJECTIVES), author=scene.account("Bob"))
    assert note(scene, event) == {above.ref}, "its own database feeds nothing"
    with scene.runtime.store.write() as session:
        session.add(Item(connection_id=scene.connection, ref=above.ref, parents=[], fields={}))
    assert note(scene, event) == set()
    assert scene.row_here(row.ref).heard


def test_databases_that_are_kept_no_more_hear_nothing(scene: OkrScene) -> None:
    row = scene.row("First invoice sent")
    with scene.runtime.store.write() as session:
        for each in session.scalars(select(OkrDatabase)):
            each.retired_at = scene.runtime.now()
    assert note(scene, changed(scene, row.ref, scene.account("Bob"))) == set()
    with scene.runtime.store.read() as session:
        assert not session.scalars(select(OkrRow).where(OkrRow.wanted > OkrRow.done)).all()
