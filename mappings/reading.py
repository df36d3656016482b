"""Reading loosely typed input strictly: each function takes a value and its path and raises ``InputError`` naming the path.

For the parsers of mappings only. It knows YAML's surprises (unquoted dates and numbers), but no host and no measure.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from connector.errors import InputError

Choice = TypeVar("Choice", bound=StrEnum)


def near(word: Any, known: Iterable[str]) -> str:
    """'; did you mean "measure"?' or "" when nothing is alike."""
    matches = difflib.get_close_matches(str(word).lower(), list(known), n=2, cutoff=0.6)
    return "; did you mean " + " or ".join(f'"{match}"' for match in matches) + "?" if matches else ""


def as_mapping(data: Any, where: str) -> Mapping[str, Any]:
    """A mapping with text keys."""
    if not isinstance(data, Mapping):
        raise InputError(f"must be a mapping of names to values, not {_shown(data)}", where=where)
    for key in data:
        if not isinstance(key, str):
            raise InputError(f"the key {key!r} must be text; put it into quotes", where=where)
    return data


def only_keys(data: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse keys that nobody would read, with the nearest known one."""
    for key in data:
        if key not in known:
            raise InputError(f"unknown key {key!r}{near(key, known) or '; known are ' + ', '.join(known)}", where=where)


def as_text(data: Any, where: str) -> str:
    """Text that is not empty, without blanks around it."""
    if not isinstance(data, str):
        hint = "; put it into quotes" if isinstance(data, (int, float, date)) else ""
        raise InputError(f"must be text, not {_shown(data)}{hint}", where=where)
    if not data.strip():
        raise InputError("must not be empty", where=where)
    return data.strip()


def as_list(data: Any, where: str) -> Sequence[Any]:
    """A list."""
    if isinstance(data, (str, bytes)) or not isinstance(data, Sequence):
        raise InputError(f"must be a list, not {_shown(data)}", where=where)
    return data


def texts(data: Any, where: str) -> tuple[str, ...]:
    """One text or a list of them, each once, in the order written; an empty list is refused."""
    if isinstance(data, str):
        return (as_text(data, where),)
    listed = as_list(data, where)
    if not listed:
        raise InputError("the list is empty; name at least one", where=where)
    return tuple(dict.fromkeys(as_text(each, f"{where}[{index}]") for index, each in enumerate(listed)))


def as_number(data: Any, where: str) -> float:
    """A finite number."""
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        raise InputError(f"must be a number, not {_shown(data)}", where=where)
    try:
        number = float(data)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError("must be a finite number", where=where)
    return number


def choose(kind: type[Choice], data: Any, where: str) -> Choice:
    """One of an enumeration's values, by name."""
    known = [each.value for each in kind]
    if not isinstance(data, str) or data not in known:
        raise InputError(f"must be one of {', '.join(known)}, not {_shown(data)}{near(data, known)}", where=where)
    return kind(data)


def _shown(data: Any) -> str:
    if data is None:
        return "nothing"
    if isinstance(data, Mapping):
        return "a mapping"
    if isinstance(data, (list, tuple)):
        return "a list"
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "…"
