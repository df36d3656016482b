"""Short ways to build items, drafts and resolutions for the tests of mappings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connector.domain.model import Category, FieldValue, Item
from mappings.rules import Draft, Resolved, parse_mapping

NEW, STARTED, DONE, UNDEFINED = Category.NEW, Category.STARTED, Category.DONE, Category.UNDEFINED
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
DATABASE = "0123abcd-0123-4567-89ab-0123456789ab"
SOURCE = "5555abcd-0123-4567-89ab-0123456789ab"
ROW = "7777abcd-0123-4567-89ab-0123456789ab"
EPIC = "100"  # the ref of ACME-1
OTHER_EPIC = "700"  # the ref of ACME-7

JIRA_RESOLVED = Resolved(
    refs={"ACME-1": EPIC, "ACME-7": OTHER_EPIC, "ACME-12": "12"},
    fields={"": ("p1", "p2"), "Story Points": ("p1",), "Estimate": ("p2",), "Seats": ("n1",)},
    containers=(),
)
NOTION_RESOLVED = Resolved(
    refs={ROW: ROW},
    fields={"": ("st",), "Stage": ("sg",), "Seats": ("n1",), "Shipped": ("cb",), "Tags": ("tg",), "Other": ("st2",)},
    containers=(SOURCE,),
)


def item(ref: str | int, category: Category = NEW, *, minutes: int = 0, **more: Any) -> Item:
    """An issue below ACME-1 unless told otherwise. ``minutes`` after noon is its last change."""
    fields: dict[str, FieldValue] = more.pop("fields", {})
    settings: dict[str, Any] = {"kind": "issue", "container": "ACME", "parents": (EPIC,), "updated_at": NOON + timedelta(minutes=minutes)}
    settings.update(more)
    return Item(ref=str(ref), key=f"ACME-{ref}", title=f"Item {ref}", url=f"https://x/{ref}", category=category, fields=fields, **settings)


def row(ref: str | int, category: Category = NEW, **more: Any) -> Item:
    return item(ref, category, **{"kind": "row", "container": SOURCE, "parents": (), **more})


def jira(measure: Any = "done_share", select: Any = None, **options: Any) -> Draft:
    data = {"connection": "acme-jira", "select": select or {"epics": ["ACME-1", "ACME-7"]}, "measure": measure, **options}
    return parse_mapping(data, where="mappings[0]", host="jira")


def notion(measure: Any = "done_share", select: Any = None, **options: Any) -> Draft:
    data = {"connection": "acme-notion", "select": select or {"database": DATABASE}, "measure": measure, **options}
    return parse_mapping(data, where="mappings[0]", host="notion")
