"""The page of a key result: chart with its table, five updates together, delivery with its scope, decisions, thanks."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connector.store.tables import Celebration, Cycle, Decision, Mapping, MappingDay, Person, Recognition
from tests.support.signed_in import Pages, Visit

pytestmark = pytest.mark.databases("sqlite", "postgres")
PATH = "/key-results/kr-7"  # First invoice sent in 7 days, stalled


class Scene(Pages):
    def visit(self, who: str = "bob", role: str = "member") -> Visit:
        return super().visit(who, role)

    def part(self, ident: str, who: str = "bob", role: str = "member") -> str:
        page = self.visit(who, role).get(PATH).text
        found = page.partition(f'<section class="card" id="{ident}"')[2].partition("</section>")[0]
        return " ".join(re.sub(r"<[^>]+>", " ", found.partition(">")[2]).split()).replace("\u00a0", " ")


@pytest.fixture
def scene(board: Pages) -> Scene:
    return Scene(board.company, board.app)


def nights(scene: Scene, *counts: tuple[int, int, int], points: bool = False) -> None:
    """Nightly counts of the key result's mapping: (days ago, done, items)."""
    today = scene.company.runtime.now().date()
    with scene.company.runtime.store.write() as session:
        mapping = session.scalars(select(Mapping.id).where(Mapping.key_result_id == "kr-7")).one()
        for ago, done, items in counts:
            more = {"points": 2.0 * items, "points_done": 2.0 * done} if points else {}
            session.add(MappingDay(mapping_id=mapping, day=today - timedelta(days=ago), items=items, done=done, **more))


def test_the_chart_says_its_values_and_a_table_holds_them(scene: Scene) -> None:
    page = scene.visit().get(PATH).text
    assert 'aria-describedby="chart-table"' in page
    assert '<table id="chart-table">' in page
    assert re.search(r'<text class="on"[^>]*>today: 42\s*%</text>', page)
    assert "unchanged since" in page
    assert "at this rate" in page
    table = page.partition('id="chart-table"')[2].partition("</table>")[0]
    assert table.count("<tr>") == 8  # a head and seven weeks


def test_the_last_five_updates_stand_together_and_earlier_ones_are_folded(scene: Scene) -> None:
    page = scene.visit().get(PATH).text
    part = page.partition('id="check-ins"')[2].partition("</section>")[0]
    opened, _, folded = part.partition("<details")
    assert opened.count('<tr><th scope="row"') == 5
    assert folded.count('<tr><th scope="row"') == 2
    assert "2 earlier" in folded


def test_delivery_says_how_scope_changed_and_that_it_is_context(scene: Scene) -> None:
    assert 'id="delivery"' not in scene.visit().get(PATH).text
    nights(scene, (44, 0, 52), (30, 22, 60), (2, 40, 70))
    with scene.company.runtime.store.read() as session:
        start = session.scalars(select(Cycle.start)).one()
    told = scene.part("delivery")
    assert "40 of 70 items done (+18 added since" in told
    assert "never moves the value" in told
    assert isinstance(start, date)


def test_delivery_counts_points_where_all_have_some(scene: Scene) -> None:
    nights(scene, (40, 10, 30), (33, 20, 30), (1, 21, 28), points=True)
    assert "42 of 56 points done (−4 taken out since" in scene.part("delivery")
    assert "points a week" in scene.visit().get(PATH).text


def test_decisions_say_what_became_of_them_and_what_followed(scene: Scene) -> None:
    assert scene.part("decisions") == "Decisions None was asked for or made yet."
    now = scene.company.runtime.now()
    with scene.company.runtime.store.read() as session:
        alice = session.scalars(select(Person.id).order_by(Person.id)).first()
    common: dict[str, Any] = {"key_result_id": "kr-7", "created_at": now - timedelta(days=30)}
    scene.add(
        Decision(title="Budget needed", kind="budget", state="asked", **common),
        Decision(title="two more people", action="reallocate", state="open", owner_id=alice, due=date(2026, 12, 1), **common),
        Decision(
            title="drop logo upload", action="adjust_scope", state="done", owner_id=alice, closed_at=now, effect={"word": "too early"},
            link={"url": "https://acme.example/ACME-7", "key": "ACME-7"}, **common,
        ),
        Decision(
            title="<script>", verdict="hold", state="dropped", outcome="not needed", closed_at=now, link={"url": "javascript:x"}, **common
        ),
    )  # fmt: skip
    told = scene.part("decisions")
    assert "Budget: Budget needed" in told
    assert "nobody has taken it up" in told
    assert "due 1 Dec" in told
    assert "effect: too early" in told
    assert "Hold course: &lt;script&gt;" in told
    assert "not needed" in told
    page = scene.visit().get(PATH).text
    assert 'href="https://acme.example/ACME-7"' in page
    assert "javascript:" not in page


def test_thanks_are_said_and_seen(scene: Scene) -> None:
    bob = scene.visit()
    answer = bob.post(f"{PATH}/thanks", {"thanks": "For the <i>import</i>"})
    assert answer.status_code == 303
    assert "For the &lt;i&gt;import&lt;/i&gt; thanks from Bob" in scene.part("glad")
    wrong = bob.post(f"{PATH}/thanks", {"thanks": "x" * 300})
    assert wrong.status_code == 422
    assert "at most 280 are kept" in wrong.text
    assert "x" * 300 in wrong.text
    assert bob.post("/key-results/none/thanks", {"thanks": "hello"}).status_code == 404
    with scene.company.runtime.store.read() as session:
        assert len(session.scalars(select(Recognition)).all()) == 1


def test_what_was_reached_stands_on_the_page(scene: Scene) -> None:
    scene.add(Celebration(key_result_id="kr-7", kind="half", text="Half of the way: 50 % now", at=scene.company.runtime.now()))
    assert "Half of the way: 50 % now" in scene.part("glad")
