"""What people choose about OKR databases when they are set up, checked. Stored at each of them; absent ones have their default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import Faults, InputError

DEFINITIONS = ("everybody", "leads")
PANELS = ("callout", "properties")
DEFAULTS: Mapping[str, Any] = {
    "definitions": "everybody",  # who may change title, owner, from, to, unit and objective in a row
    "settle_seconds": 15,  # how long nobody types before an update typed into a row is filed
    "amend_minutes": 5,  # how long an author's further edits belong to the same update
    "panel": "callout",  # on the page of a row: a callout, or nothing but the row's properties
    "table": False,  # a small table beneath the callout of an objective
    "embed": False,  # our live page beneath the callout
    "cycles": [],  # names; empty: those that run and those that come
}
_RANGES = {"settle_seconds": (5, 40), "amend_minutes": (0, 60)}


def told(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, with the defaults where nothing was."""
    return {name: (stored or {}).get(name, default) for name, default in DEFAULTS.items()}


def checked(given: Mapping[str, Any], cycles: frozenset[str] | set[str]) -> dict[str, Any]:
    """The options that somebody gave, each checked; None leaves one out. ``cycles``: the names of those that exist.

    Raises ``Faults`` with every error at its option.
    """
    errors: list[InputError] = []
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            kept[name] = _checked(name, value, cycles)
        except InputError as error:
            errors.append(error)
    if errors:
        raise Faults(errors)
    return kept


def _checked(name: str, value: Any, cycles: frozenset[str] | set[str]) -> Any:
    if name in ("definitions", "panel"):
        allowed = DEFINITIONS if name == "definitions" else PANELS
        if value not in allowed:
            raise InputError(f"must be {' or '.join(allowed)}", where=name)
        return value
    if name in ("table", "embed"):
        if not isinstance(value, bool):
            raise InputError("must be true or false", where=name)
        return value
    if name in _RANGES:
        least, most = _RANGES[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"must be a whole number from {least} to {most}", where=name)
        return value
    if name == "cycles":
        if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
            raise InputError("must be a list of names of cycles", where=name)
        unknown = [each for each in value if each not in cycles]
        if unknown:
            exists = f"; there are {', '.join(sorted(cycles))}" if cycles else "; there is none yet"
            raise InputError(f"no cycle is called {unknown[0][:80]!r}{exists}", where=name)
        return list(dict.fromkeys(value))
    raise InputError(f"there is no such option; there are {', '.join(DEFAULTS)}", where=name[:80])
