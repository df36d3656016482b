"""Which key results an issue serves, and through what: it is named as an epic, it lies below one, or a mapping counts it.

Reads the mirror only; calls no host. What the mirror does not hold is not known here: a subtask that no mapping counts, say, is
not mirrored, and nobody can tell from its id alone whose child it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, or_, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain.model import State
from connector.domain.rights import Viewer
from connector.domain.rollup import WORST_FIRST
from connector.store.asks import asked_at, open_ask
from connector.store.tables import Cycle, Item, KeyResult, MappingItem, Objective, Person, Team
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import public, visible_in_hosts
from mappings.repository import Link, load_links
from mappings.rules import SelectorKind

NAMED, BELOW, COUNTED = "named", "below", "counted"
_PLACES = {state.value: place for place, state in enumerate(WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as the mirror knows it. ``item`` is its row's id, None when it is not mirrored; ``above`` are the refs it lies below."""

    ref: str
    item: int | None = None
    key: str = ""
    title: str = ""
    kind: str = ""
    above: tuple[str, ...] = ()
    titles: dict[str, tuple[str, str]] = field(default_factory=dict)  # ref → (key, title) of what lies above


@dataclass(slots=True)  # not frozen: thousands are made while somebody waits
class Found:
    """A key result that an issue serves, as much as a list needs. ``public``: hosts may show it where nobody can tell who reads."""

    id: str
    title: str
    state: State
    public: bool
    counted: set[int] = field(default_factory=set)  # the mappings that count the issue


@dataclass(frozen=True, slots=True)
class Served:
    """A key result that an issue serves. ``how``: "named" as an epic, "below" a named epic, or "counted" by a mapping.

    ``epic``: ref of the named epic, "" where there is none · ``links``: the mappings through which it serves ·
    ``every``: all active mappings of the key result.
    """

    id: str
    title: str
    owner_id: int | None
    objective_id: str
    state: State
    how: str
    epic: str
    links: tuple[Link, ...]
    every: tuple[Link, ...]
    row: Any = field(repr=False)  # KeyResult, Objective, Cycle, Person of the owner, name of the team


def key_results_of_issue(session: Session, viewer: Viewer, connection_id: int, ref: str) -> list[Found]:
    """The key results that this issue (numeric id or key) serves and that the viewer may know of: worst state first, closed last."""
    return found_by(session, viewer, connection_id, find_issue(session, connection_id, ref))


def issue_serves(session: Session, viewer: Viewer, connection_id: int, ref: str, key_result_id: str) -> bool:
    """Whether this issue serves this key result, which the viewer may know of. Looks at no other key result."""
    issue = find_issue(session, connection_id, ref)
    return bool(served_by(session, connection_id, issue, found_by(session, viewer, connection_id, issue, only=key_result_id)))


def find_issue(session: Session, connection_id: int, ref: str) -> Issue:
    """The issue in the mirror, with what it lies below; two statements at most."""
    row = session.execute(_ITEM.where(Item.connection_id == connection_id, or_(Item.ref == ref, Item.key == ref))).first()
    if row is None:
        return Issue(ref)
    parents = tuple(row.parents or ())
    found = session.execute(_ITEM.where(Item.connection_id == connection_id, Item.ref.in_(parents))).all() if parents else []
    above = dict.fromkeys((*parents, *(grand for each in found for grand in each.parents or ())))
    return Issue(row.ref, row.id, row.key, row.title, row.kind, tuple(above), {each.ref: (each.key, each.title) for each in found})


def found_by(session: Session, viewer: Viewer, connection_id: int, issue: Issue, *, only: str = "") -> list[Found]:
    """The key results that a found issue serves (or whether ``only`` this one does): one light statement, whatever their number."""
    names = (issue.ref, *issue.above)
    conditions = [type_coerce(MappingRow.resolved, Text).contains(f'"{name}"', autoescape=True) for name in names]
    if issue.item is not None:
        conditions.append(_counts(issue))
    query = (
        select(
            KeyResult.id,
            KeyResult.title,
            KeyResult.state,
            public().label("public"),
            MappingRow.id,
            type_coerce(MappingRow.rule, Text).label("rule"),
            type_coerce(MappingRow.resolved, Text).label("resolved"),
            _counts(issue).label("counts"),
            Objective.position,
            Objective.id,
            KeyResult.position,
        )
        .join(KeyResult, KeyResult.id == MappingRow.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(MappingRow.connection_id == connection_id, MappingRow.retired_at.is_(None), or_(*conditions))
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible_in_hosts(viewer))
    )
    if only:
        query = query.where(KeyResult.id == only)
    found: dict[str, tuple[tuple[Any, ...], Found]] = {}
    for ident, title, state, shown, mapping, rule, resolved, counts, *place in session.execute(query):
        if not counts and not _names(rule, resolved, issue):
            continue
        if ident not in found:
            found[ident] = ((_PLACES[state], *place, ident), Found(ident, title, State(state), bool(shown)))
        if counts:
            found[ident][1].counted.add(mapping)
    return [each for _, each in sorted(found.values(), key=lambda pair: pair[0])]


def _counts(issue: Issue) -> ColumnElement[bool]:
    """A condition over mappings: this one counts the issue."""
    if issue.item is None:
        return MappingRow.id.is_(None)
    return MappingRow.id.in_(select(MappingItem.mapping_id).where(MappingItem.item_id == issue.item))


def _names(rule: str, resolved: str | None, issue: Issue) -> bool:
    """Whether a mapping as it is stored names the issue, or what it lies below, as an epic; the texts may hold the ref elsewhere."""
    if SelectorKind.EPICS.value not in orjson.loads(rule).get("select", {}):
        return False
    refs = (orjson.loads(resolved) if resolved else {}).get("refs", {})
    return issue.ref in refs or not {issue.ref, *issue.above}.isdisjoint(refs.values())


def served_by(session: Session, connection_id: int, issue: Issue, some: Sequence[Found]) -> list[Served]:
    """With everything, ``some`` of those that were found for an issue, in their order; two statements."""
    query = (
        select(KeyResult, Objective, Cycle, Person, Team.name.label("team"), open_ask(), asked_at())
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(KeyResult.id.in_([each.id for each in some]))
    )
    rows = {row.KeyResult.id: row for row in session.execute(query)} if some else {}
    links: dict[str, list[Link]] = {}
    for link in load_links(session, key_results=list(rows)) if rows else ():
        links.setdefault(link.key_result_id, []).append(link)
    served = (_served(rows[each.id], issue, connection_id, each.counted, links.get(each.id, [])) for each in some if each.id in rows)
    return [each for each in served if each is not None]


def _served(row: Any, issue: Issue, connection_id: int, counted: Collection[int], links: Sequence[Link]) -> Served | None:
    """None for a mapping whose stored text holds the ref, but not as an epic."""
    through: list[Link] = []
    how, epic = "", ""
    for link in links:
        if link.connection_id != connection_id:
            continue
        way, named = _way(link, issue, link.id in counted)
        if not way:
            continue
        through.append(link)
        if not how or (named and not epic):
            how, epic = way, named
    if not how:
        return None
    key_result = row.KeyResult
    return Served(
        key_result.id,
        key_result.title,
        key_result.owner_id,
        row.Objective.id,
        State(key_result.state),
        how,
        epic,
        tuple(through),
        tuple(links),
        row,
    )


def _way(link: Link, issue: Issue, counts: bool) -> tuple[str, str]:
    """How the issue serves a mapping ("" when it does not), and the ref of the epic through which."""
    if link.rule.selector.kind is SelectorKind.EPICS:
        epics = {link.resolved.refs[name] for name in link.rule.selector.epics if name in link.resolved.refs}
        # An issue that Jira told us by its key, before its row was read.
        own = issue.ref if issue.ref in epics else link.resolved.refs.get(issue.ref, "")
        if own in epics:
            return NAMED, own
        above = next((name for name in issue.above if name in epics), "")
        if above:
            return BELOW, above
    return (COUNTED, "") if counts else ("", "")


_ITEM = select(Item.id, Item.ref, Item.key, Item.title, Item.kind, Item.parents).order_by(Item.gone_at.is_not(None), Item.id.desc())
