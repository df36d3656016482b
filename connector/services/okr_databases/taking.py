"""Takes over what was read of rows: human fields by a three-way merge, new rows as drafts, computed fields put back. Calls no host.

Definitions go through the plan's services, each in a transaction of its own; then what both sides agree on is noted in one more. Whoever
dies in between has the row read again, and finds both sides equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connector.domain.model import Unknown
from connector.domain.okr_columns import CHECK_IN_FIELDS, CHECKED_IN_BY, NOTE, REASON, DatabaseKind
from connector.domain.row_merge import is_later, plain
from connector.hosts.okr_databases import Row
from connector.runtime import Runtime
from connector.services.okr_databases import applying, notes, telling
from connector.services.okr_databases.applying import Applied
from connector.services.okr_databases.contents import Contents, Standing, contents_of
from connector.services.okr_databases.crediting import credit_of, keep_reason, reason_of
from connector.services.okr_databases.hearing import Heard, heard_of
from connector.services.okr_databases.merging import Plan, plan_of
from connector.services.okr_databases.newcomers import note_taken, take_new, title_of, to_be_written
from connector.services.okr_databases.sides import note_hidden, sides_of, was_hidden
from connector.services.okr_databases.waiting import AGAIN
from connector.services.panels import place_rows
from connector.services.row_check_ins.decisions import apply_decision
from connector.services.row_check_ins.typing import held, note_named, note_pressed, note_typed
from connector.store import work
from connector.store.tables import Audit, Connection, OkrDatabase, OkrRow

log = structlog.get_logger(__name__)

AT_ONCE = 100  # rows whose records are read together
OFTEN = (5, timedelta(hours=1))  # so many times within so long a row's columns are put back, then they are left alone


def take_rows(
    runtime: Runtime,
    database_id: int,
    rows: Sequence[Row],
    gone: Sequence[str] = (),
    *,
    heard: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Take over rows just read of one database. Returns how many led to a change here.

    Rows that are not known yet become drafts or, when nothing is missing, records. Calls no host: rows whose columns must be written are
    wanted. ``heard``: by ref, what events had told when rows were read one by one; without it they come from a list, which may lag behind.
    """
    with runtime.store.read() as session:
        database = session.get(OkrDatabase, database_id)
        connection = session.get_one(Connection, database.connection_id) if database is not None else None
    if database is None or connection is None or database.retired_at is not None:
        return 0
    moved = [row.ref for row in rows if row.source != database.source]
    here = [row for row in rows if row.source == database.source]
    changed = 0
    for start in range(0, len(here), AT_ONCE):
        changed += _take_some(runtime, connection, database, here[start : start + AT_ONCE], heard)
    return changed + _note_gone(runtime, database, gone) + _note_gone(runtime, database, moved, elsewhere=True)


def _take_some(
    runtime: Runtime, connection: Connection, database: OkrDatabase, rows: Sequence[Row], heard: Mapping[str, Mapping[str, Any]] | None
) -> int:
    with runtime.store.read() as session:
        known = _known(session, connection, [row.ref for row in rows])
        contents = contents_of(session, runtime, database, [each for each in known.values() if each.record])
    new = [row for row in rows if row.ref not in known or not known[row.ref].record]
    changed, differing = take_new(runtime, connection, database, new, known, heard)
    for row, kept, shown in differing:
        _take(runtime, connection, database, row, kept, shown, heard, bound=True)
    unchanged: list[int] = []
    fresh = {row.ref for row in new}
    for row in rows:
        if row.ref in fresh or known[row.ref].database_id != database.id:
            continue  # the latter moved here out of another database: it is gone there, and stands for nothing here
        kept = known[row.ref]
        outcome = _take(runtime, connection, database, row, kept, contents[kept.id], heard)
        if outcome is None:
            unchanged.append(kept.id)
        else:
            changed += outcome
    if unchanged:
        with runtime.store.write() as session:
            session.execute(update(OkrRow).where(OkrRow.id.in_(unchanged)).values(read_at=runtime.now()))
    return changed


def _known(session: Session, connection: Connection, refs: Sequence[str]) -> dict[str, OkrRow]:
    rows = session.scalars(select(OkrRow).where(OkrRow.connection_id == connection.id, OkrRow.ref.in_(refs)))
    return {str(row.ref): row for row in rows}


def _take(
    runtime: Runtime,
    connection: Connection,
    database: OkrDatabase,
    row: Row,
    kept: OkrRow,
    contents: Contents,
    heard: Mapping[str, Mapping[str, Any]] | None,
    *,
    bound: bool = False,
) -> int | None:
    """Merge one row with its record: 1 when something changed here, None when there was not even anything to note."""
    kind = DatabaseKind(database.kind)
    told = dict((heard or {}).get(row.ref) or (kept.heard or {}))
    who = heard_of(told, row, connection.bot_id)
    before = sides_of(kept, kind)

    def row_is_later(name: str) -> bool:
        with runtime.store.read() as session:
            ours_at: datetime | None = applying.changed_at(session, kind, kept.record, name)
        moment, exact = who.moment(name)
        return is_later(moment, ours_at, exact=exact)

    hidden, returning = contents.standing is Standing.HIDDEN, was_hidden(kept)
    plan = plan_of(kind, row.values, contents, sides_of(kept, kind), row_is_later, held=held(kept), returning=returning and not hidden)
    if bound:
        plan.replace_updates(contents)
    if heard is None and not bound and plan.by_people and _may_be_old(row, kept):
        # A list may lag behind what was written or read a moment ago: the row itself decides.
        _read_again(runtime, kept.id)
        return 0
    quiet = not (plan.by_people or who.pressed or plan.reason or told or kept.gone_at)
    if quiet and hidden == returning and plan.sides == before and kept.title == title_of(row, kept) and not _notes_to_clear(kept):
        return None
    with runtime.store.read() as session:
        credit = credit_of(session, connection, who)
        reason = reason_of(session, database, kept, before, plan, credit)
        often = bool(plan.put_back or plan.take) and _put_back_often(session, runtime, kind, kept)
    applied = Applied()
    for authors, names in credit.groups(plan.take):
        part, editor = {name: plan.take[name] for name in names}, credit.by(names[0])
        if kind is DatabaseKind.DECISIONS:
            applied |= apply_decision(runtime, connection, database, kept.record, part, editor)
        else:
            applied |= applying.apply(runtime, connection, database, kept.record, part, editor, reason.of(authors))
    if reason.refusal:
        applied.refused[REASON] = reason.refusal
    with runtime.store.write() as session:
        fresh = session.scalars(select(OkrRow).where(OkrRow.id == kept.id).with_for_update()).one()
        if applied.taken:
            contents = contents_of(session, runtime, database, [fresh])[fresh.id]
        _settle_definitions(plan, applied, contents)
        if often:
            _give_up(plan, contents)
        after_edit = heard is None or bool(told)
        telling.tell(session, runtime, database, fresh, plan, applied, contents, credit.by, reason=reason.later, after_edit=after_edit)
        if NOTE in plan.left:
            plan.sides.told[NOTE] = plain(fresh.note)
        if not bound:
            _note_update(session, runtime, fresh, plan, contents, who)
            if heard is not None and dict(fresh.heard or {}) == told:
                fresh.heard = {}
        note_taken(runtime, database, row, fresh, plan)
        keep_reason(fresh, reason)
        note_hidden(fresh, hidden=hidden)
        session.flush()
        if kept.gone_at is not None:
            place_rows(session, [fresh.id], runtime.epoch())  # its page is back, and its panel goes on there
        if to_be_written(database, fresh, plan, contents):
            work.want(session, OkrRow, [fresh.id], runtime.epoch())
    return int(plan.by_people or who.pressed or kept.gone_at is not None)


def _put_back_often(session: Session, runtime: Runtime, kind: DatabaseKind, row: OkrRow) -> bool:
    lately = select(func.count()).where(
        Audit.entity == applying.entity_of(kind),
        Audit.entity_id == row.record,
        Audit.action == telling.PUT_BACK,
        Audit.at > runtime.now() - OFTEN[1],
    )
    return (session.scalar(lately) or 0) >= OFTEN[0]


def _give_up(plan: Plan, contents: Contents) -> None:
    """Something writes again and again what we put back: then we leave it, until what we have to say changes."""
    for name in plan.put_back:
        ours = contents.ours.get(name, Unknown("not ours"))
        if not isinstance(ours, Unknown):
            plan.sides.told[name] = plain(ours)
            plan.left.add(name)


def _settle_definitions(plan: Plan, applied: Applied, contents: Contents) -> None:
    """Note what became of the definitions that were to be taken over."""
    for name in applied.taken:
        plan.sides.note(name, plan.values[name], contents.ours[name])
    for name in applied.refused:
        plan.put_back[name] = plan.values[name]
        plan.sides.note_seen(name, plan.values[name])
        plan.sides.say_again(name)
    for name in applied.wrong:
        # What somebody typed stays in the row until they change it: ours does not go over it meanwhile.
        ours = contents.ours[name]
        plan.sides.told[name] = plan.sides.told.get(name) if isinstance(ours, Unknown) else plain(ours)
    plan.clashes = [clash for clash in plan.clashes if not clash.taken or clash.field in applied.taken]


def _note_update(session: Session, runtime: Runtime, row: OkrRow, plan: Plan, contents: Contents, who: Heard) -> None:
    """Hand what was typed, or the press of the button, to those who file updates."""
    fields = [name for name in (*CHECK_IN_FIELDS, CHECKED_IN_BY) if name in plan.values and name not in contents.computed]
    values = {name: plan.values[name] for name in fields}
    if CHECKED_IN_BY in values:
        note_named(row, values, who.author(CHECKED_IN_BY))
    now = runtime.now()
    for author in sorted({who.author(name) for name in plan.typed}, key=lambda each: max(_moments(plan, who, each), default=now)):
        if author or not who.pressed:
            mine = [name for name in plan.typed if who.author(name) == author]
            note_typed(session, row, values, mine, author, max(_moments(plan, who, author), default=now), runtime.epoch())
    if who.pressed:
        note_pressed(session, row, values, who.presser, who.latest or now, runtime.epoch(), editor=who.account)


def _moments(plan: Plan, who: Heard, author: str) -> list[datetime]:
    """When somebody typed what is theirs."""
    return [moment for name in plan.typed if who.author(name) == author and (moment := who.moment(name)[0]) is not None]


def _may_be_old(row: Row, kept: OkrRow) -> bool:
    return row.edited_at is not None and kept.edited_at is not None and row.edited_at <= kept.edited_at


def _read_again(runtime: Runtime, ident: int) -> None:
    with runtime.store.write() as session:
        row = session.scalars(select(OkrRow).where(OkrRow.id == ident).with_for_update()).one()
        row.heard = {**(row.heard or {}), **AGAIN}
        session.flush()
        work.want(session, OkrRow, [ident], runtime.epoch())


def _notes_to_clear(row: OkrRow) -> bool:
    return bool(notes.told(row, notes.PUT_BACK) or notes.told(row, notes.FIELDS))


def _note_gone(runtime: Runtime, database: OkrDatabase, refs: Sequence[str], *, elsewhere: bool = False) -> int:
    """Rows in the trash, or moved out of the database: their records stay, and nothing is written until they are back."""
    if not refs:
        return 0
    with runtime.store.write() as session:
        rows = session.scalars(
            select(OkrRow).where(OkrRow.database_id == database.id, OkrRow.ref.in_(refs), OkrRow.gone_at.is_(None)).with_for_update()
        ).all()
        for row in rows:
            row.gone_at, row.heard = runtime.now(), {}
            notes.tell(row, notes.ELSEWHERE, "moved out of its database, so it is not kept in step; move it back" if elsewhere else "")
            telling.gone(session, runtime, database, row, elsewhere=elsewhere)
    if rows:
        log.info("okr_rows_gone", database=database.kind, rows=len(rows), moved=elsewhere)
    return len(rows)
