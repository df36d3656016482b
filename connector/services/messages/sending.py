"""Sends the messages that are due, each at most once; a refused one is kept, tried again over a day, and then said.

That a message may be on its way is noted before it is sent. Of a worker that died in between nobody knows: its mail is not sent again, its
comment is looked for before it is written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from connector.domain.quiet import reachable_from
from connector.runtime import Runtime
from connector.services.calendars import weekend_at, zone_called
from connector.services.counters import count
from connector.services.messages import commenting, delivering
from connector.services.messages.outcomes import Outcome
from connector.services.messages.outgoing import COMMENT, GIVEN_UP, MAIL, NOT_NEEDED, SENT
from connector.services.messages.relevance import cut_to_readers, is_needless
from connector.services.messages.trouble import say_trouble
from connector.store import work
from connector.store.tables import Connection, Message, Person, Reminded

log = structlog.get_logger(__name__)

SLICE = 10  # messages taken at a time
LEASE_SECONDS = 180.0  # longer than one message can take
BACK_OFF = (60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0, 3600.0, 7200.0)  # seconds after the first, second, ... failure in a row
LONGEST = 86_400.0  # seconds for which a message is tried
LOST = "it may have been sent: the process that sent it stopped before it could note so; it is not sent again"


@dataclass(frozen=True, slots=True)
class _Taken:
    claim: work.Claim
    message: Message


def send_due(runtime: Runtime) -> int:
    """Send what is due now. Returns how many messages were taken."""
    now = runtime.epoch()
    with runtime.store.write() as session:
        claims = work.claim(session, Message, now, limit=SLICE, lease_seconds=LEASE_SECONDS, where=[_callable(now)])
        claimed = {each.id: each for each in claims}
        rows = session.scalars(select(Message).where(Message.id.in_(claimed)).order_by(Message.id)).all() if claimed else []
        taken = [each for row in rows if (each := _worth_sending(runtime, session, _Taken(claimed[row.id], row)))]
    halted: set[str] = set()  # channels and connections that refused just now
    for each in taken:
        place = f"{each.message.way}:{each.message.channel_id}:{each.message.connection_id}"
        if place in halted:
            _give_back(runtime, each)
        elif _send(runtime, each):
            halted.add(place)
    return len(claims)


def anything_due(runtime: Runtime) -> bool:
    """Whether a message waits to be sent now."""
    now = runtime.epoch()
    with runtime.store.read() as session:
        due = work.next_due(session, Message, _callable(now))
    return due is not None and due <= now


def _callable(now: float) -> ColumnElement[bool]:
    """Comments of a connection that is parked, paused or asked to wait are not taken: they wait with it."""
    able = select(Connection.id).where(
        Connection.retired_at.is_(None), Connection.parked_at.is_(None), Connection.paused_at.is_(None), Connection.paused_until <= now
    )
    return or_(Message.connection_id.is_(None), Message.connection_id.in_(able))


def _worth_sending(runtime: Runtime, session: Session, taken: _Taken) -> _Taken | None:
    """The message, unless it is not needed any more, its people are in their quiet hours, or it may have been sent already."""
    message, now = taken.message, runtime.now()
    if is_needless(session, message, now) or not cut_to_readers(session, message):
        _close(runtime, session, taken, NOT_NEEDED)
        return None
    until = _reachable(runtime, session, message, now)
    if until > now:
        work.postpone(session, Message, [taken.claim], ready_at=until.timestamp(), error="", failed=False)
        session.execute(update(Message).where(Message.id == message.id).values(first_at=until.timestamp()))
        return None
    if message.unsure and message.way != COMMENT:
        _close(runtime, session, taken, GIVEN_UP, LOST)
        say_trouble(session, message, LOST, now, given_up=True)
        return None
    return taken


def _reachable(runtime: Runtime, session: Session, message: Message, now: datetime) -> datetime:
    """When those whom it is for may be written to. Rooms may always."""
    people = [message.person_id] if message.way == MAIL else message.content.get("people", ())
    zones = session.scalars(select(Person.zone).where(Person.id.in_([each for each in people if each is not None]))).all() if people else []
    own = [zone_called(zone, runtime.settings.zone) for zone in zones]
    return max((reachable_from(runtime.settings.quiet, now, zone, weekend_at(zone)) for zone in own), default=now)


def _send(runtime: Runtime, taken: _Taken) -> bool:
    """Send one message. True when its channel or connection refuses everything for now."""
    looked_for = taken.message.unsure  # an earlier try may have written the comment
    if not _note_attempt(runtime, taken):
        log.warning("message_lease_lost", message=taken.message.id)
        return False
    deliver = commenting.comment if taken.message.way == COMMENT else delivering.deliver
    outcome = deliver(runtime, taken.message, looked_for=looked_for)
    with runtime.store.write() as session:
        _settle(runtime, session, taken, outcome)
    return outcome.halts


def _note_attempt(runtime: Runtime, taken: _Taken) -> bool:
    """Note that the message may be sent from now on; False when somebody else took it over."""
    claim = taken.claim
    with runtime.store.write() as session:
        found = session.execute(
            update(Message)
            .where(Message.id == claim.id, Message.lease == claim.lease)
            .values(unsure=True, lease_until=runtime.epoch() + LEASE_SECONDS)
            .returning(Message.id)
        ).all()
    return bool(found)


def _settle(runtime: Runtime, session: Session, taken: _Taken, outcome: Outcome) -> None:
    message, now = taken.message, runtime.now()
    if outcome.sent:
        _close(runtime, session, taken, SENT, receipt=outcome.receipt)
        delivering.went_well(session, message, now)
        return
    log.warning("message_not_sent", message=message.id, way=message.way, reason=outcome.why)
    begun = datetime.fromtimestamp(max(message.first_at, message.created_at.timestamp()), UTC)
    too_old = (now - begun).total_seconds() >= LONGEST
    if outcome.sent is None and message.way != COMMENT:  # nobody knows: sending it again could make it two
        _close(runtime, session, taken, GIVEN_UP, f"{outcome.why}; it may have been sent, and is not sent again", unsure=True)
        say_trouble(session, message, outcome.why, now, given_up=True)
    elif outcome.lasting or too_old:
        state = NOT_NEEDED if outcome.gone else GIVEN_UP
        _close(runtime, session, taken, state, outcome.why)
        if state == GIVEN_UP:
            say_trouble(session, message, outcome.why, now, given_up=True)
    else:
        attempts = taken.claim.attempts
        wait = max(outcome.wait, BACK_OFF[min(attempts, len(BACK_OFF) - 1)]) if outcome.counts else outcome.wait
        until = runtime.epoch() + wait
        work.postpone(session, Message, [taken.claim], ready_at=until, error=outcome.why, failed=outcome.counts)
        session.execute(update(Message).where(Message.id == message.id).values(unsure=outcome.sent is None))
        if outcome.halts and message.way != COMMENT:
            _let_others_wait(session, message, until)
        say_trouble(session, message, outcome.why, now, given_up=False)


def _let_others_wait(session: Session, message: Message, until: float) -> None:
    """What else goes to a place that does not answer waits as long."""
    same = Message.way == message.way if message.way == MAIL else Message.channel_id == message.channel_id
    session.execute(
        update(Message)
        .where(same, Message.wanted > Message.done, Message.lease_until < until, Message.lease == "", Message.ready_at < until)
        .values(ready_at=until)
        .execution_options(synchronize_session=False)
    )


def _give_back(runtime: Runtime, taken: _Taken) -> None:
    with runtime.store.write() as session:
        work.postpone(session, Message, [taken.claim], ready_at=runtime.epoch() + BACK_OFF[0], error="", failed=False)


def _close(
    runtime: Runtime, session: Session, taken: _Taken, state: str, why: str = "", *, receipt: str = "", unsure: bool = False
) -> None:
    """Note what became of a message, unless somebody else took it over meanwhile."""
    message = taken.message
    if not work.finish(session, Message, [taken.claim], runtime.epoch()):
        log.warning("message_lease_lost", message=message.id)
        return
    values: dict[str, Any] = {"state": state, "error": why[:500] or None, "receipt": receipt, "unsure": unsure or why == LOST}
    if state == SENT:
        values["sent_at"] = runtime.now()
        count(session, "okr_messages_sent_total", kind=message.kind, way=message.way)
    elif state == GIVEN_UP:
        count(session, "okr_messages_given_up_total", kind=message.kind, way=message.way)
    session.execute(update(Message).where(Message.id == message.id).values(**values))


def prune(session: Session, before: datetime) -> None:
    """Forget what was told before a moment. Nothing that is told again has a key so old."""
    session.execute(delete(Message).where(Message.created_at < before, Message.wanted <= Message.done))
    session.execute(delete(Reminded).where(Reminded.at < before))
