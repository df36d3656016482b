"""The public keys of Forge's invocation tokens: kept for an hour, read anew once for a key that is not among them.

Whoever sends tokens with invented key ids must not make us call Atlassian for each: between two readings lies a pause. While the keys
cannot be read, those of the last day go on to count.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import orjson
import requests
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from connector.errors import HostError, StoreUnavailable
from connector.hosts.http import Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.limits import Budget
from connector.runtime import Runtime

log = structlog.get_logger(__name__)

FRESH = 3600.0  # seconds for which the keys are not asked for again
STALE = 86_400.0  # seconds for which they count while they cannot be read
REFETCH_EVERY = 30.0  # seconds between two readings for unknown keys
RETRY_EVERY = 5.0  # seconds between two tries while they cannot be read
READ_TIMEOUT = 4.0  # seconds; an event has 5 for everything
SHORTEST_KEY = 2048  # bits


class KeysUnavailable(StoreUnavailable):
    """The keys cannot be read now, so that no token can be judged: the sender must try again."""


class Keys:
    """The keys of one process, by key id. Thread-safe."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._keys: Mapping[str, RSAKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._sought_at = float("-inf")  # when an unknown key was last looked for
        self._failed = False

    def find(self, kid: str) -> RSAKey | None:
        """The key of that id, None when there is none. Raises ``KeysUnavailable``."""
        found = self._keys.get(kid)
        if found is not None and self._runtime.epoch() - self._read_at < FRESH:
            return found
        with self._lock:
            return self._look_again(kid)

    def _look_again(self, kid: str) -> RSAKey | None:
        now = self._runtime.epoch()
        unknown, stale = kid not in self._keys, now - self._read_at >= FRESH  # another thread may have read them meanwhile
        if self._failed:
            if (unknown or stale) and not 0 <= now - self._tried_at < RETRY_EVERY:  # also when the clock was set back
                self._read(now)
        elif stale:
            self._read(now)
        elif unknown and not 0 <= now - self._sought_at < REFETCH_EVERY:
            # The keys may have been changed a moment after they were read: the first unknown one is looked for at once
            self._sought_at = now
            self._read(now)
        usable = now - self._read_at < STALE
        if self._failed and not (usable and kid in self._keys):
            raise KeysUnavailable("the keys of Forge's tokens cannot be read now")
        return self._keys.get(kid) if usable else None

    def _read(self, now: float) -> None:
        self._tried_at = now
        try:
            keys = fetch(self._runtime)
        except (HostError, ValueError) as error:
            self._failed = True
            log.warning("forge_keys_unreadable", error=str(error)[:300])
            return
        self._keys, self._read_at, self._failed = keys, now, False


def keys_of(runtime: Runtime) -> Keys:
    """The keys that this process holds."""
    found: Keys = runtime.remembered.setdefault("forge-keys", Keys(runtime))
    return found


def fetch(runtime: Runtime) -> Mapping[str, RSAKey]:
    """The keys that are published now. Raises ``HostError``, or ``ValueError`` for an answer that holds no usable key."""
    address = runtime.settings.forge_jwks_url
    gateway = Gateway(
        "Forge's keys",
        frozenset({origin_of(address)}),
        Policy(allowances=lambda _method, _path: (), explain=_explain),
        Budget("forge-keys"),
        allow_private=runtime.settings.allow_private_hosts,
    )
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, RequestsAdapter(gateway, read_timeout=READ_TIMEOUT))
        content = session.get(address, headers={"Accept": "application/json"}, allow_redirects=False).content
    keys = {str(each["kid"]): key for each in _listed(content) if (key := _usable(each)) is not None}
    if not keys:
        raise ValueError("the address of Forge's keys gave no usable key; check OKR_FORGE_JWKS_URL")
    return keys


def _listed(content: bytes) -> list[dict[str, Any]]:
    document = orjson.loads(content)  # its error is a ValueError
    listed = document.get("keys") if isinstance(document, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _usable(each: dict[str, Any]) -> RSAKey | None:
    """An RSA key for signatures with an id of its own; None for every other entry."""
    if each.get("kty") != "RSA" or each.get("use", "sig") != "sig" or each.get("alg", "RS256") != "RS256":
        return None
    if not isinstance(each.get("kid"), str) or not each["kid"]:
        return None
    try:
        key = RSAKey.import_key({name: each[name] for name in ("kty", "n", "e", "kid") if name in each})
        return key if key.public_key.key_size >= SHORTEST_KEY else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    return "the keys were not given", "", {}
