"""Finds the Chromium for browser tests. Run as a program it also installs it, where that needs no question (Debian, root).

Playwright drives any Chromium; its own download of a browser is not used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ADVICE = (
    "The browser tests need Chromium: install the package `chromium` of your system (Debian: apt-get install chromium) or Google Chrome."
)


def find() -> str | None:
    """The path of a Chromium or Chrome; the variable CHROMIUM wins. None when there is none."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    for name in NAMES:
        if found := shutil.which(name):
            return found
    return next((place for place in PLACES if Path(place).exists()), None)


def required() -> str:
    """As ``find``; raises ``RuntimeError`` that says how to get one. A missing browser fails a test, it never skips one."""
    found = find()
    if found is None:
        raise RuntimeError(ADVICE)
    return found


def launch_arguments() -> list[str]:
    """Arguments for a headless start; Chromium's sandbox cannot be used by root."""
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
    return [*arguments, "--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else arguments


def install() -> bool:
    """Install Debian's package; True when there is a browser afterwards. Only root on a machine with apt-get can."""
    if shutil.which("apt-get") is None or os.getuid() != 0:
        return False
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    print("Installing Chromium for the browser tests …", flush=True)
    for step in (["apt-get", "update", "--quiet"], command):
        done = subprocess.run(step, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr[-2000:], file=sys.stderr)
    return find() is not None


if __name__ == "__main__":
    if find() is None and not install():
        # The browser tests will fail with the same words; the others can run.
        print(ADVICE, file=sys.stderr)
