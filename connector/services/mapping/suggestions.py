"""Which found work probably belongs to which key results: by rules on labels and names, and by shared words. Suggests only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.suggesting import Confidence, Rule
from connector.services.mapping.unmapped import Goal, Landscape, Work

MOST_SHOWN = 200  # pairs; a rule that gives more is narrowed, or saved in several steps


@dataclass(frozen=True, slots=True)
class Proposal:
    """One pair to confirm. ``place``: the project or database."""

    work: Work
    goal: Goal
    place: str
    confidence: Confidence
    reason: str

    @property
    def id(self) -> str:
        """What a form sends back for this pair."""
        return f"{self.work.id} {self.goal.id}"


@dataclass(frozen=True, slots=True)
class Proposals:
    """``total`` pairs, of which ``pairs`` are shown; ``considered`` candidates were looked at. ``unknown``: (work, name) where a rule
    read an id that no open key result has."""

    pairs: tuple[Proposal, ...]
    total: int
    considered: int
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def works(self) -> int:
        """How many epics and rows the shown pairs speak of."""
        return len({each.work.id for each in self.pairs})

    @property
    def goals(self) -> int:
        """How many key results the shown pairs speak of."""
        return len({each.goal.id for each in self.pairs})

    @property
    def values(self) -> int:
        """How many of the shown pairs would move a value; the others would be shown as context."""
        return sum(each.goal.share for each in self.pairs)


def propose(
    landscape: Landscape,
    rules: Sequence[Rule],
    *,
    by_text: bool = True,
    connection: str = "",
    with_done: bool = True,
) -> Proposals:
    """Pairs that are not mapped yet, those by rule first. What was said to need no mapping is left out.

    Raises ``InputError`` (where "pattern" or "key_result") for a rule that cannot be read.
    """
    work = {
        str(each.id): each
        for each in landscape.work
        if not each.ignored and (not connection or each.connection == connection) and (with_done or not each.done)
    }
    goals = {goal.id: goal for goal in landscape.goals}
    found = landscape.suggested(work.values(), rules, by_text=by_text)
    ordered = sorted(found.pairs, key=lambda pair: _RANK[pair.confidence])
    pairs = tuple(
        Proposal(work[pair.epic], goals[pair.key_result], landscape.container_name(work[pair.epic]), pair.confidence, pair.reason)
        for pair in ordered[:MOST_SHOWN]
    )
    unknown = tuple((work[ident].key or work[ident].title, name) for ident, name in found.unknown)
    return Proposals(pairs, len(ordered), len(work), unknown)


_RANK = {"by rule": 0, "likely": 1, "possible": 2}
