"""Key results whose work is done at the usual pace or faster while their value stands still, as far as the mirror can tell.

Activity is counted in items by the nightly counts of all mappings, those that only give context too. Key results of output type are left
out: their value is the activity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Text, func, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain import activity
from connector.domain.buckets import Bucket
from connector.domain.model import Kind
from connector.domain.quality import OUTPUT
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
    """What was found: ``still`` key results stand still, the work of ``judged`` of them could be counted; ``output`` were left out."""

    found: tuple[Busy, ...]
    judged: int
    still: int
    output: int


def find_busy(session: Session, lights: Sequence[Light], today: date) -> Findings:
    """Busy, not moving: five statements. Closed, output-type and unmapped key results are not judged, nor those that have arrived."""
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    output = _output(session, [each.id for each in running])
    candidates = [
        each.id
        for each in running
        if each.id not in output and each.kind in _JUDGED and each.progress is not None and each.progress < 1.0 - TOLERANCE
    ]
    changes = _still(session, candidates, today - WINDOW)
    weeks = {name: activity.weekly(counts, today) for name, counts in _done_by_day(session, list(changes), today).items()}
    found: list[Busy] = []
    for name, (change, least) in changes.items():
        if name in weeks and activity.busy_not_moving(weeks[name], change, least):
            times = activity.ratio(weeks[name])
            found.append(Busy(name, sum(weeks[name][-activity.RECENT :]), None if times == float("inf") else times, today - WINDOW))
    judged = sum(activity.ratio(counts) is not None for counts in weeks.values())
    return Findings(tuple(sorted(found, key=lambda each: (-each.done, each.key_result))), judged, len(changes), len(output))


def _still(session: Session, ids: Sequence[str], day: date) -> dict[str, tuple[float, float]]:
    """Those that moved by no more than counts as movement since a day: (change of progress, what counts)."""
    then = _values_at(session, ids, day)
    near = [
        row.id
        for row in session.execute(
            select(KeyResult.id, KeyResult.current, KeyResult.start, KeyResult.target, KeyResult.checkpoints).where(
                KeyResult.id.in_(list(then))
            )
        )
        if row.checkpoints or row.current is None or abs(row.current - then[row.id]) <= _coarse(row.start, row.target)
    ]
    found: dict[str, tuple[float, float]] = {}
    for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(near))):
        definition = load_definition(row)
        before, least = raw_progress(definition, then[row.id]), epsilon(definition) + TOLERANCE
        if before is not None and row.raw_progress is not None and abs(row.raw_progress - before) <= least:
            found[row.id] = (row.raw_progress - before, least)
    return found


def _coarse(start: float | None, target: float | None) -> float:
    """A difference of values beyond which a straight scale has surely moved: most key results need no closer look."""
    return math.inf if start is None or target is None else max(1.0, abs(target - start) / 20)


def _output(session: Session, ids: Sequence[str]) -> set[str]:
    """Those whose value is the activity itself."""
    marked = type_coerce(KeyResult.flags, Text).like(f'%"{OUTPUT}"%')  # a list of marks is stored as its JSON text
    return set(session.scalars(select(KeyResult.id).where(KeyResult.id.in_(ids), marked)))


def _done_by_day(session: Session, ids: Sequence[str], today: date) -> dict[str, dict[date, int]]:
    """Done items of all mappings of a key result by night; a night that misses one of its mappings is not counted."""
    if not ids:
        return {}
    expected: dict[str, int] = {}
    for name, count in session.execute(
        select(Mapping.key_result_id, func.count())
        .where(Mapping.retired_at.is_(None), Mapping.key_result_id.in_(ids))
        .group_by(Mapping.key_result_id)
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
