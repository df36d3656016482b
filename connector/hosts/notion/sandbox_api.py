"""The paths that the Notion stand-in answers, one function each, over its world. It must not know WSGI or faults.

Reference: https://developers.notion.com/reference/intro
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from werkzeug.datastructures import MultiDict

from connector.hosts.notion import sandbox_people as people
from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_people import id_of, listed, size_of
from connector.hosts.notion.sandbox_values import ApiFault, invalid, not_found

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox

Args = MultiDict[str, str]
Body = Mapping[str, Any]
Answer = dict[str, Any]


def route(box: NotionSandbox, method: str, path: str, args: Args, body: Any) -> Answer:
    """The answer to one request. Raises ``ApiFault``."""
    if body is not None and not isinstance(body, dict):
        raise invalid("body should be an object")
    for wanted, pattern, handler in _ROUTES:
        match = re.fullmatch(pattern, path)
        if method == wanted and match:
            people.check_capability(box, method, path)
            return handler(box, args, body or {}, *match.groups())
    raise ApiFault(400, "invalid_request_url", "Invalid request URL.")


def _only(body: Body, *allowed: str) -> None:
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise invalid(f"body failed validation: body.{unknown[0]} should be not present")


# --- lookups -----------------------------------------------------------------------------------------------------------


def _page(box: NotionSandbox, ident: str) -> dict[str, Any]:
    page: dict[str, Any] | None = box.world.data["pages"].get(id_of(ident))
    if page is None or not box.world.visible(page):
        raise not_found("page", ident)
    return page


def _source(box: NotionSandbox, ident: str) -> dict[str, Any]:
    source: dict[str, Any] | None = box.world.data["sources"].get(id_of(ident))
    if source is None or not box.world.data["databases"][source["database"]]["shared"]:
        raise not_found("data_source", ident)
    return source


def _block(box: NotionSandbox, ident: str) -> dict[str, Any]:
    block: dict[str, Any] | None = box.world.data["blocks"].get(id_of(ident))
    if block is None or not box.world.visible(box.world.data["pages"][block["page"]]):
        raise not_found("block", ident)
    return block


def _properties(box: NotionSandbox, page: Body) -> Mapping[str, Any]:
    if page["source"]:
        found: Mapping[str, Any] = box.world.data["sources"][page["source"]]["properties"]
        return found
    return {"title": {"id": "title", "name": "title", "type": "title", "title": {}}}


# --- shapes ------------------------------------------------------------------------------------------------------------


def _show_page(box: NotionSandbox, page: Body, only: list[str]) -> Answer:
    properties = _properties(box, page)
    chosen = _chosen(properties, only)
    parent: Answer = {"type": "workspace", "workspace": True}
    if page["source"]:
        database = box.world.data["sources"][page["source"]]["database"]
        parent = {"type": "data_source_id", "data_source_id": page["source"], "database_id": database}
    shown = {each["name"]: shapes.shown_value(each, _inner(page, each)) for each in chosen}
    compact = page["id"].replace("-", "")
    return {
        "object": "page", "id": page["id"], "created_time": page["created_time"], "last_edited_time": page["last_edited_time"],
        "created_by": {"object": "user", "id": page["created_by"]}, "last_edited_by": {"object": "user", "id": page["last_edited_by"]},
        "cover": None, "icon": None, "parent": parent, "in_trash": page["in_trash"], "is_archived": page["is_archived"], "is_locked": False,
        "properties": shown, "url": f"https://app.notion.com/p/{compact}", "public_url": None,
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


def _show_source(box: NotionSandbox, source: Body) -> Answer:
    return {
        "object": "data_source", "id": source["id"], "title": shapes.text_runs(source["name"]), "description": [],
        "created_time": source["created_time"], "last_edited_time": source["last_edited_time"], "in_trash": False, "is_inline": False,
        "parent": {"type": "database_id", "database_id": source["database"]}, "database_parent": {"type": "workspace", "workspace": True},
        "properties": shapes.shown_schema(source["properties"]), "url": f"https://app.notion.com/p/{source['database'].replace('-', '')}",
    }  # fmt: skip


def _show_block(block: Body) -> Answer:
    return {
        "object": "block", "id": block["id"], "type": block["type"], block["type"]: block["content"], "in_trash": block["in_trash"],
        "parent": {"type": "page_id", "page_id": block["page"]}, "has_children": False, "created_time": block["created_time"],
        "last_edited_time": block["last_edited_time"], "created_by": {"object": "user", "id": block["created_by"]},
        "last_edited_by": {"object": "user", "id": block["created_by"]},
    }  # fmt: skip


def _show_comment(comment: Body) -> Answer:
    return {
        "object": "comment", "id": comment["id"], "parent": {"type": "page_id", "page_id": comment["page"]},
        "discussion_id": comment.get("discussion") or comment["id"], "created_time": comment["created_time"],
        "last_edited_time": comment.get("last_edited_time") or comment["created_time"], "rich_text": comment["rich_text"],
        "created_by": {"object": "user", "id": comment["created_by"]}, "display_name": {"type": "user", "resolved_name": None},
    }  # fmt: skip


# --- handlers ----------------------------------------------------------------------------------------------------------


def _search(box: NotionSandbox, args: Args, body: Body) -> Answer:
    _only(body, "query", "sort", "filter", "start_cursor", "page_size")
    wanted = (body.get("filter") or {}).get("value")
    if wanted not in (None, "page", "data_source"):
        raise invalid("body.filter.value should be page or data_source")
    world, words = box.world, str(body.get("query") or "").casefold()
    found: list[Body] = []
    if wanted != "page":
        shared = [each for each in world.data["sources"].values() if world.data["databases"][each["database"]]["shared"]]
        found += [each for each in shared if words in each["name"].casefold()]
    if wanted != "data_source":
        pages = [each for each in world.data["pages"].values() if world.visible(each) and not each["in_trash"]]
        found += [each for each in pages if words in shapes.plain(each["values"].get("title") or []).casefold()]
    if sort := body.get("sort"):
        if sort.get("timestamp") != "last_edited_time":
            raise invalid("body.sort: this stand-in sorts by last_edited_time only")
        found.sort(key=lambda each: str(each["last_edited_time"]), reverse=sort.get("direction") == "descending")
    answer = listed(found, int(body.get("start_cursor") or 0), size_of(body))
    shown = [_show_page(box, each, []) if "values" in each else _show_source(box, each) for each in answer["results"]]
    return {**answer, "results": shown, "type": "page_or_data_source", "page_or_data_source": {}}


def _get_database(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    database = box.world.data["databases"].get(id_of(ident))
    if database is None or not database["shared"]:
        raise not_found("database", ident)
    sources = [{"id": each, "name": box.world.data["sources"][each]["name"]} for each in database["sources"]]
    title = shapes.text_runs(database["title"])
    return {
        "object": "database",
        "id": database["id"],
        "title": title,
        "data_sources": sources,
        "in_trash": database["in_trash"],
        "is_inline": False,
    }


def _get_source(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return _show_source(box, _source(box, ident))


def _query(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    _only(body, "filter", "sorts", "start_cursor", "page_size", "result_type", "is_archived")
    source, size = _source(box, ident), size_of(body)
    test = shapes.matcher(body["filter"], source["properties"]) if body.get("filter") is not None else lambda row: True
    cursor = body.get("start_cursor")
    if cursor is None:
        archived = bool(body.get("is_archived"))
        rows = [row for row in box.world.rows(source["id"]) if not row["in_trash"] and row["is_archived"] is archived and test(row)]
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
    only = args.getlist("filter_properties")
    answer: Answer = {
        "object": "list", "results": [_show_page(box, each, only) for each in pages], "has_more": more,
        "next_cursor": f"{session}:{start + size}" if more else None, "type": "page_or_data_source", "page_or_data_source": {},
    }  # fmt: skip
    if len(everything) > box.cap:
        answer["request_status"] = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
    return answer


def _sort_key(order: Body) -> Callable[[Body], Any]:
    if order.get("timestamp") not in ("created_time", "last_edited_time"):
        raise invalid("body.sorts: this stand-in sorts by timestamp only")
    return lambda row: row[order["timestamp"]]


def _get_page(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return _show_page(box, _page(box, ident), args.getlist("filter_properties"))


def _patch_page(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    _only(body, "properties", "icon", "cover", "in_trash", "is_locked")  # `archived` left with version 2026-03-11
    page = _page(box, ident)
    if page["in_trash"] and body.get("in_trash") is not False:
        raise invalid("Can't edit page on block with an archived ancestor. You must unarchive the ancestor before editing page.")
    values = _accepted(_properties(box, page), body.get("properties") or {})
    if values:
        box.world.write_values(page["id"], values, box.world.data["bot"])
    if "in_trash" in body:
        (box.world.trash if body["in_trash"] else box.world.restore)(page["id"])
    return _show_page(box, page, [])


def _accepted(properties: Mapping[str, Any], sent: Body) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in sent.items():
        prop = next((each for each in properties.values() if key in (each["id"], each["name"], quote(each["id"], safe=""))), None)
        if prop is None:
            raise invalid(f"{key} is not a property that exists.")
        values[prop["id"]] = shapes.accepted(prop, value)
    return values


def _post_page(box: NotionSandbox, args: Args, body: Body) -> Answer:
    _only(body, "parent", "properties", "icon", "cover", "children", "position", "template")
    source = _source(box, str((body.get("parent") or {}).get("data_source_id")))
    values = _accepted(source["properties"], body.get("properties") or {})
    ident = box.world.add_row(source["id"], {}, author=box.world.data["bot"])
    box.world.data["pages"][ident]["values"].update(values)
    return _show_page(box, box.world.data["pages"][ident], [])


def _property_item(box: NotionSandbox, args: Args, body: Body, ident: str, prop_id: str) -> Answer:
    page = _page(box, ident)
    prop = next((each for each in _properties(box, page).values() if unquote(prop_id) in (each["id"], unquote(each["id"]))), None)
    if prop is None:
        raise not_found("property", prop_id)
    kind, inner = prop["type"], page["values"].get(prop["id"], shapes.empty(prop["type"]))
    if kind not in ("relation", "people", "title", "rich_text"):
        return {"object": "property_item", "id": quote(prop["id"], safe=""), "type": kind, kind: inner}
    entries = [{"object": "property_item", "id": quote(prop["id"], safe=""), "type": kind, kind: each} for each in inner]
    answer = listed(entries, int(args.get("start_cursor") or 0), size_of(args))
    return {**answer, "type": "property_item", "property_item": {"id": quote(prop["id"], safe=""), "type": kind, kind: {}}}


def _get_children(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    blocks = [_show_block(box.world.data["blocks"][each]) for each in _page(box, ident)["children"]]
    return {**listed(blocks, int(args.get("start_cursor") or 0), size_of(args)), "type": "block", "block": {}}


def _append(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    _only(body, "children", "position")  # `after` left with version 2026-03-11
    page = _page(box, ident)
    children = body.get("children")
    if not isinstance(children, list) or not 1 <= len(children) <= 100:
        raise invalid("body.children should be an array of 1 to 100 blocks")
    if page["in_trash"]:
        raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
    if box.block_limit:
        message = "This workspace has reached its block limit."
        raise ApiFault(403, "restricted_resource", message, {"block_limit": "block_creation"})
    kind = (body.get("position") or {"type": "end"}).get("type")
    if kind not in ("start", "end", "after_block"):
        raise invalid("body.position.type should be start, end or after_block")
    place = 0 if kind == "start" else None
    if kind == "after_block":
        place = page["children"].index(id_of(body["position"]["after_block"]["id"])) + 1
    made = []
    for offset, child in enumerate(children):
        content = _callout(child)
        at = None if place is None else place + offset
        made.append(box.world.add_block(page["id"], child["type"], content, box.world.data["bot"], at=at))
    return {**listed([_show_block(each) for each in made]), "type": "block", "block": {}}


def _callout(child: Body) -> dict[str, Any]:
    kind = child.get("type")
    content = child.get(kind) if isinstance(kind, str) else None
    if not isinstance(content, dict):
        raise invalid("body.children[0] should name its type and content")
    kept = {**content, "rich_text": shapes.normalised(content.get("rich_text", []))}
    return {"icon": {"type": "emoji", "emoji": "💡"}, "color": "default", **kept} if kind == "callout" else kept


def _get_block(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return _show_block(_block(box, ident))


def _patch_block(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    block = _block(box, ident)
    _only(body, block["type"], "type", "in_trash")
    if block["in_trash"]:
        raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
    content = dict(body.get(block["type"]) or {})
    if "rich_text" in content:
        content["rich_text"] = shapes.normalised(content["rich_text"])
    return _show_block(box.world.change_block(block["id"], content, box.world.data["bot"]))


def _delete_block(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    block = _block(box, ident)
    box.world.delete_block(block["id"], box.world.data["bot"])
    return _show_block(block)


def _post_comment(box: NotionSandbox, args: Args, body: Body) -> Answer:
    _only(body, "parent", "discussion_id", "rich_text", "attachments", "display_name", "markdown")
    runs, discussion = shapes.normalised(body.get("rich_text")), str(body.get("discussion_id") or "")
    if discussion:
        open_one = next((each for each in box.world.data["comments"].values() if discussion in (each["id"], each.get("discussion"))), None)
        if open_one is None:
            raise not_found("discussion", discussion)
        page = _page(box, open_one["page"])
    else:
        page = _page(box, str((body.get("parent") or {}).get("page_id")))
    return _show_comment(box.world.add_comment(page["id"], runs, box.world.data["bot"], discussion=discussion))


def _patch_comment(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    _only(body, "rich_text", "markdown")
    comment = box.world.data["comments"].get(id_of(ident))
    if comment is None or comment["created_by"] != box.world.data["bot"]:
        raise not_found("comment", ident)
    return _show_comment(box.world.edit_comment(comment["id"], shapes.normalised(body.get("rich_text"))))


def _get_comment(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    comment = box.world.data["comments"].get(id_of(ident))
    if comment is None:
        raise not_found("comment", ident)
    return _show_comment(comment)


def _list_comments(box: NotionSandbox, args: Args, body: Body) -> Answer:
    page = _page(box, str(args.get("block_id")))
    return listed([_show_comment(each) for each in box.world.data["comments"].values() if each["page"] == page["id"]])


_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/v1/users/me", people.me),
    ("GET", r"/v1/users", people.list_users),
    ("GET", r"/v1/users/([^/]+)", people.get_user),
    ("POST", r"/v1/search", _search),
    ("GET", r"/v1/databases/([^/]+)", _get_database),
    ("GET", r"/v1/data_sources/([^/]+)", _get_source),
    ("POST", r"/v1/data_sources/([^/]+)/query", _query),
    ("GET", r"/v1/pages/([^/]+)", _get_page),
    ("PATCH", r"/v1/pages/([^/]+)", _patch_page),
    ("POST", r"/v1/pages", _post_page),
    ("GET", r"/v1/pages/([^/]+)/properties/(.+)", _property_item),
    ("GET", r"/v1/blocks/([^/]+)/children", _get_children),
    ("PATCH", r"/v1/blocks/([^/]+)/children", _append),
    ("GET", r"/v1/blocks/([^/]+)", _get_block),
    ("PATCH", r"/v1/blocks/([^/]+)", _patch_block),
    ("DELETE", r"/v1/blocks/([^/]+)", _delete_block),
    ("POST", r"/v1/comments", _post_comment),
    ("GET", r"/v1/comments/([^/]+)", _get_comment),
    ("PATCH", r"/v1/comments/([^/]+)", _patch_comment),
    ("GET", r"/v1/comments", _list_comments),
)
