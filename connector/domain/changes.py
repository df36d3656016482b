"""Which changes need a reason, and which come late (R021, S18).

Compares plain values by the names of the ``apply`` file. Must not store them, nor know who changed them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from connector.domain.model import Cycle
from connector.domain.rhythm import expected
from connector.domain.scoring import TOLERANCE
from connector.domain.wording import percent_text
from connector.errors import InputError

LATE_TARGET_EDIT = "late target edit"
LATE_SHARE = 0.80
"""Share of the cycle's working days after which an edit of a target is late."""
LATE_PROGRESS = 0.60
"""Progress above which an edit of a target is late."""
_JOINERS = {0x200C: None, 0x200D: None}
LONGEST_REASON = 280

_WORDS = {
    "title": "wording",
    "kind": "kind",
    "unit": "unit",
    "start": "start",
    "target": "target",
    "low": "lower bound",
    "high": "upper bound",
    "strict": "bound counts as outside",
    "checkpoints": "checkpoints",
    "phased_targets": "phased targets",
    "milestones": "milestones",
    "weight": "weight",
    "owner": "owner",
    "team": "team",
    "supports": "supported goal",
    "objective": "objective",
    "cycle": "cycle",
    "connection": "scope",
    "select": "scope",
    "mappings": "scope",
    "subtasks": "scope",
    "wont_do": "scope",
    "empty": "scope",
    "measure": "measure",
    "mode": "mode",
}
"""Every field whose change needs a reason, in words. What is not here changes nothing that was promised: position, decimals, cadence."""

_TARGETS = frozenset(
    {
        "kind",
        "unit",
        "start",
        "target",
        "lower bound",
        "upper bound",
        "bound counts as outside",
        "checkpoints",
        "phased targets",
        "milestones",
    }
)


@dataclass(frozen=True, slots=True)
class LateEdit:
    """``mark`` is "late target edit"; ``sentence`` says how late, with numbers."""

    mark: str
    sentence: str


def needs_reason(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """What was changed of a key result, an objective or a mapping that needs a reason, in words: ("target", "wording").

    Keys are those of the ``apply`` file; also "owner_id" and the like for "owner". A key that ``after`` leaves out is unchanged. Numbers
    are compared as numbers, texts without outer and doubled blanks, mappings without their order, milestones without their ticks.
    """
    old = {_field(name): value for name, value in before.items()}
    new = {_field(name): value for name, value in after.items()}
    changed = [word for name, word in _WORDS.items() if name in new and _plain(name, old.get(name)) != _plain(name, new[name])]
    return tuple(dict.fromkeys(changed))


def _field(name: str) -> str:
    return name.removesuffix("_id").removesuffix("_email")


def _plain(field: str, value: object) -> object:
    """A value in a shape in which equal promises are equal."""
    match value:
        case Enum():
            return _plain(field, value.value)
        case str():
            return " ".join(value.split())
        case bool() | None:
            return value
        case int() | float():
            return float(value)
        case Mapping():
            entries = ((str(key), _plain(str(key), entry)) for key, entry in value.items())
            # a ticked milestone is progress, and an empty option of a selector is no option
            return tuple(sorted(entry for entry in entries if not (field == "milestones" and entry[0] == "done") and entry[1] is not None))
        case list() | tuple() | set() | frozenset():
            parts = [_plain(field, part) for part in value]
            return (
                tuple(sorted(parts, key=repr))
                if field in ("mappings", "epics", "issues", "rows") or isinstance(value, set)
                else tuple(parts)
            )
        case _:
            return value


def reason_text(given: object, changed: Collection[str]) -> str:
    """The reason for what ``changed``, cleaned; "" when nothing did and none was given.

    Raises ``InputError`` (where "reason") when one is needed and missing, is too long, or holds no letter.
    """
    if given is not None and not isinstance(given, str):
        raise InputError("enter the reason as text", where="reason")
    text = " ".join((given or "").split())
    if changed and not any(sign.isalnum() for sign in text):
        raise InputError(f"a change of {_listed(changed)} needs a reason; everybody who sees this can read it", where="reason")
    _refuse_long(text)
    return text


def stated_reason(given: object, ask: str) -> str:
    """A reason that a person states, on one line. ``ask``: what is said where there is none, "" where none is needed.

    Raises ``InputError`` (where "reason") when it says nothing, is too long, or holds signs that nobody sees.
    """
    text = " ".join(given.split()) if isinstance(given, str) else ""
    if ask and not any(sign.isalnum() for sign in text):
        raise InputError(ask, where="reason")
    _refuse_long(text)
    _refuse_unseen(text)
    return text


def _refuse_long(text: str) -> None:
    if len(text) > LONGEST_REASON:
        raise InputError(f"the reason has {len(text)} characters; {LONGEST_REASON} are the most", where="reason")


def _refuse_unseen(text: str) -> None:
    """On one line: signs that cannot be seen or that turn text around them. Joiners stay: Persian and emoji need them."""
    if not text.translate(_JOINERS).isprintable():
        raise InputError("the reason holds a control sign; remove it", where="reason")


def _listed(words: Collection[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def late_target_edit(
    changed: Collection[str], cycle: Cycle, day: date, progress: float | None, holidays: Collection[date] = frozenset()
) -> LateEdit | None:
    """The mark of an edit of the target in the last 20 % of the cycle's working days, or with progress above 60 %; else None.

    ``changed`` are the words of ``needs_reason``, ``day`` the day of the edit, ``progress`` (0-1) that before it; unknown progress is
    never late by progress.
    """
    edits = [word for word in changed if word in _TARGETS]
    elapsed = expected(cycle, day, holidays=holidays).value or 0.0
    why = []
    if elapsed > LATE_SHARE + TOLERANCE:
        why.append(f"with {percent_text(elapsed)} of the cycle over")
    if progress is not None and progress > LATE_PROGRESS + TOLERANCE:
        why.append(f"at {percent_text(progress)} done")
    if not edits or not why:
        return None
    return LateEdit(LATE_TARGET_EDIT, f"{_listed(edits)} changed {' and '.join(why)}")
