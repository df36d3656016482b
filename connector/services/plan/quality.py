"""How well key results are built: the five verdicts of what is stored or typed, the label "output", and remarks on the objective.

Reads only. What a verdict means is the domain's (``domain.quality``); here are the facts it needs, in a few statements for any number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import quality
from connector.domain.forecast import required_rate
from connector.domain.model import Checkpoint, Cycle, Definition, Kind, Milestone, PhasedTarget, Point
from connector.domain.quality import KeyResultText, Quality
from connector.domain.readiness import many_key_results, orphans
from connector.domain.rights import Viewer
from connector.domain.targets import Stretch, past_rates, stretch
from connector.errors import InputError
from connector.runtime import Runtime
from connector.services.facts import cycle_end_moment, load_definition
from connector.services.plan.key_results_reading import merged
from connector.services.sources import value_measures
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import KeyResult, Objective, Person, Reading
from connector.store.visibility import visible
from mappings.repository import Link, load_links
from mappings.rules import Mode

MOST = 200  # key results judged at once


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of one key result; ``stretch`` says what history says of the target, None without one."""

    quality: Quality
    stretch: Stretch | None
    remarks: tuple[str, ...] = ()


def judge_stored(session: Session, ids: Sequence[str], now: datetime, zone: Any) -> dict[str, Judged]:
    """The verdicts of stored key results (at most ``MOST``). The caller has made sure that the viewer may know of them."""
    ids = list(ids)[:MOST]
    rows = session.execute(
        select(KeyResult, Objective, CycleRow, Person.active)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.id.in_(ids))
    ).all()
    links: dict[str, list[Link]] = {}
    for link in load_links(session, key_results=ids):
        links.setdefault(link.key_result_id, []).append(link)
    points = daily_values(session, ids)
    alone = _orphans(session)
    found = {}
    for row, above, cycle_row, active in rows:
        cycle = Cycle(cycle_row.name, cycle_row.start, cycle_row.end)
        definition = load_definition(row)
        known = links.get(row.id, [])
        history = stretch_of(definition, row.current, points.get(row.id, ()), cycle, now, zone)
        text = KeyResultText(
            title=row.title,
            definition=definition,
            owner_count=1 if active else 0,
            cycle=cycle,
            has_source=row.by_hand or any(link.rule.mode is Mode.VALUE for link in known),
            measures=value_measures(known),
            objective_title=above.title,
            objective_aligned=above.id not in alone,
            stretch=history,
            stretch_reason=row.stretch_reason,
        )
        found[row.id] = Judged(quality.judge(text), history)
    return found


def judge_typed(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any], ident: str | None = None) -> Judged:
    """The verdicts of a key result while it is typed. ``given`` has the words of the file of ``apply``; what cannot be read yet is unknown.

    ``ident`` is the stored key result that is being edited: its sources and history count. Nothing that is typed raises an error.
    """
    now, zone = runtime.now(), runtime.settings.zone
    with runtime.store.read() as session:
        row = None
        if ident is not None:
            row = session.scalar(
                select(KeyResult).join(Objective, Objective.id == KeyResult.objective_id).where(KeyResult.id == ident, visible(viewer))
            )
        name = given.get("objective") or (row.objective_id if row is not None else None)
        owner = str(given.get("owner") or "").strip().lower()
        owners = select(func.count(Person.id)).where(Person.email == owner, Person.active.is_(True)).scalar_subquery()
        siblings = select(func.count(KeyResult.id)).where(KeyResult.objective_id == name, KeyResult.retired_at.is_(None)).scalar_subquery()
        found = session.execute(
            select(Objective, CycleRow, owners, siblings)
            .join(CycleRow, CycleRow.id == Objective.cycle_id)
            .where(Objective.id == name, visible(viewer))
        ).one_or_none()
        active = found[2] if found is not None else session.scalar(select(owners)) or 0
        count = found[3] + (row is None) if found is not None else 0
        links = load_links(session, key_results=[row.id]) if row is not None else []
        points = daily_values(session, [row.id]).get(row.id, ()) if row is not None else ()
        alone = _orphans(session)
    cycle = Cycle(found[1].name, found[1].start, found[1].end) if found is not None else None
    definition = definition_typed(given)
    history = stretch_of(definition, row.current if row is not None else None, points, cycle, now, zone) if cycle is not None else None
    text = KeyResultText(
        title=str(given.get("title") or ""),
        definition=definition,
        owner_count=active if owner else None,
        cycle=cycle,
        has_source=(bool(given.get("by_hand")) or any(link.rule.mode is Mode.VALUE for link in links)) if row is not None else None,
        measures=value_measures(links),
        objective_title=found[0].title if found is not None else None,
        objective_aligned=found[0].id not in alone if found is not None else None,
        stretch=history,
        stretch_reason=str(given.get("stretch_reason") or ""),
    )
    many = many_key_results(count, runtime.settings.many_key_results)
    return Judged(quality.judge(text), history, (many,) if many else ())


def definition_typed(given: Mapping[str, Any]) -> Definition:
    """As much of a definition as can be read; what cannot is missing. A relative change counts when there is a start."""
    try:
        given = merged({}, given)
    except InputError:
        given = dict(given)

    def number(value: Any) -> float | None:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def entries(name: str) -> list[Mapping[str, Any]]:
        return [each for each in given.get(name) or () if isinstance(each, Mapping)]

    def day(value: Any) -> date | None:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            return None

    kind = given.get("kind") or Kind.METRIC.value
    return Definition(
        kind=Kind(kind) if kind in {each.value for each in Kind} else Kind.METRIC,
        unit=str(given.get("unit") or ""),
        start=number(given.get("start")),
        target=number(given.get("target")),
        low=number(given.get("low")),
        high=number(given.get("high")),
        decimals=given["decimals"] if isinstance(given.get("decimals"), int) else 0,
        checkpoints=tuple(
            Checkpoint(value, progress)
            for each in entries("checkpoints")
            if (value := number(each.get("value"))) is not None and (progress := number(each.get("progress"))) is not None
        ),
        phased_targets=tuple(
            PhasedTarget(moment, value)
            for each in entries("phased_targets")
            if (moment := day(each.get("day"))) is not None and (value := number(each.get("value"))) is not None
        ),
        milestones=tuple(Milestone(str(each.get("title"))) for each in entries("milestones") if each.get("title")),
    )


def stretch_of(
    definition: Definition, current: float | None, points: Sequence[Point], cycle: Cycle, now: datetime, zone: Any
) -> Stretch | None:
    """What the history of the number says of the target; None without a history (R014)."""
    begin = max(now, datetime.combine(cycle.start, time.min, tzinfo=zone))
    days_left = (cycle_end_moment(cycle, zone) - begin).total_seconds() / 86_400
    value = current if current is not None else definition.start
    return stretch(required_rate(definition, value, days_left), past_rates(points), definition.unit)


def daily_values(session: Session, ids: Sequence[str]) -> dict[str, list[Point]]:
    """The last value of each day, oldest first."""
    last = select(func.max(Reading.id)).where(Reading.key_result_id.in_(ids)).group_by(Reading.key_result_id, Reading.day)
    rows = session.execute(select(Reading.key_result_id, Reading.as_of, Reading.value).where(Reading.id.in_(last)).order_by(Reading.id))
    found: dict[str, list[Point]] = {}
    for name, at, value in rows:
        if value is not None:
            found.setdefault(name, []).append(Point(at.astimezone(UTC), value))
    return found


def _orphans(session: Session) -> frozenset[str]:
    query = select(Objective.id, Objective.supports_id).where(Objective.retired_at.is_(None))
    return orphans([(row.id, row.supports_id) for row in session.execute(query)])
