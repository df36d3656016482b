"""What every benchmark gives back and how it is printed: rows of numbers beside their baseline and bound, in one table.

A bound that is missed is shown, never raised: timings on a shared machine are facts to read, not tests to pass.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number. ``baseline`` is what it is compared with, ``ratio`` ours to it as the bound words it.

    ``bound`` is in words ("under 2 s", "at least 8×"); ``ok`` whether it holds, None where nothing was promised.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    bound: str = ""
    ok: bool | None = None

    @classmethod
    def of(cls, told: Row | Figure) -> Row:
        """A row, whichever of the two shapes a benchmark gives."""
        if isinstance(told, Row):
            return told
        bounded = told.at_least is not None or told.at_most is not None
        bound = told.verdict.partition("(")[2].rstrip(")")
        return cls(told.name, told.value, told.unit, bound=bound, ok=told.holds if bounded else None)


def at_most(name: str, value: float, unit: str, bound: float) -> Row:
    """A row whose value must not exceed ``bound``; the ratio is the share of the bound that was used."""
    return Row(name, value, unit, None, value / bound if bound else None, f"at most {bound:,.4g} {unit}".strip(), value <= bound)


def times_fewer(name: str, value: float, unit: str, baseline: float, least: float) -> Row:
    """A row that is to be at least ``least`` times smaller than ``baseline``, measured in the same run."""
    ratio = baseline / value if value else float("inf")
    return Row(name, value, unit, baseline, ratio, f"at least {least:g} times fewer", ratio >= least)


def beside(name: str, value: float, unit: str, baseline: float) -> Row:
    """A row to look at: ``baseline`` is how many times as large."""
    return Row(name, value, unit, baseline, baseline / value if value else None)


def scale() -> float:
    """By how much sizes are reduced, from ``BENCH_SCALE``: 1.0 is the full size, 0.01 a smoke test."""
    return float(os.environ.get("BENCH_SCALE", "1") or 1)


def scaled(number: int, least: int = 1) -> int:
    """``number`` reduced by the scale, at least ``least``."""
    return max(least, round(number * scale()))


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text; a star marks a bound that does not hold."""
    heads = ("", "what", "value", "baseline", "ratio", "bound")
    lines = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    right = {2, 3, 4}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    mark = {True: "ok", False: "*", None: ""}[row.ok]
    baseline = "" if row.baseline is None else f"{_number(row.baseline)} {row.unit}".strip()
    ratio = "" if row.ratio is None else f"{row.ratio:,.2f}"
    return mark, row.name, f"{_number(row.value)} {row.unit}".strip(), baseline, ratio, row.bound


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.3g}" if abs(value) < 10 else f"{value:,.1f}"
