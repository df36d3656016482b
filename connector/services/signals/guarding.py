"""The guard against wild values (S15), as part of every roll-up: what is held back, and what becomes of it.

``guard`` decides and stores nothing; ``note`` stores what was decided, in the transaction of the roll-up, and asks the owner once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.scoring import TOLERANCE
from connector.domain.signals import Seen
from connector.domain.signals.jump import Told, jump, near
from connector.domain.wording import value_text
from connector.services.facts import Facts
from connector.services.messages.outgoing import tell_person
from connector.services.signals.standing import keep, keep_insight
from connector.store.tables import HeldValue, KeyResult, Objective, Person, Reading, Team
from mappings.parsing import dump_mapping
from mappings.rules import Combined, Mode

TAKEN, REFUSED, OVERTAKEN = "taken", "refused", "overtaken"
CHANGED = "the mapping was changed, so this value is not compared with what it said before"
KIND = "value_held"


@dataclass(frozen=True, slots=True)
class Hold:
    """A value that is held back: what is said of it, and the reading that it would be."""

    why: str
    reading: Mapping[str, Any]


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
    if refused is not None and refused.value is not None and near(combined.value, refused.value, history):
        return Guarded(None, None, settled, "", _told(facts, refused, settled))
    if waiting is not None and settled is None and waiting.value == combined.value:
        return Guarded(None, None, None, waiting.why, _told(facts, waiting))
    said = {"value": combined.value, "said": why, "outcome": "waiting"}
    return Guarded(None, Hold(why, reading), settled, why, said)


def _judged(facts: Facts, combined: Combined, reading: dict[str, Any] | None) -> tuple[str | None, bool, list[Told]]:
    """What is said of a wild value or None, whether the question to the source is a new one, and the history of its answers."""
    assert combined.value is not None
    rules = rules_of(facts)
    history: dict[Any, Told] = {}
    changed = False
    for row in reversed(facts.readings):
        if row.kind != "mapping":
            continue
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
    """Store what was decided. Asks the owner, once for each value that begins to wait. Returns whether what panels ask changed."""
    if guarded.hold is None and guarded.settled is None:
        return False
    waiting = None
    if held is not None and held.outcome is None:
        waiting = session.scalar(select(HeldValue).where(HeldValue.id == held.id, HeldValue.outcome.is_(None)).with_for_update())
    if waiting is not None and guarded.settled is not None:
        settled = guarded.settled
        waiting.outcome, waiting.resolved_at = settled.outcome, now
        waiting.resolved_by_id, waiting.reason = settled.person_id, settled.reason
        waiting = None
    if guarded.hold is not None:
        reading = {**guarded.hold.reading, "as_of": guarded.hold.reading["as_of"].isoformat()}
        if waiting is None:
            waiting = HeldValue(key_result_id=row.id, previous=row.current, at=now)
            session.add(waiting)
            waiting.value, waiting.why, waiting.reading = reading["value"], guarded.hold.why, reading
            session.flush()
            _ask(session, row, waiting, now)
        else:
            waiting.value, waiting.why, waiting.reading = reading["value"], guarded.hold.why, reading
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
    sentence = f"{row.why[:1].upper()}{row.why[1:]}"
    return Seen(KIND, row.key_result_id, sentence, {"value": row.value, "previous": row.previous, "held": row.id})


def _ask(session: Session, row: KeyResult, held: HeldValue, now: datetime) -> None:
    """Ask the owner, or the lead of the team where nobody who is here owns it."""
    person = session.scalar(select(Person.id).where(Person.id == row.owner_id, Person.active.is_(True))) or session.scalar(
        select(Person.id)
        .join(Team, Team.lead_id == Person.id)
        .join(Objective, Objective.team_id == Team.id)
        .where(Objective.id == row.objective_id, Person.active.is_(True))
    )
    if person is None:
        return
    lines = [f"{held.why[:1].upper()}{held.why[1:]}", "The last value stays until somebody takes or refuses the new one, with a reason."]
    tell_person(
        session,
        person,
        key=f"held:{held.id}",
        kind="value_held",
        subject=row.title,
        lines=lines,
        link=f"/key-results/{row.id}#held",
        now=now,
    )


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
