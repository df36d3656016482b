"""The door of the Forge app: what it answers to whom, replays, tenants, installation and the hourly call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from redis import Redis
from sqlalchemy import select

from connector.domain.rights import SYSTEM
from connector.services.forge import overseeing
from connector.store.tables import Connection, ForgeInstallation
from connector.views.forge.blueprint import answer
from connector.views.forge.door import caller, for_app, for_person
from tests.support.forge import ALICE, BOB, STRANGER, SYSTEM_TOKEN, Forge, forge_site, forge_world
from tests.support.signed_in import Visit

ANOTHER = "ari:cloud:ecosystem::installation/bbbbbbbb-0000-0000-0000-000000000002"


def with_views(forge: Forge) -> Forge:
    """Three views behind the door, which say who came."""
    changed: list[Any] = forge.__dict__.setdefault("changed", [])

    @for_person
    def who() -> Any:
        found = caller()
        return answer(f"{found.viewer.name} {found.viewer.role} {found.connection_name} {found.issue} {found.project} {found.known}")

    @for_person
    def change() -> Any:
        changed.append(flask.request.get_json())
        return answer("changed")

    @for_app
    def app_only() -> Any:
        return answer("the app")

    forge.app.add_url_rule("/forge/v1/test/who", "test_who", who)
    forge.app.add_url_rule("/forge/v1/test/change", "test_change", change, methods=["POST"])
    forge.app.add_url_rule("/forge/v1/test/app", "test_app", app_only, methods=["POST"])
    csrf: Any = forge.app.extensions["csrf"]
    for name in ("test_change", "test_app"):
        csrf.exempt(forge.app.view_functions[name])
    return forge


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as site:
        yield with_views(site)


def test_who_comes_in(forge: Forge) -> None:
    found = forge.call("GET", "/forge/v1/test/who", issue="10001", project="ACME")
    assert (found.status_code, found.json) == (200, {"html": "alice@acme.example admin acme-jira 10001 ACME True"})
    assert forge.call("GET", "/forge/v1/test/who", account=BOB).json == {"html": "bob@acme.example member acme-jira   True"}
    stranger = forge.call("GET", "/forge/v1/test/who", account=STRANGER)
    assert stranger.json == {"html": f"acme-jira:{STRANGER} viewer acme-jira   False"}
    assert "Set-Cookie" not in found.headers


def test_401_is_said_for_refused_tokens_only(forge: Forge) -> None:
    now = int(time.time())
    for token in (
        "nonsense",
        forge.token(forge.claims(aud="another")),
        forge.token(forge.claims(exp=now - 60, iat=now - 85, nbf=now - 85)),
    ):
        refused = forge.call("GET", "/forge/v1/test/who", token=token)
        assert (refused.status_code, refused.content_type) == (401, "application/problem+json")
        assert token not in refused.text
    assert forge.client.get("/forge/v1/test/who").status_code == 401
    assert forge.client.get("/forge/v1/test/who", headers={"Authorization": "Bearer okr_abc"}).status_code == 401
    assert forge.call("GET", "/forge/v1/test/who", account="").status_code == 403
    assert forge.call("GET", "/forge/v1/nothing").status_code == 404
    forge.company.runtime.settings.forge_app_id = ""
    assert forge.call("GET", "/forge/v1/test/who", token="x.y.z").status_code == 401


def test_an_account_of_our_own_pages_opens_no_door_here(forge: Forge) -> None:
    visit = Visit(forge.app, forge.company.runtime, "alice@acme.example")
    assert visit.get("/forge/v1/test/who").status_code == 401


def test_while_keys_cannot_be_read_the_answer_is_503(tmp_path: Path) -> None:
    with forge_world(tmp_path) as forge:
        forge.jwks.status = 500
        found = forge.call("POST", "/forge/v1/hourly", {}, account="")
        assert (found.status_code, found.headers["Retry-After"]) == (503, "5")
        assert "keys cannot be read" in found.json["detail"]  # type: ignore[index]  # it is a problem
        assert "database" not in found.text


# --- replay --------------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that answers late on a loaded machine is not away."""
    monkeypatch.setattr("connector.services.forge.replay.TIMEOUT", 20.0)


@pytest.fixture(params=["memory", "redis"])
def replaying(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Forge]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    with forge_site(tmp_path, redis_url=url) as site:
        yield with_views(site)


def test_a_token_changes_one_thing_only(replaying: Forge) -> None:
    forge = replaying
    token = forge.token(forge.claims())
    assert forge.call("POST", "/forge/v1/test/change", {"value": 1}, token=token).status_code == 200
    assert forge.call("POST", "/forge/v1/test/change", {"value": 1}, token=token).status_code == 200, "the same again, after a lost answer"
    for path, body in (
        ("/forge/v1/test/change", {"value": 2}),
        ("/forge/v1/test/change?x=1", {"value": 1}),
        ("/forge/v1/test/change", None),
    ):
        refused = forge.call("POST", path, body, token=token)
        assert refused.status_code == 401
        assert "used for another request" in refused.text
    assert forge.changed == [{"value": 1}, {"value": 1}]  # type: ignore[attr-defined]  # the views keep it there
    assert forge.call("POST", "/forge/v1/test/change", {"value": 2}).status_code == 200, "another token"


def test_reading_with_a_token_binds_nothing(replaying: Forge) -> None:
    forge = replaying
    token = forge.token(forge.claims())
    for _ in range(2):
        assert forge.call("GET", "/forge/v1/test/who", token=token).status_code == 200
    assert forge.call("POST", "/forge/v1/test/change", {"value": 2}, token=token).status_code == 200
    assert forge.call("GET", "/forge/v1/test/who", token=token).status_code == 200


def test_a_used_token_is_known_to_every_process_and_forgotten_after_its_end(tmp_path: Path, redis_url: str) -> None:
    with forge_site(tmp_path, redis_url=redis_url) as site:
        forge = with_views(site)
        token = forge.token(forge.claims())
        assert forge.call("POST", "/forge/v1/test/change", {"value": 1}, token=token).status_code == 200
        forge.company.runtime.remembered.pop("forge-used")  # as in another process
        assert forge.call("POST", "/forge/v1/test/change", {"value": 2}, token=token).status_code == 401
        with Redis.from_url(redis_url) as redis:
            keys = redis.keys("okr-forge-token:*")
            assert len(keys) == 1
            assert 20 < redis.ttl(keys[0]) <= 40


def test_replays_are_noticed_while_redis_is_away(tmp_path: Path) -> None:
    with forge_site(tmp_path, redis_url=f"unix://{tmp_path}/none.sock") as site:
        forge = with_views(site)
        token = forge.token(forge.claims())
        assert forge.call("POST", "/forge/v1/test/change", {"value": 1}, token=token).status_code == 200
        assert forge.call("POST", "/forge/v1/test/change", {"value": 2}, token=token).status_code == 401


def test_more_than_forge_lets_through_is_too_much(forge: Forge) -> None:
    assert forge.call("POST", "/forge/v1/test/change", {"value": "x" * 500_000}).status_code == 200
    assert forge.call("POST", "/forge/v1/test/change", {"value": "x" * 700_000}).status_code == 413


# --- tenants, installation, hourly call ----------------------------------------------------------------------------------------


def test_a_site_that_waits_is_told_so_until_an_admin_accepts_it(forge: Forge) -> None:
    there: dict[str, Any] = {"installation": ANOTHER, "cloud_id": "cloud-b"}
    refused = forge.call("GET", "/forge/v1/test/who", **there)
    assert refused.status_code == 403
    assert "waits for an admin" in refused.text
    ident = forge.installation(ANOTHER, "cloud-b").id
    with forge.company.runtime.store.write() as session:
        session.get_one(ForgeInstallation, ident).site_url = "https://beta.atlassian.net"
    overseeing.accept(forge.company.runtime, SYSTEM, ident)
    welcome = forge.call("GET", "/forge/v1/test/who", **there)
    assert welcome.json == {"html": f"beta-jira:{ALICE} viewer beta-jira   False"}, "acme's people are not beta's"


def test_the_installation_of_one_site_with_the_cloud_of_another(forge: Forge) -> None:
    for path, method in (("/forge/v1/test/who", "GET"), ("/forge/v1/test/change", "POST"), ("/forge/v1/hourly", "POST")):
        account = "" if path.endswith("hourly") else ALICE
        refused = forge.call(method, path, {} if method == "POST" else None, account=account, cloud_id="cloud-b")
        assert refused.status_code == 403
        assert "another site" in refused.text


def test_installing_makes_a_connection_by_itself(tmp_path: Path) -> None:
    with forge_world(tmp_path) as forge:
        installed = forge.call("POST", "/forge/v1/lifecycle", {"eventType": "avi:forge:installed:app"}, account="")
        assert (installed.status_code, installed.data) == (204, b"")
        with forge.company.runtime.store.read() as session:
            assert session.scalars(select(Connection.name)).all() == ["127-jira"]
        assert forge.installation().hourly_at is None
        claims = forge.claims("")
        claims["app"]["appVersion"] = "2.0.0"
        upgraded = forge.call("POST", "/forge/v1/lifecycle", {"eventType": "avi:forge:upgraded:app"}, account="", token=forge.token(claims))
        assert upgraded.status_code == 204
        assert forge.installation().app_version == "2.0.0"


def test_the_hourly_call_renews_the_token(forge: Forge) -> None:
    before = forge.installation()
    forge.company.clock.ahead = 3600
    assert forge.call("POST", "/forge/v1/hourly", {}, account="", system="the next token").status_code == 204
    after = forge.installation()
    assert after.hourly_at is not None
    assert (forge.company.runtime.now() - after.hourly_at).total_seconds() < 10
    assert after.token_ends_at is not None
    assert before.token_ends_at is not None
    assert after.token_ends_at > before.token_ends_at
    assert after.system_token is not None
    assert forge.company.runtime.vault.open(after.system_token) == "the next token"


def test_the_lifecycle_is_the_apps_alone(forge: Forge) -> None:
    for path in ("/forge/v1/lifecycle", "/forge/v1/hourly"):
        assert forge.client.post(path, json={}).status_code == 401
        waiting = forge.call("POST", path, {}, account="", installation=ANOTHER, cloud_id="cloud-b")
        assert waiting.status_code == 204, "Forge would repeat the call four times"
    assert SYSTEM_TOKEN not in str(forge.installation(ANOTHER, "cloud-b").system_token)


def test_no_answer_holds_a_token(forge: Forge) -> None:
    for found in (
        forge.call("GET", "/forge/v1/test/who"),
        forge.call("GET", "/forge/v1/test/who", account=""),
        forge.call("GET", "/forge/v1/test/who", installation=ANOTHER, cloud_id="cloud-b"),
        forge.call("POST", "/forge/v1/test/app", {}),
    ):
        assert SYSTEM_TOKEN not in found.text
        assert "user token" not in found.text
