"""Jira's JSON → the product's values: issues, fields, comments' text. Tolerant of everything a real site has been seen to send.

Pure: no client, no clock. A value that cannot be read is ``Unknown`` or None, never 0 and never an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from connector.domain.model import Category, FieldValue, Item, Unknown
from connector.hosts.base import FieldInfo

BASE_FIELDS = ("summary", "status", "issuetype", "parent", "project", "resolution", "created", "updated")

# Reference: the schema names of a site's own fields; ids and names differ from site to site, these do not.
POINTS_TEAM = "com.pyxis.greenhopper.jira:jsw-story-points"
FLOAT = "com.atlassian.jira.plugin.system.customfieldtypes:float"
SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
# The fields of our Forge app, by their keys in its manifest: we write them, so nothing is measured by them.
APP_MODULES = ("okr-progress", "okr-status")
_OWN_TYPES = ("com.atlassian.jira.plugin.system.customfieldtypes:", "com.pyxis.greenhopper.jira:")
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
CHECKBOXES = "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes"
# The float type alone says nothing (many number fields share it); in company-managed projects the name must agree.
POINT_NAMES = frozenset({"story points", "story point estimate"})

_CATEGORY_IDS = {"1": Category.UNDEFINED, "2": Category.NEW, "3": Category.DONE, "4": Category.STARTED}
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_SPRINT_NAME = re.compile(r"\[.*?\bname=([^,\]]*)")
_DEPTH = 60  # nesting of a rich text that is still read
_BLOCKS = frozenset({"paragraph", "heading", "blockquote", "listItem", "codeBlock", "panel", "tableRow", "rule", "mediaSingle"})


def as_mapping(value: Any) -> Mapping[str, Any]:
    """``value`` when it is a JSON object, else an empty one: the way to walk answers that may lack anything."""
    return value if isinstance(value, Mapping) else {}


def as_sequence(value: Any) -> Sequence[Any]:
    """``value`` when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else ()


def as_ref(value: Any) -> str:
    """An id that Jira writes as a number or as text; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return ""
    return str(value)


def as_text(value: Any) -> str:
    """``value`` when it is text, else ""."""
    return value if isinstance(value, str) else ""


def account_of(user: Any) -> str:
    """A user's account id; Data Center has ``key`` or ``name`` instead."""
    data = as_mapping(user)
    return as_text(data.get("accountId")) or as_text(data.get("key")) or as_text(data.get("name"))


# --- moments -------------------------------------------------------------------------------------------------------------


def read_moment(value: Any) -> datetime | None:
    """A moment as aware UTC: ``2021-09-06T04:34:26.239+0000`` (not RFC 3339), ISO, or milliseconds. None when unreadable."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
        if isinstance(value, str) and value:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


# --- field discovery -----------------------------------------------------------------------------------------------------


def read_fields(answer: Any) -> tuple[FieldInfo, ...]:
    """The fields of a site from ``GET /field``, in the site's order."""
    found = []
    for entry in as_sequence(answer):
        data = as_mapping(entry)
        identity, name = as_text(data.get("id")), as_text(data.get("name"))
        schema = as_mapping(data.get("schema"))
        kind = as_text(schema.get("custom")) or as_text(schema.get("type"))
        if identity and (ours := next((told for told in (kind, as_text(data.get("key"))) if _is_ours(told)), "")):
            found.append(FieldInfo(identity, name or identity, ours, "own"))
        elif identity:
            found.append(FieldInfo(identity, name or identity, kind, _role(identity, name, kind, as_text(schema.get("type")))))
    return tuple(found)


def _is_ours(kind: str) -> bool:
    """Whether a type or key names a field of our app: ``ari:…/static/okr-progress`` or ``<app>__<environment>__okr-progress``."""
    return kind.endswith(tuple(f"{mark}{module}" for mark in ("/", "__") for module in APP_MODULES))


def _role(identity: str, name: str, kind: str, plain: str) -> str:
    if kind == POINTS_TEAM or (kind == FLOAT and name.strip().casefold() in POINT_NAMES):
        return "points"
    if identity == "status":
        return "status"
    if identity == "summary":
        return "title"
    if kind == CHECKBOXES:
        return "checkbox"
    if kind == FLOAT or plain == "number":
        return "number"
    return ""


def point_fields(infos: Iterable[FieldInfo]) -> tuple[str, ...]:
    """Ids of all fields that hold story points, in the site's order: an issue has a number in one of them at most."""
    return tuple(info.id for info in infos if info.role == "points")


def epic_link_field(infos: Iterable[FieldInfo]) -> str:
    """Id of the Epic Link field (older company-managed projects, Data Center), "" when there is none."""
    return next((info.id for info in infos if info.type == EPIC_LINK), "")


def find_fields(infos: Sequence[FieldInfo], name: str) -> tuple[str, ...]:
    """Ids of the fields called ``name``: the id itself, the exact name, else the name in any case. "" means the point fields.

    Several fields with one name are all given, in the site's order.
    """
    if name == "":
        return point_fields(infos)
    by_id = tuple(info.id for info in infos if info.id == name)
    exact = tuple(info.id for info in infos if info.name == name)
    return by_id or exact or tuple(info.id for info in infos if info.name.casefold() == name.casefold())


def holds_no_number(info: FieldInfo) -> bool:
    """True when no value of the field is a number. An app's own type may hold anything, so it is given the benefit of the doubt."""
    if info.role in ("points", "number"):
        return False
    if ":" in info.type:
        return info.type.startswith(_OWN_TYPES)
    return info.type not in ("", "any", "number")


def near_names(infos: Sequence[FieldInfo], name: str) -> list[str]:
    """Names of fields that ``name`` may have meant, nearest first."""
    by_fold = {info.name.casefold(): info.name for info in infos}
    return [by_fold[fold] for fold in get_close_matches(name.casefold(), list(by_fold), n=3, cutoff=0.6)]


# --- values --------------------------------------------------------------------------------------------------------------


def read_value(raw: Any) -> FieldValue:
    """One field's value. Options give their label, people their name, lists a tuple of labels, rich text its plain text."""
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, (int, float)):
        try:
            return float(raw)
        except OverflowError:
            return Unknown("a number too large to read")
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list):
        labels = [_label(entry) for entry in raw]
        return Unknown("a list of a shape that is not known") if None in labels else tuple(label for label in labels if label is not None)
    label = _label(raw)
    return Unknown("a value of a shape that is not known") if label is None else label


def _label(raw: Any) -> str | None:
    if isinstance(raw, str):
        sprint = _SPRINT_NAME.search(raw) if raw.startswith("com.atlassian.greenhopper") else None
        return sprint.group(1) if sprint else raw
    if isinstance(raw, (int, float)):
        return str(raw)
    data = as_mapping(raw)
    if data.get("type") == "doc":
        return plain_text(data)
    for name in ("value", "name", "displayName", "key", "accountId"):
        if text := as_text(data.get(name)):
            child = as_text(as_mapping(data.get("child")).get("value"))
            return f"{text} / {child}" if child else text
    return None


def read_category(fields: Mapping[str, Any]) -> Category:
    """The status category of an issue's fields, by its key and never by the status' name; UNDEFINED when not told."""
    told = as_mapping(as_mapping(fields.get("status")).get("statusCategory")) or as_mapping(fields.get("statusCategory"))
    key = as_text(told.get("key"))
    if key:
        return Category(key) if key in set(Category) else Category.UNDEFINED
    return _CATEGORY_IDS.get(as_ref(told.get("id")), Category.UNDEFINED)


def read_kind(fields: Mapping[str, Any]) -> str:
    """``epic`` (any level that holds other issues), ``subtask`` or ``issue``; by level, by name only where Jira tells no level."""
    kind = as_mapping(fields.get("issuetype"))
    level = kind.get("hierarchyLevel")
    if kind.get("subtask") is True:
        return "subtask"
    if isinstance(level, int) and not isinstance(level, bool):
        return "epic" if level >= 1 else "subtask" if level < 0 else "issue"
    return {"epic": "epic", "sub-task": "subtask", "subtask": "subtask"}.get(as_text(kind.get("name")).casefold(), "issue")


def read_parents(fields: Mapping[str, Any], epic_link: str = "", ids: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The ref of the parent: ``parent.id``, else the Epic Link.

    The Epic Link of older projects holds a key. It is turned into an id where ``ids`` (key → ref) knows it and is otherwise
    left as the key, so a caller that compares refs must try both.
    """
    known = ids or {}
    parent = as_mapping(fields.get("parent"))
    if ref := as_ref(parent.get("id")):
        return (ref,)
    link = fields.get(epic_link) if epic_link else None
    linked = as_mapping(link)
    linked = as_mapping(linked.get("data")) or linked
    if ref := as_ref(linked.get("id")):
        return (ref,)
    key = as_text(parent.get("key")) or as_text(linked.get("key")) or as_text(link)
    return (known.get(key, key),) if key else ()


def read_item(
    issue: Any, *, site: str, wanted: Iterable[str] = (), epic_link: str = "", ids: Mapping[str, str] | None = None
) -> Item | None:
    """An issue of REST v2 or v3 as an Item, None when it has no id.

    ``site``: the address people use, for the link. ``wanted``: ids of the fields to keep. ``ids``: see ``read_parents``.
    """
    data = as_mapping(issue)
    ref = as_ref(data.get("id"))
    if not ref:
        return None
    fields = as_mapping(data.get("fields"))
    key = as_text(data.get("key")) or ref
    status = as_mapping(fields.get("status"))
    return Item(
        ref=ref,
        key=key,
        title=as_text(fields.get("summary")) or key,
        url=f"{site.rstrip('/')}/browse/{key}",
        kind=read_kind(fields),
        container=as_text(as_mapping(fields.get("project")).get("key")) or key.rpartition("-")[0],
        parents=read_parents(fields, epic_link, ids),
        category=read_category(fields),
        status=as_text(status.get("name")) or None,
        resolution=as_text(as_mapping(fields.get("resolution")).get("name")) or None,
        fields=MappingProxyType({name: read_value(fields.get(name)) for name in wanted if name in fields}),
        created_at=read_moment(fields.get("created")),
        updated_at=read_moment(fields.get("updated")),
    )


def write_value(value: FieldValue, kind: str, *, rich: bool) -> Any:
    """``value`` as ``PUT /issue`` wants it for a field whose type is ``kind``; ``rich``: the API takes documents (v3)."""
    if isinstance(value, tuple):
        return list(value) if kind.endswith(("labels", "array")) else [{"value": entry} for entry in value]
    if isinstance(value, str):
        if kind.endswith((":select", ":radiobuttons")):
            return {"value": value}
        if rich and kind.endswith(":textarea"):
            return document(value)
    return value


# --- rich text -----------------------------------------------------------------------------------------------------------


def document(text: str, mentions: Sequence[str] = ()) -> dict[str, Any]:
    """Plain text as an Atlassian document: one paragraph per line, opened by mentions of accounts; a line that is an address is a link."""
    paragraphs: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines() or [""]):
        content: list[dict[str, Any]] = []
        for account in mentions if number == 0 else ():
            if content:
                content.append({"type": "text", "text": " "})
            content.append({"type": "mention", "attrs": {"id": account}})
        shown = f" {line}" if content and line else line
        if _ADDRESS.fullmatch(shown):
            content.append({"type": "text", "text": shown, "marks": [{"type": "link", "attrs": {"href": shown}}]})
        elif shown:
            content.append({"type": "text", "text": shown})
        paragraphs.append({"type": "paragraph", "content": content})
    return {"version": 1, "type": "doc", "content": paragraphs}


def plain_text(body: Any) -> str:
    """The words of a comment or description: an Atlassian document (v3) or text (v2). Lines follow the paragraphs."""
    if isinstance(body, str):
        return body
    pieces: list[str] = []
    _collect(body, pieces, _DEPTH)
    return re.sub(r"\n{2,}", "\n", "".join(pieces)).strip()


def _collect(node: Any, pieces: list[str], depth: int) -> None:
    data = as_mapping(node)
    kind = as_text(data.get("type"))
    attributes = as_mapping(data.get("attrs"))
    if kind == "text":
        pieces.append(as_text(data.get("text")))
    elif kind == "hardBreak":
        pieces.append("\n")
    elif kind in ("mention", "emoji", "status", "inlineCard", "date"):
        pieces.append(next((text for name in ("text", "shortName", "url", "id") if (text := as_text(attributes.get(name)))), ""))
    if depth:
        for child in as_sequence(data.get("content")):
            _collect(child, pieces, depth - 1)
    if kind in _BLOCKS:
        pieces.append("\n")
