"""The stand-in's comments: list, read, write, edit, and their properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.hosts.jira.sandbox_access import Access
from connector.hosts.jira.sandbox_answers import Answered, Params, RefusalError, object_of
from connector.hosts.jira.sandbox_world import IssueWorld

_KEYS = {"body", "visibility", "properties", "jsdPublic"}
_MISSING = RefusalError(404, "Can not find a comment for the id.")


def answer(
    world: IssueWorld, access: Access, method: str, issue: dict[str, Any], rest: Sequence[str], query: Params, body: Any, *, threads: bool
) -> Answered:
    """``/issue/{ref}/comment`` and below. ``threads``: the site takes ``parentId``. Raises ``RefusalError``."""
    if len(rest) > 3:
        comment = next((each for each in issue["comments"] if each["id"] == rest[3]), None)
        if comment is None:
            raise _MISSING
        if method == "GET":
            held = [{"key": key, "value": value} for key, value in comment.get("properties", {}).items()]
            return Answered(200, shown(comment) | ({"properties": held} if query.get("expand") == "properties" else {}))
        if method != "PUT":
            raise RefusalError(405, "")
        if comment["author"]["accountId"] != access.account:
            raise RefusalError(400, "You do not have the permission to edit this comment.")
        told = _checked(body, _KEYS)
        world.edit_comment(issue["id"], comment["id"], told["body"], told.get("properties"), told.get("visibility"))
        return Answered(200, shown(comment), wrote=True)
    if method == "GET":
        found = sorted(issue["comments"], key=lambda each: int(each["id"]), reverse=query.get("orderBy", "").startswith("-"))
        start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 100)), 100)
        page = [shown(each) for each in found[start : start + size]]
        return Answered(200, {"startAt": start, "maxResults": size, "total": len(found), "comments": page})
    told = _checked(body, _KEYS | ({"parentId"} if threads else set()))
    parent = str(told.get("parentId") or "")
    if parent and all(each["id"] != parent for each in issue["comments"]):
        raise RefusalError(400, "", {"parentId": "The parent comment does not exist."})
    properties, visibility = told.get("properties") or (), told.get("visibility")
    made = world.add_comment(issue["id"], told["body"], access.person(), properties=properties, parent=parent, visibility=visibility)
    return Answered(201, shown(made), wrote=True)


def property_of(world: IssueWorld, access: Access, ident: str, key: str) -> Answered:
    """``GET /comment/{id}/properties/{key}``. Raises ``RefusalError``."""
    for issue in world.issues.values():
        for comment in issue["comments"]:
            if comment["id"] == ident and not issue["deleted"] and access.may_see(issue):
                if key not in comment.get("properties", {}):
                    raise RefusalError(404, f"The property {key} does not exist.")
                return Answered(200, {"key": key, "value": comment["properties"][key]})
    raise _MISSING


def shown(comment: Mapping[str, Any]) -> dict[str, Any]:
    """A comment as answers and webhooks hold it: without its properties."""
    return {name: value for name, value in comment.items() if name != "properties"}


def _checked(body: Any, allowed: set[str]) -> dict[str, Any]:
    told = object_of(body, allowed)
    text = told.get("body")
    if not isinstance(text, str) and (not isinstance(text, dict) or text.get("type") != "doc"):
        raise RefusalError(400, "", {"comment": "Comment body is not valid!"})
    return told
