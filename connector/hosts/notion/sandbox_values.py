"""The stand-in's property values: Python values → Notion's shapes, checks of what a request sends. Pure.

Strict where the real API is: what Notion refuses raises ``ApiFault`` here, so that a wrong request fails in tests too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

MOST = 100  # entries of an array in a request
CUT = 25  # entries of a relation in a page object
_READ_ONLY = frozenset({"formula", "rollup", "created_time", "created_by", "last_edited_time", "last_edited_by", "unique_id", "button"})


class ApiFault(Exception):  # an answer to give, as in "refused"; it never leaves the stand-in
    """An error answer of the stand-in."""

    def __init__(self, status: int, code: str, message: str, additional: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.additional = status, code, message, additional


def invalid(message: str) -> ApiFault:
    """400 ``validation_error``."""
    return ApiFault(400, "validation_error", message)


def not_found(kind: str, ident: str) -> ApiFault:
    """404 in the words that do not tell missing from not shared."""
    message = f"Could not find {kind} with ID: {ident}. Make sure the relevant pages and databases are shared with your connection."
    return ApiFault(404, "object_not_found", message)


def block_limit() -> ApiFault:
    """403 of a workspace that has used up its blocks."""
    message = "This workspace has reached its block limit."
    return ApiFault(403, "restricted_resource", message, {"block_limit": "block_creation"})


def text_runs(text: str) -> list[dict[str, Any]]:
    """Plain text as a stored rich-text array."""
    if not text:
        return []
    return [{"type": "text", "text": {"content": text, "link": None}, "annotations": _looks(False), "plain_text": text, "href": None}]


def _looks(bold: bool) -> dict[str, Any]:
    return {"bold": bold, "italic": False, "strikethrough": False, "underline": False, "code": False, "color": "default"}


def plain(runs: object) -> str:
    """The text of stored rich text."""
    return "".join(str(run.get("plain_text", "")) for run in runs) if isinstance(runs, list) else ""


def normalised(runs: object) -> list[dict[str, Any]]:
    """Rich text as the API keeps it: checked against the limits, neighbours of one look merged, ``plain_text`` added."""
    if not isinstance(runs, list):
        raise invalid("rich_text should be an array")
    if len(runs) > MOST:
        raise invalid(f"rich_text.length should be ≤ {MOST}, instead was {len(runs)}")
    kept: list[dict[str, Any]] = []
    for run in runs:
        if run.get("type", "text") == "mention":
            kept.append({"type": "mention", "mention": run["mention"], "plain_text": "@Somebody", "href": None})
            continue
        text = run.get("text", {})
        content, link = text.get("content"), text.get("link")
        if not isinstance(content, str):
            raise invalid("rich_text[].text.content should be a string")
        if len(content.encode("utf-16-le")) // 2 > 2000:
            raise invalid("rich_text[].text.content.length should be ≤ 2000")
        if link and not str(link.get("url", "")).startswith(("http://", "https://")):
            raise invalid("Invalid URL for link.")
        bold = bool(run.get("annotations", {}).get("bold"))
        if kept and kept[-1]["type"] == "text" and (kept[-1]["annotations"]["bold"], kept[-1]["text"]["link"]) == (bold, link):
            kept[-1]["text"]["content"] += content
            kept[-1]["plain_text"] += content
        else:
            entry = {"type": "text", "text": {"content": content, "link": link}, "annotations": _looks(bold)}
            kept.append({**entry, "plain_text": content, "href": link["url"] if link else None})
    return kept


def new_property(name: str, kind: str | Mapping[str, Any]) -> dict[str, Any]:
    """A property of a schema. ``kind``: a type name, or {"type", "options", "groups": {group name: [option names]}}."""
    wish: Mapping[str, Any] = {"type": kind} if isinstance(kind, str) else kind
    of_type = str(wish["type"])
    # Notion's are shorter, but never the same twice in one schema; the colon has to be encoded wherever the id stands in an address
    ident = "title" if of_type == "title" else str(wish.get("id") or f"{uuid.uuid4().hex[:8]}:{uuid.uuid4().hex[:4]}")
    settings: dict[str, Any] = {}
    if of_type in ("select", "multi_select", "status"):
        names = list(wish.get("options") or [])
        groups = wish.get("groups") or {}
        if of_type == "status":
            groups = groups or {"To-do": ["Not started"], "In progress": ["In progress"], "Complete": ["Done"]}
            names = [option for options in groups.values() for option in options]
        settings["options"] = [{"id": uuid.uuid4().hex[:8], "name": option, "color": "default", "description": None} for option in names]
        if of_type == "status":
            ids = {option["name"]: option["id"] for option in settings["options"]}
            settings["groups"] = [
                {"id": str(uuid.uuid4()), "name": group, "color": "gray", "option_ids": [ids[option] for option in options]}
                for group, options in groups.items()
            ]
    elif of_type == "number":
        settings["format"] = str(wish.get("format") or "number")
    elif of_type == "relation":  # without a target it leads to a database that nobody sees
        side = "dual_property" if "dual_property" in wish else "single_property"
        target = {each: wish.get(each) or str(uuid.uuid4()) for each in ("data_source_id", "database_id")}
        settings = {**target, "type": side, side: wish.get(side) or {}}
    elif of_type == "formula":
        settings["expression"] = str(wish.get("expression") or "")
    elif of_type == "unique_id":
        settings["prefix"] = wish.get("prefix")
    elif of_type == "rollup":
        words = ("relation_property_id", "relation_property_name", "rollup_property_id", "rollup_property_name")
        settings = {"function": str(wish.get("function") or "sum"), **{each: str(wish.get(each) or "") for each in words}}
    return {"id": ident, "name": name, "type": of_type, of_type: settings}


def shown_schema(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A schema as the API answers it: by name, ids URL-encoded."""
    return {each["name"]: {"description": None, **each, "id": quote(each["id"], safe="")} for each in properties.values()}


def stored(prop: Mapping[str, Any], value: Any) -> Any:
    """A Python value as the inner value of a page property. A dict for formula, rollup and the like is taken as it is."""
    kind = prop["type"]
    if kind in ("title", "rich_text"):
        return text_runs(str(value or ""))
    if kind in ("select", "status"):
        return None if value is None else _option(prop, str(value))
    if kind == "multi_select":
        return [_option(prop, str(each)) for each in value or ()]
    if kind in ("people", "relation"):
        return [{"id": each, **({"object": "user"} if kind == "people" else {})} for each in value or ()]
    if kind == "date":
        return {"start": value, "end": None, "time_zone": None} if isinstance(value, str) else value
    if kind == "checkbox":
        return bool(value)
    return value


def accepted(prop: Mapping[str, Any], sent: object) -> Any:
    """The inner value of a property in a request, checked as Notion does."""
    kind = prop["type"]
    if kind in _READ_ONLY:
        raise invalid(f"{prop['name']} is a {kind} property and cannot be written.")
    if not isinstance(sent, dict) or kind not in sent:
        raise invalid(f"{prop['name']} is expected to be {kind}.")
    inner = sent[kind]
    if kind in ("title", "rich_text"):
        return normalised(inner)
    if kind == "number" and inner is not None and (isinstance(inner, bool) or not isinstance(inner, (int, float))):
        raise invalid(f"body.properties.{prop['name']}.number should be a number or null.")
    if kind == "checkbox" and not isinstance(inner, bool):
        raise invalid(f"body.properties.{prop['name']}.checkbox should be a boolean.")
    if kind in ("select", "status"):
        return None if inner is None else _chosen_option(prop, inner, may_add=kind == "select")
    if kind == "date" and inner is not None:
        return _date(prop, inner)
    if kind in ("multi_select", "people", "relation"):
        if len(inner) > MOST:
            raise invalid(f"body.properties.{prop['name']}.{kind}.length should be ≤ {MOST}")
        if kind == "people":
            return [{"object": "user", "id": str(each["id"])} for each in inner]
        return [_chosen_option(prop, each, may_add=True) for each in inner] if kind == "multi_select" else inner
    return inner


def _date(prop: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """A date as the API keeps it: days as they are, moments with milliseconds and an offset."""
    kept: dict[str, Any] = {"end": None, "time_zone": None, **sent}
    for side in ("start", "end"):
        text = kept.get(side)
        if text is None and side == "end":
            continue
        try:
            at = datetime.fromisoformat(str(text))
        except ValueError as error:
            raise invalid(
                f"body.properties.{prop['name']}.date.{side} should be a valid ISO 8601 date string, instead was {text}"
            ) from error
        if "T" in str(text):
            kept[side] = (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat(timespec="milliseconds")
    return kept


def _chosen_option(prop: Mapping[str, Any], sent: Mapping[str, Any], *, may_add: bool) -> dict[str, Any]:
    """The option that a request names, by id or by name."""
    if "name" not in sent and "id" in sent:
        found = next((each["name"] for each in prop[prop["type"]]["options"] if each["id"] == sent["id"]), None)
        return _option(prop, found or str(sent["id"]))
    name = str(sent.get("name"))
    if not name or "," in name:
        raise invalid(f"Invalid {prop['type']} option, commas not allowed: {name}")
    if len(name) > MOST:
        raise invalid(f"body.properties.{prop['name']}.{prop['type']}.name.length should be ≤ {MOST}, instead was {len(name)}")
    return _option(prop, name, may_add=may_add)


def _option(prop: Mapping[str, Any], name: str, *, may_add: bool = False) -> dict[str, Any]:
    options = prop[prop["type"]]["options"]
    for option in options:
        if option["name"] == name:
            return {"id": option["id"], "name": name, "color": option["color"]}
    if not may_add:
        raise invalid(f'{prop["type"].capitalize()} option "{name}" does not exist".')
    options.append({"id": uuid.uuid4().hex[:8], "name": name, "color": "default", "description": None})
    return _option(prop, name)


def empty(kind: str) -> Any:
    """The inner value of a property that was never set."""
    if kind in ("title", "rich_text", "multi_select", "people", "relation", "files"):
        return []
    if kind == "checkbox":
        return False
    if kind in ("formula", "rollup"):
        return {"type": "number", "number": None, **({"function": "sum"} if kind == "rollup" else {})}
    return {} if kind == "button" else {"prefix": None, "number": None} if kind == "unique_id" else None


def shown_value(prop: Mapping[str, Any], inner: Any) -> dict[str, Any]:
    """A property of a page object; relations show their first 25 entries."""
    kind = prop["type"]
    answer = {"id": quote(prop["id"], safe=""), "type": kind, kind: inner}
    if kind == "relation":
        answer.update({kind: inner[:CUT], "has_more": len(inner) > CUT})
    if kind == "people":
        answer[kind] = inner[:CUT]
    return answer
