"""Many ids in parts that one statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Each = TypeVar("Each")

BATCH = 500  # ids per statement: below SQLite's limit of bound values


def batches(ids: Iterable[Each], size: int = BATCH) -> Iterator[list[Each]]:
    """The ids in their order, in lists of at most ``size``; nothing for none."""
    every = list(ids)
    for start in range(0, len(every), size):
        yield every[start : start + size]
