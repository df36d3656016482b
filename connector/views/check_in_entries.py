"""Entries of the check-in form that are more than one field: a form sent as JSON, and the steps of milestones as checkboxes.

A browser sends the boxes that are ticked; how all steps stood when the form was shown comes back with it. So a step that somebody else
ticked meanwhile is told from one that this person un-ticked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.domain import scoring, wording
from connector.domain.model import Definition
from connector.domain.steps import Ticks, keys_of, read_marks, state_of, ticked
from connector.errors import InputError
from connector.services.check_ins import Opening
from connector.services.check_ins.opening import read_seen
from connector.services.check_ins.steps import FIELD
from connector.web.forms import LONGEST_FIELD, Form, plain

STEP = "step"  # the field of the checkboxes
SENT = "steps_sent"  # the boxes as they were sent, kept while both versions are shown


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as the form shows it. ``weight`` is "" where all weigh the same."""

    key: str
    title: str
    weight: str
    done: bool


def of_json(body: Any) -> Form:
    """A form that a bundle sent as a JSON object: texts, or lists where a name stood several times. Raises ``InputError``."""
    if not isinstance(body, Mapping):
        raise InputError("send the form as a JSON object")
    values: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, given in body.items():
        texts = [plain(each) for each in (given if isinstance(given, list) else [given]) if not isinstance(each, list | dict | None)]
        if any(len(text) > LONGEST_FIELD or "\x00" in text for text in texts):
            raise InputError(f"is longer than {LONGEST_FIELD} characters, or holds a sign that text must not hold", where=str(name))
        if texts:
            values[str(name)], lists[str(name)] = texts[-1], texts
    return Form(values, lists)


def show_steps(opening: Opening, form: Form) -> None:
    """Tick in a fresh form what is done, and what one's own draft ticked."""
    if opening.stepwise:
        steps = ticked(opening.definition, opening.ticks).milestones
        form.lists[STEP] = [key for key, done in state_of(steps).items() if done]


def typed_ticks(opening: Opening, form: Form) -> Ticks | None:
    """Every step as the form says it; one that came after the form was shown is as it is. None where no steps are ticked."""
    if not opening.stepwise:
        return None
    sent, shown = set(form.many(STEP)), _shown(form)
    return {key: key in sent if key in shown else done for key, done in state_of(opening.definition.milestones).items()}


def promised(opening: Opening, form: Form) -> Definition:
    """What the key result promises, with its steps as the form has them."""
    ticks = typed_ticks(opening, form)
    return opening.definition if ticks is None else ticked(opening.definition, ticks)


def steps_value(opening: Opening, form: Form) -> float | None:
    """The value of the steps as the form has them."""
    return scoring.milestones_value(promised(opening, form).milestones)


def steps_touched(opening: Opening, form: Form) -> bool:
    """Whether a step was ticked or un-ticked in this form."""
    return typed_ticks(opening, form) not in (None, state_of(opening.definition.milestones))


def keep_steps(form: Form, theirs: Ticks) -> None:
    """After a conflict: what was touched stays as it was sent, the rest is as it is saved now."""
    sent, shown = set(form.many(STEP)), _shown(form)
    form.lists[SENT] = [key for key in theirs if key in sent]
    form.lists[STEP] = [key for key, done in theirs.items() if (key in sent if key in shown and (key in sent) != shown[key] else done)]


def steps_differing(opening: Opening, form: Form) -> list[tuple[str, str, str]]:
    """Title, how it is saved now, how it was sent: where a conflict found them different."""
    if form.stale is None or FIELD not in form.stale.theirs or not opening.stepwise:
        return []
    sent, theirs = set(form.many(SENT)), form.stale.theirs[FIELD]
    words = {True: "done", False: "open"}
    steps = zip(keys_of(opening.definition.milestones), opening.definition.milestones, strict=True)
    return [(step.title, words[theirs[key]], words[key in sent]) for key, step in steps if key in theirs and theirs[key] != (key in sent)]


def step_rows(opening: Opening, form: Form) -> list[StepRow]:
    """The checkboxes, in the order of the plan."""
    if not opening.stepwise:
        return []
    steps = promised(opening, form).milestones
    weighed = len({step.weight for step in steps}) > 1
    return [
        StepRow(key, step.title, wording.plain_number(step.weight, _decimals(step.weight)) if weighed else "", step.done)
        for key, step in zip(keys_of(steps), steps, strict=True)
    ]


def _decimals(weight: float) -> int:
    return 0 if float(weight).is_integer() else 2


def _shown(form: Form) -> Ticks:
    seen = read_seen(form["seen"])
    return read_marks(seen[2]) if seen is not None else {}
