"""The agenda of a review, built from its frozen pre-read: what is talked about, why, and how long. Written once, at the opening."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from connector.domain import agenda, rhythm
from connector.domain.agenda import Matter
from connector.domain.buckets import Bucket
from connector.domain.model import Cadence, Cycle
from connector.domain.pre_read import MISSING, Entry, Snapshot
from connector.domain.scoring import raw_progress
from connector.domain.triage import Edges
from connector.domain.wording import day_text
from connector.services.decisions import OPEN
from connector.services.facts import load_definition
from connector.store.tables import CallNeeded, Decision, KeyResult, Objective, ReviewItem
from connector.store.tables import Cycle as CycleRow

WEEK = 7  # days before the last responsible moment in which it is on the agenda (S8)
_LAST_QUARTER = 0.25
_MISSES = ("needs ", "the recent rate does not lead")  # how triage words a forecast that misses


def write_agenda(
    session: Session, review_id: int, snapshot: Snapshot, pre_read_id: int, minutes: int, now: datetime, zone: tzinfo
) -> list[ReviewItem]:
    """The items of a review that is opened now, in their order. Six statements, however many key results there are."""
    matters = load_matters(session, snapshot, pre_read_id, now, zone)
    entries = {each.id: each for each in snapshot.entries}
    rows = [
        {
            "review_id": review_id,
            "key_result_id": each.matter.id,
            "position": position,
            "score": round(each.score, 4),
            "reasons": list(each.reasons),
            "minutes": each.minutes,
            "folded": each.folded,
            "fits": each.fits,
            "snapshot": frozen(entries[each.matter.id]),
            "plan": "",
            "spent_seconds": 0,
        }
        for position, each in enumerate(agenda.build(matters, minutes))
    ]
    if rows:
        session.connection().execute(insert(ReviewItem), rows)  # all at once: there may be hundreds
    return list(session.scalars(select(ReviewItem).where(ReviewItem.review_id == review_id).order_by(ReviewItem.position)))


def load_matters(session: Session, snapshot: Snapshot, pre_read_id: int, now: datetime, zone: tzinfo) -> list[Matter]:
    """What the agenda asks of each key result, exceptions of the pre-read first; retired ones are left out."""
    ids = [each.id for each in snapshot.entries]
    today = now.astimezone(zone).date()
    rows = {row.KeyResult.id: row for row in session.execute(_ROWS.where(KeyResult.id.in_(ids)))}
    calls: dict[str, int] = {}
    for name, count in session.execute(
        select(CallNeeded.key_result_id, func.count()).where(CallNeeded.pre_read_id == pre_read_id).group_by(CallNeeded.key_result_id)
    ):
        calls[name] = count
    overdue = set(
        session.scalars(select(Decision.key_result_id).where(Decision.key_result_id.in_(ids), Decision.state == OPEN, Decision.due < today))
    )
    objectives = Counter(each.objective for each in snapshot.entries if each.bucket is not Bucket.CLOSED)
    return [
        _matter(each, rows[each.id], calls.get(each.id, 0), each.id in overdue, len(objectives), snapshot.frozen_at, today)
        for each in snapshot.entries
        if each.id in rows
    ]


_ROWS = (
    select(KeyResult, CycleRow.name, CycleRow.start, CycleRow.end)
    .join(Objective, Objective.id == KeyResult.objective_id)
    .join(CycleRow, CycleRow.id == Objective.cycle_id)
    .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
)


def _matter(entry: Entry, row: Any, calls: int, overdue: bool, objectives: int, frozen_at: datetime, today: date) -> Matter:
    key_result = row.KeyResult
    insight = key_result.insight or {}
    return Matter(
        id=entry.id,
        title=entry.title,
        state=entry.state,
        ask=entry.ask.word.lower() if entry.ask else "",
        blocker_late=_blocker_late(entry, Cadence(key_result.cadence), Cycle(row.name, row.start, row.end), frozen_at, today),
        flat=entry.moves == "flat",
        misses=_misses(entry, key_result, insight),
        confidence=entry.confidence,
        confidence_before=entry.trail[-2] if len(entry.trail) > 1 else None,
        update_missing=entry.update.standing in MISSING,
        decision_overdue=overdue,
        calls=calls,
        last_moment=_last_moment(insight, today),
        share=entry.share / objectives if objectives else 0.0,
        progress=entry.progress,
        running=entry.bucket is not Bucket.CLOSED,
    )


def _blocker_late(entry: Entry, cadence: Cadence, cycle: Cycle, frozen_at: datetime, today: date) -> bool:
    """Older than one cadence, or any in the last quarter of the cycle (R067)."""
    if entry.blocker is None or entry.blocker.since is None:
        return False
    plan = rhythm.expected(cycle, today)
    last_quarter = plan.days > 0 and (plan.days - plan.day) / plan.days < _LAST_QUARTER
    return last_quarter or frozen_at - entry.blocker.since > rhythm.cadence_length(cadence)


def _misses(entry: Entry, key_result: KeyResult, insight: dict[str, Any]) -> bool:
    if any(reason.startswith(_MISSES) for reason in entry.reasons):
        return True
    ahead = insight.get("forecast")
    progress = raw_progress(load_definition(key_result), float(ahead)) if isinstance(ahead, (int, float)) else None
    return progress is not None and progress < Edges().on_track


def _last_moment(insight: dict[str, Any], today: date) -> str:
    """The last responsible moment, in the week before it; "" at any other time."""
    try:
        day = date.fromisoformat(str(insight.get("decide_by") or "")[:10])
    except ValueError:
        return ""
    return day_text(day) if 0 <= (day - today).days <= WEEK else ""


def frozen(entry: Entry) -> dict[str, Any]:
    """What an item keeps of the pre-read: enough to show it, whatever changes meanwhile."""
    ask, blocker = entry.ask, entry.blocker
    return {
        "title": entry.title,
        "owner": entry.owner,
        "team": entry.team,
        "state": entry.state.value,
        "state_word": entry.state_word,
        "moves": entry.moves,
        "reasons": list(entry.reasons),
        "start": entry.start_text,
        "target": entry.target_text,
        "current": entry.current_text,
        "sentence": entry.sentence,
        "confidence": entry.confidence,
        "public": entry.public,
        "early": entry.early,
        "ask": {"kind": ask.kind, "word": ask.word, "text": ask.text, "since": ask.since_text} if ask else None,
        "blocker": {"text": blocker.text, "since": blocker.since_text} if blocker else None,
        "signals": [each.sentence for each in entry.signals],
    }
