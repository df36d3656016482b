"""Updates without leaving Notion: typed into the row, filed by its button, said in a comment. Real HTTP both ways, a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.domain.okr_columns import DatabaseKind
from connector.hosts.notion.sandbox_buttons import press
from connector.services.check_ins import file_check_in
from connector.store.tables import CheckIn
from tests.support.okr_notion import NotionRow, OkrScene, okr_world

TITLE = "First invoice sent"
WHOLE = {"Value": 42, "Confidence": 7, "Decision": "none"}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with okr_world(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title=TITLE, start=41.0, target=60.0)
        found.drain()
        yield found


def said(scene: OkrScene) -> list[tuple[Any, ...]]:
    """The check-ins that count: by whom, value, confidence, decision, comment."""
    names = {scene.person(name).id: name for name in ("Alice", "Bob", "Charlie")}
    return [(names[row.author_id or 0], row.value, row.confidence, row.decision, row.comment) for row in counted(scene)]


def counted(scene: OkrScene) -> list[CheckIn]:
    return [row for row in scene.check_ins() if not row.draft]


def settle(scene: OkrScene) -> None:
    """Everything that is due within half a minute."""
    for _ in range(3):
        scene.drain(10.0)


def row(scene: OkrScene) -> NotionRow:
    return scene.row(TITLE)


def rows_of_check_ins(scene: OkrScene) -> list[NotionRow]:
    return scene.rows(DatabaseKind.CHECK_INS)


def test_five_quick_edits_are_one_check_in_which_lands_in_check_ins(scene: OkrScene) -> None:
    for column, value in (("Confidence", 5), ("Confidence", 7), ("Blocker", "Legal"), ("Decision", "approval"), ("Value", 44)):
        row(scene).edit({column: value})
        scene.drain(3.0)
    assert counted(scene) == []
    settle(scene)
    assert said(scene) == [("Alice", 44.0, 7, "approval", None)]
    assert (row(scene)["OKR progress"], row(scene)["Updated by"], row(scene)["Checked in by"]) == (
        pytest.approx(3 / 19),
        "Alice",
        (scene.account("Alice"),),
    )
    [shown] = rows_of_check_ins(scene)
    assert (shown["Value"], shown["Confidence"], shown["Blocker"], shown["Decision"]) == (44.0, 7.0, "Legal", "approval")
    assert (shown["Author"], shown["Key result"]) == ((scene.account("Alice"),), (row(scene).ref,))
    [asked] = scene.rows(DatabaseKind.DECISIONS)
    assert (asked["Kind"], asked["State"], asked["Asked by"]) == ("approval", "asked", "Alice")


def test_afterwards_nothing_goes_on(scene: OkrScene) -> None:
    row(scene).edit(WHOLE)
    settle(scene)
    scene.count()
    settle(scene)
    assert scene.count() == (0, 0)
    assert len(counted(scene)) == 1
