"""The stand-in's paths for databases, data sources and views."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connector.hosts.notion import sandbox_schema as schema
from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_filters import matcher
from connector.hosts.notion.sandbox_people import id_of, listed, size_of
from connector.hosts.notion.sandbox_shared import Answer, Args, Body, find_page, find_source, only, parent_page, show_page, show_source
from connector.hosts.notion.sandbox_values import block_limit, invalid, not_found

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox


def _database(box: NotionSandbox, ident: str) -> dict[str, Any]:
    database: dict[str, Any] | None = box.world.data["databases"].get(id_of(ident))
    if database is None or not box.world.visible_database(database["id"]):
        raise not_found("database", ident)
    return database


def _show_database(box: NotionSandbox, database: Body) -> Answer:
    sources = [{"id": each, "name": box.world.data["sources"][each]["name"]} for each in database["sources"]]
    made = database.get("created_time") or box.world.now()
    return {
        "object": "database", "id": database["id"], "title": shapes.text_runs(database["title"]), "description": [], "icon": None,
        "cover": None, "data_sources": sources, "in_trash": database["in_trash"], "is_inline": False, "is_locked": False,
        "created_time": made,
        "last_edited_time": made, "parent": parent_page(database.get("page")), "public_url": None,
        "url": f"{box.pages_at}{database['id'].replace('-', '')}",
    }  # fmt: skip


def _get_database(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return _show_database(box, _database(box, ident))


def _post_database(box: NotionSandbox, args: Args, body: Body) -> Answer:
    # ``properties`` at the top was for older versions: it is taken and ignored, so that a database with only a title comes out
    only(body, "parent", "title", "description", "is_inline", "initial_data_source", "properties", "icon", "cover")
    parent = body.get("parent") or {}
    if parent.get("type") != "page_id":
        raise invalid("body failed validation: body.parent.type should be page_id")
    page = find_page(box, str(parent.get("page_id")))
    if page["in_trash"]:
        raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
    if box.block_limit:
        raise block_limit()
    wishes = (body.get("initial_data_source") or {}).get("properties") or {"Name": {"title": {}}}
    kinds = [schema.type_of(name, config) for name, config in wishes.items()]
    if kinds.count("title") != 1:
        raise invalid("Title is not provided" if "title" not in kinds else "Only one title property is allowed.")
    made = {name: schema.new_property(name, config, _related(box)) for name, config in wishes.items()}
    title, bot = shapes.plain(shapes.normalised(body.get("title") or [])), box.world.data["bot"]
    ident, _ = box.world.add_database(title, made, page=page["id"], author=bot)
    return _show_database(box, box.world.data["databases"][ident])


def _related(box: NotionSandbox) -> schema.Related:
    return lambda ident: box.world.relation_to(find_source(box, ident)["id"])


def _get_source(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return show_source(box, find_source(box, ident))


def _patch_source(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    only(body, "title", "icon", "properties", "in_trash", "parent")
    source = find_source(box, ident)
    for key, config in (body.get("properties") or {}).items():
        prop = schema.find(source["properties"], key)
        if prop is None and config is None:
            raise invalid(f"Could not find property with name or id: {key}")
        if prop is None:
            box.world.keep_property(source["id"], schema.new_property(str(config.get("name") or key), config, _related(box)))
        elif config is None:
            box.world.remove_property(source["id"], prop["name"], author=box.world.data["bot"])
        else:
            box.world.change_property(source["id"], prop, config, box.world.data["bot"])
    if "in_trash" in body:
        box.world.trash_database(source["database"], restore=not body["in_trash"], author=box.world.data["bot"])
    if "title" in body:
        source["name"] = shapes.plain(shapes.normalised(body["title"]))
    return show_source(box, source)


# --- views -------------------------------------------------------------------------------------------------------------


def _views(box: NotionSandbox, args: Args) -> list[dict[str, Any]]:
    every = list(box.world.data.get("views", {}).values())
    if "database_id" in args:
        database = _database(box, str(args["database_id"]))["id"]
        return [each for each in every if each["database"] == database]
    source = find_source(box, str(args.get("data_source_id")))["id"]
    return [each for each in every if each["source"] == source]


def _list_views(box: NotionSandbox, args: Args, body: Body) -> Answer:
    found = [{"object": "view", "id": each["id"]} for each in _views(box, args)]
    return {**listed(found, int(args.get("start_cursor") or 0), size_of(args)), "type": "view", "view": {}}


def _show_view(box: NotionSandbox, view: Body) -> Answer:
    return {
        "object": "view", "id": view["id"], "parent": {"type": "database_id", "database_id": view["database"]}, "name": view["name"],
        "type": view["type"], "data_source_id": view["source"], "filter": view.get("filter"), "sorts": view.get("sorts"),
        "configuration": view.get("configuration"), "url": f"{box.pages_at}{view['database'].replace('-', '')}?v={view['id']}",
    }  # fmt: skip


def _get_view(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    view = box.world.data.get("views", {}).get(id_of(ident))
    if view is None or not box.world.visible_database(view["database"]):
        raise not_found("view", ident)
    return _show_view(box, view)


def _post_view(box: NotionSandbox, args: Args, body: Body) -> Answer:
    only(body, "data_source_id", "database_id", "name", "type", "filter", "sorts", "quick_filters", "configuration", "position")
    source, database = find_source(box, str(body.get("data_source_id"))), _database(box, str(body.get("database_id")))
    kind, content = str(body.get("type")), body.get("configuration")
    if kind not in ("table", "board", "list", "calendar", "timeline", "gallery", "form", "chart", "map", "dashboard"):
        raise invalid(f"body failed validation: body.type should be a view type, instead was {kind}")
    if content is not None:
        _check_configuration(kind, content, source["properties"])
    kept = {key: body[key] for key in ("filter", "sorts", "configuration") if key in body}
    return _show_view(box, box.world.add_view(database["id"], source["id"], str(body.get("name")), kind, kept, box.world.data["bot"]))


def _check_configuration(kind: str, content: Body, properties: Body) -> None:
    if content.get("type") != kind:
        raise invalid(f"body failed validation: body.configuration.type should be {kind}")
    parts = [content.get(each) for each in ("group_by", "x_axis", "stack_by", "y_axis", "value")]
    if kind == "board" and content.get("group_by") is None:
        raise invalid("body failed validation: body.configuration.group_by should be defined")
    for part in [*parts, *(content.get("properties") or ())]:
        if part is None or part.get("aggregator") == "count":
            continue
        prop = schema.find(properties, str(part.get("property_id")))
        if prop is None:
            raise invalid(f"Could not find property with name or id: {part.get('property_id')}")
        if "sort" in part and part.get("type") != prop["type"] and (part.get("type"), prop["type"]) != ("person", "people"):
            raise invalid(f"body failed validation: {prop['name']} is a {prop['type']} property, instead was {part.get('type')}")


# --- rows --------------------------------------------------------------------------------------------------------------


def _query(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    only(body, "filter", "sorts", "start_cursor", "page_size", "result_type", "is_archived")
    source, size = find_source(box, ident), size_of(body)
    test = matcher(body["filter"], source["properties"]) if body.get("filter") is not None else lambda row: True
    cursor = body.get("start_cursor")
    if cursor is None:
        archived = bool(body.get("is_archived"))
        seen = [row for row in box.world.rows(source["id"]) if box.world.visible(row)]
        rows = [row for row in seen if not row["in_trash"] and row["is_archived"] is archived and test(row)]
        for order in reversed(body.get("sorts") or []):
            rows.sort(key=_sort_key(order), reverse=order.get("direction") == "descending")
        session, start = uuid.uuid4().hex, 0
        box.sessions[session] = [row["id"] for row in rows]
        if len(box.sessions) > 50:
            box.sessions.pop(next(iter(box.sessions)))
    else:
        session, _, at = str(cursor).partition(":")
        if session not in box.sessions or not at.isdigit():
            raise invalid("The start_cursor provided is invalid: its session has ended.")
        start = int(at)
    everything = box.sessions[session]
    refs = everything[: box.cap]
    pages = [box.world.data["pages"][each] for each in refs[start : start + size] if each in box.world.data["pages"]]
    more = start + size < len(refs)
    shown = args.getlist("filter_properties")
    answer: Answer = {
        "object": "list", "results": [show_page(box, each, shown) for each in pages], "has_more": more,
        "next_cursor": f"{session}:{start + size}" if more else None, "type": "page_or_data_source", "page_or_data_source": {},
    }  # fmt: skip
    if len(everything) > box.cap:
        answer["request_status"] = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
    return answer


def _sort_key(order: Body) -> Callable[[Body], Any]:
    if order.get("timestamp") not in ("created_time", "last_edited_time"):
        raise invalid("body.sorts: this stand-in sorts by timestamp only")
    return lambda row: row[order["timestamp"]]


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/v1/databases/([^/]+)", _get_database),
    ("POST", r"/v1/databases", _post_database),
    ("GET", r"/v1/data_sources/([^/]+)", _get_source),
    ("PATCH", r"/v1/data_sources/([^/]+)", _patch_source),
    ("GET", r"/v1/views", _list_views),
    ("GET", r"/v1/views/([^/]+)", _get_view),
    ("POST", r"/v1/views", _post_view),
    ("POST", r"/v1/data_sources/([^/]+)/query", _query),
)
