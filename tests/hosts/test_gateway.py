"""The way out to a host that is hostile, broken or mad: what it says and sends must not harm us. Both vendors' clients go through it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from connector.errors import Busy, HostError, Offline, Refused
from connector.hosts import http, jira, notion
from connector.hosts.base import ConnectionSettings, Host
from connector.hosts.http import LONGEST_WAIT, Gateway, clock_skew, is_public, retry_after
from connector.hosts.limits import Budget
from tests.support.standin import running

TOKEN = "an-odd-token:v9/Zq"  # looks like no known kind of credential
AUTH = {"jira": {"email": "bot@acme.example", "api_token": TOKEN}, "notion": {"token": TOKEN}}
BUILD: dict[str, Callable[..., Host]] = {"jira": jira.build, "notion": notion.build}
ODD_DAYS = [
    "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
    "Mon, 01 Jan 2024 99999999999999999999:00:00 GMT",
    "Mon, 99999999999999999999999 Jan 2024 00:00:00 GMT",
]


@pytest.fixture(params=["jira", "notion"])
def asked(request: pytest.FixtureRequest) -> Iterator[Callable[[Response], HostError]]:
    """Lets a host give one answer to everything, and gives the error that this becomes."""
    given: list[Response] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        Request(environ).get_data()
        return given[0](environ, start_response)

    with running(app) as url:

        def ask(answer: Response) -> HostError:
            given[:] = [answer]
            settings = ConnectionSettings("acme", request.param, url, AUTH[request.param], {})
            host = BUILD[request.param](settings, budget=Budget("acme"), allow_private=True, instance="i", patience=1.0)
            try:
                with pytest.raises(HostError) as caught:
                    host.describe()
            finally:
                host.close()
            return caught.value

        yield ask


def refusal(text: str, status: int = 400, **headers: str) -> Response:
    import json

    body = {"object": "error", "message": text, "code": "validation_error", "errorMessages": [text]}
    return Response(json.dumps(body), status, {**headers, "Content-Type": "application/json"})


def test_a_host_that_repeats_our_credentials_is_not_quoted(asked: Callable[[Response], HostError]) -> None:
    error = asked(refusal(f"the token {TOKEN} is bad, so is Bearer abcdef123456 and ntn_abcdef123456"))
    assert isinstance(error, Refused)
    assert "is bad" in str(error)
    for secret in (TOKEN, "abcdef123456"):
        assert secret not in str(error)


def test_a_hosts_words_cannot_steer_a_terminal_or_forge_a_line(asked: Callable[[Response], HostError]) -> None:
    assert "\\x1b[2J\\nok doctor\\x9b" in str(asked(refusal("gone \x1b[2J\nok doctor\x9b")))


@pytest.mark.parametrize("wish", ["inf", "1e308", "nan", "-inf", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 400, *ODD_DAYS])
def test_absurd_wishes_to_wait_are_cut(asked: Callable[[Response], HostError], wish: str) -> None:
    error = asked(refusal("slow down", 429, **{"Retry-After": wish}))
    assert isinstance(error, Busy)
    assert error.retry_after is None or 0.0 <= error.retry_after <= LONGEST_WAIT


@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_any_header_is_a_bounded_wait_or_none(text: str) -> None:
    wait = retry_after({"retry-after": text})
    assert wait is None or 0.0 <= wait <= LONGEST_WAIT


@pytest.mark.parametrize("day", ODD_DAYS)
def test_absurd_dates_are_no_clock(day: str) -> None:
    assert clock_skew({"date": day}) is None


def test_an_answer_without_end_is_not_read_to_its_end(asked: Callable[[Response], HostError], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1_000_000)
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(2000):
            sent.append(65_536)
            yield b" " * 65_536

    assert isinstance(asked(Response(pieces(), 200, content_type="application/json")), Offline)
    assert sum(sent) < 60_000_000


def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(
    asked: Callable[[Response], HostError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1_000_000)
    bomb = Response(gzip.compress(b" " * 20_000_000), 200, {"Content-Encoding": "gzip"}, content_type="application/json")
    assert isinstance(asked(bomb), Offline)


def test_an_answer_that_cannot_be_unpacked_is_no_answer(asked: Callable[[Response], HostError]) -> None:
    assert isinstance(asked(Response(b"{}", 200, {"Content-Encoding": "gzip"}, content_type="application/json")), Offline)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07::1", True),
        ("64:ff9b::5db8:d70e", True),  # a public address behind NAT64
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("ff0e::1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("::7f00:1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("2002:a00:1::", False),
        ("::ffff:0:7f00:1", False),  # translated
        ("64:ff9b:1::1", False),
        ("192.0.0.192", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
    ],
)
def test_private_addresses_in_any_disguise(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_secrets_of_a_gateway_are_in_no_repr() -> None:
    gateway = Gateway("acme", frozenset(), None, None, secrets=frozenset({TOKEN}))  # type: ignore[arg-type]
    assert TOKEN not in repr(gateway)
