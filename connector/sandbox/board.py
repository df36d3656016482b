"""What the sandbox's board shows of the Jira stand-in: lanes of cards with the panel beside them.

Reads the stand-in's world only; what is known about mappings is given. No HTTP, no markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.hosts.jira.sandbox_world import IssueWorld

COLUMNS = (("new", "To do"), ("indeterminate", "In progress"), ("done", "Done"))
POINT_FIELDS = ("customfield_10016", "customfield_10026")
FLAGGED = "customfield_10021"


@dataclass(frozen=True, slots=True)
class Card:
    """One issue on the board. ``column`` is its place in ``COLUMNS``."""

    key: str
    title: str
    kind: str
    status: str
    column: int
    points: str
    flagged: bool
    wont_do: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One remote link as Jira shows it beside an issue."""

    title: str
    summary: str
    url: str
    icon: str
    status: str
    status_icon: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """An epic with its children, or issues that a query picks. ``name`` is part of element ids."""

    name: str
    title: str
    done: int
    total: int
    columns: tuple[tuple[str, str, tuple[Card, ...]], ...]  # category, heading, cards
    panel: tuple[Shown, ...]
    state: str  # the issue property "okr", as text
    is_epic: bool


def epics(world: IssueWorld) -> list[tuple[str, str]]:
    """(key, title) of every epic, in the order of creation."""
    with world.lock:
        return [
            (issue["key"], issue["fields"]["summary"])
            for issue in world.issues.values()
            if issue["fields"]["type"] == "Epic" and not issue["deleted"]
        ]


def epic_of(world: IssueWorld, name: str) -> str:
    """The epic that an issue belongs to, or the issue itself when it is one; "" when there is none."""
    with world.lock:
        issue = world.find(name)
        while issue is not None and issue["fields"]["type"] != "Epic":
            issue = world.find(issue["fields"]["parent"]) if issue["fields"]["parent"] else None
        return str(issue["key"]) if issue else ""


def epic_lane(world: IssueWorld, name: str) -> Lane | None:
    """The lane of one epic; None when the stand-in has no such epic."""
    with world.lock:
        epic = world.find(name)
        if epic is None:
            return None
        children = [issue for issue in world.issues.values() if issue["fields"]["parent"] == epic["id"] and not issue["deleted"]]
        okr = epic["properties"].get("okr")
        return _lane(
            epic["key"],
            epic["fields"]["summary"],
            [_card(issue) for issue in children],
            tuple(_shown(link["body"]) for link in epic["links"].values()),
            json.dumps(okr, indent=2, ensure_ascii=False) if okr else "",
            is_epic=True,
        )


def query_lane(world: IssueWorld, jql: str) -> Lane:
    """The issues whose label the query names: what such a query picks in the sample site, finished ones too."""
    with world.lock:
        found = [
            issue
            for issue in world.issues.values()
            if not issue["deleted"] and any(label in jql for label in issue["fields"]["labels"]) and world.project_of(issue) in jql
        ]
        label = next((label for issue in found for label in issue["fields"]["labels"]), "query")
        return _lane(label, f"Issues labelled {label}", [_card(issue) for issue in found], (), "", is_epic=False)


def _lane(name: str, title: str, cards: Sequence[Card], panel: tuple[Shown, ...], state: str, *, is_epic: bool) -> Lane:
    columns = tuple(
        (category, heading, tuple(card for card in cards if card.column == place)) for place, (category, heading) in enumerate(COLUMNS)
    )
    return Lane(name, title, len(columns[2][2]), len(cards), columns, panel, state, is_epic)


def _card(issue: Mapping[str, Any]) -> Card:
    fields = issue["fields"]
    points = next((fields[name] for name in POINT_FIELDS if fields.get(name) is not None), None)
    place = [category for category, _ in COLUMNS].index(fields["category"]) if fields["category"] != "undefined" else 0
    return Card(
        issue["key"],
        fields["summary"],
        fields["type"],
        fields["status"],
        place,
        "" if points is None else f"{points:g}",
        bool(fields.get(FLAGGED)),
        fields["resolution"] == "Won't Do",
    )


def _shown(body: Mapping[str, Any]) -> Shown:
    thing = body["object"]
    status = thing.get("status", {}).get("icon", {})
    return Shown(
        thing["title"],
        thing.get("summary", ""),
        thing["url"],
        _local(thing.get("icon", {}).get("url16x16", "")),
        status.get("title", ""),
        _local(status.get("url16x16", "")),
        bool(thing.get("status", {}).get("resolved")),
    )


def _local(url: str) -> str:
    """Icons come from our own static files: the page's policy allows no other place."""
    return "/static/icons/" + url.rpartition("/")[2] if "/static/icons/" in url else ""
