"""The access token of a permission while it is used: renewed shortly before its end, or once after a refusal.

It stores nothing and calls nobody: ``ConnectionSettings.renew`` does both. One per client, not shared between threads. It must not
know any host: ``expires_at`` of a login is the end of its token, where the host tells one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from copy import copy
from datetime import UTC, datetime

from connector.hosts.base import ConnectionSettings

EARLY = 300.0  # seconds before its end at which a token is renewed; it counts on while that does not succeed
AGAIN = 30.0  # seconds until a renewal that brought nothing is tried again


class PermittedToken:
    """``renewable``: somebody stores new tokens; a login that is only being tested is used as it is."""

    def __init__(self, settings: ConnectionSettings, told: Callable[[frozenset[str]], None]) -> None:
        self._login, self._renew, self._told = settings.auth, settings.renew, told
        self._ends = _end_of(self._login)
        self._next = self._ends - EARLY
        self._refused = False
        self.renewable = settings.renew is not None

    def current(self) -> str:
        """The token to send now. Raises ``HostError`` when it is of no use any more and no other can be had."""
        refused, self._refused = self._refused, False
        now = time.time()
        if self._renew is not None and (refused or now >= self._next):
            before, self._login = self._login, self._renew(self._login, refused or now >= self._ends)
            self._told(frozenset({self._login["access_token"], self._login["refresh_token"]}))
            self._ends = _end_of(self._login)
            unchanged = before["access_token"] == self._login["access_token"]
            self._next = max(self._ends - EARLY, now + AGAIN if unchanged else 0.0)
        return self._login["access_token"]

    def refuse(self) -> None:
        """The host did not take the token: the next call gets another one."""
        self._refused = True

    def for_sibling(self, told: Callable[[frozenset[str]], None]) -> PermittedToken:
        """The same for another client in another thread."""
        other = copy(self)
        other._told = told
        return other


def read_end(login: Mapping[str, object]) -> datetime | None:
    """When the access token of a login ends, None when that is not told."""
    try:
        moment = datetime.fromisoformat(str(login.get("expires_at") or ""))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _end_of(login: Mapping[str, str]) -> float:
    """When the token ends, in epoch seconds; without a word of it not before it is refused."""
    ends = read_end(login)
    return ends.timestamp() if ends else float("inf")
