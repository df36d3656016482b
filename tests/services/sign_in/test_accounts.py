"""Sign-in with Atlassian and Notion: people are found by their account id at a host, never by an address that nobody verified."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from connector.store.tables import Connection, Identity, Person, PersonAccount
from tests.services.sign_in.conftest import Door

ACCOUNTS = {"atlassian": "5b10ac8d82e05b22cc7d4ef5", "notion": "6794760a-1f15-45cd-9c65-0dfe42f5135a"}
HOSTS = {"atlassian": "jira", "notion": "notion"}


def give_account(door: Door, provider: str, email: str = "bob@acme.example", connection: str = "work", account: str = "") -> None:
    acme = door.company
    number = acme.connection(connection, HOSTS[provider], "https://acme.example", {"token": "x", "email": "x", "api_token": "x"})
    with acme.runtime.store.write() as session:
        person = session.scalars(select(Person.id).where(Person.email == email)).one()
        session.add(PersonAccount(person_id=person, connection_id=number, account=account or ACCOUNTS[provider]))


@pytest.mark.parametrize("provider", sorted(ACCOUNTS))
def test_the_account_at_the_host_lets_in_whatever_name_and_address_say(door: Door, provider: str) -> None:
    give_account(door, provider)
    assert door.come_back(provider).status_code == 303
    assert door.signed_in_as() == "bob@acme.example"
    assert [row.subject for row in door.rows(Identity)] == [ACCOUNTS[provider]]


@pytest.mark.parametrize("provider", sorted(ACCOUNTS))
def test_an_address_alone_opens_nothing(door: Door, provider: str) -> None:
    door.accounts.me |= {"email": "alice@acme.example"}
    back = door.come_back(provider)
    assert (back.status_code, "alice@acme.example" in back.text) == (403, True)
    door.nothing_happened()


def test_an_address_that_atlassian_verified_counts(door: Door) -> None:
    door.accounts.me |= {"email": "alice@acme.example", "email_verified": True}
    door.come_back("atlassian")
    assert door.signed_in_as() == "alice@acme.example"


def test_an_address_that_only_looks_like_a_known_one_opens_nothing(door: Door) -> None:
    with door.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "bob@acme.example").values(email="kate@acme.example"))
    door.accounts.me |= {"email": "\u212aate@acme.example", "email_verified": True}
    assert door.come_back("atlassian").status_code == 403
    door.nothing_happened()


def test_an_account_of_another_host_is_another_account(door: Door) -> None:
    give_account(door, "atlassian", account=ACCOUNTS["notion"])
    assert door.come_back("notion").status_code == 403
    door.nothing_happened()


def test_notion_ids_count_with_and_without_dashes(door: Door) -> None:
    give_account(door, "notion", account=ACCOUNTS["notion"].replace("-", ""))
    door.come_back("notion")
    assert door.signed_in_as() == "bob@acme.example"


@pytest.mark.parametrize("change", ["left", "retired"])
def test_an_account_that_left_or_a_connection_that_is_gone_lets_nobody_in(door: Door, change: str) -> None:
    give_account(door, "atlassian")
    with door.company.runtime.store.write() as session:
        now = door.company.runtime.now()
        session.execute(update(PersonAccount).values(left_at=now) if change == "left" else update(Connection).values(retired_at=now))
    assert door.come_back("atlassian").status_code == 403
    door.nothing_happened()


def test_connections_that_disagree_about_an_account_let_nobody_in(door: Door) -> None:
    give_account(door, "atlassian", "alice@acme.example", "one")
    give_account(door, "atlassian", "bob@acme.example", "two")
    assert door.come_back("atlassian").status_code == 403
    door.nothing_happened()


@pytest.mark.parametrize("me", [{"account_status": "closed"}, {"account_id": ""}, {"account_id": 7}])
def test_an_account_that_is_closed_or_unnamed_is_refused(door: Door, me: dict[str, Any]) -> None:
    give_account(door, "atlassian")
    door.accounts.me |= me
    assert door.come_back("atlassian").status_code == 403
    door.nothing_happened()


def test_a_bot_that_notion_names_as_owner_is_nobody(door: Door) -> None:
    door.accounts.user = {}
    assert door.come_back("notion").status_code == 403
    door.nothing_happened()


@pytest.mark.parametrize("provider", sorted(ACCOUNTS))
def test_a_code_that_is_not_good_is_refused(door: Door, provider: str) -> None:
    give_account(door, provider)
    assert door.come_back(provider, code="guessed").status_code == 403
    door.nothing_happened()


def test_a_provider_that_is_not_set_up_is_not_there(door: Door) -> None:
    door.company.runtime.settings.notion_client_id = ""
    assert door.client.get("/sign-in/notion").status_code == 404
    assert door.client.get("/sign-in/notion/callback?state=x&code=y").status_code == 404
    assert "Notion" not in door.client.get("/sign-in").text
