"""Several mappings → one value: what adds up, what is pooled, what is refused, and items that feed twice."""

from __future__ import annotations

from typing import Any

import pytest

from connector.errors import InputError
from mappings.rules import Combined, Draft, check_family, combine, double_counted, measure, unmeasured
from tests.mappings.make import DONE, JIRA_RESOLVED, NEW, NOTION_RESOLVED, UNDEFINED, item, jira, notion, row

ONE = {"epics": ["ACME-1"]}
JQL = {"jql": "project = ACME"}


def together(*parts: tuple[Draft, list[Any]], unit: str = "") -> Combined:
    return combine([(rule, measure(rule, JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED, items)) for rule, items in parts], unit)


def test_shares_are_weighted_by_items_and_given_in_the_unit() -> None:
    parts = [(jira(select=ONE), [item(1, DONE)]), (jira(select=JQL), [item(2), item(3), item(4)])]
    assert together(*parts, unit="%").value == 25
    assert together(*parts, unit="").value == 0.25
    answer = together(*parts, unit="%")
    assert (answer.items, answer.done, answer.total, answer.unknown, answer.reasons) == (4, 1, 4, "", ())


def test_shares_of_points_are_weighted_by_points() -> None:
    parts = [
        (jira("points_share", ONE), [item(1, DONE, fields={"p1": 8.0})]),
        (jira("points_share", JQL), [item(2, fields={"p1": 1.0}), item(3, fields={"p1": 1.0}), item(4)]),
    ]
    answer = together(*parts, unit="%")
    assert (answer.value, answer.without_number) == (80, 1)


def test_a_share_over_both_hosts_is_pooled() -> None:
    assert together((jira(), [item(1, DONE), item(2)]), (notion(), [row("a"), row("b")]), unit="%").value == 25


def test_counts_and_sums_add_up() -> None:
    answer = together(
        (jira("done_count", JQL), [item(1, DONE), item(2)]),
        (notion({"sum": "Seats"}), [row("a", fields={"n1": 40.0}), row("b")]),
        unit="accounts",
    )
    assert (answer.value, answer.items, answer.without_number) == (41, 4, 1)


def test_percent_does_not_touch_what_is_no_share() -> None:
    assert together((jira("count", JQL), [item(1)]), unit="%").value == 1


@pytest.mark.parametrize(
    ("how", "value"), [({"mean": "Seats"}, 20 / 3), ({"min": "Seats"}, 2), ({"max": "Seats"}, 12), ({"latest": "Seats"}, 6)], ids=str
)
def test_field_measures_over_two_mappings(how: Any, value: float) -> None:
    first = (jira(how, ONE), [item(1, fields={"n1": 2.0}), item(2, fields={"n1": 12.0}, minutes=1)])
    second = (jira(how, JQL), [item(3, fields={"n1": 6.0}, minutes=2), item(4)])
    assert together(first, second, (jira(how, ONE), [])).value == pytest.approx(value)


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    answer = together((jira({"sum": "Seats"}, JQL), [item(1, fields={"n1": 5.0})]), (jira({"sum": "Seats"}, ONE), []))
    assert answer.value is None
    assert "no children" in answer.unknown
    assert answer.reasons == (answer.unknown,)


def test_a_share_passes_over_a_part_without_items_but_tells_it() -> None:
    answer = together((jira(select=JQL), [item(1, DONE), item(2)]), (jira(select=ONE), []), unit="%")
    assert (answer.value, answer.unknown) == (50, "")
    assert answer.reasons == ("no items: the epics have no children",)


def test_nothing_known_anywhere_is_unknown() -> None:
    answer = together((jira(select=ONE), []), (jira(select=JQL), [item(1, UNDEFINED)]), unit="%")
    assert answer.value is None
    assert "no children" in answer.unknown
    assert "known status" in answer.unknown


def test_a_broken_part_makes_even_a_share_unknown() -> None:
    good = jira(select=JQL)
    answer = combine([(good, measure(good, JIRA_RESOLVED, [item(1, DONE)])), (jira(), unmeasured(jira(), "ACME-1 is gone"))], "%")
    assert (answer.value, answer.unknown) == (None, "ACME-1 is gone")


def test_context_never_moves_the_value() -> None:
    context = (jira("count", JQL, mode="context"), [item(1), item(2)])
    assert together(context).value is None
    assert "no mapping moves" in together(context).unknown
    assert together((jira(select=ONE), [item(1, DONE)]), context, unit="%").value == 100


def test_an_item_of_two_mappings_counts_once_and_the_first_wins() -> None:
    answer = together((jira("done_count", ONE), [item(1, DONE), item(2, DONE)]), (jira("done_count", JQL), [item(2, DONE), item(3, DONE)]))
    assert (answer.value, answer.items, answer.overlap) == (3, 3, ("2",))
    assert [part.left_to_others for part in answer.parts] == [(), ("2",)]


def test_an_item_not_counted_by_the_first_mapping_is_left_to_the_second() -> None:
    items = [item(1, DONE, fields={"n1": 5.0}), item(2, NEW, fields={"n1": 7.0})]
    answer = together((jira({"sum": "Seats", "of": "done"}, ONE), items), (jira({"sum": "Seats", "of": "open"}, JQL), items))
    assert (answer.value, answer.items, answer.overlap) == (12, 2, ())
    exclude = (jira(select=ONE, wont_do="exclude"), [item(1, DONE, resolution="Declined"), item(2)])
    assert together(exclude, (jira(select=JQL), [item(1, DONE, resolution="Declined")]), unit="%").value == 50


def test_two_fields_of_one_row_both_count_but_it_is_one_item() -> None:
    rows = [row("a", fields={"n1": 5.0, "sg": 2.0})]
    answer = together((notion({"sum": "Seats"}), rows), (notion({"sum": "Stage"}), rows))
    assert (answer.value, answer.items, answer.overlap) == (7, 1, ())


def test_the_same_id_on_two_sites_is_two_items() -> None:
    other = Draft(connection="other-jira", selector=jira().selector, measure=jira("done_count").measure)
    assert together((jira("done_count"), [item(1, DONE)]), (other, [item(1, DONE)])).value == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("done_share", "done_count"),
        ("done_share", "points_share"),
        ("done_share", {"mean": "Seats"}),
        ({"min": "Seats"}, {"max": "Seats"}),
        ({"sum": "Seats"}, {"latest": "Seats"}),
    ],
    ids=str,
)
def test_measures_that_do_not_mix_are_refused(first: Any, second: Any) -> None:
    drafts = [jira("count", mode="context"), jira(first), jira(second)]
    with pytest.raises(InputError, match="mode: context") as caught:
        check_family(drafts, "key_results[0].mappings")
    assert caught.value.where == "key_results[0].mappings[2].measure"
    assert "key_results[0].mappings[1]" in caught.value.message
    assert together((drafts[1], [item(1, fields={"n1": 1.0})]), (drafts[2], [item(2, fields={"n1": 1.0})])).value is None


@pytest.mark.parametrize(
    ("first", "second"),
    [("done_share", "credit_share"), ("count", "done_count"), ("points_done", {"sum": "Seats"}), ({"mean": "A"}, {"mean": "B"})],
    ids=str,
)
def test_measures_that_mix(first: Any, second: Any) -> None:
    check_family([jira(first), jira(second), jira({"max": "C"}, mode="context")])


def test_items_feeding_two_key_results_of_one_objective_are_found_once_per_pair() -> None:
    def rule(number: int, key_result: str, **options: Any) -> Any:
        return jira(**options).rule(id=number, key_result=key_result)

    found = double_counted(
        [
            (rule(1, "a"), ["1", "2"]),
            (rule(2, "a"), ["3"]),
            (rule(3, "b"), ["2", "3", "9"]),
            (rule(4, "c", mode="context"), ["1", "2", "3"]),
            (rule(5, "d"), ["3"]),
        ]
    )
    assert [(each.first, each.second, each.refs) for each in found] == [("a", "b", ("2", "3")), ("a", "d", ("3",)), ("b", "d", ("3",))]
    assert double_counted([(rule(1, "a"), ["1"]), (rule(2, "a"), ["1"])]) == []
