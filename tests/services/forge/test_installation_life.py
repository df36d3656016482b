"""What becomes of an installation: its tokens, installing the app anew, falling silent, and what ``doctor`` says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.rights import SYSTEM
from connector.errors import Conflict, Forbidden, Refused
from connector.schedule import SCHEDULE
from connector.services import connections
from connector.services.connecting import rotation
from connector.services.doctor_connections import examine_connections
from connector.services.findings import FAULT, OK, WARNING
from connector.services.forge import overseeing
from connector.services.forge.installations import connection_of, token_end
from connector.store.tables import Connection
from connector.store.vault import Vault
from tests.support.forge import ALICE, SYSTEM_TOKEN, Forge, forge_site, forge_world
from tests.support.installed import ANOTHER, environment, jwt, opened, rows, seen


@pytest.fixture
def forge(tmp_path: Path, database_url: str) -> Iterator[Forge]:
    with forge_world(tmp_path, database_url=database_url) as world:
        yield world


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as world:
        yield world


# --- tokens --------------------------------------------------------------------------------------------------------------------


def test_when_a_token_ends(forge: Forge) -> None:
    now = forge.company.runtime.now()
    assert token_end("", now) is None
    for opaque in ("opaque", "a.b.c", "a.bm90IGpzb24.c", jwt(1).replace(".", "", 1)):
        assert token_end(opaque, now) == now + timedelta(hours=2)
    told = token_end(jwt(now.timestamp() + 3000), now)
    assert told is not None
    assert abs((told - now).total_seconds() - 3000) < 1
    assert token_end(jwt(now.timestamp() + 9 * 3600), now) == now + timedelta(hours=4)
    assert token_end(jwt(1e40), now) == now + timedelta(hours=2)


def test_a_newer_token_replaces_an_older_one_and_never_the_other_way_round(forge: Forge) -> None:
    now = forge.company.runtime.epoch()
    seen(forge, system=jwt(now + 7200, "first"))
    seen(forge, system=jwt(now + 7300, "hardly newer"))
    assert opened(forge, forge.installation().system_token) == jwt(now + 7200, "first")
    seen(forge, system=jwt(now + 10_800, "newer"))
    newer = forge.installation()
    assert opened(forge, newer.system_token) == jwt(now + 10_800, "newer")
    seen(forge, system=jwt(now + 7200, "late"), hourly=True)
    seen(forge, system=jwt(now - 10, "ended"), hourly=True)
    seen(forge, system=None, hourly=True)
    assert opened(forge, forge.installation().system_token) == jwt(now + 10_800, "newer")
    assert forge.installation().token_ends_at == newer.token_ends_at


def test_a_token_that_a_person_brings_does_not_push_out_the_apps_own(forge: Forge) -> None:
    """The header is not signed: whoever holds a token of their own could put anything there."""
    now = forge.company.runtime.epoch()
    seen(forge, system=jwt(now + 7200))
    seen(forge, ALICE, system=jwt(now + 14_000, "poison"))
    forge.company.clock.ahead = 61
    seen(forge, ALICE, system=jwt(now + 14_000, "poison"))
    assert opened(forge, forge.installation().system_token) == jwt(now + 7200)
    forge.company.clock.ahead = 7300
    seen(forge, ALICE, system=jwt(now + 14_000, "poison"))
    row = forge.installation()
    assert opened(forge, row.system_token) == jwt(now + 14_000, "poison"), "without any other it is tried"
    assert row.token_ends_at is not None
    assert row.token_ends_at.timestamp() < now + 7300 + 3700, "but not for long"
    forge.company.clock.ahead = 7400
    seen(forge, system=jwt(now + 7400 + 7200, "own"), hourly=True)
    assert opened(forge, forge.installation().system_token) == jwt(now + 7400 + 7200, "own")


def test_tokens_are_sealed_anew_with_a_new_key(site: Forge) -> None:
    runtime = site.company.runtime
    runtime.vault = Vault("n" * 40 + " " + "k" * 40)
    assert rotation.reseal(runtime).locked == ()
    runtime.vault = Vault("n" * 40)
    assert opened(site, site.installation().system_token) == SYSTEM_TOKEN
    runtime.vault = Vault("z" * 40)
    rotation.reseal(runtime)
    assert (site.installation().system_token, site.installation().token_ends_at) == (None, None)


# --- installed anew, silent ----------------------------------------------------------------------------------------------------


def test_installing_anew_replaces_the_installation_and_keeps_the_connection(forge: Forge) -> None:
    seen(forge)
    runtime = forge.company.runtime
    number = connection_of(runtime, forge.invocation())[0]
    row = seen(forge, installation=ANOTHER, system="token of the second")
    old = forge.installation()
    assert (row.state, old.state, old.system_token) == ("active", "replaced", None)
    made = rows(forge, Connection)
    assert [each.id for each in made] == [number]
    assert made[0].installation_id == row.id
    assert opened(forge, made[0].auth) == {"cloud_id": forge.cloud_id, "forge": ANOTHER}
    assert connection_of(runtime, forge.invocation(installation=ANOTHER))[0] == number
    forge.company.clock.ahead = 120
    assert seen(forge, system="late token", hourly=True).state == "replaced"
    with pytest.raises(Forbidden, match="installed anew"):
        connection_of(runtime, forge.invocation())
    assert forge.installation().system_token is None
    assert opened(forge, forge.installation(ANOTHER).system_token) == "token of the second"
    for act in (overseeing.accept, overseeing.refuse):
        with pytest.raises(Conflict, match="installed anew"):
            act(runtime, SYSTEM, old.id)


def test_an_installation_of_development_does_not_push_out_production(forge: Forge) -> None:
    seen(forge)
    row = seen(forge, **environment(forge, "DEVELOPMENT", installation=ANOTHER))
    assert (row.state, forge.installation().state) == ("waiting", "active")
    overseeing.accept(forge.company.runtime, SYSTEM, row.id)
    assert (forge.installation(ANOTHER).state, forge.installation().state) == ("active", "replaced")


def test_an_installation_of_production_takes_over_from_development(forge: Forge) -> None:
    seen(forge, **environment(forge, "DEVELOPMENT"))
    assert forge.installation().environment == "DEVELOPMENT"
    assert seen(forge, installation=ANOTHER).state == "active"
    assert forge.installation().state == "replaced"


@pytest.mark.databases("sqlite", "postgres")
def test_a_silent_installation_is_noticed_and_comes_back_by_itself(forge: Forge) -> None:
    runtime = forge.company.runtime
    seen(forge, hourly=True)
    task = next(entry for entry in SCHEDULE if entry.name == "forge")
    forge.company.clock.ahead = 3 * 3600
    task.run(runtime)
    assert forge.installation().state == "active", "the token has ended, but calls may still come"
    seen(forge, system=jwt(runtime.epoch() + 3 * 3600))  # an event comes, the schedule does not run
    forge.company.clock.ahead = 5 * 3600
    task.run(runtime)
    assert forge.installation().state == "active", "its token still works"
    forge.company.clock.ahead = 7 * 3600
    task.run(runtime)
    row = forge.installation()
    assert (row.state, row.system_token) == ("silent", None)
    parked = rows(forge, Connection)[0]
    assert "the Forge app has not called since" in str(parked.parked_reason)
    assert "Manage apps" in str(parked.parked_reason)
    assert seen(forge, hourly=True).state == "active"
    back = rows(forge, Connection)[0]
    assert (back.parked_at, back.parked_reason) == (None, None)
    assert opened(forge, forge.installation().system_token) == SYSTEM_TOKEN


def test_a_connection_with_a_login_of_its_own_is_not_parked_with_the_app(site: Forge) -> None:
    site.company.clock.ahead = 7 * 3600
    overseeing.look_for_silence(site.company.runtime)
    assert site.installation().state == "silent"
    assert rows(site, Connection)[0].parked_at is None
    with site.company.runtime.store.write() as session:
        connections.park(session, site.connection, "the API token has ended", site.company.runtime.now())
    seen(site, hourly=True)
    assert site.installation().state == "active"
    assert rows(site, Connection)[0].parked_at is not None, "the app's token mends nothing there"


def test_a_renewed_token_lets_a_connection_without_another_login_go_on(forge: Forge) -> None:
    ends = forge.company.runtime.epoch() + 7200
    seen(forge, system=jwt(ends))
    with forge.company.runtime.store.write() as session:
        connections.park(session, 1, "401, the token has ended", forge.company.runtime.now())
    seen(forge, system=jwt(ends), hourly=True)
    assert rows(forge, Connection)[0].parked_at is not None, "no newer token came"
    seen(forge, system=jwt(ends + 3600), hourly=True)
    assert rows(forge, Connection)[0].parked_at is None


def test_a_connection_is_told_what_the_app_lets_it_do(site: Forge) -> None:
    runtime = site.company.runtime
    with closing(runtime.connect(rows(site, Connection)[0])) as host:
        app = host.settings.app
    assert app["token"] == SYSTEM_TOKEN
    assert app["api_base_url"].endswith(f"/ex/jira/{site.cloud_id}")
    site.company.clock.ahead = 3 * 3600
    with closing(runtime.connect(rows(site, Connection)[0])) as host:
        assert host.settings.app == {}


def test_a_connection_made_by_the_app_works_through_the_app(forge: Forge) -> None:
    """From nothing to a working connection: nobody entered a login."""
    seen(forge)
    runtime = forge.company.runtime
    row = rows(forge, Connection)[0]
    with closing(runtime.connect(row)) as host:
        assert host.identify()
        assert [each.key for each in host.describe().containers] == ["ACME"]
    findings, _ = examine_connections(runtime)
    states = {each.name: (each.state, each.message) for each in findings}
    assert states["connection 127-jira"][0] == OK
    assert states["webhook 127-jira"] == (OK, "there is none: events come through the Forge app")
    forge.company.clock.ahead = 3 * 3600
    with closing(runtime.connect(row)) as host, pytest.raises(Refused) as refused:
        host.identify()
    assert refused.value.parks
    forge.company.clock.ahead = 3 * 3600 + 60
    seen(forge, hourly=True)
    with closing(runtime.connect(row)) as host:
        assert host.identify()


# --- doctor --------------------------------------------------------------------------------------------------------------------


def said(forge: Forge) -> list[tuple[str, str]]:
    with forge.company.runtime.store.read() as session:
        found = overseeing.findings(forge.company.runtime, session)
    assert all(each.mend for each in found if each.state in (FAULT, WARNING))
    return [(each.state, each.message) for each in found]


@pytest.mark.databases("sqlite", "postgres")
def test_doctor_tells_how_the_app_is(forge: Forge) -> None:
    runtime = forge.company.runtime
    assert said(forge) == [(WARNING, "the app is set up here, but no call of it ever came")]
    seen(forge)
    assert said(forge) == [(OK, "no hourly call came yet")]
    forge.company.clock.ahead = 3 * 3600
    assert said(forge) == [(WARNING, "no hourly call came yet")]
    row = seen(forge, hourly=True)
    assert row.hourly_at is not None
    assert said(forge) == [(OK, f"works for 127-jira, called at {row.hourly_at:%Y-%m-%d %H:%M}Z")]
    forge.company.clock.ahead = 6 * 3600
    assert said(forge)[0][0] == WARNING
    forge.company.clock.ahead = 9 * 3600
    overseeing.look_for_silence(runtime)
    assert said(forge)[0][0] == FAULT
    seen(forge, installation=ANOTHER, cloud_id="cloud-b")
    assert (WARNING, "the installation waits to be accepted") in said(forge)
    runtime.settings.forge_app_id = ""
    assert said(forge) == []
