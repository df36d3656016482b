"""The platform that the sandbox plays: its tokens look like Atlassian's, its limits hold, it hands on what the real one promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.wrappers import Request, Response

from connector.sandbox.forge import LARGEST_ANSWER, LARGEST_REQUEST, Call, Platform
from tests.support.standin import running

CLOUD = "11111111-2222-3333-4444-555555555555"


class Remote:
    """Answers as told and keeps what came."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.answer = Response("{}", content_type="application/json")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        request.get_data()
        self.seen.append(request)
        return self.answer(environ, start_response)


@pytest.fixture
def remote() -> Remote:
    return Remote()


@pytest.fixture
def platform(remote: Remote) -> Iterator[Platform]:
    with running(remote) as address:
        yield Platform(address, CLOUD)


def test_a_call_carries_a_token_of_the_person_and_the_place(platform: Platform, remote: Remote) -> None:
    remote.answer = Response('{"html": "<p>"}', content_type="application/json; charset=utf-8")
    place = {"issue": {"id": "10001", "key": "GROW-1"}}
    told = platform.invoke(Call("/forge/v1/issue?open=kr", module="okr-issue-context", account="70121:x", extension=place))
    assert told == {"success": True, "payload": {"status": 200, "headers": {"content-type": ["application/json"]}, "body": {"html": "<p>"}}}
    request = remote.seen[-1]
    assert request.full_path == "/forge/v1/issue?open=kr"
    keys = KeySet.import_key_set(json.loads(json.dumps(platform.jwks())))
    claims = jwt.decode(request.headers["Authorization"].removeprefix("Bearer "), keys, algorithms=["RS256"]).claims
    assert (claims["principal"], claims["aud"], claims["iss"]) == ("70121:x", platform.app_id, "forge/invocation-token")
    assert claims["context"]["extension"] == place
    assert claims["exp"] - claims["iat"] == 25
    assert request.headers["x-forge-oauth-user"] == "sandbox-user-70121:x"
    assert "Cookie" not in request.headers
    assert set(platform.jwks()["keys"][0]) == {"kty", "n", "e", "kid", "use", "alg"}  # nothing of the private key


def test_two_calls_have_two_tokens_and_an_ended_one_has_ended(platform: Platform) -> None:
    def claims(call: Call) -> dict[str, Any]:
        return dict(jwt.decode(platform.token(call), KeySet.import_key_set(platform.jwks()), algorithms=["RS256"]).claims)

    first, second, ended = claims(Call("/")), claims(Call("/")), claims(Call("/", ended=True))
    assert first["jti"] != second["jti"]
    assert ended["exp"] < first["iat"]
    assert "principal" not in first  # what nobody in particular made
    assert "context" not in first


PROBLEM = "application/problem+json"


@pytest.mark.parametrize(("status", "kind"), [(403, PROBLEM), (401, PROBLEM), (500, "text/html"), (200, "text/html"), (302, "text/html")])
def test_whatever_is_no_json_success_loses_status_and_body(platform: Platform, remote: Remote, status: int, kind: str) -> None:
    remote.answer = Response('{"detail": "why"}', status=status, content_type=kind)
    told = platform.invoke(Call("/forge/v1/issue"))
    assert told["success"] is False
    assert set(told["error"]) == {"message"}
    assert "why" not in told["error"]["message"]


def test_forges_limits_hold(platform: Platform, remote: Remote) -> None:
    assert not platform.invoke(Call("/x", "POST", {"text": "x" * LARGEST_REQUEST}))["success"]
    assert remote.seen == []  # it went nowhere
    assert platform.invoke(Call("/x", "POST", {"text": "x" * (LARGEST_REQUEST - 100)}))["success"]
    remote.answer = Response(json.dumps({"html": "x" * LARGEST_ANSWER}), content_type="application/json")
    assert not platform.invoke(Call("/x"))["success"]


def test_a_connector_that_is_away_is_a_failure_not_a_fault() -> None:
    with running(Remote()) as address:
        gone = Platform(address, CLOUD)
    assert not gone.invoke(Call("/forge/v1/issue"))["success"]


@pytest.mark.parametrize("call", [Call("forge/v1/issue"), Call("/x", "TRACE"), Call("")])
def test_a_call_without_path_or_method_is_refused(platform: Platform, remote: Remote, call: Call) -> None:
    assert not platform.invoke(call)["success"]
    assert remote.seen == []
