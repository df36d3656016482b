"""A real sandbox (`serve --sandbox` in a folder of its own) and a real browser for the tests of this folder."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page, expect, sync_playwright

from connector.app import _session_key
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.services.sign_in import sessions
from connector.settings import Settings
from connector.web.gate import KEY
from tests.support import chromium
from tests.support.signed_in import add_person

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds; a start takes some four
expect.set_options(timeout=15_000)  # of what a loaded machine shows in the end; how long something takes is measured by clocks


@dataclass
class Sandbox:
    """A running sandbox: where it answers, what it printed, how long its start took."""

    url: str
    process: subprocess.Popen[str]
    started_in: float
    lines: list[str]
    folder: Path


def start(folder: Path, port: int = 0) -> Sandbox:
    """Start `serve --sandbox` and wait until it says that it is ready."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OKR_")} | {"OKR_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "connector", "serve", "--sandbox", "--port", str(port)]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    lines: list[str] = []
    told: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                lines.append(line.rstrip())
                told.put(line)
        told.put("")

    threading.Thread(target=read, daemon=True).start()
    while time.monotonic() - begun < PATIENCE:
        try:
            line = told.get(timeout=1.0)
        except queue.Empty:
            continue
        if ready := re.search(r"ready at (http://\S+)", line):
            return Sandbox(ready[1], process, time.monotonic() - begun, lines, folder)
        if not line:
            break
    stop(process)
    raise AssertionError("the sandbox did not start:\n" + "\n".join(lines[-40:]))


def stop(process: subprocess.Popen[str]) -> float:
    """Stop a sandbox as Ctrl-C does; gives the seconds that took."""
    begun = time.monotonic()
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    return time.monotonic() - begun


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = start(tmp_path_factory.mktemp("sandbox"))
    yield running
    stop(running.process)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.required(), args=chromium.launch_arguments())
        yield launched
        launched.close()


@dataclass
class Complaints:
    """What the browser complained about while pages were open."""

    texts: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.texts.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.texts.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => "
            "console.error('policy violated: ' + event.violatedDirective + ' ' + event.blockedURI))"
        )


Opener = Callable[..., Page]


def session_cookie(sandbox: Sandbox, email: str, role: str) -> dict[str, Any]:
    """A cookie of the sandbox that signs a person in, as the sign-in pages would give it."""
    runtime = build_runtime(Settings(data_dir=sandbox.folder, sandbox=True), queue=InlineQueue())
    try:
        key = sessions.begin(runtime, add_person(runtime, email, role), "link", "browser test")
        app = Flask("cookie")
        app.secret_key = _session_key(runtime.settings.resolved_secret_key().split()[0])
        serializer = SecureCookieSessionInterface().get_signing_serializer(app)
        assert serializer is not None
        return {"name": "okr_session", "value": serializer.dumps({KEY: key}), "url": sandbox.url}
    finally:
        runtime.close()


def sign_in(page: Page, sandbox: Sandbox, email: str = "ada@pebblequill.example", role: str = "admin") -> None:
    """Sign this page's context in as somebody (made, or given the role)."""
    page.context.add_cookies([session_cookie(sandbox, email, role)])  # type: ignore[list-item]


def sound(page: Page) -> None:
    """No finding of axe, nothing that scrolls sideways but frames."""
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["target"]) for each in found] == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), f"{page.url} scrolls sideways"


@contextmanager
def signed_in(browser: Browser, url: str, complaints: Complaints, cookie: str) -> Iterator[Opener]:
    """Open paths of an application with the cookie of somebody: ``opened("/", width=360, scheme="dark")``; each in a fresh context."""
    contexts: list[Any] = []

    def opened(path: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": "okr_session", "value": cookie, "url": url}])
        page = context.new_page()
        complaints.watch(page)
        page.goto(url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_page(browser: Browser, sandbox: Sandbox, complaints: Complaints) -> Iterator[Opener]:
    """Open a path of the sandbox in a fresh context: ``open_page("/", width=360, scheme="dark", role="admin")``.

    Without ``role`` nobody is signed in.
    """
    contexts: list[Any] = []

    def opened(
        path: str, *, width: int = 1280, height: int = 860, scheme: str = "light", touch: bool = False, role: str = "", email: str = ""
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        if role:
            sign_in(page, sandbox, email or f"{role}@pebblequill.example", role)
        complaints.watch(page)
        page.goto(sandbox.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints.texts == []
