"""Key results whose work is done at the usual pace or faster while their value stands still, as far as the mirror can tell.

Activity is counted in items by the nightly counts of all mappings, those that only give context too. Key results of output type are left
out: their value is the activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import activity
from connector.domain.buckets import Bucket
from connector.domain.model import Kind
from connector.domain.scoring import TOLERANCE, epsilon, raw_progress
from connector.services.facts import load_definition
from connector.services.insight.scope import Light
from connector.store.tables import KeyResult, Mapping, MappingDay, Reading

WINDOW = activity.WEEK * activity.RECENT
_JUDGED = (Kind.METRIC, Kind.MILESTONES)  # a bound or a yes/no does not travel


@dataclass(frozen=True, slots=True)
class Busy:
    """One of them: ``done`` items in two weeks, as many as ``times`` the usual two (None: there was nothing before)."""

    key_result: str
    done: int
    times: float | None
    since: date  # the value is the same since then, at least


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found; ``judged`` of ``total`` key results could be judged, ``output`` were left out."""

    found: tuple[Busy, ...]
    judged: int
    total: int
    output: int


def find_busy(session: Session, lights: Sequence[Light], today: date) -> Findings:
    """Busy, not moving: three statements. Closed, output-type and unmapped key results are not judged."""
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    output = sum(each.output for each in running)
    candidates = [each.id for each in running if not each.output and each.kind in _JUDGED]
    done = _done_by_day(session, candidates, today)
    weeks = {name: activity.weekly(counts, today) for name, counts in done.items()}
    judged = [name for name, counts in weeks.items() if activity.ratio(counts) is not None]
    active = [name for name in judged if sum(weeks[name][-activity.RECENT :]) and (activity.ratio(weeks[name]) or 0.0) >= 1.0]
    then = _values_at(session, active, today - WINDOW)
    found: list[Busy] = []
    for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(list(then)))):
        definition = load_definition(row)
        before = raw_progress(definition, then[row.id])
        change = None if before is None or row.raw_progress is None else row.raw_progress - before
        if row.raw_progress is not None and row.raw_progress >= 1.0 - TOLERANCE:
            continue  # it has arrived: standing still is all that is left to do
        if activity.busy_not_moving(weeks[row.id], change, epsilon(definition) + TOLERANCE):
            times = activity.ratio(weeks[row.id])
            found.append(Busy(row.id, sum(weeks[row.id][-activity.RECENT :]), None if times == float("inf") else times, today - WINDOW))
    return Findings(tuple(sorted(found, key=lambda each: (-each.done, each.key_result))), len(judged), len(running), output)


def _done_by_day(session: Session, ids: Sequence[str], today: date) -> dict[str, dict[date, int]]:
    """Done items of all mappings of a key result by night; a night that misses one of its mappings is not counted."""
    if not ids:
        return {}
    expected: dict[str, int] = {}
    for name, count in session.execute(
        select(Mapping.key_result_id, func.count()).where(Mapping.retired_at.is_(None)).group_by(Mapping.key_result_id)
    ):
        expected[name] = count
    mapped = [name for name in ids if name in expected]
    rows = session.execute(
        select(Mapping.key_result_id, MappingDay.day, func.sum(MappingDay.done), func.count())
        .join(MappingDay, MappingDay.mapping_id == Mapping.id)
        .where(Mapping.retired_at.is_(None), Mapping.key_result_id.in_(mapped), MappingDay.day.in_(activity.sample_days(today)))
        .group_by(Mapping.key_result_id, MappingDay.day)
    )
    found: dict[str, dict[date, int]] = {}
    for name, day, done, count in rows:
        if count == expected[name]:
            found.setdefault(name, {})[day] = int(done)
    return found


def _values_at(session: Session, ids: Sequence[str], day: date) -> dict[str, float]:
    """The value that each key result had at the end of a day; those without one by then are left out."""
    if not ids:
        return {}
    last = (
        select(func.max(Reading.id))
        .where(Reading.key_result_id.in_(ids), Reading.day <= day, Reading.day > day - timedelta(days=400))
        .group_by(Reading.key_result_id)
    )
    rows = session.execute(select(Reading.key_result_id, Reading.value).where(Reading.id.in_(last)))
    return {name: value for name, value in rows if value is not None}
