"""What a Forge Invocation Token must be to be believed. Every rule is tried by a token that breaks it alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey
from structlog.testing import capture_logs

from connector.runtime import Runtime
from connector.services.forge.caller import Invocation
from connector.services.forge.invocation import PAGES, NotInvoked, verify
from connector.services.forge.keys import KeysUnavailable
from connector.settings import load_settings
from tests.support.forge import ALICE, APP, APP_ID, INSTALLATION, SYSTEM_TOKEN, Forge, a_key, forge_world


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_world(tmp_path) as world:
        yield world


def check(forge: Forge, token: str, **headers: str) -> Invocation:
    return verify(forge.company.runtime, {"Authorization": f"Bearer {token}", **headers})


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_a_token_says(forge: Forge) -> None:
    claims = forge.claims(ALICE, issue="10001", project="ACME", module="okr-issue")
    headers = forge.headers(forge.token(claims), ALICE)
    found = verify(forge.company.runtime, headers)
    assert found.installation == INSTALLATION
    assert (found.cloud_id, found.site_url) == (forge.cloud_id, forge.site_url)
    assert found.api_base_url == f"{forge.site_url}/ex/jira/{forge.cloud_id}"
    assert (found.account, found.module, found.token_id) == (ALICE, "okr-issue", claims["jti"])
    assert (found.app_version, found.environment) == ("1.0.0", "PRODUCTION")
    assert found.place["issue"]["id"] == "10001"
    assert (found.system_token, found.user_token) == (SYSTEM_TOKEN, f"user token of {ALICE}")
    assert (found.ends_at, found.trace) == (claims["exp"], "0123456789abcdef")
    assert SYSTEM_TOKEN not in repr(found)
    assert "user token" not in repr(found)


def test_names_of_headers_have_no_case_and_an_event_has_no_account(forge: Forge) -> None:
    token = forge.token(forge.claims("", context=None))
    found = verify(forge.company.runtime, {"AUTHORIZATION": f"bearer {token}", "X-FORGE-OAUTH-SYSTEM": "system"})
    assert (found.account, found.system_token, found.user_token, found.site_url) == ("", "system", "", "")
    assert found.cloud_id == forge.cloud_id


def test_the_account_is_the_principal_never_the_context(forge: Forge) -> None:
    assert check(forge, forge.token(forge.claims("", context={"accountId": ALICE}))).account == ""


@pytest.mark.parametrize("principal", [[ALICE], f"{ALICE} ", {"accountId": ALICE}, 7])
def test_a_person_who_cannot_be_read_is_not_taken_for_nobody(forge: Forge, principal: Any) -> None:
    with pytest.raises(NotInvoked, match="a person in a way that cannot be read"):
        check(forge, forge.token(forge.claims(principal=principal)))


def test_behind_which_calls_people_stand(forge: Forge) -> None:
    """Also one whom Jira does not know stands behind a module with a frame; the manifest says which those are."""
    manifest = yaml.safe_load((Path(__file__).parents[3] / "connector/templates/forge/manifest.yml").read_text().replace("@", ""))
    framed = {each["key"] for entries in manifest["modules"].values() for each in entries if "resolver" in each}
    assert framed | {"okr-people"} == PAGES
    for module in PAGES:
        assert check(forge, forge.token(forge.claims("", module=module, context=None))).by_person
    for module in ("okr-events", "okr-issues", "okr-hourly", "okr-hour", "okr-lifecycle", "okr-lifecycle-trigger"):
        assert not check(forge, forge.token(forge.claims("", module=module))).by_person
        assert check(forge, forge.token(forge.claims(ALICE, module=module))).by_person


def test_the_older_name_of_the_version_is_read_too(forge: Forge) -> None:
    claims = forge.claims()
    claims["app"]["version"] = claims["app"].pop("appVersion")
    assert check(forge, forge.token(claims)).app_version == "1.0.0"


NOW = time.time()
SITE = "https://api.atlassian.com/ex/jira/c1"


def app(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims["app"].update(changes)


def claim(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(claims: dict[str, Any]) -> None:
        for name, value in changes.items():
            if value is None:
                claims.pop(name, None)
            else:
                claims[name] = value(claims) if callable(value) else value

    return change


BAD_CLAIMS = {
    "another issuer": (claim(iss="https://evil.example"), "issuer"),
    "no issuer": (claim(iss=None), "issuer"),
    "the bare id as audience": (claim(aud=APP_ID), "another app"),
    "another app's audience": (claim(aud=f"ari:cloud:ecosystem::app/{APP_ID[:-1]}6"), "another app"),
    "two audiences": (claim(aud=[APP, "ari:cloud:ecosystem::app/x"]), "another app"),
    "no audience": (claim(aud=None), "another app"),
    "another app inside": (app(id="ari:cloud:ecosystem::app/other"), "another app"),
    "ended": (claim(iat=lambda c: c["iat"] - 60, nbf=lambda c: c["nbf"] - 60, exp=lambda c: c["iat"] + 25), "ended"),
    "not valid yet": (claim(nbf=lambda c: c["nbf"] + 20), "not valid yet"),
    "made in the future": (claim(iat=lambda c: c["iat"] + 20, exp=lambda c: c["exp"] + 20), "not valid yet"),
    "too long a life": (claim(exp=lambda c: c["iat"] + 301), "longer time"),
    "an end before its beginning": (claim(exp=lambda c: c["iat"] - 1), "longer time"),
    "no end": (claim(exp=None), "begins and ends"),
    "no beginning": (claim(iat=None), "begins and ends"),
    "an end in words": (claim(exp="tomorrow"), "begins and ends"),
    "an end that is true": (claim(exp=True), "begins and ends"),
    "an end that is no number": (claim(exp=float("inf")), "begins and ends|not valid"),
    "a beginning in words": (claim(nbf="today"), "begins and ends"),
    "no id": (claim(jti=None), "has no id"),
    "an id that is no text": (claim(jti=7), "has no id"),
    "no installation": (app(installationId=None), "no installation"),
    "an installation with a control sign": (app(installationId="x\n"), "no installation"),
    "no address": (app(apiBaseUrl=None), "not Atlassian's"),
    "an address of another product": (app(apiBaseUrl="https://api.atlassian.com/ex/confluence/c1"), "not Atlassian's"),
    "an address with a query": (app(apiBaseUrl=f"{SITE}?x=1"), "not Atlassian's"),
    "an address with a name in it": (app(apiBaseUrl="https://api.atlassian.com@evil.example/ex/jira/c1"), "not Atlassian's"),
    "an address with a bad port": (app(apiBaseUrl="https://api.atlassian.com:x/ex/jira/c1"), "not Atlassian's"),
    "another scheme": (app(apiBaseUrl="file://api.atlassian.com/ex/jira/c1"), "not Atlassian's"),
    "another way up": (app(apiBaseUrl="https://api.atlassian.com/ex/jira/../c1"), "not Atlassian's"),
    "two sites": (lambda claims: claims["context"].update(cloudId="another"), "two different sites"),
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_a_token_with_one_wrong_claim(forge: Forge, name: str) -> None:
    change, words = BAD_CLAIMS[name]
    claims = forge.claims()
    change(claims)
    with pytest.raises(NotInvoked, match=words):
        check(forge, forge.token(claims))


def test_clocks_may_differ_by_a_few_seconds(forge: Forge) -> None:
    now = int(time.time())
    check(forge, forge.token(forge.claims(iat=now + 4, nbf=now + 4, exp=now + 29)))
    check(forge, forge.token(forge.claims(iat=now - 28, nbf=now - 28, exp=now - 3)))
    with pytest.raises(NotInvoked):
        check(forge, forge.token(forge.claims(iat=now - 31, nbf=now - 31, exp=now - 6)))
    forge.company.clock.ahead = 40
    with pytest.raises(NotInvoked, match="clock is ahead"):
        check(forge, forge.token(forge.claims(iat=now, nbf=now, exp=now + 25)))


def test_only_atlassians_address_is_believed_without_the_setting_for_tests(forge: Forge) -> None:
    check(forge, forge.token(forge.claims()))  # the keys are held from now on
    forge.company.runtime.settings.allow_private_hosts = False
    for address in (
        f"{forge.site_url}/ex/jira/c1",
        "https://api.atlassian.com.evil.example/ex/jira/c1",
        "http://api.atlassian.com/ex/jira/c1",
    ):
        claims = forge.claims(cloud_id="c1")
        claims["app"]["apiBaseUrl"] = address
        with pytest.raises(NotInvoked, match="not Atlassian's"):
            check(forge, forge.token(claims))
    claims = forge.claims(cloud_id="c1")
    claims["app"]["apiBaseUrl"] = f"{SITE}/"
    assert check(forge, forge.token(claims)).api_base_url == SITE


def test_a_changed_token_and_odd_ones(forge: Forge) -> None:
    token = forge.token(forge.claims())
    header, payload, signature = token.split(".")
    for bad in (
        f"{header}.{part({**forge.claims(), 'principal': 'somebody'})}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{token}.x",
        "a.b.c",
        "é.é.é",
        f"{part([])}.{payload}.{signature}",
        f"{header}.{part([])}.{signature}",
        "x" * 70_000,
        f"{part({'alg': 'RS256', 'kid': 'first', 'crit': ['b64'], 'b64': False})}.{payload}.{signature}",
    ):
        with pytest.raises(NotInvoked, match="not valid"):
            check(forge, bad)


def test_no_other_algorithm_than_rs256(forge: Forge) -> None:
    claims = forge.claims()
    pem = a_key().as_pem(private=False)
    shared = OctKey.import_key(base64.b64encode(pem))
    tokens = [f"{part({'alg': alg, 'kid': 'first'})}.{part(claims)}." for alg in ("none", "None", "NONE")]
    tokens.append(jws.serialize_compact({"alg": "HS256", "kid": "first"}, json.dumps(claims), shared, algorithms=["HS256"]))
    same = RSAKey.import_key(a_key().as_pem(private=True), {"kid": "first"})  # without the algorithm that it is meant for
    for algorithm in ("RS384", "RS512", "PS256"):
        tokens.append(jws.serialize_compact({"alg": algorithm, "kid": "first"}, json.dumps(claims), same, algorithms=[algorithm]))
    for token in tokens:
        with pytest.raises(NotInvoked, match="not valid"):
            check(forge, token)


def test_a_signature_of_hs256_with_the_published_key_under_the_name_of_rs256(forge: Forge) -> None:
    """The header says RS256, the signature is an HMAC with the public key as its secret."""
    signed = f"{part({'alg': 'RS256', 'kid': 'first'})}.{part(forge.claims())}"
    mac = hmac.new(a_key().as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    with pytest.raises(NotInvoked, match="not valid"):
        check(forge, f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


def test_a_stranger_signs_under_our_key_id(forge: Forge) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    with pytest.raises(NotInvoked, match="not valid"):
        check(forge, forge.token(forge.claims(), stranger))


@pytest.mark.parametrize("kid", [None, "", 7])
def test_a_token_without_key_id(forge: Forge, kid: Any) -> None:
    _, payload, signature = forge.token(forge.claims()).split(".")
    head = {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}
    with pytest.raises(NotInvoked, match="not valid"):
        check(forge, f"{part(head)}.{payload}.{signature}")
    assert forge.jwks.reads == 0, "nobody asks Atlassian for a key without a name"


@pytest.mark.parametrize("label", ["ic-eu_1", "IC", "a" * 51, "../evil", "evil.example/x?", "", 7, None])
def test_isolated_clouds_are_refused_in_words(forge: Forge, label: Any) -> None:
    claims = forge.claims()
    for place in (claims, claims["app"], claims["app"]["environment"], claims["context"]):
        place["icLabel"] = label
        with pytest.raises(NotInvoked, match="Isolated Cloud" if label == "ic-eu_1" else "no label"):
            check(forge, forge.token(claims))
        del place["icLabel"]
    assert forge.jwks.reads == 0, "no address is built from it"


def test_missing_tokens_and_a_connector_without_forge(forge: Forge) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer"}):
        with pytest.raises(NotInvoked, match="missing"):
            verify(forge.company.runtime, headers)
    forge.company.runtime.settings.forge_app_id = ""
    with pytest.raises(NotInvoked, match="OKR_FORGE_APP_ID"):
        check(forge, forge.token(forge.claims()))


def test_the_id_of_the_app_may_be_given_in_both_forms() -> None:
    assert load_settings(forge_app_id=APP_ID).forge_app_id == load_settings(forge_app_id=APP).forge_app_id == APP


def test_the_log_names_the_trace_and_no_token(forge: Forge) -> None:
    token = forge.token(forge.claims(aud="x"))
    trace = {"X-B3-TraceId": "80f198ee56343ba8", "X-B3-SpanId": "e457b5a2e4d86bd1", "X-Forge-OAuth-System": SYSTEM_TOKEN}
    with capture_logs() as logs, pytest.raises(NotInvoked):
        check(forge, token, **trace)
    refusal = next(line for line in logs if line["event"] == "forge_call_refused")
    assert refusal["trace"] == "80f198ee56343ba8/e457b5a2e4d86bd1"
    assert not any(secret in str(logs) for secret in (token, token.split(".")[2], SYSTEM_TOKEN))
    with capture_logs() as logs, pytest.raises(NotInvoked):
        check(forge, token, **{"X-B3-TraceId": "not a trace\nforged line"})
    assert "forged" not in str(logs)


# --- the keys ------------------------------------------------------------------------------------------------------------------


def signed_by(forge: Forge, kid: str) -> str:
    return forge.token(forge.claims(), a_key(kid))


def test_where_stand_ins_are_allowed_no_name_and_no_metadata_address_is_believed(forge: Forge) -> None:
    check(forge, forge.token(forge.claims()))
    for host in ("evil.example", "api.atlassian.com.evil.example", "api.atlassian.com:8443", "169.254.169.254", "0.0.0.0", "8.8.8.8"):
        claims = forge.claims(cloud_id="c1")
        claims["app"]["apiBaseUrl"] = f"http://{host}/ex/jira/c1"
        with pytest.raises(NotInvoked, match="not Atlassian's"):
            check(forge, forge.token(claims))


def test_keys_are_asked_for_once_an_hour(forge: Forge) -> None:
    for _ in range(5):
        check(forge, forge.token(forge.claims()))
    assert forge.jwks.reads == 1
    forge.company.clock.ahead = 3601
    check(forge, forge.token(forge.claims()))
    assert forge.jwks.reads == 2


@pytest.mark.parametrize("later", [0, 31])
def test_a_new_key_is_found_by_reading_once_more(forge: Forge, later: int) -> None:
    check(forge, signed_by(forge, "first"))
    forge.company.clock.ahead = later
    forge.jwks.keys = [a_key("second")]
    check(forge, signed_by(forge, "second"))
    assert forge.jwks.reads == 2
    with pytest.raises(NotInvoked, match="not valid"):
        check(forge, signed_by(forge, "first"))  # withdrawn
    assert forge.jwks.reads == 2


def test_invented_key_ids_do_not_make_us_ask_again_and_again(forge: Forge) -> None:
    check(forge, forge.token(forge.claims()))
    for number in range(20):
        forge.company.clock.ahead = 31 + number
        with pytest.raises(NotInvoked, match="not valid"):
            check(forge, forge.token(forge.claims(), kid=f"invented-{number}"))
    assert forge.jwks.reads == 2
    check(forge, forge.token(forge.claims()))


def test_while_keys_cannot_be_read_no_token_is_called_wrong(forge: Forge) -> None:
    forge.jwks.status = 503
    with pytest.raises(KeysUnavailable):
        check(forge, forge.token(forge.claims()))
    with pytest.raises(KeysUnavailable):
        check(forge, forge.token(forge.claims()))
    assert forge.jwks.reads == 1, "not again at once"
    forge.jwks.status, forge.company.clock.ahead = 200, 6
    check(forge, forge.token(forge.claims()))


def test_known_keys_count_for_a_day_while_they_cannot_be_read(forge: Forge) -> None:
    check(forge, forge.token(forge.claims()))
    forge.jwks.status, forge.company.clock.ahead = 500, 20 * 3600
    check(forge, forge.token(forge.claims()))
    with pytest.raises(KeysUnavailable):
        check(forge, forge.token(forge.claims(), kid="invented"))
    forge.company.clock.ahead = 25 * 3600
    with pytest.raises(KeysUnavailable):
        check(forge, forge.token(forge.claims()))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [7, {"kty": "RSA"}]}'])
def test_an_answer_without_usable_keys_is_an_outage(forge: Forge, body: bytes) -> None:
    forge.jwks.body = body
    with pytest.raises(KeysUnavailable):
        check(forge, forge.token(forge.claims()))


def test_keys_that_are_not_for_rs256_do_not_count(forge: Forge) -> None:
    public = a_key("odd").as_dict(private=False)
    forge.jwks.extra = [
        {**public, "use": "enc"},
        {**public, "alg": "PS256"},
        {**public, "kid": ""},
        {**public, "n": "AQAB"},
        {"kty": "oct", "kid": "odd", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-256", "kid": "odd", "x": "AA", "y": "AA"},
    ]
    with pytest.raises(NotInvoked, match="not valid"):
        check(forge, signed_by(forge, "odd"))
    forge.jwks.extra, forge.company.clock.ahead = [public], 31
    check(forge, signed_by(forge, "odd"))


def test_keys_are_only_read_through_the_guarded_way_out(forge: Forge) -> None:
    runtime: Runtime = forge.company.runtime
    runtime.settings.allow_private_hosts = False
    with pytest.raises(KeysUnavailable):
        check(forge, forge.token(forge.claims()))
    assert forge.jwks.reads == 0, "a private address is not called"
