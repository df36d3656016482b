"""What is to be done about a row that was just read: field by field, before anything is done. Calls no host and stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import (
    CHECK_IN_FIELDS,
    CHECKED_IN_BY,
    CYCLE,
    FROM,
    NOTE,
    OBJECTIVE,
    OWNER,
    REASON,
    TEAM,
    TITLE,
    TO,
    UNIT,
    DatabaseKind,
)
from connector.domain.row_merge import MISSING, Way, merge, plain, same
from connector.services.okr_databases.contents import DECIDED, Contents, Standing
from connector.services.okr_databases.sides import Sides

# What changes what a record promises: through the plan's services.
DEFINITIONS: Mapping[DatabaseKind, tuple[str, ...]] = {
    DatabaseKind.OBJECTIVES: (TITLE, TEAM, CYCLE),
    DatabaseKind.KEY_RESULTS: (TITLE, OBJECTIVE, OWNER, FROM, TO, UNIT),
    DatabaseKind.CHECK_INS: (),
    DatabaseKind.DECISIONS: tuple(sorted(DECIDED)),
}


@dataclass(frozen=True, slots=True)
class Clash:
    """Both sides changed one field. ``lost`` gives way to ``kept``; ``taken``: the row's value is kept."""

    field: str
    lost: Any
    kept: Any
    taken: bool


@dataclass
class Plan:
    """What is to be done. ``sides`` is what both sides will have been, but for what is taken over: that is noted when it was.

    ``take``: definitions to take over · ``typed``: check-in fields that somebody typed · ``put_back``: field → what stood there and gives
    way to ours · ``left``: those of them that come again and again and are left · ``clashes``: told in the audit trail · ``reason``: what
    stands in the row's reason column.
    """

    sides: Sides
    values: Mapping[str, FieldValue]
    take: dict[str, FieldValue] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    put_back: dict[str, Any] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    clashes: list[Clash] = field(default_factory=list)
    reason: str = ""

    def replace_updates(self, contents: Contents) -> None:
        """The row has just become the face of a record that has updates of its own: they stand, and what was in the row is kept."""
        for name in [each for each in self.typed if plain(contents.ours[each]) is not None]:
            self.typed.remove(name)
            self.put_back[name] = self.values[name]
            self.sides.say_again(name)

    @property
    def by_people(self) -> bool:
        """Whether somebody changed something in the row."""
        return bool(self.take or self.typed or self.put_back or self.clashes)


def plan_of(
    kind: DatabaseKind,
    values: Mapping[str, FieldValue],
    contents: Contents,
    sides: Sides,
    row_is_later: Callable[[str], bool],
    *,
    held: frozenset[str] = frozenset(),
    returning: bool = False,
) -> Plan:
    """Compare a row with its record. ``row_is_later``: asked only for a field that both sides changed.

    ``held``: fields with what somebody typed and nobody has filed yet: a correction of it counts, also one that says what we do.
    ``returning``: its record was hidden until now, and what was typed meanwhile is put back.
    """
    sides.settle_writing(values)
    plan = Plan(sides, values)
    for name, theirs in values.items():
        if isinstance(theirs, Unknown) or name not in contents.ours:
            continue
        ours = contents.ours[name]
        if name in contents.computed:
            _computed(plan, name, theirs, ours)
        elif name == REASON:
            plan.reason = theirs.strip() if isinstance(theirs, str) else ""
            sides.note_seen(name, theirs)
            if sides.told_of(name) is MISSING:
                sides.told[name] = None
        elif returning and (name in CHECK_IN_FIELDS or name == CHECKED_IN_BY or name in DEFINITIONS[kind]):
            _said_again(plan, name, theirs, ours)
        elif contents.standing is Standing.CLOSED:
            _closed(plan, name, theirs, ours)
        elif name in CHECK_IN_FIELDS or name == CHECKED_IN_BY:
            _update(plan, name, theirs, ours, held=name in held)
        elif name in DEFINITIONS[kind]:
            _definition(plan, name, theirs, ours, row_is_later)
    return plan


def _computed(plan: Plan, name: str, theirs: FieldValue, ours: FieldValue) -> None:
    sides, before = plan.sides, plan.sides.seen_of(name)
    sides.note_seen(name, theirs)
    if same(theirs, ours):
        sides.note(name, theirs, ours)
    elif before is MISSING:
        if plain(theirs) is not None and name != NOTE:
            plan.put_back[name] = theirs  # an adopted column held this before it became ours
        sides.say_again(name)
    elif not same(theirs, before):
        plan.put_back[name] = theirs
        sides.say_again(name)


def _closed(plan: Plan, name: str, theirs: FieldValue, ours: FieldValue) -> None:
    before = plan.sides.seen_of(name)
    plan.sides.note_seen(name, theirs)
    if same(theirs, ours):
        plan.sides.note(name, theirs, ours)
    elif before is MISSING or not same(theirs, before):
        plan.put_back[name] = theirs
        plan.sides.say_again(name)


def _said_again(plan: Plan, name: str, theirs: FieldValue, ours: FieldValue) -> None:
    before = plan.sides.seen_of(name)
    plan.sides.note_seen(name, theirs)
    if same(theirs, ours):
        plan.sides.note(name, theirs, ours)
        return
    if before is MISSING or not same(theirs, before):
        plan.put_back[name] = theirs
    plan.sides.say_again(name)


def _update(plan: Plan, name: str, theirs: FieldValue, ours: FieldValue, *, held: bool) -> None:
    """A field of updates: what somebody typed waits in the row until it is filed, and is ours then."""
    sides, before = plan.sides, plan.sides.seen_of(name)
    sides.note_seen(name, theirs)
    changed = plain(theirs) is not None if before is MISSING else not same(theirs, before)
    if same(theirs, ours) and not (changed and held):
        sides.note(name, theirs, ours)
    elif changed:
        if sides.told_of(name) is MISSING:
            sides.told[name] = plain(ours)
        if name != CHECKED_IN_BY:
            plan.typed.append(name)


def _definition(plan: Plan, name: str, theirs: FieldValue, ours: FieldValue, row_is_later: Callable[[str], bool]) -> None:
    sides = plan.sides
    seen, told = sides.seen_of(name), sides.told_of(name)
    if isinstance(ours, Unknown):  # we have nothing to say about it: only an edit there counts
        ours = theirs if told is MISSING else told
    merged = merge(theirs, ours, seen=seen, told=told)
    if merged.conflict:
        merged = merge(theirs, ours, seen=seen, told=told, row_is_later=row_is_later(name))
        taken = merged.way is Way.TAKE
        plan.clashes.append(Clash(name, merged.lost, theirs if taken else ours, taken))
    match merged.way:
        case Way.AGREED:
            sides.note(name, theirs, ours)
        case Way.TAKE:
            plan.take[name] = theirs
        case Way.GIVE:
            sides.note_seen(name, theirs)
            sides.say_again(name)
        case Way.NOTHING:
            if told is MISSING:
                sides.note(name, theirs, ours)
