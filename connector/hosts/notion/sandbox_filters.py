"""The stand-in's query filters: a filter as it is sent → a test for rows. Pure, and strict where Notion is.

What the real API refuses raises ``ApiFault``: a third level, a property or an operator that does not exist, an option nobody made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from connector.hosts.notion.sandbox_values import invalid, plain

Row = Mapping[str, Any]
Test = Callable[[Row], bool]


def matcher(filter_: object, properties: Mapping[str, Mapping[str, Any]], depth: int = 0) -> Test:
    """A test for rows. Raises ``ApiFault`` for what the real API refuses: a third level, unknown properties or operators."""
    if not isinstance(filter_, dict) or not filter_:
        raise invalid("body.filter should be an object")
    for word in ("and", "or"):
        if word in filter_:
            if depth >= 2:
                raise invalid("body.filter nests compound filters more than two levels deep")
            tests = [matcher(each, properties, depth + 1) for each in filter_[word]]
            return _all(tests) if word == "and" else _any(tests)
    if "timestamp" in filter_:
        if "property" in filter_:
            raise invalid("body.filter.property should be not present beside timestamp")
        return _timestamp(str(filter_["timestamp"]), filter_)
    wanted = filter_.get("property")
    prop = next((each for each in properties.values() if wanted in (each["id"], each["name"], quote(each["id"], safe=""))), None)
    if prop is None:
        raise invalid(f"Could not find property with name or id: {wanted}")
    kind = prop["type"]
    condition = filter_.get(kind)
    if not isinstance(condition, dict) or len(condition) != 1:
        raise invalid(f"database property {kind} does not match filter {', '.join(set(filter_) - {'property'})}")
    return _property(prop["id"], kind, *next(iter(condition.items())))


def _all(tests: Sequence[Test]) -> Test:
    return lambda row: all(test(row) for test in tests)


def _any(tests: Sequence[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _timestamp(which: str, filter_: Mapping[str, Any]) -> Test:
    if which not in ("created_time", "last_edited_time") or not isinstance(filter_.get(which), dict):
        raise invalid("body.filter.timestamp should be created_time or last_edited_time")
    operator, edge = next(iter(filter_[which].items()))
    compare: dict[str, Callable[[str], bool]] = {
        "on_or_after": lambda moment: moment >= edge,
        "after": lambda moment: moment > edge,
        "on_or_before": lambda moment: moment <= edge,
        "before": lambda moment: moment < edge,
    }
    if operator not in compare:
        raise invalid(f"body.filter.{which}.{operator} is not supported here")
    return lambda row: compare[operator](row[which])


_TEXTS = ("title", "rich_text", "url", "email", "phone_number")
_LISTS = ("multi_select", "people", "relation", "files")
_TIMES = ("created_time", "last_edited_time")
_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "equals": lambda value, edge: value == edge,
    "does_not_equal": lambda value, edge: value != edge,
    "greater_than": lambda value, edge: value > edge,
    "less_than": lambda value, edge: value < edge,
    "greater_than_or_equal_to": lambda value, edge: value >= edge,
    "less_than_or_equal_to": lambda value, edge: value <= edge,
}


def _value(row: Row, ident: str, kind: str) -> Any:
    if kind in _TIMES:
        return row[kind]
    inner = row["values"].get(ident)
    if kind in ("select", "status"):
        return inner["name"] if inner else None
    if kind in ("title", "rich_text"):
        return plain(inner)
    if kind in ("multi_select", "files"):
        return [each["name"] for each in inner or ()]
    if kind in ("people", "relation"):
        return [each["id"] for each in inner or ()]
    if kind == "date":
        return inner["start"] if inner else None
    return bool(inner) if kind == "checkbox" else inner


def _property(ident: str, kind: str, operator: str, value: Any) -> Test:
    refused = invalid(f"body.filter.{kind}.{operator} is not supported here")
    if operator in ("is_empty", "is_not_empty") and value is True and kind not in ("checkbox", "formula", "rollup", *_TIMES):
        return lambda row: (_value(row, ident, kind) in (None, "", [])) is (operator == "is_empty")
    if kind == "number" and operator in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise invalid(f"body.filter.number.{operator} should be a number")
        return lambda row: (number := _value(row, ident, kind)) is not None and _NUMBERS[operator](number, value)
    if kind in ("date", *_TIMES):
        return _dated(ident, kind, operator, value, refused)
    if kind == "checkbox" and operator == "equals" and isinstance(value, bool):
        return lambda row: _value(row, ident, kind) is value
    wanted = value if isinstance(value, list) and kind in ("select", "status", "multi_select") else [value]
    if not all(isinstance(each, str) for each in wanted):
        raise invalid(f"body.filter.{kind}.{operator} should be a string")
    if kind in ("select", "status", *_TEXTS) and operator == "equals":
        return lambda row: _value(row, ident, kind) in wanted
    if kind in _LISTS and operator == "contains":
        return lambda row: not set(wanted).isdisjoint(_value(row, ident, kind))
    if kind in _TEXTS and operator == "contains":
        return lambda row: wanted[0] in (_value(row, ident, kind) or "")
    raise refused


def _dated(ident: str, kind: str, operator: str, value: Any, refused: Exception) -> Test:
    """Days are compared in UTC: a day is a whole one on the right side, as with Notion's "on or before"."""
    tests: dict[str, Callable[[str, str], bool]] = {
        "equals": lambda day, edge: day == edge,
        "before": lambda day, edge: day < edge,
        "after": lambda day, edge: day > edge,
        "on_or_before": lambda day, edge: day <= edge,
        "on_or_after": lambda day, edge: day >= edge,
    }
    if operator not in tests:
        raise refused
    if not isinstance(value, str) or _utc_day(value) is None:
        raise invalid(f"body.filter.{kind}.{operator} should be a valid ISO 8601 date string")
    edge = _utc_day(value) or ""
    return lambda row: (day := _utc_day(_value(row, ident, kind))) is not None and tests[operator](day, edge)


def _utc_day(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date().isoformat()
