from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.asking import ANCHORS, PROMPTS, missing_text, prompt_for, questions, typed_number
from connector.domain.checkin import CheckInDraft, parse_check_in, said_nothing
from connector.domain.model import DecisionKind, Definition, Kind, Movement
from connector.errors import InputError
from connector.store.tables import CheckIn

WAY = Definition(Kind.METRIC, "%", 40.0, 60.0)
WHOLE = CheckInDraft(42.0, 6, "", DecisionKind.NONE)


def asked(definition: Definition = WAY, movement: Movement | None = Movement.FLAT, **changes: object) -> list[str]:
    known = {"value": 42.0, "confidence": 6, "blocker": "", "decision": DecisionKind.BUDGET, "comment": ""}
    more = {name: changes.pop(name) for name in ("previous_confidence", "dismissed") if name in changes}
    return [each.kind for each in questions(definition, CheckInDraft(**(known | changes)), movement, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("confidence", "kinds"), [(1, ["intervene"]), (4, ["intervene"]), (5, []), (6, []), (7, []), (10, [])])
def test_four_opens_the_intervention_block_and_seven_does_not(confidence: int, kinds: list[str]) -> None:
    assert asked(movement=Movement.UP, confidence=confidence) == kinds


def test_flat_but_confident_is_asked_on_the_way_only() -> None:
    assert asked(confidence=7) == ["flat_but_confident"]
    assert asked(confidence=6) == []
    assert asked(confidence=9, movement=Movement.UP) == []
    assert asked(confidence=9, value=60.0) == []  # there: nothing to move
    assert asked(Definition(Kind.AT_MOST, "", target=3.0), confidence=9, value=2.0) == []
    assert asked(confidence=None) == []


def test_what_did_the_number_do_can_be_waved_away() -> None:
    assert asked(comment="worked on the picker") == []  # a word about something
    assert asked(comment="Work in progress, meetings held") == ["number"]
    assert asked(comment="Work in progress, meetings held", dismissed=True) == []
    assert asked(comment="Work in progress, meetings held", movement=Movement.UP) == []


def test_an_update_that_says_nothing_is_told_so_before_it_is_saved() -> None:
    assert asked(decision=DecisionKind.NONE, previous_confidence=6) == ["no_signal"]
    assert asked(decision=DecisionKind.NONE, previous_confidence=5) == []
    assert asked(decision=DecisionKind.NONE, previous_confidence=6, blocker="legal") == []
    assert asked(decision=None, previous_confidence=6) == []  # not whole yet


@pytest.mark.parametrize("confidence", range(1, 11))
def test_words_are_neutral_at_every_confidence(confidence: int) -> None:
    for movement in Movement:
        for each in questions(
            WAY, CheckInDraft(42.0, confidence, "", DecisionKind.NONE, "worked"), movement, previous_confidence=confidence
        ):
            assert not {"wrong", "bad", "fail", "failed", "late", "poor", "you", "your", "!"} & set(
                each.text.lower().replace("?", "").split()
            )
    assert len(ANCHORS) == 3


def test_prompts_go_round_week_by_week_and_differ_between_key_results() -> None:
    monday = date(2026, 12, 21)  # over the turn of a year
    weeks = [prompt_for("kr-setup", monday + timedelta(7 * week)) for week in range(8)]
    assert set(weeks[:4]) == set(PROMPTS)
    assert weeks[:4] == weeks[4:]
    assert {prompt_for("kr-setup", monday + timedelta(day)) for day in range(7)} == {weeks[0]}
    assert len({prompt_for(f"kr-{number}", monday) for number in range(40)}) == len(PROMPTS)


def test_what_is_missing_is_said_in_the_order_of_the_form() -> None:
    assert missing_text(("decision",)) == "the decision needed"
    assert missing_text(("value", "confidence", "decision")) == "the current value, the confidence and the decision needed"
    assert missing_text(()) == ""


@pytest.mark.parametrize(
    ("typed", "unit", "number"),
    [
        ("42", "%", 42.0),
        (" 42 % ", "%", 42.0),
        ("42%", "%", 42.0),
        ("4,1", "", 4.1),
        ("-4,25", "", -4.25),
        ("\u22123", "", -3.0),
        ("1 200", "EUR", 1200.0),
        ("1\u2009200 eur", "EUR", 1200.0),
        ("1200.5", "", 1200.5),
    ],
)
def test_numbers_as_people_type_them(typed: str, unit: str, number: float) -> None:
    assert parse_check_in({"value": typed_number(typed, unit)}).value == number


@pytest.mark.parametrize("typed", ["1,200", "1.200,5", "1,2,3", "forty", "4 2 apples", "42 EUR", ","])
def test_what_may_mean_either_is_refused(typed: str) -> None:
    with pytest.raises(InputError):
        parse_check_in({"value": typed_number(typed, "%")})


@given(st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 6)))
def test_a_plain_number_is_read_as_it_stands(number: float) -> None:
    assert parse_check_in({"value": typed_number(f"{number:f}")}).value == pytest.approx(number, abs=1e-9)


@given(st.text(max_size=40), st.text(max_size=6))
def test_no_typing_breaks_it(typed: str, unit: str) -> None:
    assert isinstance(typed_number(typed, unit), str)


def test_a_doubt_is_a_short_text() -> None:
    assert parse_check_in({"doubt": " the vendor\r\nmay not deliver "}).doubt == "the vendor\nmay not deliver"
    assert parse_check_in({"doubt": "x\r\n" * 140}).doubt.count("\n") == 139  # a line break counts once
    for bad in ("x" * 281, 5, "a\x1bb"):
        with pytest.raises(InputError) as caught:
            parse_check_in({"doubt": bad})
        assert caught.value.where == "doubt"


def test_a_stored_check_in_is_marked_by_the_same_rule() -> None:
    row = CheckIn(movement="flat", confidence=6, blocker=None, decision="none")
    assert said_nothing(6, row)
    assert not said_nothing(5, row)
    assert not said_nothing(6, CheckIn(movement="up", confidence=6, blocker=None, decision="none"))
    assert not said_nothing(6, CheckIn(movement=None, confidence=6, blocker=None, decision="none"))
    assert not said_nothing(6, CheckIn(movement="flat", confidence=6, blocker="legal", decision="none"))
    assert not said_nothing(6, CheckIn(movement="flat", confidence=6, blocker=None, decision="budget"))
