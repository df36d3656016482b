"""Which column of a foreign table feeds which field: guessed with reasons, shown, and changed by the admin. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connector.errors import InputError
from connector.services.exchange.cells import Cell, Percent, Trouble, is_empty
from connector.services.exchange.vocabulary import COLUMNS, FIELDS, NINE, NUMBERS, PROFILES, PROGRESS, SYNONYMS, Profile

_NOT_WORDS = re.compile(r"[\W_]+")
_KINDS = frozenset({"metric", "at_least", "at_most", "yes_no"})


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Field → column header of the file, with the reason for each. A header that stands twice is told apart as "Name (2)".

    ``constants`` give a field one value for all rows · ``fill_down``: an empty objective is that of the row above · ``unused``: headers
    that feed nothing · ``notes``: what to look at, in words.
    """

    profile: str
    columns: Mapping[str, str]
    why: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    fill_down: bool = False
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_nine(self) -> bool:
        """True for our own nine columns, where nothing is guessed."""
        return self.profile == "nine-columns"

    def as_json(self) -> dict[str, Any]:
        """As stored and shown; ``mapping_from`` reads it back."""
        return {
            "profile": self.profile,
            "columns": dict(self.columns),
            "why": dict(self.why),
            "constants": dict(self.constants),
            "fill_down": self.fill_down,
            "unused": list(self.unused),
            "notes": list(self.notes),
        }


def mapping_from(data: Mapping[str, Any]) -> ColumnMapping:
    """A mapping from JSON or a form. Raises ``InputError`` naming the field that does not exist or fit."""
    columns, constants = data.get("columns") or {}, data.get("constants") or {}
    for part, given in (("columns", columns), ("constants", constants)):
        if not isinstance(given, Mapping) or not all(isinstance(key, str) and isinstance(value, str) for key, value in given.items()):
            raise InputError("name a column, or a text, for each field", where=part)
        for name in given:
            if name not in FIELDS:
                raise InputError(f"there is no such field; there are {', '.join(FIELDS)}", where=f"{part}.{name}")
    profile = str(data.get("profile") or "generic")
    if profile not in PROFILES:
        raise InputError(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}", where="profile")
    if constants.get("kind", "metric") not in _KINDS:
        raise InputError(f"choose one of {', '.join(sorted(_KINDS))}", where="constants.kind")
    kept = {name: value for name, value in columns.items() if value}
    return ColumnMapping(
        profile if kept == dict(NINE) or profile != "nine-columns" else "generic",
        kept,
        {name: str(value) for name, value in (data.get("why") or {}).items()},
        {name: value for name, value in constants.items() if value},
        bool(data.get("fill_down")),
        tuple(str(each) for each in data.get("unused") or ()),
        tuple(str(each) for each in data.get("notes") or ()),
    )


def parse_columns(text: str) -> dict[str, str]:
    """ "key_result=Name, from==0" → field → header, or "=" and a text that counts for all rows. Raises ``InputError``."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, sign, header = part.partition("=")
        if not sign or not header.strip():
            raise InputError("write FIELD=HEADER, or FIELD==TEXT for all rows, parted by commas", where="--columns")
        if name.strip() not in FIELDS:
            raise InputError(f"{name.strip()!r} is no field; there are {', '.join(FIELDS)}", where="--columns")
        found[name.strip()] = header.strip()
    return found


def plain_name(header: str) -> str:
    """A header as names are compared: lower case, one blank between words, no signs."""
    return _NOT_WORDS.sub(" ", header.casefold()).strip()


def unique_headers(cells: Sequence[str]) -> tuple[str, ...]:
    """The headers of a table, each different: a repeated one gets its number, an empty one stays empty."""
    seen: dict[str, int] = {}
    found = []
    for cell in cells:
        header = " ".join(cell.split())
        if header:
            seen[header] = seen.get(header, 0) + 1
            if seen[header] > 1:
                header = f"{header} ({seen[header]})"
        found.append(header)
    return tuple(found)


def header_score(cells: Sequence[str]) -> int:
    """How many cells of a row are names of columns that we know: the header is the row with most."""
    names = {plain_name(cell) for cell in cells if cell.strip()}
    return len(names & _KNOWN)


def is_nine_columns(headers: Sequence[str]) -> bool:
    """True for exactly our nine columns in their order; letter case does not matter."""
    return [header.casefold() for header in headers if header] == [column.casefold() for column in COLUMNS]


def guess_columns(
    headers: Sequence[str],
    sample_rows: Sequence[Sequence[Cell]],
    profile: str = "",
    corrections: Mapping[str, str] | None = None,
    *,
    complete: bool = True,
) -> ColumnMapping:
    """The mapping that fits best, with what was guessed and why. ``profile`` "" finds the program out by its header.

    ``corrections`` are fields that somebody chose (see ``parse_columns``); an empty header takes a field away.
    ``complete`` False also gives a guess that cannot be used yet, for a form.

    Raises ``InputError`` for an unknown profile, and for a table in which no key result can be found: with the nearest headers.
    """
    if profile and profile not in PROFILES:
        raise InputError(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}", where="profile")
    named = unique_headers(headers)
    if is_nine_columns(named) and profile in ("", "nine-columns") and not corrections:
        by_name = {header.casefold(): header for header in named}
        return ColumnMapping("nine-columns", {each: by_name[column.casefold()] for each, column in NINE.items()})
    chosen = PROFILES[profile] if profile else _detect(named)
    samples = {header: [row[place] for row in sample_rows if place < len(row)] for place, header in enumerate(named) if header}
    columns, why = _by_names(named, chosen)
    mapping = ColumnMapping(chosen.name, columns, why, notes=(chosen.note,) if chosen.note else ())
    mapping = _judged_by_values(mapping, samples)
    mapping = _corrected(_completed(mapping, samples), corrections or {}, named)
    used = set(mapping.columns.values())
    mapping = replace(mapping, unused=tuple(header for header in named if header and header not in used))
    if complete:
        check_mapping(mapping, named)
    return mapping


def check_mapping(mapping: ColumnMapping, headers: Sequence[str]) -> None:
    """Raises ``InputError`` when the mapping names a column that is not there, or does not say where key results stand."""
    present = {header.casefold(): header for header in headers if header}
    for name, header in mapping.columns.items():
        if header.casefold() not in present:
            near = difflib.get_close_matches(header, list(present.values()), n=1, cutoff=0.5)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise InputError(f"the file has no column {header!r}{hint}", where=name)
    has_title = "key_result" in mapping.columns or "title" in mapping.columns
    has_objective = (
        "objective" in mapping.columns or "objective" in mapping.constants or "parent" in mapping.columns or "type" in mapping.columns
    )
    missing = [] if has_title else ["Key Result"]
    missing += [] if has_objective else ["Objective"]
    if missing:
        listed = ", ".join(present.values())[:300] or "none"
        told = []
        for column in missing:
            near = difflib.get_close_matches(column.casefold(), list(present), n=1, cutoff=0.5)
            told.append(f"{column} (nearest: {present[near[0]]})" if near else column)
        raise InputError(f"no column was found for {' and '.join(told)}; say which it is. The file has: {listed}", where="columns")


def _corrected(mapping: ColumnMapping, corrections: Mapping[str, str], headers: Sequence[str]) -> ColumnMapping:
    columns, why, constants = dict(mapping.columns), dict(mapping.why), dict(mapping.constants)
    by_name = {header.casefold(): header for header in headers if header}
    for name, header in corrections.items():
        constants.pop(name, None)
        for other in [other for other, taken in columns.items() if other == name or taken.casefold() == header.casefold()]:
            columns.pop(other)
            why.pop(other, None)
        if header.startswith("="):
            constants[name] = header[1:].strip()
        elif header:
            columns[name], why[name] = by_name.get(header.casefold(), header), "as chosen"
    return replace(mapping, columns=columns, why=why, constants=constants)


def _by_names(headers: Sequence[str], profile: Profile) -> tuple[dict[str, str], dict[str, str]]:
    by_plain: dict[str, str] = {}
    for header in headers:
        if header and plain_name(header) not in profile.never:
            by_plain.setdefault(plain_name(header), header)
    columns: dict[str, str] = {}
    why: dict[str, str] = {}
    taken: set[str] = set()
    for names, reason in ((profile.columns, f"what {profile.title} calls it"), (SYNONYMS, "by its name")):
        for each, words in names.items():
            if each in columns:
                continue
            found = next((by_plain[word] for word in words if word in by_plain and by_plain[word] not in taken), None)
            if found is not None:
                columns[each], why[each] = found, reason
                taken.add(found)
    # One row for each objective and key result has a title; a table with both columns has no use for it.
    if "key_result" not in columns and "title" in columns and "objective" in columns and "type" not in columns and "parent" not in columns:
        columns["key_result"], why["key_result"] = columns.pop("title"), "the only title beside the objective"
        why.pop("title")
    if "key_result" in columns and "objective" in columns:
        for each in ("title", "type", "parent"):
            columns.pop(each, None)
            why.pop(each, None)
    return columns, why


def _judged_by_values(mapping: ColumnMapping, samples: Mapping[str, Sequence[Cell]]) -> ColumnMapping:
    """Take back what the values speak against."""
    columns, why, notes = dict(mapping.columns), dict(mapping.why), list(mapping.notes)
    for each in (*NUMBERS, "confidence"):
        cells = [cell for cell in samples.get(columns.get(each, ""), ()) if not is_empty(cell) and not isinstance(cell, Trouble)]
        wrong = next((cell for cell in cells if not _fits(each, cell)), None)
        if cells and wrong is not None and not any(_fits(each, cell) for cell in cells):
            what = "a whole number from 1 to 10" if each == "confidence" else "a number"
            notes.append(f"the column {columns[each]} was left out: it holds {str(wrong)[:40]!r}, which is not {what}")
            columns.pop(each)
            why.pop(each, None)
    owners = [cell for cell in samples.get(columns.get("owner", ""), ()) if not is_empty(cell)]
    if owners and not any("@" in str(cell) for cell in owners):
        notes.append(f"the column {columns['owner']} holds names, not e-mail addresses: allow matching by name, or map another column")
    return replace(mapping, columns=columns, why=why, notes=tuple(notes))


def _fits(each: str, cell: Cell) -> bool:
    if each == "confidence":
        return str(cell).strip().removesuffix(".0") in {str(number) for number in range(1, 11)}
    return isinstance(cell, (float, Percent)) or (isinstance(cell, str) and any(letter.isdigit() for letter in cell))


def _completed(mapping: ColumnMapping, samples: Mapping[str, Sequence[Cell]]) -> ColumnMapping:
    """What follows from the columns that are there: a share instead of values, tasks without numbers, objectives named once."""
    columns, why, constants = dict(mapping.columns), dict(mapping.why), dict(mapping.constants)
    if not any(each in columns for each in ("from", "to")):
        progress = next((header for header in samples if plain_name(header) in PROGRESS), None)
        if progress is not None and "current" not in columns and "done" not in columns:
            columns["current"], why["current"] = progress, "a share of the way: from 0 to 100 %"
            constants |= {"from": "0", "to": "100", "unit": "%"}
        elif "done" in columns and "to" not in columns:
            constants["kind"] = "yes_no"
            why["done"] = "tasks without a target are done or not"
    elif "done" in columns:
        columns.pop("done")
        why.pop("done", None)
    if (
        mapping.profile == "asana-tasks"
        and "objective" not in columns
        and all(is_empty(cell) for cell in samples.get(columns.get("parent", ""), ()))
    ):
        section = next((header for header in samples if plain_name(header) == "section column"), None)
        if section is not None:
            columns["objective"], why["objective"] = section, "no task has subtasks: its section stands for the objective"
            columns["key_result"], why["key_result"] = columns.pop("title"), why.pop("title", "")
            columns.pop("parent", None)
            why.pop("parent", None)
    cells = samples.get(columns.get("objective", ""), ())
    # The rows of a database have no order that people gave them.
    fill_down = (
        mapping.profile not in ("notion", "asana-tasks")
        and bool(cells)
        and not is_empty(cells[0])
        and any(is_empty(cell) for cell in cells)
    )
    if fill_down:
        why["objective"] = f"{why.get('objective', 'by its name')}; an empty cell means the objective above"
    return replace(mapping, columns=columns, why=why, constants=constants, fill_down=fill_down)


def _detect(headers: Sequence[str]) -> Profile:
    names = {plain_name(header) for header in headers if header}
    for each in PROFILES.values():
        if each.signs and each.name != "nine-columns" and set(each.signs) <= names:
            return each
    return PROFILES["generic"]


_KNOWN = frozenset({name for names in SYNONYMS.values() for name in names} | set(PROGRESS) | {"section column"})
