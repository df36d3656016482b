"""Objectives under the goals that they serve, each with its key results counted by list.

A goal that the viewer must not know of is not there; what serves it hangs at the top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.buckets import Bucket
from connector.domain.model import State
from connector.domain.rights import Viewer
from connector.domain.rollup import WORST_FIRST, Rollup, objective_progress, weakest_state
from connector.services.insight.scope import Light, Scope, within
from connector.store.tables import Cycle, Objective, Team
from connector.store.visibility import visible_in_hosts


@dataclass
class Branch:
    """An objective with what hangs below it. ``serves``: the title of a visible goal outside of the scope, "" for none."""

    id: str
    title: str
    team: str
    state: State
    progress: Rollup
    counts: dict[Bucket, int]
    key_results: list[Light]
    serves: str = ""
    orphan: bool = False  # it names no goal
    below: list[Branch] = field(default_factory=list)

    def size(self) -> int:
        """Lines that it takes with all of its key results."""
        return 1 + len(self.key_results) + sum(each.size() for each in self.below)


@dataclass(frozen=True, slots=True)
class Cut:
    """What of a tree fits: the branches in their order of reading with their depth, whether key results are shown, what is left out."""

    lines: tuple[tuple[int, Branch], ...]
    with_key_results: bool
    left_out: Mapping[State, int]  # objectives by state


def load_tree(session: Session, viewer: Viewer, scope: Scope, lights: Sequence[Light]) -> list[Branch]:
    """The objectives of the scope as trees; two statements. Those with the worst state first, level by level."""
    rows = session.execute(
        select(Objective.id, Objective.title, Objective.supports_id, Team.name.label("team"))
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(*within(viewer, scope))
        .order_by(Objective.position, Objective.id)
    ).all()
    children: dict[str, list[Light]] = {}
    for each in lights:
        children.setdefault(each.objective_id, []).append(each)
    known = {row.id: _branch(row.id, row.title, row.team or "", children.get(row.id, [])) for row in rows}
    outside = {row.supports_id for row in rows if row.supports_id and row.supports_id not in known}
    titles = _titles(session, viewer, outside)
    roots: list[Branch] = []
    for row in rows:
        mine = known[row.id]
        above = known.get(row.supports_id or "")
        if above is not None and not _within(mine, above):
            above.below.append(mine)
            continue
        mine.serves = titles.get(row.supports_id or "", "")
        mine.orphan = row.supports_id is None
        roots.append(mine)
    return _sorted(roots)


def _branch(ident: str, title: str, team: str, key_results: list[Light]) -> Branch:
    counts: dict[Bucket, int] = {}
    for each in key_results:
        counts[each.bucket] = counts.get(each.bucket, 0) + 1
    return Branch(
        ident,
        title,
        team,
        weakest_state(each.state for each in key_results),
        objective_progress([(each.progress, each.weight) for each in key_results]),
        counts,
        key_results,
    )


def _within(branch: Branch, other: Branch) -> bool:
    """Whether ``other`` hangs below ``branch`` already: a circle is cut where it would close."""
    return branch is other or any(_within(each, other) for each in branch.below)


def _titles(session: Session, viewer: Viewer, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    query = (
        select(Objective.id, Objective.title)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(Objective.id.in_(ids), Objective.retired_at.is_(None), visible_in_hosts(viewer))
    )
    return {row.id: row.title for row in session.execute(query)}


def _sorted(branches: list[Branch]) -> list[Branch]:
    branches.sort(key=lambda each: WORST_FIRST.index(each.state))  # stable: equals keep their order
    for each in branches:
        _sorted(each.below)
    return branches


def find(branches: Sequence[Branch], ident: str) -> Branch | None:
    """The branch of an objective, wherever it hangs."""
    for each in branches:
        if each.id == ident:
            return each
        if (below := find(each.below, ident)) is not None:
            return below
    return None


def cut(branches: Sequence[Branch], lines: int) -> Cut:
    """As much as fits into so many lines: everything, else objectives alone, level by level, so that no goal above is missing."""
    whole = sum(each.size() for each in branches) <= lines
    kept: set[str] = set()
    level: list[Branch] = list(branches)
    left: dict[State, int] = {}
    while level:
        for each in level:
            if len(kept) < lines:
                kept.add(each.id)
            else:
                left[each.state] = left.get(each.state, 0) + 1
        level = [below for each in level for below in each.below]
    found: list[tuple[int, Branch]] = []

    def walk(some: Sequence[Branch], depth: int) -> None:
        for each in some:
            if each.id in kept:
                found.append((depth, each))
                walk(each.below, depth + 1)

    walk(branches, 0)
    return Cut(tuple(found), whole, left)
