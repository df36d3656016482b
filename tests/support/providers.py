"""Stand-ins of sign-in providers over real HTTP: OpenID Connect with signed tokens, Atlassian's and Notion's OAuth.

They check what they are sent as the real ones do (client, redirect address, PKCE, codes that work once) and can be told to lie.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.wrappers import Request, Response

from tests.support.standin import running

CLIENT_ID, CLIENT_SECRET = "connector", "client secret that nobody may see"


@dataclass
class OidcStandIn:
    """An issuer with one person. ``claims`` go into the ID token, ``userinfo`` is told on request.

    ``alter`` may change the claims of the next tokens, ``sign`` how they are signed; ``metadata`` overrides the discovery document.
    """

    url: str = ""
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "subject-1", "email": "alice@acme.example", "email_verified": True, "name": "Alice"}
    )
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    alter: Callable[[dict[str, Any]], None] = lambda claims: None
    sign: Callable[[dict[str, Any]], str] | None = None
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))
    published: list[Any] = field(default_factory=list)  # public keys; () means the signing one
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def authorize(self, address: str) -> dict[str, str]:
        """What the provider's page does when the person agrees: the query that comes back to the connector."""
        parts = urlsplit(address)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert address.startswith(f"{self.url}/authorize?")
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT_ID
        assert given["code_challenge_method"] == "S256"
        assert "openid" in given["scope"].split()
        code = secrets.token_urlsafe(12)
        self.codes[code] = given
        return {"code": code, "state": given["state"]}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        answer = {
            "/.well-known/openid-configuration": self._discovery,
            "/keys": self._keys,
            "/token": self._token,
            "/userinfo": self._userinfo,
        }.get(request.path)
        self.seen.append((request.path, dict(request.form.items())))
        response = answer(request) if answer else Response("nothing here", 404)
        return response(environ, start_response)

    def _discovery(self, _request: Request) -> Response:
        return _json(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "id_token_signing_alg_values_supported": ["RS256"],
                **self.metadata,
            }
        )

    def _keys(self, _request: Request) -> Response:
        return _json({"keys": [key.as_dict(private=False) for key in self.published or [self.key]]})

    def _token(self, request: Request) -> Response:
        asked = self.codes.pop(request.form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        login = request.authorization
        known = (login.username, login.password) if login else (request.form.get("client_id"), request.form.get("client_secret"))
        if known != (CLIENT_ID, CLIENT_SECRET):
            return _json({"error": "invalid_client", "error_description": f"not {CLIENT_SECRET}"}, 401)
        if asked is None or asked["redirect_uri"] != request.form.get("redirect_uri") or asked["code_challenge"] != challenge:
            return _json({"error": "invalid_grant", "error_description": "the code is used, over or not yours"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked.get("nonce"), **self.claims}
        self.alter(claims)
        return _json({"access_token": "access-1", "token_type": "Bearer", "id_token": (self.sign or self._signed)(claims)})

    def _signed(self, claims: dict[str, Any]) -> str:
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, claims, self.key, algorithms=[algorithm])

    def _userinfo(self, request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer access-1":
            return _json({"error": "invalid_token"}, 401)
        return _json({"sub": self.claims.get("sub"), **self.userinfo})


@dataclass
class AccountStandIn:
    """Atlassian's token and person addresses at ``/oauth/token`` and ``/me``, Notion's at ``/v1/oauth/token``."""

    url: str = ""
    me: dict[str, Any] = field(
        default_factory=lambda: {"account_id": "5b10ac8d82e05b22cc7d4ef5", "name": "Alice", "account_status": "active"}
    )
    user: dict[str, Any] = field(
        default_factory=lambda: {
            "object": "user",
            "id": "6794760a-1f15-45cd-9c65-0dfe42f5135a",
            "type": "person",
            "name": "Alice",
            "person": {"email": "alice@acme.example"},
        }
    )

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        if request.path == "/me":
            known = request.headers.get("Authorization") == "Bearer access-2"
            response = _json(self.me if known else {"code": 401, "message": "Unauthorized"}, 200 if known else 401)
        else:
            response = self._token(request)
        return response(environ, start_response)

    def _token(self, request: Request) -> Response:
        body = request.get_json(silent=True) or {}
        if body.get("grant_type") != "authorization_code" or body.get("code") != "good" or not body.get("redirect_uri"):
            return _json({"error": "invalid_grant"}, 400)
        if request.path == "/oauth/token":
            if (body.get("client_id"), body.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return _json({"error": "access_denied", "error_description": "Unauthorized"}, 401)
            return _json({"access_token": "access-2", "expires_in": 3600, "token_type": "Bearer", "scope": "read:me"})
        login = request.authorization
        if request.path != "/v1/oauth/token" or login is None or (login.username, login.password) != (CLIENT_ID, CLIENT_SECRET):
            return _json({"error": "invalid_client"}, 401)
        if not request.headers.get("Notion-Version"):
            return _json({"error": "missing_version"}, 400)
        owner = {"type": "user", "user": self.user}
        return _json({"access_token": "ntn_access", "token_type": "bearer", "bot_id": "b", "workspace_id": "w", "owner": owner})


def _json(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data), status, content_type="application/json")


@contextmanager
def oidc_stand_in(**more: Any) -> Iterator[OidcStandIn]:
    """A running issuer."""
    stand_in = OidcStandIn(**more)
    with running(stand_in) as url:
        stand_in.url = url
        yield stand_in


@contextmanager
def account_stand_in() -> Iterator[AccountStandIn]:
    """Running OAuth addresses of Atlassian and Notion."""
    stand_in = AccountStandIn()
    with running(stand_in) as url:
        stand_in.url = url
        yield stand_in


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "AccountStandIn", "OidcStandIn", "account_stand_in", "oidc_stand_in"]
