"""Installations: which are accepted, which connection each works for, and that none gets at what is another's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Forbidden, NotFound
from connector.services.connecting import saving
from connector.services.forge import overseeing
from connector.services.forge.caller import Invocation
from connector.services.forge.installations import connection_of, note
from connector.services.forge.people import caller_of
from connector.store.tables import Audit, Connection, ForgeInstallation, PersonAccount
from tests.support.forge import ALICE, BOB, INSTALLATION, STRANGER, SYSTEM_TOKEN, Forge, forge_site, forge_world
from tests.support.installed import ANOTHER, LOGIN, opened, rows, seen


@pytest.fixture
def forge(tmp_path: Path, database_url: str) -> Iterator[Forge]:
    with forge_world(tmp_path, database_url=database_url) as world:
        yield world


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as world:
        yield world


# --- accepting -----------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_the_first_site_is_accepted_and_becomes_a_connection_by_itself(forge: Forge) -> None:
    row = seen(forge)
    assert (row.state, row.site_url, row.app_version, row.environment) == ("active", forge.site_url, "1.0.0", "PRODUCTION")
    made = rows(forge, Connection)
    assert len(made) == 1
    assert made[0].name == "127-jira"
    assert (made[0].host, made[0].url, made[0].installation_id) == ("jira", forge.site_url, row.id)
    assert opened(forge, made[0].auth) == {"cloud_id": forge.cloud_id, "forge": INSTALLATION}
    assert opened(forge, row.system_token) == SYSTEM_TOKEN
    assert SYSTEM_TOKEN not in str(row.system_token)
    assert connection_of(forge.company.runtime, forge.invocation()) == (made[0].id, "127-jira")
    written = {(each.action, each.entity) for each in rows(forge, Audit)}
    assert written == {("active", "forge installation"), ("create", "connection")}
    assert SYSTEM_TOKEN not in str([each.after for each in rows(forge, Audit)])


def test_calls_that_bring_nothing_new_write_nothing(site: Forge) -> None:
    before = site.installation()
    for _ in range(3):
        seen(site, ALICE)
    after = site.installation()
    assert (after.last_seen_at, after.token_ends_at) == (before.last_seen_at, before.token_ends_at)
    site.company.clock.ahead = 61
    seen(site, ALICE)
    assert site.installation().last_seen_at > before.last_seen_at


def test_a_second_site_waits_and_its_token_is_not_kept(site: Forge) -> None:
    row = seen(site, installation=ANOTHER, cloud_id="cloud-b")
    assert (row.state, row.system_token) == ("waiting", None)
    with pytest.raises(Forbidden, match="waits for an admin"):
        connection_of(site.company.runtime, site.invocation(installation=ANOTHER, cloud_id="cloud-b"))
    assert len(rows(site, Connection)) == 1


def test_a_waiting_site_does_not_become_the_first_by_waiting(site: Forge) -> None:
    with site.company.runtime.store.write() as session:
        for each in session.scalars(select(Connection)):
            each.installation_id = None
    seen(site, installation=ANOTHER, cloud_id="cloud-b")
    site.company.clock.ahead = 3600
    assert seen(site, installation=ANOTHER, cloud_id="cloud-b").state == "waiting"


@pytest.mark.parametrize("how", ["address", "bare", "cloud id"])
def test_with_sites_set_only_those_are_accepted(tmp_path: Path, how: str) -> None:
    with forge_world(tmp_path, forge_sites="acme.atlassian.net") as forge:
        assert seen(forge).state == "waiting"
        assert rows(forge, Connection) == []
        told = {"address": f"{forge.site_url}/", "bare": forge.site_url.removeprefix("http://"), "cloud id": forge.cloud_id.upper()}
        forge.company.runtime.settings.forge_sites = f"https://other.atlassian.net, {told[how]}"
        assert seen(forge, hourly=True).state == "active"


def test_the_site_of_a_jira_connection_is_accepted_by_its_cloud_id(tmp_path: Path) -> None:
    with forge_world(tmp_path, forge_sites="acme.atlassian.net") as forge:
        number = forge.company.connection("acme-jira", "jira", "https://acme.atlassian.net", {**LOGIN, "cloud_id": forge.cloud_id})
        assert seen(forge).state == "active"
        assert connection_of(forge.company.runtime, forge.invocation()) == (number, "acme-jira")
        assert len(rows(forge, Connection)) == 1


def test_the_site_of_a_jira_connection_is_accepted_by_its_proven_address(tmp_path: Path) -> None:
    with forge_world(tmp_path, forge_sites="acme.atlassian.net") as forge:
        number = forge.company.connection("acme-jira", "jira", f"{forge.site_url}/", LOGIN)
        assert seen(forge).state == "active"
        assert connection_of(forge.company.runtime, forge.invocation()) == (number, "acme-jira")


def test_a_call_that_claims_anothers_address_is_not_believed(site: Forge) -> None:
    """The address stands in the context, which passes through the browser: the site itself is asked for its cloud id."""
    row = seen(site, installation=ANOTHER, cloud_id="cloud-b")  # with the address of acme
    assert (row.state, row.site_url) == ("waiting", "")
    asked = len(site.jira.calls("tenant_info"))
    for _ in range(5):
        site.company.clock.ahead += 50
        seen(site, installation=ANOTHER, cloud_id="cloud-b")
    assert len(site.jira.calls("tenant_info")) == asked, "a wrong address is not asked for again at once"


@pytest.mark.databases("sqlite", "postgres")
def test_first_calls_at_the_same_moment(forge: Forge) -> None:
    """Of one site they make one row and one connection; of several sites one is the first."""
    runtime = forge.company.runtime
    assert runtime.instance, "made when the connector starts to work, long before"
    calls = [forge.invocation() for _ in range(4)]
    calls += [
        replace(forge.invocation(), installation=f"{ANOTHER}-{n}", cloud_id=f"cloud-{n}", site_url="", system_token="") for n in range(4)
    ]
    start = threading.Barrier(len(calls))

    def call(invocation: Invocation) -> str:
        start.wait()
        return note(runtime, invocation).state

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(call, calls))
    states = [row.state for row in rows(forge, ForgeInstallation)]
    assert (len(states), states.count("active"), states.count("waiting")) == (5, 1, 4)
    assert len(rows(forge, Connection)) == (1 if forge.installation().state == "active" else 0)


def test_a_retired_connection_gives_no_trust_and_is_not_made_again(tmp_path: Path) -> None:
    with forge_world(tmp_path, forge_sites="acme.atlassian.net") as forge:
        forge.company.connection("acme-jira", "jira", forge.site_url, LOGIN)
        saving.retire(forge.company.runtime, SYSTEM, "acme-jira")
        assert seen(forge).state == "waiting"
        forge.company.runtime.settings.forge_sites = ""
        assert seen(forge, hourly=True).state == "active"
        assert [each.name for each in rows(forge, Connection)] == ["acme-jira", "127-jira"]
        saving.retire(forge.company.runtime, SYSTEM, "127-jira")
        assert seen(forge, hourly=True).state == "active"
        assert len(rows(forge, Connection)) == 2
        with pytest.raises(Forbidden, match="No connection"):
            connection_of(forge.company.runtime, forge.invocation())


def test_an_event_that_names_no_site_asks_jira_for_it(forge: Forge) -> None:
    assert seen(forge, context=None).site_url == forge.site_url
    assert ("GET", "serverInfo") in forge.atlassian.asked
    assert len(rows(forge, Connection)) == 1


def test_without_an_address_the_connection_follows_when_somebody_looks(forge: Forge) -> None:
    assert seen(forge, system=None, context=None).state == "active"
    assert rows(forge, Connection) == []
    with pytest.raises(Forbidden, match="No connection"):
        connection_of(forge.company.runtime, forge.invocation())
    seen(forge, ALICE)
    assert len(rows(forge, Connection)) == 1


def test_names_of_connections_stay_unique(forge: Forge) -> None:
    forge.company.connection("127-jira", "jira", "https://other.atlassian.net", LOGIN)
    seen(forge)
    assert [each.name for each in rows(forge, Connection)] == ["127-jira", "127-jira-2"]


def test_an_admin_accepts_and_refuses(site: Forge) -> None:
    runtime = site.company.runtime
    ident = seen(site, installation=ANOTHER, cloud_id="cloud-b").id
    for act in (overseeing.accept, overseeing.refuse):
        with pytest.raises(Forbidden):
            act(runtime, Viewer("bob", "lead"), ident)
        with pytest.raises(NotFound):
            act(runtime, SYSTEM, 99)
    with runtime.store.write() as session:
        session.get_one(ForgeInstallation, ident).site_url = "https://beta.atlassian.net"
    known = overseeing.accept(runtime, SYSTEM, ident)
    assert (known.state, known.connection) == ("active", "beta-jira")
    seen(site, installation=ANOTHER, cloud_id="cloud-b", system="token of beta")
    assert opened(site, site.installation(ANOTHER, "cloud-b").system_token) == "token of beta"
    assert overseeing.refuse(runtime, SYSTEM, ident).state == "refused"
    row = site.installation(ANOTHER, "cloud-b")
    assert (row.system_token, row.token_ends_at) == (None, None)
    parked = next(each for each in rows(site, Connection) if each.name == "beta-jira")
    assert "refused the Forge app" in str(parked.parked_reason)
    site.company.clock.ahead = 120
    seen(site, installation=ANOTHER, cloud_id="cloud-b", system="token of beta 2", hourly=True)
    row = site.installation(ANOTHER, "cloud-b")
    assert (row.state, row.system_token) == ("refused", None)
    with pytest.raises(Forbidden, match="has refused"):
        connection_of(runtime, site.invocation(installation=ANOTHER, cloud_id="cloud-b"))
    third = seen(site, installation=f"{ANOTHER}-3", cloud_id="cloud-b")
    assert third.state == "refused", "installing it anew changes nothing"
    overseeing.accept(runtime, SYSTEM, ident)
    seen(site, installation=ANOTHER, cloud_id="cloud-b", system="token of beta 3")
    assert next(each for each in rows(site, Connection) if each.name == "beta-jira").parked_at is None
    assert [each.action for each in rows(site, Audit) if each.actor == "system" and each.entity == "forge installation"].count(
        "accept"
    ) == 2


# --- tenants -------------------------------------------------------------------------------------------------------------------


def test_an_installation_of_one_site_is_not_taken_from_another(site: Forge) -> None:
    with pytest.raises(Forbidden, match="another site"):
        seen(site, cloud_id="cloud-b", system="token of the intruder")
    row = site.installation()
    assert opened(site, row.system_token) == SYSTEM_TOKEN
    assert [each.cloud_id for each in rows(site, ForgeInstallation)] == [site.cloud_id]
    with pytest.raises(Forbidden):
        connection_of(site.company.runtime, site.invocation(cloud_id="cloud-b"))


def test_people_of_one_site_are_strangers_at_another(site: Forge) -> None:
    runtime = site.company.runtime
    ident = seen(site, installation=ANOTHER, cloud_id="cloud-b").id
    with runtime.store.write() as session:
        session.get_one(ForgeInstallation, ident).site_url = "https://beta.atlassian.net"
    overseeing.accept(runtime, SYSTEM, ident)
    home = caller_of(runtime, site.invocation(ALICE))
    away = caller_of(runtime, site.invocation(ALICE, installation=ANOTHER, cloud_id="cloud-b"))
    assert (home.known, home.viewer.role, home.connection_name) == (True, "admin", "acme-jira")
    assert (away.known, away.viewer.role, away.connection_name) == (False, "viewer", "beta-jira")
    assert (away.viewer.person_id, away.viewer.name) == (None, f"beta-jira:{ALICE}")


def test_unknown_people_are_mere_viewers_and_those_who_left_are_refused(site: Forge) -> None:
    runtime = site.company.runtime
    stranger = caller_of(runtime, site.invocation(STRANGER))
    assert (stranger.known, stranger.viewer.role, stranger.viewer.person_id) == (False, "viewer", None)
    site.person("alice@acme.example", ALICE, "admin", active=False)
    with pytest.raises(Forbidden, match="your access to the OKR connector was ended"):
        caller_of(runtime, site.invocation(ALICE))
    site.person("alice@acme.example", ALICE, "admin")
    with runtime.store.write() as session:
        session.execute(update(PersonAccount).where(PersonAccount.account == BOB).values(left_at=runtime.now()))
    with pytest.raises(Forbidden, match="your account is deactivated"):
        caller_of(runtime, site.invocation(BOB))
    assert caller_of(runtime, site.invocation(ALICE)).known
    with pytest.raises(Forbidden, match="no person"):
        caller_of(runtime, site.invocation(""))
