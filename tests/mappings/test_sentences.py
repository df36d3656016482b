"""The rule of a mapping as a sentence with its sum."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.measures import measure
from mappings.rules import Draft
from mappings.sentences import listed, rule_sentence, scope
from tests.mappings.make import DATABASE, DONE, JIRA_RESOLVED, NEW, NOTION_RESOLVED, ROW, SOURCE, item, jira, notion


def said(rule: Draft, items: list[Any], names: dict[str, str] | None = None) -> str:
    answer = measure(rule, JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED, items)
    return "".join(text for text, _ in rule_sentence(rule, answer, names))


def sized(ref: int, number: float | None, category: Any = DONE) -> Any:
    return item(ref, category, fields={"n1": number})


def test_a_share_says_what_of_what() -> None:
    assert said(jira(), [item(1, DONE), item(2, NEW)]) == "Share done of the direct children of ACME-1 and ACME-7: 1 of 2 = 50\u00a0%."


def test_a_sum_lists_its_addends_until_they_are_many() -> None:
    rule = jira({"sum": "Seats", "of": "done"}, {"epics": ["ACME-1"]})
    assert (
        said(rule, [sized(1, 60), sized(2, 80), sized(3, 9, NEW)]) == "Sum of Seats over the done direct children of ACME-1: 60 + 80 = 140."
    )
    assert said(rule, [sized(ref, 10) for ref in range(20)]).endswith(": 200 from 20.")
    assert rule_sentence(rule, measure(rule, JIRA_RESOLVED, []))[2] == ("Seats", True)


def test_nothing_known_gives_no_sum() -> None:
    assert said(jira(), []) == "Share done of the direct children of ACME-1 and ACME-7."


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (jira(subtasks=True), "children and subtasks of ACME-1 and ACME-7"),
        (jira(select={"project": "ACME"}), "issues of project ACME"),
        (jira(select={"jql": "project = ACME"}), "issues that match the JQL"),
        (jira(select={"issues": ["ACME-12"]}), "issues ACME-12"),
        (notion(select={"rows": [ROW]}), "1 named row"),
        (notion("count", {"database": DATABASE}), "rows of Deals"),
        (
            notion("count", {"database": DATABASE, "filter": {"Stage": ["Won", "Lost"], "Shipped": True, "Seats": 5}}),
            "rows of Deals where Stage is Won or Lost and Shipped is checked and Seats is 5",
        ),
    ],
)
def test_which_items_in_words(rule: Draft, words: str) -> None:
    assert scope(rule.selector, {SOURCE: "Deals"}) == words


def test_a_database_without_a_known_name() -> None:
    assert scope(notion("count").selector) == "rows of the database"


def test_long_lists_are_cut() -> None:
    assert listed(("A",)) == "A"
    assert listed(("A", "B", "C", "D")) == "A, B, C and D"
    assert listed(("A", "B", "C", "D", "E")) == "A, B, C and 2 more"
