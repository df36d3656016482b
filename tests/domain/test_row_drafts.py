"""What a row still needs, in words: whatever stands in it, reading it never fails."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Unknown
from connector.domain.okr_columns import FROM, KIND, TITLE, TO, UNIT
from connector.domain.row_drafts import Reading, draft_note, number_of, read_numbers, read_title, refs_of, text_of

NAMES = {FROM: "Start", TO: "Target", TITLE: "Name"}
values = st.one_of(
    st.none(), st.text(max_size=20), st.floats(), st.booleans(), st.tuples(st.text(max_size=5), st.text(max_size=5)), st.just(Unknown("x"))
)


def _read(**given: Any) -> Reading:
    reading = Reading()
    read_title(reading, given, NAMES)
    read_numbers(reading, given, NAMES)
    return reading


@given(st.dictionaries(st.sampled_from([TITLE, FROM, TO, UNIT, KIND]), values))
def test_whatever_stands_in_a_row_is_given_needed_or_wrong(row: dict[str, Any]) -> None:
    reading = _read(**row)
    for key in ("start", "target"):
        assert math.isfinite(reading.given.get(key, 0.0))  # type: ignore[arg-type]
    if reading.given["kind"] == "metric" and not reading.missing:
        assert reading.given["start"] != reading.given["target"]
        assert reading.given["title"]
    assert all(isinstance(sentence, str) and sentence for sentence in reading.missing)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_pass_unchanged(number: float) -> None:
    assert number_of(number, "x") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("42", 42.0), ("-4,5", -4.5), ("−3", -3.0), (" 7 ", 7.0), ("", None), ("10 %", 10.0), ("0,5", 0.5), ("1 200", 1200.0)],
)
def test_texts_that_are_numbers(text: str, number: float | None) -> None:
    assert number_of(text, "x") == number


@pytest.mark.parametrize("value", ["forty", "1,200", "1.234,5", "4 eggs", True, ("a",), math.inf, Unknown("not shared")])
def test_what_is_no_number_is_said(value: Any) -> None:
    with pytest.raises(ValueError, match="“Start”"):
        number_of(value, "Start")


@pytest.mark.parametrize(
    ("row", "kind", "missing"),
    [
        ({TITLE: "a", FROM: 1.0, TO: 2.0}, "metric", ()),
        ({TITLE: " ", FROM: 1.0}, "metric", ("needs a title", "needs “Target”")),
        ({TITLE: "a", UNIT: "Yes/No"}, "yes_no", ()),
        ({TITLE: "a", KIND: "at most", TO: 5.0}, "at_most", ()),
        ({TITLE: "a", KIND: "At least"}, "at_least", ("needs “Target”",)),
        ({TITLE: "a", FROM: 2.0, TO: 2.0}, "metric", ("“Start” and “Target” are equal, so there is no way to go; change one",)),
    ],
)
def test_kinds_and_what_they_need(row: dict[str, Any], kind: str, missing: tuple[str, ...]) -> None:
    reading = _read(**row)
    assert (reading.given["kind"], reading.missing) == (kind, missing)


def test_what_the_numbers_are_told_in_is_the_unit_of_a_row_that_names_none() -> None:
    for said, unit in (({}, "%"), ({UNIT: "points"}, "points")):
        reading = Reading()
        read_numbers(reading, {FROM: 10.0, TO: 50.0, **said}, NAMES, "%")
        assert reading.given["unit"] == unit


def test_the_note_of_a_draft() -> None:
    assert draft_note("a key result", ("needs an owner", "needs “To”")) == "Not a key result yet: needs an owner; needs “To”"
    assert draft_note("a key result", ()) == ""


def test_texts_and_refs() -> None:
    assert text_of("  two \n words ") == "two words"
    assert text_of(("a",)) == ""
    assert refs_of(("a", "b", "a")) == ("a", "b")
    assert refs_of("a") == ("a",)
    assert refs_of(None) == ()
