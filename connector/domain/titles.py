"""What can be read from a key result's title: its words, its numbers, whether it begins with an activity, whether it is English.

Rules on words, no more; where they cannot tell, they say so. Must not judge: ``quality`` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from connector.domain import vocabulary

LONGEST = 300
"""So many characters are looked at for numbers: the time that takes grows with their square, and the text comes from outside."""

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_TOKEN = re.compile(r"[^\W_]+(?:[-'’.,][^\W_]+)*|[%≤≥<>→]")
_PREFIX = re.compile(
    r"^[\s\W]*(?:\[[^\]]*\]\s*|\(?(?:kr|o|okr)[\s-]?\d+(?:\.\d+)*\)?\s*[:.)-]*\s*|\d+[.)]\s+)?[\s\"'“”‘’«»*•–—-]*", re.IGNORECASE
)
_NUMBER = r"[+\-−]?(?:[$€£]\s?)?\d+(?:[.,\u00a0\u2009\u202f ]\d{3})*(?:[.,]\d+)?\s?(?:%|[kKmM]\b|bn\b)?"
_QUANTITY = re.compile(
    r"(?<![\w.,/-])\d+(?:[.,\u00a0\u2009\u202f ]\d{3})*(?:[.,]\d+)*"
    r"(?:\s?%|k|m|bn|ms|s|sec|h|hrs?|min|d|pp|pts?|x|kg|t|gb|mb|tb|nok|usd|eur)?(?![\w/])",
    re.IGNORECASE,
)
_RANGE = re.compile(
    rf"\bfrom\b[^.;]*?{_NUMBER}[^.;\d]{{0,40}}?(?:\bto\b|→|->|–|\bbelow\b|\babove\b|\bunder\b|\bover\b)\s*{_NUMBER}"
    rf"|{_NUMBER}[^.;\d]{{0,20}}?\s*(?:→|->|\bto\b)\s*{_NUMBER}",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"(?:\bat least|\bat most|\bno more than|\bno fewer than|\bno less than|\bfewer than|\bless than|\bmore than|\bbelow|\babove|\bunder|"
    rf"\bover|\bwithin|\bmaximum|\bminimum|\bmax\.?|\bmin\.?|\bup to|\bto|≤|≥|<|>|\breach|\bhit)\s*(?:[^\W\d]+\s+)?{_NUMBER}",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    rf"\bby\s+(?:at least\s+)?{_NUMBER}\s*(?:%|per ?cent\b)(?!\s+of\b)|\b(?:double|triple|halve)\b|\b\d+\s?[x×](?!\w)",
    re.IGNORECASE,
)
_DATE = re.compile(
    rf"\d{{4}}-\d{{2}}(?:-\d{{2}})?|\d{{1,2}}\.\d{{1,2}}\.\d{{2,4}}|\d{{1,2}}/\d{{1,2}}/\d{{2,4}}"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.?\s(?:of\s)?(?:{'|'.join(sorted(vocabulary.MONTHS))})\b(?:\s\d{{4}})?"
    rf"|\b(?:{'|'.join(sorted(vocabulary.MONTHS))})\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}})?"
    r"|\b[QH][1-4](?:[\s/-]*(?:20)?\d\d)?\b|\b20[2-4]\d\b(?!\s*%)",
    re.IGNORECASE,
)
_DETERMINERS = frozenset("a an the our all any each every another new this these those its their my your both some".split())  # noqa: SIM905
_ENDS_NOUN = frozenset("from to per of in at by with below above under over within for on is are across between during after".split())  # noqa: SIM905
_COMPARES = frozenset("from is below above under ≤ ≥ < >".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a title: ``title[start:end] == text``."""

    text: str
    start: int
    end: int


def words(title: str) -> tuple[Span, ...]:
    """The words of letters, in order; numbers are left out."""
    return tuple(Span(found[0], found.start(), found.end()) for found in _WORD.finditer(title))


def find_phrases(title: str, phrases: tuple[str, ...]) -> tuple[Span, ...]:
    """Where whole phrases occur, whatever their case; of overlapping ones the first and longest."""
    longest_first = sorted(phrases, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)
    return tuple(Span(found[0], found.start(), found.end()) for found in pattern.finditer(title))


def is_english(title: str) -> bool:
    """False when a title is more likely in another language (or holds no word), so that English rules would judge it wrongly."""
    found = [span.text.casefold().replace("’", "'") for span in words(title)]
    other = sum(word in vocabulary.OTHER_LANGUAGES or not word.isascii() for word in found)
    return sum(_known(word) for word in found) > other


def _known(word: str) -> bool:
    return (
        word in vocabulary.ENGLISH
        or word in vocabulary.METRIC_NOUNS
        or word in vocabulary.ACTIVITY_VERBS
        or word in vocabulary.PAST_FORMS
        or word in vocabulary.GERUNDS
        or word in vocabulary.VAGUE_WITHOUT_NUMBER
    )


# --- numbers -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which numbers a title names: a range (from X to Y), a bound (at most X), a relative change (by X %), any quantity at all."""

    range: bool
    bound: bool
    relative: tuple[Span, ...]
    quantity: bool

    @property
    def any(self) -> bool:
        """True when some number says how much."""
        return self.range or self.bound or self.quantity or bool(self.relative)


def numbers(title: str) -> Numbers:
    """The quantities of a title; days, quarters, years, versions and numbers in names ("ISO 27001", "phase 2") are none."""
    text = _without_names(title)
    relative = tuple(Span(title[found.start() : found.end()], found.start(), found.end()) for found in _RELATIVE.finditer(text))
    counted = any(span.text.casefold() in vocabulary.COUNT_WORDS - {"one"} for span in words(text))
    return Numbers(bool(_RANGE.search(text)), bool(_BOUND.search(text)), relative, bool(_QUANTITY.search(text)) or counted)


def _without_names(title: str) -> str:
    """The title with dates and numbered names blanked out, every other sign at its place; what is beyond ``LONGEST`` is left out."""
    text = _DATE.sub(lambda found: " " * len(found[0]), title[:LONGEST])
    names = "|".join(sorted(vocabulary.NAME_BEFORE_NUMBER))
    return re.sub(rf"\b(?:{names})[\s.-]?\d[\w.]*", lambda found: " " * len(found[0]), text, flags=re.IGNORECASE)


# --- activities ----------------------------------------------------------------------------------------------------------------


def leading_activity(title: str) -> Span | None:
    """The activity that a title begins with ("Launch", "Building", "Held"), or None when the word is a noun there.

    "Build time from 20 to 5 minutes" begins with a noun: a word for something measured follows before the numbers.
    """
    begin = _start(title)
    tokens = [Span(found[0], found.start(), found.end()) for found in _TOKEN.finditer(title, begin)]
    if not tokens:
        return None
    first, rest = tokens[0], tokens[1:]
    if any(title[begin:].casefold().startswith(phrase) for phrase in vocabulary.NOUN_PHRASES):
        return None
    form = _form(first.text.casefold())
    if form is None:
        return None
    if form == "verb" or _acts(title, rest):
        return first
    return None


def trailing_activity(title: str) -> Span | None:
    """The past form that a title ends with: "Guided set-up shipped" gives "shipped"."""
    found = words(title)
    if len(found) < 2 or found[-1].text.casefold() not in vocabulary.PAST_FORMS:
        return None
    return found[-1]


def _start(title: str) -> int:
    """Where the first word that counts begins: behind numbering, brackets, quotes and lead-ins such as "we will"."""
    prefix = _PREFIX.match(title)
    at = prefix.end() if prefix else 0
    while True:
        lead = next((words for words in vocabulary.LEAD_INS if re.match(rf"{words}\s+", title[at:], re.IGNORECASE)), None)
        if lead is None:
            return at
        at += len(lead)
        at += len(title[at:]) - len(title[at:].lstrip())


def _form(word: str) -> Literal["verb", "either"] | None:
    """How sure the word itself makes it; None for a word that names no activity (also "launches", "builds": plurals)."""
    if word in vocabulary.ACTIVITY_VERBS:
        return "either" if word in vocabulary.NOUN_TOO else "verb"
    return "either" if word in vocabulary.PAST_FORMS or word in vocabulary.GERUNDS else None


def _acts(title: str, rest: list[Span]) -> bool:
    """Whether a word that may be a verb or a noun is followed as a verb is; in doubt a range of numbers makes it a noun."""
    if not rest:
        return True
    after = rest[0].text.casefold()
    if after[0].isdigit():  # "Run 3 pilots", but "Hold 95 % availability"
        return not (len(rest) > 1 and rest[1].text == "%" and after != "100")
    if after in _DETERMINERS or after in vocabulary.COUNT_WORDS:
        return True
    phrase = list(takewhile(lambda word: word[0].isalpha() and word not in _ENDS_NOUN, (token.text.casefold() for token in rest)))
    behind = rest[len(phrase)].text.casefold() if len(phrase) < len(rest) else ""
    following = [token.text.casefold() for token in rest[len(phrase) + 1 : len(phrase) + 3]]
    compared = behind in _COMPARES or (behind == "at" and following[:1] in (["least"], ["most"])) or (behind == "by" and "%" in following)
    if behind == "per" or compared:
        return False
    return not (phrase and (phrase[-1] in vocabulary.METRIC_NOUNS or numbers(title).range))
