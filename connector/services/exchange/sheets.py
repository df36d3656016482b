"""The nine columns as CSV and XLSX, written (R002, R004). No cell can become a formula in a spreadsheet program.

Numbers are written so that reading them back gives the same number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Kind
from connector.errors import InputError
from connector.runtime import Runtime
from connector.store.reads import moment_text
from connector.store.tables import Cycle, KeyResult, Objective, Person

COLUMNS = ("Objective", "Key Result", "Owner", "From", "To", "Current value", "Confidence", "Blocker", "Last updated")
WIDTHS = (32, 40, 26, 10, 10, 14, 11, 32, 26)

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# What a spreadsheet program may take for a formula. The quotes before it belong to the pattern, so that undoing is exact.
# Also behind a semicolon or tab: where the decimal sign is a comma, spreadsheet programs part a CSV file there.
_FORMULA = re.compile(r"(^|[;\t])('*[=+\-@\t\r])")
_QUOTED_FORMULA = re.compile(r"(^|[;\t])'('*[=+\-@\t\r])")
_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\]")
_LONGEST_SHEET_NAME = 31

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One key result as the nine columns have it; ``cycle`` decides the sheet."""

    cycle: str
    cells: tuple[Cell, ...]


def ends_of(row: KeyResult) -> tuple[float | None, float | None]:
    """From and To: the bounds of a key result that must stay between two, else start and target."""
    return (row.low, row.high) if row.kind == Kind.BETWEEN else (row.start, row.target)


def cycle_names(session: Session, only: str | None = None) -> list[str]:
    """The cycles in the order of time. Raises ``InputError`` when ``only`` is none of them."""
    names = list(session.scalars(select(Cycle.name).where(Cycle.retired_at.is_(None)).order_by(Cycle.start, Cycle.name)))
    if only is None:
        return names
    if only not in names:
        raise InputError(f"no cycle is called {only!r}; there are: {', '.join(names) or 'none'}", where="cycle")
    return [only]


def read_rows(session: Session, cycle: str | None = None) -> list[SheetRow]:
    """One row for each key result, whatever number of items feeds it (R003)."""
    query = (
        select(KeyResult, Objective.title, Cycle.name, Person.email)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
        .order_by(Cycle.start, Cycle.name, Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    )
    if cycle is not None:
        query = query.where(Cycle.name == cycle)
    rows = []
    for row, objective, name, owner in session.execute(query):
        start, target = ends_of(row)
        updated = moment_text(row.updated_at)
        rows.append(SheetRow(name, (objective, row.title, owner, start, target, row.current, _float(row.confidence), row.blocker, updated)))
    return rows


def _float(number: int | None) -> float | None:
    return None if number is None else float(number)


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number: 42, 4.1, 1e+22."""
    return repr(value).removesuffix(".0")


def guard(text: str) -> str:
    """Put a quote before what a spreadsheet program may take for a formula; numbers stay as they are."""
    return text if NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'\2", text)


def unguard(text: str) -> str:
    """Take the quotes of ``guard`` away again."""
    return _QUOTED_FORMULA.sub(r"\1\2", text)


def sheet_names(cycles: Sequence[str]) -> dict[str, str]:
    """Sheet name → cycle. Excel allows 31 characters, few signs and no two names that differ by case only."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for cycle in cycles:
        plain = _NOT_IN_SHEET_NAMES.sub("-", cycle).strip().strip("'")[:_LONGEST_SHEET_NAME] or "Cycle"
        if plain.lower() == "history":  # Excel keeps this one for itself
            plain = f"{plain}-"
        name, number = plain, 2
        while name.lower() in taken:
            ending = f" ({number})"
            name, number = plain[: _LONGEST_SHEET_NAME - len(ending)] + ending, number + 1
        taken.add(name.lower())
        names[name] = cycle
    return names


def write_csv(runtime: Runtime, cycle: str | None = None) -> bytes:
    """The nine columns as CSV (UTF-8, RFC 4180)."""
    with runtime.store.read() as session:
        cycle_names(session, cycle)
        rows = read_rows(session, cycle)
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_text(cell) for cell in row.cells])
    return output.getvalue().encode()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return number_text(cell) if isinstance(cell, float) else guard(cell)


def write_xlsx(runtime: Runtime, cycle: str | None = None) -> bytes:
    """The nine columns as XLSX, one sheet for each cycle."""
    with runtime.store.read() as session:
        # All cycles take part in the naming, so that a sheet has the same name in every export.
        names = sheet_names(cycle_names(session))
        chosen = cycle_names(session, cycle)
        rows = read_rows(session, cycle)
    output = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(output, options) as workbook:
        head = workbook.add_format({"bold": True, "bottom": 1})
        for name, shown in names.items() if names else [("Key results", "")]:
            if names and shown not in chosen:
                continue
            sheet = workbook.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for column, (title, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True)):
                sheet.set_column(column, column, width)
                sheet.write_string(0, column, title, head)
            for number, row in enumerate((row for row in rows if row.cycle == shown), start=1):
                for column, cell in enumerate(row.cells):
                    if isinstance(cell, float):
                        sheet.write_number(number, column, cell)
                    elif cell is not None:
                        sheet.write_string(number, column, cell)
    return output.getvalue()
