"""A company with one objective, and files of the nine columns or other tables made on the spot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.support.world import Company, company

NINE = ("Objective", "Key Result", "Owner", "From", "To", "Current value", "Confidence", "Blocker", "Last updated")
ALICE, BOB = "alice@acme.example", "bob@acme.example"


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        yield found


def csv_of(*rows: Sequence[Any], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    output = io.StringIO()
    csv.writer(output, delimiter=delimiter).writerows(rows)
    return output.getvalue().encode(encoding)


def xlsx_of(*rows: Sequence[Any], sheet: str = "now", formats: dict[tuple[int, int], dict[str, Any]] | None = None) -> bytes:
    """A workbook with one sheet. ``formats``: (row, column) from 0 → the cell's format."""
    output = io.BytesIO()
    with xlsxwriter.Workbook(output, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                shape = (formats or {}).get((number, column))
                page.write(number, column, cell, book.add_format(shape) if shape else None)
    return output.getvalue()


def nine(title: str = "Key result kr-setup", **cells: Any) -> list[Any]:
    """A row of the nine columns for the company's key result."""
    values = {"Objective": "Objective onboarding", "Key Result": title, "Owner": ALICE, "From": 0, "To": 100, **cells}
    return [values.get(name, "") for name in NINE]
