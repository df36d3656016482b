"""The stand-in's way of making issues: what it takes, what it asks for, and which types a project has."""

from __future__ import annotations

from typing import Any

from connector.hosts.jira.fields import plain_text
from connector.hosts.jira.sandbox_answers import Answered, RefusalError, object_of
from connector.hosts.jira.sandbox_views import kind_json
from connector.hosts.jira.sandbox_world import LEVELS, IssueWorld

KINDS = ("Task", "Story", "Bug", "Epic")
REQUIRED = "required_fields"  # in the world's settings: field id → its name, asked for when an issue is made
_KEYS = {"fields", "update", "properties", "historyMetadata", "transition"}


def make(world: IssueWorld, body: Any) -> Answered:
    """POST issue. Raises ``RefusalError`` with the errors by field, as the real site does."""
    data = object_of(body, _KEYS)
    fields = data.get("fields") or {}
    project = world.projects.get(str((fields.get("project") or {}).get("key") or ""))
    errors: dict[str, str] = {}
    if project is None or project["archived"]:
        errors["project"] = "valid project is required"
    kind = str((fields.get("issuetype") or {}).get("name") or "")
    if kind not in KINDS:
        errors["issuetype"] = "Specify a valid issue type"
    summary = fields.get("summary")
    if not isinstance(summary, str) or not summary.strip():
        errors["summary"] = "You must specify a summary of the issue."
    elif len(summary) > 255 or "\n" in summary:
        errors["summary"] = "The summary is invalid because it contains newline characters or is longer than 255."
    for name, title in dict(world.settings.get(REQUIRED) or {}).items():
        if name not in fields:
            errors[name] = f"{title} is required."
    known = {"project", "issuetype", "summary", "description", "labels", "parent", *(entry["id"] for entry in world.settings["fields"])}
    errors |= {
        name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown." for name in fields if name not in known
    }
    if errors or project is None:
        raise RefusalError(400, "", errors)
    properties = {str(each["key"]): each["value"] for each in data.get("properties") or ()}
    key = world.add_issue(
        project["key"],
        str(summary),
        type=kind,
        properties=properties,
        fields={"description": plain_text(fields.get("description"))} if fields.get("description") else None,
    )
    ref = (world.find(key) or {})["id"]
    return Answered(201, {"id": ref, "key": key, "self": f"https://stand-in.example/rest/api/3/issue/{ref}"}, wrote=True)


def kinds_of(world: IssueWorld, project: str) -> Answered:
    """GET issue/createmeta/{project}/issuetypes."""
    if project not in world.projects:
        raise RefusalError(404, "No project could be found with this key.")
    kinds = [kind_json(name) for name in KINDS if LEVELS.get(name, 0) >= 0]
    return Answered(200, {"issueTypes": kinds, "startAt": 0, "maxResults": 50, "total": len(kinds)})
