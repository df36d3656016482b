"""What one event on one row of the OKR databases costs: requests to Notion, and seconds to the row and its callout."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.report import Row, at_most, scaled
from connector import log
from tests.support.okr_notion import NotionRow, OkrScene, okr_world

TIMES = 20


def run() -> list[Row]:
    """SQLite: what is counted are the host's requests."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def measure(folder: Path) -> list[Row]:
    """Edits of a definition, of an update, of nothing, and our own echoes."""
    log.configure("text", "warning")
    with okr_world(folder) as scene:
        scene.objective("onboarding")
        for number in range(3):
            scene.key_result(f"kr-{number}", title=f"Result {number}")
        settle(scene)
        row = scene.row("Result 0")
        told: list[Row] = []
        titles = iter(range(1_000_000))
        scene.world.add_property(row.page["source"], "Mood", "rich_text")  # people keep columns of their own beside ours

        def rename() -> None:
            row.edit({"Key result": f"Result of {next(titles)}"})

        told += cost(scene, "the title is edited: taken over", rename, most=2)
        told += cost(scene, "the same event once more", lambda: again(scene, row), most=1, writes=0)
        told += cost(scene, "an edit that changes nothing", lambda: row.edit({"Unit": row["Unit"]}), most=1, writes=0)
        told += cost(scene, "a column of somebody’s own is edited", lambda: row.edit({"Mood": f"{next(titles)}"}), most=1, writes=0)
        return told


def again(scene: OkrScene, row: NotionRow) -> None:
    """Notion sends an event again when our answer came late."""
    event = next(
        each for each in reversed(scene.sandbox.events) if each["entity"]["id"] == row.ref and each["authors"][0]["type"] == "person"
    )
    scene.sandbox.events.append(event)


def settle(scene: OkrScene) -> None:
    """Until nothing is asked or written any more."""
    for _ in range(6):
        scene.drain(ahead=70.0)


def cost(scene: OkrScene, label: str, edit: Callable[[], None], *, most: int, writes: int | None = None) -> list[Row]:
    """The requests for the row: the dearest of some times, and until nothing moves any more."""
    dearest, written, whole, seconds = 0, 0, 0, []
    for _ in range(scaled(TIMES, least=2)):
        settle(scene)
        scene.sandbox.log.clear()
        edit()
        begun = time.perf_counter()
        scene.drain(ahead=1.0, rounds=1)
        seconds.append(time.perf_counter() - begun)
        reads, wrote = on_rows(scene)
        dearest, written = max(dearest, reads + wrote), max(written, wrote)
        settle(scene)
        whole = max(whole, len(scene.sandbox.log))
    rows = [at_most(f"{label}: requests for the row", dearest, "requests", most)]
    if writes is not None:
        rows.append(at_most(f"{label}: writes", written, "requests", writes))
    rows.append(Row(f"{label}: with the callouts and their echoes", whole, "requests"))
    rows.append(Row(f"{label}: seconds, median", sorted(seconds)[len(seconds) // 2], "s"))
    return rows


def on_rows(scene: OkrScene) -> tuple[int, int]:
    """(reads, writes) so far, without those of callouts."""
    asked = [(method, path) for method, path, _, _ in scene.sandbox.log if "/blocks/" not in path]
    reads = sum(method == "GET" or path.endswith(("/query", "/search")) for method, path in asked)
    return reads, len(asked) - reads
