"""Taking over rows: lists that lag, values that nobody knows, many rows at once, copies of rows, what both sides were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event as events
from sqlalchemy import select

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import COMMENT, CONFIDENCE, NOTE, OWNER, PROGRESS, TITLE, TO, VALUE, DatabaseKind
from connector.domain.rights import SYSTEM
from connector.domain.row_merge import MISSING
from connector.hosts.okr_databases import Row
from connector.services.check_ins import filing
from connector.services.okr_databases import notes
from connector.services.okr_databases.records import columns_of
from connector.services.okr_databases.sides import Sides, keep, sides_of
from connector.services.okr_databases.taking import take_rows
from connector.services.plan import key_results
from connector.store.tables import OkrDatabase, OkrRow
from tests.support.okr_notion import OkrScene, okr_world

NAME = "First invoice sent"


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[OkrScene]:
    with okr_world(tmp_path, database_url=database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title=NAME)
        found.drain()
        yield found


def database(scene: OkrScene) -> OkrDatabase:
    with scene.runtime.store.read() as session:
        return session.scalars(select(OkrDatabase).where(OkrDatabase.kind == DatabaseKind.KEY_RESULTS)).one()


def read(scene: OkrScene, **values: FieldValue) -> Row:
    """The row as a read would give it now, with some values in place of what stands there."""
    here = scene.rows_here()[-1]
    return Row(str(here.ref), scene.source(), values, here.url, scene.runtime.now(), scene.account("Bob"))


def take(scene: OkrScene, *rows: Row, heard: Mapping[str, Mapping[str, Any]] | None = None) -> int:
    return take_rows(scene.runtime, database(scene).id, rows, heard=heard)


def strongly(scene: OkrScene, row: Row) -> int:
    return take(scene, row, heard={row.ref: {"authors": [scene.account("Bob")]}})


def test_what_nobody_knows_changes_nothing(scene: OkrScene) -> None:
    unknown = dict.fromkeys((TITLE, OWNER, TO, VALUE, CONFIDENCE, COMMENT, PROGRESS, NOTE), Unknown("not shared"))
    before = scene.rows_here()[-1]
    assert strongly(scene, read(scene, **unknown)) == 0
    after = scene.rows_here()[-1]
    assert (after.agreed, after.typing, after.wanted) == (before.agreed, before.typing, before.wanted)
    assert {name: value for name, value in after.shown.items() if value} == {name: value for name, value in before.shown.items() if value}
    assert not scene.audit("update")


@pytest.mark.databases("sqlite", "postgres")
def test_a_list_that_lags_behind_is_not_believed_but_looked_at(scene: OkrScene) -> None:
    key_results.update(scene.runtime, SYSTEM, "kr-setup", {"title": "Written a moment ago"}, reason="why")
    scene.drain()
    here = scene.rows_here()[-1]
    assert here.edited_at is not None
    old = Row(str(here.ref), scene.source(), {TITLE: NAME}, edited_at=here.edited_at - timedelta(minutes=1), edited_by=scene.account("Bob"))
    assert take(scene, old) == 0
    assert scene.company.row("kr-setup").title == "Written a moment ago"
    assert scene.rows_here()[-1].heard == {"again": True}
    scene.count()
    scene.drain()
    assert scene.count() == (1, 0)
    assert scene.company.row("kr-setup").title == "Written a moment ago"
    newer = Row(str(here.ref), scene.source(), {TITLE: "Typed since"}, edited_at=here.edited_at + timedelta(minutes=1))
    assert take(scene, newer) == 1
    assert scene.company.row("kr-setup").title == "Typed since"


def test_rows_that_did_not_change_cost_no_statement_each(scene: OkrScene) -> None:
    for number in range(12):
        scene.key_result(f"kr-{number}", title=f"Key result {number}")
    for _ in range(8):
        scene.drain()
    with scene.host() as host:
        page = host.list_rows(scene.source(), columns_of(database(scene)))
    statements: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = scene.runtime.store.engine
    events.listen(engine, "before_cursor_execute", count)
    assert take(scene, *page.rows) == 0
    several = len(statements)
    statements.clear()
    assert take(scene, page.rows[0]) == 0
    assert several == len(statements), "as many statements for thirteen rows as for one"


def test_a_copy_of_a_row_is_no_second_face(scene: OkrScene) -> None:
    copy = scene.add_row({"Key result": NAME, "OKR key": "kr-setup", "From": 0, "To": 100, "Owner": ["Bob"]}, by="Bob")
    scene.drain()
    assert scene.row_here(copy.ref).record == ""
    assert "copy" in str(copy["OKR note"])


def test_rows_of_a_database_that_is_kept_no_more_are_left(scene: OkrScene) -> None:
    found = database(scene)
    with scene.runtime.store.write() as session:
        session.get_one(OkrDatabase, found.id).retired_at = scene.runtime.now()
    assert take_rows(scene.runtime, found.id, [read(scene, title="Anything")]) == 0
    assert take_rows(scene.runtime, 4711, [read(scene, title="Anything")]) == 0
    assert scene.company.row("kr-setup").title == NAME


def test_a_row_that_is_gone_keeps_its_record(scene: OkrScene) -> None:
    here = scene.rows_here()[-1]
    assert take_rows(scene.runtime, database(scene).id, (), [str(here.ref)]) == 1
    assert take_rows(scene.runtime, database(scene).id, (), [str(here.ref)]) == 0
    assert scene.company.row("kr-setup").retired_at is None
    assert strongly(scene, read(scene, title=NAME)) == 1, "it is back"
    assert scene.rows_here()[-1].gone_at is None


def test_typing_is_handed_on_with_its_author_and_is_no_edit_again(scene: OkrScene) -> None:
    row = read(scene, confidence=7.0, comment="goes well")
    assert strongly(scene, row) == 1
    first = scene.rows_here()[-1]
    assert first.typing is not None
    assert strongly(scene, row) == 0
    assert scene.rows_here()[-1].typing == first.typing


# --- both sides --------------------------------------------------------------------------------------------------------

FIELDS = st.sampled_from([TITLE, TO, PROGRESS, NOTE, OWNER])
VALUES = st.none() | st.text(max_size=4) | st.floats(-10, 10) | st.lists(st.sampled_from("abc"), max_size=2).map(tuple)


@given(st.dictionaries(FIELDS, st.tuples(VALUES, VALUES)), st.dictionaries(FIELDS, VALUES))
def test_both_sides_are_stored_and_found_again(pairs: dict[str, tuple[Any, Any]], writing: dict[str, Any]) -> None:
    row = OkrRow(agreed={}, shown={"notes": {"fields": "kept"}})
    sides = Sides({}, {}, {})
    for name, (theirs, ours) in pairs.items():
        sides.note(name, theirs, ours)
    sides.writing = dict(writing)
    keep(row, DatabaseKind.KEY_RESULTS, sides)
    assert row.shown["notes"] == {"fields": "kept"}
    found = sides_of(row, DatabaseKind.KEY_RESULTS)
    assert (found.seen, found.told) == (sides.seen, sides.told)
    assert not found.to_write({name: ours for name, (_, ours) in pairs.items()}, dict.fromkeys(pairs), frozenset()) or writing
    assert found.seen_of("unit") is MISSING


@given(st.dictionaries(FIELDS, VALUES, min_size=1))
def test_what_may_have_been_written_is_written_again_unless_the_row_shows_it(values: dict[str, Any]) -> None:
    sides = Sides({}, {}, dict(values))
    columns = dict.fromkeys(values)
    assert set(sides.to_write(values, columns, frozenset())) == set(values)
    sides.settle_writing(values)
    assert not sides.to_write(values, columns, frozenset())
    assert not Sides({}, {}, {}).to_write(values, columns, frozenset(values)), "what somebody is typing is not written"


def test_notes_are_one_text_of_several_parts() -> None:
    row = OkrRow(agreed={}, shown={}, note="")
    assert notes.tell(row, notes.PUT_BACK, "“OKR progress” was put back")
    assert notes.tell(row, notes.FIELDS, "“To”: enter the target")
    assert row.note == "“To”: enter the target. “OKR progress” was put back."
    assert not notes.tell(row, notes.FIELDS, "“To”: enter  the target")
    assert notes.told(row, notes.FIELDS) == "“To”: enter the target"
    assert notes.tell(row, notes.FIELDS, "x" * 2000)
    assert len(row.note) == notes.LONGEST
    assert notes.tell(row, notes.FIELDS, "")
    assert notes.tell(row, notes.PUT_BACK, "")
    assert row.note == ""


def test_updates_that_stand_here_replace_what_a_matched_row_held(scene: OkrScene) -> None:
    filing.file_check_in(
        scene.runtime,
        "kr-setup",
        {"value": 40, "confidence": 7, "decision": "none", "blocker": "", "comment": "as planned"},
        author="alice@acme.example",
    )
    face = scene.row_here(scene.row(NAME).ref)
    with scene.runtime.store.write() as session:
        session.delete(session.get_one(OkrRow, face.id))
    scene.row(NAME).edit({"Confidence": 3, "Comment": "Old words", "OKR key": None}, by="Bob")
    scene.drain()
    row = scene.row(NAME)
    assert scene.row_here(row.ref).record == "kr-setup"
    assert (row["Confidence"], row["Comment"], row["Value"]) == (7.0, "as planned", 40.0)
    assert len(scene.check_ins()) == 1, "nobody made an update"
    kept = {name: value for line in scene.audit("put_back") for name, value in (line.before or {}).items()}
    assert kept.items() >= {"confidence": 3.0, "comment": "Old words"}.items()
    assert "“Comment” says what was last told here; what stood in the row is kept in the history." in str(row["OKR note"])
