"""The values that every part of the product shares: items, key results, readings, check-ins.

Pure data. Nothing here may read a clock, a database, a host or a framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType


class Category(StrEnum):
    """Where an item stands, in the four status categories that Jira knows; Notion's groups map onto them."""

    NEW = "new"
    STARTED = "indeterminate"
    DONE = "done"
    UNDEFINED = "undefined"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A field whose value the host could not tell (``unsupported``, incomplete, not shared). Never 0, never empty."""

    reason: str


Scalar = str | float | bool | None
FieldValue = Scalar | tuple[str, ...] | Unknown


@dataclass(frozen=True, slots=True)
class BlockingLink:
    """An item that another waits for. ``done`` None: nobody can tell here."""

    ref: str
    key: str = ""
    done: bool | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """What a host says of what holds an item up: a flag, a status whose name says so, or items that it waits for."""

    flag: bool = False
    status: str | None = None
    links: tuple[BlockingLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One Jira issue or one Notion row, as the host last told it. Moments are aware UTC."""

    ref: str  # the identity that survives moves and renames: Jira's numeric issue id, Notion's dashed page id
    key: str  # what people call it: "ACME-12"; for a Notion row the same as ``ref``
    title: str
    url: str
    kind: str  # "issue" | "epic" | "subtask" | "row"
    container: str  # Jira project key, Notion data source id
    parents: tuple[str, ...] = ()  # refs of the items it hangs below (Jira: at most one)
    category: Category = Category.UNDEFINED
    status: str | None = None
    resolution: str | None = None  # Jira's resolution name; None while unresolved
    fields: Mapping[str, FieldValue] = field(default_factory=lambda: MappingProxyType({}))  # by field id, never by name
    created_at: datetime | None = None
    updated_at: datetime | None = None
    blocked: Blocked | Unknown | None = None  # None: nothing; unknown: this read did not ask


class Kind(StrEnum):
    """How a key result's value turns into progress."""

    METRIC = "metric"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    YES_NO = "yes_no"
    MILESTONES = "milestones"


class State(StrEnum):
    """Triage state; exactly one per key result."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    STALLED = "stalled"
    OVERDUE = "overdue"
    NO_DATA = "no_data"
    DATA_LATE = "data_late"
    CLOSED = "closed"


class Movement(StrEnum):
    """Change of normalised progress since the last check-in; up is always closer to the target."""

    UP = "up"
    FLAT = "flat"
    DOWN = "down"


class Cadence(StrEnum):
    """How often an owner checks in. Monthly is never offered."""

    WEEKLY = "weekly"
    FORTNIGHTLY = "fortnightly"


class DecisionKind(StrEnum):
    """The decision an owner asks for in a check-in; ``none`` must be chosen, not left empty."""

    BUDGET = "budget"
    APPROVAL = "approval"
    SCOPE = "scope"
    HEADCOUNT = "headcount"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A point of a phased or bent scale: ``value`` of the key result counts as ``progress`` (0-1)."""

    value: float
    progress: float


@dataclass(frozen=True, slots=True)
class PhasedTarget:
    """What should be reached by a day: ``value`` in the key result's unit."""

    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Milestone:
    """One step of a milestone key result."""

    title: str
    weight: float = 1.0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """What a key result promises. Values are in its own unit; ``low`` and ``high`` bound the kind ``between``."""

    kind: Kind = Kind.METRIC
    unit: str = ""
    start: float | None = None
    target: float | None = None
    low: float | None = None
    high: float | None = None
    strict: bool = False  # True: exactly on a bound counts as outside
    decimals: int = 0  # how many decimals people see; half a display unit is the least movement that counts
    checkpoints: tuple[Checkpoint, ...] = ()
    phased_targets: tuple[PhasedTarget, ...] = ()
    milestones: tuple[Milestone, ...] = ()


@dataclass(frozen=True, slots=True)
class Cycle:
    """The time in which objectives run, both days included."""

    name: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a key result at a moment (aware UTC)."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class CheckInFact:
    """What triage and forecast need to know of one check-in."""

    at: datetime
    value: float | None
    confidence: int | None
    blocker: str | None = None
    decision: DecisionKind = DecisionKind.NONE
