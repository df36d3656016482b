"""Tables and a column mapping → one ``Incoming`` for each key result, whatever shape the table has. Judges no value.

Flat tables have one row for each key result. Tables in which objectives have rows of their own tell them by a type, or by their parent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connector.errors import InputError
from connector.services.exchange.cells import EMPTY, Cell, Incoming, Line, Table, cell_text, is_empty
from connector.services.exchange.columns import ColumnMapping, check_mapping, unique_headers
from connector.services.exchange.tables import by_header, header_texts
from connector.services.exchange.vocabulary import COLUMNS, NINE

_KEY_RESULT = re.compile(r"\b(key.?result|kr|metric|measure|kpi|target)s?\b", re.IGNORECASE)
_OBJECTIVE = re.compile(r"\b(objective|goal|o)s?\b", re.IGNORECASE)
_INHERITED = ("cycle", "team", "due")  # what a key result takes from its objective's row when its own says nothing


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no key result, and why."""

    place: str
    name: str
    reason: str


def rows_of(table: Table, mapping: ColumnMapping) -> Iterator[Incoming | LeftOut | InputError]:
    """The key results of one table, in its order; a row that cannot be placed is an error of its own.

    Raises ``InputError`` when the mapping does not fit the table.
    """
    if mapping.is_nine:
        yield from _nine(table)
        return
    headers = unique_headers(header_texts(table))
    check_mapping(mapping, headers)
    places = by_header(table)
    columns = {name: places[header.casefold()] for name, header in mapping.columns.items()}
    shown = {name: headers[place] for name, place in columns.items()}
    read = (_cells(line, columns, mapping.constants) for line in table.lines)
    if "key_result" in columns and ("objective" in columns or "objective" in mapping.constants):
        yield from _flat(table, read, shown, mapping)
    else:
        yield from _tree(table, list(read), shown, mapping)


def _nine(table: Table) -> Iterator[Incoming | InputError]:
    for line in table.lines:
        if any(not is_empty(cell) for cell in line.cells[len(COLUMNS) :]):
            yield InputError(f"there are more cells than the {len(COLUMNS)} columns", where=table.place(line.number))
            continue
        yield Incoming(table.place(line.number), table.sheet, dict(zip(NINE, line.cells, strict=False)), NINE)


def _cells(line: Line, columns: Mapping[str, int], constants: Mapping[str, str]) -> tuple[int, dict[str, Cell]]:
    cells: dict[str, Cell] = {}
    for name, place in columns.items():
        if place < len(line.cells) and line.cells[place] != EMPTY:
            cells[name] = line.cells[place]
    for name, text in constants.items():
        cells.setdefault(name, text)
    return line.number, cells


def _flat(
    table: Table, rows: Iterable[tuple[int, dict[str, Cell]]], shown: Mapping[str, str], mapping: ColumnMapping
) -> Iterator[Incoming | LeftOut | InputError]:
    above: Cell = EMPTY
    for number, cells in rows:
        place = table.place(number)
        if mapping.fill_down:
            above = cells.get("objective", above)
            if above != EMPTY:
                cells["objective"] = above
        if is_empty(cells.get("key_result", EMPTY)):
            # Headings, sums and empty frames of a template.
            yield LeftOut(place, _name(cells), "no key result stands in this row")
            continue
        yield Incoming(place, table.sheet, cells, shown)


def _tree(
    table: Table, rows: Sequence[tuple[int, dict[str, Cell]]], shown: Mapping[str, str], mapping: ColumnMapping
) -> Iterator[Incoming | LeftOut | InputError]:
    label = "title" if "title" in mapping.columns else "key_result"
    by_id: dict[str, int] = {}
    by_title: dict[str, list[int]] = {}
    for index, (_, cells) in enumerate(rows):
        if name := _text(cells, "id"):
            by_id.setdefault(name, index)
        by_title.setdefault(_text(cells, label), []).append(index)
    last: int | None = None
    for index, (number, cells) in enumerate(rows):
        place, name = table.place(number), _text(cells, label)
        kind = _kind(cells, "type" in mapping.columns)
        if kind == "objective":
            last = index
            continue
        if kind == "other" or not name:
            yield LeftOut(place, name, "this row is neither an objective nor a key result")
            continue
        above = _above(_text(cells, "parent"), by_id, by_title, last)
        if above is None:
            yield InputError(
                f"the objective {_text(cells, 'parent')[:80]!r} stands nowhere in the file, or in more than one row"
                if _text(cells, "parent")
                else "no objective stands above this row",
                where=f"{place}, {shown.get('parent', shown.get('type', label))}",
            )
            continue
        owner_row = rows[above][1]
        if "type" not in mapping.columns and _text(owner_row, "parent"):
            yield LeftOut(place, name, "it is a step below a key result")
            continue
        inherited = {each: owner_row[each] for each in _INHERITED if each in owner_row}
        objective = owner_row.get(label, EMPTY)
        told = {**shown, "key_result": shown.get(label, label), "objective": shown.get("parent", shown.get(label, label))}
        yield Incoming(place, table.sheet, {**inherited, **cells, "key_result": cells[label], "objective": objective}, told)


def _kind(cells: Mapping[str, Cell], typed: bool) -> str:
    if not typed:
        return "key_result" if _text(cells, "parent") else "objective"
    told = _text(cells, "type")
    if _KEY_RESULT.search(told):
        return "key_result"
    return "objective" if _OBJECTIVE.search(told) else "other"


def _above(parent: str, by_id: Mapping[str, int], by_title: Mapping[str, Sequence[int]], last: int | None) -> int | None:
    if not parent:
        return last
    if parent in by_id:
        return by_id[parent]
    named = by_title.get(parent, ())
    return named[0] if len(named) == 1 else None


def _text(cells: Mapping[str, Cell], name: str) -> str:
    try:
        return cell_text(cells.get(name, EMPTY))
    except InputError:
        return ""  # the cell is named where its value is needed


def _name(cells: Mapping[str, Cell]) -> str:
    return _text(cells, "objective") or _text(cells, "title")
