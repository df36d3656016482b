"""Conditions: read and written back, said in words, asked of values."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Unknown
from connector.errors import InputError
from mappings.conditions import day_of, holds, window
from mappings.rules import Op, Resolved, belongs, dump_mapping, explain, field_names, matches, measure, unknown_filter
from mappings.terms import Condition
from mappings.wishes import dump_wishes, parse_condition, values_by_name, wishes_text
from tests.mappings.make import DATABASE, DONE, NEW, SOURCE, jira, notion, row

CLOCK = {"zone": "Europe/Berlin", "today": "2026-11-22", "begin": "2026-10-01", "end": "2026-12-31"}


def read(**tests: Any) -> Condition:
    return parse_condition(tests, "w")


def ask(value: Any, grouped: Any = None, /, **tests: Any) -> bool | None:
    return holds(read(**tests), value, grouped, {"ben@acme.example": "u1", "https://notion.so/x": "p1"}, CLOCK)


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ({"group": "Complete"}, "Stage is in the group Complete"),
        ({"at_least": 5, "below": 10}, "Stage is at least 5 and is below 10"),
        ({"between": [5, 10]}, "Stage is at least 5 and is at most 10"),
        ({"between": [date(2026, 10, 1), "2026-12-31"]}, "Stage is on or after 1 Oct 2026 and is on or before 31 Dec 2026"),
        ({"<": 5}, "Stage is below 5"),
        ({"last_days": 30}, "Stage is in the last 30 days"),
        ({"next_days": 1}, "Stage is today"),
        ({"cycle": "this"}, "Stage is in this cycle"),
        ({"all": ["a", "b"]}, "Stage has a and b"),
        ({"not": ["Lost", 2024]}, "Stage is not Lost or 2024"),
        ({"contains": "renewal"}, "Stage contains “renewal”"),
        ({"person": "ben@acme.example"}, "Stage has ben@acme.example"),
        ({"empty": False}, "Stage is not empty"),
    ],
)
def test_a_condition_is_read_said_and_written_back(tests: dict[str, Any], words: str) -> None:
    condition = parse_condition(tests, "w")
    assert wishes_text({"Stage": (condition,)}) == words
    assert parse_condition(dump_wishes({"Stage": (condition,)})["Stage"][0], "w") == condition


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ({}, "empty"),
        ({"is": 5}, "unknown test"),
        ({True: 5}, "unknown test"),
        ({"at_least": "5"}, "must be a number"),
        ({"before": "soon"}, "not a day"),
        ({"last_days": 0}, "whole number of days"),
        ({"last_days": 2.5}, "whole number of days"),
        ({"cycle": "next"}, "only this cycle"),
        ({"between": [1]}, "two ends"),
        ({"between": [1, 2], "at_least": 1}, "said twice"),
        ({"at_least": 10, "below": 5}, "no number"),
        ({"after": "2026-12-01", "before": "2026-11-01"}, "no day"),
        ({"empty": True, "at_least": 5}, "nothing can be empty"),
        ({"empty": "yes"}, "true or false"),
        ({"all": []}, "list is empty"),
        ({"group": 5}, "must be text"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(tests: dict[Any, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_condition(tests, "w")


@pytest.mark.parametrize(
    ("value", "tests", "expected"),
    [
        (5.0, {"at_least": 5}, True),
        (5.0, {"above": 5}, False),
        (None, {"below": 5}, False),
        (Unknown("rollup incomplete"), {"below": 5}, None),
        ("2026-11-22", {"last_days": 1}, True),
        ("2026-11-21", {"last_days": 1}, False),
        ("2026-11-23", {"last_days": 30}, False),
        ("2026-11-23", {"next_days": 2}, True),
        ("2026-11-21T23:30:00.000Z", {"last_days": 1}, True),  # in Berlin it is the 22nd by then
        ("2026-12-31T23:30:00+01:00", {"cycle": "this"}, True),
        ("2027-01-01", {"cycle": "this"}, False),
        (None, {"cycle": "this"}, False),
        ("nonsense", {"cycle": "this"}, None),
        ("2026-10-01", {"on_or_after": "2026-10-01"}, True),
        ("2026-10-01", {"after": "2026-10-01"}, False),
        (("a", "b", "c"), {"all": ["a", "c"]}, True),
        (("a",), {"all": ["a", "c"]}, False),
        ("Won", {"not": ["Lost"]}, True),
        (None, {"not": ["Lost"]}, True),
        (("u1", "u2"), {"person": "ben@acme.example"}, True),
        (("p1",), {"page": "https://notion.so/x"}, True),
        ("Annual Renewal", {"contains": "renewal"}, True),
        ((), {"empty": True}, True),
        ("", {"empty": False}, False),
        (0.0, {"empty": False}, True),
    ],
)
def test_what_a_condition_says_of_a_value(value: Any, tests: dict[str, Any], expected: bool | None) -> None:
    assert ask(value, **tests) is expected


def test_a_group_is_told_by_its_name_or_its_meaning() -> None:
    assert ask("Won", ("Complete", "done"), group="complete") is True
    assert ask("Gewonnen", ("Fertig", "done"), group="Complete") is True
    assert ask("Gewonnen", ("Fertig", "done"), group="Fertig") is True
    assert ask("Doing", ("In progress", "started"), group="Complete") is False
    assert ask(None, None, group="Complete") is False
    assert ask("Brand new", Unknown("no group"), group="Complete") is None


def test_a_window_without_a_cycle_or_a_day_is_not_known() -> None:
    assert window(Op.CYCLE, "this", {"today": "2026-11-22"}) is None
    assert window(Op.LAST_DAYS, 3.0, {}) is None
    assert window(Op.BEFORE, "0001-01-01", CLOCK) is None
    assert day_of("2026-11-21T23:30:00.000Z", "Nowhere/Here") == date(2026, 11, 21)


def test_a_row_whose_window_nobody_knows_is_told_apart() -> None:
    rule = notion(select={"database": DATABASE, "filter": {"Due": {"cycle": "this"}}})
    resolved = Resolved(fields={"Due": ("du",)}, containers=(SOURCE,))
    due = row(1, fields={"du": "2026-11-01"})
    assert not belongs(rule, resolved, due)
    assert unknown_filter(rule, resolved, due)
    assert belongs(rule, Resolved(fields={"Due": ("du",)}, containers=(SOURCE,), clock=CLOCK), due)


def test_any_of_several_wishes_will_do_and_one_that_is_unknown_keeps_it_open() -> None:
    resolved = Resolved(fields={"Stage": ("sg",), "Stage#group": ("sg#group",)})
    wishes = values_by_name({"Stage": ["Won", {"group": "In progress"}]}, "w")
    assert matches(resolved, row(1, fields={"sg": "Won", "sg#group": Unknown("?")}), wishes) is True
    assert matches(resolved, row(1, fields={"sg": "Doing", "sg#group": ("In progress", "started")}), wishes) is True
    assert matches(resolved, row(1, fields={"sg": "Doing", "sg#group": Unknown("?")}), wishes) is None
    assert matches(resolved, row(1, fields={"sg": "Lost", "sg#group": ("Complete", "done")}), wishes) is False


def test_a_plain_day_is_also_a_time_on_that_day() -> None:
    resolved = Resolved(fields={"Due": ("du",)}, clock=CLOCK)
    wishes = values_by_name({"Due": date(2026, 11, 22)}, "w")
    for text, expected in (("2026-11-22", True), ("2026-11-21T23:30:00.000Z", True), ("2026-11-22T23:30:00.000Z", False)):
        assert matches(resolved, row(1, fields={"du": text}), wishes) is expected


def test_an_option_that_was_renamed_is_looked_for_by_its_name_now() -> None:
    resolved = Resolved(fields={"Stage": ("sg",)}, options={"Stage": {"Won": "Closed won", "Lost": "Lost"}})
    now = row(1, fields={"sg": "Closed won"})
    assert matches(resolved, now, values_by_name({"Stage": "Won"}, "w")) is True
    assert matches(resolved, now, values_by_name({"Stage": {"not": ["Won"]}}, "w")) is False
    assert matches(resolved, row(2, fields={"sg": "Won"}), values_by_name({"Stage": "Won"}, "w")) is False


def test_a_mapping_with_conditions_says_what_it_reads_and_survives_storing() -> None:
    rule = notion(
        select={"database": DATABASE, "filter": {"Stage": {"group": "Complete"}, "Due": {"last_days": 7}}},
        done={"State": {"group": "Done"}},
    )
    assert field_names(rule) == ("Stage", "Due", "State", "Stage#group", "State#group")
    assert dump_mapping(rule)["select"]["filter"] == {"Stage": [{"group": "Complete"}], "Due": [{"last_days": 7.0}]}
    written = dump_mapping(rule)
    assert notion(written["measure"], written["select"], done=written["done"]) == rule


@given(st.one_of(st.none(), st.text(), st.floats(allow_nan=False), st.booleans(), st.lists(st.text()).map(tuple)))
def test_no_value_breaks_a_test(value: Any) -> None:
    for tests in ({"at_least": 1}, {"last_days": 3}, {"cycle": "this"}, {"contains": "a"}, {"all": ["a"]}, {"not": "a"}, {"empty": True}):
        assert ask(value, **tests) in (True, False, None)
    assert ask(value, value, group="Complete") in (True, False)


def test_a_doubt_goes_with_a_number_that_notion_computes() -> None:
    rule = notion({"sum": "Hours", "of": "all"})
    resolved = Resolved(fields={"Hours": ("hr",)}, containers=(SOURCE,), computed={"Hours": "rollup"})
    answer = measure(rule, resolved, [row(1, DONE, fields={"hr": 3.0}), row(2, NEW, fields={"hr": Unknown("rollup incomplete")})])
    assert "“Hours” is computed by Notion, which looks at no more than 25 related rows" in explain(rule, answer)
    assert measure(rule, Resolved(fields={"Hours": ("hr",)}), [row(1, fields={"hr": 3.0})]).doubt == ""


def test_the_latest_number_by_a_date_property() -> None:
    rule = notion({"latest": "Users", "by": "Measured on"})
    assert field_names(rule) == ("Users", "Measured on")
    assert dump_mapping(rule)["measure"] == {"latest": "Users", "by": "Measured on"}
    resolved = Resolved(fields={"Users": ("us",), "Measured on": ("on",)})
    rows = [
        row(1, minutes=90, fields={"us": 10.0, "on": "2026-10-01"}),
        row(2, fields={"us": 30.0, "on": "2026-11-01T09:00:00+02:00"}),
        row(3, minutes=99, fields={"us": 99.0, "on": None}),
    ]
    answer = measure(rule, resolved, rows)
    assert answer.value == 30.0
    assert explain(rule, answer).startswith("latest of “Users” by “Measured on” over")
    nothing = measure(rule, resolved, rows[2:])
    assert (nothing.value, nothing.unknown) == (None, "1 item without a number in “Users” on a day in “Measured on”")
    with pytest.raises(InputError, match="only latest"):
        notion({"sum": "Users", "by": "Measured on"})
    with pytest.raises(InputError, match="only for Notion"):
        jira({"latest": "Users", "by": "Measured on"})
