"""Eight weeks of readings and check-ins for the sample key results, so that trends and states make sense from the first minute.

Written straight into the store, once, in the order of time, while it is still empty. The last reading of a mapped key result is what its
rule gives now, so that the first computation changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain import scoring
from connector.domain.model import Kind, Movement
from connector.runtime import Runtime
from connector.sandbox.pasts import PASTS, WEEKS, Past
from connector.services.celebrations import REACHED
from connector.services.decisions import note_ask
from connector.services.facts import Facts, load_facts
from connector.services.locks import locked_for
from connector.services.rollup import compute
from connector.store.tables import CheckIn, Cycle, FormOpening, KeyResult, Objective, Reading, Review, Team

__all__ = ["WEEKS", "History"]

AFTER_LOCK = timedelta(minutes=100)  # so long after the lock comes an update that is late
BEFORE_NOW = timedelta(minutes=50)
SECONDS, CLICKS = 35, 5  # what an update takes at least
FIELDS = 4  # that a form comes with


@dataclass(frozen=True, slots=True)
class _Entry:
    """A moment at which something of a key result is written. ``place`` None: its source read the number of today."""

    at: datetime
    ident: str
    place: int | None


@dataclass(slots=True)
class _Told:
    """What is known of one sample key result while its past is written."""

    facts: Facts
    past: Past
    today: dict[str, Any] | None  # what mappings or milestones say now; None when only check-ins tell
    previous: float | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)


class History:
    """The past of the sample key results. Mappings must have been listed, and reviews planned, when it is made."""

    def __init__(self, runtime: Runtime) -> None:
        now, self._zone = runtime.now(), runtime.settings.zone
        with runtime.store.write() as session:
            start = session.scalars(select(Cycle.start)).one()
            # The tracker knew them from the first day, else nothing could be overdue.
            begun = datetime(start.year, start.month, start.day, 8, tzinfo=UTC)
            session.execute(update(KeyResult).values(created_at=begun))
            session.execute(update(Objective).values(created_at=begun))
        with runtime.store.read() as session:
            facts = load_facts(session, list(PASTS))
            locks = _locks(session)
        self._told: dict[str, _Told] = {}
        entries = []
        for ident, past in PASTS.items():
            known = facts[ident]
            self._told[ident] = _Told(known, past, compute(known, now, self._zone).reading, steps=list(known.row.milestones or ()))
            moments = _moments(past, ident, now, self._zone, locks.get(known.objective.id, []))
            entries += [_Entry(at, ident, place) for place, at in enumerate(moments)]
            if self._told[ident].today is not None:
                entries.append(_Entry(now - BEFORE_NOW, ident, None))
        self._entries = sorted(entries, key=lambda each: (each.at, each.ident))

    def write_until(self, session: Session, moment: datetime) -> None:
        """Write what was told up to this moment and is not written yet."""
        while self._entries and self._entries[0].at <= moment:
            entry = self._entries.pop(0)
            told = self._told[entry.ident]
            if entry.place is not None:
                self._check_in(session, told, entry.place, entry.at)
            elif told.today is not None:
                _set_steps(session, told, told.steps)
                source = told.today
                _add_reading(session, told, source["value"], entry.at, source["kind"], source["actor"], source["source"])

    def _check_in(self, session: Session, told: _Told, place: int, moment: datetime) -> None:
        facts, past, owner = told.facts, told.past, told.facts.owner
        value = _value(told, place)
        before = told.previous
        if told.today is not None:
            if told.facts.definition.kind is Kind.MILESTONES:
                done = round((value or 0.0) * len(told.steps))
                _set_steps(session, told, [{**step, "done": number < done} for number, step in enumerate(told.steps)])
            # The machine saw the number before the owner confirmed it.
            seen = moment - timedelta(hours=5) if place not in past.late else moment - timedelta(minutes=5)
            _add_reading(session, told, value, seen, told.today["kind"], told.today["actor"], _as_then(told, value))
        movement = None if before is None or value is None else scoring.movement(facts.definition, before, value) or Movement.FLAT
        seconds = SECONDS + sum(facts.row.id.encode()) % 40 + 4 * place
        row = CheckIn(
            key_result_id=facts.row.id,
            author_id=owner.id if owner else None,
            value=value,
            confidence=past.confidence[place],
            blocker=past.blockers.get(place),
            decision=past.asks.get(place, "none"),
            comment=past.comments.get(place),
            movement=movement.value if movement else None,
            as_of=moment,
            delayed=False,
            draft=False,
            late=locked_for(session, facts.row.id, moment) is not None,
            created_at=moment,
            source="sandbox",
            source_id=f"{facts.row.id}-{place + 1}",
            seconds=seconds,
        )
        session.add(row)
        session.flush()
        _add_reading(session, told, value, moment, "check_in", owner.email if owner else "", {"check_in": row.id})
        note_ask(session, row, moment)
        session.add(
            FormOpening(
                key=f"sandbox-{row.source_id}",
                key_result_id=facts.row.id,
                opened_at=moment - timedelta(seconds=seconds),
                saved_at=moment,
                clicks=CLICKS + place % 3,
                offered=FIELDS,
                kept=FIELDS - (1 if row.comment else 0) - (1 if row.blocker and place - 1 not in past.blockers else 0),
            )
        )


def _locks(session: Session) -> dict[str, list[datetime]]:
    """The locks of the reviews of each objective, oldest first."""
    found: dict[str, list[datetime]] = {}
    query = select(Objective.id, Review.lock_at).join(Team, Team.id == Objective.team_id).join(Review, Review.forum_id == Team.forum_id)
    for objective, lock_at in session.execute(query.order_by(Review.lock_at)):
        found.setdefault(objective, []).append(lock_at)
    return found


def _moments(past: Past, ident: str, now: datetime, zone: tzinfo, locks: Sequence[datetime]) -> list[datetime]:
    """When each check-in was: some hour of a working day of its week; one that came late came after the lock of that week."""
    count = len(past.confidence)
    found = []
    for place in range(count):
        moment = _working_moment(now.astimezone(zone), past.newest + 7 * (count - 1 - place), ident)
        if place in past.late:
            lock = next((each for each in locks if each >= moment), moment - AFTER_LOCK)
            moment = min(lock + AFTER_LOCK, now - BEFORE_NOW)
        found.append(moment)
    return found


def _value(told: _Told, place: int) -> float | None:
    if told.past.values:
        return float(told.past.values[place])
    start = told.facts.row.start or 0.0
    if told.today is None or told.today["value"] is None:
        return None
    value = start + (told.today["value"] - start) * told.past.shares[place]
    return float(round(value))


def _as_then(told: _Told, value: float | None) -> dict[str, Any]:
    """The explanation of an older reading: which rule gave it; how many items it counted is not claimed."""
    source: Mapping[str, Any] = told.today["source"] if told.today is not None else {}
    kept = {name: source[name] for name in ("mappings", "query") if name in source}
    if REACHED in source:
        done = told.facts.definition.milestones[: round((value or 0.0) * len(told.steps))]
        kept[REACHED] = [step.title for step in done]
    return {**kept, "items": None, "done": None, "total": None} if value is not None else kept


def _set_steps(session: Session, told: _Told, steps: Sequence[Mapping[str, Any]]) -> None:
    if steps:
        session.execute(update(KeyResult).where(KeyResult.id == told.facts.row.id).values(milestones=list(steps)))


def _add_reading(
    session: Session, told: _Told, value: float | None, at: datetime, kind: str, actor: str, source: Mapping[str, Any]
) -> None:
    session.add(
        Reading(
            key_result_id=told.facts.row.id,
            value=value,
            previous=told.previous,
            kind=kind,
            as_of=at,
            day=at.astimezone(UTC).date(),
            recorded_at=at,
            actor=actor,
            source=dict(source),
        )
    )
    session.flush()  # the order of ids is the order of time
    told.previous = value


def _working_moment(now: datetime, days_ago: int, salt: str) -> datetime:
    """Some hour of the working day ``days_ago`` days ago; a weekend moves back to its Friday."""
    day = now - timedelta(days=days_ago)
    day -= timedelta(days=max(0, day.weekday() - 4))
    minutes = sum(salt.encode()) * 7 % 300
    moment = day.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(minutes=minutes)
    return min(moment.astimezone(UTC), now.astimezone(UTC) - timedelta(hours=2))
