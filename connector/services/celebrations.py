"""Something to be glad of: a quarter, half, three quarters and the whole of the way, a milestone, movement after a stall; and thanks.

Made by the roll-up from a value that moved up, once each: a number that falls and rises again brings nothing new, and a number that was
not known before has not moved. Calm: a card on our pages, and where ``OKR_CELEBRATE`` says so a comment at the work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session, aliased

from connector.domain import wording
from connector.domain.model import Kind, Milestone, Movement, State
from connector.domain.plain_text import one_line
from connector.domain.rights import Act, Viewer
from connector.domain.scoring import BOUND_KINDS, TOLERANCE, movement, raw_progress
from connector.errors import Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services.facts import Facts, load_definition
from connector.services.messages.outgoing import tell_item, tell_person
from connector.services.panels.placing import place
from connector.services.plan.saving import plain_text
from connector.store.tables import Celebration, KeyResult, OkrRow, Person, Reading, Recognition, StateChange
from connector.store.visibility import sees_key_result
from mappings.rules import SelectorKind

MARKS = ((1.0, "whole"), (0.75, "three_quarters"), (0.5, "half"), (0.25, "quarter"))
MILESTONE, MOVING_AGAIN = "milestone", "moving_again"
LONGEST_THANKS = 280
SHOWN, RECENT = 5, timedelta(days=7)
REACHED = "reached"  # in the source of a reading of milestones: the titles of those that were done
_WAYS = {"three_quarters": "Three quarters of the way", "half": "Half of the way", "quarter": "A quarter of the way"}
_DARK = (State.OVERDUE.value, State.NO_DATA.value, State.DATA_LATE.value)


@dataclass(frozen=True, slots=True)
class Glad:
    """A card, ready to print. ``by``: who says thanks, "" for what the numbers say."""

    key_result: str
    title: str
    text: str
    day: str
    by: str = ""


# --- what the roll-up sees --------------------------------------------------------------------------------------------------


def note(session: Session, row: KeyResult, columns: Mapping[str, Any], reading: Mapping[str, Any] | None, now: datetime) -> None:
    """Note what the new status of a key result brings; ``row`` holds the status before. Asks nothing unless the value moved up."""
    before, after = row.current, columns["current"]
    if before is None or after is None or before == after or columns["state"] == State.CLOSED or row.kind in BOUND_KINDS:
        return
    definition = load_definition(row)
    was, is_now = raw_progress(definition, before), raw_progress(definition, after)  # by one definition: a moved target is no progress
    if was is None or is_now is None or is_now <= was:
        return
    text = wording.current_text(definition, after)
    _note_mark(session, row.id, was, is_now, text, now)
    if definition.kind is Kind.MILESTONES and reading is not None:
        _note_milestones(session, row.id, reading, now)
    if movement(definition, before, after) is Movement.UP and _was_stalled(session, row):
        _add(session, row.id, MOVING_AGAIN, now.date().isoformat(), f"Moving again after standing still: {text} now", now)


def _note_mark(session: Session, ident: str, was: float, is_now: float, text: str, now: datetime) -> None:
    crossed = next(((mark, kind) for mark, kind in MARKS if was < mark - TOLERANCE <= is_now), None)
    if crossed is None:
        return
    mark, kind = crossed
    higher = [name for other, name in MARKS if other >= mark]
    had = session.scalar(select(Celebration.id).where(Celebration.key_result_id == ident, Celebration.kind.in_(higher)).limit(1))
    if had is None:
        _add(session, ident, kind, "", f"Target reached: {text}" if kind == "whole" else f"{_WAYS[kind]}: {text} now", now)


def _note_milestones(session: Session, ident: str, reading: Mapping[str, Any], now: datetime) -> None:
    """The milestones that were not done at the reading before; where that was not kept, none is known to be new."""
    last = session.scalars(
        select(Reading).where(Reading.key_result_id == ident, Reading.kind == "milestones").order_by(Reading.id.desc()).limit(1)
    ).first()
    before, done = (last.source or {}).get(REACHED) if last is not None else None, reading["source"].get(REACHED)
    if before is None or done is None:
        return
    for title in done:
        if title not in before:
            _add(session, ident, MILESTONE, title, f"Milestone done: {title}", now)


def _was_stalled(session: Session, row: KeyResult) -> bool:
    """Whether it stood still before; what could not be told meanwhile does not count as moving."""
    if row.state not in _DARK:
        return row.state == State.STALLED.value
    query = (
        select(StateChange.state)
        .where(StateChange.key_result_id == row.id, StateChange.state.not_in(_DARK))
        .order_by(StateChange.id.desc())
        .limit(1)
    )
    return session.scalar(query) == State.STALLED.value


def _add(session: Session, ident: str, kind: str, subject: str, text: str, now: datetime) -> None:
    known = select(Celebration.id).where(Celebration.key_result_id == ident, Celebration.kind == kind, Celebration.subject == subject[:200])
    if session.scalar(known) is None:
        session.add(Celebration(key_result_id=ident, kind=kind, subject=subject[:200], text=text, at=now))


def reached(milestones: Collection[Milestone]) -> list[str]:
    """The titles of those that are done, as a reading keeps them."""
    return [step.title for step in milestones if step.done]


# --- the host tool ----------------------------------------------------------------------------------------------------------


def post(session: Session, facts: Mapping[str, Facts], ids: Collection[str], now: datetime) -> None:
    """Say at the work what was noted at this moment, one place for each key result, where hosts may show it to everybody."""
    public = [ident for ident in ids if ident in facts and facts[ident].public]
    if not public:
        return
    for row in session.scalars(select(Celebration).where(Celebration.key_result_id.in_(public), Celebration.at == now)):
        known = facts[row.key_result_id]
        if (place := _place(session, known)) is not None:
            tell_item(
                session,
                *place,
                key=f"celebration:{row.key_result_id}:{row.kind}:{row.subject}",
                kind="celebration",
                lines=[f"{one_line(known.row.title)}. {one_line(row.text)}."],
                link=f"/key-results/{row.key_result_id}",
                now=now,
                about=[row.key_result_id],
            )


def _place(session: Session, facts: Facts) -> tuple[int, str] | None:
    """The first epic that is mapped to the key result, else its row in an OKR database: (connection, ref)."""
    for link in facts.links:
        if link.rule.selector.kind is SelectorKind.EPICS and link.resolved.refs:
            return link.connection_id, next(iter(link.resolved.refs.values()))
    row = session.execute(
        select(OkrRow.connection_id, OkrRow.ref)
        .where(OkrRow.record == facts.row.id, OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None))
        .order_by(OkrRow.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.connection_id, str(row.ref))


# --- reading ----------------------------------------------------------------------------------------------------------------


def latest(session: Session, ids: Collection[str], now: datetime, zone: tzinfo, *, most: int = SHOWN) -> list[Glad]:
    """What the last week brought to these key results, newest first: two statements. The caller knows that the viewer may see them."""
    return _cards(session, ids, now - RECENT, zone, most)


def of_key_result(session: Session, ident: str, zone: tzinfo, *, most: int = SHOWN) -> list[Glad]:
    """What a key result brought so far, newest first: two statements."""
    return _cards(session, [ident], None, zone, most)


def _cards(session: Session, ids: Collection[str], since: datetime | None, zone: tzinfo, most: int) -> list[Glad]:
    if not ids:
        return []
    seen = (
        select(Celebration.key_result_id, KeyResult.title, Celebration.text, Celebration.at)
        .join(KeyResult, KeyResult.id == Celebration.key_result_id)
        .where(Celebration.key_result_id.in_(ids))
    )
    thanks = (
        select(Recognition.key_result_id, KeyResult.title, Recognition.text, Recognition.at, Person.name)
        .join(KeyResult, KeyResult.id == Recognition.key_result_id)
        .join(Person, Person.id == Recognition.sender_id)
        .where(Recognition.key_result_id.in_(ids))
    )
    if since is not None:
        seen, thanks = seen.where(Celebration.at >= since), thanks.where(Recognition.at >= since)
    found: list[tuple[datetime, Glad]] = []
    for ident, title, text, at in session.execute(seen.order_by(Celebration.id.desc()).limit(most)):
        found.append((at, Glad(ident, title, text, wording.local_day_text(at, zone))))
    for ident, title, text, at, name in session.execute(thanks.order_by(Recognition.id.desc()).limit(most)):
        found.append((at, Glad(ident, title, text, wording.local_day_text(at, zone), name)))
    return [card for _, card in sorted(found, key=lambda each: each[0], reverse=True)][:most]


def last_thanks() -> ScalarSelect[int | None]:
    """The id of the last thanks of the key result of a statement around it."""
    later = aliased(Recognition)
    return select(func.max(later.id)).where(later.key_result_id == KeyResult.id).correlate(KeyResult).scalar_subquery()


# --- thanks -----------------------------------------------------------------------------------------------------------------


def may_thank(viewer: Viewer) -> bool:
    """Whether somebody may leave words here: a person of ours whose role does more than read."""
    return viewer.person_id is not None and (viewer.may(Act.CHECK_IN) or viewer.may(Act.SIGN_OFF))


def thank(runtime: Runtime, viewer: Viewer, ident: str, given: str) -> bool:
    """Log a person's thanks for work on a key result, and tell its owner. False when the same was said before.

    Raises ``NotFound``, ``Forbidden`` for somebody who is no person of ours, ``InputError`` for no text, too long a text, one's own.
    """
    now = runtime.now()
    with runtime.store.write() as session:
        if not sees_key_result(session, viewer, ident):
            raise NotFound(f"there is no key result {ident}")
        if not may_thank(viewer):
            raise Forbidden("thanks come from a person who does more than read; sign in as one to say them")
        if not given.strip():
            raise InputError("say in a sentence what the thanks are for", where="thanks")
        text = " ".join(plain_text(given, "thanks").split())
        if len(text) > LONGEST_THANKS:
            raise InputError(f"has {len(text)} characters; at most {LONGEST_THANKS} are kept", where="thanks")
        key_result = session.get_one(KeyResult, ident)
        if key_result.owner_id == viewer.person_id:
            raise InputError("this key result is yours; thanks here are for its owner, from somebody else", where="thanks")
        mine = (Recognition.key_result_id == ident, Recognition.sender_id == viewer.person_id, Recognition.text == text)
        if session.scalar(select(Recognition.id).where(*mine).limit(1)) is not None:
            return False
        row = Recognition(key_result_id=ident, sender_id=viewer.person_id, text=text, at=now)
        session.add(row)
        session.flush()
        if key_result.owner_id is not None:
            tell_person(
                session,
                key_result.owner_id,
                key=f"thanks:{row.id}",
                kind="thanks",
                subject=f"Thanks for “{one_line(key_result.title)}”",
                lines=[f"{one_line(viewer.shown or viewer.name)}: {text}"],
                link=f"/key-results/{ident}",
                now=now,
                about=[ident],
            )
        touched = place(session, [ident], changed=[ident], now=runtime.epoch())
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)
    return True
