"""What the sandbox shows of the Notion stand-in: databases as tables, a page with its properties, blocks and comments.

Reads the stand-in's world only. No HTTP, no markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connector.domain.okr_columns import TITLES
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.sandbox_values import empty, plain
from connector.hosts.notion.sandbox_world import World

# What a person edits in a cell; the rest is only shown. A title is edited on its page.
EDITABLE = frozenset({"title", "rich_text", "number", "select", "status", "multi_select", "people", "date", "checkbox", "relation", "url"})
SEVERAL = frozenset({"multi_select", "people", "relation"})
MOST_CHOICES = 300  # entries of a relation's list of rows

Run = tuple[str, bool, str]  # text, bold, link


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a row. ``kind`` decides the control; ``chosen``: what is set, as the form sends it; ``shown``: the same in words.

    ``choices``: (value, text) of what can be chosen. ``links``: (row id, title) of a relation.
    """

    name: str
    kind: str
    shown: str
    chosen: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def editable(self) -> bool:
        """Whether a person may type here."""
        return self.kind in EDITABLE

    @property
    def sent(self) -> str:
        """What the form says of it, to tell a change from what was there."""
        return "\n".join(self.chosen)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a database."""

    id: str
    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A database as a table; the first of ``columns`` is the title's. ``trashed``: (row id, title)."""

    id: str
    title: str
    shared: bool
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    trashed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page. ``cells``: a table's rows of cells. ``link``: an embed's address, or the id of a page or database."""

    id: str
    kind: str
    icon: str = ""
    colour: str = ""
    runs: tuple[Run, ...] = ()
    cells: tuple[tuple[tuple[Run, ...], ...], ...] = ()
    header: bool = False
    link: str = ""
    inner: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """One comment."""

    id: str
    discussion: str
    author: str
    moment: str
    text: str


@dataclass(frozen=True, slots=True)
class PageShown:
    """A page as a person sees it. ``database``: (id, title) of the one whose row it is."""

    id: str
    title: str
    shared: bool
    in_trash: bool
    database: tuple[str, str] | None
    cells: tuple[Cell, ...]
    blocks: tuple[Block, ...]
    deleted: tuple[tuple[str, str], ...]
    discussions: tuple[tuple[str, tuple[Remark, ...]], ...]


def databases(world: World) -> list[tuple[str, str]]:
    """(id, title) of the databases that are not in the trash."""
    with world.lock:
        return [(each["id"], each["title"]) for each in world.data["databases"].values() if not each["in_trash"]]


def okrs_first(found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same databases, those that the connector keeps before the others."""
    ours = set(TITLES.values())
    return sorted(found, key=lambda each: each[1] not in ours)


def pages(world: World) -> list[tuple[str, str]]:
    """(id, title) of the pages outside databases."""
    with world.lock:
        return [
            (each["id"], plain(each["values"].get("title")) or "Untitled")
            for each in world.data["pages"].values()
            if not each["source"] and not each["in_trash"]
        ]


def people(world: World) -> list[tuple[str, str, str]]:
    """(id, name, short name for addresses) of everybody in the workspace."""
    with world.lock:
        return [(each["id"], each["name"], str(each.get("email") or each["name"]).partition("@")[0]) for each in world.people()]


def table(world: World, ident: str) -> Table | None:
    """A database by its id, dashed or not; None when there is none."""
    with world.lock:
        database = world.data["databases"].get(known_id(ident) or "")
        if database is None:
            return None
        source = database["sources"][0]
        properties = list(world.data["sources"][source]["properties"].values())
        titled = next(each for each in properties if each["type"] == "title")
        others = [each for each in properties if each is not titled]
        known = _Known(world)
        rows = tuple(
            TableRow(page["id"], _title(page), tuple(_cell(known, page, each) for each in others))
            for page in world.rows(source)
            if not page["in_trash"]
        )
        trashed = tuple((page["id"], _title(page)) for page in world.rows(source) if page["in_trash"])
        names = (titled["name"], *(each["name"] for each in others))
        return Table(database["id"], database["title"], database["shared"], names, rows, trashed)


def page(world: World, ident: str) -> PageShown | None:
    """A page by its id, dashed or not, also one in the trash; None when there is none."""
    with world.lock:
        found = world.data["pages"].get(known_id(ident) or "")
        if found is None:
            return None
        known = _Known(world)
        database, properties = None, []
        if found["source"]:
            source = world.data["sources"][found["source"]]
            database = (source["database"], world.data["databases"][source["database"]]["title"])
            properties = sorted(source["properties"].values(), key=lambda each: each["type"] != "title")
        blocks = world.data["blocks"]
        own = [each for each in blocks.values() if each["page"] == found["id"]]
        deleted = [each for each in own if each["in_trash"] and not _inside_deleted(world, each)]
        return PageShown(
            id=found["id"],
            title=_title(found),
            shared=world.visible(found),
            in_trash=found["in_trash"],
            database=database,
            cells=tuple(_cell(known, found, each) for each in properties),
            blocks=tuple(_block(world, blocks[each]) for each in found["children"] if not blocks[each]["in_trash"]),
            deleted=tuple((each["id"], f"{_KIND_WORDS.get(each['type'], each['type'])}: {_words_of(each)[:60]}") for each in deleted),
            discussions=_discussions(world, found["id"]),
        )


def cell(world: World, ident: str, name: str) -> tuple[str, Cell] | None:
    """(page id, cell) of a row's property by its present name."""
    shown = page(world, ident)
    found = next((each for each in shown.cells if each.name == name), None) if shown else None
    return (shown.id, found) if shown and found else None


class _Known:
    """What cells need of the whole workspace, looked up once for a table: names of people, titles of rows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = {each["id"]: each["name"] for each in world.people()} | {world.data["bot"]: "OKR bot"}
        self._choices: dict[str, tuple[tuple[str, str], ...]] = {}

    def rows(self, source: str) -> tuple[tuple[str, str], ...]:
        """(id, title) of a source's rows."""
        if source not in self._choices:
            rows = [each for each in self.world.rows(source) if not each["in_trash"]]
            self._choices[source] = tuple((each["id"], _title(each)) for each in rows[:MOST_CHOICES])
        return self._choices[source]

    def title(self, ident: str) -> str:
        """The title of a row, also one in the trash."""
        found = self.world.data["pages"].get(ident)
        return _title(found) if found else "a page out of reach"


def _title(found: Mapping[str, Any]) -> str:
    return plain(found["values"].get("title")) or "Untitled"


def _cell(known: _Known, found: Mapping[str, Any], prop: Mapping[str, Any]) -> Cell:
    name, kind = prop["name"], prop["type"]
    value = found["values"].get(prop["id"], empty(kind))
    base = Cell(name, kind, "")
    if kind in ("title", "rich_text"):
        text = plain(value)
        return replace(base, shown=text, chosen=(text,) if text else ())
    if kind == "number":
        return _number(base, value, str(prop[kind].get("format", "")))
    if kind in ("select", "status", "multi_select"):
        held = value if isinstance(value, list) else [value] if value else []
        names = tuple(each["name"] for each in held)
        options = tuple((each["name"], each["name"]) for each in prop[kind].get("options", ()))
        return replace(base, shown=", ".join(names), chosen=names, choices=options)
    if kind == "people":
        ids = tuple(each["id"] for each in value or ())
        everybody = tuple((each["id"], each["name"]) for each in known.world.people())
        return replace(base, shown=", ".join(known.names.get(each, "somebody who left") for each in ids), chosen=ids, choices=everybody)
    if kind == "relation":
        ids = tuple(each["id"] for each in value or ())
        links = tuple((each, known.title(each)) for each in ids)
        shown = ", ".join(title for _, title in links)
        return replace(base, shown=shown, chosen=ids, choices=known.rows(str(prop[kind].get("data_source_id", ""))), links=links)
    if kind == "date":
        start = str(value["start"]) if value else ""
        typed = start[:16]
        return replace(base, shown=typed.replace("T", " "), chosen=(typed,) if typed else ())
    if kind == "checkbox":
        return replace(base, shown="yes" if value else "no", chosen=("1",) if value else ())
    if kind in ("created_time", "last_edited_time"):
        return replace(base, shown=str(found[kind])[:16].replace("T", " "))
    if kind in ("created_by", "last_edited_by"):
        return replace(base, shown=known.names.get(found[kind], ""))
    return replace(base, shown=value if isinstance(value, str) else "", chosen=(value,) if isinstance(value, str) and value else ())


def _number(base: Cell, value: Any, format: str) -> Cell:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return base
    if format == "percent":
        return replace(base, shown=f"{value * 100:.0f} %", chosen=(f"{value * 100:.4g} %",))
    return replace(base, shown=f"{value:.6g}", chosen=(f"{value:.10g}",))


# --- blocks and comments -------------------------------------------------------------------------------------------------------

_KIND_WORDS = {"callout": "Callout", "table": "Table", "embed": "Embed", "paragraph": "Text"}


def _runs(rich_text: Iterable[Mapping[str, Any]]) -> tuple[Run, ...]:
    return tuple(
        (str(run.get("plain_text", "")), bool(run.get("annotations", {}).get("bold")), str(run.get("href") or "")) for run in rich_text
    )


def _block(world: World, block: Mapping[str, Any]) -> Block:
    kind, content = block["type"], block["content"]
    below = [world.data["blocks"][each] for each in block.get("children", ())]
    below = [each for each in below if not each["in_trash"]]
    shown = Block(block["id"], kind)
    if kind == "table":
        rows = tuple(tuple(_runs(each) for each in row["content"].get("cells", ())) for row in below)
        return replace(shown, cells=rows, header=bool(content.get("has_column_header")))
    if kind in ("embed", "bookmark"):
        return replace(shown, link=str(content.get("url", "")), runs=_runs(content.get("caption", ())))
    if kind in ("child_page", "child_database"):
        return replace(shown, link=block["id"], runs=((str(content.get("title", "")), False, ""),))
    icon = content.get("icon") or {}
    return replace(
        shown,
        icon=str(icon.get("emoji", "")),
        colour=str(content.get("color", "")),
        runs=_runs(content.get("rich_text", ())),
        inner=tuple(_block(world, each) for each in below),
    )


def _inside_deleted(world: World, block: Mapping[str, Any]) -> bool:
    """Whether it went with the block around it, and comes back with that."""
    above = world.data["blocks"].get(str(block.get("inside") or ""))
    return above is not None and above["in_trash"]


def _words_of(block: Mapping[str, Any]) -> str:
    content = block["content"]
    return (plain(content.get("rich_text")) or str(content.get("url", ""))).partition("\n")[0]


def _discussions(world: World, ident: str) -> tuple[tuple[str, tuple[Remark, ...]], ...]:
    names = {each["id"]: each["name"] for each in world.people()} | {world.data["bot"]: "OKR bot"}
    grouped: dict[str, list[Remark]] = {}
    for each in world.data["comments"].values():
        if each["page"] != ident:
            continue
        discussion = each.get("discussion") or each["id"]
        moment = str(each["created_time"])[11:16]
        author = names.get(each["created_by"], "somebody who left")
        grouped.setdefault(discussion, []).append(Remark(each["id"], discussion, author, moment, plain(each["rich_text"])))
    return tuple((discussion, tuple(remarks)) for discussion, remarks in grouped.items())


def account_of(world: World, short: str) -> tuple[str, str] | None:
    """(id, name) of the person with that short name."""
    return next(((ident, name) for ident, name, known in people(world) if known == short), None)


def chosen_of(cell: Cell, sent: Sequence[str]) -> Any:
    """What a form sent for a cell, as the world takes it. Raises ``ValueError`` with a sentence."""
    texts = [part for each in sent for part in (each.split("\n") if cell.kind in SEVERAL else (each,)) if part]
    if cell.kind == "checkbox":
        return bool(texts)
    if cell.kind in SEVERAL:
        unknown = [each for each in texts if each not in {value for value, _ in cell.choices} | set(cell.chosen)]
        if unknown:
            raise ValueError(f"{cell.name} has no option {unknown[0]}.")
        return texts
    text = texts[0] if texts else ""
    if cell.kind == "number":
        try:
            bare = text.strip().removesuffix("%")
            return (float(bare) / (100 if bare != text.strip() else 1)) if bare else None
        except ValueError:
            raise ValueError(f"{cell.name} needs a number.") from None
    if cell.kind in ("select", "status") and text and text not in {value for value, _ in cell.choices}:
        raise ValueError(f"{cell.name} has no option {text}.")
    return text if cell.kind in ("title", "rich_text") else text or None
