"""A page object → ``Item``, and any property value → ``FieldValue``. Pure and tolerant: no I/O, unknown shapes give ``Unknown``.

Reference: https://developers.notion.com/reference/page-property-values
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from connector.domain.model import Category, FieldValue, Item, Unknown
from connector.hosts.notion.blocked import read_blocked
from connector.hosts.notion.ids import known_id, property_id
from connector.hosts.notion.panel import STATUS
from connector.hosts.notion.schema import Schema, plain_text
from mappings.rules import GROUP_MARK

_LARGEST = sys.float_info.max
CUT_AT = 25  # a page object holds at most this many related pages or people


def is_gone(page: Mapping[str, Any]) -> bool:
    """Trashed or archived: the page answers, but is no longer among the rows."""
    return any(page.get(flag) is True for flag in ("in_trash", "archived", "is_archived"))


def moment(text: object) -> datetime | None:
    """An ISO time of the API as aware UTC, None when there is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def container_of(page: Mapping[str, Any]) -> str:
    """The data source that a page is a row of, "" for a page elsewhere."""
    parent = page.get("parent")
    return (known_id(parent.get("data_source_id")) or "") if isinstance(parent, dict) else ""


def properties_of(page: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """A page's properties by decoded id: (name, value object)."""
    raw = page.get("properties")
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, value in raw.items() if isinstance(raw, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            found[property_id(value["id"])] = (str(name), value)
    return found


def title_of(page: Mapping[str, Any]) -> str:
    """The page's title as plain text, "" when it has none."""
    for _, value in properties_of(page).values():
        if value.get("type") == "title":
            return plain_text(value.get("title"))
    return ""


def cut_short(value: Mapping[str, Any]) -> bool:
    """True when the page object shows only the first 25 entries of this property, so that it must be read by itself."""
    if value.get("type") == "relation":
        return value.get("has_more") is True
    people = value.get("people")  # has no has_more of its own
    return value.get("type") == "people" and isinstance(people, list) and len(people) >= CUT_AT


def read_item(page: Mapping[str, Any], schema: Schema | None, complete: Mapping[str, tuple[str, ...]] | None = None) -> Item:
    """A page as an item. ``schema`` of its data source gives the status category; ``complete`` holds relations read in full."""
    ref = known_id(page.get("id")) or str(page.get("id"))
    values = properties_of(page)
    status, category = _status(values, schema)
    fields: dict[str, FieldValue] = {}
    for ident, (_, value) in values.items():
        fields[ident] = complete[ident] if complete and ident in complete else field_value(value)
        if value.get("type") == "status":
            fields[ident + GROUP_MARK] = _group(ident, value, schema)
    return Item(
        ref=ref,
        key=ref,
        title=title_of(page),
        url=str(page.get("url") or ""),
        kind="row",
        container=container_of(page),
        category=category,
        status=status,
        fields=fields,
        created_at=moment(page.get("created_time")),
        updated_at=moment(page.get("last_edited_time")),
        blocked=read_blocked(values, schema, status, category),
    )


def _status(values: Mapping[str, tuple[str, Mapping[str, Any]]], schema: Schema | None) -> tuple[str | None, Category]:
    """The name of the status and its category; a lone checkbox stands in where a data source has no status property."""
    ids = schema.done_ids if schema else _statuses(values)
    if len(ids) != 1 or ids[0] not in values:
        return None, Category.UNDEFINED
    value = values[ids[0]][1]
    if value.get("type") == "checkbox":
        ticked = value.get("checkbox")
        return None, (Category.DONE if ticked else Category.NEW) if isinstance(ticked, bool) else Category.UNDEFINED
    option = value.get("status")
    if not isinstance(option, dict):
        return None, Category.UNDEFINED
    name = str(option.get("name") or "")
    known = schema.properties[ids[0]].categories if schema else {}
    return name, known.get(str(option.get("id"))) or known.get(name) or Category.UNDEFINED


def _group(ident: str, value: Mapping[str, Any], schema: Schema | None) -> FieldValue:
    """What the group of a row's status is called and means; None without a status, unknown while the option is."""
    option = value.get("status")
    if not isinstance(option, dict):
        return None
    prop = schema.properties.get(ident) if schema else None
    found = prop.group_of(str(option.get("id")), str(option.get("name"))) if prop else ()
    return found or Unknown("the group of this status is not known")


def _statuses(values: Mapping[str, tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """Ids of the status properties, without the one that we write ourselves."""
    return tuple(ident for ident, (name, value) in values.items() if value.get("type") == "status" and name != STATUS)


def unknown_option(page: Mapping[str, Any], schema: Schema) -> str:
    """The id of the page's status option when the schema does not have it (added since we read the schema), else ""."""
    for ident, (_, told) in properties_of(page).items():
        value = told.get("status") if ident in schema.properties else None
        if (
            isinstance(value, dict)
            and value.get("id")
            and str(value["id"]) not in {option for option, _ in schema.properties[ident].options}
        ):
            return str(value["id"])
    return ""


def field_value(value: Mapping[str, Any]) -> FieldValue:
    """A property value as the mapping rules read it. What cannot be told is ``Unknown``; an empty property is None."""
    kind = value.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return Unknown(f"unsupported property type {str(kind)[:40]}")
    if kind not in value:
        return Unknown(f"{kind} without a value")  # left out is not the same as empty
    return reader(value[str(kind)], value)


def _number(inner: object, _: Mapping[str, Any]) -> FieldValue:
    if inner is None:
        return None
    if isinstance(inner, bool) or not isinstance(inner, (int, float)) or not abs(inner) <= _LARGEST:  # not <= is true of nan
        return Unknown("not a number")
    return float(inner)


def _text(inner: object, _: Mapping[str, Any]) -> FieldValue:
    return inner or None if isinstance(inner, str) or inner is None else Unknown("not a text")


def _checkbox(inner: object, _: Mapping[str, Any]) -> FieldValue:
    return inner if isinstance(inner, bool) else Unknown("checkbox without a value")


def _option(inner: object, _: Mapping[str, Any]) -> FieldValue:
    if inner is None:
        return None
    return str(inner["name"]) if isinstance(inner, dict) and inner.get("name") else Unknown("an option without a name")


def _names(inner: object, value: Mapping[str, Any]) -> FieldValue:
    if not isinstance(inner, list):
        return Unknown(f"{value.get('type')} without a value")
    return tuple(str(each.get("name") or "") for each in _dicts(inner))


def _refs(inner: object, what: str) -> FieldValue:
    """The ids of a list of objects; one without an id makes the whole unknown."""
    if not isinstance(inner, list):
        return Unknown(f"{what} without a value")
    ids = [each.get("id") if isinstance(each, dict) else None for each in inner]
    if not all(isinstance(each, str) and each for each in ids):
        return Unknown(f"{what} of which one has no id")
    return tuple(known_id(each) or str(each) for each in ids)


def _people(inner: object, value: Mapping[str, Any]) -> FieldValue:
    if cut_short(value):
        return Unknown("25 or more people, not read in full")
    return _refs(inner, "people")


def _relation(inner: object, value: Mapping[str, Any]) -> FieldValue:
    if cut_short(value):
        return Unknown("more than 25 related pages, not read in full")
    return _refs(inner, "relation")


def _rich_text(inner: object, value: Mapping[str, Any]) -> FieldValue:
    return plain_text(inner) or None if isinstance(inner, list) else Unknown(f"{value.get('type')} without a value")


def _date(inner: object, _: Mapping[str, Any]) -> FieldValue:
    if inner is None:
        return None
    start = inner.get("start") if isinstance(inner, dict) else None
    return start if isinstance(start, str) and start else Unknown("a date without a beginning")


def _person(inner: object, _: Mapping[str, Any]) -> FieldValue:
    return (known_id(inner.get("id")) or None) if isinstance(inner, dict) else None


def _unique_id(inner: object, _: Mapping[str, Any]) -> FieldValue:
    if not isinstance(inner, dict) or inner.get("number") is None:
        return None
    return f"{inner['prefix']}-{inner['number']}" if inner.get("prefix") else str(inner["number"])


def _formula(inner: object, _: Mapping[str, Any]) -> FieldValue:
    if not isinstance(inner, dict):
        return Unknown("formula without a value")
    kind = str(inner.get("type"))
    if kind == "boolean":
        found = inner.get("boolean")
        return found if isinstance(found, bool) else None
    readers: dict[str, Callable[[object, Mapping[str, Any]], FieldValue]] = {"number": _number, "string": _text, "date": _date}
    if kind not in readers:  # "unsupported" since 2026-08-05: the traversal budget was used up; asking again does not help
        return Unknown(f"formula {kind[:40]}")
    return readers[kind](inner.get(kind), inner)


def _rollup(inner: object, _: Mapping[str, Any]) -> FieldValue:
    if not isinstance(inner, dict):
        return Unknown("rollup without a value")
    kind = inner.get("type")
    if kind == "number":
        return _number(inner.get("number"), inner)
    if kind == "date":
        return _date(inner.get("date"), inner)
    if kind == "array":
        return _texts(field_value(each) for each in _dicts(inner.get("array")))
    return Unknown(f"rollup {str(kind)[:40]}")


def _texts(values: Iterable[FieldValue]) -> FieldValue:
    """Rolled-up values as texts; one that cannot be told makes the whole unknown."""
    texts: list[str] = []
    for value in values:
        if isinstance(value, Unknown):
            return value
        if isinstance(value, tuple):
            texts.extend(value)
        elif value is not None:
            texts.append(f"{value:g}" if isinstance(value, float) else str(value))
    return tuple(texts)


def _place(inner: object, _: Mapping[str, Any]) -> FieldValue:
    return str(inner.get("name") or inner.get("address") or "") or None if isinstance(inner, dict) else None


def _verification(inner: object, _: Mapping[str, Any]) -> FieldValue:
    return str(inner["state"]) if isinstance(inner, dict) and inner.get("state") else None


def _button(_: object, __: Mapping[str, Any]) -> FieldValue:
    return None  # a button holds nothing


def _dicts(inner: object) -> list[dict[str, Any]]:
    return [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []


_READERS: dict[str, Callable[[object, Mapping[str, Any]], FieldValue]] = {
    "button": _button,
    "checkbox": _checkbox,
    "created_by": _person,
    "created_time": _text,
    "date": _date,
    "email": _text,
    "files": _names,  # names only: the addresses of files differ on every answer
    "formula": _formula,
    "last_edited_by": _person,
    "last_edited_time": _text,
    "multi_select": _names,
    "number": _number,
    "people": _people,
    "phone_number": _text,
    "place": _place,
    "relation": _relation,
    "rich_text": _rich_text,
    "rollup": _rollup,
    "select": _option,
    "status": _option,
    "title": _rich_text,
    "unique_id": _unique_id,
    "url": _text,
    "verification": _verification,
}
