"""Measurements in words: "17 of 42 items done (2 won't do counted) → 40 %". Pure; decides nothing and computes nothing."""

from __future__ import annotations

from connector.domain.wording import percent_text, plain_number
from mappings.measures import Measurement, things
from mappings.terms import FIELD_MEASURES, SHARES, Draft, MeasureKind, Of, WontDo


def pair_text(before: float, after: float, decimals: int) -> tuple[str, str]:
    """Two numbers with as many decimals (up to three more) as it takes to see that they differ."""
    for precision in range(decimals, decimals + 4):
        texts = plain_number(before, precision), plain_number(after, precision)
        if texts[0] != texts[1]:
            return texts
    return plain_number(before, decimals), plain_number(after, decimals)


def explain(rule: Draft, measurement: Measurement, *, decimals: int = 2) -> str:
    """One sentence saying which items gave the number, what was left out, and the number: shares in percent, else as is."""
    remarks = _remarks(rule, measurement)
    text = _what(rule, measurement) + (f" ({', '.join(remarks)})" if remarks else "")
    if measurement.value is None:
        return f"{text} → not known: {measurement.unknown}"
    result = percent_text(measurement.value) if measurement.kind in SHARES else plain_number(measurement.value, decimals)
    return f"{text} → {result}"


def _what(rule: Draft, answer: Measurement) -> str:
    done = f"{answer.done} of {things(answer.total)} done"
    kind = answer.kind
    if kind in FIELD_MEASURES:
        which = "" if rule.measure.of is Of.ALL else rule.measure.of.value
        numbers = sum(entry.counted for entry in answer.counted)
        by = f" by “{rule.measure.by}”" if rule.measure.by else ""
        return f"{_TITLES[kind]} of “{rule.measure.field}”{by} over {things(numbers, which)} of {answer.total}"
    match kind:
        case MeasureKind.COUNT:
            return f"{things(answer.total)} {'matches' if answer.total == 1 else 'match'}"
        case MeasureKind.CHECKED_SHARE:
            checked = sum(entry.counted for entry in answer.counted)
            return f"{checked} of {things(answer.total)} checked"
        case MeasureKind.CREDIT_SHARE:
            return f"{done}, with partial credit for the rest"
        case MeasureKind.POINTS_SHARE:
            return f"{plain_number(answer.numerator, 2)} of {plain_number(answer.denominator, 2)} points, {done}"
        case MeasureKind.POINTS_DONE:
            return f"{plain_number(answer.numerator, 2)} points, {done}"
        case _:
            return done


_TITLES = {
    MeasureKind.SUM: "sum",
    MeasureKind.MEAN: "mean",
    MeasureKind.MIN: "smallest",
    MeasureKind.MAX: "largest",
    MeasureKind.LATEST: "latest",
}


def _remarks(rule: Draft, answer: Measurement) -> list[str]:
    remarks = []
    if answer.wont_do:
        remarks.append(f"{answer.wont_do} won't do {'left out' if rule.wont_do is WontDo.EXCLUDE else 'counted'}")
    if answer.without_number:
        remarks.append(f"{answer.without_number} without {'a checkbox' if answer.kind is MeasureKind.CHECKED_SHARE else 'a number'}")
    if answer.unknown_items and rule.asks_done:
        remarks.append(f"{answer.unknown_items} with unknown status")
    if answer.unknown_members:
        remarks.append(f"{answer.unknown_members} more where the filter cannot be read")
    if answer.doubt:
        remarks.append(answer.doubt)
    return remarks
