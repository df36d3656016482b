"""Every measure with its edges: unknown is a reason, never 0."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.model import Item, Unknown
from mappings.rules import Draft, explain, measure, unmeasured
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

WONT = {"resolution": "Won’t Do"}
MIXED = [item(1, DONE), item(2, DONE, **WONT), item(3, STARTED), item(4, NEW)]
SIZED = [
    item(1, DONE, fields={"p1": 5.0, "n1": 60.0}, minutes=1),
    item(2, DONE, fields={"p1": None, "p2": 3.0, "n1": 80.0}, minutes=2),
    item(3, STARTED, fields={"p1": 2.0, "p2": 9.0, "n1": -7.0}, minutes=9),
    item(4, NEW, fields={"p1": None, "n1": None}, minutes=10),
    item(5, NEW, fields={"p1": Unknown("cut"), "p2": 8.0}, minutes=11),
]


@pytest.mark.parametrize(
    ("rule", "items", "value"),
    [
        (jira("done_share"), MIXED, 0.5),
        (jira("done_share", wont_do="exclude"), MIXED, 1 / 3),
        (jira("done_count"), MIXED, 2),
        (jira("done_count", wont_do="exclude"), MIXED, 1),
        (jira("count"), MIXED, 4),
        (jira("count", wont_do="exclude"), MIXED, 3),
        (jira("credit_share"), MIXED, 2.5 / 4),
        (jira("credit_share", credit={"started": 0.25, "new": 0.1}), MIXED, 2.35 / 4),
        (jira("credit_share"), [*MIXED, item(5, UNDEFINED)], 2.5 / 4),
        (jira("done_share"), [*MIXED, item(5, UNDEFINED)], 2 / 5),
        (jira("points_share"), SIZED, 8 / 10),
        (jira("points_done"), SIZED, 8),
        (jira("points_share", points=["Estimate", "Story Points"]), SIZED, 8 / 25),
        (jira("points_share"), [item(1, DONE, fields={"p1": -5.0}), item(2, NEW, fields={"p1": 5.0})], 0),
        (jira({"sum": "Seats"}), SIZED, 133),
        (jira({"sum": "Seats", "of": "done"}), SIZED, 140),
        (jira({"sum": "Seats", "of": "open"}), SIZED, -7),
        (jira({"mean": "Seats"}), SIZED, 133 / 3),
        (jira({"min": "Seats"}), SIZED, -7),
        (jira({"max": "Seats", "of": "open"}), SIZED, -7),
        (jira({"max": "Seats"}), SIZED, 80),
        (jira({"latest": "Seats"}), SIZED, -7),
        (jira({"latest": "Seats", "of": "done"}), SIZED, 80),
        (jira({"sum": "Seats"}), [item(1, fields={"n1": 0.0})], 0),
        (jira({"sum": "Seats", "of": "done"}), [item(1, NEW, fields={"n1": 5.0})], 0),
        (jira("points_done"), [item(1, NEW, fields={"p1": 5.0})], 0),
        (jira("done_count", wont_do="exclude"), [item(2, DONE, **WONT)], 0),
        (
            notion({"checked_share": "Shipped"}),
            [row(1, fields={"cb": True}), row(2, fields={"cb": False}), row(3, fields={"cb": None})],
            0.5,
        ),
        (notion("checked_share", checkbox="Shipped"), [row(1, fields={"cb": True})], 1),
        (notion("done_share", done={"Stage": "Won"}), [row(1, fields={"sg": "Won"}), row(2, DONE, fields={"sg": "Lost"})], 0.5),
        (notion("credit_share", done={"Stage": "Won"}), [row(1, fields={"sg": "Won"}), row(2, DONE, fields={"sg": "Lost"})], 0.75),
    ],
)
def test_values(rule: Draft, items: list[Item], value: float) -> None:
    resolved = JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED
    answer = measure(rule, resolved, items)
    assert answer.value == pytest.approx(value)
    assert answer.unknown == ""


NOTHING: list[Item] = []
NUMBERLESS = [item(1, DONE), item(2, NEW, fields={"n1": Unknown("cut"), "p1": None})]
OPEN_WITH_NUMBER = [item(1, DONE), item(2, NEW, fields={"n1": 4.0, "p1": 4.0})]
UNKNOWN_STATUS = [item(1, UNDEFINED, fields={"n1": 4.0, "p1": 4.0}), item(2, UNDEFINED)]
ALL_MEASURES = ["done_share", "done_count", "points_share", "points_done", "count", "credit_share"]
FIELDS = [{kind: "Seats"} for kind in ("sum", "mean", "min", "max", "latest")]


@pytest.mark.parametrize("how", [*ALL_MEASURES, *FIELDS], ids=str)
def test_epics_without_children_are_unknown_and_never_zero(how: Any) -> None:
    answer = measure(jira(how), JIRA_RESOLVED, [], epics=[item(EPIC, DONE, kind="epic")])
    assert (answer.value, answer.items) == (None, 0)
    assert "no children" in answer.unknown


@pytest.mark.parametrize("select", [{"jql": "project = ACME"}, {"project": "ACME"}], ids=str)
@pytest.mark.parametrize(
    ("how", "value"),
    [("count", 0), ("done_count", 0), ("points_done", 0), ({"sum": "Seats"}, 0), ("done_share", None), ("points_share", None),
     ("credit_share", None), *[(each, None) for each in FIELDS[1:]]], ids=str)  # fmt: skip
def test_an_empty_answer_of_the_host_is_a_true_zero_for_what_adds_up(select: Any, how: Any, value: float | None) -> None:
    answer = measure(jira(how, select), JIRA_RESOLVED, [])
    assert answer.value == value
    assert bool(answer.unknown) is (value is None)


@pytest.mark.parametrize(
    ("rule", "items", "words"),
    [
        (jira({"sum": "Seats"}), NUMBERLESS, "2 items without a number in “Seats”"),
        (jira({"mean": "Seats"}), NUMBERLESS, "without a number"),
        (jira("points_share"), NUMBERLESS, "2 items without points"),
        (jira("points_done"), NUMBERLESS, "without points"),
        (jira({"sum": "Seats", "of": "done"}), OPEN_WITH_NUMBER, "1 done item without a number in “Seats”"),
        (jira("points_done"), OPEN_WITH_NUMBER, "1 done item without points"),
        (jira({"mean": "Seats", "of": "done"}), [OPEN_WITH_NUMBER[1]], "no done items"),
        (jira("done_share"), UNKNOWN_STATUS, "2 items without a known status"),
        (jira("done_count"), UNKNOWN_STATUS, "known status"),
        (jira("credit_share"), UNKNOWN_STATUS, "known status"),
        (jira("points_share"), UNKNOWN_STATUS, "known status"),
        (jira("points_done"), UNKNOWN_STATUS, "known status"),
        (jira({"sum": "Seats", "of": "open"}), UNKNOWN_STATUS, "known status"),
        (jira("points_share"), [item(1, DONE, fields={"p1": 0.0})], "add up to 0"),
        (jira("done_share", wont_do="exclude"), [item(1, DONE, **WONT)], "all are won't do"),
        (jira({"sum": "Seats"}), [item(ref, fields={"n1": 1.7e308}) for ref in (1, 2)], "too large"),
        (jira({"mean": "Seats"}), [item(ref, fields={"n1": 1.7e308}) for ref in (1, 2)], "too large"),
        (jira("done_share", {"issues": ["ACME-12"]}), NOTHING, "none of the named ones"),
        (notion("count", {"rows": [ROW]}), NOTHING, "none of the named ones"),
        (notion("checked_share"), [row(1, fields={"st": "Done"})], "name it: checked_share: NAME"),
        (notion({"checked_share": "Shipped"}), [row(1, fields={"cb": Unknown("cut")})], "without a checkbox"),
        (notion("done_share", done={"Gone": "Won"}), [row(1, DONE)], "known status"),
    ],
)  # fmt: skip
def test_unknown_says_why(rule: Draft, items: list[Item], words: str) -> None:
    answer = measure(rule, JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED, items)
    assert answer.value is None
    assert words in answer.unknown


@pytest.mark.parametrize("value", [True, "12", ("1",), float("nan"), float("inf"), Unknown("cut"), None])
def test_what_is_no_number_is_left_out_and_counted(value: Any) -> None:
    answer = measure(jira({"sum": "Seats"}), JIRA_RESOLVED, [item(1, fields={"n1": value}), item(2, fields={"n1": 3.0})])
    assert (answer.value, answer.without_number) == (3, 1)


def test_the_counts_beside_the_value() -> None:
    answer = measure(jira("done_share", wont_do="exclude"), JIRA_RESOLVED, [*MIXED, item(5, UNDEFINED)])
    assert (answer.items, answer.total, answer.done, answer.wont_do, answer.unknown_items) == (5, 4, 1, 1, 1)
    assert (answer.numerator, answer.denominator, answer.weight) == (1, 4, 4)
    assert [(entry.ref, entry.counted, entry.excluded) for entry in answer.counted] == [
        ("1", True, False), ("2", False, True), ("3", False, False), ("4", False, False), ("5", False, False)]  # fmt: skip


def test_an_item_given_twice_counts_once_as_it_was_last() -> None:
    answer = measure(jira("done_share"), JIRA_RESOLVED, [item(1, NEW, minutes=1), item(1, DONE, minutes=2), item(2), item(1, NEW)])
    assert (answer.value, answer.items) == (0.5, 2)


def test_an_epic_gaining_children_shows_done_and_scope_beside_the_share() -> None:
    before = measure(jira(), JIRA_RESOLVED, [item(1, DONE), item(2)])
    after = measure(jira(), JIRA_RESOLVED, [item(1, DONE), item(2, DONE), item(3), item(4), item(5), item(6)])
    assert (before.value, before.done, before.total) == (1 / 2, 1, 2)
    assert (after.value, after.done, after.total) == (1 / 3, 2, 6)


def test_a_pooled_selector_weighs_epics_by_their_children_and_an_empty_one_adds_nothing() -> None:
    items = [item(1, DONE), *(item(ref, NEW, parents=(OTHER_EPIC,)) for ref in (2, 3, 4))]
    assert measure(jira(), JIRA_RESOLVED, items).value == 1 / 4
    assert measure(jira(), JIRA_RESOLVED, items[1:], epics=[item(EPIC, DONE, kind="epic")]).value == 0


def test_an_empty_epic_counts_by_its_own_status_when_asked() -> None:
    epics = [item(EPIC, DONE, kind="epic", parents=()), item(OTHER_EPIC, NEW, kind="epic", parents=())]
    rule = jira(empty="own_status")
    assert measure(rule, JIRA_RESOLVED, [], epics=epics).value == 1 / 2
    assert measure(rule, JIRA_RESOLVED, [item(1, NEW)], epics=epics).value == 0  # ACME-1 has a child, so only ACME-7 speaks for itself
    assert measure(rule, JIRA_RESOLVED, [], epics=[item(EPIC, UNDEFINED, kind="epic")]).value is None
    assert measure(rule, JIRA_RESOLVED, []).value is None


def test_latest_breaks_ties_by_ref_and_takes_undated_items_last() -> None:
    rule = jira({"latest": "Seats"})
    tied = [item("b", fields={"n1": 2.0}), item("a", fields={"n1": 1.0}), item("z", fields={"n1": 9.0}, updated_at=None)]
    assert measure(rule, JIRA_RESOLVED, tied).value == 2
    assert measure(rule, JIRA_RESOLVED, tied[2:]).value == 9


def test_wont_do_may_stand_in_the_status_and_needs_the_category() -> None:
    answer = measure(jira(), JIRA_RESOLVED, [item(1, DONE, status="Cancelled"), item(2, STARTED, resolution="Won't do"), item(3, DONE)])
    assert (answer.wont_do, answer.done) == (1, 2)
    named = measure(
        jira(wont_do="exclude", wont_do_names=["parked"]), JIRA_RESOLVED, [item(1, DONE, status="PARKED"), item(2, DONE, **WONT)]
    )
    assert (named.wont_do, named.total) == (1, 1)


def test_a_mapping_that_cannot_be_read_is_broken() -> None:
    answer = unmeasured(jira(), "the epic ACME-1 is gone")
    assert (answer.value, answer.broken, answer.unknown) == (None, True, "the epic ACME-1 is gone")


GAP = "\u00a0"


@pytest.mark.parametrize(
    ("rule", "items", "text"),
    [
        (jira(), [*(item(ref, DONE) for ref in range(17)), *(item(ref) for ref in range(20, 45))], f"17 of 42 items done → 40{GAP}%"),
        (jira(), MIXED, f"2 of 4 items done (1 won't do counted) → 50{GAP}%"),
        (jira(wont_do="exclude"), MIXED, f"1 of 3 items done (1 won't do left out) → 33{GAP}%"),
        (jira(), [item(1, DONE)], f"1 of 1 item done → 100{GAP}%"),
        (jira(), [*(item(ref, DONE) for ref in range(299)), item(999)], f"299 of 300 items done → 99{GAP}%"),
        (jira(), [item(1, DONE), item(2, UNDEFINED)], f"1 of 2 items done (1 with unknown status) → 50{GAP}%"),
        (jira("done_count"), MIXED, "2 of 4 items done (1 won't do counted) → 2"),
        (jira("count"), [item(1)], "1 item matches → 1"),
        (jira("count"), [item(1, UNDEFINED)], "1 item matches → 1"),  # a status that nobody asked for is not missed
        (jira("credit_share"), MIXED[2:], f"0 of 2 items done, with partial credit for the rest → 25{GAP}%"),
        (jira("points_share"), SIZED, f"8 of 10 points, 2 of 5 items done (2 without a number) → 80{GAP}%"),
        (jira("points_done"), SIZED, "8 points, 2 of 5 items done (2 without a number) → 8"),
        (jira({"sum": "Seats", "of": "done"}), SIZED, "sum of “Seats” over 2 done items of 5 (2 without a number) → 140"),
        (jira({"mean": "Seats"}), SIZED, "mean of “Seats” over 3 items of 5 (2 without a number) → 44.33"),
        (jira(), [], "0 of 0 items done → not known: no items: the epics have no children"),
        (notion({"checked_share": "Shipped"}, {"database": DATABASE}), [row(1, fields={"cb": True}), row(2)],
         f"1 of 2 items checked (1 without a checkbox) → 100{GAP}%"),
    ],
)  # fmt: skip
def test_the_explanation(rule: Draft, items: list[Item], text: str) -> None:
    assert explain(rule, measure(rule, JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED, items)) == text


def test_rows_with_an_unreadable_filter_are_told() -> None:
    answer = measure(notion(), NOTION_RESOLVED, [row(1, DONE)], unknown_members=3)
    assert answer.unknown_members == 3
    assert "3 more where the filter cannot be read" in explain(notion(), answer)
