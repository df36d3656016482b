"""Makes a row for a decision in a database, once: a lost answer is looked for by the row's title and our own authorship."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from connector.domain.plain_text import one_line
from connector.hosts.makers import Made
from connector.hosts.notion.okr_databases.host import NotionOkrDatabases
from connector.hosts.okr_databases import FoundColumn

LONGEST_TITLE = 500
_TITLE = {"title": FoundColumn("title", "title", "title")}  # the one column that every database has, under this id


class NotionItemMaker:
    """Rows of one workspace; see ``connector.hosts.makers.ItemMaker``."""

    def __init__(self, databases: NotionOkrDatabases) -> None:
        self._databases = databases

    def close(self) -> None:
        """Close the connection pool."""
        self._databases.close()

    def make(self, container: str, kind: str, title: str, text: str, mark: Mapping[str, str]) -> Made:
        """Make a row with this title. Its other columns are its readers' business; ``kind`` and ``text`` have no place there."""
        row = self._databases.create_row(container, _TITLE, {"title": one_line(title, LONGEST_TITLE)})
        return Made(row.ref, "", row.url)

    def find(self, container: str, title: str, mark: Mapping[str, str], since: timedelta, apart_from: Collection[str] = ()) -> Made | None:
        """The oldest row with this title that we made and that is no other decision's."""
        row = self._databases.find_row(
            container, _TITLE, "title", one_line(title, LONGEST_TITLE), made_by=self._databases.bot(), apart_from=apart_from
        )
        return Made(row.ref, "", row.url) if row is not None else None
