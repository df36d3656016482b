"""Several mappings → the one value of a key result, and who counts the same item twice. Pure.

Counts and sums add up; shares and means are pooled by what they were divided by, exactly as if all items had been measured
together; an item counts once per key result. Progress and colour are not decided here, they are the domain's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from connector.errors import InputError
from mappings.measures import Counted, Measurement, number_from, total
from mappings.terms import ADDING, FIELD_MEASURES, POINTS, SHARES, Draft, MeasureKind, Mode, Rule

Identity = tuple[str, str]  # (connection, ref): two Jira sites may use the same issue id


@dataclass(frozen=True, slots=True)
class Part:
    """What one mapping brought. ``left_to_others``: refs that an earlier mapping of the same key result counts already."""

    rule: Draft
    measurement: Measurement
    left_to_others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Combined:
    """The value of a key result from its mappings, in the key result's unit; None with ``unknown`` saying why.

    The counts are of distinct items over all parts. ``reasons`` holds one sentence per part that has no value of its own.
    """

    value: float | None
    unknown: str = ""
    reasons: tuple[str, ...] = ()
    items: int = 0
    done: int = 0
    total: int = 0
    without_number: int = 0
    wont_do: int = 0
    unknown_items: int = 0
    parts: tuple[Part, ...] = ()

    @property
    def overlap(self) -> tuple[str, ...]:
        """Refs that more than one mapping of this key result would count; each was counted once."""
        return tuple(dict.fromkeys(ref for part in self.parts for ref in part.left_to_others))


@dataclass(frozen=True, slots=True)
class DoubleCounted:
    """Two key results of one objective that count the same items: work moves the objective twice. One warning per pair."""

    first: str
    second: str
    refs: tuple[str, ...]


def family(rule: Draft) -> str:
    """Which values go together in one key result. Shares by items and shares by points weigh differently, so they do not mix."""
    kind = rule.measure.kind
    if kind is MeasureKind.POINTS_SHARE:
        return "shares of points"
    if kind in SHARES:
        return "shares of items"
    return "counts and sums" if kind in ADDING else f"{kind.value} of a field"


def check_family(drafts: Sequence[Draft], where: str = "mappings") -> None:
    """Refuse value mappings of one key result that cannot become one number. Raises ``InputError`` naming the later one."""
    first: tuple[int, Draft] | None = None
    for index, draft in enumerate(drafts):
        if draft.mode is not Mode.VALUE:
            continue
        if first is None:
            first = (index, draft)
        elif family(draft) != family(first[1]):
            raise InputError(
                f"{draft.measure.kind.value} ({family(draft)}) cannot be put together with {first[1].measure.kind.value} "
                f"({family(first[1])}) of {where}[{first[0]}] into one value; give one of them mode: context, or use the same measure",
                where=f"{where}[{index}].measure",
            )


def combine(measured: Iterable[tuple[Draft, Measurement]], unit: str) -> Combined:
    """The value of a key result in its ``unit`` ("%": shares are 0-100, else 0-1). Only mappings of mode value count.

    An unknown part makes a count or sum unknown, for a part of it is not the whole. A share, mean, minimum, maximum or
    latest passes over parts without items or numbers, as it would over such items. A ``broken`` part makes all unknown.
    """
    valued = [(rule, answer) for rule, answer in measured if rule.mode is Mode.VALUE]
    if not valued:
        return Combined(None, unknown="no mapping moves this value")
    kept, parts = _once(valued)
    counts = _counts(valued, kept)
    reasons = tuple(answer.unknown for _, answer in valued if answer.value is None)
    value, unknown = _value(valued, kept, unit)
    return Combined(value, unknown=unknown, reasons=reasons, parts=parts, **counts)


def double_counted(members: Iterable[tuple[Rule, Iterable[str]]]) -> list[DoubleCounted]:
    """Which items feed more than one key result of one objective. ``members``: each of its mappings with the refs it counts.

    Context mappings do not count. One entry per pair of key results, in the order of their first mapping.
    """
    feeding: dict[str, set[Identity]] = {}
    for rule, refs in members:
        if rule.mode is Mode.VALUE:
            feeding.setdefault(rule.key_result, set()).update((rule.connection, ref) for ref in refs)
    found = []
    for first, second in combinations(feeding, 2):
        both = feeding[first] & feeding[second]
        if both:
            found.append(DoubleCounted(first, second, tuple(ref for _, ref in sorted(both))))
    return found


def _slot(rule: Draft) -> tuple[str, str]:
    """Inside one slot an item counts once. Sums of different fields are different things and both count."""
    kind = rule.measure.kind
    if kind in FIELD_MEASURES:
        return kind.value, rule.measure.field
    return ("points" if kind in POINTS else "items"), ""


def _once(valued: Sequence[tuple[Draft, Measurement]]) -> tuple[list[tuple[int, Counted]], tuple[Part, ...]]:
    """Entries with their part's index, each item once per slot: the first mapping that really counts it wins."""
    held: dict[tuple[tuple[str, str], Identity], tuple[int, Counted]] = {}
    parts = []
    for index, (rule, answer) in enumerate(valued):
        left: list[str] = []
        for entry in answer.counted:
            place = (_slot(rule), (rule.connection, entry.ref))
            earlier = held.get(place)
            if earlier is None or (_claims(entry) and not _claims(earlier[1])):
                held[place] = (index, entry)
            elif _claims(entry):
                left.append(entry.ref)
        parts.append(Part(rule, answer, tuple(left)))
    return list(held.values()), tuple(parts)


def _claims(entry: Counted) -> bool:
    return not entry.excluded and (entry.counted or entry.base != 0)


def _counts(valued: Sequence[tuple[Draft, Measurement]], kept: Sequence[tuple[int, Counted]]) -> dict[str, int]:
    """Counts of distinct items; two sums over the same row make two entries but one item."""
    everything: set[Identity] = set()
    live: set[Identity] = set()
    done: set[Identity] = set()
    numberless: set[Identity] = set()
    wont_do: set[Identity] = set()
    undecided: set[Identity] = set()
    for index, entry in kept:
        rule = valued[index][0]
        identity = (rule.connection, entry.ref)
        everything.add(identity)
        if entry.wont_do:
            wont_do.add(identity)
        if entry.excluded:
            continue
        live.add(identity)
        if entry.done is True:
            done.add(identity)
        if entry.done is None:
            undecided.add(identity)
        if entry.number is None and valued[index][1].without_number:
            numberless.add(identity)
    sizes = {"items": everything, "done": done, "total": live, "without_number": numberless, "wont_do": wont_do, "unknown_items": undecided}
    return {name: len(members) for name, members in sizes.items()}


def _value(valued: Sequence[tuple[Draft, Measurement]], kept: Sequence[tuple[int, Counted]], unit: str) -> tuple[float | None, str]:
    broken = [answer.unknown for _, answer in valued if answer.broken]
    if broken:
        return None, "; ".join(dict.fromkeys(broken))
    if len({family(rule) for rule, _ in valued}) > 1:
        return None, "the mappings measure things that cannot be put together"
    kind = valued[0][0].measure.kind
    reasons = "; ".join(dict.fromkeys(answer.unknown for _, answer in valued if answer.value is None))
    live = [entry for _, entry in kept if not entry.excluded]
    if kind in ADDING:
        if reasons:
            return None, reasons
    elif not any(entry.known for entry in live):
        return None, reasons or "no item whose status is known"
    scale = 100.0 if kind in SHARES and unit.strip() == "%" else 1.0
    value = number_from(kind, live, total(entry.adds for entry in live), total(entry.base for entry in live), scale)
    if value is None:
        return None, reasons or "the numbers are too large to add"
    return value, ""
