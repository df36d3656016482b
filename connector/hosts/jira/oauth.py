"""Logins by a person's permission at Atlassian (OAuth 2.0, 3LO): where to send them, tokens for their code, their sites, new tokens.

One request each; nothing is kept between them. Tokens are used at api.atlassian.com only, never at the site's own address.
Reference: https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import requests

from connector.errors import Gone, Offline, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.http import Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.jira.client import CLOUD_API, CONSENT_ENDED, TOKEN_URL, explain
from connector.hosts.limits import Allowance, Budget

NAME = "jira"
SCOPES = ("read:jira-work", "write:jira-work", "read:jira-user", "manage:jira-webhook", "offline_access")
AUTHORIZE_URL = "https://auth.atlassian.com/authorize"
READ_TIMEOUT = 30.0  # seconds; others wait meanwhile
LASTS = 3600.0  # seconds for which an access token counts when the answer does not say
_BUDGET = Allowance("consent", "10 per 1 minute")
_AGAIN = "give the permission again: the connection's page → New credentials"


@dataclass(frozen=True, slots=True)
class Site:
    """A site that the permission covers."""

    cloud_id: str
    url: str
    name: str
    scopes: tuple[str, ...] = ()


def is_real(site: str) -> bool:
    """Whether an address is a Jira Cloud site; any other is a stand-in, which answers the same paths at its own address."""
    return (urlsplit(site).hostname or "").endswith(".atlassian.net")


def consent_address(site: str, client_id: str, redirect: str, state: str) -> str:
    """Where the person signs in at Atlassian and chooses the site; they come back to ``redirect`` with ``code`` and ``state``."""
    asked = {
        "audience": "api.atlassian.com",
        "client_id": client_id,
        "scope": " ".join(SCOPES),
        "redirect_uri": redirect,
        "state": state,
        "response_type": "code",
        "prompt": "consent",
    }
    return f"{AUTHORIZE_URL if is_real(site) else f'{site}/authorize'}?{urlencode(asked)}"


def exchange_code(
    site: str, client_id: str, client_secret: str, redirect: str, code: str, *, budget: Budget, allow_private: bool
) -> Mapping[str, str]:
    """The login for the code that the person came back with; its cloud id is still to be chosen. One request.

    Raises ``Refused`` when Atlassian does not take code or app, other ``HostError`` when it does not answer.
    """
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    own = {"client_id": client_id, "client_secret": client_secret}
    given = _tokens(NAME, site, {**asked, **own}, budget, allow_private, frozenset({client_secret, code}))
    if not given["refresh_token"]:
        raise Refused(f"{NAME}: the permission cannot be renewed: it was given without offline_access", status=400, code="oauth")
    return {**own, **given}


def sites(site: str, access_token: str, *, budget: Budget, allow_private: bool) -> tuple[Site, ...]:
    """The Jira sites that a fresh access token opens. One request."""
    base = CLOUD_API if is_real(site) else site
    gateway = _gateway(NAME, base, budget, allow_private, frozenset({access_token}))
    with _session(gateway) as session:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        try:
            content = session.get(f"{base}/oauth/token/accessible-resources", headers=headers, allow_redirects=False).content
        except Gone as error:
            raise Offline(error.message, status=error.status, code="no_sites") from error
    told = _json(content, NAME)
    entries = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    found = [
        Site(str(entry["id"]), str(entry.get("url", "")).rstrip("/"), str(entry.get("name", "")), _words(entry.get("scopes")))
        for entry in entries
        if isinstance(entry.get("id"), str)
    ]
    # The list also names the sites of other products for which the same app was given a permission before
    return tuple(each for each in found if not each.scopes or any(scope.endswith(":jira-work") for scope in each.scopes))


def renew(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float = 2.0) -> Mapping[str, str]:
    """The login with new tokens for its refresh token, which ends with this. One request.

    Until the new tokens are stored, the old refresh token counts for ten minutes more: an answer that got lost costs nothing.
    Raises ``Refused`` (it parks) when only a new permission helps, other ``HostError`` when Atlassian does not answer.
    """
    auth = settings.auth
    asked = {
        "grant_type": "refresh_token",
        "client_id": auth["client_id"],
        "client_secret": auth["client_secret"],
        "refresh_token": auth["refresh_token"],
    }
    secrets = frozenset({auth["client_secret"], auth["refresh_token"], auth["access_token"]})
    try:
        given = _tokens(settings.name, settings.url.rstrip("/"), asked, budget, allow_private, secrets, patience)
    except Refused as error:
        if error.code == "address_not_allowed":
            raise
        ended = error.status == 403 or error.code in ("invalid_grant", "unauthorized_client")
        mend = _AGAIN if ended else f"check that the app's client secret was not replaced at Atlassian, then {_AGAIN}"
        # 401 whatever it was: every further call would fail too, so the connection is parked
        raise Refused(f"{error.message}; {mend}", status=401, code=CONSENT_ENDED, details=error.details) from None
    return {**auth, **given, "refresh_token": given["refresh_token"] or auth["refresh_token"]}


def _tokens(
    name: str,
    site: str,
    asked: Mapping[str, str],
    budget: Budget,
    allow_private: bool,
    secrets: frozenset[str],
    patience: float = 2.0,
) -> Mapping[str, str]:
    url = TOKEN_URL if is_real(site) else f"{site}/oauth/token"
    gateway = _gateway(name, url, budget, allow_private, secrets, patience)
    with _session(gateway) as session:
        try:
            content = session.post(url, json=dict(asked), allow_redirects=False).content
        except Gone as error:  # nothing that was looked for is gone: the address is no token endpoint
            raise Offline(error.message, status=error.status, code="no_token_address") from error
    given = _json(content, name)
    access = given.get("access_token") if isinstance(given, dict) else None
    if not isinstance(access, str) or not access:
        raise Offline(f"{name}: the token address answered without a token", code="no_token")
    refresh, lasts = given.get("refresh_token"), given.get("expires_in")
    seconds = float(lasts) if isinstance(lasts, (int, float)) and 0 < lasts < 1e7 else LASTS
    ends = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "access_token": access,
        "refresh_token": refresh if isinstance(refresh, str) else "",
        "expires_at": ends.isoformat(timespec="seconds"),
    }


def _gateway(name: str, url: str, budget: Budget, allow_private: bool, secrets: frozenset[str], patience: float = 2.0) -> Gateway:
    # A renewal may be repeated: the former refresh token counts for a while
    policy = Policy(allowances=lambda method, path: (_BUDGET,), explain=explain, idempotent=lambda method, path: True)
    return Gateway(name, frozenset({origin_of(url)}), policy, budget, allow_private=allow_private, patience=patience, secrets=secrets)


def _session(gateway: Gateway) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, RequestsAdapter(gateway, read_timeout=READ_TIMEOUT))
    return session


def _json(content: bytes, name: str) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Offline(f"{name}: Atlassian's answer about the permission is not JSON (a proxy?)", code="not_json") from error


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
