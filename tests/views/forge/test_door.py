"""What the door takes: the app's own calls at the app's addresses, and bodies that can be read. Everything else is told so in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connector.problems import problem
from connector.store.tables import Delivery, ForgeInstallation, Person, PersonAccount
from tests.support.forge import ALICE, BOB, INSTALLATION, STRANGER, Forge, forge_site

EVENT = {"payload": {"eventType": "avi:jira:updated:issue", "issue": {"id": "1", "key": "ACME-1"}}}
APP_PATHS = ("/forge/v1/events", "/forge/v1/hourly", "/forge/v1/lifecycle")


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as site:
        site.company.objective()
        site.company.key_result("kr-setup")
        site.app.config["PROPAGATE_EXCEPTIONS"] = False  # a fault is an answer here, as in production
        yield site


def kept(forge: Forge) -> int:
    with forge.company.runtime.store.read() as session:
        return session.scalar(select(func.count(Delivery.id))) or 0


@pytest.mark.parametrize("path", APP_PATHS)
def test_a_person_gets_nothing_in_at_the_apps_own_doors(forge: Forge, path: str) -> None:
    before = forge.installation()
    calls: list[dict[str, Any]] = [{"account": account} for account in (ALICE, STRANGER)]
    calls += [
        {"account": ALICE, "module": "okr-events"},
        {"account": "", "module": "okr-issue-panel"},
        {"account": "", "module": "okr-people"},
    ]
    for call in calls:
        forge.company.clock.ahead += 61
        refused = forge.call("POST", path, EVENT, **call)
        assert (refused.status_code, refused.content_type) == (403, "application/problem+json")
        assert "the app's own events and schedules" in refused.text
    after = forge.installation()
    assert (after.hourly_at, after.last_seen_at) == (None, before.last_seen_at), "nothing was noted"
    assert kept(forge) == 0
    assert forge.call("POST", path, EVENT, account="", module=path.replace("/forge/v1/", "okr-")).status_code == 204


def test_an_event_is_small(forge: Forge) -> None:
    assert forge.call("POST", "/forge/v1/events", {**EVENT, "x": "y" * 900_000}, account="", module="okr-events").status_code == 204
    big = forge.call("POST", "/forge/v1/events", {**EVENT, "x": "y" * 1_100_000}, account="", module="okr-events")
    assert (big.status_code, big.content_type) == (413, "application/problem+json")
    assert kept(forge) == 1


UNREADABLE = {
    "half a sign": (b'{"config": {"key_result": "\\ud800", "view": "card"}, "blocker": "\\ud800"}', "cannot be read|is no JSON"),
    "half a sign in a name": (b'{"\\udfff": 1}', "is no JSON"),
    "no text": (b'{"value": "\xff"}', "is no JSON"),
    "a control character": (b'{"value": "7\\u0000"}', "control character"),
    "one in a name": (b'{"va\\u0007lue": "7"}', "control character"),
    "one deep down": (b'{"config": {"team": ["x", "\\u001b[31m"]}}', "control character"),
    "very deep": (b"[" * 200_000, "is no JSON"),
    "deep": (b'{"config": ' * 40 + b"1" + b"}" * 40, "nested deeper than 20"),
    "never ending": (b'{"config":' * 30_000, "is no JSON"),
    "not JSON": (b"value=7", "is no JSON"),
    "a list": (b"[1]", "must be a JSON object"),
    "beyond numbers": (b'{"value": 1e999}', "is no JSON"),
}
PATHS = (
    "/forge/v1/dashboard",
    "/forge/v1/dashboard/config",
    "/forge/v1/dashboard/config/check",
    "/forge/v1/dashboard/config/preview",
    "/forge/v1/check-in/kr-setup",
    "/forge/v1/check-in/kr-setup/check",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", UNREADABLE)
def test_a_body_that_cannot_be_meant_is_400_in_words(forge: Forge, path: str, what: str) -> None:
    raw, words = UNREADABLE[what]
    headers = {**forge.headers(forge.token(forge.claims(ALICE)), ALICE), "Content-Type": "application/json"}
    refused = forge.client.post(path, data=raw, headers=headers)
    assert (refused.status_code, refused.content_type) == (400, "application/problem+json")
    assert any(word in refused.text for word in words.split("|"))


def test_text_with_lines_and_tabs_is_text(forge: Forge) -> None:
    body = {"value": "7", "confidence": "7", "decision": "none", "comment": "one\r\n\ttwo"}
    assert forge.call("POST", "/forge/v1/check-in/kr-setup/check", body).status_code == 200


def test_no_body_is_a_dashboard_without_settings_and_no_check_in(forge: Forge) -> None:
    assert forge.call("POST", "/forge/v1/dashboard").status_code == 200
    assert forge.call("POST", "/forge/v1/check-in/kr-setup").status_code == 400


@pytest.mark.parametrize(
    "path", ["/forge/v1/check-in/%00", "/forge/v1/check-in/kr%07", "/forge/v1/issue?open=%00", "/forge/v1/issue?%1b=1"]
)
def test_a_control_character_in_an_address_is_400(forge: Forge, path: str) -> None:
    refused = forge.call("GET", path)
    assert (refused.status_code, "control character" in refused.text) == (400, True)


def test_an_event_that_cannot_be_read_is_400(forge: Forge) -> None:
    for raw in (b"[" * 200_000, b'{"payload": {"eventType": "avi:jira:updated:issue", "x": "\\ud800"}}', b"\xff"):
        headers = {**forge.headers(forge.token(forge.claims("", module="okr-events"))), "Content-Type": "application/json"}
        assert forge.client.post("/forge/v1/events", data=raw, headers=headers).status_code == 400
    assert kept(forge) == 0


def test_a_problem_can_quote_half_a_sign() -> None:
    told = problem(400, "no \ud800 here", where="\udfff")
    assert told.get_json() == {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no ? here", "where": "?"}


def test_whoever_left_neither_reads_nor_files(forge: Forge) -> None:
    def answers(words: str) -> None:
        for method, path in (
            ("POST", "/forge/v1/dashboard"),
            ("GET", "/forge/v1/check-in/kr-setup"),
            ("POST", "/forge/v1/check-in/kr-setup"),
        ):
            refused = forge.call(method, path, {"value": "46", "confidence": "7"} if method == "POST" else None, account=BOB)
            assert (refused.status_code, refused.content_type) == (403, "application/problem+json")
            assert words in refused.text

    runtime = forge.company.runtime
    with runtime.store.write() as session:
        session.execute(update(PersonAccount).where(PersonAccount.account == BOB).values(left_at=runtime.now()))
    answers("your account is deactivated")
    with runtime.store.write() as session:
        session.execute(update(PersonAccount).values(left_at=None))
        session.execute(update(Person).where(Person.email == "bob@acme.example").values(active=False))
    answers("your access to the OKR connector was ended")
    with runtime.store.read() as session:
        assert session.scalar(select(ForgeInstallation.state).where(ForgeInstallation.installation_id == INSTALLATION)) == "active"
