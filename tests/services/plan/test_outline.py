"""What the planning pages list: a cycle as a tree, and what is worth a look."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update

from connector.services.plan import outline
from connector.store.tables import (
    Cycle,
    KeyResult,
    Objective,
)
from tests.services.plan.helpers import BOTH, LEAD
from tests.support.world import Company


@BOTH
def test_the_tree_of_a_cycle(acme: Company, database_kind: str) -> None:
    acme.objective("empty")
    acme.key_result("kr-broken", unit="", target=None, owner_id=None, weight=2.0)
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="empty"))
    with acme.runtime.store.read() as session:
        cycle = session.scalars(select(Cycle)).one()
        found = outline.tree(session, LEAD, cycle.id, acme.runtime.now(), acme.runtime.settings.zone)
    assert [(each.id, each.supports, [leaf.id for leaf in each.key_results]) for each in found] == [
        ("empty", "", []),
        ("onboarding", "Objective empty", ["kr-broken", "kr-setup"]),
    ]
    broken, whole = found[1].key_results
    assert (broken.promise, broken.complete, broken.ownerless, broken.weight) == ("target is missing", False, True, 2.0)
    assert (whole.promise, whole.owner, whole.ownerless, whole.sign_off) == ("from 400 to 900", "Alice", False, "not judged")


@BOTH
def test_what_is_worth_a_look(acme: Company, database_kind: str) -> None:
    acme.objective("company")
    acme.objective("alone")
    acme.key_result("kr-orphaned", "company", owner_id=None)
    acme.key_result("kr-left", "alone")
    for number in range(6):
        acme.key_result(f"kr-{number}", "onboarding")
    acme.objective("over", cycle="past", start=date(2020, 1, 1), end=date(2020, 3, 31))
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="company"))
        session.execute(update(KeyResult).where(KeyResult.id == "kr-left").values(retired_at=acme.runtime.now()))
    with acme.runtime.store.read() as session:
        found = outline.findings(session, LEAD, acme.runtime.now().date(), 5)
    assert {(each.kind, each.key_result or each.objective) for each in found} == {
        ("no key results", "alone"),
        ("orphan", "alone"),
        ("ownerless", "kr-orphaned"),
        ("many key results", "onboarding"),
    }
