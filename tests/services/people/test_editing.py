"""People, their accounts and tokens: what is refused with which words, what follows from a change, and that one admin stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.errors import Conflict, Faults, Forbidden, InputError, NotFound
from connector.hosts.jira.sandbox import JiraSandbox
from connector.runtime import build_runtime
from connector.services import tokens
from connector.services.changes import Stale, version_of
from connector.services.people import accounts, directory, editing
from connector.services.people.accounts import NewPerson
from connector.services.sign_in import sessions
from connector.store.tables import Audit, Identity, KeyResult, Person
from tests.support.signed_in import add_person
from tests.support.standin import running
from tests.support.world import Company, company

ADMIN = Viewer("ann@acme.example", "admin")

HERE = {"zone": "", "away_until": None}


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective()
        found.key_result("kr-setup")
        found.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "bot@acme.example", "api_token": "sandbox-token"})
        add_person(found.runtime, "ann@acme.example", "admin")
        yield found


def view(acme: Company, email: str) -> dict[str, Any]:
    with acme.runtime.store.read() as session:
        return directory.view(session, directory.find(session, email))


def save(acme: Company, email: str, version: str | None = None, **fields: Any) -> bool:
    return editing.save_person(acme.runtime, ADMIN, email, fields, version)


def trail(acme: Company) -> list[tuple[str, str, Any, Any]]:
    with acme.runtime.store.read() as session:
        return [(row.action, row.entity_id, row.before, row.after) for row in session.scalars(select(Audit).order_by(Audit.id))]


@pytest.mark.databases("sqlite", "postgres")
def test_a_person_is_added_changed_and_found_again(acme: Company) -> None:
    fields = {"name": "  Dora   Diaz ", "role": "lead", "accounts": {"acme-jira": "acc-1"}}
    assert editing.add_person(acme.runtime, ADMIN, " Dora@ACME.example", fields) == "dora@acme.example"
    before = view(acme, "dora@acme.example")
    assert before == {"name": "Dora Diaz", "role": "lead", "active": True, "accounts": {"acme-jira": "acc-1"}, **HERE}
    assert save(acme, "dora@acme.example", version_of(before), role="champion", accounts={})
    assert not save(acme, "dora@acme.example", role="champion")
    assert trail(acme)[-1] == (
        "update",
        "dora@acme.example",
        {"role": "lead", "accounts": {"acme-jira": "acc-1"}},
        {"role": "champion", "accounts": {}},
    )
    with acme.runtime.store.read() as session:
        page = directory.people_page(session, text="DORA")
        assert [each["email"] for each in page.items] == ["dora@acme.example"]
        assert directory.people_page(session, text="100%_").items == []


@pytest.mark.parametrize(
    ("email", "fields", "where"),
    [
        ("", {"name": "X"}, "email"),
        ("two@acme.example, three@acme.example", {"name": "X"}, "email"),
        ("no-at-sign", {"name": "X"}, "email"),
        ("alice@acme.example", {"name": "X"}, "email"),
        ("\u212aate@acme.example", {"name": "X"}, "email"),
        ("stra\u00dfe@acme.example", {"name": "X"}, "email"),
        ("\uff4bate@acme.example", {"name": "X"}, "email"),
        ("x@acme.example", {"name": " "}, "name"),
        ("x@acme.example", {"name": "x" * 101}, "name"),
        ("x@acme.example", {"name": "X", "role": "king"}, "role"),
        ("x@acme.example", {"name": "X", "accounts": {"nowhere": "a"}}, "account-nowhere"),
        ("x@acme.example", {"name": "X", "accounts": {"acme-jira": "two words"}}, "account-acme-jira"),
        ("x@acme.example", {"name": "X", "nickname": "x"}, "nickname"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(acme: Company, email: str, fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Faults) as caught:
        editing.add_person(acme.runtime, ADMIN, email, fields)
    assert [error.where for error in caught.value.errors] == [where]
    assert trail(acme) == []


def test_an_account_has_one_person(acme: Company) -> None:
    save(acme, "alice@acme.example", accounts={"acme-jira": "acc-1"})
    with pytest.raises(Faults, match=r"Alice \(alice@acme\.example\)"):
        save(acme, "bob@acme.example", accounts={"acme-jira": "acc-1"})
    save(acme, "alice@acme.example", accounts={})
    assert save(acme, "bob@acme.example", accounts={"acme-jira": "acc-1"})


def test_two_admins_who_save_at_once_see_both_versions(acme: Company) -> None:
    version = version_of(view(acme, "bob@acme.example"))
    save(acme, "bob@acme.example", version, role="lead")
    with pytest.raises(Stale) as caught:
        save(acme, "bob@acme.example", version, role="champion")
    assert (caught.value.theirs["role"], caught.value.by) == ("lead", "ann@acme.example")
    assert save(acme, "bob@acme.example", caught.value.version, role="champion")


@pytest.mark.parametrize("fields", [{"role": "lead"}, {"active": False}, {"role": "viewer", "active": False}])
def test_the_last_admin_stays_one(acme: Company, fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="last active admin"):
        save(acme, "ann@acme.example", **fields)
    add_person(acme.runtime, "bob@acme.example", "admin")
    assert save(acme, "ann@acme.example", **fields)
    with pytest.raises(InputError, match="last active admin"):
        save(acme, "bob@acme.example", **fields)


@pytest.mark.databases("sqlite", "postgres")
def test_two_admins_who_demote_each_other_at_once_leave_one(acme: Company) -> None:
    add_person(acme.runtime, "bob@acme.example", "admin")
    refused: list[str] = []
    begin = threading.Barrier(2)

    def demote(email: str) -> None:
        runtime = build_runtime(acme.runtime.settings, queue=acme.runtime.queue)
        begin.wait()
        try:
            editing.save_person(runtime, ADMIN, email, {"role": "member"})
        except InputError:
            refused.append(email)
        finally:
            runtime.close()

    both = [threading.Thread(target=demote, args=(email,)) for email in ("ann@acme.example", "bob@acme.example")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(refused) == 1
    assert view(acme, refused[0])["role"] == "admin"


def test_who_is_not_active_any_more_is_signed_out_and_owns_nothing(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        number = session.scalars(select(Person.id).where(Person.email == "alice@acme.example")).one()
    key = sessions.begin(acme.runtime, number, "link")
    token = tokens.create(acme.runtime, "alices", "member", person="alice@acme.example")
    save(acme, "alice@acme.example", active=False)
    save(acme, "alice@acme.example", active=True)
    assert sessions.find(acme.runtime, key) is None  # coming back does not bring the old session back
    assert tokens.verify(acme.runtime, token) is not None
    save(acme, "alice@acme.example", active=False)
    assert tokens.verify(acme.runtime, token) is None
    acme.work()
    assert "ownerless" in acme.row("kr-setup").flags


def test_a_token_never_may_more_than_its_person(acme: Company) -> None:
    with pytest.raises(InputError, match="Bob is member"):
        tokens.create(acme.runtime, "too much", "lead", person="bob@acme.example")
    save(acme, "bob@acme.example", role="admin")
    token = tokens.create(acme.runtime, "bobs", "admin", person="bob@acme.example", viewer=ADMIN)
    found = tokens.verify(acme.runtime, token)
    assert found is not None
    assert found.role == "admin"
    save(acme, "bob@acme.example", role="champion")
    found = tokens.verify(acme.runtime, token)
    assert found is not None
    assert (found.role, found.email) == ("champion", "bob@acme.example")


def test_forgetting_who_signs_in(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        number = session.scalars(select(Person.id).where(Person.email == "bob@acme.example")).one()
        session.add(Identity(issuer="https://id.example", subject="s", person_id=number, created_at=acme.runtime.now()))
    assert editing.forget_identities(acme.runtime, ADMIN, "bob@acme.example") == 1
    assert editing.forget_identities(acme.runtime, ADMIN, "bob@acme.example") == 0
    assert len(trail(acme)) == 1


@pytest.mark.parametrize("role", ["lead", "champion", "member", "viewer"])
def test_only_admins_change_people(acme: Company, role: str) -> None:
    viewer = Viewer("x", role)
    for act in (
        lambda: editing.add_person(acme.runtime, viewer, "x@acme.example", {"name": "X"}),
        lambda: editing.save_person(acme.runtime, viewer, "bob@acme.example", {"role": "admin"}),
        lambda: editing.set_account(acme.runtime, viewer, "bob@acme.example", "acme-jira", "a"),
        lambda: editing.forget_identities(acme.runtime, viewer, "bob@acme.example"),
        lambda: accounts.host_accounts(acme.runtime, viewer, "acme-jira"),
        lambda: accounts.add_people(acme.runtime, viewer, "acme-jira", [NewPerson("a", "A", "a@acme.example")]),
        lambda: tokens.create(acme.runtime, "x", "admin", viewer=viewer),
        lambda: tokens.revoke(acme.runtime, "x", viewer=viewer),
    ):
        with pytest.raises(Forbidden):
            act()


# --- accounts at a host --------------------------------------------------------------------------------------------------------

USERS = [
    {"accountId": "a-alice", "displayName": "Alice", "emailAddress": "alice@acme.example", "active": True, "accountType": "atlassian"},
    {"accountId": "a-bob", "displayName": "Alice", "active": True, "accountType": "atlassian"},
    {"accountId": "a-new", "displayName": "Nia Ode", "emailAddress": "nia@acme.example", "active": True, "accountType": "atlassian"},
]


@pytest.fixture
def site(acme: Company) -> Iterator[Company]:
    jira = JiraSandbox()
    jira.world.settings["users"] = USERS
    with running(jira) as url:
        acme.connection("site", "jira", url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        yield acme


def test_an_equal_address_is_a_suggestion_and_an_equal_name_is_nothing(site: Company) -> None:
    page = accounts.host_accounts(site.runtime, ADMIN, "site")
    assert [(each.account, each.suggested, each.held_by) for each in page.accounts] == [
        ("a-alice", "alice@acme.example", ""),
        ("a-bob", "", ""),
        ("a-new", "", ""),
    ]
    assert view(site, "alice@acme.example")["accounts"] == {}  # suggesting changes nothing
    editing.set_account(site.runtime, ADMIN, "alice@acme.example", "site", "a-alice")
    assert accounts.host_accounts(site.runtime, ADMIN, "site").accounts[0].held_by == "alice@acme.example"


def test_picked_people_are_added_all_or_none(site: Company) -> None:
    good = [NewPerson("a-alice", "Alice", "alice@acme.example"), NewPerson("a-new", "Nia Ode", "nia@acme.example")]
    with pytest.raises(Faults) as caught:
        accounts.add_people(site.runtime, ADMIN, "site", [*good, NewPerson("a-bob", "Alice", "")])
    assert [error.where for error in caught.value.errors] == ["email-2"]
    assert view(site, "alice@acme.example")["accounts"] == {}
    assert accounts.add_people(site.runtime, ADMIN, "site", good) == accounts.Added(new=1, linked=1)
    assert accounts.add_people(site.runtime, ADMIN, "site", good) == accounts.Added(new=0, linked=0)
    assert view(site, "nia@acme.example") == {"name": "Nia Ode", "role": "member", "active": True, "accounts": {"site": "a-new"}, **HERE}
    with pytest.raises(Faults, match=r"alice@acme\.example's already"):
        accounts.add_people(site.runtime, ADMIN, "site", [NewPerson("a-alice", "B", "bob@acme.example")])
    with pytest.raises(Faults, match="another account"):
        accounts.add_people(site.runtime, ADMIN, "site", [NewPerson("a-bob", "Alice", "alice@acme.example")])
    with pytest.raises(NotFound):
        accounts.add_people(site.runtime, ADMIN, "nowhere", good)


def test_a_change_of_owner_asks_for_the_numbers_again(acme: Company) -> None:
    acme.work()
    save(acme, "alice@acme.example", name="Alice Moreau")
    with acme.runtime.store.read() as session:
        row = session.get_one(KeyResult, "kr-setup")
        assert row.wanted > row.done


def test_the_same_person_added_twice_at_once_is_told(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "bob@acme.example").values(email="b@acme.example"))
    editing.add_person(acme.runtime, ADMIN, "bob@acme.example", {"name": "Bob"})
    with pytest.raises((Faults, Conflict)):
        editing.add_person(acme.runtime, ADMIN, "bob@acme.example", {"name": "Bob"})


def test_a_time_zone_and_a_leave_are_kept_until_they_are_taken_back(acme: Company) -> None:
    assert save(acme, "bob@acme.example", zone=" europe/oslo ", away_until="2027-01-03")
    with acme.runtime.store.read() as session:
        bob = directory.find(session, "bob@acme.example")
        assert directory.view(session, bob)["zone"] == "Europe/Oslo"
        assert directory.shapes(session, [bob])[0]["away_until"] == "2027-01-03"
        assert directory.shapes(session, [bob])[0]["version"] == version_of(directory.view(session, bob))
    save(acme, "bob@acme.example", name="Bob")
    with acme.runtime.store.read() as session:
        assert directory.find(session, "bob@acme.example").away_until is not None
    assert save(acme, "bob@acme.example", zone="", away_until="")
    with pytest.raises(Faults) as caught:
        save(acme, "bob@acme.example", zone="Mars", away_until="soon")
    assert [(each.where, each.message[:30]) for each in caught.value.errors] == [
        ("zone", "'Mars' is not a time zone; use"),
        ("away_until", "enter the last day of the leav"),
    ]
