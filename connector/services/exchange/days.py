"""Days as files write them: date cells, serial numbers of spreadsheet programs, and texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from connector.errors import InputError
from connector.services.exchange.cells import Cell, cell_text

DAY_FIRST, MONTH_FIRST = "day first", "month first"
_EPOCH = date(1899, 12, 30)  # of serial numbers since 1 March 1900; files of old Macs store real dates as cells anyway
_SERIALS = (20_000, 80_000)  # 1954 to 2119: other numbers are no days
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_PARTS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?: .*)?")
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y")


def day_order(cells: Iterable[Cell]) -> str:
    """Whether days such as 03/04/2026 begin with the day or the month, "" when no cell of the column tells."""
    for cell in cells:
        found = _PARTS.fullmatch(cell.strip()) if isinstance(cell, str) else None
        if found and int(found[1]) > 12:
            return DAY_FIRST
        if found and int(found[3]) > 12:
            return MONTH_FIRST
    return ""


def read_day(cell: Cell, order: str) -> date | None:
    """The day of a cell, None for an empty one. Raises ``InputError`` for what is no day, and for what could be two."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, float):
        if cell.is_integer() and _SERIALS[0] <= cell <= _SERIALS[1]:
            return _EPOCH + timedelta(days=int(cell))
        raise InputError("enter a day such as 2026-11-12")
    text = cell_text(cell)
    if not text:
        return None
    if found := _ISO.fullmatch(text):
        return _day(found[1], found[2], found[3])
    if found := _PARTS.fullmatch(text):
        first, sign, second, year = found.groups()
        if not order and sign != "." and int(first) <= 12 and int(second) <= 12 and first != second:
            raise InputError(
                f"{text!r} may begin with the day or the month, and no other cell of the column tells; write it as {year}-MM-DD"
            )
        day_first = order == DAY_FIRST or (not order and (sign == "." or int(first) > 12))
        return _day(year, second, first) if day_first else _day(year, first, second)
    for shape in _NAMED:
        try:
            return datetime.strptime(text, shape).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise InputError(f"enter a day such as 2026-11-12 (found {text[:40]!r})")


def _day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise InputError(f"there is no day {year}-{month}-{day}") from None
