"""How issues of the stand-in are held up: the flag, and links that say who waits for whom, with the events that Jira sends for each.

A link is kept at both issues, and shown with the other's status as it is then. A new link changes neither issue's time of edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.hosts.jira.sandbox_fields import FLAG
from connector.hosts.jira.sandbox_shapes import item, status_json
from connector.hosts.jira.sandbox_world import IssueWorld

IMPEDIMENT = {"id": "10019", "value": "Impediment"}
BLOCKS = {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}


def flag(world: IssueWorld, name: str, on: bool = True) -> None:
    """Flag an issue, or take the flag away."""
    before, after = ("Impediment", "") if not on else (None, "Impediment")
    ids = ("[10019]", "") if not on else (None, "[10019]")
    with world.lock:
        world.change(name, {FLAG: [IMPEDIMENT] if on else None}, [item("Flagged", before, after, *ids, field_id=FLAG, fieldtype="custom")])


def link(world: IssueWorld, blocker: str, waiting: str, kind: Mapping[str, str] | None = None) -> str:
    """Have ``waiting`` wait for ``blocker``; gives the link's id."""
    told = dict(kind or BLOCKS)
    with world.lock:
        source, target = world.must(blocker), world.must(waiting)
        ident = str(20_000 + int(source["id"]) * 7 + int(target["id"]))
        source["fields"]["issuelinks"] = [*_links(source), {"id": ident, "type": told, "outward": target["id"]}]
        target["fields"]["issuelinks"] = [*_links(target), {"id": ident, "type": told, "inward": source["id"]}]
        _tell(world, "issuelink_created", ident, told, source, target)
    return ident


def unlink(world: IssueWorld, ident: str) -> None:
    """Take a link away."""
    with world.lock:
        ends = [(issue, each) for issue in world.issues.values() for each in _links(issue) if each["id"] == ident]
        source, target = (next(issue for issue, each in ends if side in each) for side in ("outward", "inward"))
        for issue in (source, target):
            issue["fields"]["issuelinks"] = [each for each in _links(issue) if each["id"] != ident]
        _tell(world, "issuelink_deleted", ident, ends[0][1]["type"], source, target)


def shown_links(world: IssueWorld, issue: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The links of an issue as the REST API shows them; those to issues that are gone are not shown."""
    shown = []
    for each in _links(issue):
        side = "inward" if "inward" in each else "outward"
        other = world.issues.get(each[side])
        if other is None or other["deleted"]:
            continue
        fields = {"summary": other["fields"]["summary"], "status": status_json(other["fields"]["status"], other["fields"]["category"])}
        shown.append({"id": each["id"], "type": each["type"], f"{side}Issue": {"id": other["id"], "key": other["key"], "fields": fields}})
    return shown


def _links(issue: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(issue["fields"].get("issuelinks") or ())


def _tell(world: IssueWorld, event: str, ident: str, kind: Mapping[str, str], source: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    body = {
        "id": int(ident),
        "sourceIssueId": int(source["id"]),
        "destinationIssueId": int(target["id"]),
        "issueLinkType": {
            "id": int(kind["id"]),
            "name": kind["name"],
            "inwardName": kind["inward"],
            "outwardName": kind["outward"],
            "isSubTaskLinkType": False,
            "isSystemLinkType": False,
        },
        "systemLink": False,
    }
    if world.listener:
        world.listener((event, {"issueLink": body}, []))
