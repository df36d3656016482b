"""Objectives that people make and change: references, drafts and restrictions, and what the hosts show of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.errors import Faults, Forbidden, InputError, NotFound
from connector.services.changes import Stale
from connector.services.drain import drain, settle
from connector.services.listing import list_all
from connector.services.plan import key_results, objectives
from connector.services.plan.objectives_reading import HIDDEN
from connector.store.tables import Audit, Connection, KeyResult, Objective, ObjectiveReader, Person, Team
from tests.services.conftest import Scene
from tests.support.world import Company, company

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


def row(acme: Company, name: str) -> Objective:
    with acme.runtime.store.read() as session:
        return session.get_one(Objective, name)


def create(acme: Company, viewer: Viewer = ADMIN, **given: Any) -> str:
    return objectives.create(acme.runtime, viewer, {"title": "Customers stay", "cycle": "now", **given}).id


def faults(error: pytest.ExceptionInfo[Faults]) -> dict[str, str]:
    return {each.where: each.message for each in error.value.errors}


PAGE = "1f2e3d4c5b6a79880123456789abcdef"


@pytest.mark.databases("sqlite", "postgres")
def test_an_objective_is_made_with_all_it_refers_to(acme: Company, database_kind: str) -> None:
    notion = acme.connection("acme-notion", "notion", "http://127.0.0.1:1", {})
    ident = create(
        acme,
        team="Growth",
        supports="onboarding",
        stage="draft",
        restricted=True,
        readers=["Bob@acme.example"],
        panels=[{"connection": "acme-notion", "page": f"https://www.notion.so/acme/Plan-{PAGE}"}],
    )
    made = row(acme, ident)
    assert (ident, made.supports_id, made.stage, made.restricted, made.position) == ("customers-stay", "onboarding", "draft", True, 1)
    assert made.pages == [{"connection": notion, "ref": "1f2e3d4c-5b6a-7988-0123-456789abcdef"}]
    with acme.runtime.store.read() as session:
        readers = session.scalars(select(Person.email).join(ObjectiveReader, ObjectiveReader.person_id == Person.id)).all()
        assert readers == ["bob@acme.example"]
    saved = objectives.load(acme.runtime, person(acme, "Bob", "lead"), ident)
    assert saved.view["readers"] == ["bob@acme.example"]
    assert objectives.update(acme.runtime, ADMIN, ident, dict(saved.view)).view == saved.view


def test_every_reference_that_leads_nowhere_is_told_at_its_field(acme: Company) -> None:
    acme.connection("acme-jira", "jira", "http://127.0.0.1:1", {})
    with pytest.raises(Faults) as caught:
        create(
            acme,
            title="",
            cycle="then",
            team="Growht",
            supports="nowhere",
            stage="nearly",
            readers=["x", "nobody@acme.example"],
            panels=[{"connection": "acme-jira", "page": PAGE}, {"connection": "gone", "page": PAGE}, {"page": "no link"}],
        )
    found = faults(caught)
    assert set(found) == {
        "title", "cycle", "team", "supports", "stage", "readers[0]", "readers[1]",
        "panels[0].connection", "panels[1].connection", "panels[2].connection", "panels[2].page",
    }  # fmt: skip
    assert "Growth" in found["team"]


def test_a_page_shows_one_objective_and_a_hidden_one_is_not_named(acme: Company) -> None:
    acme.connection("acme-notion", "notion", "http://127.0.0.1:1", {})
    panels = [{"connection": "acme-notion", "page": PAGE}]
    create(acme, panels=panels)
    with pytest.raises(Faults) as caught:
        create(acme, panels=panels)
    assert "customers-stay" in faults(caught)["panels[0].page"]
    objectives.update(acme.runtime, ADMIN, "customers-stay", {"restricted": True})
    with pytest.raises(Faults) as caught:
        create(acme, person(acme, "Charlie", "lead"), panels=panels)
    assert "customers-stay" not in str(caught.value)


def test_title_cycle_team_and_goal_need_a_reason_when_it_is_no_draft(acme: Company) -> None:
    ident = create(acme)
    with pytest.raises(InputError) as caught:
        objectives.update(acme.runtime, ADMIN, ident, {"title": "Customers stay longer", "team": "Growth"})
    assert caught.value.where == "reason"
    saved = objectives.update(acme.runtime, ADMIN, ident, {"title": "Customers stay longer"}, reason="clearer")
    assert saved.changed == ("wording",)
    draft = create(acme, stage="draft")
    assert objectives.update(acme.runtime, ADMIN, draft, {"title": "Something else"}).changed == ("wording",)
    # Becoming ready is no change of what was said.
    assert objectives.update(acme.runtime, ADMIN, draft, {"stage": "ready"}).changed == ()


def test_a_circle_of_goals_is_refused_at_any_length(acme: Company) -> None:
    create(acme, id="b", supports="onboarding")
    create(acme, id="c", supports="b")
    for target in ("onboarding", "b", "c"):
        with pytest.raises(Faults) as caught:
            objectives.update(acme.runtime, ADMIN, "onboarding", {"supports": target}, reason="x")
        assert set(faults(caught)) == {"supports"}


def test_a_goal_that_is_hidden_stays_and_is_not_named(acme: Company) -> None:
    create(acme, id="secret-merger", restricted=True)
    objectives.update(acme.runtime, ADMIN, "onboarding", {"supports": "secret-merger"}, reason="goal")
    lead = person(acme, "Charlie", "lead")
    seen = objectives.load(acme.runtime, lead, "onboarding")
    assert seen.view["supports"] == HIDDEN
    with pytest.raises(Faults) as caught:
        create(acme, lead, supports="secret-merger")
    assert "secret-merger" in faults(caught)["supports"]  # what was typed, as for any id that is none
    objectives.update(acme.runtime, lead, "onboarding", {**seen.view, "title": "Renamed"}, version=seen.version, reason="clearer")
    assert row(acme, "onboarding").supports_id == "secret-merger"
    with acme.runtime.store.read() as session:
        last = session.scalars(select(Audit).where(Audit.entity_id == "onboarding").order_by(Audit.id.desc())).first()
    assert last is not None
    assert set(last.after or {}) == {"title"}


def test_who_saves_second_sees_both(acme: Company) -> None:
    before = objectives.load(acme.runtime, ADMIN, "onboarding")
    objectives.update(acme.runtime, person(acme, "Bob", "lead"), "onboarding", {"title": "First"}, version=before.version, reason="x")
    with pytest.raises(Stale) as caught:
        objectives.update(acme.runtime, ADMIN, "onboarding", {"title": "Second"}, version=before.version, reason="x")
    assert (caught.value.theirs["title"], caught.value.by) == ("First", "bob@acme.example")


def test_nobody_but_an_admin_restricts_an_objective_out_of_their_own_sight(acme: Company) -> None:
    lead = person(acme, "Charlie", "lead")
    with pytest.raises(InputError) as caught:
        objectives.update(acme.runtime, lead, "onboarding", {"restricted": True})
    assert caught.value.where == "readers"
    with acme.runtime.store.write() as session:
        session.scalars(select(Team)).one().lead_id = lead.person_id
    objectives.update(acme.runtime, lead, "onboarding", {"restricted": True, "team": "Growth"}, reason="owned by it")
    with pytest.raises(NotFound):
        objectives.load(acme.runtime, person(acme, "Bob", "lead"), "onboarding")


def test_they_move_among_those_of_their_cycle_that_are_seen(acme: Company) -> None:
    for name in ("b", "c"):
        create(acme, id=name)
    objectives.update(acme.runtime, ADMIN, "b", {"restricted": True})
    assert objectives.move(acme.runtime, person(acme, "Charlie", "lead"), "c", -1)
    order = sorted(("onboarding", "b", "c"), key=lambda name: row(acme, name).position)
    assert order.index("c") < order.index("onboarding")
    assert not objectives.move(acme.runtime, ADMIN, order[0], -1)


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
def test_only_those_who_write_may(acme: Company, role: str) -> None:
    viewer = person(acme, "Charlie", role)
    for act in (
        lambda: create(acme, viewer),
        lambda: objectives.load(acme.runtime, viewer, "onboarding"),
        lambda: objectives.update(acme.runtime, viewer, "onboarding", {"title": "x"}, reason="x"),
        lambda: objectives.retire(acme.runtime, viewer, "onboarding", reason="x"),
        lambda: objectives.move(acme.runtime, viewer, "onboarding", 1),
    ):
        with pytest.raises(Forbidden):
            act()


# --- what hosts show -------------------------------------------------------------------------------------------------------------


def work_all(scene: Scene) -> None:
    scene.clock.ahead += 60  # panels are gathered for some seconds
    with scene.runtime.store.read() as session:
        ids = list(session.scalars(select(Connection.id)))
    for connection in ids:
        list_all(scene.runtime, connection)
    for _ in range(2):
        for connection in ids:
            drain(scene.runtime, connection)
        settle(scene.runtime)
        scene.clock.ahead += 60
    for connection in ids:
        drain(scene.runtime, connection)


def shown(scene: Scene) -> tuple[list[str], str]:
    """What stands at the epic in Jira and on the page in Notion."""
    issue = scene.jira.world.find("ACME-1")
    assert issue is not None
    with scene.notion.world.lock:
        blocks = [each for each in scene.notion.world.data["blocks"].values() if each["page"] == scene.page and not each["in_trash"]]
    texts = ["".join(run["text"]["content"] for run in each["content"].get("rich_text", ())) for each in blocks]
    return [link["body"]["object"]["title"] for link in list(issue["links"].values())], "\n".join(texts)


@pytest.mark.parametrize("hidden", [{"restricted": True}, {"stage": "draft"}])
def test_hosts_stop_showing_an_objective_that_becomes_restricted_or_a_draft_and_show_it_again(scene: Scene, hidden: dict[str, Any]) -> None:
    scene.apply()
    work_all(scene)
    links, callout = shown(scene)
    assert links == ["Guided set-up shipped"]
    assert "Guided set-up shipped" in callout
    objectives.update(scene.runtime, ADMIN, "onboarding", hidden)
    work_all(scene)
    links, callout = shown(scene)
    assert links == []
    assert "Guided set-up" not in callout
    assert "sign-ups" not in callout
    objectives.update(scene.runtime, ADMIN, "onboarding", {"restricted": False, "stage": "ready"})
    work_all(scene)
    links, callout = shown(scene)
    assert links == ["Guided set-up shipped"]
    assert "Guided set-up shipped" in callout


def test_panels_follow_a_new_wording_carry_the_label_and_go_when_it_is_retired(scene: Scene) -> None:
    scene.apply()
    key_results.update(scene.runtime, ADMIN, "kr-setup", {"title": "Set-up in 5 minutes"}, reason="clearer")
    work_all(scene)
    links, callout = shown(scene)
    assert links == ["Set-up in 5 minutes"]
    issue = scene.jira.world.find("ACME-1")
    assert issue is not None
    assert next(link["body"]["object"]["summary"] for link in list(issue["links"].values())).endswith(", output")
    assert "output" in callout
    key_results.retire(scene.runtime, ADMIN, "kr-setup", reason="merged")
    work_all(scene)
    links, callout = shown(scene)
    assert links == []
    assert "Set-up in 5 minutes" not in callout
    assert "sign-ups" in callout


def test_retiring_an_objective_takes_its_key_results_and_panels_with_it(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    assert objectives.retire(scene.runtime, ADMIN, "onboarding", reason="stopped") == 2
    work_all(scene)
    assert shown(scene)[0] == []
    assert "Guided" not in shown(scene)[1]
    assert all(each.retired_at is not None for each in scene.rows(KeyResult))
    assert {each.reason for each in scene.audit() if each.action == "retire"} == {"stopped"}


def test_a_page_that_is_taken_away_is_cleared(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    objectives.update(scene.runtime, ADMIN, "onboarding", {"panels": []})
    work_all(scene)
    links, callout = shown(scene)
    assert links == ["Guided set-up shipped"]
    assert "Guided" not in callout
