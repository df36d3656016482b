"""A person's word on a value that was held back: take it, or refuse it; with a reason, once, and in the audit trail."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.changes import stated_reason
from connector.domain.model import State
from connector.domain.rights import Viewer
from connector.errors import Conflict, InputError, StoreUnavailable
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.check_ins.rights import require_check_in
from connector.services.rollup import roll_up_dirty
from connector.services.signals.dismissing import SAY_WHY
from connector.services.signals.guarding import REFUSED, TAKEN, reading_of, tell
from connector.services.signals.nightly import ask_to_show
from connector.store import work
from connector.store.tables import HeldValue, KeyResult, Reading

VERDICTS = {"take": TAKEN, "refuse": REFUSED}


def waiting_value(session: Session, key_result_id: str) -> HeldValue | None:
    """The value of a key result that waits for somebody's word."""
    query = select(HeldValue).where(HeldValue.key_result_id == key_result_id, HeldValue.outcome.is_(None))
    return session.scalars(query.order_by(HeldValue.id.desc()).limit(1)).first()


def settle(runtime: Runtime, viewer: Viewer, key_result_id: str, verdict: str, reason: str, *, held: int | None = None) -> str:
    """Take or refuse the value that waits. ``held``: the one that was looked at, so that nobody takes another. Returns the outcome.

    Raises ``NotFound``, ``Forbidden``, ``InputError`` at "verdict" or "reason", ``Conflict`` when none (or another one) waits.
    """
    outcome = VERDICTS.get(verdict)
    if outcome is None:
        raise InputError("choose take or refuse", where="verdict")
    why = stated_reason(reason, SAY_WHY)
    now = runtime.now()
    with runtime.store.write() as session:
        require_check_in(session, viewer, key_result_id)
        key_result = session.scalars(select(KeyResult).where(KeyResult.id == key_result_id).with_for_update()).one()
        if key_result.state == State.CLOSED.value:
            raise Conflict("the cycle is over: its last value stays")
        row = waiting_value(session, key_result_id)
        if row is None:
            raise Conflict("no value waits here any more: somebody settled it, or the source gives a usual value again")
        if held is not None and row.id != held:
            raise Conflict("another value waits by now; look at it first")
        row.outcome, row.resolved_at, row.resolved_by_id, row.reason = outcome, now, viewer.person_id, why
        if outcome == TAKEN:
            previous = select(Reading.value).where(Reading.key_result_id == key_result_id).order_by(Reading.id.desc()).limit(1)
            told = f"held back first, then taken by {viewer.name}: {why}"
            session.add(reading_of(row, session.scalar(previous), now, told))
        after = {"value": row.value, "verdict": outcome}
        record(session, viewer, now, f"{verdict}_value", "key_result", key_result_id, after=after, reason=why)
        session.flush()
        touched = ask_to_show(session, tell(session, key_result_id, now), runtime.epoch())
        work.want(session, KeyResult, [key_result_id], runtime.epoch())
    with suppress(StoreUnavailable):  # who settles it and looks again shall see it
        roll_up_dirty(runtime)
    runtime.queue.nudge("settle")
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)
    return outcome
