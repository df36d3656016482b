"""Key results whose work is done at the usual pace or faster while their value stands still: the standing signals, as lists show them.

Judged by ``domain.signals.effort`` with everything else that the night finds; nothing is judged anew here. Key results of output type are
left out: their value is the activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Text, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain.buckets import Bucket
from connector.domain.quality import OUTPUT
from connector.services.insight.scope import Light
from connector.store.tables import KeyResult, Signal


@dataclass(frozen=True, slots=True)
class Busy:
    """One of them: ``done`` items or points in two weeks, as many as ``times`` the usual (None: there was nothing before)."""

    key_result: str
    done: float
    times: float | None
    since: date  # the value is the same since then, at least
    by: str  # "items" or "points"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found: ``still`` key results stand still, the work of ``judged`` of them could be counted; ``output`` were left out."""

    found: tuple[Busy, ...]
    judged: int
    still: int
    output: int


def find_busy(session: Session, lights: Sequence[Light]) -> Findings:
    """Busy, not moving: three statements. What somebody dismissed with a reason is not shown."""
    running = [each.id for each in lights if each.bucket is not Bucket.CLOSED]
    marked = type_coerce(KeyResult.flags, Text).like(f'%"{OUTPUT}"%')  # a list of marks is stored as its JSON text
    output = len(session.scalars(select(KeyResult.id).where(KeyResult.id.in_(running), marked)).all())
    still = judged = 0
    for (insight,) in session.execute(select(KeyResult.insight).where(KeyResult.id.in_(running))):
        if (insight or {}).get("still"):
            still += 1
            judged += "effort" in insight
    query = select(Signal.key_result_id, Signal.numbers).where(
        Signal.kind == "busy_not_moving", Signal.key_result_id.in_(running), Signal.ended_at.is_(None), Signal.dismissed_at.is_(None)
    )
    found = [_busy(str(name), numbers) for name, numbers in session.execute(query)]
    return Findings(tuple(sorted(found, key=lambda each: (-each.done, each.key_result))), judged, still, output)


def _busy(name: str, numbers: dict[str, object]) -> Busy:
    times = numbers.get("times")
    return Busy(
        name,
        float(str(numbers["done"])),
        float(str(times)) if times is not None else None,
        date.fromisoformat(str(numbers["since"])),
        str(numbers.get("by", "items")),
    )
