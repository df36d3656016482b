"""What an import must not get around: restrictions, reasons, marks of late edits, rights of the moment, bounds of files, plain text."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import InputError
from connector.services import tokens
from connector.services.exchange import Outcome, import_file, uploads, working
from connector.services.exchange.cells import guard, unguard
from connector.services.exchange.options import Options
from connector.services.exchange.tables import read_tables
from connector.store.tables import Audit, Cycle, Import, KeyResult, Objective, ObjectiveReader, Person, Team
from tests.services.exchange.conftest import ALICE, BOB, NINE, csv_of, nine, xlsx_of
from tests.support.world import Company, company

LEAD = Viewer("lena", "lead")


def brought(acme: Company, data: bytes, name: str = "okr.csv", *, dry_run: bool = False, **options: Any) -> Outcome:
    return import_file(acme.runtime, name, data, viewer=SYSTEM, options=Options(**options), dry_run=dry_run)


# --- what a merge must keep --------------------------------------------------------------------------------------------


def test_a_merge_keeps_drafts_restrictions_and_readers(acme: Company, tmp_path: Path) -> None:
    from connector.services.exchange import export

    acme.objective("hush")
    acme.objective("sketch")
    acme.key_result("kr-hush", "hush")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "hush").values(restricted=True))
        session.execute(update(Objective).where(Objective.id == "sketch").values(stage="draft"))
        bob = session.scalars(select(Person.id).where(Person.email == BOB)).one()
        session.add(ObjectiveReader(objective_id="hush", person_id=bob))
    data = b"".join(export(acme.runtime, "json", SYSTEM, None))
    with company(tmp_path / "second") as other:
        other.objective("own", cycle="elsewhere")
        outcome = import_file(other.runtime, "okr.json", data, viewer=SYSTEM)
        assert (outcome.faults, outcome.saved) == ([], True)
        with other.runtime.store.read() as session:
            stored = {row.id: (row.restricted, row.stage) for row in session.scalars(select(Objective))}
            readers = session.execute(
                select(ObjectiveReader.objective_id, Person.email).join(Person, Person.id == ObjectiveReader.person_id)
            ).all()
        assert stored == {"own": (False, "ready"), "onboarding": (False, "ready"), "hush": (True, "ready"), "sketch": (False, "draft")}
        assert [tuple(row) for row in readers] == [("hush", BOB)]


def document(**parts: Any) -> bytes:
    whole = {
        "format": "okr-connector",
        "version": 1,
        "people": [{"email": ALICE, "name": "Alice"}],
        "cycles": [{"name": "2099", "start": "2099-01-01", "end": "2099-12-31"}],
        "objectives": [{"id": "hush", "title": "Hush", "cycle": "2099", "restricted": True, "readers": [ALICE, "gone@acme.example"]}],
        "key_results": [],
    }
    return json.dumps({**whole, **parts}).encode()


def test_a_reader_whom_nobody_knows_is_said_and_the_objective_stays_restricted(acme: Company) -> None:
    outcome = brought(acme, document(), "okr.json")
    assert outcome.saved
    assert any("hush" in note and "gone@acme.example" in note for note in outcome.notes)
    with acme.runtime.store.read() as session:
        assert session.get_one(Objective, "hush").restricted
        assert len(session.scalars(select(ObjectiveReader)).all()) == 1


def test_a_restriction_that_is_only_in_the_file_is_said(acme: Company) -> None:
    objectives = [{"id": "onboarding", "title": "Objective onboarding", "cycle": "2099", "restricted": True}]
    outcome = brought(acme, document(objectives=objectives), "okr.json", dry_run=True)
    assert any("onboarding is restricted in the file and not here" in note for note in outcome.notes)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"teams": [{"name": "Up/down"}]}, "teams.Up/down: must hold no /"),
        ({"cycles": [{"name": "../x", "start": "2099-01-01", "end": "2099-12-31"}], "objectives": []}, "cycles.../x: must hold no /"),
        ({"objectives": [{"id": "o", "title": "a\u202eb", "cycle": "2099"}]}, "objectives.0.title: holds the sign U+202E"),
        ({"people": [{"email": "x@y.example", "name": "a\u2066b"}], "objectives": []}, "people.0.name: holds the sign U+2066"),
        ({"objectives": [{"id": "o", "title": "O", "cycle": "2099", "stage": "secret"}]}, "objectives.0.stage"),
    ],
)
def test_names_that_forms_refuse_are_refused_in_a_merge(acme: Company, parts: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        brought(acme, document(**parts), "okr.json", dry_run=True)
    assert str(refused.value).startswith(told)


def test_a_team_with_such_a_name_that_is_here_already_stays(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.add(Team(name="Up/down"))
    assert brought(acme, document(teams=[{"name": "Up/down"}]), "okr.json", dry_run=True).faults == []


# --- reasons and late edits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cells", "told"), [({"To": 50}, "target"), ({"From": 10}, "start"), ({"Owner": BOB}, "owner")])
def test_a_change_of_a_promise_needs_a_reason(acme: Company, cells: dict[str, Any], told: str) -> None:
    data = csv_of(NINE, nine(**cells))
    for dry_run in (True, False):
        outcome = brought(acme, data, dry_run=dry_run)
        assert [fault.where for fault in outcome.faults] == ["reason"]
        assert told in outcome.faults[0].message
        assert not outcome.saved
    assert (acme.row("kr-setup").target, acme.row("kr-setup").start) == (100.0, 0.0)
    assert brought(acme, data, reason="the market shrank").saved
    with acme.runtime.store.read() as session:
        line = session.scalars(select(Audit).where(Audit.entity_id == "kr-setup")).one()
    assert line.reason == "the market shrank"
    assert "late" not in (line.after or {})


def test_bounds_of_one_that_stays_between_two_need_a_reason_too(acme: Company) -> None:
    acme.key_result("kr-range", kind="between", start=None, target=None, low=1.0, high=5.0)
    outcome = brought(acme, csv_of(NINE, nine("Key result kr-range", From=1, To=6)), dry_run=True)
    assert [(fault.where, "upper bound" in fault.message) for fault in outcome.faults] == [("reason", True)]


def test_a_reason_without_words_or_beyond_measure_is_none(acme: Company) -> None:
    data = csv_of(NINE, nine(To=50))
    for reason in ("...", "x" * 300):
        assert [fault.where for fault in brought(acme, data, dry_run=True, reason=reason).faults] == ["reason"]


def test_values_and_drafts_need_no_reason(acme: Company) -> None:
    assert brought(
        acme, csv_of(NINE, nine("Key result kr-setup", **{"Current value": 42, "Confidence": 5}), nine("New one", From=1, To=2))
    ).saved
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(stage="draft"))
    assert brought(acme, csv_of(NINE, nine(To=50))).saved


@pytest.mark.parametrize("late_by", ["days", "progress"])
def test_a_late_edit_of_a_target_is_marked(acme: Company, late_by: str) -> None:
    with acme.runtime.store.write() as session:
        if late_by == "days":
            today = acme.runtime.now().date()
            session.execute(update(Cycle).values(start=today - timedelta(days=85), end=today + timedelta(days=3)))
        else:
            session.execute(update(KeyResult).values(progress=0.8))
    outcome = brought(acme, csv_of(NINE, nine(To=50)), reason="the market shrank")
    assert any(change.startswith("late target edit: target changed ") for change in outcome.fates[0].changes)
    with acme.runtime.store.read() as session:
        line = session.scalars(select(Audit).where(Audit.entity_id == "kr-setup")).one()
    assert (line.after or {})["late"].startswith("target changed ")


# --- text that can be shown --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["\u202a", "\u202e", "\u2066", "\u2069"])
def test_signs_that_turn_text_are_refused_by_cell(acme: Company, sign: str) -> None:
    data = csv_of(NINE, nine(f"evil {sign}gpj.exe", From=1, To=2), nine(Blocker=f"bl{sign}ock"))
    told = [str(fault) for fault in brought(acme, data, dry_run=True).faults]
    sentence = f"holds the sign U+{ord(sign):04X}, which turns the direction of text; remove it"
    assert told == [f"line 2, Key Result: {sentence}", f"line 3, Blocker: {sentence}"]


def test_a_new_title_needs_a_word(acme: Company) -> None:
    told = [str(fault) for fault in brought(acme, csv_of(NINE, nine("...", From=1, To=2)), dry_run=True).faults]
    assert told == ["line 2, Key Result: holds no word; enter what is to be reached"]


def test_names_of_files_lose_signs_that_cannot_be_seen(acme: Company) -> None:
    data = csv_of(NINE, nine("Key result kr-setup", **{"Current value": 42}))
    ident = uploads.receive(acme.runtime, LEAD, "okr\u202evsc\x07.csv", data)
    assert uploads.progress(acme.runtime, LEAD, ident)["name"] == "okrvsc.csv"
    assert brought(acme, data, "a\u202e\x1b.csv").saved
    assert acme.readings("kr-setup")[-1].source == {"file": "a.csv"}


@pytest.mark.parametrize("text", ["＝1+1", "＋1", "－2+3", "＠SUM(A1)", "'＝x", "a;＝b", "a\t＠b"])
def test_full_width_signs_of_formulas_are_guarded_and_come_back(text: str) -> None:
    assert guard(text) != text
    assert unguard(guard(text)) == text


# --- bounds of files ---------------------------------------------------------------------------------------------------


def sheet_of(rows: bytes) -> bytes:
    """A workbook whose sheet holds these rows, packed without shrinking: its size is honest."""
    body = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>' + rows + b"</sheetData></worksheet>"
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_of(NINE, nine()))) as source, zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, body if entry.filename == "xl/worksheets/sheet1.xml" else source.read(entry))
    return output.getvalue()


CELL = b'<c t="inlineStr"><is><t>x</t></is></c>'


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (b"<row/><row>" + CELL * 300_000 + b"</row>", "sheet1.xml, row 2: has more than 16 384 cells in a row"),
        (b"<row>" + b"<x/>" * 2_000_000 + b"</row>", "has more than 200 000 parts in one place"),
        (b"<row/>" * 2_000_000, "more than 1 048 576 rows"),
    ],
    ids=["cells", "other elements", "empty rows"],
)
def test_a_sheet_that_grows_in_memory_is_refused_while_it_is_read(rows: bytes, told: str) -> None:
    data = sheet_of(rows)
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as refused:
            read_tables("a.xlsx", data)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told in str(refused.value)
    assert most < 60_000_000  # bytes


def test_sixteen_thousand_cells_of_a_row_are_read() -> None:
    names = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in NINE).encode()
    assert read_tables("a.xlsx", sheet_of(b"<row>" + names + CELL * (16_384 - len(NINE)) + b"</row>")).rows == 0


def test_a_part_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.services.exchange.packages._MOST_SHEET", 1_000_000)
    with pytest.raises(InputError, match="a sheet of the workbook has more than 1 MB"):
        read_tables("a.xlsx", sheet_of(b"<row/>" * 200_000))


@pytest.mark.parametrize(
    ("tail", "told"), [(b"\n" * 2_000_000, "more than 1 000 000 lines"), (b"," * 3_000_000, "line 2: has more than 2 000 000 characters")]
)
def test_a_text_of_nothing_is_refused(tail: bytes, told: str) -> None:
    with pytest.raises(InputError) as refused:
        read_tables("a.csv", ",".join(NINE).encode() + b"\n" + tail)
    assert told in str(refused.value)


# --- rights of the moment ----------------------------------------------------------------------------------------------


def queued(acme: Company, viewer: Viewer) -> int:
    """A file that waits to be run by a job."""
    ident = uploads.receive(
        acme.runtime, viewer, "okr.csv", csv_of(NINE, *(nine(f"New {number}", From=0, To=10) for number in range(2100)))
    )
    uploads.check(acme.runtime, viewer, ident)
    working.work(acme.runtime, ident)
    uploads.run(acme.runtime, viewer, ident)
    return ident


def told(acme: Company, ident: int) -> str:
    with acme.runtime.store.read() as session:
        row = session.get_one(Import, ident)
        assert session.scalars(select(KeyResult.id)).all() == ["kr-setup"]
        return str((row.faults or [{}])[0].get("message"))


def test_a_file_of_a_revoked_token_imports_nothing(acme: Company) -> None:
    viewer = tokens.verify(acme.runtime, tokens.create(acme.runtime, "script", "lead"))
    assert viewer is not None
    ident = queued(acme, viewer)
    tokens.revoke(acme.runtime, "script")
    working.work(acme.runtime, ident)
    assert told(acme, ident) == "the token that uploaded the file was revoked; upload it again with another"


def test_a_file_of_somebody_who_left_imports_nothing(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        ident_of_alice = session.scalars(update(Person).where(Person.email == ALICE).values(role="lead").returning(Person.id)).one()
    ident = queued(acme, Viewer(ALICE, "lead", ident_of_alice, ALICE))
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.id == ident_of_alice).values(active=False))
    working.work(acme.runtime, ident)
    assert told(acme, ident) == "whoever uploaded the file has left; somebody else must upload it"


def test_a_personal_token_may_no_more_than_its_person_may_now(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == ALICE).values(role="lead"))
    viewer = tokens.verify(acme.runtime, tokens.create(acme.runtime, ALICE, "lead", person=ALICE))  # called like the person
    assert viewer is not None
    ident = queued(acme, viewer)
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == ALICE).values(role="member"))
    working.work(acme.runtime, ident)
    assert "may not import any more" in told(acme, ident)


def test_an_admin_who_looks_at_a_file_lends_it_no_rights(acme: Company) -> None:
    viewer = tokens.verify(acme.runtime, tokens.create(acme.runtime, "script", "lead"))
    assert viewer is not None
    ident = uploads.receive(acme.runtime, viewer, "okr.csv", csv_of(NINE, nine()))
    uploads.choose(acme.runtime, Viewer("ada", "admin"), ident, Options(reason="moved"))
    with acme.runtime.store.read() as session:
        assert working._viewer(session, session.get_one(Import, ident)).role == "lead"
