"""Panels inside Notion from a changed number to the page: rows of OKR databases, objectives' pages, what people do to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.okr_columns import DatabaseKind
from connector.services import panels
from connector.services.okr_databases.records import databases_of
from connector.services.panels import embedding
from connector.store.tables import CheckIn, KeyResult, Objective, OkrDatabase, OkrRow, Panel
from tests.support.okr_notion import OkrScene, okr_world


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with okr_world(tmp_path, public_url="https://okr.acme.example", options={"table": True}) as found:
        found.company.objective("onboarding")
        found.company.key_result("kr-a", title="First invoice sent", start=41.0, target=60.0)
        found.company.key_result("kr-b", title="Guided set-up finished")
        yield found


def bind(scene: OkrScene, record: str, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> str:
    """A row at the host that is the face of a record, as the row worker would have made it."""
    name = "Key result" if kind is DatabaseKind.KEY_RESULTS else "Objective"
    ref = scene.add_row({name: record}, kind, by=scene.world.data["bot"]).ref
    with scene.runtime.store.write() as session:
        database = databases_of(session, scene.connection)[kind]
        session.execute(OkrRow.__table__.delete().where(OkrRow.record == record, OkrRow.database_id == database.id))  # type: ignore[attr-defined]
        row = OkrRow(connection_id=scene.connection, database_id=database.id, ref=ref, record=record, created_at=scene.runtime.now())
        session.add(row)
        session.flush()
        panels.place_rows(session, [row.id], scene.runtime.epoch())
    return ref


def check_in(scene: OkrScene, name: str, value: float, **more: Any) -> None:
    moment = scene.runtime.now()
    said = {"confidence": 7, "decision": "none", **more}
    with scene.runtime.store.write() as session:
        number = len(list(session.scalars(select(CheckIn.id))))
        session.add(CheckIn(key_result_id=name, value=value, as_of=moment, created_at=moment, source="api", source_id=f"s{number}", **said))
    stand(scene, name, current=value, movement="flat")


def stand(scene: OkrScene, name: str, **columns: Any) -> None:
    """A computed status that changed, as the roll-up would have left it and told."""
    values = {"state": "on_track", "updated_at": scene.runtime.now(), **columns}
    with scene.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == name).values(**values))
        panels.place(session, [name], changed=[name], now=scene.runtime.epoch())


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
    ref = bind(scene, "kr-a")
    scene.drain()
    scene.sandbox.log.clear()
    check_in(scene, "kr-a", 42.0)
    scene.drain()
    lines = callout(scene, ref).splitlines()
    assert lines[0].startswith("●  On track")
    assert lines[1] == "First invoice sent, from 41\u00a0% to 60\u00a0%, now 42\u00a0%"
    assert lines[-1] == "Update · Open key result · Explain this number"
    panel = panel_of(scene, ref)
    assert panel is not None
    assert (panel.key_result_id, panel.objective_id, panel.error) == ("kr-a", None, None)
    assert "properties" not in panel.receipt
    assert kinds(scene, ref) == ["callout"]


def test_an_objectives_row_shows_all_its_key_results_with_a_table(scene: OkrScene) -> None:
    ref = bind(scene, "onboarding", DatabaseKind.OBJECTIVES)
    scene.drain()
    assert kinds(scene, ref) == ["callout", "table"]
    assert callout(scene, ref).splitlines()[0].startswith("◌  No data · Objective onboarding")
    check_in(scene, "kr-b", 54.0)
    scene.sandbox.log.clear()
    scene.drain()
    assert "now 54\u00a0%" in callout(scene, ref)
    writes = [(method, path.partition("/blocks/")[2][36:]) for method, path, _, _ in scene.sandbox.log if "/blocks/" in path]
    assert writes == [("PATCH", ""), ("PATCH", "")]  # the callout and one row
    scene.company.key_result("kr-c", title="Third")
    stand(scene, "kr-c", state="no_data")
    scene.drain()
    table = next(each for each in blocks(scene, ref) if each["type"] == "table")
    assert len(table["children"]) == 4
    choose(scene, table=False)
    scene.drain()
    assert kinds(scene, ref) == ["callout"]


def test_nothing_changed_means_no_request(scene: OkrScene) -> None:
    bind(scene, "kr-a")
    bind(scene, "onboarding", DatabaseKind.OBJECTIVES)
    scene.drain()
    scene.drain()
    scene.count()
    with scene.runtime.store.write() as session:
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    scene.drain()
    assert scene.count() == (0, 0)


def test_properties_only_makes_no_block(scene: OkrScene) -> None:
    choose(scene, panel="properties", embed=True)
    ref = bind(scene, "kr-a")
    stand(scene, "kr-a", current=50.0)
    scene.drain()
    assert panel_of(scene, ref) is None
    assert kinds(scene, ref) == []


def test_used_up_blocks_make_no_block_and_are_told(scene: OkrScene) -> None:
    scene.sandbox.block_limit = True
    ref = bind(scene, "kr-a")
    scene.drain()
    panel = panel_of(scene, ref)
    assert panel is not None
    assert "used up its blocks" in (panel.error or "")
    scene.count()
    stand(scene, "kr-a", current=50.0)
    scene.drain()
    assert kinds(scene, ref) == []
    assert not [path for method, path, _, _ in scene.sandbox.log if path.endswith("/children") and method == "PATCH"][1:]


def test_what_becomes_secret_is_taken_off_the_page(scene: OkrScene) -> None:
    ref = bind(scene, "kr-a")
    scene.drain()
    with scene.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(restricted=True))
    stand(scene, "kr-a", current=50.0)
    scene.drain()
    assert "First invoice" not in callout(scene, ref)
    assert callout(scene, ref) == "No key result is linked here any more."


def test_a_row_in_the_trash_is_left_alone_and_goes_on_when_it_comes_back(scene: OkrScene) -> None:
    ref = bind(scene, "kr-a")
    scene.drain()
    with scene.runtime.store.write() as session:
        session.execute(update(OkrRow).where(OkrRow.ref == ref).values(gone_at=scene.runtime.now()))
    scene.world.trash(ref)
    scene.drain()
    scene.count()
    stand(scene, "kr-a", current=50.0)
    with scene.runtime.store.write() as session:
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    scene.drain()
    assert scene.count()[1] == 0
    scene.world.restore(ref)
    with scene.runtime.store.write() as session:
        session.execute(update(OkrRow).where(OkrRow.ref == ref).values(gone_at=None))
        row = session.scalars(select(OkrRow.id).where(OkrRow.ref == ref)).one()
        panels.place_rows(session, [row], scene.runtime.epoch())
    scene.drain()
    assert "now 50\u00a0%" in callout(scene, ref)


def test_given_up_databases_keep_what_stands_there(scene: OkrScene) -> None:
    ref = bind(scene, "kr-a")
    scene.drain()
    before = callout(scene, ref)
    with scene.runtime.store.write() as session:
        session.execute(update(OkrDatabase).values(retired_at=scene.runtime.now()))
    stand(scene, "kr-a", current=50.0)
    with scene.runtime.store.write() as session:
        panels.want_again(session, scene.connection, scene.runtime.epoch())
    scene.drain()
    assert callout(scene, ref) == before


def test_a_blocker_says_since_when_and_work_that_stands_still_is_named(scene: OkrScene) -> None:
    ref = bind(scene, "kr-a")
    check_in(scene, "kr-a", 42.0, blocker="Waiting for legal")
    scene.company.clock.ahead += timedelta(days=3).total_seconds()
    check_in(scene, "kr-a", 42.0, blocker="Still waiting for legal")
    stand(scene, "kr-a", blocker="Still waiting for legal")
    scene.drain()
    begun = scene.runtime.now() - timedelta(days=3)
    local = begun.astimezone(scene.runtime.settings.zone)
    assert f"Blocker: Still waiting for legal · since {local.day} {local:%b}" in callout(scene, ref)


def test_our_live_page_stands_beneath_and_a_revoked_address_is_replaced_in_place(scene: OkrScene) -> None:
    choose(scene, embed=True)
    ref = bind(scene, "kr-a")
    scene.drain()
    assert kinds(scene, ref) == ["callout", "embed"]
    first = blocks(scene, ref)[1]
    assert first["content"]["url"].startswith("https://okr.acme.example/embed/")
    before = first["content"]["url"]
    from connector.domain.rights import SYSTEM

    assert embedding.revoke(scene.runtime, SYSTEM, "acme-notion") == 1
    scene.drain()
    [_, second] = blocks(scene, ref)
    assert second["id"] == first["id"]
    assert second["content"]["url"] != before
    scene.company.clock.ahead += timedelta(days=25).total_seconds()
    with scene.runtime.store.write() as session:
        assert embedding.renew_ending(session, scene.runtime.now().date(), scene.runtime.epoch()) == 1
    address = second["content"]["url"]
    scene.drain()
    assert blocks(scene, ref)[1]["content"]["url"] != address
    choose(scene, embed=False)
    scene.drain()
    assert kinds(scene, ref) == ["callout"]


def test_a_crash_between_the_write_and_its_note_makes_no_second_callout(scene: OkrScene) -> None:
    ref = bind(scene, "kr-a")
    for again in range(2):
        scene.sandbox.fail(path="/children|/blocks/", method="PATCH", status=503, commit=True)
        stand(scene, "kr-a", current=50.0 + again)
        scene.drain()
        scene.company.clock.ahead += 60
        scene.drain()
        assert kinds(scene, ref) == ["callout"]
    assert "now 51\u00a0%" in callout(scene, ref)


def test_deleted_once_it_returns_deleted_twice_it_stays_away(scene: OkrScene) -> None:
    ref = bind(scene, "onboarding", DatabaseKind.OBJECTIVES)
    scene.drain()
    for number, expected in ((50.0, ["callout", "table"]), (51.0, ["table"]), (52.0, ["table"])):
        for each in [each for each in blocks(scene, ref) if each["type"] == "callout"]:
            scene.world.delete_block(each["id"])
        stand(scene, "kr-a", current=number)
        scene.drain()
        scene.drain()
        assert sorted(kinds(scene, ref)) == expected


def test_a_page_moved_elsewhere_in_the_workspace_keeps_its_one_callout(scene: OkrScene) -> None:
    page = scene.world.add_page("Objective's page")
    with scene.runtime.store.write() as session:
        pages = [{"connection": scene.connection, "ref": page}]
        session.execute(update(Objective).where(Objective.id == "onboarding").values(pages=pages))
    stand(scene, "kr-a", current=50.0)
    scene.drain()
    assert kinds(scene, page) == ["callout"]
    scene.world.move_page(page, parent=scene.page)
    stand(scene, "kr-a", current=51.0)
    scene.drain()
    assert kinds(scene, page) == ["callout"]
    assert "now 51\u00a0%" in callout(scene, page)
