"""What somebody types into a row is noted with its author, and filed once they pause. Calls no host and files nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import BLOCKER, CHECK_IN_FIELDS, CHECKED_IN_BY, COMMENT, VALUE, DatabaseKind
from connector.domain.row_merge import MISSING, plain, same
from connector.services.mirror import dump_value, load_value
from connector.services.okr_databases.sides import Sides, sides_of
from connector.services.row_check_ins.standing import standing
from connector.services.row_check_ins.updates import STRANGER, Update, held, keep, seconds_of, updates_of
from connector.store.tables import Audit, KeyResult, OkrDatabase, OkrRow

__all__ = ["held", "note_named", "note_pressed", "note_typed"]

QUIET = 15.0  # seconds without an edit after which an update is filed; option "settle_seconds"
LONGEST = 45.0  # seconds after its first edit at which it is filed anyhow
AMENDED = 5.0  # minutes after the first edit for which an author's further edits change the same check-in; option "amend_minutes"
WORDS = frozenset({BLOCKER, COMMENT})  # what one person says; the rest of an unfinished update somebody else may complete
_CHOSEN_BY = "chosen_by"  # in ``OkrRow.shown``: who changed "Checked in by" last, as far as anybody knows


def note_typed(
    session: Session, row: OkrRow, values: Mapping[str, FieldValue], changed: Collection[str], account: str, at: datetime, now: float
) -> None:
    """Note that ``account`` changed some of the check-in fields of a row. ``values``: all of the row's check-in fields as they are now.

    A second author's change files what the first one typed. Of what could not be filed yet, because something was missing or wrong, the
    value, confidence and decision go over to whoever types next: they see them in the row. Words stay their author's draft.
    Values that the host cannot tell are left out.
    """
    typed = _stored(values, changed)
    if not typed:
        return
    options = _options(session, row)
    quiet = seconds_of(options, "settle_seconds", QUIET)
    updates = _gone_on(session, row, account, typed, now, seconds_of(options, "amend_minutes", AMENDED) * 60.0)
    mine = updates[-1] if updates and updates[-1].account == account else _draft_of(updates, account)
    if mine is None:
        mine = _begun(account, at, now)
    updates = [*(each for each in updates if each is not mine), mine]
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

    ``account``: who pressed, "" where the host does not tell. Then it is whose edit waits, else who chose themselves in the row's "Checked
    in by", else ``editor``, who edited the row last. What ``editor`` has just typed is theirs, whoever pressed. Pressed again by the same
    author within the minutes of an amendment it is the same check-in.
    """
    last = next((each for each in reversed(updates_of(row)) if each.open and each.waits != STRANGER), None)
    who = account or (last.account if last is not None else "") or _named(session, row, values, editor, now) or editor
    sides = sides_of(row, DatabaseKind.KEY_RESULTS)
    fresh = list(_stored(values, _unfiled(session, row, values)))
    if editor not in ("", who) and (theirs := [name for name in fresh if not _is_seen(sides, name, values[name])]):
        note_typed(session, row, values, theirs, editor, at, now)
        fresh = [name for name in fresh if name not in theirs]
    if fresh:
        note_typed(session, row, values, fresh, who, at, now)
        updates = updates_of(row)
    else:
        updates = _gone_on(session, row, who, {}, now, seconds_of(_options(session, row), "amend_minutes", AMENDED) * 60.0)
    if not any(each.open and each.waits != STRANGER for each in updates) and not (updates and updates[-1].account == who):
        updates.append(_begun(who, at, now))
    for each in updates:
        if each.open:  # with ``due_at`` in the past it comes before what others type meanwhile
            each.due_at, each.pressed = now, True
    keep(row, updates)


def note_named(row: OkrRow, values: Mapping[str, FieldValue], account: str) -> None:
    """Remember who chose the people in a row's "Checked in by", if they have just been changed: only one's own name counts.

    To be called before what the row says is noted at it.
    """
    named = values.get(CHECKED_IN_BY)
    if named is None or isinstance(named, Unknown) or _is_seen(sides_of(row, DatabaseKind.KEY_RESULTS), CHECKED_IN_BY, named):
        return
    row.shown = {**(row.shown or {}), _CHOSEN_BY: account}


def _gone_on(session: Session, row: OkrRow, account: str, typed: Mapping[str, Any], now: float, amended: float) -> list[Update]:
    """The updates kept at a row as ``account`` goes on typing: others' are due now, what waits is theirs to complete, old ones end."""
    kept: list[Update] = []
    taken: dict[str, Any] = {}
    for each in updates_of(row):
        if not each.open:
            if each.account == account and now - each.first_at <= amended:
                kept.append(each)
        elif each.account == account or not typed:
            kept.append(_anew(each, now) if each.waits and each.filed is not None and now - each.first_at > amended else each)
        elif each.due_at > 0.0 and not each.waits:
            each.due_at = min(each.due_at, now)
            kept.append(each)
        else:
            _note_overwritten(session, row, each, typed, now)
            rest = {name: value for name, value in each.values.items() if name not in typed}
            if each.waits != STRANGER:  # of whom an admin may still say who that was
                taken |= {name: value for name, value in each.values.items() if name not in WORDS}
                rest = {name: value for name, value in rest.items() if name in WORDS}
            if rest:
                kept.append(replace(each, values=rest))
    if taken:
        if not kept or kept[-1].account != account:
            kept.append(_begun(account, datetime.fromtimestamp(now, UTC), now))
        kept[-1].values = taken | kept[-1].values
    return kept


def _draft_of(updates: Collection[Update], account: str) -> Update | None:
    """What this author began and could not file, which others went past."""
    return next((each for each in updates if each.account == account and each.open and each.due_at == 0.0), None)


def _anew(update: Update, now: float) -> Update:
    """A change that waited until what it was to change stood for good: an update of its own."""
    return replace(update, first=datetime.fromtimestamp(now, UTC).isoformat(), first_at=now, filed=None)


def _begun(account: str, at: datetime, now: float) -> Update:
    moment = at.isoformat()
    return Update(account, moment, now, now, now, 0.0, moment)


def _note_overwritten(session: Session, row: OkrRow, other: Update, typed: Mapping[str, Any], now: float) -> None:
    """Nobody's words are lost: what one typed and could not file, and another typed over, stands in the audit trail."""
    lost = {name: value for name, value in other.values.items() if name in typed and typed[name] != value}
    if lost:
        _note_conflict(session, row, now, {**lost, "typed_by": other.account}, {name: typed[name] for name in lost})


def _stored(values: Mapping[str, FieldValue], changed: Collection[str]) -> dict[str, Any]:
    return {
        name: dump_value(values[name])
        for name in CHECK_IN_FIELDS
        if name in changed and name in values and not isinstance(values[name], Unknown)
    }


def _unfiled(session: Session, row: OkrRow, values: Mapping[str, FieldValue]) -> list[str]:
    """The fields of a row that hold what no update says: just typed, or there since before the row was a key result's face.

    Where the row differs because it does not show our last word yet, that word counts. What somebody's update waits with is theirs.
    """
    sides = sides_of(row, DatabaseKind.KEY_RESULTS)
    ours = {
        **standing(session, row.connection_id, [row.record])[row.record],
        VALUE: session.scalar(select(KeyResult.current).where(KeyResult.id == row.record)),
    }
    waiting = [each for each in updates_of(row) if each.open and each.account]
    found = []
    for name in CHECK_IN_FIELDS:
        if name not in values or isinstance(values[name], Unknown):
            continue
        told = sides.told_of(name)
        if any(name in each.values and same(load_value(each.values[name]), values[name]) for each in waiting):
            continue
        lags = told is MISSING or not same(told, ours[name])
        if not _is_seen(sides, name, values[name]) or not (lags or same(values[name], ours[name])):
            found.append(name)
    return found


def _is_seen(sides: Sides, name: str, value: FieldValue) -> bool:
    """Whether a column says what it said when it was read last."""
    seen = sides.seen_of(name)
    return plain(value) is None if seen is MISSING else same(value, seen)


def _named(session: Session, row: OkrRow, values: Mapping[str, FieldValue], editor: str, now: float) -> str:
    """Who chose themselves in "Checked in by", since we wrote it; "" for nobody. Whom others chose is not credited, and that is told."""
    people = values.get(CHECKED_IN_BY)
    named = str(people[0]) if isinstance(people, tuple) and people else ""
    told = sides_of(row, DatabaseKind.KEY_RESULTS).told_of(CHECKED_IN_BY)
    if not named or (told is not MISSING and same(told, people)):
        return ""
    chosen_by = str((row.shown or {}).get(_CHOSEN_BY) or "")
    if named == chosen_by:
        return named
    why = f"{named} was entered by {chosen_by or 'somebody unknown'}, so the update does not count as theirs"
    _note_conflict(session, row, now, {CHECKED_IN_BY: named, "entered_by": chosen_by}, {CHECKED_IN_BY: editor}, why)
    return ""


def _note_conflict(
    session: Session, row: OkrRow, now: float, before: Mapping[str, Any], after: Mapping[str, Any], reason: str = ""
) -> None:
    session.add(
        Audit(
            at=datetime.fromtimestamp(now, UTC),
            actor="system",
            action="conflict",
            entity="key_result",
            entity_id=row.record,
            before=dict(before),
            after=dict(after),
            reason=reason,
        )
    )


def _options(session: Session, row: OkrRow) -> Mapping[str, Any]:
    database = session.get(OkrDatabase, row.database_id)
    return (database.options or {}) if database is not None else {}
