"""A program under a supervisor, for the tests to send signals to: ``python -m tests.support.supervised FOLDER GRACE KIND...``.

Each kind becomes a child that writes its process id into FOLDER; the supervisor's own id is in FOLDER/supervisor.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from connector.supervisor import Program, Supervisor


def child(folder: Path, kind: str) -> None:
    """Be one child: "plain" waits, "stubborn" ignores SIGTERM, "parent" starts a grandchild in a session of its own, "brief" ends."""
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind == "parent":
        sleeper = "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        sleeper += "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", sleeper, str(folder / "grandchild")], start_new_session=True)
    with (folder / f"{kind}.starts").open("a") as starts:
        starts.write(f"{time.monotonic()}\n")
    (folder / kind).write_text(str(os.getpid()))
    if kind != "brief":
        time.sleep(60)


def main() -> int:
    """Be the supervisor, or with "--child" one of its programs."""
    if sys.argv[1] == "--child":
        child(Path(sys.argv[2]), sys.argv[3])
        return 3
    folder = Path(sys.argv[1])
    programs = [
        Program(kind, [sys.executable, "-m", "tests.support.supervised", "--child", str(folder), kind], {"KIND": kind})
        for kind in sys.argv[3:]
    ]
    (folder / "supervisor").write_text(str(os.getpid()))
    return Supervisor(programs, grace=float(sys.argv[2])).run()


if __name__ == "__main__":
    sys.exit(main())
