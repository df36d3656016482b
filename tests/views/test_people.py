"""The pages of people without a browser: what was typed stays, both versions are shown, hosts that do not answer are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.people import notices
from connector.store.tables import Person
from tests.support.signed_in import Visit, add_person
from tests.support.standin import running
from tests.support.world import Company, company

ALICE = "/people/alice@acme.example"


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    jira = JiraSandbox()
    user = {"accountId": "a-nia", "displayName": "Nia <b>Ode</b>", "active": True, "accountType": "atlassian"}
    jira.world.settings["users"] = [user]
    with running(jira) as url, company(tmp_path) as found:
        found.objective()
        found.connection("site", "jira", url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        found.connection("away", "jira", "http://127.0.0.1:9", {"email": "bot@acme.example", "api_token": "sandbox-token"})
        yield found


@pytest.fixture
def visit(acme: Company) -> Visit:
    return Visit(create_app(acme.runtime), acme.runtime, "ann@acme.example")


def test_both_versions_are_shown_and_saving_again_replaces_the_other(visit: Visit) -> None:
    version = visit.get(ALICE).text.partition('name="version" value="')[2].partition('"')[0]
    fields = {"name": "Alice", "active": "1", "version": version}
    assert visit.post(ALICE, {**fields, "role": "lead", "account-site": "acc-1"}).status_code == 303
    late = visit.post(ALICE, {**fields, "role": "champion", "account-site": "acc-2"})
    assert late.status_code == 409
    for words in ("Changed meanwhile", "ann@acme.example", ">lead<", ">champion<", ">acc-1<", ">acc-2<"):
        assert words in late.text
    newer = late.text.partition('name="version" value="')[2].partition('"')[0]
    assert visit.post(ALICE, {**fields, "role": "champion", "version": newer}).status_code == 303


def test_what_does_not_fit_is_kept_and_told_at_its_field(visit: Visit) -> None:
    answer = visit.post("/people/new", {"name": "", "email": "dora@", "role": "lead", "account-site": "two words"})
    assert answer.status_code == 422
    assert 'value="dora@"' in answer.text
    assert 'value="two words"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 3
    assert 'role="alert"' not in answer.text  # every message stands at its field


def test_the_last_admin_is_told_at_the_field(visit: Visit) -> None:
    answer = visit.post("/people/ann@acme.example", {"name": "Ann", "role": "viewer", "active": "1"})
    assert answer.status_code == 422
    assert "last active admin" in answer.text


def test_whoever_is_made_inactive_or_signed_out_is_out_at_once(acme: Company, visit: Visit) -> None:
    bob = Visit(visit.client.application, acme.runtime, "bob@acme.example", "lead")
    assert bob.get("/account").status_code == 200
    visit.post("/people/bob@acme.example/sessions/end")
    assert bob.get("/account").status_code == 303


def test_a_host_that_does_not_answer_is_told_with_its_name(visit: Visit) -> None:
    answer = visit.get(f"{ALICE}/accounts/away")
    assert answer.status_code == 502
    assert "away" in answer.text
    assert visit.get("/people/import?connection=away").status_code == 200


def test_names_from_a_host_are_text(visit: Visit) -> None:
    for path in (f"{ALICE}/accounts/site?text=", "/people/import?connection=site"):
        text = visit.get(path).text
        assert "Nia &lt;b&gt;Ode" in text
        assert "<b>Ode" not in text


def test_an_import_that_does_not_fit_keeps_picks_and_addresses(visit: Visit) -> None:
    row = {"connection": "site", "pick": "4", "account-4": "a-nia", "name-4": "Nia", "email-4": "nia@"}
    answer = visit.post("/people/import", row)
    assert answer.status_code == 422
    assert 'value="nia@"' in answer.text
    assert 'value="4" aria-label="Add Nia" checked' in answer.text
    assert visit.post("/people/import", {**row, "account-²": "a-nia"}).status_code == 422
    assert visit.post("/people/import", {**row, "email-4": "nia@acme.example"}).status_code == 303
    assert "nia@acme.example" in visit.get("/people").text
    assert visit.post("/people/import", {"connection": "site"}).status_code == 422


def test_a_link_is_shown_once_and_only_for_the_active(visit: Visit) -> None:
    assert "/sign-in/once/" in visit.post(f"{ALICE}/link").text
    assert "/sign-in/once/" not in visit.get(ALICE).text
    visit.post(ALICE, {"name": "Alice", "role": "member"})
    answer = visit.post(f"{ALICE}/link")
    assert (answer.status_code, "is not active" in answer.text) == (422, True)


@pytest.mark.parametrize("path", ["/people/nobody@acme.example", f"{ALICE}/accounts/nowhere", "/people/%00", "/people?text=%00"])
def test_what_is_not_there_is_not_found(visit: Visit, path: str) -> None:
    assert visit.get(path).status_code in (400, 404)


def test_own_notices_are_shown_and_marked_as_read(acme: Company, visit: Visit) -> None:
    with acme.runtime.store.write() as session:
        now = acme.runtime.now()
        other = session.scalars(select(Person.id).where(Person.email == "bob@acme.example")).one()
        assert notices.tell(session, visit.person_id, "drift", "m-1", "The <b>query</b> finds nothing", "/mappings", now)
        assert not notices.tell(session, visit.person_id, "drift", "m-1", "again", "/mappings", now)
        assert notices.tell(session, other, "drift", "m-1", "for Bob alone", "/mappings", now)
    page = visit.get("/account").text
    assert "The &lt;b&gt;query&lt;/b&gt; finds nothing" in page
    assert "1 not read" in page
    assert "Bob" not in page
    visit.post("/account/notices/read")
    assert "0 not read" in visit.get("/account").text
    with acme.runtime.store.read() as session:
        assert notices.unread(session, other) == 1


def test_the_list_takes_few_statements_however_many_people(acme: Company, visit: Visit) -> None:
    def count(path: str) -> int:
        seen: list[str] = []
        event.listen(acme.runtime.store.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        assert visit.get(path).status_code == 200
        return len([each for each in seen if each.startswith("SELECT")])

    for number in range(120):
        add_person(acme.runtime, f"p{number:03}@acme.example", "member")
    paths = ("/people", ALICE, "/people/tokens", "/audit", "/account")
    counted = {path: count(path) for path in paths}
    assert max(counted.values()) <= 10, counted
    assert "More people" in visit.get("/people").text


def test_zone_and_leave_stand_in_the_form_and_errors_at_their_fields(acme: Company, visit: Visit) -> None:
    version = visit.get(ALICE).text.partition('name="version" value="')[2].partition('"')[0]
    fields = {"name": "Alice", "active": "1", "role": "member", "version": version}
    refused = visit.post(ALICE, {**fields, "zone": "Mars/One", "away_until": "2027-13-01"})
    assert refused.status_code == 422
    assert "not a time zone" in refused.text
    assert 'value="Mars/One"' in refused.text
    assert refused.text.count('aria-invalid="true"') == 2
    assert visit.post(ALICE, {**fields, "zone": "Europe/Oslo", "away_until": "2027-01-03"}).status_code == 303
    page = visit.get(ALICE).text
    assert 'value="Europe/Oslo"' in page
    assert 'value="2027-01-03"' in page
