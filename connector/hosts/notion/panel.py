"""A panel as Notion shows it: one callout's rich text, the values of the OKR properties, and digests of both. Pure.

Wording and order are fixed: state and reason / from, to, now / movement and confidence / blocker / ask / source. The icon is
never the only carrier of the state: the first word says it.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

from connector.domain.leads_page import Piece
from connector.domain.model import DecisionKind, State
from connector.domain.panel import KeyResultPanel, ObjectivePanel, Panel
from connector.domain.plain_text import SENTENCE, TITLE, one_line
from connector.hosts.notion.rich_text import MOST_RUNS, linked, runs

STATUS, CURRENT, PROGRESS = "OKR status", "OKR current", "OKR progress"

MARKS = {
    State.ON_TRACK: "●",
    State.AT_RISK: "▲",
    State.STALLED: "▮▮",
    State.OVERDUE: "◷",
    State.NO_DATA: "◌",
    State.DATA_LATE: "◇",
    State.CLOSED: "☑",
}
# The API takes an emoji as icon and nothing drawn: these come nearest to the shapes of the marks. A callout without an icon
# gets a light bulb that cannot be taken away again.
ICONS = {
    State.ON_TRACK: "🔵",
    State.AT_RISK: "🔺",
    State.STALLED: "⏸️",
    State.OVERDUE: "⏰",
    State.NO_DATA: "⚪",
    State.DATA_LATE: "🔶",
    State.CLOSED: "☑️",
}
COLOURS = {
    State.ON_TRACK: "blue_background",
    State.AT_RISK: "orange_background",
    State.STALLED: "purple_background",
    State.CLOSED: "default",
}
_BY_URGENCY = (State.AT_RISK, State.STALLED, State.OVERDUE, State.DATA_LATE, State.NO_DATA, State.ON_TRACK, State.CLOSED)
_CELLS = 20
_SINCE = re.compile(r"since (\d{1,2}\s\w{3})\b")
# What people typed, or is made of what they typed.
_TYPED = {"title", "reason", "sentence", "start_text", "target_text", "current_text"}
_TYPED |= {"blocker", "blocker_note", "owner", "source_text", "mend"}


def callout(panel: Panel) -> dict[str, Any]:
    """The content of the callout block: ``{"rich_text", "icon", "color"}``, within the API's limits whatever the panel holds."""
    state = _state(panel)
    return {
        "rich_text": _fitting(safe(panel)),
        "icon": {"type": "emoji", "emoji": ICONS[state] if state else "⚪"},
        "color": COLOURS.get(state, "gray_background") if state else "gray_background",
    }


def safe(panel: Panel) -> Panel:
    """The panel with everything that people typed as single lines of plain text; numbers, states and addresses stay."""
    above = panel.objective
    return replace(
        panel,
        key_results=tuple(replace(each, **_lines_of(each)) for each in panel.key_results),
        objective=None if above is None else replace(above, **_lines_of(above)),
    )


def _lines_of(each: KeyResultPanel | ObjectivePanel) -> dict[str, Any]:
    typed = {field.name: getattr(each, field.name) for field in fields(each) if field.name in _TYPED}
    return {name: one_line(text, TITLE if name in ("title", "owner") else SENTENCE) for name, text in typed.items()}


def values(panel: Panel) -> dict[str, str | float | None]:
    """What the three properties shall hold. None empties one: unknown is never 0.

    Several key results: the objective's state and progress; without an objective the most urgent state and no number.
    """
    results, above = panel.key_results, panel.objective
    if len(results) == 1:
        only = results[0]
        return {STATUS: only.state_word, CURRENT: _rounded(only.current, 6), PROGRESS: _rounded(only.progress, 4)}
    if above is not None:
        return {STATUS: above.state_word, CURRENT: None, PROGRESS: _rounded(above.progress, 4)}
    state = _state(panel)
    word = next((each.state_word for each in results if each.state is state), None)
    return {STATUS: word, CURRENT: None, PROGRESS: None}


def bar(start_text: str, target_text: str, progress: float, expected: float | None, note: str = "") -> str:
    """A text bar: filled cells up to ``progress``, a notch at ``expected``; only whole cells are filled."""
    filled = int(min(max(progress, 0.0), 1.0) * _CELLS + 1e-9)
    cells = ["█"] * filled + ["░"] * (_CELLS - filled)
    told = ""
    if expected is not None:
        cells[min(int(min(max(expected, 0.0), 1.0) * _CELLS + 0.5), _CELLS - 1)] = "┆"
        told = f"   (┆ expected today{note})"
    elif note:
        told = f"   ({note.removeprefix(', ')})"
    return f"{start_text} ▕{''.join(cells)}▏ {target_text}{told}"


def _state(panel: Panel) -> State | None:
    if panel.objective is not None:
        return panel.objective.state
    states = {each.state for each in panel.key_results}
    return next((state for state in _BY_URGENCY if state in states), None)


def _rounded(number: float | None, decimals: int) -> float | None:
    return None if number is None else round(number, decimals)


def _fitting(panel: Panel) -> list[dict[str, Any]]:
    """All key results in full if that fits; else the first ones in full and the rest as state, title and sentence."""
    results = panel.key_results
    for full in range(min(len(results), MOST_RUNS // 2), -1, -1):  # a full block has two runs at least
        found = runs(_lines(panel, full, len(results)))
        if len(found) <= MOST_RUNS:
            return found
    shown = len(results)
    while len(found := runs(_lines(panel, 0, shown))) > MOST_RUNS and shown > 0:
        shown -= max(1, shown // 10)
    return found[:MOST_RUNS]


def _lines(panel: Panel, full: int, shown: int) -> list[list[Piece]]:
    results = panel.key_results
    if not results and panel.objective is None:
        return [[Piece("No key result is linked here any more.")]]
    lines = _objective_lines(panel)
    if len(results) == 1 and full:
        return [*lines, *_full(results[0])]
    for place, each in enumerate(results[:shown]):
        lines += _compact(each) if place < full else [_short(each)]
    if shown < len(results):
        lines.append([Piece(f"+{len(results) - shown} more")])
    elif full < len(results):
        lines.append(
            [
                Piece(f"+{len(results) - full} more with details"),
                *([Piece(": "), linked("Open objective", panel.objective.url)] if panel.objective else []),
            ]
        )
    return lines


def _objective_lines(panel: Panel) -> list[list[Piece]]:
    above = panel.objective
    if above is None:
        return []
    coverage = f" · {above.coverage}" if above.coverage else ""
    return [
        [
            Piece(f"{MARKS[above.state]}  "),
            Piece(above.state_word, bold=True),
            Piece(" · "),
            linked(above.title, above.url),
            Piece(coverage),
        ]
    ]


def _full(each: KeyResultPanel) -> list[list[Piece]]:
    """One key result alone: the order that every panel keeps."""
    lines = [
        [Piece(f"{MARKS[each.state]}  "), Piece(each.state_word, bold=True), Piece(f" · {each.reason}" if each.reason else "")],
        [Piece(f"{each.title}, "), *_sentence(each)],
    ]
    if each.progress is not None and each.start_text and each.target_text:
        lines.append([Piece(bar(each.start_text, each.target_text, each.progress, each.expected, _bar_note(each)))])
    lines.append([Piece(_movement(each))])
    if each.question:
        lines.append([Piece(f"Question: {each.question}")])
    lines += [[Piece(f"Blocker: {_blocker(each)}")], [Piece(f"Ask: {each.decision.value}")], [Piece(each.said)], [Piece(each.source_text)]]
    update, opened, explained = f"{each.url}#update", each.url, f"{each.url}#explain"
    if each.mend:
        lines.append([Piece(f"Mend: {each.mend} · "), linked("Update by hand", update), Piece(" · "), linked("Open key result", opened)])
    else:
        lines.append(
            [
                linked("Update", update),
                Piece(" · "),
                linked("Open key result", opened),
                Piece(" · "),
                linked("Explain this number", explained),
            ]
        )
    return [line for line in lines if any(piece.text for piece in line)]


def _compact(each: KeyResultPanel) -> list[list[Piece]]:
    """One key result among several, under its objective."""
    lines = [
        [Piece(f"{MARKS[each.state]}  "), Piece(each.state_word, bold=True), Piece(" · "), linked(each.title, each.url)],
        _sentence(each),
        [Piece(each.reason)],
        [Piece(_movement(each))],
    ]
    if each.question:
        lines.append([Piece(f"Question: {each.question}")])
    lines.append([Piece(f"Blocker: {_blocker(each)} · Ask: {each.decision.value if each.decision else DecisionKind.NONE.value}")])
    lines += [[Piece(each.said)], [Piece(each.source_text)]]
    if each.mend:
        lines.append([Piece(f"Mend: {each.mend}")])
    return [line for line in lines if any(piece.text for piece in line)]


def _short(each: KeyResultPanel) -> list[Piece]:
    return [Piece(f"{MARKS[each.state]}  {each.state_word} · {each.title}, {each.sentence}{_label(each)}")]


def _sentence(each: KeyResultPanel) -> list[Piece]:
    """The from-to-now sentence with the value in bold."""
    if each.current_text and each.current is not None and each.sentence.endswith(each.current_text):
        return [Piece(each.sentence.removesuffix(each.current_text)), Piece(each.current_text, bold=True), Piece(_label(each))]
    return [Piece(f"{each.sentence}{_label(each)}")]


def _label(each: KeyResultPanel) -> str:
    return f" · {each.label}" if each.label else ""


def _blocker(each: KeyResultPanel) -> str:
    """Never silent: none is an answer, and what the work itself shows is said beside it."""
    if not each.blocker:
        return f"none named · {each.blocker_note}" if each.blocker_note else "none"
    return f"{each.blocker} · {each.blocker_note}" if each.blocker_note else each.blocker


def _movement(each: KeyResultPanel) -> str:
    if each.confidence is None:
        return f"{each.movement_text} · no confidence given yet"
    trail = f" ({', '.join(str(number) for number in each.confidence_trail)})" if each.confidence_trail else ""
    return f"{each.movement_text} · confidence {each.confidence} of 10{trail}"


def _bar_note(each: KeyResultPanel) -> str:
    """A bar drawn from an old value says so."""
    if each.state is not State.DATA_LATE:
        return ""
    found = _SINCE.search(each.reason)
    return f", bar as of {found.group(1)}" if found else ", bar as of the last reading"
