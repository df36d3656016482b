"""What a panel says, from what is stored to the words in Notion: the three examples of the design, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.panel import Panel
from connector.hosts.notion.panel import callout
from connector.hosts.notion.rich_text import text_of
from connector.services.panels import build
from connector.store.tables import CheckIn, Connection, Decision, Item, KeyResult, Mapping, MappingItem, Person
from connector.store.tables import Panel as PanelRow
from tests.support.world import Company, company

PAGE = "0f0f0f0f-0000-4000-8000-000000000001"
NOW = datetime(2026, 11, 18, 14, 12, tzinfo=UTC)


class Scene:
    def __init__(self, people: Company) -> None:
        self.company = people
        self.connection = people.connection("acme-notion", "notion", "https://api.notion.com", {"token": "x" * 20})
        pages = [{"connection": self.connection, "ref": PAGE}]
        people.objective("onboarding", pages=pages, start=date(2026, 10, 1), end=date(2026, 12, 31))

    def key_result(self, owner: str, trail: list[int], **columns: Any) -> None:
        self.company.key_result("kr", **columns)
        with self.company.runtime.store.write() as session:
            who = session.scalar(select(Person.id).where(Person.name == owner))
            if who is None:
                person = Person(email=f"{owner.lower()}@acme.example", name=owner)
                session.add(person)
                session.flush()
                who = person.id
            session.execute(update(KeyResult).where(KeyResult.id == "kr").values(owner_id=who))
            for number, confidence in enumerate(trail):
                at = datetime(2026, 11, 17, 9, tzinfo=UTC) - timedelta(days=7 * (len(trail) - 1 - number))
                said = {"confidence": confidence, "decision": "none", "value": columns["current"]}
                session.add(
                    CheckIn(key_result_id="kr", author_id=who, as_of=at, created_at=at, source="api", source_id=f"s{number}", **said)
                )

    def source(self, **resolved: Any) -> int:
        ident = self.company.mapping("kr", self.connection, select={"database": PAGE}, measure={"sum": "Seats"})
        with self.company.runtime.store.write() as session:
            values = {"fields": {}, "refs": {}, "containers": [PAGE], "titles": {PAGE: "Activation cohorts"}, **resolved}
            session.execute(update(Mapping).where(Mapping.id == ident).values(resolved=values, listed_at=NOW))
        return ident

    def item(self, mapping: int, key: str, status: str, **columns: Any) -> None:
        with self.company.runtime.store.write() as session:
            values = {"ref": f"ref-{key}", "title": f"Title {key}", "category": "in_progress", **columns}
            row = Item(connection_id=self.connection, key=key, status=status, **values)
            session.add(row)
            session.flush()
            session.add(MappingItem(mapping_id=mapping, item_id=row.id))

    def panel(self) -> Panel:
        with self.company.runtime.store.write() as session:
            session.execute(PanelRow.__table__.delete())  # type: ignore[attr-defined]
            row = PanelRow(connection_id=self.connection, ref=PAGE, objective_id="onboarding", key_results=[], receipt={})
            session.add(row)
            session.flush()
            ident = row.id
        with self.company.runtime.store.read() as session:
            row = session.get_one(PanelRow, ident)
            return build(session, row, "okr", "https://okr.acme.example", NOW, UTC)

    def lines(self) -> list[str]:
        """The callout of the key result alone, with plain spaces."""
        panel = self.panel()
        return text_of(callout(Panel("okr", panel.key_results))["rich_text"]).replace("\u00a0", " ").splitlines()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with company(tmp_path, timezone="UTC") as people:
        yield Scene(people)


def test_on_track(scene: Scene) -> None:
    scene.key_result(
        "Alice",
        [7, 7, 7, 8, 8],
        title="Guided set-up finished",
        start=38.0,
        target=65.0,
        current=54.0,
        raw_progress=0.5926,
        expected=0.53,
        state="on_track",
        reasons=["59 % done, 53 % expected"],
        movement="up",
        movement_from=52.0,
        movement_since=datetime(2026, 11, 11, 9, tzinfo=UTC),
        as_of=NOW,
        source={"kind": "mapping", "items": 7},
    )
    scene.source()
    assert scene.lines() == [
        "●  On track · 59 % done, 53 % expected",
        "Guided set-up finished, from 38 % to 65 %, now 54 %",
        "38 % ▕███████████┆░░░░░░░░▏ 65 %   (┆ expected today)",
        "Moving, closer to target by 2 points since 11 Nov · confidence 8 of 10 (7, 7, 7, 8, 8)",
        "Blocker: none",
        "Ask: none",
        "Alice, 17 Nov · value from Notion “Activation cohorts”, 7 rows, as of 18 Nov 14:12",
        "Update · Open key result · Explain this number",
    ]


def test_stalled_and_confident_with_work_that_stands_still(scene: Scene) -> None:
    scene.key_result(
        "Ben",
        [7, 7, 7, 7, 7],
        title="First invoice sent in 7 days",
        start=41.0,
        target=60.0,
        current=42.0,
        raw_progress=0.0526,
        expected=0.53,
        state="stalled",
        reasons=["same value for 5 check-ins"],
        flags=["flat but confident"],
        movement="flat",
        movement_from=42.0,
        movement_since=datetime(2026, 11, 11, 9, tzinfo=UTC),
        as_of=NOW,
        source={"kind": "mapping", "items": 7},
    )
    mapping = scene.source()
    scene.item(mapping, "HARB-151", "Blocked", updated_at=datetime(2026, 11, 12, 9, tzinfo=UTC))
    scene.item(mapping, "HARB-150", "On hold", updated_at=datetime(2026, 11, 2, 9, tzinfo=UTC))
    scene.item(mapping, "HARB-149", "Blocked", category="done")
    scene.item(mapping, "HARB-148", "Doing")
    shown = scene.lines()
    assert shown == [
        "▮▮  Stalled · same value for 5 check-ins",
        "First invoice sent in 7 days, from 41 % to 60 %, now 42 %",
        "41 % ▕█░░░░░░░░░░┆░░░░░░░░▏ 60 %   (┆ expected today)",
        "Flat, 0 points since 11 Nov · confidence 7 of 10 (7, 7, 7, 7, 7)",
        "Question: flat but confident, what makes this safe?",
        "Blocker: none named · seen in HARB-151 and 1 more, “Blocked”, last touched 12 Nov",
        "Ask: none",
        "Ben, 17 Nov · value from Notion “Activation cohorts”, 7 rows, as of 18 Nov 14:12",
        "Update · Open key result · Explain this number",
    ]


@pytest.mark.parametrize(
    ("reason", "said", "mend"),
    [
        ("acme-notion: GET /v1/pages/x answered 401: API token is invalid.", "Notion no longer accepts the token", "pastes a new token"),
        (
            "acme-notion: GET /v1/users/me answered 401: no. The permission has ended: connect the workspace again.",
            "Notion no longer accepts the token",
            "connects the workspace again",
        ),
        ("a person parked it", "a person parked it", "enters valid credentials for the connection"),
    ],
)
def test_data_late(scene: Scene, reason: str, said: str, mend: str) -> None:
    scene.key_result(
        "Jonas",
        [7, 7, 7, 7, 7],
        title="App store rating",
        unit="",
        start=3.9,
        target=4.5,
        current=4.1,
        raw_progress=0.3333,
        expected=0.55,
        state="data_late",
        reasons=["source silent since 17 Nov 05:58"],
        as_of=NOW,
        source={"kind": "mapping", "items": 7},
    )
    scene.source()
    with scene.company.runtime.store.write() as session:
        session.execute(update(Connection).values(parked_at=NOW, parked_reason=reason, name="harbor-notion-mobile"))
    shown = scene.lines()
    assert shown == [
        "◇  Data late · source silent since 17 Nov 05:58",
        "App store rating, from 3.9 to 4.5, last known 4.1",
        "3.9 ▕██████░░░░░┆░░░░░░░░▏ 4.5   (┆ expected today, bar as of 17 Nov)",
        "Movement not known · confidence 7 of 10 (7, 7, 7, 7, 7)",
        "Blocker: none",
        "Ask: none",
        f"Jonas, 17 Nov · connection harbor-notion-mobile is parked: {said}",
        f"Mend: an admin {mend} · Update by hand · Open key result",
    ]
    assert "/v1/" not in "".join(shown)


def test_the_callout_says_what_came_of_an_ask_above_its_source(scene: Scene) -> None:
    scene.key_result("Alice", [6], **_CALLED)
    before = scene.lines()
    with scene.company.runtime.store.write() as session:
        told = {"title": "Move 12 k€ to ads", "state": "open", "verdict": "intervene", "action": "reallocate", "kind": "budget"}
        session.add(Decision(key_result_id="kr", due=date(2026, 11, 17), created_at=NOW, decided_at=NOW, **told))
    after = scene.lines()
    (line,) = set(after) - set(before)
    assert line == (
        "Decided 18 Nov: Intervene, reallocate resources: Move 12 k€ to ads (due 17 Nov) · 1 open decision is past the due date"
    )
    assert after.index(line) == next(place for place, each in enumerate(after) if each.startswith("Ask: ")) + 1


_CALLED: dict[str, Any] = {"kind": "metric", "start": 0.0, "target": 60.0, "current": 42.0, "state": "on_track"}
