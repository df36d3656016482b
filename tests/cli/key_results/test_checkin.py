"""`check-in`: files an update, refuses what cannot be meant, keeps the incomplete as a draft."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from connector.store.tables import CheckIn, Cycle
from tests.support.commands import Run
from tests.support.world import Company

GOOD = {"--value": "45", "--confidence": "7", "--decision": "none", "--as": "alice@acme.example"}


def arguments(*, key_result: str = "kr-setup", **changes: str | None) -> list[str]:
    given = {**GOOD, **{f"--{name}": value for name, value in changes.items()}}
    return ["check-in", key_result, *(part for name, value in given.items() if value is not None for part in (name, value))]


def test_a_complete_one_counts_at_once(run: Run, acme: Company) -> None:
    result = run(*arguments(blocker="legal", comment="signed"))
    assert result.code == 0
    assert result.out.startswith("kr-setup: from 0\u00a0% to 100\u00a0%, now 45\u00a0%")
    row = acme.row("kr-setup")
    assert (row.current, row.confidence, row.blocker, row.decision_needed, row.movement) == (45.0, 7, "legal", "none", "up")


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": "0"},
        {"confidence": "11"},
        {"confidence": "7.5"},
        {"confidence": ""},
        {"value": "many"},
        {"decision": "maybe"},
        {"comment": "x" * 281},
        {"as": "nobody@acme.example"},
        {"key_result": "none"},
    ],
)
def test_what_cannot_be_meant_is_refused_with_code_2(run: Run, acme: Company, change: dict[str, str]) -> None:
    result = run(*arguments(**change))
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert len(result.err.splitlines()) == 1
    with acme.runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(CheckIn)) == 1


@pytest.mark.parametrize("missing", ["value", "confidence", "decision"])
def test_the_incomplete_is_a_draft(run: Run, acme: Company, missing: str) -> None:
    result = run(*arguments(**{missing: None}))
    assert result.code == 0
    assert f"missing: {missing}" in result.out
    assert acme.row("kr-setup").current == 41.3


def test_a_negative_number_is_a_value(run: Run, acme: Company) -> None:
    assert run(*arguments(value="-5")).code == 0
    assert acme.row("kr-setup").current == -5.0


def test_yes_and_no(run: Run, acme: Company) -> None:
    assert run(*arguments(key_result="kr-done", value="yes")).code == 0
    assert acme.row("kr-done").progress == 1.0


def test_steps_are_not_told_as_a_number(run: Run, acme: Company) -> None:
    steps = [{"title": "Price agreed", "weight": 1.0, "done": True}, {"title": "Sales trained", "weight": 1.0, "done": False}]
    acme.key_result("kr-launch", unit="", start=None, target=None, kind="milestones", milestones=steps)
    result = run(*arguments(key_result="kr-launch", value="2"))
    assert result.code == 2
    assert "counts its steps and takes no number. Leave the value out and tick the steps in the check-in form: http" in result.err
    assert run(*arguments(key_result="kr-launch", value=None)).out.startswith("kr-launch: 1 of 2 milestones")
    assert acme.row("kr-launch").milestones == steps


def test_a_cycle_that_is_over_is_frozen(run: Run, acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).values(end=acme.runtime.now().date() - timedelta(2)))
    result = run(*arguments())
    assert result.code == 1
    assert "is over" in result.err


def test_who_says_it_must_be_said(run: Run) -> None:
    assert run(*arguments(**{"as": None})).code == 2
