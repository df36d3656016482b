"""The form of a forum and the skipping of its reviews: what stays typed, errors at their fields, both versions, one click for one team."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from connector.domain.rights import SYSTEM
from connector.services.plan import forums, teams
from connector.store.tables import Forum, Person, Review, Team
from connector.views.plan import choices
from tests.services.rhythm.helpers import it_is, meets, person, reviews
from tests.support.signed_in import Visit
from tests.support.world import Company, company

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        it_is(found, "2026-11-16 09:00")
        found.objective("onboarding")
        yield found


def fields(**changes: Any) -> dict[str, Any]:
    usual = {
        "name": "Board", "caller": "bob@acme.example", "sponsor": "", "weekday": "thursday", "time": "10:00", "cadence": "weekly",
        "first_on": "", "zone": "Europe/Berlin", "country": "DE", "lock_days": "1", "lock_time": "16:00", "minutes": "30",
        "leader": ["alice@acme.example", "", ""], "member": ["", ""],
    }  # fmt: skip
    return {**usual, **changes}


def stored(acme: Company) -> dict[str, Any]:
    return dict(forums.load(acme.runtime, SYSTEM, "Board").view)


def version_of(page: str) -> str:
    return page.partition('name="version" value="')[2].partition('"')[0]


def test_a_forum_is_made_and_shown_as_it_was_saved(acme: Company, lead: Visit) -> None:
    page = lead.get("/plan/forums/new").text
    assert '<option value="thursday" selected>' in page
    assert 'value="16:00"' in page
    answer = lead.post("/plan/forums/new", fields(pack="1"))
    assert answer.status_code == 303
    assert stored(acme) == {
        "name": "Board", "caller": "bob@acme.example", "sponsor": None, "leaders": ["alice@acme.example"], "members": [],
        "weekday": "thursday", "time": "10:00", "cadence": "weekly", "first_on": None, "zone": "Europe/Berlin", "country": "DE",
        "lock": {"time": "16:00", "days_before": 1}, "minutes": 30, "pack": True,
    }  # fmt: skip
    assert "Thursday 10:00, weekly (Europe/Berlin)" in lead.get("/plan/teams").text


def test_people_are_chosen_by_name_and_who_is_gone_stays_chosen(acme: Company, lead: Visit) -> None:
    with acme.runtime.store.write() as session:
        session.add_all([Person(email=f"sam{number}@acme.example", name="Sam", role="member") for number in (1, 2)])
    lead.post("/plan/forums/new", fields())
    page = lead.get("/plan/forums/1").text
    caller = page.partition('<select id="f-caller"')[2].partition("</select>")[0]
    assert '<option value="bob@acme.example" selected>Bob</option>' in caller
    assert '<option value="sam1@acme.example">Sam, sam1@acme.example</option>' in caller  # two of one name are told apart
    leaders = [part.partition("</select>")[0] for part in page.split('<select name="leader"')[1:]]
    assert ["selected" in each for each in leaders] == [True, False, False]
    with acme.runtime.store.write() as session:
        session.scalars(select(Person).where(Person.email == "bob@acme.example")).one().active = False
    assert '<option value="bob@acme.example" selected>bob@acme.example</option>' in lead.get("/plan/forums/1").text
    with acme.runtime.store.write() as session:
        session.add_all([Person(email=f"p{number}@acme.example", name=f"P {number}", role="member") for number in range(choices.MOST)])
    page = lead.get("/plan/forums/1").text  # too many for a list: typed, with a help
    assert '<input id="f-caller" name="caller" type="text" value="bob@acme.example" list="people"' in page
    assert '<input name="leader" value="alice@acme.example" list="people"' in page
    assert len(page) < 100_000
    ident = reviews(acme)[0].forum_id
    page = lead.get(f"/plan/forums/{ident}").text
    for words in ("Thu 19 Nov, 10:00", "Wed 18 Nov, 16:00", 'value="alice@acme.example"', 'value="DE"'):
        assert words in page
    saved = lead.post(f"/plan/forums/{ident}", fields(version=version_of(page), lock_days="2", minutes="45"))
    assert saved.status_code == 303
    assert (stored(acme)["lock"], stored(acme)["minutes"], stored(acme)["pack"]) == ({"time": "16:00", "days_before": 2}, 45, False)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"cadence": "monthly"}, "cadence", "too slow"),
        ({"zone": "Mars/One"}, "zone", "not a time zone"),
        ({"country": "DE-XX"}, "country", "no part"),
        ({"time": "ten"}, "time", "time of day"),
        ({"minutes": "many"}, "minutes", "whole number"),
        ({"minutes": "500"}, "minutes", "5 to 240"),
        ({"first_on": "soon"}, "first_on", "a day such as"),
        ({"lock_time": "noon"}, "lock_time", "time of day"),
        ({"lock_days": "0"}, "lock_time", "is not before the review"),
        ({"lock_days": "9"}, "lock_days", "0 to 4 working days"),
        ({"sponsor": "nobody@acme.example"}, "sponsor", "no person has"),
        ({"leader": ["alice@acme.example", "x@acme.example"]}, "leaders", "no person has"),
        ({"member": ["x@acme.example"]}, "members", "no person has"),
        ({"name": HOSTILE.replace("/", "")[:0]}, "name", "enter the forum"),
    ],
)
def test_what_does_not_fit_stays_typed_and_is_told_at_its_field(
    acme: Company, lead: Visit, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = lead.post("/plan/forums/new", fields(**changes))
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert words in page.partition(f'id="e-{field}"')[2].partition("</p>")[0]
    assert 'role="alert"' not in answer.text.partition("<main")[2].partition("<form")[0]
    assert 'value="alice@acme.example"' in answer.text
    assert reviews(acme) == []


def test_both_versions_of_a_forum_are_shown(acme: Company, lead: Visit) -> None:
    ident = meets(acme)
    version = version_of(lead.get(f"/plan/forums/{ident}").text)
    forums.update(acme.runtime, SYSTEM, "Board", {"time": "11:15", "leaders": ["bob@acme.example"]})
    late = lead.post(f"/plan/forums/{ident}", fields(version=version, time="09:00"))
    assert late.status_code == 409
    for words in ("Changed meanwhile", ">11:15<", ">09:00<", ">bob@acme.example<"):
        assert words in late.text
    assert lead.post(f"/plan/forums/{ident}", fields(version=version_of(late.text), time="09:00")).status_code == 303
    assert stored(acme)["time"] == "09:00"


def test_hostile_text_is_text(acme: Company, lead: Visit) -> None:
    given = dict.fromkeys(("name", "caller", "sponsor", "zone", "country", "time", "minutes", "lock_time", "first_on"), HOSTILE)
    answer = lead.post("/plan/forums/new", fields(**given, leader=[HOSTILE], member=[HOSTILE]))
    assert answer.status_code == 422
    assert "<img src=x" not in answer.text
    assert "49" not in answer.text.partition("<main")[2].partition('class="error"')[0].replace("{{7*7}}", "")
    forum = meets(acme, HOSTILE.replace("/", ""))
    review = reviews(acme, forum)[0].id
    lead.post(f"/reviews/{review}/skip", {"reason": HOSTILE})
    for path in ("/plan/teams", f"/plan/forums/{forum}", f"/reviews/{review}/skip", "/reviews"):
        assert "<img src=x" not in lead.get(path).text


def test_a_review_is_skipped_with_a_reason_and_that_is_taken_back(acme: Company, lead: Visit) -> None:
    forum = meets(acme)
    review = reviews(acme)[0].id
    assert f'href="/reviews/{review}/skip"' in lead.get(f"/plan/forums/{forum}").text
    page = lead.get(f"/reviews/{review}/skip").text
    assert "Thu 19 Nov, 10:00" in page
    refused = lead.post(f"/reviews/{review}/skip", {"reason": ""})
    assert refused.status_code == 422
    assert "needs a reason" in refused.text.partition('id="e-reason"')[2]
    assert lead.post(f"/reviews/{review}/skip", {"reason": "company offsite"}).status_code == 303
    page = lead.get(f"/plan/forums/{forum}").text
    assert "skipped: company offsite" in page
    assert f'action="/reviews/{review}/take-back"' in page
    again = lead.post(f"/reviews/{review}/skip", {"reason": "again"})
    assert again.status_code == 422
    assert "skipped already" in again.text
    assert lead.post(f"/reviews/{review}/take-back").status_code == 303
    assert reviews(acme)[0].state == "planned"
    assert lead.get("/reviews/999/skip").status_code == 404


def test_leaders_skip_without_a_role_and_others_do_not_see_the_way(acme: Company, app: Flask) -> None:
    person(acme, "Dora")
    meets(acme, leaders=["dora@acme.example"])
    review = reviews(acme)[0].id
    dora, member = Visit(app, acme.runtime, "dora@acme.example", "member"), Visit(app, acme.runtime, "alice@acme.example", "member")
    assert f'href="/reviews/{review}/skip"' in dora.get("/reviews").text
    assert f'href="/reviews/{review}/skip"' not in member.get("/reviews").text
    assert member.get(f"/reviews/{review}/skip").status_code == 403
    assert member.post(f"/reviews/{review}/skip", {"reason": "no"}).status_code == 403
    assert dora.post(f"/reviews/{review}/skip", {"reason": "offsite"}).status_code == 303
    assert "Take back" in dora.get(f"/reviews?forum={reviews(acme)[0].forum_id}").text
    assert member.post(f"/reviews/{review}/take-back").status_code == 403


def test_a_single_team_is_offered_a_forum_and_takes_it_with_one_click(acme: Company, lead: Visit, app: Flask) -> None:
    member = Visit(app, acme.runtime, "alice@acme.example", "member")
    for path in ("/reviews", "/plan/teams"):
        page = lead.get(path).text
        assert "Growth review: Thursday 10:00, weekly; updates count until 16:00 the working day before." in page
    assert "Make this forum" not in member.get("/reviews").text
    assert member.post("/plan/forums/first").status_code == 403
    answer = lead.post("/plan/forums/first")
    assert answer.status_code == 303
    [forum] = forums_of(acme)
    assert answer.location == f"/plan/forums/{forum.id}"
    view = forums.load(acme.runtime, SYSTEM, "Growth review").view
    assert (view["caller"], view["weekday"], view["time"], view["leaders"]) == (
        "lea@acme.example",
        "thursday",
        "10:00",
        ["lea@acme.example"],
    )
    assert len(reviews(acme)) == 5
    with acme.runtime.store.read() as session:
        assert session.scalars(select(Team.forum_id)).one() == forum.id
    assert lead.post("/plan/forums/first").status_code == 409  # it is there
    assert "Make this forum" not in lead.get("/reviews").text


def test_with_two_teams_nothing_is_offered(acme: Company, lead: Visit) -> None:
    teams.create(acme.runtime, SYSTEM, {"name": "Sales"})
    assert "Make this forum" not in lead.get("/plan/teams").text
    assert lead.post("/plan/forums/first").status_code == 409


def forums_of(acme: Company) -> list[Forum]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(Forum)))


def test_without_any_forum_every_page_of_planning_and_reviews_answers(acme: Company, lead: Visit) -> None:
    acme.key_result("kr-a")
    acme.work()
    for path in ("/", "/reviews", "/plan", "/plan/teams", "/key-results/kr-a", "/key-results/kr-a/check-in"):
        assert lead.get(path, follow_redirects=True).status_code == 200
    with acme.runtime.store.read() as session:
        assert session.scalars(select(Review.id)).all() == []


def test_the_page_says_from_when_a_time_counts_that_has_passed_today(acme: Company, lead: Visit) -> None:
    ident = meets(acme, weekday="tuesday", time="16:00", lock={"time": "15:00", "days_before": 0})
    it_is(acme, "2026-11-17 12:00")
    address = f"/plan/forums/{ident}"
    early = fields(weekday="tuesday", time="11:00", lock_time="10:00", lock_days="0", country="", leader=[""])
    assert lead.post(address, {**early, "version": version_of(lead.get(address).text)}).status_code == 303
    said = "stays as it is, because its new time has passed already; what you saved counts from Tue 24 Nov 11:00 on."
    assert said in lead.get("/plan/teams").text
