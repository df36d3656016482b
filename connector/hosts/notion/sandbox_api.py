"""The paths that the Notion stand-in answers, over its world; each group of paths has a module. It must not know WSGI or faults.

Reference: https://developers.notion.com/reference/intro
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connector.hosts.notion import sandbox_blocks, sandbox_comments, sandbox_databases, sandbox_pages
from connector.hosts.notion import sandbox_people as people
from connector.hosts.notion.sandbox_people import Answer, Args
from connector.hosts.notion.sandbox_values import ApiFault, invalid

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox

_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/v1/users/me", people.me),
    ("GET", r"/v1/users", people.list_users),
    ("GET", r"/v1/users/([^/]+)", people.get_user),
    *sandbox_databases.ROUTES,
    *sandbox_pages.ROUTES,
    *sandbox_blocks.ROUTES,
    *sandbox_comments.ROUTES,
)


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
