"""Steps of milestones ticked in an update: stored with it or not at all, once, seen by both, only done or not. On SQLite and Postgres."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import SYSTEM, Viewer
from connector.domain.steps import state_of
from connector.errors import Conflict, Forbidden, InputError
from connector.services.changes import Stale
from connector.services.check_ins import Filed, Opening, file_check_in, open_form
from connector.services.facts import load_definition, load_facts
from connector.services.plan import key_results as planning
from connector.services.rollup import want_all
from connector.store.tables import Audit, CheckIn, Cycle, Reading
from tests.support.signed_in import add_person
from tests.support.world import Company, company

ALICE, BOB = "alice@acme.example", "bob@acme.example"
WHOLE: dict[str, Any] = {"confidence": 7, "blocker": "", "decision": "none"}
STEPS = [
    {"title": "Price agreed", "weight": 1.0, "done": True},
    {"title": "Help pages written", "weight": 2.0, "done": False},
    {"title": "Sales trained", "weight": 1.0, "done": False},
]


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-launch", kind="milestones", unit="", start=None, target=None, milestones=STEPS)
        with found.runtime.store.write() as session:
            want_all(session, found.runtime.epoch())
        found.work()
        yield found


def file(acme: Company, data: dict[str, Any], author: str = ALICE, **more: Any) -> Filed:
    return file_check_in(acme.runtime, "kr-launch", data, author=author, **{"source": "page", **more})


def titles(acme: Company) -> list[str]:
    return [step["title"] for step in acme.row("kr-launch").milestones if step["done"]]


def ticks(acme: Company, *done: str) -> dict[str, bool]:
    """All steps as a form says them."""
    steps = load_definition(acme.row("kr-launch")).milestones
    return {key: step.title in done for key, step in zip(state_of(steps), steps, strict=True)}


def opening(acme: Company, email: str = ALICE, role: str = "member") -> Opening:
    with acme.runtime.store.read() as session:
        facts = load_facts(session, ["kr-launch"], computing=False)["kr-launch"]
        return open_form(session, acme.runtime, viewer(acme, email, role), facts)


def viewer(acme: Company, email: str, role: str = "member") -> Viewer:
    return Viewer(email, role, add_person(acme.runtime, email, role), email, email.partition("@")[0].capitalize())


def rows(acme: Company, table: Any) -> list[Any]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def updates(acme: Company) -> list[Audit]:
    return [row for row in rows(acme, Audit) if row.action == "update"]


def test_a_ticked_step_is_the_value_of_the_update(acme: Company) -> None:
    assert acme.row("kr-launch").current == 0.25
    filed = file(acme, WHOLE, ticks=ticks(acme, "Price agreed", "Help pages written"), source_id="one")
    assert not filed.draft
    row = acme.row("kr-launch")
    assert row.milestones == [STEPS[0], {**STEPS[1], "done": True}, STEPS[2]]  # done alone; titles and weights are the plan's
    assert (row.current, row.progress, row.movement, row.source["kind"]) == (0.75, 0.75, "up", "check_in")
    [told] = rows(acme, CheckIn)
    assert (told.value, told.movement, told.draft) == (0.75, "up", False)
    last = rows(acme, Reading)[-1]
    assert (last.kind, last.value, last.previous, last.actor) == ("check_in", 0.75, 0.25, ALICE)
    assert (last.source["check_in"], last.source["explanation"]) == (told.id, ["2 of 3 milestones done"])


def test_the_audit_trail_tells_the_steps_before_and_after(acme: Company) -> None:
    file(acme, {**WHOLE, "milestones": {"Sales trained": True}}, token="")
    [entry] = updates(acme)
    assert (entry.actor, entry.entity, entry.entity_id) == (ALICE, "key_result", "kr-launch")
    assert [step["done"] for step in entry.before["milestones"]] == [True, False, False]
    assert [step["done"] for step in entry.after["milestones"]] == [True, False, True]


def test_what_the_roll_up_counts_is_the_same_and_it_adds_no_reading(acme: Company) -> None:
    file(acme, {**WHOLE, "milestones": ["Help pages written"]})
    acme.work()
    assert [(row.kind, row.value) for row in rows(acme, Reading)] == [("milestones", 0.25), ("check_in", 0.5)]
    assert titles(acme) == ["Help pages written"]  # a list says all that are done
    assert acme.row("kr-launch").movement == "up"


@pytest.mark.databases("sqlite", "postgres")
def test_one_form_files_once_however_often_it_is_sent(acme: Company) -> None:
    seen, sent = opening(acme).seen, ticks(acme, "Price agreed", "Sales trained")
    found: list[Filed] = []
    errors: list[Exception] = []

    def go() -> None:
        try:
            found.append(file(acme, WHOLE, ticks=sent, source_id="one", seen=seen))
        except Exception as error:  # noqa: BLE001 - every failure of a thread is shown
            errors.append(error)

    together(go, 12)
    assert errors == []
    assert sum(not each.repeated for each in found) == 1
    assert (len(rows(acme, CheckIn)), len(updates(acme)), len(rows(acme, Reading))) == (1, 1, 2)


def test_the_same_number_by_other_steps_is_another_update(acme: Company) -> None:
    seen = opening(acme).seen
    file(acme, WHOLE, ticks=ticks(acme, "Price agreed"), source_id="one", seen=seen)
    with pytest.raises(Stale):  # 1 of 3 with the same weight, yet not the same step
        file(acme, WHOLE, ticks=ticks(acme, "Sales trained"), source_id="one", seen=seen)
    assert titles(acme) == ["Price agreed"]


def test_somebody_ticked_meanwhile(acme: Company) -> None:
    seen, mine = opening(acme).seen, ticks(acme, "Price agreed", "Sales trained")
    file(acme, WHOLE, BOB, ticks=ticks(acme, "Price agreed", "Help pages written"))
    with pytest.raises(Stale) as caught:
        file(acme, WHOLE, ticks=mine, source_id="one", seen=seen)
    assert caught.value.by == "Bob"
    assert caught.value.theirs["milestones"] == ticks(acme, "Price agreed", "Help pages written")
    assert titles(acme) == ["Price agreed", "Help pages written"]
    both = ticks(acme, "Price agreed", "Help pages written", "Sales trained")
    file(acme, WHOLE, ticks=both, source_id="one", seen=caught.value.version)
    assert acme.row("kr-launch").current == 1.0


def test_the_plan_changed_meanwhile_also_where_the_number_did_not(acme: Company) -> None:
    seen, mine = opening(acme).seen, ticks(acme, "Price agreed")
    steps = [{**STEPS[0], "done": False}, STEPS[1], {**STEPS[2], "done": True}]
    planning.update(acme.runtime, SYSTEM, "kr-launch", {"milestones": steps})
    with pytest.raises(Stale) as caught:
        file(acme, WHOLE, ticks=mine, source_id="one", seen=seen)
    assert caught.value.theirs == {"milestones": ticks(acme, "Sales trained")}


@pytest.mark.databases("sqlite", "postgres")
def test_a_form_of_before_a_check_in_by_somebody_is_never_written_over_theirs(acme: Company) -> None:
    """Twelve at once, each with another form: one is filed, the others are shown what was filed."""
    seen, mine, theirs = opening(acme).seen, ticks(acme, "Price agreed", "Sales trained"), ticks(acme, "Help pages written")
    stale: list[Stale] = []

    def go(number: int) -> None:
        try:
            file(acme, WHOLE, (ALICE, BOB)[number % 2], ticks=(mine, theirs)[number % 2], source_id=f"form {number}", seen=seen)
        except Stale as error:
            stale.append(error)

    together(go, 12, numbered=True)
    assert len(stale) == 11
    assert len(rows(acme, CheckIn)) == 1
    assert ticks(acme, *titles(acme)) in (mine, theirs)


@pytest.mark.databases("sqlite", "postgres")
def test_scripts_that_tick_different_steps_at_once_undo_nothing_of_each_other(acme: Company) -> None:
    names = ("Help pages written", "Sales trained")
    together(lambda number: file(acme, {**WHOLE, "milestones": {names[number]: True}}, (ALICE, BOB)[number]), 2, numbered=True)
    assert titles(acme) == ["Price agreed", *names]
    assert rows(acme, Reading)[-1].value == 1.0


@pytest.mark.databases("sqlite", "postgres")
def test_a_change_of_the_plan_at_the_same_moment_keeps_the_ticks(acme: Company) -> None:
    """Either the check-in came first and the plan's editor is told, or the plan did; ticks are not lost."""
    version = planning.load(acme.runtime, SYSTEM, "kr-launch").version
    told: list[Conflict] = []

    def go(number: int) -> None:
        try:
            if number:
                file(acme, {**WHOLE, "milestones": {"Sales trained": True}})
            else:
                steps = [{**step, "weight": 3.0} for step in STEPS]
                planning.update(acme.runtime, SYSTEM, "kr-launch", {"milestones": steps}, version=version, reason="weights were wrong")
        except Conflict as error:
            told.append(error)

    together(go, 2, numbered=True)
    weights = {step["weight"] for step in acme.row("kr-launch").milestones}
    assert titles(acme) == ["Price agreed", "Sales trained"]
    assert bool(told) == (weights != {3.0})


# --- drafts ------------------------------------------------------------------------------------------------------------


def test_a_draft_moves_no_step_and_keeps_the_ticks(acme: Company) -> None:
    filed = file(acme, {"confidence": 7}, ticks=ticks(acme, "Price agreed", "Sales trained"))
    assert (filed.draft, filed.missing) == (True, ("decision",))
    acme.work()
    assert (titles(acme), acme.row("kr-launch").current) == (["Price agreed"], 0.25)
    assert updates(acme) == []
    found = opening(acme)
    assert (found.prefilled["value"], list(found.ticks.values())) == (0.5, [True])
    assert opening(acme, BOB).ticks == {}  # it is Alice's alone


@pytest.mark.databases("sqlite", "postgres")
def test_completed_another_way_the_ticks_of_the_draft_are_applied(acme: Company) -> None:
    file(acme, {"confidence": 7}, ticks=ticks(acme, "Price agreed", "Sales trained"))
    file(acme, WHOLE, BOB, ticks=ticks(acme, "Price agreed", "Help pages written"))
    file(acme, WHOLE, source="comment")
    assert titles(acme) == ["Price agreed", "Help pages written", "Sales trained"]  # and nothing of Bob's is undone
    assert [row.draft for row in rows(acme, CheckIn)] == [False, False]
    assert rows(acme, CheckIn)[-1].value == 1.0


def test_a_draft_that_is_saved_again_keeps_what_it_says_last(acme: Company) -> None:
    file(acme, {"confidence": 7}, ticks=ticks(acme, "Price agreed", "Sales trained"), source_id="one", seen=opening(acme).seen)
    file(acme, {"confidence": 6}, ticks=ticks(acme, "Price agreed", "Help pages written"), source_id="one", seen=opening(acme).seen)
    assert opening(acme).prefilled["value"] == 0.75
    file(acme, WHOLE, ticks=ticks(acme, "Help pages written"), source_id="one", seen=opening(acme).seen)
    assert titles(acme) == ["Help pages written"]


# --- refusals ----------------------------------------------------------------------------------------------------------


def test_an_update_that_says_nothing_of_steps_leaves_them_and_is_complete(acme: Company) -> None:
    assert not file(acme, WHOLE).draft
    assert (titles(acme), rows(acme, CheckIn)[0].value, updates(acme)) == (["Price agreed"], 0.25, [])


@pytest.mark.parametrize("value", [0.6, 3, "done", True])
def test_a_number_is_refused_with_the_way_to_the_form(acme: Company, value: Any) -> None:
    with pytest.raises(InputError, match=r"tick the steps in the check-in form: http.+/key-results/kr-launch/check-in") as caught:
        file(acme, {**WHOLE, "value": value})
    assert caught.value.where == "value"
    assert rows(acme, CheckIn) == []


def test_the_number_that_the_steps_give_is_taken(acme: Company) -> None:
    file(acme, {**WHOLE, "value": 0.5, "milestones": {"Sales trained": True}})
    assert titles(acme) == ["Price agreed", "Sales trained"]


def test_steps_are_not_ticked_where_items_are_counted_or_no_steps_are(acme: Company) -> None:
    acme.key_result("kr-setup")
    with pytest.raises(InputError, match="it has no steps") as caught:
        file_check_in(acme.runtime, "kr-setup", {**WHOLE, "milestones": ["x"]}, author=ALICE)
    assert caught.value.where == "milestones"
    connection = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "a@b.c", "api_token": "x"})
    acme.mapping("kr-launch", connection, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    with pytest.raises(InputError, match="its value comes from mapped items, so no step is ticked by hand"):
        file(acme, {**WHOLE, "milestones": {"Sales trained": True}})
    assert not opening(acme).stepwise


def test_only_who_may_check_in_ticks_and_only_while_the_cycle_runs(acme: Company) -> None:
    for email, role in (("zoe@acme.example", "member"), ("carl@acme.example", "champion"), ("eve@acme.example", "viewer")):
        with pytest.raises(Forbidden):
            file(acme, {**WHOLE, "milestones": {"Sales trained": True}}, email, viewer=viewer(acme, email, role))
    with acme.runtime.store.write() as session:
        cycle = session.scalars(select(Cycle)).first()
        assert cycle is not None
        cycle.end = (acme.runtime.now() - timedelta(days=2)).date()
    with pytest.raises(Conflict, match="is over"):
        file(acme, {**WHOLE, "milestones": {"Sales trained": True}})
    assert titles(acme) == ["Price agreed"]


def together(act: Callable[..., object], count: int, *, numbered: bool = False) -> None:
    """Run it in so many threads at once."""
    start = threading.Barrier(count)

    def go(number: int) -> None:
        start.wait()
        act(number) if numbered else act()

    threads = [threading.Thread(target=go, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
