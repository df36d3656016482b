"""Every write to Notion is carried out, and its answer lost: the whole way from an empty page to an answered comment, nothing twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import HostError
from connector.hosts.notion.sandbox import NotionSandbox, Trouble
from connector.services import drain as drains
from connector.services.connecting import checks
from connector.services.leads_page.setting import set_leads_page
from connector.services.okr_databases import setting_up
from connector.store.tables import CheckIn, CommentCommand, Connection
from tests.services.okr_databases.bare import Bare, bare_world
from tests.support.okr_notion import OkrScene, okr_world

TITLE = "First invoice sent"
LOST: dict[str, dict[str, Any]] = {
    "503 with what was written": {"status": 503, "tell": True},
    "503 without a word": {"status": 503},
    "504 by the edge": {"status": 504, "html": True},
    "no answer": {"drop": True},
}


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drains, "LINGER", 0.0)


def lose_answers(box: NotionSandbox, how: dict[str, Any]) -> Counter[str]:
    """Carry out each write and lose its answer, the first time that a place is written to; gives the places, for what was lost."""
    lost: Counter[str] = Counter()
    asked = box._trouble

    def trouble(request: Any) -> Trouble | None:
        reading = request.method == "GET" or request.path.endswith(("/query", "/search", "/oauth/token"))
        place = f"{request.method} {request.path}"
        if not reading and place not in lost:
            lost[place] += 1
            return Trouble(commit=True, **how)
        return asked(request)

    box._trouble = trouble  # type: ignore[method-assign]
    return lost


def persist(call: Callable[[], Any]) -> None:
    """What an admin does who is told that Notion did not answer: the same again."""
    for _ in range(40):
        try:
            call()
        except HostError:
            continue
        return
    raise AssertionError("it never went through")


def seen_from(bare: Bare) -> OkrScene:
    """The workspace after the set-up, to be worked on as people do."""
    scene = OkrScene(bare.company, bare.sandbox, bare.url, bare.connection, bare.page, {}, bare.accounts)
    with scene.host() as host:
        for kind, row in bare.databases().items():
            scene.databases[kind] = host.find(row.database)
    return scene


def work(scene: OkrScene, rounds: int = 8) -> None:
    """Until nothing is wanted any more, with the pauses that outages bring."""
    for _ in range(rounds):
        drains.settle(scene.runtime)
        scene.drain(ahead=70.0)


@pytest.mark.parametrize("how", LOST.values(), ids=LOST)
def test_from_an_empty_page_to_an_answered_comment_nothing_is_made_twice(tmp_path: Path, how: dict[str, Any]) -> None:
    with bare_world(tmp_path) as bare:
        bare.company.objective("onboarding", cycle="Q4")
        bare.company.key_result("kr-setup", title=TITLE, start=0.0, target=60.0)
        lost = lose_answers(bare.sandbox, how)
        persist(lambda: setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page))
        assert bare.titles() == ["Check-ins", "Decisions", "Key Results", "Objectives"]

        scene = seen_from(bare)
        work(scene)
        persist(lambda: set_leads_page(scene.runtime, SYSTEM, "acme-notion", page=scene.world.add_page("Leads")))
        row = scene.row(TITLE)
        row.edit({"Value": 30, "Confidence": 7, "Decision": "budget", "Blocker": "waiting for legal"}, by="Alice")
        work(scene)
        scene.world.add_comment(row.ref, "/okr 44 confidence 6 blocker: none decision: none", scene.account("Alice"))
        work(scene)

        assert {kind: len(scene.rows(kind)) for kind in DatabaseKind} == {
            DatabaseKind.OBJECTIVES: 1, DatabaseKind.KEY_RESULTS: 1, DatabaseKind.CHECK_INS: 2, DatabaseKind.DECISIONS: 1,
        }  # fmt: skip
        assert row["Value"] == 44.0
        said = [check_in for check_in in scene.check_ins() if not check_in.draft]
        assert [(each.value, each.confidence) for each in said] == [(30.0, 7), (44.0, 6)]
        assert [
            len(callouts(scene, each.ref)) for kind in (DatabaseKind.OBJECTIVES, DatabaseKind.KEY_RESULTS) for each in scene.rows(kind)
        ] == [1, 1]
        assert len(answers(scene)) == 1
        sections = [text.partition("\n")[0] for text in callouts(scene, leads_page(scene))]
        assert len(sections) == len(set(sections)) >= 3
        places = {re.sub(r"[0-9a-f-]{32,36}", "…", place) for place in lost}
        made = {"POST /v1/databases", "POST /v1/pages", "PATCH /v1/blocks/…/children", "POST /v1/comments"}
        assert made | {"PATCH /v1/pages/…", "PATCH /v1/blocks/…"} <= places
        scene.count()
        work(scene, rounds=2)
        assert scene.count()[1] == 0
        assert bare.row().parked_at is None


def callouts(scene: OkrScene, page: str) -> list[str]:
    """The living callouts of a page."""
    return [
        "".join(run["plain_text"] for run in block["content"]["rich_text"])
        for block in scene.world.data["blocks"].values()
        if block["type"] == "callout" and not block["in_trash"] and block["page"] == page
    ]


def leads_page(scene: OkrScene) -> str:
    return next(ref for ref, page in scene.world.data["pages"].items() if not page["source"] and ref != scene.page)


def answers(scene: OkrScene) -> list[str]:
    bot = scene.world.data["bot"]
    comments = scene.world.data["comments"].values()
    return ["".join(run["plain_text"] for run in each["rich_text"]) for each in comments if each["created_by"] == bot]


# --- heard twice -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1], ids=["the one with the databases first", "the other one first"])
def test_a_comment_that_two_connections_hear_of_is_carried_out_and_answered_once(tmp_path: Path, first: int) -> None:
    with okr_world(tmp_path) as scene:
        scene.objective("onboarding")
        scene.key_result("kr-setup", title=TITLE, start=0.0, target=60.0)
        other = scene.company.connection("acme-notion-2", "notion", scene.url, {"token": scene.sandbox.token})
        for name in ("acme-notion", "acme-notion-2"):
            assert checks.run_checks(scene.runtime, SYSTEM, name)["ok"]
        scene.drain()
        scene.world.add_comment(scene.row(TITLE).ref, "/okr 44 confidence 7 decision: none", scene.account("Alice"))
        scene.company.deliver(other, scene.sandbox.events[-1])
        scene.tell()
        order = [scene.connection, other]
        for _ in range(4):
            for connection in (order[first], order[1 - first]):
                drains.drain(scene.runtime, connection)
            scene.company.clock.ahead += 30.0
            scene.tell()
        work(scene, rounds=2)
        with scene.runtime.store.read() as session:
            filed = session.query(CheckIn).filter(CheckIn.draft.is_(False)).all()
            heard = session.query(CommentCommand).all()
        assert [(each.value, each.confidence) for each in filed] == [(44.0, 7)]
        assert len(answers(scene)) == 1
        assert all(each.wanted == each.done for each in heard)


def test_connections_of_two_workspaces_do_not_answer_for_each_other(tmp_path: Path) -> None:
    """Both have the address of every workspace; a comment in one is none in the other."""
    with okr_world(tmp_path) as scene:
        scene.objective("onboarding")
        scene.key_result("kr-setup", title=TITLE, start=0.0, target=60.0)
        other = scene.company.connection("globex-notion", "notion", scene.url, {"token": scene.sandbox.token})
        with scene.runtime.store.write() as session:
            session.execute(update(Connection).where(Connection.id == other).values(site="another-workspace", bot_id="another-bot"))
            session.execute(update(Connection).where(Connection.id != other).values(site=scene.world.data["workspace"]))
        scene.drain()
        scene.world.add_comment(scene.row(TITLE).ref, "/okr status", scene.account("Alice"))
        scene.drain()
        assert len(answers(scene)) == 1
        with scene.runtime.store.read() as session:
            assert {each.connection_id for each in session.query(CommentCommand)} == {scene.connection}
