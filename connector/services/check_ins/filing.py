"""An owner's update: checked, stored once, and the key result asked to be computed again. One transaction."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import scoring
from connector.domain.checkin import CheckInDraft, parse_check_in
from connector.domain.rights import Viewer
from connector.domain.steps import Ticks, state_of
from connector.errors import Conflict, InputError, NotFound, StoreUnavailable
from connector.runtime import Runtime
from connector.services.changes import Stale
from connector.services.check_ins.blockers import link_of
from connector.services.check_ins.doubts import open_doubt, seal_doubt
from connector.services.check_ins.opening import base_of, open_draft, over_text, read_seen, seen_text
from connector.services.check_ins.repeats import completed, moment_of, remember, require_own, require_same
from connector.services.check_ins.rights import require_check_in
from connector.services.check_ins.steps import (
    FIELD,
    Stepping,
    form_address,
    is_fed,
    marks_of,
    read_steps,
    stepwise,
    told_ticks,
    waiting_ticks,
    write_ticks,
)
from connector.services.decisions import note_ask
from connector.services.facts import Facts, load_facts
from connector.services.locks import locked_for, told_late
from connector.services.rollup import roll_up_dirty
from connector.services.row_check_ins.rows import tell_drafts, want_check_in, want_decision
from connector.services.signals.nightly import find_for
from connector.store import work
from connector.store.tables import Audit, CheckIn, KeyResult, Person, Reading

LONGEST_FILL = 7 * 24 * 3600  # seconds; a form that was left open longer says nothing about filling it in
_AHEAD = timedelta(days=1)  # somewhere it is tomorrow already
_BEFORE = timedelta(days=365)  # how far before its cycle a number may have been so


@dataclass(frozen=True, slots=True)
class Filed:
    """The stored check-in; ``missing`` names what keeps it a draft; ``repeated`` says that it was filed before.

    ``late``: what is said of one that came after the lock of a review (R054), "" for one in time.
    """

    id: int
    draft: bool
    missing: tuple[str, ...]
    repeated: bool = False
    late: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """Who says what, and how we know it again."""

    draft: CheckInDraft
    person: Person | None
    speaker: str
    source: str
    identity: str
    opened_at: datetime | None
    steps: Stepping | None  # what it does with the steps, where these are the value


def file_check_in(
    runtime: Runtime,
    key_result_id: str,
    data: dict[str, Any],
    *,
    author: str,
    source: str = "api",
    source_id: str | None = None,
    token: str = "",
    viewer: Viewer | None = None,
    seen: str | None = None,
    opened_at: datetime | None = None,
    ticks: Ticks | None = None,
    worded: bool = False,
) -> Filed:
    """File an update of ``author`` (an e-mail address, "" for none known).

    The same ``source`` and ``source_id`` file once; for a draft they complete it. They are of one author, and stand for one content once
    it counts. ``worded``: the words themselves are part of the identity, so what else is carried along may differ.

    Whatever an author has as an open draft of this key result is completed by the next update of theirs, so that there are never two.

    ``token`` is the name of the API token that says so: the audit trail names it as who did this, and the author beside it.
    Whether it may speak for ``author`` is for the caller to know. ``viewer``: who asks; their right is checked here, None for commands
    on the machine itself. ``seen``: what a form was shown with, so that an update in between is noticed. ``opened_at``: when.
    ``ticks``: the steps of a form, all of them; a script says ``milestones`` in ``data`` instead. An update that says nothing of steps
    leaves them as they are, or as the draft has them that it completes.

    Raises ``InputError`` for bad fields, ``NotFound`` for an unknown key result or person, ``Forbidden``, ``Conflict`` when the cycle
    is over or the identity stands for another author's or another update, ``Stale`` when somebody checked in since the form was shown.
    """
    now = runtime.now()
    with runtime.store.write() as session:
        if viewer is not None:
            require_check_in(session, viewer, key_result_id)
        # Two of the same moment wait for each other here (SQLite has one writer anyhow).
        session.execute(select(KeyResult.id).where(KeyResult.id == key_result_id).with_for_update())
        identity = source_id or secrets.token_hex(12)
        before = session.scalar(select(CheckIn).where(CheckIn.source == source, CheckIn.source_id == identity))
        if before is not None and not before.draft and worded:
            return _again(runtime, session, before)
        facts = load_facts(session, [key_result_id], computing=False).get(key_result_id)
        if facts is None:
            raise NotFound(f"there is no key result {key_result_id!r}")
        person = _author(session, author)
        require_own(before, person)
        if before is not None and not before.draft and seen is None:
            require_same(runtime, session, facts, before, data)
            return _again(runtime, session, before)
        steps = _steps(runtime, session, facts, data, before, person, ticks)
        fields = {name: value for name, value in data.items() if name != FIELD} | ({"value": steps.value} if steps is not None else {})
        told = _Told(parse_check_in(fields, facts.definition), person, token or author or source, source, identity, opened_at, steps)
        if before is not None and _same(runtime, session, before, told):
            return _again(runtime, session, before, told.draft.missing())
        if over := over_text(facts, runtime):
            raise Conflict(over)
        _check_day(told.draft, facts, now)
        if before is None and told.draft.missing():
            done = completed(session, key_result_id, f"{source}:{identity}", person, told.draft)
            if done is not None:
                return Filed(done, False, (), repeated=True)
        if before is not None and not before.draft:  # the same form, sent again with other entries
            raise _stale(session, facts)
        if seen is not None:
            _check_seen(session, facts, seen, told.draft.value)
        row = _stored(runtime, session, facts, told, before, now)
        _note(session, row, told, token, now)
        work.want(session, KeyResult, [key_result_id], runtime.epoch())
        places = told_elsewhere(session, row, runtime.epoch(), now)
        filed = Filed(row.id, row.draft, told.draft.missing(), late=_late_text(runtime, session, row))
    # Who files a number and looks again shall see it. The check-in is stored: what fails here is made up for by a worker.
    with suppress(StoreUnavailable):
        roll_up_dirty(runtime)
        if not filed.draft:
            find_for(runtime, [key_result_id])
    runtime.queue.nudge("settle")
    for connection_id in sorted(places):
        runtime.queue.nudge("drain", connection_id)
    return filed


def _again(runtime: Runtime, session: Session, row: CheckIn, missing: tuple[str, ...] = ()) -> Filed:
    """The answer to what was filed before."""
    return Filed(row.id, row.draft, missing, repeated=True, late=_late_text(runtime, session, row))


def _late_text(runtime: Runtime, session: Session, row: CheckIn) -> str:
    return told_late(session, row.key_result_id, row.late, runtime.now(), runtime.settings.zone)


def told_elsewhere(session: Session, row: CheckIn, now: float, moment: datetime) -> set[int]:
    """What else follows from an update that counts: what it asks for is noted, hosts that keep rows show it. Returns their connections."""
    places = tell_drafts(session, row.key_result_id, now)
    if row.draft:
        return places
    asked = note_ask(session, row, moment)
    places |= want_check_in(session, row, now)
    for decision in asked:
        places |= want_decision(session, decision, now)
    return places


def _stored(runtime: Runtime, session: Session, facts: Facts, told: _Told, before: CheckIn | None, now: datetime) -> CheckIn:
    """The new row. Open drafts of the author are replaced by it: their moment is now, after whatever others filed meanwhile."""
    draft, seconds = told.draft, _seconds(told.opened_at, now)
    for old in _open_drafts(session, facts.row.id, told, before):
        seconds = None if seconds is None else seconds + (old.seconds or 0)
        if (old.source, old.source_id) != (told.source, told.identity):
            remember(session, old, told.speaker, now)
        session.delete(old)
    session.flush()  # the identity is free before the new row takes it
    base = base_of(session, facts.row.id, facts.check_ins)
    movement = scoring.movement(facts.definition, base.value, draft.value) if base is not None else None
    row = CheckIn(
        key_result_id=facts.row.id,
        author_id=told.person.id if told.person else None,
        value=draft.value,
        confidence=draft.confidence,
        blocker=draft.blocker or None,
        decision=draft.decision.value if draft.decision else None,
        comment=draft.comment or None,
        movement=movement.value if movement else None,
        as_of=moment_of(draft, now, runtime.settings.zone),
        delayed=draft.delayed,
        draft=bool(draft.missing()),
        late=not draft.missing() and locked_for(session, facts.row.id, now, settling=True) is not None,
        created_at=now,
        source=told.source,
        source_id=told.identity,
        doubt=seal_doubt(runtime, draft.doubt),
        blocker_link=link_of(session, [link.id for link in facts.links], draft.blocker or ""),
        seconds=seconds,
    )
    session.add(row)
    session.flush()
    if not row.draft:
        write_ticks(session, facts.row, told.steps.changes if told.steps else {}, told.speaker, now)
        actor = told.person.email if told.person else told.source
        if draft.as_of is None and not draft.delayed and _confirms(facts, draft.value):
            note_value(session, facts.row, row, actor, now, _source_told(session, facts.row.id), kind="mapping")
        else:
            note_value(session, facts.row, row, actor, now, told.steps.explained() if told.steps else {})
    return row


def _confirms(facts: Facts, value: float | None) -> bool:
    """Whether the number is the one that the source gave, so that it stays the source's."""
    current = facts.row.current
    if value is None or current is None or not is_fed(facts) or (facts.row.source or {}).get("kind") != "mapping":
        return False
    return abs(value - current) <= scoring.TOLERANCE


def _source_told(session: Session, key_result_id: str) -> Mapping[str, Any]:
    """What the source said last, as its reading has it."""
    query = select(Reading.source).where(Reading.key_result_id == key_result_id, Reading.kind == "mapping")
    return session.scalar(query.order_by(Reading.id.desc()).limit(1)) or {}


def _steps(
    runtime: Runtime,
    session: Session,
    facts: Facts,
    data: dict[str, Any],
    before: CheckIn | None,
    person: Person | None,
    ticks: Ticks | None,
) -> Stepping | None:
    """What the update does with the steps: what it says itself, on top of what waits in the author's draft."""
    draft = before if before is not None and before.draft else open_draft(session, facts.row.id, person.id if person else None)
    waiting = waiting_ticks(session, draft) if stepwise(facts) else {}
    return read_steps(facts, data, waiting, ticks, form_address(runtime.settings.base_url, facts.row.id))


def _note(session: Session, row: CheckIn, told: _Told, token: str, now: datetime) -> None:
    speaker = {"token": token, "author": told.person.email if told.person else ""} if token else {}
    session.add(
        Audit(
            at=now,
            actor=told.speaker,
            action="check_in",
            entity="key_result",
            entity_id=row.key_result_id,
            after={"check_in": row.id, "draft": row.draft}
            | ({"late": True} if row.late else {})
            | speaker
            | ({"steps": told.steps.told()} if told.steps else {}),
        )
    )


def _open_drafts(session: Session, key_result_id: str, told: _Told, before: CheckIn | None) -> list[CheckIn]:
    found = [before] if before is not None else []
    if told.person is not None:
        mine = select(CheckIn).where(CheckIn.key_result_id == key_result_id, CheckIn.author_id == told.person.id, CheckIn.draft.is_(True))
        found += [row for row in session.scalars(mine) if before is None or row.id != before.id]
    return found


def _same(runtime: Runtime, session: Session, row: CheckIn, told: _Told) -> bool:
    """Whether a request that came again says what its first coming said."""
    draft = told.draft
    return (
        row.author_id == (told.person.id if told.person else None)
        and row.value == draft.value
        and row.confidence == draft.confidence
        and (row.blocker or "") == (draft.blocker or "")
        and row.decision == (draft.decision.value if draft.decision else None)
        and (row.comment or "") == draft.comment
        and row.delayed == draft.delayed
        and row.as_of == moment_of(draft, row.created_at, runtime.settings.zone)
        and open_doubt(runtime, row.doubt) == draft.doubt
        and (told.steps is None or told_ticks(session, row) == state_of(told.steps.after.milestones))
    )


def _check_day(draft: CheckInDraft, facts: Facts, now: datetime) -> None:
    if draft.as_of is None:
        return
    if draft.as_of > (now + _AHEAD).date():
        raise InputError("enter a day that has come: a number cannot describe a later one", where="as_of")
    earliest = min(_year_before(facts.cycle.start), facts.row.created_at.date())
    if draft.as_of < earliest:
        raise InputError(
            f"enter a day from {earliest.isoformat()} on: a number of this cycle is at most a year older than the cycle", where="as_of"
        )


def _year_before(day: date) -> date:
    return date.min if day - date.min < _BEFORE else day - _BEFORE


def _check_seen(session: Session, facts: Facts, seen: str, value: float | None) -> None:
    """Raises ``Stale`` when somebody checked in since the form was shown, or the number that it showed, and that is filed, has changed."""
    found, current = read_seen(seen), facts.row.current
    if found is None or found[0] != (facts.check_ins[-1].id if facts.check_ins else 0):
        raise _stale(session, facts)
    if stepwise(facts):  # the steps themselves, not a number that is counted from them a moment later
        if found[2] != marks_of(facts):
            raise Stale(_steps_now(facts), version=seen_text(found[0], current, marks_of(facts)))
    elif found[1] != current and value == found[1]:
        raise Stale({"value": current}, version=seen_text(found[0], current))


def _stale(session: Session, facts: Facts) -> Stale:
    """What was filed since a form was shown."""
    last = facts.check_ins[-1] if facts.check_ins else None
    if last is None:
        return Stale(_steps_now(facts) or {"value": facts.row.current}, version=seen_text(0, facts.row.current, marks_of(facts)))
    by = session.scalar(select(Person.name).where(Person.id == last.author_id)) if last.author_id is not None else None
    theirs = {"value": last.value, "confidence": last.confidence, "blocker": last.blocker or "", "decision": last.decision or "none"}
    return Stale(
        {**theirs, **_steps_now(facts), "comment": last.comment or "", "at": last.created_at},
        version=seen_text(last.id, facts.row.current, marks_of(facts)),
        by=by or "somebody",
    )


def _steps_now(facts: Facts) -> dict[str, Any]:
    return {FIELD: state_of(facts.definition.milestones)} if stepwise(facts) else {}


def _seconds(opened_at: datetime | None, now: datetime) -> int | None:
    if opened_at is None:
        return None
    took = (now - opened_at).total_seconds()
    return round(took) if 0 <= took <= LONGEST_FILL else None


def _author(session: Session, email: str) -> Person | None:
    if not email:
        return None
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.active.is_(True)))
    if person is None:
        raise NotFound(f"there is no active person with the e-mail address {email!r}; add them under people and apply")
    return person


def note_value(
    session: Session,
    key_result: KeyResult,
    row: CheckIn,
    actor: str,
    now: datetime,
    explained: Mapping[str, Any] = MappingProxyType({}),
    *,
    kind: str = "check_in",
) -> None:
    """A check-in with a value is a reading too, also when it confirms the number that was there; ``kind``: whose number it is then."""
    if row.value is not None:
        latest = select(Reading.value).where(Reading.key_result_id == key_result.id).order_by(Reading.id.desc()).limit(1)
        session.add(
            Reading(
                key_result_id=key_result.id,
                value=row.value,
                previous=session.scalar(latest),
                kind=kind,
                as_of=row.as_of,
                day=row.as_of.astimezone(UTC).date(),
                recorded_at=now,
                actor=actor,
                source={**explained, "check_in": row.id},
            )
        )
