"""What the processes `web`, `worker` and `clock` do until they are told to stop.

Nothing here opens a database: each process that serves requests or runs jobs builds its own runtime, because a connection must not
cross a fork. Heavy modules are imported inside the functions, so that the master of the web server stays small.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from connector.errors import InputError
from connector.settings import Settings
from connector.supervisor import Program, Supervisor

if TYPE_CHECKING:
    from redis import Redis

    from connector.runtime import Runtime

log = structlog.get_logger(__name__)

# A stop of `serve` waits ten seconds; workers below it must be through before.
_WORKER_GRACE = 8.0
# Variable between `serve` and `web` alone, no setting: the file that must be gone before the application is built.
HOLD = "OKR_HOLD_FILE"
_BOOT_FAILED = 3  # gunicorn's own code for a worker that need not be started again


def program(name: str, *arguments: str, env: dict[str, str] | None = None, when: Callable[[], bool] | None = None) -> Program:
    """One command of ours as a child process: the same interpreter, the same installation."""
    return Program(name, [sys.executable, "-m", "connector", *arguments], env or {}, when)


def run_web(settings: Settings) -> None:
    """Serve HTTP with gunicorn and gevent until SIGTERM or SIGINT; ends the process.

    The application is loaded in each web process (no preload), after gevent has patched the standard library there.
    """
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger

    settings.resolved_secret_key()  # made here once, so that two web processes do not make two

    class Lines(Logger):
        """Gunicorn's own lines through our one handler, so that they have its form and its redaction."""

        def setup(self, cfg: Any) -> None:
            """Undo what gunicorn sets up beyond the level."""
            super().setup(cfg)  # type: ignore[no-untyped-call]
            self.error_log.handlers.clear()
            self.error_log.propagate = True

    class WebServer(BaseApplication):
        """Gunicorn with our settings and no configuration file or command line of its own."""

        def init(self, parser: Any, opts: Any, args: Any) -> None:
            """Nothing: part of gunicorn's protocol."""

        def load_config(self) -> None:
            """Set what differs from gunicorn's defaults."""
            assert self.cfg is not None
            for name, value in gunicorn_options(settings).items():
                self.cfg.set(name, value)
            self.cfg.set("logger_class", Lines)

        def load(self) -> Any:
            """Build the application; runs in each web process."""
            from connector.app import create_app
            from connector.runtime import build_runtime

            _wait_while_held()
            runtime = build_runtime(settings)
            if settings.sandbox:
                _refuse_real(runtime)
            app = create_app(runtime)
            # What stands now lives as long as the process. Were it walked through at every full collection, a request would stop for it.
            gc.collect()
            gc.freeze()
            return app

    WebServer().run()  # type: ignore[no-untyped-call]


def _refuse_real(runtime: Runtime) -> None:
    """End this web process, and gunicorn with it, when a sandbox would show real data."""
    from connector.sandbox.organisation import refuse_real

    try:
        refuse_real(runtime)
    except InputError as error:
        log.error("sandbox_refused", error=str(error))
        raise SystemExit(_BOOT_FAILED) from None


def _wait_while_held() -> None:
    """Wait until `serve` has prepared the database: it removes the file named by HOLD. The imports before took longer than that."""
    path = os.environ.get(HOLD)
    while path and Path(path).exists():
        time.sleep(0.02)


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """Gunicorn's options for these settings. Reference: https://docs.gunicorn.org/en/stable/settings.html"""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    shared_memory = "/dev/shm"  # noqa: S108 -- only gunicorn's own heartbeat file, opened safely by it
    return {
        "bind": f"{host}:{settings.port}",
        "workers": settings.web_workers or (1 if settings.sandbox else 2),
        "worker_class": "gevent",
        "worker_connections": 1000,
        "graceful_timeout": 10,
        "timeout": 60,
        "keepalive": 5,
        "limit_request_line": 8190,
        "limit_request_fields": 100,
        "limit_request_field_size": 16_380,
        # The heartbeat file must not lie on a slow disk: a stuck write would look like a hung worker.
        "worker_tmp_dir": shared_memory if os.access(shared_memory, os.W_OK) else None,
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",  # at debug it writes the address of every request, keys of sign-in links too
        "proc_name": "okr-connector web",
        "control_socket_disable": True,
    }


def run_workers(settings: Settings) -> int:
    """Keep ``settings.workers`` worker processes and one for slow jobs alive until told to stop; returns the exit code."""
    programs = [program(f"worker-{number}", "worker", "--single") for number in range(1, settings.workers + 1)]
    programs.append(program("worker-slow", "worker", "--single", "--slow"))
    return Supervisor(programs, grace=_WORKER_GRACE).run()


def run_one_worker(settings: Settings, *, slow: bool = False) -> None:
    """Run jobs from one queue in this process until SIGTERM or SIGINT (the job at hand is finished first).

    When Redis goes away in the middle of a job, the job is finished (its work stands in the database) and Redis is waited for.
    Whatever else RQ gives up on ends the process: whoever supervises starts it again. Raises ``InputError`` without a URL.

    RQ's own timers are far too long for us: with its defaults an idle worker looks after abandoned jobs only every 405 seconds.
    A worker takes one queue only: with several, a job is lost when its worker dies between taking and starting it.
    """
    from redis import Redis
    from redis.exceptions import RedisError
    from rq import SimpleWorker

    from connector.queue import QUEUE_NAME, SLOW_QUEUE_NAME

    url = settings.resolved_redis_url()
    if not url:
        raise InputError("the workers need a Redis server: set it, or use `okr-connector serve`, which brings one", where="OKR_REDIS_URL")

    class Worker(SimpleWorker):
        """RQ's worker without a fork per job, back within seconds after Redis was away."""

        max_connection_wait_time = 5.0
        log_job_description = False  # job arguments are ids, but descriptions belong in no log
        told_to_stop = False

        def request_stop(self, signum: Any, frame: Any) -> None:
            """Remember it: ``work`` may still end with an error."""
            self.told_to_stop = True
            jobs.stop_soon()
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

        def execute_job(self, job: Any, queue: Any) -> None:
            """What RQ cannot note about a job is no loss."""
            try:
                super().execute_job(job, queue)
            except RedisError as error:
                log.warning("redis_unreachable", error=type(error).__name__, job=job.func_name)

        def heartbeat(self, *arguments: Any, **options: Any) -> None:
            """The next look for jobs waits for Redis; a missed heartbeat need not end the worker."""
            try:
                super().heartbeat(*arguments, **options)
            except RedisError as error:
                log.warning("redis_unreachable", error=type(error).__name__)

    jobs = importlib.import_module("connector.jobs")  # here, not in the first job: it takes a second
    connection = Redis.from_url(url, socket_connect_timeout=2)
    queue = SLOW_QUEUE_NAME if slow else QUEUE_NAME
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    while True:
        _wait_for_redis(connection)
        worker = Worker([queue], connection=connection, worker_ttl=30, maintenance_interval=30, job_monitoring_interval=5)
        try:
            # Without a level RQ sets its loggers to INFO: a line per job and per cleaning.
            worker.work(logging_level="DEBUG" if settings.log_level == "debug" else "WARNING")
            return
        except RedisError as error:
            log.warning("redis_unreachable", error=type(error).__name__)
        if worker.told_to_stop:
            return
        for number, handler in handlers.items():  # RQ's own would not end us while we wait
            signal.signal(number, handler)


def run_clock() -> None:
    """Run the schedule until SIGTERM or SIGINT."""
    schedule = importlib.import_module("connector.schedule")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    schedule.run(stop)


def _wait_for_redis(connection: Redis) -> None:
    """Return when Redis answers; pauses grow from half a second to five. Signals keep their default and end the process."""
    from redis.exceptions import RedisError

    pause = 0.5
    while True:
        try:
            connection.ping()
            return
        except RedisError as error:
            log.log(logging.WARNING, "redis_unreachable", error=type(error).__name__, again_in=pause)
        time.sleep(pause)
        pause = min(pause * 2, 5.0)
