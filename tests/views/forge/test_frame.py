"""Our own pages inside Jira's frame: the same pages, forms and rights, carried by the app's calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select, update

from connector.store.tables import KeyResult, Mapping, Objective, Person
from connector.web.gate import INSIDE
from tests.support.forge import ALICE, BOB, CHARLIE, STRANGER, Forge, forge_site
from tests.support.signed_in import Visit


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as forge:
        forge.jira.add_issue("ACME", "Guided first run", key="ACME-1", type="Epic")
        for number in range(4):
            forge.jira.add_issue("ACME", f"Step {number}", key=f"ACME-{10 + number}", parent="ACME-1", category="done" if number else "new")
        forge.company.objective("onboarding")
        forge.company.key_result("kr-setup")
        yield forge


def show(
    site: Forge, path: str, *, account: str = ALICE, area: str = "project", method: str = "GET", status: int = 200, **more: Any
) -> Any:
    answer = site.call(
        "POST", "/forge/v1/page", json={"area": area, "method": method, "path": path, **more}, account=account, project="ACME"
    )
    assert answer.status_code == status, answer.text
    return answer.json


def form(jar: str, token: str, **fields: str) -> dict[str, Any]:
    body = urlencode({**fields, "csrf_token": token})
    return {"jar": jar, "body": body, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


NEW = {"key_result": "kr-setup", "connection": "acme-jira", "kind": "epics", "epic": "ACME-1", "measure": "done_share", "mode": "value"}


def test_the_page_of_a_project_begins_with_what_it_feeds_and_leads_to_the_editor(site: Forge) -> None:
    begun = site.call("POST", "/forge/v1/page/start", json={"area": "project"}, project="ACME").json
    assert (begun["path"], begun["base"]) == ("/mappings/projects/acme-jira/ACME", site.company.runtime.settings.base_url)
    page = show(site, begun["path"])
    assert (page["status"], page["title"]) == (200, "Mappings of ACME · okr-connector")
    assert "No work of ACME feeds a key result yet." in page["html"]
    assert "/mappings/new?connection=acme-jira&amp;project=ACME" in page["html"]
    assert {"tokens", "app", "mapping"} <= set(page["styles"])
    assert "okr-connector</a>" not in page["html"]  # the frame of Jira is frame enough
    editor = show(site, "/mappings/new?connection=acme-jira&project=ACME&key_result=kr-setup")
    assert 'id="mapping"' in editor["html"]
    assert "mapping" in editor["scripts"]


def test_each_place_leads_to_its_other_pages_and_every_one_is_shown(site: Forge) -> None:
    ways = {
        "project": {
            "This project": "/mappings/projects/acme-jira/ACME",
            "Not mapped": "/mappings/unmapped?connection=acme-jira&container=ACME",
            "All mappings": "/mappings",
        },
        "admin": {"Connection": "/connections/acme-jira", "Mappings": "/mappings", "People": "/people"},
    }
    for area, wanted in ways.items():
        nav = site.call("POST", "/forge/v1/page/start", json={"area": area}, account=ALICE, project="ACME").json["nav"]
        assert {each["title"]: each["path"] for each in nav} == wanted
        for path in wanted.values():
            assert show(site, path, area=area, account=ALICE)["status"] == 200
    nav = site.call("POST", "/forge/v1/page/start", json={"area": "project"}, account=CHARLIE, project="ACME").json["nav"]
    assert [each["title"] for each in nav] == ["This project", "All mappings"]  # who may not map is not led there


def test_an_epic_is_mapped_and_the_project_shows_it(site: Forge) -> None:
    editor = show(site, "/mappings/new?key_result=kr-setup")
    saved = show(site, "/mappings/new", method="POST", **form(editor["jar"], editor["token"], **NEW))
    assert (saved["status"], saved["path"]) == (200, "/key-results/kr-setup")
    assert saved["said"][0].startswith("Mapping saved.")
    site.company.work(site.connection)
    page = show(site, "/mappings/projects/acme-jira/ACME")
    assert "work of this project feeds 1 key result<" in page["html"]
    assert "75" in page["html"]
    assert "No work of OTHER" in show(site, "/mappings/projects/acme-jira/OTHER")["html"]


def test_a_preview_comes_whole_and_saves_nothing(site: Forge) -> None:
    editor = show(site, "/mappings/new?key_result=kr-setup")
    told = show(site, "/mappings/preview", method="POST", **form(editor["jar"], editor["token"], **NEW))
    assert "4 items match, 3 done: the value would be 75" in told["raw"].replace("\u00a0", " ")
    assert _mappings(site) == 0


def test_a_form_without_its_token_changes_nothing(site: Forge) -> None:
    editor = show(site, "/mappings/new?key_result=kr-setup")
    for jar, token in ((editor["jar"], "made up"), ("", editor["token"]), ("forged.cookie.value", editor["token"])):
        told = show(site, "/mappings/new", method="POST", **form(jar, token, **NEW))
        assert told["status"] == 400
    assert _mappings(site) == 0


def test_the_cookie_that_travels_signs_nobody_in(site: Forge) -> None:
    jar = show(site, "/mappings/new?key_result=kr-setup")["jar"]
    browser = site.app.test_client()
    browser.set_cookie("okr_session", jar)
    assert browser.get("/mappings", headers={"Accept": "text/html"}).status_code == 302


def test_rights_are_those_of_the_persons_role(site: Forge) -> None:
    page = show(site, "/mappings/projects/acme-jira/ACME", account=BOB)
    assert "Leads and admins map work." in page["html"]
    assert "/mappings/new" not in page["html"]
    assert show(site, "/mappings/new?key_result=kr-setup", account=BOB)["status"] == 403


@pytest.mark.parametrize("path", ["/mappings/projects/acme-jira/ACME", "/mappings", "/key-results/kr-setup"])
def test_an_account_that_nobody_knows_here_reads_no_titles_of_other_projects(site: Forge, path: str) -> None:
    assert "is not known to the OKR connector" in show(site, path, account=STRANGER, status=403)["detail"]
    begun = site.call("POST", "/forge/v1/page/start", json={"area": "project"}, account=STRANGER, project="ACME")
    assert begun.status_code == 403


def test_what_is_restricted_stays_hidden(site: Forge) -> None:
    with site.company.runtime.store.write() as session:
        session.execute(update(Objective).values(restricted=True))
        session.execute(update(KeyResult).values(owner_id=select(Person.id).where(Person.email == "alice@acme.example").scalar_subquery()))
    assert show(site, "/key-results/kr-setup", account=CHARLIE)["status"] == 404
    assert show(site, "/key-results/kr-setup", account=ALICE)["status"] == 200


@pytest.mark.parametrize(
    "path", ["/people/tokens", "/audit", "/exchange", "/account", "/sign-in", "/events", "/connect", "/api/v1/key-results"]
)
def test_pages_with_secrets_uploads_or_streams_are_not_shown(site: Forge, path: str) -> None:
    for area in ("project", "admin"):
        refused = show(site, path, area=area, status=403)
        assert "not shown inside Jira" in refused["detail"]


WRITTEN_OTHERWISE = (
    *("/%70eople/tokens", "/people/%74okens", "/%61udit", "/%61udit.csv", "/%61ccount", "/%6detrics", "/%65xchange/export"),
    *("/%65vents", "/%63onnect", "/static/app.css", "/%66orge/v1/page", "/%61pi/v1/key-results", "/sign%2din", "/health"),
)


@pytest.mark.parametrize("path", WRITTEN_OTHERWISE)
def test_however_a_path_is_written_it_leads_to_nothing_else(site: Forge, path: str) -> None:
    for method in ("GET", "POST"):
        answer = site.call("POST", "/forge/v1/page", json={"area": "admin", "method": method, "path": path}, project="ACME")
        assert answer.status_code == 403 or answer.json["status"] in (404, 405), answer.text  # type: ignore[index]


def test_links_and_secrets_are_made_nowhere_in_the_frame(site: Forge) -> None:
    page = show(site, "/people/bob@acme.example", area="admin")
    for path in ("/%70eople/bob@acme.example/link", "/people/bob@acme.example/link", "/%63onnections/acme-jira/webhook/secret"):
        show(site, path, area="admin", method="POST", status=403, **form(page["jar"], page["token"]))


def test_the_cookie_never_holds_a_sign_in(site: Forge) -> None:
    show(site, "/sign-in/once/some-key", status=403)
    show(site, "/%73ign-in/once/some-key", method="POST", status=403)
    bob = Visit(site.app, site.company.runtime, "bob@acme.example", "member")
    cookie = bob.client.get_cookie("okr_session")
    assert cookie is not None
    jar = show(site, "/mappings/new?key_result=kr-setup", jar=cookie.value)["jar"]  # it now holds the token of the form as well
    assert jar != cookie.value
    browser = site.app.test_client()
    browser.set_cookie("okr_session", jar)
    assert browser.get("/mappings", headers={"Accept": "text/html"}).status_code == 302


def test_half_letters_and_broken_headers_are_refused_or_left_out(site: Forge) -> None:
    for body in (
        {"path": "/mappings/\ud800"},
        {"path": "/mappings", "method": "POST", "body": "a=\ud800"},
        {"path": "/mappings", "jar": "\ud800"},
    ):
        assert site.call("POST", "/forge/v1/page", json=body, project="ACME").status_code == 400
    assert show(site, "/mappings", headers={"Accept": "text/html\r\nX-Evil: 1", "HX-Target": 5})["status"] == 200


@pytest.mark.parametrize(
    "path", ["https://evil.example/mappings", "//evil.example/mappings", "/\\evil.example", "mappings", "", "/mappings\nSet-Cookie: a=b"]
)
def test_only_our_own_paths_are_paths(site: Forge, path: str) -> None:
    assert "path" in show(site, path, status=400)["detail"]


@pytest.mark.parametrize("body", [[], "text", {"path": 1}, {"path": "/mappings", "method": "DELETE"}, {"path": "/mappings", "area": "all"}])
def test_other_bodies_are_refused_in_words(site: Forge, body: Any) -> None:
    assert site.call("POST", "/forge/v1/page", json=body, project="ACME").status_code == 400


def test_the_admin_page_asks_jira_whether_the_caller_administers_it(site: Forge) -> None:
    assert site.call("POST", "/forge/v1/page/start", json={"area": "admin"}, account=ALICE).json["path"] == "/connections/acme-jira"
    assert show(site, "/connections/acme-jira", area="admin")["status"] == 200
    site.person("bob@acme.example", BOB, "admin")  # an admin of ours is not one of Jira
    assert site.call("POST", "/forge/v1/page/start", json={"area": "admin"}, account=BOB).status_code == 403
    show(site, "/connections/acme-jira", area="admin", account=BOB, status=403)
    site.atlassian.admins.add(CHARLIE)  # and one of Jira is not one of ours
    assert show(site, "/connections/acme-jira", area="admin", account=CHARLIE)["status"] == 403


def test_the_admin_page_shows_no_form_that_would_be_refused(site: Forge) -> None:
    page = show(site, "/connections/acme-jira", area="admin")["html"]
    for action in ("/credentials", "/settings", "/retire", "/webhook", "/refuse"):
        assert f'action="/connections/acme-jira{action}"' not in page
        assert f'href="/connections/acme-jira{action}"' not in page
    assert "New API token" not in page
    assert f'<a href="{site.company.runtime.settings.base_url}/connections/acme-jira">open the connector</a>' in page
    browser = Visit(site.app, site.company.runtime, "alice@acme.example").get("/connections/acme-jira").text
    assert 'action="/connections/acme-jira/settings"' in browser


def test_no_request_can_say_who_it_is(site: Forge) -> None:
    for name in (INSIDE, INSIDE.upper().replace(".", "-"), "okr-viewer", "HTTP_OKR.VIEWER"):
        answer = site.client.get("/people", headers={name: "admin", "Accept": "text/html"})
        assert answer.status_code == 302


def _mappings(site: Forge) -> int:
    with site.company.runtime.store.read() as session:
        return session.scalar(select(func.count()).select_from(Mapping)) or 0
