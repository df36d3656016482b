"""Which column of a host's database is which of our fields: by the id that was noted, else by its name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.domain.okr_columns import COLUMNS, KEY, OBJECTIVE, Column, ColumnType, DatabaseKind, column
from connector.hosts.okr_databases import FoundColumn, FoundDatabase

_T = ColumnType
# Our type → the host's types that can hold it, read and written; the first is what we make ourselves.
FITS: Mapping[ColumnType, tuple[str, ...]] = {
    _T.TITLE: ("title",),
    _T.TEXT: ("rich_text", "select"),
    _T.NUMBER: ("number", "rich_text"),
    _T.PERCENT: ("number", "rich_text"),
    _T.CHOICE: ("select", "status", "rich_text"),
    _T.STATUS: ("status", "select", "rich_text"),
    _T.PEOPLE: ("people",),
    _T.DATE: ("date", "rich_text"),
    _T.RELATION: ("relation",),
    _T.CHECKBOX: ("checkbox",),
}
_BY_TITLE = ("select", "rich_text")  # an objective may also be named by its title
_WITH_OPTIONS = ("select", "status")


def fits(wanted: Column, found: FoundColumn) -> bool:
    """Whether a column can hold a field."""
    if wanted.field == KEY:
        return found.type == "rich_text"
    return found.type in types_for(wanted)


def types_for(wanted: Column) -> tuple[str, ...]:
    """The host's types that can hold a field, the best first."""
    return (*FITS[wanted.type], *(_BY_TITLE if wanted.field == OBJECTIVE else ()))


def still_fits(wanted: Column, found: FoundColumn, noted: Mapping[str, Any]) -> bool:
    """Whether a column can hold its field as it did: a relation that became a text leads to no row any more."""
    return fits(wanted, found) and (wanted.type is not _T.RELATION or noted.get("type") in (None, found.type))


def may_hold(kind: DatabaseKind, field: str, found: FoundColumn, noted: Mapping[str, Any] | None = None) -> bool:
    """Whether a column can hold a field of that kind of database. ``noted``: as it was kept."""
    try:
        return still_fits(column(kind, field), found, noted or {})
    except KeyError:
        return True  # a field that only adopted databases have


def has_key(found: FoundDatabase) -> bool:
    """Whether a database has our key column: then it is of a set-up of ours."""
    return any(_same(each.name, "OKR key") and each.type == "rich_text" for each in found.columns)


def by_name(kind: DatabaseKind, found: FoundDatabase) -> dict[str, FoundColumn]:
    """Our field → the column that has our name for it and can hold it."""
    return matched(kind, found, {})


def matched(kind: DatabaseKind, found: FoundDatabase, known: Mapping[str, str], made: Sequence[Column] = ()) -> dict[str, FoundColumn]:
    """Our field → column: by its noted id, else by the name under which it was just ``made``, else by our name. Each column once."""
    by_id = {each.id: each for each in found.columns}
    kept = {field: by_id[ident] for field, ident in known.items() if ident in by_id and may_hold(kind, field, by_id[ident])}
    taken = {each.id for each in kept.values()}
    names = {each.field: each.name for each in made}
    for wanted in COLUMNS[kind]:
        if wanted.field in kept:
            continue
        name = names.get(wanted.field, wanted.name)
        for each in found.columns:
            if each.id not in taken and fits(wanted, each) and (_same(each.name, name) or wanted.type is _T.TITLE):
                kept[wanted.field] = each
                taken.add(each.id)
                break
    return kept


def to_complete(
    kind: DatabaseKind, columns: Sequence[Column], found: FoundDatabase, present: Mapping[str, FoundColumn], *, adopted: bool
) -> list[Column]:
    """What has to be added: columns that are absent, under a name that is free, and options that a column of ours lacks.

    Options of people's own columns of an adopted database are theirs.
    """
    taken = {each.name.casefold() for each in found.columns}
    wanted: list[Column] = []
    for each in columns:
        there = present.get(each.field)
        if there is None:
            wanted.append(replace(each, name=free(each.name, taken)))
        elif there.type in _WITH_OPTIONS and not (adopted and each.human) and _lacks(each.options, there.options):
            wanted.append(replace(each, name=there.name))
    return wanted


def as_stored(columns: Mapping[str, FoundColumn], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As ``OkrDatabase.columns`` keeps them. ``before``: as they were kept.

    A column that was kept before is read as it was: a format is how the host shows numbers, and a change of it changes none of them.
    """
    kept: dict[str, Any] = {}
    for field, each in columns.items():
        known = (before or {}).get(field) or {}
        shown = str(known.get("format") or "") if known.get("id") == each.id else each.format
        kept[field] = {"id": each.id, "name": each.name, "type": each.type, **({"format": shown} if shown else {})}
    return kept


def drift_of(kind: DatabaseKind, stored: Mapping[str, Any], found: FoundDatabase) -> list[str]:
    """What differs from what was set up, in words with the mend. A renamed column is followed by its id and is no trouble."""
    by_id = {each.id: each for each in found.columns}
    told: list[str] = []
    for wanted in COLUMNS[kind]:
        noted = stored.get(wanted.field)
        if noted is None:
            continue
        name, there = str(noted.get("name", "")), by_id.get(str(noted.get("id", "")))
        what = f"“{name}”" if _same(name, wanted.name) else f"“{name}” ({wanted.name})"
        if there is None:
            effect = "people cannot change it there any more" if wanted.human else "it is not written any more"
            told.append(f"the column {what} was deleted: {effect}. Restore it in Notion, or run set-up again to have it added")
        elif there.type != noted.get("type") and not still_fits(wanted, there, noted):
            told.append(
                f"the column {what} has the type {there.type} now, which cannot hold it: change it back to {noted.get('type')}, "
                "or map another column"
            )
        elif there.type in _WITH_OPTIONS and not wanted.human and (lost := _lacks(wanted.options, there.options)):
            told.append(f"the column {what} lost its option {', '.join(lost[:4])}: run set-up again to have it added")
    return told


def _lacks(wanted: Collection[str], there: Collection[str]) -> list[str]:
    known = {each.casefold() for each in there}
    return [each for each in wanted if each.casefold() not in known]


def free(name: str, taken: set[str]) -> str:
    """The name for a new column, another one when people have a column of that name; added to ``taken`` (lower case)."""
    chosen = next(
        each for number in range(2, 1000) for each in (name, f"{name} (OKR)", f"{name} (OKR {number})") if each.casefold() not in taken
    )
    taken.add(chosen.casefold())
    return chosen


def _same(first: str, second: str) -> bool:
    return " ".join(first.split()).casefold() == second.casefold()
