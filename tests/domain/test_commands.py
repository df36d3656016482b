"""What a comment tells us: tolerant in form, strict in meaning, never a guess."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.commands import EXAMPLES, Command, merge, might_speak, parse_commands
from connector.domain.model import DecisionKind
from connector.domain.spoken import read_spoken
from connector.domain.wording import plain_number
from connector.errors import InputError

Said = dict[str, Any]


def only(text: str) -> Command:
    spoken = parse_commands(text)
    assert spoken.mistakes == ()
    [command] = spoken.commands
    return command


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "/okr 64 confidence 7 blocker waiting for legal decision none",
            {"value": 64.0, "confidence": 7.0, "blocker": "waiting for legal", "decision": DecisionKind.NONE},
        ),
        ("/okr value 42", {"value": 42.0}),
        ("/okr confidence 7", {"confidence": 7.0}),
        ("/OKR CONFIDENCE: 7/10, VALUE=64 %", {"value": 64.0, "confidence": 7.0}),
        ("/okr confidence is 7 out of 10. Decision: Faster Approval!", {"confidence": 7.0, "decision": DecisionKind.APPROVAL}),
        ("/okr no blocker, no decision", {"blocker": "", "decision": DecisionKind.NONE}),
        ("/okr blocker: none; decision: less scope", {"blocker": "", "decision": DecisionKind.SCOPE}),
        ("/okr 64,5, confidence 6", {"value": 64.5, "confidence": 6.0}),
        ("/okr .5", {"value": 0.5}),
        ("/okr -3 and confidence 4", {"value": -3.0, "confidence": 4.0}),
        ("/okr 1.200,5", {"value": 1200.5}),
        ("/okr value 1\u2009200", {"value": 1200.0}),
        ("/okr value not done, no blocker", {"value": "not done", "blocker": ""}),
        ("/okr value no no blocker", {"value": "no", "blocker": ""}),
        ("/okr blocker: waiting for decision other teams have to take", {"blocker": "waiting for decision other teams have to take"}),
        ('/okr blocker "waits, decision none" decision budget', {"blocker": "waits, decision none", "decision": DecisionKind.BUDGET}),
        ("/okr comment: there is still no blocker", {"comment": "there is still no blocker"}),
        ("/okr comment: shipped, no blocker", {"comment": "shipped", "blocker": ""}),
        ("/okr decision: budget for two licences", {"decision": DecisionKind.BUDGET, "comment": "Decision: budget for two licences"}),
        (
            "/okr comment: list is out. Decision: budget for ads",
            {"decision": DecisionKind.BUDGET, "comment": "list is out. Decision: budget for ads"},
        ),
        ("/okr 5\n- confidence 7\n* decision: none", {"value": 5.0, "confidence": 7.0, "decision": DecisionKind.NONE}),
        ("/okr\nvalue 42\nconfidence: 7\nblocker: waiting for @Bob\nno decision needed", {
            "value": 42.0, "confidence": 7.0, "blocker": "waiting for @Bob", "decision": DecisionKind.NONE,
        }),
        ("@okr-bot, /okr 5", {"value": 5.0}),
        (", /okr 5", {"value": 5.0}),
        ("[~accountid:70121:x] /okr 5", {"value": 5.0}),
        ("- /okr 5\u200b", {"value": 5.0}),
        ("/okr 5\n/okr confidence 7\nThanks", {"value": 5.0, "confidence": 7.0}),
        ("/okr 5 value 5", {"value": 5.0}),
    ],
)  # fmt: skip
def test_what_people_write(text: str, said: Said) -> None:
    assert only(text).said() == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nothing of ours",
        "Write /okr status to see it",
        "/okrs 5",
        "see https://example.com/okr 5",
        "> /okr 5",
        "bq. /okr 5",
        "```\n/okr 5\n```",
        "```/okr 5```",
        "{code:text}\n/okr 5\n{code}",
        "{quote}\n/okr 5\n{quote}",
        "{noformat}\n/okr 5",
        "“/okr 5” is how you do it",
    ],
)
def test_what_does_not_speak_to_us(text: str) -> None:
    assert not parse_commands(text)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("/okr kr-setup confidence 7", "kr-setup", {"confidence": 7.0}),
        ("/okr KR-Setup: 64", "kr-setup", {"value": 64.0}),
        ("/okr 2026-growth 5", "2026-growth", {"value": 5.0}),
        ("/okr status kr-setup", "kr-setup", {}),
        ("/okr status of kr-setup", "kr-setup", {}),
        ("/okr kr-setup", "kr-setup", {}),
    ],
)
def test_a_key_result_is_named_by_its_id(text: str, name: str, said: Said) -> None:
    command = only(text)
    assert (command.name, command.said(), command.status) == (name, said, not said)


def test_lines_speak_of_the_key_result_that_they_name() -> None:
    spoken = parse_commands("/okr kr-a 5\nconfidence 7\n/okr kr-b 6 %\n/okr KR-A decision none")
    assert [(each.name, each.said(), each.unit) for each in spoken.commands] == [
        ("kr-a", {"value": 5.0, "confidence": 7.0, "decision": DecisionKind.NONE}, ""),
        ("kr-b", {"value": 6.0}, "%"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/okr value", "value needs a number, for example “/okr value 42”"),
        ("/okr value confidence 7", "value needs a number"),
        ("/okr value 1,200", "1,200 may mean 1200 or 1.200; write one of them"),
        ("/okr value 12,34,5", "write a number such as 42 or 4.1"),
        ("/okr value 42 value 43", "value is said twice, and not the same"),
        ("/okr 42\n/okr value 43", "value is said twice, and not the same"),
        ("/okr blocker: one\n/okr blocker: two", "blocker is said twice, and not the same"),
        ("/okr confidence 11", "enter a whole number from 1 to 10, for example “/okr confidence 7”"),
        ("/okr confidence 0", "enter a whole number from 1 to 10"),
        ("/okr confidence 7.5", "enter a whole number from 1 to 10"),
        ("/okr confidence 7/8", "the second word behind “/okr” is no command"),
        ("/okr confidence 70 %", "enter a whole number from 1 to 10"),
        ("/okr confidence high", "confidence needs a whole number from 1 to 10"),
        ("/okr decision", "decision is one of budget, approval, scope, headcount, other, none"),
        ("/okr decision: more money", "decision is one of budget"),
        ("/okr decision none because it runs", "the third to fifth words behind “/okr” are no command"),
        ("/okr blocker:", "blocker needs words, for example “/okr blocker: waiting for legal”, or “/okr no blocker”"),
        ("/okr comment", "comment needs words"),
        ("/okr confidence 7 64", "the third word behind “/okr” is no command; a number on its own stands first"),
        ("/okr confidence 7, please", "the third word behind “/okr” is no command; for example “/okr confidence 7, decision none”"),
        ("/okr kr-a: 5, confidence 7, please", "the fifth word behind “/okr” is no command"),
        ("/okr status of kr-a please", "the fourth word behind “/okr” is no command"),
        ("/okr 5\n- confidence 7 high", "the third word of the first line below “/okr” is no command"),
        ("/okr 5\n/okr confidence 7 high", "the third word behind the second “/okr” is no command"),
        (f'/okr comment: "{"x " * 19}x", high', "the 22nd word behind “/okr” is no command"),
        (f"/okr comment: {'x' * 281}", "the comment has 281 characters; 280 are the most"),
        (f"/okr blocker: {'x' * 281}", "the blocker has 281 characters; 280 are the most"),
        (f"/okr value {'9' * 400}", "the number is too large"),
    ],
)
def test_a_mistake_says_its_mend(text: str, words: str) -> None:
    spoken = parse_commands(text)
    assert any(words in mistake for mistake in spoken.mistakes), spoken.mistakes


@pytest.mark.parametrize(
    ("text", "unit"), [("/okr 42 million", "million"), ("/okr 64k", "k"), ("/okr € 5", "€"), ("/okr 5 %", "%"), ("/okr 5/7", "/7")]
)
def test_what_stands_behind_a_number_is_kept_for_others_to_judge(text: str, unit: str) -> None:
    assert only(text).unit == unit


@pytest.mark.parametrize(
    "text",
    ["/okr 5\nvalue of this is unclear", "/okr 5\ncomment from Bob: fine", "/okr 5\nstatus of the epic changed", "/okr 5\nhelp is welcome"],
)
def test_prose_below_a_command_is_prose(text: str) -> None:
    assert only(text).said() == {"value": 5.0}


@pytest.mark.parametrize("text", ["/okr 5\nconfidence: high", "/okr 5\nconfidence 11", "/okr 5\ndecision budgte"])
def test_a_mistaken_line_below_a_command_is_no_prose(text: str) -> None:
    assert parse_commands(text).mistakes


def test_no_words_at_all_ask_for_help() -> None:
    assert [only(text).help for text in ("/okr", "/okr help", "/okr?", "hello\n/okr :")] == [True] * 4


def test_equal_meaning_gives_an_equal_digest() -> None:
    forms = (
        "/okr 42 confidence 7 decision none",
        "/OKR decision: none; value = 42,0; confidence: 7/10",
        "Hi\n/okr\nvalue 42\nconfidence 7\nno decision",
    )
    assert len({parse_commands(form).digest for form in forms}) == 1
    assert parse_commands("/okr 42").digest != parse_commands("/okr 43").digest


def test_commands_about_one_key_result_are_merged_and_must_agree() -> None:
    agreed = merge(parse_commands("/okr 5\n/okr kr-a confidence 7").commands, "kr-a")
    assert (agreed.commands[0].name, agreed.commands[0].said(), agreed.mistakes) == ("kr-a", {"value": 5.0, "confidence": 7.0}, ())
    assert merge(parse_commands("/okr 5\n/okr kr-a 6").commands, "kr-a").mistakes


# --- properties --------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "/okr", "value", "confidence", "blocker", "decision", "comment", "status", "help", "no blocker", "no", "none", "budget", "7", "42",
        "7/10", "1,200", "4.5", ",", ":", ";", "%", "kr-a", "waiting for", "\n", "@Bob", "“", "”", '"', "and", "is", "not done", "-", ".",
    ]
)  # fmt: skip
KEPT = {"and", "no", "none", "decision", "value", "confidence", "blocker", "comment"}
PLAIN_WORDS = (
    st.text("abcdefghijklmnopqrstuvwxyzäöüß ", min_size=1, max_size=40)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: bool(text) and not KEPT & set(text.split()))
)


@given(st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=30).map(" ".join)))
def test_nothing_that_is_written_breaks_the_reader(text: str) -> None:
    spoken = parse_commands(text)
    for command in spoken.commands:
        assert set(command.said()) <= set(EXAMPLES)
        assert command.value is None or isinstance(command.value, (float, str))
    if spoken:
        assert might_speak(text)  # what is skipped unread never held a command
    assert parse_commands(text).digest == spoken.digest
    for mistake in spoken.mistakes:
        assert not parse_commands(mistake)  # an answer that repeats it is no command


@given(st.lists(st.one_of(WORDS, st.sampled_from(["layoffs", "[~70121:ceo]", "layoffs1", "lay-offs", "1layoffs"])), max_size=30))
def test_words_that_could_not_be_read_are_not_repeated(words: list[str]) -> None:
    said = "\n".join(parse_commands(f"/okr {' '.join(words)}").mistakes)
    assert "lay" not in said
    assert "~" not in said


@given(
    value=st.none() | st.integers(-10**9, 10**9).map(float) | st.floats(-1e6, 1e6).map(lambda number: round(number, 4)),
    confidence=st.none() | st.integers(1, 10),
    blocker=st.none() | PLAIN_WORDS,
    decision=st.none() | st.sampled_from(list(DecisionKind)),
    colon=st.sampled_from([" ", ": ", " = ", ":"]),
    comma=st.sampled_from([", ", "; ", " ; ", "\n", " , "]),
    shout=st.booleans(),
)  # fmt: skip
def test_every_whole_command_is_read_as_it_was_meant(
    value: float | None, confidence: int | None, blocker: str | None, decision: DecisionKind | None, colon: str, comma: str, shout: bool
) -> None:
    parts: list[tuple[str, object]] = []
    if value is not None:
        parts.append(("value", repr(value)))
    if confidence is not None:
        parts.append(("confidence", confidence))
    if decision is not None:
        parts.append(("decision", decision.value))
    if blocker is not None:
        parts.append(("blocker", blocker))
    joint = ": " if comma == "\n" else colon
    text = "/okr " + comma.join(f"{name.upper() if shout else name}{joint}{said}" for name, said in parts)
    if not parts or (blocker and colon.strip() == "" and comma != "\n" and blocker[0] in "=:"):
        return
    command = only(text)
    expected: Said = {"value": value, "confidence": confidence, "blocker": blocker, "decision": decision}
    assert command.said() == {name: said for name, said in expected.items() if said is not None}


@given(st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 3)))
def test_numbers_as_we_print_them_are_read_back(number: float) -> None:
    assert read_spoken(plain_number(number, 3)) == pytest.approx(number, abs=1e-9)


@given(st.text("0123456789,. '\u202f-+", max_size=14))
def test_a_number_is_one_number_or_refused(text: str) -> None:
    try:
        number = read_spoken(text)
    except InputError:
        return
    digits = text.replace(" ", "").replace("'", "").replace("\u202f", "")
    commas, points = digits.count(","), digits.count(".")
    if commas == 0 and points <= 1:
        assert number == float(digits)


@pytest.mark.parametrize(
    "piece",
    ["@", "@a ", "[~", "and ", "confidence ", "blocker: a, ", "decision budget x ", "1,", "1 000", "“", " ", ", ", "x ", "\n/okr a 5"],
)
@pytest.mark.parametrize("head", ["", "/okr ", "/okr blocker: ", "/okr value "])
def test_a_long_comment_is_read_in_no_time(head: str, piece: str) -> None:
    text = head + piece * (32_000 // len(piece))  # the longest that Jira takes
    begun = time.process_time()
    parse_commands(text)
    assert time.process_time() - begun < 5
