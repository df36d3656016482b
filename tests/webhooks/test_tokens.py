"""Deliveries that carry a signed token instead of a signature: what counts as one, and what never does."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.webhooks.conftest import SECRETS, Door, issue_updated, page_updated
from webhooks.signatures import TOKEN_EARLY, TOKEN_LATE, verify_token

SECRET = "the-client-secret-of-the-app-at-atlassian"
NOW = 1_795_000_000.0


def token(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode({"alg": algorithm, **header}, claims, OctKey.import_key(secret), algorithms=[algorithm])


def bare(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


LIVE = {"iss": "our-app", "iat": int(NOW), "exp": int(NOW) + 180}


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_apps_secret_signs_by_any_of_three(algorithm):
    assert verify_token([SECRET], token(LIVE, algorithm=algorithm), NOW)
    assert verify_token(["another-secret-of-enough-length", SECRET], token(LIVE, algorithm=algorithm), NOW)


def test_another_secret_or_none_never_counts():
    other = token(LIVE, secret="another-secret-of-enough-length")
    assert not verify_token([SECRET], other, NOW)
    assert not verify_token([], token(LIVE), NOW)
    assert not verify_token([""], token(LIVE), NOW)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_secret_short_enough_to_be_guessed_does_not_count():
    assert not verify_token(["short"], token(LIVE, secret="short"), NOW)


def test_no_other_algorithm_counts():
    key = RSAKey.generate_key(2048)
    assert not verify_token([SECRET], jwt.encode({"alg": "RS256"}, LIVE, key), NOW)
    assert not verify_token([SECRET], bare({"alg": "none"}, LIVE), NOW)
    assert not verify_token([SECRET], bare({"alg": "HS256"}, LIVE), NOW)
    signed = token(LIVE)
    assert not verify_token([SECRET], bare({"alg": "none"}, LIVE) + signed.rpartition(".")[2], NOW)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "a" * 9000, "\x00", "eyJhbGciOiJIUzI1NiJ9.bm8.x"])
def test_what_is_no_token_is_refused_and_never_a_crash(text):
    assert not verify_token([SECRET], text, NOW)


@pytest.mark.parametrize(
    ("claims", "counts"),
    [
        ({"exp": NOW - TOKEN_LATE + 60}, True),  # repeated attempts may bring the token of the first
        ({"exp": NOW - TOKEN_LATE - 1}, False),
        ({"iat": NOW + TOKEN_EARLY - 1}, True),
        ({"iat": NOW + TOKEN_EARLY + 60}, False),
        ({"iat": NOW - TOKEN_LATE - 1}, False),
        ({"exp": NOW + 60, "nbf": NOW + TOKEN_EARLY + 60}, False),
        ({"exp": NOW + 60, "nbf": NOW}, True),
        ({}, False),
        ({"iss": "our-app"}, False),
        ({"exp": "tomorrow"}, False),
        ({"exp": True}, False),
        ({"exp": NOW + 60, "iat": "now"}, False),
        ({"exp": None, "iat": NOW}, True),
    ],
)
def test_times_count_with_leeway(claims, counts):
    assert verify_token([SECRET], token(claims), NOW) is counts


def test_a_token_costs_the_door_next_to_nothing():
    signed, begun = token(LIVE), time.perf_counter()
    for _ in range(200):
        assert verify_token([SECRET, "the-former-secret-of-this-app"], signed, NOW)
    assert time.perf_counter() - begun < 2.0


# --- at the door -----------------------------------------------------------------------------------------------------------

JIRA_SECRET = SECRETS["acme-jira"]


def live(**claims: Any) -> str:
    return token({"iat": time.time(), "exp": time.time() + 180, **claims}, secret=JIRA_SECRET)


def test_a_delivery_with_the_apps_token_is_taken_once(door: Door) -> None:
    body = {**issue_updated(), "matchedWebhookIds": [10000]}
    for word in ("accepted", "duplicate"):
        answer = door.post("acme-jira", body, secret="", Authorization=f"Bearer {live()}", X_Atlassian_Webhook_Identifier="one")
        assert (answer.status_code, answer.get_json()["status"]) == (200, word)
    (stored,) = door.stored()
    assert "authorization" not in stored.headers


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_written_as_it_likes(door: Door, scheme: str) -> None:
    assert door.post("acme-jira", issue_updated(), secret="", Authorization=f"{scheme} {live()}").status_code == 200


def test_what_is_wrong_with_a_token_is_said_in_words(door: Door) -> None:
    for wrong in (live(exp=time.time() - 10_000), token({"exp": time.time()}, secret="another-secret-of-enough-length"), "a.b.c"):
        answer = door.post("acme-jira", issue_updated(), secret="", Authorization=f"Bearer {wrong}")
        assert answer.status_code == 401
        assert "token is wrong or too old" in answer.get_json()["detail"]
        assert wrong not in answer.text
    assert door.stored() == []


def test_a_wrong_signature_is_not_mended_by_a_token(door: Door) -> None:
    answer = door.post("acme-jira", issue_updated(), X_Hub_Signature="sha256=00", Authorization=f"Bearer {live()}")
    assert answer.status_code == 401


def test_hosts_without_such_tokens_take_none(door: Door) -> None:
    signed = token({"exp": time.time() + 60}, secret="secret_ntn_4f3a-and-long-enough")
    door.set("acme-notion", webhook_secret=door.runtime.vault.seal("secret_ntn_4f3a-and-long-enough"))
    assert door.post("acme-notion", page_updated(), secret="", Authorization=f"Bearer {signed}").status_code == 401


def test_without_a_stored_secret_no_token_counts(door: Door) -> None:
    door.set("acme-jira", webhook_secret=None)
    assert door.post("acme-jira", issue_updated(), secret="", Authorization=f"Bearer {live()}").status_code == 401


def test_the_former_secret_counts_for_its_day(door: Door) -> None:
    former = door.connection("acme-jira").webhook_secret
    door.set(
        "acme-jira",
        webhook_secret=door.runtime.vault.seal("a-new-secret-of-enough-length"),
        previous_webhook_secret=former,
        previous_secret_until=door.runtime.now() + timedelta(hours=1),
    )
    assert door.post("acme-jira", issue_updated(), secret="", Authorization=f"Bearer {live()}").status_code == 200
