"""The nine columns as CSV and XLSX, written as a stream (R002, R004). No cell can become a formula in a spreadsheet program.

Numbers are written so that reading them back gives the same number.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Kind
from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.runtime import Runtime
from connector.services.exchange.cells import guard, number_text
from connector.services.exchange.vocabulary import COLUMNS
from connector.store.reads import moment_text
from connector.store.tables import Cycle, KeyResult, Objective, Person
from connector.store.visibility import visible

WIDTHS = (32, 40, 26, 10, 10, 14, 11, 32, 26)
CHUNK = 1 << 16  # bytes of a stream's pieces

_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\]")
_LONGEST_SHEET_NAME = 31
_ROWS_AT_ONCE = 1000

OutCell = str | float | None


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One key result as the nine columns have it; ``cycle`` decides the sheet."""

    cycle: str
    cells: tuple[OutCell, ...]


def cycle_names(session: Session, only: str | None = None) -> list[str]:
    """The cycles in the order of time. Raises ``InputError`` when ``only`` is none of them."""
    names = list(session.scalars(select(Cycle.name).where(Cycle.retired_at.is_(None)).order_by(Cycle.start, Cycle.name)))
    if only is None:
        return names
    if only not in names:
        raise InputError(f"no cycle is called {only!r}; there are: {', '.join(names) or 'none'}", where="cycle")
    return [only]


def read_rows(session: Session, viewer: Viewer, cycle: str | None = None) -> Iterator[SheetRow]:
    """One row for each key result that the viewer may know of, whatever number of items feeds it (R003); cycle after cycle."""
    columns = (KeyResult.kind, KeyResult.start, KeyResult.target, KeyResult.low, KeyResult.high, KeyResult.current)
    said = (KeyResult.confidence, KeyResult.blocker, KeyResult.updated_at)
    query = (
        select(Cycle.name, Objective.title, KeyResult.title, Person.email, *columns, *said)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
        .order_by(Cycle.start, Cycle.name, Objective.position, Objective.id, KeyResult.position, KeyResult.id)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    if cycle is not None:
        query = query.where(Cycle.name == cycle)
    for name, objective, title, owner, kind, start, target, low, high, current, confidence, blocker, updated in session.execute(query):
        ends = (low, high) if kind == Kind.BETWEEN else (start, target)
        rated = None if confidence is None else float(confidence)
        yield SheetRow(name, (objective, title, owner, *ends, current, rated, blocker, moment_text(updated)))


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


def write_csv(runtime: Runtime, viewer: Viewer, cycle: str | None = None) -> Iterator[bytes]:
    """The nine columns as CSV (UTF-8, RFC 4180), piece by piece. Raises ``InputError`` at once for an unknown cycle."""
    with runtime.store.read() as session:
        cycle_names(session, cycle)
    return _csv(runtime, viewer, cycle)


def _csv(runtime: Runtime, viewer: Viewer, cycle: str | None) -> Iterator[bytes]:
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    with runtime.store.read() as session:
        for row in read_rows(session, viewer, cycle):
            writer.writerow([_text(cell) for cell in row.cells])
            if output.tell() >= CHUNK:
                yield _taken(output)
    yield _taken(output)


def _taken(output: io.StringIO) -> bytes:
    data = output.getvalue().encode()
    output.seek(0)
    output.truncate()
    return data


def _text(cell: OutCell) -> str:
    if cell is None:
        return ""
    return number_text(cell) if isinstance(cell, float) else guard(cell)


def write_xlsx(runtime: Runtime, viewer: Viewer, cycle: str | None = None) -> Iterator[bytes]:
    """The nine columns as XLSX, one sheet for each cycle, through a temporary file. Raises ``InputError`` at once for an unknown cycle."""
    with runtime.store.read() as session:
        # All cycles take part in the naming, so that a sheet has the same name in every export.
        names = sheet_names(cycle_names(session))
        chosen = cycle_names(session, cycle)
    return _xlsx(runtime, viewer, cycle, {name: shown for name, shown in names.items() if shown in chosen})


def _xlsx(runtime: Runtime, viewer: Viewer, cycle: str | None, names: dict[str, str]) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="okr-export-") as folder, tempfile.TemporaryFile() as file:
        options = {
            "constant_memory": True,
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        with xlsxwriter.Workbook(file, options) as workbook, _one_at_a_time(runtime, viewer, cycle) as rows:
            head = workbook.add_format({"bold": True, "bottom": 1})
            # Marks a text as a text for good: it stays one when somebody edits the cell.
            quoted = workbook.add_format({"quote_prefix": True})
            row = next(rows, None)
            for name, shown in names.items() if names else [("Key results", "")]:
                sheet = workbook.add_worksheet(name)
                sheet.freeze_panes(1, 0)
                for column, (title, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True)):
                    sheet.set_column(column, column, width)
                    sheet.write_string(0, column, title, head)
                number = 0
                while row is not None and row.cycle == shown:
                    number += 1
                    for column, cell in enumerate(row.cells):
                        if isinstance(cell, float):
                            sheet.write_number(number, column, cell)
                        elif cell is not None:
                            sheet.write_string(number, column, cell, quoted if guard(cell) != cell else None)
                    row = next(rows, None)
        file.seek(0)
        while piece := file.read(CHUNK):
            yield piece


@contextmanager
def _one_at_a_time(runtime: Runtime, viewer: Viewer, cycle: str | None) -> Iterator[Iterator[SheetRow]]:
    with runtime.store.read() as session:
        yield read_rows(session, viewer, cycle)
