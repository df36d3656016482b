"""What a workspace has to map: every data source that is shared, and the rows of some of them, page by page. Reads only.

A cursor says where a look stands: ``search`` while data sources are listed, then ``at`` (the place of the data source whose rows are
read) and ``window``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.domain.model import FieldValue
from connector.errors import Gone, Refused
from connector.hosts.base import JSON, Candidate, CandidatePage
from connector.hosts.notion import fields as reading
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.query import Window, edited_from
from connector.hosts.notion.rows import new_rows, query_rows
from connector.hosts.notion.schema import Schema, plain_text

POINT_NAMES = frozenset({"points", "story points", "story point estimate"})

Schemas = Callable[[str], Schema | None]


def list_candidates(
    client: NotionClient, schemas: Schemas, containers: Sequence[str], since: datetime, cursor: Mapping[str, JSON] | None
) -> CandidatePage:
    """See ``Host.list_candidates``. ``schemas`` gives a data source's schema, None for one that is gone."""
    state: dict[str, Any] = dict(cursor or {"search": None})
    if "search" in state:
        answer = client.search_sources(state["search"])
        shown = [each for each in answer.get("results") or () if isinstance(each, dict) and each.get("object") == "data_source"]
        found = tuple(_source(each) for each in shown if known_id(each.get("id")) and not reading.is_gone(each))
        following = answer.get("next_cursor")
        if answer.get("has_more") and following:
            return CandidatePage(found, {"search": str(following)})
        return CandidatePage(found, {"at": 0, "window": None} if containers else None)
    at = int(state["at"])
    after = {"at": at + 1, "window": None} if at + 1 < len(containers) else None
    schema = schemas(containers[at])
    if schema is None:
        return CandidatePage((), after)
    window = Window.load(state["window"])
    try:
        answer = query_rows(client, _spec(schema, since), window)
        rows = [row for row in new_rows(answer, window) if not reading.is_gone(row)]
        more = window.advance(answer)
    except (Gone, Refused) as error:
        if isinstance(error, Refused) and error.parks:
            raise
        return CandidatePage((), after)  # its mapping says what is wrong with it
    return CandidatePage(tuple(_row(row, schema) for row in rows), {"at": at, "window": window.dump()} if more else after)


def _spec(schema: Schema, since: datetime) -> dict[str, JSON]:
    told = [each.id for each in schema.properties.values() if each.type == "multi_select"]
    properties = list(dict.fromkeys([schema.title_id, *schema.done_ids, *told, *_points(schema)]))
    return {"source": schema.source, "filter": edited_from(since), "properties": properties if len(properties) <= 100 else []}


def _points(schema: Schema) -> list[str]:
    """The one number property that is called points; several cannot be told apart."""
    found = [each.id for each in schema.properties.values() if each.type == "number" and each.name.strip().casefold() in POINT_NAMES]
    return found if len(found) == 1 else []


def _source(source: Mapping[str, Any]) -> Candidate:
    parent = source.get("parent")
    database = known_id(parent.get("database_id")) if isinstance(parent, dict) else None
    return Candidate(
        ref=known_id(source.get("id")) or "",
        key="",
        title=plain_text(source.get("title")) or "(untitled)",
        kind="data_source",
        container=database or "",
        url=str(source.get("url") or ""),
        updated_at=reading.moment(source.get("last_edited_time")),
    )


def _row(page: Mapping[str, Any], schema: Schema) -> Candidate:
    item = reading.read_item(page, schema)
    labels: list[str] = []
    for each in schema.properties.values():
        value: FieldValue = item.fields.get(each.id) if each.type == "multi_select" else None
        labels += value if isinstance(value, tuple) else ()
    points = [value for ident in _points(schema) if isinstance(value := item.fields.get(ident), float)]
    return Candidate(
        ref=item.ref,
        key="",
        title=item.title or "(untitled)",
        kind="row",
        container=schema.source,
        url=item.url,
        status=item.status or "",
        category=item.category,
        labels=tuple(dict.fromkeys(labels)),
        points=points[0] if points else None,
        updated_at=item.updated_at,
    )
