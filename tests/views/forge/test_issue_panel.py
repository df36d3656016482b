"""The panel of an issue as the app's bundle gets it: what it says, to whom, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.issue_scene import IssueScene, issue_scene


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[IssueScene]:
    with issue_scene(tmp_path, database_url) as made:
        yield made


def test_first(scene: IssueScene) -> None:
    answer = scene.panel()
    print(answer.json["html"] if answer.is_json else answer.text)
    print(scene.text())
    print(scene.text("ACME-11"))
    print(scene.text("ACME-90"))
    assert 0
