"""An author puts their own update right a moment later: the same check-in says it, and what it said before stays in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import scoring
from connector.domain.checkin import CheckInDraft, parse_check_in
from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound, StoreUnavailable
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.check_ins.blockers import link_of
from connector.services.check_ins.filing import note_value, told_elsewhere
from connector.services.check_ins.opening import base_of, over_text
from connector.services.check_ins.rights import require_check_in
from connector.services.check_ins.steps import stepwise
from connector.services.facts import Facts, load_facts
from connector.services.locks import locked_for, told_late
from connector.services.rollup import roll_up_dirty
from connector.store import work
from connector.store.tables import CheckIn, KeyResult

FIELDS = ("value", "confidence", "blocker", "decision", "comment")


@dataclass(frozen=True, slots=True)
class Amended:
    """The check-in, and which of its fields say something else now; () when it said all of this before. ``late``: see ``Filed``."""

    id: int
    changed: tuple[str, ...]
    late: str = ""


def amend_check_in(runtime: Runtime, check_in_id: int, data: Mapping[str, Any], *, viewer: Viewer) -> Amended:
    """Change what the author's own latest check-in says; fields that are left out stay. Saying the same changes nothing.

    Raises ``NotFound``, ``Forbidden`` for another's, ``Conflict`` when it is not the latest of its key result any more, or the cycle is
    over, and ``InputError`` for a bad field, or one that would be empty then.
    """
    now = runtime.now()
    with runtime.store.write() as session:
        row = session.get(CheckIn, check_in_id)
        if row is None or row.draft:
            raise NotFound("there is no such check-in")
        require_check_in(session, viewer, row.key_result_id)
        session.execute(select(KeyResult.id).where(KeyResult.id == row.key_result_id).with_for_update())
        facts = load_facts(session, [row.key_result_id], computing=False)[row.key_result_id]
        _check_latest(runtime, facts, row, viewer)
        before = _said(row)
        draft = _wanted(facts, before | dict(data))
        after: dict[str, Any] = {name: getattr(draft, name) for name in FIELDS} | {"decision": draft.decision and draft.decision.value}
        changed = tuple(name for name in FIELDS if not _is_same(before[name], after[name]))
        if not changed:
            return Amended(row.id, ())
        _take(session, facts, row, after, viewer, now)
        # The pre-read keeps what it said before: what it says now came after the lock.
        row.late = row.late or locked_for(session, row.key_result_id, now, settling=True) is not None
        late = told_late(session, row.key_result_id, row.late, now, runtime.settings.zone)
        record(
            session,
            viewer,
            now,
            "amend",
            "key_result",
            row.key_result_id,
            before=before | {"check_in": None},
            after=after | {"check_in": row.id},
        )
        work.want(session, KeyResult, [row.key_result_id], runtime.epoch())
        places = told_elsewhere(session, row, runtime.epoch(), now)
    with suppress(StoreUnavailable):  # as for a new one: whoever looks again shall see it
        roll_up_dirty(runtime)
    runtime.queue.nudge("settle")
    for connection_id in sorted(places):
        runtime.queue.nudge("drain", connection_id)
    return Amended(check_in_id, changed, late)


def _check_latest(runtime: Runtime, facts: Facts, row: CheckIn, viewer: Viewer) -> None:
    if viewer.person_id is None or row.author_id != viewer.person_id:
        raise Forbidden("an update is changed by its author alone; file one of your own")
    if facts.check_ins[-1].id != row.id:
        raise Conflict("a newer update of this key result came since; file another one")
    if over := over_text(facts, runtime):
        raise Conflict(over)


def _said(row: CheckIn) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS} | {"blocker": row.blocker or "", "comment": row.comment or ""}


def _wanted(facts: Facts, fields: dict[str, Any]) -> CheckInDraft:
    draft = parse_check_in(fields, facts.definition)
    if missing := draft.missing():
        raise InputError("was said and cannot be left open now", where=missing[0])
    if stepwise(facts) and not _is_same(draft.value, facts.check_ins[-1].value):
        raise InputError("this key result counts its steps and takes no number", where="value")
    return draft


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= scoring.TOLERANCE
    return bool(one == other)


def _take(session: Session, facts: Facts, row: CheckIn, after: Mapping[str, Any], viewer: Viewer, now: datetime) -> None:
    """Store what it says now. The moment of filing stays; a number that was not dated is of now when it changes."""
    moved = not _is_same(row.value, after["value"])
    dated = row.as_of < row.created_at
    cleared = "" if row.comment else row.comment  # a comment that is taken away does not give way to an older one, where these stand
    for name in FIELDS:
        setattr(row, name, after[name] or None if name == "blocker" else after[name])
    row.comment = after["comment"] or cleared
    row.blocker_link = link_of(session, [link.id for link in facts.links], row.blocker or "")
    if not moved:
        return
    base = base_of(session, row.key_result_id, facts.check_ins[:-1], before=row.created_at)
    movement = scoring.movement(facts.definition, base.value, row.value) if base is not None else None
    row.movement = movement.value if movement else None
    if not dated:
        row.as_of = now
    note_value(session, facts.row, row, viewer.email or viewer.name, now)
