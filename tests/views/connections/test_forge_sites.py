"""The Forge app's installations on the pages of connections and in the API: how they are, and what an admin decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.services import tokens
from connector.services.forge import overseeing
from connector.store.tables import Audit, Connection, ForgeInstallation
from tests.support.forge import APP, INSTALLATION, SYSTEM_TOKEN, Forge, forge_world
from tests.support.signed_in import Visit

BETA = "ari:cloud:ecosystem::installation/bbbbbbbb-0000-0000-0000-000000000002"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_world(tmp_path, public_url="https://okr.acme.example") as world:
        world.call("POST", "/forge/v1/hourly", {}, account="")
        world.call("POST", "/forge/v1/hourly", {}, account="", installation=BETA, cloud_id="cloud-b")
        with world.company.runtime.store.write() as session:
            session.get_one(ForgeInstallation, 2).site_url = "https://beta.atlassian.net"
        yield world


def visit(forge: Forge, role: str = "admin") -> Visit:
    return Visit(forge.app, forge.company.runtime, f"{role}@acme.example", role)


def actions(forge: Forge) -> list[tuple[str, str]]:
    with forge.company.runtime.store.read() as session:
        query = select(Audit.actor, Audit.action).where(Audit.entity == "forge installation", Audit.actor != "system").order_by(Audit.id)
        return [(row.actor, row.action) for row in session.execute(query)]


def test_the_list_shows_installations_and_those_that_wait_first(forge: Forge) -> None:
    page = visit(forge).get("/connections").text
    assert page.index("beta.atlassian.net") < page.index(forge.site_url.removeprefix("http://"))
    for words in ("Waits", "its people see nothing until you accept it", "Working", "127-jira", "version 1.0.0 · production", "until "):
        assert words in page
    assert page.count(">Accept</button>") == 1
    assert page.count(">Refuse</button>") == 1
    assert SYSTEM_TOKEN not in page
    lead = visit(forge, "lead").get("/connections").text
    assert "beta.atlassian.net" in lead
    assert "Accept" not in lead


def test_accept_and_refuse_from_the_page(forge: Forge) -> None:
    admin = visit(forge)
    done = admin.post("/connections/forge/2/accept")
    assert (done.status_code, done.headers["Location"]) == (303, "/connections")
    page = admin.get("/connections").text
    assert "beta.atlassian.net is accepted. It works for beta-jira." in page
    assert "Accept" not in page.replace("accepted", "")
    assert admin.post("/connections/forge/2/refuse").status_code == 303
    page = admin.get("/connections").text
    assert "is refused. Its people see nothing" in page
    assert "Parked" in page
    assert actions(forge) == [("admin@acme.example", "accept"), ("admin@acme.example", "refuse")]
    assert admin.post("/connections/forge/99/accept").status_code == 404


def test_only_admins_with_a_token_of_the_page_decide(forge: Forge) -> None:
    for role in ("lead", "champion", "member", "viewer"):
        assert visit(forge, role).post("/connections/forge/2/accept").status_code == 403
    assert visit(forge).post("/connections/forge/2/accept", token="wrong").status_code == 400
    assert forge.installation(BETA, "cloud-b").state == "waiting"


def test_a_newer_installation_is_pointed_to(forge: Forge) -> None:
    forge.call("POST", "/forge/v1/hourly", {}, account="", installation=f"{INSTALLATION}-2")
    admin = visit(forge)
    for act in ("accept", "refuse"):
        admin.post(f"/connections/forge/1/{act}")
        assert "The app was installed anew on this site; look at the newer installation." in admin.get("/connections").text
    assert admin.get("/connections").text.count("version 1.0.0") == 2, "the replaced one is not listed"


def test_the_page_of_a_connection_that_works_through_the_app(forge: Forge) -> None:
    admin = visit(forge)
    page = admin.get("/connections/127-jira").text
    for words in (
        "Forge app",
        "Last hourly call",
        "just now",
        "Refuse this site",
        "the app brings a new one every hour",
        "events come through the Forge app",
    ):
        assert words in page
    assert "New credentials" not in page
    assert "Go on to Notion" not in page
    assert SYSTEM_TOKEN not in page
    assert "jira-forge" not in admin.get("/connections/new").text, "the wizard does not offer it"
    assert "Enter" not in admin.get("/connections/127-jira?kind=jira-forge").text


def test_a_silent_installation_says_since_when_and_what_to_do(forge: Forge) -> None:
    forge.company.clock.ahead = 9 * 3600
    overseeing.look_for_silence(forge.company.runtime)
    admin = visit(forge)
    page = admin.get("/connections/127-jira").text
    for words in (
        "Silent",
        "it may be uninstalled",
        "Manage apps",
        "goes on by itself with the app&#39;s next call",
        "let the app call again",
    ):
        assert words in page.replace("'", "&#39;"), words
    assert "Silent" in admin.get("/connections").text
    forge.call("POST", "/forge/v1/hourly", {}, account="")
    assert "Silent" not in admin.get("/connections/127-jira").text


def test_a_connection_with_another_login_shows_its_app_too(tmp_path: Path) -> None:
    with forge_world(tmp_path) as forge:
        forge.company.connection("acme-jira", "jira", forge.site_url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        forge.call("POST", "/forge/v1/hourly", {}, account="")
        page = visit(forge).get("/connections/acme-jira").text
        assert "Last hourly call" in page
        assert "New credentials" in page


# --- the API -------------------------------------------------------------------------------------------------------------------


def api(forge: Forge, method: str, path: str, role: str = "admin") -> Any:
    token = tokens.create(forge.company.runtime, f"{role} {method} {path} {len(actions(forge))}".replace("/", " "), role)
    return forge.app.test_client().open(f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {token}"})


def test_the_api_lists_and_decides(forge: Forge) -> None:
    listed = api(forge, "GET", "/forge/installations", "lead")
    assert listed.status_code == 200
    first, second = listed.json["items"]
    assert (first["id"], first["site"], first["state"], first["connection"]) == (2, "https://beta.atlassian.net", "waiting", None)
    assert (second["state"], second["connection"], second["version"]) == ("active", "127-jira", "1.0.0")
    assert second["hourly_at"] is not None
    assert SYSTEM_TOKEN not in listed.text
    assert api(forge, "POST", "/forge/installations/2/accept", "lead").status_code == 403
    accepted = api(forge, "POST", "/forge/installations/2/accept")
    assert (accepted.status_code, accepted.json["state"], accepted.json["connection"]) == (200, "active", "beta-jira")
    refused = api(forge, "POST", "/forge/installations/2/refuse")
    assert (refused.status_code, refused.json["state"], refused.json["token_ends_at"]) == (200, "refused", None)
    assert api(forge, "POST", "/forge/installations/77/refuse").status_code == 404
    forge.call("POST", "/forge/v1/hourly", {}, account="", installation=f"{INSTALLATION}-2")
    assert api(forge, "POST", "/forge/installations/1/accept").status_code == 409


def test_the_setting_takes_the_whole_ari(forge: Forge) -> None:
    assert forge.company.runtime.settings.forge_app_id == APP
    with forge.company.runtime.store.read() as session:
        assert session.scalars(select(Connection.name).order_by(Connection.id)).all() == ["127-jira"]
