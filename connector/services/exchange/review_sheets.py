"""The review pack as XLSX: sheets for the summary, exceptions, asks, blockers, decisions and late updates. No cell can become a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from connector.domain.review_pack import Pack, Page
from connector.services.exchange.cells import LONGEST_CELL, guard

Cell = str | float | None

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class Sheets:
    """A workbook that is written sheet by sheet, every text as a text for good."""

    def __init__(self) -> None:
        self._output = io.BytesIO()
        self._book = xlsxwriter.Workbook(self._output, OPTIONS)
        self._head = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._text = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._quoted = self._book.add_format({"quote_prefix": True, "text_wrap": True, "valign": "top"})

    def add(self, name: str, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[Cell]]) -> None:
        """A sheet of (title, width) columns and its rows, ready to print."""
        sheet: Any = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        for column, (title, width) in enumerate(columns):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, self._head)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                if cell is None or cell == "":
                    continue
                if isinstance(cell, str):
                    text = _UNPRINTABLE.sub("", cell)[:LONGEST_CELL]
                    sheet.write_string(number, column, text, self._quoted if guard(text) != text else self._text)
                else:
                    sheet.write_number(number, column, cell, self._text)

    def close(self) -> bytes:
        """The file."""
        self._book.close()
        return self._output.getvalue()


def write_sheets(pack: Pack) -> bytes:
    """A pack as a workbook."""
    told = pack.answers
    book = Sheets()
    summary: list[tuple[Cell, Cell]] = [
        ("Review", pack.title),
        ("Pre-read", pack.moment),
        ("Are we moving?", "".join(told.moving)),
        ("Where are we off track?", "".join(told.off_track)),
        ("What decision is needed now?", "".join(told.decisions)),
        *((word, float(count)) for word, count in pack.counts),
        *((f"Source {name}", text) for name, text in pack.sources),
    ]
    book.add("Summary", (("", 30), ("", 90)), summary)
    book.add("Exceptions", _EXCEPTIONS, [_exception(each) for each in pack.exceptions])
    book.add(
        "Asks",
        (("Ask", 16), ("Words to it", 50), ("Since", 16), ("Key Result", 40), ("Owner", 22)),
        [(each.ask.word, each.ask.text, each.ask.since, each.title, each.owner) for each in pack.asking if each.ask],
    )
    book.add(
        "Blockers",
        (("Blocker", 50), ("Issue or row", 16), ("Since", 16), ("Days", 8), ("Key Result", 40), ("Owner", 22)),
        [
            (
                each.blocker.text,
                each.blocker.key,
                each.blocker.since,
                None if each.blocker.days is None else float(each.blocker.days),
                each.title,
                each.owner,
            )
            for each in pack.blocked
            if each.blocker
        ],
    )
    book.add(
        "Decisions",
        (("Kind", 20), ("Decision", 50), ("Key Result", 40), ("Owner", 22), ("When", 26), ("State", 10)),
        [(each.kind, each.title, each.key_result, each.owner, each.when, each.state) for each in pack.decisions],
    )
    book.add(
        "Late",
        (("Key Result", 40), ("Update", 14), ("Last heard", 30), ("Owner", 22)),
        [(each.title, each.update, each.update_text, each.owner) for each in pack.late],
    )
    return book.close()


_EXCEPTIONS = (
    ("Objective", 32), ("Key Result", 40), ("Owner", 22), ("State", 12), ("Why", 44), ("From", 10), ("To", 12), ("Now", 12),
    ("Movement", 34), ("Confidence", 11), ("Last confidences", 16), ("Signals", 60),
)  # fmt: skip


def _exception(page: Page) -> tuple[Cell, ...]:
    confidence = None if page.confidence is None else float(page.confidence)
    trail = " · ".join(map(str, page.trail))
    return (
        page.objective,
        page.title,
        page.owner or "ownerless",
        page.state_word,
        page.why,
        page.start,
        page.target,
        page.current,
        page.movement,
        confidence,
        trail,
        " ".join(page.signals),
    )
