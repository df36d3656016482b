"""What somebody types into a row is noted with its author, and filed once they pause. Calls no host and files nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import CHECK_IN_FIELDS, CHECKED_IN_BY, VALUE, DatabaseKind
from connector.domain.row_merge import MISSING, plain, same
from connector.services.mirror import dump_value
from connector.services.okr_databases.sides import sides_of
from connector.services.row_check_ins.standing import standing
from connector.services.row_check_ins.updates import STRANGER, Update, held, keep, seconds_of, updates_of
from connector.store.tables import Audit, KeyResult, OkrDatabase, OkrRow

__all__ = ["held", "note_pressed", "note_typed"]

QUIET = 15.0  # seconds without an edit after which an update is filed; option "settle_seconds"
LONGEST = 45.0  # seconds after its first edit at which it is filed anyhow
AMENDED = 5.0  # minutes after the first edit for which an author's further edits change the same check-in; option "amend_minutes"


def note_typed(
    session: Session, row: OkrRow, values: Mapping[str, FieldValue], changed: Collection[str], account: str, at: datetime, now: float
) -> None:
    """Note that ``account`` changed some of the check-in fields of a row. ``values``: all of the row's check-in fields as they are now.

    A second author's change files what the first one typed. What could not be filed yet, because something was missing or wrong, goes
    over to whoever types next: they see it in the row. Values that the host cannot tell are left out.
    """
    typed = _stored(values, changed)
    if not typed:
        return
    options = _options(session, row)
    quiet = seconds_of(options, "settle_seconds", QUIET)
    updates = _gone_on(session, row, account, typed, now, seconds_of(options, "amend_minutes", AMENDED) * 60.0)
    mine = updates[-1] if updates and updates[-1].account == account else None
    if mine is None:
        mine = _begun(account, at, now)
        updates.append(mine)
    if mine.due_at == 0.0 or mine.waits:
        mine.burst_at = now
    mine.values |= typed
    mine.waits = ""
    mine.said = max(at, datetime.fromisoformat(mine.said)).isoformat()
    mine.last_at = now
    mine.due_at = min(now + quiet, mine.burst_at + max(LONGEST, quiet))
    keep(row, updates)


def note_pressed(
    session: Session, row: OkrRow, values: Mapping[str, FieldValue], account: str, at: datetime, now: float, *, editor: str = ""
) -> None:
    """Note that the row's button was pressed: what it holds is filed at once, also when nothing was changed.

    ``account``: who pressed, "" where the host does not tell. Then it is who is named in the row's "Checked in by", else whose edit waits,
    else ``editor``, who edited the row last. Pressed again by the same author within the minutes of an amendment it is the same check-in.
    """
    fresh = _stored(values, _unfiled(session, row, values))
    last = next(iter(updates_of(row)[-1:]), None)
    waiting = last.account if last is not None and last.open else ""
    who = account or _named(values) or waiting or editor
    if fresh:
        note_typed(session, row, values, list(fresh), who, at, now)
        updates = updates_of(row)
    else:
        updates = _gone_on(session, row, who, {}, now, seconds_of(_options(session, row), "amend_minutes", AMENDED) * 60.0)
    if not any(each.open for each in updates) and not (updates and updates[-1].account == who):
        updates.append(_begun(who, at, now))
    for each in updates:
        if each.open:  # with ``due_at`` in the past it comes before what others type meanwhile
            each.due_at, each.pressed = now, True
    keep(row, updates)


def _gone_on(session: Session, row: OkrRow, account: str, typed: Mapping[str, Any], now: float, amended: float) -> list[Update]:
    """The updates kept at a row as ``account`` goes on typing: others' are due now, what waits is theirs to complete, old ones end."""
    kept: list[Update] = []
    taken: dict[str, Any] = {}
    for each in updates_of(row):
        if each.filed is not None and each.due_at == 0.0:
            if each.account == account and now - each.first_at <= amended:
                kept.append(each)
        elif each.account == account or not typed:
            kept.append(each)
        elif each.due_at > 0.0 and not each.waits:
            each.due_at = min(each.due_at, now)
            kept.append(each)
        else:
            _note_overwritten(session, row, each, typed, now)
            if each.waits != STRANGER:
                taken |= each.values
            elif rest := {name: value for name, value in each.values.items() if name not in typed}:
                kept.append(replace(each, values=rest))  # an admin may still say who that was
    if taken:
        if not kept or kept[-1].account != account:
            kept.append(_begun(account, datetime.fromtimestamp(now, UTC), now))
        kept[-1].values = taken | kept[-1].values
    return kept


def _begun(account: str, at: datetime, now: float) -> Update:
    moment = at.isoformat()
    return Update(account, moment, now, now, now, 0.0, moment)


def _note_overwritten(session: Session, row: OkrRow, other: Update, typed: Mapping[str, Any], now: float) -> None:
    """Nobody's words are lost: what one typed and could not file, and another typed over, stands in the audit trail."""
    lost = {name: value for name, value in other.values.items() if name in typed and typed[name] != value}
    if lost:
        session.add(
            Audit(
                at=datetime.fromtimestamp(now, UTC),
                actor="system",
                action="conflict",
                entity="key_result",
                entity_id=row.record,
                before={**lost, "typed_by": other.account},
                after={name: typed[name] for name in lost},
            )
        )


def _stored(values: Mapping[str, FieldValue], changed: Collection[str]) -> dict[str, Any]:
    return {
        name: dump_value(values[name])
        for name in CHECK_IN_FIELDS
        if name in changed and name in values and not isinstance(values[name], Unknown)
    }


def _unfiled(session: Session, row: OkrRow, values: Mapping[str, FieldValue]) -> list[str]:
    """The fields of a row that hold what no update says: just typed, or there since before the row was a key result's face.

    Where the row differs because it does not show our last word yet, that word counts.
    """
    sides = sides_of(row, DatabaseKind.KEY_RESULTS)
    ours = {
        **standing(session, row.connection_id, [row.record])[row.record],
        VALUE: session.scalar(select(KeyResult.current).where(KeyResult.id == row.record)),
    }
    found = []
    for name in CHECK_IN_FIELDS:
        if name not in values or isinstance(values[name], Unknown):
            continue
        seen, told = sides.seen_of(name), sides.told_of(name)
        typed = plain(values[name]) is not None if seen is MISSING else not same(values[name], seen)
        if typed or (told is not MISSING and same(told, ours[name]) and not same(values[name], ours[name])):
            found.append(name)
    return found


def _named(values: Mapping[str, FieldValue]) -> str:
    people = values.get(CHECKED_IN_BY)
    return str(people[0]) if isinstance(people, tuple) and people else ""


def _options(session: Session, row: OkrRow) -> Mapping[str, Any]:
    database = session.get(OkrDatabase, row.database_id)
    return (database.options or {}) if database is not None else {}
