"""What a person says of a key result, checked against what is stored. Words are those of the file of ``apply``, and ``change``:
a target that is said relative to the start, such as "-20 %"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Cadence, Definition, Kind
from connector.domain.targets import NeedsBaseline, relative_target
from connector.errors import InputError
from connector.services.declare import reading
from connector.services.declare.definitions import read_cadence, read_definition
from connector.services.declare.goals import Known
from connector.services.declare.reading import Fields
from connector.services.declare.views import definition_view
from connector.services.plan import saving
from connector.store.tables import Person, Team
from mappings.reading import as_number, as_text

FIELDS = (
    "title", "objective", "owner", "kind", "unit", "start", "target", "low", "high", "strict", "decimals", "weight", "cadence",
    "checkpoints", "phased_targets", "milestones", "by_hand", "stretch_reason",
)  # fmt: skip
NUMBERS = ("start", "target", "low", "high", "strict", "checkpoints", "phased_targets", "milestones")
USED: Mapping[Kind, frozenset[str]] = {
    Kind.METRIC: frozenset({"start", "target", "checkpoints", "phased_targets"}),
    Kind.AT_LEAST: frozenset({"target", "strict"}),
    Kind.AT_MOST: frozenset({"target", "strict"}),
    Kind.BETWEEN: frozenset({"low", "high", "strict"}),
    Kind.YES_NO: frozenset(),
    Kind.MILESTONES: frozenset({"milestones", "phased_targets"}),
}
"""Which of ``NUMBERS`` each kind uses; a change of kind empties the others."""
LONGEST_STRETCH_REASON = 280


class BaselineMissing(InputError):
    """A relative target without a start. ``title`` is that of the key result that would set the baseline first."""

    def __init__(self, sentence: str, title: str) -> None:
        super().__init__(f"{sentence}. Enter the start, or make the key result “{title}” first", where="start")
        self.title = title


@dataclass(frozen=True, slots=True)
class KeyResultValues:
    """A key result as it shall be, with its owner looked up."""

    title: str
    objective: str
    owner: Person
    definition: Definition
    weight: float
    cadence: Cadence
    by_hand: bool
    stretch_reason: str

    def view(self) -> saving.View:
        """In the words of the file of ``apply``."""
        return {
            "title": self.title,
            "objective": self.objective,
            "owner": self.owner.email,
            **definition_view(self.definition),
            "weight": self.weight,
            "cadence": self.cadence.value,
            "by_hand": self.by_hand,
            "stretch_reason": self.stretch_reason,
        }


def read(session: Session, given: Mapping[str, Any]) -> KeyResultValues:
    """A whole key result (keys of ``FIELDS``). Raises ``Faults`` with all errors, each at its field."""
    notes = saving.new_notes()
    fields = Fields(notes, given, "")
    title = fields.take("title", saving.title, missing="; enter what is to be reached")
    objective = fields.take("objective", as_text, missing="; choose the objective that it serves")
    owner = fields.take(
        "owner", lambda each, where: read_owner(session, each, where), missing="; a key result has exactly one owner, a person"
    )
    definition = read_definition(fields)
    if definition is not None:
        with notes.noting():
            for index, step in enumerate(definition.milestones):
                saving.title(step.title, f"milestones[{index}].title")
            if definition.unit:
                saving.plain_text(definition.unit, "unit")
    weight = fields.take("weight", reading.weight)
    cadence = fields.take("cadence", read_cadence)
    by_hand = fields.take("by_hand", reading.flag)
    stretch_reason = fields.take("stretch_reason", read_stretch_reason)
    saving.raise_noted(notes)
    assert title is not None and objective is not None and owner is not None and definition is not None  # noqa: PT018  # else noted
    return KeyResultValues(
        title,
        objective,
        owner,
        definition,
        1.0 if weight is None else weight,
        cadence or Cadence.WEEKLY,
        by_hand or False,
        stretch_reason or "",
    )


def read_owner(session: Session, value: Any, where: str) -> Person:
    """Exactly one active person, by e-mail address (R009)."""
    if isinstance(value, str) and (found := session.scalar(select(Person).where(Person.email == value, Person.active.is_(True)))):
        return found  # all people are read only to say what is wrong
    people = {row.email: row for row in session.scalars(select(Person))}
    teams = set(session.scalars(select(Team.name).where(Team.retired_at.is_(None))))
    known = Known(people={email: row.active for email, row in people.items()}, teams=teams)
    return people[known.owner(value, where)]


def read_stretch_reason(value: Any, where: str) -> str:
    """Why a target is kept although history calls it too far or too easy."""
    found = "" if isinstance(value, str) and not value.strip() else saving.plain_text(value, where)
    if len(found) > LONGEST_STRETCH_REASON:
        raise InputError(f"has {len(found)} characters; {LONGEST_STRETCH_REASON} are the most", where=where)
    return found


def merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``before`` with what ``given`` says. A relative ``change`` becomes a target; another kind empties the numbers it does not use.

    Raises ``InputError`` for a change that cannot be read, ``BaselineMissing`` for one without a start.
    """
    found = {**before, **{name: value for name, value in given.items() if name in FIELDS}}
    if "kind" in given and given["kind"] != before.get("kind") and given["kind"] in {kind.value for kind in Kind}:
        unused = set(NUMBERS) - USED[Kind(given["kind"])] - {name for name in given if given[name] is not None}
        found.update(dict.fromkeys(unused))
    change = given.get("change")
    if change is not None and change != "":
        if given.get("target") is not None and given.get("target") != before.get("target"):
            raise InputError("enter either the target or a change, not both", where="change")
        found["target"] = _target(as_text(change, "change"), found)
    if "stretch_reason" not in given and any(found.get(name) != before.get(name) for name in ("kind", "start", "target")):
        found["stretch_reason"] = ""  # said of another target
    return found


def _target(change: str, found: Mapping[str, Any]) -> float:
    start = None if found.get("start") is None else as_number(found["start"], "start")
    result = relative_target(change, start)
    if isinstance(result, NeedsBaseline):
        raise BaselineMissing(result.sentence, baseline_title(change, str(found.get("title") or "")))
    return result.target


def baseline_title(change: str, title: str) -> str:
    """The title of the key result that measures first: “Set the baseline for support cost” (R008)."""
    for text in (change, title):
        try:
            proposal = relative_target(text, None)
        except InputError:
            continue
        if isinstance(proposal, NeedsBaseline) and proposal.title != "Set the baseline":
            return proposal.title
    subject = " ".join(title.split())
    return f"Set the baseline for: {subject}"[: reading.LONGEST_TEXT] if subject else "Set the baseline"
