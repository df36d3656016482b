"""Signing and checking the body of a webhook. Generic: the host names the header, this module knows no host.

It must never accept because nothing was set up: without a secret every signature is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

METHOD = "sha256"


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
