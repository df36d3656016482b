"""What holds for every measure and every set of items."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Category, Item, Unknown
from mappings.rules import SHARES, Draft, MeasureKind, combine, measure
from tests.mappings.make import JIRA_RESOLVED, NOON, NOTION_RESOLVED, item, jira, notion

JQL = {"jql": "project = ACME"}
SHARE_DRAFTS = [jira("done_share"), jira("points_share"), jira("credit_share"), notion({"checked_share": "Shipped"})]
FIELD_DRAFTS = [jira({kind: "Seats", "of": of}) for kind in ("sum", "mean", "min", "max", "latest") for of in ("done", "open", "all")]
COUNT_DRAFTS = [jira("done_count"), jira("count", JQL), jira("points_done", JQL)]
DRAFTS = [*SHARE_DRAFTS, *FIELD_DRAFTS, *COUNT_DRAFTS]
ALL_DRAFTS = [*DRAFTS, *(replace(each, wont_do=jira(wont_do="exclude").wont_do) for each in DRAFTS)]

NUMBERS = st.one_of(st.none(), st.just(Unknown("cut")), st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e6, 1e6))
VALUES = st.fixed_dictionaries({"n1": NUMBERS, "p1": NUMBERS, "p2": NUMBERS, "cb": st.one_of(st.booleans(), st.none())})


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    refs = draw(st.lists(st.integers(1, 60), max_size=8, unique=True))
    return [
        item(
            ref,
            draw(st.sampled_from(Category)),
            resolution=draw(st.sampled_from([None, "Done", "Won't do"])),
            fields=draw(VALUES),
            updated_at=draw(st.one_of(st.none(), st.integers(0, 3).map(lambda minutes: NOON + timedelta(minutes=minutes)))),
        )
        for ref in refs
    ]


def measured(rule: Draft, members: list[Item]) -> Any:
    return measure(rule, JIRA_RESOLVED if rule.on_jira else NOTION_RESOLVED, members)


@given(items(), st.sampled_from(ALL_DRAFTS), st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(members: list[Item], rule: Draft, chance: Any) -> None:
    shuffled = [*members, *members[:2]]
    chance.shuffle(shuffled)
    assert measured(rule, shuffled) == measured(rule, members)


@given(items(), st.sampled_from(ALL_DRAFTS))
def test_there_is_a_value_or_a_reason_and_never_both(members: list[Item], rule: Draft) -> None:
    answer = measured(rule, members)
    assert (answer.value is None) == bool(answer.unknown)
    assert 0 <= answer.done <= answer.total <= answer.items == len(members)
    assert len(answer.counted) == len(members)


@given(items(), st.sampled_from([each for each in ALL_DRAFTS if each.measure.kind in SHARES]))
def test_shares_lie_within_their_bounds(members: list[Item], rule: Draft) -> None:
    answer = measured(rule, members)
    if answer.value is not None:
        assert 0 <= answer.value <= 1
    for unit, most in (("%", 100), ("", 1)):
        value = combine([(rule, answer)], unit).value
        assert (value is None) == (answer.value is None)
        assert value is None or 0 <= value <= most


@given(items(), st.sampled_from(ALL_DRAFTS))
def test_unknown_is_never_zero(members: list[Item], rule: Draft) -> None:
    blind = [
        replace(each, category=Category.UNDEFINED, fields={"n1": Unknown("cut"), "p1": Unknown("cut"), "cb": None}) for each in members
    ]
    answer = measured(rule, blind)
    if rule.measure.kind is not MeasureKind.COUNT and blind:
        assert answer.value is None
        assert combine([(rule, answer)], "%").value is None


@given(items(), items(), st.sampled_from(ALL_DRAFTS))
def test_pooling_equals_measuring_everything_at_once(first: list[Item], second: list[Item], rule: Draft) -> None:
    second = [each for each in second if each.ref not in {other.ref for other in first}]
    parts = [measured(rule, first), measured(rule, second)]
    whole = measured(rule, [*first, *second])
    pooled = combine([(rule, part) for part in parts], "")
    adding = rule.measure.kind in (MeasureKind.SUM, MeasureKind.COUNT, MeasureKind.DONE_COUNT, MeasureKind.POINTS_DONE)
    if adding and any(part.value is None for part in parts):
        assert pooled.value is None
    else:
        assert pooled.value == whole.value
    assert (pooled.items, pooled.done, pooled.total, pooled.wont_do) == (whole.items, whole.done, whole.total, whole.wont_do)
    assert (pooled.unknown_items, pooled.overlap) == (whole.unknown_items, ())


@given(items(), st.sampled_from(ALL_DRAFTS))
def test_mapping_the_same_items_twice_changes_nothing(members: list[Item], rule: Draft) -> None:
    once = measured(rule, members)
    pooled = combine([(rule, once), (rule, once)], "%")
    assert pooled.value == combine([(rule, once)], "%").value
    assert pooled.items == len(members)


@given(
    items().filter(bool), st.data(), st.sampled_from([jira("done_share"), jira("done_count"), jira("credit_share"), jira("points_done")])
)
def test_finishing_an_item_never_lowers_the_number(members: list[Item], data: st.DataObject, rule: Draft) -> None:
    chosen = data.draw(st.sampled_from(members))
    before = measured(rule, members)
    after = measured(rule, [replace(each, category=Category.DONE) if each is chosen else each for each in members])
    if before.value is not None and after.value is not None:
        assert after.value >= before.value


def test_a_tenth_ten_times_is_exactly_one() -> None:
    members = [item(ref, fields={"n1": 0.1}) for ref in range(10)]
    assert measured(jira({"sum": "Seats"}), members).value == 1.0
    assert measured(jira({"mean": "Seats"}), members).value == pytest.approx(0.1)


@pytest.mark.parametrize("whole", [1.1, 0.7, 3.3, 1e308, 5e-324])
def test_a_whole_is_exactly_100_percent(whole: float) -> None:
    rule = jira("points_share")
    answer = measured(rule, [item(1, Category.DONE, fields={"p1": whole})])
    assert combine([(rule, answer)], "%").value == 100
