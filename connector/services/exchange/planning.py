"""What each row of an import would do: made against what is stored, outside every transaction, with every bad cell by name.

Rows are matched by the titles of objective and key result, those of our own JSON by id. An empty cell leaves things as they are, except
an empty blocker of the nine columns, which says that there is none. What did not change leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from connector.domain.changes import LATE_TARGET_EDIT, late_target_edit, needs_reason
from connector.domain.model import Cycle, Definition, Kind
from connector.domain.scoring import faults
from connector.errors import InputError
from connector.services.exchange.cells import LONGEST_TITLE, Incoming, plain_text
from connector.services.exchange.homes import Choice, find_cycle, home_for
from connector.services.exchange.known import CycleKnown, KeyResultKnown, Known, ObjectiveKnown
from connector.services.exchange.plan import (
    NEW_DEFAULTS,
    WORDS,
    Change,
    Fate,
    NewKeyResult,
    NewObjective,
    Plan,
    before_of,
    free_id,
    in_words,
    slug,
)
from connector.services.exchange.values import Said, owner_of, read_said, same
from connector.services.facts import load_definition


class Planner:
    """Takes the rows one after another; ``plan`` grows with each that is sound."""

    def __init__(self, known: Known, choice: Choice) -> None:
        self.plan = Plan()
        self._known = known
        self._choice = choice
        self._seen: dict[str, str] = {}
        self._next: dict[str, int] = {}

    def row(self, row: Incoming) -> Fate | list[InputError]:
        """The fate of one row, or everything that is wrong with it."""
        try:
            objective, title = self._titles(row)
            cycle = None if row.id else find_cycle(row, self._known, self._choice)
            name = f"{objective} / {title}"
            matches = [
                entry
                for entry in self._known.key_results.get((objective, title), ())
                if (cycle is None or entry.objective.cycle.name == cycle.name) and (not row.id or entry.id == row.id)
            ]
            if matches:
                return self._update(row, name, matches)
            return self._create(row, name, objective, title, cycle)
        except InputError as error:
            return [error]
        except _Faulty as error:
            return error.found

    def _titles(self, row: Incoming) -> tuple[str, str]:
        found = []
        for name in ("objective", "key_result"):
            try:
                text = plain_text(row.cell(name), LONGEST_TITLE)
            except InputError as error:
                raise row.fault(name, error.message) from None
            if not text:
                raise row.fault(name, "must not be empty")
            found.append(text)
        return found[0], found[1]

    # --- existing key results ------------------------------------------------------------------------------------------

    def _update(self, row: Incoming, name: str, matches: list[KeyResultKnown]) -> Fate:
        plans = [(entry, *self._tried(row, entry)) for entry in matches]
        if len(plans) > 1:
            # The same title in two cycles: a row that says what one of them has already is that one.
            fitting = [entry for entry in plans if entry[2] is None and not entry[1]]
            if not fitting:
                raise row.fault(
                    "key_result",
                    "more than one key result has this title; say which cycle is meant: --cycle NAME, or Cycle on the page of the import",
                )
            plans = [next((entry for entry in fitting if entry[0].id not in self._seen), fitting[0])]
        entry, plan, trouble = plans[0]
        if trouble is not None:
            raise trouble
        if entry.id in self._seen:
            raise row.fault("key_result", f"this key result stands in {self._seen[entry.id]} too; keep one of the rows")
        self._seen[entry.id] = row.place
        if not plan:
            return Fate(row.place, name, "unchanged")
        change = self._judged(entry, plan)
        self.plan.changes.append(change)
        late = (f"{LATE_TARGET_EDIT}: {change.late}",) if change.late else ()
        return Fate(row.place, name, "update", (*in_words(plan, before_of(entry)), *late))

    def _judged(self, entry: KeyResultKnown, plan: dict[str, Any]) -> Change:
        """The change with what of it needs a reason and whether it comes late, by the rules for changes on pages (R021, S18)."""
        if entry.objective.draft:
            return Change(entry, plan)
        names = {"start": "low", "target": "high"} if entry.row.kind == Kind.BETWEEN else {}
        before = before_of(entry)
        promised = {name: plan[name] for name in ("start", "target", "owner") if name in plan}
        changed = needs_reason(
            {names.get(name, name): before[name] for name in promised}, {names.get(name, name): value for name, value in promised.items()}
        )
        cycle = entry.objective.cycle
        late = late_target_edit(changed, Cycle(cycle.name, cycle.start, cycle.end), self._known.today, entry.row.progress)
        return Change(entry, plan, changed, late.sentence if late else "")

    def _tried(self, row: Incoming, entry: KeyResultKnown) -> tuple[dict[str, Any], _Faulty | None]:
        if entry.row is None:  # made by an earlier row of this file
            return {}, None
        try:
            return self._differing(row, entry), None
        except _Faulty as error:
            return {}, error
        except InputError as error:
            return {}, _Faulty([error])

    def _differing(self, row: Incoming, entry: KeyResultKnown) -> dict[str, Any]:
        found: list[InputError] = []
        definition = entry.definition
        said = read_said(row, definition, self._choice.decimals, found)
        owner = owner_of(row, self._known, self._choice.match_names, found, present=entry.owner)
        if found:
            raise _Faulty(found)
        plan: dict[str, Any] = {}
        for name, given, stored in (("start", said.start, entry.ends[0]), ("target", said.target, entry.ends[1])):
            if given is not None and not same(given, stored):
                plan[name] = given
        if owner and owner.lower() != entry.owner.lower():
            plan["owner"] = owner
        _check_definition(row, _changed(definition, plan), definition)
        if said.value is not None and not same(said.value, entry.row.current):
            plan["value"] = said.value
        if said.confidence is not None and said.confidence != entry.row.confidence:
            plan["confidence"] = said.confidence
        if said.blocker is not None and said.blocker != (entry.row.blocker or "").strip():
            plan["blocker"] = said.blocker or None
        if plan and (entry.objective.closed or entry.objective.cycle.over):
            first = WORDS[next(iter(plan))]
            raise row.fault(
                "key_result", f"the cycle {entry.objective.cycle.name} is over: its key results are frozen ({first} would change)"
            )
        return plan

    # --- new ones ------------------------------------------------------------------------------------------------------

    def _create(self, row: Incoming, name: str, objective_title: str, title: str, cycle: CycleKnown | None) -> Fate:
        stored = bool(row.id)
        found: list[InputError] = []
        if not any(sign.isalnum() for sign in title):
            found.append(row.fault("key_result", "holds no word; enter what is to be reached"))
        home, added = self._home(row, objective_title, cycle, found)
        owner = owner_of(row, self._known, self._choice.match_names, found)
        if not owner and not stored and not any(_at(error, row, "owner") for error in found):
            found.append(row.fault("owner", "a key result has exactly one owner: enter an e-mail address"))
        definition = dict(row.definition or {}) if stored else self._new_definition(row, found)
        said = read_said(row, _definition(definition), self._choice.decimals, found)
        if not stored and definition.get("kind") != Kind.YES_NO.value:
            for field_name, end, given in (("from", "start", said.start), ("to", "target", said.target)):
                if given is None and not any(_at(error, row, field_name) for error in found):
                    found.append(row.fault(field_name, "enter a number: a new key result reads from X to Y"))
                definition[end] = given
        if found or home is None:
            raise _Faulty(found)
        _check_definition(row, _definition(definition), None)
        ident = row.id or self._new_id(title)
        if ident in self._known.taken:
            raise row.fault("key_result", f"a key result with the id {ident!r} exists already, or did; choose another")
        if added is not None:
            self.plan.objectives.append(added)
            self._known.add_objective(added.known)
        self._known.taken.add(ident)
        self._seen[ident] = row.place
        self._known.key_results.setdefault((objective_title, title), []).append(KeyResultKnown(ident, home, None, owner))
        columns = {**NEW_DEFAULTS, **definition}
        self.plan.key_results.append(NewKeyResult(ident, home.id, title, owner, columns, _first_words(said)))
        changes = (f"id {ident}",) if added is None else (f"id {ident}", f"objective {added.known.id} in {home.cycle.name}")
        return Fate(row.place, name, "create", changes)

    def _home(
        self, row: Incoming, title: str, cycle: CycleKnown | None, found: list[InputError]
    ) -> tuple[ObjectiveKnown | None, NewObjective | None]:
        """The objective, None when there is no fitting one: the other cells of the row are still looked at."""
        try:
            home, added = home_for(row, title, cycle, self._known, self._choice)
            if not row.id and (home.closed or home.cycle.over):
                raise row.fault("objective", f"the cycle {home.cycle.name} is over: it takes no new key results")
        except InputError as error:
            found.append(error)
            return None, None
        return home, added

    def _new_definition(self, row: Incoming, found: list[InputError]) -> dict[str, Any]:
        try:
            kind = (plain_text(row.cell("kind")) or Kind.METRIC.value).lower().replace("/", "_").replace(" ", "_")
            unit = plain_text(row.cell("unit"), 40)
        except InputError as error:
            found.append(row.fault("unit", error.message))
            return {"kind": Kind.METRIC.value}
        kinds = {"percentage": Kind.METRIC, "number": Kind.METRIC, "numeric": Kind.METRIC, "binary": Kind.YES_NO, "boolean": Kind.YES_NO}
        chosen = kinds.get(kind) or next((each for each in Kind if each.value == kind and each is not Kind.MILESTONES), Kind.METRIC)
        if kind == "percentage" and not unit:
            unit = "%"
        return {"kind": chosen.value, "unit": unit}

    def _new_id(self, title: str) -> str:
        stem = f"kr-{slug(title)}"
        return free_id(stem, self._known.taken, self._next)


class _Faulty(Exception):
    """Several bad cells of one row."""

    def __init__(self, found: list[InputError]) -> None:
        super().__init__()
        self.found = found


def _first_words(said: Said) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    if said.value is not None:
        plan["value"] = said.value
    if said.confidence is not None:
        plan["confidence"] = said.confidence
    if said.blocker:
        plan["blocker"] = said.blocker
    return plan


def _changed(definition: Definition, plan: Mapping[str, Any]) -> Definition:
    ends = ("low", "high") if definition.kind is Kind.BETWEEN else ("start", "target")
    return replace(definition, **{end: plan[name] for end, name in zip(ends, ("start", "target"), strict=True) if name in plan})


def _check_definition(row: Incoming, definition: Definition, before: Definition | None) -> None:
    if definition == before:
        return
    for fault in faults(definition):
        raise row.fault("from" if fault.field in ("start", "low") else "to", fault.message)


def _definition(columns: Mapping[str, Any]) -> Definition:
    names = {"start": None, "target": None, "low": None, "high": None, **NEW_DEFAULTS, **columns}
    return load_definition(SimpleNamespace(**names))  # type: ignore[arg-type]  # has every column that a definition is made of


def _at(error: InputError, row: Incoming, name: str) -> bool:
    return error.where == row.fault(name, "").where
