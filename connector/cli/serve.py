"""The commands that run processes: `serve` (everything on one machine) and its three parts `web`, `worker` and `clock`.

Only wiring stands here; what the processes do is in ``connector.processes``.
"""

from __future__ import annotations

import errno
import http.client
import json
import signal
import socket
import time
from types import FrameType
from typing import TYPE_CHECKING

import click

from connector import log
from connector.errors import InputError
from connector.processes import HOLD, program, run_clock, run_one_worker, run_web, run_workers
from connector.settings import Settings, load_settings
from connector.supervisor import Supervisor

if TYPE_CHECKING:
    from connector.embedded import EmbeddedRedis

# After this long without an answer from /ready the person is told what is missing (once; we go on trying).
_PATIENCE = 30.0
# Workers and clock wait for the web server no longer than this, whatever is wrong with it.
_HEAD_START = 10.0


def _start(**overrides: object) -> Settings:
    """Read the settings and set up logging, as each of these commands begins."""
    settings = load_settings(**overrides)
    log.configure(settings.log_format, settings.log_level)
    return settings


@click.command()
@click.option("--sandbox", is_flag=True, help="Serve two stand-in hosts with a sample organisation as well; no real credentials.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the web server; 0 takes a free one. Wins over the variable PORT.")
def serve(sandbox: bool, port: int | None) -> None:
    """Run everything on this machine: web, workers and schedule.

    An embedded Redis-compatible server is started unless OKR_REDIS_URL is set. Ctrl-C stops all of it.
    """
    overrides: dict[str, object] = {"sandbox": True, "allow_private_hosts": True} if sandbox else {}
    if port is not None:
        overrides["port"] = port
    from connector.embedded import EmbeddedRedis  # here: `web` must not import ssl before gevent has patched it

    settings = _start(**overrides)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # until the supervisor takes over: a stop during the start is a clean one too
    settings.data_dir = settings.data_dir.absolute()
    settings.port = claim_port(settings.host, settings.port)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {settings.data_dir}: {error.strerror}", where="OKR_DATA_DIR") from error
    settings.resolved_secret_key()
    embedded = None if settings.redis_url else EmbeddedRedis(settings.data_dir)
    if embedded is not None:
        settings.redis_url = embedded.start()
    hold = settings.data_dir / "starting"
    hold.touch()
    ready = Readiness(settings)
    env = child_environment(settings)
    # Importing is most of a start. So the web process begins at once, while the database is prepared here, and the others only when
    # it is through: all at the same time would take each of them far longer.
    supervisor = Supervisor(
        [
            program("web", "web", env=env | {HOLD: str(hold)}),
            program("worker", "worker", env=env, when=ready.others_may_start),
            program("clock", "clock", env=env, when=ready.others_may_start),
        ],
        tick=lambda: _tick(embedded, ready),
    )
    try:
        supervisor.start_due()
        _prepare(settings)
        hold.unlink()
        ready.link = _admin_link(settings)
        supervisor.run()
    finally:
        supervisor.end()
        hold.unlink(missing_ok=True)
        if embedded is not None:
            embedded.stop()  # last: workers that finish a job still need it


@click.command()
def web() -> None:
    """Run the web server alone."""
    run_web(_start())


@click.command()
@click.option("--single", is_flag=True, hidden=True, help="Be one worker process instead of supervising several.")
@click.option("--slow", is_flag=True, hidden=True, help="With --single: take listings and syncs instead of webhooks.")
@click.pass_context
def worker(ctx: click.Context, single: bool, slow: bool) -> None:
    """Run the background workers alone: OKR_WORKERS processes for webhooks and one for listings and syncs."""
    settings = _start()
    if single:
        run_one_worker(settings, slow=slow)
    else:
        if not settings.resolved_redis_url():
            raise InputError("the workers need a Redis server: set it, or use `serve`, which brings one", where="OKR_REDIS_URL")
        ctx.exit(run_workers(settings))


@click.command()
def clock() -> None:
    """Run the schedule alone; one per installation is enough, more do no harm."""
    _start()
    run_clock()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def claim_port(host: str, port: int) -> int:
    """The port itself when it is free, a free one for 0. Raises ``InputError`` when it is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port that just closed is free
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(f"port {port} on {host} is in use; choose another with --port", where="PORT") from None
            raise InputError(f"cannot listen on {host} port {port}: {error.strerror or error}", where="PORT") from None
        free: int = probe.getsockname()[1]
        return free


def child_environment(settings: Settings) -> dict[str, str]:
    """What the children must know beyond our own environment: everything that options or defaults decided here."""
    env = {"OKR_DATA_DIR": str(settings.data_dir), "OKR_REDIS_URL": settings.redis_url, "PORT": str(settings.port)}
    if settings.sandbox:
        from connector.sandbox.state import app_settings

        env |= {"OKR_SANDBOX": "1", "OKR_ALLOW_PRIVATE_HOSTS": "1", **app_settings(settings)}
    return env


def _prepare(settings: Settings) -> None:
    """Bring the database up to date and, in the sandbox, fill it. Imported here: `web` and `worker` need neither."""
    from connector.store.migrate import upgrade

    upgrade(settings)
    if settings.sandbox:
        from connector.sandbox.organisation import prepare

        prepare(settings)


def _admin_link(settings: Settings) -> str | None:
    """A fresh link for the first admin, while one is needed. After the web process may go on, so that nothing waits for it."""
    from connector.runtime import build_runtime
    from connector.services.sign_in.links import make_at_start

    runtime = build_runtime(settings)
    try:
        return make_at_start(runtime)
    finally:
        runtime.close()


def _tick(embedded: EmbeddedRedis | None, ready: Readiness) -> None:
    if embedded is not None:
        embedded.keep_alive()
    ready.look()


class Readiness:
    """Whether the web server said that it is ready; says so itself, once, on standard output."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._begun = time.monotonic()
        self._ready = False
        self._complained = False
        self.link: str | None = None  # signs an admin in, once

    def others_may_start(self) -> bool:
        """True once the web server is ready, or has had its head start."""
        return self._ready or time.monotonic() - self._begun > _HEAD_START

    def look(self) -> None:
        """Ask the web server, unless it has said yes before."""
        if self._ready:
            return
        self._ready, answer = ask_ready(self._settings)
        if self._ready:
            click.echo(f"okr-connector is ready at {self._settings.base_url}")
            self._settings.note_address()
            if self._settings.sandbox:
                click.echo(f"Triage: {self._settings.base_url}/triage")
                click.echo(f"Sandbox: {self._settings.base_url}/sandbox")
                click.echo(f"Panels inside Jira: {self._settings.base_url}/sandbox/issue/GROW-4 (built once by: make forge)")
            if self.link:
                click.echo(f"sign in as admin once: {self.link}")
        elif not self._complained and time.monotonic() - self._begun > _PATIENCE:
            click.echo(f"still not ready after {_PATIENCE:.0f} seconds: {answer}", err=True)
            self._complained = True


def ask_ready(settings: Settings) -> tuple[bool, str]:
    """Whether our own ``GET /ready`` says yes, and what it said."""
    # The wildcard addresses are for listening only.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=1)
    try:
        connection.request("GET", "/ready")
        response = connection.getresponse()
        body = response.read(2000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return False, "the web server does not answer"
    finally:
        connection.close()
    try:
        answer = json.dumps(json.loads(body))  # one line
    except ValueError:
        answer = body.splitlines()[0] if body else f"status {response.status}"
    return response.status == 200, answer
