"""The planning pages of cycles, teams and forums: who gets in, what stays typed, both versions, few statements, nothing hidden told."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from connector.app import create_app
from connector.store.tables import Audit, Cycle, Forum, KeyResult, Objective, Person, Team, TeamMember
from tests.support.counting import READS, statements
from tests.support.signed_in import Visit
from tests.support.world import Company, company

MOST_STATEMENTS = 10


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", unit="", start=400.0, target=900.0, current=640.0)
        yield found


def version_in(text: str) -> str:
    found = re.search(r'name="version" value="(\w+)"', text)
    assert found
    return found[1]


def cycle_id(acme: Company, name: str = "now") -> int:
    with acme.runtime.store.read() as session:
        return session.scalars(select(Cycle.id).where(Cycle.name == name)).one()


def team_id(acme: Company) -> int:
    with acme.runtime.store.read() as session:
        return session.scalars(select(Team.id)).one()


# Far ahead: the cycle "now" of the tests goes by the real day, and the next must lie behind it in any year.
NEXT = {"name": "next", "start": "2097-01-04", "end": "2097-04-02"}


@pytest.mark.databases("sqlite", "postgres")
def test_pages_take_few_statements_however_much_they_hold(acme: Company, lead: Visit, database_kind: str) -> None:
    for number in range(30):
        acme.objective(f"goal-{number}")
        for each in range(4):
            acme.key_result(f"kr-{number}-{each}", f"goal-{number}")
    ident = cycle_id(acme)
    for path in (
        "/plan",
        "/plan?page=2",
        f"/plan/cycles/{ident}/checklist?ready=2",
        f"/plan/cycles/{ident}/copy",
        f"/plan/cycles/{ident}",
        "/plan/teams",
    ):
        with statements(acme.runtime.store, *READS) as seen:
            answer = lead.get(path)
        assert answer.status_code == 200, path
        assert len(seen) <= MOST_STATEMENTS, (path, seen)
        assert len(answer.data) < 150_000, path


def test_every_objective_and_key_result_is_on_one_page(acme: Company, lead: Visit) -> None:
    for number in range(24):
        acme.objective(f"goal-{number}")
        for each in range(2):
            acme.key_result(f"kr-{number}-{each}", f"goal-{number}")
    pages = [lead.get(f"/plan?page={number}").text for number in (1, 2)]
    goals = [set(re.findall(r'id="o-([\w-]+)"', page)) for page in pages]
    assert [len(each) for each in goals] == [20, 5]
    assert len(goals[0] | goals[1]) == 25
    assert lead.get("/plan?page=99").text.count('id="o-') == 5
    rows = [
        set(re.findall(r'id="kr-([\w-]+)"', lead.get(f"/plan/cycles/{cycle_id(acme)}/checklist?ready={number}").text)) for number in (1, 2)
    ]
    assert [len(each) for each in rows] == [40, 9]
    assert len(rows[0] | rows[1]) == 49


def test_an_empty_installation_says_what_to_do_first(tmp_path: Path) -> None:
    with company(tmp_path) as empty:
        visit = Visit(create_app(empty.runtime), empty.runtime, "lea@acme.example", "lead")
        assert "Make the first cycle" in visit.get("/plan").text
        made = visit.post("/plan/cycles/new", NEXT)
        assert made.status_code == 303
        page = visit.get("/plan").text
        assert "Write the first objective" in page
        assert "scheduled" in page


def test_a_cycle_from_the_form_to_its_start(acme: Company, lead: Visit) -> None:
    assert lead.post("/plan/cycles/new", NEXT).headers["Location"] == "/plan?cycle=next"
    ident = cycle_id(acme, "next")
    copied = lead.post(
        f"/plan/cycles/{cycle_id(acme)}/copy",
        {"to": "next", "objective": ["onboarding"], "start": "last", "target": "same", "mappings": ""},
    )
    assert copied.status_code == 303
    page = lead.get("/plan?cycle=next").text
    assert "Copied 1 objective with 1 key result as drafts" in page
    assert "from 640 to 900" in page
    assert ">Draft<" in page
    checklist = lead.get(f"/plan/cycles/{ident}/checklist").text
    assert "They do not start with the cycle" in checklist
    lead.post(f"/plan/cycles/{ident}/ready")
    refused = lead.post(f"/plan/cycles/{ident}/start", {"reason": ""})
    assert refused.status_code == 422
    assert "mend what is red, or say why it starts without" in refused.text
    with acme.runtime.store.read() as session:
        copy = session.scalars(select(KeyResult.id).where(KeyResult.id != "kr-setup")).one()
    assert lead.post(f"/plan/cycles/{ident}/by-hand/{copy}").status_code == 303
    assert "entered by the owner" in lead.get(f"/plan/cycles/{ident}/checklist").text
    started = lead.post(f"/plan/cycles/{ident}/start", {"reason": "no forum meets before February"})
    assert started.status_code == 303
    with acme.runtime.store.read() as session:
        line = session.scalars(select(Audit).order_by(Audit.id.desc())).first()
        assert line is not None
        assert line.reason == "no forum meets before February"
        assert session.get_one(Cycle, ident).started_at is not None
    again = lead.post(f"/plan/cycles/{ident}/start", {"reason": "x"})
    assert "was started already" in again.text
    assert lead.post(f"/plan/cycles/{ident}/stop", {"reason": ""}).status_code == 422
    assert lead.post(f"/plan/cycles/{ident}/stop", {"reason": "too early"}).status_code == 303


def test_the_next_cycle_is_offered_with_its_days_and_what_to_copy(acme: Company, lead: Visit) -> None:
    lead.post("/plan/cycles/new", NEXT)
    page = lead.get(f"/plan/cycles/new?after={cycle_id(acme, 'next')}").text
    assert 'value="2097-04-03"' in page
    assert 'value="2097-06-30"' in page  # as long as the one before
    assert lead.get("/plan/cycles/new?after=99").status_code == 404
    found = re.search(r'href="(/plan/cycles/\d+/copy\?to=next)"', lead.get("/plan?cycle=next").text)
    assert found
    copy = lead.get(found[1]).text
    assert re.search(r'<option value="next" selected', copy)
    assert 'value="onboarding" checked' in copy


def test_what_was_typed_stays_and_the_message_stands_at_its_field(acme: Company, lead: Visit) -> None:
    answer = lead.post("/plan/cycles/new", {"name": "spring", "start": "2097-04-02", "end": "2097-01-04"})
    assert answer.status_code == 422
    assert 'value="spring"' in answer.text
    assert 'id="e-end"' in answer.text
    assert 'aria-describedby="e-end"' in answer.text
    answer = lead.post("/plan/teams/new", {"name": "Sales", "lead": "", "forum": "", "member": ["bob@acme.example", "nobody@acme.example"]})
    assert answer.status_code == 422
    assert "no person has the e-mail address nobody@acme.example" in answer.text
    assert 'value="nobody@acme.example"' in answer.text
    answer = lead.post("/plan/forums/new", {"name": "", "caller": "bob@acme.example"})
    assert answer.status_code == 422
    assert 'value="bob@acme.example"' in answer.text
    empty = lead.post(f"/plan/cycles/{cycle_id(acme)}/copy", {"to": "now", "start": "last", "target": "empty"})
    assert empty.status_code == 422


def test_two_who_save_at_once_see_both_versions(acme: Company, app: Flask, lead: Visit) -> None:
    lead.post("/plan/cycles/new", NEXT)
    path = f"/plan/cycles/{cycle_id(acme, 'next')}"
    other = Visit(app, acme.runtime, "max@acme.example", "admin")
    mine, theirs = version_in(lead.get(path).text), version_in(other.get(path).text)
    assert other.post(path, {**NEXT, "end": "2097-03-31", "version": theirs}).status_code == 303
    answer = lead.post(path, {**NEXT, "end": "2097-03-30", "version": mine})
    assert answer.status_code == 409
    assert "2097-03-31" in answer.text
    assert 'value="2097-03-30"' in answer.text
    assert "max@acme.example" in answer.text
    assert lead.post(path, {**NEXT, "end": "2097-03-30", "version": version_in(answer.text)}).status_code == 303


def test_two_who_save_one_team_at_once_see_both_versions(acme: Company, app: Flask) -> None:
    first, second = (Visit(app, acme.runtime, f"{who}@acme.example", "admin") for who in ("max", "mia"))
    path = f"/plan/teams/{team_id(acme)}"
    version = version_in(first.get(path).text)
    fields = {"name": "Growth", "lead": "", "forum": "", "version": version}
    assert second.post(path, {**fields, "member": ["bob@acme.example"]}).status_code == 303
    answer = first.post(path, {**fields, "member": ["alice@acme.example", ""]})
    assert answer.status_code == 409
    both = answer.text[answer.text.index("Changed meanwhile") : answer.text.index("Saving again")]
    assert "bob@acme.example" in both
    assert "alice@acme.example" in both


def test_a_reason_is_asked_for_when_the_days_of_a_started_cycle_change(acme: Company, lead: Visit) -> None:
    path = f"/plan/cycles/{cycle_id(acme)}"
    page = lead.get(path).text
    assert 'name="reason"' not in page
    fields = {"name": "now", "start": "2020-01-01", "end": "2099-12-31", "version": version_in(page)}
    answer = lead.post(path, fields)
    assert answer.status_code == 422
    assert "a change of first day and last day needs a reason" in answer.text
    assert 'name="reason"' in answer.text
    assert lead.post(path, {**fields, "reason": "one long year"}).status_code == 303


def test_a_lead_does_not_write_themselves_into_another_team(acme: Company, lead: Visit) -> None:
    path = f"/plan/teams/{team_id(acme)}"
    page = lead.get(path).text
    assert "is changed by its lead or an admin" in page
    answer = lead.post(path, {"name": "Growth", "lead": "", "forum": "", "member": ["lea@acme.example"], "version": version_in(page)})
    assert answer.status_code == 422
    assert "they see its restricted objectives" in answer.text
    with acme.runtime.store.read() as session:
        assert session.scalars(select(TeamMember)).all() == []


def test_only_those_who_plan_get_in(acme: Company, app: Flask) -> None:
    ident = cycle_id(acme)
    reading = ["/plan", f"/plan/cycles/{ident}/checklist", "/plan/teams"]
    writing = ["/plan/cycles/new", f"/plan/cycles/{ident}", f"/plan/cycles/{ident}/retire", f"/plan/cycles/{ident}/copy", "/plan/teams/new",
               f"/plan/teams/{team_id(acme)}", "/plan/forums/new"]  # fmt: skip
    for role, reads, writes in (
        ("admin", 200, 200),
        ("lead", 200, 200),
        ("champion", 200, 403),
        ("member", 403, 403),
        ("viewer", 403, 403),
    ):
        visit = Visit(app, acme.runtime, f"v{role}@acme.example", role)
        assert {visit.get(path).status_code for path in reading} == {reads}, role
        assert {visit.get(path).status_code for path in writing} == {writes}, role
        if writes == 403:
            posts = [f"/plan/cycles/{ident}/{what}" for what in ("start", "stop", "ready", "copy", "by-hand/kr-setup")]
            assert {visit.post(path).status_code for path in [*writing, *posts]} == {403}, role
    stranger = app.test_client()
    assert all(stranger.get(path, headers={"Accept": "text/html"}).status_code == 302 for path in [*reading, *writing])


def test_no_form_works_without_its_token(acme: Company, lead: Visit) -> None:
    ident = cycle_id(acme)
    for path in ("/plan/cycles/new", f"/plan/cycles/{ident}/start", f"/plan/cycles/{ident}/ready", "/plan/teams/new", "/plan/forums/new"):
        assert lead.post(path, NEXT, token="forged").status_code == 400, path
    with acme.runtime.store.read() as session:
        assert len(session.scalars(select(Cycle)).all()) == 1


def test_what_a_champion_may_not_know_of_is_on_no_planning_page(acme: Company, app: Flask) -> None:
    acme.objective("secret")
    acme.key_result("kr-secret", "secret")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True, title="Buy the rival"))
        session.execute(update(KeyResult).where(KeyResult.id == "kr-secret").values(title="Offer accepted"))
    champion = Visit(app, acme.runtime, "cleo@acme.example", "champion")
    for path in ("/plan", f"/plan/cycles/{cycle_id(acme)}/checklist", "/plan/teams"):
        page = champion.get(path).text
        assert "rival" not in page
        assert "Offer accepted" not in page
    assert "1 objective, 1 key result" in champion.get("/plan").text
    admin = Visit(app, acme.runtime, "ada@acme.example", "admin")
    assert "Buy the rival" in admin.get("/plan").text


def test_names_are_text_wherever_they_stand(acme: Company, app: Flask) -> None:
    hostile = "<script>alert(1)</script>\"'{{7*7}}".replace("/", "")
    admin = Visit(app, acme.runtime, "ada@acme.example", "admin")
    assert admin.post("/plan/cycles/new", {**NEXT, "name": hostile}).status_code == 303
    assert admin.post("/plan/teams/new", {"name": hostile, "lead": "", "forum": ""}).status_code == 303
    assert admin.post("/plan/forums/new", {"name": hostile, "caller": ""}).status_code == 303
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(title=hostile))
        session.execute(update(KeyResult).values(title=hostile, owner_id=None))
        session.execute(update(Team).values(forum_id=session.scalars(select(Forum.id)).one()))
        forum = session.scalars(select(Forum.id)).one()
    ident, team = cycle_id(acme, hostile), team_id_named(acme, hostile)
    paths = ["/plan", f"/plan/cycles/{ident}", f"/plan/cycles/{cycle_id(acme)}/checklist", f"/plan/cycles/{cycle_id(acme)}/copy",
             "/plan/teams", f"/plan/teams/{team}", f"/plan/forums/{forum}", f"/plan/cycles/{ident}/retire"]  # fmt: skip
    for path in paths:
        page = admin.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "{{7*7}}" in html.unescape(page.text), path


def team_id_named(acme: Company, name: str) -> int:
    with acme.runtime.store.read() as session:
        return session.scalars(select(Team.id).where(Team.name == name)).one()


def test_retiring_asks_first_and_says_what_is_in_the_way(acme: Company, app: Flask) -> None:
    admin = Visit(app, acme.runtime, "ada@acme.example", "admin")
    refused = admin.post(f"/plan/cycles/{cycle_id(acme)}/retire", {"reason": "over"})
    assert refused.status_code == 422
    assert "holds objectives; move or retire them first" in refused.text
    admin.post("/plan/forums/new", {"name": "Board", "caller": ""})
    with acme.runtime.store.read() as session:
        forum = session.scalars(select(Forum.id)).one()
    assert "Its teams have no forum then" in admin.get(f"/plan/forums/{forum}/retire").text
    assert admin.post(f"/plan/forums/{forum}/retire", {"reason": ""}).status_code == 303
    assert admin.post(f"/plan/teams/{team_id(acme)}/retire", {"reason": ""}).status_code == 303
    assert admin.get(f"/plan/teams/{9999}").status_code == 404
    with acme.runtime.store.read() as session:
        assert {row.retired_at is not None for row in (*session.scalars(select(Team)), *session.scalars(select(Forum)))} == {True}


def test_an_ownerless_key_result_is_worth_a_look(acme: Company, lead: Visit) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "alice@acme.example").values(active=False))
    page = lead.get("/plan").text
    assert "ownerless" in page
    assert "has no active owner: name one person" in page
