"""A key result as a metric target shows it: from, to, now. Unknown is not exported, and never 0."""

from __future__ import annotations

from connector.domain.model import Kind
from connector.domain.scoring import full_value
from connector.errors import InputError
from connector.hosts.goals import GoalNumbers
from connector.services.facts import Facts


def numbers_of(facts: Facts) -> GoalNumbers | None:
    """The numbers to export, None while no value is known. Raises ``InputError`` for a kind that does not lead from here to there."""
    definition, current = facts.definition, facts.row.current
    if definition.kind in (Kind.YES_NO, Kind.MILESTONES):
        start, target = 0.0, full_value(definition)
    elif definition.kind is Kind.METRIC and definition.start is not None and definition.target is not None:
        start, target = definition.start, definition.target
    else:
        raise InputError(f"{facts.row.id} keeps within a bound and has no start; a goal's metric target needs one", where="key_result")
    return None if current is None else GoalNumbers(start, target, current)


def target_name(facts: Facts) -> str:
    """What the metric target is called there: the key result with its unit, by which it is found again."""
    unit = facts.row.unit.strip()
    title = " ".join(facts.row.title.split())
    return f"{title} ({unit})"[:120] if unit else title[:120]
