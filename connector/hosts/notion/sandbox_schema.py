"""The stand-in's schemas as requests give them: new properties, changed ones, and what the real API refuses. Pure, but for the world."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_values import MOST, invalid

_TYPES = frozenset(
    {
        "checkbox", "created_by", "created_time", "date", "email", "files", "formula", "last_edited_by", "last_edited_time", "multi_select",
        "number", "people", "phone_number", "relation", "rich_text", "rollup", "select", "status", "title", "unique_id", "url",
    }
)  # fmt: skip
_FORMATS = frozenset({"number", "number_with_commas", "percent", "dollar", "euro", "pound", "yen", "ruble", "rupee", "won", "yuan"})
_OPTIONS = ("select", "multi_select", "status")

Related = Callable[[str], dict[str, Any]]  # id of a data source → the settings that name it; raises ``ApiFault`` when it cannot be seen


def type_of(name: str, config: Any) -> str:
    """The type that a property's configuration gives. Raises ``ApiFault``."""
    named = sorted(str(each) for each in set(config) & _TYPES) if isinstance(config, dict) else []
    if len(named) != 1 or config.get("type", named[0]) != named[0] or not isinstance(config[named[0]], dict):
        raise invalid(f"body failed validation: body.properties.{name} should be a property configuration of one type")
    return named[0]


def new_property(name: str, config: Mapping[str, Any], related: Related) -> dict[str, Any]:
    """A property out of a request's configuration. Raises ``ApiFault``."""
    kind = type_of(name, config)
    settings: Mapping[str, Any] = config[kind]
    if kind in _OPTIONS:
        names = _option_names(name, kind, settings.get("options") or [])
        if kind == "status" and names:
            return shapes.new_property(name, {"type": kind, "groups": {"To-do": names, "In progress": [], "Complete": []}})
        return shapes.new_property(name, {"type": kind, "options": names})
    if kind == "number":
        shown = settings.get("format", "number")
        if shown not in _FORMATS:
            raise invalid(f"body failed validation: body.properties.{name}.number.format should be a number format, instead was {shown}")
        return shapes.new_property(name, {"type": kind, "format": shown})
    if kind == "relation":
        sides = {each: settings[each] for each in ("single_property", "dual_property") if each in settings}
        if len(sides) != 1:
            raise invalid(f"body failed validation: body.properties.{name}.relation should be single_property or dual_property")
        target = related(str(settings.get("data_source_id")))
        return shapes.new_property(name, {"type": kind, **target, **{side: dict(inner) for side, inner in sides.items()}})
    return shapes.new_property(name, kind)


def change_property(prop: dict[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Change a property in place as the API does; returns the names of options that are gone. Raises ``ApiFault``."""
    kind = type_of(prop["name"], config) if set(config) & _TYPES else ""
    if isinstance(config.get("name"), str):
        prop["name"] = config["name"]
    if kind and kind != prop["type"]:
        if "title" in (kind, prop["type"]):
            raise invalid(f"Cannot change the type of {prop['name']}: a title stays one.")
        prop.pop(prop["type"])
        prop.update({"type": kind, kind: shapes.new_property(prop["name"], {"type": kind})[kind]})
    if kind == "number" and "format" in config[kind]:
        prop[kind]["format"] = config[kind]["format"]
    if kind in _OPTIONS and "options" in config[kind]:
        return _replace_options(prop, kind, config[kind]["options"])
    return ()


def find(properties: Mapping[str, Mapping[str, Any]], key: str) -> Any:
    """The property that a key of a request names: by id, encoded id or name; None without one."""
    return next((each for each in properties.values() if key in (each["id"], each["name"], quote(each["id"], safe=""))), None)


def _replace_options(prop: dict[str, Any], kind: str, sent: list[Mapping[str, Any]]) -> tuple[str, ...]:
    _option_names(prop["name"], kind, sent)
    before = prop[kind]["options"]
    after: list[dict[str, Any]] = []
    for each in sent:
        known = next((one for one in before if each.get("id") == one["id"] or each.get("name") == one["name"]), None)
        # An option that is there keeps its name: renaming by the API does nothing, and says nothing.
        fresh = {"id": uuid.uuid4().hex[:8], "name": str(each.get("name")), "color": each.get("color", "default"), "description": None}
        after.append(known or fresh)
    prop[kind]["options"] = after
    left = {each["id"] for each in after}
    if kind == "status":
        groups = prop[kind]["groups"]
        for group in groups:
            group["option_ids"] = [each for each in group["option_ids"] if each in left]
        placed = {each for group in groups for each in group["option_ids"]}
        groups[0]["option_ids"] += [each["id"] for each in after if each["id"] not in placed]
    return tuple(each["name"] for each in before if each["id"] not in left)


def _option_names(name: str, kind: str, options: list[Mapping[str, Any]]) -> list[str]:
    if len(options) > MOST:
        raise invalid(
            f"body failed validation: body.properties.{name}.{kind}.options.length should be ≤ {MOST}, instead was {len(options)}"
        )
    names = [str(each.get("name") or each.get("id") or "") for each in options]
    if any("," in each for each in names):
        raise invalid(f"Invalid {kind} option, commas not allowed: {next(each for each in names if ',' in each)}")
    if len(set(names)) != len(names) or "" in names:
        raise invalid(f"body failed validation: body.properties.{name}.{kind}.options should have unique names")
    return names
