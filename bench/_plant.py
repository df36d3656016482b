"""The connector's processes for the loop benchmark (web, workers, clock and a Redis), and a sender of signed deliveries.

The same programs that ``serve`` starts, as child processes over one data folder.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from bench._company import KEY
from connector.processes import program
from tests.support.services import free_port, redis_server

READY = 90.0  # seconds
Sent = tuple[bytes, Mapping[str, str]]


@contextmanager
def plant(folder: Path, told: dict[str, str] | None = None) -> Iterator[str]:
    """Web, worker and clock over ``folder``; gives the base URL once they are ready. ``told`` gets the address of their ``redis``."""
    port = free_port()
    with redis_server() as redis_url, (folder / "plant.log").open("wb") as output:
        if told is not None:
            told["redis"] = redis_url
        env = {
            **os.environ, "OKR_DATA_DIR": str(folder), "OKR_REDIS_URL": redis_url, "OKR_SECRET_KEY": KEY, "PORT": str(port),
            "OKR_ALLOW_PRIVATE_HOSTS": "1", "OKR_LOG_LEVEL": "warning",
        }  # fmt: skip
        children = [
            subprocess.Popen(list(program(name, name).argv), env=env, stdout=output, stderr=output) for name in ("web", "worker", "clock")
        ]
        try:
            _wait(f"http://127.0.0.1:{port}", folder / "plant.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            for process in children:
                process.terminate()
            for process in children:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait(url: str, log: Path) -> None:
    ask = build_opener(ProxyHandler({}))
    ends = time.monotonic() + READY
    while time.monotonic() < ends:
        try:
            with ask.open(f"{url}/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the connector did not become ready:\n{log.read_text(errors='replace')[-3000:]}")


def post_all(address: str, path: str, deliveries: Sequence[Sent], *, senders: int = 8) -> tuple[float, int]:
    """Send all deliveries over a few connections at once; gives the seconds that took and how many were accepted."""
    host, _, port = address.removeprefix("http://").partition(":")
    accepted: list[int] = []

    def send(part: Sequence[Sent]) -> None:
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        for body, headers in part:
            connection.request("POST", path, body, dict(headers))
            answer = connection.getresponse()
            answer.read()
            accepted.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=send, args=(deliveries[number::senders],)) for number in range(senders)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun, accepted.count(200)
