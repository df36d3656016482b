"""Key results that people make and change: kinds, relative targets, reasons, versions, rights, and what follows for panels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.errors import Conflict, Faults, Forbidden, InputError, NotFound
from connector.services.changes import Stale, record
from connector.services.plan import key_results, objectives
from connector.services.plan.key_results_changes import Part, below, chain, changes_of
from connector.services.plan.key_results_reading import BaselineMissing
from connector.store.tables import Audit, KeyResult, Objective, Person
from tests.support.world import Company, company

ALICE = {"owner": "alice@acme.example", "objective": "onboarding"}
ADMIN = Viewer("script", "admin")


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        yield found


def person(acme: Company, name: str, role: str) -> Viewer:
    with acme.runtime.store.read() as session:
        row = session.scalars(select(Person).where(Person.name == name)).one()
        return Viewer(row.email, role, row.id, row.email, row.name)


def create(acme: Company, viewer: Viewer = ADMIN, **given: Any) -> str:
    return key_results.create(acme.runtime, viewer, {"title": "Churn from 5 to 3", "start": 5, "target": 3, **ALICE, **given}).id


def faults(error: pytest.ExceptionInfo[Faults]) -> dict[str, str]:
    return {each.where: each.message for each in error.value.errors}


KINDS: tuple[tuple[dict[str, Any], tuple[float | None, ...]], ...] = (
    ({"kind": "metric", "start": 0, "target": 10, "checkpoints": [{"value": 4, "progress": 0.5}]}, (0.0, 10.0, None, None)),
    ({"kind": "at_least", "target": 99.5, "strict": True}, (None, 99.5, None, None)),
    ({"kind": "at_most", "target": 2}, (None, 2.0, None, None)),
    ({"kind": "between", "low": 1, "high": 2}, (None, None, 1.0, 2.0)),
    ({"kind": "yes_no"}, (None, None, None, None)),
    ({"kind": "milestones", "milestones": ["Plan", {"title": "Build", "weight": 2, "done": True}]}, (None, None, None, None)),
)


@pytest.mark.databases("sqlite", "postgres")
def test_every_kind_is_stored_with_its_numbers(acme: Company, database_kind: str) -> None:
    for given, expected in KINDS:
        ident = key_results.create(acme.runtime, ADMIN, {"title": f"A {given['kind']} result", **ALICE, **given}).id
        row = acme.row(ident)
        assert (row.kind, (row.start, row.target, row.low, row.high)) == (given["kind"], expected)
    acme.work()
    assert acme.row("kr-a-milestones-result").progress == pytest.approx(2 / 3)
    assert [acme.row(f"kr-a-{kind}-result").position for kind in ("metric", "at-least", "milestones")] == [0, 1, 5]


def test_a_metric_without_from_or_to_is_refused_at_its_fields(acme: Company) -> None:
    with pytest.raises(Faults) as caught:
        key_results.create(acme.runtime, ADMIN, {"title": "Churn", **ALICE, "target": None})
    assert set(faults(caught)) == {"start", "target"}
    with pytest.raises(Faults) as caught:
        create(acme, start=3, target=3)
    assert "equal" in faults(caught)["target"]


def test_monthly_is_refused_with_its_reason(acme: Company) -> None:
    with pytest.raises(Faults) as caught:
        create(acme, cadence="monthly")
    assert "too slow" in faults(caught)["cadence"]


@pytest.mark.parametrize("owner", ["alice@acme.example, bob@acme.example", "Growth", "nobody@acme.example", "team@acme.example;x@y.z", ""])
def test_the_owner_is_exactly_one_active_person(acme: Company, owner: str) -> None:
    with pytest.raises(Faults) as caught:
        create(acme, owner=owner)
    assert set(faults(caught)) == {"owner"}


def test_an_inactive_person_owns_nothing(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.scalars(select(Person).where(Person.name == "Bob")).one().active = False
    with pytest.raises(Faults) as caught:
        create(acme, owner="bob@acme.example")
    assert "not active" in faults(caught)["owner"]


def test_all_faults_are_told_at_once(acme: Company) -> None:
    with pytest.raises(Faults) as caught:
        create(acme, title=" ", owner="x", cadence="yearly", weight=-1, decimals=99)
    assert set(faults(caught)) == {"title", "owner", "cadence", "weight", "decimals"}


# --- relative targets ------------------------------------------------------------------------------------------------------------


def test_reduce_by_20_percent_of_50_hours_stores_40_and_goes_down(acme: Company) -> None:
    ident = create(acme, title="Lead time", unit="h", start=50, target=None, change="reduce by 20 %")
    row = acme.row(ident)
    assert (row.start, row.target) == (50.0, 40.0)


def test_a_relative_target_without_a_baseline_makes_a_key_result_that_sets_it(acme: Company) -> None:
    given = {"title": "Increase survey scores by 10 %", "change": "+10 %", **ALICE}
    with pytest.raises(BaselineMissing) as caught:
        key_results.create(acme.runtime, ADMIN, given)
    assert caught.value.title == "Set the baseline for survey scores"
    saved = key_results.create(acme.runtime, ADMIN, given, set_baseline=True)
    row = acme.row(saved.id)
    assert (row.title, row.kind, row.start, row.target) == ("Set the baseline for survey scores", "yes_no", None, None)


def test_target_and_change_together_are_refused(acme: Company) -> None:
    with pytest.raises(InputError) as caught:
        create(acme, change="-20 %")
    assert caught.value.where == "change"


# --- ids and hostile texts -------------------------------------------------------------------------------------------------------


def test_ids_are_made_from_titles_and_never_clash(acme: Company) -> None:
    assert create(acme, title="Weekly sign-ups: 400 → 900 (Løsning)") == "kr-weekly-sign-ups-400-900-losning"
    assert create(acme, title="Weekly sign-ups: 400 → 900 (Løsning)") == "kr-weekly-sign-ups-400-900-losning-2"
    assert create(acme, title="顧客満足度 90") == "kr-90"
    assert create(acme, title="顧客満足度") == "kr-result"
    assert len(create(acme, title="long " * 100)) <= 64
    with pytest.raises(InputError) as caught:
        create(acme, id="kr-90")
    assert caught.value.where == "id"


@pytest.mark.parametrize(
    "title",
    ["x" * 501, "\u202egnitirw", "a\u2066b", "bell\x07", "nul\x00", "esc\x1b[31m", "   ", "🚀🚀", "\ud800 lone"],
)
def test_hostile_titles_are_refused_at_the_field(acme: Company, title: str) -> None:
    with pytest.raises(Faults) as caught:
        create(acme, title=title)
    assert set(faults(caught)) == {"title"}


def test_html_in_a_title_is_text_and_blanks_are_folded(acme: Company) -> None:
    ident = create(acme, title="  <script>alert(1)</script>\n & more  ")
    assert acme.row(ident).title == "<script>alert(1)</script> & more"


# --- changes ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_a_change_of_target_owner_and_wording_needs_a_reason_and_is_told(acme: Company, database_kind: str) -> None:
    ident = create(acme)
    change = {"title": "Churn from 5 to 2", "target": 2, "owner": "bob@acme.example"}
    with pytest.raises(InputError) as caught:
        key_results.update(acme.runtime, ADMIN, ident, change)
    assert caught.value.where == "reason"
    for word in ("wording", "target", "owner"):
        assert word in caught.value.message
    assert acme.row(ident).target == 3.0
    saved = key_results.update(acme.runtime, ADMIN, ident, change, reason="the board asked")
    assert set(saved.changed) == {"wording", "target", "owner"}
    with acme.runtime.store.read() as session:
        told = changes_of(session, ident, "onboarding")
    assert [each.action for each in told] == ["changed", "made"]
    assert told[0].reason == "the board asked"
    assert {(part.what, part.before, part.after) for part in told[0].parts} >= {
        ("target", "3", "2"),
        ("owner", "alice@acme.example", "bob@acme.example"),
    }


def test_what_promises_nothing_needs_no_reason(acme: Company) -> None:
    ident = create(acme)
    saved = key_results.update(acme.runtime, ADMIN, ident, {"cadence": "fortnightly", "decimals": 1, "by_hand": True})
    assert saved.changed == ()
    assert acme.row(ident).by_hand
    with acme.runtime.store.read() as session:
        assert [each.action for each in changes_of(session, ident, "onboarding")] == ["made"]


def test_a_draft_promises_nothing_yet(acme: Company) -> None:
    ident = create(acme)
    objectives.update(acme.runtime, ADMIN, "onboarding", {"stage": "draft"})
    assert key_results.update(acme.runtime, ADMIN, ident, {"target": 1}).changed == ("target",)


def test_changes_of_mappings_are_told_with_the_key_result_and_those_of_its_namesakes_are_not(acme: Company) -> None:
    ident = create(acme, id="kr_a")
    create(acme, id="kr-a")
    rule = {"connection": "acme-jira", "select": {"epics": ["ACME-1", "ACME-7"]}, "measure": "done_share"}
    with acme.runtime.store.write() as session:
        now = acme.runtime.now()
        record(session, ADMIN, now, "create", "mapping", "kr_a", after=rule)
        record(
            session, ADMIN, now, "update", "mapping", "kr_a/7", before=rule, after={**rule, "measure": "done_count"}, reason="count them"
        )
        record(session, ADMIN, now, "create", "mapping", "kr-a/8", after=rule)
    with acme.runtime.store.read() as session:
        told = changes_of(session, ident, "onboarding")
    assert [(each.of, each.action, each.reason) for each in told] == [
        ("mapping", "changed", "count them"),
        ("mapping", "made", ""),
        ("", "made", ""),
    ]
    assert told[0].parts == (Part("measure", "done_share", "done_count"),)
    assert told[1].parts == (Part("acme-jira", "", "epics ACME-1, ACME-7"),)


def test_saving_the_same_again_writes_nothing(acme: Company) -> None:
    ident = create(acme)
    before = len(_audit(acme, ident))
    key_results.update(acme.runtime, ADMIN, ident, dict(key_results.load(acme.runtime, ADMIN, ident).view))
    assert len(_audit(acme, ident)) == before


def test_a_late_edit_of_the_target_is_marked(acme: Company) -> None:
    today = acme.runtime.now().date()
    acme.objective("late", cycle="ending", start=today - timedelta(days=90), end=today + timedelta(days=5))
    ident = create(acme, objective="late")
    saved = key_results.update(acme.runtime, ADMIN, ident, {"target": 4}, reason="easier")
    assert "of the cycle over" in saved.late
    with acme.runtime.store.read() as session:
        assert changes_of(session, ident, "late")[0].late == saved.late
    assert key_results.update(acme.runtime, ADMIN, ident, {"title": "Other words"}, reason="clearer").late == ""


def test_another_kind_empties_the_numbers_that_it_does_not_use(acme: Company) -> None:
    ident = create(acme, phased_targets=[{"day": date(2026, 1, 5), "value": 4}])
    key_results.update(acme.runtime, ADMIN, ident, {"kind": "between", "low": 1, "high": 2}, reason="a band is enough")
    row = acme.row(ident)
    assert (row.start, row.target, row.low, row.high, row.phased_targets) == (None, None, 1.0, 2.0, [])


def test_who_saves_second_sees_both_versions(acme: Company) -> None:
    ident = create(acme)
    first, second = (key_results.load(acme.runtime, ADMIN, ident) for _ in range(2))
    ben = person(acme, "Bob", "lead")
    key_results.update(acme.runtime, ben, ident, {"target": 2}, version=first.version, reason="one")
    with pytest.raises(Stale) as caught:
        key_results.update(acme.runtime, ADMIN, ident, {"target": 1}, version=second.version, reason="two")
    assert caught.value.theirs["target"] == 2.0
    assert caught.value.by == "bob@acme.example"
    key_results.update(acme.runtime, ADMIN, ident, {"target": 1}, version=caught.value.version, reason="two")
    assert acme.row(ident).target == 1.0


def test_a_closed_objective_stays_as_it_was(acme: Company) -> None:
    ident = create(acme)
    with acme.runtime.store.write() as session:
        session.get_one(Objective, "onboarding").closed_at = acme.runtime.now()
    with pytest.raises(Conflict):
        key_results.update(acme.runtime, ADMIN, ident, {"target": 1}, reason="late")
    with pytest.raises(Conflict):
        create(acme)


def test_a_history_that_calls_the_target_too_far_can_be_overruled_until_the_target_changes(acme: Company) -> None:
    ident = create(acme, stretch_reason="a new team starts")
    assert acme.row(ident).stretch_reason == "a new team starts"
    key_results.update(acme.runtime, ADMIN, ident, {"target": 2}, reason="more")
    assert acme.row(ident).stretch_reason == ""


# --- order, retiring, rights -----------------------------------------------------------------------------------------------------


def order(acme: Company) -> list[str]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(KeyResult.id).where(KeyResult.retired_at.is_(None)).order_by(KeyResult.position, KeyResult.id)))


def test_key_results_move_up_and_down_also_when_positions_were_equal(acme: Company) -> None:
    for name in "abc":
        acme.key_result(name)  # all at position 0
    assert key_results.move(acme.runtime, ADMIN, "c", -1)
    assert order(acme) == ["a", "c", "b"]
    assert key_results.move(acme.runtime, ADMIN, "a", 1)
    assert order(acme) == ["c", "a", "b"]
    assert not key_results.move(acme.runtime, ADMIN, "c", -1)
    assert order(acme) == ["c", "a", "b"]


@pytest.mark.databases("sqlite", "postgres")
def test_what_hangs_below_an_objective_is_told_in_its_order(acme: Company, database_kind: str) -> None:
    for name in ("b", "a"):
        create(acme, id=f"kr-{name}")
        objectives.create(acme.runtime, ADMIN, {"id": name, "title": f"Objective {name}", "cycle": "now", "supports": "onboarding"})
    objectives.update(acme.runtime, ADMIN, "b", {"restricted": True})
    with acme.runtime.store.read() as session:
        results, serving = below(session, person(acme, "Charlie", "lead"), "onboarding")
        assert [goal.id for goal in results] == ["kr-b", "kr-a"]
        assert [goal.id for goal in serving] == ["a"]
        assert [goal.id for goal in below(session, ADMIN, "onboarding")[1]] == ["b", "a"]


def test_retiring_needs_a_reason_and_keeps_the_history(acme: Company) -> None:
    ident = create(acme)
    with pytest.raises(InputError) as caught:
        key_results.retire(acme.runtime, ADMIN, ident)
    assert caught.value.where == "reason"
    key_results.retire(acme.runtime, ADMIN, ident, reason="merged with another")
    assert acme.row(ident).retired_at is not None
    with pytest.raises(NotFound):
        key_results.load(acme.runtime, ADMIN, ident)
    assert _audit(acme, ident)[-1].reason == "merged with another"


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
def test_only_those_who_write_may_change(acme: Company, role: str) -> None:
    ident = create(acme)
    viewer = person(acme, "Charlie", role)
    for act in (
        lambda: create(acme, viewer),
        lambda: key_results.update(acme.runtime, viewer, ident, {"target": 1}, reason="x"),
        lambda: key_results.retire(acme.runtime, viewer, ident, reason="x"),
        lambda: key_results.move(acme.runtime, viewer, ident, 1),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_lead_changes_nothing_of_an_objective_that_is_hidden_from_them(acme: Company) -> None:
    ident = create(acme)
    objectives.update(acme.runtime, ADMIN, "onboarding", {"restricted": True})
    charlie = person(acme, "Charlie", "lead")
    with pytest.raises(NotFound):
        key_results.update(acme.runtime, charlie, ident, {"target": 1}, reason="x")
    with pytest.raises(InputError) as caught:
        create(acme, charlie)
    assert caught.value.where == "objective"
    alice = person(acme, "Alice", "lead")  # owns a key result of it
    key_results.update(acme.runtime, alice, ident, {"target": 1}, reason="x")


@pytest.mark.databases("sqlite", "postgres")
def test_the_chain_ends_at_the_company_objective_or_at_what_is_hidden(acme: Company, database_kind: str) -> None:
    for name in ("company", "product"):
        acme.objective(name)
    objectives.update(acme.runtime, ADMIN, "product", {"supports": "company"}, reason="alignment")
    objectives.update(acme.runtime, ADMIN, "onboarding", {"supports": "product"}, reason="alignment")
    charlie = person(acme, "Charlie", "member")
    with acme.runtime.store.read() as session:
        assert [goal.id for goal in chain(session, charlie, "onboarding")] == ["company", "product", "onboarding"]
    objectives.update(acme.runtime, ADMIN, "product", {"restricted": True})
    with acme.runtime.store.read() as session:
        assert [goal.id for goal in chain(session, charlie, "onboarding")] == ["onboarding"]
        assert [goal.id for goal in chain(session, ADMIN, "onboarding")] == ["company", "product", "onboarding"]


def _audit(acme: Company, ident: str) -> list[Audit]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(Audit).where(Audit.entity_id == ident).order_by(Audit.id)))
