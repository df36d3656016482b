"""Keeps a handful of child processes alive and stops them, and everything they started, without leaving one behind.

Children write their own log lines. This module knows nothing about what they do, and builds no connection to anything.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE, STEADY_AFTER = 0.5, 15.0, 30.0  # seconds
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
# Looked up once in the parent: between fork and exec nothing may be imported or searched for.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

_spawned: set[int] = set()  # every process that `spawn` started; any other child of a supervisor is an orphan that it adopted


@dataclass(frozen=True, slots=True)
class Program:
    """One child: its name in log lines, its command, and the variables it gets on top of ours. It waits until ``when`` says yes."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    when: Callable[[], bool] | None = None


def spawn(argv: Sequence[str], env: Mapping[str, str] | None = None, *, output: int | None = None) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (a terminal's Ctrl-C reaches only us) that is told to stop when we die.

    Call it from the main thread: Linux ties that promise to the thread that started the child. ``output`` replaces both output
    streams with a file descriptor or ``subprocess.DEVNULL``.
    """
    parent = os.getpid()

    def follow_parent() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # we died before the promise was made
            os._exit(0)

    process = subprocess.Popen(  # noqa: S603 -- our own commands, no shell
        list(argv),
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=follow_parent if _libc is not None else None,  # two system calls between fork and exec, no more
        stdout=output,
        stderr=output,
    )
    _spawned.add(process.pid)
    return process


def _parents_and_children() -> dict[int, list[int]]:
    """Living processes by parent. Empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The second field is the command in brackets and may hold anything; the state and the parent follow the last bracket.
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # gone meanwhile
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.parent.name))
    return children


def descendants(ancestor: int) -> list[int]:
    """Process ids of all living children, grandchildren and so on of ``ancestor``. Empty where there is no /proc."""
    children = _parents_and_children()
    found: list[int] = []
    open_ends = [ancestor]
    while open_ends:
        below = children.get(open_ends.pop(), [])
        found += below
        open_ends += below
    return found


def _adopted() -> list[int]:
    """Children of this process that it did not start: their own parents died."""
    return [pid for pid in _parents_and_children().get(os.getpid(), []) if pid not in _spawned]


class _Child:
    """One program with its process, and when it may be started again after a crash."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_at = 0.0
        self.pause = FIRST_PAUSE

    def start(self, now: float) -> None:
        self.process = spawn(self.program.argv, self.program.env)
        self.started_at = now
        log.debug("program_started", program=self.program.name, pid=self.process.pid)

    def died(self, now: float) -> None:
        """Take note of the end of the process and plan the next start."""
        assert self.process is not None
        alive_for = now - self.started_at
        if alive_for >= STEADY_AFTER:
            self.pause = FIRST_PAUSE
        log.warning(
            "program_ended", program=self.program.name, code=self.process.returncode, alive_seconds=round(alive_for, 1), again_in=self.pause
        )
        _signal_group(self.process.pid, signal.SIGKILL)  # what it left behind must not meet its successor
        self.process = None
        self.start_at = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)


class Supervisor:
    """Runs programs until SIGINT, SIGTERM or SIGHUP (the terminal went away), restarting what ends with growing pauses.

    ``tick`` is called about five times a second in the main thread, before and between restarts. A second Ctrl-C kills at once.
    """

    def __init__(self, programs: Iterable[Program], *, tick: Callable[[], None] | None = None, grace: float = 10.0) -> None:
        self._children = [_Child(program) for program in programs]
        self._tick = tick
        self._grace = grace
        self._stop_signals = 0

    def stop(self) -> None:
        """Ask ``run`` to stop everything and return; safe in a signal handler and in ``tick``."""
        self._stop_signals += 1

    def start_due(self) -> None:
        """Start what may run and does not. ``run`` calls it; call it earlier to give the programs a head start."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None and now >= child.start_at and (child.program.when is None or child.program.when()):
                child.start(now)

    def end(self, wakened: socket.socket | None = None) -> None:
        """SIGTERM, then grace, then SIGKILL for each program with everything below it. Other children of ours stay untouched."""
        running = [child.process for child in self._children if child.process is not None]
        below = {pid for process in running for pid in descendants(process.pid)}
        for process in running:
            if process.poll() is None:
                process.terminate()
        for pid in _adopted():
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        patience = self._stop_signals + 1
        while any(process.poll() is None for process in running) and time.monotonic() < deadline and self._stop_signals < patience:
            self._wait(wakened, 0.1)
        for process in running:
            below.update(descendants(process.pid))
            if process.poll() is None:
                log.warning("program_killed", pid=process.pid)
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        # Left are grandchildren in groups of their own. Ids may have been reused meanwhile, so only those that are still below us.
        for orphan in _adopted():
            below.update([orphan, *descendants(orphan)])
        for pid in below.intersection(descendants(os.getpid())):
            _signal(pid, signal.SIGKILL)
        for child in self._children:
            child.process = None
        self._reap_orphans()

    def run(self) -> int:
        """Start all programs and keep them running; returns 0 once everything that was started has ended."""
        waker, wakened = socket.socketpair()
        waker.setblocking(False)
        wakened.setblocking(False)
        former_fd = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # only to wake the loop
        if _libc is not None:
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of our children become ours, so that we can end them
        try:
            while not self._stop_signals:
                self._reap()
                self.start_due()
                if self._tick is not None:
                    self._tick()
                self._wait(wakened, 0.2)
        finally:
            self.end(wakened)
            signal.set_wakeup_fd(former_fd)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            waker.close()
            wakened.close()
        return 0

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    @staticmethod
    def _wait(wakened: socket.socket | None, seconds: float) -> None:
        if wakened is None:
            time.sleep(seconds)
        elif select.select([wakened], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                wakened.recv(4096)

    def _reap(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                child.died(now)
        self._reap_orphans()

    def _reap_orphans(self) -> None:
        """Collect ended processes that became ours because their parent died; never those a ``Popen`` still waits for."""
        ours = {child.process.pid for child in self._children if child.process is not None}
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None and ended.si_pid not in ours:
                os.waitpid(ended.si_pid, 0)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
