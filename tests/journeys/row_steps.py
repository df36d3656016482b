"""One key result and its row in Notion, for journeys of rows: edited on both sides, with the requests that this costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.services.plan import key_results
from connector.store.tables import OkrDatabase
from tests.support.okr_notion import NotionRow, OkrScene, okr_world

TITLE = "First invoice sent"


@contextmanager
def kept_row(folder: Path, **options: object) -> Iterator[OkrScene]:
    """A scene with the key result kr-setup, whose row is there; nothing was asked or written since."""
    with okr_world(folder, options=options) as scene:
        scene.objective("onboarding")
        scene.key_result("kr-setup", title=TITLE)
        scene.drain()
        scene.count()
        yield scene


def update(scene: OkrScene, reason: str = "agreed in the review", **given: object) -> None:
    """Somebody changes the key result on our own pages."""
    key_results.update(scene.runtime, SYSTEM, "kr-setup", given, reason=reason)


def offer(scene: OkrScene, column: str, *options: str) -> None:
    """Options that people added to a column of the objectives."""
    properties = scene.world.data["sources"][scene.source(DatabaseKind.OBJECTIVES)]["properties"]
    found = next(each for each in properties.values() if each["name"] == column)
    found["select"]["options"] += [{"id": f"o{number}", "name": name, "color": "default"} for number, name in enumerate(options)]


def asked(scene: OkrScene, row: NotionRow) -> list[tuple[str, set[str]]]:
    """The requests for a row's page since this was asked last: method, and our fields of the columns that were set."""
    with scene.runtime.store.read() as session:
        columns = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == "key_results")).one().columns
    names = {each["id"]: name for name, each in columns.items()}
    found = [
        (method, {names[ident] for ident in (body or {}).get("properties", {})})
        for method, path, query, body in scene.sandbox.log
        if path.endswith(f"pages/{row.ref}") and (body or "filter_properties" in str(query))  # panels look whether the page is there
    ]
    scene.sandbox.log.clear()
    return found
