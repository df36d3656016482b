"""Takes over rows that stand for nothing yet, some in one transaction: what all of them name is looked up once. Calls no host.

A row that becomes the face of a record is compared with it at once: what it held then is what both sides agree on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import NOTE, TITLE, DatabaseKind
from connector.hosts.okr_databases import Row
from connector.runtime import Runtime
from connector.services.declare.aftermath import WorkToDo
from connector.services.okr_databases import notes, telling
from connector.services.okr_databases.applying import Applied
from connector.services.okr_databases.contents import Contents, Standing, contents_of
from connector.services.okr_databases.crediting import always
from connector.services.okr_databases.drafts import take_drafts
from connector.services.okr_databases.editors import editor_of, editors_of
from connector.services.okr_databases.hearing import heard_of
from connector.services.okr_databases.merging import Plan, plan_of
from connector.services.okr_databases.records import columns_of
from connector.services.okr_databases.sides import keep, sides_of
from connector.services.plan import saving
from connector.services.row_check_ins.decisions import draft_decision
from connector.services.row_check_ins.typing import held
from connector.store import work
from connector.store.tables import Connection, OkrDatabase, OkrRow

AT_ONCE = 25  # rows in one transaction: whoever else writes waits no longer than a quarter of a second for it

Heard = Mapping[str, Mapping[str, Any]]
Differing = tuple[Row, OkrRow, Contents]


def take_new(
    runtime: Runtime,
    connection: Connection,
    database: OkrDatabase,
    rows: Sequence[Row],
    known: Mapping[str, OkrRow],
    heard: Heard | None,
) -> tuple[int, list[Differing]]:
    """Take over rows without a record. Returns how many have one now, and those of them that say something else than their record does:
    that is settled as an edit is. ``heard``: see ``taking.take_rows``.
    """
    bound, differing = 0, list[Differing]()
    for start in range(0, len(rows), AT_ONCE):
        part = [(row, _account(connection, row, known.get(row.ref), heard)) for row in rows[start : start + AT_ONCE]]
        todo = WorkToDo()
        with runtime.store.write() as session:
            records = take_drafts(session, runtime, session.get_one(OkrDatabase, database.id), part, todo)
            if database.kind != DatabaseKind.DECISIONS:
                differing += _agree(session, runtime, connection, database, [row for row, _ in part], heard)
        if todo.key_results or todo.objectives:
            saving.announce(runtime, todo)
        if database.kind == DatabaseKind.DECISIONS:
            for row, account in part:
                records[row.ref] = records[row.ref] or _draft_decision(runtime, connection, database, row, account)
            with runtime.store.write() as session:
                differing += _agree(session, runtime, connection, database, [row for row, _ in part], heard)
        bound += sum(map(bool, records.values()))
    return bound, differing


def _account(connection: Connection, row: Row, kept: OkrRow | None, heard: Heard | None) -> str:
    """Who is to be asked for a record on their word: whoever edited the row, else whoever made it."""
    told = (heard or {}).get(row.ref)
    if told is None:
        told = kept.heard if kept is not None else {}
    who = heard_of(told or {}, row, connection.bot_id)
    return who.account or ("" if row.created_by == connection.bot_id else row.created_by)


def _draft_decision(runtime: Runtime, connection: Connection, database: OkrDatabase, row: Row, account: str) -> str:
    """A new row of the decisions: the decision's id, or "" while it needs something, which its note says."""
    with runtime.store.read() as session:
        editor = editor_of(session, connection, account)
    drafted = draft_decision(runtime, connection, database, row, editor)
    with runtime.store.write() as session:
        kept = session.scalars(_rows(connection, [row])).one()
        kept.record, kept.missing = drafted.record, list(drafted.missing)
        lacking = "; ".join(drafted.missing)
        notes.tell(kept, notes.FIELDS, f"no decision yet: {lacking}" if lacking else "")
        session.flush()
        work.want(session, OkrRow, [kept.id], runtime.epoch())
    return drafted.record


def _rows(connection: Connection, rows: Sequence[Row]) -> Any:
    query = select(OkrRow).where(OkrRow.connection_id == connection.id, OkrRow.ref.in_([row.ref for row in rows]))
    return query.order_by(OkrRow.id).with_for_update()


def _agree(
    session: Session, runtime: Runtime, connection: Connection, database: OkrDatabase, rows: Sequence[Row], heard: Heard | None
) -> list[Differing]:
    """Compare those that have a record by now with it, and note what both sides say. Returns those that say something else than it does."""
    kind = DatabaseKind(database.kind)
    fresh = {str(each.ref): each for each in session.scalars(_rows(connection, rows))}
    read = {} if heard is None else {ref: dict(heard[ref]) for ref in fresh if ref in heard}
    for ref, told in read.items():
        if dict(fresh[ref].heard or {}) == told:
            fresh[ref].heard = {}
    bound = [(row, kept) for row in rows if (kept := fresh[row.ref]).record and kept.database_id == database.id]
    contents = contents_of(session, runtime, database, [kept for _, kept in bound])
    editors = editors_of(session, connection, {_editor(connection, row, kept) for row, kept in bound})
    differing: list[Differing] = []
    wanted: list[int] = []
    for row, kept in bound:
        shown = contents[kept.id]
        # Nothing was noted of either side yet: whether the row is the later one is asked for what differs, and then settled by itself.
        plan = plan_of(kind, row.values, shown, sides_of(kept, kind), lambda name: True)
        plan.replace_updates(shown)
        if plan.take or plan.clashes:
            differing.append((row, kept, shown))
            continue
        editor = editors[_editor(connection, row, kept)]
        after_edit = heard is None or bool(kept.heard)
        telling.tell(session, runtime, database, kept, plan, Applied(), shown, always(editor), after_edit=after_edit)
        note_taken(runtime, database, row, kept, plan)
        if to_be_written(database, kept, plan, shown):
            wanted.append(kept.id)
    session.flush()
    work.want(session, OkrRow, wanted, runtime.epoch())
    return differing


def _editor(connection: Connection, row: Row, kept: OkrRow) -> str:
    return heard_of(dict(kept.heard or {}), row, connection.bot_id).account


# --- what is noted of every row that was compared with its record ------------------------------------------------------


def note_taken(runtime: Runtime, database: OkrDatabase, row: Row, kept: OkrRow, plan: Plan) -> None:
    """Note at a row what it said when it was read, and what both sides are now."""
    keep(kept, DatabaseKind(database.kind), plan.sides)
    kept.title, kept.url, kept.gone_at = title_of(row, kept), row.url or kept.url, None
    kept.read_at, kept.edited_at = runtime.now(), row.edited_at or kept.edited_at


def to_be_written(database: OkrDatabase, kept: OkrRow, plan: Plan, contents: Contents) -> bool:
    """Whether the row has to be written so that it says what we do."""
    return bool(plan.sides.to_write({**contents.ours, NOTE: kept.note}, columns_of(database), held_in(kept, contents)))


def held_in(kept: OkrRow, contents: Contents) -> frozenset[str]:
    """The fields of a row that hold what somebody is still typing: left alone, but where nothing may be shown any more."""
    return frozenset() if contents.standing is Standing.HIDDEN else held(kept)


def title_of(row: Row, kept: OkrRow) -> str:
    """The title that a row was read with, else the one that is known."""
    found = row.values.get(TITLE)
    return found[:500] if isinstance(found, str) else kept.title
