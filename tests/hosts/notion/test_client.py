"""Errors as the client translates them, budgets, secrets; and the stand-in's own webhooks."""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.errors import SITE_WIDE, Blocked, Busy, Gone, Offline, Refused, Uncertain
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion import build, dialect
from connector.hosts.notion.client import idempotent
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import NotionSandbox
from tests.hosts.notion.conftest import fixture
from tests.support.standin import running
from webhooks.signatures import verify


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "90"}, 90.0), ({"Retry-After": "0"}, 0.0), ({}, None), ({"Retry-After": "soon"}, None)]
)
@pytest.mark.parametrize("status", [429, 529])
def test_busy_carries_the_wish_to_wait_and_nothing_sleeps(
    box: NotionSandbox, host: NotionHost, status: int, headers: dict[str, str], wait: float | None
) -> None:
    box.fail(status=status, headers=headers, additional={"rate_limit_reason": "public_api_space_request_rate_limit"})
    with pytest.raises(Busy) as busy:
        host.describe()
    assert busy.value.retry_after == wait
    assert busy.value.details[SITE_WIDE] is True
    assert host.requests == 1  # the library's own retries are off


def test_a_limit_of_this_connection_alone_is_no_limit_of_the_workspace(box: NotionSandbox, host: NotionHost) -> None:
    box.fail(status=429, headers={"Retry-After": "1"}, additional={"rate_limit_reason": "public_api_request_rate_limit"})
    with pytest.raises(Busy) as busy:
        host.describe()
    assert SITE_WIDE not in busy.value.details


def test_every_request_says_which_version_of_the_api_it_means(base: str, host: NotionHost, box: NotionSandbox) -> None:
    """The library's own default is older; a request without the header would be refused."""
    told: list[str] = []
    check = box._check_headers

    def noted(request: Request) -> None:
        told.append(request.headers.get("Notion-Version", ""))
        check(request)

    box._check_headers = noted  # type: ignore[method-assign]
    _, source = box.world.add_database("Deals", {"Seats": "number"})
    row = box.world.add_row(source, {"Name": "A"})
    comment = box.world.add_comment(row, "hello")
    host.describe()
    host.write_values(row, {"Seats": 4.0})
    host.notify(row, [box.world.data["person"]], "hello")
    assert host.fetch_comment(row, comment["id"])
    host._client.sibling().me()
    assert len(told) == len(box.log) >= 8
    assert set(told) == {"2026-03-11"}


def test_a_reset_in_the_middle_of_an_answer_is_no_answer(host: NotionHost, box: NotionSandbox) -> None:
    """The headers came, the body did not: nothing is taken from the half."""

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", "5000")])
        yield b'{"object": "list", "results": ['
        environ["werkzeug.socket"].shutdown(2)

    with running(app) as url:
        settings = ConnectionSettings("n", "notion", url, {"token": "x"})
        for write in (False, True):
            broken = build(settings, budget=Budget("n"), allow_private=True)
            kind = Uncertain if write else Offline
            with pytest.raises(Offline) as caught:
                broken.notify("12345678123412341234123456789012", [], "hello") if write else broken.describe()
            assert type(caught.value) is kind
            broken.close()


def test_a_blocked_connection_is_refused_and_not_retried(box: NotionSandbox, host: NotionHost) -> None:
    box.fail(status=429, headers={"Retry-After": "60"}, additional={"rate_limit_reason": "public_api_request_blocked"})
    with pytest.raises(Blocked, match="support") as refused:
        host.describe()
    assert (refused.value.status, refused.value.code, refused.value.parks) == (429, "public_api_request_blocked", True)


@pytest.mark.parametrize("status", [401, 403, 502, 522])
def test_html_from_the_edge_never_parks_a_connection(box: NotionSandbox, host: NotionHost, status: int) -> None:
    box.fail(status=status, html=True)
    with pytest.raises(Offline):
        host.describe()


def test_an_html_page_with_status_200_is_no_answer(box: NotionSandbox, host: NotionHost) -> None:
    box.fail(status=200, html=True)
    with pytest.raises(Offline):
        host.describe()


def test_a_query_may_be_repeated_after_500_a_comment_may_not(box: NotionSandbox, host: NotionHost) -> None:
    page = box.world.add_page("x")
    box.fail(path="/search", status=500)
    with pytest.raises(Offline) as offline:
        host.describe()
    assert not isinstance(offline.value, Uncertain)
    for trouble in ({"status": 500}, {"drop": True}):
        box.fail(path="/comments", **trouble)
        with pytest.raises(Uncertain):
            host.notify(page, [], "hello")
    assert idempotent("PATCH", "/v1/blocks/x")
    assert idempotent("PATCH", "/v1/pages/x")
    assert not idempotent("PATCH", "/v1/blocks/x/children")
    assert not idempotent("POST", "/v1/pages")


def test_recorded_errors_are_told_in_notions_words(box: NotionSandbox, host: NotionHost) -> None:
    for exchange in fixture("notion-api", "sdk-py--api_response_error.json"):
        error = exchange["response"]["body"]
        box.fail(status=error["status"], code=error["code"], message=error["message"])
        with pytest.raises(Refused, match=error["message"]) as refused:
            host.describe()
        assert refused.value.code == error["code"]
    with pytest.raises(Gone, match="shared"):
        host.write_values("12345678-1234-1234-1234-123456789012", {})


def test_nobody_listening_is_offline_and_no_secret_is_told(
    make_host: Callable[..., NotionHost], caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    host = make_host(token="ntn_verysecret", url="http://127.0.0.1:9")
    with pytest.raises(Offline) as offline:
        host.describe()
    told = f"{offline.value}{offline.value.details}{caplog.text}{capsys.readouterr()}{host.settings!r}"
    assert "verysecret" not in told


def test_our_own_budget_runs_out_before_notions(make_host: Callable[..., NotionHost], box: NotionSandbox) -> None:
    host = make_host(requests_per_minute=3, patience=0.0)
    host.describe()
    with pytest.raises(Busy) as busy:
        host.describe()
    assert busy.value.code == "own_budget"
    assert busy.value.retry_after
    assert len(box.log) == 3


def test_a_private_address_is_refused_unless_allowed(base: str) -> None:
    settings = ConnectionSettings("n", "notion", base, {"token": "x"})
    host = build(settings, budget=Budget("n"), allow_private=False)
    with pytest.raises(Refused, match="OKR_ALLOW_PRIVATE_HOSTS"):
        host.describe()
    host.close()


def test_many_hosts_share_one_log_handler(make_host: Callable[..., NotionHost]) -> None:
    before = len(logging.getLogger("notion_client").handlers), len(logging.getLogger("notion_client.connector").handlers)
    for _ in range(5):
        make_host()
    assert (len(logging.getLogger("notion_client").handlers), len(logging.getLogger("notion_client.connector").handlers)) == before


# --- the stand-in ------------------------------------------------------------------------------------------------------


def test_the_stand_in_sends_signed_deliveries_also_for_our_own_writes(box: NotionSandbox, host: NotionHost) -> None:
    received: list[tuple[str | None, bytes]] = []
    lock = threading.Lock()

    def door(environ: Any, start: Any) -> Any:
        request = Request(environ)
        with lock:
            received.append((request.headers.get("X-Notion-Signature"), request.get_data()))
            return Response(status=503 if len(received) == 1 else 200)(environ, start)

    with running(door) as url:
        box.webhook_url, box.secret = f"{url}/webhooks/acme-notion", "secret_abc"
        box.send_handshake()
        _, source = box.world.add_database("Deals", {"Seats": "number"})
        row = box.world.add_row(source, {"Name": "A"})
        host.write_values(row, {"Seats": 4.0})
        box.flush()
    assert all(verify(["secret_abc"], raw, header) for header, raw in received)
    assert received[0] == received[1]  # tried again after the 503
    assert dialect.handshake({}, received[0][1]) == "secret_abc"
    last = dialect.parse({}, received[-1][1])
    assert [(event.kind, event.ref, event.author) for event in last] == [("changed", row, f"bot:{box.world.data['bot']}")]  # type: ignore[union-attr]
    ids = json.loads(received[-1][1])["data"]["updated_properties"]
    assert ids == [box.world.property_id(source, "Seats").replace(":", "%3A")]


def test_a_workspace_can_be_saved_and_loaded(box: NotionSandbox) -> None:
    _, source = box.world.add_database("Deals", {"Seats": "number"})
    box.world.add_row(source, {"Seats": 3})
    copied = NotionSandbox.from_json(json.loads(json.dumps(box.to_json())))
    assert copied.to_json() == box.to_json()
    copied.world.add_row(source, {"Seats": 4})
    assert len(copied.world.rows(source)) == len(box.world.rows(source)) + 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "data_sources/{source}/query", {"page_size": 101}),
        ("POST", "data_sources/{source}/query", {"in_trash": True}),
        ("POST", "data_sources/{source}/query", {"filter": {"and": [{"or": [{"and": []}]}]}}),
        ("POST", "data_sources/{source}/query", {"filter": {"property": "Nope", "number": {"equals": 1}}}),
        ("PATCH", "pages/{row}", {"archived": True}),
        ("PATCH", "pages/{row}", {"properties": {"Nope": {"number": 1}}}),
        ("PATCH", "blocks/{row}/children", {"children": [{"type": "callout", "callout": {"rich_text": []}}], "after": "x"}),
        (
            "PATCH",
            "blocks/{row}/children",
            {"children": [{"type": "callout", "callout": {"rich_text": [{"text": {"content": "x" * 2001}}]}}]},
        ),
        ("GET", "pages/not-an-id", None),
        ("GET", "nowhere", None),
    ],
)
def test_the_stand_in_refuses_what_notion_refuses(
    box: NotionSandbox, host: NotionHost, method: str, path: str, body: dict[str, Any] | None
) -> None:
    _, source = box.world.add_database("Deals", {"Seats": "number"})
    row = box.world.add_row(source, {})
    with pytest.raises(Refused) as refused:
        host._client.call(method, path.format(source=source, row=row), body=body)
    assert refused.value.status == 400
    box.log.clear()  # refused on purpose, so not for the check of our own requests
