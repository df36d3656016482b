"""The stand-in's paths for comments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_people import id_of, listed
from connector.hosts.notion.sandbox_shared import Answer, Args, Body, find_page, only
from connector.hosts.notion.sandbox_values import not_found

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox


def _show_comment(comment: Body) -> Answer:
    return {
        "object": "comment", "id": comment["id"], "parent": {"type": "page_id", "page_id": comment["page"]},
        "discussion_id": comment.get("discussion") or comment["id"], "created_time": comment["created_time"],
        "last_edited_time": comment.get("last_edited_time") or comment["created_time"], "rich_text": comment["rich_text"],
        "created_by": {"object": "user", "id": comment["created_by"]}, "display_name": {"type": "user", "resolved_name": None},
    }  # fmt: skip


def _post_comment(box: NotionSandbox, args: Args, body: Body) -> Answer:
    only(body, "parent", "discussion_id", "rich_text", "attachments", "display_name", "markdown")
    runs, discussion = shapes.normalised(body.get("rich_text")), str(body.get("discussion_id") or "")
    if discussion:
        open_one = next((each for each in box.world.data["comments"].values() if discussion in (each["id"], each.get("discussion"))), None)
        if open_one is None:
            raise not_found("discussion", discussion)
        page = find_page(box, open_one["page"])
    else:
        page = find_page(box, str((body.get("parent") or {}).get("page_id")))
    return _show_comment(box.world.add_comment(page["id"], runs, box.world.data["bot"], discussion=discussion))


def _patch_comment(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    only(body, "rich_text", "markdown")
    comment = box.world.data["comments"].get(id_of(ident))
    if comment is None or comment["created_by"] != box.world.data["bot"]:
        raise not_found("comment", ident)
    return _show_comment(box.world.edit_comment(comment["id"], shapes.normalised(body.get("rich_text"))))


def _get_comment(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    comment = box.world.data["comments"].get(id_of(ident))
    if comment is None:
        raise not_found("comment", ident)
    find_page(box, comment["page"])
    return _show_comment(comment)


def _list_comments(box: NotionSandbox, args: Args, body: Body) -> Answer:
    page = find_page(box, str(args.get("block_id")))
    return listed([_show_comment(each) for each in box.world.data["comments"].values() if each["page"] == page["id"]])


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("POST", r"/v1/comments", _post_comment),
    ("GET", r"/v1/comments/([^/]+)", _get_comment),
    ("PATCH", r"/v1/comments/([^/]+)", _patch_comment),
    ("GET", r"/v1/comments", _list_comments),
)
