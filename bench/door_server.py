"""The WSGI application of the door's benchmark: the real application, and beside it a bare Flask endpoint on the same server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from connector import log
from connector.app import create_app
from connector.runtime import build_runtime
from connector.settings import load_settings

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def build() -> Wsgi:
    """Called in each web process."""
    settings = load_settings()
    log.configure(settings.log_format, settings.log_level)
    product = create_app(build_runtime(settings))
    bare = Flask("bare")

    @bare.post("/bare")
    def ok() -> str:
        return "ok"

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chosen = bare if environ["PATH_INFO"] == "/bare" else product
        return chosen(environ, start_response)

    return application
