"""What the paths of the Notion stand-in share: finding pages, data sources and blocks, and showing pages and data sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_people import Answer, Args, Body, id_of
from connector.hosts.notion.sandbox_values import invalid, not_found

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox

__all__ = ["Answer", "Args", "Body"]


def only(body: Body, *allowed: str) -> None:
    """Refuse a body with other keys."""
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise invalid(f"body failed validation: body.{unknown[0]} should be not present")


def find_page(box: NotionSandbox, ident: str) -> dict[str, Any]:
    """The page of an id. Raises ``ApiFault``."""
    page: dict[str, Any] | None = box.world.data["pages"].get(id_of(ident))
    if page is None or not box.world.visible(page):
        raise not_found("page", ident)
    return page


def find_source(box: NotionSandbox, ident: str) -> dict[str, Any]:
    """The data source of an id. Raises ``ApiFault``."""
    source: dict[str, Any] | None = box.world.data["sources"].get(id_of(ident))
    if source is None or not box.world.visible_database(source["database"]):
        raise not_found("data_source", ident)
    return source


def find_block(box: NotionSandbox, ident: str) -> dict[str, Any]:
    """The block of an id. Raises ``ApiFault``."""
    block: dict[str, Any] | None = box.world.data["blocks"].get(id_of(ident))
    if block is None or not box.world.visible(box.world.data["pages"][block["page"]]):
        raise not_found("block", ident)
    return block


def properties_of(box: NotionSandbox, page: Body) -> Mapping[str, Any]:
    """The schema that a page follows."""
    if page["source"]:
        found: Mapping[str, Any] = box.world.data["sources"][page["source"]]["properties"]
        return found
    return {"title": {"id": "title", "name": "title", "type": "title", "title": {}}}


def parent_page(ident: str | None) -> Answer:
    """``parent`` of what stands on a page, or in the workspace."""
    return {"type": "page_id", "page_id": ident} if ident else {"type": "workspace", "workspace": True}


def show_page(box: NotionSandbox, page: Body, names: list[str]) -> Answer:
    """A page as the API answers it; ``names``: ids or names of the properties shown, all when empty."""
    properties = properties_of(box, page)
    chosen = _chosen(properties, names)
    parent = parent_page(page.get("parent"))
    if page["source"]:
        database = box.world.data["sources"][page["source"]]["database"]
        parent = {"type": "data_source_id", "data_source_id": page["source"], "database_id": database}
    shown = {each["name"]: shapes.shown_value(each, _inner(page, each)) for each in chosen}
    compact = page["id"].replace("-", "")
    return {
        "object": "page", "id": page["id"], "created_time": page["created_time"], "last_edited_time": page["last_edited_time"],
        "created_by": {"object": "user", "id": page["created_by"]}, "last_edited_by": {"object": "user", "id": page["last_edited_by"]},
        "cover": None, "icon": None, "parent": parent, "in_trash": page["in_trash"], "is_archived": page["is_archived"], "is_locked": False,
        "properties": shown, "url": f"{box.pages_at}{compact}", "public_url": None,
    }  # fmt: skip


def _inner(page: Body, prop: Body) -> Any:
    kind = prop["type"]
    if kind in ("created_time", "last_edited_time"):
        return page[kind]
    if kind in ("created_by", "last_edited_by"):
        return {"object": "user", "id": page[kind]}
    return page["values"].get(prop["id"], shapes.empty(kind))


def _chosen(properties: Mapping[str, Any], only: list[str]) -> list[Any]:
    if not only:
        return list(properties.values())
    found = []
    for wanted in only:
        match = [each for each in properties.values() if wanted in (each["id"], each["name"], quote(each["id"], safe=""))]
        if not match:
            raise invalid(f"Could not find property with name or id: {wanted}")
        found += match
    return found


def show_source(box: NotionSandbox, source: Body) -> Answer:
    """A data source as the API answers it."""
    database = box.world.data["databases"][source["database"]]
    maker = {"object": "user", "id": source.get("created_by") or box.world.data["person"]}
    return {
        "object": "data_source", "id": source["id"], "title": shapes.text_runs(source["name"]), "description": [], "icon": None,
        "cover": None,
        "created_time": source["created_time"], "last_edited_time": source["last_edited_time"], "in_trash": database["in_trash"],
        "is_inline": False, "created_by": maker, "last_edited_by": maker,
        "parent": {"type": "database_id", "database_id": source["database"]},
        "database_parent": parent_page(database.get("page")), "properties": shapes.shown_schema(source["properties"]),
        "url": f"{box.pages_at}{source['database'].replace('-', '')}", "public_url": None,
    }  # fmt: skip


def accepted_values(properties: Mapping[str, Any], sent: Body) -> dict[str, Any]:
    """The inner values of a request by property id, checked as Notion does."""
    values: dict[str, Any] = {}
    for key, value in sent.items():
        prop = next((each for each in properties.values() if key in (each["id"], each["name"], quote(each["id"], safe=""))), None)
        if prop is None:
            raise invalid(f"{key} is not a property that exists.")
        values[prop["id"]] = shapes.accepted(prop, value)
    return values
