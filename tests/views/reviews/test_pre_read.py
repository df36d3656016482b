"""The pre-read's page: before the lock, after it, for leaders, members and those who may not know everything."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from connector.app import create_app
from connector.services.rhythm import marks
from connector.store.tables import CallNeeded, Connection, Forum, PreReadReading, Review
from tests.support.frozen import DAY, LOCK, START, Meeting, fill, meeting
from tests.support.signed_in import Visit

HOSTILE = "<script>alert(1)</script> {{ 7*7 }}"


@dataclass
class Scene:
    acme: Meeting
    app: Flask

    @property
    def path(self) -> str:
        return f"/reviews/{self.acme.review}/pre-read"

    def visit(self, who: str, role: str = "member") -> Visit:
        return Visit(self.app, self.acme.runtime, f"{who.lower()}@acme.example", role)

    def text(self, who: str, role: str = "member", path: str = "") -> str:
        """What the page says, without markup."""
        answer = self.visit(who, role).get(path or self.path)
        assert answer.status_code == 200, answer.text[:300]
        main = answer.text.partition("<main")[2].partition("</main>")[0]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())

    def rows(self, table: type[PreReadReading] | type[CallNeeded]) -> list[int]:
        with self.acme.runtime.store.read() as session:
            return list(session.scalars(select(table.person_id).order_by(table.at)))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with meeting(tmp_path) as acme:
        fill(acme, HOSTILE, {"confidence": 4, "comment": HOSTILE, "blocker": "No <b>contract</b>"}, LOCK - DAY)
        yield Scene(acme, create_app(acme.runtime))


def test_before_the_lock_it_shows_what_is_known_now(scene: Scene) -> None:
    told = scene.text("Leo")
    assert "Not frozen: it shows what is known now, and updates still change it. It locks 18 Nov 16:00." in told
    assert "review Thu 19 Nov 10:00" in told
    assert "PR-" not in told
    assert "Call needed" not in told
    assert scene.rows(PreReadReading) == []


def test_after_the_lock_it_is_frozen_with_its_id(scene: Scene) -> None:
    scene.acme.at(LOCK)
    assert scene.acme.lock()
    key = scene.acme.snapshot().key
    told = scene.text("Leo")
    assert told.count(key) == 2
    assert "frozen 18 Nov 16:00" in told
    order = [told.index(part) for part in ("Are we moving?", "Where are we off track?", "What decision is needed now?", "Decisions needed")]
    assert order == sorted(order)
    assert HOSTILE in told, "as it was typed, and as text"
    assert "No <b>contract</b>" in told
    assert "opened by 0 of 2 leaders" in told
    scene.acme.at(LOCK + timedelta(minutes=5))
    scene.acme.check_in("kr-good", 90)
    later = scene.text("Mia")
    assert "1 update came after the lock and is not in it: Key result kr-good . It counts for the next review." in later
    assert "66" in later
    assert "90" not in later


def test_leaders_leave_a_trace_once_and_others_none(scene: Scene) -> None:
    scene.acme.at(LOCK)
    scene.acme.lock()
    for who in ("Mia", "Leo", "Alice", "Leo", "Dora"):
        scene.text(who, "lead" if who == "Dora" else "member")
    assert scene.rows(PreReadReading) == [scene.acme.people["Leo"], scene.acme.people["Dora"]]
    assert "opened by 2 of 2 leaders: Dora, Leo" in scene.text("Mia")
    assert marks.note_reading(scene.acme.runtime, _viewer(scene, "Leo"), scene.acme.review, "jira") is False


def test_counts_and_names_are_those_that_the_reader_may_know(scene: Scene) -> None:
    scene.acme.at(LOCK)
    scene.acme.lock()
    for who, role in (("Leo", "member"), ("Charlie", "viewer"), ("Dora", "lead")):
        told = scene.text(who, role)
        assert "merger" not in told
        assert "lawyers" not in told
        assert "1 ask" in told
        assert "of 3 moving" in told
    told = scene.text("Ada", "admin")
    assert "The merger is signed" in told
    assert "2 asks" in told
    assert "of 4 moving" in told
    assert "of 3" not in scene.text("Leo", path=f"/reviews/forums/{scene.acme.forum}/pre-reads")


def test_leaders_mark_what_has_to_be_talked_about(scene: Scene) -> None:
    scene.acme.at(LOCK)
    leo, mia = scene.visit("Leo"), scene.visit("Mia")
    path = f"{scene.path}/calls/kr-good"
    assert leo.post(path, {"needed": "1"}).status_code == 409, "not frozen yet"
    scene.acme.lock()
    assert leo.post(path, {"needed": "1"}, token="").status_code == 400, "without the page's token"
    assert mia.post(path, {"needed": "1"}).status_code == 403
    assert leo.post(f"{scene.path}/calls/kr-merger", {"needed": "1"}).status_code == 404, "not theirs to know"
    assert leo.post(f"{scene.path}/calls/kr-nothing", {"needed": "1"}).status_code == 404
    answer = leo.post(path, {"needed": "1"})
    assert (answer.status_code, answer.location) == (303, f"{scene.path}#call-kr-good")
    part = leo.post(path, {"needed": "1"}, headers={"HX-Request": "true"})
    assert 'aria-pressed="true"' in part.text
    assert "Leo" in part.text
    assert "<html" not in part.text
    assert scene.rows(CallNeeded) == [scene.acme.people["Leo"]], "twice is once"
    with scene.acme.runtime.store.read() as session:
        assert marks.calls_needed(session, scene.acme.review) == {"kr-good": ("Leo",)}
    assert "Call needed Key result kr-good Leo" in scene.text("Mia")
    leo.post(path, {"needed": "0"})
    assert scene.rows(CallNeeded) == []
    scene.acme.change(update(Review).values(state="open", opened_at=START))
    assert leo.post(path, {"needed": "1"}).status_code == 409
    assert 'aria-pressed="' not in leo.get(scene.path).text


def test_sources_in_trouble_are_named_to_those_they_feed(scene: Scene) -> None:
    runtime = scene.acme.runtime
    for name, key_result in (("acme-jira", "kr-good"), ("secret-jira", "kr-merger")):
        connection = scene.acme.company.connection(name, "jira", "http://127.0.0.1:9", {"email": "b@acme.example", "api_token": "x" * 12})
        scene.acme.company.mapping(key_result, connection, select={"jql": "project = ACME"}, measure="done_share", mode="value")
    scene.acme.change(update(Connection).values(last_success_at=LOCK - 2 * DAY))
    scene.acme.at(LOCK)
    while not scene.acme.lock():
        assert runtime is scene.acme.runtime
    told = scene.text("Leo")
    assert "acme-jira silent, last read 16 Nov 16:00 · feeds 1 key result" in told
    assert "secret-jira" not in told


def test_skipped_retired_and_unknown_reviews_say_so(scene: Scene) -> None:
    scene.acme.change(update(Review).values(state="skipped", skipped_reason="offsite week"))
    assert "This review was skipped: offsite week." in scene.text("Leo")
    scene.acme.change(update(Review).values(state="planned"))
    scene.acme.change(update(Forum).values(retired_at=LOCK))
    assert "This forum was retired: its reviews are not held any more." in scene.text("Leo")
    assert scene.visit("Leo").get("/reviews/4711/pre-read").status_code == 404
    assert scene.visit("Leo").get("/reviews/forums/4711/pre-reads").status_code == 404
    assert scene.app.test_client().get(scene.path).status_code in (302, 303, 401)


def test_earlier_pre_reads_are_listed(scene: Scene) -> None:
    listed = f"/reviews/forums/{scene.acme.forum}/pre-reads"
    assert "No pre-read was frozen yet. The first one is frozen 18 Nov 16:00." in scene.text("Leo", path=listed)
    scene.acme.at(LOCK)
    scene.acme.lock()
    scene.text("Leo")
    told = scene.text("Mia", path=listed)
    assert scene.acme.snapshot().key in told
    assert told.endswith("1")


def _viewer(scene: Scene, who: str):  # type: ignore[no-untyped-def]
    from connector.services.sign_in.sessions import viewer_of
    from connector.store.tables import Person

    with scene.acme.runtime.store.read() as session:
        return viewer_of(session.get_one(Person, scene.acme.people[who]))
