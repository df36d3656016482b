"""Rows of one data source: walked page by page, read one by one, made, found again and written.

Reference: https://developers.notion.com/reference/query-a-data-source
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connector.domain.model import FieldValue
from connector.errors import Gone, Refused, Uncertain
from connector.hosts.base import JSON
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import container_of, is_gone, moment, properties_of
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.okr_databases.making import committed, found_database
from connector.hosts.notion.okr_databases.values import columns_now, encode_values, incomplete, read_values, unit_of
from connector.hosts.notion.query import Window, edited_from
from connector.hosts.notion.rows import all_entries, new_rows, query_rows
from connector.hosts.okr_databases import FoundColumn, ReadRows, Row, RowPage

Columns = Mapping[str, FoundColumn]
STRONG = 3  # so many rows are always read one by one
_CHOOSING = ("people", "relation", "select", "status", "multi_select")  # what a refusal that names no column is most likely about
_TEXTS = ("title", "rich_text", "url", "email", "phone_number", "select", "status")


class Rows:
    """The rows of one workspace, through one client."""

    def __init__(self, client: NotionClient) -> None:
        self._client = client
        self._drifted: set[frozenset[str]] = set()  # sets of columns of which one is gone: whole pages are asked for then
        self._learned: dict[str, FoundColumn] = {}  # columns by id as a refusal has taught us: another type, the options of a status

    # --- reading -------------------------------------------------------------------------------------------------------

    def listed(self, source: str, columns: Columns, since: datetime | None, cursor: Mapping[str, JSON] | None) -> RowPage:
        """A page of rows, the oldest first; see ``OkrDatabases.list_rows``."""
        window = Window.load(cursor)
        spec: dict[str, JSON] = {"source": source, "filter": edited_from(since) if since else None, "properties": self._asked(columns)}
        try:
            answer = query_rows(self._client, spec, window)
        except Refused as error:
            if error.status != 400 or not spec["properties"]:
                raise
            self._drifted.add(_ids(columns))
            answer = query_rows(self._client, {**spec, "properties": []}, window)
        rows = tuple(self._row(page, columns, source) for page in new_rows(answer, window) if not is_gone(page))
        return RowPage(rows, window.dump() if window.advance(answer) else None)

    def read(self, refs: Sequence[str], columns: Columns, source: str, since: datetime | None) -> ReadRows:
        """Rows by id; see ``OkrDatabases.read_rows``."""
        wanted = list(dict.fromkeys(refs))
        found: dict[str, Row] = {}
        if source and since is not None and len(wanted) > STRONG:
            page = self.listed(source, columns, since, None)
            found = {row.ref: row for row in page.rows if row.ref in wanted}
        gone: list[str] = []
        for ref in (each for each in wanted if each not in found):
            answer = self._page(ref, columns)
            if answer is None:
                gone.append(ref)
            else:
                found[ref] = self._row(answer, columns)
        return ReadRows(tuple(found[ref] for ref in wanted if ref in found), tuple(gone))

    def find(self, source: str, columns: Columns, field: str, text: str) -> list[Row]:
        """The rows whose column equals a text, the oldest first."""
        column = columns[field]
        if column.type not in _TEXTS:
            raise Refused(f'"{column.name}" is a {column.type} column: rows cannot be found by it', code="not_text")
        order = [{"timestamp": "created_time", "direction": "ascending"}]
        body = {"filter": {"property": column.id, column.type: {"equals": text}}, "sorts": order, "page_size": 25, "result_type": "page"}
        try:
            answer = self._client.query(source, body, self._asked(columns))
        except Refused as error:
            if error.status != 400:
                raise
            answer = self._client.query(source, body)  # one of the other columns may be gone
        pages = [each for each in answer.get("results") or () if isinstance(each, dict) and each.get("object") == "page"]
        return [self._row(page, columns, source, whole=len(pages) == 1) for page in pages if not is_gone(page)]

    def _page(self, ref: str, columns: Columns) -> dict[str, Any] | None:
        asked = self._asked(columns)
        try:
            page = self._client.page(ref, asked)
        except Gone:
            return None
        except Refused as error:
            if error.status != 400 or not asked:
                raise
            page = self._client.page(ref)  # moved to another database, or a column is gone: it does not know all of them
        return None if is_gone(page) else page

    def _asked(self, columns: Columns) -> list[str]:
        ids = _ids(columns)
        return [] if ids in self._drifted or len(ids) > 100 else sorted(ids)

    def _row(self, page: Mapping[str, Any], columns: Columns, source: str = "", *, whole: bool = True) -> Row:
        """``whole``: read relations and people beyond the first 25, with requests of their own."""
        ref = known_id(page.get("id")) or str(page.get("id"))
        present = properties_of(page)
        complete = {ident: all_entries(self._client, ref, ident) for ident in incomplete(present, columns)} if whole else {}
        return Row(
            ref=ref,
            source=container_of(page) or source,
            values=read_values(present, columns, complete),
            url=str(page.get("url") or ""),
            edited_at=moment(page.get("last_edited_time")),
            edited_by=_account(page.get("last_edited_by")),
            created_at=moment(page.get("created_time")),
            created_by=_account(page.get("created_by")),
            unit=unit_of(present, columns),
        )

    # --- writing -------------------------------------------------------------------------------------------------------

    def create(self, source: str, columns: Columns, values: Mapping[str, FieldValue]) -> Row:
        """Make a row. What the data source does not take, since it changed, is left out and named."""
        parent = {"type": "data_source_id", "data_source_id": source}
        sending = _Sending(self._as_learned(columns), values)
        while True:
            try:
                page = self._client.create_page(parent, sending.properties)
            except Uncertain as error:
                page = committed(self._client.page, error)
            except (Gone, Refused) as error:
                self._adapt(sending, error, lambda: source)
                continue
            return replace(self._row(page, sending.columns, source, whole=False), left_out=sending.left_out)

    def write(self, ref: str, columns: Columns, values: Mapping[str, FieldValue]) -> Row:
        """Set values of a row. What its data source does not take, since it changed, is left out and named. Raises ``Gone``."""
        ident = normalise_id(ref, row=True)
        sending = _Sending(self._as_learned(columns), values)
        while True:
            try:
                page = self._client.update_page(ident, sending.properties) if sending.properties else self._client.page(ident)
            except (Gone, Refused) as error:
                self._adapt(sending, error, lambda: self._source_of(ident))
                continue
            if is_gone(page):
                raise _in_the_trash(ident)
            sending.compare(page)
            return replace(self._row(page, sending.columns, whole=False), left_out=sending.left_out)

    def _source_of(self, ident: str) -> str:
        """The data source of a row. Raises ``Gone``: editing what is in the trash is a validation error there."""
        page = self._client.page(ident)
        if is_gone(page):
            raise _in_the_trash(ident)
        return container_of(page)

    def _adapt(self, sending: _Sending, refusal: Gone | Refused, source_of: Callable[[], str]) -> None:
        """Change what is sent after a refusal: fewer values each time. Raises the refusal when nothing is left to change."""
        if isinstance(refusal, Refused) and refusal.status != 400:
            raise refusal
        if sending.source is None:
            sending.source = source_of()  # raises when the row itself is gone
        if isinstance(refusal, Gone):  # a row that a relation leads to is in the trash, or not shared
            if not sending.drop(("relation",), "leads to a row that Notion does not find"):
                raise refusal
            return
        if not sending.adapted and sending.source:
            schema = self._client.source(sending.source)
            if is_gone(schema):
                raise Gone(f"the database of {sending.source} is in the trash", status=200, code="in_trash")
            if sending.adapt(found_database(schema, {}).columns):
                self._learned.update({each.id: each for each in sending.columns.values() if each.type != "title"})
                return
        why = f"was refused by Notion: {refusal.message[:160]}"
        if not sending.drop_named(refusal.message, why) and not sending.drop(_CHOOSING, why):
            raise refusal

    def _as_learned(self, columns: Columns) -> Columns:
        return {name: self._learned.get(each.id, each) for name, each in columns.items()}


class _Sending:
    """The values of one row on their way."""

    def __init__(self, columns: Columns, values: Mapping[str, FieldValue]) -> None:
        self.columns, self.values = columns, dict(values)
        self.source: str | None = None  # asked for after a refusal
        self.adapted = False
        self._told: dict[str, str] = {}
        self._encode()

    def _encode(self) -> None:
        encoded = encode_values(self.columns, self.values)
        self.properties, self.left_out = encoded.properties, {**encoded.left_out, **self._told}

    def drop(self, types: Collection[str], why: str) -> bool:
        """Leave out the values of these types of column. False when there are none."""
        return self._without([name for name, column in self._sent() if self.values[name] is not None and column.type in types], why)

    def drop_named(self, message: str, why: str) -> bool:
        """Leave out the values whose columns a refusal names. False when it names none."""
        return self._without([name for name, column in self._sent() if _names(message, column)], why)

    def _sent(self) -> list[tuple[str, FoundColumn]]:
        return [(name, self.columns[name]) for name in self.values if name in self.columns and self.columns[name].id in self.properties]

    def _without(self, names: Sequence[str], why: str) -> bool:
        for name in names:
            self._told[name] = f'"{self.columns[name].name}" {why}'
            del self.values[name]
        self._encode()
        return bool(names)

    def adapt(self, present: Sequence[FoundColumn]) -> bool:
        """Take the columns as they are now. False when they have not changed."""
        now, before = columns_now(self.columns, present), self.columns
        for name in [each for each in self.values if each in before and each not in now]:
            self._told[name] = f'"{before[name].name}" is not there any more'
        sent = self.properties
        self.columns, self.adapted = now, True
        self._encode()
        return self.properties != sent

    def compare(self, page: Mapping[str, Any]) -> None:
        """An unknown property may be answered with 200 and nothing written."""
        arrived = properties_of(page)
        for name in self.values:
            column = self.columns.get(name)
            if column is not None and column.id in self.properties and column.id not in arrived:
                self.left_out[name] = f'"{column.name}" was not taken over by Notion'


def _names(message: str, column: FoundColumn) -> bool:
    """Whether a refusal speaks of a column: by its name as a word of its own, or by its id."""
    words = {column.name, column.id, quote(column.id, safe="")} - {"title"}
    return any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", message) for each in words)


def _in_the_trash(ident: str) -> Gone:
    return Gone(f"the row {ident} is in the trash", status=200, code="in_trash")


def _ids(columns: Columns) -> frozenset[str]:
    return frozenset(each.id for each in columns.values())


def _account(user: object) -> str:
    return (known_id(user.get("id")) or "") if isinstance(user, dict) else ""
