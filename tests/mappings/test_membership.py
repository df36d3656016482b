"""Which items belong to a mapping, and which fields it needs."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.model import Unknown
from connector.hosts.base import Resolution
from mappings.rules import Resolved, belongs, doneness, field_names, unknown_filter
from tests.mappings.make import (
    DATABASE,
    DONE,
    EPIC,
    JIRA_RESOLVED,
    NEW,
    NOTION_RESOLVED,
    OTHER_EPIC,
    ROW,
    STARTED,
    UNDEFINED,
    item,
    jira,
    notion,
    row,
)


@pytest.mark.parametrize(
    ("more", "subtasks", "ancestors", "expected"),
    [
        ({}, False, (), True),
        ({"parents": (OTHER_EPIC,)}, False, (), True),
        ({"parents": ("999",)}, False, (), False),
        ({"parents": ()}, False, (), False),
        ({"kind": "subtask"}, False, (), False),
        ({"kind": "subtask"}, True, (), True),
        ({"kind": "subtask", "parents": ("12",)}, False, (EPIC,), False),
        ({"kind": "subtask", "parents": ("12",)}, True, (EPIC,), True),
        ({"kind": "subtask", "parents": ("12",)}, True, ("999",), False),
        ({"kind": "epic"}, False, (), True),  # an epic below the named one is its child
    ],
)
def test_children_of_epics(more: dict[str, Any], subtasks: bool, ancestors: tuple[str, ...], expected: bool) -> None:
    assert belongs(jira(subtasks=subtasks), JIRA_RESOLVED, item(12, **more), ancestors=ancestors) is expected


@pytest.mark.parametrize("subtasks", [False, True])
def test_a_named_epic_is_no_child_even_below_another_named_one(subtasks: bool) -> None:
    assert not belongs(jira(subtasks=subtasks), JIRA_RESOLVED, item(OTHER_EPIC, kind="epic", parents=(EPIC,)))


def test_only_the_host_decides_about_jql() -> None:
    rule = jira(select={"jql": "project = ACME"})
    assert [belongs(rule, JIRA_RESOLVED, item(1), told=told) for told in (True, False, None)] == [True, False, False]


@pytest.mark.parametrize(
    ("more", "subtasks", "expected"),
    [
        ({}, False, True),
        ({"container": "OPS"}, False, False),
        ({"kind": "epic"}, True, False),
        ({"kind": "subtask"}, False, False),
        ({"kind": "subtask"}, True, True),
    ],
)
def test_issues_of_a_project(more: dict[str, Any], subtasks: bool, expected: bool) -> None:
    rule = jira(select={"project": "ACME"}, subtasks=subtasks)
    assert belongs(rule, Resolved(containers=("ACME",)), item(1, **more)) is expected
    assert belongs(rule, Resolved(), item(1, **more)) is expected


def test_named_issues_and_rows() -> None:
    assert belongs(jira(select={"issues": ["ACME-12"]}), JIRA_RESOLVED, item(12))
    assert not belongs(jira(select={"issues": ["ACME-12"]}), JIRA_RESOLVED, item(13))
    assert belongs(notion(select={"rows": [ROW]}), NOTION_RESOLVED, row(ROW))
    assert not belongs(notion(select={"rows": [ROW]}), NOTION_RESOLVED, row("other"))


@pytest.mark.parametrize(
    ("wish", "fields", "member", "unknown"),
    [
        ({"Stage": "Won"}, {"sg": "Won"}, True, False),
        ({"Stage": "Won"}, {"sg": "won"}, False, False),
        ({"Stage": ["Lost", "Won"]}, {"sg": "Won"}, True, False),
        ({"Stage": "Won"}, {"sg": None}, False, False),
        ({"Stage": "Won"}, {"sg": Unknown("cut")}, False, True),
        ({"Stage": "Won"}, {}, False, True),  # the property was not read
        ({"Nowhere": "Won"}, {"sg": "Won"}, False, True),
        ({"Stage": "Won", "Seats": 5}, {"sg": Unknown("cut"), "n1": 6.0}, False, False),  # it cannot match whatever the stage is
        ({"Stage": "Won", "Seats": 5}, {"sg": Unknown("cut"), "n1": 5.0}, False, True),
        ({"Seats": 5}, {"n1": 5.0}, True, False),
        ({"Seats": "5"}, {"n1": 5.0}, True, False),
        ({"Seats": "many"}, {"n1": 5.0}, False, False),
        ({"Stage": 2026}, {"sg": "2026"}, True, False),
        ({"Shipped": True}, {"cb": True}, True, False),
        ({"Shipped": True}, {"cb": False}, False, False),
        ({"Shipped": 1}, {"cb": True}, False, False),
        ({"Seats": True}, {"n1": 1.0}, False, False),
        ({"Tags": "b"}, {"tg": ("a", "b")}, True, False),
        ({"Tags": "b"}, {"tg": ()}, False, False),
    ],
)
def test_rows_by_filter(wish: dict[str, Any], fields: dict[str, Any], member: bool, unknown: bool) -> None:
    rule = notion(select={"database": DATABASE, "filter": wish})
    assert belongs(rule, NOTION_RESOLVED, row(1, fields=fields)) is member
    assert unknown_filter(rule, NOTION_RESOLVED, row(1, fields=fields)) is unknown


def test_rows_of_another_data_source_never_belong() -> None:
    assert belongs(notion(), NOTION_RESOLVED, row(1))
    assert not belongs(notion(), NOTION_RESOLVED, row(1, container="elsewhere"))
    assert not unknown_filter(
        notion(select={"database": DATABASE, "filter": {"Stage": "Won"}}), NOTION_RESOLVED, row(1, container="elsewhere")
    )
    assert not unknown_filter(jira(), JIRA_RESOLVED, item(1))


def test_the_resolution_of_the_host_seam_fits() -> None:
    assert belongs(jira(), Resolution(refs={"ACME-1": EPIC}), item(1))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (jira(), ()),
        (jira("points_share"), ("",)),
        (jira("points_done", points=["Story Points", "Estimate"]), ("Story Points", "Estimate")),
        (jira({"sum": "Seats"}), ("Seats",)),
        (notion(), ()),
        (notion("points_done", points="Seats"), ("Seats",)),
        (notion({"sum": "Seats"}, {"database": DATABASE, "filter": {"Stage": "Won", "Seats": 1}}), ("Seats", "Stage")),
        (notion({"checked_share": "Shipped"}, done={"Stage": "Won"}), ("Shipped", "Stage")),
        (notion("checked_share", checkbox="Shipped"), ("Shipped",)),
        (notion(status="Stage"), ("Stage",)),
    ],
)
def test_field_names(rule: Any, expected: tuple[str, ...]) -> None:
    assert field_names(rule) == expected


@pytest.mark.parametrize(
    ("options", "category", "fields", "expected"),
    [
        ({}, DONE, {}, True),
        ({}, STARTED, {}, False),
        ({}, UNDEFINED, {}, None),
        ({"done": {"Stage": ["Won", "Paid"]}}, NEW, {"sg": "Paid"}, True),
        ({"done": {"Stage": "Won"}}, DONE, {"sg": "Lost"}, False),
        ({"done": {"Stage": "Won"}}, DONE, {"sg": Unknown("cut")}, None),
        ({"checkbox": "Shipped"}, NEW, {"cb": True}, True),
        ({"checkbox": "Shipped"}, DONE, {"cb": False}, False),
        ({"status": "Other"}, DONE, {"st2": "Ready"}, None),  # the category stems from another property
    ],
)
def test_what_done_means_in_notion(options: dict[str, Any], category: Any, fields: dict[str, Any], expected: bool | None) -> None:
    assert doneness(notion(**options), NOTION_RESOLVED, row(1, category, fields=fields)) is expected


def test_a_status_property_that_the_host_used_itself_decides() -> None:
    resolved = Resolved(fields={"": ("st",), "Progress": ("st",)})
    assert doneness(notion(status="Progress"), resolved, row(1, DONE)) is True


def test_a_status_called_done_is_not_done() -> None:
    assert doneness(jira(), JIRA_RESOLVED, item(1, STARTED, status="Done", resolution="Done")) is False
    assert doneness(jira(), JIRA_RESOLVED, item(1, DONE, status="Erledigt")) is True
