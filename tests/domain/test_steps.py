"""How the steps of milestones are named, read and ticked."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.model import Definition, Kind, Milestone
from connector.domain.steps import changes_in, keys_of, marks_text, read_marks, read_ticks, state_of, ticked
from connector.errors import InputError

STEPS = (Milestone("Price agreed", 1.0, True), Milestone("Help pages written", 2.0), Milestone("2"))


def done(given: Any, steps: tuple[Milestone, ...] = STEPS) -> list[bool]:
    after = ticked(Definition(Kind.MILESTONES, milestones=steps), read_ticks(given, steps))
    return [step.done for step in after.milestones]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Help pages written": True}, [True, True, False]),
        ({" Help  pages written ": True, "Price agreed": False}, [False, True, False]),
        ({"1": True}, [True, True, False]),
        ({"2": True}, [True, False, True]),  # a title goes first
        ({}, [True, False, False]),
        (["Help pages written", 2], [False, True, True]),
        ([], [False, False, False]),
    ],
)
def test_some_steps_change_or_a_list_says_all_that_are_done(given: Any, expected: list[bool]) -> None:
    assert done(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Help": True}, "no step is called 'Help'; it has “Price agreed”, “Help pages written”, “2”"),
        ({"Price agreed": "yes"}, "say true or false of the step 'Price agreed'"),
        ([3], "there is no step 3: they count from 0 to 2"),
        ([True], "no step is called 'True'"),
        ("Price agreed", "list the titles"),
    ],
)
def test_a_step_that_is_not_there_is_refused_with_those_that_are(given: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_ticks(given, STEPS)
    assert words in caught.value.message
    assert caught.value.where == "milestones"


def test_steps_of_one_title_are_told_apart_by_their_index_alone() -> None:
    twice = (Milestone("Review"), Milestone("Ship"), Milestone("Review"))
    with pytest.raises(InputError, match="2 steps are called 'Review'; name it by its index, 0 for the first"):
        read_ticks({"Review": True}, twice)
    assert done({"2": True}, twice) == [False, False, True]
    assert len(set(keys_of(twice))) == 3


def test_a_tick_stays_with_its_step_when_the_order_changes() -> None:
    ticks = read_ticks(["Help pages written"], STEPS)
    turned = ticked(Definition(Kind.MILESTONES, milestones=STEPS[::-1]), ticks)
    assert [step.title for step in turned.milestones if step.done] == ["Help pages written"]
    assert [step.weight for step in turned.milestones] == [1.0, 2.0, 1.0]


def test_a_form_carries_the_steps_along() -> None:
    state = state_of(STEPS)
    assert read_marks(marks_text(state)) == state
    assert read_marks("nonsense +++ 12+") == {}
    assert changes_in(STEPS, {**state, "unknown": True}) == {}
