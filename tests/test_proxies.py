"""Whose address counts: the caller's, or what a proxy that we were told of says about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import request

from connector.app import create_app
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.settings import load_settings
from connector.store.migrate import upgrade


@pytest.mark.parametrize(("proxies", "seen"), [(0, "10.0.0.9"), (1, "198.51.100.7")])
def test_forwarded_addresses_are_believed_only_from_proxies_that_were_named(tmp_path: Path, proxies: int, seen: str) -> None:
    settings = load_settings(data_dir=tmp_path, secret_key="k" * 40, trusted_proxies=proxies)
    upgrade(settings)
    runtime = build_runtime(settings, queue=InlineQueue())
    try:
        app = create_app(runtime)
        app.add_url_rule("/health/who", view_func=lambda: request.remote_addr or "")
        headers = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
        assert app.test_client().get("/health/who", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.9"}).text == seen
    finally:
        runtime.close()
