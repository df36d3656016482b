"""XLSX files → sheets of cells, row after row. Formulas count as the values they had; hidden sheets are left out and said.

Judges no value and knows no columns. The package was checked before (``packages``).
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from connector.errors import InputError
from connector.services.exchange.cells import EMPTY, LONGEST_CELL, Cell, Line, Percent, Trouble
from connector.services.exchange.packages import BROKEN
from connector.services.exchange.text_files import MOST_ROWS

_MOST_SHEETS = 200
_MOST_COLUMNS = 64  # that are looked at: a cell far to the right would make thousands of empty ones before it
_MOST_MERGES = 20_000
_PERCENT = re.compile(r"%(?![^\[]*\])")
_QUOTED = re.compile(r'"[^"]*"|\\.')


@dataclass(frozen=True, slots=True)
class Area:
    """A block of merged cells; rows and columns count from 1, both ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(slots=True)
class Sheet:
    """One visible sheet with its non-empty rows."""

    name: str
    lines: list[Line] = field(default_factory=list)
    merged: list[Area] = field(default_factory=list)


def read_sheets(data: bytes) -> tuple[list[Sheet], list[str]]:
    """The visible sheets of a workbook, and notes on what was left out. Raises ``InputError`` naming the sheet and row."""
    # Imported here: it takes long, and only this needs it.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    notes: list[str] = []
    found: list[Sheet] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what it leaves out: drop-down lists, printing
        try:
            workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        except (*BROKEN, InvalidFileException) as error:
            raise InputError("this is not an XLSX file, or it is damaged") from error
        try:
            if len(workbook.worksheets) > _MOST_SHEETS:
                raise InputError(f"the workbook has {len(workbook.worksheets)} sheets; {_MOST_SHEETS} are the most")
            total = 0
            for worksheet in workbook.worksheets:
                if worksheet.sheet_state != "visible":
                    notes.append(f"sheet {worksheet.title} is hidden: it was not read")
                    continue
                sheet = Sheet(worksheet.title)
                for line in _lines(workbook, worksheet, sheet):
                    total += 1
                    if total > MOST_ROWS + _MOST_SHEETS:
                        most = f"{MOST_ROWS:,}".replace(",", " ")
                        raise InputError(
                            f"the file has more than {most} rows; import it in parts", where=f"Sheet {sheet.name}, row {line.number}"
                        )
                    sheet.lines.append(line)
                found.append(sheet)
        except BROKEN as error:  # sheets are unpacked and read only now
            raise InputError("this is not an XLSX file, or it is damaged") from error
        finally:
            workbook.close()
    return found, notes


def _lines(workbook: Any, worksheet: Any, sheet: Sheet) -> Iterator[Line]:
    # The library's own reader of a sheet, one level below its public rows: those do not tell an empty cell from a formula that was
    # never calculated, do not know merged cells when they stream, and fill every gap before a cell far to the right.
    from openpyxl.cell.read_only import ReadOnlyCell
    from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

    class Parser(WorkSheetParser):
        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = super().parse_cell(element)
            if cell["value"] is None and element.find(FORMULA_TAG) is not None:
                cell["value"], cell["data_type"] = Trouble("holds a formula without a value; open the file, let it calculate, save it"), "f"
            return cell

    percent: dict[int, bool] = {}

    def is_percent(style: int) -> bool:
        if style not in percent:
            shape = str(ReadOnlyCell(worksheet, 1, 1, 0, "n", style).number_format or "")
            percent[style] = bool(_PERCENT.search(_QUOTED.sub("", shape)))
        return percent[style]

    seen: dict[str, str] = {}
    with worksheet._get_source() as source:
        parser = Parser(
            source,
            worksheet._shared_strings,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        for number, cells in parser.parse():
            values: list[Cell] = []
            for cell in cells:
                column = cell["column"]
                if cell["value"] is None or column > _MOST_COLUMNS:
                    continue
                value = _cell(cell["value"], cell["data_type"], bool(cell["style_id"]) and is_percent(cell["style_id"]))
                if value == EMPTY:
                    continue
                values.extend([EMPTY] * (column - len(values)))
                values[column - 1] = seen.setdefault(value, value) if isinstance(value, str) else value
            if values:
                yield Line(number, tuple(values))
        if parser.merged_cells is not None:
            ranges = parser.merged_cells.mergeCell
            if len(ranges) > _MOST_MERGES:
                raise InputError(f"has {len(ranges)} blocks of merged cells; {_MOST_MERGES} are the most", where=f"Sheet {sheet.name}")
            sheet.merged = [Area(each.min_row, each.max_row, each.min_col, each.max_col) for each in ranges]


def _cell(value: object, data_type: str, percent: bool) -> Cell:
    """A value of the library as a cell of ours."""
    if isinstance(value, (Trouble, bool)):
        return value
    if data_type == "e":
        return Trouble(f"holds the error {str(value)[:20]}; mend the formula, or enter the value")
    if isinstance(value, (int, float)):
        return Percent(float(value)) if percent else float(value)
    if isinstance(value, (date, datetime)):
        return value
    if isinstance(value, (time, timedelta)):
        return Trouble(f"is a time of day ({value}) where text or a number belongs; set the cell's format to number and enter it again")
    text = str(value).strip()  # as it is: our own workbooks mark texts as texts and put no quotes before them
    return text if len(text) <= LONGEST_CELL else Trouble(f"has {len(text)} characters; {LONGEST_CELL} are the most")
