"""Commands in comments: "/okr 64 confidence 7 blocker waiting for legal decision none" → what was said, or what could not be read.

Tolerant in form and strict in meaning: what can be read in two ways is a mistake, never a guess. Only a line that begins with "/okr"
speaks to us, so nothing that quotes or explains a command is one. A mistake tells where it stands and of what kind it is; words are not
repeated, since others read the answer. Must not know key results, people or hosts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from connector.domain.checkin import check_in_faults
from connector.domain.model import DecisionKind
from connector.domain.spoken import MARKS, NUMBER, count_words, ordinal, read_spoken, without_quotes
from connector.errors import InputError

SIGN = "/okr"
_SIGN_SOMEWHERE = re.compile(r"(?<![\w/])/okr(?!\w)", re.IGNORECASE)  # no part of an address
_OPENING = re.compile(r"[\s,:]*(?:[-*•]\s+)?(?:@\S+\s+|\[~[^\]\s]+\][\s,:]*)*/okr(?=$|[\s,:;?])", re.IGNORECASE)
_GAP = re.compile(r"(?:[\s;!:]|[.,](?!\d)|\band\b|&)*", re.IGNORECASE)
_KEYWORD = re.compile(
    r"(?:(?P<help>help\b|\?)|(?P<status>status\b)|(?P<unblocked>no\s+blockers?\b)|(?P<undecided>no\s+decision(?:\s+needed)?\b)"
    r"|(?P<value>value\b)|(?P<confidence>confidence\b)|(?P<blocker>blocker\b)|(?P<decision>decision(?:\s+needed)?\b)|(?P<comment>comment\b))",
    re.IGNORECASE,
)
_JOIN = re.compile(r"\s*(?:[:=]|\b(?:is|to)\b)?\s*", re.IGNORECASE)
_COLON = re.compile(r"\s*[:=]?\s*")
_NUMBER = re.compile(NUMBER)
_CURRENCY = re.compile(r"[€$£¥]\s*")
_OUT_OF_TEN = re.compile(r"\s*(?:/|of|out\s+of)\s*10\b", re.IGNORECASE)
_UNIT = re.compile(r"\s*([^\s\d,;:!.+\-−][^\s,;:!]*)")
_YES_NO = re.compile(r"(?:yes|no(?!\s+(?:blocker|decision))|not\s+done|done|true|false)\b", re.IGNORECASE)
_NAME = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})(?=$|[\s,:;.!])", re.IGNORECASE)
_STATUS_OF = re.compile(r"status\s+(?:of\s+)?", re.IGNORECASE)
_DECISIONS = {
    "faster approval": DecisionKind.APPROVAL,
    "less scope": DecisionKind.SCOPE,
    **{kind.value: kind for kind in DecisionKind},
    "no": DecisionKind.NONE,
}
_DECISION = re.compile(rf"(?:{'|'.join(name.replace(' ', '[ ]+') for name in _DECISIONS)})\b", re.IGNORECASE)
_ENDS = re.compile(r"[.!]?\s*$")
_NO_BLOCKER = frozenset({"none", "no", "-", "no blocker"})
_PAIRS = {'"': '"', "“": "”", "„": "“", "«": "»"}

EXAMPLES = {
    "value": "value 42",
    "confidence": "confidence 7",
    "blocker": "blocker: waiting for legal",
    "decision": "decision budget",
    "comment": "comment: the price list is out",
}


@dataclass(frozen=True, slots=True)
class Command:
    """What one comment says about one key result. ``name`` is the key result's id as written, "" when none was named.

    None = not said; ``blocker`` "" = said that there is none. ``value`` is a number, or a word such as "done"; ``unit`` stood behind it.
    """

    name: str = ""
    value: float | str | None = None
    unit: str = ""
    confidence: float | None = None
    blocker: str | None = None
    decision: DecisionKind | None = None
    comment: str | None = None
    status: bool = False
    help: bool = False

    @property
    def updates(self) -> bool:
        """Whether it says anything that makes a check-in."""
        return any(getattr(self, name) is not None for name in EXAMPLES)

    def said(self) -> dict[str, object]:
        """The fields of a check-in that were said."""
        given = {name: getattr(self, name) for name in EXAMPLES}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Spoken:
    """The commands of a comment, one for each key result that it names, and what could not be read, in words with the mend."""

    commands: tuple[Command, ...] = ()
    mistakes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.commands or self.mistakes)

    @property
    def digest(self) -> str:
        """Equal for comments that say the same, however they are written."""
        plain = [{each.name: getattr(command, each.name) for each in fields(command)} for command in self.commands]
        return hashlib.sha256(json.dumps([plain, self.mistakes], sort_keys=True).encode()).hexdigest()[:16]


@dataclass(slots=True)
class _Reader:
    """Gathers what is said of one key result; the first word on a field counts, another one must not differ."""

    name: str = ""
    about: str = ""  # the key result, for mistakes, where it is known to be one
    place: str = ""  # the line that is read, for people
    before: int = 0  # words of that line that were read already
    given: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def take(self, what: str, value: object) -> None:
        if what in self.given and self.given[what] != value:
            self.mistake(f"{what} is said twice{self.about}, and not the same: say it once, for example “{SIGN} {EXAMPLES[what]}”")
        self.given.setdefault(what, value)

    def mistake(self, text: str) -> None:
        if text not in self.mistakes:
            self.mistakes.append(text)


def might_speak(text: str) -> bool:
    """Whether a text may hold a command; False is certain."""
    return bool(_SIGN_SOMEWHERE.search(text))


def parse_commands(text: str) -> Spoken:
    """What a comment tells us. Empty for a comment that does not speak to us."""
    readers: dict[str, _Reader] = {}
    blocks = list(_blocks(without_quotes(text)))
    for index, lines in enumerate(blocks, start=1):
        name, rest = _named(lines[0])
        reader = readers.setdefault(name.casefold(), _Reader(name.casefold()))
        sign = f"the {ordinal(index)} “{SIGN}”" if len(blocks) > 1 else f"“{SIGN}”"
        for number, line in enumerate([rest, *lines[1:]]):
            reader.place = f"of the {ordinal(number)} line below {sign}" if number else f"behind {sign}"
            reader.before = 0 if number else count_words(lines[0]) - count_words(rest)
            _read_line(reader, line, first=number == 0)
        if not any(line.strip(" ,:;.!") for line in (rest, *lines[1:])):
            reader.given["status" if name else "help"] = True
    commands = tuple(_finish(reader) for reader in readers.values())
    return Spoken(commands, tuple(dict.fromkeys(each for reader in readers.values() for each in reader.mistakes)))


def merge(commands: Sequence[Command], name: str) -> Spoken:
    """What several commands about one key result say together, as one command with its id; two that differ are a mistake."""
    reader = _Reader(name, f" for {name}")
    for command in commands:
        for what, value in command.said().items():
            reader.take(what, value)
        reader.given |= {each: True for each in ("status", "help") if getattr(command, each)}
        if command.unit:
            reader.given.setdefault("unit", command.unit)
    return Spoken((_finish(reader),), tuple(reader.mistakes))


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Each "/okr" line without its sign, with the lines right below it that go on with commands."""
    block: list[str] = []
    for line in lines:
        opening = _OPENING.match(line)
        if opening:
            if block:
                yield block
            block = [line[opening.end() :]]
        elif block and _goes_on(line):
            block.append(line.strip().lstrip("-*• "))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _goes_on(line: str) -> bool:
    """Whether a line below a command is one too, and no prose that begins with the same word."""
    text = line.strip().lstrip("-*• ")
    found = _KEYWORD.match(text)
    if not found:
        return False
    rest = text[found.end() :]
    kind = found.lastgroup
    if re.match(r"\s*[:=]", rest):
        return True
    if kind in ("value", "confidence"):
        return bool(re.match(r"\s*(?:is\s+|to\s+)?[+\-−€$£¥.,]?\s*\d", rest)) or (kind == "value" and bool(_YES_NO.match(rest.strip())))
    if kind == "decision":
        return bool(_DECISION.match(rest.strip())) or len(rest.split()) == 1
    if kind in ("blocker", "comment"):
        return False  # "comment from Bob" is prose; these want their colon on a line of their own
    return not rest.strip(" ,;.!")


def _named(line: str) -> tuple[str, str]:
    """The key result that the first word names (also behind "status of"), and the rest of the line."""
    line = line[_gap(line, 0) :]
    asked = _STATUS_OF.match(line)
    start = asked.end() if asked else 0
    found = _NAME.match(line, start)
    if not found or _KEYWORD.match(line, start) or found[1].isdigit():
        return "", line
    if _NUMBER.match(line, start) and not ("-" in found[1] or "_" in found[1]):
        return "", line  # "64k" is a number with a unit that is none
    return found[1], f"{'status' if asked else ''}{line[found.end() :]}"


def _gap(line: str, position: int) -> int:
    found = _GAP.match(line, position)
    return found.end() if found else position


def _read_line(reader: _Reader, line: str, *, first: bool) -> None:
    position = _gap(line, 0)
    while position < len(line):
        found = _KEYWORD.match(line, position)
        if found:
            end = _clause(reader, found, line)
        elif first and position == _gap(line, 0) and (_NUMBER.match(line, position) or _CURRENCY.match(line, position)):
            end = _value(reader, line, position)
        else:
            end = _misread(reader, line, position)
        first = False
        position = _gap(line, max(end, position + 1))


def _clause(reader: _Reader, found: re.Match[str], line: str) -> int:
    kind, end = str(found.lastgroup), found.end()
    if kind in ("help", "status"):
        reader.given[kind] = True
        return end
    if kind == "unblocked":
        reader.take("blocker", "")
        return end
    if kind == "undecided":
        reader.take("decision", DecisionKind.NONE)
        return end
    if kind == "value":
        return _value(reader, line, _after(_JOIN, line, end))
    if kind == "confidence":
        return _confidence(reader, line, _after(_JOIN, line, end))
    if kind == "decision":
        return _decision(reader, line, end)
    return _free(reader, kind, line, _after(_COLON, line, end))


def _value(reader: _Reader, line: str, position: int) -> int:
    word = _YES_NO.match(line, position)
    if word:
        reader.take("value", " ".join(word[0].casefold().split()))
        return word.end()
    currency = _CURRENCY.match(line, position)
    found = _NUMBER.match(line, currency.end() if currency else position)
    if not found:
        reader.mistake(f"value needs a number, for example “{SIGN} {EXAMPLES['value']}”")
        return position if _KEYWORD.match(line, position) else _skipped(line, position)
    _number(reader, "value", found[0])
    unit, end = _unit(line, found.end())
    shown = " ".join(part for part in (currency[0].strip() if currency else "", unit) if part)
    if shown:
        reader.given.setdefault("unit", shown)
    return end


def _unit(line: str, position: int) -> tuple[str, int]:
    """The words behind a number up to the next command or sign; whether they are its unit is for others to know."""
    words: list[str] = []
    while (found := _UNIT.match(line, position)) and len(words) < 4:
        if _KEYWORD.match(line, found.start(1)) or found[1].casefold() in ("and", "&"):
            break
        words.append(found[1].rstrip("."))
        position = found.end()
    return " ".join(words), position


def _confidence(reader: _Reader, line: str, position: int) -> int:
    found = _NUMBER.match(line, position)
    if not found:
        reader.mistake(f"confidence needs a whole number from 1 to 10, for example “{SIGN} {EXAMPLES['confidence']}”")
        return position if _KEYWORD.match(line, position) else _skipped(line, position)
    _number(reader, "confidence", found[0])
    end = _after(_OUT_OF_TEN, line, found.end())
    return end if _is_over(line, end) else _misread(reader, line, end)


def _number(reader: _Reader, what: str, text: str) -> None:
    try:
        reader.take(what, read_spoken(text))
    except InputError as error:
        reader.mistake(f"{what}: {error.message}")


def _decision(reader: _Reader, line: str, position: int) -> int:
    start = _after(_JOIN, line, position)
    found = _DECISION.match(line, start)
    if not found:
        kinds = ", ".join(kind.value for kind in DecisionKind)
        reader.mistake(f"decision is one of {kinds}; for example “{SIGN} {EXAMPLES['decision']}”")
        return start if _KEYWORD.match(line, start) else _skipped(line, start)
    kind = _DECISIONS[" ".join(found[0].casefold().split())]
    reader.take("decision", kind)
    if _is_over(line, found.end()):
        return found.end()
    if kind is DecisionKind.NONE:
        return _misread(reader, line, found.end())
    # What stands behind the kind says more of it: "decision: budget for two more licences"
    text, end = _text(line, _after(_COLON, line, found.end()))
    if text:
        reader.notes.append(f"Decision: {' '.join(line[found.start() : end].rstrip(' ,;').split())}")
    return end


def _free(reader: _Reader, kind: str, line: str, position: int) -> int:
    text, end = _text(line, position)
    if not text:
        other = f", or “{SIGN} no blocker”" if kind == "blocker" else ""
        reader.mistake(f"{kind} needs words, for example “{SIGN} {EXAMPLES[kind]}”{other}")
    elif kind == "blocker":
        reader.take("blocker", "" if text.casefold().rstrip(".") in _NO_BLOCKER else text)
    else:
        reader.take("comment", text)
    return end


def _text(line: str, position: int) -> tuple[str, int]:
    """Free words up to the next command that can be nothing else; words in quotation marks are taken as they are."""
    closing = _PAIRS.get(line[position : position + 1])
    if closing and (end := line.find(closing, position + 1)) > 0 and _is_over(line, end + 1):
        return line[position + 1 : end].strip(), end + 1
    end = next((found.start() for found in _KEYWORD.finditer(line, position) if _cuts(line, position, found)), len(line))
    return line[position:end].strip().rstrip(",;").strip(), end


def _cuts(line: str, begin: int, found: re.Match[str]) -> bool:
    """Whether a command word inside free words begins a command: it must be whole, and end where words may end."""
    before = line[begin : found.start()]
    if before and not before[-1].isspace() and before[-1] not in ",;":
        return False
    separated = before.rstrip()[-1:] in (",", ";", ".", "")
    kind, end = found.lastgroup, found.end()
    colon = bool(re.match(r"\s*[:=]", line[end:]))
    if kind == "confidence":
        number = _NUMBER.match(line, _after(_JOIN, line, end))
        return number is not None and _is_over(line, _after(_OUT_OF_TEN, line, number.end()))
    if kind == "decision":
        word = _DECISION.match(line, _after(_COLON, line, end))
        return word is not None and (colon or _is_over(line, word.end()))
    if kind == "value":
        return (separated or colon) and bool(_NUMBER.match(line, _after(_COLON, line, end)))
    if kind in ("blocker", "comment"):
        return colon
    return kind in ("unblocked", "undecided") and separated and bool(before) and _is_over(line, end)


def _is_over(line: str, position: int) -> bool:
    """Whether a clause may end here: at the end, a sign that parts clauses, or before another command."""
    rest = line[position:]
    if _ENDS.match(rest) or rest[0] in ",;" or re.match(r"[.!]\s", rest):
        return True
    following = _gap(line, position)
    return following > position and bool(_KEYWORD.match(line, following))


def _misread(reader: _Reader, line: str, position: int) -> int:
    end = _skipped(line, position)
    piece = line[position:end].lstrip(MARKS)
    if piece:
        first = reader.before + count_words(line[: end - len(piece) + 1])
        last = first + count_words(piece) - 1
        words = f"the {ordinal(first)} to {ordinal(last)} words" if last > first else f"the {ordinal(first)} word"
        alone = "a number on its own stands first, or behind the word “value”, " if _NUMBER.match(piece) else ""
        example = EXAMPLES["value"] if alone else f"{EXAMPLES['confidence']}, decision none"
        reader.mistake(f"{words} {reader.place} {'are' if last > first else 'is'} no command; {alone}for example “{SIGN} {example}”")
    return end


def _skipped(line: str, position: int) -> int:
    """Where reading can go on: at the next command word, or the end."""
    following = next((found.start() for found in _KEYWORD.finditer(line, position + 1) if line[found.start() - 1] in " ,;."), len(line))
    return max(following, position)


def _after(pattern: re.Pattern[str], line: str, position: int) -> int:
    found = pattern.match(line, position)
    return found.end() if found else position


def _finish(reader: _Reader) -> Command:
    given = dict(reader.given)
    if reader.notes:
        own = [str(given["comment"])] if "comment" in given else []
        given["comment"] = " ".join([*own, *reader.notes])
    checked: dict[str, object] = {name: given[name] for name in ("confidence", "blocker", "comment") if name in given}
    for fault in check_in_faults(checked):
        example = "" if fault.field == "comment" else f", for example “{SIGN} {EXAMPLES[fault.field]}”"
        reader.mistake(f"{fault.field}: {fault.message}{example}")
    return Command(reader.name, **given)  # type: ignore[arg-type]  # names of its fields, values as the readers above took them
