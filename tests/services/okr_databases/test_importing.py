"""Reading databases whole: what is gone, what differs, what cannot be reached, and what it costs. Over real HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, select

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import Refused
from connector.services.okr_databases import importing, nightly, setting_up, taking
from connector.services.okr_databases.importing import read_all
from connector.services.okr_databases.newcomers import AT_ONCE
from connector.services.okr_databases.records import columns_of, databases_of
from connector.services.sync import sync_connection
from connector.store.tables import Connection, KeyResult, OkrRow, Person, PersonAccount
from tests.services.okr_databases.bare import Bare, bare_world

KEY_RESULTS, OBJECTIVES = DatabaseKind.KEY_RESULTS, DatabaseKind.OBJECTIVES


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        setting_up.set_up(scene.runtime, SYSTEM, "acme-notion", scene.page)
        yield scene


def _source(bare: Bare, kind: DatabaseKind = KEY_RESULTS) -> str:
    return bare.databases()[kind].source


def _whole(bare: Bare, number: int) -> list[str]:
    """An objective's row and so many complete key results below it."""
    above = bare.sandbox.world.add_row(_source(bare, OBJECTIVES), {"Objective": "Objective onboarding", "Cycle": "Q4"})
    values = {"From": 0, "To": 5, "Objective": [above], "Owner": [bare.accounts["Bob"]]}
    return [
        bare.sandbox.world.add_row(_source(bare), {"Key result": f"Result {each}", **values}, author=bare.accounts["Alice"])
        for each in range(number)
    ]


def _drafts(bare: Bare, number: int) -> list[str]:
    """So many rows with nothing but a title."""
    return [bare.sandbox.world.add_row(_source(bare), {"Key result": f"Result {each}"}) for each in range(number)]


def _row(bare: Bare, ref: str) -> OkrRow:
    with bare.runtime.store.read() as session:
        return session.scalars(select(OkrRow).where(OkrRow.ref == ref)).one()


def test_a_hundred_rows_to_a_request(bare: Bare) -> None:
    _drafts(bare, 150)
    before = bare.requests()
    done = read_all(bare.runtime, bare.row())
    assert {each.kind.value: each.rows for each in done.databases} == {"objectives": 0, "key_results": 150, "check_ins": 0, "decisions": 0}
    assert done.requests == bare.requests() - before == 4 + 1 + 2 + 1 + 1
    assert len(bare.rows()) == 150
    assert all(row.read_at is not None for row in bare.databases().values())


def test_a_second_reading_changes_nothing(bare: Bare) -> None:
    _whole(bare, 3)
    read_all(bare.runtime, bare.row())
    trail, writes = len(bare.audits("create")), bare.sandbox.writes
    again = read_all(bare.runtime, bare.row())
    assert [each.changed for each in again.databases] == [0, 0, 0, 0]
    assert (len(bare.audits("create")), bare.sandbox.writes) == (trail, writes)


def test_rows_that_are_gone(bare: Bare) -> None:
    refs = _whole(bare, 8)
    read_all(bare.runtime, bare.row())
    for ref in refs[:7]:
        bare.sandbox.world.trash(ref)
    done = read_all(bare.runtime, bare.row())
    assert [each.gone for each in done.databases] == [0, 7, 0, 0]
    assert [bool(_row(bare, ref).gone_at) for ref in refs] == [True] * 7 + [False]
    assert all(each.retired_at is None for each in bare.key_results())
    bare.sandbox.world.restore(refs[0])
    read_all(bare.runtime, bare.row())
    assert _row(bare, refs[0]).gone_at is None
    assert _row(bare, refs[0]).record


def test_a_walk_that_was_not_finished_says_nothing_of_the_rest(bare: Bare) -> None:
    refs = _drafts(bare, 120)
    read_all(bare.runtime, bare.row())
    bare.sandbox.world.trash(refs[0])
    pages = 0

    def stop(kind: DatabaseKind, read: int) -> None:
        nonlocal pages
        pages += kind is KEY_RESULTS
        if pages == 1 and kind is KEY_RESULTS:
            bare.sandbox.fail(path="/query$", status=400, code="validation_error", times=3)

    done = read_all(bare.runtime, bare.row(), on_progress=stop)
    assert next(each for each in done.databases if each.kind is KEY_RESULTS).broken
    assert all(each.gone_at is None for each in bare.rows())


def test_an_unshared_database_is_broken_and_its_rows_unknown(bare: Bare) -> None:
    refs = _whole(bare, 2)
    read_all(bare.runtime, bare.row())
    database = bare.databases()[KEY_RESULTS].database
    bare.sandbox.world.unshare(database)
    done = read_all(bare.runtime, bare.row())
    assert [bool(each.broken) for each in done.databases] == [False, True, False, False]
    assert "share it with the connection again" in (bare.databases()[KEY_RESULTS].broken or "")
    assert all(_row(bare, ref).gone_at is None for ref in refs)
    bare.sandbox.world.share(database)
    read_all(bare.runtime, bare.row())
    assert bare.databases()[KEY_RESULTS].broken is None


def test_a_database_in_the_trash_is_broken(bare: Bare) -> None:
    refs = _whole(bare, 2)
    read_all(bare.runtime, bare.row())
    database = bare.databases()[KEY_RESULTS].database
    bare.sandbox.world.trash_database(database)
    read_all(bare.runtime, bare.row())
    assert bare.databases()[KEY_RESULTS].broken
    assert all(_row(bare, ref).gone_at is None for ref in refs)
    bare.sandbox.world.trash_database(database, restore=True)
    read_all(bare.runtime, bare.row())
    assert bare.databases()[KEY_RESULTS].broken is None


def test_renamed_columns_are_followed_and_deleted_ones_named(bare: Bare) -> None:
    world, source = bare.sandbox.world, _source(bare)
    world.rename_property(source, "Owner", "Responsible")
    world.remove_property(source, "Blocker")
    world.remove_property(source, "OKR progress")
    world.remove_option(source, "OKR status", "Stalled")
    read_all(bare.runtime, bare.row())
    row = bare.databases()[KEY_RESULTS]
    assert row.columns["owner"]["name"] == "Responsible"
    assert row.drift == [
        "the column “OKR status” lost its option Stalled: run set-up again to have it added",
        "the column “OKR progress” was deleted: it is not written any more. Restore it in Notion, or run set-up again to have it added",
        "the column “Blocker” was deleted: people cannot change it there any more. "
        "Restore it in Notion, or run set-up again to have it added",
    ]
    assert not {"blocker", "progress"} & set(columns_of(row))
    read_all(bare.runtime, bare.row())
    assert len(bare.databases()[KEY_RESULTS].drift) == 3  # named until it is mended
    setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    read_all(bare.runtime, bare.row())
    row = bare.databases()[KEY_RESULTS]
    assert row.drift == []
    assert {"blocker", "progress"} <= set(columns_of(row))
    assert row.columns["owner"]["name"] == "Responsible"


def test_a_column_whose_type_was_changed(bare: Bare) -> None:
    world, source = bare.sandbox.world, _source(bare)
    prop = world.data["sources"][source]["properties"][world.property_id(source, "To")]
    world.change_property(source, prop, {"checkbox": {}}, bare.accounts["Alice"])
    read_all(bare.runtime, bare.row())
    row = bare.databases()[KEY_RESULTS]
    assert row.drift == ["the column “To” has the type checkbox now, which cannot hold it: change it back to number, or map another column"]
    assert "to" not in columns_of(row)


def test_owners_that_nobody_here_has_are_looked_up_once(bare: Bare) -> None:
    with bare.runtime.store.write() as session:
        bob = session.scalars(select(Person).where(Person.name == "Bob")).one()
        session.delete(session.scalars(select(PersonAccount).where(PersonAccount.person_id == bob.id)).one())
    _whole(bare, 3)
    before = len(bare.sandbox.log)
    read_all(bare.runtime, bare.row())
    assert len(bare.key_results()) == 3
    assert sum(entry[1] == "/v1/users" for entry in bare.sandbox.log[before:]) == 1


def test_the_nightly_sync_reads_them(bare: Bare) -> None:
    _whole(bare, 2)
    run = sync_connection(bare.runtime, bare.connection)
    assert len(bare.key_results()) == 2
    assert run.requests >= 8


def test_trouble_of_the_host_ends_the_night_for_the_rows_alone(bare: Bare) -> None:
    _whole(bare, 2)
    bare.sandbox.fail(path="/v1/data_sources/", status=400, times=1)
    assert sync_connection(bare.runtime, bare.connection).status == "done"
    assert [bool(row.broken) for row in bare.databases().values()].count(True) == 1
    bare.sandbox.fail(path="/v1/data_sources/", status=401, code="unauthorized", times=9)
    with pytest.raises(Refused):
        nightly.nightly(bare.runtime, bare.row())


def test_nothing_is_asked_without_databases(bare: Bare) -> None:
    setting_up.leave(bare.runtime, SYSTEM, "acme-notion")
    before = bare.requests()
    assert nightly.nightly(bare.runtime, bare.row()) == 0
    assert bare.requests() == before


def test_databases_that_were_never_read_are_asked_for(bare: Bare) -> None:
    now = bare.runtime.epoch()
    with bare.runtime.store.read() as session:
        assert importing.unread(session, now) == [bare.connection]
    nightly.read_rows(bare.runtime, bare.connection)
    with bare.runtime.store.read() as session:
        assert importing.unread(session, now) == []


def test_progress_is_noted_and_goes_silent(bare: Bare) -> None:
    _whole(bare, 2)
    seen: list[int | None] = []

    def look(kind: DatabaseKind, read: int) -> None:
        seen.append(importing.rows_read(bare.databases()[kind].options, bare.runtime.epoch()))
        with bare.runtime.store.read() as session:
            assert importing.unread(session, bare.runtime.epoch()) == []
            assert importing.unread(session, bare.runtime.epoch() + 600) == [bare.connection]

    read_all(bare.runtime, bare.row(), on_progress=look)
    assert seen == [1, 2, 0, 0]
    assert all(importing.rows_read(row.options, bare.runtime.epoch()) is None for row in bare.databases().values())


def test_a_paused_connection_is_left_alone(bare: Bare) -> None:
    with bare.runtime.store.write() as session:
        session.get_one(Connection, bare.connection).paused_at = bare.runtime.now()
    before = bare.requests()
    nightly.read_rows(bare.runtime, bare.connection)
    assert bare.requests() == before


def test_records_made_here_get_their_rows(bare: Bare) -> None:
    bare.company.key_result("kr-later")
    assert read_all(bare.runtime, bare.row()).new_rows == 1
    with bare.runtime.store.read() as session:
        assert session.get(KeyResult, "kr-later") is not None
    assert [row.record for row in bare.rows()] == ["kr-later"]


@pytest.mark.databases("sqlite", "postgres")
def test_a_first_reading_takes_few_statements_and_short_transactions(tmp_path: Path, database_url: str) -> None:
    with bare_world(tmp_path, database_url=database_url) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        setting_up.set_up(scene.runtime, SYSTEM, "acme-notion", scene.page)
        _whole(scene, 60)
        sent: list[str] = []
        transactions: list[int] = []
        engine = scene.runtime.store.engine
        event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
        event.listen(engine, "commit", lambda _: transactions.append(len(sent)))
        read_all(scene.runtime, scene.row())
        assert len(scene.key_results()) == 60
        assert len(sent) < 18 * 61
        assert max(later - before for before, later in itertools.pairwise(transactions)) < 18 * AT_ONCE


def test_what_cannot_be_made_leaves_nothing_behind_and_the_others_are_made(bare: Bare) -> None:
    refs = _whole(bare, 4)
    bare.sandbox.world.set_property(refs[1], "From", 5)  # from 5 to 5 is no way to go
    read_all(bare.runtime, bare.row())
    assert [bool(_row(bare, ref).record) for ref in refs] == [True, False, True, True]
    assert "“" in _row(bare, refs[1]).note
    assert len(bare.key_results()) == len(bare.audits("create")) == 3


def test_an_edit_heard_of_while_a_new_row_is_taken_over_is_read_again(bare: Bare) -> None:
    ref = _whole(bare, 1)[0]
    source, columns = _source(bare), columns_of(bare.databases()[KEY_RESULTS])
    _read_objectives(bare)
    host = bare.runtime.okr_databases(bare.row())
    assert host is not None
    with closing(host):
        read = host.read_rows([ref], columns, source=source).rows
    with bare.runtime.store.write() as session:
        database = databases_of(session, bare.connection)[KEY_RESULTS]
        later = {"authors": [bare.accounts["Bob"]], "at": bare.runtime.now().isoformat()}
        session.add(OkrRow(connection_id=bare.connection, database_id=database.id, ref=ref, heard=later, created_at=bare.runtime.now()))
        session.flush()
        ident = database.id
    taking.take_rows(bare.runtime, ident, read, heard={ref: {"authors": [bare.accounts["Alice"]]}})
    assert _row(bare, ref).record
    assert _row(bare, ref).heard == later


def _read_objectives(bare: Bare) -> None:
    read_all(bare.runtime, bare.row(), kinds=[OBJECTIVES])
