"""The worker processes against a real Redis that comes late, dies and comes back; and what stands before `serve` starts anything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue

from connector.cli.serve import ask_ready, child_environment, claim_port
from connector.embedded import EmbeddedRedis
from connector.errors import InputError
from connector.processes import gunicorn_options
from connector.queue import QUEUE_NAME
from connector.settings import load_settings
from connector.supervisor import descendants

ROOT = Path(__file__).parent.parent
Start = Callable[..., subprocess.Popen[bytes]]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        env = (
            {name: value for name, value in os.environ.items() if not name.startswith("OKR_")} | {"OKR_DATA_DIR": str(tmp_path)} | variables
        )
        with (tmp_path / "output").open("ab") as output:
            command = [sys.executable, "-m", "connector", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True)
        started.append(process)
        return process

    yield run
    for process in started:
        for pid in [*descendants(process.pid), process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def run_job(server: EmbeddedRedis, folder: Path) -> bool:
    """Ask for a job that makes a folder, again every two seconds as the clock does; True once it ran.

    Asking once is not enough: the queue may hand the job to a worker that has just been killed.
    """
    for _ in range(10):
        with Redis.from_url(server.url) as client:
            Queue(QUEUE_NAME, connection=client).enqueue("os.makedirs", str(folder), exist_ok=True, result_ttl=0)
        if until(folder.exists, 2):
            return True
    return False


def test_workers_wait_for_redis_outlive_it_and_are_replaced(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    workers = start("worker", OKR_REDIS_URL=server.url, OKR_WORKERS="1")
    try:
        assert until(lambda: "redis_unreachable" in (tmp_path / "output").read_text())
        server.start()
        assert run_job(server, tmp_path / "first")

        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        time.sleep(1.1)
        assert until(lambda: (server.keep_alive(), (tmp_path / "redis.sock").exists())[1])
        assert run_job(server, tmp_path / "after-an-outage")

        (one,) = [pid for pid in descendants(workers.pid) if b"--slow" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(one, signal.SIGKILL)
        assert until(lambda: one not in descendants(workers.pid))
        assert run_job(server, tmp_path / "after-a-crash")

        below = descendants(workers.pid)
        workers.send_signal(signal.SIGINT)
        assert workers.wait(10) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    finally:
        server.stop()


def test_a_worker_finishes_the_job_at_hand_before_it_stops(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    try:
        url = server.start()
        workers = start("worker", OKR_REDIS_URL=url, OKR_WORKERS="1")
        with Redis.from_url(url) as client:
            command = f"touch {tmp_path}/begun; sleep 1; touch {tmp_path}/finished"
            Queue(QUEUE_NAME, connection=client).enqueue("os.system", command, result_ttl=0)
            assert until((tmp_path / "begun").exists)
            workers.send_signal(signal.SIGTERM)
            assert workers.wait(10) == 0
        assert (tmp_path / "finished").exists()
    finally:
        server.stop()


def test_a_port_in_use_is_named_in_one_line_and_nothing_is_started(start: Start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert start("serve", "--port", str(port)).wait(10) == 2
    lines = (tmp_path / "output").read_text().splitlines()
    assert lines == [f"error: PORT: port {port} on 127.0.0.1 is in use; choose another with --port"]
    assert not (tmp_path / "redis.pid").exists()


def test_a_second_serve_on_one_folder_is_refused(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    try:
        server.start()
        assert start("serve", "--port", "0").wait(10) == 2
        assert "error: OKR_DATA_DIR: another okr-connector already runs on" in (tmp_path / "output").read_text()
        assert server.alive()
    finally:
        server.stop()


def test_port_0_takes_a_free_one() -> None:
    port = claim_port("127.0.0.1", 0)
    assert 1024 <= port <= 65535
    assert claim_port("127.0.0.1", port) == port


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(InputError, match="cannot listen on 192"):
        claim_port("192.0.2.1", 0)


def test_children_are_told_what_serve_decided(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, redis_url="unix:///run/redis.sock", port=9000)
    assert child_environment(settings) == {"OKR_DATA_DIR": str(tmp_path), "OKR_REDIS_URL": "unix:///run/redis.sock", "PORT": "9000"}
    settings.sandbox = True
    assert child_environment(settings) | {"OKR_SANDBOX": "1", "OKR_ALLOW_PRIVATE_HOSTS": "1"} == child_environment(settings)


@pytest.mark.parametrize(("values", "workers"), [({}, 2), ({"sandbox": True}, 1), ({"sandbox": True, "web_workers": 4}, 4)])
def test_number_of_web_processes(values: dict[str, object], workers: int) -> None:
    assert gunicorn_options(load_settings(**values))["workers"] == workers


@pytest.mark.parametrize(("host", "bind"), [("127.0.0.1", "127.0.0.1:8080"), ("::1", "[::1]:8080")])
def test_address_of_the_web_server(host: str, bind: str) -> None:
    assert gunicorn_options(load_settings(host=host))["bind"] == bind


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_the_web_server_writes_no_addresses_at_any_level(level: str) -> None:
    assert gunicorn_options(load_settings(log_level=level))["loglevel"] == "warning"


def test_gunicorn_knows_every_option_we_set() -> None:
    from gunicorn.config import Config

    config = Config()
    for name, value in gunicorn_options(load_settings()).items():
        config.set(name, value)


def test_nobody_answering_is_not_ready() -> None:
    assert ask_ready(load_settings(port=claim_port("127.0.0.1", 0))) == (False, "the web server does not answer")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_serve_runs_everything_survives_a_crash_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    def output() -> str:
        return (tmp_path / "output").read_text()

    serve = start("serve", "--port", "0", OKR_WORKERS="1", OKR_WEB_WORKERS="1")
    assert until(lambda: "okr-connector is ready at " in output() or serve.poll() is not None, 40), output()
    (line,) = [line for line in output().splitlines() if line.startswith("okr-connector is ready at ")]
    settings = load_settings(port=int(line.rpartition(":")[2]))
    assert ask_ready(settings)[0]
    assert (tmp_path / "redis.url").exists()

    def running(word: str) -> list[int]:
        return [pid for pid in descendants(serve.pid) if word in _command(pid)]

    assert until(lambda: running("-m connector worker --single") != [] and running("-m connector clock") != [])
    before = running("-m connector web")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: ask_ready(settings)[0] and not set(before) & set(running("-m connector web")), 40), output()

    below = descendants(serve.pid)
    assert len(below) >= 6
    serve.send_signal(signal.SIGINT)
    assert serve.wait(25) == 0, output()
    assert [pid for pid in below if _command(pid)] == []
    assert not (tmp_path / "redis.url").exists()
    assert "Traceback" not in output()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
