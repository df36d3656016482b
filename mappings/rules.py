"""Which items feed a key result, and with what number. Pure: no framework, store, host or clock.

This module answers "does this item belong, and what does it add?"; it fetches nothing and stores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SelectorKind(StrEnum):
    """How a mapping picks its items."""

    EPICS = "epics"  # direct children of the named epics (with subtasks when asked)
    JQL = "jql"  # whatever the host says matches
    PROJECT = "project"  # all issues of a project
    ISSUES = "issues"  # the named issues themselves
    DATABASE = "database"  # rows of a Notion data source, with a property filter
    ROWS = "rows"  # the named Notion rows themselves


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
    filter: Mapping[str, tuple[str | float | bool, ...]] = field(default_factory=dict)  # property name → any of these values
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


class Of(StrEnum):
    """Which of the selected items a field measure looks at."""

    DONE = "done"
    OPEN = "open"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured. ``field`` is the name of the number field or checkbox, where the kind needs one."""

    kind: MeasureKind
    field: str = ""
    of: Of = Of.ALL


class Mode(StrEnum):
    """How the link counts."""

    VALUE = "value"
    CONTEXT = "context"
