"""The stand-in's people, capabilities and the small parts that all its answers share. It must not know WSGI or faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import MultiDict

from connector.hosts.notion.ids import known_id
from connector.hosts.notion.sandbox_values import ApiFault, invalid, not_found

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox

Args = MultiDict[str, str]
Body = Mapping[str, Any]
Answer = dict[str, Any]


def id_of(text: str) -> str:
    """The dashed id in a path. Raises ``ApiFault``."""
    found = known_id(text)
    if found is None:
        raise invalid(f"path failed validation: id should be a valid uuid, instead was {text}")
    return found


def size_of(args: Body | Args) -> int:
    """The page size asked for. Raises ``ApiFault`` beyond 100."""
    size = int(args.get("page_size") or 100)
    if not 1 <= size <= 100:
        raise invalid(f"body failed validation: body.page_size should be ≤ 100, instead was {size}")
    return size


def listed(results: list[Any], start: int = 0, size: int = 100) -> Answer:
    """A page of ``results`` in Notion's envelope."""
    page, more = results[start : start + size], start + size < len(results)
    return {"object": "list", "results": page, "has_more": more, "next_cursor": str(start + size) if more else None}


def check_capability(box: NotionSandbox, method: str, path: str) -> None:
    """Refuse what the connection's settings do not allow: ``box.missing`` names capabilities."""
    if path == "/v1/users/me":
        return
    if path.startswith("/v1/users"):
        needed = "user"
    elif path.startswith("/v1/comments"):
        needed = "read_comments" if method == "GET" else "insert_comments"
    elif method in ("PATCH", "DELETE"):
        needed = "insert_content" if path.endswith("/children") else "update_content"
    else:
        needed = "insert_content" if method == "POST" and path in ("/v1/pages", "/v1/databases", "/v1/views") else "read_content"
    if needed in box.missing:
        raise ApiFault(403, "restricted_resource", "Insufficient permissions for this endpoint.")


def me(box: NotionSandbox, args: Args, body: Body) -> Answer:
    """The bot that a token belongs to."""
    return _bot(box)


def _bot(box: NotionSandbox) -> Answer:
    world = box.world.data
    bot = {
        "owner": {"type": "workspace", "workspace": True},
        "workspace_name": world["workspace_name"],
        "workspace_id": world["workspace"],
        "workspace_limits": {"max_file_upload_size_in_bytes": 5_242_880},
    }
    return {"object": "user", "id": world["bot"], "name": "OKR bot", "avatar_url": None, "type": "bot", "bot": bot}


def list_users(box: NotionSandbox, args: Args, body: Body) -> Answer:
    """Members and bots; guests are left out."""
    people = [each for each in box.world.people() if not each.get("guest")]
    users = [_show_user(box, each) for each in people] + [_bot(box)]
    return {**listed(users, int(args.get("start_cursor") or 0), size_of(args)), "type": "user", "user": {}}


def get_user(box: NotionSandbox, args: Args, body: Body, ident: str) -> Answer:
    """One person, guests too."""
    found = next((each for each in box.world.people() if each["id"] == id_of(ident)), None)
    if found is None:
        raise not_found("user", ident)
    return _show_user(box, found)


def _show_user(box: NotionSandbox, person: Body) -> Answer:
    inner = {} if "user_email" in box.missing else {"email": person["email"]}
    return {"object": "user", "id": person["id"], "name": person["name"], "avatar_url": None, "type": "person", "person": inner}
