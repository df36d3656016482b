"""One Notion connection: reading rows, walking data sources, writing panels, comments. All I/O goes through the client.

Built and used in one process and one thread. It must not know the store, services or other hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.domain.model import FieldValue, Item, Unknown
from connector.domain.panel import Panel
from connector.errors import Gone, Refused
from connector.hosts.base import (
    JSON,
    CandidatePage,
    Choice,
    Comment,
    ConnectionSettings,
    Description,
    Fetched,
    ListQuery,
    Page,
    PeoplePage,
    QueryCheck,
    Resolution,
    Wanted,
    WebhookSetUp,
)
from connector.hosts.limits import Budget
from connector.hosts.notion import candidates, comments, lookup, quick_read
from connector.hosts.notion import fields as reading
from connector.hosts.notion.blocked import about_blocks
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.describing import describe, set_up_by_hand, workspace_of
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.query import Window, edited_from, source_filter
from connector.hosts.notion.resolver import Resolver
from connector.hosts.notion.rows import all_entries, new_rows, query_rows
from connector.hosts.notion.schema import Schema
from connector.hosts.notion.writer import PanelWriter, encode
from mappings.rules import Selector, SelectorKind, Wishes

ROWS_PER_PAGE = 50  # rows of a "rows" walk are read one by one
_TOO_MANY_PROPERTIES = 100


class NotionHost:
    """See ``connector.hosts.base.Host``."""

    site = ""
    cheap_ids = False  # a page holds 100 rows, whatever is read of them

    def __init__(
        self, settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0
    ) -> None:
        self.settings = settings
        self.instance = instance
        self._client = NotionClient(settings, budget=budget, allow_private=allow_private, patience=patience)
        self._resolver = Resolver(self._client)
        self._bot_id = ""
        self._comments: dict[str, Any] = {}  # what an answer needs of a comment that was read a moment ago
        self._asked_again: set[tuple[str, str]] = set()

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self._client.gateway.requests

    @requests.setter
    def requests(self, number: int) -> None:
        self._client.gateway.requests = number

    def close(self) -> None:
        """Close the connection pool."""
        self._client.close()

    # --- describing and resolving --------------------------------------------------------------------------------------

    def identify(self) -> str:
        """The bot's id, by one request. Raises ``Refused`` when the token is not accepted."""
        me = self._client.me()
        self._bot_id, self.site = known_id(me.get("id")) or "", workspace_of(me)
        return self._bot_id

    def describe(self) -> Description:
        """Who we are there and which data sources are shared with us. Raises ``Refused`` for a token that is not accepted."""
        told = describe(self._client)
        self._bot_id, self.site = told.bot_id, told.site
        return told

    def resolve(
        self, selector: Selector, field_names: Sequence[str], known: Resolution | None = None, *, also: Wishes | None = None
    ) -> Resolution:
        """Names → ids. The key "" of ``fields`` holds the property that tells whether a row is done. Raises ``Refused``."""
        return self._resolver.resolve(selector, field_names, known, also or {})

    def expect(self, wanted: Sequence[Wanted]) -> None:
        """Until the next call, databases and schemas that several mappings share are read once."""
        self._resolver.share(bool(wanted))

    # --- what an admin looks for and sets up -----------------------------------------------------------------------------

    def search(self, text: str, *, container: str = "", limit: int = 20) -> Sequence[Choice]:
        """Data sources and rows by title, the rows of one data source, or what a link names."""
        return lookup.search(self._client, text, container, limit)

    def list_candidates(
        self, containers: Sequence[str], since: datetime, *, open_too: bool = False, cursor: Mapping[str, JSON] | None = None
    ) -> CandidatePage:
        """All data sources that are shared, then the rows of ``containers`` edited since, 100 in a request; ``open_too`` says nothing."""
        return candidates.list_candidates(self._client, self._resolver.schema_or_none, containers, since, cursor)

    def check_query(self, text: str) -> QueryCheck:
        """Nothing can be checked: Notion has no queries as text."""
        return QueryCheck(errors=("queries are a Jira matter: a Notion mapping selects by database and property filter",))

    def check_fields(self, named: Mapping[str, str]) -> Mapping[str, str]:
        """Panels in Notion use no fields."""
        return {}

    def accounts(self, ids: Sequence[str]) -> Mapping[str, bool | None]:
        """Who is still a member; needs the capability Read user information."""
        return lookup.accounts(self._client, ids)

    def people(self, text: str = "", cursor: str | None = None) -> PeoplePage:
        """A page of the workspace's members, sifted by ``text``."""
        return lookup.people(self._client, text, cursor)

    def register_webhook(self, url: str, secret: str, containers: Sequence[str] = ()) -> WebhookSetUp:
        """The steps for a person: Notion has no API for subscriptions, and makes the secret itself."""
        return set_up_by_hand(url)

    def drop_webhook(self, url: str) -> bool:
        """False: Notion has no API for subscriptions."""
        return False

    def quota(self) -> Mapping[str, JSON] | None:
        """How much of our own budget is used: Notion sends no headers about its limits."""
        return self._client.gateway.used_quota(self._client.allowance)

    # --- reading -------------------------------------------------------------------------------------------------------

    def fetch_items(self, refs: Sequence[str], wanted: Sequence[Wanted]) -> Fetched:
        """Read pages one by one under the budget; trashed, archived, deleted or unshared ones are gone."""
        needed = self._needed(wanted)
        items: list[Item] = []
        gone: list[str] = []
        for ref in dict.fromkeys(refs):
            page = self._page(ref, needed)
            if page is None:
                gone.append(ref)
            else:
                items.append(self._item(page, _measured(wanted)))
        return Fetched(tuple(items), tuple(gone))

    def members(self, wanted: Sequence[Wanted], refs: Sequence[str]) -> Mapping[int, frozenset[str]]:
        """Nothing: membership of Notion rows is decided from the row itself."""
        return {}

    def plan(self, wanted: Sequence[Wanted], *, since: datetime | None = None, ids_only: bool = False) -> Sequence[ListQuery]:
        """One walk per data source over all its mappings, and one over all rows that are named one by one.

        With ``since`` only the time is asked for: a row that has just left a mapping's filter must be seen too.
        """
        by_source: dict[str, list[Wanted]] = {}
        rows: dict[str, None] = {}
        row_wanted: list[Wanted] = []
        for each in wanted:
            if each.selector.kind is SelectorKind.ROWS:
                rows.update(dict.fromkeys(each.resolution.refs.get(text) or normalise_id(text, row=True) for text in each.selector.rows))
                row_wanted.append(each)
                continue
            if not each.resolution.containers:
                raise Refused(f"mapping {each.mapping} has not been resolved at Notion yet; check it first", code="not_resolved")
            for source in each.resolution.containers:
                by_source.setdefault(source, []).append(each)
        queries = [self._walk(source, of, since, ids_only) for source, of in by_source.items()]
        if rows:
            spec = {
                "kind": "rows",
                "refs": list(rows),
                "properties": self._needed(row_wanted),
                "measured": _measured(row_wanted),
                "ids_only": ids_only,
            }
            queries.append(ListQuery(f"{len(rows)} single rows", spec))
        return queries

    def _walk(self, source: str, wanted: Sequence[Wanted], since: datetime | None, ids_only: bool) -> ListQuery:
        schema = self._resolver.schema_or_none(source)
        name = (
            schema.name if schema else next((each.resolution.titles[source] for each in wanted if source in each.resolution.titles), source)
        )
        filter_ = edited_from(since) if since else source_filter(schema, wanted) if schema else None
        spec: dict[str, JSON] = {"kind": "source", "source": source, "filter": filter_, "ids_only": ids_only}
        spec["properties"] = [schema.title_id if schema else "title"] if ids_only else self._needed(wanted)
        spec["measured"] = [] if ids_only else _measured(wanted)
        return ListQuery(f"rows of {name}", spec)

    def list_items(self, query: ListQuery, cursor: Mapping[str, JSON] | None = None) -> Page:
        """One page of a walk. Raises ``Refused`` (``window_too_dense``) when the host cannot list all rows of one minute."""
        if query.spec["kind"] == "rows":
            return self._list_rows(query.spec, int((cursor or {}).get("at", 0)))
        window = Window.load(cursor)
        answer = query_rows(self._client, query.spec, window)
        refs, items = self._shown(query.spec, new_rows(answer, window))
        return Page(items, refs, window.dump() if window.advance(answer) else None)

    def read_all(self, query: ListQuery, most: int, on_page: Callable[[Page], None]) -> bool:
        """A whole walk, its rows read in parallel; see ``quick_read``."""
        schema = self._resolver.schema_or_none(str(query.spec.get("source") or ""))
        return quick_read.read_all(self._client, self.list_items, self._shown, schema, query, most, on_page)

    def _shown(self, spec: Mapping[str, JSON], rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[Item, ...]]:
        """(refs of the living rows, their items as far as they were read)."""
        living = [(ref, row) for row in rows if (ref := known_id(row.get("id"))) and not reading.is_gone(row)]
        readable = [] if spec["ids_only"] else [row for _, row in living if "properties" in row]
        return tuple(ref for ref, _ in living), tuple(self._item(row, spec["measured"], spec["source"]) for row in readable)

    def _list_rows(self, spec: Mapping[str, JSON], at: int) -> Page:
        refs: list[str] = spec["refs"][at : at + ROWS_PER_PAGE]
        pages = [page for ref in refs if (page := self._page(ref, ["title"] if spec["ids_only"] else spec["properties"])) is not None]
        found = tuple(known_id(page.get("id")) or str(page.get("id")) for page in pages)
        items = () if spec["ids_only"] else tuple(self._item(page, spec["measured"]) for page in pages)
        following = at + ROWS_PER_PAGE
        return Page(items, found, {"at": following} if following < len(spec["refs"]) else None)

    def _needed(self, wanted: Sequence[Wanted]) -> list[str]:
        """Decoded ids of the properties to ask for; empty (= all) where rows of several data sources may be asked at once.

        Asking a page for a property of another data source would be an error.
        """
        sources = {source for each in wanted for source in each.resolution.containers}
        if len(sources) != 1 or any(each.selector.kind is SelectorKind.ROWS and not each.resolution.containers for each in wanted):
            return []
        schema = self._resolver.schema_or_none(next(iter(sources)))
        if schema is None:
            return []
        ids = dict.fromkeys([schema.title_id, *schema.done_ids, *(prop.id for prop in schema.properties.values() if about_blocks(prop))])
        ids.update(dict.fromkeys(ident for each in wanted for group in each.resolution.fields.values() for ident in group))
        needed = [ident for ident in ids if ident in schema.properties]
        return needed if len(needed) <= _TOO_MANY_PROPERTIES else []

    def _page(self, ref: str, properties: Sequence[str]) -> dict[str, Any] | None:
        try:
            page = self._client.page(ref, properties)
        except Gone:
            return None
        except Refused as error:
            if error.status != 400 or not properties:
                raise
            page = self._client.page(ref)  # a page of another data source does not know these properties
        return None if reading.is_gone(page) else page

    def _item(self, page: Mapping[str, Any], measured: Sequence[str], source: str = "") -> Item:
        schema = self._schema_for(page, source or reading.container_of(page))
        ref = str(page.get("id"))
        complete = {
            ident: all_entries(self._client, ref, ident)
            for ident, (_, value) in reading.properties_of(page).items()
            if ident in measured and reading.cut_short(value)
        }
        item = reading.read_item(page, schema, complete)
        # Rows of a query always belong to the data source that was asked, whatever form their parent has.
        return item if item.container or not source else replace(item, container=source)

    def _schema_for(self, page: Mapping[str, Any], source: str) -> Schema | None:
        schema = self._resolver.schema_or_none(source)
        if schema is not None and (option := reading.unknown_option(page, schema)) and (source, option) not in self._asked_again:
            self._asked_again.add((source, option))  # a status option younger than our copy of the schema; ask once
            return self._resolver.schema(source, fresh=True)
        return schema

    # --- writing -------------------------------------------------------------------------------------------------------

    def write_panel(self, ref: str, panel: Panel, receipt: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Show the panel on the page: properties where it has them, and one callout.

        Receipt: ``block``, ``digest``, ``properties`` (digest), ``schema``, ``row``, ``deleted`` (times a person deleted the
        callout), ``dismissed``, ``property_only``, ``unsure``, ``warnings``, ``written``. Clear ``dismissed`` to show it again.
        A ``HostError`` carries the receipt to store in ``details["receipt"]``.
        """
        writer = PanelWriter(self._client, self._resolver.schema_or_none, self._bot, normalise_id(ref, row=True), receipt)
        return writer.write(panel, property_only=bool(self.settings.options.get("property_only")))

    def write_values(self, ref: str, values: Mapping[str, FieldValue]) -> Mapping[str, JSON]:
        """Set properties by name, only those that differ. Raises ``Refused`` for a name or type that cannot be written."""
        page = self._client.page(ref)
        if reading.is_gone(page):
            raise Gone(f"the page {ref} is in the trash", code="in_trash")
        by_name = {name: (ident, value) for ident, (name, value) in reading.properties_of(page).items()}
        body: dict[str, Any] = {}
        for name, value in values.items():
            if name not in by_name:
                raise Refused(f'the page has no property "{name}"; it has: {", ".join(sorted(by_name))}', code="unknown_property")
            ident, current = by_name[name]
            kind = str(current.get("type"))
            encoded = encode(kind, value)
            if encoded is None:
                shown = "an unknown value" if isinstance(value, Unknown) else repr(value)
                raise Refused(f'"{name}" is a {kind} property, which cannot be set to {shown}', code="not_writable")
            if reading.field_value(current) != value:
                body[ident] = encoded
        if body:
            self._client.update_page(ref, body)
        return {"written": len(body)}

    def fetch_comment(self, ref: str, comment: str) -> Comment | None:
        """Read one comment, None when it is gone."""
        return comments.fetch(self._client, comment, self._comments)

    def reply(
        self,
        ref: str,
        comment: str,
        account: str,
        text: str,
        receipt: Mapping[str, JSON],
        *,
        restricted: Mapping[str, JSON] | None = None,  # comments here are for all who see the page
        again: bool = True,
    ) -> Mapping[str, JSON]:
        """Answer a comment in its discussion, once; see ``comments.reply``."""
        return comments.reply(self._client, self._bot, comment, account, text, receipt, kept=self._comments, again=again)

    def notify(
        self,
        ref: str,
        accounts: Sequence[str],
        text: str,
        *,
        mark: str = "",  # comments here hold no mark: one of ours is known by its words
        since: datetime | None = None,
    ) -> Mapping[str, JSON]:
        """A comment on the page that mentions people; Notion then tells them. See ``comments.notify``."""
        return comments.notify(self._client, self._bot, ref, accounts, text, since)

    def _bot(self) -> str:
        return self._bot_id or self.identify()


def _measured(wanted: Sequence[Wanted]) -> list[str]:
    """Ids of properties whose full value counts: those measured and those filtered by."""
    return list(
        dict.fromkeys(
            ident
            for each in wanted
            for name in (*each.field_names, *each.selector.filter)
            for ident in each.resolution.fields.get(name, ())
        )
    )
