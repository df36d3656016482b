"""Hard knocks: our store or queue is away, many senders at once, enormous bodies. Nobody hears 200 for what is not kept."""

import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from connector.errors import StoreUnavailable
from connector.queue import RedisQueue
from tests.support.services import free_port, postgres_server
from tests.support.standin import running
from tests.webhooks.conftest import SECRETS, Door, issue_updated, page_updated
from webhooks import deliveries
from webhooks.deliveries import DeliveryLog, make_row
from webhooks.signatures import sign

LIMIT = 25 * 1024 * 1024


@pytest.mark.databases("sqlite", "postgres")
def test_many_senders_with_repeats_store_each_delivery_once(make_door: Callable[..., Door], database_url: str) -> None:
    door = make_door(database_url)
    door.post("acme-notion", page_updated(0))
    heard: list[tuple[str, int, str]] = []

    def send(number: int) -> None:
        body = page_updated(number % 500 + 1)
        response = door.post("acme-notion", body)
        heard.append((body["id"], response.status_code, response.get_json()["status"]))

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(send, range(1000)))
    assert Counter(status for _, status, _ in heard) == {200: 1000}
    assert Counter(word for _, _, word in heard) == {"accepted": 500, "duplicate": 500}
    assert Counter(each.key for each in door.stored()).most_common(1)[0][1] == 1
    assert len(door.stored()) == 501


@pytest.mark.databases("sqlite", "postgres")
def test_one_batch_knows_its_own_repeats(make_door: Callable[..., Door], database_url: str) -> None:
    door = make_door(database_url)
    door.post("acme-jira", issue_updated())
    writer = door.app.extensions["door"].deliveries._writer
    row = make_row(door.connection("acme-jira").id, "a", "e", door.runtime.now(), {}, b"1")
    rows = [row, row._replace(body_hash="2"), row._replace(key="b"), row._replace(key="c", body_hash="3"), row]
    writer.begin(5.0)
    assert writer.write(rows, []) == {0, 3}
    writer.begin(5.0)
    assert writer.write(rows, []) == frozenset()
    assert [each.key for each in door.stored()][1:] == ["a", "c"]


def test_a_failed_commit_is_told_to_everybody_in_the_batch(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DeliveryLog(door.runtime.store, lambda _: True)
    gate = threading.Event()

    def fail(batch: object) -> frozenset[int]:
        gate.wait(5)
        raise StoreUnavailable("gone")

    monkeypatch.setattr(log, "_commit", fail)
    row = make_row(1, "k", "e", door.runtime.now(), {}, b"")

    def store(_: int) -> str:
        try:
            return log.store(row)
        except StoreUnavailable:
            return "503"

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(store, number) for number in range(8)]
        time.sleep(0.2)
        gate.set()
        assert [result.result() for result in results] == ["503"] * 8


def test_more_than_one_batch_fills_while_one_is_committed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "LIMIT", 5)
    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda number: door.post("acme-jira", issue_updated(number)).status_code, range(100)))
    assert statuses == [200] * 100
    assert len(door.stored()) == 100


def test_redis_away_the_delivery_is_kept(make_door: Callable[..., Door]) -> None:
    door = make_door()
    door.runtime.queue = RedisQueue(f"redis://127.0.0.1:{free_port()}/0")
    assert door.post("acme-jira", issue_updated()).status_code == 200
    assert [each.state for each in door.stored()] == ["pending"]


def test_with_redis_one_job_is_waiting_however_many_deliveries(make_door: Callable[..., Door], redis_url: str) -> None:
    door = make_door()
    door.runtime.queue = RedisQueue(redis_url)
    for number in range(5):
        assert door.post("acme-jira", issue_updated(number)).status_code == 200
    assert door.runtime.queue.waiting() == 1


def test_a_locked_database_is_waited_for(make_door: Callable[..., Door], tmp_path: Path) -> None:
    door = make_door()
    assert door.post("acme-jira", issue_updated(1)).status_code == 200
    other = sqlite3.connect(tmp_path / "okr.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.4, other.execute, ["ROLLBACK"])
    timer.start()
    began = time.monotonic()
    assert door.post("acme-jira", issue_updated(2)).status_code == 200
    assert time.monotonic() - began >= 0.3
    timer.join()
    other.close()


def test_a_database_that_stays_locked_is_503(make_door: Callable[..., Door], tmp_path: Path) -> None:
    door = make_door()
    assert door.post("acme-jira", issue_updated(1)).status_code == 200
    door.app.extensions["door"].deliveries._patience = 0.3
    other = sqlite3.connect(tmp_path / "okr.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = door.post("acme-jira", issue_updated(2))
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert int(response.headers["Retry-After"]) > 0
    other.execute("ROLLBACK")
    other.close()
    assert door.post("acme-jira", issue_updated(2)).get_json() == {"status": "accepted"}


def test_a_database_file_that_is_gone_is_503_and_comes_back(make_door: Callable[..., Door], tmp_path: Path) -> None:
    door = make_door()
    assert door.post("acme-jira", issue_updated(1)).status_code == 200
    (tmp_path / "okr.db").rename(tmp_path / "away.db")
    body = issue_updated(2)
    assert door.post("acme-jira", body).status_code == 503
    (tmp_path / "away.db").rename(tmp_path / "okr.db")
    door.runtime.store.close()
    assert door.post("acme-jira", body).get_json() == {"status": "accepted"}
    assert len(door.stored()) == 2


def test_postgres_stopped_is_503_and_nothing_is_claimed(make_door: Callable[..., Door]) -> None:
    with postgres_server() as server:
        url = server.new_database()
        door = make_door(url)
        for number in range(3):
            assert door.post("acme-jira", issue_updated(number)).status_code == 200
        with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL")
        # a dead connection is replaced without the sender noticing
        assert door.post("acme-jira", issue_updated(3)).status_code == 200
        assert len(door.stored()) == 4
        door.runtime.store.close()
    assert door.post("acme-jira", issue_updated(4)).status_code == 503
    # without a signature the answer would be final; who cannot look up the secret must not give it
    assert door.post("acme-jira", issue_updated(5), secret="").status_code in (401, 503)


def test_a_door_that_never_saw_its_database_is_503(make_door: Callable[..., Door], tmp_path: Path) -> None:
    door = make_door()
    door.runtime.store.close()
    for name in tmp_path.glob("okr.db*"):
        name.unlink()
    assert door.post("acme-jira", issue_updated()).status_code == 503


# --- size, on a real server ----------------------------------------------------------------------------------------------


def exchange(url: str, head: str, pieces: list[bytes], count: int) -> bytes:
    """Send a request by hand and return the answer; the server may hang up early."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())
        try:
            for number in range(count):
                connection.sendall(pieces[number % len(pieces)])
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while b"}" not in answer and (data := connection.recv(65536)):
                answer += data
        except ConnectionResetError:
            pass
        return answer


def test_a_body_above_the_limit_is_413_before_it_is_read(door: Door) -> None:
    with running(door.app) as url:
        head = f"POST /webhooks/acme-jira HTTP/1.1\r\nHost: x\r\nContent-Length: {30 * 1024 * 1024}\r\n\r\n"
        answer = exchange(url, head, [], 0)
        assert b" 413 " in answer
        assert b"problem+json" in answer
        assert b" 413 " in exchange(url, head, [b"x" * 65536], 480)
    assert door.stored() == []


def test_the_limit_itself_is_fine(door: Door) -> None:
    payload = issue_updated() | {"padding": ""}
    payload["padding"] = "x" * (LIMIT - len(json.dumps(payload).encode()))
    raw = json.dumps(payload).encode()
    assert len(raw) == LIMIT
    assert door.post("acme-jira", raw).status_code == 200
    assert door.post("acme-jira", raw + b" ").status_code == 413


GUNICORN = """
import resource, sys
from connector.app import create_app
from connector.runtime import build_runtime
from connector.settings import load_settings
app = create_app(build_runtime(load_settings()))
@app.get("/peak")
def peak():
    return str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_gunicorn_refuses_endless_bodies_in_bounded_memory(make_door: Callable[..., Door], tmp_path: Path) -> None:
    door = make_door()
    (tmp_path / "served.py").write_text(GUNICORN)
    port = free_port()
    root = str(Path(__file__).parents[2])
    settings = door.runtime.settings
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{root}",
        "OKR_DATABASE_URL": settings.database_url,
        "OKR_DATA_DIR": str(settings.data_dir),
        "OKR_SECRET_KEY": settings.secret_key,
    }
    command = ["-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}", "--log-level", "error", "served:app"]
    server = subprocess.Popen([sys.executable, *command], env=environment, cwd=tmp_path)
    url = f"http://127.0.0.1:{port}"
    try:
        ends = time.monotonic() + 20
        while True:
            try:
                before = int(exchange(url, "GET /peak HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [], 0).split()[-1])
                break
            except (OSError, ValueError, IndexError):
                assert time.monotonic() < ends
                time.sleep(0.1)
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        head = "POST /webhooks/acme-jira HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 413 " in exchange(url, head, [chunk], 480)
        exchange(url, head, [chunk], 3200)  # 200 MB: hung up on
        assert b" 404 " in exchange(url, head.replace("acme-jira", "nobody"), [chunk], 480)
        assert b" 400 " in exchange(url, head, [b"zz\r\n"], 1)
        body = json.dumps(issue_updated()).encode()
        signed = f"POST /webhooks/acme-jira HTTP/1.1\r\nHost: x\r\nX-Hub-Signature: {sign(SECRETS['acme-jira'], body)}\r\n"
        assert b" 200 " in exchange(url, f"{signed}Content-Length: {len(body)}\r\n\r\n", [body], 1)
        body += b" "
        signed = f"POST /webhooks/acme-jira HTTP/1.1\r\nHost: x\r\nX-Hub-Signature: {sign(SECRETS['acme-jira'], body)}\r\n"
        answer = exchange(url, f"{signed}Transfer-Encoding: chunked\r\n\r\n", [f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"], 1)
        assert b" 200 " in answer
        after = int(exchange(url, "GET /peak HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [], 0).split()[-1])
        assert after - before < 120 * 1024  # KiB; the limit's worth of pieces, once joined
    finally:
        server.terminate()
        server.wait(15)
    assert len(door.stored()) == 2


def test_a_body_that_trickles_in_is_hung_up_on(make_door: Callable[..., Door], tmp_path: Path) -> None:
    door = make_door()
    (tmp_path / "served.py").write_text("import webhooks.views\nwebhooks.views.BODY_SECONDS = 1.0\n" + GUNICORN)
    port = free_port()
    settings = door.runtime.settings
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}",
        "OKR_DATABASE_URL": settings.database_url,
        "OKR_DATA_DIR": str(settings.data_dir),
        "OKR_SECRET_KEY": settings.secret_key,
    }
    command = ["-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}", "--log-level", "error", "served:app"]
    server = subprocess.Popen([sys.executable, *command], env=environment, cwd=tmp_path)
    try:
        ends = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < ends
                time.sleep(0.1)
        for name, status in (("acme-jira", b" 400 "), ("nobody", b" 404 ")):
            with socket.create_connection(("127.0.0.1", port), timeout=8) as held:
                held.sendall(f"POST /webhooks/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: 26000000\r\n\r\n".encode())
                heard = b""
                while True:  # until the server hangs up
                    with suppress(BrokenPipeError, ConnectionResetError):
                        held.sendall(b"x")
                    try:
                        piece = held.recv(4096)
                    except ConnectionResetError:
                        break
                    if not piece:
                        break
                    heard += piece
                assert status in heard
    finally:
        server.terminate()
        server.wait(15)


def test_only_so_many_large_bodies_are_held_at_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from webhooks import views
    from webhooks.views import _Room

    room = _Room(3 * views.LARGE)
    room.take(2 * views.LARGE)
    with pytest.raises(StoreUnavailable):
        room.take(2 * views.LARGE)
    room.give(2 * views.LARGE)
    room.take(3 * views.LARGE)
