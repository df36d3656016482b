"""Pages by keyset: an opaque cursor holds the sort key of the last row, so that a page costs the same wherever it lies.

Also the two ways in which the API writes numbers and moments. Knows no table.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, literal, tuple_

from connector.errors import InputError

DEFAULT_LIMIT = 50
MOST = 200
_LONGEST_CURSOR = 2000
_LARGEST = 2**63 - 1  # the largest integer that both databases can compare with


@dataclass(frozen=True, slots=True)
class Page:
    """Some items in a fixed order, and the cursor of the next page; None on the last one."""

    items: list[dict[str, Any]]
    next: str | None


def encode_cursor(key: Sequence[str | int]) -> str:
    """The sort key of a row as an opaque text for a URL."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> list[str | int]:
    """Back to the sort key. Raises ``InputError`` for anything that ``encode_cursor`` did not give for this list."""
    refused = InputError("this is not a cursor of this list; start again without one", where="cursor")
    if len(cursor) > _LONGEST_CURSOR or not cursor.isascii():
        raise refused
    try:
        key = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise refused from None
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        raise refused
    # A text with NUL is refused by Postgres, a number beyond 64 bits by both.
    if any("\x00" in part if isinstance(part, str) else abs(part) > _LARGEST for part in key):
        raise refused
    return key


def after(
    query: Select[*tuple[Any, ...]],
    columns: Sequence[Any],
    kinds: Sequence[type],
    cursor: str | None,
    limit: int,
    *,
    newest_first: bool = False,
) -> Select[*tuple[Any, ...]]:
    """The query ordered by ``columns``, from the cursor on, with one row more than asked so that the end is known.

    Raises ``InputError`` for a bad cursor or a limit outside 1-200.
    """
    if not 1 <= limit <= MOST:
        raise InputError(f"a page has 1 to {MOST} items", where="limit")
    if cursor is not None:
        key = decode_cursor(cursor, kinds)
        row = tuple_(*columns)
        edge = tuple_(*[literal(part) for part in key])
        beyond: ColumnElement[bool] = row < edge if newest_first else row > edge
        query = query.where(beyond)
    return query.order_by(*[column.desc() if newest_first else column for column in columns]).limit(limit + 1)


def cut(rows: Sequence[Any], limit: int, key: Callable[[Any], Sequence[str | int]]) -> tuple[Sequence[Any], str | None]:
    """The rows of this page, and the cursor of the next when there is one more."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], encode_cursor(key(rows[limit - 1]))


def everything(read: Callable[[str | None, int], Page]) -> list[dict[str, Any]]:
    """All items of a paged read: ``read(cursor, limit)`` is called until the last page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = read(cursor, MOST)
        found += page.items
        if page.next is None:
            return found
        cursor = page.next


def moment_text(moment: datetime | None) -> str | None:
    """ISO-8601 in UTC with Z and milliseconds; None stays None."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def share(value: float | None) -> float | None:
    """A progress number, rounded to ten digits; unknown (and what no JSON can hold) stays None, never 0."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 10)
