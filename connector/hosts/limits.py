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
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One budget: ``scope`` names the bucket inside the connection, ``rates`` are like "50/second; 100 per 30 second".

    ``owner``: whose bucket it is, where several connections draw from it. ``fixed``: one counter that begins anew with each window,
    for amounts that are too large to remember each single use.
    """

    scope: str
    rates: str
    owner: str = ""
    fixed: bool = False


class Budget:
    """The budgets of one connection. Thread-safe; built in the process that uses it."""

    def __init__(self, connection: str, redis_url: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock
        self._local = _Limiters(MemoryStorage())
        self._shared: _Limiters | None = None
        self._retry_shared_at = 0.0
        self._parsed: dict[str, list[RateLimitItem]] = {}
        if redis_url:
            # `limits` writes redis unix sockets as redis+unix://
            uri = redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix://") else redis_url
            self._shared = _Limiters(RedisStorage(uri, key_prefix="okr-budget", socket_timeout=2, socket_connect_timeout=2))

    def wait_for(self, allowances: Sequence[Allowance]) -> float:
        """Take one request from every budget and return 0.0, or take nothing lasting and return the seconds to wait."""
        if self._shared is not None and self._clock() >= self._retry_shared_at:
            try:
                return self._take(self._shared, allowances)
            except RedisError as error:
                self._retry_shared_at = self._clock() + 5
                log.warning("budget_counted_locally", connection=self._connection, error=type(error).__name__)
        return self._take(self._local, allowances)

    def spend(self, allowance: Allowance, cost: int) -> None:
        """Count what a request turned out to cost beyond the one that ``wait_for`` took. Nothing is refused any more."""
        limiters = self._shared if self._shared is not None and self._clock() >= self._retry_shared_at else self._local
        try:
            for rate in self._rates(allowance.rates):
                limiters.of(allowance).hit(rate, *self._bucket(allowance), cost=cost)
        except RedisError as error:
            log.warning("budget_not_counted", connection=self._connection, error=type(error).__name__)

    def left(self, allowance: Allowance) -> tuple[int, int, float] | None:
        """(limit, what is left of it, moment at which more comes free in epoch seconds) of its tightest rate; None when unknown."""
        limiter = self._shared if self._shared is not None and self._clock() >= self._retry_shared_at else self._local
        found: list[tuple[int, int, float]] = []
        try:
            for rate in self._rates(allowance.rates):
                stats = limiter.of(allowance).get_window_stats(rate, *self._bucket(allowance))
                found.append((rate.amount, stats.remaining, stats.reset_time))
        except RedisError:
            return None
        return min(found, key=lambda each: each[1] / each[0], default=None)

    def _take(self, limiters: _Limiters, allowances: Sequence[Allowance]) -> float:
        rates = [(allowance, rate) for allowance in allowances for rate in self._rates(allowance.rates)]
        for allowance, rate in rates:
            if not limiters.of(allowance).test(rate, *self._bucket(allowance)):
                reset = limiters.of(allowance).get_window_stats(rate, *self._bucket(allowance)).reset_time
                return max(0.05, reset - self._clock())
        for allowance, rate in rates:
            limiters.of(allowance).hit(rate, *self._bucket(allowance))
        return 0.0

    def _bucket(self, allowance: Allowance) -> tuple[str, str]:
        return allowance.owner or self._connection, allowance.scope

    def _rates(self, text: str) -> list[RateLimitItem]:
        if text not in self._parsed:
            self._parsed[text] = list(parse_many(text))
        return self._parsed[text]


class _Limiters:
    """Both ways of counting over one storage."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._moving, self._fixed = MovingWindowRateLimiter(storage), FixedWindowRateLimiter(storage)

    def of(self, allowance: Allowance) -> RateLimiter:
        return self._fixed if allowance.fixed else self._moving
