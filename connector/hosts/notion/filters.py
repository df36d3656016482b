"""Wishes about Notion properties: which make sense for a type, and what of them a query's filter can say. Pure.

Our own rules (``mappings.membership``) decide which rows belong. What goes to Notion may let more rows through, never fewer, so a
wish that Notion may read otherwise is not sent: letters' case, "is not", what formulas and rollups give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from connector.errors import InputError
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.schema import Property, Schema
from mappings.rules import BOUNDS, DAYS, WINDOWS, Condition, Op, Plain, group_name, is_day, window

Filter = dict[str, Any]
Wish = Plain | Condition

COMPUTED = frozenset({"formula", "rollup"})
_TEXTS = frozenset({"title", "rich_text", "url", "email", "phone_number"})
_DATES = frozenset({"date", "created_time", "last_edited_time"})
_LISTS = frozenset({"multi_select", "people", "relation"})
_OPTIONS = frozenset({"select", "status", "multi_select"})
_PEOPLE = frozenset({"people", "created_by", "last_edited_by"})
_ANY_DAY = timedelta(days=1)  # Notion compares days in a time zone of its own, so a day more on each side is asked for

_FITS: Mapping[Op, frozenset[str]] = {
    Op.GROUP: frozenset({"status"}),
    Op.ALL: _LISTS,
    Op.NOT: _OPTIONS | _TEXTS | COMPUTED,
    Op.CONTAINS: _TEXTS | COMPUTED | {"unique_id", "files", "place"},
    Op.PERSON: _PEOPLE,
    Op.PAGE: frozenset({"relation"}),
    **dict.fromkeys(BOUNDS, frozenset({"number"}) | COMPUTED),
    **dict.fromkeys(DAYS | WINDOWS, _DATES | COMPUTED),
}
_TESTS = {  # what can be asked, by type, for people who asked something else
    "status": "options, group, not, empty",
    "select": "options, not, empty",
    "multi_select": "options, all, not, empty",
    "number": "a number, at_least, at_most, above, below, between, empty",
    "people": "person, empty",
    "created_by": "person",
    "last_edited_by": "person",
    "relation": "page, all, empty",
    "checkbox": "true or false",
    **dict.fromkeys(_DATES, "a day, before, after, on_or_before, on_or_after, last_days, next_days, cycle, empty"),
    **dict.fromkeys(_TEXTS, "text, contains, not, empty"),
}
_NEVER_EMPTY = frozenset({"checkbox", "created_time", "created_by", "last_edited_time", "last_edited_by", "unique_id", "button"})
_ASKED_EMPTY = _TEXTS | _LISTS | {"number", "select", "status", "date", "files"}


def named_options(prop: Property, wishes: Sequence[Wish]) -> list[str]:
    """The options that wishes name, as written."""
    if prop.type not in _OPTIONS:
        return []
    plain = [each for each in wishes if isinstance(each, str)]
    several = [value for each in wishes if isinstance(each, Condition) for _, value in each.tests if isinstance(value, tuple)]
    return list(dict.fromkeys([*plain, *(name for group in several for name in group)]))


def named_pages(prop: Property, wishes: Sequence[Wish]) -> list[str]:
    """The pages that wishes about a relation name, as written."""
    if prop.type != "relation":
        return []
    found = [each for each in wishes if isinstance(each, str)]
    for each in wishes:
        for op, value in each.tests if isinstance(each, Condition) else ():
            found += [str(value)] if op is Op.PAGE else value if op is Op.ALL and isinstance(value, tuple) else ()
    return list(dict.fromkeys(found))


def check_wishes(schema: Schema, prop: Property, wishes: Sequence[Wish], options: Mapping[str, str]) -> list[str]:
    """What is wrong with wishes about a property, one sentence each; empty when they can come true.

    ``options``: option as written → its name now; one that is missing there does not exist.
    """
    if not wishes:
        return [f'the filter on "{prop.name}" names no value; give at least one']
    found = [_no_option(schema, prop, name) for name in named_options(prop, wishes) if name not in options]
    for each in wishes:
        if isinstance(each, Condition):
            found += [text for op, value in each.tests if (text := _misfit(prop, op, value))]
        elif text := _misfit_plain(schema, prop, each):
            found.append(text)
    return list(dict.fromkeys(found))


def _no_option(schema: Schema, prop: Property, name: str) -> str:
    listed = ", ".join(name for _, name in prop.options[:20]) or "none"
    return f'"{name}" is not an option of "{prop.name}" in {schema.name}; the options are: {listed}'


def _misfit_plain(schema: Schema, prop: Property, wish: Plain) -> str:
    if prop.type in _OPTIONS:
        return "" if isinstance(wish, str) else _no_option(schema, prop, f"{wish:g}" if isinstance(wish, float) else str(wish).lower())
    if prop.type == "checkbox" and not isinstance(wish, bool):
        return f'"{prop.name}" is a checkbox; filter it by true or false'
    if prop.type == "number" and (isinstance(wish, bool) or not isinstance(wish, (int, float))):
        return f'"{prop.name}" is a number; filter it by numbers without quotes'
    if prop.type in _DATES and not (isinstance(wish, str) and is_day(wish)):
        return f'"{prop.name}" is a date; filter it by a day such as 2026-11-30, or by {_TESTS[prop.type]}'
    if prop.type in _PEOPLE and not known_id(wish):
        return f'"{prop.name}" holds people; write {{person: E-MAIL}}'
    return ""


def _misfit(prop: Property, op: Op, value: Plain | tuple[str, ...]) -> str:
    fits = prop.type not in _NEVER_EMPTY if op is Op.EMPTY else prop.type in _FITS[op]
    if not fits:
        return (
            f'"{prop.name}" is a {prop.type} property and knows no test "{op.value}"; it can be asked for: {_TESTS.get(prop.type, "empty")}'
        )
    if op is Op.GROUP and not prop.in_group(str(value)):
        groups = list(dict.fromkeys(prop.groups.values()))
        if group_name(str(value)) not in {group_name(each) for each in groups}:  # a group may have no option yet
            return f'"{value}" is not a group of "{prop.name}"; the groups are: {", ".join(groups) or "none"}'
    if op is Op.PERSON and "@" not in str(value) and not known_id(value):
        return f'"{value}" is neither the e-mail address nor the account of a person'
    return ""


# --- what a query can say -------------------------------------------------------------------------------------------------


def leaves(prop: Property, wish: Wish, resolution_of: Mapping[str, str], clock: Mapping[str, str]) -> list[Filter]:
    """Conditions of a query that all rows fulfil of which the wish holds; empty when nothing of it can be said.

    ``resolution_of``: option, person or page as written → its name or id now.
    """
    if not isinstance(wish, Condition):
        return _plain(prop, resolution_of.get(wish, wish) if isinstance(wish, str) else wish)
    found = []
    for op, value in wish.tests:
        found += _test(prop, op, value, resolution_of, clock)
    return found


def _said(prop: Property, test: str, value: object) -> Filter:
    return {"property": prop.id, prop.type: {test: value}}


def _plain(prop: Property, value: Plain) -> list[Filter]:
    kind = prop.type
    if kind in ("select", "status") or kind in _TEXTS:
        return [_said(prop, "equals", value)] if isinstance(value, str) else []
    if kind == "multi_select":
        return [_said(prop, "contains", str(value))]
    if kind in ("people", "relation"):
        return [_said(prop, "contains", found)] if (found := page_id(value)) else []
    if kind == "checkbox":
        return [_said(prop, "equals", value)] if isinstance(value, bool) else []
    if kind == "number":
        return [_said(prop, "equals", value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []
    if kind in _DATES and isinstance(value, str) and is_day(value):
        day = date.fromisoformat(value)
        return _between(prop, day, day)
    return []


def _test(
    prop: Property, op: Op, value: Plain | tuple[str, ...], resolution_of: Mapping[str, str], clock: Mapping[str, str]
) -> list[Filter]:
    kind = prop.type
    if op is Op.EMPTY:
        return [_said(prop, "is_empty" if value else "is_not_empty", True)] if kind in _ASKED_EMPTY else []
    if op is Op.GROUP and kind == "status":
        names = prop.in_group(str(value))
        return [_said(prop, "equals", names[0] if len(names) == 1 else list(names))] if names else []
    if op in BOUNDS and kind == "number":
        return [_said(prop, _BOUNDS[op], value)]
    if (op in DAYS or op in WINDOWS) and kind in _DATES:
        span = window(op, value, clock)
        return _between(prop, *span) if span else []
    if op in (Op.PERSON, Op.PAGE) and kind in ("people", "relation"):
        return [_said(prop, "contains", found)] if (found := page_id(resolution_of.get(str(value), value))) else []
    if op is Op.ALL and isinstance(value, tuple) and kind in _LISTS:
        return [leaf for each in value for leaf in _plain(prop, resolution_of.get(each, each))]
    return []


_BOUNDS = {
    Op.AT_LEAST: "greater_than_or_equal_to",
    Op.ABOVE: "greater_than",
    Op.AT_MOST: "less_than_or_equal_to",
    Op.BELOW: "less_than",
}


def _between(prop: Property, first: date | None, last: date | None) -> list[Filter]:
    found = []
    try:
        if first is not None:
            found.append(_said(prop, "on_or_after", (first - _ANY_DAY).isoformat()))
        if last is not None:
            found.append(_said(prop, "on_or_before", (last + _ANY_DAY).isoformat()))
    except OverflowError:  # the first or the last day there is
        return found
    return found


def page_id(value: object) -> str:
    """The id in an id or a link, "" when there is none."""
    try:
        return normalise_id(str(value), row=True)
    except InputError:
        return ""
