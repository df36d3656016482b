from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Cadence, Definition, Kind
from connector.domain.readiness import KeyResultSetUp, ObjectiveSetUp, check, many_key_results, orphans

COMPLETE = KeyResultSetUp(
    id="kr-signups",
    title="Weekly sign-ups",
    definition=Definition(start=400, target=900),
    owner="Alice",
    value_sources=1,
    cadence=Cadence.WEEKLY,
    forum="Growth review",
    decision_maker="Bob",
)


def cycle_of(*key_results: KeyResultSetUp) -> list[ObjectiveSetUp]:
    return [ObjectiveSetUp("growth", "Growth", supports="company", key_results=key_results)]


COMPANY = [("company", None)]


def test_a_complete_key_result_is_ready_and_says_what_is_there() -> None:
    found = check(cycle_of(COMPLETE), COMPANY)
    assert found.ready
    assert found.summary == "1 key result ready"
    assert found.remarks == ()
    assert [(item.name, item.shown) for item in found.key_results[0].items] == [
        ("owner", "Alice"),
        ("from and to", "from 400 to 900"),
        ("source", "1 mapping"),
        ("cadence", "weekly"),
        ("review forum", "Growth review"),
        ("decision-maker", "Bob"),
    ]


@pytest.mark.parametrize(
    ("red", "name", "to_do"),
    [
        (replace(COMPLETE, owner=" "), "owner", "choose one person"),
        (replace(COMPLETE, owner_active=False), "owner", "Alice is not active any more"),
        (replace(COMPLETE, definition=Definition(target=900)), "from and to", "start: enter the value at the start"),
        (replace(COMPLETE, definition=Definition(kind=Kind.AT_MOST)), "from and to", "bound"),
        (replace(COMPLETE, value_sources=0), "source", "map the items"),
        (replace(COMPLETE, cadence=None), "cadence", "weekly or fortnightly"),
        (replace(COMPLETE, forum=""), "review forum", "choose the forum"),
        (replace(COMPLETE, decision_maker=""), "decision-maker", "name the person"),
    ],
)
def test_each_item_blocks_by_itself_and_says_what_to_do(red: KeyResultSetUp, name: str, to_do: str) -> None:
    found = check(cycle_of(COMPLETE, red), COMPANY)
    assert not found.ready
    assert found.summary == "1 of 2 key results has something to do"
    assert [item.name for item in found.key_results[1].items if not item.green] == [name]
    assert to_do in next(item.to_do for item in found.key_results[1].items if not item.green)
    assert found.key_results[0].ready


def test_an_owner_may_enter_the_value() -> None:
    found = check(cycle_of(replace(COMPLETE, value_sources=0, by_hand=True)), COMPANY)
    assert found.ready


def test_kinds_without_from_and_to_have_their_own_words() -> None:
    shown = {
        kind: check(cycle_of(replace(COMPLETE, definition=definition)), COMPANY).key_results[0].items[1].shown
        for kind, definition in {
            "bound": Definition(kind=Kind.AT_MOST, target=3),
            "yes_no": Definition(kind=Kind.YES_NO),
        }.items()
    }
    assert shown == {"bound": "at most 3", "yes_no": "done"}


def test_a_cycle_without_key_results_is_not_ready() -> None:
    found = check([ObjectiveSetUp("growth", "Growth", supports="company")], COMPANY)
    assert not found.ready
    assert [(remark.kind, remark.objective) for remark in found.remarks] == [("no key results", "growth")]
    assert "not measurable yet" in found.remarks[0].sentence


def test_more_than_five_key_results_are_remarked_and_do_not_block() -> None:
    six = [replace(COMPLETE, id=f"kr-{number}") for number in range(6)]
    assert check(cycle_of(*six[:5]), COMPANY).remarks == ()
    found = check(cycle_of(*six), COMPANY)
    assert found.ready
    assert [remark.kind for remark in found.remarks] == ["many key results"]
    assert found.remarks[0].sentence.startswith("6 key results")
    assert check(cycle_of(*six), COMPANY, many=6).remarks == ()
    assert many_key_results(5) == ""


def test_an_orphan_supports_none_and_none_supports_it() -> None:
    assert orphans([("company", None), ("growth", "company"), ("alone", None)]) == {"alone"}
    assert orphans([("itself", "itself"), ("lost", "retired")]) == {"itself", "lost"}
    found = check([ObjectiveSetUp("alone", "Alone", key_results=(COMPLETE,))])
    assert [remark.kind for remark in found.remarks] == ["orphan"]
    assert found.ready


def test_objectives_that_support_each_other_in_a_ring_are_orphans() -> None:
    assert orphans([("a", "b"), ("b", "c"), ("c", "a"), ("leads in", "a"), ("company", None), ("d", "company")]) == {"a", "b", "c"}


@given(st.dictionaries(st.integers(0, 12).map(str), st.none() | st.integers(0, 14).map(str), max_size=13))
def test_whoever_is_no_orphan_has_a_goal_or_is_one(supports: dict[str, str | None]) -> None:
    found = orphans(supports.items())
    for one, goal in supports.items():
        has_goal = goal in supports and goal != one
        is_goal = any(other != one and named == one for other, named in supports.items())
        assert (one in found) or has_goal or is_goal
        if not has_goal and not is_goal:
            assert one in found
        if one in found and has_goal:  # then it is on a ring: its goals lead back to it
            at, steps = goal, 0
            while at != one and at is not None and steps <= len(supports):
                at, steps = supports.get(at), steps + 1
            assert at == one
