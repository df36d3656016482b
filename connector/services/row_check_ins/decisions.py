"""What people write into rows of the Decisions database: changes of a decision, and new ones. Calls no host.

What cannot be used is told in words and left in the row; what may not be is put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import DUE, KEY_RESULT, KIND, OUTCOME, OWNER, STATE, TITLE, DatabaseKind
from connector.domain.rights import Viewer
from connector.errors import Forbidden, InputError
from connector.hosts.okr_databases import Row
from connector.runtime import Runtime
from connector.services import decisions, leads_page
from connector.services.okr_databases.applying import Applied
from connector.services.okr_databases.editors import Editor, editor_of
from connector.services.row_check_ins.rows import want_decision
from connector.store.tables import Connection, Decision, OkrDatabase, OkrRow
from connector.store.visibility import key_result_is_public

SOURCE = "row"  # of decisions that were entered as rows
_NAMES = {TITLE: "title", KEY_RESULT: "key_result_id", KIND: "kind", OWNER: "owner_id", DUE: "due", STATE: "state", OUTCOME: "outcome"}
_FIELDS = {name: field for field, name in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Drafted:
    """What became of a new row. ``record``: id of the decision, "" while the row is a draft · ``missing``: what it needs, in words."""

    record: str = ""
    missing: tuple[str, ...] = ()


def apply_decision(
    runtime: Runtime, connection: Connection, database: OkrDatabase, record: str, changes: Mapping[str, FieldValue], editor: Editor
) -> Applied:
    """Change a decision as its row says. Never raises for bad values.

    Whoever may change definitions may, and the decision's own owner. An open one has an owner and a due date (R061).
    """
    applied = Applied()
    with runtime.store.write() as session:
        row = session.get(Decision, int(record)) if record.isdecimal() else None
        if row is None:
            applied.refused = dict.fromkeys(changes, "this decision does not exist any more")
            return applied
        if not key_result_is_public(session, row.key_result_id):
            applied.refused = dict.fromkeys(changes, "its key result is no longer shown here")
            return applied
        try:
            viewer = _viewer(database, editor, row)
        except Forbidden as error:
            applied.refused = dict.fromkeys(changes, str(error))
            return applied
        given = _given(session, connection, changes, applied)
        while given:
            try:
                decisions.change(session, viewer, row, given, runtime.now())
            except InputError as error:
                _leave_out(given, error, applied)
                continue
            applied.taken = {_FIELDS[name] for name in given}
            _tell(session, row, runtime.epoch())
            break
    return applied


def draft_decision(runtime: Runtime, connection: Connection, database: OkrDatabase, read: Row, editor: Editor) -> Drafted:
    """Make a decision of a new row once its title and key result are there. Says what is missing, and why it is none, in words."""
    changes = {name: value for name, value in read.values.items() if name in _NAMES and value not in (None, "", ())}
    wishes = {TITLE: "needs a title", KEY_RESULT: "needs a Key result"}
    lacking = [text for name, text in wishes.items() if name not in changes]
    applied = Applied()
    with runtime.store.write() as session:
        given = _given(session, connection, changes, applied)
        if lacking or applied.wrong:
            return Drafted(missing=(*lacking, *applied.wrong.values()))
        try:
            viewer = _viewer(database, editor, None)
            made = decisions.create(session, viewer, given, runtime.now(), source=SOURCE)
        except (Forbidden, InputError) as error:
            return Drafted(missing=(error.message if isinstance(error, InputError) else str(error),))
        leads_page.want_changed(session, [made.key_result_id], runtime.epoch())
        return Drafted(str(made.id))


def _viewer(database: OkrDatabase, editor: Editor, row: Decision | None) -> Viewer:
    person = editor.person
    if row is not None and person is not None and person.active and row.owner_id == person.id:
        return editor.viewer
    return editor.definer(str((database.options or {}).get("definitions") or "everybody"))


def _given(session: Session, connection: Connection, changes: Mapping[str, FieldValue], applied: Applied) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in _NAMES or isinstance(value, Unknown):
            continue
        try:
            found[_NAMES[name]] = _read(session, connection, name, value)
        except InputError as error:
            applied.wrong[name] = error.message
    return found


def _read(session: Session, connection: Connection, name: str, value: FieldValue) -> Any:
    if name == OWNER:
        return _owner(session, connection, value)
    if name == DUE:
        return _day(value)
    if name == KEY_RESULT:
        return _key_result(session, connection, value)
    return value if isinstance(value, str) or value is None else str(value)


def _owner(session: Session, connection: Connection, value: FieldValue) -> int | None:
    accounts = value if isinstance(value, tuple) else ()
    if not accounts:
        return None
    if len(accounts) > 1:
        raise InputError(f"a decision has one owner, a person; leave one of the {len(accounts)}")
    person = editor_of(session, connection, accounts[0]).person
    if person is None or not person.active:
        raise InputError("this account is not known here yet; an admin gives it to a person under People, then it counts")
    return person.id


def _day(value: FieldValue) -> date | None:
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise InputError("this is no day; choose one such as 2026-11-30") from None


def _key_result(session: Session, connection: Connection, value: FieldValue) -> str:
    refs = value if isinstance(value, tuple) else ()
    if len(refs) != 1:
        rule = "a decision is about exactly one key result"
        raise InputError(f"{rule}; choose one" if not refs else f"{rule}; leave one of the {len(refs)}")
    record = session.scalar(
        select(OkrRow.record)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(OkrRow.connection_id == connection.id, OkrRow.ref == refs[0], OkrDatabase.kind == DatabaseKind.KEY_RESULTS)
    )
    if record is None:
        raise InputError("that row is not among the key results that are kept here; choose another")
    if not record:
        raise InputError("that key result is still a draft; complete its row first")
    if not key_result_is_public(session, record):
        raise InputError("that key result is no longer shown here; choose another")
    return record


def _leave_out(given: dict[str, Any], error: InputError, applied: Applied) -> None:
    """Take out what a fault is about. An open decision that lacks something is put back: it would promise what nobody does."""
    if error.where == "state":
        lacking = [each for each in list(given) if each == "state" or (each in ("owner_id", "due") and given[each] is None)]
        for each in lacking or list(given):
            applied.refused[_FIELDS[each]] = error.message
            del given[each]
        return
    name = error.where if error.where in given else next(iter(given))
    applied.wrong[_FIELDS[name]] = error.message
    del given[name]


def _tell(session: Session, row: Decision, now: float) -> None:
    """Other rows of it, and the leads' pages, follow."""
    want_decision(session, row, now)
    leads_page.want_changed(session, [row.key_result_id], now)
