"""Panels for tests: the three examples of the design, and many key results."""

from __future__ import annotations

from dataclasses import replace

from connector.domain.model import DecisionKind, Movement, State
from connector.domain.panel import Face, KeyResultPanel, ObjectivePanel, Panel

URL = "https://okr.acme.example/key-results/kr-1"

ON_TRACK = KeyResultPanel(
    id="kr-1",
    title="Guided set-up finished",
    url=URL,
    state=State.ON_TRACK,
    state_word="On track",
    reason="59 % done, 53 % expected",
    unit="%",
    start=38,
    target=65,
    current=54,
    progress=0.5926,
    expected=0.53,
    sentence="from 38 % to 65 %, now 54 %",
    start_text="38 %",
    target_text="65 %",
    current_text="54 %",
    movement=Movement.UP,
    movement_text="Moving, closer to target by 2 points since 11 Nov",
    confidence=8,
    confidence_trail=(7, 7, 7, 8, 8),
    question="",
    blocker="",
    decision=DecisionKind.NONE,
    owner="Alice",
    source_text='Alice, 17 Nov · value from Notion "Activation cohorts", 7 rows, as of 18 Nov 14:12',
    mend="",
)
STALLED = replace(
    ON_TRACK,
    id="kr-2",
    title="First invoice sent in 7 days",
    state=State.STALLED,
    state_word="Stalled",
    reason="same value for 5 check-ins",
    start=41,
    target=60,
    current=42,
    progress=0.0526,
    sentence="from 41 % to 60 %, now 42 %",
    start_text="41 %",
    target_text="60 %",
    current_text="42 %",
    movement=Movement.FLAT,
    movement_text="Flat, 0 points since 11 Nov",
    confidence=7,
    confidence_trail=(7, 7, 7, 7, 7),
    question="flat but confident, what makes this safe?",
    blocker_note="seen in HARB-151, flagged since 12 Nov",
    source_text='Ben, 17 Nov · value from Notion "Activation cohorts", 7 rows, as of 18 Nov 14:12',
)
LATE = replace(
    ON_TRACK,
    id="kr-3",
    title="App store rating",
    state=State.DATA_LATE,
    state_word="Data late",
    reason="source silent since 17 Nov 05:58",
    unit="",
    start=3.9,
    target=4.5,
    current=4.1,
    progress=0.3333,
    expected=0.55,
    sentence="from 3.9 to 4.5, last known 4.1",
    start_text="3.9",
    target_text="4.5",
    current_text="4.1",
    movement=None,
    movement_text="Movement not known",
    confidence=7,
    confidence_trail=(7, 7, 7, 7, 7),
    source_text="Jonas, 17 Nov · connection harbor-notion-mobile is parked: Notion no longer accepts the token",
    mend="an admin pastes a new token",
)
OBJECTIVE = ObjectivePanel(
    id="onboarding",
    title="New customers succeed",
    url="https://okr.acme.example/objectives/onboarding",
    progress=0.31,
    coverage="2 of 3 reporting",
    state=State.AT_RISK,
    state_word="At risk",
)


def alone(key_result: KeyResultPanel = ON_TRACK, **changes: object) -> Panel:
    return Panel("okr", (replace(key_result, **changes),))  # type: ignore[arg-type]


def together(*key_results: KeyResultPanel) -> Panel:
    return Panel("okr", key_results or (ON_TRACK, STALLED, LATE), OBJECTIVE)


def many(number: int) -> Panel:
    return together(*(replace((ON_TRACK, STALLED, LATE)[at % 3], id=f"kr-{at}", title=f"Key result {at} 🚀") for at in range(number)))


def faced(panel: Panel, **choices: object) -> Panel:
    """The same panel at a place where more, or less, of it is shown."""
    return replace(panel, face=Face(**choices))  # type: ignore[arg-type]
