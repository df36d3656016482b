"""Files that people bring: what is read, what is said about it, and what is refused by name before it can do harm."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import xlsxwriter
from openpyxl import Workbook, load_workbook

from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.services.exchange import Outcome, import_file
from connector.services.exchange.options import Options
from connector.services.exchange.tables import read_tables
from tests.services.exchange.conftest import NINE, csv_of, nine, xlsx_of
from tests.support.world import Company


def brought(acme: Company, name: str, data: bytes, **options: Any) -> Outcome:
    return import_file(acme.runtime, name, data, viewer=SYSTEM, options=Options(**{"reason": "moved from paper", **options}), dry_run=True)


def faults(outcome: Outcome) -> list[str]:
    return [str(fault) for fault in outcome.faults]


# --- CSV ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "UTF-16"), ("cp1252", "read as Windows-1252; look whether this is right: 'Schlüssel'")],
)
def test_encodings_are_found_out_and_said(acme: Company, encoding: str, said: str) -> None:
    data = csv_of(NINE, nine(Blocker="Schlüssel fehlt"), encoding=encoding)
    outcome = brought(acme, "a.csv", data)
    assert outcome.faults == []
    assert outcome.fates[0].changes == ("Blocker – → Schlüssel fehlt",)
    assert (said in " ".join(outcome.notes)) if said else outcome.notes == []


def test_an_encoding_can_be_named(acme: Company) -> None:
    data = csv_of(NINE, nine(Blocker="Żółw"), encoding="iso-8859-2")
    assert brought(acme, "a.csv", data, encoding="iso-8859-2").fates[0].changes == ("Blocker – → Żółw",)
    for name in ("no-such", "rot13", "zip"):
        with pytest.raises(InputError, match="encoding"):
            brought(acme, "a.csv", data, encoding=name)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a,b\r\nc,\x81\r\n", "line 2: the file is neither UTF-8 nor Windows-1252"),
        ("a,b".encode("utf-32"), "UTF-32"),
        ("Objective,b".encode("utf-16-le"), "mark of its byte order"),
        (b"\xff\xfea\x00,\x00b", "UTF-16 text"),
        (b"PK\x03\x04....", "a workbook or an archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "old version of Excel"),
        (b'Objective,"' + b"x" * 40_000 + b'"', "a cell is too long"),
        (b'Objective,"half', "this is not CSV"),
        (b"," * 300 + b"\nx" + b"," * 300, "256 are the most"),
        (b"", "the file is empty"),
        (b"\r\n \r\n", "the file is empty"),
        (b"\n".join([b"a,b"] * 50_003), "more than 50 000 rows"),
    ],
)
def test_what_is_no_csv_is_refused_in_words(acme: Company, data: bytes, told: str) -> None:
    if data.startswith(b"a,b\n"):  # a header that stands again and again is no row
        data = data.replace(b"a,b", b"Objective,Key Result")
    with pytest.raises(InputError) as refused:
        brought(acme, "a.csv", data)
    assert told in str(refused.value)


@pytest.mark.parametrize(("delimiter", "said"), [(",", ""), (";", "semicolons"), ("\t", "tabs")])
def test_separators_are_found_out_and_said(acme: Company, delimiter: str, said: str) -> None:
    data = csv_of(NINE, nine(From="1,5", Blocker="a; b, c\td"), delimiter=delimiter)
    outcome = brought(acme, "a.csv", data)
    assert outcome.faults == []
    assert "From 0 → 1.5" in outcome.fates[0].changes
    assert said in " ".join(outcome.notes)
    assert "decimal commas" in " ".join(outcome.notes)


def test_the_line_in_which_excel_names_the_separator_is_no_header(acme: Company) -> None:
    data = b"sep=;\r\n" + csv_of(NINE, nine(), delimiter=";")
    assert [fate.place for fate in brought(acme, "a.csv", data).fates] == ["line 3"]


def test_a_title_above_the_header_is_skipped_and_said(acme: Company) -> None:
    data = csv_of(["OKRs of Acme"], [], NINE, nine(), [""] * 9)
    outcome = brought(acme, "a.csv", data)
    assert [fate.action for fate in outcome.fates] == ["unchanged"]
    assert outcome.notes == ["line 3 names the columns; what stands above it was not read"]


def test_control_characters_and_long_titles_are_named(acme: Company) -> None:
    data = csv_of(NINE, nine("bell \x07"), nine("x" * 501), nine(Blocker="two\nlines"))
    told = faults(brought(acme, "a.csv", data))
    assert told[0] == "line 2, Key Result: holds a control character (U+0007); remove it"
    assert told[1].startswith("line 3, Key Result: has 501 characters")
    assert told[2].startswith("line 4, Blocker: name one blocker")


def test_every_bad_cell_of_a_row_is_named_at_once(acme: Company) -> None:
    data = csv_of(NINE, nine(From="many", To="1,234", Confidence="11", Owner="nobody@acme.example"))
    assert [told.partition(": ")[0] for told in faults(brought(acme, "a.csv", data))] == [
        "line 2, From",
        "line 2, To",
        "line 2, Confidence",
        "line 2, Owner",
    ]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (["Objectiv", "Key Results!", "Owner"], "Objective (nearest: Objectiv)"),
        (["Title", "Amount"], "no column was found for Objective"),
        (["a", "b"], "no column was found for Key Result and Objective"),
    ],
)
def test_missing_columns_are_named_with_the_nearest(acme: Company, header: list[str], told: str) -> None:
    with pytest.raises(InputError) as refused:
        brought(acme, "a.csv", csv_of(header, ["x"] * len(header)))
    assert told in str(refused.value)


# --- XLSX --------------------------------------------------------------------------------------------------------------


def test_cells_of_a_workbook_are_named_by_sheet_row_and_column(acme: Company) -> None:
    data = xlsx_of(NINE, nine(), nine(To="many"), sheet="Plan")
    assert faults(brought(acme, "a.xlsx", data)) == [
        "Sheet Plan, row 3, To: enter a number, such as 42 or 4.1, without its unit (found 'many')"
    ]


def test_percent_cells_count_in_the_unit(acme: Company) -> None:
    data = xlsx_of(NINE, nine(**{"Current value": 0.42}), formats={(1, 5): {"num_format": "0.0 %"}})
    assert brought(acme, "a.xlsx", data).fates[0].changes == ("Current value – → 42",)
    literal = xlsx_of(NINE, nine(**{"Current value": 42}), formats={(1, 5): {"num_format": '0" %"'}})
    assert brought(acme, "a.xlsx", literal).fates[0].changes == ("Current value – → 42",)


def test_a_date_where_a_number_belongs_is_named(acme: Company) -> None:
    data = xlsx_of(NINE, nine(From=date(2026, 5, 1)), formats={(1, 3): {"num_format": "yyyy-mm-dd"}})
    book = load_workbook(io.BytesIO(data))
    book["now"]["D2"] = date(2026, 5, 1)
    output = io.BytesIO()
    book.save(output)
    told = faults(brought(acme, "a.xlsx", output.getvalue()))
    assert told[0].startswith("Sheet now, row 2, From: is a date (2026-05-01) where a number belongs")


def test_formulas_count_as_the_values_they_had(acme: Company) -> None:
    output = io.BytesIO()
    with xlsxwriter.Workbook(output, {"in_memory": True}) as book:
        sheet = book.add_worksheet("now")
        sheet.write_row(0, 0, NINE)
        sheet.write_row(1, 0, nine())
        sheet.write_formula(1, 5, "=40+2", None, 42)
    assert brought(acme, "a.xlsx", output.getvalue()).fates[0].changes == ("Current value – → 42",)


def test_a_formula_without_a_value_and_an_error_are_named(acme: Company) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "now"
    sheet.append(NINE)
    sheet.append(nine())
    sheet["F2"] = "=40+2"  # this library writes no values of formulas
    sheet["D2"] = "#N/A"
    output = io.BytesIO()
    book.save(output)
    told = faults(brought(acme, "a.xlsx", output.getvalue()))
    assert told[0].startswith("Sheet now, row 2, From: holds the error #N/A")
    assert told[1].startswith("Sheet now, row 2, Current value: holds a formula without a value")


def merged(*areas: str, rows: list[list[Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.title = "now"
    for row in rows:
        sheet.append(row)
    for area in areas:
        sheet.merge_cells(area)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def test_cells_merged_down_a_column_count_for_each_row(acme: Company) -> None:
    acme.key_result("kr-second")
    second = nine("Key result kr-second")
    second[0] = ""
    outcome = brought(acme, "a.xlsx", merged("A2:A3", rows=[list(NINE), nine(), second]))
    assert (outcome.faults, [fate.action for fate in outcome.fates]) == ([], ["unchanged", "unchanged"])
    assert outcome.notes == ["sheet now: A2:A3 is merged: its value counts for each row"]


def test_cells_merged_across_columns_are_refused(acme: Company) -> None:
    with pytest.raises(InputError) as refused:
        brought(acme, "a.xlsx", merged("D2:E2", rows=[list(NINE), nine()]))
    assert str(refused.value) == "Sheet now, row 2: the cells D2:E2 are merged across columns; unmerge them"


def test_a_merged_title_above_the_header_does_no_harm(acme: Company) -> None:
    outcome = brought(acme, "a.xlsx", merged("A1:I1", rows=[["OKRs of Acme"], list(NINE), nine()]))
    assert (outcome.faults, [fate.place for fate in outcome.fates]) == ([], ["Sheet now, row 3"])


def test_hidden_sheets_and_other_tables_are_left_out_and_said(acme: Company) -> None:
    book = load_workbook(io.BytesIO(xlsx_of(NINE, nine())))
    book.create_sheet("Lists").append(["Objective", "Key Result", "Owner"])
    book["Lists"].sheet_state = "veryHidden"
    book.create_sheet("Notes").append(["Remember", "to call"])
    output = io.BytesIO()
    book.save(output)
    outcome = brought(acme, "a.xlsx", output.getvalue())
    assert [fate.action for fate in outcome.fates] == ["unchanged"]
    assert outcome.notes == ["sheet Lists is hidden: it was not read", "sheet Notes: no row names known columns: it was not read"]


# --- packages that are made to break us --------------------------------------------------------------------------------


def repacked(change: Callable[[zipfile.ZipFile], None], *, skip: str = "") -> bytes:
    """The package of an ordinary workbook with more in it."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_of(NINE, nine()))) as source, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            if entry.filename != skip:
                target.writestr(entry.filename, source.read(entry))
        change(target)
    return output.getvalue()


def lying(data: bytes) -> bytes:
    """A package whose directory names a size of 10 bytes for its sheet."""
    place = data.index(b"xl/worksheets/sheet1.xml", data.index(b"PK\x01\x02"))
    return data[: place - 22] + struct.pack("<I", 10) + data[place - 18 :]


def many_parts(book: zipfile.ZipFile) -> None:
    for number in range(2001):
        book.writestr(f"x{number}", b"")


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (repacked(lambda book: book.writestr("xl/vbaProject.bin", b"x")), "macros"),
        (repacked(lambda book: book.writestr("xl/macrosheets/sheet1.xml", b"<a/>")), "macros"),
        (repacked(lambda book: book.writestr(SHEET, b" " * 30_000_000), skip=SHEET), "more than 200 times its size"),
        (repacked(many_parts), "2000 are the most"),
        (
            repacked(lambda book: book.writestr(SHEET, b'<!DOCTYPE a [<!ENTITY b "bb">]><worksheet/>'), skip=SHEET),
            "defines entities",
        ),
        (lying(xlsx_of(NINE, nine())), "damaged"),
        (xlsx_of(NINE, nine())[:-40], "damaged"),
        (b"PK\x03\x04" + b"\x00" * 100, "damaged"),
    ],
    ids=["macro", "macro sheet", "bomb", "entries", "entities", "lie", "cut", "zeros"],
)
def test_packages_that_would_do_harm_are_refused_before_they_are_read(acme: Company, data: bytes, told: str) -> None:
    with pytest.raises(InputError) as refused:
        brought(acme, "a.xlsx", data)
    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["a.xlsm", "a.xls", "a.ods", "a.zip", "a.exe", "a"])
def test_other_kinds_of_files_are_refused_by_name(acme: Company, name: str) -> None:
    with pytest.raises(InputError) as refused:
        brought(acme, name, b"x")
    assert refused.value.where == name


def test_fifty_sheets_of_fifty_thousand_rows_are_counted_together() -> None:
    output = io.BytesIO()
    with xlsxwriter.Workbook(output, {"constant_memory": True}) as book:
        for number in range(3):
            sheet = book.add_worksheet(f"s{number}")
            sheet.write_row(0, 0, NINE)
            for row in range(1, 20_000):
                sheet.write_number(row, 0, 1)
    with pytest.raises(InputError, match=r"50 000 rows|50000 are the most"):
        read_tables("a.xlsx", output.getvalue())
