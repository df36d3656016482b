"""How goals hang together: each objective with what serves it, rolled up with its weakest child; and goals against review forums.

Reads through ``tree``, so only what the viewer may know of. An objective's progress is that of its own key results and, one share each,
of the objectives that serve it; the worst state below is told with the key result that wears it, so that no green hides it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.buckets import Bucket
from connector.domain.model import State
from connector.domain.rollup import WORST_FIRST, Rollup, objective_progress, weakest_state
from connector.services.insight.scope import Light, most_urgent
from connector.services.insight.tree import Branch

NO_GOAL = "No goal above"


@dataclass(frozen=True, slots=True)
class Node:
    """An objective with everything below it. ``weakest``: the key result with the worst state among them, None where none is weak."""

    depth: int
    branch: Branch
    state: State
    progress: Rollup
    weakest: Light | None
    counts: Counter[Bucket]
    key_results: tuple[Light, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the matrix: a goal or a team, counted by forum ("" is none) and list. ``key``: the objective's id, "" for a team."""

    key: str
    name: str
    cells: dict[str, Counter[Bucket]]
    total: int


def nodes(roots: Sequence[Branch]) -> list[Node]:
    """Every objective in the order of reading, rolled up."""
    found: list[Node] = []
    for root in roots:
        _walk(root, 0, found)
    return found


def _walk(branch: Branch, depth: int, found: list[Node]) -> Rollup:
    place = len(found)
    below = [_walk(each, depth + 1, found) for each in branch.below]
    every = everything(branch)
    own = [(each.progress, each.weight) for each in branch.key_results]
    progress = objective_progress([*own, *((each.progress, 1.0) for each in below if each.total)])
    total = Rollup(progress.progress, sum(each.progress is not None for each in every), len(every))
    found.insert(
        place,
        Node(
            depth,
            branch,
            weakest_state(each.state for each in every),
            total,
            weakest(every),
            Counter(each.bucket for each in every),
            tuple(most_urgent(branch.key_results)),
        ),
    )
    return total


def everything(branch: Branch) -> list[Light]:
    """The key results of an objective and of everything that serves it."""
    return [*branch.key_results, *(light for each in branch.below for light in everything(each))]


def weakest(lights: Sequence[Light]) -> Light | None:
    """The one with the worst state, of several the one furthest behind; None when all are on track or closed."""
    weak = [each for each in lights if each.state not in (State.ON_TRACK, State.CLOSED)]
    return min(weak, key=lambda each: (WORST_FIRST.index(each.state), -(each.gap or 0.0), each.title.casefold(), each.id), default=None)


def orphans(roots: Sequence[Branch]) -> list[Branch]:
    """The objectives that name no goal and that nothing names: what they are for is not said (R015)."""
    return [each for each in roots if each.orphan and not each.below]


def by_goal(roots: Sequence[Branch]) -> list[Row]:
    """The goals at the top against forums; those that name no goal and that nothing serves share one line."""
    rows = [_row(each.id, each.title, everything(each)) for each in roots if not (each.orphan and not each.below)]
    loose = [light for each in orphans(roots) for light in everything(each)]
    return [row for row in (*rows, *([_row("", NO_GOAL, loose)] if loose else [])) if row.total]


def by_team(lights: Sequence[Light]) -> list[Row]:
    """Teams against forums."""
    teams = sorted({each.team for each in lights}, key=lambda name: (not name, name.casefold()))
    return [_row("", name or "No team", [each for each in lights if each.team == name]) for name in teams]


def forums_of(lights: Sequence[Light]) -> list[str]:
    """The forums that review these key results, in their order; "" last, for those that nobody reviews."""
    return sorted({each.forum for each in lights}, key=lambda name: (not name, name.casefold()))


def _row(key: str, name: str, lights: Sequence[Light]) -> Row:
    cells: dict[str, Counter[Bucket]] = {}
    for each in lights:
        cells.setdefault(each.forum, Counter())[each.bucket] += 1
    return Row(key, name, cells, len(lights))
