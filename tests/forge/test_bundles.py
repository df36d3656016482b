"""The bundles as files: small, without anything inline, from a lock file that names no place."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from connector.sandbox.frames import RESOURCES
from tests.support import node

LIMIT = 60 * 1024


@pytest.fixture(scope="module")
def dist() -> Path:
    return node.built()


@pytest.mark.parametrize("name", RESOURCES)
def test_a_bundle_is_small(dist: Path, name: str) -> None:
    files = sorted((dist / name).iterdir())
    assert [file.name for file in files] == ["index.html", "main.css", "main.js"]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < LIMIT


@pytest.mark.parametrize("name", RESOURCES)
def test_a_page_holds_nothing_inline_and_names_nobody_else(dist: Path, name: str) -> None:
    page = (dist / name / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", page) == []
    assert re.search(r"<style|\sstyle=|\son\w+=|javascript:", page) is None
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', page) == ["./main.css", "./main.js"]
    assert "@" not in page
    for symbol in ("on-track", "at-risk", "stalled", "overdue", "data-late", "no-data", "closed"):
        assert f'<symbol id="{symbol}"' in page


@pytest.mark.parametrize("name", RESOURCES)
def test_styles_and_scripts_fetch_nothing(dist: Path, name: str) -> None:
    assert re.findall(r"url\((?!data:)|@import", (dist / name / "main.css").read_text()) == []
    script = (dist / name / "main.js").read_text()
    for forbidden in ("new EventSource", "new WebSocket", "sendBeacon", "importScripts", "statsig", "sentry"):
        assert forbidden not in script


def test_styles_are_the_connectors_own(dist: Path) -> None:
    tokens = (node.ROOT / "connector" / "static" / "tokens.css").read_text()
    colour = re.search(r"--at-risk: light-dark\((#\w+), (#\w+)\)", tokens)
    assert colour
    for name in RESOURCES:
        assert f"--at-risk: light-dark({colour[1]}, {colour[2]})" in (dist / name / "main.css").read_text()


def test_the_lock_file_names_versions_and_digests_but_no_place() -> None:
    text = (node.FORGE / "package-lock.json").read_text()
    assert (
        re.findall(
            r"https?://(?!\S*(?:github\.com/sponsors|opencollective|tidelift|paypal|patreon|\S*/sponsors?/))\S*(?:registry|npm)", text
        )
        == []
    )
    lock = json.loads(text)
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert all(entry.get("integrity", "").startswith("sha512-") for entry in packages.values())
    wanted = json.loads((node.FORGE / "package.json").read_text())["devDependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted  # exact, nothing floats
