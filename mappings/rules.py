"""Which items feed a key result, and with what number. Pure: no framework, store, host or clock.

This is the name under which the rest of the product uses the rules; it answers "does this item belong, and what does it
add?", fetches nothing and stores nothing. Inside: ``terms`` (the words), ``parsing`` with ``selecting`` and ``reading``
(how people write them), ``membership``, ``measures``, ``pooling`` (several mappings into one value) and ``wording``.
"""

from __future__ import annotations

from mappings.conditions import GROUP_MARK, day_of, group_name, is_day, needs_clock, window
from mappings.measures import Counted, Measurement, measure, unmeasured
from mappings.membership import belongs, doneness, field_names, is_wont_do, matches, unknown_filter
from mappings.parsing import dump_mapping, parse_mapping, parse_mappings, parse_measure
from mappings.pooling import Combined, DoubleCounted, Part, check_family, combine, double_counted, family
from mappings.selecting import notion_id, without_order
from mappings.terms import (
    BOUNDS,
    DAYS,
    DEFAULT_CREDIT,
    DEFAULT_WONT_DO_NAMES,
    FIELD_MEASURES,
    POINTS,
    SHARES,
    WINDOWS,
    Condition,
    Draft,
    Empty,
    Measure,
    MeasureKind,
    Mode,
    Of,
    Op,
    Plain,
    Resolved,
    Resolves,
    Rule,
    Selector,
    SelectorKind,
    Wishes,
    WontDo,
    plain_name,
)
from mappings.wishes import wishes_text
from mappings.wording import explain

__all__ = [
    "BOUNDS",
    "DAYS",
    "DEFAULT_CREDIT",
    "DEFAULT_WONT_DO_NAMES",
    "FIELD_MEASURES",
    "GROUP_MARK",
    "POINTS",
    "SHARES",
    "WINDOWS",
    "Combined",
    "Condition",
    "Counted",
    "DoubleCounted",
    "Draft",
    "Empty",
    "Measure",
    "MeasureKind",
    "Measurement",
    "Mode",
    "Of",
    "Op",
    "Part",
    "Plain",
    "Resolved",
    "Resolves",
    "Rule",
    "Selector",
    "SelectorKind",
    "Wishes",
    "WontDo",
    "belongs",
    "check_family",
    "combine",
    "day_of",
    "doneness",
    "double_counted",
    "dump_mapping",
    "explain",
    "family",
    "field_names",
    "group_name",
    "is_day",
    "is_wont_do",
    "matches",
    "measure",
    "needs_clock",
    "notion_id",
    "parse_mapping",
    "parse_mappings",
    "parse_measure",
    "plain_name",
    "unknown_filter",
    "unmeasured",
    "window",
    "wishes_text",
    "without_order",
]
