"""The form of a key result: what was typed ↔ the words of the file of ``apply``. No database, no markup.

Numbers are typed as people write them ("1 200", "12,5"); rows of milestones, checkpoints and phased targets whose first field is empty
are no rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from connector.domain.model import Kind
from connector.domain.targets import parse_number
from connector.errors import Faults, InputError
from connector.services.plan.key_results_reading import NUMBERS, USED
from connector.web.forms import Form

TEXTS = ("title", "objective", "owner", "kind", "unit", "cadence")
PLAIN_NUMBERS = ("start", "target", "low", "high")
CHECKS = ("strict", "by_hand")
KIND_WORDS = (
    ("metric", "A number goes from X to Y"),
    ("at_least", "A number stays at or above a bound"),
    ("at_most", "A number stays at or below a bound"),
    ("between", "A number stays between two bounds"),
    ("yes_no", "Done or not done"),
    ("milestones", "Steps, each done or not"),
)
LABELS = {
    "title": "Key result",
    "objective": "Objective",
    "owner": "Owner",
    "kind": "Kind",
    "unit": "Unit",
    "start": "From",
    "target": "To",
    "low": "Lower bound",
    "high": "Upper bound",
    "strict": "Exactly on the bound counts as outside",
    "decimals": "Decimals",
    "weight": "Weight",
    "cadence": "Check-ins",
    "checkpoints": "Checkpoints",
    "phased_targets": "Phased targets",
    "milestones": "Milestones",
    "by_hand": "The owner enters the value",
    "stretch_reason": "Kept because",
}


@dataclass(frozen=True, slots=True)
class RowKind:
    """A list in the form: the fields of its rows, each with the word of the file of ``apply``."""

    name: str
    fields: tuple[tuple[str, str], ...]  # (field of the form, key)


ROWS = (
    RowKind("milestones", (("milestone_title", "title"), ("milestone_weight", "weight"), ("milestone_done", "done"))),
    RowKind("checkpoints", (("checkpoint_value", "value"), ("checkpoint_progress", "progress"))),
    RowKind("phased_targets", (("phase_day", "day"), ("phase_value", "value"))),
)
_ROW_ERROR = re.compile(r"(milestones|checkpoints|phased_targets)\[(\d+)\](?:\.\w+)?")


def kind_of(form: Form) -> Kind:
    """The chosen kind; a metric when none is."""
    return Kind(form["kind"]) if form["kind"] in {kind.value for kind in Kind} else Kind.METRIC


def rows_of(form: Form, kind: RowKind) -> list[dict[str, str]]:
    """The rows as they were typed, by field of the form."""
    columns = [form.many(field) for field, _ in kind.fields]
    return [dict(zip((field for field, _ in kind.fields), row, strict=True)) for row in zip_longest(*columns, fillvalue="")]


def more_rows(form: Form, name: str) -> None:
    """Give one of the lists an empty row more."""
    kind = next((each for each in ROWS if each.name == name), None)
    if kind is None:
        return
    length = len(rows_of(form, kind))
    for field, _ in kind.fields:
        column = form.many(field)
        form.lists[field] = [*column, *[""] * (length + 1 - len(column))]


def given_of(form: Form, *, lenient: bool = False) -> dict[str, Any]:
    """What was typed, in the words of the file of ``apply``; fields of other kinds than the chosen one are None.

    Raises ``Faults`` for numbers that are none, each at its field; ``lenient`` leaves those out instead.
    """
    errors: list[InputError] = []
    unit = form["unit"].strip()

    def number(text: str, where: str) -> float | None:
        text = text.strip()
        if unit and text.endswith(unit):
            text = text.removesuffix(unit)
        if not text.strip():
            return None
        try:
            return parse_number(text)
        except InputError as error:
            errors.append(InputError(error.message, where=where))
            return None

    used = USED[kind_of(form)]
    given: dict[str, Any] = {name: form[name].strip() or None for name in TEXTS}
    given["unit"] = unit
    if form["id"].strip():
        given["id"] = form["id"].strip()
    given |= {name: number(form[name], name) if name in used else None for name in PLAIN_NUMBERS}
    given |= {name: bool(form[name]) for name in CHECKS}
    given["strict"] = given["strict"] and "strict" in used
    given["weight"] = number(form["weight"], "weight")
    decimals = form["decimals"].strip()
    given["decimals"] = int(decimals) if decimals.isascii() and decimals.isdigit() and len(decimals) < 5 else None
    if decimals and given["decimals"] is None:
        errors.append(InputError("enter a whole number from 0 to 9", where="decimals"))
    given["stretch_reason"] = form["stretch_reason"].strip()
    given["change"] = form["change"].strip() if "target" in used else ""
    for kind in ROWS:
        given[kind.name] = _rows(form, kind, number) if kind.name in used else None
    if errors and not lenient:
        raise Faults(errors)
    return given


def _rows(form: Form, kind: RowKind, number: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    first = kind.fields[0][0]
    for row in rows_of(form, kind):
        if not row[first].strip():
            continue
        place = f"{kind.name}[{len(found)}]"
        entry: dict[str, Any] = {}
        for field, key in kind.fields:
            text = row[field].strip()
            if key in ("title", "day"):
                entry[key] = text
            elif key == "done":
                entry[key] = text == "1"
            elif (value := number(text, f"{place}.{key}")) is not None:
                entry[key] = value / 100 if key == "progress" else value
        found.append(entry)
    return found


def form_of(view: Mapping[str, Any], version: str = "") -> Form:
    """A form that shows a stored key result."""
    texts = {name: text_of(name, view.get(name)) for name in LABELS}
    lists: dict[str, list[str]] = {}
    for kind in ROWS:
        for field, key in kind.fields:
            lists[field] = [_cell(key, entry.get(key)) for entry in view.get(kind.name) or ()]
    return Form(texts, lists, version=version)


def text_of(name: str, value: Any) -> str:
    """A field as one text, also a list: "Plan; Build, 2"."""
    if isinstance(value, list | tuple):
        return "; ".join(", ".join(part for key in entry if (part := _cell(key, entry[key]))) for entry in value)
    return _cell(name, value)


def typed_texts(form: Form) -> dict[str, str]:
    """All fields as single texts, to be compared with ``text_of`` of what is stored."""
    given = given_of(form, lenient=True)
    return {name: text_of(name, given.get(name)) if name in NUMBERS else form[name] for name in LABELS}


def _cell(key: str, value: Any) -> str:
    if value is None or value is False or value == "":
        return ""
    if value is True:
        return "1"
    if isinstance(value, int | float):
        return number_text(round(value * 100, 9) if key == "progress" else value)
    return str(value)


def number_text(value: float) -> str:
    """A number as ``parse_number`` reads it back: 1200, 12.5, and 1.1250 since 1.125 could mean a thousand."""
    text = format(Decimal(repr(float(value))), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}0" if re.fullmatch(r"-?\d+\.\d{3}", text) else text


def place_row_errors(form: Form, names: Iterable[str]) -> None:
    """Errors of single rows stand under their list, with the row's number; ``names`` are the fields that the form has."""
    known = set(names)
    for where in list(form.errors):
        found = _ROW_ERROR.fullmatch(where)
        if found and where not in known:
            form.errors.setdefault(found[1], f"row {int(found[2]) + 1}: {form.errors.pop(where)}")
