"""A data source's schema: its properties by id, what each is good for, and how people's names become ids. Pure.

Property ids are kept decoded. Nothing here may do I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from connector.domain.model import Category
from connector.domain.signals.blocked import says_blocked
from connector.errors import Refused
from connector.hosts.base import Container, FieldInfo
from connector.hosts.notion.ids import known_id, property_id
from connector.hosts.notion.panel import STATUS
from mappings.rules import group_name

_ROLES = {"status": "status", "checkbox": "checkbox", "number": "number", "title": "title"}
_BY_GROUP_NAME = {
    "to-do": Category.NEW,
    "to do": Category.NEW,
    "todo": Category.NEW,
    "not started": Category.NEW,
    "in progress": Category.STARTED,
    "complete": Category.DONE,
    "completed": Category.DONE,
    "done": Category.DONE,
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a data source. ``options`` are (id, name); ``categories`` maps a status option's id and name.

    ``groups`` maps a status option's id to the name of its group · ``related``: the data source that a relation leads to ·
    ``over``: the name or id of the relation that a rollup goes over · ``format``: how a number is shown.
    """

    id: str
    name: str
    type: str
    options: tuple[tuple[str, str], ...] = ()
    categories: Mapping[str, Category] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    related: str = ""
    over: str = ""
    format: str = ""

    def group_of(self, ident: str, name: str) -> tuple[str, ...]:
        """What the group of a status option is called, and what it means; () when nobody can say."""
        category = self.categories.get(ident) or self.categories.get(name)
        shown = self.groups.get(ident) or next((self.groups.get(each, "") for each, option in self.options if option == name), "")
        return tuple(each for each in (shown, category.value if category else "") if each)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The names of its groups, in the order of their options."""
        return tuple(dict.fromkeys(self.groups[ident] for ident, _ in self.options if self.groups.get(ident)))

    def in_group(self, wished: str) -> tuple[str, ...]:
        """The options of a group, by its name or by what it means."""
        wanted = group_name(wished)
        return tuple(name for ident, name in self.options if wanted in {group_name(each) for each in self.group_of(ident, name)})


@dataclass(frozen=True, slots=True)
class Schema:
    """A data source as we need it. ``database`` is its container, "" when the answer does not tell."""

    source: str
    name: str
    database: str
    properties: Mapping[str, Property]

    @property
    def title_id(self) -> str:
        """The id of the title property."""
        return next((each.id for each in self.properties.values() if each.type == "title"), "title")

    @property
    def done_ids(self) -> tuple[str, ...]:
        """The property that tells whether a row is done: the only status (or the one called Status), else the only checkbox.

        The status that we write ourselves is none of them: our own panel must never decide what is done.
        """
        statuses = [each for each in self.properties.values() if each.type == "status" and each.name != STATUS]
        named = [each for each in statuses if each.name.strip().casefold() == "status"]
        if len(statuses) == 1:
            return (statuses[0].id,)
        if statuses:
            return (named[0].id,) if len(named) == 1 else ()
        boxes = [each for each in self.properties.values() if each.type == "checkbox" and not says_blocked(each.name)]
        return (boxes[0].id,) if len(boxes) == 1 else ()

    def named(self, name: str) -> Property | None:
        """The property of that exact name, else the only one when letter case is ignored, else the one with that id."""
        for each in self.properties.values():
            if each.name == name:
                return each
        alike = [each for each in self.properties.values() if each.name.strip().casefold() == name.strip().casefold()]
        return alike[0] if len(alike) == 1 else self.properties.get(property_id(name))

    def near(self, name: str) -> list[str]:
        """Names close to ``name``; all names when none is close."""
        names = {each.name.casefold(): each.name for each in self.properties.values()}
        close = get_close_matches(name.casefold(), list(names), n=4, cutoff=0.5)
        return [names[each] for each in close] or sorted(names.values())[:12]

    def container(self) -> Container:
        """The data source as the mapping form shows it."""
        infos = tuple(
            FieldInfo(each.id, each.name, each.type, _ROLES.get(each.type, ""), tuple(name for _, name in each.options), each.group_names)
            for each in sorted(self.properties.values(), key=lambda each: each.name.casefold())
        )
        return Container(id=self.source, key=self.source, name=self.name, parent=self.database, fields=infos)


def read_schema(answer: Mapping[str, Any]) -> Schema:
    """The answer of "retrieve a data source" (or one search result) as a ``Schema``. Tolerant: unknown parts are left out."""
    properties: dict[str, Property] = {}
    raw = answer.get("properties")
    for name, each in raw.items() if isinstance(raw, dict) else ():
        if not isinstance(each, dict) or not isinstance(each.get("id"), str):
            continue
        kind = str(each.get("type") or "")
        told = each.get(kind)
        settings: dict[str, Any] = told if isinstance(told, dict) else {}
        ident = property_id(each["id"])
        properties[ident] = Property(
            ident,
            str(each.get("name") or name),
            kind,
            options=_options(settings),
            categories=_categories(settings) if kind == "status" else {},
            groups=_groups(settings) if kind == "status" else {},
            related=known_id(settings.get("data_source_id")) or "" if kind == "relation" else "",
            over=_over(settings) if kind == "rollup" else "",
            format=str(settings.get("format") or "") if kind == "number" else "",
        )
    parent = answer.get("parent")
    database = known_id(parent.get("database_id")) if isinstance(parent, dict) else None
    return Schema(known_id(answer.get("id")) or "", plain_text(answer.get("title")) or "(untitled)", database or "", properties)


def plain_text(runs: object) -> str:
    """The text of a rich-text array, "" for anything else."""
    if not isinstance(runs, list):
        return ""
    pieces: list[str] = []
    for run in runs:
        if isinstance(run, dict):
            text = run.get("text")
            pieces.append(str(run.get("plain_text") or (text.get("content") if isinstance(text, dict) else "") or ""))
    return "".join(pieces)


def _options(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = settings.get("options")
    if not isinstance(found, list):
        return ()
    return tuple((str(each.get("id") or ""), str(each.get("name") or "")) for each in found if isinstance(each, dict))


def _groups(settings: Mapping[str, Any]) -> dict[str, str]:
    """Id of a status option → name of its group."""
    found: dict[str, str] = {}
    for group in _dicts(settings.get("groups")):
        for option in group.get("option_ids") or ():
            found[str(option)] = str(group.get("name") or "")
    for option in _dicts(settings.get("options")):
        told = option.get("group")
        name = told.get("name") if isinstance(told, dict) else told
        if isinstance(name, str) and name and str(option.get("id")) not in found:
            found[str(option.get("id"))] = name
    return found


def _over(settings: Mapping[str, Any]) -> str:
    ident = settings.get("relation_property_id")
    return property_id(ident) if isinstance(ident, str) else str(settings.get("relation_property_name") or "")


def _dicts(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _categories(settings: Mapping[str, Any]) -> dict[str, Category]:
    """Status option (by id and by name) → category. The groups are fixed and ordered: to-do, in progress, complete.

    Their names decide; where they are not English, the first is new, the last is done, the rest are started.
    """
    groups = [each for each in settings.get("groups") or () if isinstance(each, dict)]
    by_group: dict[str, Category] = {}
    for place, group in enumerate(groups):
        by_place = Category.NEW if place == 0 else Category.DONE if place == len(groups) - 1 else Category.STARTED
        by_group[str(group.get("id"))] = _BY_GROUP_NAME.get(str(group.get("name") or "").strip().casefold(), by_place)
    of_option: dict[str, Category] = {}
    for group in groups:
        for option in group.get("option_ids") or ():
            of_option[str(option)] = by_group[str(group.get("id"))]
    names: dict[str, Category] = {}
    for each in settings.get("options") or ():
        if not isinstance(each, dict):
            continue
        ident, name = str(each.get("id") or ""), str(each.get("name") or "")
        told = each.get("group")  # since 2026-06 an option may carry its group itself: an id, a name or an object
        told = told.get("id") or told.get("name") if isinstance(told, dict) else told
        category = of_option.get(ident) or by_group.get(str(told)) or _BY_GROUP_NAME.get(str(told or "").strip().casefold())
        if category is not None:
            of_option[ident] = category
            names[name] = category
    return {**names, **of_option}


def find_property(schema: Schema, name: str, known: Sequence[str] = ()) -> tuple[Property | None, bool]:
    """The property for a name: (property, still there). Ids resolved before win, so that a rename changes nothing.

    (None, False): the id resolved before no longer exists, and no property has the name now.
    Raises ``Refused`` for a name that was never known, with near names.
    """
    for ident in known:
        if ident in schema.properties:
            return schema.properties[ident], True
    if found := schema.named(name):
        return found, True
    if known:
        return None, False
    raise Refused(
        f'"{name}" is not a property of {schema.name}; did you mean: {", ".join(schema.near(name)) or "(it has no properties)"}?',
        code="unknown_property",
    )
