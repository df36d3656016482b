"""Items → number: what one mapping measures, item by item, so that every number can be explained.

Always the whole set at once, never ``+= 1``. Unknown is a reason in words, never 0. Sums are exact in any order
(``math.fsum``). Pooling several mappings into one value is ``mappings.pooling``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connector.domain.model import Category, Item, Unknown
from mappings.membership import doneness, is_wont_do
from mappings.terms import FIELD_MEASURES, POINTS, SHARES, Draft, Empty, MeasureKind, Of, Resolves, SelectorKind, WontDo

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one item adds. The value of an adding measure is Σ ``adds``, of a share or mean Σ ``adds`` ÷ Σ ``base``."""

    ref: str
    counted: bool  # True: it is in the number now; False: not yet, left out or unknown
    number: float | None  # the field's or the points' number, None where the measure has none or the item none
    adds: float
    base: float
    known: bool  # False: what the measure asks could not be told, or the item has no number
    done: bool | None  # None: no status category is known
    wont_do: bool
    excluded: bool  # won't do, and the mapping leaves those out
    at: datetime | None = None  # last change, for ``latest``


@dataclass(frozen=True, slots=True)
class Measurement:
    """The answer of one mapping. Shares are 0-1 here; the key result's unit is applied when mappings are combined.

    ``items`` counts all, ``total`` those that are not left out, ``done`` those of ``total`` that are done. ``weight`` is what
    a share or mean weighs when pooled. ``broken``: the mapping as a whole could not be read, so no pooling may pass over it.
    """

    kind: MeasureKind
    numerator: float = 0.0
    denominator: float = 0.0
    value: float | None = None
    unknown: str = ""  # why ``value`` is None
    items: int = 0
    done: int = 0
    total: int = 0
    without_number: int = 0
    wont_do: int = 0
    unknown_items: int = 0  # items of which nobody can say whether they are done
    unknown_members: int = 0  # rows of which nobody can say whether they belong
    counted: tuple[Counted, ...] = ()
    broken: bool = False
    doubt: str = ""  # what may be wrong with the number though it is known, in words

    @property
    def weight(self) -> float:
        """Items, points or numbers behind the value."""
        return self.denominator


def unmeasured(rule: Draft, reason: str) -> Measurement:
    """The answer when the mapping cannot be read at all, e.g. because its database is gone. Makes the whole value unknown."""
    return Measurement(rule.measure.kind, unknown=reason, broken=True)


def measure(rule: Draft, resolved: Resolves, items: Iterable[Item], *, epics: Sequence[Item] = (), unknown_members: int = 0) -> Measurement:
    """Measure the members of a mapping. Each item counts once, whatever its place in ``items``.

    ``epics`` are the named epics themselves, needed for ``empty: own_status`` only: each one without a child among ``items``
    then counts as one item. ``unknown_members``: how many rows ``unknown_filter`` told; passed on for the explanation.
    """
    members = _once(items)
    if rule.empty is Empty.OWN_STATUS and rule.selector.kind is SelectorKind.EPICS:
        parents = {parent for item in members for parent in item.parents}
        members = _once([*members, *(epic for epic in epics if epic.ref not in parents)])
    entries = tuple(_entry(rule, resolved, item) for item in members)
    return replace(tally(rule, entries, unknown_members=unknown_members), doubt=doubt(rule, resolved))


def doubt(rule: Draft, resolved: Resolves) -> str:
    """What to think of a number that rests on fields which the host computes itself; "" where none is used."""
    used = [rule.measure.field, *rule.points, rule.checkbox, *rule.done, *rule.selector.filter]
    named = [name for name in dict.fromkeys(used) if name in resolved.computed]
    if not named:
        return ""
    names = " and ".join(f"“{name}”" for name in named[:3])
    return f"{names} {'is' if len(named) == 1 else 'are'} computed by Notion, which looks at no more than 25 related rows"


def tally(rule: Draft, entries: Sequence[Counted], *, unknown_members: int = 0) -> Measurement:
    """Turn entries into a measurement. Raises nothing: what cannot be told becomes ``unknown`` in words."""
    live = [entry for entry in entries if not entry.excluded]
    unknown = _why_unknown(rule, entries, live)
    numerator, denominator = total(entry.adds for entry in live), total(entry.base for entry in live)
    value = None if unknown else number_from(rule.measure.kind, live, numerator, denominator)
    if value is None and not unknown:
        unknown = "the numbers add up to 0" if denominator == 0 else "the numbers are too large to add"
    needs_number = rule.measure.kind in POINTS or rule.measure.kind in FIELD_MEASURES or rule.measure.kind is MeasureKind.CHECKED_SHARE
    return Measurement(
        kind=rule.measure.kind,
        numerator=numerator,
        denominator=denominator,
        value=value,
        unknown=unknown,
        items=len(entries),
        done=sum(entry.done is True for entry in live),
        total=len(live),
        without_number=sum(entry.number is None for entry in live) if needs_number else 0,
        wont_do=sum(entry.wont_do for entry in entries),
        unknown_items=sum(entry.done is None for entry in live),
        unknown_members=unknown_members,
        counted=tuple(entries),
    )


def number_from(kind: MeasureKind, live: Sequence[Counted], numerator: float, denominator: float, scale: float = 1.0) -> float | None:
    """The value of entries whose sums are known; None when it does not exist (nothing to divide by, too large).

    ``scale`` 100 gives a share in percent; it is applied before dividing, so that 7 of 100 is exactly 7 %.
    """
    if kind in SHARES or kind is MeasureKind.MEAN:
        if denominator <= 0 or not math.isfinite(numerator) or not math.isfinite(denominator):
            return None
        if kind is MeasureKind.MEAN:
            return numerator / denominator
        scaled = numerator * scale
        share = scaled / denominator if math.isfinite(scaled) else numerator / denominator * scale
        return min(share, scale)  # 1.1 * 100 / 1.1 is a hair above 100
    if kind in (MeasureKind.MIN, MeasureKind.MAX, MeasureKind.LATEST):
        numbered = [(entry.at or _LONG_AGO, entry.ref, entry.number) for entry in live if entry.counted and entry.number is not None]
        if not numbered:
            return None
        if kind is MeasureKind.LATEST:
            return max(numbered)[2]
        numbers = [number for _, _, number in numbered]
        return min(numbers) if kind is MeasureKind.MIN else max(numbers)
    return numerator if math.isfinite(numerator) else None


def total(numbers: Iterable[float]) -> float:
    """Exact sum in any order; infinity when it does not fit into a float."""
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf


def _once(items: Iterable[Item]) -> list[Item]:
    """Each ref once, in the order of refs; of two versions the one that changed last."""
    newest: dict[str, Item] = {}
    for item in items:
        held = newest.get(item.ref)
        if held is None or _version(item) > _version(held):
            newest[item.ref] = item
    return [newest[ref] for ref in sorted(newest, key=lambda ref: (len(ref), ref))]


def _version(item: Item) -> tuple[datetime, str]:
    return item.updated_at or _LONG_AGO, repr(item)


def _entry(rule: Draft, resolved: Resolves, item: Item) -> Counted:
    kind = rule.measure.kind
    done = doneness(rule, resolved, item)
    wont_do = is_wont_do(rule, resolved, item)
    excluded = wont_do and rule.wont_do is WontDo.EXCLUDE
    number: float | None = None
    adds, base, known, counted = 0.0, 0.0, True, False
    if kind in (MeasureKind.DONE_SHARE, MeasureKind.DONE_COUNT):
        adds, base, known, counted = float(done is True), 1.0, done is not None, done is True
    elif kind is MeasureKind.COUNT:
        adds, base, counted = 1.0, 1.0, True
    elif kind is MeasureKind.CREDIT_SHARE:
        credit = _credit(rule, item, done)
        known, counted = credit is not None, credit is not None and credit > 0
        adds, base = (0.0, 0.0) if credit is None else (credit, 1.0)
    elif kind is MeasureKind.CHECKED_SHARE:
        number = _checked(rule, resolved, item)
        known, counted = number is not None, number == 1.0
        adds, base = (0.0, 0.0) if number is None else (number, 1.0)
    elif kind in POINTS:
        number = _number(resolved, item, rule.points or ("",))
        if number is not None and number < 0:
            number = None  # an estimate below zero is none; it would push a share out of 0-1
        known, counted = number is not None and done is not None, number is not None and done is True
        adds, base = (number if counted and number is not None else 0.0), number or 0.0
    else:
        number = _number(resolved, item, (rule.measure.field,))
        relevant = _relevant(rule.measure.of, done)
        known, counted = number is not None and relevant is not None, number is not None and relevant is True
        adds, base = (number if counted and number is not None else 0.0), float(counted)
    at = item.updated_at
    if rule.measure.by:
        at = _when(resolved, item, rule.measure.by)
        if at is None:  # a row without a day is neither the latest nor an earlier one
            known, counted = False, False
    if excluded:
        adds, base, counted = 0.0, 0.0, False
    return Counted(item.ref, counted, number, adds, base, known, done, wont_do, excluded, at)


def _relevant(of: Of, done: bool | None) -> bool | None:
    if of is Of.ALL:
        return True
    return None if done is None else done is (of is Of.DONE)


def _credit(rule: Draft, item: Item, done: bool | None) -> float | None:
    """Credit by category. Done by the host but not by the mapping's own property counts as started, for work was done."""
    if done is True:
        return rule.credit.get(Category.DONE)
    if done is None or item.category is Category.UNDEFINED:
        return None
    return rule.credit.get(Category.STARTED if item.category is Category.DONE else item.category)


def _checked(rule: Draft, resolved: Resolves, item: Item) -> float | None:
    for each in resolved.fields.get(rule.measure.field or rule.checkbox, ()):
        value = item.fields.get(each)
        if isinstance(value, bool):
            return float(value)
    return None


def _number(resolved: Resolves, item: Item, names: Sequence[str]) -> float | None:
    """The first value that is not null, if it is a number. A first value that is unknown stays unknown: the next may differ."""
    for name in names:
        for each in resolved.fields.get(name, ()):
            value = item.fields.get(each)
            if value is None:
                continue
            if isinstance(value, (bool, str, tuple, Unknown)) or not math.isfinite(value):
                return None
            return float(value)
    return None


def _when(resolved: Resolves, item: Item, name: str) -> datetime | None:
    """The moment in a date property; a day is its beginning. None when it is empty or cannot be read."""
    for each in resolved.fields.get(name, ()):
        value = item.fields.get(each)
        if not isinstance(value, str):
            continue
        try:
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    return None


def _why_unknown(rule: Draft, entries: Sequence[Counted], live: Sequence[Counted]) -> str:
    """The reason why there is no value, "" when there is one."""
    kind = rule.measure.kind
    adding = kind not in SHARES and kind not in (MeasureKind.MEAN, MeasureKind.MIN, MeasureKind.MAX, MeasureKind.LATEST)
    if not entries:
        match rule.selector.kind:
            case SelectorKind.EPICS:
                return "no items: the epics have no children"
            case SelectorKind.ISSUES | SelectorKind.ROWS:
                return "no items: none of the named ones is there"
            case _:
                return "" if adding else "no items match"
    if not live:
        return "" if adding else "no items are left: all are won't do"
    if kind is MeasureKind.COUNT:
        return ""
    if kind in (MeasureKind.DONE_SHARE, MeasureKind.DONE_COUNT, MeasureKind.CREDIT_SHARE):
        decided = rule.on_jira or rule.done or rule.status or rule.checkbox
        hint = "" if decided else "; name what says that a row is done: status, checkbox or done"
        return "" if any(entry.known for entry in live) else f"{things(len(live))} without a known status{hint}"
    if kind is MeasureKind.CHECKED_SHARE:
        named = rule.measure.field or rule.checkbox
        hint = "" if named else "; name it: checked_share: NAME"
        return "" if any(entry.known for entry in live) else f"{things(len(live))} without a checkbox that can be read{hint}"
    what = "points" if kind in POINTS else f"a number in “{rule.measure.field}”"
    if all(entry.number is None for entry in live):
        return f"{things(len(live))} without {what}"
    return _why_no_number(rule, live, what, adding)


def _why_no_number(rule: Draft, live: Sequence[Counted], what: str, adding: bool) -> str:
    of = Of.DONE if rule.measure.kind is MeasureKind.POINTS_DONE else rule.measure.of
    if rule.measure.by and not any(entry.counted for entry in live) and of is Of.ALL:
        return f"{things(len(live))} without {what} on a day in “{rule.measure.by}”"
    if rule.measure.kind is MeasureKind.POINTS_SHARE or of is Of.ALL:
        return "" if any(entry.known for entry in live) else f"{things(len(live))} without a known status"
    if all(entry.done is None for entry in live):
        return f"{things(len(live))} without a known status"
    relevant = [entry for entry in live if _relevant(of, entry.done) is True]
    if not relevant:
        return "" if adding else f"no {of.value} items"
    if all(entry.number is None for entry in relevant):
        return f"{things(len(relevant), of.value)} without {what}"
    return ""


def things(number: int, word: str = "") -> str:
    """A number of items in words: "1 item", "5 open items"."""
    return f"{number} {word + ' ' if word else ''}{'item' if number == 1 else 'items'}"
