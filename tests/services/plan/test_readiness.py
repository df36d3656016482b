"""The rollout checklist and the start of a cycle: what is red, what is logged, what hosts show."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM
from connector.errors import Conflict, InputError
from connector.services.panels import build
from connector.services.plan import cycles, readiness
from connector.store.tables import (
    Forum,
    KeyResult,
    Mapping,
    Objective,
    Panel,
    Person,
    Team,
)
from tests.services.plan.helpers import BOTH, DAYS, complete, last, listed, person, red, rows, scheduled
from tests.support.world import Company


@BOTH
def test_each_item_is_red_until_it_is_there(acme: Company, database_kind: str) -> None:
    scheduled(acme)
    assert red(acme) == {("kr-setup", item) for item in ("source", "review forum", "decision-maker")}
    complete(acme)
    assert red(acme) == set()
    for table, values, item in (
        (KeyResult, {"owner_id": None}, "owner"),
        (KeyResult, {"target": None}, "from and to"),
        (KeyResult, {"by_hand": False}, "source"),
        (Team, {"forum_id": None}, "review forum"),
        (Forum, {"caller_id": None}, "decision-maker"),
    ):
        with acme.runtime.store.read() as session:
            kept = {name: getattr(session.scalars(select(table)).one(), name) for name in values}
        with acme.runtime.store.write() as session:
            session.execute(update(table).values(**values))
        assert ("kr-setup", item) in red(acme), item
        with acme.runtime.store.write() as session:
            session.execute(update(table).values(**kept))
        assert red(acme) == set()


def test_a_mapping_that_moves_the_value_is_a_source_and_one_for_context_is_none(acme: Company) -> None:
    complete(acme)
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).values(by_hand=False))
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    context = acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_count", mode="context")
    assert ("kr-setup", "source") in red(acme)
    acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_count")
    assert red(acme) == set()
    with acme.runtime.store.write() as session:
        session.execute(update(Mapping).where(Mapping.id != context).values(retired_at=acme.runtime.now()))
    assert ("kr-setup", "source") in red(acme)


def test_people_who_left_own_nothing_and_decide_nothing(acme: Company) -> None:
    complete(acme)
    with acme.runtime.store.write() as session:
        session.execute(update(Person).values(active=False))
    assert red(acme) == {("kr-setup", "owner"), ("kr-setup", "decision-maker")}


def test_a_start_is_refused_while_one_item_is_red_and_an_override_is_logged(acme: Company) -> None:
    scheduled(acme)
    with pytest.raises(readiness.NotReady, match="1 of 1 key result has something to do") as caught:
        readiness.start(acme.runtime, SYSTEM, "now")
    assert {item for _, item, _ in caught.value.red} == {"source", "review forum", "decision-maker"}
    with pytest.raises(readiness.NotReady):
        readiness.start(acme.runtime, SYSTEM, "now", reason="   ")
    assert not listed(acme)["now"].started
    readiness.start(acme.runtime, SYSTEM, "now", reason="the board wants it today")
    assert listed(acme)["now"].started
    assert (last(acme).action, last(acme).reason) == ("start", "the board wants it today")
    assert last(acme).after == {"started": True, "red": ["kr-setup: source", "kr-setup: review forum", "kr-setup: decision-maker"]}
    with pytest.raises(Conflict, match="started already"):
        readiness.start(acme.runtime, SYSTEM, "now")


def test_a_cycle_without_a_key_result_does_not_start_by_itself(acme: Company) -> None:
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})
    with pytest.raises(readiness.NotReady, match="no key result yet"):
        readiness.start(acme.runtime, SYSTEM, "next")


@BOTH
def test_hosts_show_a_cycle_from_its_start_until_it_is_taken_back(acme: Company, database_kind: str) -> None:
    scheduled(acme)
    complete(acme)
    notion = acme.connection("acme-notion", "notion", "https://api.example", {"token": "x"})
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(pages=[{"connection": notion, "ref": "page-1"}]))

    def shown() -> list[str]:
        with acme.runtime.store.read() as session:
            panel = build(
                session, session.scalars(select(Panel)).one(), "t", "https://okr.example", acme.runtime.now(), acme.runtime.settings.zone
            )
        return [each.id for each in panel.key_results]

    readiness.start(acme.runtime, SYSTEM, "now")
    first = rows(acme, Panel)[0]
    assert first.wanted > first.done
    assert shown() == ["kr-setup"]
    with pytest.raises(InputError, match="needs a reason"):
        readiness.stop(acme.runtime, SYSTEM, "now")
    readiness.stop(acme.runtime, SYSTEM, "now", reason="too early")
    assert rows(acme, Panel)[0].wanted > first.wanted
    assert shown() == []
    assert last(acme).reason == "too early"


def test_drafts_hold_nothing_up_and_do_not_start(acme: Company) -> None:
    scheduled(acme)
    complete(acme)
    acme.objective("rough")
    acme.key_result("kr-rough", "rough", target=None)
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "rough").values(stage="draft"))
    found = readiness.load(acme.runtime, SYSTEM, "now")
    assert found.ready.ready
    assert not found.drafts.ready
    readiness.start(acme.runtime, SYSTEM, "now")
    assert {row.id: row.stage for row in rows(acme, Objective)} == {"onboarding": "ready", "rough": "draft"}
    assert readiness.make_ready(acme.runtime, SYSTEM, "now") == 1
    assert {row.stage for row in rows(acme, Objective)} == {"ready"}
    assert (last(acme).entity_id, last(acme).after) == ("rough", {"stage": "ready"})


def test_what_a_lead_may_not_know_of_is_neither_told_nor_a_hindrance_but_is_logged(acme: Company) -> None:
    scheduled(acme)
    complete(acme)
    acme.objective("secret")
    acme.key_result("kr-secret", "secret")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
    lead = person(acme, "Lea", "lead")
    assert red(acme, lead) == set()
    assert {ident for ident, _ in red(acme)} == {"kr-secret"}
    found = readiness.start(acme.runtime, lead, "now")
    assert "secret" not in repr(found)
    assert last(acme).after is not None
    assert any("kr-secret" in each for each in last(acme).after["red"])
