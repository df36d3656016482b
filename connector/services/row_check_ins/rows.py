"""The rows of the Check-ins and Decisions databases: which are wanted, and what each of them says. Calls no host.

Only what hosts may show lands there: check-ins that count, and decisions, of key results that have a row beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, String, cast, literal, select, true
from sqlalchemy.orm import Session

from connector.domain import okr_columns as columns
from connector.domain.model import FieldValue, Movement
from connector.domain.okr_columns import DatabaseKind
from connector.domain.plain_text import TITLE, one_line
from connector.domain.scoring import BOUND_KINDS, is_inside, raw_progress, shown_progress
from connector.domain.wording import AFTER_LOCK, MOVEMENT_WORDS, moment_text
from connector.services.facts import load_definition
from connector.services.okr_databases import notes
from connector.services.okr_databases.sides import sides_of
from connector.services.okr_databases.waiting_rows import want_new_rows
from connector.services.panels.placing import place
from connector.services.provenance import author_text
from connector.services.row_check_ins.updates import INCOMPLETE, keep, updates_of
from connector.store import work
from connector.store.reads.people import names_of
from connector.store.tables import CheckIn, Cycle, Decision, KeyResult, Objective, OkrDatabase, OkrRow, Person, PersonAccount
from connector.store.visibility import public

Values = dict[str, FieldValue]
FROM_ROW = "row"  # source of the updates that were typed into a row: settling tells of their drafts
AT_ONCE = 500  # check-ins of the running cycles whose rows are wanted at one time; the rest follows at night


# --- wanting -----------------------------------------------------------------------------------------------------------


def want_check_in(session: Session, check_in: CheckIn, now: float) -> set[int]:
    """Want a check-in that counts to be shown: on its key result's rows, and as a row of its own beside each. Returns the connections."""
    faces = _faces(session, check_in.key_result_id)
    for face in faces:
        _drop_completed(session, face, check_in)
    work.want(session, OkrRow, [face.id for face in faces], now)
    places = {face.connection_id for face in faces}
    _want_rows(session, DatabaseKind.CHECK_INS, str(check_in.id), places, now)
    return places


def tell_drafts(session: Session, key_result_id: str, now: float) -> set[int]:
    """Have the key result's rows say which updates were begun elsewhere and are not complete yet. Returns the connections."""
    begun = session.execute(
        select(CheckIn, Person.name)
        .join(Person, Person.id == CheckIn.author_id)
        .where(CheckIn.key_result_id == key_result_id, CheckIn.draft.is_(True), CheckIn.source != FROM_ROW)
        .order_by(CheckIn.id)
    ).all()
    said = [
        f"{name} has an update that lacks {_lacking(row)}; what {name} files next, here or elsewhere, completes it" for row, name in begun
    ]
    told = [face for face in _faces(session, key_result_id) if notes.tell(face, notes.DRAFT, ". ".join(said))]
    work.want(session, OkrRow, [face.id for face in told], now)
    return {face.connection_id for face in told}


def _lacking(draft: CheckIn) -> str:
    words = {"a value": draft.value, "a confidence": draft.confidence, "a decision": draft.decision}
    return " and ".join(word for word, value in words.items() if value is None) or "its last word"


def want_decision(session: Session, decision: Decision, now: float) -> set[int]:
    """Want a decision to be shown as a row beside each row of its key result, and on its panels. Returns the connections."""
    places = {face.connection_id for face in _faces(session, decision.key_result_id)}
    _want_rows(session, DatabaseKind.DECISIONS, str(decision.id), places, now, decision.title)
    told = [decision.key_result_id]
    return places | place(session, told, changed=told, now=now)


def want_children(session: Session, connection_id: int, key_result_id: str, now: float) -> None:
    """A key result has got its row: want the rows of its check-ins and decisions, which point at it."""
    for kind, table in ((DatabaseKind.CHECK_INS, CheckIn), (DatabaseKind.DECISIONS, Decision)):
        ids = session.scalars(
            select(OkrRow.id)
            .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
            .join(table, cast(table.id, String) == OkrRow.record)
            .where(OkrRow.connection_id == connection_id, OkrDatabase.kind == kind, table.key_result_id == key_result_id)
        ).all()
        work.want(session, OkrRow, ids, now)


def want_retold(session: Session, key_results: Collection[str], now: float) -> set[int]:
    """Key results were changed: want the rows of their check-ins and decisions that say something else now, or may not be shown any more.

    Returns the connections.
    """
    found: dict[int, int] = {}
    shown = public() & KeyResult.retired_at.is_(None) & Objective.retired_at.is_(None)
    for kind, table in ((DatabaseKind.CHECK_INS, CheckIn), (DatabaseKind.DECISIONS, Decision)):
        rows = session.execute(
            select(OkrRow, KeyResult.title.label("called"), shown.label("shown"))
            .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
            .join(table, cast(table.id, String) == OkrRow.record)
            .join(KeyResult, KeyResult.id == table.key_result_id)
            .join(Objective, Objective.id == KeyResult.objective_id)
            .join(Cycle, Cycle.id == Objective.cycle_id)
            .where(OkrDatabase.kind == kind, OkrDatabase.retired_at.is_(None), OkrRow.gone_at.is_(None), KeyResult.id.in_(key_results))
        )
        for row, called, is_shown in rows:
            told = str(sides_of(row, kind).told.get(columns.TITLE) or "")
            renamed = kind is DatabaseKind.CHECK_INS and not told.endswith(one_line(called, TITLE))
            if bool(is_shown) is bool(notes.told(row, notes.STATE)) or (is_shown and (renamed or row.ref is None)):
                found[row.id] = row.connection_id
    work.want(session, OkrRow, sorted(found), now)
    return set(found.values())


def want_history(session: Session, connection_id: int, now: float, *, limit: int = AT_ONCE) -> int:
    """Want rows for check-ins of running cycles, and open decisions, that have none yet: the newest first. Returns how many are new."""
    made = 0
    for kind, table, condition in (
        (DatabaseKind.CHECK_INS, CheckIn, CheckIn.draft.is_(False)),
        (DatabaseKind.DECISIONS, Decision, true()),
    ):
        database = _database(session, connection_id, kind)
        if database is not None:
            ids = _without_row(session, database, table, condition, limit)
            made += len(ids)
            _make(session, database, [str(ident) for ident in ids], now)
    return made


def _without_row(session: Session, database: OkrDatabase, table: Any, condition: ColumnElement[bool], limit: int) -> list[int]:
    bound = select(literal(1)).where(OkrRow.database_id == database.id, OkrRow.record == cast(table.id, String)).exists()
    face = (
        select(literal(1))
        .select_from(OkrRow)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(
            OkrRow.connection_id == database.connection_id,
            OkrDatabase.kind == DatabaseKind.KEY_RESULTS,
            OkrRow.record == table.key_result_id,
        )
        .exists()
    )
    query = (
        select(table.id)
        .join(KeyResult, KeyResult.id == table.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(condition, public(), Objective.closed_at.is_(None), KeyResult.retired_at.is_(None), face, ~bound)
        .order_by(table.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query))


def _faces(session: Session, key_result_id: str) -> list[OkrRow]:
    """The rows of a key result that hosts may show."""
    query = (
        select(OkrRow)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .join(KeyResult, KeyResult.id == OkrRow.record)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(OkrDatabase.kind == DatabaseKind.KEY_RESULTS, OkrDatabase.retired_at.is_(None), OkrRow.record == key_result_id, public())
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
        .order_by(OkrRow.id)
    )
    return list(session.scalars(query))


def _drop_completed(session: Session, face: OkrRow, check_in: CheckIn) -> None:
    """A draft that waits in the row is completed by whatever its author files next, wherever that is: it waits no longer."""
    kept = updates_of(face)
    waiting = {each.account for each in kept if each.waits == INCOMPLETE and each.due_at == 0.0}
    if not waiting or check_in.author_id is None:
        return
    mine = session.scalars(
        select(PersonAccount.account).where(
            PersonAccount.connection_id == face.connection_id,
            PersonAccount.person_id == check_in.author_id,
            PersonAccount.account.in_(waiting),
        )
    ).all()
    if mine:
        keep(face, [each for each in kept if not (each.account in mine and each.waits == INCOMPLETE and each.due_at == 0.0)])


def _database(session: Session, connection_id: int, kind: DatabaseKind) -> OkrDatabase | None:
    return session.scalar(
        select(OkrDatabase)
        .where(OkrDatabase.connection_id == connection_id, OkrDatabase.kind == kind, OkrDatabase.retired_at.is_(None))
        .with_for_update()  # two that find no row must not make two
    )


def _want_rows(session: Session, kind: DatabaseKind, record: str, places: Collection[int], now: float, title: str = "") -> None:
    for connection_id in sorted(places):
        database = _database(session, connection_id, kind)
        if database is None:
            continue
        known = session.scalars(select(OkrRow.id).where(OkrRow.database_id == database.id, OkrRow.record == record)).all()
        if known:
            work.want(session, OkrRow, known, now)
        else:
            _make(session, database, [record], now, title)


def _make(session: Session, database: OkrDatabase, records: Iterable[str], now: float, title: str = "") -> None:
    moment = datetime.fromtimestamp(now, UTC)
    want_new_rows(session, database, [(record, title) for record in records], now=now, ready_at=now, moment=moment)


# --- what they say -----------------------------------------------------------------------------------------------------


def check_in_values(session: Session, connection_id: int, records: Collection[str], zone: tzinfo) -> dict[str, Values]:
    """By check-in id, what its row says. Absent: what hosts may not show, and what lacks the row of its key result still."""
    found: dict[str, Values] = {}
    rows = _shown_rows(session, connection_id, CheckIn, CheckIn.author_id, records, CheckIn.draft.is_(False))
    for row, key_result, name, account, ref in rows:
        definition = load_definition(key_result)
        who = author_text(name, row.source)
        found[str(row.id)] = {
            columns.TITLE: one_line(f"{moment_text(row.created_at, zone)}, {who}: {key_result.title}", TITLE),
            columns.KEY_RESULT: (ref,),
            columns.UPDATED: row.as_of.isoformat(),
            columns.VALUE: row.value,
            columns.PROGRESS: shown_progress(raw_progress(definition, row.value)),
            columns.CONFIDENCE: float(row.confidence) if row.confidence is not None else None,
            columns.MOVEMENT: _movement_word(definition, row),
            columns.BLOCKER: row.blocker,
            columns.DECISION: row.decision,
            columns.COMMENT: row.comment,
            columns.AUTHOR: (account,) if account else (),
            columns.UPDATED_BY: f"{who}, {AFTER_LOCK}" if row.late else who,
            columns.KEY: str(row.id),
        }
    return found


def decision_values(session: Session, connection_id: int, records: Collection[str], zone: tzinfo) -> dict[str, Values]:
    """By decision id, what its row says. Absent: what hosts may not show, and what lacks the row of its key result still."""
    found: dict[str, Values] = {}
    rows = list(_shown_rows(session, connection_id, Decision, Decision.owner_id, records, true()))
    names = names_of(session, {row.asked_by_id for row, *_ in rows})
    for row, _, _, account, ref in rows:
        found[str(row.id)] = {
            columns.TITLE: one_line(row.title, TITLE),
            columns.KEY_RESULT: (ref,),
            columns.KIND: row.kind,
            columns.OWNER: (account,) if account else (),
            columns.DUE: row.due.isoformat() if row.due else None,
            columns.STATE: row.state,
            columns.OUTCOME: row.outcome or None,
            columns.ASKED_BY: names.get(row.asked_by_id or 0) or None,
            columns.KEY: str(row.id),
        }
    return found


def _shown_rows(
    session: Session, connection_id: int, table: Any, person: Any, records: Collection[str], condition: ColumnElement[bool]
) -> Iterable[Any]:
    """Rows of (record, key result, person's name, their account, ref of the key result's row)."""
    ids = [int(record) for record in records if record.isdecimal()]
    face, home = OkrRow, OkrDatabase
    return session.execute(
        select(table, KeyResult, Person.name, PersonAccount.account, face.ref)
        .join(KeyResult, KeyResult.id == table.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .join(face, (face.record == KeyResult.id) & (face.connection_id == connection_id))
        .join(home, (home.id == face.database_id) & (home.kind == DatabaseKind.KEY_RESULTS) & home.retired_at.is_(None))
        .outerjoin(Person, Person.id == person)
        .outerjoin(PersonAccount, (PersonAccount.person_id == Person.id) & (PersonAccount.connection_id == connection_id))
        .where(table.id.in_(ids), face.ref.is_not(None), face.gone_at.is_(None), condition, public())
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
        .order_by(table.id)
    ).all()


def _movement_word(definition: Any, row: CheckIn) -> str | None:
    if definition.kind in BOUND_KINDS:
        inside = is_inside(definition, row.value) if row.value is not None else None
        return None if inside is None else "inside" if inside else "outside"
    return MOVEMENT_WORDS[Movement(row.movement)].lower() if row.movement else None
