"""The permission that a person gives at Notion (OAuth 2.0): the address to send them to, and the tokens for the code they come back with.

Two steps, nothing kept between them; the caller keeps ``state``. Reference: https://developers.notion.com/guides/get-started/authorization
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.auth import encode_client_secret_basic

from connector.errors import Offline, Refused
from connector.hosts.http import Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.limits import Allowance, Budget
from connector.hosts.notion.client import VERSION, explain

NAME = "notion"
_BUDGET = Allowance("consent", "10 per 1 minute")
_JSON_BASIC = "json_basic"


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
    policy = Policy(allowances=lambda method, path: (_BUDGET,), explain=explain, idempotent=lambda method, path: False)
    secrets = frozenset({client_secret, code})
    gateway = Gateway(NAME, frozenset({origin_of(base)}), policy, budget, allow_private=allow_private, secrets=secrets)
    session = OAuth2Session(client_id, client_secret, token_endpoint_auth_method=_JSON_BASIC, redirect_uri=redirect)  # type: ignore[no-untyped-call]
    session.register_client_auth_method((_JSON_BASIC, _json_basic))  # type: ignore[no-untyped-call]
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, RequestsAdapter(gateway))
    try:
        given = session.fetch_token(f"{base}/v1/oauth/token", grant_type="authorization_code", code=code)  # type: ignore[no-untyped-call]
    except OAuthError as error:
        raise Refused(f"{NAME}: no token for the permission: {gateway.harmless(str(error.error))}", status=400, code="oauth") from None
    except ValueError as error:
        raise Offline(f"{NAME}: the token address answered without JSON", code="not_json") from error
    finally:
        session.close()
    access, refresh = (given.get(name) for name in ("access_token", "refresh_token"))
    if not isinstance(access, str) or not isinstance(refresh, str) or not access or not refresh:
        raise Refused(f"{NAME}: the answer to the permission holds no tokens", code="oauth")
    return {"access_token": access, "refresh_token": refresh, "client_id": client_id, "client_secret": client_secret}


def _json_basic(client: Any, method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """HTTP Basic, and the body as JSON: Notion takes no form here."""
    uri, headers, body = encode_client_secret_basic(client, method, uri, headers, body)  # type: ignore[no-untyped-call]
    text = body.decode() if isinstance(body, bytes) else str(body or "")
    packed = orjson.dumps(dict(parse_qsl(text)))
    headers["Content-Type"], headers["Content-Length"], headers["Notion-Version"] = "application/json", str(len(packed)), VERSION
    return uri, headers, packed
