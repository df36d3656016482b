"""The stand-in's paths for blocks: a page's children, those of a table, one block, changing and deleting it.

As strict as Notion: a hundred blocks in a call, two levels, rows as wide as their table, nothing below what is in the trash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_people import id_of, listed, size_of
from connector.hosts.notion.sandbox_shared import Answer, Args, Body, find_block, find_page, only
from connector.hosts.notion.sandbox_values import ApiFault, invalid

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox

MOST = 100
_ARCHIVED = "Can't edit block that is archived. You must unarchive the block before editing."
_UPDATED = {"table": {"has_column_header", "has_row_header"}, "embed": {"url", "caption"}}  # what a change may name


def _show_block(box: NotionSandbox, block: Body) -> Answer:
    inside = block.get("inside")
    parent = {"type": "block_id", "block_id": inside} if inside else {"type": "page_id", "page_id": block["page"]}
    return {
        "object": "block", "id": block["id"], "type": block["type"], block["type"]: block["content"], "in_trash": _in_trash(box, block),
        "parent": parent, "has_children": bool(block.get("children")), "created_time": block["created_time"],
        "last_edited_time": block["last_edited_time"], "created_by": {"object": "user", "id": block["created_by"]},
        "last_edited_by": {"object": "user", "id": block["created_by"]},
    }  # fmt: skip


def _in_trash(box: NotionSandbox, block: Body) -> bool:
    """Whether a block, or one that it stands in, was deleted."""
    above = block.get("inside")
    return bool(block["in_trash"] or (above and _in_trash(box, box.world.data["blocks"][above])))


def _get_children(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    place = box.world.data["blocks"].get(id_of(ident)) if id_of(ident) not in box.world.data["pages"] else None
    if place is not None:
        find_block(box, ident)
        if _in_trash(box, place):
            raise shapes.not_found("block", ident)
    else:
        place = find_page(box, ident)
    blocks = [_show_block(box, box.world.data["blocks"][each]) for each in place.get("children", ())]
    return {**listed(blocks, int(args.get("start_cursor") or 0), size_of(args)), "type": "block", "block": {}}


def _append(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    only(body, "children", "position")  # `after` left with version 2026-03-11
    inside = id_of(ident) if id_of(ident) in box.world.data["blocks"] and id_of(ident) not in box.world.data["pages"] else ""
    block = find_block(box, ident) if inside else None
    page = box.world.data["pages"][block["page"]] if block else find_page(box, ident)
    children = body.get("children")
    if not isinstance(children, list) or not 1 <= len(children) <= MOST:
        raise invalid("body.children should be an array of 1 to 100 blocks")
    if page["in_trash"] or (block is not None and _in_trash(box, block)):
        raise invalid(_ARCHIVED)
    contents = [_new(child, block) for child in children]
    if box.block_limit:
        message = "This workspace has reached its block limit."
        raise ApiFault(403, "restricted_resource", message, {"block_limit": "block_creation"})
    place = _place(body.get("position") or {"type": "end"}, (block or page)["children"])
    made = []
    for offset, (child, (content, nested)) in enumerate(zip(children, contents, strict=True)):
        at = None if place is None else place + offset
        bot = box.world.data["bot"]
        new = box.world.add_block(page["id"], child["type"], content, bot, at=at, inside=inside)
        for row in nested:
            box.world.add_block(page["id"], "table_row", row, bot, inside=new["id"])
        made.append(new)
    return {**listed([_show_block(box, each) for each in made]), "type": "block", "block": {}}


def _place(position: Mapping[str, Any], beside: list[str]) -> int | None:
    kind = position.get("type")
    if kind not in ("start", "end", "after_block"):
        raise invalid("body.position.type should be start, end or after_block")
    if kind != "after_block":
        return 0 if kind == "start" else None
    before = id_of(str((position.get("after_block") or {}).get("id")))
    if before not in beside:
        raise invalid(f"Block with ID {before} to append children after is not parented by the block that children are appended to.")
    return beside.index(before) + 1


def _new(child: Body, above: Body | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(content, contents of the rows inside) of a new block."""
    kind = child.get("type")
    content = child.get(kind) if isinstance(kind, str) else None
    if not isinstance(content, dict):
        raise invalid("body.children[0] should name its type and content")
    if (kind == "table_row") is not (above is not None and above["type"] == "table"):
        raise invalid("body.children[0]: rows belong into tables, and nothing else does")
    if kind == "table":
        return _new_table(content)
    if kind == "table_row":
        return _row(content, int(above["content"]["table_width"]) if above else 0), []
    if kind == "embed":
        return {"url": _address(content), "caption": []}, []
    kept = {**content, "rich_text": shapes.normalised(content.get("rich_text", []))}
    return ({"icon": {"type": "emoji", "emoji": "💡"}, "color": "default", **kept} if kind == "callout" else kept), []


def _new_table(content: Body) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    only(content, "table_width", "has_column_header", "has_row_header", "children")
    width, rows = content.get("table_width"), content.get("children")
    if not isinstance(width, int) or width < 1:
        raise invalid("body.children[0].table.table_width should be a number")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST:
        raise invalid("body.children[0].table.children should be an array of 1 to 100 rows")
    if any(row.get("type") != "table_row" for row in rows):
        raise invalid("body.children[0].table.children[0] should be a table_row")
    flags = {"has_column_header": bool(content.get("has_column_header")), "has_row_header": bool(content.get("has_row_header"))}
    return {"table_width": width, **flags}, [_row(row.get("table_row") or {}, width) for row in rows]


def _row(content: Body, width: int) -> dict[str, Any]:
    only(content, "cells")
    cells = content.get("cells")
    if not isinstance(cells, list) or len(cells) != width:
        raise invalid("Content creation Failed. The number of cells of a row must be the table's width.")
    return {"cells": [shapes.normalised(cell) for cell in cells]}


def _address(content: Body) -> str:
    url = str(content.get("url") or "")
    if not url.startswith(("https://", "http://")) or len(url) > 2000:
        raise invalid("body.children[0].embed.url should be a valid url")
    return url


def _get_block(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    return _show_block(box, find_block(box, ident))


def _patch_block(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    block = find_block(box, ident)
    only(body, block["type"], "type", "in_trash")
    if _in_trash(box, block) or box.world.data["pages"][block["page"]]["in_trash"]:
        raise invalid(_ARCHIVED)
    content = dict(body.get(block["type"]) or {})
    if block["type"] in _UPDATED:
        only(content, *_UPDATED[block["type"]])
    if block["type"] == "embed":
        content["url"] = _address(content)
    if block["type"] == "table_row":
        content = _row(content, len(block["content"]["cells"]))
    if "rich_text" in content:
        content["rich_text"] = shapes.normalised(content["rich_text"])
    return _show_block(box, box.world.change_block(block["id"], content, box.world.data["bot"]))


def _delete_block(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    block = find_block(box, ident)
    if _in_trash(box, block):
        raise invalid(_ARCHIVED)
    box.world.delete_block(block["id"], box.world.data["bot"])
    return _show_block(box, block)


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/v1/blocks/([^/]+)/children", _get_children),
    ("PATCH", r"/v1/blocks/([^/]+)/children", _append),
    ("GET", r"/v1/blocks/([^/]+)", _get_block),
    ("PATCH", r"/v1/blocks/([^/]+)", _patch_block),
    ("DELETE", r"/v1/blocks/([^/]+)", _delete_block),
)
