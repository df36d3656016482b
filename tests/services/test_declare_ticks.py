"""Steps that owners tick against the file of ``apply``: what the file says nothing of stays, what it says is done and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.services.check_ins import file_check_in
from connector.services.declare.apply import Outcome, apply_text
from connector.store.tables import Audit
from tests.support.world import Company, company

STEPS = "[Price agreed, {title: Help pages written, weight: 2}, Sales trained]"
FILE = """
version: 1
people: [{{email: alice@acme.example, name: Alice}}]
cycles: {{Q1: {{start: 2026-01-01, end: 2099-03-31}}}}
objectives:
  - id: launch
    title: Launched
    cycle: Q1
    key_results:
      - {{id: kr-launch, title: {title}, owner: alice@acme.example, kind: milestones, milestones: {steps}}}
"""


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        yield found


def apply(acme: Company, steps: str = STEPS, title: str = "Launch prepared") -> Outcome:
    return apply_text(acme.runtime, FILE.format(steps=steps, title=title), {})


def tick(acme: Company, *done: str) -> None:
    data = {"confidence": 7, "decision": "none", "milestones": list(done)}
    file_check_in(acme.runtime, "kr-launch", data, author="alice@acme.example")


def done(acme: Company) -> list[str]:
    return [step["title"] for step in acme.row("kr-launch").milestones if step["done"]]


def test_a_second_run_of_the_same_file_changes_nothing_after_ticks_either(acme: Company) -> None:
    assert apply(acme).written
    tick(acme, "Help pages written")
    assert apply(acme).changes == ()
    assert done(acme) == ["Help pages written"]


def test_other_changes_keep_the_ticks(acme: Company) -> None:
    apply(acme)
    tick(acme, "Help pages written")
    outcome = apply(acme, "[Sales trained, {title: Help pages written, weight: 3}, Contract signed]", "Launch is ready")
    assert done(acme) == ["Help pages written"]
    assert "open again" not in str(outcome.changes[0])
    assert [step["weight"] for step in acme.row("kr-launch").milestones] == [1.0, 3.0, 1.0]


def test_what_the_file_says_is_done_and_told(acme: Company) -> None:
    steps = "[Price agreed, {title: Help pages written, done: false}, {title: Sales trained, done: true}]"
    apply(acme, steps)
    assert done(acme) == ["Sales trained"]
    assert apply(acme, steps).changes == ()
    tick(acme, "Price agreed", "Help pages written")
    [change] = apply(acme, steps).changes
    assert str(change) == "update key result kr-launch: milestones changed (“Help pages written” open again, “Sales trained” done)"
    assert done(acme) == ["Price agreed", "Sales trained"]
    with acme.runtime.store.read() as session:
        last = session.query(Audit).filter_by(entity_id="kr-launch", action="update").order_by(Audit.id.desc()).first()
    assert last is not None
    assert [step["done"] for step in last.before["milestones"]] == [True, True, False]


def test_a_step_that_is_done_is_not_left_out_unsaid(acme: Company) -> None:
    apply(acme)
    tick(acme, "Price agreed")
    [change] = apply(acme, "[Price fixed, Sales trained]").changes
    assert "“Price agreed” was done and is left out" in str(change)
