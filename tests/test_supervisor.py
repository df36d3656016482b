"""Children are restarted when they die and gone when their supervisor is, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from connector.supervisor import descendants

Start = Callable[..., subprocess.Popen[bytes]]


PATIENCE = 30.0  # seconds; nothing here takes four on a machine of its own


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def living(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_of(folder: Path, name: str) -> int:
    path = folder / name
    assert until(lambda: path.exists() and path.read_text() != ""), f"{name} did not start"
    return int(path.read_text())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(*kinds: str, grace: float = 1.0) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.support.supervised", str(tmp_path), str(grace), *kinds]
        process = subprocess.Popen(command, cwd=Path(__file__).parent.parent, start_new_session=True, stderr=subprocess.DEVNULL)
        started.append(process)
        return process

    yield run
    for process in started:
        for pid in [*descendants(process.pid), process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def test_a_killed_child_is_started_again(start: Start, tmp_path: Path) -> None:
    start("plain")
    first = pid_of(tmp_path, "plain")
    os.kill(first, signal.SIGKILL)
    assert until(lambda: int((tmp_path / "plain").read_text() or first) != first)
    assert living(int((tmp_path / "plain").read_text()))


def test_pauses_between_restarts_grow(start: Start, tmp_path: Path) -> None:
    start("brief")
    starts = tmp_path / "brief.starts"
    assert until(lambda: starts.exists() and len(starts.read_text().splitlines()) >= 4)
    moments = [float(line) for line in starts.read_text().splitlines()[:4]]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert pauses[0] >= 0.45
    assert pauses[1] >= 0.95
    assert pauses[2] >= 1.9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_no_process(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    supervisor = start("plain", "parent")
    below = [pid_of(tmp_path, name) for name in ("plain", "parent", "grandchild")]
    os.kill(pid_of(tmp_path, "supervisor"), number)
    assert supervisor.wait(PATIENCE) == 0
    assert not any(living(pid) for pid in below)


def test_a_child_that_ignores_the_stop_is_killed_after_the_grace(start: Start, tmp_path: Path) -> None:
    supervisor = start("stubborn")
    stubborn = pid_of(tmp_path, "stubborn")
    begun = time.monotonic()
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0
    assert 0.9 <= time.monotonic() - begun < 4
    assert not living(stubborn)


def test_a_second_ctrl_c_does_not_wait_for_the_grace(start: Start, tmp_path: Path) -> None:
    supervisor = start("stubborn", "plain", grace=20.0)
    stubborn, plain = pid_of(tmp_path, "stubborn"), pid_of(tmp_path, "plain")
    begun = time.monotonic()
    supervisor.send_signal(signal.SIGINT)
    assert until(lambda: not living(plain))  # the first was heard
    assert living(stubborn)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(PATIENCE) == 0
    assert time.monotonic() - begun < 18
    assert not living(stubborn)


def test_what_a_dead_child_left_behind_ends_with_the_supervisor(start: Start, tmp_path: Path) -> None:
    supervisor = start("parent")
    grandchild = pid_of(tmp_path, "grandchild")
    os.kill(pid_of(tmp_path, "parent"), signal.SIGKILL)
    assert until(lambda: len((tmp_path / "parent.starts").read_text().splitlines()) == 2)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0
    assert until(lambda: not living(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_end_when_the_supervisor_is_killed(start: Start, tmp_path: Path) -> None:
    supervisor = start("plain")
    child = pid_of(tmp_path, "plain")
    supervisor.kill()
    supervisor.wait()
    assert until(lambda: not living(child))
