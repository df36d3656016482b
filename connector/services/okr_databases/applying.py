"""Takes over what somebody changed of a record's definition in its row, through the services that every other door uses.

What cannot be used is told in words and left in the row; what its editor may not change is put back. Calls no host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.changes import LONGEST_REASON, needs_reason
from connector.domain.model import FieldValue, Kind
from connector.domain.okr_columns import CYCLE, FROM, OBJECTIVE, OWNER, TEAM, TITLE, TO, UNIT, DatabaseKind, column
from connector.domain.rights import Viewer
from connector.domain.row_drafts import numeral
from connector.errors import Conflict, Faults, Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services.okr_databases import choices
from connector.services.okr_databases.contents import ENDS
from connector.services.okr_databases.editors import Editor, editors_of
from connector.services.okr_databases.row_reading import by_title
from connector.services.plan import key_results, objectives
from connector.store.tables import Audit, Connection, Cycle, KeyResult, OkrDatabase, OkrRow, Team
from connector.store.visibility import objective_is_public

NO_REASON = "no reason given yet"  # stands in the trail until somebody writes one
_PLAIN = {TITLE: "title", UNIT: "unit"}
_FIELDS: Mapping[str, tuple[str, ...]] = {
    TITLE: ("title",),
    OBJECTIVE: ("objective",),
    OWNER: ("owner",),
    FROM: ("start", "low"),
    TO: ("target", "high"),
    UNIT: ("unit",),
    TEAM: ("team",),
    CYCLE: ("cycle",),
}
"""Our fields in the words of the audit trail and of errors."""


@dataclass
class Applied:
    """What became of the changes. ``taken``: fields · ``wrong``: field → why it cannot be used, and the mend; it stays in the row ·
    ``refused``: field → why it is put back · ``unreasoned``: what changed and needs a reason that nobody gave · ``reasoned``: it was given.
    """

    taken: set[str] = field(default_factory=set)
    wrong: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unreasoned: tuple[str, ...] = ()
    reasoned: bool = False

    def __or__(self, other: Applied) -> Applied:
        """What became of these changes and others."""
        return Applied(
            self.taken | other.taken,
            self.wrong | other.wrong,
            self.refused | other.refused,
            tuple(dict.fromkeys((*self.unreasoned, *other.unreasoned))),
            self.reasoned or other.reasoned,
        )


def apply(
    runtime: Runtime,
    connection: Connection,
    database: OkrDatabase,
    record: str,
    changes: Mapping[str, FieldValue],
    editor: Editor,
    reason: str,
) -> Applied:
    """Change a record as its row says. ``reason``: what stands in the row's reason column, "" for nothing. Never raises for bad values."""
    applied = Applied()
    kind = DatabaseKind(database.kind)
    try:
        viewer = editor.definer(str((database.options or {}).get("definitions") or "everybody"))
    except Forbidden as error:
        applied.refused = dict.fromkeys(changes, str(error))
        return applied
    with runtime.store.read() as session:
        read = _Reader(session, connection, database, record).read
        given: dict[str, dict[str, Any]] = {}
        for name, value in changes.items():
            try:
                given[name] = read(kind, name, value)
            except InputError as error:
                applied.wrong[name] = error.message
    _save(runtime, kind, viewer, record, given, usable(reason), applied)
    return applied


def usable(reason: str) -> str:
    """A reason as it is stored; "" for one that says nothing."""
    text = " ".join(reason.split())[:LONGEST_REASON]
    return text if any(sign.isalnum() for sign in text) else ""


def _save(
    runtime: Runtime, kind: DatabaseKind, viewer: Viewer, record: str, given: dict[str, dict[str, Any]], reason: str, applied: Applied
) -> None:
    """Save what can be saved: a field with a fault is left out, and the others go on."""
    service = key_results.update if kind is DatabaseKind.KEY_RESULTS else objectives.update
    while given:
        whole = {name: value for part in given.values() for name, value in part.items()}
        try:
            saved = service(runtime, viewer, record, whole, reason=reason or NO_REASON)
        except InputError as error:
            found = _at_fields(error.errors if isinstance(error, Faults) else (error,), given)
            applied.wrong |= found
            given = {name: part for name, part in given.items() if name not in found}
            continue
        except (NotFound, Conflict, Forbidden) as error:
            applied.refused |= dict.fromkeys(given, str(error))
            return
        applied.taken = set(given)
        applied.reasoned = bool(saved.changed and reason)
        applied.unreasoned = () if reason else saved.changed
        return


def _at_fields(errors: Sequence[InputError], given: Mapping[str, Any]) -> dict[str, str]:
    """Which of the changes are at fault. From and To belong together; a fault of neither is everybody's."""
    found: dict[str, str] = {}
    for error in errors:
        where = error.where.partition("[")[0]
        names = [name for name in given if where in _FIELDS[name]]
        if not names or names[0] in (FROM, TO):
            names = [name for name in given if name in (FROM, TO)] or list(given)
        for name in names:
            found.setdefault(name, error.message)
    return found


class _Reader:
    """Reads the row's values in the words of the plan's services. Raises ``InputError`` with what is wrong and how to mend it."""

    def __init__(self, session: Session, connection: Connection, database: OkrDatabase, record: str) -> None:
        self._session, self._connection, self._database, self._record = session, connection, database, record

    def read(self, kind: DatabaseKind, name: str, value: FieldValue) -> dict[str, Any]:
        """One changed field."""
        if name in _PLAIN:
            return {_PLAIN[name]: _text(value)}
        if name in (FROM, TO):
            return self._end(name, value)
        if name == OWNER:
            return {"owner": self._owner(value)}
        if name == OBJECTIVE:
            return {"objective": self._objective(value)}
        return {name: self._choice(name, value)}

    def _end(self, name: str, value: FieldValue) -> dict[str, Any]:
        kind = Kind(self._session.get_one(KeyResult, self._record).kind)
        target = ENDS[kind][name == TO]
        if not target:
            has = "only To counts" if ENDS[kind][1] else "it has neither From nor To"
            raise InputError(f"this key result is of the kind {kind.value.replace('_', ' ')}: {has}; empty this")
        return {target: number(value)}

    def _owner(self, value: FieldValue) -> str:
        accounts = value if isinstance(value, tuple) else ((value,) if isinstance(value, str) and value.strip() else ())
        if len(accounts) != 1:
            rule = "a key result has exactly one owner, a person"
            raise InputError(f"{rule}; choose one" if not accounts else f"{rule}; leave one of the {len(accounts)}")
        account = accounts[0].strip()
        if "@" in account:
            return account
        person = editors_of(self._session, self._connection, [account])[account].person
        if person is None:
            raise InputError("this account is not known here yet; an admin gives it to a person under People, then it counts")
        return person.email

    def _objective(self, value: FieldValue) -> str:
        if isinstance(value, str) and value.strip():
            found, why = by_title(self._session, self._database, value)
            if why:
                raise InputError(why)
            return found
        refs = value if isinstance(value, tuple) else ()
        if len(refs) != 1:
            rule = "a key result serves exactly one objective"
            raise InputError(f"{rule}; choose one" if not refs else f"{rule}; leave one of the {len(refs)}")
        row = self._session.execute(
            select(OkrRow.record)
            .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
            .where(OkrRow.connection_id == self._connection.id, OkrRow.ref == refs[0], OkrDatabase.kind == DatabaseKind.OBJECTIVES.value)
        ).one_or_none()
        if row is None:
            raise InputError("that row is not among the objectives that are kept here; choose another")
        if not row.record:
            raise InputError("that objective is still a draft; complete its row first")
        if not objective_is_public(self._session, str(row.record)):
            raise InputError("that objective is no longer shown here; choose another")
        return str(row.record)

    def _choice(self, name: str, value: FieldValue) -> str | None:
        """A team or cycle by its option."""
        text = _text(value)
        if not text:
            if name == TEAM:
                return None
            raise InputError("an objective belongs to a cycle; choose one")
        known: Mapping[str, Team | Cycle] = choices.teams(self._session) if name == TEAM else choices.cycles(self._session)
        row = choices.found(known, text)
        if row is None:
            listed = [each for each, row in known.items() if not _is_ahead(row)][:8]
            raise InputError(f"no {name} is called “{text[:80]}”; choose one of {', '.join(listed) or 'none yet'}")
        if _is_ahead(row):
            raise InputError(f"the cycle {row.name} has not started: what is planned in it is not shown here yet; choose one that runs")
        return str(row.name)


def _is_ahead(row: Team | Cycle) -> bool:
    """Of what is ahead nothing is told at the host."""
    return isinstance(row, Cycle) and row.started_at is None


def number(value: FieldValue) -> float | None:
    """A number, also one that stands in a text column; None for an empty cell. Raises ``InputError``."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        if (said := numeral(value)) is not None:
            return said[0]
        raise InputError(f"“{value[:40]}” is no number; write a number alone")
    raise InputError("this is no number; write a number alone")


def _text(value: FieldValue) -> str:
    if isinstance(value, tuple):
        return value[0].strip() if len(value) == 1 else ", ".join(value)
    return "" if value is None else str(value).strip()


# --- reasons and the trail ---------------------------------------------------------------------------------------------


def give_reason(session: Session, kind: DatabaseKind, record: str, reason: str, editor: Editor, at: Any) -> int:
    """Write a reason that came later to the changes that lack one. Returns how many had waited for it."""
    rows = unreasoned(session, kind, record)
    if rows:
        session.execute(update(Audit).where(Audit.id.in_(rows)).values(reason=reason).execution_options(synchronize_session=False))
        entity = entity_of(kind)
        session.add(
            Audit(at=at, actor=editor.actor, action="reason", entity=entity, entity_id=record, after={"changes": len(rows)}, reason=reason)
        )
    return len(rows)


def unreasoned(session: Session, kind: DatabaseKind, record: str) -> list[int]:
    """The changes of a record that nobody has given a reason for yet."""
    query = select(Audit.id).where(Audit.entity == entity_of(kind), Audit.entity_id == record, Audit.reason == NO_REASON)
    return list(session.scalars(query))


def unreasoned_words(session: Session, kind: DatabaseKind, record: str) -> tuple[str, ...]:
    """What was changed of a record without a reason, in words."""
    query = select(Audit.before, Audit.after).where(Audit.id.in_(unreasoned(session, kind, record))).order_by(Audit.id)
    words = [word for before, after in session.execute(query) for word in needs_reason(before or {}, after or {})]
    return tuple(dict.fromkeys(words))


def changed_at(session: Session, kind: DatabaseKind, record: str, name: str) -> Any:
    """When a field was last changed here, as the audit trail says; None when it does not."""
    words = _FIELDS.get(name, (name,))
    query = select(Audit.at, Audit.after).where(Audit.entity == entity_of(kind), Audit.entity_id == record, Audit.after.is_not(None))
    for at, after in session.execute(query.order_by(Audit.id.desc()).limit(100)):
        if any(word in after for word in words):
            return at
    return None


def entity_of(kind: DatabaseKind) -> str:
    """The audit trail's word for what the rows of a database stand for."""
    return {DatabaseKind.OBJECTIVES: "objective", DatabaseKind.KEY_RESULTS: "key_result"}.get(kind, kind.value.rstrip("s"))


def called(database: OkrDatabase, name: str) -> str:
    """A field as people there call it: their column's name."""
    stored = (database.columns or {}).get(name) or {}
    return str(stored.get("name") or column(DatabaseKind(database.kind), name).name)
