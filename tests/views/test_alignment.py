"""How goals hang together: rolled up with the weakest child, orphans, forums beside each other, nothing that the viewer must not know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.app import create_app
from connector.domain.rights import SYSTEM
from connector.services.insight.alignment import by_goal, by_team, forums_of, nodes, orphans
from connector.services.insight.scope import find_scope, load_lights
from connector.services.insight.tree import load_tree
from connector.store.tables import Cycle, KeyResult, Objective, Team
from tests.support.board import THIRTY
from tests.support.signed_in import Pages, Visit
from tests.support.world import company

pytestmark = pytest.mark.databases("sqlite", "postgres")


class Scene(Pages):
    def page(self, path: str, who: str = "ada", role: str = "admin") -> str:
        answer = self.visit(who, role).get(path)
        assert answer.status_code == 200, answer.text[:300]
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition('<main id="main">')[2]).split()).replace("\u00a0", " ")

    def orphan(self) -> None:
        now = self.company.runtime.now()
        with self.company.runtime.store.write() as session:
            cycle, team = session.scalars(select(Cycle.id)).one(), session.scalars(select(Team.id).where(Team.name == "Mobile")).one()
            session.add(Objective(id="o-alone", title="A wiki for everybody", cycle_id=cycle, team_id=team, position=99, created_at=now))


@pytest.fixture
def scene(board: Pages) -> Scene:
    return Scene(board.company, board.app)


def test_a_goal_is_rolled_up_from_what_serves_it_with_its_weakest_child(scene: Scene) -> None:
    scene.orphan()
    today = scene.company.runtime.now().date()
    with scene.company.runtime.store.read() as session:
        scope = find_scope(session, today)
        lights = load_lights(session, SYSTEM, scope, today)
        roots = load_tree(session, SYSTEM, scope, lights)
    found = {node.branch.id: node for node in nodes(roots)}
    top = found["o-company"]
    assert (top.progress.reporting, top.progress.total) == (29, 30)
    assert top.weakest is not None
    assert (top.weakest.title, top.state.value) == ("Payout time, median", "at_risk")
    below = [found[f"o-{team}"].progress.progress for team in ("growth", "mobile", "sales", "payments", "care")]
    assert top.progress.progress == pytest.approx(sum(each or 0.0 for each in below) / 5)
    assert found["o-mobile"].weakest is not None
    assert found["o-mobile"].state.value == "overdue"
    assert found["o-alone"].weakest is None
    assert [each.id for each in orphans(roots)] == ["o-alone"]
    assert [(row.name, row.total) for row in by_goal(roots)] == [("Small firms trust us with their money", 30)]
    assert sum(row.total for row in by_team(lights)) == 30
    assert forums_of(lights) == ["Operations review", "Product review", "Revenue review"]


def test_the_tree_names_states_weakest_child_and_orphans_in_words(scene: Scene) -> None:
    assert "Every objective serves a goal, or is one." in scene.page("/alignment")
    scene.orphan()
    page = scene.page("/alignment")
    assert "Small firms trust us with their money" in page
    assert "29 of 30 reporting · 7 at risk · 4 stalled · 5 cannot tell · 13 on track · 1 closed · weakest: Payout time, median" in page
    assert "Serving no goal 1" in page
    assert "Which goal do they help?" in page
    assert all(each.title in page for each in THIRTY)


def test_the_matrix_counts_goals_and_teams_by_forum(scene: Scene) -> None:
    page = scene.page("/alignment?view=matrix")
    assert "Goals by review forum" in page
    assert re.search(r"Small firms trust us with their money 2 at risk 1 stalled 1 cannot tell 8 on track 1 closed", page)
    teams = scene.page("/alignment?view=matrix&rows=team")
    assert "Teams by review forum" in teams
    assert re.search(r"Mobile none 4 cannot tell none 4", teams)
    assert "Goals by review forum" in scene.page("/alignment?view=matrix&rows=x")


def test_a_forum_shows_what_it_reviews_under_the_goal_that_it_serves(scene: Scene) -> None:
    with scene.company.runtime.store.read() as session:
        forum = session.scalars(select(Team.forum_id).where(Team.name == "Mobile")).one()
    page = scene.page(f"/alignment?forum={forum}")
    assert "Small firms trust us with their money" in page
    assert "App store rating" in page
    assert "Payout time" not in page


def test_what_a_stranger_must_not_know_is_neither_named_nor_counted(scene: Scene) -> None:
    scene.change(Objective, Objective.id == "o-payments", restricted=True)
    for path in ("/alignment", "/alignment?view=matrix", "/alignment?view=matrix&rows=team"):
        page = scene.page(path, "charlie", "member")
        assert "Payments" not in page
        assert "Payout time" not in page
        assert "Operations review" not in page
    shown = 30 - sum(each.team == "Payments" for each in THIRTY)
    assert f"of {shown} reporting" in scene.page("/alignment", "charlie", "member")


def test_very_many_key_results_are_counted_not_listed(scene: Scene) -> None:
    now = scene.company.runtime.now()
    with scene.company.runtime.store.write() as session:
        session.add_all(
            KeyResult(
                id=f"more-{number}", objective_id="o-care", title=f"More {number}", kind="metric", start=0.0, target=1.0, created_at=now
            )
            for number in range(120)
        )
    page = scene.page("/alignment")
    assert "More 7" not in page
    assert "So many key results are counted here" in page


def test_without_anything_it_says_so(tmp_path: Path, database_url: str) -> None:
    with company(tmp_path, database_url) as acme:
        visit = Visit(create_app(acme.runtime), acme.runtime, "ada@acme.example", "lead")
        assert "No objectives here that you may see." in visit.get("/alignment").text
        assert "No key results here that you may see." in visit.get("/alignment?view=matrix").text
        assert visit.get("/alignment?cycle=99").status_code == 404
