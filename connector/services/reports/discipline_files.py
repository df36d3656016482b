"""The discipline report as a table: the same columns on the page, in a CSV file and in a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from connector.domain.vitality import Share
from connector.services.exchange.cells import guard, number_text
from connector.services.exchange.review_sheets import Sheets
from connector.services.locks import SKIPPED
from connector.services.reports.discipline import Report, Week

Cell = str | float | None

COLUMNS = (
    ("Review", 12),
    ("State", 12),
    ("On time", 9),
    ("Late", 9),
    ("Missing", 9),
    ("Pre-read opened by leaders", 16),
    ("At risk with a verdict", 14),
    ("Decisions", 10),
    ("Edits during it", 10),
    ("Raised: updates", 10),
    ("Raised: blockers", 10),
    ("Decisions done by their day", 16),
    ("Vitality", 10),
)


def cells(each: Week) -> tuple[Cell, ...]:
    """One review. What has no basis is an empty cell, never 0."""
    if each.state == SKIPPED:
        return (each.day.isoformat(), f"skipped: {each.skipped}", *([None] * (len(COLUMNS) - 2)))
    known = bool(each.key)
    vitality = each.use.vitality
    return (
        each.day.isoformat(),
        each.state,
        float(each.on_time) if known else None,
        float(each.late) if known else None,
        float(each.missing) if known else None,
        _share(each.opened),
        _share(each.verdicts),
        float(each.decisions),
        None if each.edits is None else float(each.edits),
        float(each.raised_missed),
        float(each.raised_blockers),
        _share(each.follow_through),
        None if vitality is None else round(vitality * 100, 0),
    )


def summary(report: Report) -> list[tuple[str, Cell]]:
    """What a forum's weeks come to, in small numbers said as such."""
    waits = report.first_decision
    told: Cell = None
    if waits.of:
        days = "no decision yet" if waits.median is None else f"median {waits.median:.1f} days"
        told = f"{days}, {waits.decided} of {waits.of} have one"
    return [
        ("Updates in time", _share(report.updates)),
        ("Days from first off track to first decision", told),
    ]


def _share(share: Share) -> Cell:
    return share.text if share.of else None


def write_csv(reports: Sequence[Report]) -> bytes:
    """Every forum under its name in the first column."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(["Forum", *(title for title, _ in COLUMNS)])
    for report in reports:
        for week in report.weeks:
            writer.writerow([_text(each) for each in (report.name, *cells(week))])
    return output.getvalue().encode()


def write_xlsx(reports: Sequence[Report]) -> bytes:
    """One sheet of reviews, one of what they come to."""
    book = Sheets()
    book.add("Reviews", (("Forum", 24), *COLUMNS), [(report.name, *cells(week)) for report in reports for week in report.weeks])
    book.add("Forums", (("Forum", 24), ("", 44), ("", 40)), [(report.name, *line) for report in reports for line in summary(report)])
    return book.close()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return guard(cell) if isinstance(cell, str) else number_text(cell)


WRITERS: dict[str, tuple[Callable[[Sequence[Report]], bytes], str]] = {
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
