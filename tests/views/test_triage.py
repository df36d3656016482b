"""Triage over thirty key results: three buckets, three answers, asks, forums, orders, what a stranger counts, and its statements."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.app import create_app
from connector.domain.model import State
from connector.services.forge.dashboard import Config
from connector.services.leads_page.telling import READER, tell
from connector.store.tables import Celebration, CheckIn, Cycle, Decision, Forum, KeyResult, Objective, Raised, Review, Team
from connector.views.forge.dashboard_views import show
from tests.support.board import FORUMS, THIRTY
from tests.support.counting import READS, statements
from tests.support.signed_in import Pages, Visit
from tests.support.world import company

pytestmark = pytest.mark.databases("sqlite", "postgres")
BUCKETS = {
    "at_risk": "At risk", "stalled": "Stalled", "on_track": "On track",
    "overdue": "Cannot tell", "data_late": "Cannot tell", "no_data": "Cannot tell", "closed": "Closed",
}  # fmt: skip
MOST_STATEMENTS = 20


class Scene(Pages):
    def page(self, query: str = "", who: str = "ada", role: str = "admin") -> str:
        answer = self.visit(who, role).get(f"/triage{query}")
        assert answer.status_code == 200, answer.text[:400]
        return answer.text

    def forum(self, name: str) -> int:
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Forum.id).where(Forum.name == name)).one()


@pytest.fixture
def scene(board: Pages) -> Scene:
    return Scene(board.company, board.app)


def text_of(part: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", part).replace("&amp;", "&").split())


def lists(page: str) -> dict[str, list[str]]:
    """Key results by the name of the list that they stand in."""
    found: dict[str, list[str]] = {}
    for part in re.split(r'<tr class="bucket">', page)[1:]:
        heading = re.match(r"([A-Z][a-z]+(?: [a-z]+)?) [\d,]+", text_of(part))
        assert heading, part[:200]
        found[heading[1]] = re.findall(r'<a class="quiet" id="kr-[^>]*>([^<]+)</a>', part.split("</tbody>")[0])
    return found


def answers(page: str) -> list[str]:
    part = page.partition('id="answers"')[2].partition("</section>")[0]
    return [text_of(each) for each in re.findall(r"<h2>.*?</p>", part, re.DOTALL)]


def test_each_key_result_stands_in_exactly_one_named_list(scene: Scene) -> None:
    found = lists(scene.page())
    assert list(found) == ["At risk", "Stalled", "Cannot tell", "On track", "Closed"]
    told = {title: name for name, titles in found.items() for title in titles}
    assert told == {each.title: BUCKETS[each.state] for each in THIRTY}
    assert sum(len(titles) for titles in found.values()) == 30


def test_the_three_questions_come_in_order_with_one_measure_each(scene: Scene) -> None:
    moving, off_track, decide = answers(scene.page())
    assert moving.startswith("Are we moving? 17 of 30 moving")
    assert "not known" in moving
    assert off_track.startswith("Where are we off track? 7 at risk, 4 stalled · 5 cannot be told · 1 risk raised early")
    assert decide == "What decision is needed now? 5 asks , oldest 9 days"
    now = scene.company.runtime.now()
    with scene.company.runtime.store.read() as session:
        asked = session.scalars(select(CheckIn.id).where(CheckIn.decision != "none").order_by(CheckIn.id)).all()
    common = {"kind": "budget", "created_at": now - timedelta(days=3)}
    scene.add(
        Decision(key_result_id="kr-1", check_in_id=asked[0], state="asked", **common),
        Decision(key_result_id="kr-1", check_in_id=asked[1], state="done", decided_at=now, action="reallocate", **common),
        Decision(key_result_id="kr-2", check_in_id=asked[1], state="open", decided_at=now, action="stay", **common),
        Decision(key_result_id="kr-2", check_in_id=asked[1], state="open", decided_at=now - timedelta(days=12), **common),
    )
    page = scene.page()
    assert answers(page)[2].endswith("3 of 4 decided in the cycle")
    assert "2 decisions since Mon" in page
    assert "1 of them a re-allocation." in page


def test_asks_stand_oldest_first_and_lead_to_where_they_are_decided(scene: Scene) -> None:
    page = scene.page()
    part = page.partition('id="asks"')[2].partition("</section>")[0]
    assert re.findall(r'<div class="ask"><b>([^<]+)</b>', part) == ["Approval:", "Headcount:", "Less scope:", "Other:", "Budget:"]
    assert part.index("Escalate the certificate") < part.index("Two accountants")
    assert '/key-results/kr-0">decide' in part


def test_forums_are_tabs_and_what_nobody_reviews_has_its_own(scene: Scene) -> None:
    product = scene.forum("Product review")
    page = scene.page()
    tabs = text_of(page.partition('aria-label="Forum">')[2].partition("</nav>")[0])
    sizes = {forum: sum(each.team in teams for each in THIRTY) for forum, teams in sorted(FORUMS.items())}
    assert tabs == "All forums 30 " + " ".join(f"{forum} {size}" for forum, size in sizes.items())
    chosen = lists(scene.page(f"?forum={product}"))
    assert sum(len(titles) for titles in chosen.values()) == sizes["Product review"]
    assert "17 of 30" not in scene.page(f"?forum={product}")
    scene.change(Team, Team.name == "Care", forum_id=None)
    page = scene.page("?forum=none")
    assert f"No forum {sum(each.team == 'Care' for each in THIRTY)}" in text_of(page)
    assert sorted(title for titles in lists(page).values() for title in titles) == sorted(
        each.title for each in THIRTY if each.team == "Care"
    )
    assert scene.visit().get("/triage?forum=99999").status_code == 404
    assert scene.visit().get("/triage?team=x").status_code == 404


def test_the_order_is_by_gap_or_by_contribution(scene: Scene) -> None:
    furthest = lists(scene.page())["At risk"]
    assert furthest[0] == "Payout time, median"
    scene.change(KeyResult, KeyResult.title == "Weekly active sign-ups", weight=40.0)
    weighted = lists(scene.page("?sort=weight"))["At risk"]
    assert weighted[0] == "Weekly active sign-ups"
    assert sorted(weighted) == sorted(furthest)
    assert lists(scene.page("?sort=nonsense"))["At risk"] == furthest


def test_team_and_cycle_are_filters_in_the_address(scene: Scene) -> None:
    with scene.company.runtime.store.read() as session:
        team = session.scalars(select(Team.id).where(Team.name == "Mobile")).one()
        cycle = session.scalars(select(Cycle.id)).one()
    assert sum(map(len, lists(scene.page(f"?team={team}")).values())) == sum(each.team == "Mobile" for each in THIRTY)
    assert sum(map(len, lists(scene.page(f"?cycle={cycle}")).values())) == 30
    assert "No key results here" in scene.page(f"?team={team}&forum={scene.forum('Operations review')}")


def test_a_restricted_key_result_is_neither_shown_nor_counted(scene: Scene) -> None:
    scene.change(Objective, Objective.id == "o-payments", restricted=True)
    page = scene.page(who="charlie", role="member")
    hidden = [each.title for each in THIRTY if each.team == "Payments"]
    assert not [title for title in hidden if title in page]
    assert f"of {30 - len(hidden)} moving" in text_of(page)
    assert "Operations review" not in page
    assert "of 30 moving" in text_of(scene.page())


def test_the_head_says_when_updates_lock_and_the_forum_meets(scene: Scene) -> None:
    now = scene.company.runtime.now()
    product = scene.forum("Product review")
    review = Review(
        forum_id=product,
        day=now.date(),
        starts_at=now + timedelta(days=2),
        lock_at=now + timedelta(days=1),
        state="planned",
        created_at=now,
    )
    scene.add(review)
    for query in ("", f"?forum={product}"):
        words = text_of(scene.page(query).partition('id="when"')[2].partition("</p>")[0])
        assert re.search(r"updates lock \w{3} \d\d:\d\d · review \w{3} \d\d:\d\d", words), words
    assert "Product review: updates lock" in scene.page()
    scene.change(
        Review, Review.forum_id == product, state="open", starts_at=now - timedelta(minutes=10), opened_at=now - timedelta(minutes=9)
    )
    for query in ("", f"?forum={product}"):
        assert "the review is being held" in scene.page(query)


def test_what_was_reached_this_week_has_a_calm_card(scene: Scene) -> None:
    assert 'class="card glad"' not in scene.page()
    now = scene.company.runtime.now()
    scene.add(
        Celebration(key_result_id="kr-1", kind="half", text="Half of the way: 204 now", at=now),
        Celebration(key_result_id="kr-2", kind="quarter", text="A quarter of the way", at=now - timedelta(days=9)),
    )
    page = scene.page()
    assert "Half of the way: 204 now" in page
    assert "A quarter of the way" not in page


def test_a_page_without_anything_says_what_is_missing(tmp_path: Path, database_url: str) -> None:
    with company(tmp_path, database_url) as acme:
        visit = Visit(create_app(acme.runtime), acme.runtime, "ada@acme.example", "lead")
        assert "No cycle has been started yet." in visit.get("/triage").text
        acme.objective("onboarding")
        assert "No key results yet." in visit.get("/triage").text
        acme.key_result("kr-setup")
        page = visit.get("/triage").text
        assert "At risk 0" in text_of(page)
        assert 'aria-label="Forum"' not in page


def test_it_costs_a_fixed_number_of_statements(scene: Scene) -> None:
    admin = scene.visit()
    admin.get("/triage")
    counts = []
    for _ in range(2):
        with statements(scene.company.runtime.store, *READS) as seen:
            admin.get("/triage")
        counts.append(len(seen))
        more = {"objective_id": "o-care", "kind": "metric", "start": 0.0, "target": 9.0, "state": "at_risk", "raw_progress": 0.1}
        now = scene.company.runtime.now()
        scene.add(
            *(
                KeyResult(id=f"more-{number}", title=f"More {number}", created_at=now, **more)
                for number in range(5 if len(counts) == 1 else 0)
            )
        )
    assert counts[0] == counts[1] <= MOST_STATEMENTS


def test_page_dashboard_and_leads_page_in_notion_tell_the_same(scene: Scene) -> None:
    """One source: the same lists in the same order with the same words in all three."""
    runtime = scene.company.runtime
    ours = scene.page()
    now, zone = runtime.now(), runtime.settings.zone
    with runtime.store.read() as session:
        board = show(session, READER, Config(), now, zone)
        sections = tell(session, {}, "", now, zone)
    from_board = {group.word: [row.kr.title for row in group.rows] for group in board.values["sections"][0].groups}
    assert from_board == {name: titles for name, titles in lists(ours).items() if titles}
    stand = ["".join(piece.text for piece in line) for line in sections[0].lines]
    for name, titles in lists(ours).items():
        line = next(each for each in stand if each.startswith(f"{name}: {len(titles)}"))
        shown = [title for title in titles if title in line]
        assert shown == titles[: len(shown)]
        assert len(shown) == min(8, len(titles))
    told = answers(ours)
    for place, question in enumerate(("Are we moving? ", "Where are we off track? ", "What decision is needed now? ")):
        line = next(each for each in stand if each.startswith(question))
        mine = told[place].replace(" ,", ",")
        assert mine.startswith(re.sub(r", oldest.*", "", line)), (mine, line)
        bold, rest = (board.values["answers"].moving, board.values["answers"].off_track, board.values["answers"].decisions)[place]
        assert mine.startswith(f"{question}{bold}{rest}")
    assert {state.value for state in State} >= {each.state for each in THIRTY}


def test_a_lead_lands_on_triage_and_others_on_the_key_results(scene: Scene) -> None:
    assert '<a class="strong quiet" href="/triage">' in scene.page(who="lena", role="lead")
    assert '<a class="strong quiet" href="/">' in scene.page(who="max", role="member")
    assert re.search(r'<li><a href="/triage" aria-current="page">Triage</a></li>', scene.page())


def test_how_often_an_update_was_missed_stands_on_triage_and_on_the_key_results_page(scene: Scene) -> None:
    with scene.company.runtime.store.write() as session:
        ident = session.scalars(select(KeyResult.id).where(KeyResult.title == "Partner interface error rate")).one()
        now = scene.company.runtime.now()
        for level in (1, 2):
            session.add(Raised(key_result_id=ident, kind="missed", since=now, level=level, text="", at=now))
    row = scene.page().partition(f'id="kr-{ident}"')[2].partition("</tr>")[0]
    assert "last check-in 4 Nov · no update, twice" in row
    page = scene.visit().get(f"/key-results/{ident}").text
    assert "no update, twice</span>" in page
