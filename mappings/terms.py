"""The words of a mapping as values: selector, measure, mode, draft and rule. Pure data, no arithmetic and no parsing.

Other packages import these names from ``mappings.rules``; this module exists so that the parts of the rules can share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Protocol

from connector.domain.model import Category


class SelectorKind(StrEnum):
    """How a mapping picks its items."""

    EPICS = "epics"  # direct children of the named epics (with subtasks when asked)
    JQL = "jql"  # whatever the host says matches
    PROJECT = "project"  # all issues of a project
    ISSUES = "issues"  # the named issues themselves
    DATABASE = "database"  # rows of a Notion data source, with a property filter
    ROWS = "rows"  # the named Notion rows themselves


class Op(StrEnum):
    """The tests of a condition, in the order in which they are written."""

    GROUP = "group"  # the group of a status: "Complete", "In progress", "To-do"
    ALL = "all"  # a list has every one of these
    NOT = "not"  # none of these
    CONTAINS = "contains"  # text, whatever its letters' case
    PERSON = "person"  # e-mail address here, or account id there
    PAGE = "page"  # the relation has this page
    AT_LEAST = "at_least"
    ABOVE = "above"
    AT_MOST = "at_most"
    BELOW = "below"
    ON_OR_AFTER = "on_or_after"
    AFTER = "after"
    ON_OR_BEFORE = "on_or_before"
    BEFORE = "before"
    LAST_DAYS = "last_days"  # that many days up to today, today among them
    NEXT_DAYS = "next_days"
    CYCLE = "cycle"  # the days of the key result's cycle
    EMPTY = "empty"


BOUNDS = frozenset({Op.AT_LEAST, Op.ABOVE, Op.AT_MOST, Op.BELOW})
DAYS = frozenset({Op.ON_OR_AFTER, Op.AFTER, Op.ON_OR_BEFORE, Op.BEFORE})
WINDOWS = frozenset({Op.LAST_DAYS, Op.NEXT_DAYS, Op.CYCLE})

Plain = str | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What a property must be like: all of these tests must hold. ``mappings.wishes`` reads and writes it."""

    tests: tuple[tuple[Op, Plain | tuple[str, ...]], ...]


Wishes = Mapping[str, tuple[Plain | Condition, ...]]  # property name → any of these


@dataclass(frozen=True, slots=True)
class Selector:
    """Which items feed a mapping. Only the fields of its ``kind`` are set."""

    kind: SelectorKind
    epics: tuple[str, ...] = ()  # keys as written, e.g. ("ACME-1", "ACME-7")
    jql: str = ""
    project: str = ""
    issues: tuple[str, ...] = ()
    database: str = ""  # dashed lower-case id
    data_source: str = ""  # id or name; "" = the only one
    filter: Wishes = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    subtasks: bool = False  # Jira: also the children of the children


class MeasureKind(StrEnum):
    """Items → number."""

    DONE_SHARE = "done_share"
    DONE_COUNT = "done_count"
    POINTS_SHARE = "points_share"
    POINTS_DONE = "points_done"
    COUNT = "count"
    CREDIT_SHARE = "credit_share"
    CHECKED_SHARE = "checked_share"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"


SHARES = frozenset({MeasureKind.DONE_SHARE, MeasureKind.POINTS_SHARE, MeasureKind.CREDIT_SHARE, MeasureKind.CHECKED_SHARE})
POINTS = frozenset({MeasureKind.POINTS_SHARE, MeasureKind.POINTS_DONE})
FIELD_MEASURES = frozenset({MeasureKind.SUM, MeasureKind.MEAN, MeasureKind.MIN, MeasureKind.MAX, MeasureKind.LATEST})
ADDING = frozenset({MeasureKind.DONE_COUNT, MeasureKind.COUNT, MeasureKind.POINTS_DONE, MeasureKind.SUM})


class Of(StrEnum):
    """Which of the selected items a field measure looks at."""

    DONE = "done"
    OPEN = "open"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured. ``field`` is the name of the number field or checkbox, where the kind needs one.

    ``by``: the date property that says which row is the latest; "" = the last change.
    """

    kind: MeasureKind
    field: str = ""
    of: Of = Of.ALL
    by: str = ""

    @property
    def counts_rows(self) -> bool:
        """Whether the selected items are observations that make the number by being there, and not work that is done or open."""
        return self.kind is MeasureKind.COUNT or (self.kind in FIELD_MEASURES and self.of is Of.ALL)


class Mode(StrEnum):
    """How the link counts."""

    VALUE = "value"
    CONTEXT = "context"


class WontDo(StrEnum):
    """What happens to items that were closed without being done: ``count`` as done (like Jira's epic bar) or ``exclude``."""

    COUNT = "count"
    EXCLUDE = "exclude"


class Empty(StrEnum):
    """What an epic without children says: nothing (``unknown``), or its ``own_status`` as one item."""

    UNKNOWN = "unknown"
    OWN_STATUS = "own_status"


# Undefined is missing on purpose: an unknown category earns no credit and is no zero either, it stays out of both sides.
DEFAULT_CREDIT: Mapping[Category, float] = {Category.NEW: 0.0, Category.STARTED: 0.5, Category.DONE: 1.0}

DEFAULT_WONT_DO_NAMES = frozenset(
    {
        "abandoned",
        "canceled",
        "cancelled",
        "cannot reproduce",
        "declined",
        "duplicate",
        "not doing",
        "not planned",
        "obsolete",
        "rejected",
        "won't do",
        "won't fix",
        "wont do",
        "wont fix",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One mapping as a person wrote it, checked, but not stored yet. ``parse_mapping`` makes it, ``dump_mapping`` writes it."""

    connection: str
    selector: Selector
    measure: Measure
    mode: Mode = Mode.VALUE
    wont_do: WontDo = WontDo.COUNT
    empty: Empty = Empty.UNKNOWN
    points: tuple[str, ...] = ()  # names of point fields, first non-null wins; () = all that the host recognises
    credit: Mapping[Category, float] = field(default_factory=lambda: dict(DEFAULT_CREDIT))
    wont_do_names: frozenset[str] = DEFAULT_WONT_DO_NAMES  # resolutions and statuses, as ``plain_name`` gives them
    done: Wishes = field(default_factory=dict)  # Notion: property → values that mean done
    status: str = ""  # Notion: name of the status property that decides done; "" = the host's choice
    checkbox: str = ""  # Notion: name of the checkbox that decides done (and that plain ``checked_share`` measures)

    @property
    def on_jira(self) -> bool:
        """True when the selector is one of Jira's, False when it is one of Notion's."""
        return self.selector.kind not in (SelectorKind.DATABASE, SelectorKind.ROWS)

    @property
    def asks_done(self) -> bool:
        """True when the number depends on which items are done, so that an unknown status matters."""
        kind = self.measure.kind
        if kind in FIELD_MEASURES:
            return self.measure.of is not Of.ALL
        return kind not in (MeasureKind.COUNT, MeasureKind.CHECKED_SHARE)

    def rule(self, *, id: int, key_result: str, connection: str | None = None) -> Rule:
        """The same mapping with the identity that the store gave it; ``connection`` replaces the name when it was renamed."""
        told = {each.name: getattr(self, each.name) for each in fields(Draft)}
        return Rule(id=id, key_result=key_result, **(told if connection is None else {**told, "connection": connection}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Draft):
    """A stored mapping: ``id`` of the mapping, ``key_result`` that it feeds."""

    id: int
    key_result: str


class Resolves(Protocol):
    """The ids behind a mapping's names. ``connector.hosts.base.Resolution`` has this shape, and so does ``Resolved``."""

    @property
    def refs(self) -> Mapping[str, str]:
        """Named epic, issue or row → ref."""
        ...

    @property
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """Name of a field → field ids, tried in this order. "" is Jira's point fields, or what decides done in Notion."""
        ...

    @property
    def containers(self) -> tuple[str, ...]:
        """Data source ids or project keys."""
        ...

    @property
    def options(self) -> Mapping[str, Mapping[str, str]]:
        """Property → option as written → what it is called now."""
        ...

    @property
    def computed(self) -> Mapping[str, str]:
        """Property that the host computes itself → its type."""
        ...

    @property
    def clock(self) -> Mapping[str, str]:
        """What days depend on: ``zone``, ``today``, and ``begin`` and ``end`` of the cycle. Empty where no day matters."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """The plain form of ``Resolves``."""

    refs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)
    clock: Mapping[str, str] = field(default_factory=dict)


def plain_name(name: str) -> str:
    """A status or resolution name as the won't-do list compares it: lower case, plain apostrophe, single spaces."""
    return " ".join(name.replace("’", "'").casefold().split())
