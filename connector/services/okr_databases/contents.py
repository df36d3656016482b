"""What rows of OKR databases show now, in the host's terms: from what is stored, nothing is computed anew. Reads only.

Many rows cost as many statements as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import buckets
from connector.domain.model import FieldValue, Kind, Movement, State, Unknown
from connector.domain.okr_columns import (
    COLUMNS,
    CYCLE,
    FROM,
    HIDDEN_TITLE,
    KEY,
    MOVEMENT,
    MOVEMENT_OPTIONS,
    NOTE,
    OBJECTIVE,
    OWNER,
    PROGRESS,
    REASON,
    SOURCE,
    STATE,
    STATE_OPTIONS,
    TEAM,
    TITLE,
    TO,
    UNIT,
    UPDATED,
    UPDATED_BY,
    VALUE,
    DatabaseKind,
)
from connector.domain.rollup import objective_progress, weakest_state
from connector.domain.scoring import shown_progress
from connector.runtime import Runtime
from connector.services import provenance
from connector.services.check_ins.steps import stepwise
from connector.services.facts import Facts, cycle_end_moment, load_facts
from connector.services.okr_databases.choices import option_name
from connector.services.okr_databases.editors import accounts_of
from connector.services.panels import describe_key_result
from connector.services.row_check_ins.rows import check_in_values, decision_values
from connector.services.row_check_ins.standing import standing
from connector.store.tables import CheckIn, Cycle, Decision, KeyResult, Objective, OkrDatabase, OkrRow, Team
from connector.store.visibility import READY, public
from mappings.rules import Mode

_NO_ROW = Unknown("its objective has no row there")
_WORDS = dict(zip(State, STATE_OPTIONS, strict=True))
DECIDED = frozenset(each.field for each in COLUMNS[DatabaseKind.DECISIONS] if each.human)  # what people say of a decision
_OURS = (PROGRESS, STATE, MOVEMENT, UPDATED, UPDATED_BY, SOURCE, NOTE, KEY)
# Which numbers of a definition stand under From and To.
ENDS: Mapping[Kind, tuple[str, str]] = {
    Kind.METRIC: ("start", "target"),
    Kind.AT_LEAST: ("", "target"),
    Kind.AT_MOST: ("", "target"),
    Kind.BETWEEN: ("low", "high"),
    Kind.YES_NO: ("", ""),
    Kind.MILESTONES: ("", ""),
}


class Standing(StrEnum):
    """What may be done with a row."""

    OPEN = "open"
    CLOSED = "closed"  # it keeps its last state, and edits are put back
    HIDDEN = "hidden"  # its record is retired, restricted or a draft: nothing is shown and nothing taken over


@dataclass(frozen=True, slots=True)
class Contents:
    """What one row shows. ``ours``: by field, unknown leaves what stands there · ``computed``: the fields that are ours alone.

    ``why``: a sentence for the row's note where it is not open · ``value_from``: where the value comes from when nobody types it.
    """

    ours: Mapping[str, FieldValue]
    computed: frozenset[str]
    standing: Standing = Standing.OPEN
    why: str = ""
    value_from: str = ""


def contents_of(session: Session, runtime: Runtime, database: OkrDatabase, rows: Sequence[OkrRow]) -> dict[int, Contents]:
    """What each of these rows of a database shows, by the row's id. A draft shows its note alone."""
    kind = DatabaseKind(database.kind)
    bound = [row for row in rows if row.record]
    found = {row.id: _draft(row) for row in rows if not row.record}
    if kind is DatabaseKind.KEY_RESULTS:
        found |= _key_results(session, runtime, database, bound)
    elif kind is DatabaseKind.OBJECTIVES:
        found |= _objectives(session, runtime, bound)
    elif kind is DatabaseKind.CHECK_INS:
        told = check_in_values(session, database.connection_id, [row.record for row in bound], runtime.settings.zone)
        found |= _children(session, CheckIn, bound, told, frozenset())
    else:
        told = decision_values(session, database.connection_id, [row.record for row in bound], runtime.settings.zone)
        found |= _children(session, Decision, bound, told, DECIDED)
    return found


def key_of(row: OkrRow) -> str:
    """What stands in the key column of a row: it finds the row again that was made while nobody could note it."""
    return row.record


def _draft(row: OkrRow) -> Contents:
    return Contents({NOTE: row.note}, frozenset({NOTE}))  # a person may write into its key column which record it is


def _hidden(row: OkrRow, kind: DatabaseKind, why: str) -> Contents:
    """Nothing that tells something stays: the record keeps it here, and it is written back when hosts may show it again."""
    ours: dict[str, FieldValue] = {each.field: None for each in COLUMNS[kind]}
    ours |= {TITLE: HIDDEN_TITLE, NOTE: row.note}
    if kind in (DatabaseKind.CHECK_INS, DatabaseKind.DECISIONS):
        ours[KEY] = key_of(row)  # a number; the ids of objectives and key results are made of their titles
    return Contents(ours, frozenset(ours), Standing.HIDDEN, why)


# --- key results -------------------------------------------------------------------------------------------------------


def _key_results(session: Session, runtime: Runtime, database: OkrDatabase, rows: Sequence[OkrRow]) -> dict[int, Contents]:
    ids = [row.record for row in rows]
    facts = load_facts(session, ids, computing=False)
    shown = {name: each for name, each in facts.items() if each.public}
    accounts = accounts_of(session, database.connection_id, {each.owner.id for each in shown.values() if each.owner})
    above = _refs(session, database.connection_id, DatabaseKind.OBJECTIVES, {each.objective.id for each in shown.values()})
    by_title = (database.columns.get(OBJECTIVE) or {}).get("type", "relation") != "relation"
    updates = standing(session, database.connection_id, list(shown))
    found: dict[int, Contents] = {}
    for row in rows:
        each = shown.get(row.record)
        if each is None or each.objective.retired_at is not None:
            found[row.id] = _hidden(row, DatabaseKind.KEY_RESULTS, _why_hidden("key result", row.record in facts))
            continue
        ours: dict[str, FieldValue] = {
            TITLE: each.row.title,
            OBJECTIVE: each.objective.title if by_title else (above[each.objective.id],) if each.objective.id in above else _NO_ROW,
            OWNER: _one(accounts.get(each.owner.id) if each.owner else None),
            **_ends(each),
            UNIT: each.row.unit or None,
            REASON: None,
            **_status(each, runtime),
            **updates[row.record],
            NOTE: row.note,
            KEY: key_of(row),
        }
        ours |= _last_word(each, updates[row.record])
        value_from = _value_from(each)
        computed = frozenset(_OURS) | ({VALUE} if value_from else set())
        found[row.id] = Contents(ours, computed, *_standing(runtime, each), value_from)
    return found


def _ends(facts: Facts) -> dict[str, FieldValue]:
    definition = facts.definition
    first, second = ENDS[definition.kind]
    return {FROM: getattr(definition, first) if first else None, TO: getattr(definition, second) if second else None}


def _status(facts: Facts, runtime: Runtime) -> dict[str, FieldValue]:
    row = facts.row
    panel = describe_key_result(facts, runtime.settings.base_url, runtime.now(), runtime.settings.zone)
    way = buckets.moves(Kind(row.kind), State(row.state), Movement(row.movement) if row.movement else None, row.progress)
    return {
        VALUE: row.current,
        PROGRESS: row.progress,
        STATE: _WORDS[State(row.state)],
        MOVEMENT: way if way in MOVEMENT_OPTIONS else None,
        SOURCE: panel.source_text or None,
    }


def _standing(runtime: Runtime, facts: Facts) -> tuple[Standing, str]:
    if facts.objective.closed_at is not None or runtime.now() >= cycle_end_moment(facts.cycle, runtime.settings.zone):
        return Standing.CLOSED, f"The cycle {facts.cycle.name} is over: this stays as it was, and edits are put back"
    return Standing.OPEN, ""


def _value_from(facts: Facts) -> str:
    """Where the value comes from, as part of a sentence; "" where its owner enters it."""
    names = sorted({facts.connections[link.connection_id].name for link in facts.links if link.rule.mode is Mode.VALUE})
    if names:
        return f"comes from {' and '.join(names)}"
    if stepwise(facts):
        return "is counted from its steps, which are ticked in the check-in form"
    return ""


def _last_word(facts: Facts, update: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """When it was updated last, and by whom: a person's update, or what else gave the number when that is newer."""
    told = update.get(UPDATED)
    said = datetime.fromisoformat(told) if isinstance(told, str) and told else None
    read, source = facts.row.as_of, facts.row.source or {}
    if read is None or provenance.is_told(source) or (said is not None and read <= said):
        return {UPDATED: _moment(said or read), UPDATED_BY: update.get(UPDATED_BY)}
    hosts = sorted({facts.connections[link.connection_id].host for link in facts.links if link.rule.mode is Mode.VALUE})
    items = source.get("items")
    word = "row" if hosts == ["notion"] else "issue"
    parts = [" and ".join(host.capitalize() for host in hosts), f"{items} {word}{'' if items == 1 else 's'}" if items is not None else ""]
    by = ", ".join(part for part in parts if part) if hosts else provenance.unauthored(source)
    return {UPDATED: _moment(read), UPDATED_BY: by or None}


def _moment(moment: datetime | None) -> str | None:
    """To the minute: hosts keep no seconds of dates, and people read none."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0).isoformat() if moment is not None else None


# --- objectives --------------------------------------------------------------------------------------------------------


def _objectives(session: Session, runtime: Runtime, rows: Sequence[OkrRow]) -> dict[int, Contents]:
    ids = [row.record for row in rows]
    known = {
        row.Objective.id: row
        for row in session.execute(
            select(Objective, Cycle, Team.name.label("team"))
            .join(Cycle, Cycle.id == Objective.cycle_id)
            .outerjoin(Team, Team.id == Objective.team_id)
            .where(Objective.id.in_(ids))
        )
    }
    children: dict[str, list[Any]] = {}
    for child in session.execute(
        select(KeyResult.objective_id, KeyResult.progress, KeyResult.weight, KeyResult.state).where(
            KeyResult.objective_id.in_(ids), KeyResult.retired_at.is_(None)
        )
    ):
        children.setdefault(child.objective_id, []).append(child)
    found: dict[int, Contents] = {}
    for row in rows:
        each = known.get(row.record)
        living = each is not None and each.Objective.retired_at is None
        if each is None or not living or each.Objective.restricted or each.Objective.stage != READY or each.Cycle.started_at is None:
            found[row.id] = _hidden(row, DatabaseKind.OBJECTIVES, _why_hidden("objective", living))
            continue
        below = children.get(row.record, [])
        rollup = objective_progress([(child.progress, child.weight) for child in below])
        ours: dict[str, FieldValue] = {
            TITLE: each.Objective.title,
            TEAM: option_name(each.team) if each.team else None,
            CYCLE: option_name(each.Cycle.name),
            STATE: _WORDS[weakest_state([State(child.state) for child in below])],
            PROGRESS: shown_progress(rollup.progress),
            NOTE: row.note,
            KEY: key_of(row),
        }
        over = each.Objective.closed_at is not None or runtime.now() >= cycle_end_moment(each.Cycle, runtime.settings.zone)
        why = f"The cycle {each.Cycle.name} is over: this stays as it was, and edits are put back" if over else ""
        found[row.id] = Contents(ours, frozenset({STATE, PROGRESS, NOTE, KEY}), Standing.CLOSED if over else Standing.OPEN, why)
    return found


# --- check-ins and decisions -------------------------------------------------------------------------------------------


def _children(
    session: Session, table: Any, rows: Sequence[OkrRow], told: Mapping[str, Mapping[str, FieldValue]], human: frozenset[str]
) -> dict[int, Contents]:
    """Rows that point at the row of a key result. Without one they stay as they are, and what hosts may not show is emptied."""
    absent = [int(row.record) for row in rows if row.record not in told and row.record.isdecimal()]
    waiting = {
        str(ident)
        for ident in session.scalars(
            select(table.id)
            .join(KeyResult, KeyResult.id == table.key_result_id)
            .join(Objective, Objective.id == KeyResult.objective_id)
            .join(Cycle, Cycle.id == Objective.cycle_id)
            .where(table.id.in_(absent), public(), KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
        )
    }
    kind = DatabaseKind.CHECK_INS if table is CheckIn else DatabaseKind.DECISIONS
    found: dict[int, Contents] = {}
    for row in rows:
        values = told.get(row.record)
        if values is not None:
            ours = {**values, NOTE: row.note}
            found[row.id] = Contents(ours, frozenset(ours) - human)
        elif row.record in waiting:
            found[row.id] = Contents({}, frozenset(), Standing.HIDDEN)
        else:
            what = kind.value.rstrip("s").replace("_", "-")
            why = f"This {what} is no longer shown here: its key result is not. Edits in this row change nothing"
            found[row.id] = _hidden(row, kind, why)
    return found


# --- both --------------------------------------------------------------------------------------------------------------


def _why_hidden(what: str, exists: bool) -> str:
    reason = "it is restricted, a draft, or its cycle was not started" if exists else "it was retired"
    return f"This {what} is no longer shown here: {reason}. Edits in this row change nothing"


def _refs(session: Session, connection_id: int, kind: DatabaseKind, records: Iterable[str]) -> dict[str, str]:
    """Record → ref of its row at this connection."""
    rows = session.execute(
        select(OkrRow.record, OkrRow.ref)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(
            OkrRow.connection_id == connection_id,
            OkrDatabase.kind == kind.value,
            OkrRow.record.in_(list(records)),
            OkrRow.ref.is_not(None),
            OkrRow.gone_at.is_(None),
        )
    )
    return {row.record: row.ref for row in rows}


def _one(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()
