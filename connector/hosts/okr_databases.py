"""What a host offers that keeps OKR databases for people: make, find and complete them, read and write their rows, write leads' pages.

Values only; optional for a host: its module has a function ``build_okr_databases`` then, see ``connector.runtime``. A value of a row is a
``FieldValue``: text, number (a progress is 0-1, every other percent 0-100), bool, ISO day or moment, tuple of account ids or of refs; None
is empty, ``Unknown`` what the host could not tell. Columns are always told by the host's ids: names are for people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connector.domain.leads_page import Section
from connector.domain.model import FieldValue
from connector.domain.okr_columns import Column, DatabaseKind
from connector.hosts.base import JSON


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column at the host. ``type`` is the host's own name of it, ``to`` the source that a relation leads to.

    ``format``: "percent" for numbers that the host keeps as 0-1 and shows as 0 % - 100 %.
    """

    id: str
    name: str
    type: str
    options: tuple[str, ...] = ()
    to: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class FoundDatabase:
    """A database at the host. ``source`` holds the rows; a host without that distinction gives the same id twice."""

    database: str
    source: str
    title: str
    url: str
    columns: tuple[FoundColumn, ...]
    page: str = ""  # the page that it stands on, "" where the host does not tell


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``values``: by our field, for the columns that were asked for. ``edited_at`` may be rounded down to the minute.

    ``edited_by``, ``created_by``: account ids, also of bots. ``left_out``: after a write, our field → why it is not, or not wholly, there.
    ``unit``: what From and To are told in, where the host says so: "%".
    """

    ref: str
    source: str
    values: Mapping[str, FieldValue]
    url: str = ""
    edited_at: datetime | None = None
    edited_by: str = ""
    created_at: datetime | None = None
    created_by: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows of a database; ``cursor`` is None on the last page."""

    rows: tuple[Row, ...]
    cursor: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class ReadRows:
    """The answer to reading rows one by one. ``gone``: in the trash, deleted, archived or not shared any more."""

    rows: tuple[Row, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A view wanted on a database. ``kind``: "table" | "board" | "chart". ``group``, ``fields``: our fields.

    ``only``: field → options; the view shows the rows that have one of them.
    """

    name: str
    kind: str = "table"
    group: str = ""
    fields: tuple[str, ...] = field(default=())
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class OkrDatabases(Protocol):
    """One connection's OKR databases. Every call raises a ``HostError`` for all but success."""

    @property
    def requests(self) -> int:
        """HTTP requests sent so far through this object."""
        ...

    def bot(self) -> str:
        """Our own account there: edits by it are ours. At most one request, remembered."""
        ...

    def find(self, link: str) -> FoundDatabase:
        """A database by its id, its source's id or a link to it. Raises ``InputError`` for what cannot be one, ``Gone`` when not shared."""
        ...

    def on_page(self, page: str) -> Sequence[FoundDatabase]:
        """The databases that stand directly on a page (for finding those of an earlier set-up). Raises ``Gone`` for a page not shared."""
        ...

    def create(
        self, page: str, kind: DatabaseKind, title: str, columns: Sequence[Column], related: Mapping[DatabaseKind, str]
    ) -> FoundDatabase:
        """Make a database on a page. ``related``: kind → source, for relations. Not repeatable: look ``on_page`` first."""
        ...

    def complete(self, found: FoundDatabase, columns: Sequence[Column], related: Mapping[DatabaseKind, str]) -> FoundDatabase:
        """Add the columns and options that are missing by name; takes nothing away. Writes nothing when nothing is missing."""
        ...

    def add_views(
        self, found: FoundDatabase, columns: Mapping[str, FoundColumn], views: Sequence[View], known: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Make the views that are not ``known`` (name → id) yet; returns name → id of all. {} where the host or plan has no such."""
        ...

    def list_rows(
        self,
        source: str,
        columns: Mapping[str, FoundColumn],
        *,
        since: datetime | None = None,
        cursor: Mapping[str, JSON] | None = None,
    ) -> RowPage:
        """A page of rows (100), the oldest first; ``since``: only rows edited then or later. Goes beyond the host's cap by itself."""
        ...

    def read_rows(
        self, refs: Sequence[str], columns: Mapping[str, FoundColumn], *, source: str = "", since: datetime | None = None
    ) -> ReadRows:
        """Read rows strongly, one request each.

        Several rows of one ``source``, all edited at ``since`` or later, may be read by fewer requests where the host can tell what was
        edited since; a row that this does not show is read strongly.
        """
        ...

    def create_row(self, source: str, columns: Mapping[str, FoundColumn], values: Mapping[str, FieldValue]) -> Row:
        """Make a row. Not repeatable: after ``Uncertain`` look for it with ``find_row``."""
        ...

    def find_row(
        self,
        source: str,
        columns: Mapping[str, FoundColumn],
        field: str,
        text: str,
        *,
        made_by: str = "",
        apart_from: Collection[str] = (),
    ) -> Row | None:
        """The oldest row whose text column ``field`` equals ``text``, None without one. ``made_by``: an account; ``apart_from``: refs."""
        ...

    def write_row(self, ref: str, columns: Mapping[str, FoundColumn], values: Mapping[str, FieldValue]) -> Row:
        """Set values of a row, one request; returns the row as it is then. Raises ``Gone``."""
        ...

    def create_page(self, parent: str, title: str) -> tuple[str, str]:
        """Make an empty page below a page; gives (ref, address). Not repeatable."""
        ...

    def write_sections(self, ref: str, sections: Sequence[Section], receipt: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Make a page show these sections in this order, each kept by its ``key``; unchanged ones are not written.

        Returns the new receipt; its ``written`` counts the writes of this call. Raises ``Gone`` when the page is.
        """
        ...

    def close(self) -> None:
        """Give back network resources."""
        ...
