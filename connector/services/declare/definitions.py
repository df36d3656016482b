"""What a key result promises, in the file of ``apply``: kind, numbers, checkpoints, phased targets, milestones, cadence.

Which definitions can be used is the domain's business (``scoring.faults``, ``rhythm.parse_cadence``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connector.domain.model import Cadence, Checkpoint, Definition, Kind, Milestone, PhasedTarget
from connector.domain.rhythm import parse_cadence
from connector.domain.scoring import faults
from connector.errors import InputError
from connector.services.declare import reading
from connector.services.declare.document import join
from connector.services.declare.reading import Fields
from mappings.reading import as_list, as_mapping, as_number, as_text, choose, near

T = TypeVar("T")


def read_cadence(value: Any, where: str) -> Cadence:
    """Weekly or fortnightly; monthly is refused with the reason (R048)."""
    try:
        return parse_cadence(str(value) if isinstance(value, int) else as_text(value, where))
    except InputError as error:
        raise InputError(error.message, where=where) from None


def read_definition(fields: Fields) -> Definition | None:
    """What a key result promises; None when something in it is wrong (noted)."""
    notes = fields.notes
    before = len(notes.errors)
    kind = fields.take("kind", lambda each, path: choose(Kind, each, path))
    start, target, low, high = (fields.take(key, as_number) for key in ("start", "target", "low", "high"))
    definition = Definition(
        kind or Kind.METRIC,
        fields.take("unit", reading.maybe_empty) or "",
        start,
        target,
        low,
        high,
        fields.take("strict", reading.flag) or False,
        fields.take("decimals", reading.whole) or 0,
        tuple(fields.take("checkpoints", _each(_checkpoint)) or ()),
        tuple(fields.take("phased_targets", _each(_phased_target)) or ()),
        tuple(fields.take("milestones", _each(_milestone)) or ()),
    )
    if len(notes.errors) > before:
        return None
    found = faults(definition)
    for fault in found:
        notes.add(fault.message, join(fields.where, fault.field))
    return None if found else definition


def silent_ticks(fields: Fields) -> frozenset[int]:
    """The milestones, by position, of which nothing says whether they are done: owners tick those in their check-ins."""
    listed = fields.raw("milestones")[0] or ()
    return frozenset(index for index, each in enumerate(listed) if not isinstance(each, Mapping) or each.get("done") is None)


def _each(read: Callable[[Any, str], T]) -> Callable[[Any, str], list[T]]:
    def listed(value: Any, where: str) -> list[T]:
        return [read(each, f"{where}[{index}]") for index, each in enumerate(as_list(value, where))]

    return listed


def _checkpoint(value: Any, where: str) -> Checkpoint:
    given = _exactly(value, where, ("value", "progress"))
    progress = as_number(given["progress"], join(where, "progress"))
    if not 0 <= progress <= 1:
        raise InputError("progress is a share from 0 to 1: write 0.5 for 50 %", where=join(where, "progress"))
    return Checkpoint(as_number(given["value"], join(where, "value")), progress)


def _phased_target(value: Any, where: str) -> PhasedTarget:
    given = _exactly(value, where, ("day", "value"))
    return PhasedTarget(reading.day(given["day"], join(where, "day")), as_number(given["value"], join(where, "value")))


def _milestone(value: Any, where: str) -> Milestone:
    if isinstance(value, str):
        return Milestone(reading.text(value, where))
    given = _exactly(value, where, ("title",), ("weight", "done"))
    weight, done = given.get("weight"), given.get("done")
    return Milestone(
        reading.text(given["title"], join(where, "title")),
        1.0 if weight is None else reading.weight(weight, join(where, "weight")),
        False if done is None else reading.flag(done, join(where, "done")),
    )


def _exactly(value: Any, where: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Mapping[str, Any]:
    given = as_mapping(value, where)
    for key in given:
        if key not in (*needed, *optional):
            raise InputError(f"unknown key {key!r}{near(key, (*needed, *optional))}", where=where)
    for key in needed:
        if given.get(key) is None:
            raise InputError(f"{key} is missing", where=where)
    return given
