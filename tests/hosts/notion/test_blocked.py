"""What holds a Notion row up, by the names of its properties; asked for with the others, and unknown where it was not."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.model import Blocked, BlockingLink, Category, Unknown
from connector.hosts.notion.blocked import about_blocks, read_blocked
from connector.hosts.notion.schema import Property, Schema, read_schema

OTHER = "11111111-1111-1111-1111-111111111111"


def schema(*props: Property) -> Schema:
    return Schema("source", "Deals", "database", {prop.id: prop for prop in props})


def read(kind: str, name: str, value: Any, category: Category = Category.STARTED, status: str | None = None) -> Any:
    return read_blocked({"p": (name, {"id": "p", "type": kind, kind: value})}, schema(Property("p", name, kind)), status, category)


@pytest.mark.parametrize(
    ("kind", "name", "value", "flag"),
    [
        ("checkbox", "Blocked", True, True),
        ("checkbox", "Blocked", False, False),
        ("checkbox", "Blocked", None, False),
        ("select", "Is blocked", {"name": "Yes"}, True),
        ("select", "Is blocked", {"name": "No"}, False),
        ("select", "Is blocked", None, False),
        ("status", "Blocked?", {"name": "Blocked"}, True),
        ("status", "Blocked?", {"name": "Not blocked"}, False),
        ("checkbox", "Done", True, False),
        ("select", "Blocked", ["a shape of its own"], False),
    ],
)
def test_a_property_that_says_so(kind: str, name: str, value: Any, flag: bool) -> None:
    assert read(kind, name, value) == (Blocked(flag=True) if flag else None)


def test_a_relation_names_the_rows_and_leaves_open_whether_they_are_done() -> None:
    assert read("relation", "Blocked by", [{"id": OTHER.replace("-", "")}, {"id": 3}, "x"]) == Blocked(links=(BlockingLink(OTHER),))
    assert read("relation", "Blocked by", []) is None
    assert read("relation", "Blocking", [{"id": OTHER}]) is None
    assert not about_blocks(Property("p", "Blocking", "relation"))


def test_a_status_among_those_in_progress() -> None:
    assert read("number", "Seats", 3, status="Blocked") == Blocked(status="Blocked")
    assert read("number", "Seats", 3, Category.NEW, status="Blocked") is None


def test_what_is_done_waits_for_nothing_and_what_was_not_asked_is_not_known() -> None:
    assert read("checkbox", "Blocked", True, Category.DONE) is None
    told = read_blocked({}, schema(Property("p", "Blocked", "checkbox")), None, Category.STARTED)
    assert isinstance(told, Unknown)
    assert read_blocked({}, None, None, Category.UNDEFINED) is None


def test_a_lone_checkbox_about_blocks_does_not_say_what_is_done() -> None:
    answer = {"id": OTHER, "title": [], "properties": {"Blocked": {"id": "p", "type": "checkbox", "checkbox": {}}}}
    assert read_schema(answer).done_ids == ()
