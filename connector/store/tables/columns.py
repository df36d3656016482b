"""Columns that several tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column


class Wanted:
    """Work wanted on a row, as facts: ``wanted`` counts changes, ``done`` is the number that was claimed and worked off.

    Moments are epoch seconds (floats), so that both databases do the same arithmetic. ``ready_at``: not before then
    (debounce or back-off) · ``first_at``: the first change not worked off yet · ``lease_until``, ``lease``: who works on it.
    """

    wanted: Mapped[int] = mapped_column(default=0, server_default="0")
    done: Mapped[int] = mapped_column(default=0, server_default="0")
    first_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    ready_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    served_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    lease_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
    lease: Mapped[str] = mapped_column(default="", server_default="")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    error: Mapped[str | None]


def due_index(table: str, *columns: str) -> Index:
    """A small index over the rows that have work waiting."""
    condition: Any = text("wanted > done")
    return Index(f"ix_{table}_due", *columns, sqlite_where=condition, postgresql_where=condition)
