"""A mapping's rule as one sentence with its sum, in pieces that a page can set in bold. Pure; computes no value of its own."""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.wording import percent_text, plain_number
from mappings.measures import Measurement
from mappings.terms import FIELD_MEASURES, SHARES, Draft, MeasureKind, Of, Selector, SelectorKind
from mappings.wishes import wishes_text

MOST_ADDENDS = 8
MOST_NAMES = 4

Piece = tuple[str, bool]  # text, bold

_MEASURES = {
    MeasureKind.DONE_SHARE: ("Share done", "of the"),
    MeasureKind.DONE_COUNT: ("Number done", "of the"),
    MeasureKind.POINTS_SHARE: ("Share of points done", "over the"),
    MeasureKind.POINTS_DONE: ("Points done", "over the"),
    MeasureKind.COUNT: ("Number", "of the"),
    MeasureKind.CREDIT_SHARE: ("Share done, with part credit for started ones,", "of the"),
    MeasureKind.CHECKED_SHARE: ("Share checked", "of the"),
    MeasureKind.SUM: ("Sum", "over the"),
    MeasureKind.MEAN: ("Mean", "over the"),
    MeasureKind.MIN: ("Smallest", "over the"),
    MeasureKind.MAX: ("Largest", "over the"),
    MeasureKind.LATEST: ("Latest", "over the"),
}


def rule_sentence(rule: Draft, answer: Measurement, names: Mapping[str, str] | None = None) -> tuple[Piece, ...]:
    """The sentence, e.g. "Sum of **Seats** over the **done** direct children of A and B: 60 + 80 = 140.".

    ``names``: data source id or project key → what people call it.
    """
    title, link = _MEASURES[rule.measure.kind]
    pieces: list[Piece] = [(title, False)]
    if rule.measure.field:
        pieces += [(" of ", False), (rule.measure.field, True)]
    if rule.measure.by:
        pieces += [(" by ", False), (rule.measure.by, True)]
    pieces.append((f" {link} ", False))
    if rule.measure.kind in FIELD_MEASURES and rule.measure.of is not Of.ALL:
        pieces += [(rule.measure.of.value, True), (" ", False)]
    pieces.append((f"{scope(rule.selector, names or {})}{_sum(answer)}.", False))
    return tuple(pieces)


def scope(selector: Selector, names: Mapping[str, str] | None = None) -> str:
    """Which items, in words: "direct children of ACME-1 and ACME-7"."""
    match selector.kind:
        case SelectorKind.EPICS:
            return f"{'children and subtasks' if selector.subtasks else 'direct children'} of {listed(selector.epics)}"
        case SelectorKind.ISSUES:
            return f"issues {listed(selector.issues)}"
        case SelectorKind.PROJECT:
            return f"issues of project {selector.project}{' and their subtasks' if selector.subtasks else ''}"
        case SelectorKind.JQL:
            return "issues that match the JQL"
        case SelectorKind.ROWS:
            return f"{len(selector.rows)} named {'row' if len(selector.rows) == 1 else 'rows'}"
        case SelectorKind.DATABASE:
            name = next(iter((names or {}).values()), "") or "the database"
            where = wishes_text(selector.filter, names)
            return f"rows of {name}{f' where {where}' if where else ''}"


def listed(words: tuple[str, ...]) -> str:
    """ "A", "A and B", "A, B, C and 4 more"."""
    if len(words) > MOST_NAMES:
        return f"{', '.join(words[: MOST_NAMES - 1])} and {len(words) - MOST_NAMES + 1} more"
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _sum(answer: Measurement) -> str:
    """How the number comes about, "" where nothing is known."""
    if answer.value is None:
        return ""
    kind = answer.kind
    if kind in (MeasureKind.SUM, MeasureKind.POINTS_DONE):
        addends = [plain_number(entry.adds, 2) for entry in answer.counted if entry.counted]
        total = plain_number(answer.value, 2)
        return f": {' + '.join(addends)} = {total}" if 1 < len(addends) <= MOST_ADDENDS else f": {total} from {len(addends)}"
    if kind in SHARES:
        parts = f"{plain_number(answer.numerator, 2)} of {plain_number(answer.denominator, 2)}"
        return f": {parts} = {percent_text(answer.value)}"
    return f": {plain_number(answer.value, 2)}"
