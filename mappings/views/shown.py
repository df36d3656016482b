"""An answer of the preview as the page shows it: number, bar, sentences, warnings, rows. Decides nothing and computes no value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.model import Definition
from connector.domain.scoring import raw_progress, shown_progress
from connector.domain.wording import current_text, percent_text, plain_number, start_text, target_text
from connector.services.preview import MOST_ROWS, Answer
from mappings.preview import Row
from mappings.rules import FIELD_MEASURES, POINTS, Mode, WontDo
from mappings.sentences import Piece, rule_sentence

BAR = 200  # units
NAMED = 3  # items without a number that are named one by one
_ORDER = ("counted", "not yet", "unknown", "left out", "counted elsewhere")
_OF_MAPPING = re.compile(r"^mapping (\d+): ")


@dataclass(frozen=True, slots=True)
class Bar:
    """See ``parts.html``; lengths as text, "" for what is not known."""

    width: int
    fill: str
    notch: str
    label: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at; ``url`` and ``link`` lead to where it can be mended."""

    text: str
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the fragment prints. ``outcome`` stands beside the Save button and is said aloud; ``partial``: still being read."""

    partial: bool
    read: int
    value: str
    bar: Bar | None
    start: str
    target: str
    way: str
    sentence: str
    rule: tuple[Piece, ...]
    warnings: tuple[Remark, ...]
    notes: tuple[str, ...]
    number_title: str
    keyed: bool  # the items have keys that people know
    rows: tuple[Row, ...]
    more: int
    outcome: str


def show(answer: Answer, expected: float | None) -> Shown:
    """``expected``: share of the way (0-1) that the key result should have gone today, None when that is not known."""
    question, told = answer.question, answer.preview
    mine, draft, definition = told.measurements[-1], question.draft, question.definition
    partial = not answer.read.complete
    value = answer.after if draft.mode is Mode.VALUE else told.before
    rows = sorted(answer.rows, key=lambda row: _ORDER.index(row.standing))
    needs_number = draft.measure.kind in POINTS or draft.measure.kind in FIELD_MEASURES
    names = {ident: answer.read.resolution.titles.get(ident, "") for ident in answer.read.resolution.containers}
    return Shown(
        partial=partial,
        read=mine.items,
        value=_value(value, definition),
        bar=_bar(value, definition, expected) if question.facts is not None else None,
        start=start_text(definition),
        target=target_text(definition),
        way=_way(value, definition, expected),
        sentence=f"{plain_number(mine.items, 0)} items read so far, {plain_number(mine.done, 0)} of them done"
        if partial
        else answer.sentence,
        rule=rule_sentence(draft, mine, names),
        warnings=() if partial else _warnings(answer, rows, needs_number=needs_number),
        notes=() if partial else _notes(answer),
        number_title=(draft.measure.field or "Points") if needs_number else "",
        keyed=draft.on_jira,
        rows=tuple(rows[:MOST_ROWS]),
        more=max(0, len(rows) - MOST_ROWS),
        outcome="" if partial else outcome(answer),
    )


def outcome(answer: Answer) -> str:
    """What saving does to the value: "the value goes from 31 to 40", "the value stays 430"."""
    if answer.question.draft.mode is Mode.VALUE and answer.after is None:
        return "the value is not known until all items were read" if answer.read.cut_off else "the value would not be known"
    change = answer.sentence.partition(": ")[2]
    return change.removeprefix("context only, ").replace("would go", "goes").replace("would be", "becomes")


def _value(value: float | None, definition: Definition) -> str:
    return "not known" if value is None else current_text(definition, value)


def _bar(value: float | None, definition: Definition, expected: float | None) -> Bar:
    progress = shown_progress(raw_progress(definition, value))
    fill = "" if progress is None else f"{(BAR - 2) * progress:.1f}"
    notch = "" if expected is None else f"{1 + (BAR - 2) * min(1.0, max(0.0, expected)):.1f}"
    return Bar(BAR, fill, notch, _way(value, definition, expected) or "progress not known")


def _way(value: float | None, definition: Definition, expected: float | None) -> str:
    progress = shown_progress(raw_progress(definition, value))
    parts = ["progress not known" if progress is None else f"{percent_text(progress)} of the way"]
    if expected is not None:
        parts.append(f"expected {percent_text(expected)}")
    return " · ".join(parts)


def _warnings(answer: Answer, rows: Sequence[Row], *, needs_number: bool) -> tuple[Remark, ...]:
    last = len(answer.preview.measurements)
    found: list[Remark] = []
    for notice in answer.warnings:
        named = _OF_MAPPING.match(notice.text)
        text = _OF_MAPPING.sub("" if named and int(named[1]) == last else "another mapping of this key result: ", notice.text)
        found.append(Remark(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"))
    missing = [row for row in rows if needs_number and row.number is None and row.standing != "left out"]
    field = answer.question.draft.measure.field or "points"
    if 0 < len(missing) <= NAMED:
        found += [
            Remark(
                f"{row.key or row.title} has no {field}. It adds nothing{'' if row.standing == 'counted' else ' when it is done'}.",
                row.url,
                "Open it",
            )
            for row in missing
        ]
    return tuple(found)


def _notes(answer: Answer) -> tuple[str, ...]:
    mine, draft = answer.preview.measurements[-1], answer.question.draft
    if not mine.wont_do:
        return ()
    many = f"{mine.wont_do} {'item is' if mine.wont_do == 1 else 'items are'} “Won’t do” and "
    one = mine.wont_do == 1
    if draft.wont_do is WontDo.EXCLUDE:
        return (f"{many}{'is' if one else 'are'} left out of both sides.",)
    return (
        (f"{many}{'counts' if one else 'count'} as done, as in Jira’s own epic bar.",)
        if draft.on_jira
        else (f"{many}{'counts' if one else 'count'} as done.",)
    )
