"""The stand-in's paths for pages: reading, changing and making them, their properties, and search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_people import listed, size_of
from connector.hosts.notion.sandbox_shared import (
    Answer,
    Args,
    Body,
    accepted_values,
    find_page,
    find_source,
    only,
    properties_of,
    show_page,
    show_source,
)  # fmt: skip
from connector.hosts.notion.sandbox_values import block_limit, invalid, not_found

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox


def _search(box: NotionSandbox, args: Args, body: Body) -> Answer:
    only(body, "query", "sort", "filter", "start_cursor", "page_size")
    wanted = (body.get("filter") or {}).get("value")
    if wanted not in (None, "page", "data_source"):
        raise invalid("body.filter.value should be page or data_source")
    world, words = box.world, str(body.get("query") or "").casefold()
    found: list[Body] = []
    if wanted != "page":
        shared = [each for each in world.data["sources"].values() if world.visible_database(each["database"])]
        found += [each for each in shared if words in each["name"].casefold()]
    if wanted != "data_source":
        pages = [each for each in world.data["pages"].values() if world.visible(each) and not each["in_trash"]]
        found += [each for each in pages if words in shapes.plain(each["values"].get("title") or []).casefold()]
    if sort := body.get("sort"):
        if sort.get("timestamp") != "last_edited_time":
            raise invalid("body.sort: this stand-in sorts by last_edited_time only")
        found.sort(key=lambda each: str(each["last_edited_time"]), reverse=sort.get("direction") == "descending")
    answer = listed(found, int(body.get("start_cursor") or 0), size_of(body))
    shown = [show_page(box, each, []) if "values" in each else show_source(box, each) for each in answer["results"]]
    return {**answer, "results": shown, "type": "page_or_data_source", "page_or_data_source": {}}


def _get_page(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return show_page(box, find_page(box, ident), args.getlist("filter_properties"))


def _patch_page(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    only(body, "properties", "icon", "cover", "in_trash", "is_locked")  # `archived` left with version 2026-03-11
    page = find_page(box, ident)
    source = box.world.data["sources"].get(page["source"])
    above = source is not None and box.world.data["databases"][source["database"]]["in_trash"]
    if above or (page["in_trash"] and body.get("in_trash") is not False):
        raise invalid("Can't edit page on block with an archived ancestor. You must unarchive the ancestor before editing page.")
    values = accepted_values(properties_of(box, page), body.get("properties") or {})
    _check_targets(box, properties_of(box, page), values)
    if values:
        box.world.write_values(page["id"], values, box.world.data["bot"])
    if "in_trash" in body:
        (box.world.trash if body["in_trash"] else box.world.restore)(page["id"], author=box.world.data["bot"])
    return show_page(box, page, [])


def _check_targets(box: NotionSandbox, properties: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Relations lead to pages that are there and shared, in the data source that they lead to."""
    for ident, inner in values.items():
        if properties[ident]["type"] == "relation" and properties[ident]["relation"].get("data_source_id") in box.world.data["sources"]:
            for each in inner:
                page = find_page(box, str(each.get("id")))
                if page["source"] != properties[ident]["relation"]["data_source_id"] or page["in_trash"]:
                    raise not_found("page", page["id"])


def _post_page(box: NotionSandbox, args: Args, body: Body) -> Answer:
    only(body, "parent", "properties", "icon", "cover", "children", "position", "template")
    parent, bot = body.get("parent") or {}, box.world.data["bot"]
    if "page_id" in parent:
        return _post_subpage(box, find_page(box, str(parent["page_id"])), body)
    source = find_source(box, str(parent.get("data_source_id")))
    if box.world.data["databases"][source["database"]]["in_trash"]:
        raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
    values = accepted_values(source["properties"], body.get("properties") or {})
    _check_targets(box, source["properties"], values)
    ident = box.world.add_row(source["id"], {}, author=bot, inner=values)
    return show_page(box, box.world.data["pages"][ident], [])


def _post_subpage(box: NotionSandbox, above: Body, body: Body) -> Answer:
    if above["in_trash"]:
        raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
    if box.block_limit:
        raise block_limit()
    sent = body.get("properties") or {}
    if set(sent) - {"title"}:
        raise invalid(f"{sorted(set(sent) - {'title'})[0]} is not a property that exists.")
    title = sent.get("title") or []  # the array itself is taken as well
    runs = shapes.normalised(title if isinstance(title, list) else title.get("title"))
    ident = box.world.add_page(shapes.plain(runs), parent=above["id"], author=box.world.data["bot"])
    return show_page(box, box.world.data["pages"][ident], [])


def _move_page(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    only(body, "parent", "position")
    page, parent = find_page(box, ident), body.get("parent") or {}
    bot = box.world.data["bot"]
    if "page_id" in parent:
        box.world.move_page(page["id"], parent=find_page(box, str(parent["page_id"]))["id"], author=bot)
    else:
        box.world.move_page(page["id"], source=find_source(box, str(parent.get("data_source_id")))["id"], author=bot)
    return show_page(box, page, [])


def _property_item(box: NotionSandbox, args: Args, body: Body, ident: str, prop_id: str) -> Answer:
    page = find_page(box, ident)
    prop = next((each for each in properties_of(box, page).values() if unquote(prop_id) in (each["id"], unquote(each["id"]))), None)
    if prop is None:
        raise not_found("property", prop_id)
    kind, inner = prop["type"], page["values"].get(prop["id"], shapes.empty(prop["type"]))
    if kind not in ("relation", "people", "title", "rich_text"):
        return {"object": "property_item", "id": quote(prop["id"], safe=""), "type": kind, kind: inner}
    entries = [{"object": "property_item", "id": quote(prop["id"], safe=""), "type": kind, kind: each} for each in inner]
    answer = listed(entries, int(args.get("start_cursor") or 0), size_of(args))
    return {**answer, "type": "property_item", "property_item": {"id": quote(prop["id"], safe=""), "type": kind, kind: {}}}


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("POST", r"/v1/search", _search),
    ("GET", r"/v1/pages/([^/]+)", _get_page),
    ("PATCH", r"/v1/pages/([^/]+)", _patch_page),
    ("POST", r"/v1/pages", _post_page),
    ("POST", r"/v1/pages/([^/]+)/move", _move_page),
    ("GET", r"/v1/pages/([^/]+)/properties/(.+)", _property_item),
)
