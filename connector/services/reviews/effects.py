"""What followed done decisions: computed every night until it is old enough to tell (S9). A second run changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import effect
from connector.domain.model import Point
from connector.domain.scoring import raw_progress
from connector.runtime import Runtime
from connector.services.decisions import DONE
from connector.services.facts import load_definition
from connector.store.tables import Decision, KeyResult, Reading

LOOKED_BACK = timedelta(weeks=26)  # decisions done earlier have their effect, or nobody can tell it any more
BATCH = 100


def judge_effects(runtime: Runtime) -> int:
    """Look at the decisions that were done lately and are not judged yet. Returns how many changed."""
    now = runtime.now()
    with runtime.store.read() as session:
        query = select(Decision.id, Decision.effect).where(
            Decision.state == DONE, Decision.closed_at.is_not(None), Decision.closed_at > now - LOOKED_BACK
        )
        waiting = [row.id for row in session.execute(query) if (row.effect or {}).get("word") in (None, effect.TOO_EARLY)]
    changed = 0
    for start in range(0, len(waiting), BATCH):
        with runtime.store.write() as session:
            changed += _judge(session, waiting[start : start + BATCH], now)
    return changed


def _judge(session: Session, ids: Sequence[int], now: datetime) -> int:
    rows = session.execute(select(Decision, KeyResult).join(KeyResult, KeyResult.id == Decision.key_result_id).where(Decision.id.in_(ids)))
    pairs = [(row.Decision, row.KeyResult) for row in rows]
    oldest = min((row.closed_at for row, _ in pairs), default=now) - effect.window(12)
    points: dict[str, list[Point]] = {}
    readings = select(Reading.key_result_id, Reading.as_of, Reading.value).where(
        Reading.key_result_id.in_({key_result.id for _, key_result in pairs}), Reading.as_of > oldest, Reading.value.is_not(None)
    )
    definitions = {key_result.id: load_definition(key_result) for _, key_result in pairs}
    for name, at, value in session.execute(readings.order_by(Reading.id)):
        progress = raw_progress(definitions[name], value)
        if progress is not None:
            points.setdefault(name, []).append(Point(at, progress))
    changed = 0
    for row, key_result in pairs:
        if row.state != DONE or row.closed_at is None:
            continue
        found = effect.effect(points.get(key_result.id, []), row.closed_at, now, key_result.effect_lag)
        told = {"word": found.word, "text": found.text, "before": found.before, "after": found.after}
        if row.effect != told:
            row.effect = told
            changed += 1
    return changed
