"""What the door answers to each kind of request, and what is kept of it."""

import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.button_secret import button_secret
from connector.services.events import handle_deliveries
from connector.store.tables import Audit, Connection
from tests.webhooks.conftest import SECRETS, Door, issue_updated, page_updated
from webhooks.signatures import sign

TOKEN = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"


def said(response: Any) -> str:
    return str(response.get_json()["status"])


def test_a_signed_delivery_is_stored_and_its_connection_nudged(door: Door) -> None:
    body = json.dumps(issue_updated(), ensure_ascii=False).encode()
    response = door.post("acme-jira", body, X_Atlassian_Webhook_Identifier="one", Authorization="Bearer abc", X_Extra="no", User_Agent="A")
    assert (response.status_code, said(response)) == (200, "accepted")
    (delivery,) = door.stored()
    assert (delivery.key, delivery.event, delivery.state, delivery.body) == ("one", "jira:issue_updated", "pending", body)
    assert delivery.headers == {"x-atlassian-webhook-identifier": "one", "content-type": "application/json", "user-agent": "A"}
    assert list(door.queue.nudges) == [("drain", (door.connection("acme-jira").id,))]
    last = door.connection("acme-jira").last_event_at
    assert last is not None
    assert abs((datetime.now(UTC) - last).total_seconds()) < 30


def test_a_large_body_is_packed_and_comes_out_as_it_went_in(door: Door) -> None:
    body = json.dumps(issue_updated() | {"padding": "ä" * 5000}).encode()
    assert door.post("acme-jira", body).status_code == 200
    (delivery,) = door.stored()
    assert delivery.packed
    assert zlib.decompress(delivery.body) == body


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_does_not_matter(door: Door, content_type: str) -> None:
    assert door.post("acme-jira", issue_updated(), Content_Type=content_type).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"webhookEvent": "jira:issue_upd',
        b"[]",
        b"null",
        b"hello",
        b"\xff\xfe",
        b'{"a": 1}',
        b'{"webhookEvent": 7}',
        b"[" * 50_000,
    ],
    ids=["empty", "brace", "half", "list", "null", "text", "bytes", "other", "number", "deep"],
)
def test_a_signed_body_of_something_else_is_400(door: Door, body: bytes) -> None:
    for name in SECRETS:
        response = door.post(name, body)
        assert response.status_code == 400
        assert response.content_type == "application/problem+json"
        assert response.get_json()["status"] == 400
    assert door.stored() == []


def test_the_other_host_is_400(door: Door) -> None:
    assert door.post("acme-notion", issue_updated()).status_code == 400
    assert door.post("acme-jira", page_updated()).status_code == 400


def test_an_unknown_event_is_accepted_and_ignored_by_the_drain(door: Door) -> None:
    assert said(door.post("acme-jira", issue_updated() | {"webhookEvent": "jira:moon_phase_changed"})) == "accepted"
    with door.runtime.store.read() as session:
        connection = session.scalars(select(Connection).where(Connection.name == "acme-jira")).one()
    handle_deliveries(door.runtime, connection)
    (delivery,) = door.stored()
    assert (delivery.state, delivery.reason) == ("ignored", "unknown event")
    assert 'event="jira:moon_phase_changed"' in door.app.test_client().get("/metrics").text


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "sha256", "plain", "sha256=" + "é" * 64, "sha256=" + "0" * 20_000],
)
def test_a_wrong_signature_is_401(door: Door, name: str, signature: str) -> None:
    body = issue_updated() if name == "acme-jira" else page_updated()
    header = {"acme-jira": "X_Hub_Signature", "acme-notion": "X_Notion_Signature"}[name]
    response = door.post(name, body, secret="", **({header: signature} if signature else {}))
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers
    assert SECRETS[name] not in response.text
    assert door.stored() == []


def test_the_signature_counts_over_the_raw_bytes(door: Door) -> None:
    raw = json.dumps(page_updated(), ensure_ascii=False).encode()
    again = json.dumps(json.loads(raw), separators=(",", ":")).encode()
    assert door.post("acme-notion", raw, X_Notion_Signature=sign(SECRETS["acme-notion"], again)).status_code == 401
    assert door.post("acme-notion", raw).status_code == 200


def test_no_secret_means_no(door: Door) -> None:
    door.set("acme-jira", webhook_secret=None)
    for secret in ("", SECRETS["acme-jira"]):
        assert door.post("acme-jira", issue_updated(), secret=secret).status_code == 401
    assert door.post("acme-jira", issue_updated(), X_Hub_Signature=sign("", json.dumps(issue_updated()).encode())).status_code == 401
    assert door.post("acme-jira", issue_updated(), secret="", X_OKR_Secret="").status_code == 401


def test_unknown_and_retired_connections_are_404(door: Door) -> None:
    response = door.app.test_client().post("/webhooks/nobody", data=b"{}")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert door.post("acme-jira", issue_updated(1)).status_code == 200
    door.set("acme-jira", retired_at=datetime.now(UTC))
    door.app.extensions["door"].connections.forget()
    assert door.post("acme-jira", issue_updated(2)).status_code == 404


def test_a_connection_made_a_moment_ago_is_known(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.intake.RECHECK_SECONDS", 0.0)
    assert door.app.test_client().post("/webhooks/second-jira", data=b"{}").status_code == 404
    with door.runtime.store.write() as session:
        sealed = door.runtime.vault.seal("new")
        session.add(Connection(name="second-jira", host="jira", url="u", auth="", webhook_secret=sealed, created_at=datetime.now(UTC)))
    body = json.dumps(issue_updated()).encode()
    response = door.app.test_client().post("/webhooks/second-jira", data=body, headers={"X-Hub-Signature": sign("new", body)})
    assert response.status_code == 200


def test_a_changed_secret_counts_at_once_and_the_previous_one_for_its_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.intake.RECHECK_SECONDS", 0.0)
    assert door.post("acme-jira", issue_updated(1)).status_code == 200
    seal = door.runtime.vault.seal
    until = datetime.now(UTC) + timedelta(hours=24)
    door.set("acme-jira", webhook_secret=seal("brand new"), previous_webhook_secret=seal(SECRETS["acme-jira"]), previous_secret_until=until)
    assert door.post("acme-jira", issue_updated(2), secret="brand new").status_code == 200
    assert door.post("acme-jira", issue_updated(3)).status_code == 200
    door.set("acme-jira", previous_secret_until=datetime.now(UTC) - timedelta(seconds=1))
    door.app.extensions["door"].connections.forget()
    assert door.post("acme-jira", issue_updated(4)).status_code == 401
    assert door.post("acme-jira", issue_updated(5), secret="brand new").status_code == 200


def test_secrets_that_cannot_be_opened_are_our_trouble(door: Door) -> None:
    door.set("acme-jira", webhook_secret="gAAAAAB-not-ours")
    response = door.post("acme-jira", issue_updated())
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert door.post("acme-notion", page_updated()).status_code == 200


def test_a_repeated_delivery_is_a_duplicate(door: Door) -> None:
    body = issue_updated()
    answers = [
        said(door.post("acme-jira", body, X_Atlassian_Webhook_Identifier="same", X_Atlassian_Webhook_Retry=str(n))) for n in range(3)
    ]
    assert answers == ["accepted", "duplicate", "duplicate"]
    assert [delivery.key for delivery in door.stored()] == ["same"]


def test_a_captured_body_under_another_identifier_is_a_duplicate(door: Door) -> None:
    body = issue_updated()
    answers = [said(door.post("acme-jira", body, X_Atlassian_Webhook_Identifier=f"id-{n}")) for n in range(2)]
    assert answers == ["accepted", "duplicate"]
    assert len(door.stored()) == 1


def test_the_same_event_at_two_connections_is_two_deliveries(door: Door) -> None:
    with door.runtime.store.write() as session:
        sealed = door.runtime.vault.seal(SECRETS["acme-jira"])
        session.add(Connection(name="other", host="jira", url="u", auth="", webhook_secret=sealed, created_at=datetime.now(UTC)))
    body = json.dumps(issue_updated()).encode()
    headers = {"X-Hub-Signature": sign(SECRETS["acme-jira"], body), "X-Atlassian-Webhook-Identifier": "k"}
    for name in ("acme-jira", "other"):
        assert said(door.app.test_client().post(f"/webhooks/{name}", data=body, headers=headers)) == "accepted"


@pytest.mark.parametrize(("name", "make"), [("acme-jira", issue_updated), ("acme-notion", page_updated)])
def test_late_deliveries_count_too_because_a_hint_is_always_checked(door: Door, name: str, make: Callable[..., dict[str, Any]]) -> None:
    assert said(door.post(name, make(1, age=timedelta(days=400)))) == "accepted"
    assert [each.state for each in door.stored()] == ["pending"]


def test_undated_bodies_that_read_the_same_are_two_changes(door: Door) -> None:
    body = {"webhookEvent": "jira:issue_updated", "issue": {"id": "10001", "key": "ACME-1"}}
    answers = [said(door.post("acme-jira", body, X_Atlassian_Webhook_Identifier=f"id-{n}")) for n in (1, 2, 2)]
    assert answers == ["accepted", "accepted", "duplicate"]


def test_without_identifier_and_moment_nothing_tells_a_repeat_from_a_second_change(door: Door) -> None:
    body = {"webhookEvent": "jira:issue_updated", "issue": {"id": "10001", "key": "ACME-1"}}
    assert [said(door.post("acme-jira", body)) for _ in range(2)] == ["accepted", "accepted"]
    dated = body | {"timestamp": 1790102915652}
    assert [said(door.post("acme-jira", dated)) for _ in range(2)] == ["accepted", "duplicate"]


def test_deliveries_are_kept_in_the_order_of_their_arrival(door: Door) -> None:
    for number in (3, 1, 2):
        door.post("acme-notion", page_updated(number, age=timedelta(minutes=number)))
    assert [delivery.key[-1] for delivery in door.stored()] == ["3", "1", "2"]


@pytest.mark.parametrize("strange", ["a\x00b", "\ud800", "x" * 5000])
def test_strange_texts_do_no_harm(door: Door, strange: str) -> None:
    payload = page_updated() | {"id": f"id {strange}", "type": f"page.{strange}"}
    assert said(door.post("acme-notion", payload)) == "accepted"
    assert said(door.post("acme-notion", payload)) == "duplicate"


# --- set-up of a Notion webhook ------------------------------------------------------------------------------------------


def arm(door: Door, **values: Any) -> None:
    door.set("acme-notion", **({"webhook_secret": None, "armed_until": datetime.now(UTC) + timedelta(hours=1)} | values))


def handshake(door: Door, token: str = TOKEN) -> Any:
    return door.post("acme-notion", {"verification_token": token}, secret="")


def test_an_armed_handshake_sets_the_secret_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.intake.RECHECK_SECONDS", 0.0)
    arm(door)
    assert handshake(door).status_code == 200
    connection = door.connection("acme-notion")
    assert connection.webhook_secret is not None
    assert TOKEN not in connection.webhook_secret
    assert door.runtime.vault.open(connection.webhook_secret) == TOKEN
    assert connection.armed_until is None
    with door.runtime.store.read() as session:
        (audit,) = session.scalars(select(Audit))
    assert (audit.action, audit.entity, audit.entity_id) == ("handshake", "connection", "acme-notion")
    assert door.post("acme-notion", page_updated(), secret=TOKEN).status_code == 200
    # a second one, from whomever, changes nothing
    assert handshake(door, "secret_of_somebody_else").status_code == 401
    assert door.post("acme-notion", page_updated(2), secret="secret_of_somebody_else").status_code == 401
    assert door.post("acme-notion", page_updated(3), secret=TOKEN).status_code == 200


@pytest.mark.parametrize("armed", [None, datetime(2020, 1, 1, tzinfo=UTC)])
def test_an_unarmed_handshake_is_401(door: Door, armed: datetime | None) -> None:
    arm(door, armed_until=armed)
    assert handshake(door).status_code == 401
    assert door.connection("acme-notion").webhook_secret is None


def test_a_handshake_never_overwrites_a_secret(door: Door) -> None:
    arm(door, webhook_secret=door.runtime.vault.seal(SECRETS["acme-notion"]))
    assert handshake(door).status_code == 401
    assert door.post("acme-notion", page_updated()).status_code == 200


def test_a_process_that_has_not_heard_of_the_handshake_takes_none(make_door: Callable[..., Door]) -> None:
    first = make_door()
    from connector.app import create_app

    second = Door(create_app(first.runtime), first.runtime, first.queue)
    arm(first)
    for each in (first, second):  # both have read the armed row
        assert each.post("acme-notion", page_updated(), secret="x").status_code == 401
    assert handshake(first).status_code == 200
    assert handshake(second, "secret_of_somebody_else").status_code == 401
    assert first.runtime.vault.open(first.connection("acme-notion").webhook_secret or "") == TOKEN


def test_an_armed_connection_takes_nothing_else(door: Door) -> None:
    arm(door)
    assert door.post("acme-notion", page_updated(), secret="").status_code == 401
    assert door.post("acme-notion", {"verification_token": ""}, secret="").status_code == 401
    assert door.post("acme-notion", {"verification_token": "x" * 5000}, secret="").status_code == 401
    assert door.connection("acme-notion").webhook_secret is None


# --- automations, which cannot sign --------------------------------------------------------------------------------------

AUTOMATION = {
    "source": {"type": "automation", "automation_id": "a", "action_id": "b", "event_id": "e-1", "attempt": 1},
    "data": {"object": "page", "id": "153104cd-477e-809d-8dc4-ff2d96ae3090", "properties": {}},
}


def test_an_automation_shows_the_secret_in_a_header(door: Door) -> None:
    assert door.post("acme-notion", AUTOMATION, secret="").status_code == 401
    assert door.post("acme-notion", AUTOMATION, secret="", X_OKR_Secret="wrong").status_code == 401
    assert said(door.post("acme-notion", AUTOMATION, secret="", X_OKR_Secret=SECRETS["acme-notion"])) == "accepted"
    (delivery,) = door.stored()
    assert delivery.event == "automation"
    assert "x-okr-secret" not in delivery.headers


def test_an_automation_of_an_unknown_kind_is_taken_and_each_press_without_an_id_is_one(door: Door) -> None:
    shown = {"X_OKR_Secret": SECRETS["acme-notion"]}
    unknown = {"source": {"type": "something new"}, "data": AUTOMATION["data"]}
    assert said(door.post("acme-notion", unknown, secret="", **shown)) == "accepted"
    assert said(door.post("acme-notion", {"source": {}, "data": {}}, secret="", **shown)) == "accepted"
    press = {"source": {"type": "automation"}, "data": AUTOMATION["data"]}
    assert [said(door.post("acme-notion", press, secret="", **shown)) for _ in range(2)] == ["accepted", "accepted"]
    assert len(door.stored()) == 4


@pytest.mark.parametrize("secret", [SECRETS["acme-notion"], button_secret(SECRETS["acme-notion"])])
def test_a_shown_secret_counts_for_automations_and_for_no_other_event(door: Door, secret: str) -> None:
    refused = door.post("acme-notion", page_updated(), secret="", X_OKR_Secret=secret)
    assert (refused.status_code, "must be signed" in refused.get_json()["detail"]) == (401, True)
    assert door.post("acme-notion", b"{", secret="", X_OKR_Secret=secret).status_code == 401
    assert door.post("acme-notion", {**AUTOMATION, "type": "page.created", "entity": {}}, secret="", X_OKR_Secret=secret).status_code == 401
    assert door.stored() == []
    assert said(door.post("acme-notion", AUTOMATION, secret="", X_OKR_Secret=secret)) == "accepted"


def test_the_button_s_secret_signs_nothing_and_counts_as_long_as_its_webhook_secret(door: Door) -> None:
    own, vault = button_secret("old-secret"), door.runtime.vault
    assert door.post("acme-notion", page_updated(), secret=own).status_code == 401
    assert door.post("acme-notion", AUTOMATION, secret="", X_OKR_Secret=own).status_code == 401
    previous = {"previous_webhook_secret": vault.seal("old-secret"), "previous_secret_until": door.runtime.now() + timedelta(hours=1)}
    door.set("acme-notion", **previous)
    door.app.extensions["door"].connections.forget()
    assert said(door.post("acme-notion", AUTOMATION, secret="", X_OKR_Secret=own)) == "accepted"
    door.set("acme-notion", previous_secret_until=door.runtime.now() - timedelta(hours=1))
    door.app.extensions["door"].connections.forget()
    assert door.post("acme-notion", AUTOMATION, secret="", X_OKR_Secret=own).status_code == 401


def test_a_host_that_signs_everything_takes_no_shown_secret(door: Door) -> None:
    shown = {"X_OKR_Secret": SECRETS["acme-jira"]}
    assert door.post("acme-jira", issue_updated(), secret="", **shown).status_code == 401
    assert door.post("acme-jira", AUTOMATION, secret="", **shown).status_code == 401


def test_a_wrong_signature_is_not_healed_by_the_header(door: Door) -> None:
    assert door.post("acme-notion", page_updated(), secret="wrong", X_OKR_Secret=SECRETS["acme-notion"]).status_code == 401


# --- size ----------------------------------------------------------------------------------------------------------------


def test_other_methods_are_405(door: Door) -> None:
    response = door.app.test_client().get("/webhooks/acme-jira")
    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert "POST" in response.headers["Allow"]


def test_compressed_bodies_are_refused_with_a_reason(door: Door) -> None:
    response = door.post("acme-jira", zlib.compress(json.dumps(issue_updated()).encode()), Content_Encoding="gzip")
    assert response.status_code == 400
    assert "Compressed" in response.get_json()["detail"]


@pytest.mark.parametrize("token", ["\\ud800abcdef", "\\u001b[2Jabcdef", "two words", "käse", "x\\ny", "x" * 501])
def test_a_token_that_nobody_could_paste_is_no_handshake(door: Door, token: str) -> None:
    door.set("acme-notion", webhook_secret=None, armed_until=door.runtime.now() + timedelta(hours=1))
    assert door.post("acme-notion", b'{"verification_token":"' + token.encode() + b'"}', secret="").status_code == 401
    assert door.connection("acme-notion").webhook_secret is None
