"""The queue is a nudge: work wanted stands in the database, a job only says "look there". Losing a job loses time, no work.

``RedisQueue`` puts RQ jobs on one queue; ``InlineQueue`` remembers nudges for tests and commands without Redis.
"""

from __future__ import annotations

from typing import Protocol

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RqQueue

log = structlog.get_logger(__name__)

# Two queues, each with workers of its own: an hour of syncing must not keep a webhook waiting.
QUEUE_NAME = "okr"
SLOW_QUEUE_NAME = "okr-slow"
# Jobs are named by string so that the door need not import what they do; a test resolves each name.
JOBS = {
    "drain": "connector.jobs.drain",
    "settle": "connector.jobs.settle",
    "list": "connector.jobs.list_mappings",
    "sync": "connector.jobs.sync",
    "import": "connector.jobs.work_on_import",
    "look": "connector.jobs.look",
    "webhook": "connector.jobs.keep_webhook",
    "rows": "connector.jobs.read_rows",
    "lock": "connector.jobs.lock_review",
    "send": "connector.jobs.send_messages",
    "signals": "connector.jobs.find_signals",
}
SLOW = frozenset({"list", "sync", "import", "look", "webhook", "rows", "send", "signals"})
# A nudge that got lost is repeated after this long. Slow jobs may wait for hours; they must not pile up meanwhile.
NUDGE_SECONDS = {
    "drain": 2,
    "settle": 2,
    "list": 60,
    "sync": 60,
    "import": 5,
    "look": 30,
    "webhook": 60,
    "rows": 60,
    "lock": 10,
    "send": 5,
    "signals": 60,
}
TIMEOUTS = {  # seconds
    "drain": 300,
    "settle": 300,
    "list": 3 * 3600,
    "sync": 6 * 3600,
    "import": 1800,
    "look": 1800,
    "webhook": 600,
    "rows": 3 * 3600,
    "lock": 300,
    "send": 600,
    "signals": 3600,
}


class Queue(Protocol):
    """What may be asked of a queue. Both calls never raise for an absent Redis: they return False."""

    def nudge(self, job: str, *arguments: int) -> bool:
        """Ask for a job once; repeated nudges before it starts are one. False when the queue could not be reached."""
        ...

    def started(self, job: str, *arguments: int) -> None:
        """Called by a job at its start: from now on a nudge asks for another run."""
        ...

    def ping(self) -> bool:
        """True when the queue answers."""
        ...

    def waiting(self) -> int | None:
        """How many jobs wait to be started; None when the queue does not answer."""
        ...


class RedisQueue:
    """RQ on Redis. One job per (name, arguments) is waiting at a time."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=3, socket_connect_timeout=1)
        self._queue = RqQueue(QUEUE_NAME, connection=self._redis)
        self._slow = RqQueue(SLOW_QUEUE_NAME, connection=self._redis)

    def nudge(self, job: str, *arguments: int) -> bool:
        """See ``Queue.nudge``."""
        key = _key(job, arguments)
        try:
            if self._redis.set(key, "1", nx=True, ex=NUDGE_SECONDS[job]):
                queue = self._slow if job in SLOW else self._queue
                queue.enqueue(JOBS[job], *arguments, job_timeout=TIMEOUTS[job], result_ttl=0, failure_ttl=86_400)
        except RedisError as error:
            log.warning("queue_unreachable", job=job, error=type(error).__name__)
            return False
        return True

    def started(self, job: str, *arguments: int) -> None:
        """See ``Queue.started``."""
        try:
            self._redis.delete(_key(job, arguments))
        except RedisError as error:
            log.warning("queue_unreachable", job=job, error=type(error).__name__)

    def ping(self) -> bool:
        """See ``Queue.ping``."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def waiting(self) -> int | None:
        """See ``Queue.waiting``."""
        try:
            return int(self._queue.count)
        except RedisError:
            return None


class InlineQueue:
    """Remembers nudges in order, each once; whoever owns it runs them."""

    def __init__(self) -> None:
        self.nudges: dict[tuple[str, tuple[int, ...]], None] = {}

    def nudge(self, job: str, *arguments: int) -> bool:
        """See ``Queue.nudge``."""
        self.nudges[(job, arguments)] = None
        return True

    def started(self, job: str, *arguments: int) -> None:
        """See ``Queue.started``."""
        self.nudges.pop((job, arguments), None)

    def ping(self) -> bool:
        """Always there."""
        return True

    def waiting(self) -> int | None:
        """The nudges that nobody has run yet."""
        return len(self.nudges)


def _key(job: str, arguments: tuple[int, ...]) -> str:
    return ":".join(["okr-nudge", job, *map(str, arguments)])
