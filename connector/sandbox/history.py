"""Eight weeks of readings and check-ins for the sample key results, so that trends and states make sense from the first minute.

Written straight into the store, once, while it is still empty. The last reading of a mapped key result is what its rule gives
now, so that the first computation changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.services.facts import Facts, load_facts
from connector.services.rollup import compute
from connector.store.tables import CheckIn, Cycle, KeyResult, Objective, Reading

WEEKS = 8
STEADY = (0.1, 0.22, 0.34, 0.46, 0.58, 0.7, 0.82, 0.94)  # how far from the start to today's value each check-in was


@dataclass(frozen=True, slots=True)
class Past:
    """The check-ins of one key result, oldest first. ``values`` wins over ``shares``; blockers and asks by their position."""

    confidence: Sequence[int]
    shares: Sequence[float] = STEADY
    values: Sequence[float] = ()
    blockers: Mapping[int, str] = field(default_factory=dict)
    asks: Mapping[int, str] = field(default_factory=dict)
    comments: Mapping[int, str] = field(default_factory=dict)
    newest: int = 1  # days since the last check-in


PASTS: Mapping[str, Past] = {
    "kr-setup": Past((6, 6, 7, 7, 7, 8, 8, 8), comments={7: "First-invoice step goes to ten customers on Monday."}),
    "kr-activation": Past(
        (7, 7, 8, 7, 7, 7, 7, 7),
        values=(41, 43, 44, 45, 45, 45, 45, 45),
        blockers={6: "Template picker hides the send button", 7: "Template picker hides the send button"},
        newest=2,
    ),
    "kr-interviews": Past(
        (7, 6, 6, 6, 5, 5, 4, 4),
        shares=(0.2, 0.35, 0.5, 0.62, 0.74, 0.8, 0.86, 0.92),
        asks={7: "headcount"},
        comments={7: "Ten interviews wait for somebody to write them up."},
        newest=2,
    ),
    "kr-seats": Past((6, 6, 7, 7, 7, 8, 8, 8), shares=(0.08, 0.2, 0.33, 0.45, 0.57, 0.7, 0.83, 0.95)),
    "kr-failures": Past((5, 6, 6, 6, 7, 7, 7, 7), shares=(0.05, 0.14, 0.27, 0.41, 0.55, 0.68, 0.82, 0.95), newest=3),
    "kr-payout": Past(
        (6, 6, 5, 5, 4, 4, 4, 3),
        values=(52, 51, 50, 50, 49, 49, 48, 47),
        blockers={6: "Bank partner has not issued the certificate", 7: "Bank partner has not issued the certificate"},
        asks={6: "approval", 7: "approval"},
        comments={7: "The signed contract is with legal since Monday."},
    ),
    "kr-accounts": Past(
        (7, 7, 7, 6, 6, 6, 5, 5), asks={7: "scope"}, comments={7: "Cutting the history import would save three weeks."}, newest=2
    ),
    "kr-incidents": Past((6, 6, 7, 7, 7, 7, 8, 8), values=(6, 5, 5, 4, 4, 3, 3, 3), newest=3),
    "kr-latency": Past((6, 6, 7, 7, 7, 7, 8, 8), values=(1.62, 1.55, 1.4, 1.31, 1.22, 1.18, 1.12, 1.08)),
    "kr-stores": Past((6, 6, 6, 5, 5, 5), values=(0, 0, 0, 0, 0, 0), newest=19),
    "kr-offline": Past((6, 6, 7, 7, 7, 7, 7, 8), values=(0.0, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5), newest=2),
}


def write_history(runtime: Runtime) -> None:
    """Insert the past of every sample key result that has none. Its mappings must have been listed."""
    now = runtime.now()
    with runtime.store.read() as session:
        facts = load_facts(session, list(session.scalars(select(KeyResult.id))))
        start = session.scalars(select(Cycle.start)).first()
    with runtime.store.write() as session:
        if start is not None:  # the tracker knew them from the first day, else nothing could be overdue
            begun = datetime(start.year, start.month, start.day, 8, tzinfo=UTC)
            session.execute(update(KeyResult).values(created_at=begun))
            session.execute(update(Objective).values(created_at=begun))
        for ident, past in PASTS.items():
            if ident in facts and not facts[ident].readings:
                _write_one(session, facts[ident], past, now, runtime.settings.zone)


def _write_one(session: Session, facts: Facts, past: Past, now: datetime, zone: Any) -> None:
    today = compute(facts, now, zone).reading  # what mappings or milestones say now; None when only check-ins tell
    owner = facts.owner
    count = len(past.confidence)
    previous: float | None = None
    before: float | None = None
    for place in range(count):
        moment = _working_moment(now, past.newest + 7 * (count - 1 - place), facts.row.id)
        value = _value(facts, past, place, today)
        if today is not None:
            # The machine saw the number before the owner confirmed it.
            _add_reading(
                session, facts, value, previous, moment - timedelta(hours=5), today["kind"], today["actor"], _as_then(today, value)
            )
            previous = value
        movement = None if before is None or value is None else _word(facts, before, value)
        row = CheckIn(
            key_result_id=facts.row.id,
            author_id=owner.id if owner else None,
            value=value,
            confidence=past.confidence[place],
            blocker=past.blockers.get(place),
            decision=past.asks.get(place, "none"),
            comment=past.comments.get(place),
            movement=movement,
            as_of=moment,
            delayed=False,
            draft=False,
            created_at=moment,
            source="sandbox",
            source_id=f"{facts.row.id}-{place + 1}",
        )
        session.add(row)
        session.flush()
        _add_reading(session, facts, value, previous, moment, "check_in", owner.email if owner else "", {"check_in": row.id})
        previous, before = value, value
    if today is not None:
        _add_reading(session, facts, today["value"], previous, now - timedelta(minutes=50), today["kind"], today["actor"], today["source"])


def _value(facts: Facts, past: Past, place: int, today: Mapping[str, Any] | None) -> float | None:
    if past.values:
        return float(past.values[place])
    start = facts.row.start or 0.0
    if today is None or today["value"] is None:
        return None
    value = start + (today["value"] - start) * past.shares[place]
    return float(round(value))


def _as_then(today: Mapping[str, Any], value: float | None) -> dict[str, Any]:
    """The explanation of an older reading: which rule gave it; how many items it counted is not claimed."""
    kept = {name: today["source"][name] for name in ("mappings", "query") if name in today["source"]}
    return {**kept, "items": None, "done": None, "total": None} if value is not None else kept


def _word(facts: Facts, before: float, value: float) -> str:
    from connector.domain.scoring import movement

    moved = movement(facts.definition, before, value)
    return moved.value if moved else "flat"


def _add_reading(
    session: Session, facts: Facts, value: float | None, previous: float | None, at: datetime, kind: str, actor: str, source: dict[str, Any]
) -> None:
    session.add(
        Reading(
            key_result_id=facts.row.id,
            value=value,
            previous=previous,
            kind=kind,
            as_of=at,
            day=at.astimezone(UTC).date(),
            recorded_at=at,
            actor=actor,
            source=source,
        )
    )
    session.flush()  # the order of ids is the order of time


def _working_moment(now: datetime, days_ago: int, salt: str) -> datetime:
    """Some hour of the working day ``days_ago`` days ago; a weekend moves back to its Friday."""
    day = now - timedelta(days=days_ago)
    day -= timedelta(days=max(0, day.weekday() - 4))
    minutes = sum(salt.encode()) * 7 % 300
    return min(day.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(minutes=minutes), now - timedelta(hours=2))
