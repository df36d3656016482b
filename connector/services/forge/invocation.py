"""Checks a Forge Invocation Token and says what it tells.

Every claim is looked at before it is believed. What the token's ``context`` says of the place comes from the browser; who calls stands in
``principal``, and which site in ``app.apiBaseUrl``. Tokens are never logged; the trace id of the call is.
Reference: https://developer.atlassian.com/platform/forge/remote/essentials
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from joserfc import jws
from joserfc.errors import JoseError

from connector.errors import ConnectorError
from connector.runtime import Runtime
from connector.services.forge.caller import Invocation
from connector.services.forge.keys import KeysUnavailable, keys_of

log = structlog.get_logger(__name__)

ISSUER = "forge/invocation-token"
ALGORITHM = "RS256"
LEEWAY = 5.0  # seconds that two clocks may differ
LONGEST_LIFE = 300.0  # seconds; Forge's tokens live for about 25
LONGEST_TOKEN = 64 * 1024  # signs
API_HOST = "https://api.atlassian.com"

# Keys of the manifest behind which people stand: its modules with a frame, and their endpoint
PAGES = frozenset({"okr-people", "okr-issue-context", "okr-issue-panel", "okr-gadget", "okr-widget", "okr-project", "okr-admin"})

_LABEL = re.compile(r"[a-z0-9_-]{1,50}")
_API_PATH = re.compile(r"/ex/jira/([A-Za-z0-9-]{1,64})/?")
_IDENT = re.compile(r"[\x21-\x7e]{1,300}")
_TRACE = re.compile(r"[0-9A-Fa-f-]{1,64}")


class NotInvoked(ConnectorError):
    """The token is missing or refused. ``str()`` says why in words that tell an attacker nothing new."""


def verify(runtime: Runtime, headers: Mapping[str, str]) -> Invocation:
    """What the token of a request says, after every check. Raises ``NotInvoked``, and ``KeysUnavailable`` when keys cannot be had."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        return _verified(runtime, given)
    except (NotInvoked, KeysUnavailable) as error:
        log.warning("forge_call_refused", reason=str(error), trace=trace_of(given))
        raise


def trace_of(headers: Mapping[str, str]) -> str:
    """The id under which Atlassian finds this call in its own logs; "" without one. Header names are lower-case."""
    ids = (headers.get("x-b3-traceid", ""), headers.get("x-b3-spanid", ""))
    return "/".join(each for each in ids if _TRACE.fullmatch(each))


def _verified(runtime: Runtime, headers: Mapping[str, str]) -> Invocation:
    if not runtime.settings.forge_app_id:
        raise NotInvoked("Forge is not set up here: set OKR_FORGE_APP_ID.")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise NotInvoked("This address is for calls through Forge; the invocation token is missing.")
    claims = _opened(runtime, token)
    _check_claims(runtime, claims)
    app, context = _part(claims, "app"), _part(claims, "context")
    base, cloud_id = _api_of(runtime, app, context)
    module, installation = _part(app, "module"), _text(app, "installationId")
    if not installation:
        raise NotInvoked("The invocation token names no installation.")
    account = _text(claims, "principal")
    if not account and claims.get("principal"):
        raise NotInvoked("The invocation token names a person in a way that cannot be read.")
    keys = {_text(module, "key"), _text(context, "moduleKey")}
    return Invocation(
        installation=installation,
        cloud_id=cloud_id,
        api_base_url=base,
        module=_text(module, "key") or _text(context, "moduleKey"),
        account=account,
        by_person=bool(account or keys & PAGES),
        token_id=_text(claims, "jti"),
        app_version=_text(app, "appVersion") or _text(app, "version"),
        environment=_text(_part(app, "environment"), "type").upper(),
        site_url=_text(context, "siteUrl"),
        place=_part(context, "extension"),
        system_token=headers.get("x-forge-oauth-system", "").strip(),
        user_token=headers.get("x-forge-oauth-user", "").strip(),
        ends_at=float(claims["exp"]),
        trace=trace_of(headers),
    )


def _opened(runtime: Runtime, token: str) -> dict[str, Any]:
    """The claims, when one of Forge's keys signed them."""
    refused = NotInvoked("The invocation token is not valid.")
    if len(token) > LONGEST_TOKEN or token.count(".") != 2:
        raise refused
    header, unproven = (_json(part) for part in token.split(".")[:2])
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str) or not kid or "crit" in header:
        raise refused
    app = _part(unproven, "app")
    for place in (unproven, app, _part(app, "environment"), _part(unproven, "context")):
        if "icLabel" in place:
            _refuse_isolated(place["icLabel"])
    key = keys_of(runtime).find(kid)
    if key is None:
        raise refused
    try:
        opened = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
        claims = orjson.loads(opened.payload)
    except (JoseError, ValueError) as error:
        raise refused from error
    if not isinstance(claims, dict):
        raise refused
    return claims


def _refuse_isolated(label: Any) -> None:
    """Sites of an Isolated Cloud have keys of their own, at an address that is not published: nobody can be believed there."""
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise NotInvoked("The invocation token is not valid: its icLabel is no label.")
    raise NotInvoked("The site belongs to an Isolated Cloud, whose keys this connector does not know; it cannot be served.")


def _check_claims(runtime: Runtime, claims: Mapping[str, Any]) -> None:
    if claims.get("iss") != ISSUER:
        raise NotInvoked("The invocation token has another issuer than Forge.")
    audience, ours = claims.get("aud"), runtime.settings.forge_app_id
    app = _part(claims, "app").get("id", ours)
    if audience not in (ours, [ours]) or app != ours:
        raise NotInvoked("The invocation token is for another app; OKR_FORGE_APP_ID must be the id in the app's manifest.")
    now = runtime.epoch()
    begins, ends = _moment(claims, "iat"), _moment(claims, "exp")
    if begins is None or ends is None or ("nbf" in claims and _moment(claims, "nbf") is None):
        raise NotInvoked("The invocation token does not say when it begins and ends.")
    if ends <= begins or ends - begins > LONGEST_LIFE:
        raise NotInvoked("The invocation token is meant for a longer time than Forge gives.")
    if now >= ends + LEEWAY:
        raise NotInvoked("The invocation token has ended; call again. When all do, this server's clock is ahead.")
    if max(begins, _moment(claims, "nbf") or 0.0) > now + LEEWAY:
        raise NotInvoked("The invocation token is not valid yet; this server's clock is behind.")
    if not _text(claims, "jti"):
        raise NotInvoked("The invocation token has no id.")


def _api_of(runtime: Runtime, app: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str]:
    """(the base of calls to the site, its cloud id). Only Atlassian's own address is believed; where private hosts are allowed, also a
    stand-in's on this machine or a private network."""
    refused = NotInvoked("The invocation token names an address for Jira that is not Atlassian's.")
    base = _text(app, "apiBaseUrl")
    try:
        parts = urlsplit(base)
        parts.port  # noqa: B018  # raises ValueError for one that is no number
    except ValueError as error:
        raise refused from error
    found = _API_PATH.fullmatch(parts.path)
    if found is None or parts.query or parts.fragment or "@" in parts.netloc:
        raise refused
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    if origin != API_HOST and not (runtime.settings.allow_private_hosts and parts.scheme in ("http", "https") and _is_near(parts.hostname)):
        raise refused
    if context.get("cloudId", found[1]) != found[1]:
        raise NotInvoked("The invocation token names two different sites.")
    return f"{origin}/ex/jira/{found[1]}", found[1]


def _is_near(host: str | None) -> bool:
    """Whether this is where a stand-in may be: this machine or a private network, by its number; never a name that others can point."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host == "localhost"
    return (address.is_private or address.is_loopback) and not (address.is_link_local or address.is_unspecified or address.is_multicast)


def _json(part: str) -> dict[str, Any]:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise NotInvoked("The invocation token is not valid.")
    return found


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _text(whole: Mapping[str, Any], name: str) -> str:
    """A short text of visible signs, "" for everything else: it goes into rows, keys and addresses."""
    found = whole.get(name)
    return found if isinstance(found, str) and _IDENT.fullmatch(found) else ""


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    found = claims.get(name)
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) and 0 < found < 1e11 else None
