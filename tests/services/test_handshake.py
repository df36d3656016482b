"""Notion's verification token: accepted while armed, shown once, replaced only on purpose."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from connector.domain.button_secret import button_secret
from connector.errors import Conflict, NotFound
from connector.services import handshake
from connector.store.tables import Connection
from tests.support.world import Company, company
from webhooks.intake import Intake


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.connection("acme-notion", "notion", "http://localhost", {"token": "secret_x"})
        with found.runtime.store.write() as session:
            session.execute(update(Connection).values(webhook_secret=None))
        yield found


def shake(people: Company, token: str) -> int:
    door = Intake(people.runtime)
    known = door.find("acme-notion")
    assert known is not None
    status = door.receive(known, {}, b'{"verification_token": "' + token.encode() + b'"}').status
    door.deliveries.close()
    return status


def test_the_token_is_shown_once_after_it_came(people: Company) -> None:
    with pytest.raises(Conflict, match="arm it first"):
        handshake.show_token(people.runtime, "acme-notion")
    assert shake(people, "secret_early") == 401
    handshake.arm(people.runtime, "acme-notion")
    with pytest.raises(Conflict, match="waits for it"):
        handshake.show_token(people.runtime, "acme-notion")
    assert shake(people, "secret_first") == 200
    assert shake(people, "secret_takeover") == 401
    assert handshake.show_token(people.runtime, "acme-notion") == "secret_first"
    with pytest.raises(Conflict, match="shown before"):
        handshake.show_token(people.runtime, "acme-notion")


def test_a_stored_secret_is_replaced_only_on_purpose_and_the_old_one_counts_for_a_day(people: Company) -> None:
    handshake.arm(people.runtime, "acme-notion")
    shake(people, "secret_first")
    with pytest.raises(Conflict, match="--replace"):
        handshake.arm(people.runtime, "acme-notion")
    handshake.arm(people.runtime, "acme-notion", replace=True)
    assert shake(people, "secret_second") == 200
    assert handshake.show_token(people.runtime, "acme-notion") == "secret_second"
    door = Intake(people.runtime)
    known = door.find("acme-notion")
    assert known is not None
    assert known.secrets(people.runtime.now()) == ("secret_second", "secret_first")


def test_an_unknown_connection_is_named(people: Company) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        handshake.arm(people.runtime, "nowhere")


def test_the_button_s_secret_is_shown_as_often_as_needed_and_is_not_the_webhook_s(people: Company) -> None:
    with pytest.raises(Conflict, match="set the webhook up first"):
        handshake.show_button_secret(people.runtime, "acme-notion")
    handshake.arm(people.runtime, "acme-notion")
    shake(people, "secret_first")
    shown = {handshake.show_button_secret(people.runtime, "acme-notion") for _ in range(2)}
    assert shown == {button_secret("secret_first")} == {hmac.new(b"secret_first", b"okr-button", "sha256").hexdigest()}
    people.connection("acme-jira", "jira", "http://localhost", {"email": "a@acme.example", "api_token": "x"})
    with pytest.raises(Conflict, match="signs everything"):
        handshake.show_button_secret(people.runtime, "acme-jira")
