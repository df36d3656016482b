"""Teams and forums as people make them, and who may say who is on them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Faults, Forbidden, NotFound
from connector.services.changes import Stale
from connector.services.plan import forums, teams
from connector.store.tables import (
    Forum,
    Review,
    Team,
    TeamMember,
)
from tests.services.plan.helpers import BOTH, LEAD, complete, last, person, rows
from tests.support.world import Company


@BOTH
def test_a_team_with_its_people_and_forum(acme: Company, database_kind: str) -> None:
    forum = forums.create(acme.runtime, SYSTEM, {"name": "Board"})
    assert forum.remarks == ("It is not active: name the person who can call decisions there.",)
    made = teams.create(
        acme.runtime,
        SYSTEM,
        {"name": "Sales", "lead": "BOB@acme.example", "members": ["charlie@acme.example", "alice@acme.example"], "forum": "Board"},
    )
    assert made.view == {
        "name": "Sales", "lead": "bob@acme.example", "members": ["alice@acme.example", "charlie@acme.example"], "forum": "Board"
    }  # fmt: skip
    forums.update(acme.runtime, SYSTEM, "Board", {"caller": "alice@acme.example"})
    with acme.runtime.store.read() as session:
        entry = next(each for each in teams.teams(session, LEAD) if each.name == "Sales")
        board = forums.forums(session)[0]
    assert (entry.lead, entry.forum, entry.members) == ("Bob", "Board", 2)
    assert (board.caller, board.active, board.teams) == ("Alice", True, ("Sales",))
    teams.update(acme.runtime, SYSTEM, "Sales", {"members": [], "name": "Sales EU"})
    assert (last(acme).before, last(acme).after) == (
        {"name": "Sales", "members": ["alice@acme.example", "charlie@acme.example"]},
        {"name": "Sales EU", "members": []},
    )
    assert rows(acme, TeamMember) == []
    forums.retire(acme.runtime, SYSTEM, "Board")
    assert {row.forum_id for row in rows(acme, Team)} == {None}
    teams.retire(acme.runtime, SYSTEM, "Sales EU")
    with pytest.raises(NotFound):
        teams.load(acme.runtime, SYSTEM, "Sales EU")


def test_nobody_writes_themselves_into_a_team_to_see_its_restricted_objectives(acme: Company) -> None:
    lea, bob = person(acme, "Lea", "lead"), person(acme, "Bob", "lead")
    with acme.runtime.store.write() as session:
        session.execute(update(Team).values(lead_id=bob.person_id))
    for given in ({"members": ["lea@acme.example"]}, {"lead": "lea@acme.example"}):
        with pytest.raises(Forbidden, match="restricted objectives"):
            teams.update(acme.runtime, lea, "Growth", given)
    forums.create(acme.runtime, lea, {"name": "Board"})
    teams.update(acme.runtime, lea, "Growth", {"forum": "Board"})
    teams.update(acme.runtime, bob, "Growth", {"members": ["lea@acme.example"]})
    assert len(rows(acme, TeamMember)) == 1


def growth_is_of(acme: Company, lead: Viewer) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Team).values(lead_id=lead.person_id))


def test_a_forum_whose_review_is_held_is_not_retired(acme: Company) -> None:
    forums.create(acme.runtime, SYSTEM, {"name": "Board", "caller": "bob@acme.example"})
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        forum = session.scalars(select(Forum)).one()
        held = {"state": "open", "starts_at": now, "lock_at": now, "opened_at": now, "created_at": now}
        session.add(Review(forum_id=forum.id, day=date(2026, 11, 19), **held))
    with pytest.raises(Conflict, match="the review of 19 Nov is being held; close it first"):
        forums.retire(acme.runtime, SYSTEM, "Board")
    assert rows(acme, Forum)[0].retired_at is None
    with acme.runtime.store.write() as session:
        session.scalars(select(Review)).one().state = "closed"
    forums.retire(acme.runtime, SYSTEM, "Board")
    assert rows(acme, Forum)[0].retired_at is not None


def test_a_team_is_renamed_and_retired_by_its_lead_or_an_admin_alone(acme: Company) -> None:
    lea, bob = person(acme, "Lea", "lead"), person(acme, "Bob", "lead")
    growth_is_of(acme, bob)
    with pytest.raises(Forbidden, match="its lead or an admin"):
        teams.update(acme.runtime, lea, "Growth", {"name": "Old growth"})
    with pytest.raises(Forbidden, match="its lead or an admin"):
        teams.retire(acme.runtime, lea, "Growth")
    teams.update(acme.runtime, bob, "Growth", {"name": "Growth EU"})
    teams.update(acme.runtime, bob, "Growth EU", {"name": "Growth"})  # back: the name was its own
    teams.update(acme.runtime, SYSTEM, "Growth", {"name": "growth"})
    teams.retire(acme.runtime, bob, "growth")
    assert rows(acme, Team)[0].retired_at is not None


@BOTH
@pytest.mark.parametrize("name", ["Growth", "GROWTH", "Ｇrowth", "growth"])
@pytest.mark.parametrize("left", ["renamed", "retired", "stands"])
def test_nobody_takes_the_name_of_another_team_to_be_taken_for_it(acme: Company, name: str, left: str, database_kind: str) -> None:
    lea, bob = person(acme, "Lea", "lead"), person(acme, "Bob", "lead")
    growth_is_of(acme, bob)
    if left == "renamed":
        teams.update(acme.runtime, SYSTEM, "Growth", {"name": "Growth EU"})
        teams.update(acme.runtime, SYSTEM, "Growth EU", {"name": "Growth of Europe"})
    if left == "retired":
        teams.retire(acme.runtime, SYSTEM, "Growth")
    teams.create(acme.runtime, lea, {"name": "Mine", "lead": "lea@acme.example"})
    for attempt in (
        lambda: teams.create(acme.runtime, lea, {"name": name, "lead": "lea@acme.example"}),
        lambda: teams.update(acme.runtime, lea, "Mine", {"name": name}),
    ):
        with pytest.raises(Faults) as caught:
            attempt()
        assert [each.where for each in caught.value.errors] == ["name"]
    assert len(rows(acme, Team)) == 2
    if left != "stands":
        assert teams.create(acme.runtime, SYSTEM, {"name": "Growth", "lead": "lea@acme.example"}).id == "Growth"


def test_a_retired_team_comes_back_with_its_lead(acme: Company) -> None:
    bob = person(acme, "Bob", "lead")
    growth_is_of(acme, bob)
    teams.retire(acme.runtime, bob, "Growth")
    assert teams.create(acme.runtime, bob, {"name": "growth", "lead": "bob@acme.example"}).id == "growth"
    [row] = rows(acme, Team)
    assert (row.retired_at, row.lead_id) == (None, bob.person_id)


@pytest.mark.parametrize("name", ["Board", "BOARD"])
def test_forums_differ_by_more_than_capitals(acme: Company, name: str) -> None:
    forums.create(acme.runtime, SYSTEM, {"name": "Board"})
    with pytest.raises(Faults, match="another forum"):
        forums.create(acme.runtime, LEAD, {"name": name})
    forums.retire(acme.runtime, SYSTEM, "Board")
    assert forums.create(acme.runtime, LEAD, {"name": name}).id == name
    assert len(rows(acme, Forum)) == 1


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        ({}, "name", "is missing"),
        ({"name": "Growth"}, "name", "another team is called Growth"),
        ({"name": "A", "lead": "nobody@acme.example"}, "lead", "no person has the e-mail address"),
        ({"name": "A", "lead": "Bob"}, "lead", "is not an e-mail address"),
        ({"name": "A", "members": ["bob@acme.example", "x@acme.example"]}, "members[1]", "no person"),
        ({"name": "A", "forum": "Board"}, "forum", "no forum is called"),
        ({"name": "A/B"}, "name", "no /"),
    ],
)
def test_a_team_that_cannot_be_is_refused_at_its_field(acme: Company, given: Any, where: str, words: str) -> None:
    with pytest.raises(Faults) as caught:
        teams.create(acme.runtime, SYSTEM, given)
    assert [(each.where, words in each.message) for each in caught.value.errors] == [(where, True)]


def test_a_team_with_objectives_is_not_retired(acme: Company) -> None:
    complete(acme)
    with pytest.raises(Conflict, match="objectives belong to the team Growth"):
        teams.retire(acme.runtime, SYSTEM, "Growth")


def test_two_who_edit_one_team_or_forum_see_both_versions(acme: Company) -> None:
    forums.create(acme.runtime, SYSTEM, {"name": "Board"})
    first, board = teams.load(acme.runtime, SYSTEM, "Growth"), forums.load(acme.runtime, SYSTEM, "Board")
    teams.update(acme.runtime, SYSTEM, "Growth", {"lead": "bob@acme.example"}, version=first.version)
    forums.update(acme.runtime, SYSTEM, "Board", {"caller": "bob@acme.example"}, version=board.version)
    with pytest.raises(Stale):
        teams.update(acme.runtime, SYSTEM, "Growth", {"lead": "alice@acme.example"}, version=first.version)
    with pytest.raises(Stale):
        forums.update(acme.runtime, SYSTEM, "Board", {"caller": None}, version=board.version)
