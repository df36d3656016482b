from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.checkin import asks_about_number, bands, check_in_faults, no_signal, parse_check_in
from connector.domain.model import DecisionKind, Definition, Kind, Movement
from connector.errors import InputError

WHOLE: dict[str, object] = {"value": 42, "confidence": 7, "blocker": "Template picker hides Send", "decision": "scope"}


def test_a_whole_check_in() -> None:
    draft = parse_check_in({**WHOLE, "comment": " waits for the cohort ", "as_of": "2026-11-12", "delayed": True})
    assert (draft.value, draft.confidence, draft.blocker, draft.decision) == (42.0, 7, "Template picker hides Send", DecisionKind.SCOPE)
    assert (draft.comment, draft.as_of, draft.delayed) == ("waits for the cohort", date(2026, 11, 12), True)
    assert draft.complete()


@pytest.mark.parametrize("confidence", [0, 11, 7.5, "", True, False, "seven", "7.5", -1, math.nan, math.inf, [7], 10**400])
def test_confidence_is_a_whole_number_from_one_to_ten(confidence: object) -> None:
    with pytest.raises(InputError) as caught:
        parse_check_in({**WHOLE, "confidence": confidence})
    assert caught.value.where == "confidence"


@pytest.mark.parametrize(("confidence", "number"), [(1, 1), (10, 10), ("7", 7), (" 7 ", 7), (7.0, 7)])
def test_confidence_as_people_and_files_write_it(confidence: object, number: int) -> None:
    assert parse_check_in({**WHOLE, "confidence": confidence}).confidence == number


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", math.nan),
        ("value", math.inf),
        ("value", "42 %"),
        ("value", ""),
        ("value", "nan"),
        ("value", "1_000"),
        ("value", True),
        ("value", "1e999"),
        ("comment", "x" * 281),
        ("comment", 5),
        ("blocker", ["one", "two"]),
        ("blocker", "one\ntwo"),
        ("blocker", 5),
        ("blocker", "x" * 281),
        ("decision", ""),
        ("decision", "maybe"),
        ("decision", False),
        ("as_of", "yesterday"),
        ("as_of", 5),
        ("delayed", "yes"),
        ("colour", "green"),
        ("status", "amber"),
        ("mitigation", "text"),
    ],
)
def test_refusals_name_the_field(field: str, value: object) -> None:
    with pytest.raises(InputError) as caught:
        parse_check_in({**WHOLE, field: value})
    assert caught.value.where == field
    assert [fault.field for fault in check_in_faults({**WHOLE, field: value})] == [field]


def test_all_faults_are_told_at_once() -> None:
    faults = check_in_faults({"value": "x", "confidence": 11, "decision": "", "comment": "x" * 300})
    assert [fault.field for fault in faults] == ["value", "confidence", "decision", "comment"]


def test_280_characters_fit() -> None:
    assert len(parse_check_in({**WHOLE, "comment": "ø" * 280}).comment) == 280


@pytest.mark.parametrize("field", ["value", "confidence", "decision"])
def test_an_absent_input_makes_a_draft(field: str) -> None:
    draft = parse_check_in({name: value for name, value in WHOLE.items() if name != field})
    assert (draft.missing(), draft.complete()) == ((field,), False)


def test_no_blocker_is_an_answer_but_an_open_one_is_not() -> None:
    assert parse_check_in({**WHOLE, "blocker": None}).missing() == ("blocker",)
    answers: tuple[object, ...] = ("", "none", " None ", "-", [])
    for text in answers:
        draft = parse_check_in({**WHOLE, "blocker": text})
        assert (draft.blocker, draft.complete()) == ("", True)
    without: dict[str, Any] = {name: value for name, value in WHOLE.items() if name != "blocker"}
    assert parse_check_in(without).complete()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("none", DecisionKind.NONE),
        ("Budget", DecisionKind.BUDGET),
        ("faster approval", DecisionKind.APPROVAL),
        ("less  scope", DecisionKind.SCOPE),
        (DecisionKind.HEADCOUNT, DecisionKind.HEADCOUNT),
    ],
)
def test_decision_must_be_chosen(text: str, kind: DecisionKind) -> None:
    assert parse_check_in({**WHOLE, "decision": text}).decision is kind


def test_yes_no_is_answered_in_words() -> None:
    launched = Definition(kind=Kind.YES_NO)
    answers = [parse_check_in({**WHOLE, "value": value}, launched).value for value in ("yes", "No", True, False, 1, 0, "1")]
    assert answers == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    assert parse_check_in({**WHOLE, "value": "yes"}, Definition(kind=Kind.YES_NO, unit="%")).value == 100.0
    with pytest.raises(InputError, match="yes or no"):
        parse_check_in({**WHOLE, "value": 0.5}, launched)


def test_bands() -> None:
    assert [bands(confidence) for confidence in range(1, 11)] == ["intervene"] * 4 + ["discuss"] * 2 + ["watch"] * 4


def test_activity_words_only_ask_what_the_number_did() -> None:
    assert asks_about_number("Work is ongoing, we continued and reviewed", Movement.FLAT)
    assert not asks_about_number("Work is ongoing, we continued and reviewed", Movement.UP)
    assert not asks_about_number("Conversion still at 42", Movement.FLAT)
    assert not asks_about_number("", Movement.FLAT)


def test_no_signal() -> None:
    silent = parse_check_in({**WHOLE, "blocker": "", "decision": "none"})
    assert no_signal(7, silent, Movement.FLAT)
    assert not no_signal(6, silent, Movement.FLAT)
    assert not no_signal(7, silent, Movement.UP)
    assert not no_signal(7, parse_check_in(WHOLE), Movement.FLAT)


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=3)


@given(st.dictionaries(st.sampled_from(["value", "confidence", "blocker", "decision", "comment", "as_of", "delayed", "x"]), anything))
def test_any_input_is_a_valid_draft_or_a_named_fault(fields: dict[str, object]) -> None:
    faults = check_in_faults(fields)
    if faults:
        assert {fault.field for fault in faults} <= set(fields)
        return
    draft = parse_check_in(fields)
    assert draft.value is None or math.isfinite(draft.value)
    assert draft.confidence is None or 1 <= draft.confidence <= 10
    assert len(draft.comment) <= 280
    if fields.get("value") is None:
        assert draft.value is None


@pytest.mark.parametrize("name", ["blocker", "comment"])
@pytest.mark.parametrize("sign", ["\x1b[2J", "\x00", "\x9b", "\x08"])
def test_control_signs_are_no_words(name: str, sign: str) -> None:
    with pytest.raises(InputError, match="control character"):
        parse_check_in({name: f"we wait{sign} for it"})


@pytest.mark.parametrize("name", ["blocker", "comment"])
@pytest.mark.parametrize("sign", ["\u202e", "\u202a", "\u2066", "\u2069", "\ud800"])
def test_signs_that_turn_text_or_are_none_are_no_words(name: str, sign: str) -> None:
    with pytest.raises(InputError, match="U\\+"):
        parse_check_in({name: f"we wait{sign} for it"})
