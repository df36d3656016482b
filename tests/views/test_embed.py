"""Our live page in a frame: what opens it, what ends it, what it shows, and the headers that no other page has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeSerializer
from sqlalchemy import select, update
from structlog.testing import capture_logs

from connector.app import CONTENT_SECURITY_POLICY, create_app
from connector.domain.rights import Viewer
from connector.errors import Forbidden, InputError, NotFound, StoreUnavailable
from connector.services.panels import choosing, embedding
from connector.store.tables import Audit, Connection, Cycle, Objective, Panel
from connector.views.embed import FRAMES
from tests.support.world import Company, company

ADMIN = Viewer("ada", "admin")
PAGE = "0f0f0f0f-0000-4000-8000-000000000001"
ROW = "0f0f0f0f-0000-4000-8000-000000000002"


@dataclass
class Scene:
    company: Company
    app: Flask
    connection: int
    panel: int

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def address(self, panel: int = 0) -> str:
        return embedding.address(self.company.runtime, panel or self.panel)

    def path(self) -> str:
        return self.address().removeprefix("https://okr.acme.example")

    def open(self, path: str = "", **more: Any) -> Any:
        return self.client.get(path or self.path(), **more)

    def change(self, table: Any, ident: Any, **values: Any) -> None:
        with self.company.runtime.store.write() as session:
            session.execute(update(table).where(table.id == ident).values(**values))

    def row(self) -> Panel:
        with self.company.runtime.store.read() as session:
            return session.get_one(Panel, self.panel)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with company(tmp_path, public_url="https://okr.acme.example") as acme:
        connection = acme.connection("acme-notion", "notion", "https://api.notion.com", {"token": "x" * 20})
        acme.objective("onboarding", pages=[{"connection": connection, "ref": PAGE}])
        acme.key_result(
            "kr-setup", title="Guided <set-up> finished", current=54.0, raw_progress=0.54, state="on_track", reasons=["54 % done"]
        )
        acme.key_result("kr-invoice", blocker="Waiting for legal", state="at_risk")
        with acme.runtime.store.write() as session:
            row = Panel(connection_id=connection, ref=PAGE, objective_id="onboarding", options={"embed": True}, key_results=[], receipt={})
            session.add(row)
            session.flush()
            ident = row.id
        yield Scene(acme, create_app(acme.runtime), connection, ident)


def text(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))).split())


def test_the_address_opens_the_objective_with_its_key_results(scene: Scene) -> None:
    answer = scene.open()
    assert answer.status_code == 200
    shown = text(answer)
    for words in ("Objective onboarding", "Guided <set-up> finished", "54 %", "Waiting for legal", "Key result kr-invoice", "At risk"):
        assert words in shown
    page = answer.get_data(as_text=True)
    assert 'hx-trigger="every 60s"' in page
    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in page


def test_links_lead_to_our_pages_in_a_tab_of_their_own_and_nowhere_else(scene: Scene) -> None:
    page = scene.open().get_data(as_text=True)
    links = re.findall(r"<a [^>]*>", page)
    assert len(links) == 3
    for each in links:
        assert re.search(r'href="https://okr\.acme\.example/(objectives|key-results)/[a-z-]+"', each)
        assert 'target="_blank"' in each
        assert 'rel="noopener noreferrer"' in each
    assert "<form" not in page
    assert "csrf" not in page


def test_only_this_page_may_stand_in_a_frame_and_only_in_notions(scene: Scene) -> None:
    for answer in (scene.open(), scene.open("/embed/nothing")):
        policy = answer.headers["Content-Security-Policy"]
        assert f"frame-ancestors {FRAMES}" in policy
        assert "'none'; frame" in policy
        assert "X-Frame-Options" not in answer.headers
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "private, no-store"
    for other in ("/", "/sign-in", "/key-results/kr-setup", "/embed"):
        assert scene.open(other).headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_no_cookie_is_read_or_set(scene: Scene) -> None:
    client = scene.client
    client.set_cookie("okr_session", "a cookie of somebody")
    answer = client.get(scene.path())
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_the_same_address_until_it_ends_soon_then_a_new_one(scene: Scene) -> None:
    first = scene.address()
    assert scene.address() == first
    scene.company.clock.ahead += 19 * 86400
    assert scene.address() == first
    with scene.company.runtime.store.write() as session:
        assert embedding.renew_ending(session, scene.company.runtime.now().date(), scene.company.runtime.epoch()) == 0
    scene.company.clock.ahead += 2 * 86400
    with scene.company.runtime.store.write() as session:
        assert embedding.renew_ending(session, scene.company.runtime.now().date(), scene.company.runtime.epoch()) == 1
    assert scene.row().wanted > scene.row().done
    second = scene.address()
    assert second != first
    assert scene.open(first.removeprefix("https://okr.acme.example")).status_code == 200  # until it ends by itself


def test_an_address_ends_after_thirty_days(scene: Scene) -> None:
    path = scene.path()
    scene.company.clock.ahead += 30 * 86400
    assert scene.open(path).status_code == 200
    scene.company.clock.ahead += 86400
    answer = scene.open(path)
    assert answer.status_code == 403
    assert "has ended" in text(answer)
    assert "Ask an admin" in text(answer)


def test_taking_back_ends_all_addresses_at_once(scene: Scene) -> None:
    path = scene.path()
    assert embedding.revoke(scene.company.runtime, ADMIN, "acme-notion") == 1
    assert "taken back" in text(scene.open(path))
    assert scene.path() != path
    assert scene.open().status_code == 200
    with scene.company.runtime.store.read() as session:
        [told] = session.scalars(select(Audit).where(Audit.action == "revoke_embeds")).all()
    assert told.actor == "ada"
    assert path.rpartition("/")[2] not in json.dumps([told.before, told.after])


@pytest.mark.parametrize(
    "broken",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[1:],
        lambda token: token.partition(".")[0],
        lambda token: "x",
        lambda token: token + ".",
        lambda token: "%00" + token,
        lambda token: URLSafeSerializer("guess").dumps(["i", 1, "", "onboarding", 1, "2099-01-01"]),
    ],
)
def test_what_is_no_address_of_ours_opens_nothing(scene: Scene, broken: Any) -> None:
    token = scene.path().rpartition("/")[2]
    answer = scene.open(f"/embed/{broken(token)}")
    assert answer.status_code == 403
    assert "onboarding" not in text(answer)


def test_a_key_of_another_use_signs_no_address(scene: Scene) -> None:
    key = scene.app.config["SECRET_KEY"]
    forged = URLSafeSerializer(key, salt="okr-connector embed").dumps(
        [scene.company.runtime.instance, scene.panel, "", "onboarding", 1, "2099-01-01"]
    )
    assert scene.open(f"/embed/{forged}").status_code == 403


@pytest.mark.parametrize(
    ("table", "ident", "values"),
    [
        (Objective, "onboarding", {"restricted": True}),
        (Objective, "onboarding", {"stage": "draft"}),
        (Cycle, 1, {"started_at": None}),
    ],
)
def test_what_hosts_may_not_show_is_not_shown(scene: Scene, table: Any, ident: Any, values: dict[str, Any]) -> None:
    path = scene.path()
    scene.change(table, ident, **values)
    answer = scene.open(path)
    assert answer.status_code == 403
    assert "onboarding" not in text(answer).lower()


@pytest.mark.parametrize("column", ["closed_at", "retired_at"])
def test_what_is_over_is_not_shown(scene: Scene, column: str) -> None:
    path = scene.path()
    scene.change(Objective, "onboarding", **{column: scene.company.runtime.now()})
    assert scene.open(path).status_code == 403


def test_a_key_result_alone(scene: Scene) -> None:
    scene.change(Panel, scene.panel, objective_id=None, key_result_id="kr-setup")
    with scene.company.runtime.store.read() as session:
        assert embedding.address(scene.company.runtime, scene.panel) == ""  # no row of an OKR database: nothing is shown there
        assert not embedding.is_chosen(session, scene.row())


def test_an_address_opens_only_what_it_was_made_for(scene: Scene) -> None:
    path = scene.path()
    scene.company.objective("other", pages=[{"connection": scene.connection, "ref": PAGE}])
    scene.change(Panel, scene.panel, objective_id="other")
    assert scene.open(path).status_code == 403


def test_without_the_choice_or_https_there_is_no_address(scene: Scene, tmp_path: Path) -> None:
    path = scene.path()
    choosing.choose(scene.company.runtime, ADMIN, "acme-notion", PAGE, embed=False)
    assert scene.address() == ""
    assert scene.open(path).status_code == 403
    choosing.choose(scene.company.runtime, ADMIN, "acme-notion", PAGE, embed=True, table=True)
    assert scene.row().options["table"] is True
    with pytest.raises(NotFound):
        choosing.choose(scene.company.runtime, ADMIN, "acme-notion", ROW, embed=True)
    for act in (
        lambda who: choosing.choose(scene.company.runtime, who, "acme-notion", PAGE, embed=True),
        lambda who: embedding.revoke(scene.company.runtime, who, "acme-notion"),
    ):
        with pytest.raises(Forbidden):
            act(Viewer("bob", "lead"))
    plain = scene.company.runtime.settings.model_copy(update={"public_url": "http://okr.acme.example"})
    scene.company.runtime.settings = plain
    assert scene.address() == ""
    with pytest.raises(InputError, match="OKR_PUBLIC_URL"):
        choosing.choose(scene.company.runtime, ADMIN, "acme-notion", PAGE, embed=True)


def test_a_new_secret_key_keeps_given_addresses_while_the_old_one_is_named(scene: Scene) -> None:
    path = scene.path()
    settings = scene.company.runtime.settings
    scene.company.runtime.settings = settings.model_copy(update={"secret_key": f"{'n' * 40} {'k' * 40}"})
    assert scene.open(path).status_code == 200
    scene.company.runtime.settings = settings.model_copy(update={"secret_key": "n" * 40})
    assert scene.open(path).status_code == 403


def test_guessing_is_slowed_down(scene: Scene) -> None:
    client = scene.client
    answers = [client.get(f"/embed/guess{number}").status_code for number in range(35)]
    assert answers[0] == 403
    assert answers[-1] == 429
    assert "frame-ancestors https" in client.get("/embed/once-more").headers["Content-Security-Policy"]


def test_a_removed_panel_or_connection_shows_nothing(scene: Scene) -> None:
    path = scene.path()
    scene.change(Connection, scene.connection, retired_at=scene.company.runtime.now())
    assert scene.open(path).status_code == 403
    scene.change(Connection, scene.connection, retired_at=None)
    assert scene.open(path).status_code == 200
    with scene.company.runtime.store.write() as session:
        session.delete(session.get_one(Panel, scene.panel))
    assert scene.open(path).status_code == 403


def test_no_log_line_tells_an_address(scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    path = scene.path()
    for trouble in (StoreUnavailable("away"), ValueError("a bug")):

        def fail(*_: Any, trouble: Exception = trouble, **__: Any) -> Any:
            raise trouble

        monkeypatch.setattr("connector.views.embed.read_token", fail)
        with capture_logs() as lines:
            assert scene.open(path).status_code in (500, 503)
        said = f"{lines} {caplog.text}"
        assert path.rpartition("/")[2] not in said
        assert "/embed/<" in said
