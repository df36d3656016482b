"""The ``select`` part of a mapping: which items. Parses, checks and writes back selectors; asks no host whether they exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connector.errors import InputError
from mappings.reading import as_mapping, as_text, only_keys, texts
from mappings.terms import Selector, SelectorKind
from mappings.wishes import dump_wishes, values_by_name

_BY_HOST = {
    "jira": (SelectorKind.EPICS, SelectorKind.JQL, SelectorKind.PROJECT, SelectorKind.ISSUES),
    "notion": (SelectorKind.DATABASE, SelectorKind.ROWS),
}
_COMPANIONS = {"subtasks": "jira", "data_source": "notion", "filter": "notion"}
_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9][0-9]*")
_PROJECT = re.compile(r"[A-Z][A-Z0-9_]*")
_BROWSE = re.compile(r"https?://[^/]+/(?:.*/)?browse/([A-Za-z][A-Za-z0-9_]*-[0-9]+)/?(?:[?#].*)?")
_ID = r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_BARE_ID = re.compile(_ID)
_ID_AT_END = re.compile(rf"(?:^|[/-])({_ID})$")  # a page's link ends in Title-<id>
_SKIPPED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\border\s+by\b", re.IGNORECASE | re.DOTALL)


def parse_selector(data: Any, *, where: str, host: str) -> Selector:
    """A selector of this host, exactly one kind. Raises ``InputError``."""
    given = as_mapping(data, where)
    kinds = [kind.value for kind in SelectorKind]
    only_keys(given, (*kinds, *_COMPANIONS), where)
    named = [key for key in given if key in kinds]
    own = _BY_HOST[host]
    fitting = ", ".join(kind.value for kind in own)
    if len(named) != 1:
        what = f"has {' and '.join(named)}" if named else "selects nothing"
        raise InputError(f"{what}; exactly one of {fitting} is needed", where=where)
    kind = SelectorKind(named[0])
    if kind not in own:
        raise InputError(f"{kind.value} cannot be selected in a {host.capitalize()} connection; it has {fitting}", where=where)
    for key, whose in _COMPANIONS.items():
        if given.get(key) is not None and whose != host:
            raise InputError(f"{key} is only for {whose.capitalize()}", where=f"{where}.{key}")
        if whose == "notion" and given.get(key) is not None and kind is not SelectorKind.DATABASE:
            raise InputError(f"{key} belongs to database, not to {kind.value}", where=f"{where}.{key}")
    return check_subtasks(_read(kind, given, f"{where}.{kind.value}", where), given.get("subtasks"), where=f"{where}.subtasks")


def _read(kind: SelectorKind, given: Any, place: str, where: str) -> Selector:
    value = given[kind.value]
    match kind:
        case SelectorKind.EPICS:
            return Selector(kind, epics=_each(value, place, _issue_key))
        case SelectorKind.ISSUES:
            return Selector(kind, issues=_each(value, place, _issue_key))
        case SelectorKind.JQL:
            return Selector(kind, jql=_bounded(as_text(value, place), place))
        case SelectorKind.PROJECT:
            return Selector(kind, project=_project_key(as_text(value, place), place))
        case SelectorKind.ROWS:
            return Selector(kind, rows=_each(value, place, _row_id))
        case SelectorKind.DATABASE:
            source = given.get("data_source")
            return Selector(
                kind,
                database=notion_id(as_text(value, place), place),
                data_source=_source(as_text(source, f"{where}.data_source")) if source is not None else "",
                filter=values_by_name(given.get("filter"), f"{where}.filter"),
            )


def check_subtasks(selector: Selector, value: Any, *, where: str) -> Selector:
    """The selector with ``subtasks`` set; the option stands in the mapping or in its ``select``. Raises ``InputError``."""
    if value is None:
        return selector
    if not isinstance(value, bool):
        raise InputError(f"must be true or false, not {value!r}", where=where)
    if selector.subtasks and not value:
        raise InputError("is both true and false: it stands in the mapping and in its select; keep one", where=where)
    if value and selector.kind not in (SelectorKind.EPICS, SelectorKind.PROJECT):
        raise InputError(f"{selector.kind.value} selects exactly what it names; subtasks is for epics and project", where=where)
    return replace(selector, subtasks=value)


def dump_selector(selector: Selector) -> dict[str, Any]:
    """The canonical form, ``subtasks`` apart: that is written beside the selector."""
    match selector.kind:
        case SelectorKind.EPICS:
            return {"epics": list(selector.epics)}
        case SelectorKind.ISSUES:
            return {"issues": list(selector.issues)}
        case SelectorKind.JQL:
            return {"jql": selector.jql}
        case SelectorKind.PROJECT:
            return {"project": selector.project}
        case SelectorKind.ROWS:
            return {"rows": list(selector.rows)}
        case SelectorKind.DATABASE:
            written: dict[str, Any] = {"database": selector.database}
            if selector.data_source:
                written["data_source"] = selector.data_source
            if selector.filter:
                written["filter"] = dump_wishes(selector.filter)
            return written


def notion_id(text: str, where: str, *, row: bool = False) -> str:
    """A Notion id (dashed or not, or the page's or database's URL) as dashed lower-case. Raises ``InputError``.

    In a URL the id ends the path. ``?v=`` is a view and never the database; ``?p=`` is the row that is opened beside the
    database, which is meant when a ``row`` is asked for.
    """
    try:
        parts = urlsplit(text.strip().lower())
        peek = parse_qs(parts.query).get("p", [""])[0] if row else ""
    except ValueError:  # brackets in the host part, or far too many parameters
        parts, peek = urlsplit(""), ""
    found = _ID_AT_END.search(peek or parts.path.rstrip("/"))
    if not found:
        raise InputError(f"{text!r} is not a Notion id; copy the link of the database or page, or its 32 characters", where=where)
    plain = found.group(1).replace("-", "")
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def _row_id(text: str, where: str) -> str:
    return notion_id(text, where, row=True)


def without_order(jql: str) -> str:
    """JQL without its ORDER BY; words inside quotes are left alone."""
    for found in _SKIPPED.finditer(jql):
        if found.group()[0] not in "\"'":
            return jql[: found.start()].strip()
    return jql.strip()


def _bounded(jql: str, where: str) -> str:
    if not without_order(jql):
        raise InputError("this JQL has no restriction, and Jira refuses that; add one, such as project = ACME", where=where)
    return jql


def _each(value: Any, where: str, read: Callable[[str, str], str]) -> tuple[str, ...]:
    """Each entry read, each once."""
    return tuple(dict.fromkeys(read(text, f"{where}[{index}]") for index, text in enumerate(texts(value, where))))


def _issue_key(text: str, where: str) -> str:
    browse = _BROWSE.fullmatch(text)
    key = (browse.group(1) if browse else text).upper()
    if not _KEY.fullmatch(key):
        raise InputError(f"{text!r} does not look like an issue key such as ACME-12", where=where)
    return key


def _project_key(text: str, where: str) -> str:
    key = text.upper()
    if not _PROJECT.fullmatch(key):
        raise InputError(f"{text!r} does not look like a project key such as ACME", where=where)
    return key


def _source(text: str) -> str:
    """A data source's id in its normal form; anything else is taken as its name."""
    plain = text.lower().removeprefix("collection://")
    if _BARE_ID.fullmatch(plain):
        return notion_id(plain, "")
    return text
