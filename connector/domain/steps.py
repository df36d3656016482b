"""The steps of a milestone key result as an update ticks them: how a step is named, read and ticked.

Pure. A step is known by a *key* made from its title, so that a tick stays with its step when the plan's order changes. *Ticks* say of some
steps whether they are done; what they do not name stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.domain.model import Definition, Milestone
from connector.errors import InputError

WHERE = "milestones"
_MARK = re.compile(r"([0-9a-f]{10}(?:\.\d+)?)([+-])")
_NAMED = 8  # steps that an error lists

Ticks = Mapping[str, bool]


def step_keys(titles: Iterable[str]) -> tuple[str, ...]:
    """The key of each step, in their order; steps of one title are counted."""
    met: dict[str, int] = {}
    found = []
    for title in titles:
        before = met.get(title, 0)
        met[title] = before + 1
        digest = hashlib.sha256(title.encode()).hexdigest()[:10]
        found.append(f"{digest}.{before}" if before else digest)
    return tuple(found)


def keys_of(milestones: Sequence[Milestone]) -> tuple[str, ...]:
    """The key of each milestone, in their order."""
    return step_keys(each.title for each in milestones)


def state_of(milestones: Sequence[Milestone]) -> dict[str, bool]:
    """Of every step, whether it is done."""
    return dict(zip(keys_of(milestones), (each.done for each in milestones), strict=True))


def marks_text(state: Ticks) -> str:
    """The state of all steps as a form carries it along."""
    return " ".join(f"{key}{'+' if done else '-'}" for key, done in state.items())


def read_marks(text: str) -> dict[str, bool]:
    """What ``marks_text`` made; whatever is none is left out."""
    found = (_MARK.fullmatch(each) for each in text.split())
    return {each[1]: each[2] == "+" for each in found if each is not None}


def ticked(definition: Definition, ticks: Ticks) -> Definition:
    """The definition with these ticks; titles, weights and the order stay."""
    steps = definition.milestones
    return replace(
        definition,
        milestones=tuple(replace(step, done=ticks.get(key, step.done)) for key, step in zip(keys_of(steps), steps, strict=True)),
    )


def changes_in(milestones: Sequence[Milestone], ticks: Ticks) -> dict[str, bool]:
    """Those of the ticks that say something else than is known now."""
    return {key: ticks[key] for key, done in state_of(milestones).items() if key in ticks and ticks[key] != done}


def read_ticks(given: Any, milestones: Sequence[Milestone]) -> dict[str, bool]:
    """Ticks from what a script says: ``{title or index: true or false}`` for some steps, or the list of all that are done.

    An index counts from 0; a title goes first where it looks like one. Raises ``InputError`` for a step that is not there.
    """
    keys = keys_of(milestones)
    if isinstance(given, Mapping):
        if wrong := next((name for name, done in given.items() if not isinstance(done, bool)), None):
            raise InputError(f"say true or false of the step {str(wrong)[:80]!r}", where=WHERE)
        return {keys[_index(name, milestones)]: done for name, done in given.items()}
    if isinstance(given, list | tuple):
        done = {_index(name, milestones) for name in given}
        return {key: index in done for index, key in enumerate(keys)}
    raise InputError('list the titles of the steps that are done, or say {"title": true} for each that changed', where=WHERE)


def _index(name: Any, milestones: Sequence[Milestone]) -> int:
    if isinstance(name, int) and not isinstance(name, bool):
        if 0 <= name < len(milestones):
            return name
        raise InputError(f"there is no step {name}: they count from 0 to {len(milestones) - 1}", where=WHERE)
    words = " ".join(name.split()) if isinstance(name, str) else ""
    same = [index for index, each in enumerate(milestones) if " ".join(each.title.split()) == words]
    if len(same) == 1:
        return same[0]
    if same:
        raise InputError(f"{len(same)} steps are called {words[:80]!r}; name it by its index, {same[0]} for the first", where=WHERE)
    if words.isdecimal() and words.isascii() and len(words) < 6:
        return _index(int(words), milestones)
    known = ", ".join(f"“{each.title}”" for each in milestones[:_NAMED]) + (" and more" if len(milestones) > _NAMED else "")
    raise InputError(f"no step is called {str(name)[:80]!r}; it has {known}", where=WHERE)
