"""The guard against wild values (S15), as part of every roll-up: what is held back, and what becomes of it.

``guard`` decides and stores nothing; ``note`` stores what was decided, in the transaction of the roll-up, and asks (see ``asking``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Cadence
from connector.domain.rhythm import cadence_length
from connector.domain.scoring import TOLERANCE
from connector.domain.signals import Seen
from connector.domain.signals.jump import LEAST_DAYS, Told, jump, near
from connector.domain.wording import value_text, with_capital
from connector.services.facts import Facts
from connector.services.signals.asking import WAITS, ask, waits_of
from connector.services.signals.standing import keep, keep_insight
from connector.store.tables import HeldValue, KeyResult, Reading
from mappings.parsing import dump_mapping
from mappings.rules import Combined, Mode

TAKEN, REFUSED, OVERTAKEN = "taken", "refused", "overtaken"
CHANGED = "the mapping was changed, so this value is not compared with what it said before"
LASTING = f"held back first; the source has stayed at its new level for {LEAST_DAYS} days"
KIND = "value_held"


@dataclass(frozen=True, slots=True)
class Hold:
    """A value that is held back: what is said of it, and the reading that it would be."""

    why: str
    reading: Mapping[str, Any]
    steady: bool = False  # the level that waited already
    refused: bool = False  # a level that was refused: nobody's silence takes it


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the value that waited."""

    outcome: str
    person_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Guarded:
    """``reading``: what may be stored · ``hold``: what is held back from now on · ``settled``: what became of the one that waited ·
    ``said``: what is said while one waits, "" for none · ``told``: what the explanation of the number says of it, None for nothing."""

    reading: dict[str, Any] | None
    hold: Hold | None = None
    settled: Settled | None = None
    said: str = ""
    told: Mapping[str, Any] | None = None


def rules_of(facts: Facts) -> list[str]:
    """What the mappings that feed the value ask for, as short digests: another digest is another question."""
    unit = facts.row.unit
    return [
        hashlib.sha256(orjson.dumps([dump_mapping(link.rule), unit], option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
        for link in facts.links
        if link.rule.mode is Mode.VALUE
    ]


def guard(facts: Facts, reading: dict[str, Any] | None, combined: Combined | None) -> Guarded:
    """Whether what the sources say now may be shown. ``reading``: what would be stored, None when nothing is new."""
    last = facts.held
    waiting = last if last is not None and last.outcome is None else None
    settled = _told_by_owner(facts, waiting)
    refused = last if last is not None and (last.outcome == REFUSED or (settled and settled.outcome == REFUSED)) else None
    if combined is None or combined.value is None:
        if combined is None and waiting is not None and settled is None:  # nothing feeds the number any more
            settled = Settled(OVERTAKEN, reason="nothing feeds the number any more")
        left = waiting if settled is None else None
        return Guarded(reading, None, settled, left.why if left else "", _told(facts, left))
    why, changed, history = _judged(facts, combined, reading)
    if why is None or reading is None:
        if waiting is not None and settled is None:
            settled = Settled(OVERTAKEN, reason="the source gives a usual value again" if not changed else "the mapping was changed")
        if reading is not None and changed:
            reading = {**reading, "source": {**reading["source"], "note": CHANGED}}
        return Guarded(reading, None, settled)
    now = reading["as_of"]
    again = refused is not None and refused.value is not None and near(combined.value, refused.value, history)
    if again and refused is not None and not _still_told(facts, refused, now):
        return Guarded(None, None, settled, "", _told(facts, refused, settled))
    steady = waiting is not None and settled is None and waiting.value is not None and near(combined.value, waiting.value, history)
    if waiting is not None and steady and _lasts(waiting, now):
        return Guarded({**reading, "source": {**reading["source"], "note": LASTING}}, None, Settled(OVERTAKEN, reason=LASTING))
    if waiting is not None and settled is None and waiting.value == combined.value:
        return Guarded(None, None, None, waiting.why, _told(facts, waiting))
    said = {"value": combined.value, "said": why, "outcome": "waiting"}
    return Guarded(None, Hold(why, reading, steady, again), settled, why, said)


def _still_told(facts: Facts, refused: HeldValue, now: datetime) -> bool:
    """Whether the source says the refused for a cadence, with nobody's number since: then it is asked about once more."""
    if refused.resolved_at is None:
        return False
    said = [row.created_at for row in facts.check_ins if row.value is not None]
    return now - max([refused.resolved_at, *said]) >= cadence_length(Cadence(facts.row.cadence))


def _lasts(waiting: HeldValue, now: datetime) -> bool:
    """Whether the source has stayed at its new level for so many days that it is no slip; what was refused never passes so."""
    waits = waits_of(waiting)
    return not waits["refused"] and now - datetime.fromisoformat(waits["steady"]) >= timedelta(days=LEAST_DAYS)


def _judged(facts: Facts, combined: Combined, reading: dict[str, Any] | None) -> tuple[str | None, bool, list[Told]]:
    """What is said of a wild value or None, whether the question to the source is a new one, and the history of its answers."""
    assert combined.value is not None
    rules = rules_of(facts)
    history: dict[Any, Told] = {}
    changed = False
    for row in reversed(facts.reads):
        before = (row.source or {}).get("rules")
        if before is not None and before != rules:
            changed = not history
            break
        if row.value is not None:
            items = (row.source or {}).get("items")
            history.setdefault(row.day, Told(row.value, items if isinstance(items, int) else None))
    told = list(reversed(history.values()))
    current = next((row.value for row in reversed(facts.readings) if row.value is not None), None)
    if reading is None or current is None or not told:
        return None, changed, told
    return jump(facts.definition, combined.value, combined.items, current, told), changed, told


def _told_by_owner(facts: Facts, waiting: HeldValue | None) -> Settled | None:
    """A check-in with a number settles what waits: the same number takes it, another one refuses it."""
    if waiting is None:
        return None
    for row in reversed(facts.check_ins):
        if row.created_at <= waiting.at:
            return None
        if row.value is not None:
            same = waiting.value is not None and abs(row.value - waiting.value) <= TOLERANCE * max(1.0, abs(row.value))
            told = f"a check-in says {value_text(facts.definition, row.value)}"
            return Settled(TAKEN if same else REFUSED, row.author_id, told)
    return None


def _told(facts: Facts, row: HeldValue | None, settled: Settled | None = None) -> dict[str, Any] | None:
    """A held or refused value as the explanation of the number has it."""
    if row is None:
        return None
    outcome = settled.outcome if settled else row.outcome
    reason = settled.reason if settled else row.reason
    return {"value": row.value, "said": row.why, "outcome": outcome or "waiting"} | ({"reason": reason} if reason else {})


# --- storing -------------------------------------------------------------------------------------------------------------------


def note(session: Session, row: KeyResult, held: HeldValue | None, guarded: Guarded, now: datetime) -> bool:
    """Store what was decided. Asks the owner when a value begins to wait, not for each that takes its place.

    Returns whether what panels ask changed.
    """
    if guarded.hold is None and guarded.settled is None:
        return False
    waiting, before = None, None
    if held is not None and held.outcome is None:
        waiting = session.scalar(select(HeldValue).where(HeldValue.id == held.id, HeldValue.outcome.is_(None)).with_for_update())
    if waiting is not None:  # each value that waits is a row of its own: nobody's word is for a value that they did not see
        settled = guarded.settled or Settled(OVERTAKEN, reason="the source tells another value by now")
        waiting.outcome, waiting.resolved_at = settled.outcome, now
        waiting.resolved_by_id, waiting.reason = settled.person_id, settled.reason
        before = waits_of(waiting) if guarded.settled is None else None
    if guarded.hold is not None:
        hold = guarded.hold
        reading = {**hold.reading, "as_of": hold.reading["as_of"].isoformat()}
        fresh = HeldValue(key_result_id=row.id, previous=row.current, at=now, value=reading["value"], why=hold.why)
        fresh.reading = reading
        waits = waits_of(fresh) | (before or {})
        steady = waits["steady"] if hold.steady else now.isoformat()
        fresh.reading = {**reading, WAITS: {**waits, "steady": steady, "refused": waits["refused"] or hold.refused}}
        session.add(fresh)
        session.flush()
        if before is None:
            ask(session, row, fresh, now)
    session.flush()
    return bool(tell(session, row.id, now))


def tell(session: Session, key_result_id: str, now: datetime) -> set[str]:
    """Make the signal of a key result's held value what it is now. Returns the key result when what panels ask changed."""
    rows = session.scalars(
        select(HeldValue).where(HeldValue.key_result_id == key_result_id, HeldValue.outcome.is_(None)).order_by(HeldValue.id).limit(1)
    ).all()
    keep(session, [seen_of(row) for row in rows], now, kinds=(KIND,), subjects=(key_result_id,))
    return keep_insight(session, [key_result_id], {}, now)


def seen_of(row: HeldValue) -> Seen:
    """The signal of a value that waits for the owner's word."""
    return Seen(KIND, row.key_result_id, with_capital(row.why), {"value": row.value, "previous": row.previous, "held": row.id})


def reading_of(held: HeldValue, previous: float | None, now: datetime, why: str) -> Reading:
    """The reading that a held value becomes when somebody takes it."""
    told = dict(held.reading)
    as_of = datetime.fromisoformat(told["as_of"])
    return Reading(
        key_result_id=held.key_result_id,
        value=held.value,
        previous=previous,
        kind=told["kind"],
        as_of=as_of,
        day=as_of.date(),
        recorded_at=now,
        actor=told["actor"],
        source={**told["source"], "note": why},
    )
