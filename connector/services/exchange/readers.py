"""Files that people bring: CSV and XLSX with the nine columns → cells with their place. Judges no value and knows no database.

Files are untrusted: sizes are bounded before anything is unpacked, and formulas are read as the values they had.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connector.errors import InputError
from connector.services.exchange.sheets import COLUMNS, unguard

MOST_BYTES = 20_000_000
MOST_UNPACKED = 60_000_000
MOST_ROWS = 20_000
_CELL_LIMIT = 100_000  # characters
_MOST_CELLS = 64  # of a row that are looked at: a cell far to the right would make thousands of empty ones before it
# What the reading of a broken file, or of one made to break us, ends with.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    SyntaxError,
    OSError,
    EOFError,
    RuntimeError,  # an encrypted part; a packing that is not known
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row: where it stands, the sheet it came from ("" for CSV), and its cells by column, "" when empty."""

    place: str
    sheet: str
    cells: dict[str, str | float] = field(default_factory=dict)


def check_size(data: bytes) -> None:
    """Raises ``InputError`` for a file that is larger than any honest one."""
    if len(data) > MOST_BYTES:
        raise InputError(f"the file has more than {MOST_BYTES // 1_000_000} MB; export fewer cycles at a time")


def read_csv(data: bytes) -> list[Incoming]:
    """Rows of a CSV file with comma, semicolon or tab. Raises ``InputError`` naming the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the file is not UTF-8 text (byte {error.start}); save it as CSV UTF-8") from None
    if "\x00" in text:
        raise InputError("this is not a CSV file")
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            lines.append((before + 1, cells))
            before = reader.line_num
            if len(lines) > MOST_ROWS:
                raise InputError(f"more than {MOST_ROWS} rows", line=before)
    except csv.Error as error:
        raise InputError(f"this is not CSV: {error}", line=reader.line_num) from None
    filled = [(number, [unguard(cell.strip()) for cell in cells]) for number, cells in lines if any(cell.strip() for cell in cells)]
    return _rows(filled, "", "line")


def read_xlsx(data: bytes) -> list[Incoming]:
    """Rows of all sheets of an XLSX file. Raises ``InputError`` naming the sheet and row."""
    # Imported here: it takes long, and only this needs it.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                raise InputError("the file unpacks to far more than any honest one")
        workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except (*_BROKEN, InvalidFileException) as error:
        raise InputError("this is not an XLSX file") from error
    found: list[Incoming] = []
    try:
        for sheet in workbook.worksheets:
            lines = []
            for number, cells in enumerate(sheet.iter_rows(max_col=_MOST_CELLS, values_only=True), start=1):
                if number > MOST_ROWS:
                    raise InputError(f"sheet {sheet.title}: more than {MOST_ROWS} rows")
                if any(cell not in (None, "") for cell in cells):
                    lines.append((number, [_cell(cell) for cell in cells]))
            if lines:
                found += _rows(lines, sheet.title, "row")
    except _BROKEN as error:  # sheets are unpacked and read only now
        raise InputError("this is not an XLSX file, or it is damaged") from error
    finally:
        workbook.close()
    return found


def _cell(value: object) -> str | float:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return str(value).strip()


def _rows(lines: Sequence[tuple[int, Sequence[str | float]]], sheet: str, word: str) -> list[Incoming]:
    place = f"sheet {sheet}, " if sheet else ""
    if not lines:
        raise InputError(f"the file is empty; its first {word} must name the columns: {', '.join(COLUMNS)}")
    number, head = lines[0]
    _check_head([str(cell) for cell in head], f"{place}{word} {number}")
    rows = []
    for number, cells in lines[1:]:
        if any(cell != "" for cell in cells[len(COLUMNS) :]):
            raise InputError(f"there are more cells than the {len(COLUMNS)} columns", where=f"{place}{word} {number}")
        padded = [*cells, *[""] * (len(COLUMNS) - len(cells))]
        rows.append(Incoming(f"{place}{word} {number}", sheet, dict(zip(COLUMNS, padded, strict=False))))
    return rows


def _check_head(head: Iterable[str], where: str) -> None:
    given = [cell.strip() for cell in head if cell.strip()]
    if [cell.casefold() for cell in given] != [column.casefold() for column in COLUMNS]:
        raise InputError(f"the columns must be exactly: {', '.join(COLUMNS)} (found: {', '.join(given)[:200] or 'none'})", where=where)
