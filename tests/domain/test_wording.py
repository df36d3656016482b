from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Definition, Kind, Milestone, Movement, State
from connector.domain.scoring import movement
from connector.domain.wording import (
    STATE_WORDS,
    SourceFacts,
    bar,
    current_text,
    day_text,
    moment_text,
    movement_text,
    number_text,
    percent_text,
    sentence,
    source_text,
    target_text,
)

OSLO = ZoneInfo("Europe/Oslo")
SINCE = datetime(2026, 11, 11, 8, tzinfo=UTC)
SHARE = Definition(start=41, target=60, unit="%")


def plain(text: str) -> str:
    """Typographic spaces as ordinary ones, to be read."""
    return text.replace("\u00a0", " ").replace("\u2009", " ")


@pytest.mark.parametrize(
    ("value", "definition", "text"),
    [
        (42, SHARE, "42\u00a0%"),
        (1200, Definition(start=0, target=5000), "1\u2009200"),
        (1234567.0, Definition(start=0, target=5e6), "1\u2009234\u2009567"),
        (1.15, Definition(start=1.9, target=0.8, unit="s", decimals=2), "1.15\u00a0s"),
        (4.10, Definition(start=3.9, target=4.5), "4.1"),
        (11.5, Definition(start=9, target=20, unit="%", decimals=1), "11.5\u00a0%"),
        (-3, Definition(start=0, target=10), "\u22123"),
        (-0.0, Definition(start=0, target=10), "0"),
        (41.666, Definition(start=0, target=100, unit="%"), "42\u00a0%"),
    ],
)
def test_numbers(value: float, definition: Definition, text: str) -> None:
    assert number_text(value, definition) == text


def test_a_number_is_never_rounded_onto_the_target_or_the_start() -> None:
    share = Definition(start=0, target=100, unit="%")
    assert plain(number_text(99.6, share)) == "99.6 %"
    assert plain(number_text(0.3, share)) == "0.3 %"
    assert plain(number_text(100, share)) == "100 %"


def test_per_cent_agrees_with_the_word_beside_it() -> None:
    assert [plain(percent_text(share)) for share in (0.0, 0.001, 0.126, 0.185, 0.999, 1.0, 1.25)] == [
        "0 %", "1 %", "13 %", "19 %", "99 %", "100 %", "125 %"]  # fmt: skip


def test_dates() -> None:
    assert day_text(date(2026, 11, 8)) == "8 Nov"
    assert moment_text(datetime(2026, 11, 18, 13, 12, tzinfo=UTC), OSLO) == "18 Nov 14:12"
    assert moment_text(datetime(2026, 11, 17, 23, 5, tzinfo=UTC), OSLO) == "18 Nov 00:05"


FIVE = tuple(Milestone(str(number), done=number < 3) for number in range(5))


@pytest.mark.parametrize(
    ("definition", "current", "text"),
    [
        (SHARE, 42, "from 41 % to 60 %, now 42 %"),
        (SHARE, None, "from 41 % to 60 %, no reading yet"),
        (Definition(start=400, target=900), 610, "from 400 to 900, now 610"),
        (Definition(kind=Kind.AT_MOST, target=1.0), 0.8, "at most 1, now 0.8"),
        (Definition(kind=Kind.AT_LEAST, target=99.9, unit="%", decimals=2), 99.95, "at least 99.9 %, now 99.95 %"),
        (Definition(kind=Kind.AT_MOST, target=3, strict=True), 3, "below 3, now 3"),
        (Definition(kind=Kind.BETWEEN, low=2, high=5), 3, "between 2 and 5, now 3"),
        (Definition(kind=Kind.YES_NO), 1, "done"),
        (Definition(kind=Kind.YES_NO), 0, "not done"),
        (Definition(kind=Kind.YES_NO), None, "no reading yet"),
        (Definition(kind=Kind.MILESTONES, milestones=FIVE), 0.6, "3 of 5 milestones"),
        (Definition(kind=Kind.MILESTONES, milestones=FIVE), 0.7, "5 milestones, now 70 %"),
        (Definition(kind=Kind.MILESTONES, milestones=FIVE), None, "5 milestones, no reading yet"),
    ],
)
def test_the_sentence_of_each_kind(definition: Definition, current: float | None, text: str) -> None:
    assert plain(sentence(definition, current)) == text


def test_late_data_says_last_known() -> None:
    assert plain(sentence(Definition(start=3.9, target=4.5), 4.1, late=True)) == "from 3.9 to 4.5, last known 4.1"


def test_texts_without_a_value() -> None:
    assert current_text(SHARE, None) == "no reading yet"
    assert target_text(Definition()) == ""


@pytest.mark.parametrize(
    ("definition", "previous", "current", "text"),
    [
        (SHARE, 40, 42, "Moving, closer to target by 2 points since 11 Nov"),
        (SHARE, 41, 42, "Moving, closer to target by 1 point since 11 Nov"),
        (SHARE, 42, 42, "Flat, 0 points since 11 Nov"),
        (SHARE, 42, 39, "Slipping, further from target by 3 points since 11 Nov"),
        (Definition(start=52, target=24, unit="h"), 50, 47, "Moving, closer to target by 3 h since 11 Nov"),
        (Definition(start=0, target=5000), 200, 1400, "Moving, closer to target by 1 200 since 11 Nov"),
        (Definition(kind=Kind.AT_MOST, target=3), 4, 2, "Inside the bound, outside on 11 Nov"),
        (Definition(kind=Kind.AT_MOST, target=3), 5, 4, "Outside the bound, as on 11 Nov"),
        (Definition(kind=Kind.YES_NO), 0, 0, "Flat, not done, as on 11 Nov"),
        (Definition(kind=Kind.YES_NO), 0, 1, "Moving, done, not done on 11 Nov"),
        (Definition(kind=Kind.MILESTONES, milestones=FIVE), 0.4, 0.6, "Moving, closer to target by 20 points since 11 Nov"),
        (SHARE, None, 42, "Movement not known"),
        (SHARE, 42, None, "Movement not known"),
    ],
)
def test_movement_is_worded_by_direction(definition: Definition, previous: float | None, current: float | None, text: str) -> None:
    moved = movement(definition, previous, current)
    assert plain(movement_text(definition, moved, previous, current, SINCE, OSLO)) == text


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_moving_is_never_by_nothing(previous: float, current: float) -> None:
    moved = movement(SHARE, previous, current)
    text = movement_text(SHARE, moved, previous, current, SINCE, OSLO)
    assert (" by 0 points" in text) is False
    assert text.startswith({Movement.UP: "Moving", Movement.DOWN: "Slipping", Movement.FLAT: "Flat"}[moved])  # type: ignore[index]


def test_state_words_are_complete() -> None:
    assert set(STATE_WORDS) == set(State)
    assert STATE_WORDS[State.DATA_LATE] == "Data late"


def test_source_text() -> None:
    facts = SourceFacts(
        "Alice", datetime(2026, 11, 17, 9, tzinfo=UTC), 'Notion "Deals"', 7, "row", datetime(2026, 11, 18, 13, 12, tzinfo=UTC)
    )
    assert source_text(facts, OSLO) == 'Alice, 17 Nov · value from Notion "Deals", 7 rows, as of 18 Nov 14:12'
    assert source_text(replace(facts, delayed=True, items=1), OSLO).endswith("1 row, as of 18 Nov 14:12, delayed")
    assert source_text(replace(facts, unconfirmed=True), OSLO).startswith("Alice, 17 Nov · number only, no owner comment · value from")
    broken = replace(facts, problem="connection acme-notion is parked: Notion no longer accepts the token")
    assert source_text(broken, OSLO) == "Alice, 17 Nov · connection acme-notion is parked: Notion no longer accepts the token"
    assert source_text(SourceFacts("Ines"), OSLO) == "Ines, no check-in yet · no source"
    assert source_text(SourceFacts(), OSLO) == "no check-in yet · no source"


@pytest.mark.parametrize(
    ("progress", "plan", "text"),
    [
        (1 / 19, 0.53, "▕█░░░░░░░░░░┆░░░░░░░░▏"),
        (1 / 3, 0.53, "▕██████░░░░░┆░░░░░░░░▏"),
        (16 / 27, 0.53, "▕███████████┆░░░░░░░░▏"),
        (None, None, "▕░░░░░░░░░░░░░░░░░░░░▏"),
        (0.999, None, "▕███████████████████░▏"),
        (1.4, None, "▕████████████████████▏"),
        (-0.4, 1.0, "▕░░░░░░░░░░░░░░░░░░░┆▏"),
    ],
)
def test_bar(progress: float | None, plan: float | None, text: str) -> None:
    assert bar(progress, plan) == text


@given(st.none() | st.floats(-5, 5), st.none() | st.floats(-5, 5), st.integers(1, 60))
def test_bar_keeps_its_width(progress: float | None, plan: float | None, width: int) -> None:
    assert len(bar(progress, plan, width)) == width + 2
