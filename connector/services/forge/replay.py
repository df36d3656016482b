"""Binds the token of a changing call to its first request, so that nobody who got hold of a token can change something else with it.

The same request again is let through: what it does, it does once. Kept in Redis for as long as the token counts; in this process
while Redis is away.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import structlog
from redis import Redis
from redis.exceptions import RedisError

from connector.runtime import Runtime
from connector.services.forge.caller import Invocation
from connector.services.forge.invocation import LEEWAY, NotInvoked

log = structlog.get_logger(__name__)

RETRY_SHARED = 5.0  # seconds for which Redis is not asked after it did not answer
MOST = 20_000  # tokens that one process keeps
TIMEOUT = 0.5  # seconds


class Used:
    """The tokens that were used for a change, each with the digest of the request. Thread-safe."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._shared: Redis | None = None
        self._away_until = 0.0
        if runtime.redis_url:
            self._shared = Redis.from_url(runtime.redis_url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)

    def first(self, key: str, digest: str, seconds: float) -> str:
        """The digest with which this key was used first; ``digest`` when it is new."""
        if self._shared is not None and self._runtime.epoch() >= self._away_until:
            try:
                return self._first_shared(self._shared, key, digest, seconds)
            except RedisError as error:
                self._away_until = self._runtime.epoch() + RETRY_SHARED
                log.warning("forge_tokens_counted_locally", error=type(error).__name__)
        with self._lock:
            return self._first_here(key, digest, seconds)

    def _first_shared(self, redis: Redis, key: str, digest: str, seconds: float) -> str:
        name = f"okr-forge-token:{key}"
        if redis.set(name, digest, nx=True, ex=max(1, int(seconds) + 1)):
            return digest
        found = redis.get(name)
        return found.decode() if isinstance(found, bytes) else digest

    def _first_here(self, key: str, digest: str, seconds: float) -> str:
        now = self._runtime.epoch()
        until, found = self._held.get(key, (0.0, ""))
        if now < until:
            return found
        self._held[key] = (now + seconds, digest)
        self._held.move_to_end(key)
        while len(self._held) > MOST:
            self._held.popitem(last=False)
        return digest


def bind(runtime: Runtime, invocation: Invocation, method: str, path: str, body: bytes) -> None:
    """Let a token change one thing only. Raises ``NotInvoked`` when it was used for another request before."""
    used: Used = runtime.remembered.setdefault("forge-used", Used(runtime))
    whole = b"\x00".join((method.encode(), path.encode("utf-8", "surrogatepass"), body))
    digest = hashlib.sha256(whole).hexdigest()
    key = hashlib.sha256(f"{invocation.installation}\x00{invocation.token_id}".encode()).hexdigest()
    left = max(1.0, invocation.ends_at - runtime.epoch() + 2 * LEEWAY)
    if used.first(key, digest, left) != digest:
        log.warning("forge_call_refused", reason="a used token", trace=invocation.trace)
        raise NotInvoked("The invocation token was used for another request already.")
