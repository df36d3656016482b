"""Small shapes of the stand-in's JSON: moments, statuses, changelog items. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

CATEGORIES: Mapping[str, tuple[int, str, str, str]] = {
    "undefined": (1, "medium-gray", "No Category", "Unknown"),
    "new": (2, "blue-gray", "To Do", "To Do"),
    "done": (3, "green", "Done", "Done"),
    "indeterminate": (4, "yellow", "In Progress", "In Progress"),
}


def jira_time(moment: datetime) -> str:
    """A moment as Jira writes it: ``2021-09-06T04:34:26.239+0000``."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def status_json(name: str, category: str) -> dict[str, Any]:
    """A status as Jira's answers hold it."""
    number, colour, title, _ = CATEGORIES[category]
    return {
        "id": status_id(name, category),
        "name": name,
        "statusCategory": {"id": number, "key": category, "colorName": colour, "name": title},
    }


def status_id(name: str, category: str) -> str:
    """The id of a status: one per name and category."""
    return str(10000 + CATEGORIES[category][0] * 100 + sum(name.encode()) % 100)


def item(
    field: str, before: Any, after: Any, old: Any = None, new: Any = None, *, field_id: str = "", fieldtype: str = "jira"
) -> dict[str, Any]:
    """One changed field of a changelog: what was shown before and after, and the ids ``old`` and ``new``."""
    item = {
        "field": field,
        "fieldtype": fieldtype,
        "from": old,
        "fromString": None if before is None else str(before),
        "to": new,
        "toString": None if after is None else str(after),
    }
    return {**item, "fieldId": field_id} if field_id else item
