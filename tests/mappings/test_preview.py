"""What an admin sees before saving: the sentence, the rows and the warnings."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.model import Definition, Kind
from mappings.preview import Candidate, Preview, preview
from mappings.rules import Draft
from tests.mappings.make import DONE, EPIC, JIRA_RESOLVED, NEW, NOTION_RESOLVED, STARTED, UNDEFINED, item, jira, notion, row

PERCENT = Definition(unit="%", start=0, target=100)
ACCOUNTS = Definition(unit="accounts", start=0, target=1200)
JQL = {"jql": "project = ACME"}


def shown(rule: Draft, items: list[Any], definition: Definition = PERCENT, current: float | None = 31, **more: Any) -> Preview:
    return preview([Candidate(rule, JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED, items)], definition, current, **more)


def many(done: int, rest: int, **more: Any) -> list[Any]:
    return [*(item(ref, DONE, **more) for ref in range(1, done + 1)), *(item(ref, NEW, **more) for ref in range(1000, 1000 + rest))]


def codes(answer: Preview) -> list[str]:
    return [notice.code for notice in answer.warnings]


def test_the_sentence_of_the_form() -> None:
    assert shown(jira(), many(17, 25)).sentence == "42 items match, 17 done: the value would go from 31 to 40"
    sized = [*many(15, 25, fields={"n1": 1.0}), item(500, DONE), item(501, DONE)]
    answer = shown(jira({"sum": "Seats"}), sized, Definition(unit="seats", start=0, target=30))
    assert answer.sentence == "42 items match, 17 done, 2 without a number: the value would go from 31 to 40"
    assert (answer.before, answer.after) == (31, 40)


@pytest.mark.parametrize(
    ("items", "current", "end"),
    [
        (many(1, 1), None, "the value would be 50"),
        (many(1, 1), 50, "the value stays 50"),
        (many(1, 2), 33, "the value would go from 33 to 33.3"),
        (many(1, 2), 33.33333, "the value stays 33"),
        ([], 31, "the value would not be known and no longer 31: no items: the epics have no children"),
        ([], None, "the value would not be known: no items: the epics have no children"),
    ],
)
def test_the_end_of_the_sentence(items: list[Any], current: float | None, end: str) -> None:
    assert shown(jira(), items, current=current).sentence.partition(": ")[2] == end


def test_a_context_mapping_leaves_the_value() -> None:
    answer = shown(jira("count", JQL, mode="context"), many(1, 2))
    assert answer.sentence == "3 items match, 1 done: context only, the value stays 31"
    assert (answer.before, answer.after) == (31, 31)
    assert answer.explanations == ("3 items match → 3",)


def test_the_rows_say_what_is_in_the_number() -> None:
    items = [
        item(1, DONE, status="Done", fields={"n1": 60.0}),
        item(2, DONE, status="Won’t do", resolution="Won't do", fields={"n1": 0.0}),
        item(3, STARTED, fields={"n1": 140.0}),
        item(4, NEW),
        item(5, UNDEFINED, fields={"n1": 1.5}),
    ]
    answer = shown(jira({"sum": "Seats", "of": "done"}), items, ACCOUNTS)
    assert [(line.key, line.number_text, line.standing, line.wont_do) for line in answer.rows] == [
        ("ACME-1", "60", "counted", False),
        ("ACME-2", "0", "counted", True),
        ("ACME-3", "140", "not yet", False),
        ("ACME-4", "–", "not yet", False),
        ("ACME-5", "1.5", "unknown", False),
    ]
    excluded = shown(jira({"sum": "Seats"}, wont_do="exclude"), items, ACCOUNTS)
    assert excluded.rows[1].standing == "left out"
    assert shown(jira(), items).rows[0].number_text == ""


def test_an_item_of_two_mappings_is_shown_as_counted_elsewhere() -> None:
    items = [item(1, DONE), item(2)]
    answer = preview(
        [Candidate(jira(), JIRA_RESOLVED, items), Candidate(jira(select=JQL), JIRA_RESOLVED, [*items, item(3)])], PERCENT, None
    )
    assert [(line.mapping, line.ref, line.standing) for line in answer.rows] == [
        (0, "1", "counted"),
        (0, "2", "not yet"),
        (1, "1", "counted elsewhere"),
        (1, "2", "counted elsewhere"),
        (1, "3", "not yet"),
    ]
    assert codes(answer) == ["overlap"]
    assert answer.after == pytest.approx(100 / 3)
    assert len(answer.explanations) == len(answer.measurements) == 2


def test_an_epic_by_its_own_status_has_a_row() -> None:
    epic = item(EPIC, DONE, kind="epic", parents=())
    answer = preview([Candidate(jira(empty="own_status"), JIRA_RESOLVED, [], epics=[epic])], PERCENT, None)
    assert [line.title for line in answer.rows] == ["Item 100"]
    assert answer.after == 100


@pytest.mark.parametrize(
    ("rule", "items", "definition", "expected"),
    [
        (jira(), many(1, 1), PERCENT, []),
        (jira(), [], PERCENT, ["empty"]),
        (jira("count", JQL), [], Definition(start=0, target=5), ["empty"]),
        (jira(), [item(1, UNDEFINED)], PERCENT, ["unknown", "status"]),
        (jira({"max": "Seats"}), [item(1, UNDEFINED, fields={"n1": 1.0})], PERCENT, []),
        (jira(), many(1, 1), ACCOUNTS, ["unit"]),
        (jira(), many(1, 1), Definition(unit="", start=0, target=1), []),
        (jira(), many(1, 1), Definition(unit="%", start=0, target=1), ["unit"]),
        (jira("done_count"), many(90, 20), PERCENT, ["unit"]),
        (jira("done_count", mode="context"), many(90, 20), PERCENT, []),
        (jira({"mean": "Seats"}), [item(1, fields={"n1": 1.0}), item(2)], PERCENT, []),
        (jira({"mean": "Seats"}), [item(1, fields={"n1": 1.0}), item(2), item(3)], PERCENT, ["numbers"]),
        (jira("done_count"), many(1, 1), ACCOUNTS, ["reach"]),
        (jira("done_count"), many(1, 1), Definition(start=10, target=1), []),
        (jira("done_count"), many(1, 1), Definition(kind=Kind.AT_MOST, target=1200), []),
        (jira("count"), many(1, 1), ACCOUNTS, []),
        (jira({"sum": "Seats", "of": "done"}), [item(1, DONE, fields={"n1": 700.0}), item(2, fields={"n1": 500.0})], ACCOUNTS, []),
    ],
)
def test_warnings(rule: Draft, items: list[Any], definition: Definition, expected: list[str]) -> None:
    assert codes(shown(rule, items, definition)) == expected


def test_the_ceiling_is_told_in_numbers() -> None:
    items = [item(1, DONE, fields={"n1": 430.0}), item(2, fields={"n1": 230.0})]
    assert shown(jira({"sum": "Seats", "of": "done"}), items, ACCOUNTS).warnings[-1].text == (
        "with every item done the value would be 660, and the target is 1\u2009200"
    )


def test_double_counting_inside_one_objective_is_told_once_per_key_result() -> None:
    elsewhere = {"Churn": {("acme-jira", "1"), ("acme-jira", "1000")}, "Other": {("other-jira", "1")}}
    answer = shown(jira(), many(1, 1), elsewhere=elsewhere)
    assert [notice.text for notice in answer.warnings] == ["2 items also feed “Churn” of the same objective: the work counts twice there"]
    assert codes(shown(jira("count", JQL, mode="context"), many(1, 1), elsewhere=elsewhere)) == []


def test_rows_with_an_unreadable_filter_are_told() -> None:
    answer = preview([Candidate(notion(), NOTION_RESOLVED, [row("a", DONE)], unknown_members=2)], PERCENT, None)
    assert codes(answer) == ["filter"]
