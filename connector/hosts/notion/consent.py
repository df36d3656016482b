"""The permission that a person gives at Notion (OAuth 2.0): where to send them, tokens for the code they come back with, new tokens.

One request each, nothing kept between them; the caller keeps ``state``, and stores new tokens before it uses them.
Reference: https://developers.notion.com/guides/get-started/authorization
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.auth import encode_client_secret_basic

from connector.errors import Gone, HostError, Offline, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.http import Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.limits import Allowance, Budget
from connector.hosts.notion.client import CONSENT_ENDED, EDGE_BLOCK, VERSION, explain

NAME = "notion"
READ_TIMEOUT = 30.0  # seconds; others wait while one renews
_BUDGET = Allowance("consent", "10 per 1 minute")
_JSON_BASIC = "json_basic"
# Codes after which no other attempt helps; anything else may be a bad day of the token address
_ENDED = frozenset({"invalid_grant", "unauthorized_client", "access_denied"})
_AGAIN = "connect the workspace again: the connection's page → New credentials"


def consent_address(base: str, client_id: str, redirect: str, state: str) -> str:
    """Where the person signs in at Notion and picks the pages; they come back to ``redirect`` with ``code`` and ``state``."""
    session = OAuth2Session(client_id, redirect_uri=redirect)  # type: ignore[no-untyped-call]
    address, _ = session.create_authorization_url(f"{base}/v1/oauth/authorize", state=state, owner="user")  # type: ignore[no-untyped-call]
    return str(address)


def exchange_code(
    base: str, client_id: str, client_secret: str, redirect: str, code: str, *, budget: Budget, allow_private: bool
) -> Mapping[str, str]:
    """The credentials of the connection that the person allowed in, as ``OAuthAuth`` wants them. One request.

    Raises ``Refused`` when Notion does not take the code or the client's credentials, other ``HostError`` when it does not answer.
    """
    own = {"client_id": client_id, "client_secret": client_secret}
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    gateway = _gateway(NAME, base, budget, allow_private, frozenset({client_secret, code}), repeatable=False)
    given = _tokens(gateway, base, own, asked)
    if not given["refresh_token"]:
        raise Refused(f"{NAME}: the answer to the permission holds no tokens", code="oauth")
    return {**given, **own}


def renew(settings: ConnectionSettings, *, budget: Budget, allow_private: bool) -> Mapping[str, str]:
    """The login with new tokens for its refresh token; both former ones end with this. One request.

    Raises ``Refused`` (it parks) when only a new permission helps, other ``HostError`` when there is no clear answer.
    """
    auth, base = settings.auth, settings.url.rstrip("/").removesuffix("/v1")
    own = {"client_id": auth["client_id"], "client_secret": auth["client_secret"]}
    secrets = frozenset({auth["client_secret"], auth["refresh_token"], auth["access_token"]})
    gateway = _gateway(settings.name, base, budget, allow_private, secrets, repeatable=True)
    try:
        given = _tokens(gateway, base, own, {"grant_type": "refresh_token", "refresh_token": auth["refresh_token"]})
    except Refused as error:
        if error.code == "address_not_allowed":
            raise
        ended = error.code in _ENDED
        if not ended and (error.status != 401 or error.code == EDGE_BLOCK):
            raise Offline(error.message, status=error.status, code=error.code or "not_renewed", details=error.details) from None
        mend = _AGAIN if ended else f"check that the secret of the public connection was not replaced at Notion, then {_AGAIN}"
        # 401 whatever it was: every further call would fail too, so the connection is parked
        raise Refused(f"{error.message}; {mend}", status=401, code=CONSENT_ENDED, details=error.details) from None
    kept = {name: value for name, value in auth.items() if name != "expires_at"}
    return {**kept, **given, "refresh_token": given["refresh_token"] or auth["refresh_token"]}


def _tokens(gateway: Gateway, base: str, own: Mapping[str, str], asked: Mapping[str, str]) -> dict[str, str]:
    """``access_token``, ``refresh_token`` ("" for none) and, where Notion tells it, ``expires_at``."""
    session = OAuth2Session(own["client_id"], own["client_secret"], token_endpoint_auth_method=_JSON_BASIC)  # type: ignore[no-untyped-call]
    session.register_client_auth_method((_JSON_BASIC, _json_basic))  # type: ignore[no-untyped-call]
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, RequestsAdapter(gateway, read_timeout=READ_TIMEOUT))
    name = gateway.connection
    try:
        given = session.fetch_token(f"{base}/v1/oauth/token", **asked)  # type: ignore[no-untyped-call]
    except OAuthError as error:
        word = gateway.harmless(str(error.error))
        raise Refused(f"{name}: no token for the permission: {word}", status=400, code=word) from None
    except Gone as error:  # nothing that was looked for is gone: the address is no token endpoint
        raise Offline(error.message, status=error.status, code="no_token_address") from error
    except HostError:
        raise
    except ValueError as error:
        raise Offline(f"{name}: the token address answered without JSON", code="not_json") from error
    finally:
        session.close()
    access, refresh, lasts = (
        given.get(key) if isinstance(given, dict) else None for key in ("access_token", "refresh_token", "expires_in")
    )
    if not isinstance(access, str) or not access:
        raise Offline(f"{name}: the token address answered without a token", code="no_token")
    found = {"access_token": access, "refresh_token": refresh if isinstance(refresh, str) else ""}
    if isinstance(lasts, (int, float)) and not isinstance(lasts, bool) and 0 < lasts < 1e9:
        found["expires_at"] = (datetime.now(UTC) + timedelta(seconds=float(lasts))).isoformat(timespec="seconds")
    return found


def _gateway(name: str, base: str, budget: Budget, allow_private: bool, secrets: frozenset[str], *, repeatable: bool) -> Gateway:
    policy = Policy(allowances=lambda method, path: (_BUDGET,), explain=_explain, idempotent=lambda method, path: repeatable)
    return Gateway(name, frozenset({origin_of(base)}), policy, budget, allow_private=allow_private, secrets=secrets)


def _explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    """The token address may word its errors as OAuth does instead of as the API does."""
    body = answer.json()
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        words = body.get("error_description") or body.get("message") or body["error"]
        return str(words)[:500], body["error"], {}
    return explain(answer)


def _json_basic(client: Any, method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """HTTP Basic, and the body as JSON: Notion takes no form here."""
    uri, headers, body = encode_client_secret_basic(client, method, uri, headers, body)  # type: ignore[no-untyped-call]
    text = body.decode() if isinstance(body, bytes) else str(body or "")
    packed = orjson.dumps(dict(parse_qsl(text)))
    headers["Content-Type"], headers["Content-Length"], headers["Notion-Version"] = "application/json", str(len(packed)), VERSION
    return uri, headers, packed
