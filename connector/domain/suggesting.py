"""Which epics probably belong to which key results: by an admin's rule first, by shared words after that.

Deterministic, suggests only; a person confirms. Must not know how a mapping is stored.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from connector.domain import vocabulary
from connector.errors import InputError

ID = "{id}"
"""Stands for a key result's id in a pattern."""
LONGEST_PATTERN = 100
MOST_STARS = 2

Confidence = Literal["by rule", "likely", "possible"]

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LEAST_SHARED = 2  # words; one shared word is chance
_LIKELY, _POSSIBLE = 0.6, 0.4  # weight of the shared words in that of both texts
_CLEAR = 1.25  # so much better than the second best, or nothing is suggested
_COMMON = 20  # a word of more key results than this (or their twentieth part) leads to none
_TITLE, _OBJECTIVE = 1.0, 0.5  # a word of the objective says less than one of the key result


@dataclass(frozen=True, slots=True)
class Epic:
    """An epic, or a row that may be mapped alike; ``mapped_to`` are the ids of key results that it feeds already.

    ``status`` and ``container`` are for whoever shows the suggestion; they decide nothing.
    """

    key: str
    title: str
    labels: tuple[str, ...] = ()
    status: str = ""
    container: str = ""
    mapped_to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyResultName:
    """What a key result is called. ``team`` is for whoever shows the suggestion; it decides nothing."""

    id: str
    title: str
    objective_title: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``{id}`` in ``pattern`` stands for a key result's id, ``*`` for anything; with ``key_result`` all matches go to that one.

    A label pattern without either is a prefix before the id: "okr:" reads "okr:kr-setup", "" reads "kr-setup". Case does not count.
    """

    field: Literal["label", "title"]
    pattern: str
    key_result: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One pair with its reason in words."""

    epic: str
    key_result: str
    confidence: Confidence
    reason: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """``unknown``: (epic, name) where a rule read an id that no key result has."""

    pairs: tuple[Suggestion, ...]
    unknown: tuple[tuple[str, str], ...] = ()


def suggest(
    epics: Sequence[Epic], key_results: Sequence[KeyResultName], rules: Sequence[Rule] = (), *, by_text: bool = True
) -> Suggestions:
    """Pairs in the order of the epics, those of one epic in the order of the key results.

    Never a pair that is mapped already. Shared words are only asked about an epic that feeds nothing and that no rule matched, and give
    at most one pair. Raises ``InputError`` (where "pattern" or "key_result") for a rule that cannot be read.
    """
    ids = {key_result.id.casefold(): key_result.id for key_result in key_results}
    order = {key_result.id: position for position, key_result in enumerate(key_results)}
    readers = [(rule, _reader(rule, ids)) for rule in rules]
    likeness = _Likeness(key_results) if by_text else None
    pairs: list[Suggestion] = []
    unknown: dict[tuple[str, str], None] = {}
    for epic in epics:
        found: dict[str, Suggestion] = {}
        matched = False
        for rule, pattern in readers:
            for text, named in _matches(rule, pattern, epic):
                key_result = ids.get(named.casefold())
                if key_result is None and rule.pattern.strip() in ("", ID):
                    continue  # any label at all: one that is no id is just another label
                if key_result is None:
                    unknown[epic.key, named] = None
                    continue
                matched = True
                reason = f"the {rule.field} “{text}” matches {_shown(rule)}"
                found.setdefault(key_result, Suggestion(epic.key, key_result, "by rule", reason))
        pairs += sorted((pair for pair in found.values() if pair.key_result not in epic.mapped_to), key=lambda pair: order[pair.key_result])
        if likeness is not None and not matched and not epic.mapped_to:
            pairs += likeness.best(epic)
    return Suggestions(tuple(pairs), tuple(unknown))


# --- rules ---------------------------------------------------------------------------------------------------------------------


def _reader(rule: Rule, ids: Mapping[str, str]) -> re.Pattern[str]:
    """The pattern as a regular expression. ``{id}`` may only be what an id is made of, so that a star cannot take a part of it."""
    pattern = rule.pattern.strip()
    if len(pattern) > LONGEST_PATTERN or pattern.count("*") > MOST_STARS:
        raise InputError(f"a pattern has at most {LONGEST_PATTERN} characters and {MOST_STARS} stars", where="pattern")
    if rule.key_result and rule.key_result.casefold() not in ids:
        raise InputError(f"there is no key result {rule.key_result!r}; choose one of the list", where="key_result")
    if pattern.count(ID) > 1:
        raise InputError(f"write {ID} once: an epic is read for one key result", where="pattern")
    if rule.key_result:
        if not pattern.strip("*"):
            raise InputError("this pattern matches every epic; write the words that the epics share", where="pattern")
        if ID in pattern:
            raise InputError(f"leave out {ID}, or do not choose a key result: the pattern names it already", where="pattern")
    elif ID not in pattern:
        if rule.field == "title" or "*" in pattern:
            raise InputError(f"write {ID} where the key result's id stands, such as [{ID}]*, or choose a key result", where="pattern")
        pattern += ID
    parts = re.split(r"(\{id\}|\*+)", pattern)
    made = ("([\\w.-]+)" if part == ID else ".*" if part.startswith("*") else re.escape(part) for part in parts)
    return re.compile("".join(made), re.IGNORECASE | re.DOTALL)


def _matches(rule: Rule, pattern: re.Pattern[str], epic: Epic) -> Iterator[tuple[str, str]]:
    """(text that matched, name of the key result) for each label, or for the title."""
    for text in epic.labels if rule.field == "label" else (epic.title.strip(),):
        found = pattern.fullmatch(text)
        if found is not None:
            yield text, rule.key_result or found[1]


def _shown(rule: Rule) -> str:
    return f"“{rule.pattern.strip()}”" if rule.pattern.strip() else "the key result's id"


# --- shared words --------------------------------------------------------------------------------------------------------------


def _stems(text: str) -> frozenset[str]:
    """Words that say something, without endings of plurals and past forms; numbers and small words say nothing about likeness."""
    dull = vocabulary.ENGLISH | vocabulary.ACTIVITY_VERBS | vocabulary.OTHER_LANGUAGES | _DULL
    found = (word.casefold() for word in _WORD.findall(text))
    return frozenset(_stem(word) for word in found if word not in dull and len(word) > 2)


_DULL = frozenset(vocabulary.DIRECTIONS) | {word for phrase in vocabulary.VAGUE_WITHOUT_NUMBER for word in phrase.split()} | {"epic"}


def _stem(word: str) -> str:
    word = word.replace("-", "")  # "set-up" is "setup"
    for ending, least, put in (("ies", 5, "y"), ("sses", 6, "ss"), ("ing", 7, ""), ("ed", 6, ""), ("es", 6, "e"), ("s", 4, "")):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            return word.removesuffix(ending) + put
    return word


class _Likeness:
    """Key results by their words; a word that few of them hold weighs more (inverse document frequency)."""

    def __init__(self, key_results: Sequence[KeyResultName]) -> None:
        self._names = key_results
        self._words = [
            dict.fromkeys(_stems(one.objective_title), _OBJECTIVE) | dict.fromkeys(_stems(one.title), _TITLE) for one in key_results
        ]
        self._holders: dict[str, list[int]] = defaultdict(list)
        for position, held in enumerate(self._words):
            for word in held:
                self._holders[word].append(position)
        self._rarity = {word: 1.0 + math.log((1 + len(key_results)) / (1 + len(holders))) for word, holders in self._holders.items()}
        self._unheld = 1.0 + math.log(1 + len(key_results))
        self._titled = [math.fsum(self._rarity[word] for word, part in held.items() if part == _TITLE) for held in self._words]

    def best(self, epic: Epic) -> tuple[Suggestion, ...]:
        """The one key result that is clearly the likest, if any. Words that many key results hold lead to none by themselves."""
        words = _stems(epic.title)
        common = max(_COMMON, len(self._names) // _COMMON)
        near = {position for word in words if len(self._holders.get(word, ())) <= common for position in self._holders.get(word, ())}
        alike = [position for position in near if len(words & self._words[position].keys()) >= _LEAST_SHARED]
        scores = sorted(((self._score(words, position), -position) for position in alike), reverse=True)
        if not scores or scores[0][0] < _POSSIBLE or (len(scores) > 1 and scores[0][0] < _CLEAR * scores[1][0]):
            return ()
        score, position = scores[0][0], -scores[0][1]
        shared = ", ".join(f"“{word}”" for word in _as_written(epic.title, words & self._words[position].keys()))
        confidence: Confidence = "likely" if score >= _LIKELY else "possible"
        return (Suggestion(epic.key, self._names[position].id, confidence, f"both speak of {shared}"),)

    def _score(self, words: frozenset[str], position: int) -> float:
        """Weight of the shared words in that of both texts, 0-1 (Dice; fsum gives the same whatever the order of a set)."""
        held = self._words[position]
        shared = math.fsum(self._rarity[word] * held[word] for word in words & held.keys())
        own = math.fsum(self._rarity.get(word, self._unheld) for word in words)
        return 2 * shared / (own + self._titled[position])


def _as_written(title: str, stems: Iterable[str]) -> list[str]:
    wanted = set(stems)
    found: dict[str, str] = {}
    for word in _WORD.findall(title):
        stem = _stem(word.casefold())
        if stem in wanted:
            found.setdefault(stem, word)
    return list(found.values())
