"""Rows that stand for nothing yet: kept as drafts with what they need, matched with a record that is here, or made into one.

Calls no host. Rows are taken over some at a time, in the caller's transaction; whatever cannot be used is a sentence in the row, never an
error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.okr_columns import CYCLE, FROM, NOTE, OBJECTIVE, OWNER, TEAM, TITLE, TO, UNIT, DatabaseKind
from connector.domain.rights import Viewer
from connector.domain.row_drafts import Reading, draft_note
from connector.domain.row_merge import MISSING, same
from connector.errors import ConnectorError, Faults, Forbidden, InputError
from connector.hosts.okr_databases import Row
from connector.runtime import Runtime
from connector.services import tokens
from connector.services.declare.aftermath import WorkToDo
from connector.services.mirror import upsert
from connector.services.okr_databases import matching, notes, row_reading
from connector.services.okr_databases.bringing import bring_along
from connector.services.okr_databases.editors import editor_of
from connector.services.okr_databases.sides import sides_of
from connector.services.panels import place_rows
from connector.services.plan import key_results, objectives
from connector.store import work
from connector.store.tables import Connection, KeyResult, OkrDatabase, OkrRow, Person

log = structlog.get_logger(__name__)

COUNTS_FOR_NOTHING = (
    "This row counts for nothing: check-ins are not typed here. Type yours into the row of the key result, or press the button there; "
    "it is listed here then"
)
WHAT = {DatabaseKind.OBJECTIVES: "an objective", DatabaseKind.KEY_RESULTS: "a key result"}
_FIELDS = {"title": TITLE, "objective": OBJECTIVE, "owner": OWNER, "start": FROM, "target": TO, "unit": UNIT, "cycle": CYCLE, "team": TEAM}


def take_drafts(
    session: Session, runtime: Runtime, database: OkrDatabase, rows: Sequence[tuple[Row, str]], todo: WorkToDo
) -> dict[str, str]:
    """Take over rows without a record: bind each to one that is here, make one when nothing is missing, else keep it as a draft.

    ``rows``: each with who edited it. The first reading of an adopted database is on the word of whoever adopted it instead. What a row
    says of its value and its last update comes with it. Returns ref → id of the record, "" for a draft. Rows of other kinds than objectives
    and key results are kept only. Whoever calls this announces ``todo`` after the commit, if there is anything in it.
    """
    kind, now = DatabaseKind(database.kind), runtime.epoch()
    page = _Page(session, runtime, database)
    kept = _kept(session, database, [row for row, _ in rows], runtime.now())
    found: dict[str, str] = {}
    bound: list[int] = []
    told: list[int] = []
    for row, account in rows:
        each = kept[row.ref]
        record = each.record or ""
        if record:
            pass  # somebody was quicker
        elif (trusted := page.trusts(row, account)) and (
            record := matching.awaited(session, database, row)
        ):  # made by us a moment ago; nobody noted where
            _bind(session, database, each, record, made=False)
        elif kind in WHAT:
            reading = row_reading.read(database, kind, row, page.today, page.known)
            match = matching.match(session, database, kind, row, reading, page.free, trusted=trusted)
            record, missing = match.record, match.problem
            if not record and not missing and not reading.missing:
                record, missing = _made(session, runtime, database, kind, reading, page.author(account), row, todo)
            if record:
                page.free.taken(record)
                bound.append(_bind(session, database, each, record, made=not match.record).id)
            elif _stays(each, kind, (*([missing] if missing else []), *reading.missing)):
                told.append(each.id)
        elif kind is DatabaseKind.CHECK_INS and _says(each, kind, COUNTS_FOR_NOTHING):
            told.append(each.id)
        found[row.ref] = record
    session.flush()
    again = _waiting_for(session, database) if bound and kind is DatabaseKind.OBJECTIVES else []
    work.want(session, OkrRow, [*bound, *told, *again], now)
    if bound:
        place_rows(session, bound, now)
    # Panels and rows follow from its value: nothing else shows a record that is new.
    work.want(session, KeyResult, sorted(todo.key_results), now)
    return found


class _Page:
    """What the rows that are taken over in one transaction have in common, looked up once."""

    def __init__(self, session: Session, runtime: Runtime, database: OkrDatabase) -> None:
        self._session, self._database = session, database
        self._authors: dict[str, _Author] = {}
        self.today = runtime.now().astimezone(runtime.settings.zone).date()
        self.known = row_reading.LookUps(session, database)
        self.free = matching.Free(session, database, DatabaseKind(database.kind))
        self._bot = session.get_one(Connection, database.connection_id).bot_id
        # The first reading of a database that an admin has chosen is on their word.
        self._chosen = database.read_at is None and bool((database.options or {}).get("adopted_by"))

    def trusts(self, row: Row, account: str) -> bool:
        """Whether a row may stand for a record that is here: what anybody writes into a key must not take that one's place."""
        ours = bool(self._bot) and row.created_by == self._bot
        return ours or self._chosen or self.author(account).viewer is not None

    def author(self, account: str) -> _Author:
        if account not in self._authors:
            self._authors[account] = _author(self._session, self._database, account)
        return self._authors[account]


def _kept(session: Session, database: OkrDatabase, rows: Sequence[Row], moment: datetime) -> dict[str, OkrRow]:
    """The rows as they are kept, locked; new where they were never seen."""
    empty: dict[str, Any] = {"agreed": {}, "shown": {}, "heard": {}, "missing": []}
    common = {"connection_id": database.connection_id, "database_id": database.id, "created_at": moment, **empty}
    upsert(session, OkrRow, ["connection_id", "ref"], [{**common, "ref": ref} for ref in sorted({row.ref for row in rows})])
    query = select(OkrRow).where(OkrRow.connection_id == database.connection_id, OkrRow.ref.in_([row.ref for row in rows]))
    found = {str(kept.ref): kept for kept in session.scalars(query.order_by(OkrRow.id).with_for_update())}
    for row in rows:
        kept = found[row.ref]
        if not kept.record:  # else it was moved here out of another database: it stays what it was, and counts as gone there
            kept.database_id = database.id
            kept.url, kept.title = row.url or kept.url, str(row.values.get(TITLE) or "")[:500]
            kept.edited_at, kept.read_at, kept.gone_at = row.edited_at, moment, None
    return found


@dataclass(frozen=True, slots=True)
class _Author:
    """On whose word a record is made; None and why where nobody's word counts. ``person``: who spoke of its value, when they are known."""

    viewer: Viewer | None
    refusal: str = ""
    person: int | None = None


def _author(session: Session, database: OkrDatabase, account: str) -> _Author:
    if database.adopted and database.read_at is None:
        by = (database.options or {}).get("adopted_by") or {}
        if by.get("token") is not None:
            holder = tokens.viewer_of(session, int(by["token"]))  # None once it was revoked
            if holder is not None:
                return _Author(holder)
        elif by.get("name") and by.get("person") is None:
            return _Author(Viewer(str(by["name"]), "admin"))  # a command on the machine itself
        person = session.get(Person, by["person"]) if by.get("person") is not None and by.get("token") is None else None
        if person is not None and person.active:
            return _Author(Viewer(person.email, person.role, person.id, person.email, person.name))
    editor = editor_of(session, session.get_one(Connection, database.connection_id), account)
    try:
        viewer = editor.definer(str((database.options or {}).get("definitions", "everybody")))
    except Forbidden as error:
        return _Author(None, str(error))
    return _Author(viewer, person=editor.person.id if editor.person is not None else None)


def _made(
    session: Session,
    runtime: Runtime,
    database: OkrDatabase,
    kind: DatabaseKind,
    reading: Reading,
    author: _Author,
    row: Row,
    todo: WorkToDo,
) -> tuple[str, str]:
    """Make the record: (its id, "") or ("", what keeps it from being made)."""
    if author.viewer is None:
        return "", author.refusal
    names = {field: str(column.get("name", field)) for field, column in database.columns.items()}
    try:
        with session.begin_nested():  # what cannot be saved leaves nothing behind
            if kind is DatabaseKind.OBJECTIVES:
                return objectives.add(session, runtime, author.viewer, reading.given, todo).id, ""
            record = key_results.add(session, runtime, author.viewer, reading.given, todo).id
    except Faults as error:
        return "", "; ".join(_told(each, names) for each in error.errors)
    except InputError as error:
        return "", _told(error, names)
    except ConnectorError as error:
        return "", str(error)
    bring_along(session, record, row, actor=author.viewer.name, author=author.person, now=runtime.now(), origin=database.title)
    return record, ""


def _told(error: InputError, names: Mapping[str, str]) -> str:
    field = _FIELDS.get(error.where, "")
    return f"“{names[field]}”: {error.message}" if field in names else error.message


def _bind(session: Session, database: OkrDatabase, kept: OkrRow, record: str, *, made: bool) -> OkrRow:
    """Make the row the face of a record. A row that was to be made for it at the host is this one now.

    ``made``: the record is of this transaction, so that nothing else can stand for it.
    """
    waiting = None
    if not made:
        there = (OkrRow.database_id == database.id, OkrRow.record == record)
        waiting = session.scalar(select(OkrRow).where(*there, OkrRow.ref.is_(None)).with_for_update())
    if waiting is not None:
        values = (kept.ref, kept.url, kept.title, kept.edited_at, kept.read_at, kept.note, dict(kept.shown or {}), dict(kept.heard or {}))
        session.delete(kept)
        session.flush()
        kept = waiting
        kept.ref, kept.url, kept.title, kept.edited_at, kept.read_at, kept.note, kept.shown, kept.heard = values
    if not made:
        # A row in the trash that was its face before is none any more: put back, it is a copy of this one.
        session.execute(update(OkrRow).where(*there, OkrRow.id != kept.id).values(record=""))
    kept.record, kept.missing, kept.unsure = record, [], False
    notes.tell(kept, notes.FIELDS, "")
    log.info("row_bound", database=database.kind, record=record, made=made)
    return kept


def _stays(kept: OkrRow, kind: DatabaseKind, missing: tuple[str, ...]) -> bool:
    """Keep it as a draft, and have the row say what is missing. False when it does already."""
    kept.missing = list(missing)
    return _says(kept, kind, draft_note(WHAT[kind], missing))


def _says(kept: OkrRow, kind: DatabaseKind, text: str) -> bool:
    """Have the row say this. False when it does already: a text that was never written there is still to be told."""
    notes.tell(kept, notes.FIELDS, text)
    told = sides_of(kept, kind).told_of(NOTE)
    return bool(kept.note) if told is MISSING else not same(told, kept.note)


def _waiting_for(session: Session, database: OkrDatabase) -> list[int]:
    """An objective is one now: the rows that waited for one are read again."""
    waiting = session.scalars(
        select(OkrRow)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(
            OkrDatabase.connection_id == database.connection_id,
            OkrDatabase.kind == DatabaseKind.KEY_RESULTS,
            OkrDatabase.retired_at.is_(None),
            OkrRow.record == "",
            OkrRow.ref.is_not(None),
            OkrRow.gone_at.is_(None),
        )
        .order_by(OkrRow.id)
        .with_for_update(of=OkrRow)
        .execution_options(populate_existing=True)
    )
    found = [each for each in waiting if any(row_reading.AWAITS_OBJECTIVE in sentence for sentence in each.missing or ())]
    for each in found:
        each.heard = {**(each.heard or {}), "again": True}
    session.flush()
    return [each.id for each in found]
