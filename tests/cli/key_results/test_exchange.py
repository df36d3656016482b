"""`export` and `import`: nine columns, nothing that a spreadsheet would run, and a round trip that changes nothing."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from pptx import Presentation
from sqlalchemy import func, select, update

from connector.domain.rights import SYSTEM
from connector.services.exchange import COLUMNS, WRITERS, import_file
from connector.services.exchange import export as written
from connector.services.exchange.cells import guard, unguard
from connector.services.exchange.sheets import sheet_names
from connector.store.tables import Audit, CheckIn, Connection, KeyResult, Objective, Reading
from tests.support.commands import Run
from tests.support.world import Company, company

NINE = ["Objective", "Key Result", "Owner", "From", "To", "Current value", "Confidence", "Blocker", "Last updated"]


def snapshot(acme: Company) -> dict[str, Any]:
    with acme.runtime.store.read() as session:
        tables = (Reading, CheckIn, Audit, KeyResult, Objective)
        counts = {table.__name__: session.scalar(select(func.count()).select_from(table)) for table in tables}
        rows = {
            row.id: (row.start, row.target, row.low, row.high, row.owner_id, row.current, row.confidence, row.blocker, row.wanted)
            for row in session.scalars(select(KeyResult))
        }
    return {"counts": counts, "rows": rows}


def export(run: Run, folder: Path, kind: str, *more: str) -> Path:
    path = folder / f"out.{kind}"
    result = run("export", "--format", kind, "-o", str(path), *more)
    assert result.code == 0, result.err
    return path


def table(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def change(path: Path, key_result: str, **cells: str) -> None:
    """Rewrite cells of one row of a CSV file."""
    rows = table(path)
    row = next(row for row in rows if row[1] == f"Key result {key_result}")
    for column, value in cells.items():
        row[NINE.index({"Current": "Current value", "Start": "From"}.get(column, column))] = value
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def test_csv_has_the_nine_columns_in_their_order(run: Run, tmp_path: Path) -> None:
    rows = table(export(run, tmp_path, "csv"))
    assert rows[0] == NINE == list(COLUMNS)
    setup = next(row for row in rows if row[1] == "Key result kr-setup")
    assert setup[:8] == ["Objective onboarding", "Key result kr-setup", "alice@acme.example", "0", "100", "41.3", "4", "no test site"]
    assert setup[8].endswith("Z")
    signups = next(row for row in rows if row[1] == "Key result kr-signups")
    assert signups[5:8] == ["", "", ""]  # unknown is empty, never 0
    between = next(row for row in rows if row[1] == "Key result kr-range")
    assert between[3:5] == ["2", "5.5"]


def test_csv_goes_to_standard_output(run: Run) -> None:
    result = run("export", "--format", "csv", "--cycle", "now")
    assert result.code == 0
    assert result.out.splitlines()[0] == ",".join(NINE)
    assert "kr-old" not in result.out


def test_xlsx_has_one_sheet_for_each_cycle(run: Run, tmp_path: Path) -> None:
    workbook = load_workbook(export(run, tmp_path, "xlsx"))
    assert workbook.sheetnames == ["before", "now"]
    for sheet in workbook.worksheets:
        assert [cell.value for cell in sheet[1]] == NINE
    assert [row[1].value for row in workbook["before"].iter_rows(min_row=2)] == ["Key result kr-old"]
    assert workbook["now"]["F2"].value == 41.3


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_the_round_trip_changes_nothing(run: Run, acme: Company, tmp_path: Path, kind: str) -> None:
    nine = export(run, tmp_path, "csv").read_bytes()
    path = export(run, tmp_path, kind)
    before = snapshot(acme)
    for more in ((), ("--dry-run",)):
        result = run("import", str(path), *more)
        assert result.code == 0, result.err
        assert "7 unchanged" not in result.out
        assert "6 unchanged" in result.out
    assert snapshot(acme) == before
    assert export(run, tmp_path, "csv").read_bytes() == nine


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=x", "\t=1", "-5", "'quoted'", 'a "b", c', "ä\nb"])
def test_no_cell_becomes_a_formula_and_the_text_comes_back(run: Run, acme: Company, tmp_path: Path, text: str) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-setup").values(title=text))
    cell = table(export(run, tmp_path, "csv"))[2][1]
    assert not cell.startswith(("=", "+", "@", "\t"))
    assert not cell.startswith("-") or cell == "-5"
    value = load_workbook(export(run, tmp_path, "xlsx"))["now"]["B2"]
    assert value.data_type == "s"
    for kind in ("csv", "xlsx"):
        result = run("import", str(tmp_path / f"out.{kind}"))
        assert (result.code, "6 unchanged" in result.out) == (0, True), result.err


@given(st.text(max_size=20))
def test_guarding_can_be_undone(text: str) -> None:
    assert unguard(guard(text)) == text


@given(st.lists(st.text(max_size=40), unique=True, max_size=6))
def test_sheet_names_are_allowed_and_unique(cycles: list[str]) -> None:
    names = sheet_names(cycles)
    assert list(names.values()) == cycles
    assert len({name.lower() for name in names}) == len(cycles)
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_an_import_updates_what_differs(run: Run, acme: Company, tmp_path: Path) -> None:
    path = export(run, tmp_path, "csv")
    change(path, "kr-setup", Current="45", Confidence="7", Blocker="", To="120", Owner="BOB@acme.example")
    change(path, "kr-range", Start="1.5", Current="3")
    dry = run("import", str(path), "--dry-run")
    assert dry.code == 0
    assert "line 3: Objective onboarding / Key result kr-setup: update" in dry.out
    assert "Current value 41.3 → 45" in dry.out
    assert acme.row("kr-setup").current == 41.3
    result = run("import", str(path))
    assert result.code == 0, result.err
    assert "2 updated, 4 unchanged" in result.out
    row = acme.row("kr-setup")
    assert (row.current, row.confidence, row.blocker, row.target, row.progress) == (45.0, 7, None, 120.0, 0.375)
    assert row.movement == "up"
    assert row.decision_needed == "budget"  # the nine columns do not speak of it
    assert acme.readings("kr-setup")[-1].kind == "import"
    between = acme.row("kr-range")
    assert (between.low, between.current) == (1.5, 3.0)
    assert run("import", str(path)).out.startswith("0 created, 0 updated, 6 unchanged")


def test_an_import_creates_what_is_missing(run: Run, acme: Company, tmp_path: Path) -> None:
    path = export(run, tmp_path, "csv")
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(["Objective onboarding", "Fewer Tickets!", "bob@acme.example", "40", "10", "30", "6", "", ""])
    result = run("import", str(path))
    assert result.code == 0, result.err
    assert "create (id kr-fewer-tickets)" in result.out
    row = acme.row("kr-fewer-tickets")
    assert (row.kind, row.start, row.target, row.current, row.confidence) == ("metric", 40.0, 10.0, 30.0, 6)
    assert row.progress == pytest.approx(1 / 3)
    assert "7 unchanged" in run("import", str(path)).out


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"Confidence": "11"}, "Confidence"),
        ({"Confidence": "7.5"}, "Confidence"),
        ({"Current": "many"}, "Current value"),
        ({"Start": "100"}, "To"),
        ({"To": "12 h"}, "To"),
        ({"Owner": "nobody@acme.example"}, "Owner"),
        ({"Owner": "alice@acme.example, bob@acme.example"}, "Owner"),
        ({"Blocker": "one\ntwo"}, "Blocker"),
        ({"Objective": "Not there"}, "Objective"),
        ({"Objective": ""}, "Objective"),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_saved(run: Run, acme: Company, tmp_path: Path, cells: dict[str, str], column: str) -> None:
    path = export(run, tmp_path, "csv")
    change(path, "kr-signups", Current="500")
    change(path, "kr-setup", **cells)
    before = snapshot(acme)
    result = run("import", str(path))
    assert result.code == 2
    assert f"line 3, {column}: " in result.err
    assert snapshot(acme) == before


def test_all_bad_cells_are_named_at_once(run: Run, tmp_path: Path) -> None:
    path = export(run, tmp_path, "csv")
    change(path, "kr-setup", Confidence="0")
    change(path, "kr-signups", Current="many")
    result = run("import", str(path))
    assert "line 3, Confidence" in result.err
    assert "line 4, Current value" in result.err


def test_a_cycle_that_is_over_is_frozen(run: Run, acme: Company, tmp_path: Path) -> None:
    path = export(run, tmp_path, "csv")
    change(path, "kr-old", Current="99")
    result = run("import", str(path))
    assert result.code == 2
    assert "is over" in result.err


def test_the_same_titles_in_two_cycles(run: Run, acme: Company, tmp_path: Path) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "past").values(title="Objective onboarding"))
        session.execute(update(KeyResult).where(KeyResult.id == "kr-old").values(title="Key result kr-setup"))
    path = export(run, tmp_path, "csv")
    assert "6 unchanged" in run("import", str(path)).out
    now = export(run, tmp_path, "csv", "--cycle", "now")
    change(now, "kr-setup", Current="50")
    assert "--cycle NAME" in run("import", str(now)).err
    assert run("import", str(now), "--cycle", "now").code == 0
    assert acme.row("kr-setup").current == 50.0
    book = export(run, tmp_path, "xlsx")
    workbook = load_workbook(book)
    workbook["now"]["F2"] = 55
    workbook.save(book)
    assert "1 updated, 5 unchanged" in run("import", str(book)).out
    assert acme.row("kr-setup").current == 55.0


def test_the_same_row_twice_is_refused(run: Run, tmp_path: Path) -> None:
    path = export(run, tmp_path, "csv")
    path.write_text(path.read_text() + path.read_text().split("\n", 3)[2] + "\n")
    assert "keep one of the rows" in run("import", str(path)).err


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheet_programs_make_of_csv(run: Run, tmp_path: Path, delimiter: str) -> None:
    rows = table(export(run, tmp_path, "csv"))
    path = tmp_path / "theirs.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=delimiter).writerows([*rows, [""] * 9])
    assert "6 unchanged" in run("import", str(path)).out


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.csv", b""),
        ("other.csv", b"a,b,c\r\n1,2,3\r\n"),
        ("half.csv", b'"Objective,'),
        ("latin.csv", "Objective;Schlüssel".encode("latin-1")),
        ("binary.csv", b"\x00\x01"),
        ("long.csv", (",".join(NINE) + "\r\n" + ",".join("x" * 10)).encode()),
        ("no.xlsx", b"not a zip"),
        ("no.json", b"{"),
        ("other.json", b'{"format": "else", "version": 1}'),
        ("future.json", b'{"format": "okr-connector", "version": 3}'),
        ("notes.txt", b"hello"),
    ],
)
def test_files_that_cannot_be_read_end_in_one_line(run: Run, tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    result = run("import", str(path))
    assert result.code == 2
    assert "error: " in result.err
    assert "Traceback" not in result.err


def test_json_holds_everything_but_secrets(run: Run, acme: Company, tmp_path: Path) -> None:
    jira = acme.connection(
        "acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "very-secret"}, token="hidden-one"
    )
    acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_share")
    path = export(run, tmp_path, "json")
    document = json.loads(path.read_text())
    assert {"connections", "people", "teams", "cycles", "objectives", "key_results", "mappings", "readings", "check_ins"} <= set(document)
    assert len(document["key_results"]) == 6
    assert document["mappings"][0]["rule"]["select"] == {"epics": ["ACME-1"]}
    assert document["check_ins"][0]["author_id"] == document["people"][0]["id"]
    with acme.runtime.store.read() as session:
        row = session.scalars(select(Connection)).one()
        for secret in ("very-secret", "hidden-one", row.auth, row.webhook_secret):
            assert secret is not None
            assert secret not in path.read_text()


def test_json_fills_an_empty_installation(run: Run, acme: Company, tmp_path: Path) -> None:
    data = export(run, tmp_path, "json").read_bytes()
    with company(tmp_path / "second") as other:
        outcome = import_file(other.runtime, "out.json", data, viewer=SYSTEM)
        assert (outcome.faults, outcome.saved) == ([], True)
        other.work()
        mine, theirs = (json.loads(b"".join(written(place.runtime, "json", SYSTEM))) for place in (acme, other))
        for part in ("people", "teams", "cycles", "objectives"):
            assert theirs[part] == mine[part]
        for before, after in zip(mine["key_results"], theirs["key_results"], strict=True):
            same = set(before) - {"state", "reasons", "movement", "decision_needed", "as_of", "updated_at"}
            assert {name: after[name] for name in same} == {name: before[name] for name in same}
        again = import_file(other.runtime, "out.json", data, viewer=SYSTEM)
        assert {fate.action for fate in again.fates} == {"unchanged"}


def test_the_review_pack_has_a_page_for_each_exception_and_decisions_last(run: Run, acme: Company, tmp_path: Path) -> None:
    deck = Presentation(str(export(run, tmp_path, "pptx")))
    titles = [slide.shapes.title.text for slide in deck.slides]
    assert titles[0].startswith("OKR review now")
    assert titles[-1] == "Decisions"
    exceptions = {"Key result kr-setup", "Key result kr-signups", "Key result kr-late", "Key result kr-range", "Key result kr-done"}
    assert set(titles[1:-1]) == exceptions
    setup = deck.slides[titles.index("Key result kr-setup")]
    text = "\n".join(shape.text_frame.text for shape in setup.shapes if shape.has_text_frame)
    assert "from 0\u00a0% to 100\u00a0%, now 41\u00a0%" in text
    assert "Blocker: no test site" in text
    last = "\n".join(shape.text_frame.text for shape in deck.slides[len(titles) - 1].shapes if shape.has_text_frame)
    assert "Budget: Key result kr-setup" in last


def test_the_pack_of_a_review_asks_for_one_review_and_a_format_that_it_has(run: Run) -> None:
    for wrong in (
        ("--format", "csv", "--forum", "Product"),
        ("--format", "pptx", "--forum", "Product", "--review", "1"),
        ("--format", "pptx", "--forum", "Product", "--cycle", "now"),
        ("--format", "pptx", "--review", "0"),
    ):
        assert run("export", *wrong).code == 2
    outcome = run("export", "--format", "pptx", "--review", "99")
    assert outcome.code == 1
    assert "there is no review 99" in outcome.err


def test_an_empty_installation_exports_files_too(tmp_path: Path) -> None:
    with company(tmp_path) as empty:
        for kind in WRITERS:
            assert b"".join(written(empty.runtime, kind, SYSTEM))


def test_an_unknown_cycle_is_bad_input(run: Run) -> None:
    assert run("export", "--format", "csv", "--cycle", "never").code == 2


@pytest.mark.parametrize(
    ("text", "guarded"), [("we wait;=HYPERLINK(1)", "we wait;'=HYPERLINK(1)"), ("a\t@b;-1", "a\t'@b;'-1"), ("a; =b, -1", "a; =b, -1")]
)
def test_a_separator_of_another_country_starts_no_formula(text: str, guarded: str) -> None:
    assert guard(text) == guarded
    assert unguard(guarded) == text


@given(st.text("=+-@'; \t\ra1", max_size=12))
def test_any_guard_can_be_undone(text: str) -> None:
    assert guard(text) == text or unguard(guard(text)) == text


def test_a_cell_far_to_the_right_costs_nothing(run: Run, tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(NINE)
    for row in range(2, 3000):
        sheet.cell(row, 16_384, "x")
    book.save(tmp_path / "wide.xlsx")
    begun = time.process_time()
    result = run("import", str(tmp_path / "wide.xlsx"), "--dry-run")
    assert time.process_time() - begun < 8
    assert result.code == 0


@pytest.mark.parametrize(
    "damage", ["<worksheet><sheetData><row>", "no xml", '<worksheet><sheetData><row r="x"><c r="?"/></row></sheetData>']
)
def test_a_damaged_sheet_is_named_without_a_traceback(run: Run, tmp_path: Path, damage: str) -> None:
    whole = export(run, tmp_path, "xlsx")
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, damage if "sheet1.xml" in entry.filename else source.read(entry))
    result = run("import", str(broken))
    assert (result.code, "XLSX" in result.err) == (2, True), result.err
