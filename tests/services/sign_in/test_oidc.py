"""Sign-in with an OpenID Connect provider over real HTTP: who gets in, and every lie that must not open the door."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import update

from connector.app import create_app
from connector.store.tables import Audit, Identity, Person
from tests.services.sign_in.conftest import Door, state_of
from tests.support.providers import CLIENT_SECRET, OidcStandIn
from tests.support.world import company


def test_a_verified_address_lets_in_and_binds_the_identity(door: Door) -> None:
    assert "Sign in with Acme account" in door.client.get("/sign-in").text
    back = door.come_back()
    assert (back.status_code, back.location) == (303, "/")
    assert door.signed_in_as() == "alice@acme.example"
    [identity] = door.rows(Identity)
    assert (identity.issuer, identity.subject) == (door.issuer.url, "subject-1")
    assert [(row.action, row.actor) for row in door.rows(Audit)] == [
        ("bind_identity", "alice@acme.example"),
        ("sign_in", "alice@acme.example"),
    ]


def test_later_the_identity_counts_and_the_address_may_change(door: Door) -> None:
    door.come_back()
    door.issuer.claims |= {"email": "bob@acme.example", "email_verified": True}
    door.client = door.app.test_client()
    door.come_back()
    assert door.signed_in_as() == "alice@acme.example"


def test_the_way_goes_on_to_the_page_that_was_asked_for(door: Door) -> None:
    asked = door.client.get("/key-results/kr-setup?x=1", headers={"Accept": "text/html"})
    left = door.client.get(asked.location.replace("/sign-in?", "/sign-in/oidc?"))
    back = door.client.get("/sign-in/oidc/callback", query_string=door.issuer.authorize(left.location))
    assert back.location == "/key-results/kr-setup?x=1"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil.example\t", "javascript:alert(1)"]
)
def test_the_way_never_leads_elsewhere(door: Door, path: str) -> None:
    left = door.leave(next_path=path)
    back = door.client.get("/sign-in/oidc/callback", query_string=door.issuer.authorize(left.location))
    assert back.location.startswith("/")
    assert not back.location.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": 1},
        {"email": ""},
        {"email": "stranger@acme.example"},
        {"email": "\u212aate@acme.example"},
        {"email": "alice@acme.example\u2003"},
    ],
    ids=["not verified", "not told", "a number", "no address", "not on the list", "Kelvin sign for a K", "a space that is none"],
)
def test_nobody_is_let_in_or_added_by_another_address(door: Door, claims: dict[str, Any]) -> None:
    with door.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "bob@acme.example").values(email="kate@acme.example"))
    door.issuer.claims |= claims
    back = door.come_back()
    assert back.status_code == 403
    assert "obody here has this account" in back.text
    door.nothing_happened()


def test_an_address_that_went_to_somebody_else_does_not_open_the_old_door(door: Door) -> None:
    door.come_back()
    door.client = door.app.test_client()
    door.issuer.claims |= {"sub": "subject-2"}
    back = door.come_back()
    assert (back.status_code, door.signed_in_as()) == (403, None)
    assert "another account of this provider" in back.text
    assert len(door.rows(Identity)) == 1


def test_who_is_not_active_is_refused_by_identity_and_by_address(door: Door) -> None:
    with door.company.runtime.store.write() as session:
        session.execute(update(Person).values(active=False))
    back = door.come_back()
    assert back.status_code == 403
    assert "not active" in back.text
    door.nothing_happened()


def test_an_address_that_the_token_leaves_out_is_asked_for(door: Door) -> None:
    del door.issuer.claims["email"]
    door.issuer.userinfo = {"email": "Alice@Acme.example", "email_verified": True}
    door.come_back()
    assert door.signed_in_as() == "alice@acme.example"


def test_an_answer_about_somebody_else_is_refused(door: Door) -> None:
    del door.issuer.claims["email"]
    door.issuer.userinfo = {"sub": "somebody else", "email": "alice@acme.example", "email_verified": True}
    assert door.come_back().status_code == 403
    door.nothing_happened()


# --- tokens that lie -----------------------------------------------------------------------------------------------------------


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.update(values)


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.pop(name)


LIES = {
    "wrong nonce": change(nonce="another"),
    "no nonce": drop("nonce"),
    "another audience": change(aud="another client"),
    "several audiences without a party": change(aud=["connector", "another client"]),
    "another party": change(azp="another client"),
    "another issuer": change(iss="https://evil.example"),
    "expired": lambda claims: claims.update(exp=claims["iat"] - 3600, iat=claims["iat"] - 7200),
    "from the future": lambda claims: claims.update(iat=claims["iat"] + 3600, exp=claims["iat"] + 7200),
    "no expiry": drop("exp"),
    "no subject": drop("sub"),
    "a subject that is no text": change(sub=7),
    "another access token": change(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_for_this_sign_in_is_refused(door: Door, lie: str) -> None:
    door.issuer.alter = LIES[lie]
    back = door.come_back()
    assert (back.status_code, "not valid for this sign-in" in back.text) == (403, True)
    door.nothing_happened()


def encoded(data: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def unsigned(issuer: OidcStandIn) -> Callable[[dict[str, Any]], str]:
    return lambda claims: f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(claims)}."


def by_another_key(issuer: OidcStandIn) -> Callable[[dict[str, Any]], str]:
    other = RSAKey.generate_key(2048, {"kid": "first"})
    return lambda claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, other)


def by_the_public_key(issuer: OidcStandIn) -> Callable[[dict[str, Any]], str]:
    """The old trick: the public key, which everybody has, as if it were a shared secret."""

    def sign(claims: dict[str, Any]) -> str:
        text = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(claims)}"
        digest = hmac.digest(issuer.key.as_pem(private=False), text.encode(), "sha256")
        return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    return sign


def by_the_client_secret(issuer: OidcStandIn) -> Callable[[dict[str, Any]], str]:
    shared = OctKey.import_key(CLIENT_SECRET)
    return lambda claims: jwt.encode({"alg": "HS256"}, claims, shared, algorithms=["HS256"])


def tampered(issuer: OidcStandIn) -> Callable[[dict[str, Any]], str]:
    def sign(claims: dict[str, Any]) -> str:
        header, _, signature = issuer._signed({**claims, "email": "bob@acme.example"}).split(".")
        return f"{header}.{encoded(claims)}.{signature}"

    return sign


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("forge", [unsigned, by_another_key, by_the_public_key, by_the_client_secret, tampered])
def test_a_forged_token_is_refused(door: Door, forge: Callable[[OidcStandIn], Callable[[dict[str, Any]], str]]) -> None:
    door.issuer.sign = forge(door.issuer)
    back = door.come_back()
    assert back.status_code == 403
    door.nothing_happened()


def test_keys_may_be_changed_and_be_of_another_kind(door: Door) -> None:
    door.come_back()
    door.issuer.key = ECKey.generate_key("P-256", {"kid": "second", "use": "sig"})
    door.client = door.app.test_client()
    door.come_back()
    assert door.signed_in_as() == "alice@acme.example"


def test_a_key_that_was_taken_back_signs_nothing(door: Door) -> None:
    door.issuer.published = [RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})]
    assert door.come_back().status_code == 403
    door.nothing_happened()


# --- the way back --------------------------------------------------------------------------------------------------------------


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(door: Door) -> None:
    other = door.app.test_client()
    left = other.get("/sign-in/oidc")
    back = door.client.get("/sign-in/oidc/callback", query_string=door.issuer.authorize(left.location))
    assert back.status_code == 403
    door.nothing_happened()


@pytest.mark.parametrize(
    "changes",
    [{"state": "guessed"}, {"state": ""}, {"code": ""}, {"code": "guessed"}, {"error": "access_denied"}, {"iss": "https://evil.example"}],
)
def test_an_answer_that_was_changed_is_refused(door: Door, changes: dict[str, str]) -> None:
    back = door.come_back(**changes)
    assert back.status_code == 403
    assert CLIENT_SECRET not in back.text
    door.nothing_happened()


def test_an_answer_works_once(door: Door) -> None:
    left = door.leave()
    answer = door.issuer.authorize(left.location)
    assert door.client.get("/sign-in/oidc/callback", query_string=answer).status_code == 303
    assert door.client.get("/sign-in/oidc/callback", query_string=answer).status_code == 403


def test_an_answer_that_comes_very_late_is_refused(door: Door) -> None:
    left = door.leave()
    door.company.clock.ahead = 601.0
    assert door.client.get("/sign-in/oidc/callback", query_string=door.issuer.authorize(left.location)).status_code == 403
    door.nothing_happened()


def test_an_answer_for_another_provider_is_refused(door: Door) -> None:
    state = state_of(door.leave("atlassian").location)
    assert door.client.get("/sign-in/oidc/callback", query_string={"code": "good", "state": state}).status_code == 403
    door.nothing_happened()


def test_what_the_provider_says_is_shown_as_text(door: Door) -> None:
    back = door.come_back(error="access_denied", error_description="<script>alert(1)</script>\x1b[2J")
    assert "<script>alert" not in back.text
    assert "\x1b" not in back.text


def test_several_tabs_may_sign_in_at_a_time(door: Door) -> None:
    first, second = door.leave().location, door.leave().location
    assert door.client.get("/sign-in/oidc/callback", query_string=door.issuer.authorize(first)).status_code == 303
    assert len(second) > len("http")


def test_the_cookie_of_before_gives_nothing_to_whoever_set_it(door: Door) -> None:
    stranger = door.app.test_client()
    stranger.get("/sign-in")
    with stranger.session_transaction() as session:
        session["planted"] = "by a stranger"
        session["key"] = "a key that the stranger knows"
    door.client = stranger
    door.come_back()
    with stranger.session_transaction() as session:
        assert set(session) == {"key", "_permanent"}
        assert session["key"] != "a key that the stranger knows"


# --- the provider's address ----------------------------------------------------------------------------------------------------


def test_a_private_address_is_called_only_when_allowed(tmp_path: Path, issuer: OidcStandIn) -> None:
    with company(tmp_path, oidc_issuer=issuer.url, oidc_client_id="connector") as acme:
        acme.runtime.settings.allow_private_hosts = False
        page = create_app(acme.runtime).test_client().get("/sign-in/oidc")
    assert page.status_code == 502
    assert "may not be called" in page.text
    assert issuer.seen == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
        {"issuer": None},
    ],
)
def test_a_discovery_document_that_does_not_fit_is_refused(door: Door, metadata: dict[str, Any]) -> None:
    door.issuer.metadata = metadata
    assert door.leave().status_code == 502


def test_a_provider_that_takes_its_secret_in_the_form(door: Door) -> None:
    door.issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    door.come_back()
    assert door.signed_in_as() == "alice@acme.example"
    assert next(form for path, form in door.issuer.seen if path == "/token")["client_secret"] == CLIENT_SECRET


def test_a_provider_that_is_away_is_told(door: Door) -> None:
    left = door.leave()
    answer = door.issuer.authorize(left.location)
    door.company.runtime.settings.oidc_issuer = "http://127.0.0.1:9"
    back = door.client.get("/sign-in/oidc/callback", query_string=answer)
    assert (back.status_code, "does not answer" in back.text) == (403, True)
    door.nothing_happened()
