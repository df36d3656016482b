"""What a sign-in provider says of a person, and how a sign-in fails. Values only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.errors import ConnectorError


class SignInRefused(ConnectorError):
    """The sign-in did not succeed, for a reason that the person may read; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a provider says that somebody is. ``issuer`` and ``subject`` name them there for good.

    ``email`` may be trusted only when ``email_verified``. ``host`` and ``account``: whose accounts the subject is among, "" for none.
    """

    provider: str
    issuer: str
    subject: str
    name: str = ""
    email: str = ""
    email_verified: bool = False
    host: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in on its way: what must come back from the provider unchanged. Kept in the browser's signed cookie."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    begun_at: float  # epoch seconds

    @classmethod
    def begin(cls, provider: str, next_path: str, now: float) -> Flow:
        """A new one with fresh random values."""
        return cls(provider, secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), next_path, now)


def address_told(text: str, verified: bool) -> tuple[str, bool]:
    """A provider's e-mail address as a claim has it, and whether it may be trusted.

    One with letters beyond ASCII is never: folding them to lower case makes other people's addresses of some, such as the Kelvin sign's k.
    """
    return (text.strip().lower(), verified) if text.isascii() and text.isprintable() else (text, False)


def text_of(values: Any, *names: str) -> str:
    """The text at a path of a JSON object, "" where there is none."""
    for name in names:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values if isinstance(values, str) else ""
