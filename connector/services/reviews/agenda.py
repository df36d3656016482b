"""The agenda of a review, built from its frozen pre-read: what is talked about, why, and how long. Written once, at the opening."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from connector.domain import agenda, raising, rhythm
from connector.domain.agenda import Matter
from connector.domain.buckets import Bucket
from connector.domain.model import Cadence, Cycle, Kind
from connector.domain.pre_read import MISSING, Entry, Snapshot
from connector.domain.scoring import TOLERANCE
from connector.domain.triage import Edges
from connector.domain.wording import day_text
from connector.services.calendars import holidays_between
from connector.services.decisions import OPEN
from connector.store.tables import CallNeeded, Decision, Forum, KeyResult, Objective, ReviewItem, Team
from connector.store.tables import Cycle as CycleRow

WEEK = 7  # days before the last responsible moment in which it is on the agenda (S8)
_TRAVELLING = (Kind.METRIC, Kind.MILESTONES)  # kinds whose number goes from a start to a target
_MISSES = ("needs ", "the recent rate does not lead")  # how triage words a forecast that misses


def write_agenda(
    session: Session, review_id: int, snapshot: Snapshot, pre_read_id: int, minutes: int, now: datetime, zone: tzinfo
) -> list[ReviewItem]:
    """The items of a review that is opened now, in their order. Six statements, however many key results there are."""
    rows = _rows(session, review_id, snapshot, pre_read_id, minutes, now, zone)
    if rows:
        session.connection().execute(insert(ReviewItem), rows)  # all at once: there may be hundreds
    return list(session.scalars(select(ReviewItem).where(ReviewItem.review_id == review_id).order_by(ReviewItem.position)))


def preview_agenda(
    session: Session, review_id: int, snapshot: Snapshot, pre_read_id: int | None, minutes: int, now: datetime, zone: tzinfo
) -> list[ReviewItem]:
    """The items that ``write_agenda`` would write now; nothing is written. ``pre_read_id`` None: not frozen, so nobody marked anything."""
    return [ReviewItem(**row) for row in _rows(session, review_id, snapshot, pre_read_id, minutes, now, zone)]


def _rows(
    session: Session, review_id: int, snapshot: Snapshot, pre_read_id: int | None, minutes: int, now: datetime, zone: tzinfo
) -> list[dict[str, Any]]:
    matters = load_matters(session, snapshot, pre_read_id, now, zone)
    entries = {each.id: each for each in snapshot.entries}
    return [
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


def load_matters(session: Session, snapshot: Snapshot, pre_read_id: int | None, now: datetime, zone: tzinfo) -> list[Matter]:
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
        _matter(each, rows[each.id], calls.get(each.id, 0), each.id in overdue, len(objectives), snapshot.frozen_at, today, zone)
        for each in snapshot.entries
        if each.id in rows
    ]


_ROWS = (
    select(KeyResult, CycleRow.name, CycleRow.start, CycleRow.end, Forum.country)
    .join(Objective, Objective.id == KeyResult.objective_id)
    .join(CycleRow, CycleRow.id == Objective.cycle_id)
    .outerjoin(Team, Team.id == Objective.team_id)
    .outerjoin(Forum, Forum.id == Team.forum_id)
    .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
)


def _matter(entry: Entry, row: Any, calls: int, overdue: bool, objectives: int, frozen_at: datetime, today: date, zone: tzinfo) -> Matter:
    key_result = row.KeyResult
    return Matter(
        id=entry.id,
        title=entry.title,
        state=entry.state,
        ask=entry.ask.word.lower() if entry.ask else "",
        blocker_late=_blocker_late(entry, row, frozen_at, zone),
        flat=_flat(entry, Kind(key_result.kind)),
        misses=_misses(entry),
        confidence=entry.confidence,
        confidence_before=entry.trail[-2] if len(entry.trail) > 1 else None,
        update_missing=entry.update.standing in MISSING,
        missed=entry.update.missed,
        decision_overdue=overdue,
        calls=calls,
        last_moment=_last_moment(entry.decide_by, today),
        share=entry.share / objectives if objectives else 0.0,
        progress=entry.progress,
        running=entry.bucket is not Bucket.CLOSED,
    )


def _blocker_late(entry: Entry, row: Any, frozen_at: datetime, zone: tzinfo) -> bool:
    """Past the clock by which triage and raising go (R067, S3)."""
    if entry.blocker is None or entry.blocker.since is None:
        return False
    cycle, local = Cycle(row.name, row.start, row.end), frozen_at.astimezone(zone)
    free = holidays_between(row.country or "", cycle.start, cycle.end)
    plan = rhythm.expected(cycle, local.date(), holidays=free)
    return raising.is_past(entry.blocker.since, frozen_at, Cadence(row.KeyResult.cadence), zone, plan, free)


def _flat(entry: Entry, kind: Kind) -> bool:
    """Whether it should move and does not: what is reached, a bound that is kept and a yes are where they should be."""
    on_its_way = entry.progress is not None and entry.progress < 1.0 - TOLERANCE
    return entry.moves == "flat" and kind in _TRAVELLING and on_its_way


def _misses(entry: Entry) -> bool:
    """As it was frozen: what came after the lock counts for the next review (R054)."""
    if any(reason.startswith(_MISSES) for reason in entry.reasons):
        return True
    return entry.ahead is not None and entry.ahead < Edges().on_track


def _last_moment(decide_by: str, today: date) -> str:
    """The last responsible moment, in the week before it; "" at any other time."""
    try:
        day = date.fromisoformat(decide_by)
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
