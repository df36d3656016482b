"""Text that no store and no encoder takes: half characters, as a cut emoji leaves them, and NUL. Taken out where it enters. Pure."""

from __future__ import annotations

import re
from typing import Any

import orjson

_HALVES = re.compile("[\ud800-\udfff]")
_NUL = b"\\u0000"  # as JSON says it; an escaped backslash before it only costs a look at the whole


def cleaned(found: Any) -> Any:
    """What JSON held, with a replacement sign for half characters and without NUL. What is clean is given back as it is."""
    try:
        dirty = _NUL in orjson.dumps(found)
    except TypeError:  # what cannot be said in UTF-8, or a number beyond 64 bits
        dirty = True
    return _cleaned(found) if dirty else found


def _cleaned(found: Any) -> Any:
    if isinstance(found, str):
        return _HALVES.sub("\ufffd", found).replace("\x00", "")
    if isinstance(found, dict):
        return {_cleaned(name): _cleaned(value) for name, value in found.items()}
    return [_cleaned(each) for each in found] if isinstance(found, list) else found
