"""Where a call comes from is proven by Jira: no word of the caller makes another's site or connection theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.wrappers import Response

from connector.domain.rights import SYSTEM
from connector.services.forge import overseeing
from connector.services.forge.sites import origin_in, places, same_place, site_of
from connector.store.tables import Connection, ForgeInstallation
from tests.support.forge import ALICE, INSTALLATION, STRANGER, Forge, forge_site, forge_world
from tests.support.installed import ANOTHER, LOGIN, rows, seen
from tests.support.standin import running

CLOUD_B = "bbbb-cloud"
ELSEWHERE = ("/public/file.json?x=", "/public/file.json#", "/public/file.json", "//public/file.json?", "/?x=", "/#")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Forge]:
    """Acme, on whose site a file lies that looks like the answer for another cloud id."""
    with forge_site(tmp_path) as world:
        for path in ("/public/file.json", "/public/file.json/_edge/tenant_info", "//public/file.json"):
            world.atlassian.files[path] = {"cloudId": CLOUD_B}
        yield world


def intrude(site: Forge, address: str, path: str = "/forge/v1/dashboard", installation: str = ANOTHER) -> Any:
    claims = site.claims(STRANGER, installation=installation, cloud_id=CLOUD_B)
    claims["context"]["siteUrl"] = address
    return site.client.post(path, json={}, headers=site.headers(site.token(claims), STRANGER))


@pytest.mark.parametrize("listed", ["", "https://other.atlassian.net"])
@pytest.mark.parametrize("more", ELSEWHERE)
def test_a_place_on_anothers_site_proves_nothing(site: Forge, more: str, listed: str) -> None:
    site.company.runtime.settings.forge_sites = listed
    refused = intrude(site, site.site_url + more)
    assert (refused.status_code, "waits for an admin" in refused.text) == (403, True)
    row = site.installation(ANOTHER, CLOUD_B)
    assert (row.state, row.site_url) == ("waiting", "")
    assert [each.installation_id for each in rows(site, Connection)] == [site.installation().id]
    assert site.call("POST", "/forge/v1/dashboard", {}).status_code == 200


def test_odd_addresses_neither_raise_nor_lead_anywhere(site: Forge) -> None:
    fetched: list[str] = []

    def evil(environ: Any, start_response: Any) -> Any:
        fetched.append(environ["PATH_INFO"])
        return Response(json.dumps({"cloudId": CLOUD_B}), content_type="application/json")(environ, start_response)

    with running(evil) as url:
        e, a = url.removeprefix("http://"), site.site_url.removeprefix("http://")
        for number, address in enumerate(
            (
                f"http:{e}//{a}", f"//{a}", f"http:/{e}", f"http://{a}.", f"http://{e}", f"{e}", f"http://{e}/@{a}", f"http://{a}@{e}",
                f"http://{e}#@{a}", f"http://{e};@{a}", f"http://{e}\\@{a}", f"http://[::1]@{a}", "http://[", f"http://{e}//{a}", f"http://{a}:x",
                f"http:\\\\{e}//{a}", f"http://x@{e}", f"HTTP://{e}/", "https://acme.atlassian.net.evil.example", "ftp://x", "http://a:99999",
            )
        ):  # fmt: skip
            assert intrude(site, address, installation=f"{ANOTHER}-{number}").status_code == 403, address
            row = site.installation(f"{ANOTHER}-{number}", CLOUD_B)
            assert (row.state, row.site_url) == ("waiting", ""), address
    assert fetched == []


@pytest.mark.parametrize(
    ("address", "strict", "lenient"),
    [
        ("https://Acme.atlassian.net/", "https://acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net:443", "https://acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net:8443", "", "https://acme.atlassian.net:8443"),
        ("http://127.0.0.1:5000", "", "http://127.0.0.1:5000"),
        ("https://acme.atlassian.net/x", "", ""),
        ("https://acme.atlassian.net?x", "", ""),
        ("https://acme.atlassian.net#x", "", ""),
        ("https://u@acme.atlassian.net", "", ""),
        ("https://acme.atlassian.net.", "", ""),
        ("https://\u212aacme.atlassian.net", "", ""),
        ("acme.atlassian.net", "", ""),
        ("", "", ""),
    ],
)
def test_an_address_is_taken_whole_or_not_at_all(address: str, strict: str, lenient: str) -> None:
    assert (origin_in(address, allow_private=False), origin_in(address, allow_private=True)) == (strict, lenient)


def test_what_counts_as_the_same_place() -> None:
    assert same_place("https://Acme.atlassian.net:443/", "https://acme.atlassian.net")
    for other in (
        "http://acme.atlassian.net",
        "https://acme.atlassian.net/jira",
        "https://acme.atlassian.net?x",
        "https://[",
        "",
        "acme.atlassian.net",
    ):
        assert not same_place("https://acme.atlassian.net", other)
    assert not same_place("", "")


def test_only_places_that_no_caller_chooses_are_asked(tmp_path: Path) -> None:
    with forge_world(tmp_path) as forge:
        runtime, call = forge.company.runtime, forge.invocation()
        forge.company.connection("own-jira", "jira", "https://jira.acme.example/base", LOGIN)
        forge.company.connection("docs", "notion", "https://docs.acme.example", LOGIN)

        def asked(address: str) -> list[str]:
            return places(runtime, replace(call, site_url=address))

        for private in (True, False):
            runtime.settings.allow_private_hosts = private
            assert asked("https://acme.atlassian.net") == ["https://acme.atlassian.net"]
            assert asked("https://jira.acme.example/elsewhere?x") == ["https://jira.acme.example/base"], "as an admin stored it"
            for other in (
                "https://docs.acme.example",
                "https://evil.example",
                "https://atlassian.net",
                "https://a.b.atlassian.net",
                "http://x",
            ):
                assert asked(other) == []
            assert asked(forge.site_url) == ([forge.site_url] if private else []), "a stand-in, where those are allowed"


def test_a_site_below_a_name_of_its_own_is_known_by_what_jira_says(tmp_path: Path) -> None:
    with forge_world(tmp_path) as forge:
        runtime, call = forge.company.runtime, replace(forge.invocation(""), site_url="https://okr.acme.example/x")
        assert site_of(runtime, call) == forge.site_url
        for wrong in ("https://acme.example/path", "https://u@acme.example", "nonsense", 7):
            forge.atlassian.base_url = wrong  # type: ignore[assignment]  # Jira may say anything
            assert site_of(runtime, call) == ""
            forge.company.clock.ahead += 301


def test_a_false_address_keeps_nobodys_own_site_out(tmp_path: Path) -> None:
    """Somebody's browser may say anything: what Jira says counts."""
    with forge_world(tmp_path) as forge:
        claims = forge.claims(ALICE)
        claims["context"]["siteUrl"] = "https://evil.example"
        forge.client.post("/forge/v1/dashboard", json={}, headers=forge.headers(forge.token(claims), ALICE))
        assert (forge.installation().state, forge.installation().site_url) == ("active", forge.site_url)


def test_a_connection_that_anothers_accepted_installation_works_for_is_never_taken(site: Forge) -> None:
    """Not even by an installation that an admin accepts, and whose address is thought to be the same."""
    ident = seen(site, installation=ANOTHER, cloud_id=CLOUD_B).id
    with site.company.runtime.store.write() as session:
        session.execute(update(ForgeInstallation).where(ForgeInstallation.id == ident).values(site_url=site.site_url))
    assert seen(site, hourly=True, installation=ANOTHER, cloud_id=CLOUD_B).state == "waiting"
    assert overseeing.accept(site.company.runtime, SYSTEM, ident).connection != "acme-jira"
    taken = {each.name: each.installation_id for each in rows(site, Connection)}
    assert taken["acme-jira"] == site.installation(INSTALLATION).id
    assert site.call("POST", "/forge/v1/dashboard", {}).status_code == 200
