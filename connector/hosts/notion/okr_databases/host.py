"""``NotionOkrDatabases``: see ``connector.hosts.okr_databases.OkrDatabases``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from connector.domain.leads_page import Section
from connector.domain.model import FieldValue
from connector.domain.okr_columns import Column, DatabaseKind
from connector.errors import Uncertain
from connector.hosts.base import JSON, ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.okr_databases import making, views
from connector.hosts.notion.okr_databases.rows import Rows
from connector.hosts.notion.okr_databases.sections import SectionWriter
from connector.hosts.notion.okr_databases.values import plain_runs
from connector.hosts.okr_databases import FoundColumn, FoundDatabase, ReadRows, Row, RowPage, View


class NotionOkrDatabases:
    """One workspace's OKR databases. Built and used in one process and thread."""

    def __init__(
        self, settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0
    ) -> None:
        self.settings = settings
        self._client = NotionClient(settings, budget=budget, allow_private=allow_private, patience=patience)
        self._rows = Rows(self._client)
        self._bot_id = ""

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self._client.gateway.requests

    def close(self) -> None:
        """Close the connection pool."""
        self._client.close()

    def bot(self) -> str:
        """The id of the connection's bot, asked once."""
        if not self._bot_id:
            self._bot_id = known_id(self._client.me().get("id")) or ""
        return self._bot_id

    # --- databases -----------------------------------------------------------------------------------------------------

    def find(self, link: str) -> FoundDatabase:
        """A database by link or id, two requests. Raises ``InputError``, also for one of several data sources, ``Gone``."""
        return making.find(self._client, link)

    def on_page(self, page: str) -> Sequence[FoundDatabase]:
        """The databases on a page: one request for its blocks and two for each."""
        return making.on_page(self._client, page)

    def create(
        self, page: str, kind: DatabaseKind, title: str, columns: Sequence[Column], related: Mapping[DatabaseKind, str]
    ) -> FoundDatabase:
        """Make a database, two requests. After ``Uncertain`` with an id that was committed, that one is taken."""
        return making.create(self._client, page, title, columns, related, kind)

    def complete(self, found: FoundDatabase, columns: Sequence[Column], related: Mapping[DatabaseKind, str]) -> FoundDatabase:
        """Add what is missing: one request to look, one more when something is."""
        return making.complete(self._client, found, columns, related)

    def add_views(
        self, found: FoundDatabase, columns: Mapping[str, FoundColumn], views_: Sequence[View], known: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Make the views that are not known yet; those that the workspace does not take are left out."""
        return views.add_views(self._client, found, columns, views_, known)

    # --- rows ----------------------------------------------------------------------------------------------------------

    def list_rows(
        self,
        source: str,
        columns: Mapping[str, FoundColumn],
        *,
        since: datetime | None = None,
        cursor: Mapping[str, JSON] | None = None,
    ) -> RowPage:
        """A page of 100 rows by time of creation. ``since`` reaches two minutes further back: Notion rounds down to the minute."""
        return self._rows.listed(source, columns, since, cursor)

    def read_rows(
        self, refs: Sequence[str], columns: Mapping[str, FoundColumn], *, source: str = "", since: datetime | None = None
    ) -> ReadRows:
        """Read rows, one request each; more than three of one ``source`` edited ``since`` first by one query of what was edited then.

        What the query does not show (in the trash, moved, or among more than 100 edited rows) is read by itself as well.
        """
        return self._rows.read(refs, columns, source, since)

    def create_row(self, source: str, columns: Mapping[str, FoundColumn], values: Mapping[str, FieldValue]) -> Row:
        """Make a row; ``left_out`` names what could not be written."""
        return self._rows.create(source, columns, values)

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
        """The oldest row whose column equals a text, by one query."""
        found = self._rows.find(source, columns, field, text)
        return next((row for row in found if row.ref not in apart_from and made_by in ("", row.created_by)), None)

    def write_row(self, ref: str, columns: Mapping[str, FoundColumn], values: Mapping[str, FieldValue]) -> Row:
        """Set values; ``left_out`` names what could not be written. Relations and people beyond 25 are unknown in the answer."""
        return self._rows.write(ref, columns, values)

    # --- pages ---------------------------------------------------------------------------------------------------------

    def create_page(self, parent: str, title: str) -> tuple[str, str]:
        """Make an empty page below a page. After ``Uncertain`` with an id that was committed, that one is taken."""
        above = {"type": "page_id", "page_id": normalise_id(parent, where="page", row=True)}
        try:
            page = self._client.create_page(above, {"title": {"title": plain_runs(title)}})
        except Uncertain as error:
            page = making.committed(self._client.page, error)
        return known_id(page.get("id")) or str(page.get("id")), str(page.get("url") or "")

    def write_sections(self, ref: str, sections: Sequence[Section], receipt: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Show sections on a page, one callout each. A ``HostError`` carries the receipt to store in ``details["receipt"]``."""
        return SectionWriter(self._client, normalise_id(ref, row=True), self.bot, receipt).write(sections)
