"""What doctor says about OKR databases and leads' pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.services.doctor import examine
from connector.services.findings import FAULT, OK, WARNING
from connector.services.okr_databases import setting_up
from connector.services.okr_databases.examining import findings
from connector.services.okr_databases.importing import read_all
from connector.store import migrate
from connector.store.tables import LeadsPage
from tests.services.okr_databases.bare import Bare, bare_world


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        setting_up.set_up(scene.runtime, SYSTEM, "acme-notion", scene.page)
        yield scene


def _found(bare: Bare) -> dict[str, tuple[str, str]]:
    with bare.runtime.store.read() as session:
        return {each.name: (each.state, each.message) for each in findings(session)}


def test_all_is_well(bare: Bare) -> None:
    assert _found(bare) == {"OKR databases acme-notion": (OK, "4 are kept in step")}


def test_what_differs_and_what_cannot_be_reached(bare: Bare) -> None:
    kept = bare.databases()
    bare.sandbox.world.remove_property(kept[DatabaseKind.KEY_RESULTS].source, "To")
    bare.sandbox.world.unshare(kept[DatabaseKind.DECISIONS].database)
    read_all(bare.runtime, bare.row())
    found = _found(bare)
    assert found["OKR databases acme-notion"] == (OK, "2 are kept in step")
    assert found["OKR database acme-notion Key Results"][0] == WARNING
    assert "“To” was deleted" in found["OKR database acme-notion Key Results"][1]
    assert found["OKR database acme-notion Decisions"][0] == FAULT
    with bare.runtime.store.engine.begin() as connection:  # its tables are made without migrations
        MigrationContext.configure(connection).stamp(ScriptDirectory(str(migrate.SCRIPTS)), "head")
    assert "OKR database acme-notion Decisions" in {each.name for each in examine(bare.runtime)}


def test_a_leads_page_that_cannot_be_written(bare: Bare) -> None:
    with bare.runtime.store.write() as session:
        session.add(
            LeadsPage(connection_id=bare.connection, ref="1", url="https://page", error="not shared", created_at=bare.runtime.now())
        )
    assert _found(bare)["leads' page acme-notion"] == (FAULT, "https://page cannot be written: not shared")
