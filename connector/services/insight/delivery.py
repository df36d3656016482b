"""What was delivered for a key result, week by week, and how its scope changed since the cycle began (S16). Context: it moves no value.

From the nightly counts of its mappings: in points where every counted item has some, else in items. A night that misses one of the
mappings says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.model import Cycle
from connector.domain.wording import MINUS, day_text, plain_number
from connector.store.tables import Mapping, MappingDay

SLACK = 2  # nights by which a count may be older than the day that is asked for
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Weekly:
    """One week of the cycle, both days included; ``done`` None: nobody counted."""

    start: date
    end: date
    done: float | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """``done`` of ``total`` as of the night ``day``; ``added`` since the night ``since``, None where that cannot be told."""

    unit: str
    weeks: tuple[Weekly, ...]
    done: float
    total: float
    day: date
    added: float | None
    since: date

    @property
    def text(self) -> str:
        """ "69 of 88 points done (+18 added since 1 Oct)"."""
        unit = self.unit if self.total != 1 else self.unit.removesuffix("s")
        said = f"{plain_number(self.done, 1)} of {plain_number(self.total, 1)} {unit} done"
        if not self.added:
            return said
        sign, word = ("+", "added") if self.added > 0 else (MINUS, "taken out")
        return f"{said} ({sign}{plain_number(abs(self.added), 1)} {word} since {day_text(self.since)})"


def load_delivery(session: Session, ident: str, cycle: Cycle, today: date) -> Delivery | None:
    """The delivery of one key result in its cycle: one statement. None where no night of the cycle was counted."""
    expected = (
        select(func.count()).select_from(Mapping).where(Mapping.key_result_id == ident, Mapping.retired_at.is_(None)).scalar_subquery()
    )
    counted = (MappingDay.points, MappingDay.points_done)
    rows = session.execute(
        select(
            MappingDay.day,
            func.sum(MappingDay.items),
            func.sum(MappingDay.done),
            *(func.sum(each) for each in counted),
            *(func.count(each) for each in counted),
            func.count(),
        )
        .join(Mapping, Mapping.id == MappingDay.mapping_id)
        .where(
            Mapping.key_result_id == ident,
            Mapping.retired_at.is_(None),
            MappingDay.day >= cycle.start - timedelta(days=SLACK),
            MappingDay.day <= min(today, cycle.end),
        )
        .group_by(MappingDay.day)
        .having(func.count() == expected)
        .order_by(MappingDay.day)
    ).all()
    if not rows:
        return None
    pointed = all(row[5] == row[6] == row[7] for row in rows)
    done = {row[0]: float((row[4] if pointed else row[2]) or 0) for row in rows}
    total = {row[0]: float((row[3] if pointed else row[1]) or 0) for row in rows}
    first, last = rows[0][0], rows[-1][0]
    return Delivery(
        "points" if pointed else "items",
        _weeks(done, cycle, today),
        done[last],
        total[last],
        last,
        total[last] - total[first] if last > first else None,
        max(first, cycle.start),
    )


def _weeks(done: Dict[date, float], cycle: Cycle, today: date) -> tuple[Weekly, ...]:
    found = []
    start = cycle.start
    while start <= min(today, cycle.end):
        end = min(start + WEEK - timedelta(days=1), cycle.end)
        before, after = _at(done, start - timedelta(days=1)), _at(done, min(end, today))
        if before is None and start == cycle.start:
            before = done.get(start)
        amount = None if before is None or after is None else max(0.0, after - before)
        found.append(Weekly(start, end, amount))
        start += WEEK
    return tuple(found)


def _at(done: Dict[date, float], day: date) -> float | None:
    return next((done[day - timedelta(days=back)] for back in range(SLACK + 1) if day - timedelta(days=back) in done), None)
