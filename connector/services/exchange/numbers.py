"""Numbers as people and spreadsheet programs of many countries write them: "1.234,5", "1 234.5", "42 %". Pure.

Whether a comma is the decimal sign is decided from the other cells of the same column, and where nothing decides it the cell is refused:
a guess would be wrong by a factor of a thousand.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from connector.errors import InputError
from connector.services.exchange.cells import NUMBER, Cell, Percent, Trouble

COMMA, POINT = ",", "."
# Blanks (plain, no-break, thin, narrow no-break) and apostrophes group digits in several countries.
_GROUPING = " \u00a0\u2009\u202f'\u2019"
_SHAPE = re.compile(rf"([+\-−]?)([0-9][0-9.,{_GROUPING}]*|[.,][0-9]+)\s*(%?)")
_GROUPED = re.compile(rf"\d{{1,3}}(?:[{_GROUPING}]\d{{3}})+")


@dataclass(frozen=True, slots=True)
class Decimal:
    """Which sign parts the decimals of a column: "," or ".", "" when no cell tells. ``seen`` is the cell that decided."""

    sign: str = ""
    seen: str = ""
    both: bool = False  # some cells say one, some the other


def decimal_sign(cells: Iterable[Cell]) -> Decimal:
    """What the cells of one column say about their decimal sign. Cells that could be read either way say nothing."""
    votes: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for cell in cells:
        if isinstance(cell, str) and (sign := _evidence(cell)):
            votes[sign] += 1
            seen.setdefault(sign, cell.strip())
    if not votes:
        return Decimal()
    sign = votes.most_common(1)[0][0]
    return Decimal(sign, seen[sign], both=len(votes) > 1)


def read_number(cell: Cell, decimal: Decimal) -> float | Percent | None:
    """The number of a cell, None for an empty one; a percentage stays one, since its worth depends on the unit.

    Raises ``InputError`` for what is no number, and for what could be two.
    """
    if isinstance(cell, Trouble):
        raise InputError(cell.message)
    if isinstance(cell, bool):
        raise InputError("is yes or no where a number belongs")
    if isinstance(cell, (float, Percent)):
        if not math.isfinite(cell.share if isinstance(cell, Percent) else cell):
            raise InputError("is not a finite number")
        return cell
    if isinstance(cell, date):  # a datetime is one too
        raise InputError(
            f"is a date ({cell:%Y-%m-%d}) where a number belongs; spreadsheet programs turn numbers such as 1.5 into dates: "
            "set the cell's format to number and enter it again"
        )
    text = cell.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 300:  # most are
        return float(text)
    found = _SHAPE.fullmatch(text)
    if found is None:
        if NUMBER.fullmatch(text) and math.isfinite(float(text)):  # 1e+22, which our own export writes
            return float(text)
        raise InputError(f"enter a number, such as 42 or 4.1, without its unit (found {text[:40]!r})")
    sign, digits, percent = found.groups()
    number = float(_plain(digits, decimal, text))
    number = -number if sign in ("-", "−") else number
    if not math.isfinite(number):
        raise InputError(f"is too large a number (found {text[:40]!r})")
    return Percent(number / 100) if percent else number


def in_unit(value: float | Percent, unit: str) -> float:
    """A number in the unit of its key result: percentages count 0-100 where the unit is "%", else 0-1 where there is none.

    Raises ``InputError`` for a percentage of something that has another unit.
    """
    if isinstance(value, float):
        return value
    if unit.strip() == "%":
        return round(value.share * 100, 10)
    if not unit.strip():
        return value.share
    raise InputError(f"is a percentage, but the key result is measured in {unit}; enter the number itself")


def _evidence(text: str) -> str:
    """The decimal sign that this text can only have; "" when it has none or could have either."""
    if COMMA not in text and POINT not in text:
        return ""
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        return ""
    digits = found[2].rstrip()
    commas, points = digits.count(COMMA), digits.count(POINT)
    if commas and points:
        return COMMA if digits.rfind(COMMA) > digits.rfind(POINT) else POINT
    if commas > 1:
        return POINT
    if points > 1:
        return COMMA
    sign = COMMA if commas else POINT if points else ""
    if not sign:
        return ""
    before, _, after = digits.partition(sign)
    grouped_already = bool(_GROUPED.fullmatch(before))
    return sign if len(after) != 3 or not before or len(before) > 3 or before == "0" or grouped_already else ""


def _plain(digits: str, decimal: Decimal, text: str) -> str:
    """Digits as Python reads them. Raises ``InputError``."""
    digits = digits.rstrip()
    own = _evidence(digits)
    if decimal.both and not own and (COMMA in digits or POINT in digits):
        raise InputError(
            f"{text[:40]!r} may be read in two ways, and the column has both decimal commas and decimal points; write it without grouping"
        )
    sign = own or decimal.sign
    if not sign:
        if COMMA in digits:
            whole, _, rest = digits.partition(COMMA)
            raise InputError(
                f"{text[:40]!r} may mean {whole}.{rest} or {whole}{rest}, and no other cell of the column tells; write one of them"
            )
        sign = POINT  # "1.234" alone: the sign of our own files, and of programs
    whole, _, fraction = digits.partition(sign)
    grouping = {POINT if sign == COMMA else COMMA, *_GROUPING}
    used = {each for each in whole if each in grouping}
    parts = re.split(rf"[{re.escape(''.join(sorted(grouping)))}]", whole) if used else [whole]
    uneven = len(parts) > 1 and (not 1 <= len(parts[0]) <= 3 or any(len(part) != 3 for part in parts[1:]))
    if uneven or len(used) > 1 or not (fraction.isdecimal() or not fraction) or not all(part.isdecimal() for part in parts if part):
        raise InputError(f"enter a number, such as 42 or 4.1, without its unit (found {text[:40]!r})")
    return f"{''.join(parts) or '0'}.{fraction or '0'}"
