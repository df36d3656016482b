"""Key results whose work is wanted are computed whole, once each: rules, scoring, triage; a reading is kept if the value moved.

Reads nothing from hosts and writes nothing to them: panels that show a changed key result are only marked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import rhythm, scoring
from connector.domain.model import Cadence, CheckInFact, Kind, Movement, Point
from connector.domain.quality import OUTPUT, is_output
from connector.domain.triage import FLAG_OWNERLESS, TriageInputs, triage
from connector.domain.wording import day_text
from connector.runtime import Runtime
from connector.services import celebrations, heartbeat, leads_wanted, panels
from connector.services.facts import Facts, check_in_fact, cycle_end_moment, load_facts
from connector.services.goals import exporting
from connector.services.okr_databases import showing
from connector.services.signals import blockers, guarding
from connector.services.signals.effective import effective
from connector.services.signals.guarding import Guarded
from connector.services.sources import database_name, value_measures
from connector.services.state_changes import note_states
from connector.store import work
from connector.store.tables import CheckIn, HeldValue, KeyResult, Reading
from mappings.repository import Link
from mappings.rules import Combined, Measurement, Mode, combine, explain, measure, unmeasured, wishes_text

log = structlog.get_logger(__name__)

LIMIT = 50  # key results per transaction
SHOWN = (
    "current",
    "progress",
    "raw_progress",
    "expected",
    "state",
    "reasons",
    "flags",
    "movement",
    "movement_since",
    "movement_from",
    "confidence",
    "blocker",
    "decision_needed",
    "as_of",
    "source",
)


@dataclass(frozen=True, slots=True)
class Computed:
    """The outcome for one key result: its new columns, a reading to append when the value moved, and what the guard held or let go."""

    columns: dict[str, Any]
    reading: dict[str, Any] | None
    guarded: Guarded
    held: HeldValue | None = None  # the value that was held back before


def roll_up_dirty(runtime: Runtime, *, limit: int = LIMIT) -> int:
    """Compute one batch of key results with work waiting. Returns how many were taken (0: nothing was due)."""
    now, moment = runtime.epoch(), runtime.now()
    with runtime.store.write() as session:
        claims = work.claim(session, KeyResult, now, limit=limit, lease_seconds=heartbeat.LEASE_SECONDS)
        blocked = blockers.look(session, [claim.id for claim in claims], moment, runtime.settings.zone)
        panels.place(session, blocked, changed=blocked, now=now)
    if not claims:
        return 0
    with heartbeat.kept(runtime, lambda session, until: work.renew(session, KeyResult, claims, until)), runtime.store.read() as session:
        facts = load_facts(session, [claim.id for claim in claims])
        computed = {name: compute(known, moment, runtime.settings.zone) for name, known in facts.items()}
    with runtime.store.write() as session:
        mine = work.finish(session, KeyResult, claims, runtime.epoch())
        kept = {name: outcome for name, outcome in computed.items() if name in mine}
        shown = _save(session, kept, moment, glad=runtime.settings.celebrate != "off")
        if runtime.settings.celebrate == "hosts":
            celebrations.post(session, facts, shown, moment)
        panels.place(session, [name for name in facts if name in mine], changed=shown, now=runtime.epoch())
        if runtime.settings.atlassian_goals:
            exporting.want_changed(session, shown, runtime.epoch())
        touched = showing.want_changed(session, shown, runtime.epoch()) | leads_wanted.want_changed(session, shown, runtime.epoch())
    for connection_id in sorted(touched | {link.connection_id for name in shown | blocked if name in facts for link in facts[name].links}):
        runtime.queue.nudge("drain", connection_id)
    return len(claims)


def _save(session: Session, computed: dict[str, Computed], moment: datetime, *, glad: bool = True) -> set[str]:
    """Store the outcomes; ``glad``: and what there is to celebrate. Returns the key results whose shown content changed."""
    shown: set[str] = set()
    for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(computed))).all():
        outcome = computed[row.id]
        if glad:
            celebrations.note(session, row, outcome.columns, outcome.reading, moment)
        if any(getattr(row, name) != outcome.columns[name] for name in SHOWN):
            for name in SHOWN:
                setattr(row, name, outcome.columns[name])
            row.updated_at = moment
            shown.add(row.id)
        if outcome.reading is not None:
            session.add(Reading(key_result_id=row.id, recorded_at=moment, day=outcome.reading["as_of"].date(), **outcome.reading))
            log.info("value_moved", key_result=row.id, value=outcome.reading["value"], previous=outcome.reading["previous"])
        if guarding.note(session, row, outcome.held, outcome.guarded, moment):
            shown.add(row.id)
    note_states(session, {name: (each.columns["state"], each.columns["progress"]) for name, each in computed.items()}, moment)
    return shown


def compute(facts: Facts, now: datetime, zone: Any) -> Computed:
    """The status of one key result from all that is known. Pure but for the shape of its input."""
    definition = facts.definition
    end = cycle_end_moment(facts.cycle, zone)
    closed = facts.objective.closed_at is not None or now >= end
    last = facts.readings[-1] if facts.readings else None
    # A milestone key result is a share of 0 to 1, whatever unit is printed beside it.
    combined = measure_links(facts, "" if definition.kind is Kind.MILESTONES else definition.unit)
    # A frozen cycle keeps the value it ended with; late events are stored but move nothing.
    guarded = Guarded(None) if closed else guarding.guard(facts, _reading(facts, combined, last, now), combined)
    reading = guarded.reading
    current, as_of, kind = _current(last, reading)
    raw = scoring.raw_progress(definition, current)
    check_ins = [check_in_fact(row) for row in facts.check_ins]
    base = _baseline(facts, kind, reading, confirmed=reading is None and last is not None and "check_in" in (last.source or {}))
    movement = scoring.movement(definition, base.value, current) if base is not None else None
    last_check_in = facts.check_ins[-1] if facts.check_ins else None
    inputs = _inputs(
        facts, definition, current, raw, movement, check_ins, reading, now, zone, end, _closed_text(facts, zone) if closed else None
    )
    result = triage(replace(inputs, held=guarded.said))
    columns = {
        "current": current,
        "progress": scoring.shown_progress(raw),
        "raw_progress": raw,
        "expected": rhythm.expected(facts.cycle, now.astimezone(zone).date(), definition, facts.holidays).value,
        "state": result.state.value,
        "reasons": list(result.reasons),
        "flags": [*result.flags, *_output(facts), *((FLAG_OWNERLESS,) if facts.ownerless else ())],
        "movement": movement.value if movement else None,
        "movement_since": base.as_of if base else None,
        "movement_from": base.value if base else None,
        "confidence": next((row.confidence for row in reversed(facts.check_ins) if row.confidence is not None), None),
        "blocker": effective(facts.blockers, facts.check_ins)[0],
        "decision_needed": last_check_in.decision if last_check_in else None,
        "as_of": as_of,
        "source": _source(facts, combined, kind, None if reading is not None else last, guarded),
    }
    return Computed(columns, reading, guarded, facts.held)


def _output(facts: Facts) -> list[str]:
    """The label "output" of a key result that says how much is done instead of what changes (R018)."""
    return [OUTPUT] if is_output(facts.row.title, value_measures(facts.links), facts.definition) else []


def measure_links(facts: Facts, unit: str) -> Combined | None:
    """The combined value of the mappings in mode ``value``; None when there is none."""
    measured: list[tuple[Any, Measurement]] = []
    for link in facts.links:
        if link.rule.mode is Mode.VALUE:
            measured.append((link.rule, measure_link(facts, link)))
    return combine(measured, unit) if measured else None


def measure_link(facts: Facts, link: Link) -> Measurement:
    """What one mapping says now; unknown with the reason when its source cannot be read or was not read yet."""
    if link.broken:
        return unmeasured(link.rule, link.broken)
    if not link.listed:
        return unmeasured(link.rule, "its items were not read yet")
    items = facts.items.get(link.id, [])
    return measure(link.rule, link.resolved, items, epics=facts.epics.get(link.id, []))


def _reading(facts: Facts, combined: Combined | None, last: Reading | None, now: datetime) -> dict[str, Any] | None:
    """A new reading when what the source says differs from what it said last; None when nothing moved or is known."""
    if combined is None:
        return _milestones_reading(facts, last, now)
    before = next((row for row in reversed(facts.readings) if row.kind == "mapping"), None)
    if combined.value is None and (before is None or before.value is None or any(part.measurement.broken for part in combined.parts)):
        return None  # nothing was known before either, or the source is out of reach: then the last value stays, marked as late
    source = {
        "mappings": [link.id for link in facts.links if link.rule.mode is Mode.VALUE],
        "query": [describe(link) for link in facts.links if link.rule.mode is Mode.VALUE],
        "explanation": [explain(part.rule, part.measurement) for part in combined.parts],
        "items": combined.items,
        "done": combined.done,
        "total": combined.total,
        "without_number": combined.without_number,
        "wont_do": combined.wont_do,
        "counted_once": len(combined.overlap),
        "rules": guarding.rules_of(facts),
    }
    if combined.unknown:
        source["unknown"] = combined.unknown
    if (
        before is not None
        and before.value == combined.value
        and before.source.get("query") == source["query"]
        and (before.source.get("done"), before.source.get("total")) == (combined.done, combined.total)
    ):
        return None
    return {
        "value": combined.value,
        "previous": last.value if last else None,
        "kind": "mapping",
        "as_of": now,
        "actor": "sync",
        "source": source,
    }


def _milestones_reading(facts: Facts, last: Reading | None, now: datetime) -> dict[str, Any] | None:
    if facts.row.kind != Kind.MILESTONES:
        return None
    value = scoring.milestones_value(facts.definition.milestones)
    if value is None or (last is not None and last.value == value):
        return None
    done = sum(step.done for step in facts.definition.milestones)
    total = len(facts.definition.milestones)
    return {
        "value": value,
        "previous": last.value if last else None,
        "kind": "milestones",
        "as_of": now,
        "actor": "system",
        "source": {
            "items": total,
            "done": done,
            "total": total,
            "explanation": [f"{done} of {total} milestones done"],
            celebrations.REACHED: celebrations.reached(facts.definition.milestones),
        },
    }


def _current(last: Reading | None, reading: dict[str, Any] | None) -> tuple[float | None, datetime | None, str]:
    if reading is not None:
        return reading["value"], reading["as_of"], reading["kind"]
    if last is not None:
        return last.value, last.as_of, last.kind
    return None, None, ""


def _baseline(facts: Facts, kind: str, reading: dict[str, Any] | None, *, confirmed: bool) -> CheckIn | Reading | None:
    """What movement is measured against: the check-in before the one that gave the value, else the last; without any, the first reading.

    Never the value itself: a key result with a single value has not moved, nor stood still; it is not known. ``confirmed``: the last
    check-in said the source's own number.
    """
    with_value = [row for row in facts.check_ins if row.value is not None]
    if kind == "check_in" or confirmed:
        with_value = with_value[:-1]
    if with_value:
        return with_value[-1]
    earlier = facts.readings if reading is not None else facts.readings[:-1]
    return next((row for row in earlier if row.value is not None), None)


def _inputs(
    facts: Facts,
    definition: Any,
    current: float | None,
    raw: float | None,
    movement: Movement | None,
    check_ins: list[CheckInFact],
    reading: dict[str, Any] | None,
    now: datetime,
    zone: Any,
    end: datetime,
    closed: str | None,
) -> TriageInputs:
    feeding = [link for link in facts.links if link.rule.mode is Mode.VALUE]
    started = max(facts.row.created_at, datetime.combine(facts.cycle.start, datetime.min.time(), tzinfo=zone))
    broken = next((link.broken for link in feeding if link.broken), None) or next(
        (
            f"connection {connection.name} is parked: {connection.parked_reason}"
            for link in feeding
            if (connection := facts.connections[link.connection_id]).parked_at
        ),
        None,
    )
    times = [facts.connections[link.connection_id].last_success_at for link in feeding]
    return TriageInputs(
        definition=definition,
        current=current,
        raw=raw,
        expected=rhythm.expected(facts.cycle, now.astimezone(zone).date(), definition, facts.holidays),
        started_at=started,
        cycle_end=end,
        now=now,
        zone=zone,
        holidays=facts.holidays,
        movement=movement,
        check_ins=tuple(check_ins),
        cadence=Cadence(facts.row.cadence),
        closed=closed,
        has_source=bool(feeding),
        source_broken=broken,
        points=_points(facts, reading),
        source_last_success=min((moment for moment in times if moment is not None), default=None) if None not in times else None,
        blocker_since=effective(facts.blockers, facts.check_ins)[1],
    )


def _points(facts: Facts, reading: dict[str, Any] | None) -> tuple[Point, ...]:
    """The value at the end of each day, today's included: the same whether the last one is about to be stored or was just read."""
    told = [(row.as_of, row.value) for row in facts.readings]
    if reading is not None:
        told.append((reading["as_of"], reading["value"]))
    by_day = {as_of.date(): Point(as_of, value) for as_of, value in told if value is not None}
    return tuple(by_day[day] for day in sorted(by_day))


def describe(link: Link) -> str:
    """The query of a mapping as people read it."""
    selector = link.rule.selector
    parts = {
        "epics": f"children of {', '.join(selector.epics)}",
        "jql": selector.jql,
        "project": f"project {selector.project}",
        "issues": ", ".join(selector.issues),
        "rows": f"{len(selector.rows)} named rows",
        "database": f"rows of {database_name(link) or 'database ' + selector.database}",
    }
    titled = {name: link.resolved.titles[ref] for name, ref in link.resolved.refs.items() if ref in link.resolved.titles}
    where = wishes_text(selector.filter, titled)
    return parts[selector.kind.value] + (f" where {where}" if where else "")


def _closed_text(facts: Facts, zone: Any) -> str:
    closed_at = facts.objective.closed_at
    return f"closed {day_text(closed_at.astimezone(zone).date() if closed_at else facts.cycle.end)}"


def _source(facts: Facts, combined: Combined | None, kind: str, told: Reading | None, guarded: Guarded) -> dict[str, Any] | None:
    """Where the value comes from. ``told``: the stored reading that it is, None for one that is about to be stored."""
    feeding = [link for link in facts.links if link.rule.mode is Mode.VALUE]
    if not kind and not feeding:
        return None
    names = sorted({facts.connections[link.connection_id].name for link in feeding})
    source: dict[str, Any] = {
        "kind": kind or "mapping",
        "connection": names[0] if len(names) == 1 else ", ".join(names) or None,
        "items": None,
        "done": None,
        "total": None,
    }
    if combined is not None:
        source.update(
            items=combined.items, done=combined.done, total=combined.total, without_number=combined.without_number, wont_do=combined.wont_do
        )
        if combined.unknown:
            source["unknown"] = combined.unknown
    if kind == "check_in":
        source["check_in"] = (told.source or {}).get("check_in") if told is not None else None
        if combined is not None:
            source["reads"] = combined.value  # beside the number that a person told
    broken = [link.broken for link in feeding if link.broken]
    if broken:
        source["broken"] = broken[0]
    if guarded.told is not None:
        source["held"] = dict(guarded.told)
    return source


def want_all(session: Session, now: float, only: Collection[str] | None = None) -> None:
    """Ask for a fresh computation of every key result (states also change with the calendar)."""
    query = select(KeyResult.id).where(KeyResult.retired_at.is_(None))
    if only is not None:
        query = query.where(KeyResult.id.in_(only))
    work.want(session, KeyResult, list(session.scalars(query)), now)
