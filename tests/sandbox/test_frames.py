"""The pages that play Jira, without a browser: what they serve, refuse, and say while nothing is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from connector.app import create_app
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.sandbox import frames
from connector.settings import load_settings
from connector.store.base import Base


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(frames, "BUNDLES", tmp_path / "bundles")
    runtime = build_runtime(
        load_settings(data_dir=tmp_path, sandbox=True, allow_private_hosts=True, secret_key="k" * 40), queue=InlineQueue()
    )
    Base.metadata.create_all(runtime.store.engine)
    app = create_app(runtime)
    yield app.test_client()
    app.extensions["standins"].close()
    runtime.close()


def build(folder: Path) -> None:
    for name in frames.RESOURCES:
        (folder / "bundles" / name).mkdir(parents=True)
        for file in frames.KINDS:
            (folder / "bundles" / name / file).write_text("<!doctype html><html><head></head></html>" if file.endswith("html") else "")


def test_without_bundles_the_page_says_how_to_build_them(client: FlaskClient, tmp_path: Path) -> None:
    page = client.get("/sandbox/dashboard")
    assert page.status_code == 200
    assert "make forge" in page.text
    assert "sandbox_frames.js" not in page.text
    build(tmp_path)
    page = client.get("/sandbox/dashboard")
    assert "make forge" not in page.text
    assert "sandbox_frames.js" in page.text


def test_a_bundle_comes_under_a_policy_and_with_a_bridge(client: FlaskClient, tmp_path: Path) -> None:
    build(tmp_path)
    page = client.get("/sandbox/forge/issue/index.html")
    assert page.text.startswith('<!doctype html><html><head><script src="/static/sandbox_bridge.js">')
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy
    assert client.get("/sandbox/forge/issue/main.js").mimetype == "text/javascript"


@pytest.mark.parametrize(
    "path", ["issue/other.js", "other/index.html", "../sandbox/index.html", "issue/%2e%2e%2findex.html", "issue/.built"]
)
def test_nothing_but_a_bundle_is_served(client: FlaskClient, tmp_path: Path, path: str) -> None:
    build(tmp_path)
    assert client.get(f"/sandbox/forge/{path}").status_code == 404


def test_calls_come_from_our_own_pages_only(client: FlaskClient) -> None:
    assert client.post("/sandbox/forge/invoke", json={"path": "/"}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/sandbox/forge/invoke", data="no json").status_code == 400


def test_keys_are_public_and_only_public(client: FlaskClient) -> None:
    keys = client.get("/sandbox/forge/jwks.json").get_json()["keys"]
    assert [key["alg"] for key in keys] == ["RS256"]
    assert all("d" not in key for key in keys)


@pytest.mark.parametrize("path", ["/sandbox/issue/NO-1", "/sandbox/project/NO"])
def test_a_place_that_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
