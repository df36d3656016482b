"""How the stand-in shows an issue: as the REST API does (v3) and as a webhook's body does (v2 shape). Pure over the world's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.hosts.jira.sandbox_blocking import shown_links
from connector.hosts.jira.sandbox_shapes import jira_time, status_json
from connector.hosts.jira.sandbox_world import LEVELS, IssueWorld

PLAIN = ("summary", "type", "status", "category", "parent", "labels", "resolution", "created", "updated")


def kind_json(name: str) -> dict[str, Any]:
    """An issue type as Jira's answers hold it."""
    level = LEVELS.get(name, 0)
    return {"id": str(10000 + sum(name.encode()) % 1000), "name": name, "subtask": level < 0, "hierarchyLevel": level}


def issue_json(world: IssueWorld, issue: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    """An issue with the fields asked for; ``id`` or ``key`` alone give no ``fields`` at all, as on the real site."""
    shown: dict[str, Any] = {"id": issue["id"]}
    names = set(wanted)
    if names == {"id"}:
        return shown
    shown["key"] = issue["key"]
    shown["self"] = f"https://stand-in.example/rest/api/3/issue/{issue['id']}"
    if names <= {"id", "key"}:
        return shown
    everything = bool(names & {"*all", "*navigable"})
    complete = _fields(world, issue)
    shown["fields"] = {name: value for name, value in complete.items() if everything or name in names}
    return shown


def webhook_issue(world: IssueWorld, issue: Mapping[str, Any]) -> dict[str, Any]:
    """An issue in a webhook's body: all fields, no expansion."""
    return issue_json(world, issue, ["*all"])


def facts(world: IssueWorld, issue: Mapping[str, Any]) -> dict[str, Any]:
    """An issue as a JQL looks at it."""
    fields = issue["fields"]
    extra = {name: value for name, value in fields.items() if name not in PLAIN}
    return {
        **extra,
        "key": issue["id"],
        "project": world.project_of(issue),
        "parent": fields["parent"],
        "labels": fields["labels"],
        "issuetype": fields["type"],
        "subtask": LEVELS.get(fields["type"], 0) < 0,
        "status": fields["status"],
        "category": fields["category"],
        "summary": fields["summary"],
        "resolution": fields["resolution"],
        "updated": fields["updated"],
        "created": fields["created"],
    }


def _fields(world: IssueWorld, issue: Mapping[str, Any]) -> dict[str, Any]:
    fields = issue["fields"]
    project = world.projects[world.project_of(issue)]
    above = world.issues.get(fields["parent"] or "")
    shown: dict[str, Any] = {entry["id"]: fields.get(entry["id"]) for entry in world.settings["fields"] if entry.get("custom")}
    shown |= {name: value for name, value in fields.items() if name not in PLAIN}
    shown |= {
        "summary": fields["summary"],
        "status": status_json(fields["status"], fields["category"]),
        "issuetype": kind_json(fields["type"]),
        "project": {"id": project["id"], "key": project["key"], "name": project["name"]},
        "labels": list(fields["labels"]),
        "resolution": {"name": fields["resolution"]} if fields["resolution"] else None,
        "created": jira_time(fields["created"]),
        "updated": jira_time(fields["updated"]),
    }
    shown["issuelinks"] = shown_links(world, issue)
    if above is not None and not above["deleted"]:
        inner = above["fields"]
        title = {
            "summary": inner["summary"],
            "status": status_json(inner["status"], inner["category"]),
            "issuetype": kind_json(inner["type"]),
        }
        shown["parent"] = {"id": above["id"], "key": above["key"], "fields": title}
    return shown
