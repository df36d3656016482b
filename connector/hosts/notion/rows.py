"""One page of a data source's rows: the query as it is sent, and again in a smaller or newer form where Notion asks for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import HostError, Refused, Uncertain
from connector.hosts.base import JSON
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.query import LEAST_PAGE, Window, created_from, narrowed


def query_rows(client: NotionClient, spec: Mapping[str, JSON], window: Window) -> dict[str, Any]:
    """The answer to one page of a walk over ``spec["source"]``, where ``window`` stands."""
    restarted = False
    while True:
        filter_ = narrowed(spec["filter"], created_from(window.after)) if window.after else spec["filter"]
        body: dict[str, Any] = {
            "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
            "page_size": window.size,
            "result_type": "page",
        }
        if filter_:
            body["filter"] = filter_
        if window.cursor:
            body["start_cursor"] = window.cursor
        try:
            return client.query(spec["source"], body, spec["properties"])
        except Refused as error:
            if error.status == 400 and window.cursor and "cursor" in error.message.lower() and not restarted:
                restarted = True  # the session behind the cursor has ended
                window.restart()
                continue
            raise
        except HostError as error:
            if not _wants_smaller_pages(error) or window.size <= LEAST_PAGE:
                raise
            window.size = max(LEAST_PAGE, window.size // 2)


def new_rows(answer: Mapping[str, Any], window: Window) -> list[Mapping[str, Any]]:
    """The rows of an answer that the walk has not shown yet. A wiki lists data sources among its pages: they are left out."""
    return [
        each
        for each in answer.get("results") or ()
        if isinstance(each, dict)
        and each.get("object") == "page"
        and (ref := known_id(each.get("id")))
        and window.is_new(ref, created if isinstance(created := each.get("created_time"), str) else "")
    ]


def all_entries(client: NotionClient, page: str, prop: str) -> tuple[str, ...]:
    """The ids of all entries of a relation or people property, beyond the 25 that a page object shows."""
    values = (entry.get(str(entry.get("type"))) for entry in client.property_items(page, prop))
    ids = (value.get("id") for value in values if isinstance(value, dict))
    return tuple(dict.fromkeys(known_id(ident) or str(ident) for ident in ids if ident))


def _wants_smaller_pages(error: HostError) -> bool:
    extra = error.details.get("additional_data")
    guidance = str(extra.get("retry_guidance") or "") if isinstance(extra, dict) else ""
    return not isinstance(error, Uncertain) and (error.status or 0) >= 500 and "page_size" in guidance.lower()
