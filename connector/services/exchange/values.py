"""What one row says in numbers and words: value, ends, confidence, blocker, owner. Every bad cell is collected by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.domain.checkin import parse_check_in
from connector.domain.model import Definition, Kind
from connector.errors import InputError
from connector.services.exchange.cells import Incoming, Percent, is_empty, number_text, plain_text
from connector.services.exchange.known import Known
from connector.services.exchange.numbers import Decimal, in_unit, read_number

_NO = frozenset({"false", "no", "0", "not done", "open"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says; None where it says nothing. ``blocker`` "" says that there is none."""

    start: float | None = None
    target: float | None = None
    value: float | None = None
    confidence: int | None = None
    blocker: str | None = None


@dataclass(frozen=True, slots=True)
class Decimals:
    """The decimal sign of each number column, by field."""

    by_field: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, name: str) -> Decimal:
        """The sign of one field's column."""
        return self.by_field.get(name, Decimal())


def read_said(row: Incoming, definition: Definition, decimals: Decimals, found: list[InputError]) -> Said:
    """Read the cells of one row; what is wrong is added to ``found``."""
    start = _number(row, "from", definition, decimals, found)
    target = _number(row, "to", definition, decimals, found)
    value = _value(row, definition, decimals, found)
    confidence = _checked(row, "confidence", definition, found)
    blocker = _checked(row, "blocker", definition, found)
    if blocker is None and "blocker" in row.columns and is_empty(row.cell("blocker")):
        blocker = ""
    return Said(start, target, value, confidence if isinstance(confidence, int) else None, blocker if isinstance(blocker, str) else None)


def same(given: float, stored: float | None) -> bool:
    """Equal to fifteen digits: a spreadsheet program keeps no more."""
    return stored is not None and math.isclose(given, stored, rel_tol=1e-12, abs_tol=1e-12)


def owner_of(row: Incoming, known: Known, match_names: bool, found: list[InputError], *, present: str = "") -> str:
    """The owner's e-mail, "" when the row names nobody. Names count when ``match_names`` allows it, and only exact, unique ones."""
    try:
        text = plain_text(row.cell("owner"), 320)
    except InputError as error:
        found.append(row.fault("owner", error.message))
        return ""
    if not text:
        return ""
    person = known.people.get(text.lower())
    if person is None and "@" not in text:
        named = known.by_name.get(text, [])
        if not match_names:
            hint = "; matching by name is not allowed for this import" if len(named) == 1 else ""
            found.append(row.fault("owner", f"{text[:80]!r} is nobody's e-mail address here; enter the one owner's{hint}"))
            return ""
        if len(named) != 1:
            told = "is the name of several people here; enter the e-mail address" if named else "is nobody's name here"
            found.append(row.fault("owner", f"{text[:80]!r} {told}"))
            return ""
        person = named[0]
    if person is None:
        found.append(row.fault("owner", f"{text[:80]!r} is nobody's e-mail address here; enter the one owner's"))
        return ""
    if not person.active and person.email.lower() != present.lower() and not row.id:
        found.append(row.fault("owner", f"{person.email} has left; name somebody who is here"))
        return ""
    return person.email


def _number(row: Incoming, name: str, definition: Definition, decimals: Decimals, found: list[InputError]) -> float | None:
    try:
        number = read_number(row.cell(name), decimals.of(name))
        return None if number is None else in_unit(number, definition.unit)
    except InputError as error:
        found.append(row.fault(name, error.message))
        return None


def _value(row: Incoming, definition: Definition, decimals: Decimals, found: list[InputError]) -> float | None:
    """The value now; a yes/no key result also takes words, and a filled "done" column."""
    cell = row.cell("current")
    try:
        if definition.kind is Kind.YES_NO:
            words = plain_text(cell) if not isinstance(cell, (float, Percent)) else ""
            if not words and is_empty(cell) and "done" in row.columns:
                done = plain_text(row.cell("done"))
                words = "yes" if done and done.lower() not in _NO else "no"
            if words:
                return parse_check_in({"value": words}, definition).value
        number = read_number(cell, decimals.of("current"))
        if number is None:
            return None
        return parse_check_in({"value": in_unit(number, definition.unit)}, definition).value
    except InputError as error:
        found.append(row.fault("current" if "current" in row.columns or "done" not in row.columns else "done", error.message))
        return None


def _checked(row: Incoming, name: str, definition: Definition, found: list[InputError]) -> object:
    """Confidence or blocker, judged by the rules of check-ins; None for an empty cell."""
    cell = row.cell(name)
    if is_empty(cell):
        return None
    try:
        given: object = cell if isinstance(cell, float) and name == "confidence" else plain_text(cell)
        if name == "blocker" and isinstance(cell, float):
            given = number_text(cell)
        return getattr(parse_check_in({name: given}, definition), name)
    except InputError as error:
        found.append(row.fault(name, error.message))
        return None
