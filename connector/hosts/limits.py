"""Request budgets per connection, counted in Redis and so shared by all workers; counted in this process while Redis is away.

The counting itself is the ``limits`` library's moving window. This module must not know what a host's limits are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One budget: ``scope`` names the bucket inside the connection, ``rates`` are like "50/second; 100 per 30 second"."""

    scope: str
    rates: str


class Budget:
    """The budgets of one connection. Thread-safe; built in the process that uses it."""

    def __init__(self, connection: str, redis_url: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._shared: MovingWindowRateLimiter | None = None
        self._retry_shared_at = 0.0
        self._parsed: dict[str, list[RateLimitItem]] = {}
        if redis_url:
            # `limits` writes redis unix sockets as redis+unix://
            uri = redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix://") else redis_url
            self._shared = MovingWindowRateLimiter(RedisStorage(uri, key_prefix="okr-budget", socket_timeout=2, socket_connect_timeout=2))

    def wait_for(self, allowances: Sequence[Allowance]) -> float:
        """Take one request from every budget and return 0.0, or take nothing lasting and return the seconds to wait."""
        if self._shared is not None and self._clock() >= self._retry_shared_at:
            try:
                return self._take(self._shared, allowances)
            except RedisError as error:
                self._retry_shared_at = self._clock() + 5
                log.warning("budget_counted_locally", connection=self._connection, error=type(error).__name__)
        return self._take(self._local, allowances)

    def left(self, allowance: Allowance) -> tuple[int, int, float] | None:
        """(limit, what is left of it, moment at which more comes free in epoch seconds) of its tightest rate; None when unknown."""
        limiter = self._shared if self._shared is not None and self._clock() >= self._retry_shared_at else self._local
        found: list[tuple[int, int, float]] = []
        try:
            for rate in self._rates(allowance.rates):
                stats = limiter.get_window_stats(rate, self._connection, allowance.scope)
                found.append((rate.amount, stats.remaining, stats.reset_time))
        except RedisError:
            return None
        return min(found, key=lambda each: each[1] / each[0], default=None)

    def _take(self, limiter: MovingWindowRateLimiter, allowances: Sequence[Allowance]) -> float:
        rates = [(allowance.scope, rate) for allowance in allowances for rate in self._rates(allowance.rates)]
        for scope, rate in rates:
            if not limiter.test(rate, self._connection, scope):
                reset = limiter.get_window_stats(rate, self._connection, scope).reset_time
                return max(0.05, reset - self._clock())
        for scope, rate in rates:
            limiter.hit(rate, self._connection, scope)
        return 0.0

    def _rates(self, text: str) -> list[RateLimitItem]:
        if text not in self._parsed:
            self._parsed[text] = list(parse_many(text))
        return self._parsed[text]
