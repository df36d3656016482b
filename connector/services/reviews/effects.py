"""What followed done decisions: computed every night until it is old enough to tell (S9). A second run changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import effect
from connector.domain.model import Point
from connector.domain.scoring import raw_progress
from connector.runtime import Runtime
from connector.services.decisions import DONE
from connector.services.facts import load_definition
from connector.store.batches import batches
from connector.store.tables import Decision, KeyResult, Reading

__all__ = ["Effects", "judge_effects", "measure_effects"]

LOOKED_BACK = timedelta(weeks=26)  # decisions done earlier have their effect, or nobody can tell it any more
AT_ONCE = 100  # decisions per transaction


@dataclass(frozen=True, slots=True)
class Effects:
    """What followed the decisions that are done: how many helped, changed nothing that anybody sees, or tell nothing yet."""

    helped: int = 0
    no_change: int = 0
    untold: int = 0

    @property
    def text(self) -> str:
        """ "2 of 3 old enough to tell helped, 1 with no visible change; 4 cannot be told yet"."""
        old = self.helped + self.no_change
        if not old + self.untold:
            return "no decision is done yet"
        if not old:
            return "no done decision is old enough to tell"
        rest = f"; {self.untold} cannot be told yet" if self.untold else ""
        return f"{self.helped} of {old} old enough to tell helped, {self.no_change} with no visible change{rest}"


def measure_effects(session: Session, key_results: Collection[str], since: datetime) -> Effects:
    """What followed the decisions of these key results that were done since then."""
    words: list[str | None] = []
    for part in batches(key_results):
        query = select(Decision.effect).where(Decision.key_result_id.in_(part), Decision.state == DONE, Decision.closed_at >= since)
        words += [(told or {}).get("word") for told in session.scalars(query)]
    helped, no_change = words.count(effect.HELPED), words.count(effect.NO_CHANGE)
    return Effects(helped, no_change, len(words) - helped - no_change)


def judge_effects(runtime: Runtime) -> int:
    """Look at the decisions that were done lately and are not judged yet. Returns how many changed."""
    now = runtime.now()
    with runtime.store.read() as session:
        query = select(Decision.id, Decision.effect).where(
            Decision.state == DONE, Decision.closed_at.is_not(None), Decision.closed_at > now - LOOKED_BACK
        )
        waiting = [row.id for row in session.execute(query) if (row.effect or {}).get("word") in (None, effect.TOO_EARLY)]
    changed = 0
    for part in batches(waiting, AT_ONCE):
        with runtime.store.write() as session:
            changed += _judge(session, part, now)
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
