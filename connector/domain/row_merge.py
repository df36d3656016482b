"""What becomes of one field that people edit in a host's row and here: a three-way merge. Pure.

Each side is compared with what it was itself when both last agreed (``seen``: the row, ``told``: ours). So what a host rounds, trims or
cannot hold is never taken for an edit, and reading back what was written changes nothing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any

from connector.domain.model import Unknown

_ISO = re.compile(r"\d{4}-\d\d-\d\d(T.+)?")
_CLOSE = 1e-9  # numbers are doubles on both sides; a text in between may cost the last digits


class Missing(Enum):
    """Says that a side was never noted. A value of its own, because None is an empty field."""

    MISSING = "missing"


MISSING = Missing.MISSING


class Way(StrEnum):
    """What is done about a field."""

    NOTHING = "nothing"  # neither side changed, or nobody knows what the row says
    AGREED = "agreed"  # both say the same by now: only noted
    TAKE = "take"  # the row's value is taken over here
    GIVE = "give"  # ours is written into the row


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome for a field. ``conflict``: both sides were changed; ``lost`` is then the value that gives way, kept in the trail."""

    way: Way
    conflict: bool = False
    lost: Any = None


def merge(theirs: Any, ours: Any, *, seen: Any = MISSING, told: Any = MISSING, row_is_later: bool = True) -> Merged:
    """Merge one field. ``theirs``: what the row says now, ``ours``: what the record says now, in the same terms.

    ``row_is_later`` decides where both were changed, see ``is_later``. A side that was never noted counts as changed when it is not empty.
    """
    if isinstance(theirs, Unknown):
        return Merged(Way.NOTHING)
    noted = seen is not MISSING and told is not MISSING
    seen, told = (told if seen is MISSING else seen), (seen if told is MISSING else told)
    row_changed, here_changed = _changed(theirs, seen), _changed(ours, told)
    if same(theirs, ours):
        return Merged(Way.AGREED if row_changed or here_changed or not noted else Way.NOTHING)
    if row_changed and here_changed:
        return Merged(Way.TAKE, True, ours) if row_is_later else Merged(Way.GIVE, True, theirs)
    if row_changed:
        return Merged(Way.TAKE)
    return Merged(Way.GIVE if here_changed else Way.NOTHING)


def is_later(row_at: datetime | None, ours_at: datetime | None, *, exact: bool) -> bool:
    """Whether the row's edit is the later one; on a tie it is, being the one just heard of.

    ``exact``: the host told the moment itself. Otherwise it may be rounded down to the minute, and within one minute counts as a tie.
    """
    if ours_at is None:
        return True
    if row_at is None:
        return False
    return row_at >= (ours_at if exact else ours_at.replace(second=0, microsecond=0))


def same(first: Any, second: Any) -> bool:
    """Whether two values of a field mean the same: empty is empty, texts without outer blanks, lists without their order."""
    one, other = plain(first), plain(second)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-12)
    if isinstance(one, str) and isinstance(other, str) and one != other:
        left, right = _moment(one), _moment(other)
        return left is not None and left == right
    return type(one) is type(other) and bool(one == other)


def plain(value: Any) -> Any:
    """A value as it is stored and compared: JSON's types, every kind of empty as None, whole numbers as numbers."""
    match value:
        case bool():
            return value
        case int() | float():
            return float(value) if math.isfinite(value) else None
        case str():
            return value.strip() or None
        case tuple() | list():
            return sorted({str(each) for each in value}) or None
        case _:
            return value


def _changed(now: Any, before: Any) -> bool:
    return plain(now) is not None if before is MISSING else not same(now, before)


def _moment(text: str) -> datetime | None:
    """The moment that a text says, days as their first moment; None for any other text."""
    if not _ISO.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
