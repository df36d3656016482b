"""Panels inside Notion from a changed number to the page: rows of OKR databases, objectives' pages, what people do to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Forbidden
from connector.services import check_ins, drain, panels
from connector.services.panels import choosing, embedding
from connector.store import work
from connector.store.tables import KeyResult, Objective, OkrDatabase, Panel
from tests.support.okr_notion import OkrScene, okr_world


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OkrScene]:
    monkeypatch.setattr(drain, "LINGER", 0.0)  # the clock is ours: nothing becomes due by waiting
    with okr_world(tmp_path, public_url="https://okr.acme.example", options={"table": True}) as found:
        found.objective("onboarding")
        found.key_result("kr-a", title="First invoice sent", start=41.0, target=60.0)
        found.key_result("kr-b", title="Guided set-up finished")
        yield found


def made(scene: OkrScene, title: str = "First invoice sent", kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> str:
    """The row of a record once it was made at the host, with its panel."""
    for _ in range(2):
        scene.drain()
    return scene.row(title, kind).ref


def objective(scene: OkrScene) -> str:
    return made(scene, "Objective onboarding", DatabaseKind.OBJECTIVES)


def tell(scene: OkrScene, name: str, value: float, **more: Any) -> None:
    """An update that counts, filed elsewhere."""
    said = {"value": value, "confidence": 7, "decision": "none", **more}
    check_ins.file_check_in(scene.runtime, name, said, author="alice@acme.example")


def settled(scene: OkrScene) -> None:
    for _ in range(3):
        scene.drain()


def blocks(scene: OkrScene, page: str) -> list[Mapping[str, Any]]:
    return [scene.world.data["blocks"][each] for each in scene.world.data["pages"][page]["children"]]


def kinds(scene: OkrScene, page: str) -> list[str]:
    return [each["type"] for each in blocks(scene, page)]


def callout(scene: OkrScene, page: str) -> str:
    [found] = [each for each in blocks(scene, page) if each["type"] == "callout"]
    return "".join(run["plain_text"] for run in found["content"]["rich_text"])


def choose(scene: OkrScene, **options: Any) -> None:
    with scene.runtime.store.write() as session:
        for database in session.scalars(select(OkrDatabase)):
            database.options = {**database.options, **options}
    with scene.runtime.store.write() as session:
        panels.want_again(session, scene.connection, scene.runtime.epoch())


def panel_of(scene: OkrScene, ref: str) -> Panel | None:
    with scene.runtime.store.read() as session:
        return session.scalar(select(Panel).where(Panel.ref == ref))


def test_a_key_results_row_gets_its_callout_and_no_second_set_of_columns(scene: OkrScene) -> None:
    ref = made(scene)
    tell(scene, "kr-a", 42.0, comment="slow")
    settled(scene)
    lines = callout(scene, ref).splitlines()
    assert lines[1] == "First invoice sent, from 41\u00a0% to 60\u00a0%, now 42\u00a0%"
    assert lines[3].endswith("confidence 7 of 10 (7)")
    assert lines[-1] == "Update · Open key result · Explain this number"
    panel = panel_of(scene, ref)
    assert panel is not None
    assert (panel.key_result_id, panel.objective_id, panel.error) == ("kr-a", None, None)
    assert "properties" not in panel.receipt  # the columns are the row's own
    assert kinds(scene, ref) == ["callout"]
    assert scene.row("First invoice sent")["Value"] == 42.0


def test_an_edit_in_the_row_moves_its_callout_and_its_objectives(scene: OkrScene) -> None:
    ref, above = made(scene), objective(scene)
    scene.row("First invoice sent").edit({"Value": 45, "Confidence": 6, "Decision": "budget", "Blocker": "No test data"}, by="Alice")
    for _ in range(6):
        scene.drain(ahead=10)
    assert "now 45\u00a0%" in callout(scene, ref)
    assert "Ask: budget" in callout(scene, ref)
    assert "Blocker: No test data · blocked since " in callout(scene, ref)
    assert "Ask: budget" in callout(scene, above)


def test_an_objectives_row_shows_all_its_key_results_with_a_table(scene: OkrScene) -> None:
    ref = objective(scene)
    assert kinds(scene, ref) == ["callout", "table"]
    assert callout(scene, ref).splitlines()[0].startswith("◌  No data · Objective onboarding")
    tell(scene, "kr-b", 54.0)
    scene.sandbox.log.clear()
    settled(scene)
    assert "now 54\u00a0%" in callout(scene, ref)
    ours = {ref, *(each["id"] for each in blocks(scene, ref)), *blocks(scene, ref)[1]["children"]}
    writes = [path for method, path, _, _ in scene.sandbox.log if method == "PATCH" and path.split("/")[3] in ours and "blocks" in path]
    assert len(writes) == 2  # the callout and one row
    scene.key_result("kr-c", title="Third")
    with scene.runtime.store.write() as session:
        work.want(session, KeyResult, ["kr-c"], scene.runtime.epoch())
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    settled(scene)
    assert len(blocks(scene, ref)[1]["children"]) == 4
    choose(scene, table=False)
    settled(scene)
    assert kinds(scene, ref) == ["callout"]


def test_nothing_changed_means_no_request(scene: OkrScene) -> None:
    made(scene)
    settled(scene)
    scene.count()
    with scene.runtime.store.write() as session:
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    scene.drain()
    assert scene.count() == (0, 0)


def test_properties_only_makes_no_block(scene: OkrScene) -> None:
    choose(scene, panel="properties", embed=True)
    ref = made(scene)
    tell(scene, "kr-a", 50.0)
    settled(scene)
    assert panel_of(scene, ref) is None
    assert kinds(scene, ref) == []
    assert scene.row("First invoice sent")["OKR status"] is not None


def test_used_up_blocks_make_no_block_and_are_told(scene: OkrScene) -> None:
    scene.sandbox.block_limit = True
    ref = made(scene)
    panel = panel_of(scene, ref)
    assert panel is not None
    assert "used up its blocks" in (panel.error or "")
    scene.sandbox.log.clear()
    tell(scene, "kr-a", 50.0)
    settled(scene)
    assert kinds(scene, ref) == []
    assert not [path for _, path, _, _ in scene.sandbox.log if path.endswith("/children")]
    assert scene.row("First invoice sent")["Value"] == 50.0


def test_what_becomes_secret_is_taken_off_the_page(scene: OkrScene) -> None:
    ref, above = made(scene), objective(scene)
    with scene.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(restricted=True))
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    settled(scene)
    for page in (ref, above):
        assert callout(scene, page) == "No key result is linked here any more."
    assert kinds(scene, above) == ["callout"]  # nor does a table say it


def test_a_row_in_the_trash_is_left_alone_and_goes_on_when_it_comes_back(scene: OkrScene) -> None:
    ref = made(scene)
    scene.row("First invoice sent").trash()
    settled(scene)
    tell(scene, "kr-a", 50.0)
    scene.sandbox.log.clear()
    settled(scene)
    assert not [path for method, path, _, _ in scene.sandbox.log if method == "PATCH" and "/blocks/" in path and ref in path]
    scene.world.restore(ref, author=scene.account("Alice"))
    settled(scene)
    assert "now 50\u00a0%" in callout(scene, ref)
    assert kinds(scene, ref) == ["callout"]


def test_given_up_databases_keep_what_stands_there(scene: OkrScene) -> None:
    ref = made(scene)
    before = callout(scene, ref)
    with scene.runtime.store.write() as session:
        session.execute(update(OkrDatabase).values(retired_at=scene.runtime.now()))
    tell(scene, "kr-a", 50.0)
    with scene.runtime.store.write() as session:
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    settled(scene)
    assert callout(scene, ref) == before


def test_a_blocker_says_since_when_it_stands_there(scene: OkrScene) -> None:
    ref = made(scene)
    begun = scene.runtime.now().astimezone(scene.runtime.settings.zone)
    tell(scene, "kr-a", 42.0, blocker="Waiting for legal")
    scene.company.clock.ahead += timedelta(days=3).total_seconds()
    tell(scene, "kr-a", 42.0, blocker="Still waiting for legal")
    settled(scene)
    assert f"Blocker: Still waiting for legal · blocked since {begun.day} {begun:%b}" in callout(scene, ref)


def test_our_live_page_stands_beneath_and_a_revoked_address_is_replaced_in_place(scene: OkrScene) -> None:
    choose(scene, embed=True)
    ref = made(scene)
    assert kinds(scene, ref) == ["callout", "embed"]
    first = blocks(scene, ref)[1]
    before = first["content"]["url"]
    assert before.startswith("https://okr.acme.example/embed/")
    assert embedding.revoke(scene.runtime, SYSTEM, "acme-notion") == 3
    settled(scene)
    [_, second] = blocks(scene, ref)
    assert second["id"] == first["id"]
    revoked = second["content"]["url"]
    assert revoked != before
    scene.company.clock.ahead += timedelta(days=25).total_seconds()
    with scene.runtime.store.write() as session:
        assert embedding.renew_ending(session, scene.runtime.now().date(), scene.runtime.epoch()) == 3
    settled(scene)
    assert blocks(scene, ref)[1]["content"]["url"] != revoked
    choose(scene, embed=False)
    settled(scene)
    assert kinds(scene, ref) == ["callout"]


def test_lost_answers_make_no_second_callout(scene: OkrScene) -> None:
    scene.sandbox.fail(path="/children", method="PATCH", status=503, commit=True, times=2)
    ref, above = made(scene), objective(scene)
    scene.company.clock.ahead += 60
    settled(scene)
    for again in range(2):
        scene.sandbox.fail(path="/v1/blocks/", method="PATCH", status=503, commit=True)
        tell(scene, "kr-a", 50.0 + again)
        settled(scene)
        scene.company.clock.ahead += 60
        settled(scene)
        assert kinds(scene, ref) == ["callout"]
        assert kinds(scene, above) == ["callout", "table"]
    assert "now 51\u00a0%" in callout(scene, ref)


def test_deleted_once_it_returns_deleted_twice_it_stays_away(scene: OkrScene) -> None:
    ref = objective(scene)
    for number, expected in ((50.0, ["callout", "table"]), (51.0, ["table"]), (52.0, ["table"])):
        for each in [each for each in blocks(scene, ref) if each["type"] == "callout"]:
            scene.world.delete_block(each["id"])
        tell(scene, "kr-a", number)
        settled(scene)
        assert sorted(kinds(scene, ref)) == expected
    with pytest.raises(Forbidden):
        choosing.show_again(scene.runtime, Viewer("bob", "member"), "acme-notion")
    assert choosing.show_again(scene.runtime, SYSTEM, "acme-notion") == 1
    settled(scene)
    assert sorted(kinds(scene, ref)) == ["callout", "table"]
    assert choosing.show_again(scene.runtime, SYSTEM, "acme-notion") == 0


def test_a_page_moved_elsewhere_in_the_workspace_keeps_its_one_callout(scene: OkrScene) -> None:
    page = scene.world.add_page("Objective's page")
    with scene.runtime.store.write() as session:
        pages = [{"connection": scene.connection, "ref": page}]
        session.execute(update(Objective).where(Objective.id == "onboarding").values(pages=pages))
    tell(scene, "kr-a", 50.0)
    settled(scene)
    assert kinds(scene, page) == ["callout"]
    scene.world.move_page(page, parent=scene.page)
    tell(scene, "kr-a", 51.0)
    settled(scene)
    assert kinds(scene, page) == ["callout"]
    assert "now 51\u00a0%" in callout(scene, page)


def test_two_drains_at_once_make_one_callout(scene: OkrScene) -> None:
    threads = [threading.Thread(target=scene.drain) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    ref = made(scene)
    assert kinds(scene, ref) == ["callout"]
