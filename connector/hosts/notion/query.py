"""What a walk over a data source sends: filters two levels deep at most, and windows around the 10,000-row cap. Pure.

Reference: https://developers.notion.com/guides/data-apis/query-large-data-sources
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.errors import Refused
from connector.hosts.base import Wanted
from connector.hosts.notion.filters import Filter, leaves
from connector.hosts.notion.schema import Schema

CAP = 10_000  # rows that one (filter, sort) gives at most
LEAST_PAGE = 10
MOST_TERMS = 50  # more alternatives than this are not sent; our own rules decide anyway
OVERLAP = timedelta(minutes=2)  # last_edited_time is rounded down to the minute

Terms = list[list[Filter]]  # OR of ANDs


def created_from(moment: str) -> Filter:
    """Rows created in that minute or later."""
    return {"timestamp": "created_time", "created_time": {"on_or_after": moment}}


def created_before(moment: str) -> Filter:
    """Rows created before that minute."""
    return {"timestamp": "created_time", "created_time": {"before": moment}}


def edited_from(since: datetime) -> Filter:
    """Rows edited since, with an overlap for the minute rounding."""
    start = (since.astimezone(UTC) - OVERLAP).replace(second=0, microsecond=0)
    return {"timestamp": "last_edited_time", "last_edited_time": {"on_or_after": start.strftime("%Y-%m-%dT%H:%M:%S.000Z")}}


def source_filter(schema: Schema, wanted: Sequence[Wanted]) -> Filter | None:
    """One filter that lets through every row that any of the mappings may want, None when it cannot be said.

    A superset is fine (the mapping rules decide), a row too few is not. Alternatives are multiplied out to an OR of ANDs,
    which needs two levels and lets a window's condition join each AND without a third.
    """
    terms: Terms = []
    for each in wanted:
        own = _terms_of(schema, each)
        if own is None or len(terms) + len(own) > MOST_TERMS:
            return None
        terms += [term for term in own if term not in terms]
    return _written(terms)


def _terms_of(schema: Schema, wanted: Wanted) -> Terms | None:
    """One mapping's filter as far as it can be said, None when nothing can. A property of which a wish cannot be said is left out."""
    terms: Terms = [[]]
    resolution = wanted.resolution
    for name, wishes in wanted.selector.filter.items():
        prop = schema.properties.get(ids[0]) if len(ids := resolution.fields.get(name, ())) == 1 else None
        if prop is None:
            continue
        known = {**resolution.refs, **resolution.options.get(name, {})}
        choices = [leaves(prop, wish, known, resolution.clock) for wish in wishes]
        if all(choices) and len(terms) * len(choices) <= MOST_TERMS:
            terms = [[*term, *choice] for term in terms for choice in choices]
    return terms if terms != [[]] else None


def narrowed(filter_: Filter | None, leaf: Filter) -> Filter:
    """The filter with one more condition, still at most two levels deep."""
    terms = _terms(filter_)
    if len(terms) > 1 and all(len(term) == 1 for term in terms):
        return {"and": [leaf, {"or": [term[0] for term in terms]}]}
    return _written([[leaf, *term] for term in terms]) or leaf


def narrowed_by(filter_: Filter | None, leaves: Sequence[Filter]) -> Filter | None:
    """The filter with several more conditions."""
    for leaf in leaves:
        filter_ = narrowed(filter_, leaf)
    return filter_


def option_parts(schema: Schema, most: int) -> list[list[Filter]]:
    """Conditions that part all rows by the options of some properties: each row fits exactly one entry. At most ``most`` entries."""
    groups: list[list[Filter]] = []
    for each in schema.properties.values():
        if each.type in ("status", "select"):
            named = [{"property": each.id, each.type: {"equals": name}} for _, name in each.options]
            groups.append([*named, {"property": each.id, each.type: {"is_empty": True}}])
        elif each.type == "checkbox":
            groups.append([{"property": each.id, "checkbox": {"equals": ticked}} for ticked in (True, False)])
    parts: list[list[Filter]] = [[]]
    for group in sorted(groups, key=len, reverse=True):
        if len(parts) * len(group) <= most:
            parts = [[*part, leaf] for part in parts for leaf in group]
    return parts if parts != [[]] else []


def _terms(filter_: Filter | None) -> Terms:
    if filter_ is None:
        return [[]]
    if "or" in filter_:
        return [list(each["and"]) if "and" in each else [each] for each in filter_["or"]]
    return [list(filter_["and"]) if "and" in filter_ else [filter_]]


def _written(terms: Terms) -> Filter | None:
    ands = [term[0] if len(term) == 1 else {"and": term} for term in terms if term]
    if len(ands) != len(terms) or not ands:
        return None
    return ands[0] if len(ands) == 1 else {"or": ands}


@dataclass
class Window:
    """Where a walk stands. Windows follow ``created_time``, which never changes; ``last_edited_time`` would let rows slip by.

    ``after``: lower edge of this window · ``last``: the minute reached · ``seen``: refs created in that minute (the only rows
    that a following window can show again) · ``count``: rows of this window · ``capped``: the host said that it stops early.
    """

    cursor: str | None = None
    after: str | None = None
    last: str | None = None
    seen: set[str] = field(default_factory=set)
    size: int = 100
    count: int = 0
    capped: bool = False

    @classmethod
    def load(cls, cursor: Mapping[str, Any] | None) -> Window:
        """From the JSON of an earlier page; None starts a walk."""
        if not cursor:
            return cls()
        return cls(
            cursor=cursor.get("cursor"),
            after=cursor.get("after"),
            last=cursor.get("last"),
            seen=set(cursor.get("seen") or ()),
            size=int(cursor.get("size") or 100),
            count=int(cursor.get("count") or 0),
            capped=bool(cursor.get("capped")),
        )

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "cursor": self.cursor,
            "after": self.after,
            "last": self.last,
            "seen": sorted(self.seen),
            "size": self.size,
            "count": self.count,
            "capped": self.capped,
        }

    def is_new(self, ref: str, created: str) -> bool:
        """Note one row; False when an earlier window has shown it already. ``created`` "" (not told) moves no window."""
        self.count += 1
        if not created:
            return ref not in self.seen
        if created == self.last:
            if ref in self.seen:
                return False
            self.seen.add(ref)
            return True
        self.last = created
        self.seen = {ref}
        return True

    def restart(self) -> None:
        """Begin again at the minute reached, because the host forgot the cursor."""
        self.cursor, self.after, self.count, self.capped = None, self.last or self.after, 0, False

    def advance(self, answer: Mapping[str, Any]) -> bool:
        """Take in the end of a page; True when there is another one. Raises ``Refused`` when a window cannot move on."""
        status = answer.get("request_status")
        if isinstance(status, dict) and status.get("type") == "incomplete":
            self.capped = True
        following = answer.get("next_cursor")
        if answer.get("has_more") and isinstance(following, str) and following:
            self.cursor = following
            return True
        if not self.capped and self.count < CAP:
            return False
        if self.last == self.after:
            raise Refused(
                f"more than {CAP:,} rows were created in the minute {self.last}: Notion cannot list them all; "
                "split the database or narrow the mapping's filter",
                code="window_too_dense",
            )
        self.restart()
        return True
