"""From an empty page, or from databases that a team has, to rows that are kept in step: the whole loop over real HTTP, by webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import Conflict, NotFound
from connector.services.drain import settle
from connector.services.okr_databases import nightly, setting_up
from connector.services.okr_databases.adopting import adopt
from connector.store.tables import KeyResult
from tests.services.okr_databases.bare import Bare, bare_world, database
from tests.support.okr_notion import OkrScene

KEY_RESULTS, OBJECTIVES = DatabaseKind.KEY_RESULTS, DatabaseKind.OBJECTIVES


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        scene.company.key_result("kr-setup", title="Set up in a day")
        yield scene


def _scene(bare: Bare) -> OkrScene:
    """The workspace after a set-up or an adoption, to be worked on as people do."""
    scene = OkrScene(bare.company, bare.sandbox, bare.url, bare.connection, bare.page, {}, bare.accounts)
    with scene.host() as host:
        for kind, row in bare.databases().items():
            scene.databases[kind] = host.find(row.database)
    return scene


def _work(scene: OkrScene) -> None:
    """Until nothing is wanted any more: values, then rows, then what those bring."""
    for _ in range(3):
        settle(scene.runtime)
        scene.drain()


def _title(scene: OkrScene, ident: str) -> str:
    with scene.runtime.store.read() as session:
        return session.get_one(KeyResult, ident).title


def test_from_an_empty_page_to_a_key_result_typed_in_notion(bare: Bare) -> None:
    setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    scene = _scene(bare)
    _work(scene)
    assert scene.row("Set up in a day")["Owner"] == (bare.accounts["Alice"],)
    above = scene.row("Objective onboarding", OBJECTIVES)
    assert scene.row("Set up in a day")["Objective"] == (above.ref,)

    new = scene.add_row({"Key result": "First invoice sent", "Objective": [above], "To": 40}, by="Bob")
    _work(scene)
    assert new["OKR note"] == "Not a key result yet: needs an owner; needs “From”."
    assert not new["OKR key"]
    new.edit({"Owner": ["Bob"], "From": 0}, by="Bob")
    _work(scene)
    assert _title(scene, "kr-first-invoice-sent") == "First invoice sent"
    assert not new["OKR note"]
    assert new["OKR key"] == "kr-first-invoice-sent"
    assert new["OKR status"]

    before = len(scene.rows())
    setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    nightly.nightly(bare.runtime, bare.row())
    scene.count()
    _work(scene)
    assert len(scene.rows()) == before
    assert scene.count()[1] == 0  # nothing is written when nothing changed


def test_databases_that_a_team_has(bare: Bare) -> None:
    goals = database(bare, "Goals", {"Goal": "title", "Quarter": {"type": "select", "options": ["Q4"]}})
    world = bare.sandbox.world
    relation = {"type": "relation", "data_source_id": goals, "database_id": world.data["sources"][goals]["database"], "single_property": {}}
    columns = {"Name": "title", "Goal": relation, "DRI": "people", "Baseline": "number", "Target": "number", "Actual": "number"}
    results = database(bare, "Measures", {**columns, "Status": {"type": "select", "options": ["Doing"]}})
    known = world.add_row(goals, {"Goal": "Objective onboarding", "Quarter": "Q4"}, author=bare.accounts["Alice"])
    whole = {"Goal": [known], "DRI": [bare.accounts["Bob"]], "Baseline": 10, "Target": 50}
    world.add_row(results, {"Name": "Set up in a day", **whole}, author=bare.accounts["Alice"])
    world.add_row(results, {"Name": "Revenue", "Actual": 20, "Status": "Doing", **whole}, author=bare.accounts["Alice"])
    adopt(bare.runtime, SYSTEM, "acme-notion", {"key_results": results}, complete=True)
    nightly.read_rows(bare.runtime, bare.connection)
    scene = _scene(bare)
    _work(scene)

    revenue = scene.row("Revenue")
    assert revenue["OKR key"] == "kr-revenue"
    assert revenue["OKR progress"] == 0.25
    assert (revenue["Actual"], revenue["Status"], revenue["DRI"]) == (20.0, "Doing", (bare.accounts["Bob"],))
    assert scene.row("Set up in a day")["OKR key"] == "kr-setup"
    assert len(scene.rows()) == 2

    revenue.edit({"Target": 100}, by="Alice")
    _work(scene)
    with scene.runtime.store.read() as session:
        assert session.get_one(KeyResult, "kr-revenue").target == 100.0


def test_a_row_in_the_trash_is_made_again_when_asked(bare: Bare) -> None:
    setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    scene = _scene(bare)
    _work(scene)
    old = scene.row("Set up in a day")
    with pytest.raises(Conflict, match="this row is there"):
        setting_up.make_again(bare.runtime, SYSTEM, "acme-notion", "kr-setup")
    with pytest.raises(NotFound, match="keeps no row of 'kr-nothing'"):
        setting_up.make_again(bare.runtime, SYSTEM, "acme-notion", "kr-nothing")
    old.trash()
    _work(scene)
    nightly.nightly(bare.runtime, bare.row())
    assert not scene.rows()
    setting_up.make_again(bare.runtime, SYSTEM, "acme-notion", "kr-setup")
    _work(scene)
    new = scene.row("Set up in a day")
    assert new.ref != old.ref
    assert new["OKR key"] == "kr-setup"
    old.restore()
    _work(scene)
    assert old["OKR note"] == "Not a key result yet: is a copy of “Set up in a day”: give it a title of its own, or delete it."
    assert len(bare.key_results()) == 1
