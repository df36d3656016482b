"""What stays unanswered is told to further people, step by step: missed updates (R056) and blockers past their clock (S3).

Every step is kept, once, also where nobody could be told. An update, or a blocker that ends, begins it anew. Low confidence raises nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import raising, rhythm
from connector.domain.wording import local_day_text
from connector.runtime import Runtime
from connector.services.messages import tell_item, tell_person
from connector.services.messages.places import place_for
from connector.services.rhythm.people_asked import Asked, first_who_may_know, last_update, load_asked
from connector.services.signals.blockers import standing_blockers
from connector.store.inserts import insert_into
from connector.store.tables import Blocker, KeyResult, Raised

MISSED, BLOCKER = "missed", "blocker"  # ``Raised.kind``
MOST = 20  # key results that one message names
_SOONEST = timedelta(days=6)  # no update is missed sooner


@dataclass(frozen=True, slots=True)
class _Step:
    asked: Asked
    kind: str
    since: datetime
    level: int
    text: str


def raise_due(runtime: Runtime) -> int:
    """Take the steps that are due, each once. Returns how many were taken."""
    now = runtime.now()
    with runtime.store.read() as session:
        steps = [*_missed(session, runtime, now), *_blocked(session, runtime, now)]
        steps = _not_taken(session, steps)
    if not steps:
        return 0
    with runtime.store.write() as session:
        taken = [(step, ident, person) for step in steps if (found := _take(session, step, now)) for ident, person in (found,)]
        _tell(session, taken, now)
    return len(taken)


def standing_levels(session: Session, key_results: Collection[str]) -> dict[str, int]:
    """How many times in a row the update of each key result was missed, as far as it was told: 1 a badge, 2 the lead, 3 the sponsor."""
    if not key_results:
        return {}
    query = (
        select(Raised.key_result_id, func.max(Raised.level))
        .join(KeyResult, KeyResult.id == Raised.key_result_id)
        .where(Raised.kind == MISSED, Raised.key_result_id.in_(key_results), Raised.since >= func.coalesce(last_update(), Raised.since))
        .group_by(Raised.key_result_id)
    )
    return {name: level for name, level in session.execute(query)}  # noqa: C416 - a row is no pair for the types


# --- what is due -------------------------------------------------------------------------------------------------------


def _missed(session: Session, runtime: Runtime, now: datetime) -> Iterator[_Step]:
    """Updates that did not come: once is a badge, twice the lead hears of it, three times the sponsor."""
    silent = func.coalesce(last_update(), KeyResult.created_at) < now - _SOONEST
    for asked in load_asked(session, now, runtime.settings.zone, silent):
        since = max(asked.last, asked.begun) if asked.last else asked.begun
        missed = rhythm.missed_check_ins(asked.cadence, since, now, asked.zone, asked.holidays())
        last = f"last check-in {local_day_text(asked.last, asked.zone)}" if asked.last else "no check-in yet"
        for level in range(1, min(missed, raising.MOST_MISSED) + 1):
            yield _Step(asked, MISSED, since, level, f"{asked.title}: {last}, {raising.times(level)} without an update.")


def _blocked(session: Session, runtime: Runtime, now: datetime) -> Iterator[_Step]:
    """Blockers older than their clock allows; one that seems to be gone waits for its owner's word."""
    ids = select(Blocker.key_result_id).where(Blocker.ended_at.is_(None), Blocker.clear_at.is_(None))
    found = {each.id: each for each in load_asked(session, now, runtime.settings.zone, KeyResult.id.in_(ids))}
    for name, blockers in standing_blockers(session, list(found)).items():
        asked = found[name]
        open_ones = [each for each in blockers if each.clear_at is None]
        if not open_ones:
            continue
        oldest = open_ones[0]
        late = raising.is_late_in_cycle(asked.cycle_start, asked.cycle_end, now.astimezone(asked.zone).date())
        for level, moment in enumerate(raising.clock(oldest.since, asked.cadence, asked.zone, asked.holidays(), halved=late), start=1):
            if moment <= now:
                text = f"{asked.title}: held up since {local_day_text(oldest.since, asked.zone)}: {oldest.text}"
                yield _Step(asked, BLOCKER, oldest.since, level, text)


def _not_taken(session: Session, steps: Sequence[_Step]) -> list[_Step]:
    """Without the steps that were taken: what was said of one blocker stands for no other, and for the same one when it turns out older."""
    if not steps:
        return []
    ids = {each.asked.id for each in steps}
    taken: dict[tuple[str, str, int], list[Raised]] = {}
    for row in session.scalars(select(Raised).where(Raised.key_result_id.in_(ids))):
        taken.setdefault((row.key_result_id, row.kind, row.level), []).append(row)
    ended = select(Blocker).where(Blocker.key_result_id.in_(ids), Blocker.ended_at.is_not(None))
    gone = {(each.key_result_id, each.since) for each in session.scalars(ended) if not each.evidence.get("named")}
    return [step for step in steps if not any(_covers(row, step, gone) for row in taken.get((step.asked.id, step.kind, step.level), ()))]


def _covers(row: Raised, step: _Step, gone: Collection[tuple[str, datetime]]) -> bool:
    """Whether a step that was taken is this one; ``gone``: key results with the begin of blockers that ended, not those that got a name."""
    if step.kind == MISSED:
        return row.at >= step.since
    return row.since == step.since or (row.since > step.since and (row.key_result_id, row.since) not in gone)


# --- taking and telling ------------------------------------------------------------------------------------------------


def _take(session: Session, step: _Step, now: datetime) -> tuple[int, int | None] | None:
    """Keep a step; (its id, whom to tell), None when somebody else took it."""
    person = _whom(session, step)
    values = {
        "key_result_id": step.asked.id,
        "kind": step.kind,
        "since": step.since,
        "level": step.level,
        "person_id": person,
        "text": step.text,
        "at": now,
    }
    ident = session.scalar(insert_into(session, Raised).values(values).on_conflict_do_nothing().returning(Raised.id))
    return None if ident is None else (ident, person)


def _whom(session: Session, step: _Step) -> int | None:
    """Whom a step is for: somebody who may know of it and is not the owner. The first missed update is a badge alone."""
    asked = step.asked
    ladder = {
        MISSED: {2: (asked.lead, asked.caller), 3: (asked.sponsor, asked.caller)},
        BLOCKER: {1: (asked.lead, asked.caller), 2: (asked.caller, asked.sponsor), 3: (asked.sponsor, asked.caller)},
    }
    return first_who_may_know(session, asked.id, [each for each in ladder[step.kind].get(step.level, ()) if each != asked.owner])


def _tell(session: Session, taken: Sequence[tuple[_Step, int, int | None]], now: datetime) -> None:
    """One message for each person and kind, about what each key result has come to."""
    latest: dict[tuple[int, str], dict[str, tuple[_Step, int]]] = {}
    for step, ident, person in taken:
        if person is not None:
            latest.setdefault((person, step.kind), {})[step.asked.id] = (step, ident)
    for (person, kind), found in sorted(latest.items()):
        steps = [step for step, _ in found.values()]
        lines = [step.text for step in steps[:MOST]]
        if len(steps) > MOST:
            lines.append(f"And {len(steps) - MOST} more.")
        only = steps[0].asked
        unless = {"updated": {"key_results": [only.id], "since": now.isoformat()}} if kind == MISSED else {"cleared": only.id}
        tell_person(
            session,
            person,
            key=f"raised:{max(ident for _, ident in found.values())}",
            kind=kind,
            subject=_subject(kind, steps),
            lines=[*lines, raising.QUESTIONS[kind]],
            link=f"/key-results/{only.id}" if len(steps) == 1 else "/triage",
            now=now,
            unless=unless if len(steps) == 1 else None,
            about=found,
        )
    _mention(session, taken, now)


def _mention(session: Session, taken: Sequence[tuple[_Step, int, int | None]], now: datetime) -> None:
    """At the first step of a blocker also where the work is: one comment that mentions whom it is for, where everybody may read it."""
    for step, ident, person in taken:
        if step.kind != BLOCKER or step.level != 1 or person is None or not step.asked.public:
            continue
        place = place_for(session, [step.asked.id], person)
        if place is not None:
            lines = [step.text, raising.QUESTIONS[BLOCKER]]
            link, key = f"/key-results/{step.asked.id}", f"raised:{ident}"
            tell_item(
                session,
                place.connection_id,
                place.ref,
                key=key,
                kind=BLOCKER,
                lines=lines,
                mention=[person],
                link=link,
                now=now,
                about=[step.asked.id],
            )


def _subject(kind: str, steps: Sequence[_Step]) -> str:
    if kind == MISSED:
        return f"No update: {steps[0].asked.title}" if len(steps) == 1 else f"{len(steps)} key results without an update"
    return f"Held up: {steps[0].asked.title}" if len(steps) == 1 else f"{len(steps)} key results are held up"


__all__ = ["BLOCKER", "MISSED", "raise_due", "standing_levels"]
