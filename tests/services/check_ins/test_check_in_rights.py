"""Who may update which key result, in the one place that every source asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.domain.rights import ROLES, Viewer
from connector.errors import Forbidden, NotFound
from connector.services.check_ins import may_check_in, require_check_in, updatable
from connector.store.tables import Objective, Person, Team, TeamMember
from tests.support.signed_in import add_person
from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    """Growth has the objective; Bob is on the team, Tess leads it, Alice owns, Charlie is none of these."""
    with company(tmp_path) as found:
        found.objective("onboarding")
        found.objective("hidden")
        found.key_result("kr-setup")
        found.key_result("kr-hidden", "hidden")
        found.key_result("kr-nobody", owner_id=None)
        add_person(found.runtime, "tess@acme.example", "member")
        with found.runtime.store.write() as session:
            team = session.scalars(select(Team)).one()
            people = {row.email.partition("@")[0]: row for row in session.scalars(select(Person))}
            team.lead_id = people["tess"].id
            session.add(TeamMember(team_id=team.id, person_id=people["bob"].id))
            session.get_one(Objective, "onboarding").team_id = team.id
            session.get_one(Objective, "hidden").restricted = True
        yield found


def viewer(acme: Company, name: str, role: str = "member") -> Viewer:
    with acme.runtime.store.read() as session:
        row = session.scalars(select(Person).where(Person.email == f"{name}@acme.example")).one()
    return Viewer(row.email, role, row.id, row.email, row.name)


@pytest.mark.parametrize(
    ("name", "role", "may"),
    [
        ("alice", "member", True),
        ("bob", "member", True),
        ("tess", "member", True),
        ("charlie", "member", False),
        ("charlie", "lead", True),
        ("charlie", "admin", True),
        # A champion or viewer updates nothing, not even what they own (R105).
        ("alice", "champion", False),
        ("alice", "viewer", False),
        ("tess", "champion", False),
        ("bob", "viewer", False),
    ],
)
def test_who_updates(acme: Company, name: str, role: str, may: bool) -> None:
    who = viewer(acme, name, role)
    with acme.runtime.store.read() as session:
        assert may_check_in(session, who, "kr-setup") is may
        if may:
            require_check_in(session, who, "kr-setup")
            return
        with pytest.raises(Forbidden) as caught:
            require_check_in(session, who, "kr-setup")
    assert "ask Alice" in str(caught.value)


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("lead", True), ("member", True), ("champion", False), ("viewer", False)])
def test_a_token_of_nobody_in_particular_has_its_roles_right(acme: Company, role: str, may: bool) -> None:
    with acme.runtime.store.read() as session:
        assert may_check_in(session, Viewer("script", role), "kr-setup") is may


def test_what_somebody_may_not_know_of_does_not_exist(acme: Company) -> None:
    for role in ROLES:
        if role == "admin":
            continue
        with acme.runtime.store.read() as session:
            assert not may_check_in(session, viewer(acme, "charlie", role), "kr-hidden")
            for ident in ("kr-hidden", "kr-none"):
                with pytest.raises(NotFound) as caught:
                    require_check_in(session, viewer(acme, "charlie", role), ident)
                assert str(caught.value) == f"there is no key result {ident!r}"


def test_its_owner_updates_a_restricted_one(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        assert may_check_in(session, viewer(acme, "alice"), "kr-hidden")


def test_without_an_owner_a_lead_is_asked(acme: Company) -> None:
    with acme.runtime.store.read() as session, pytest.raises(Forbidden) as caught:
        require_check_in(session, viewer(acme, "charlie"), "kr-nobody")
    assert "no owner yet" in str(caught.value)


def test_a_whole_list_in_one_statement(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        assert updatable(session, viewer(acme, "bob"), ["kr-setup", "kr-hidden", "kr-nobody", "kr-none"]) == {"kr-setup", "kr-nobody"}
        assert updatable(session, viewer(acme, "bob"), []) == set()


def test_a_retired_key_result_takes_no_update(acme: Company) -> None:
    acme.key_result("kr-old", retired_at=acme.runtime.now())
    with acme.runtime.store.read() as session:
        assert not may_check_in(session, viewer(acme, "alice", "admin"), "kr-old")
