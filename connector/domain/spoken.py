"""How people write in comments: numbers with commas, gaps and points, and words that are not theirs (quotes, code). Pure.

A number that can be read in two ways is refused: a guess would be wrong by a factor of a thousand.
"""

from __future__ import annotations

import math
import re

from connector.errors import InputError

# Gaps of three digits (blank, no-break, thin, narrow no-break, apostrophe), else digits with commas and points in them.
_GAPS = " \u00a0\u2009\u202f'’"
NUMBER = rf"[+\-−]?(?:\d{{1,3}}(?:[{_GAPS}]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*|[.,]\d+)"
_FENCE = re.compile(r"```|\{(code|noformat|quote)(?:[:}])")  # Markdown, and the markup of Jira's older interface
MARKS = " ,;:.!"  # beside words
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")


def read_spoken(text: str) -> float:
    """The number that ``text`` (a match of ``NUMBER``) can only be. Raises ``InputError`` for one that could be two, or none."""
    plain = re.sub(f"[{_GAPS}]", "", text.strip()).replace("−", "-")
    commas, points = plain.count(","), plain.count(".")
    sign = ""
    if commas and points:
        sign = "," if plain.rfind(",") > plain.rfind(".") else "."
    elif commas + points == 1:
        sign = "," if commas else "."
        if sign == "," and plain == text.strip().replace("−", "-"):
            _refuse_ambiguous(plain)
    whole, _, fraction = plain.partition(sign) if sign else (plain, "", "")
    groups = re.split("[.,]", whole)
    whole_number = "".join(groups)
    uneven = len(groups) > 1 and (not 1 <= len(groups[0].lstrip("+-")) <= 3 or any(len(each) != 3 for each in groups[1:]))
    if uneven or not re.fullmatch(r"[+-]?\d*", whole_number) or not re.fullmatch(r"\d*", fraction) or not re.search(r"\d", plain):
        raise InputError(f"write a number such as 42 or 4.1{f' (found {text[:30]!r})' if text else ''}")
    number = float(f"{whole_number}.{fraction or '0'}")
    if not math.isfinite(number):
        raise InputError("the number is too large")
    return number


def _refuse_ambiguous(plain: str) -> None:
    whole, _, rest = plain.partition(",")
    digits = whole.lstrip("+-")
    if len(rest) == 3 and 1 <= len(digits) <= 3 and digits != "0":
        raise InputError(f"{plain} may mean {whole}{rest} or {whole}.{rest}; write one of them")


def count_words(text: str) -> int:
    """How many words somebody would count; marks that stand alone are none."""
    return sum(1 for word in text.split() if word.strip(MARKS))


def ordinal(number: int) -> str:
    """1 → "first", 21 → "21st"."""
    if 1 <= number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def without_quotes(text: str) -> list[str]:
    """The lines of a comment that are the writer's own: without quotes, code, and signs that nobody sees."""
    kept: list[str] = []
    closing = ""
    for line in _INVISIBLE.sub("", text).splitlines():
        stripped = line.strip().casefold()
        if closing:
            closing = "" if closing in stripped else closing
            continue
        if stripped.startswith((">", "bq.")):
            continue
        fence = _FENCE.match(stripped)
        if fence:
            end = "```" if fence[0].startswith("`") else f"{{{fence[1]}}}"
            closing = "" if end in stripped[fence.end() :] else end
            continue
        kept.append(line)
    return kept
