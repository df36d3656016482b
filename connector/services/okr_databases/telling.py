"""What is told about a row that was taken over: the trail keeps every text that gave way, the row's note says what people need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import AUTHOR, CHECKED_IN_BY, OBJECTIVE, OWNER, REASON, VALUE, DatabaseKind
from connector.domain.row_merge import plain
from connector.runtime import Runtime
from connector.services.okr_databases import applying, notes
from connector.services.okr_databases.applying import Applied, called, entity_of
from connector.services.okr_databases.contents import Contents, Standing
from connector.services.okr_databases.editors import Editor
from connector.services.okr_databases.merging import Plan
from connector.store.tables import Audit, OkrDatabase, OkrRow, Person, PersonAccount

PUT_BACK = "put_back"  # the audit trail's word for what was typed and gave way
_PEOPLE = (OWNER, CHECKED_IN_BY, AUTHOR)
_LONGEST = 120  # characters of a lost text in a note; the audit trail has all of it


def tell(
    session: Session,
    runtime: Runtime,
    database: OkrDatabase,
    row: OkrRow,
    plan: Plan,
    applied: Applied,
    contents: Contents,
    by: Callable[[str], Editor],
    *,
    reason: str = "",
    after_edit: bool,
) -> None:
    """Write the trail and the notes of one row that was merged. ``by``: who changed a field there · ``reason``: what somebody wrote for
    earlier changes · ``after_edit``: somebody edited it; else we looked before writing.
    """
    kind = DatabaseKind(database.kind)
    _trail(session, runtime, kind, row, plan, contents, by)
    if notes.tell(row, notes.STATE, contents.why) and contents.standing is Standing.HIDDEN:
        plan.sides.overwrite(contents.ours)
    notes.tell(row, notes.ELSEWHERE, "")
    if contents.standing is Standing.HIDDEN:
        for topic in (notes.FIELDS, notes.REASON, notes.PUT_BACK):
            notes.tell(row, topic, "")
        return
    notes.tell(row, notes.FIELDS, _wrong(database, applied))
    put_back = _put_back(database, plan, applied, contents)
    if put_back or after_edit:
        notes.tell(row, notes.PUT_BACK, put_back)
    _reasons(session, runtime, database, row, plan, applied, reason, by(REASON))


def gone(session: Session, runtime: Runtime, database: OkrDatabase, row: OkrRow, *, elsewhere: bool) -> None:
    """Note in the trail that a record has no row any more; the record itself stays."""
    if not row.record:
        return
    kind = DatabaseKind(database.kind)
    after = {"row": row.ref, "why": "moved out of its database" if elsewhere else "in the trash, deleted or not shared any more"}
    session.add(
        Audit(
            at=runtime.now(),
            actor="system",
            action="row_gone",
            entity=entity_of(kind),
            entity_id=row.record,
            after={**after, "database": database.title},
        )
    )


def _trail(
    session: Session, runtime: Runtime, kind: DatabaseKind, row: OkrRow, plan: Plan, contents: Contents, by: Callable[[str], Editor]
) -> None:
    words = _Words(session, row.connection_id)
    lines: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
    for clash in plan.clashes:
        before = {clash.field: words.say(clash.field, clash.lost)}
        if not clash.taken:
            before["typed_by"] = by(clash.field).actor
        lines.append(
            (by(clash.field).actor if clash.taken else "system", "conflict", before, {clash.field: words.say(clash.field, clash.kept)})
        )
    typed: dict[str, dict[str, Any]] = {}
    for name, value in plan.put_back.items():
        if name not in plan.left:
            typed.setdefault(by(name).actor, {})[name] = words.say(name, value)
    for actor, values in typed.items():
        lines.append((actor, PUT_BACK, values, {name: words.say(name, contents.ours.get(name)) for name in values}))
    for actor, action, before, after in lines:
        session.add(
            Audit(at=runtime.now(), actor=actor, action=action, entity=entity_of(kind), entity_id=row.record, before=before, after=after)
        )


class _Words:
    """Values as people read them in the trail: addresses instead of accounts, our ids instead of the host's rows."""

    def __init__(self, session: Session, connection_id: int) -> None:
        self._session, self._connection_id = session, connection_id

    def say(self, name: str, value: Any) -> Any:
        found = plain(value)
        if not isinstance(found, list):
            return found
        known: Mapping[str, str] = {}
        if name in _PEOPLE:
            known = self._pairs(
                select(PersonAccount.account, Person.email)
                .join(Person, Person.id == PersonAccount.person_id)
                .where(PersonAccount.connection_id == self._connection_id, PersonAccount.account.in_(found))
            )
        elif name == OBJECTIVE:
            known = self._pairs(
                select(OkrRow.ref, OkrRow.record).where(
                    OkrRow.connection_id == self._connection_id, OkrRow.ref.in_(found), OkrRow.record != ""
                )
            )
        said = [known.get(each, each) for each in found]
        return said[0] if len(said) == 1 else said

    def _pairs(self, query: Any) -> dict[str, str]:
        return {first: second for first, second in self._session.execute(query)}  # noqa: C416  # rows are no pairs to the type checker


def _wrong(database: OkrDatabase, applied: Applied) -> str:
    return _sentences(f"“{called(database, name)}”: {why}" for name, why in _grouped(database, applied.wrong))


def _grouped(database: OkrDatabase, told: Mapping[str, str]) -> list[tuple[str, str]]:
    """One sentence for fields with the same fault."""
    found: dict[str, str] = {}
    for name, why in told.items():
        found.setdefault(why, name)
    return [(name, why) for why, name in found.items()]


def _put_back(database: OkrDatabase, plan: Plan, applied: Applied, contents: Contents) -> str:
    said: list[str] = []
    computed: list[str] = []
    for name in plan.put_back:
        label = f"“{called(database, name)}”"
        if name in plan.left:
            why = (
                "is computed here, and something writes into it again and again" if name in contents.computed else "was put back too often"
            )
            said.append(f"{label} {why}; it is left alone until it changes here")
        elif name in applied.refused:
            said.append(f"{label} was put back: {applied.refused[name]}")
        elif name == VALUE and contents.value_from:
            said.append(f"{label} {contents.value_from}; what was typed was put back")
        elif name in contents.computed or contents.standing is Standing.CLOSED:
            computed.append(label)
        else:
            said.append(f"{label} says what was last told here; what stood in the row is kept in the history")
    if computed:
        reason = (
            ""
            if contents.standing is Standing.CLOSED
            else ", because it is computed here"
            if len(computed) == 1
            else ", because they are computed here"
        )
        said.append(f"{_listed(computed)} {'was' if len(computed) == 1 else 'were'} put back{reason}")
    for clash in plan.clashes:
        if not clash.taken:
            lost = clash.lost if isinstance(clash.lost, str) else ""
            text = f" “{lost[:_LONGEST]}{'…' if len(lost) > _LONGEST else ''}”" if lost else " what was typed in this row"
            said.append(f"“{called(database, clash.field)}” was changed later elsewhere;{text} is kept in the history")
    return _sentences(said)


def _reasons(
    session: Session, runtime: Runtime, database: OkrDatabase, row: OkrRow, plan: Plan, applied: Applied, reason: str, editor: Editor
) -> None:
    """The reason that stands in the row goes with the change, also with one that was made before; then its column is emptied."""
    kind = DatabaseKind(database.kind)
    reason = applying.usable(reason)
    given = bool(reason) and applying.give_reason(session, kind, row.record, reason, editor, runtime.now()) > 0
    if applied.reasoned or given:
        plan.sides.say_again(REASON)
        notes.tell(row, notes.REASON, "")
    elif applied.unreasoned and REASON in (database.columns or {}):
        words = _listed(applying.unreasoned_words(session, kind, row.record) or applied.unreasoned)
        notes.tell(row, notes.REASON, f"please say why you changed the {words}: write it under “{called(database, REASON)}”")
    elif notes.told(row, notes.REASON) and not applying.unreasoned(session, kind, row.record):
        notes.tell(row, notes.REASON, "")


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _sentences(parts: Iterable[str]) -> str:
    return ". ".join(part.rstrip(".") for part in parts)
