"""Targets that are said relative to a baseline, and whether a target is too far or too easy (R005, R007, R008, R014).

Pure arithmetic and words. Nothing is guessed: without a baseline the first job is to set it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Literal

from connector.domain import scoring
from connector.domain.forecast import thinned
from connector.domain.model import Definition, Kind, Point
from connector.domain.scoring import TOLERANCE
from connector.domain.wording import plain_number, with_unit
from connector.errors import InputError

TOO_FAR = 3.0
"""Above so many times the best past rate a target is too far."""

Direction = Literal["up", "down"]

_DAY = timedelta(days=1)
_WEEK = 7
_DOWN = ("reduce", "decrease", "cut", "lower", "drop", "shrink", "lessen")
_UP = ("increase", "raise", "grow", "lift", "boost", "expand")
_FACTORS = {"double": 2.0, "twice": 2.0, "triple": 3.0, "treble": 3.0, "quadruple": 4.0, "halve": 0.5, "half": 0.5}
_SPACES = " \u00a0\u2009\u202f'’"  # between thousands
_PLAIN = r"\d+(?:[.,\u00a0\u2009\u202f '’]\d+)*"
_PER_CENT = r"\s*(?:%|per ?cent\b|pct\b)"
_SIGNED = re.compile(rf"([+-])\s*({_PLAIN}){_PER_CENT}")
_TIMES = re.compile(rf"(?:x\s*({_PLAIN})|({_PLAIN})\s*(?:x|times))")
_MULTIPLY = re.compile(rf"({'|'.join(_FACTORS)})\b(.*)")
_BY = re.compile(rf"({'|'.join((*_DOWN, *_UP))})\b(?:(.*?)\bby\b|)\s*({_PLAIN}){_PER_CENT}(.*)")
_HOW = "enter a change such as “-20 %”, “increase by 10 %” or “x2”, or enter the target itself"


@dataclass(frozen=True, slots=True)
class Target:
    """From ``start`` to ``target`` in the unit of the baseline."""

    start: float
    target: float
    direction: Direction


@dataclass(frozen=True, slots=True)
class NeedsBaseline:
    """Nothing can be promised yet: ``title`` and ``definition`` propose the key result that sets the baseline."""

    direction: Direction
    sentence: str
    title: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Stretch:
    """``ratio`` = required rate over the best past rate, infinite when the past never led towards the target."""

    verdict: Literal["too far", "too easy", "fits"]
    ratio: float
    sentence: str


def parse_number(text: str) -> float:
    """A number as people write it: "1 200", "12,5", "1.234,5", "-3".

    A single comma or point before exactly three digits may mean decimals or thousands: refused, never guessed.
    Raises ``InputError`` with both readings, or when it is no number.
    """
    given = text.strip().replace("\u2212", "-")
    sign, digits = (-1.0, given[1:].strip()) if given.startswith("-") else (1.0, given.removeprefix("+").strip())
    whole, decimals = _split(digits, text.strip())
    number = sign * float(f"{whole}.{decimals or 0}")
    if not math.isfinite(number):
        raise InputError("the number is too large to compute with")
    return number


def _split(digits: str, shown: str) -> tuple[str, str]:
    """Digits before and after the decimal sign."""
    marks = [sign for sign in digits if sign in ".,"]
    decimals = ""
    whole = digits
    if len(set(marks)) == 2 or (len(marks) == 1 and not re.search(r"[.,]\d{3}$", digits)) or re.match(r"0[.,]", digits):
        position = max(digits.rfind("."), digits.rfind(","))
        whole, decimals = digits[:position], digits[position + 1 :]
    elif len(marks) == 1:
        plain = re.sub(r"\D", "", digits)
        if not re.search(rf"[{_SPACES}]", digits):
            raise InputError(
                f"{shown} may mean {plain} or {digits.replace(',', '.')}; write {plain} without a separator, "
                f"or {digits.replace(',', '.')}0 for the decimals"
            )
        position = max(digits.rfind("."), digits.rfind(","))  # "1 234,567": the space parts thousands, so the comma cannot
        whole, decimals = digits[:position], digits[position + 1 :]
    groups = re.split(rf"[.,{_SPACES}]", whole)
    separators = set(re.findall(rf"[.,{_SPACES}]", whole))
    grouped = len(groups) == 1 or (len(separators) == 1 and 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]))
    if not (grouped and all(re.fullmatch(r"[0-9]+", group) for group in groups) and re.fullmatch(r"[0-9]*", decimals)):
        raise InputError(f"{shown!r} is not a number; enter one such as 42 or 4.1")
    if len(whole) < len(digits) and not decimals:
        raise InputError(f"{shown!r} ends with a separator; enter a number such as 42 or 4.1")
    return "".join(groups), decimals


@dataclass(frozen=True, slots=True)
class _Change:
    """A change as a part of the baseline: -0.2 for "reduce by 20 %"; ``factor`` when it was said as one."""

    part: float
    subject: str = ""
    factor: bool = False


def relative_target(text: str, baseline: float | None) -> Target | NeedsBaseline:
    """ "-20 %", "reduce by 20 %", "Increase survey scores by 10%", "x2" or "double" of a baseline (None = nobody has measured).

    Raises ``InputError`` when the change or its direction cannot be read, when it leads nowhere or below 0, or for a baseline of 0.
    """
    change = _parse_change(text)
    if change.factor and baseline is not None and baseline < 0:
        raise InputError("a multiple of a negative baseline can be read two ways; enter the target itself", where="change")
    plan = scoring.relative_target(baseline, change.part)
    direction: Direction = "up" if plan.direction == "up" else "down"
    if baseline is None or plan.start is None or plan.target is None:
        title = f"Set the baseline for {change.subject}" if change.subject else "Set the baseline"
        sentence = f"“{text.strip()}” needs a baseline, and none is known: measure first, then set the target"
        return NeedsBaseline(direction, sentence, title, Definition(kind=Kind.YES_NO))
    if not math.isfinite(plan.target):
        raise InputError("the change is too large to compute with", where="change")
    if plan.target == plan.start:
        raise InputError("the change is too small to be seen; enter a larger one", where="change")
    return Target(plan.start, plan.target, direction)


def _parse_change(text: str) -> _Change:
    given = " ".join(text.replace("\u2212", "-").replace("×", "x").split()).rstrip(".")
    lower = given.lower()
    if len(lower) != len(given):  # a few capital letters grow when lowered; the subject is cut out by position
        lower = given
    if found := _SIGNED.fullmatch(lower):
        return _by_per_cent(-1 if found[1] == "-" else 1, found[2])
    if found := _TIMES.fullmatch(lower):
        factor = _change_number(found[1] or found[2])
        return _Change(factor - 1, factor=True)
    if found := _MULTIPLY.fullmatch(lower):
        if re.search(r"\d", found[2]):
            raise InputError(f"“{given}” names more than one number; {_HOW}", where="change")
        return _Change(_FACTORS[found[1]] - 1, _subject(given[found.start(2) : found.end(2)]), factor=True)
    if found := _BY.fullmatch(lower):
        if re.search(_PER_CENT, found[4]) or re.match(r"\s*(?:to\b|-)\s*\d", found[4]):
            raise InputError(f"“{given}” names more than one change; {_HOW}", where="change")
        subject = "" if found[2] is None else _subject(given[found.start(2) : found.end(2)])
        part = _by_per_cent(-1 if found[1] in _DOWN else 1, found[3]).part
        return _Change(part, subject)
    raise InputError(_why_not(given, lower), where="change")


def _why_not(given: str, lower: str) -> str:
    per_cent = re.search(rf"\d{_PER_CENT}", lower)
    if re.search(r"\bto\s+\d", lower):
        return f"“{given}” names a target, not a change; enter the number after “to” as the target"
    if re.search(rf"\bby\s*-\s*{_PLAIN}", lower):
        return f"“{given}” has both a direction and a sign; leave out the sign"
    if per_cent:
        return f"“{given}” does not say which way; write -20 % or +20 %, reduce or increase"
    if re.search(r"\d", lower):
        return f"“{given}” does not say what the number is a part of; {_HOW}"
    return f"“{given}” is no change that can be computed; {_HOW}"


def _by_per_cent(sign: int, number: str) -> _Change:
    amount = _change_number(number)
    if sign < 0 and amount > 100:
        raise InputError("a reduction of more than 100 % leads below 0; enter the target itself", where="change")
    return _Change(sign * amount / 100)


def _change_number(text: str) -> float:
    try:
        return parse_number(text)
    except InputError as error:
        raise InputError(error.message, where="change") from None


def _subject(text: str) -> str:
    return re.sub(r"^(?:the|our)\s+", "", text.strip(" ,:"), flags=re.IGNORECASE)


# --- stretch -------------------------------------------------------------------------------------------------------------------


def past_rates(points: Sequence[Point], apart: timedelta = timedelta(days=_WEEK)) -> tuple[float, ...]:
    """Units a day, signed, between values at least ``apart`` from each other, oldest first; empty below two such values."""
    return tuple((after.value - before.value) / ((after.at - before.at) / _DAY) for before, after in pairwise(thinned(points, apart)))


def stretch(required_rate: float | None, rates: Iterable[float], unit: str = "") -> Stretch | None:
    """Whether a target asks for more than 3× or less than 1× the best past rate, in the direction of good (R014).

    ``required_rate`` (``forecast.required_rate``) and ``rates`` are signed units a day; the sign of the required rate is the direction
    of good. None = cannot tell: no required rate or no history. A person may keep either target with a reason.
    """
    known = [rate for rate in rates if math.isfinite(rate)]
    if required_rate is None or not math.isfinite(required_rate) or not known:
        return None
    if required_rate == 0:
        return Stretch("too easy", 0.0, "the target is reached already")
    needed = abs(required_rate)
    best = max(math.copysign(1.0, required_rate) * rate for rate in known)
    asks = f"needs {_weekly(needed, unit)} a week"
    if best <= 0:
        return Stretch("too far", math.inf, f"{asks}, and no past value led towards the target")
    ratio = needed / best
    compared = f"{asks}, {_times(ratio)} the best rate so far of {_weekly(best, unit)} a week"
    if ratio > TOO_FAR * (1 + TOLERANCE):
        return Stretch("too far", ratio, compared)
    if ratio < 1 - TOLERANCE:
        return Stretch("too easy", ratio, compared)
    return Stretch("fits", ratio, compared)


def _times(ratio: float) -> str:
    """ "4×"; never rounded onto an edge that it is not on."""
    return f"{plain_number(ratio, 1 if ratio >= 0.1 else 3, (1.0, TOO_FAR, 0.0))}×"


def _weekly(rate: float, unit: str) -> str:
    value = rate * _WEEK
    decimals = min(9, max(0, 1 - math.floor(math.log10(value)))) if 0 < value < math.inf else 0
    text = plain_number(value, decimals, (0.0,))
    if unit.strip() == "%":
        return f"{text} point" if text == "1" else f"{text} points"
    return with_unit(text, unit)
