"""The sample organisation: what it holds, that its numbers agree with the stand-ins, and that its state survives."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update

from connector.app import create_app
from connector.domain.rights import VISITOR
from connector.errors import InputError
from connector.hosts.notion.sandbox_world import World
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.sandbox import workspace
from connector.sandbox.organisation import prepare
from connector.sandbox.state import Saver, read_state, state_file, webhook_secret, write_state
from connector.sandbox.worlds import jira_world, notion_world
from connector.services import tokens
from connector.services.facts import load_facts
from connector.services.rollup import compute
from connector.settings import Settings
from connector.store.migrate import upgrade
from connector.store.tables import CheckIn, Connection, KeyResult, LeadsPage, Objective, OkrRow, Reading, Team
from connector.views import live
from connector.views.figures import bar, trail
from tests.support.signed_in import Visit

START, TODAY = date(2026, 9, 21), date(2026, 11, 22)


def settings_for(folder: Path, **more: object) -> Settings:
    given = {"data_dir": folder, "sandbox": True, "allow_private_hosts": True, "port": 8099, **more}
    return Settings(_env_file=None, **given)  # type: ignore[call-arg,arg-type]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_for(tmp_path_factory.mktemp("data"))
    upgrade(settings)
    prepare(settings)
    return settings


@pytest.fixture
def runtime(prepared: Settings) -> Iterator[Runtime]:
    built = build_runtime(prepared, queue=InlineQueue())
    yield built
    built.close()


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def test_the_site_has_three_projects_sixty_epics_and_nine_hundred_issues() -> None:
    world = jira_world(TODAY, START)
    kinds = Counter(issue["type"] for issue in world["issues"])
    assert len(world["projects"]) == 3
    assert kinds["Epic"] == 60
    assert len(world["issues"]) - 60 == 900
    assert {"Story", "Bug", "Task", "Sub-task"} <= set(kinds)
    assert any(issue["resolution"] == "Won't Do" for issue in world["issues"] if "resolution" in issue)
    assert world == jira_world(TODAY, START)


def test_the_workspace_has_its_databases_and_one_page_per_objective() -> None:
    data, ids = notion_world(TODAY, START)
    assert {each["title"] for each in data["databases"].values()} == {
        "Deals",
        "Activation cohorts",
        "Onboarding interviews",
        "Objective pages",
    }
    assert all(ids[name] in data["pages"] for name in ("onboarding", "payments", "platform", "mobile"))
    assert ids == notion_world(TODAY, START)[1]


def test_teams_objectives_key_results_and_every_kind(runtime: Runtime) -> None:
    with runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Team)) == 3
        assert session.scalar(select(func.count()).select_from(Objective)) == 4
        rows = list(session.scalars(select(KeyResult)))
    assert len(rows) == 12
    assert {row.kind for row in rows} == {"metric", "at_least", "at_most", "between", "yes_no", "milestones"}
    assert any(row.checkpoints for row in rows)
    states = Counter(row.state for row in rows)
    assert set(states) == {"on_track", "at_risk", "stalled", "overdue", "no_data"}
    no_data = next(row for row in rows if row.state == "no_data")
    assert (no_data.current, no_data.progress) == (None, None)


def test_eight_weeks_of_history_end_in_what_the_stand_ins_say(runtime: Runtime) -> None:
    with runtime.store.read() as session:
        facts = load_facts(session, list(session.scalars(select(KeyResult.id))))
        first = session.scalar(select(func.min(CheckIn.created_at)))
        future = session.scalar(select(func.count()).select_from(Reading).where(Reading.as_of > runtime.now()))
    assert first is not None
    assert 48 <= (runtime.now() - first).days <= 60
    assert future == 0
    for known in facts.values():
        assert compute(known, runtime.now(), runtime.settings.zone).reading is None, f"{known.row.id} would jump at the first read"


def test_a_second_start_changes_nothing_but_a_changed_port(prepared: Settings, runtime: Runtime) -> None:
    before = [(path.name, path.read_bytes()) for path in sorted(prepared.data_dir.glob("sandbox-*.json"))]
    moved = settings_for(prepared.data_dir, port=8098)
    prepare(moved)
    assert [(path.name, path.read_bytes()) for path in sorted(prepared.data_dir.glob("sandbox-*.json"))] == before
    with runtime.store.read() as session:
        assert {row.url for row in session.scalars(select(Connection))} == {
            "http://127.0.0.1:8098/sandbox/jira",
            "http://127.0.0.1:8098/sandbox/notion",
        }
    prepare(prepared)


def test_the_workspace_keeps_the_okrs_in_databases_with_a_button_and_a_page_for_leads(prepared: Settings, runtime: Runtime) -> None:
    world = World(read_state(state_file(prepared, "notion")))
    tables = {title: workspace.table(world, ident) for ident, title in workspace.databases(world)}
    assert {"Objectives", "Key Results", "Check-ins", "Decisions"} <= set(tables)
    results = tables["Key Results"]
    assert results is not None
    assert len(results.rows) == 12
    assert "Check in" in results.columns
    shown = {cell.name: cell.shown for row in results.rows if row.title == "Seats on paid plans" for cell in row.cells}
    assert (shown["Owner"], shown["From"], shown["To"], shown["Value"]) == ("Daniel Reyes", "400", "900", "750")
    assert shown["OKR status"] == "On track"
    with runtime.store.read() as session:
        rows = list(session.scalars(select(OkrRow).where(OkrRow.ref.is_not(None))))
        assert session.scalar(select(func.count()).select_from(LeadsPage)) == 1
    assert len(rows) == 16
    assert all(row.url.startswith("http://127.0.0.1:8099/sandbox/workspace/pages/") for row in rows)


def test_state_is_saved_once_after_a_burst(tmp_path: Path) -> None:
    written: list[int] = []
    path = tmp_path / "state.json"
    saver = Saver(path, lambda: written.append(1) or {"count": len(written)}, quiet=0.1)
    for _ in range(50):
        saver.changed()
    time.sleep(0.4)
    assert read_state(path) == {"count": 1}
    saver.changed()
    saver.close()
    assert read_state(path) == {"count": 2}
    write_state(path, {"ü": None})
    assert read_state(path) == {"ü": None}
    assert not list(tmp_path.glob("*.tmp"))


def test_webhook_secrets_differ_by_stand_in_and_installation(tmp_path: Path) -> None:
    one, two = settings_for(tmp_path / "a"), settings_for(tmp_path / "b")
    told = {webhook_secret(one, "jira"), webhook_secret(one, "notion"), webhook_secret(two, "jira")}
    assert len(told) == 3
    assert webhook_secret(one, "jira") == webhook_secret(one, "jira")
    assert state_file(one, "jira").parent == one.data_dir


# --- pages without a browser ---------------------------------------------------------------------------------------------------


def test_pages_answer_and_carry_no_inline_style_or_script(client: FlaskClient) -> None:
    for path in ("/", "/key-results/kr-setup", "/key-results/kr-crews", "/objectives/mobile", "/sandbox/board", "/sandbox/workspace"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert " style=" not in answer.text
        assert "onclick" not in answer.text
    assert client.get("/key-results/nobody").status_code == 404
    assert client.get("/objectives/nobody").status_code == 404
    assert client.get("/sandbox/board?epic=NO-1").status_code == 404
    assert client.get("/sandbox/workspace?database=none").status_code == 404


def test_outside_the_sandbox_pages_want_a_token(runtime: Runtime) -> None:
    plain = Runtime(runtime.settings.model_copy(update={"sandbox": False}), runtime.store, runtime.vault, runtime.queue)
    outside = create_app(plain).test_client()
    answer = outside.get("/key-results/kr-setup?x=1", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in?next=/key-results/kr-setup?x%3D1")
    wrong = outside.get("/", headers={"Authorization": "Bearer okr_wrong"})
    assert wrong.status_code == 401
    assert "okr-connector token create" in wrong.text
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")
    token = tokens.create(plain, "pages", "viewer")
    assert outside.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert outside.get("/sandbox/board").status_code == 404


def test_changes_come_from_our_own_pages_only(client: FlaskClient) -> None:
    data = {"key": "GROW-33", "to": "done"}
    assert client.post("/sandbox/board/move", data=data, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert client.post("/sandbox/board/move", data={"key": "GROW-33", "to": "nowhere"}).status_code == 400
    assert client.post("/sandbox/board/move", data={"key": "NO-1", "to": "done"}).status_code == 400
    assert client.post("/sandbox/workspace/set", data={"page": "none"}).status_code == 400


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    upgrade(settings)
    runtime = build_runtime(settings, queue=InlineQueue())
    try:
        app = create_app(runtime)
        visitor = app.test_client().get("/").text
        admin = Visit(app, runtime, "ada@acme.example").get("/").text
    finally:
        runtime.close()
    assert "No objectives yet" in visitor
    assert "okr-connector apply" not in visitor
    assert "okr-connector apply" in admin
    assert 'href="/plan"' in admin


def test_icons_are_png_of_sixteen_pixels() -> None:
    folder = Path(__file__).parents[2] / "connector" / "static" / "icons"
    names = {"on_track", "at_risk", "stalled", "overdue", "no_data", "data_late", "closed", "kr"}
    assert {path.stem for path in folder.glob("*.png")} == {f"{name}16" for name in names}
    for path in folder.glob("*.png"):
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (16, 16)


def test_figures_leave_out_what_is_not_known() -> None:
    assert (bar(None, None, "").fill, bar(None, None, "").notch) == ("", "")
    assert bar(0.0, 0.5, "").fill == "0"
    assert trail([]).last is None
    assert len(trail([1, 2, 3, 4, 5, 6]).bars) == 5


# --- never over real data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://acme.atlassian.net", "https://evil.example/sandbox/jira", "http://127.0.0.1:8099/other"])
def test_a_real_connection_keeps_the_sandbox_out(tmp_path: Path, url: str) -> None:
    settings = settings_for(tmp_path)
    upgrade(settings)
    runtime = build_runtime(settings, queue=InlineQueue())
    try:
        with runtime.store.write() as session:
            session.add(Connection(name="jira", host="jira", url=url, auth=runtime.vault.seal({}), created_at=runtime.now()))
        with pytest.raises(InputError, match="real data"):
            prepare(settings)
        with runtime.store.read() as session:
            assert session.scalars(select(Connection.url)).one() == url
            assert session.scalar(select(func.count()).select_from(Objective)) == 0
    finally:
        runtime.close()
    assert not state_file(settings, "jira").exists()


def test_a_real_connection_added_to_a_sandbox_is_seen_at_the_next_start(prepared: Settings, runtime: Runtime) -> None:
    with runtime.store.write() as session:
        session.add(
            Connection(name="acme", host="jira", url="https://acme.atlassian.net", auth=runtime.vault.seal({}), created_at=runtime.now())
        )
    try:
        with pytest.raises(InputError, match="connection acme"):
            prepare(prepared)
    finally:
        with runtime.store.write() as session:
            session.execute(delete(Connection).where(Connection.name == "acme"))


def test_a_link_of_the_stand_in_cannot_add_a_header(client: FlaskClient) -> None:
    answer = client.get("/sandbox/jira/browse/X%0d%0aSet-Cookie:a=b%c3%a9")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sandbox/board?issue=X%0D%0ASet-Cookie%3Aa%3Db%C3%A9")


# --- live updates --------------------------------------------------------------------------------------------------------------


def test_only_so_many_pages_listen_and_one_that_does_not_read_is_let_go(
    runtime: Runtime, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    feed = client.application.extensions["feed"] = live.Feed(runtime)
    stream = feed.stream(VISITOR)
    assert next(stream).startswith("retry")
    assert client.get("/events").status_code == 503
    for number in range(live.MOST_UNHEARD + 2):
        feed.announce([f"kr-{number}"])
    assert not feed.full
    feed.closed = True
    stream.close()


def test_the_board_shows_nothing_that_its_visitor_may_not_know(client: FlaskClient, runtime: Runtime) -> None:
    with runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(restricted=True))
    try:
        text = client.get("/sandbox/board").text
        assert "Guided set-up shipped" not in text
        assert "kr-setup" not in text
    finally:
        with runtime.store.write() as session:
            session.execute(update(Objective).where(Objective.id == "onboarding").values(restricted=False))
