"""How running key results are built and move: weak wording, weak numbers, cadences that do not fit. Few statements for hundreds of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, time, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import cadence_fit
from connector.domain.drift import Drift, weak_points
from connector.domain.model import Cadence, Cycle, Point, State
from connector.domain.quality import Quality
from connector.services.changes import edits_of
from connector.services.facts import load_definition
from connector.services.insight.scope import Light
from connector.services.plan.quality import MOST, daily_values, judge_stored
from connector.store.batches import batches
from connector.store.tables import Audit, KeyResult

NEVER_MOVED = "never moved"


@dataclass(frozen=True, slots=True)
class Built:
    """One key result with what is weak about it. ``failing``: verdicts that do not hold; ``fit``: a sentence, "" when the cadence fits."""

    id: str
    title: str
    team: str
    forum: str
    failing: tuple[str, ...]
    output: bool
    weak: tuple[Drift, ...]
    fit: str = ""
    leading: bool = False
    stalled: bool = False

    @property
    def badly(self) -> bool:
        """Whether its wording or its number is weak."""
        return bool(self.failing or self.output or any(each.kind != NEVER_MOVED for each in self.weak))

    @property
    def still(self) -> str:
        """Why it counts as never moving, "" when it moves."""
        return next((each.sentence for each in self.weak if each.kind == NEVER_MOVED), "")


def load_built(session: Session, lights: Collection[Light], now: datetime, zone: tzinfo) -> list[Built]:
    """What is weak about these key results, in their order; closed ones are left out."""
    today = now.astimezone(zone).date()
    running = [each for each in lights if each.state is not State.CLOSED]
    found: list[Built] = []
    for part in batches(running, MOST):
        ids = [each.id for each in part]
        judged = judge_stored(session, ids, now, zone)
        points = daily_values(session, ids)
        edits = _target_edits(session, ids, min(datetime.combine(each.cycle.start, time(), tzinfo=zone) for each in part))
        rows = {row.id: row for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(ids)))}
        for light in part:
            row = rows.get(light.id)
            if row is None or light.id not in judged:
                continue
            definition, values = load_definition(row), points.get(light.id, [])
            cycle = _since_it_is_there(light.cycle, row.created_at, zone)
            weak = weak_points(definition, cycle, values, edits[light.id], today, zone)
            seen = cadence_fit.fit(definition, _lately(values, now), zone)
            quality = judged[light.id].quality
            found.append(
                Built(
                    light.id,
                    light.title,
                    light.team,
                    light.forum,
                    _failing(quality),
                    bool(quality.output.label),
                    _fair(weak, cycle, now, zone),
                    cadence_fit.sentence(seen, Cadence(light.cadence)),
                    seen.leading,
                    light.state is State.STALLED,
                )
            )
    return found


def _failing(quality: Quality) -> tuple[str, ...]:
    """ "Specific: “improve”" for each verdict that does not hold; what cannot be told is left out."""
    told = []
    for verdict in quality.verdicts:
        if verdict.passed is False:
            words = ", ".join(f"“{span.text}”" for span in verdict.words)
            told.append(f"{verdict.name.capitalize()}{f': {words}' if words else ''}")
    return tuple(told)


def _since_it_is_there(cycle: Cycle, made: datetime, zone: tzinfo) -> Cycle:
    """A key result that was written during the cycle is not asked for the time before (R072)."""
    day = made.astimezone(zone).date()
    return replace(cycle, start=day) if cycle.start < day <= cycle.end else cycle


def _fair(weak: tuple[Drift, ...], cycle: Cycle, now: datetime, zone: tzinfo) -> tuple[Drift, ...]:
    """A number that has stood still is said from its third week on; before that it had no time to move."""
    if (now.astimezone(zone).date() - cycle.start).days >= 14:
        return weak
    return tuple(each for each in weak if each.kind != NEVER_MOVED)


def _lately(points: list[Point], now: datetime) -> list[Point]:
    begun = cadence_fit.since(now)
    return [each for each in points if each.at >= begun]


def _target_edits(session: Session, ids: Collection[str], since: datetime) -> Counter[str]:
    """How often a target was changed after it was written."""
    found: Counter[str] = Counter()
    for part in batches(ids):
        query = select(Audit.entity_id, func.count()).where(edits_of(part, since, "target")).group_by(Audit.entity_id)
        for name, count in session.execute(query):
            found[name] = count
    return found
