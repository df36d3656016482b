"""Values of rows, both ways: what a column holds → our value, our value → what the column takes. Pure.

The type that a column really has decides: an adopted database may keep a choice as a status, a select or plain text. What cannot be written
there is left out and named, never an error for the whole row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connector.domain.leads_page import Piece
from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import COLUMNS, FROM, PROGRESS, TO, VALUE, ColumnType
from connector.domain.row_drafts import PERCENT, numeral
from connector.hosts.notion.fields import cut_short, field_value, moment
from connector.hosts.notion.rich_text import MOST_RUNS
from connector.hosts.notion.rich_text import runs as rich_text
from connector.hosts.notion.writer import encode
from connector.hosts.okr_databases import FoundColumn

MOST_ENTRIES = 100  # people or relations that one request takes
LONGEST_OPTION = 100
_TYPES: Mapping[str, ColumnType] = {column.field: column.type for columns in COLUMNS.values() for column in columns}
_MEASURED = frozenset({FROM, TO, VALUE})  # a key result in percent counts from 0 to 100, whatever shows it
_SHORT = {"url": 2000, "email": 200, "phone_number": 200}


Present = Mapping[str, tuple[str, Mapping[str, Any]]]  # a page's properties; see ``fields.properties_of``


@dataclass
class Encoded:
    """A row's values as the API takes them: property id → value, and our field → why it was left out."""

    properties: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def read_values(present: Present, columns: Mapping[str, FoundColumn], complete: Mapping[str, tuple[str, ...]]) -> dict[str, FieldValue]:
    """Our field → value, for the columns asked for. ``complete``: relations and people by property id that were read in full."""
    values: dict[str, FieldValue] = {}
    for name, column in columns.items():
        if column.id not in present:
            values[name] = Unknown("the column is not there any more")
        elif column.id in complete:
            values[name] = complete[column.id] or None
        else:
            values[name] = _ours(name, column, field_value(present[column.id][1]))
    return values


def unit_of(present: Present, columns: Mapping[str, FoundColumn]) -> str:
    """ "%" where From and To, as far as they are there, are told in percent: by the column's format, or in the text itself."""
    told: list[bool] = []
    for column in [columns[name] for name in (FROM, TO) if name in columns and columns[name].id in present]:
        value = field_value(present[column.id][1])
        said = numeral(value) if isinstance(value, str) else None
        if said is not None or isinstance(value, float | int):
            told.append(_in_percent(column) if said is None else said[1])
    return PERCENT if told and all(told) else ""


def incomplete(present: Present, columns: Mapping[str, FoundColumn]) -> list[str]:
    """Ids of the columns of which the page shows only the first entries."""
    return [column.id for column in columns.values() if column.id in present and cut_short(present[column.id][1])]


def encode_values(columns: Mapping[str, FoundColumn], values: Mapping[str, FieldValue]) -> Encoded:
    """What to send for these values. A field without a column is not asked about; an unknown value changes nothing."""
    found = Encoded()
    for name, value in values.items():
        column = columns.get(name)
        if column is None or isinstance(value, Unknown):
            continue
        encoded, why = _encode(name, column, value)
        if encoded is not None:
            found.properties[column.id] = encoded
        if why:
            found.left_out[name] = f'"{column.name}" {why}'
    return found


def number_in(text: str) -> float | None:
    """The share that a text says, "%" as hundredths; None where it says none or may be read two ways."""
    said = numeral(text)
    return None if said is None else said[0] / 100 if said[1] else said[0]


# --- reading -----------------------------------------------------------------------------------------------------------


def _in_percent(column: FoundColumn) -> bool:
    return column.type == "number" and column.format == "percent"


def _ours(name: str, column: FoundColumn, value: FieldValue) -> FieldValue:
    """A value in the form that its field has for us, where the column's type is another and nothing is lost by it."""
    wanted = _TYPES.get(name)
    if name in _MEASURED and _in_percent(column) and isinstance(value, float | int):
        return float(f"{value * 100:.15g}")  # 0.07 is 7, not 7.000000000000001
    if isinstance(value, tuple) and not value:
        return None
    if isinstance(value, str) and wanted is ColumnType.NUMBER:
        said = numeral(value)
        return value if said is None else said[0]
    if isinstance(value, str) and wanted is ColumnType.PERCENT:
        share = number_in(value)
        return value if share is None else share
    if isinstance(value, tuple) and wanted in (ColumnType.CHOICE, ColumnType.STATUS, ColumnType.TEXT) and len(value) == 1:
        return value[0]
    if isinstance(value, str) and wanted is ColumnType.DATE and "T" in value:
        at = moment(value)
        return value if at is None else at.isoformat()
    return value


# --- writing -----------------------------------------------------------------------------------------------------------


def _encode(name: str, column: FoundColumn, value: FieldValue) -> tuple[dict[str, Any] | None, str]:
    """(the value to send, why it was left out or cut)."""
    kind = column.type
    if kind in ("title", "rich_text"):
        return _text(kind, _words(name, value))
    if kind in ("select", "status"):
        return _choice(column, value)
    if kind == "multi_select":
        return _choices(value)
    if kind == "number":
        return _number(value, 100 if name in _MEASURED and _in_percent(column) else 1)
    if kind in ("people", "relation"):
        return _entries(kind, value)
    if kind == "date":
        return _date(value)
    if kind == "checkbox":
        if value is not None and not isinstance(value, bool):
            return None, f"is a checkbox and cannot hold {_shown(value)}"
        return {kind: bool(value)}, ""
    if kind in _SHORT:
        words = _words(name, value) or ""
        return ({kind: words or None}, "") if len(words) <= _SHORT[kind] else (None, f"cannot hold {len(words):,} characters")
    return None, f"is a {kind} column, which cannot be written"


def _words(name: str, value: FieldValue) -> str | None:
    """A value as people read it in a text column; None where text cannot carry it, as ids of people."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float | int):
        return f"{value * 100:.0f} %" if name == PROGRESS else _plain(value)
    return None if isinstance(value, tuple) and value else ""


def _plain(number: float) -> str:
    text = repr(float(number))
    return text.removesuffix(".0") if "e" not in text else f"{number:.6f}".rstrip("0").rstrip(".") if abs(number) < 1e15 else text


def _text(kind: str, words: str | None) -> tuple[dict[str, Any] | None, str]:
    if words is None:
        return None, "is text and cannot hold people or rows"
    found = plain_runs(words)
    if len(found) > MOST_RUNS:
        return {kind: found[:MOST_RUNS]}, "holds only the beginning of the text"
    return {kind: found}, ""


def plain_runs(words: str) -> list[dict[str, Any]]:
    """Text as plain runs within the limit of one run: never mentions, links or markup."""
    return rich_text([[Piece(words)]]) if words else []


def _choice(column: FoundColumn, value: FieldValue) -> tuple[dict[str, Any] | None, str]:
    kind = column.type
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if value is None:
        # A status cannot be emptied everywhere: what stands there is left.
        return ({kind: None}, "") if kind == "select" else (None, "")
    if not isinstance(value, str):
        return None, f"holds one option and cannot hold {_shown(value)}"
    known = next((each for each in column.options if each.strip().casefold() == value.strip().casefold()), None)
    if known is None and kind == "status" and column.options:
        return None, f'has no option "{value}": add it in Notion'
    return _option(kind, known or value)


def _option(kind: str, name: str) -> tuple[dict[str, Any] | None, str]:
    if why := _not_an_option(name):
        return None, why
    return {kind: {"name": name}}, ""


def _not_an_option(name: str) -> str:
    if "," in name:
        return f'cannot have an option "{name[:60]}": Notion takes no commas in one'
    if not name.strip() or len(name) > LONGEST_OPTION:
        return f"takes options of 1 to {LONGEST_OPTION} characters"
    return ""


def _choices(value: FieldValue) -> tuple[dict[str, Any] | None, str]:
    names = list(dict.fromkeys(value if isinstance(value, tuple) else () if value is None else (str(value),)))
    for each in names:
        if why := _not_an_option(each):
            return None, why
    cut = f"holds only the first {MOST_ENTRIES} of {len(names)}" if len(names) > MOST_ENTRIES else ""
    return {"multi_select": [{"name": each} for each in names[:MOST_ENTRIES]]}, cut


def _number(value: FieldValue, parts: int) -> tuple[dict[str, Any] | None, str]:
    if value is None:
        return {"number": None}, ""
    number = number_in(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None, f"is a number and cannot hold {_shown(value)}"
    return {"number": number if parts == 1 else float(f"{number / parts:.15g}")}, ""


def _entries(kind: str, value: FieldValue) -> tuple[dict[str, Any] | None, str]:
    if value is not None and not isinstance(value, tuple):
        return None, f"holds {'people' if kind == 'people' else 'rows'} and cannot hold {_shown(value)}"
    entries = tuple(dict.fromkeys(value or ()))
    cut = f"holds only the first {MOST_ENTRIES} of {len(entries)}" if len(entries) > MOST_ENTRIES else ""
    return encode(kind, entries[:MOST_ENTRIES]), cut


def _date(value: FieldValue) -> tuple[dict[str, Any] | None, str]:
    if value is None:
        return {"date": None}, ""
    if not isinstance(value, str) or moment(value) is None:
        return None, f"is a date and cannot hold {_shown(value)}"
    return {"date": {"start": value}}, ""


def _shown(value: FieldValue) -> str:
    return f'"{value[:60]}"' if isinstance(value, str) else "a list" if isinstance(value, tuple) else str(value)


def columns_now(columns: Mapping[str, FoundColumn], present: Sequence[FoundColumn]) -> dict[str, FoundColumn]:
    """The columns as the host has them now, by id; those that are gone are left out. Numbers are told as they were before: a format is
    how they look."""
    by_id = {each.id: each for each in present}
    return {name: replace(by_id[column.id], format=column.format) for name, column in columns.items() if column.id in by_id}
