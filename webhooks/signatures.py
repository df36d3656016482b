"""Signing and checking the body of a webhook, or the token that comes with it. Generic: the host names the header, this knows no host.

It must never accept because nothing was set up: without a secret every signature and every token is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

METHOD = "sha256"
TOKEN_ALGORITHMS = ("HS256", "HS384", "HS512")  # never "none", never one with a public key
# Seconds after its end for which a token counts: a delivery is repeated for over an hour, perhaps with the token of the first attempt.
TOKEN_LATE = 5400.0
TOKEN_EARLY = 300.0  # seconds by which the sender's clock may be ahead of ours
SHORTEST_TOKEN_SECRET = 16  # characters; whoever sees a token can try shorter secrets at home


def sign(secret: str, body: bytes) -> str:
    """The signature header of ``body``: ``sha256=<64 hex digits>``, HMAC-SHA256 over the raw bytes."""
    return f"{METHOD}={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def verify(secrets: Sequence[str], body: bytes, header: str | None) -> bool:
    """True when ``header`` signs ``body`` with any of ``secrets`` (the current one and, while it is changed, the previous).

    Only the method sha256 is accepted. No header, no secret or only empty secrets give False. Every secret is compared in
    constant time, also after one has matched.
    """
    method, separator, digest = (header or "").strip().partition("=")
    if not separator or method.lower() != METHOD:
        return False
    given = digest.strip().lower().encode("utf-8", "replace")
    matched = False
    for secret in secrets:
        if not secret:
            continue
        expected = sign(secret, body).removeprefix(f"{METHOD}=").encode()
        # `|` instead of `or`: how long the check takes must not tell which secret matched
        matched = matched | hmac.compare_digest(expected, given)
    return matched


def verify_token(secrets: Sequence[str], token: str, now: float) -> bool:
    """True when ``token`` (a JWT) is signed with any of ``secrets`` and counts at ``now`` (epoch seconds).

    It must say when it ends or was made. It proves the sender only: no part of the body is in it, so what comes with it is a hint.
    """
    matched: Mapping[str, Any] | None = None
    for secret in secrets:
        if len(secret) < SHORTEST_TOKEN_SECRET:
            continue
        try:
            claims = jwt.decode(token, OctKey.import_key(secret), algorithms=list(TOKEN_ALGORITHMS)).claims
        except (JoseError, ValueError):
            continue
        matched = claims if matched is None else matched  # no break: the time it takes must not tell which secret matched
    if matched is None:
        return False
    ends, made, begins = (_seconds(matched, name) for name in ("exp", "iat", "nbf"))
    if ends is None:
        ends = made
    if ends is None or now > ends + TOKEN_LATE:
        return False
    return all(moment is None or moment <= now + TOKEN_EARLY for moment in (made, begins))


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A moment among the claims; one that is no moment counts as long past or far ahead, so that it is refused."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return -math.inf if name == "exp" else math.inf
    return float(value)
