"""What the sandbox pages show of the stand-ins: lanes of cards with the panel beside them, tables of rows, a page with its callout.

Reads the stand-ins' worlds only; what is known about mappings is given. No HTTP, no markup.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.hosts.jira.sandbox_world import IssueWorld
from connector.hosts.notion.sandbox_values import plain
from connector.hosts.notion.sandbox_world import World

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


# --- Notion --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a row: ``kind`` decides the control; ``options`` for selects."""

    name: str
    kind: str
    value: Any
    options: tuple[str, ...] = ()
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A database as a table. Rows are (page id, title, cells)."""

    id: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page: paragraphs and callouts. ``runs`` are (text, bold, link)."""

    kind: str
    icon: str
    colour: str
    runs: tuple[tuple[str, bool, str], ...]


EDITABLE = frozenset({"select", "status", "number", "checkbox"})


def databases(world: World) -> list[tuple[str, str]]:
    """(id, title) of the databases that are not in the trash."""
    with world.lock:
        return [(each["id"], each["title"]) for each in world.data["databases"].values() if not each["in_trash"]]


def table(world: World, ident: str, *, locked: Collection[str] = ()) -> Table | None:
    """A database; properties in ``locked`` cannot be edited here. None when there is no such database."""
    with world.lock:
        database = world.data["databases"].get(ident)
        if database is None:
            return None
        source = database["sources"][0]
        properties = list(world.data["sources"][source]["properties"].values())
        titled = next(each for each in properties if each["type"] == "title")
        others = [each for each in properties if each is not titled]
        rows = tuple(
            (page["id"], plain(page["values"].get("title")), tuple(_cell(each, page["values"].get(each["id"]), locked) for each in others))
            for page in world.rows(source)
            if not page["in_trash"]
        )
        return Table(ident, database["title"], (titled["name"], *(each["name"] for each in others)), rows)


def page(world: World, ident: str) -> tuple[str, tuple[Cell, ...], tuple[Block, ...]] | None:
    """(title, properties, blocks) of a page; None when there is none."""
    with world.lock:
        found = world.data["pages"].get(ident)
        if found is None or found["in_trash"]:
            return None
        properties = world.data["sources"][found["source"]]["properties"].values() if found["source"] else ()
        cells = tuple(_cell(each, found["values"].get(each["id"]), ()) for each in properties if each["type"] != "title")
        blocks = tuple(_block(world.data["blocks"][each]) for each in found["children"])
        return plain(found["values"].get("title")), cells, blocks


def _cell(prop: Mapping[str, Any], value: Any, locked: Collection[str]) -> Cell:
    kind = prop["type"]
    options = tuple(option["name"] for option in prop[kind].get("options", ())) if kind in ("select", "status") else ()
    shown: Any = value
    if kind in ("select", "status"):
        shown = value["name"] if value else ""
    elif kind == "date":
        shown = value["start"] if value else ""
    elif kind == "rich_text":
        shown = plain(value)
    elif kind == "number" and value is not None:
        shown = f"{value * 100:.0f} %" if prop[kind].get("format") == "percent" else f"{value:g}"
    return Cell(prop["name"], kind, shown, options, kind in EDITABLE and prop["name"] not in locked)


def _block(block: Mapping[str, Any]) -> Block:
    content = block["content"]
    runs = tuple(
        (str(run.get("plain_text", "")), bool(run.get("annotations", {}).get("bold")), str(run.get("href") or ""))
        for run in content.get("rich_text", ())
    )
    return Block(
        block["type"], content.get("icon", {}).get("emoji", "") if content.get("icon") else "", str(content.get("color", "")), runs
    )
