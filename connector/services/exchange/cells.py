"""What a cell of somebody's file may hold, and its text. Pure: judges no value and knows neither file formats nor the database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connector.errors import InputError

LONGEST_CELL = 32_767  # characters: what a spreadsheet program can hold
LONGEST_TITLE = 500

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # change the direction of what stands behind them
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# What a spreadsheet program may take for a formula. The quotes before it belong to the pattern, so that undoing is exact.
# Also behind a semicolon or tab: where the decimal sign is a comma, spreadsheet programs part a CSV file there.
# Full-width signs count too: programs set to Japanese or Chinese take them for the plain ones.
_FORMULA = re.compile("(^|[;\t])('*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])")
_QUOTED_FORMULA = re.compile("(^|[;\t])'('*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])")


@dataclass(frozen=True, slots=True)
class Percent:
    """A number that its cell shows as a percentage: 0.42 is 42 %."""

    share: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cell that has no value to take: a formula that was never calculated, an error such as #N/A. Says so in words."""

    message: str


Cell = str | float | bool | date | datetime | Percent | Trouble  # "" is an empty cell
EMPTY = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table of somebody's file: its number there and its cells."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet (``sheet`` is "" for a text file): its header, and the rows below it.

    ``word`` is what people count there: "row" in a sheet, "line" in a text file.
    """

    sheet: str
    word: str
    header: Line
    lines: Sequence[Line]

    def place(self, number: int) -> str:
        """Where a row stands, for people: "Sheet 2026-Q4, row 12"."""
        return f"Sheet {self.sheet}, {self.word} {number}" if self.sheet else f"{self.word} {number}"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One key result of a file. ``cells`` holds what the file says, by field; ``columns`` what the file calls these fields.

    ``id``, ``objective_id`` and ``definition`` are set for rows of our own JSON, which are matched by id.
    """

    place: str
    sheet: str
    cells: Mapping[str, Cell]
    columns: Mapping[str, str]
    id: str = ""
    objective_id: str = ""
    definition: Mapping[str, object] | None = None

    def cell(self, field: str) -> Cell:
        """The cell of a field, "" when the file has none."""
        return self.cells.get(field, EMPTY)

    def fault(self, field: str, message: str) -> InputError:
        """An error at one cell of this row: "Sheet 2026-Q4, row 12, To"."""
        return InputError(message, where=f"{self.place}, {self.columns.get(field, field)}")


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number: 42, 4.1, 1e+22."""
    return repr(value).removesuffix(".0")


def guard(text: str) -> str:
    """Put a quote before what a spreadsheet program may take for a formula; numbers stay as they are."""
    return text if NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'\2", text)


def unguard(text: str) -> str:
    """Take the quotes of ``guard`` away again."""
    return _QUOTED_FORMULA.sub(r"\1\2", text)


def cell_text(cell: Cell) -> str:
    """A cell as text, without blanks around it. Raises ``InputError`` for a cell without a value."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return number_text(cell)
    if isinstance(cell, Percent):
        return f"{number_text(round(cell.share * 100, 10))} %"
    if isinstance(cell, Trouble):
        raise InputError(cell.message)
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes") if cell.time() != cell.time().min else cell.date().isoformat()
    return cell.isoformat()


def plain_text(cell: Cell, longest: int = LONGEST_CELL) -> str:
    """The text of a cell that people and pages will show.

    Raises ``InputError`` for control characters, signs that turn the direction of text, and what is too long.
    """
    text = cell_text(cell)
    if len(text) > longest:
        raise InputError(f"has {len(text)} characters; {longest} are the most")
    if found := _CONTROL.search(text):
        raise InputError(f"holds a control character (U+{ord(found[0]):04X}); remove it")
    if found := _TURNS.search(text):
        raise InputError(f"holds the sign U+{ord(found[0]):04X}, which turns the direction of text; remove it")
    return text


def seen_text(text: str) -> str:
    """The name of a file or table without signs that cannot be seen: nobody can remove them there."""
    return "".join(sign for sign in text if unicodedata.category(sign) not in _UNSEEN)


def is_empty(cell: Cell) -> bool:
    """True for a cell with nothing in it but blanks."""
    return isinstance(cell, str) and not cell.strip()
