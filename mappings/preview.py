"""What a key result's value would become with these mappings, before anything is saved. Pure: items and names come in read.

Used by the mapping form, ``apply --dry-run`` and the API. It explains and warns; it refuses nothing and stores nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from connector.domain.model import Category, Definition, Item, Kind
from connector.domain.wording import plain_number
from mappings.measures import Counted, Measurement, measure, things, total
from mappings.pooling import Combined, Identity, combine
from mappings.terms import ADDING, FIELD_MEASURES, POINTS, SHARES, Draft, MeasureKind, Mode, Of, Resolves
from mappings.wording import explain, pair_text


@dataclass(frozen=True, slots=True)
class Candidate:
    """One mapping of the key result with what the host gave for it. ``items`` are its members (see ``rules.belongs``)."""

    rule: Draft
    resolved: Resolves
    items: Sequence[Item]
    epics: Sequence[Item] = ()  # the named epics themselves
    unknown_members: int = 0  # rows of which nobody can say whether the filter matches


@dataclass(frozen=True, slots=True)
class Row:
    """One item of the preview. ``standing``: "counted" · "not yet" · "left out" · "unknown" · "counted elsewhere"."""

    mapping: int  # index of the candidate
    ref: str
    key: str
    title: str
    url: str
    status: str
    category: Category
    number: float | None
    number_text: str  # "60", "" where the measure has no number, "–" where the item has none
    wont_do: bool
    standing: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to look at before saving. ``code`` is stable.

    It is one of: empty, unknown, overlap, unit, double, numbers, status, reach, filter, computed.
    """

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer. ``before`` and ``after`` are in the key result's unit; None is not known. ``explanations``: one per mapping."""

    before: float | None
    after: float | None
    sentence: str
    combined: Combined
    measurements: tuple[Measurement, ...]
    explanations: tuple[str, ...]
    rows: tuple[Row, ...]
    warnings: tuple[Notice, ...]


def preview(
    candidates: Sequence[Candidate],
    definition: Definition,
    current: float | None,
    *,
    elsewhere: Mapping[str, Collection[Identity]] | None = None,
) -> Preview:
    """Measure all mappings of one key result as they would be after saving.

    ``current``: its value now, None without a reading. ``elsewhere``: for each other key result of the same objective (by
    title) the (connection, ref) pairs that its value mappings count, for the warning about double counting.
    """
    measurements = tuple(
        measure(each.rule, each.resolved, each.items, epics=each.epics, unknown_members=each.unknown_members) for each in candidates
    )
    combined = combine([(each.rule, answer) for each, answer in zip(candidates, measurements, strict=True)], definition.unit)
    valued = any(each.rule.mode is Mode.VALUE for each in candidates)
    return Preview(
        before=current,
        after=combined.value if valued else current,
        sentence=_sentence(candidates, measurements, combined, definition, current, valued=valued),
        combined=combined,
        measurements=measurements,
        explanations=tuple(explain(each.rule, answer) for each, answer in zip(candidates, measurements, strict=True)),
        rows=_rows(candidates, measurements, combined),
        warnings=_warnings(candidates, measurements, combined, definition, elsewhere or {}),
    )


def _sentence(
    candidates: Sequence[Candidate],
    measurements: Sequence[Measurement],
    combined: Combined,
    definition: Definition,
    current: float | None,
    *,
    valued: bool,
) -> str:
    if valued:
        items, done, without = combined.items, combined.done, combined.without_number
    else:
        # context only: no value to combine, but the reader still wants to see what matches
        as_value = combine([(_as_value(each.rule), answer) for each, answer in zip(candidates, measurements, strict=True)], definition.unit)
        items, done, without = as_value.items, as_value.done, as_value.without_number
    counts = f"{things(items)} {'matches' if items == 1 else 'match'}, {done} done"
    if without:
        boxes = all(answer.kind is MeasureKind.CHECKED_SHARE for answer in measurements)
        counts += f", {without} without {'a checkbox' if boxes else 'a number'}"
    return f"{counts}: {_change(combined, definition, current, valued=valued)}"


def _as_value(rule: Draft) -> Draft:
    return Draft(connection=rule.connection, selector=rule.selector, measure=rule.measure)


def _change(combined: Combined, definition: Definition, current: float | None, *, valued: bool) -> str:
    decimals = definition.decimals
    if not valued:
        return "context only, the value " + ("stays unknown" if current is None else f"stays {plain_number(current, decimals)}")
    if combined.value is None:
        before = "" if current is None else f" and no longer {plain_number(current, decimals)}"
        return f"the value would not be known{before}: {combined.unknown}"
    if current is None:
        return f"the value would be {plain_number(combined.value, decimals)}"
    if current == combined.value:
        return f"the value stays {plain_number(current, decimals)}"
    before, after = pair_text(current, combined.value, decimals)
    return f"the value would go from {before} to {after}" if before != after else f"the value stays {before}"


def _rows(candidates: Sequence[Candidate], measurements: Sequence[Measurement], combined: Combined) -> tuple[Row, ...]:
    parts = iter(combined.parts)
    rows = []
    for index, (each, answer) in enumerate(zip(candidates, measurements, strict=True)):
        others = frozenset(next(parts).left_to_others) if each.rule.mode is Mode.VALUE else frozenset()
        items = {item.ref: item for item in (*each.epics, *each.items)}
        for entry in answer.counted:
            item = items[entry.ref]
            rows.append(
                Row(
                    mapping=index,
                    ref=item.ref,
                    key=item.key,
                    title=item.title,
                    url=item.url,
                    status=item.status or "",
                    category=item.category,
                    number=entry.number,
                    number_text=_number_text(answer.kind, entry),
                    wont_do=entry.wont_do,
                    standing="counted elsewhere" if entry.ref in others else _standing(entry),
                )
            )
    return tuple(rows)


def _number_text(kind: MeasureKind, entry: Counted) -> str:
    if kind not in POINTS and kind not in FIELD_MEASURES:
        return ""
    return "–" if entry.number is None else plain_number(entry.number, 2)


def _standing(entry: Counted) -> str:
    if entry.excluded:
        return "left out"
    if entry.counted:
        return "counted"
    return "not yet" if entry.known or entry.done is False else "unknown"


def _warnings(
    candidates: Sequence[Candidate],
    measurements: Sequence[Measurement],
    combined: Combined,
    definition: Definition,
    elsewhere: Mapping[str, Collection[Identity]],
) -> tuple[Notice, ...]:
    warnings: list[Notice] = []
    for index, (each, answer) in enumerate(zip(candidates, measurements, strict=True)):
        name = f"mapping {index + 1}: " if len(candidates) > 1 else ""
        warnings.extend(Notice(code, name + text) for code, text in _of_one(each, answer, definition))
    if combined.overlap:
        number = len(combined.overlap)
        warnings.append(Notice("overlap", f"{things(number)} would be counted by more than one mapping; each is counted once"))
    counting = {
        (each.rule.connection, entry.ref)
        for each, answer in zip(candidates, measurements, strict=True)
        if each.rule.mode is Mode.VALUE
        for entry in answer.counted
        if not entry.excluded
    }
    for title, theirs in elsewhere.items():
        both = len(counting & set(theirs))
        if both:
            text = f"{things(both)} also {'feeds' if both == 1 else 'feed'} “{title}” of the same objective: the work counts twice there"
            warnings.append(Notice("double", text))
    reach = _reach(candidates, measurements, combined, definition)
    return (*warnings, *([Notice("reach", reach)] if reach else []))


def _of_one(each: Candidate, answer: Measurement, definition: Definition) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if answer.items == 0:
        found.append(("empty", "nothing matches; is the selector right?"))
    elif answer.value is None:
        found.append(("unknown", f"no number can be given: {answer.unknown}"))
    if answer.total and answer.without_number * 2 > answer.total:
        what = "checkbox that can be read" if answer.kind is MeasureKind.CHECKED_SHARE else "number"
        found.append(("numbers", f"{answer.without_number} of {things(answer.total)} without a {what}; is the field right?"))
    if answer.unknown_items and each.rule.asks_done:
        found.append(("status", f"of {things(answer.unknown_items)} nobody can say whether they are done"))
    if answer.unknown_members:
        found.append(("filter", f"of {things(answer.unknown_members)} the filter property cannot be read; they are not counted"))
    if answer.doubt:
        found.append(("computed", f"{answer.doubt}; measure the related rows themselves where that can be"))
    if each.rule.mode is Mode.VALUE and (unit := _unit(answer.kind, definition)):
        found.append(("unit", unit))
    return found


def _unit(kind: MeasureKind, definition: Definition) -> str:
    unit = definition.unit.strip()
    bounds = [bound for bound in (definition.start, definition.target, definition.low, definition.high) if bound is not None]
    if kind in SHARES and unit != "%" and any(abs(bound) > 1 for bound in bounds):
        furthest = plain_number(max(bounds, key=abs), 2)
        return f"a share is 0 to 1 unless the unit is %, but the key result goes to {furthest}; should the unit be %?"
    if kind in SHARES and unit == "%" and bounds and all(abs(bound) <= 1 for bound in bounds) and any(bounds):
        return "a share is 0 to 100 in %, but the key result goes from 0 to 1; should its target be 100?"
    if kind in ADDING and unit == "%":
        what = "a count" if kind in (MeasureKind.COUNT, MeasureKind.DONE_COUNT) else "a sum"
        return f"{what} gives a plain number, but the key result is in %; did you mean a share?"
    return ""


def _reach(candidates: Sequence[Candidate], measurements: Sequence[Measurement], combined: Combined, definition: Definition) -> str:
    """A warning when even all items done would not reach a growing target; "" otherwise or when that cannot be said."""
    start, target = definition.start, definition.target
    if combined.value is None or definition.kind is not Kind.METRIC or start is None or target is None or target <= start:
        return ""
    possible: list[float] = []
    for each, answer in zip(candidates, measurements, strict=True):
        rule = each.rule
        if rule.mode is not Mode.VALUE:
            continue
        live = [entry for entry in answer.counted if not entry.excluded]
        if rule.measure.kind is MeasureKind.DONE_COUNT:
            possible.append(float(len(live)))
        elif rule.measure.kind is MeasureKind.POINTS_DONE or (rule.measure.kind is MeasureKind.SUM and rule.measure.of is Of.DONE):
            possible.extend(entry.number for entry in live if entry.number is not None)
        else:
            return ""
    most = total(possible)
    if most >= target:
        return ""
    texts = plain_number(most, definition.decimals, (target,)), plain_number(target, definition.decimals)
    return f"with every item done the value would be {texts[0]}, and the target is {texts[1]}"
