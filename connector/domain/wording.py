"""The product's words for numbers, dates, states and movements; every host and page prints these.

Text only, no markup. Must not compute a state, and must not depend on the moment of printing: dates and times, never ages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from connector.domain.model import Definition, Kind, Movement, State
from connector.domain.scoring import BOUND_KINDS, TOLERANCE, display_decimals, full_value, is_inside, milestones_value, shown_progress

THIN_GAP = "\u2009"  # between thousands
HARD_SPACE = "\u00a0"  # before a unit: number and unit stay on one line
MINUS = "\u2212"

STATE_WORDS = {
    State.ON_TRACK: "On track",
    State.AT_RISK: "At risk",
    State.STALLED: "Stalled",
    State.OVERDUE: "Overdue",
    State.NO_DATA: "No data",
    State.DATA_LATE: "Data late",
    State.CLOSED: "Closed",
}
MOVEMENT_WORDS = {Movement.UP: "Moving", Movement.FLAT: "Flat", Movement.DOWN: "Slipping"}
MOVEMENT_NOT_KNOWN = "Movement not known"
NO_READING = "no reading yet"
AFTER_LOCK = "after the lock"
NO_OWNER_COMMENT = "number only, no owner comment"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # strftime would ask the locale
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL, _EMPTY, _NOTCH = "█", "░", "┆"
_LEFT, _RIGHT = "▕", "▏"


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Where the shown value comes from; every part may be missing. ``problem`` replaces the source when it does not work."""

    owner_name: str = ""
    checked_in_at: datetime | None = None
    name: str = ""  # 'Notion "Activation cohorts"'
    items: int | None = None
    item_word: str = "row"  # singular: "row", "issue"
    as_of: datetime | None = None
    delayed: bool = False  # the owner said that the number is delayed (R025)
    late: bool = False  # the check-in came after the lock of a review (R054)
    unconfirmed: bool = False  # a value without the owner's confirmation in the window (R011)
    problem: str = ""  # "connection acme-notion is parked: Notion no longer accepts the token"
    told_by: str = ""  # who told the value in a check-in; then the source is only read beside it
    reads: str = ""  # 'Jira "GROW-1" reads 70 %', beside a value that was told


# --- numbers -------------------------------------------------------------------------------------------------------------------


def plain_number(value: float, decimals: int, marks: tuple[float, ...] = ()) -> str:
    """A number with at most ``decimals`` decimals, trailing zeros trimmed, thousands in thin gaps.

    A value that is not one of ``marks`` is never rounded onto one: 99.6 on the way to 100 is not printed as 100.
    """
    for precision in range(decimals, decimals + 5):
        text = f"{value:,.{precision}f}"
        if not any(text == f"{mark:,.{precision}f}" and not math.isclose(value, mark, rel_tol=1e-9, abs_tol=1e-9) for mark in marks):
            break
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text == "-0":
        text = "0"
    return text.replace(",", THIN_GAP).replace("-", MINUS)


def with_unit(text: str, unit: str) -> str:
    """A printed number and its unit, held together by a no-break space."""
    return f"{text}{HARD_SPACE}{unit.strip()}" if unit.strip() else text


def number_text(value: float, definition: Definition) -> str:
    """A value as people see it: "42 %", "1 200", "1.15 s"."""
    return with_unit(plain_number(value, display_decimals(definition), _marks(definition)), definition.unit)


def _marks(definition: Definition) -> tuple[float, ...]:
    return tuple(mark for mark in (definition.start, definition.target, definition.low, definition.high) if mark is not None)


def percent_text(progress: float) -> str:
    """Progress in whole per cent: "59 %". Below 1 never prints as 100 %, above 0 never as 0 %, so a word and a number cannot disagree."""
    percent = math.floor(progress * 100 + 0.5 + TOLERANCE)
    if percent == 100 and progress < 1.0 - TOLERANCE:
        percent = 99
    if percent == 0 and progress > TOLERANCE:
        percent = 1
    return with_unit(plain_number(percent, 0), "%")


def with_capital(text: str) -> str:
    """A sentence of ours as it stands alone, "the value fell" as "The value fell"; names keep their other letters."""
    return text[:1].upper() + text[1:]


def day_text(day: date) -> str:
    """ "18 Nov"."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def local_day_text(moment: datetime, zone: tzinfo) -> str:
    """The day of a moment where the reader lives: "18 Nov"."""
    return day_text(moment.astimezone(zone).date())


def moment_text(moment: datetime, zone: tzinfo) -> str:
    """ "18 Nov 14:12"."""
    local = moment.astimezone(zone)
    return f"{day_text(local.date())} {local.hour:02d}:{local.minute:02d}"


def weekday_moment_text(moment: datetime, zone: tzinfo) -> str:
    """ "Thu 19 Nov 10:00"."""
    return f"{_WEEKDAYS[moment.astimezone(zone).weekday()]} {moment_text(moment, zone)}"


def days_text(days: int) -> str:
    """ "1 day", "9 days"."""
    return f"{days} day" if days == 1 else f"{days} days"


def calendar_days(since: datetime, now: datetime, zone: tzinfo) -> int:
    """How many days ago something was, as people count: by the calendar where the reader lives, not by hours. The one rule for ages."""
    return max(0, (now.astimezone(zone).date() - since.astimezone(zone).date()).days)


def lasting_text(since: datetime, now: datetime, zone: tzinfo) -> str:
    """How long something has stood there: "today", "1 day", "9 days"."""
    days = calendar_days(since, now, zone)
    return days_text(days) if days else "today"


# --- sentences -----------------------------------------------------------------------------------------------------------------


def start_text(definition: Definition) -> str:
    """The printed start: "41 %"; "" where the kind has none."""
    if definition.kind is Kind.YES_NO:
        return "not done"
    if definition.kind is Kind.MILESTONES:
        return "0"
    return "" if definition.start is None else number_text(definition.start, definition)


def target_text(definition: Definition) -> str:
    """The printed target: "60 %", "at most 3", "between 2 and 5", "done", "5 milestones"."""
    low, high, target = definition.low, definition.high, definition.target
    if definition.kind is Kind.YES_NO:
        return "done"
    if definition.kind is Kind.MILESTONES:
        return _count_text(len(definition.milestones), "milestone")
    if definition.kind is Kind.BETWEEN:
        return "" if low is None or high is None else f"between {_bare(low, definition)} and {number_text(high, definition)}"
    if target is None:
        return ""
    words = {
        (Kind.AT_LEAST, False): "at least ",
        (Kind.AT_LEAST, True): "above ",
        (Kind.AT_MOST, False): "at most ",
        (Kind.AT_MOST, True): "below ",
    }
    return words.get((definition.kind, definition.strict), "") + number_text(target, definition)


def _bare(value: float, definition: Definition) -> str:
    return plain_number(value, display_decimals(definition), _marks(definition))


def _count_text(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def current_text(definition: Definition, current: float | None) -> str:
    """The printed current value: "42 %", "done", "3 of 5"; "no reading yet" when it is unknown."""
    if current is None:
        return NO_READING
    if definition.kind is Kind.YES_NO:
        return "done" if current >= full_value(definition) - TOLERANCE else "not done"
    if definition.kind is Kind.MILESTONES:
        done = _milestones_done(definition, current)
        return percent_text(current / full_value(definition)) if done is None else f"{done} of {len(definition.milestones)}"
    return number_text(current, definition)


def value_text(definition: Definition, value: float) -> str:
    """A value of any day in the words of the headline: "42 %", "done", "1 of 4".

    Steps of equal weight are counted from the value, for the ticks of another day are not kept; a value between two steps is a share.
    """
    steps = len(definition.milestones)
    if definition.kind is Kind.MILESTONES and steps and len({step.weight for step in definition.milestones}) == 1:
        done = value / full_value(definition) * steps
        if math.isclose(done, round(done), abs_tol=steps * TOLERANCE):
            return f"{round(done)} of {steps}"
    return current_text(definition, value)


def _milestones_done(definition: Definition, current: float) -> int | None:
    """How many milestones are done; None when the value came from elsewhere, so that counting ticks would contradict it."""
    share = milestones_value(definition.milestones)
    if share is None or not math.isclose(share, current / full_value(definition), abs_tol=TOLERANCE):
        return None
    return sum(milestone.done for milestone in definition.milestones)


def sentence(definition: Definition, current: float | None, *, late: bool = False) -> str:
    """The one line of a key result: "from 41 % to 60 %, now 42 %" (R005); ``late`` says "last known" instead of "now"."""
    if current is None:
        now = NO_READING
    elif definition.kind is Kind.YES_NO or (definition.kind is Kind.MILESTONES and _milestones_done(definition, current) is not None):
        text = current_text(definition, current) + (" milestones" if definition.kind is Kind.MILESTONES else "")
        return f"last known {text}" if late else text
    else:
        now = f"{'last known' if late else 'now'} {current_text(definition, current)}"
    if definition.kind is Kind.METRIC:
        return f"from {start_text(definition)} to {target_text(definition)}, {now}"
    if definition.kind is Kind.YES_NO:
        return now
    return f"{target_text(definition)}, {now}".removeprefix(", ")


def bound_reason(definition: Definition, current: float) -> str:
    """How a bound stands: "2 now, at most 3"."""
    return f"{number_text(current, definition)} now, {target_text(definition)}"


def movement_text(
    definition: Definition, movement: Movement | None, previous: float | None, current: float | None, since: datetime | None, zone: tzinfo
) -> str:
    """Movement since the last check-in, worded by direction (R029): "Moving, closer to target by 2 points since 11 Nov".

    Values in ``%`` differ by points, others by their unit. Bounds say inside or outside (R079).
    """
    if movement is None or previous is None or current is None or since is None:
        return MOVEMENT_NOT_KNOWN
    day = local_day_text(since, zone)
    if definition.kind in BOUND_KINDS:
        now, before = ("inside" if is_inside(definition, value) else "outside" for value in (current, previous))
        return f"{now.capitalize()} the bound, {'as' if now == before else before} on {day}"
    if definition.kind is Kind.YES_NO:
        now, before = current_text(definition, current), current_text(definition, previous)
        return f"{MOVEMENT_WORDS[movement]}, {now}, {'as' if now == before else before} on {day}"
    if definition.kind is Kind.MILESTONES:
        difference = _difference_text(abs(current - previous) / full_value(definition) * 100, 0, "%", flat=movement is Movement.FLAT)
    else:
        difference = _difference_text(
            abs(current - previous), display_decimals(definition), definition.unit, flat=movement is Movement.FLAT
        )
    if movement is Movement.FLAT:
        return f"Flat, {difference} since {day}"
    way = "closer to target" if movement is Movement.UP else "further from target"
    return f"{MOVEMENT_WORDS[movement]}, {way} by {difference} since {day}"


def _difference_text(difference: float, decimals: int, unit: str, *, flat: bool) -> str:
    number = plain_number(difference, decimals, () if flat else (0.0,))
    if unit.strip() == "%":
        return f"{number} point" if number == "1" else f"{number} points"
    return with_unit(number, unit)


def reads_text(names: Sequence[str], value: float | None, definition: Definition) -> str:
    """What sources read beside a number that a person told: "Jira reads 70 %"; "" without sources."""
    if not names:
        return ""
    together = " and ".join(names)
    if value is None:
        return f"what {together} {'reads' if len(names) == 1 else 'read'} is not known"
    return f"{together} {'reads' if len(names) == 1 else 'read'} {current_text(definition, value)}"


def told_text(who: str, reads: str) -> str:
    """Who told the number that stands, and what the source reads beside it: "told by Alice Moreau · Jira reads 70 %"."""
    return " · ".join(part for part in (f"told by {who}", reads) if part)


def source_text(facts: SourceFacts, zone: tzinfo) -> str:
    """Who and what stands behind the number: 'Alice, 17 Nov · value from Notion "Deals", 7 rows, as of 18 Nov 14:12'."""
    if facts.checked_in_at is None:
        parts = [f"{facts.owner_name}, no check-in yet".removeprefix(", ")]
    else:
        when = f"{local_day_text(facts.checked_in_at, zone)}{f', {AFTER_LOCK}' if facts.late else ''}"
        parts = [f"{facts.owner_name}, {when}".removeprefix(", ")]
    if facts.unconfirmed:
        parts.append(NO_OWNER_COMMENT)
    as_of = ""
    if facts.as_of is not None:
        as_of = f"as of {moment_text(facts.as_of, zone)}{', delayed' if facts.delayed else ''}"
    if facts.told_by:
        parts.append(", ".join(part for part in (f"value told by {facts.told_by}", as_of) if part))
    if facts.problem:
        parts.append(facts.problem)
    elif facts.told_by:
        parts += [facts.reads] if facts.reads else []
    elif facts.name:
        items = _count_text(facts.items, facts.item_word) if facts.items is not None else ""
        parts.append(", ".join(part for part in (f"value from {facts.name}", items, as_of) if part))
    else:
        parts.append(f"no source, {as_of}" if as_of else "no source")
    return " · ".join(parts)


def bar(progress: float | None, expected: float | None = None, width: int = 20) -> str:
    """A bar of text: filled to the progress, a notch where it should be today: ``▕██████░░░░░┆░░░░░░░░▏``.

    Full only at 1, empty only at 0 or unknown; without an expectation no notch.
    """
    share = shown_progress(progress) or 0.0
    filled = math.floor(share * width + TOLERANCE)
    if filled == 0 and share > TOLERANCE:
        filled = 1
    cells = [_FULL] * filled + [_EMPTY] * (width - filled)
    if expected is not None and width > 0:
        cells[min(width - 1, math.floor(min(1.0, max(0.0, expected)) * width + 0.5))] = _NOTCH
    return f"{_LEFT}{''.join(cells)}{_RIGHT}"
