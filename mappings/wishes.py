"""Wishes about properties as people write them (``{Stage: Won, Seats: {at_least: 5}}``), written back and said in words. Pure.

Which property types know which test is the host's business; whether a value fulfils a wish is asked in ``conditions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from connector.domain.wording import day_text, plain_number
from connector.errors import InputError
from mappings.reading import as_list, as_mapping, as_number, as_text, near
from mappings.terms import BOUNDS, DAYS, Condition, Op, Plain, Wishes

THIS_CYCLE = "this"
MOST_DAYS = 3660

_SUGAR = {"<": Op.BELOW, "<=": Op.AT_MOST, "≤": Op.AT_MOST, ">": Op.ABOVE, ">=": Op.AT_LEAST, "≥": Op.AT_LEAST}
_KNOWN = (*(op.value for op in Op), "between")


def values_by_name(data: Any, where: str) -> dict[str, tuple[Plain | Condition, ...]]:
    """Property → wishes, of which any will do: a value, a condition, or a list of them.

    Numbers become floats, unquoted YAML dates their ISO text.
    """
    if data is None:
        return {}
    wishes: dict[str, tuple[Plain | Condition, ...]] = {}
    for name, listed in as_mapping(data, where).items():
        place = f"{where}.{name}"
        title = as_text(name, place)
        several = as_list(listed, place) if isinstance(listed, (list, tuple)) else [listed]
        if not several:
            raise InputError("the list is empty; name at least one value", where=place)
        found = [_wish(each, place) for each in several]
        # by type too: True and 1.0 are equal in Python, but different wishes
        wishes[title] = tuple({(type(each), each): each for each in found}.values())
    return wishes


def _wish(data: Any, where: str) -> Plain | Condition:
    if isinstance(data, Mapping):
        return parse_condition(data, where)
    if isinstance(data, bool):
        return data
    if isinstance(data, (int, float)):
        return as_number(data, where)
    if isinstance(data, date):
        return data.isoformat()
    if data is None:
        raise InputError("has no value; name the option, number or yes/no that must match", where=where)
    if isinstance(data, str):
        return as_text(data, where)
    raise InputError(f"must be text, a number, true/false or a condition such as {{at_least: 5}}, not {data!r:.60}", where=where)


def dump_wishes(wishes: Wishes) -> dict[str, list[Any]]:
    """The canonical form; ``values_by_name`` gives the same wishes."""
    return {name: [dump_condition(each) if isinstance(each, Condition) else each for each in wished] for name, wished in wishes.items()}


def parse_condition(data: Mapping[Any, Any], where: str) -> Condition:
    """``{group: Complete}``, ``{at_least: 5, below: 10}``, ``{last_days: 30}`` and so on; all of its tests must hold."""
    if not data:
        raise InputError("the condition is empty; name a test, such as group, at_least, before or contains", where=where)
    tests: dict[Op, Plain | tuple[str, ...]] = {}
    for key, value in data.items():
        place = f"{where}.{key}"
        if key == "between":
            found = _between(value, place)
        else:
            op = _SUGAR.get(key) if isinstance(key, str) else None
            if op is None and key not in _KNOWN:
                raise InputError(f"unknown test {key!r}{near(key, _KNOWN) or '; known are ' + ', '.join(_KNOWN)}", where=where)
            op = op or Op(key)
            found = [(op, _read(op, value, place))]
        for op, wished in found:
            if op in tests:
                raise InputError(f"{op.value} is said twice; keep one", where=place)
            tests[op] = wished
    _check_together(tests, where)
    return Condition(tuple((op, tests[op]) for op in Op if op in tests))


def dump_condition(condition: Condition) -> dict[str, Any]:
    """The canonical form; ``parse_condition`` gives the same condition."""
    return {op.value: list(value) if isinstance(value, tuple) else value for op, value in condition.tests}


def _read(op: Op, value: Any, where: str) -> Plain | tuple[str, ...]:
    if op in BOUNDS:
        return as_number(value, where)
    if op in DAYS:
        return _day(value, where).isoformat()
    if op in (Op.LAST_DAYS, Op.NEXT_DAYS):
        days = as_number(value, where)
        if not (1 <= days <= MOST_DAYS and days == int(days)):
            raise InputError(f"must be a whole number of days from 1 to {MOST_DAYS}", where=where)
        return days
    if op is Op.CYCLE:
        if as_text(value, where).casefold() not in (THIS_CYCLE, "this cycle"):
            raise InputError("only this cycle is known; write cycle: this", where=where)
        return THIS_CYCLE
    if op is Op.EMPTY:
        if not isinstance(value, bool):
            raise InputError(f"must be true or false, not {value!r}", where=where)
        return value
    if op in (Op.ALL, Op.NOT):
        several = as_list(value, where) if isinstance(value, (list, tuple)) else [value]
        if not several:
            raise InputError("the list is empty; name at least one", where=where)
        return tuple(dict.fromkeys(_option(each, f"{where}[{at}]") for at, each in enumerate(several)))
    return as_text(value, where)


def _option(value: Any, where: str) -> str:
    """The name of an option; YAML reads the option 2024 as a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{as_number(value, where):g}"
    return as_text(value, where)


def _between(value: Any, where: str) -> list[tuple[Op, Plain | tuple[str, ...]]]:
    edges = as_list(value, where)
    if len(edges) != 2:
        raise InputError("needs two ends: between: [FROM, TO]", where=where)
    first, last = edges
    numbers = isinstance(first, (int, float)) and not isinstance(first, bool)
    low, high = (Op.AT_LEAST, Op.AT_MOST) if numbers else (Op.ON_OR_AFTER, Op.ON_OR_BEFORE)
    return [(low, _read(low, first, f"{where}[0]")), (high, _read(high, last, f"{where}[1]"))]


def _day(value: Any, where: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(as_text(value, where))
    except ValueError as error:
        raise InputError(f"{value!r} is not a day; write it as 2026-11-30", where=where) from error


def _check_together(tests: Mapping[Op, Any], where: str) -> None:
    """Bounds that leave nothing between them would be a mapping that counts nothing, silently."""
    if tests.get(Op.EMPTY) is True and len(tests) > 1:
        raise InputError("nothing can be empty and something else at once; keep one of the two", where=where)
    low = max((tests[op] for op in (Op.AT_LEAST, Op.ABOVE) if op in tests), default=None)
    high = min((tests[op] for op in (Op.AT_MOST, Op.BELOW) if op in tests), default=None)
    if low is not None and high is not None and low > high:
        raise InputError(f"no number is at least {plain_number(low, 2)} and at most {plain_number(high, 2)}", where=where)
    begin = max((tests[op] for op in (Op.ON_OR_AFTER, Op.AFTER) if op in tests), default=None)
    end = min((tests[op] for op in (Op.ON_OR_BEFORE, Op.BEFORE) if op in tests), default=None)
    if begin is not None and end is not None and begin > end:
        raise InputError(f"no day is after {begin} and before {end}", where=where)


# --- in words ---------------------------------------------------------------------------------------------------------------


def wish_text(wish: Plain | Condition, names: Mapping[str, str] | None = None) -> str:
    """A wish after the property's name: "is Won", "is in the group Complete". ``names``: text as written → what people call it."""
    if not isinstance(wish, Condition):
        if isinstance(wish, bool):
            return "is checked" if wish else "is not checked"
        return f"is {(names or {}).get(wish, wish) if isinstance(wish, str) else plain_number(wish, 2)}"
    return " and ".join(_test_text(op, value, names or {}) for op, value in wish.tests)


def wishes_text(wishes: Wishes, names: Mapping[str, str] | None = None) -> str:
    """Several properties with their wishes: "Stage is Won or Signed and Seats is at least 5"."""
    parts = []
    for name, wished in wishes.items():
        texts = [wish_text(each, names) for each in wished]
        same = all(isinstance(each, (str, float)) and not isinstance(each, bool) for each in wished)
        parts.append(f"{name} {texts[0]}" + "".join(f" or {text.removeprefix('is ') if same else text}" for text in texts[1:]))
    return " and ".join(parts)


def _test_text(op: Op, value: Plain | tuple[str, ...], names: Mapping[str, str]) -> str:
    if isinstance(value, tuple):
        return f"has {' and '.join(value)}" if op is Op.ALL else f"is not {' or '.join(value)}"
    if op in BOUNDS and isinstance(value, float):
        return f"is {op.value.replace('_', ' ')} {plain_number(value, 2)}"
    if op in DAYS:
        return f"is {op.value.replace('_', ' ')} {_day_text(str(value))}"
    if op in (Op.LAST_DAYS, Op.NEXT_DAYS) and isinstance(value, float):
        side = op.value.partition("_")[0]
        return f"is in the {side} {int(value)} days" if value != 1 else "is today"
    match op:
        case Op.CYCLE:
            return "is in this cycle"
        case Op.EMPTY:
            return "is empty" if value else "is not empty"
        case Op.GROUP:
            return f"is in the group {value}"
        case Op.CONTAINS:
            return f"contains “{value}”"
        case _:
            return f"has {names.get(str(value), value)}"


def _day_text(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day_text(day)} {day.year}"
