"""The property filter of the mapping form: rows of property, test and value, into wishes as ``apply`` reads them, and back. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from connector.errors import InputError

IS = "is"
AS_WRITTEN = "written"  # a condition that the form has no rows for; its value is shown as it is stored

_BOUNDS = (("at_least", "is at least"), ("above", "is above"), ("at_most", "is at most"), ("below", "is below"))
_DAYS = (
    ("cycle", "is in this cycle"),
    ("last_days", "is in the last … days"),
    ("next_days", "is in the next … days"),
    ("on_or_after", "is on or after"),
    ("on_or_before", "is on or before"),
    ("after", "is after"),
    ("before", "is before"),
)
_EMPTY = (("filled", "is not empty"), ("empty", "is empty"))
_IS, _NOT = ((IS, "is"),), (("not", "is not"),)
_TEXT = (*_IS, ("contains", "contains"), *_NOT, *_EMPTY)
_DATE = (*_DAYS, (IS, "is"), *_EMPTY)
_TESTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "status": (("group", "is in the group"), *_IS, *_NOT, *_EMPTY),
    "select": (*_IS, *_NOT, *_EMPTY),
    "multi_select": ((IS, "has"), ("all", "has all of"), ("not", "has none of"), *_EMPTY),
    "number": (*_IS, *_BOUNDS, *_EMPTY),
    "checkbox": _IS,
    "people": (("person", "has"), *_EMPTY),
    "created_by": (("person", "is"),),
    "last_edited_by": (("person", "is"),),
    "relation": (("page", "has the page"), *_EMPTY),
    "formula": (*_IS, *_BOUNDS, ("contains", "contains"), *_DAYS, *_EMPTY),
    "rollup": (*_IS, *_BOUNDS, ("contains", "contains"), *_DAYS, *_EMPTY),
    "files": _EMPTY,
    "unique_id": (*_IS, ("contains", "contains")),
    **dict.fromkeys(("date", "created_time", "last_edited_time"), _DATE),
    **dict.fromkeys(("title", "rich_text", "url", "email", "phone_number"), _TEXT),
}
_FIRST = {"status": IS}  # what a property that was just chosen is asked, where that is not the first test
_NUMBERS = frozenset({"at_least", "above", "at_most", "below", "last_days", "next_days"})
_TOGETHER = _NUMBERS - {"last_days", "next_days"} | {"on_or_after", "on_or_before", "after", "before"}
WITHOUT_VALUE = frozenset({"cycle", "empty", "filled"})
_YES = {"yes": True, "no": False, "true": True, "false": False}
_THOUSANDS = re.compile(r"-?\d{1,3},\d{3}")  # 1,200 is one thousand two hundred here and one and a bit there


def asked_of(kind: str, chosen: str = "") -> tuple[tuple[str, str], ...]:
    """What a property of this type can be asked: ((test, words), …); an unknown type can be asked what is ``chosen`` already."""
    known = _TESTS.get(kind, _IS)
    if chosen and chosen not in dict(known):
        words = {name: said for tests in _TESTS.values() for name, said in tests}
        return (*known, (chosen, words.get(chosen, "is, as written")))
    return known


def usual_test(kind: str) -> str:
    """The test of a property that was just chosen."""
    return _FIRST.get(kind) or asked_of(kind)[0][0]


def control_of(kind: str, test: str) -> str:
    """How a value is entered: "options", "groups", "day", "number", "people", "none" or "text"."""
    if test in WITHOUT_VALUE:
        return "none"
    if test in _NUMBERS or (kind == "number" and test == IS):
        return "number"
    if test in ("on_or_after", "on_or_before", "after", "before") or (kind in ("date", "created_time", "last_edited_time") and test == IS):
        return "day"
    if test == "group":
        return "groups"
    if test == "person":
        return "people"
    return "options" if kind in ("status", "select", "multi_select", "checkbox") and test in (IS, "not") else "text"


# --- form → filter -----------------------------------------------------------------------------------------------------------


def read_filter(names: list[str], tests: list[str], values: list[str], types: Mapping[str, str]) -> dict[str, Any]:
    """The filter of the rows that name a property. Raises ``InputError`` at "filter".

    The same property twice: either will do; bounds of numbers and of days hold together.
    """
    wished: dict[str, list[Any]] = {}
    for at, name in enumerate(names):
        name = name.strip()
        if not name:
            continue
        kind = types.get(name, "")
        test = tests[at] if at < len(tests) and tests[at] else IS
        if test not in dict(asked_of(kind, test)) or (kind in _TESTS and test not in dict(_TESTS[kind]) and test != AS_WRITTEN):
            test = usual_test(kind)  # left over from the property that stood here before
        value = values[at].strip() if at < len(values) else ""
        if not value and test not in WITHOUT_VALUE:
            raise InputError(f"enter the value that {name} must have, or take the condition away", where="filter")
        found = _read(name, kind, test, value)
        several = wished.setdefault(name, [])
        bounds = next((each for each in several if isinstance(each, dict) and set(each) <= _TOGETHER and test not in each), None)
        if test in _TOGETHER and bounds is not None:
            bounds.update(found)
        else:
            several.append(found)
    return {name: several[0] if len(several) == 1 else several for name, several in wished.items()}


def _read(name: str, kind: str, test: str, value: str) -> Any:
    if test == AS_WRITTEN:
        try:
            return json.loads(value)
        except ValueError as error:
            raise InputError(f"the condition on {name} cannot be read; take it away and choose it anew", where="filter") from error
    if test == IS:
        return _plain(name, value, kind)
    if test == "cycle":
        return {"cycle": "this"}
    if test in ("empty", "filled"):
        return {"empty": test == "empty"}
    if test in _NUMBERS:
        return {test: _number(name, value)}
    if test == "all":
        return {"all": [each.strip() for each in value.split(",") if each.strip()]}
    return {test: [value] if test == "not" else value}


def _plain(name: str, value: str, kind: str) -> str | float | bool:
    if kind == "checkbox":
        if value.casefold() not in _YES:
            raise InputError(f"{name} is a checkbox: choose yes or no", where="filter")
        return _YES[value.casefold()]
    return _number(name, value) if kind == "number" else value


def _number(name: str, value: str) -> float:
    plain = "".join(value.split())
    if _THOUSANDS.fullmatch(plain):
        raise InputError(f"{value} can be read in two ways: enter {name} without marks between thousands", where="filter")
    try:
        number = float(plain.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name} is a number: enter one, such as 5", where="filter")
    return number


# --- filter → form -----------------------------------------------------------------------------------------------------------


def fill_filter(filter_: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The rows that show a filter (its canonical form)."""
    rows: list[tuple[str, str, str]] = []
    for name, wished in filter_.items():
        several = wished if isinstance(wished, list) else [wished]
        bounded = [each for each in several if isinstance(each, Mapping) and set(each) <= _TOGETHER]
        for each in several:
            rows += [(name, *row) for row in _rows(each, alone=len(bounded) < 2)]
    return {
        "filter_name": [name for name, _, _ in rows],
        "filter_test": [test for _, test, _ in rows],
        "filter_value": [value for _, _, value in rows],
    }


def _rows(wish: Any, *, alone: bool) -> list[tuple[str, str]]:
    if not isinstance(wish, Mapping):
        return [(IS, value_text(wish))]
    as_written = [(AS_WRITTEN, json.dumps(wish, ensure_ascii=False))]
    if set(wish) <= _TOGETHER and alone:
        return [(test, value_text(value)) for test, value in wish.items()]
    if len(wish) != 1 or set(wish) <= _TOGETHER:
        return as_written
    test, value = next(iter(wish.items()))
    if test == "empty":
        return [("empty" if value else "filled", "")]
    if test == "cycle":
        return [("cycle", "")]
    if test == "all":
        return [("all", ", ".join(value))] if not any("," in each for each in value) else as_written
    if test == "not":
        return [("not", value[0])] if len(value) == 1 else as_written
    return [(test, value_text(value))]


def value_text(value: str | float | bool) -> str:
    """A plain value as the form shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
