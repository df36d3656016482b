"""A file of rows → tables with a header: which row names the columns, what merged cells mean. Knows column names, judges no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connector.errors import InputError
from connector.services.exchange import packages, text_files, workbooks
from connector.services.exchange.cells import EMPTY, Cell, Line, Table, Trouble
from connector.services.exchange.columns import header_score, unique_headers
from connector.services.exchange.vocabulary import COLUMNS
from connector.services.exchange.workbooks import Area, Sheet

_HEADER_WITHIN = 15  # rows: titles and logos may stand above it
_SURE = 2  # names of columns that make a row a header
SAMPLE = 50  # rows that a guess looks at


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of one file, and notes for people on how it was read."""

    tables: Sequence[Table]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows stand below the headers."""
        return sum(len(table.lines) for table in self.tables)


def read_tables(name: str, data: bytes, encoding: str = "") -> Tables:
    """The tables of a CSV or XLSX file. Raises ``InputError`` for a file that cannot be read, naming the place."""
    packages.check_size(data)
    if packages.kind_of(name, data) == "xlsx":
        packages.check_package(data)
        sheets, notes = workbooks.read_sheets(data)
        return _of_workbook(sheets, notes)
    lines, notes = text_files.read_lines(data, encoding)
    if not lines:
        raise InputError(f"the file is empty; its first line must name the columns: {', '.join(COLUMNS)}")
    header = _header(lines)
    below = [line for line in lines if line.number > header.number]
    return Tables((Table("", "line", header, below),), (*notes, *_above("", "line", header, lines)))


def sample_of(table: Table) -> list[Sequence[Cell]]:
    """The rows by which columns are guessed."""
    return [line.cells for line in table.lines[:SAMPLE]]


def header_texts(table: Table) -> list[str]:
    """The header's cells as texts; what is no text names no column."""
    return [cell if isinstance(cell, str) else "" if isinstance(cell, Trouble) else str(cell) for cell in table.header.cells]


def _of_workbook(sheets: Sequence[Sheet], notes: list[str]) -> Tables:
    tables: list[Table] = []
    unknown: list[Table] = []
    for sheet in sheets:
        if not sheet.lines:
            continue
        header = _header(sheet.lines)
        filled, told = _unmerged(sheet, header)
        notes += told
        table = Table(sheet.name, "row", header, [line for line in filled if line.number > header.number])
        sure = header_score(header_texts(table)) >= _SURE
        (tables if sure else unknown).append(table)
        if sure:
            notes += _above(sheet.name, "row", header, sheet.lines)
    if not tables:
        # None is sure: an admin may still say which column is which.
        if not unknown:
            raise InputError(f"the workbook is empty; the first row of a sheet must name the columns: {', '.join(COLUMNS)}")
        return Tables(tuple(unknown), tuple(notes))
    notes += [f"sheet {table.sheet}: no row names known columns: it was not read" for table in unknown]
    rows = sum(len(table.lines) for table in tables)
    if rows > text_files.MOST_ROWS:
        raise InputError(f"the file has {rows} rows; {text_files.MOST_ROWS} are the most; import it in parts")
    return Tables(tuple(tables), tuple(notes))


def _header(lines: Sequence[Line]) -> Line:
    first = lines[:_HEADER_WITHIN]
    scores = [header_score([cell for cell in line.cells if isinstance(cell, str)]) for line in first]
    best = max(scores)
    return first[scores.index(best)] if best >= _SURE else lines[0]


def _above(sheet: str, word: str, header: Line, lines: Sequence[Line]) -> list[str]:
    if header.number == lines[0].number:
        return []
    where = f"sheet {sheet}: " if sheet else ""
    return [f"{where}{word} {header.number} names the columns; what stands above it was not read"]


def _unmerged(sheet: Sheet, header: Line) -> tuple[Sequence[Line], list[str]]:
    """Merged cells: down a column the value counts for every row; across columns nobody can tell whose value it is."""
    below = [area for area in sheet.merged if area.last_row > header.number]
    if not below:
        return sheet.lines, []
    by_number = {line.number: line for line in sheet.lines}
    notes: list[str] = []
    for area in below:
        line = by_number.get(area.first_row)
        value = line.cells[area.first_column - 1] if line and area.first_column <= len(line.cells) else EMPTY
        if value == EMPTY:
            continue
        if area.first_row <= header.number or area.last_column > area.first_column:
            first, last = _cell_name(area.first_row, area.first_column), _cell_name(area.last_row, area.last_column)
            raise InputError(
                f"the cells {first}:{last} are merged across columns; unmerge them", where=f"Sheet {sheet.name}, row {area.first_row}"
            )
        notes += _fill(by_number, area, value, sheet.name)
    return [by_number[number] for number in sorted(by_number)], notes[:20]


def _fill(by_number: dict[int, Line], area: Area, value: Cell, sheet: str) -> list[str]:
    filled = False
    for number in range(area.first_row + 1, area.last_row + 1):
        line = by_number.get(number)
        if line is None:
            continue  # nothing else stands in that row
        cells = list(line.cells) + [EMPTY] * (area.first_column - len(line.cells))
        cells[area.first_column - 1] = value
        by_number[number] = replace(line, cells=tuple(cells))
        filled = True
    column = _cell_name(0, area.first_column).removesuffix("0")
    return [f"sheet {sheet}: {column}{area.first_row}:{column}{area.last_row} is merged: its value counts for each row"] if filled else []


def _cell_name(row: int, column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


def by_header(table: Table) -> Mapping[str, int]:
    """Header in lower case → its place among the cells."""
    return {header.casefold(): place for place, header in enumerate(unique_headers(header_texts(table))) if header}
