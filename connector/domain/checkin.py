"""What an owner may say in a check-in, and which of it is missing.

Checks one draft by itself. Must not store it, judge the key result or know where it was filed. Fields are those of the form (R023);
colours, narrative and further fields do not exist (R028, R036).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

from connector.domain.model import DecisionKind, Definition, Kind, Movement
from connector.domain.scoring import Fault, full_value
from connector.errors import InputError

LONGEST_COMMENT = 280
LONGEST_BLOCKER = 280
LONGEST_DOUBT = 280

Band = Literal["intervene", "discuss", "watch"]

_FIELDS = ("value", "confidence", "blocker", "decision", "comment", "as_of", "delayed", "doubt")
_DECISIONS = {kind.value: kind for kind in DecisionKind} | {
    "faster approval": DecisionKind.APPROVAL,
    "less scope": DecisionKind.SCOPE,
}
_NO_BLOCKER = frozenset({"", "-", "none", "no blocker"})
_YES_NO: Mapping[str | bool, bool] = {"yes": True, "no": False, "done": True, "not done": False, "true": True, "false": False} | {
    True: True,
    False: False,
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # half a letter cannot be stored
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ACTIVITY = frozenset(
    """
    work worked working progress progressing progressed continue continued continuing ongoing started start starting
    held meeting meetings met discussed discussing planned planning prepared preparing reviewed reviewing finished
    completed shipped released tested testing created creating wrote writing built building developed developing
    implemented implementing aligned aligning synced kicked workshop workshops session sessions call calls
    """.split()  # noqa: SIM905 - a list of words reads as one
)
_FILLER = frozenset(
    """
    a an and are as at be by for from had have has i in is it of off on our out still team teams the this to up was we week were with
    """.split()  # noqa: SIM905 - a list of words reads as one
)


@dataclass(frozen=True, slots=True)
class CheckInDraft:
    """A valid, possibly incomplete check-in. None = not answered; ``blocker`` "" = answered with none."""

    value: float | None = None
    confidence: int | None = None
    blocker: str | None = None
    decision: DecisionKind | None = None
    comment: str = ""
    as_of: date | None = None  # the day that the number describes (R025)
    delayed: bool = False
    doubt: str = ""  # for lead and champion alone (R043)

    def missing(self) -> tuple[str, ...]:
        """Which of the four inputs were not answered, in the order of the form."""
        return tuple(name for name in ("value", "confidence", "blocker", "decision") if getattr(self, name) is None)

    def complete(self) -> bool:
        """True when nothing is missing; an incomplete one is kept as a draft and is not on time (R047)."""
        return not self.missing()


def parse_check_in(fields: Mapping[str, object], definition: Definition | None = None) -> CheckInDraft:
    """A draft from what a form, the API, the command line or a comment says; texts are understood as numbers where one belongs.

    A field that is absent is not answered, with one exception: an absent ``blocker`` means that none was named (it is optional on the
    command line); an explicit None leaves it open. ``definition`` lets a yes/no key result answer with yes and no.
    Raises ``InputError`` whose ``where`` is the first field at fault; ``check_in_faults`` gives all of them.
    """
    draft, found = _parse(fields, definition)
    if found:
        raise InputError(found[0].message, where=found[0].field)
    return draft


def check_in_faults(fields: Mapping[str, object], definition: Definition | None = None) -> tuple[Fault, ...]:
    """Every field at fault, in the order of the form; empty when ``parse_check_in`` would accept it."""
    return tuple(_parse(fields, definition)[1])


def _parse(fields: Mapping[str, object], definition: Definition | None) -> tuple[CheckInDraft, list[Fault]]:
    found = [Fault(name, f"a check-in has no such field; it has {', '.join(_FIELDS)}") for name in fields if name not in _FIELDS]
    parts: dict[str, Any] = {"blocker": ""}
    readers: dict[str, Callable[[object], object]] = {
        "value": lambda given: _value(given, definition),
        "confidence": _confidence,
        "blocker": _blocker,
        "decision": _decision,
        "comment": _comment,
        "as_of": _as_of,
        "delayed": _delayed,
        "doubt": _doubt,
    }
    for name, reader in readers.items():
        if name not in fields:
            continue
        try:
            parts[name] = reader(fields[name])
        except InputError as error:
            found.append(Fault(name, error.message))
    return CheckInDraft(**parts), found


def _number(given: object) -> float | None:
    """A number or a text that is one; None when it is neither (True is no number)."""
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
        return float(given)
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        try:
            return float(given)
        except OverflowError:
            return None
    return None


def _value(given: object, definition: Definition | None) -> float | None:
    if given is None:
        return None
    if definition is not None and definition.kind is Kind.YES_NO:
        word = given.strip().lower() if isinstance(given, str) else given
        answer = _YES_NO.get(word) if isinstance(word, (str, bool)) else None
        if answer is not None:
            return full_value(definition) if answer else 0.0
        if _number(given) not in (0.0, full_value(definition)):
            raise InputError("enter yes or no")
    number = _number(given)
    if number is None or not math.isfinite(number):
        raise InputError("enter a number, such as 42 or 4.1, without its unit")
    return number


def _confidence(given: object) -> int | None:
    if given is None:
        return None
    number = _number(given)
    if number is None or not number.is_integer() or not 1 <= number <= 10:
        raise InputError("enter a whole number from 1 to 10")
    return int(number)


def _clean(text: str) -> str:
    """The text, which pages, panels, sheets and terminals will show. Raises ``InputError`` for signs that only steer a terminal."""
    if _CONTROL.search(text):
        raise InputError("holds a control character; remove it")
    turns = _TURNS.search(text)
    if turns:
        raise InputError(f"holds the sign U+{ord(turns[0]):04X}, which turns the direction of text or is no letter; remove it")
    return text


def _blocker(given: object) -> str | None:
    if given is None:
        return None
    if isinstance(given, (list, tuple)):
        if len(given) > 1:
            raise InputError("name one blocker, the one that matters most")
        given = given[0] if given else ""
    if not isinstance(given, str):
        raise InputError("enter the blocker as text")
    text = _clean(given.strip())
    if len(text.splitlines()) > 1:
        raise InputError("name one blocker, the one that matters most, in one line")
    if len(text) > LONGEST_BLOCKER:
        raise InputError(f"the blocker has {len(text)} characters; {LONGEST_BLOCKER} are the most")
    return "" if text.lower() in _NO_BLOCKER else text


def _decision(given: object) -> DecisionKind | None:
    if given is None:
        return None
    word = " ".join(given.lower().split()) if isinstance(given, str) else ""
    if word not in _DECISIONS:
        raise InputError(f'choose one of {", ".join(kind.value for kind in DecisionKind)}; "none" is chosen, not left empty')
    return _DECISIONS[word]


def _comment(given: object) -> str:
    return _sentences(given, "comment", LONGEST_COMMENT)


def _doubt(given: object) -> str:
    return _sentences(given, "doubt", LONGEST_DOUBT)


def _sentences(given: object, what: str, longest: int) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise InputError(f"enter the {what} as text")
    # Browsers send a line break as two signs: it shall count as one, as the field's own limit does.
    text = _clean(given.replace("\r\n", "\n").strip())
    if len(text) > longest:
        raise InputError(f"the {what} has {len(text)} characters; {longest} are the most")
    return text


def _as_of(given: object) -> date | None:
    if given is None or (isinstance(given, date) and not isinstance(given, datetime)):
        return given
    if isinstance(given, str):
        try:
            return date.fromisoformat(given.strip())
        except ValueError:
            pass
    raise InputError("enter a day such as 2026-11-12")


def _delayed(given: object) -> bool:
    if given is None:
        return False
    if not isinstance(given, bool):
        raise InputError("tick it or leave it: true or false")
    return given


def bands(confidence: int) -> Band:
    """What a confidence asks of the lead (R027): 1-4 intervene, 5-6 discuss, 7-10 watch."""
    if confidence <= 4:
        return "intervene"
    return "discuss" if confidence <= 6 else "watch"


def asks_about_number(comment: str, movement: Movement | None) -> bool:
    """True when the form should ask "what did the number do?": an unchanged value and a comment of activity words only (R034).

    A figure in the comment, or any word that is neither activity nor filler, says something about the result.
    """
    words = re.findall(r"[^\W_]+", comment.lower())
    content = [word for word in words if word not in _FILLER]
    return movement is Movement.FLAT and bool(content) and all(word in _ACTIVITY for word in content)


def no_signal(previous_confidence: int | None, draft: CheckInDraft, movement: Movement | None) -> bool:
    """True for a flat value, the same confidence, no blocker and no decision: stored, and marked "no signal" (R033)."""
    return (
        movement is Movement.FLAT
        and draft.confidence is not None
        and draft.confidence == previous_confidence
        and not draft.blocker
        and draft.decision is DecisionKind.NONE
    )


class Told(Protocol):
    """A stored check-in, as far as it says whether it says something."""

    @property
    def movement(self) -> str | None: ...  # noqa: D102
    @property
    def confidence(self) -> int | None: ...  # noqa: D102
    @property
    def blocker(self) -> str | None: ...  # noqa: D102
    @property
    def decision(self) -> str | None: ...  # noqa: D102


def said_nothing(previous_confidence: int | None, told: Told) -> bool:
    """``no_signal`` of a stored check-in: the mark is derived wherever one is shown."""
    decision = DecisionKind(told.decision) if told.decision else None
    movement = Movement(told.movement) if told.movement else None
    return no_signal(previous_confidence, CheckInDraft(confidence=told.confidence, blocker=told.blocker, decision=decision), movement)
