"""Databases as a whole: found by link or on a page, made with our columns, completed by what is missing.

Reference: https://developers.notion.com/reference/create-a-database
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connector.domain.okr_columns import TITLES, Column, ColumnType, DatabaseKind
from connector.errors import Gone, InputError, Refused, Uncertain
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import is_gone
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.okr_databases.values import LONGEST_OPTION, plain_runs
from connector.hosts.notion.resolver import choose_source
from connector.hosts.notion.schema import Property, plain_text, read_schema
from connector.hosts.okr_databases import FoundColumn, FoundDatabase

MOST_OPTIONS = 100  # in one request; a select learns further ones by itself when a row has them
_MOST_DATABASES = 40  # on one page: beyond these nobody looks for ours
_PLAIN = {ColumnType.TITLE: "title", ColumnType.TEXT: "rich_text", ColumnType.PEOPLE: "people", ColumnType.DATE: "date"}
_COLOURS = {
    "On track": "blue", "At risk": "orange", "Stalled": "purple", "Overdue update": "yellow", "Data late": "yellow", "No data": "gray",
    "Closed": "default", "moving": "blue", "inside": "blue", "flat": "gray", "slipping": "orange", "outside": "orange",
    "asked": "yellow", "open": "orange", "done": "blue", "dropped": "gray",
}  # fmt: skip


def find(client: NotionClient, link: str) -> FoundDatabase:
    """See ``OkrDatabases.find``. A link names the database; ids of data sources are taken as well, and needed for one of several."""
    ident = normalise_id(link, where="link")
    try:
        database = client.database(ident)
    except Gone as error:
        return _as_source(client, ident, error)
    except Refused as error:
        if error.status != 400:
            raise
        return _as_source(client, ident, error)  # the id of something else, which may be a data source
    if is_gone(database):
        raise Gone(f"the database {ident} is in the trash", status=200, code="in_trash")
    sources = _sources(database)
    if len(sources) > 1:
        listed = ", ".join(f"{name or '(untitled)'} ({ident})" for ident, name in sources.items())
        told = f"this database has {len(sources)} data sources; give the id of the one that is meant in place of the link: {listed}"
        raise InputError(told, where="link")
    return found_database(client.source(choose_source(sources, "")), database)


def on_page(client: NotionClient, page: str) -> list[FoundDatabase]:
    """See ``OkrDatabases.on_page``. Those with our titles come first; what is a view of another database is left out."""
    ident = normalise_id(page, where="page", row=True)
    standing = [each for each in _children(client, ident) if each.get("type") == "child_database" and not is_gone(each)]
    ours = {title.casefold() for title in TITLES.values()}
    standing.sort(key=lambda each: str((each.get("child_database") or {}).get("title") or "").strip().casefold() not in ours)
    found: list[FoundDatabase] = []
    for block in standing[:_MOST_DATABASES]:
        try:
            database = client.database(str(block["id"]))
            if not is_gone(database):
                found += [found_database(client.source(source), database) for source in _sources(database)]
        except Gone:
            continue
        except Refused as error:
            if error.status != 400:
                raise
    return found


def create(
    client: NotionClient, page: str, title: str, columns: Sequence[Column], related: Mapping[DatabaseKind, str], kind: DatabaseKind
) -> FoundDatabase:
    """See ``OkrDatabases.create``. Relations lead both ways: the related database gets a column with our title."""
    ident = normalise_id(page, where="page", row=True)
    properties = {each.name: made for each in columns if (made := _property(each, related, back=TITLES[kind])) is not None}
    try:
        database = client.create_database(ident, plain_runs(title), properties)
    except Uncertain as error:
        database = committed(client.database, error)
    return found_database(client.source(next(iter(_sources(database)))), database)


def complete(client: NotionClient, found: FoundDatabase, columns: Sequence[Column], related: Mapping[DatabaseKind, str]) -> FoundDatabase:
    """See ``OkrDatabases.complete``. Relations lead one way: nothing is added to the database of somebody else."""
    source = client.source(found.source)
    if is_gone(source):
        raise Gone(f"the database {found.database} is in the trash", status=200, code="in_trash")
    now = found_database(source, {"id": found.database, "title": None}, title=found.title, url=found.url)
    present = {each.name.strip().casefold(): each for each in now.columns}
    changes: dict[str, Any] = {}
    for column in columns:
        there = present.get(column.name.strip().casefold())
        if there is not None:
            if options := _options_to_add(source, there, column.options):
                changes[there.id] = {there.type: {"options": options}}
        elif column.type is not ColumnType.TITLE and (made := _property(column, related, back="")) is not None:
            changes[column.name] = made
    if not changes:
        return now
    answer = client.update_source(found.source, changes)
    return found_database(answer, {"id": found.database, "title": None}, title=found.title, url=found.url)


def found_database(source: Mapping[str, Any], database: Mapping[str, Any], *, title: str = "", url: str = "") -> FoundDatabase:
    """The values of a data source and the database that holds it."""
    schema = read_schema(source)
    columns = tuple(
        FoundColumn(each.id, each.name, each.type, tuple(name for _, name in each.options), each.related, _format(each))
        for each in schema.properties.values()
    )
    above = source.get("database_parent")
    page = known_id(above.get("page_id")) if isinstance(above, dict) else None
    ident = known_id(database.get("id")) or schema.database
    shown = title or plain_text(database.get("title")) or schema.name
    return FoundDatabase(ident, schema.source, shown, url or str(database.get("url") or source.get("url") or ""), columns, page or "")


def _format(prop: Property) -> str:
    return "percent" if prop.format == "percent" else ""


def committed(read: Callable[[str], dict[str, Any]], error: Uncertain) -> dict[str, Any]:
    """What the host says that it wrote after all. Raises the error when it says nothing, or when it is not there."""
    if not error.committed:
        raise error
    try:
        return read(error.committed[0])
    except Gone:
        raise error from None


# --- parts -------------------------------------------------------------------------------------------------------------


def _as_source(client: NotionClient, ident: str, refusal: Gone | Refused) -> FoundDatabase:
    try:
        source = client.source(ident)
    except Gone:
        if isinstance(refusal, Refused):
            raise InputError(
                "this is the link of a page, not of a database; open the database itself and copy its link", where="link"
            ) from refusal
        raise refusal from None
    if is_gone(source):
        raise Gone(f"the database of {ident} is in the trash", status=200, code="in_trash")
    above = source.get("parent")
    database = known_id(above.get("database_id")) if isinstance(above, dict) else None
    return found_database(source, {"id": database or ident, "title": None})


def _sources(database: Mapping[str, Any]) -> dict[str, str]:
    """Data source id → name."""
    raw = database.get("data_sources")
    return {
        ident: str(each.get("name") or "")
        for each in (raw if isinstance(raw, list) else ())
        if isinstance(each, dict) and (ident := known_id(each.get("id")))
    }


def _children(client: NotionClient, page: str) -> Iterable[dict[str, Any]]:
    cursor: str | None = None
    while True:
        answer = client.children(page, cursor)
        yield from (each for each in answer.get("results") or () if isinstance(each, dict))
        cursor = answer.get("next_cursor")
        if not answer.get("has_more") or not cursor:
            return


def _property(column: Column, related: Mapping[DatabaseKind, str], *, back: str) -> dict[str, Any] | None:
    """The configuration of a column, None for a relation that has nowhere to lead. ``back``: what the other side is called."""
    if column.type in _PLAIN:
        return {_PLAIN[column.type]: {}}
    if column.type is ColumnType.CHECKBOX:
        return {"checkbox": {}}
    if column.type in (ColumnType.NUMBER, ColumnType.PERCENT):
        return {"number": {"format": "percent" if column.type is ColumnType.PERCENT else "number"}}
    if column.type is ColumnType.RELATION:
        target = related.get(column.to) if column.to else None
        sides: dict[str, Any] = {"dual_property": {"synced_property_name": back}} if back else {"single_property": {}}
        return {"relation": {"data_source_id": target, "type": next(iter(sides)), **sides}} if target else None
    kind = "status" if column.type is ColumnType.STATUS else "select"
    return {kind: {"options": [_option(each) for each in usable(column.options)[:MOST_OPTIONS]]}}


def usable(options: Iterable[str]) -> list[str]:
    """The options that Notion can have: no commas, no doubles, not too long."""
    return [each for each in dict.fromkeys(options) if each.strip() and "," not in each and len(each) <= LONGEST_OPTION]


def _option(name: str) -> dict[str, Any]:
    return {"name": name, **({"color": _COLOURS[name]} if name in _COLOURS else {})}


def _options_to_add(source: Mapping[str, Any], there: FoundColumn, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """All options that the column shall have, when some are missing and it may have that many; else nothing.

    What is sent replaces what was there, so that everything there is named too, by its id.
    """
    if there.type not in ("select", "status"):
        return []
    known = {each.strip().casefold() for each in there.options}
    missing = [each for each in usable(wanted) if each.strip().casefold() not in known]
    if not missing or len(known) + len(missing) > MOST_OPTIONS:
        return []
    prop = read_schema(source).properties[there.id]
    return [*({"id": ident, "name": name} for ident, name in prop.options), *(_option(each) for each in missing)]
