"""Requests that come again: whether one says what was filed before, and whose an identity is.

An identity is of one author. Whoever comes with the identity of somebody else's update is told so; the row is never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, time, tzinfo
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.checkin import CheckInDraft, parse_check_in
from connector.domain.scoring import TOLERANCE
from connector.domain.steps import read_ticks
from connector.errors import Conflict
from connector.runtime import Runtime
from connector.services.check_ins.doubts import open_doubt
from connector.services.check_ins.steps import FIELD, told_ticks
from connector.services.facts import Facts
from connector.store.tables import Audit, CheckIn, Person

_REMEMBERED = 50  # entries of the audit trail that are looked through for a draft that was completed another way
_OTHERS = "this key stands for an update of somebody else, which stays as it is; send yours with a key of its own"
_OTHER_WORDS = "this key stands for an update that says something else, which stays as it is; send this one with a key of its own"


def require_own(before: CheckIn | None, person: Person | None) -> None:
    """Raises ``Conflict`` when what was filed under an identity is another author's."""
    if before is not None and before.author_id != (person.id if person is not None else None):
        raise Conflict(_OTHERS)


def require_same(runtime: Runtime, session: Session, facts: Facts, row: CheckIn, data: Mapping[str, Any]) -> None:
    """Raises ``Conflict`` when a request says something that the update filed under its key does not.

    What it leaves out contradicts nothing: the request of a draft may come again after the draft was completed. The value of steps is
    compared by the ticks, since others may have ticked more meanwhile.
    """
    draft = parse_check_in({name: value for name, value in data.items() if name != FIELD}, facts.definition)
    ticks = read_ticks(data[FIELD], facts.definition.milestones) if data.get(FIELD) is not None else {}
    same = (
        (draft.value is None or (row.value is not None and abs(draft.value - row.value) <= TOLERANCE))
        and draft.confidence in (None, row.confidence)
        and (not data.get("blocker") or (draft.blocker or "") == (row.blocker or ""))
        and (draft.decision is None or draft.decision.value == row.decision)
        and (not draft.comment or draft.comment == row.comment)
        and (not draft.doubt or draft.doubt == open_doubt(runtime, row.doubt))
        and (not draft.delayed or row.delayed)
        and (draft.as_of is None or row.as_of == moment_of(draft, row.created_at, runtime.settings.zone))
        and told_ticks(session, row).items() >= ticks.items()
    )
    if not same:
        raise Conflict(_OTHER_WORDS)


def moment_of(draft: CheckInDraft, now: datetime, zone: tzinfo) -> datetime:
    """The moment that the number describes: a day without a time stands for its end, but never for a moment that has not come yet."""
    return min(now, datetime.combine(draft.as_of, time.max, tzinfo=zone)) if draft.as_of else now


def remember(session: Session, old: CheckIn, speaker: str, now: datetime) -> None:
    """Note which draft an update of another source completed: when the draft's request comes again, it must not come back."""
    session.add(
        Audit(
            at=now,
            actor=speaker,
            action="complete",
            entity="check_in",
            entity_id=old.key_result_id,
            after={
                "draft": old.id,
                "was": f"{old.source}:{old.source_id}",
                "author": old.author_id,
                "said": _digest(old.value, old.confidence, old.blocker, old.decision, old.comment, old.delayed),
            },
        )
    )


def completed(session: Session, key_result_id: str, was: str, person: Person | None, draft: CheckInDraft) -> int | None:
    """The draft of this identity that an update of another source completed, as its former id; None when there is none.

    Raises ``Conflict`` when it was another author's, or said something else.
    """
    entries = session.scalars(
        select(Audit.after)
        .where(Audit.entity == "check_in", Audit.entity_id == key_result_id, Audit.action == "complete")
        .order_by(Audit.id.desc())
        .limit(_REMEMBERED)
    )
    found = next((after for after in entries if after and after.get("was") == was), None)
    if found is None:
        return None
    if "author" in found and found["author"] != (person.id if person is not None else None):
        raise Conflict(_OTHERS)
    decision = draft.decision.value if draft.decision else None
    said = _digest(draft.value, draft.confidence, draft.blocker, decision, draft.comment, draft.delayed)
    if found.get("said", said) != said:
        raise Conflict(_OTHER_WORDS)
    return int(found["draft"])


def _digest(*said: Any) -> str:
    return hashlib.sha256(orjson.dumps([None if each == "" else each for each in said])).hexdigest()
