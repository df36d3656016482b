"""The platform between Jira and the connector, played by the sandbox: signs a token for each call, forwards it, keeps Forge's limits.

What arrives at the connector is checked there like Atlassian's own calls: the keys are served, the app has an id, people have tokens.
"""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

from connector.hosts.jira.sandbox import JiraSandbox
from connector.sandbox import content
from connector.sandbox.state import APP_ID
from connector.sandbox.worlds import account_of
from connector.settings import FORGE_APP

INSTALLATION = "ari:cloud:ecosystem::installation/5a4db0c5-0f2e-4c8e-9a3e-51b0c0de0002"
ENVIRONMENT = "5a4db0c5-0f2e-4c8e-9a3e-51b0c0de0003"
APP_TOKEN = "sandbox-app-token"  # noqa: S105  # the stand-in's own, known to everybody

LASTS = 25  # seconds of a token's life, and of a call
LARGEST_REQUEST = 500_000
LARGEST_ANSWER = 5_000_000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a bundle. ``ended``: with a token whose life is over. ``account`` "" is what a schedule or an event sends."""

    path: str
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str] | None = None
    module: str = ""
    account: str = ""
    extension: Mapping[str, Any] | None = None
    ended: bool = False


class Platform:
    """Signs and forwards. ``address`` is the connector's, ``jira`` its path of the Jira stand-in's site."""

    def __init__(self, address: str, cloud_id: str, *, app_id: str = APP_ID, jira: str = "/sandbox/jira") -> None:
        self.address = address
        self.cloud_id = cloud_id
        self.app_id = app_id
        self.site = address + jira
        self._key: RSAKey | None = None

    @property
    def key(self) -> RSAKey:
        """The private key of this process, made on first use."""
        if self._key is None:
            self._key = RSAKey.generate_key(2048, {"kid": f"sandbox-{uuid.uuid4()}", "use": "sig", "alg": "RS256"})
        return self._key

    def jwks(self) -> dict[str, Any]:
        """The public keys, as Atlassian publishes its own."""
        return {"keys": [self.key.as_dict(private=False)]}

    def token(self, call: Call) -> str:
        """A Forge Invocation Token. Reference: https://developer.atlassian.com/platform/forge/remote/essentials"""
        now = int(time.time()) - (600 if call.ended else 0)
        base = f"{self.address}/ex/jira/{self.cloud_id}"
        claims: dict[str, Any] = {
            "app": {
                "id": self.app_id,
                "version": "1",
                "appVersion": "1.0.0",
                "installationId": INSTALLATION,
                "apiBaseUrl": base,
                "environment": {"type": "DEVELOPMENT", "id": f"ari:cloud:ecosystem::environment/{ENVIRONMENT}"},
                "module": {"type": "core:endpoint", "key": call.module or "okr-hourly"},
                "installation": {"id": INSTALLATION, "contexts": [{"name": "jira", "apiBaseUrl": base}]},
            },
            "aud": self.app_id,
            "iss": "forge/invocation-token",
            "iat": now,
            "nbf": now,
            "exp": now + LASTS,
            "jti": uuid.uuid4().hex,
        }
        if call.account:
            claims["principal"] = call.account
            claims["context"] = {
                "cloudId": self.cloud_id,
                "siteUrl": self.site,
                "moduleKey": call.module,
                "localId": f"{call.module}-1",
                "accountId": call.account,
                "extension": dict(call.extension or {}),
            }
        return jws.serialize_compact({"alg": "RS256", "kid": str(self.key.kid)}, json.dumps(claims).encode(), self.key)

    def invoke(self, call: Call) -> dict[str, Any]:
        """What the bridge hands to the bundle: ``{"success", "payload"}``, or ``{"success", "error"}`` without status and body.

        ``answered`` beside it is for the page around, which can play a bridge that hands on every answer.
        """
        if call.method not in METHODS or not call.path.startswith("/"):
            return _failed("the call has no method or no path")
        raw = b"" if call.body is None else json.dumps(call.body).encode()
        if len(raw) > LARGEST_REQUEST:
            return _failed("the request is larger than 500 KB")
        headers = {str(name): str(value) for name, value in (call.headers or {}).items()}
        headers |= {
            "Authorization": f"Bearer {self.token(call)}",
            "Accept": "application/json",
            "x-b3-traceid": uuid.uuid4().hex,
            "x-b3-spanid": uuid.uuid4().hex[:16],
            "x-forge-oauth-system": APP_TOKEN,
        }
        if call.account:
            headers["x-forge-oauth-user"] = user_token(call.account)
        if raw:
            headers["Content-Type"] = "application/json"
        try:
            status, given, text = self._send(call, raw, headers)
        except (OSError, http.client.HTTPException) as error:
            return _failed(f"the remote did not answer: {type(error).__name__}")
        kind = given.get("content-type", "").partition(";")[0]
        if not 200 <= status < 300 or kind != "application/json":
            return _failed(f"the remote answered {status}") | {"answered": {"status": status, "body": text[:LARGEST_REQUEST]}}
        if len(text) > LARGEST_ANSWER:
            return _failed("the answer is larger than 5 MB")
        return {"success": True, "payload": {"status": status, "headers": {"content-type": [kind]}, "body": json.loads(text)}}

    def _send(self, call: Call, raw: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
        target = urlsplit(self.address)
        connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=LASTS)
        try:
            connection.request(call.method, call.path, body=raw or None, headers=dict(headers))
            answer = connection.getresponse()
            body = answer.read(LARGEST_ANSWER + 1)
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body.decode("utf-8", "replace")
        finally:
            connection.close()


def _failed(message: str) -> dict[str, Any]:
    return {"success": False, "error": {"message": message}}


def user_token(account: str) -> str:
    """What a person's token looks like here."""
    return f"sandbox-user-{account}"


def install_app(jira: JiraSandbox) -> None:
    """Make the Jira stand-in know the app, its people and its admin. Doing so again changes nothing."""
    jira.rest.access.install_app(APP_ID.removeprefix(FORGE_APP), ENVIRONMENT, APP_TOKEN)
    settings = jira.world.settings
    accounts = [account_of(name) for name, _ in content.PEOPLE] + [account_of("stranger")]
    settings["logins"] = {user_token(account): account for account in accounts}
    settings["hidden"] = {account_of("stranger"): ["PLAT"]}  # somebody must meet an issue that Jira does not show them
    settings["admins"] = [settings["account"]["accountId"], account_of(content.ADMIN)]
