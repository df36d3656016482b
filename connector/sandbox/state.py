"""Where the stand-ins' state is kept between starts: two JSON files in the data folder, replaced as a whole.

``Saver`` writes half a second after the last change, so that a burst is one write and an interrupted start loses nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from connector.settings import FORGE_APP, Settings

log = structlog.get_logger(__name__)

QUIET = 0.5  # seconds without a change before the state is written
JIRA, NOTION = "jira", "notion"  # the names of the connections, and of the stand-ins
APP_ID = f"{FORGE_APP}5a4db0c5-0f2e-4c8e-9a3e-51b0c0de0001"  # of the Forge app whose calls the sandbox plays
KEYS_PATH = "/sandbox/forge/jwks.json"


def state_file(settings: Settings, name: str) -> Path:
    """The file of one stand-in."""
    return settings.data_dir / f"sandbox-{name}.json"


def write_state(path: Path, state: Any) -> None:
    """Replace the file in one step: a crash leaves the old or the new state, never half of one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_text(json.dumps(state, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    draft.replace(path)


def read_state(path: Path) -> dict[str, Any]:
    """The state as it was written."""
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return state


def webhook_secret(settings: Settings, name: str) -> str:
    """What signs a stand-in's deliveries: drawn from this installation's own key, so nobody else knows it and nothing stores it."""
    return hmac.new(settings.resolved_secret_key().encode(), f"sandbox webhook {name}".encode(), hashlib.sha256).hexdigest()


def own_address(settings: Settings) -> str:
    """The address under which this machine reaches the web process, without a final slash."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104  # compares, binds nothing
    return f"http://{host}:{settings.port}"


def pages_at(settings: Settings) -> str:
    """Where the Notion stand-in's pages are opened by people; the page's id follows."""
    return f"{own_address(settings)}/sandbox/workspace/pages/"


def app_settings(settings: Settings) -> dict[str, str]:
    """The variables with which the connector believes the sandbox's Forge calls; empty when it has an app of its own."""
    if settings.forge_app_id and settings.forge_app_id != APP_ID:
        return {}
    return {"OKR_FORGE_APP_ID": APP_ID, "OKR_FORGE_JWKS_URL": own_address(settings) + KEYS_PATH}


class Saver:
    """Writes one stand-in's state after changes. ``dump`` gives the state; ``close`` writes what is waiting."""

    def __init__(self, path: Path, dump: Callable[[], Any], *, quiet: float = QUIET) -> None:
        self._path = path
        self._dump = dump
        self._quiet = quiet
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def changed(self) -> None:
        """Note a change."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._quiet, self.save)
                self._timer.daemon = True
                self._timer.start()

    def save(self) -> None:
        """Write now."""
        with self._lock:
            self._timer = None
        try:
            write_state(self._path, self._dump())
        except OSError as error:
            log.warning("sandbox_state_not_saved", file=self._path.name, error=error.strerror)

    def close(self) -> None:
        """Write what is waiting."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            self.save()
