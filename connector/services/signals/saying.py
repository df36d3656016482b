"""What people say of a blocker: it is in the way, it is cleared, it still is in the way, or it never was, with the reason.

Whoever may update the key result may say so; everything is in the audit trail.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.changes import stated_reason
from connector.domain.rights import Viewer
from connector.domain.signals.blocked import DETECTED, DISMISSED, OWNER
from connector.errors import Conflict, InputError, NotFound, StoreUnavailable
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.check_ins.rights import require_check_in
from connector.services.rollup import roll_up_dirty
from connector.store import work
from connector.store.tables import Blocker, KeyResult

ANSWERS = ("confirm", "clear", "keep", "dismiss")


def answer(runtime: Runtime, viewer: Viewer, key_result_id: str, blocker_id: int, said: str, *, reason: str = "") -> Blocker:
    """Take a person's word on a standing blocker. ``said``: one of ``ANSWERS``; to say the same twice changes nothing.

    Raises ``NotFound``, ``Forbidden``, ``Conflict`` for a blocker that is over or of a kind that cannot be answered so, ``InputError``
    for a dismissal without a reason.
    """
    why = stated_reason(reason, "say why it is not in the way" if said == "dismiss" else "")
    now = runtime.now()
    with runtime.store.write() as session:
        require_check_in(session, viewer, key_result_id)
        row = _standing(session, key_result_id, blocker_id)
        changes = _changes(row, said, now)
        if changes:
            changes |= {"reason": why} if said == "dismiss" else {}
            changes |= {"ended_by_id": viewer.person_id} if "ended_at" in changes else {}
            for name, value in changes.items():
                setattr(row, name, value)
            told = {"key_result": key_result_id, "blocker": row.text}
            record(session, viewer, now, said, "blocker", str(row.id), after=told, reason=why)
            work.want(session, KeyResult, [key_result_id], runtime.epoch())
    if changes:
        with suppress(StoreUnavailable):  # whoever looks again shall see it; what fails here is made up for by a worker
            roll_up_dirty(runtime)
        runtime.queue.nudge("settle")
    return row


def _standing(session: Session, key_result_id: str, blocker_id: int) -> Blocker:
    row = session.scalar(select(Blocker).where(Blocker.id == blocker_id, Blocker.key_result_id == key_result_id).with_for_update())
    if row is None:
        raise NotFound(f"this key result has no blocker {blocker_id}")
    if row.ended_at is not None:
        raise Conflict("this blocker is over already; load the page again")
    return row


def _changes(row: Blocker, said: str, now: datetime) -> dict[str, Any]:
    if said == "confirm":
        return {} if row.confirmed_at is not None else {"confirmed_at": now}
    if said == "keep":
        return {} if row.clear_at is None else {"clear_at": None, "evidence": {**row.evidence, "kept": True}}
    if said == "clear":
        return {"ended_at": now, "ended_by": OWNER}
    if said != "dismiss":
        raise InputError(f"say one of {', '.join(ANSWERS)}", where="answer")
    if row.source != DETECTED:
        raise Conflict("an update names this blocker; it is over when its owner says that it is cleared")
    return {"ended_at": now, "ended_by": DISMISSED}
