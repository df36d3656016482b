"""An issue that serves many key results, or has very many linked issues: a list, and what is left out of it is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.services.forge import issue_reading
from connector.store.tables import KeyResult
from tests.support.forge import BOB
from tests.support.issue_scene import EPIC, OTHER, IssueScene, issue_scene, several


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[IssueScene]:
    with issue_scene(tmp_path, "") as made:
        yield made


def html_of(scene: IssueScene, *given: str) -> str:
    return str((scene.panel(*given).json or {})["html"])


def test_several_key_results_are_a_list_with_the_worst_one_open(scene: IssueScene) -> None:
    several(scene, 2)
    scene.set(KeyResult, "kr-1", state="at_risk")
    html = html_of(scene)
    assert re.findall(r'<details class="one" id="kr-([\w-]+)"( open)?>', html) == [("kr-1", " open"), ("kr-invoice", ""), ("kr-0", "")]
    assert "ACME-1 serves 3 key results" in scene.text()
    body = scene.panel().json or {}
    assert (body["title"], body["refresh"]) == ("1 at risk, 1 stalled, 1 no data", 30)
    again = html_of(scene, EPIC, BOB, "?open=kr-0")
    assert re.findall(r'<details class="one" id="kr-([\w-]+)" open>', again) == ["kr-0"]


def test_more_than_a_panel_holds_are_told_by_title(scene: IssueScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue_reading, "SHOWN", 2)
    several(scene, 3)
    html = html_of(scene)
    assert html.count('<details class="one"') == 2
    assert re.findall(r'<li><a href="https://okr.acme.example/key-results/([\w-]+)" data-open>', html) == ["kr-1", "kr-2"]
    assert "ACME-1 serves 4 key results" in scene.text()
    monkeypatch.setattr(issue_reading, "TITLED", 1)
    html = html_of(scene)
    assert re.findall(r'<li><a href="https://okr.acme.example/key-results/([\w-]+)" data-open>', html) == ["kr-1"]
    assert "And 1 more." in html
    assert "ACME-1 serves 4 key results" in scene.text()
    assert "no data" in (scene.panel().json or {})["title"]  # the title counts all of them


def test_too_many_items_to_count_leave_the_stored_counts(scene: IssueScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue_reading, "MOST_ITEMS", 4)
    scene.company.key_result("kr-value")
    scene.map("kr-value", [OTHER], measure="done_share", mode="value")
    text = scene.text(OTHER)
    assert "3 of 4 linked items done" in text
    assert "of the work" not in text


def test_too_many_context_items_are_told_and_not_taken_for_none(scene: IssueScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue_reading, "MOST_ITEMS", 3)
    scene.company.key_result("kr-context")
    scene.map("kr-context", [OTHER], measure="done_share", mode="context")
    assert "Together more than 3 linked issues: not counted here" in scene.text(OTHER)
