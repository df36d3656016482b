"""What an import would do, as values: fates for people to read, and the plan that ``saving`` carries out. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.services.exchange.known import KeyResultKnown, ObjectiveKnown

WORDS = {"start": "From", "target": "To", "owner": "Owner", "value": "Current value", "confidence": "Confidence", "blocker": "Blocker"}
NEW_DEFAULTS: Mapping[str, Any] = {
    "unit": "",
    "weight": 1.0,
    "cadence": "weekly",
    "strict": False,
    "decimals": 0,
    "position": 10_000,  # behind those that have a place in a file
    "checkpoints": [],
    "phased_targets": [],
    "milestones": [],
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one row: "unchanged", "update", "create" or "left out", with what changes in words."""

    place: str
    name: str
    action: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One key result to be updated. ``plan`` holds start, target, owner (e-mail), value, confidence, blocker, as far as they change.

    ``needs``: what of it needs a reason, in words · ``late``: how late its target is edited, "" when it is not.
    """

    known: KeyResultKnown
    plan: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    late: str = ""


@dataclass(frozen=True, slots=True)
class NewObjective:
    """An objective that the import makes; ``team`` is a name, None for none, ``readers`` are e-mail addresses of people who are known."""

    known: ObjectiveKnown
    team: str | None
    position: int = 10_000
    supports: str | None = None
    closed_at: Any = None
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewKeyResult:
    """A key result that the import makes, with what the file says about it."""

    id: str
    objective: str
    title: str
    owner: str
    columns: Mapping[str, Any]
    plan: Mapping[str, Any]


@dataclass
class Plan:
    """Everything one import would do."""

    changes: list[Change] = field(default_factory=list)
    objectives: list[NewObjective] = field(default_factory=list)
    key_results: list[NewKeyResult] = field(default_factory=list)
    people: list[Mapping[str, Any]] = field(default_factory=list)  # columns of people
    teams: list[Mapping[str, Any]] = field(default_factory=list)  # name, lead (e-mail)
    cycles: list[Mapping[str, Any]] = field(default_factory=list)  # columns of cycles

    @property
    def needs(self) -> tuple[str, ...]:
        """What changes and needs a reason, in words, each once."""
        return tuple(dict.fromkeys(word for change in self.changes for word in change.needs))

    @property
    def is_empty(self) -> bool:
        """True when nothing would be written."""
        return not any((self.changes, self.objectives, self.key_results, self.people, self.teams, self.cycles))


def slug(title: str) -> str:
    """A title as part of an id: ASCII, lower case, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "new"


def free_id(stem: str, taken: Collection[str], following: dict[str, int]) -> str:
    """``stem``, or with the first number that is free. ``following`` remembers where to go on: many titles may be alike."""
    chosen, number = stem, following.get(stem, 2)
    while chosen in taken:
        chosen, number = f"{stem}-{number}", number + 1
    following[stem] = number
    return chosen


def before_of(entry: KeyResultKnown) -> dict[str, Any]:
    """What a plan would replace, under the plan's names."""
    start, target = entry.ends
    row = entry.row
    return {
        "start": start,
        "target": target,
        "owner": entry.owner,
        "value": row.current,
        "confidence": row.confidence,
        "blocker": row.blocker,
    }


def in_words(plan: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """A plan as people read it: "Current value 41 → 42"."""
    return [f"{WORDS[name]} {shown(before[name]) or '–'} → {shown(value) or '–'}" for name, value in plan.items()]


def shown(value: Any) -> str:
    """A value of a plan as text, "" for none."""
    if value is None:
        return ""
    return repr(float(value)).removesuffix(".0") if isinstance(value, (int, float)) else str(value)
