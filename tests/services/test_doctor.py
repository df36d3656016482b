"""``doctor``: what it finds, that each fault has a mend, and that it lets a mended connection go on."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from connector.hosts import http
from connector.hosts.http import clock_skew
from connector.services import connections
from connector.services.doctor import as_json, examine
from connector.services.findings import FAULT, OK, WARNING, Finding
from connector.store.migrate import upgrade
from connector.store.tables import Connection, Delivery, Mapping, Panel
from tests.services.conftest import SECRETS, Scene


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """With the schema's version noted, as in a real installation, and everything applied."""
    from connector.store.base import Base

    Base.metadata.drop_all(scene.runtime.store.engine)
    upgrade(scene.runtime.settings)
    scene.apply()
    now = scene.runtime.now()
    with scene.runtime.store.write() as session:
        session.execute(update(Connection).values(last_event_at=now, last_sync_at=now, last_success_at=now))
    return scene


def look(scene: Scene) -> dict[str, Finding]:
    found = examine(scene.runtime)
    for each in found:
        assert each.state != FAULT or each.mend, each
        for secret in SECRETS.values():
            assert secret not in repr(each)
    return {each.name: each for each in found}


def change(scene: Scene, name: str, **values: object) -> None:
    with scene.runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.name == name).values(**values))


def test_a_sound_installation_has_no_fault(scene: Scene) -> None:
    found = look(scene)
    assert {name: each for name, each in found.items() if each.state == FAULT} == {}
    assert found["connection acme-jira"].state == OK
    assert found["database"].message.endswith("journal mode wal")
    assert found["clock"].state == OK
    assert found["redis"].state == WARNING  # none is running
    assert as_json(list(found.values()))["ok"] is True


def test_redis_is_looked_at(scene: Scene, redis_url: str) -> None:
    scene.runtime.redis_url = scene.runtime.settings.redis_url = redis_url
    assert look(scene)["redis"].state == OK
    scene.runtime.redis_url = scene.runtime.settings.redis_url = "redis://127.0.0.1:1"
    assert look(scene)["redis"].state == FAULT


def test_credentials_that_no_longer_work_and_work_again(scene: Scene) -> None:
    scene.jira.world.settings["api_token"] = "other"
    row = scene.connection("acme-jira")
    with scene.runtime.store.write() as session:
        connections.park(session, row.id, "401", scene.runtime.now())
    found = look(scene)["connection acme-jira"]
    assert found.state == FAULT
    assert "parked since" in found.message
    scene.jira.world.settings["api_token"] = SECRETS["JIRA_TOKEN"]
    assert look(scene)["connection acme-jira"].state == OK
    assert scene.connection("acme-jira").parked_at is None


def test_a_silent_host_and_one_that_is_somebody_else(scene: Scene) -> None:
    scene.jira.fail(status=503, times=10)
    assert look(scene)["connection acme-jira"].state == FAULT
    scene.jira.faults.clear()
    change(scene, "acme-jira", url=scene.notion_url)
    assert look(scene)["connection acme-jira"].state == FAULT


def test_webhooks_syncs_and_tokens(scene: Scene) -> None:
    now = scene.runtime.now()
    change(scene, "acme-jira", last_event_at=None, last_sync_at=now - timedelta(hours=27))
    change(scene, "acme-notion", webhook_secret=None, armed_until=None)
    found = look(scene)
    assert found["webhook acme-jira"].state == WARNING
    assert found["sync acme-jira"].state == FAULT
    assert found["webhook acme-notion"].state == FAULT
    change(scene, "acme-jira", last_event_at=now - timedelta(days=8), last_sync_at=None, created_at=now - timedelta(days=3))
    change(scene, "acme-notion", armed_until=now + timedelta(hours=1))
    found = look(scene)
    assert found["webhook acme-jira"].state == WARNING
    assert found["sync acme-jira"].state == FAULT
    assert found["webhook acme-notion"].state == WARNING
    for days, state in ((-2, FAULT), (5, WARNING), (90, OK)):
        change(scene, "acme-jira", options={"token_expires": (now + timedelta(days=days)).date().isoformat()})
        assert look(scene)["token acme-jira"].state == state


def test_broken_mappings_failing_panels_and_waiting_work(scene: Scene) -> None:
    row = scene.connection("acme-jira")
    with scene.runtime.store.write() as session:
        session.execute(update(Mapping).where(Mapping.connection_id == row.id).values(broken="the epic is gone"))
        session.execute(update(Panel).where(Panel.ref == "10001").values(error="no right to write here"))
        session.add(Delivery(connection_id=row.id, key="k", received_at=scene.runtime.now() - timedelta(minutes=6), body=b"{}"))
    found = look(scene)
    assert found["mapping kr-setup[0]"].state == FAULT
    assert found["panel acme-jira 10001"].state == FAULT
    with scene.runtime.store.write() as session:  # one typo in the settings is one finding
        why = "Jira has no field 'OKR percnt'; name one in the connection's settings"
        session.execute(update(Panel).where(Panel.ref == "10001").values(error=why))
        session.add_all(Panel(connection_id=row.id, ref=str(ref), key_results=[], receipt={}, error=why) for ref in range(1, 8))
    alike = [finding for name, finding in look(scene).items() if name.startswith("panel")]
    assert [(each.name, each.message[:34]) for each in alike] == [("panels acme-jira", "8 cannot be written (1, 10001, 2 a")]
    assert alike[0].mend == "correct the field for progress or status in the settings of connection acme-jira"
    assert found["deliveries"].state == FAULT
    assert "work" not in found
    scene.clock.ahead += 400
    assert "3 mappings" in look(scene)["work"].message


def test_a_clock_that_is_wrong(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock_skew
    monkeypatch.setattr(http, "clock_skew", lambda headers: (real(headers) or 0.0) + 400.0)  # as if our clock were ahead
    found = look(scene)["clock"]
    assert found.state == FAULT
    assert re.search(r"this machine's clock is (399|400|401) seconds ahead of acme-", found.message)


def test_the_skew_is_read_from_the_date_header() -> None:
    assert clock_skew({"date": "Thu, 01 Jan 1970 00:00:10 GMT"}) == pytest.approx(time.time() - 10, abs=5)
    assert clock_skew({"date": "yesterday"}) is None
    assert clock_skew({}) is None


def test_a_database_without_tables(scene: Scene) -> None:
    from connector.store.base import Base

    Base.metadata.drop_all(scene.runtime.store.engine)
    with scene.runtime.store.write() as session:
        session.connection().exec_driver_sql("DROP TABLE alembic_version")
    found = look(scene)
    assert found["database"].state == FAULT
    assert found["database"].mend == "run: okr-connector db upgrade"
