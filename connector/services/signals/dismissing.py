"""Waving a signal away: with a reason that everybody can read, by the owner, a lead or a champion, until the signal ends by itself."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.changes import stated_reason
from connector.domain.rights import Act, Viewer
from connector.domain.signals import KINDS
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.signals.nightly import ask_to_show
from connector.services.signals.standing import keep_insight
from connector.store.tables import KeyResult, Objective, Signal, Team
from connector.store.visibility import sees_key_result, visible

SAY_WHY = "say why; everybody who sees this can read it"


def may_dismiss(session: Session, viewer: Viewer, key_result_ids: list[str]) -> set[str]:
    """Those key results whose signals the viewer may dismiss: their owner's, the team's lead's, every lead's and champion's."""
    if not key_result_ids:
        return set()
    query = (
        select(KeyResult.id, KeyResult.owner_id, Team.lead_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(KeyResult.id.in_(key_result_ids), visible(viewer))
    )
    every = viewer.may(Act.WRITE) or viewer.may(Act.SIGN_OFF)
    person = viewer.person_id
    return {row.id for row in session.execute(query) if every or (person is not None and person in (row.owner_id, row.lead_id))}


def dismiss(runtime: Runtime, viewer: Viewer, signal_id: int, reason: str) -> Signal:
    """Wave a signal away until it ends.

    Raises ``NotFound`` for one that the viewer may not know of, ``Forbidden``, ``InputError`` for the reason, ``Conflict`` when it is
    over or was dismissed with another reason. The same once more changes nothing.
    """
    now = runtime.now()
    with runtime.store.write() as session:
        row = session.scalars(select(Signal).where(Signal.id == signal_id).with_for_update()).one_or_none()
        if row is None or not _knows(session, viewer, row):
            raise NotFound(f"there is no signal {signal_id}")
        if row.key_result_id is None:
            if not (viewer.may(Act.WRITE) or viewer.may(Act.SIGN_OFF)):
                raise Forbidden("leads and champions dismiss what is said of a forum")
        elif not may_dismiss(session, viewer, [row.key_result_id]):
            raise Forbidden("the owner, a lead or a champion dismisses a signal; ask one of them")
        why = stated_reason(reason, SAY_WHY)
        if row.dismissed_at is not None and row.dismissed_reason == why:
            return row
        if row.ended_at is not None:
            raise Conflict("this signal is over already: nothing needs to be dismissed")
        if row.dismissed_at is not None:
            raise Conflict(f"this signal was dismissed already: {row.dismissed_reason}")
        if row.kind == "value_held":
            raise InputError("a value that is held back is taken or refused; it cannot be waved away", where="reason")
        row.dismissed_at, row.dismissed_by_id, row.dismissed_reason = now, viewer.person_id, why
        about = row.key_result_id or row.subject
        after = {"signal": KINDS.get(row.kind, row.kind), "sentence": row.sentence}
        record(session, viewer, now, "dismiss_signal", "key_result" if row.key_result_id else "signal", about, after=after, reason=why)
        session.flush()
        changed = keep_insight(session, [row.key_result_id], {}, now) if row.key_result_id else set()
        touched = ask_to_show(session, changed, runtime.epoch())
        session.expunge(row)
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)
    return row


def _knows(session: Session, viewer: Viewer, row: Signal) -> bool:
    if row.key_result_id is None:
        return True
    return sees_key_result(session, viewer, row.key_result_id)
