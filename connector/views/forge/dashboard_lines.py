"""Key results as lists of a dashboard panel print them: much less than a page shows of one, so that many of them take little time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.orm import Session

from connector.domain import wording
from connector.domain.model import Definition, State
from connector.services.facts import load_definition
from connector.services.insight.scope import Light
from connector.store.tables import CheckIn, KeyResult, Person, Reading
from connector.views.figures import Spark, Trail, spark, trail
from connector.views.query import CANNOT_TELL, SPARK

TRAILED = 5  # confidences in a trail


@dataclass(frozen=True, slots=True)
class Line:
    """One key result in a list, ready to print. ``spark``, ``confidence`` and ``trail`` are None where the list does not show them."""

    id: str
    title: str
    owner: str
    definition: Definition
    state: State
    state_word: str
    reasons: tuple[str, ...]
    start_text: str
    target_text: str
    current_text: str
    spark: Spark | None
    confidence: int | None  # the last one that was stated
    trail: Trail | None = None  # the last five


def load_lines(session: Session, lights: Sequence[Light], *, drawn: bool = True, trailed: Collection[str] = ()) -> dict[str, Line]:
    """These key results, ready to print; without ``drawn`` their drawing and confidence are left out. One statement, or three.

    ``trailed``: ids of those that get the trail of their last confidences; one statement more.
    """
    if not lights:
        return {}
    connection = session.connection()  # columns only: without the session's way to entities that is half the work
    these = {"ids": [each.id for each in lights]}
    points: dict[str, list[tuple[datetime, float]]] = {}
    stated: dict[str, int | None] = {}
    if drawn:
        for name, at, value in connection.execute(_READINGS, these):
            if value is not None:
                points.setdefault(name, []).append((at, value))
        stated = {row.key_result_id: row.confidence for row in connection.execute(_CONFIDENCES, these)}
    trails: dict[str, list[int]] = {}
    if trailed:
        for name, confidence in connection.execute(_TRAILS, {"ids": list(trailed)}):
            if confidence is not None:
                trails.setdefault(name, []).append(confidence)
    known = {row.id: row for row in connection.execute(_ROWS, these)}
    return {
        each.id: _line(
            each,
            known[each.id],
            points.get(each.id, []) if drawn else None,
            stated.get(each.id),
            trail(trails.get(each.id, [])) if each.id in trailed else None,
        )
        for each in lights
    }


def _line(light: Light, row: Any, points: list[tuple[datetime, float]] | None, confidence: int | None, trailing: Trail | None) -> Line:
    definition = load_definition(row)
    since, late = wording.day_text(light.cycle.start), light.state in CANNOT_TELL
    width, height = SPARK
    drawing = None if points is None else spark(points, definition, light.cycle, width=width, height=height, late=late, since=since)
    return Line(
        light.id,
        light.title,
        row.owner or "",
        definition,
        light.state,
        wording.STATE_WORDS[light.state],
        tuple(row.reasons or ()),
        wording.start_text(definition),
        wording.target_text(definition),
        wording.current_text(definition, row.current),
        drawing,
        confidence,
        trailing,
    )


_THESE: BindParameter[Any] = bindparam("ids", expanding=True)
_ROWS = (
    select(
        KeyResult.id,
        KeyResult.kind,
        KeyResult.unit,
        KeyResult.start,
        KeyResult.target,
        KeyResult.low,
        KeyResult.high,
        KeyResult.strict,
        KeyResult.decimals,
        KeyResult.checkpoints,
        KeyResult.phased_targets,
        KeyResult.milestones,
        KeyResult.reasons,
        KeyResult.current,
        Person.name.label("owner"),
    )
    .outerjoin(Person, Person.id == KeyResult.owner_id)
    .where(KeyResult.id.in_(_THESE))
)
_READINGS = (  # the last of each day
    select(Reading.key_result_id, Reading.as_of, Reading.value)
    .where(
        Reading.id.in_(select(func.max(Reading.id)).where(Reading.key_result_id.in_(_THESE)).group_by(Reading.key_result_id, Reading.day))
    )
    .order_by(Reading.id)
)
_NUMBERED = (
    select(
        CheckIn.id,
        func.row_number().over(partition_by=CheckIn.key_result_id, order_by=CheckIn.id.desc()).label("number"),
    )
    .where(CheckIn.key_result_id.in_(_THESE), CheckIn.draft.is_(False), CheckIn.confidence.is_not(None))
    .subquery()
)
_TRAILS = (  # the last five that were stated, oldest first
    select(CheckIn.key_result_id, CheckIn.confidence)
    .join(_NUMBERED, _NUMBERED.c.id == CheckIn.id)
    .where(_NUMBERED.c.number <= TRAILED)
    .order_by(CheckIn.id)
)
_CONFIDENCES = select(CheckIn.key_result_id, CheckIn.confidence).where(
    CheckIn.id.in_(
        select(func.max(CheckIn.id))
        .where(CheckIn.key_result_id.in_(_THESE), CheckIn.draft.is_(False), CheckIn.confidence.is_not(None))
        .group_by(CheckIn.key_result_id)
    )
)
