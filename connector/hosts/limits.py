"""Request budgets per connection, counted in Redis and so shared by all workers; counted in this process while Redis is away.

The counting itself is the ``limits`` library's moving window. This module must not know what a host's limits are.

Of a *ranked* allowance the calls that people wait for come first. Background work (nightly runs, listings, imports) spreads its calls
evenly over the window, leaves a little of it free always and a quarter while people use it, and gets a tenth whatever people do. Work that
follows from many edits at once pauses a little between its calls (``pause_for``) once a third of the window is used: or a storm would
use all of it within seconds, and whoever comes next would wait for the rest of the window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# Shares of a ranked allowance. All of them in one place: they must leave each other room.
BACKGROUND_ALONE = 0.95  # of the window for background work while nobody waits; the rest is there for who comes first
BACKGROUND_BESIDE = 0.75  # the same while calls that people wait for were made within the window
BACKGROUND_LEAST = 0.1  # of the window for background work that asks for it, however much people do
SPREAD_FROM = 1 / 3  # of the window: so much may be used at once, then calls that can be spread are
SPREAD_PACE = 0.9  # of the window's even pace is kept for the rest of the window then; background work has the tenth beside it
LONGEST_PAUSE = 1.0  # seconds between two calls that are spread
STRIDE = 6  # background work spends at most one part in so many of the window at once, so that room comes free all the time


@dataclass(frozen=True, slots=True)
class Allowance:
    """One budget: ``scope`` names the bucket inside the connection, ``rates`` are like "50/second; 100 per 30 second".

    ``owner``: whose bucket it is, where several connections draw from it. ``fixed``: one counter that begins anew with each window,
    for amounts that are too large to remember each single use. ``ranked``: calls that people wait for come first.
    """

    scope: str
    rates: str
    owner: str = ""
    fixed: bool = False
    ranked: bool = False


class Budget:
    """The budgets of one connection. Thread-safe; built in the process that uses it."""

    def __init__(self, connection: str, redis_url: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock
        self.background = False
        self.spread = False
        self._local = _Limiters(MemoryStorage())
        self._shared: _Limiters | None = None
        self._retry_shared_at = 0.0
        self._parsed: dict[str, list[RateLimitItem]] = {}
        if redis_url:
            # `limits` writes redis unix sockets as redis+unix://
            uri = redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix://") else redis_url
            self._shared = _Limiters(RedisStorage(uri, key_prefix="okr-budget", socket_timeout=2, socket_connect_timeout=2))

    def for_background(self) -> Budget:
        """The same budget, spent by work that nobody waits for."""
        other = copy(self)
        other.background = True
        return other

    def for_storms(self) -> Budget:
        """The same budget, spent by work that follows from edits: it pauses between its calls while there are many."""
        other = copy(self)
        other.spread = True
        return other

    def pause_for(self, allowances: Sequence[Allowance]) -> float:
        """Seconds to pause before a call, so that what is left of the window lasts; 0.0 while there is plenty. Takes nothing."""
        ranked = [each for each in allowances if each.ranked] if self.spread and not self.background else []
        limiters = self._shared if self._shared is not None and self._clock() >= self._retry_shared_at else self._local
        try:
            found = [self._too_early(limiters, rate, self._bucket(each)) for each in ranked for rate in self._rates(each.rates)]
        except RedisError:
            return 0.0  # ``wait_for`` tells of it
        return min(max(found, default=0.0), LONGEST_PAUSE)

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
            bucket = self._bucket(allowance)
            if allowance.ranked and (wait := self._wait_for_rank(limiters, rate, bucket)):
                return wait
            if not limiters.of(allowance).test(rate, *bucket):
                reset = limiters.of(allowance).get_window_stats(rate, *bucket).reset_time
                return max(SHORTEST, reset - self._clock())
        for allowance, rate in rates:
            bucket = self._bucket(allowance)
            if not limiters.of(allowance).hit(rate, *bucket):
                return SHORTEST  # another process was quicker
            if allowance.ranked:
                limiters.note(rate, bucket, BACKGROUND if self.background else PEOPLE)
        return 0.0

    def _wait_for_rank(self, limiters: _Limiters, rate: RateLimitItem, bucket: tuple[str, str]) -> float:
        """Seconds for which this rank has to leave the rest of the window to the other; 0.0 when the window alone decides."""
        least = max(1, int(rate.amount * BACKGROUND_LEAST))
        people, own = limiters.used(rate, bucket, PEOPLE), limiters.used(rate, bucket, BACKGROUND)
        if not self.background:
            owed = own < least and people >= rate.amount - least and limiters.used(rate, bucket, ASKING) > 0
            return rate.get_expiry() / 60 if owed else 0.0
        part = -(-rate.get_expiry() // STRIDE)
        lately = limiters.used(rate, bucket, BACKGROUND, part)
        if lately >= -(-rate.amount // STRIDE):
            return max(SHORTEST, limiters.since(rate, bucket, BACKGROUND, part) + part - self._clock())
        limiters.note(rate, bucket, ASKING)
        early = bool(people) and self._too_early(limiters, rate, bucket) > 0.0
        if own < least and (not early or lately < max(1, least // STRIDE)):
            return 0.0
        share = BACKGROUND_BESIDE if people else BACKGROUND_ALONE
        if not early and limiters.used(rate, bucket) < max(1, int(rate.amount * share)):
            return 0.0
        return rate.get_expiry() / 60

    def _too_early(self, limiters: _Limiters, rate: RateLimitItem, bucket: tuple[str, str]) -> float:
        """Seconds that a call has to wait so that the calls after it need not wait for the window's end; 0.0 while there is room.

        What is left has to last, at an even pace, until the oldest use leaves the window.
        """
        since, used = limiters.oldest(rate, bucket)
        left = rate.amount - used - 1
        if used < rate.amount * SPREAD_FROM or left < 0:
            return 0.0  # there is plenty; or nothing at all, and the window itself decides
        pace = rate.amount / rate.get_expiry() * SPREAD_PACE
        lasting = max(0.0, since + rate.get_expiry() - self._clock()) * pace
        return 0.0 if left >= lasting else max(SHORTEST, (lasting - left) / pace)

    def _bucket(self, allowance: Allowance) -> tuple[str, str]:
        return allowance.owner or self._connection, allowance.scope

    def _rates(self, text: str) -> list[RateLimitItem]:
        if text not in self._parsed:
            self._parsed[text] = list(parse_many(text))
        return self._parsed[text]


PEOPLE, BACKGROUND, ASKING = "people", "background", "asking"  # who used it, and whether background work asked for it
SHORTEST = 0.05  # seconds


class _Limiters:
    """Both ways of counting over one storage, and who used what of a ranked rate."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._storage = storage
        self._moving, self._fixed = MovingWindowRateLimiter(storage), FixedWindowRateLimiter(storage)

    def of(self, allowance: Allowance) -> RateLimiter:
        return self._fixed if allowance.fixed else self._moving

    def used(self, rate: RateLimitItem, bucket: tuple[str, str], rank: str = "", seconds: int = 0) -> int:
        """How much of a rate was used within its window or its last ``seconds``; of one rank, or altogether."""
        return self._window(rate, bucket, rank, seconds)[1]

    def since(self, rate: RateLimitItem, bucket: tuple[str, str], rank: str, seconds: int) -> float:
        """When the oldest of these uses was, in epoch seconds."""
        return self._window(rate, bucket, rank, seconds)[0]

    def oldest(self, rate: RateLimitItem, bucket: tuple[str, str]) -> tuple[float, int]:
        """When the oldest use within the window was (epoch seconds), and how many there are."""
        return self._window(rate, bucket, "", 0)

    def note(self, rate: RateLimitItem, bucket: tuple[str, str], rank: str) -> None:
        """Note a use of one rank."""
        self._storage.acquire_entry(rate.key_for(*bucket, rank), rate.amount, rate.get_expiry())

    def _window(self, rate: RateLimitItem, bucket: tuple[str, str], rank: str, seconds: int) -> tuple[float, int]:
        key = rate.key_for(*bucket, rank) if rank else rate.key_for(*bucket)
        return self._storage.get_moving_window(key, rate.amount, seconds or rate.get_expiry())
