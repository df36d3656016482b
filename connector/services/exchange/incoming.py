"""Import: what each row would do, every bad cell by name, and then all of it in one transaction or nothing.

Rows of the nine columns are matched by objective and key result title, those of our own JSON by id. An empty cell leaves things as
they are, except an empty blocker, which says that there is none. What did not change leaves no trace.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.checkin import CheckInDraft, parse_check_in
from connector.domain.model import Cycle as CycleFact
from connector.domain.model import Kind
from connector.domain.scoring import faults
from connector.errors import InputError
from connector.runtime import Runtime
from connector.services.exchange import restore
from connector.services.exchange.readers import Incoming, check_size, read_csv, read_xlsx
from connector.services.exchange.saving import create_key_result, save_changes
from connector.services.exchange.sheets import ends_of, number_text, sheet_names
from connector.services.facts import cycle_end_moment, load_definition
from connector.store.tables import Cycle, KeyResult, Objective, Person

_NUMBER_COLUMNS = {"From": "start", "To": "target", "Current value": "value"}


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one row: "unchanged", "update" or "create", with what changes in words."""

    place: str
    name: str
    action: str
    changes: tuple[str, ...] = ()


@dataclass
class Outcome:
    """All rows and, when something cannot be used, every fault. With a fault nothing was saved."""

    fates: list[Fate] = field(default_factory=list)
    faults: list[InputError] = field(default_factory=list)
    saved: bool = False


@dataclass
class _Known:
    """Key results as they are, by objective and title, and the people who may own one."""

    candidates: dict[tuple[str, str], list[tuple[KeyResult, Objective, Cycle]]]
    objectives: dict[str, list[tuple[Objective, Cycle]]]
    people: dict[str, Person]
    emails: dict[int, str]
    ids: set[str]


def import_file(runtime: Runtime, name: str, data: bytes, *, actor: str, cycle: str | None = None, dry_run: bool = False) -> Outcome:
    """Read one file (its ending says what it is) and save it, unless ``dry_run`` or a fault forbids.

    ``cycle`` limits what rows may match. Raises ``InputError`` for a file that cannot be read at all.
    """
    check_size(data)
    ending = name.rpartition(".")[2].lower()
    if ending == "json":
        archive = restore.read_archive(data)
        rows: Sequence[Incoming | restore.Stored] = restore.rows_of(archive)
    elif ending in ("csv", "xlsx"):
        archive = None
        rows = read_csv(data) if ending == "csv" else read_xlsx(data)
    else:
        raise InputError("the file must end in .csv, .xlsx or .json", where=name)
    outcome = Outcome()
    with runtime.store.write() as session:
        if archive is not None:
            outcome.fates += [Fate("file", text, "create") for text in restore.create_missing(session, archive, runtime.now())]
        _handle(runtime, session, rows, outcome, actor, cycle)
        if dry_run or outcome.faults:
            session.rollback()
        else:
            outcome.saved = True
    if outcome.saved and any(fate.action != "unchanged" for fate in outcome.fates):
        runtime.queue.nudge("settle")
    return outcome


def _handle(
    runtime: Runtime, session: Session, rows: Sequence[Incoming | restore.Stored], outcome: Outcome, actor: str, cycle: str | None
) -> None:
    known = _load(session)
    cycles = list(session.scalars(select(Cycle.name).where(Cycle.retired_at.is_(None)).order_by(Cycle.start, Cycle.name)))
    if cycle is not None and cycle not in cycles:
        raise InputError(f"no cycle is called {cycle!r}; there are: {', '.join(cycles) or 'none'}", where="--cycle")
    by_sheet = sheet_names(cycles)
    seen: dict[str, str] = {}
    for row in rows:
        try:
            fate = _one(runtime, session, row, known, cycle or by_sheet.get(row.sheet), seen, actor)
        except InputError as error:
            place = f"{row.place}, {error.where}" if error.where else row.place
            outcome.faults.append(InputError(error.message, where=place))
        else:
            outcome.fates.append(fate)


def _load(session: Session) -> _Known:
    found = _Known({}, {}, {}, {}, set(session.scalars(select(KeyResult.id))))
    for person in session.scalars(select(Person)):
        found.people[person.email] = person
        found.emails[person.id] = person.email
    for objective, cycle in session.execute(
        select(Objective, Cycle).join(Cycle, Cycle.id == Objective.cycle_id).where(Objective.retired_at.is_(None))
    ):
        found.objectives.setdefault(objective.title.strip(), []).append((objective, cycle))
    by_id = {objective.id: (objective, cycle) for entries in found.objectives.values() for objective, cycle in entries}
    for row in session.scalars(select(KeyResult).where(KeyResult.retired_at.is_(None)).order_by(KeyResult.position, KeyResult.id)):
        if row.objective_id in by_id:
            objective, cycle = by_id[row.objective_id]
            found.candidates.setdefault((objective.title.strip(), row.title.strip()), []).append((row, objective, cycle))
    return found


def _one(
    runtime: Runtime,
    session: Session,
    row: Incoming | restore.Stored,
    known: _Known,
    cycle: str | None,
    seen: dict[str, str],
    actor: str,
) -> Fate:
    cells = row.cells
    title, objective_title = _required(cells, "Key Result"), _required(cells, "Objective")
    name = f"{objective_title} / {title}"
    matches = [
        entry
        for entry in known.candidates.get((objective_title, title), [])
        if (cycle is None or entry[2].name == cycle) and (not isinstance(row, restore.Stored) or entry[0].id == row.id)
    ]
    if not matches:
        return _create(runtime, session, row, known, cycle, name, seen, actor)
    plans = []
    for existing, _, its_cycle in matches:
        plan, trouble = _try_plan(runtime, cells, existing, its_cycle, known)
        plans.append((existing, plan, trouble))
    if len(plans) > 1:
        # The same title in two cycles: a row that says what one of them has already is that one.
        same = [entry for entry in plans if entry[2] is None and not entry[1]]
        if not same:
            raise InputError("more than one key result has this title; say which cycle is meant with --cycle NAME", where="Key Result")
        plans = [next((entry for entry in same if entry[0].id not in seen), same[0])]
    existing, plan, trouble = plans[0]
    if trouble is not None:
        raise trouble
    if existing.id in seen:
        raise InputError(f"this key result stands in {seen[existing.id]} too; keep one of the rows", where="Key Result")
    seen[existing.id] = row.place
    if not plan:
        return Fate(row.place, name, "unchanged")
    changes = save_changes(session, existing, plan, known.emails, actor=actor, now=runtime.now(), epoch=runtime.epoch())
    return Fate(row.place, name, "update", changes)


def _try_plan(
    runtime: Runtime, cells: Mapping[str, str | float], existing: KeyResult, cycle: Cycle, known: _Known
) -> tuple[dict[str, Any], InputError | None]:
    try:
        return _plan(runtime, cells, existing, cycle, known), None
    except InputError as error:
        return {}, error


def _plan(runtime: Runtime, cells: Mapping[str, str | float], row: KeyResult, cycle: Cycle, known: _Known) -> dict[str, Any]:
    """What differs from what is stored: start, target, owner_id, value, confidence, blocker. Raises ``InputError`` for a bad cell."""
    plan: dict[str, Any] = {}
    definition = load_definition(row)
    for column, name, stored in zip(("From", "To"), ("start", "target"), ends_of(row), strict=True):
        given = _number(cells[column], column)
        if given is not None and not _same(given, stored):
            plan[name] = given
    owner = _owner(cells["Owner"], known)
    if owner is not None and owner.id != row.owner_id:
        plan["owner_id"] = owner.id
    ends = ("low", "high") if row.kind == Kind.BETWEEN else ("start", "target")
    changed = replace(definition, **{end: plan[name] for end, name in zip(ends, ("start", "target"), strict=True) if name in plan})
    if changed != definition:
        for fault in faults(changed):
            raise InputError(fault.message, where={"start": "From", "low": "From"}.get(fault.field, "To"))
    said = _said(cells, changed)
    if said.value is not None and not _same(said.value, row.current):
        plan["value"] = said.value
    if said.confidence is not None and said.confidence != row.confidence:
        plan["confidence"] = said.confidence
    if (said.blocker or "") != (row.blocker or "").strip():
        plan["blocker"] = said.blocker or None
    if plan and _is_over(runtime, row, cycle, known):
        column = next(iter(plan))
        raise InputError(f"the cycle {cycle.name} is over: its key results are frozen ({column} would change)", where="Key Result")
    return plan


def _said(cells: Mapping[str, str | float], definition: Any) -> CheckInDraft:
    """Value, confidence and blocker, judged by the rules of check-ins."""
    columns = {"value": "Current value", "confidence": "Confidence", "blocker": "Blocker"}
    fields: dict[str, object] = {name: cells[column] for name, column in columns.items() if cells[column] != ""}
    if "blocker" in fields:
        fields["blocker"] = _text(cells["Blocker"])
    try:
        return parse_check_in(fields, definition)
    except InputError as error:
        raise InputError(error.message, where=columns.get(error.where, error.where)) from None


def _is_over(runtime: Runtime, row: KeyResult, cycle: Cycle, known: _Known) -> bool:
    objectives = (objective for entries in known.objectives.values() for objective, _ in entries)
    closed = any(objective.closed_at is not None for objective in objectives if objective.id == row.objective_id)
    return closed or _ended(runtime, cycle)


def _ended(runtime: Runtime, cycle: Cycle) -> bool:
    now: datetime = runtime.now()
    return now >= cycle_end_moment(CycleFact(cycle.name, cycle.start, cycle.end), runtime.settings.zone)


def _create(
    runtime: Runtime,
    session: Session,
    row: Incoming | restore.Stored,
    known: _Known,
    cycle: str | None,
    name: str,
    seen: dict[str, str],
    actor: str,
) -> Fate:
    cells = row.cells
    homes = [
        entry
        for entry in known.objectives.get(_required(cells, "Objective"), [])
        if (cycle is None or entry[1].name == cycle) and (not isinstance(row, restore.Stored) or entry[0].id == row.objective)
    ]
    if not homes:
        raise InputError("there is no such objective; make it first (apply), or correct the title", where="Objective")
    if len(homes) > 1:
        homes = [entry for entry in homes if entry[0].closed_at is None and not _ended(runtime, entry[1])]
        if len(homes) != 1:
            raise InputError("more than one objective has this title; say which cycle is meant with --cycle NAME", where="Objective")
    objective, its_cycle = homes[0]
    stored = row if isinstance(row, restore.Stored) else None
    if stored is None and (objective.closed_at is not None or _ended(runtime, its_cycle)):
        raise InputError(f"the cycle {its_cycle.name} is over: it takes no new key results", where="Objective")
    owner = _owner(cells["Owner"], known)
    if owner is None and stored is None:
        raise InputError("a key result has exactly one owner: enter an e-mail address", where="Owner")
    columns: dict[str, Any] = dict(stored.definition) if stored else {"kind": Kind.METRIC.value}
    if stored is None:
        for column, end in (("From", "start"), ("To", "target")):
            given = _number(cells[column], column)
            if given is None:
                raise InputError("enter a number: a new key result reads from X to Y", where=column)
            columns[end] = given
    new = create_key_result(
        objective,
        id=stored.id if stored else _new_id(_required(cells, "Key Result"), known.ids),
        title=_required(cells, "Key Result"),
        owner=owner,
        now=runtime.now(),
        columns=columns,
    )
    definition = load_definition(new)
    for fault in faults(definition):
        raise InputError(fault.message, where={"start": "From"}.get(fault.field, "To"))
    said = _said(cells, definition)
    if new.id in known.ids:
        raise InputError(f"a key result with the id {new.id!r} exists already, or did; choose another", where="Key Result")
    known.ids.add(new.id)
    seen[new.id] = row.place
    session.add(new)
    session.flush()
    plan = {name: value for name, value in (("value", said.value), ("confidence", said.confidence), ("blocker", said.blocker)) if value}
    if said.value is not None:
        plan["value"] = said.value
    save_changes(session, new, plan, known.emails, actor=actor, now=runtime.now(), epoch=runtime.epoch(), created=True)
    known.candidates.setdefault((objective.title.strip(), new.title.strip()), []).append((new, objective, its_cycle))
    return Fate(row.place, name, "create", (f"id {new.id}",))


def _required(cells: Mapping[str, str | float], column: str) -> str:
    text = _text(cells[column])
    if not text:
        raise InputError("must not be empty", where=column)
    if len(text) > 500:
        raise InputError(f"has {len(text)} characters; 500 are the most", where=column)
    return text


def _text(cell: str | float) -> str:
    return number_text(cell) if isinstance(cell, float) else cell.strip()


def _number(cell: str | float, column: str) -> float | None:
    if cell == "":
        return None
    draft = None
    try:
        draft = parse_check_in({"value": cell}).value
    except InputError as error:
        raise InputError(f"{error.message} (found {str(cell)[:40]!r})", where=column) from None
    return draft


def _owner(cell: str | float, known: _Known) -> Person | None:
    text = _text(cell).lower()
    if not text:
        return None
    person = known.people.get(text)
    if person is None:
        raise InputError(f"{text[:80]!r} is nobody's e-mail address here; enter the one owner's", where="Owner")
    return person


def _same(given: float, stored: float | None) -> bool:
    # A spreadsheet program keeps fifteen digits.
    return stored is not None and math.isclose(given, stored, rel_tol=1e-12, abs_tol=1e-12)


def _new_id(title: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = "kr-" + (re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "new")
    number, chosen = 2, slug
    while chosen in taken:
        chosen, number = f"{slug}-{number}", number + 1
    return chosen
