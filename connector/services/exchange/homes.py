"""Where a row belongs: its cycle, and the objective of a new key result, made when the admin allows it. Reads nothing, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.errors import InputError
from connector.services.exchange.cells import Incoming, is_empty, plain_text
from connector.services.exchange.days import read_day
from connector.services.exchange.known import CycleKnown, Known, ObjectiveKnown
from connector.services.exchange.plan import NewObjective, free_id, slug
from connector.services.exchange.values import Decimals


@dataclass(frozen=True, slots=True)
class Choice:
    """What the admin chose for one import, and what the columns themselves told about numbers and days."""

    cycle: str | None = None
    create_objectives: bool = False
    match_names: bool = False
    decimals: Decimals = field(default_factory=Decimals)
    day_order: str = ""


def find_cycle(row: Incoming, known: Known, choice: Choice) -> CycleKnown | None:
    """The cycle that a row speaks of: chosen for the whole import, named by the row, by its sheet, or by its due day; None when untold.

    Raises ``InputError`` for a name that no cycle has, and for a day that is none.
    """
    if choice.cycle is not None:
        return known.cycle(choice.cycle, "--cycle")
    try:
        named = plain_text(row.cell("cycle"))
    except InputError as error:
        raise row.fault("cycle", error.message) from None
    if named:
        return known.cycle(named, row.fault("cycle", "").where)
    if (by_sheet := known.by_sheet.get(row.sheet)) is not None:
        return known.cycles[by_sheet]
    if is_empty(row.cell("due")):
        return None
    try:
        day = read_day(row.cell("due"), choice.day_order)
    except InputError as error:
        raise row.fault("due", error.message) from None
    running = [cycle for cycle in known.cycles.values() if day is not None and cycle.start <= day <= cycle.end]
    return running[0] if len(running) == 1 else None


def home_for(
    row: Incoming, title: str, cycle: CycleKnown | None, known: Known, choice: Choice
) -> tuple[ObjectiveKnown, NewObjective | None]:
    """The objective of a new key result, and whether it must be made. Raises ``InputError`` when there is none, or more than one."""
    homes = [
        entry
        for entry in known.objectives.get(title, ())
        if (cycle is None or entry.cycle.name == cycle.name) and (not row.id or entry.id == row.objective_id)
    ]
    if len(homes) > 1:
        homes = [entry for entry in homes if not entry.closed and not entry.cycle.over]
        if len(homes) != 1:
            raise row.fault(
                "objective",
                "more than one objective has this title; say which cycle is meant: --cycle NAME, or Cycle on the page of the import",
            )
    if homes:
        return homes[0], None
    if not choice.create_objectives or row.id:
        raise row.fault("objective", "there is no such objective; make it first, let the import make objectives, or correct the title")
    return _made(row, title, cycle, known)


def _made(row: Incoming, title: str, cycle: CycleKnown | None, known: Known) -> tuple[ObjectiveKnown, NewObjective]:
    if cycle is None:
        running = [each for each in known.cycles.values() if not each.over]
        if len(running) != 1:
            listed = ", ".join(each.name for each in running) or "none that is not over"
            raise row.fault("objective", f"the objective would be made, but in which cycle? Say it with --cycle NAME; there are: {listed}")
        cycle = running[0]
    try:
        team = plain_text(row.cell("team")) or None
    except InputError as error:
        raise row.fault("team", error.message) from None
    made = ObjectiveKnown(free_id(slug(title), known.taken_objectives, {}), title, cycle, closed=False, new=True)
    return made, NewObjective(made, team if team in known.teams else None)
