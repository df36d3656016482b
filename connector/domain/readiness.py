"""The rollout checklist before a cycle starts, and what is odd about its objectives (R001, R013, R015, R020).

Reads plain facts. Must not start a cycle: an override of a red item needs a reason and is logged by who calls this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connector.domain.model import Cadence, Definition, Kind
from connector.domain.scoring import faults
from connector.domain.wording import start_text, target_text

MANY_KEY_RESULTS = 5
"""Above so many key results an objective gets a remark (R013)."""


@dataclass(frozen=True, slots=True)
class KeyResultSetUp:
    """What is set up for one key result; "" and None = missing."""

    id: str
    title: str
    definition: Definition = field(default_factory=Definition)
    owner: str = ""  # name; a key result has exactly one
    owner_active: bool = True
    value_sources: int = 0  # mappings in mode value
    by_hand: bool = False  # somebody has said that the owner enters the value
    cadence: Cadence | None = None
    forum: str = ""
    decision_maker: str = ""


@dataclass(frozen=True, slots=True)
class ObjectiveSetUp:
    """One objective of the cycle with its key results; ``supports`` is the id of the objective it serves."""

    id: str
    title: str
    supports: str | None = None
    key_results: tuple[KeyResultSetUp, ...] = ()


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """``name``: owner, from and to, source, cadence, review forum, decision-maker. ``to_do`` says how to mend a red one."""

    name: str
    green: bool
    shown: str = ""  # what is there: "Alice", "from 400 to 900"; "" when red
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class KeyResultReadiness:
    """The six items of one key result, in their order."""

    id: str
    title: str
    items: tuple[ChecklistItem, ...]

    @property
    def ready(self) -> bool:
        """True when no item is red."""
        return all(item.green for item in self.items)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth a look that does not block: ``kind`` is "no key results", "many key results" or "orphan"."""

    kind: str
    objective: str  # its id
    sentence: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """The checklist of a cycle. ``summary`` counts what is red: "2 of 7 key results have something to do"."""

    key_results: tuple[KeyResultReadiness, ...]
    remarks: tuple[Remark, ...]
    ready: bool
    summary: str


def check(
    objectives: Sequence[ObjectiveSetUp], elsewhere: Iterable[tuple[str, str | None]] = (), many: int = MANY_KEY_RESULTS
) -> Readiness:
    """The checklist of a cycle and remarks on its objectives, both in the order given.

    ``elsewhere``: (id, id of the supported objective) of objectives in other cycles. Ready when there is a key result and no item is
    red; remarks never block.
    """
    results = tuple(
        KeyResultReadiness(key_result.id, key_result.title, _items(key_result))
        for objective in objectives
        for key_result in objective.key_results
    )
    alone = orphans([*((objective.id, objective.supports) for objective in objectives), *elsewhere])
    remarks = tuple(remark for objective in objectives for remark in _remarks(objective, alone, many))
    red = sum(not result.ready for result in results)
    if not results:
        return Readiness((), remarks, ready=False, summary="no key result yet; add one before the cycle starts")
    words = "key result" if len(results) == 1 else "key results"
    summary = f"{red} of {len(results)} {words} {'has' if red == 1 else 'have'} something to do" if red else f"{len(results)} {words} ready"
    return Readiness(results, remarks, ready=not red, summary=summary)


def _items(key_result: KeyResultSetUp) -> tuple[ChecklistItem, ...]:
    return (
        _owner(key_result),
        _from_to(key_result.definition),
        _source(key_result),
        _text("cadence", key_result.cadence.value if key_result.cadence else "", "choose weekly or fortnightly"),
        _text("review forum", key_result.forum, "choose the forum that reviews it"),
        _text("decision-maker", key_result.decision_maker, "name the person who decides when it asks for something"),
    )


def _text(name: str, shown: str, to_do: str) -> ChecklistItem:
    text = shown.strip()
    return ChecklistItem(name, True, text) if text else ChecklistItem(name, False, to_do=to_do)


def _owner(key_result: KeyResultSetUp) -> ChecklistItem:
    name = key_result.owner.strip()
    if name and not key_result.owner_active:
        return ChecklistItem("owner", False, to_do=f"{name} is not active any more; choose another owner")
    return _text("owner", name, "choose one person as the owner")


def _from_to(definition: Definition) -> ChecklistItem:
    found = faults(definition)
    if found:
        return ChecklistItem("from and to", False, to_do=f"{found[0].field}: {found[0].message}")
    shown = target_text(definition)
    if definition.kind is Kind.METRIC:
        shown = f"from {start_text(definition)} to {shown}"
    return ChecklistItem("from and to", True, shown)


def _source(key_result: KeyResultSetUp) -> ChecklistItem:
    if key_result.value_sources > 0:
        return ChecklistItem("source", True, "1 mapping" if key_result.value_sources == 1 else f"{key_result.value_sources} mappings")
    if key_result.by_hand:
        return ChecklistItem("source", True, "entered by the owner")
    return ChecklistItem("source", False, to_do="map the items that give the value, or say that the owner enters it")


# --- objectives ----------------------------------------------------------------------------------------------------------------


def orphans(supports: Iterable[tuple[str, str | None]]) -> frozenset[str]:
    """Ids of the objectives that support none and that none supports (R015), from (id, id of the supported one).

    A company objective supports none but is supported, so it is no orphan. Support of itself or of an objective that is not in the
    list (retired, unknown) counts as none. Objectives that support each other in a ring serve no goal: all of the ring are orphans.
    """
    goals = dict(supports)
    real = {one: goal for one, goal in goals.items() if goal is not None and goal != one and goal in goals}
    supported = set(real.values())
    return frozenset(one for one in goals if (one not in real and one not in supported)) | _rings(real)


def _rings(real: dict[str, str]) -> frozenset[str]:
    """Every objective on a ring of supports; those that only lead into one name a goal and are left alone."""
    seen: set[str] = set()
    found: set[str] = set()
    for first in real:
        path: dict[str, None] = {}
        at: str | None = first
        while at is not None and at not in seen:
            seen.add(at)
            path[at] = None
            at = real.get(at)
        if at is not None and at in path:
            steps = list(path)
            found.update(steps[steps.index(at) :])
    return frozenset(found)


def many_key_results(count: int, many: int = MANY_KEY_RESULTS) -> str:
    """A sentence when an objective has more than ``many`` key results (R013), else ""."""
    return f"{count} key results; above {many} the review has no time for each: which of them decide?" if count > many else ""


def _remarks(objective: ObjectiveSetUp, alone: frozenset[str], many: int) -> Iterable[Remark]:
    if not objective.key_results:
        yield Remark("no key results", objective.id, "not measurable yet: add a key result; until then it counts in no mean")
    if sentence := many_key_results(len(objective.key_results), many):
        yield Remark("many key results", objective.id, sentence)
    if objective.id in alone:
        yield Remark("orphan", objective.id, "names no goal that it supports, and no objective supports it; choose the goal")
