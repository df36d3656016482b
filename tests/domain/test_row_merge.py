"""The three-way merge of one field: no text is lost, nothing echoes, and what nobody knows changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Unknown
from connector.domain.row_merge import MISSING, Merged, Way, is_later, merge, plain, same

TEXTS = st.text(alphabet="abc ", max_size=4) | st.none()
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.none()
PEOPLE = st.lists(st.sampled_from(["ann", "bob", "eve"]), max_size=3).map(tuple)
VALUES = TEXTS | NUMBERS | PEOPLE | st.booleans()


@dataclass
class Sides:
    """One field on both sides. The host trims texts and keeps numbers to two decimals; ``history`` is what the audit trail keeps."""

    theirs: Any = None
    ours: Any = None
    seen: Any = MISSING
    told: Any = MISSING
    typed: list[tuple[str, Any]] = field(default_factory=list)
    history: list[Any] = field(default_factory=list)

    def type_there(self, value: Any) -> None:
        self.theirs = value
        self.typed.append(("row", value))

    def type_here(self, value: Any) -> None:
        self.history.append(self.ours)  # as every change on our own pages
        self.ours = value
        self.typed.append(("here", value))

    def sync(self) -> Merged:
        last = next((side for side, value in reversed(self.typed)), "row")
        merged = merge(self.theirs, self.ours, seen=self.seen, told=self.told, row_is_later=last == "row")
        if merged.way is Way.TAKE:
            self.history.append(self.ours)  # the service that takes it over notes what was before
            self.ours = plain(self.theirs)
        elif merged.way is Way.GIVE:
            if merged.conflict:
                self.history.append(merged.lost)
            self.theirs = _kept_by_host(self.ours)
        if merged.way is not Way.NOTHING:
            self.seen, self.told = self.theirs, self.ours
        return merged


def _kept_by_host(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return round(value, 2) if isinstance(value, float) else value


STEPS = st.lists(st.tuples(st.sampled_from(["there", "here", "sync"]), TEXTS), max_size=12)


def play(steps: list[tuple[str, Any]], *, again: int = 1) -> Sides:
    sides = Sides()
    for what, value in [*steps, ("sync", None)]:
        if what == "there":
            sides.type_there(value)
        elif what == "here":
            sides.type_here(value)
        else:
            for _ in range(again):
                sides.sync()
    return sides


@given(STEPS)
def test_both_sides_come_to_say_the_same_and_stay_so(steps: list[tuple[str, Any]]) -> None:
    sides = play(steps)
    assert same(sides.theirs, sides.ours)
    assert sides.sync().way is Way.NOTHING


@given(STEPS)
def test_reading_again_changes_nothing(steps: list[tuple[str, Any]]) -> None:
    once, often = play(steps), play(steps, again=3)
    assert (once.theirs, once.ours, once.history) == (often.theirs, often.ours, often.history)


@given(STEPS)
def test_no_text_is_lost(steps: list[tuple[str, Any]]) -> None:
    """What stood on a side when both were compared is what both say by now, or was written down as giving way."""
    sides = Sides()
    stood: list[Any] = []
    for what, value in [*steps, ("sync", None)]:
        if what == "there":
            sides.type_there(value)
        elif what == "here":
            sides.type_here(value)
        else:
            stood += [sides.theirs, sides.ours]
            sides.sync()
    for text in stood:
        assert any(same(text, kept) for kept in (sides.ours, *sides.history))


@given(st.lists(st.tuples(st.sampled_from(["there", "here"]), TEXTS), min_size=1, max_size=8))
def test_the_last_typing_stands(steps: list[tuple[str, Any]]) -> None:
    one_by_one = play([step for each in steps for step in (each, ("sync", None))])
    assert same(one_by_one.ours, steps[-1][1])
    assert same(one_by_one.theirs, steps[-1][1])


@given(STEPS, st.sampled_from(["there", "here"]))
def test_of_one_side_alone_the_last_typing_stands(steps: list[tuple[str, Any]], side: str) -> None:
    alone = [(side if what != "sync" else what, value) for what, value in steps]
    last = next((value for what, value in reversed(alone) if what == side), None)
    assert same(play(alone).ours, last)


@given(st.floats(min_value=-1e6, max_value=1e6), st.floats(min_value=-1e6, max_value=1e6))
def test_what_the_host_rounds_is_no_edit(first: float, second: float) -> None:
    sides = Sides(theirs=None, ours=first)
    sides.sync()
    assert [sides.sync().way for _ in range(3)] == [Way.NOTHING] * 3
    assert sides.ours == first
    sides.type_here(second)
    sides.sync()
    assert sides.sync().way is Way.NOTHING
    assert sides.ours == second


@given(VALUES, VALUES, VALUES, st.booleans())
def test_what_nobody_knows_changes_nothing(ours: Any, seen: Any, told: Any, later: bool) -> None:
    assert merge(Unknown("not shared"), ours, seen=seen, told=told, row_is_later=later) == Merged(Way.NOTHING)


@given(VALUES, VALUES)
def test_one_sided_changes_are_never_conflicts(before: Any, after: Any) -> None:
    taken, given_ = merge(after, before, seen=before, told=before), merge(before, after, seen=before, told=before)
    if same(before, after):
        assert {taken.way, given_.way} == {Way.NOTHING}
    else:
        assert (taken, given_) == (Merged(Way.TAKE), Merged(Way.GIVE))


@given(VALUES, VALUES, VALUES)
def test_a_conflict_names_what_gives_way(before: Any, theirs: Any, ours: Any) -> None:
    if same(theirs, ours) or same(theirs, before) or same(ours, before):
        return
    assert merge(theirs, ours, seen=before, told=before, row_is_later=True) == Merged(Way.TAKE, True, ours)
    assert merge(theirs, ours, seen=before, told=before, row_is_later=False) == Merged(Way.GIVE, True, theirs)


@given(VALUES, VALUES)
def test_same_is_the_same_from_both_sides(first: Any, second: Any) -> None:
    assert same(first, first)
    assert same(first, second) == same(second, first)
    assert same(first, plain(first))


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (None, "", True),
        ("  ", (), True),
        ([], None, True),
        ("a", " a ", True),
        (0.55, 0.5499999, False),
        (0.55, 0.55 + 1e-12, True),
        (0, None, False),
        (0.0, False, False),
        (1, 1.0, True),
        (("a", "b"), ["b", "a"], True),
        ("2026-11-18T13:12:00+00:00", "2026-11-18T14:12:00.000+01:00", True),
        ("2026-11-18", "2026-11-19", False),
        ("2026-99-99", "2026-99-98", False),
        ("2026-11-18", "18 Nov", False),
    ],
)
def test_what_counts_as_the_same(first: Any, second: Any, equal: bool) -> None:
    assert same(first, second) is equal


def test_a_field_that_was_never_noted() -> None:
    assert merge(None, None).way is Way.AGREED
    assert merge("typed", None) == Merged(Way.TAKE)
    assert merge(None, "ours") == Merged(Way.GIVE)
    assert merge("typed", "ours", row_is_later=False) == Merged(Way.GIVE, True, "typed")
    assert merge("b", "a", seen="a") == Merged(Way.TAKE)
    assert merge("a", "b", told="a") == Merged(Way.GIVE)


AT = datetime(2026, 11, 18, 9, 30, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row_at", "ours_at", "exact", "later"),
    [
        (AT, AT - timedelta(seconds=1), True, True),
        (AT, AT, True, True),
        (AT, AT + timedelta(seconds=1), True, False),
        (AT.replace(second=0), AT, False, True),  # within the same minute the row's edit is the one just heard of
        (AT.replace(second=0), AT + timedelta(seconds=20), False, False),  # the next minute has begun
        (None, AT, False, False),
        (None, None, False, True),
        (AT, None, True, True),
    ],
)
def test_which_edit_is_the_later_one(row_at: datetime | None, ours_at: datetime | None, exact: bool, later: bool) -> None:
    assert is_later(row_at, ours_at, exact=exact) is later
