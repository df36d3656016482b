"""Files what was typed into rows, through the one check-in service, once its author has paused.

Twice is one check-in: the identity is made of row, author and first edit. Whatever cannot be filed stays in the row with a note, or is put
back with a note where no edit could make it right; what is put back stands in the audit trail. Calls the host only to learn who somebody
is whom nobody here knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from connector.domain.checkin import check_in_faults
from connector.domain.model import FieldValue
from connector.domain.okr_columns import CHECK_IN_FIELDS, CHECKED_IN_BY, COMMENT, CONFIDENCE, DECISION, VALUE, DatabaseKind, column
from connector.domain.row_merge import MISSING, same
from connector.domain.wording import moment_text
from connector.errors import Conflict, Forbidden, HostError, InputError, NotFound
from connector.runtime import Runtime
from connector.services.check_ins.amending import amend_check_in
from connector.services.check_ins.filing import Filed, file_check_in
from connector.services.check_ins.opening import carried_with_draft, open_draft, over_text
from connector.services.check_ins.rights import may_check_in, why_not
from connector.services.check_ins.steps import is_fed, stepwise
from connector.services.facts import Facts, load_facts
from connector.services.okr_databases import notes
from connector.services.okr_databases.editors import Editor, editor_of, look_up
from connector.services.okr_databases.sides import keep as keep_sides
from connector.services.okr_databases.sides import sides_of
from connector.services.rollup import describe
from connector.services.row_check_ins.standing import standing
from connector.services.row_check_ins.updates import FAULTY, INCOMPLETE, STRANGER, Update, held, keep, updates_of
from connector.store import work
from connector.store.tables import Audit, CheckIn, Connection, KeyResult, OkrDatabase, OkrRow
from mappings.repository import Link
from mappings.rules import Mode

log = structlog.get_logger(__name__)

SOURCE = "row"  # of check-ins that were typed into a row
SLICE = 10  # rows settled before others are looked at again
STRANGERS_AGAIN = 600.0  # seconds after which an update of somebody unknown is tried again: an admin may have said who that is


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it was looked at. ``names``: our field → what its column is called there."""

    row: OkrRow
    names: dict[str, str]

    def name(self, field: str) -> str:
        """What a column is called."""
        return self.names.get(field) or column(DatabaseKind.KEY_RESULTS, field).name


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of an update. ``after``: as it is kept at the row then, None for not at all · ``note``: what the row says about it.

    ``lost``: action of the audit trail for what was typed and does not count, "" when it counts or waits · ``withdrawn``: its author took
    it back, and its draft goes too.
    """

    after: Update | None
    note: str = ""
    lost: str = ""
    actor: str = "system"
    filed: bool = False
    withdrawn: bool = False


def settles_at(session: Session, connection_id: int) -> float | None:
    """When the next typed update of a connection is filed (epoch seconds); None when nobody types."""
    moment = session.scalar(select(func.min(OkrRow.settle_at)).where(OkrRow.connection_id == connection_id, OkrRow.settle_at > 0.0))
    return None if moment is None else float(moment)


def settle_due(runtime: Runtime, connection: Connection, *, limit: int = SLICE) -> int:
    """File the updates whose authors have paused. Returns how many rows had one that was worked off."""
    now = runtime.epoch()
    with runtime.store.read() as session:
        rows = session.scalars(
            select(OkrRow)
            .where(OkrRow.connection_id == connection.id, OkrRow.settle_at > 0.0, OkrRow.settle_at <= now)
            .order_by(OkrRow.settle_at, OkrRow.id)
            .limit(limit)
        ).all()
        columns = {row.id: session.get_one(OkrDatabase, row.database_id).columns or {} for row in rows}
    _learn_who(runtime, connection, [each.account for row in rows for each in updates_of(row) if each.due_at > 0.0])
    for row in rows:
        known = _Row(row, {field: each["name"] for field, each in columns[row.id].items()})
        for update in sorted(updates_of(row), key=lambda each: datetime.fromisoformat(each.said)):
            if 0.0 < update.due_at <= now:
                _close(runtime, known, update, _settled(runtime, connection, known, update))
    return len(rows)


def _learn_who(runtime: Runtime, connection: Connection, accounts: Sequence[str]) -> None:
    try:
        look_up(runtime, connection, accounts)
    except HostError as error:  # they are strangers until the host answers: what they typed waits
        log.warning("strangers_not_looked_up", connection=connection.name, error=type(error).__name__)


def _settled(runtime: Runtime, connection: Connection, known: _Row, update: Update) -> _Outcome:
    with runtime.store.read() as session:
        editor = editor_of(session, connection, update.account)
        facts = load_facts(session, [known.row.record], computing=False).get(known.row.record) if known.row.record else None
        if facts is None or not facts.public:
            return _Outcome(None, "", "put_back", editor.actor)
        if _is_nothing_new(session, known, update, editor):
            return _Outcome(None, withdrawn=True)
        if editor.person is None or not editor.person.active:
            return _stranger(runtime, known, update, editor)
        refusal = over_text(facts, runtime)
        if not refusal and not may_check_in(session, editor.viewer, facts.row.id):
            refusal = why_not(editor.viewer, facts.owner.name if facts.owner else "")
        if refusal:
            return _Outcome(None, f"The update was put back: {refusal}", "put_back", editor.actor)
        if _is_overtaken(known, update, facts):
            return _Outcome(None, _overtaken_text(runtime, known, update, facts), "conflict", editor.actor)
        typed, note = _typed(known, update, facts)
        if update.filed is not None and open_draft(session, facts.row.id, editor.person.id) is not None:
            typed = _news(session, update.filed, typed)  # what they began elsewhere since is completed by this, as by any update
            update = replace(update, first=update.said, filed=None)
        fields = _carried(session, facts, editor, update) | typed
        typable = not (is_fed(facts) or stepwise(facts))
        faults = [each for each in check_in_faults(fields, facts.definition) if each.field in CHECK_IN_FIELDS]
    if note and not typed and not update.pressed:
        return _Outcome(_rested(update) if update.filed else None, note)
    if faults:
        said = "; ".join(f"{known.name(each.field)}: {each.message}" for each in faults)
        return _Outcome(_faulty(runtime, update), f"Not filed yet. {said}")
    return _filed(runtime, known, update, editor, typed, fields, note, typable=typable)


def _rested(update: Update) -> Update:
    return replace(update, due_at=0.0, waits="")


def _faulty(runtime: Runtime, update: Update) -> Update:
    """An update that waits until it is mended. Of a change of what was filed only the news wait: the rest counts already."""
    values = update.values
    if update.filed is not None:
        with runtime.store.read() as session:
            news = _news(session, update.filed, update.field_values())
        values = {name: value for name, value in values.items() if name in news}
    return replace(update, values=values, due_at=0.0, waits=FAULTY)


def _is_nothing_new(session: Session, known: _Row, update: Update, editor: Editor) -> bool:
    """Whether its author took everything back: what they typed last is what stands. A press says it on purpose."""
    if update.filed is not None or update.pressed or not update.values:
        return False
    draft = open_draft(session, known.row.record, editor.person.id if editor.person is not None else None)
    if draft is not None and draft.source_id != update.identity(known.row.id):
        return False  # begun elsewhere, and completed by this
    ours = _ours(session, known.row)
    return all(same(value, ours[name]) for name, value in update.field_values().items())


def _ours(session: Session, row: OkrRow) -> dict[str, FieldValue]:
    """What stands, by check-in field."""
    current = session.scalar(select(KeyResult.current).where(KeyResult.id == row.record))
    return {**standing(session, row.connection_id, [row.record])[row.record], VALUE: current}


def _is_overtaken(known: _Row, update: Update, facts: Facts) -> bool:
    """Whether an update from elsewhere is newer than these words. Those of the row itself are filed in the order of their words."""
    last = facts.check_ins[-1] if facts.check_ins else None
    if last is None or (last.source == SOURCE and last.source_id.startswith(f"{known.row.id}:")):
        return False
    return last.created_at > update.said_at


def _overtaken_text(runtime: Runtime, known: _Row, update: Update, facts: Facts) -> str:
    """What the row says to those whose words gave way to a newer update."""
    last = facts.check_ins[-1]
    names = " and ".join(known.name(each) for each in CHECK_IN_FIELDS if each in update.values)
    moment = moment_text(last.created_at, runtime.settings.zone)
    return (
        f"{names} typed here gave way to a newer update, filed elsewhere {moment}; the words are kept in the audit trail. "
        f"Enter them again if they still hold"
    )


def _stranger(runtime: Runtime, known: _Row, update: Update, editor: Editor) -> _Outcome:
    after = replace(update, due_at=runtime.epoch() + STRANGERS_AGAIN, waits=STRANGER)
    if editor.person is not None:
        why = f"{editor.person.name} is not active here any more; an admin can change that at {runtime.settings.base_url}/people"
    elif update.account:
        why = (
            f"whoever typed this has an account that belongs to no person in the OKR connector. "
            f"An admin adds it to a person at {runtime.settings.base_url}/people; the update waits here until then"
        )
    else:
        why = f"nobody can tell who pressed the button. Choose yourself in {known.name(CHECKED_IN_BY)} and press it again"
        after = replace(after, due_at=0.0)
    return _Outcome(after, f"Not filed yet: {why}")


def _typed(known: _Row, update: Update, facts: Facts) -> tuple[dict[str, Any], str]:
    """What the author typed and may type, and what to say about a value that they may not."""
    typed: dict[str, Any] = update.field_values()
    if VALUE not in typed:
        return typed, ""
    name = known.name(VALUE)
    if stepwise(facts):
        del typed[VALUE]
        return typed, f"{name} was put back: this key result counts its steps, tick them in the check-in form"
    if is_fed(facts):
        del typed[VALUE]
        sources = " and ".join(_source_name(facts, link) for link in facts.links if link.rule.mode is Mode.VALUE)
        return typed, f"{name} was put back: the number comes from {sources}. Change it there, or say in a comment what is different"
    return typed, ""


def _news(session: Session, filed: int, typed: dict[str, Any]) -> dict[str, Any]:
    """What was typed since it was filed."""
    said = session.get(CheckIn, filed)
    return {name: value for name, value in typed.items() if said is None or (value or None) != (getattr(said, name) or None)}


def _source_name(facts: Facts, link: Link) -> str:
    return f"{facts.connections[link.connection_id].host.capitalize()} ({describe(link)})"


def _carried(session: Session, facts: Facts, editor: Editor, update: Update) -> dict[str, Any]:
    """What the author did not type: as the row shows it. A comment belongs to the update that it was typed for."""
    carried = carried_with_draft(session, facts, editor.person)
    last = facts.check_ins[-1] if facts.check_ins else None
    if last is not None and last.decision is not None:
        carried.setdefault(DECISION, last.decision)  # it stands in the row, where everybody sees it
    return carried


def _filed(
    runtime: Runtime,
    known: _Row,
    update: Update,
    editor: Editor,
    typed: dict[str, Any],
    fields: dict[str, Any],
    note: str,
    *,
    typable: bool,
) -> _Outcome:
    """File it, or change what was filed a moment ago. ``typable``: whether people enter the value."""
    after = update
    try:
        if update.filed is not None:
            try:
                amended = amend_check_in(runtime, update.filed, typed, viewer=editor.viewer)
                return _Outcome(_rested(update), _with_late(note, amended.late), filed=True)
            except Conflict:  # somebody filed since: this is an update of its own then
                after = replace(update, first=update.said, filed=None)
            except InputError as error:
                name = known.name(error.where) if error.where in CHECK_IN_FIELDS else error.where
                return _Outcome(_faulty(runtime, update), f"Not changed yet. {name} {error.message}".strip())
        done = _file(runtime, known, after, editor, fields)
        if done.repeated and not done.draft:  # filed before a crash: what was typed since is said too
            amend_check_in(runtime, done.id, typed, viewer=editor.viewer)
    except (Conflict, Forbidden, NotFound, InputError) as error:  # something changed since it was looked at a moment ago
        return _Outcome(None, f"The update was put back: {error}", "put_back", editor.actor)
    if done.draft:
        parts = [_missing_text(known, done.missing, typable=typable), *([note] if note else [])]
        return _Outcome(replace(after, due_at=0.0, waits=INCOMPLETE), ". ".join(parts))
    return _Outcome(replace(after, filed=done.id, due_at=0.0, waits=""), _with_late(note, done.late), filed=True)


def _with_late(note: str, late: str) -> str:
    """What the row says besides, when the update came after the lock of a review."""
    return ". ".join(part for part in (note, f"It came {late}" if late else "") if part)


def _file(runtime: Runtime, known: _Row, update: Update, editor: Editor, fields: dict[str, Any]) -> Filed:
    viewer = editor.viewer
    return file_check_in(
        runtime,
        known.row.record,
        fields,
        author=viewer.email,
        source=SOURCE,
        source_id=update.identity(known.row.id),
        viewer=viewer,
        worded=True,
    )


def _missing_text(known: _Row, missing: Sequence[str], *, typable: bool) -> str:
    wishes = {
        VALUE: f"enter {known.name(VALUE)}" if typable else "wait for the first number of its source",
        CONFIDENCE: f"enter {known.name(CONFIDENCE)} from 1 to 10",
        DECISION: f"choose {known.name(DECISION)}, “none” is a choice too",
    }
    return f"Kept as a draft that does not count yet: {' and '.join(wishes.get(each, each) for each in missing)}"


def _close(runtime: Runtime, known: _Row, update: Update, outcome: _Outcome) -> None:
    """Keep what became of it at the row, which may have heard of further edits meanwhile; they are settled in their time."""
    with runtime.store.write() as session:
        row = session.scalar(select(OkrRow).where(OkrRow.id == known.row.id).with_for_update())
        if row is None:
            return
        kept: list[Update] = []
        for each in updates_of(row):
            if not each.is_same(update):
                kept.append(each)
            elif each.last_at > update.last_at:
                kept.append(replace(each, filed=outcome.after.filed if outcome.after else each.filed))
            elif outcome.after is not None:
                kept.append(outcome.after)
        keep(row, kept)
        waiting = [each for each in kept if each.waits and each.values]
        if outcome.note or not waiting:
            notes.tell(row, notes.CHECK_IN, outcome.note)
        elif waiting[-1].waits != STRANGER:  # what was said of a stranger's still holds
            notes.tell(row, notes.CHECK_IN, _waiting_text(session, known, waiting[-1]))
        if outcome.after is not None and outcome.after.filed is not None and COMMENT in update.values and not update.values[COMMENT]:
            _note_cleared(session, outcome.after.filed)
        if outcome.withdrawn:
            session.execute(
                delete(CheckIn).where(CheckIn.draft.is_(True), CheckIn.source == SOURCE, CheckIn.source_id == update.identity(row.id))
            )
        _note_sides(session, row)
        if outcome.lost and update.values:
            session.add(
                Audit(
                    at=datetime.fromtimestamp(runtime.epoch(), UTC),
                    actor=outcome.actor,
                    action=outcome.lost,
                    entity="key_result",
                    entity_id=row.record,
                    before={**update.values, "row": row.id},
                    reason=outcome.note[:500],
                )
            )
        work.want(session, OkrRow, [row.id], runtime.epoch())


def _waiting_text(session: Session, known: _Row, update: Update) -> str:
    """What the row says of somebody's words which others went past: they are nobody else's to file."""
    editor = editor_of(session, session.get_one(Connection, known.row.connection_id), update.account)
    names = " and ".join(known.name(each) for each in CHECK_IN_FIELDS if each in update.values)
    return f"{names} as typed by {editor.known_as} waits as a draft; it is filed once they go on with it, or the button is pressed"


def _note_cleared(session: Session, check_in: int) -> None:
    """Its author took the comment away that stood in the row: no older one takes its place."""
    filed = session.get(CheckIn, check_in)
    if filed is not None and filed.comment is None:
        filed.comment = ""
        session.flush()


def _note_sides(session: Session, row: OkrRow) -> None:
    """What was typed and counts now is what both sides say; what does not count, and nobody completes, gives way to ours."""
    sides = sides_of(row, DatabaseKind.KEY_RESULTS)
    ours = _ours(session, row)
    for name in set(CHECK_IN_FIELDS) - held(row):
        seen = sides.seen_of(name)
        if seen is MISSING:
            continue
        if same(seen, ours[name]):
            sides.note(name, seen, ours[name])
        else:
            sides.say_again(name)
    keep_sides(row, DatabaseKind.KEY_RESULTS, sides)
