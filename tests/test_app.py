"""The application as a whole: health, readiness, metrics, error pages, headers, sessions."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, session
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import text

from connector.app import create_app
from connector.errors import Conflict, InputError, NotFound, StoreUnavailable
from connector.queue import InlineQueue, RedisQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import Settings
from connector.store.migrate import upgrade
from connector.store.tables import Connection, Counter
from tests.support.services import free_port

SECRET_KEY = "a-key-of-at-least-thirty-two-characters"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., tuple[Flask, Runtime]]]:
    opened: list[Runtime] = []

    def build(database_url: str = "", *, migrated: bool = True, queue: object = None, **more: object) -> tuple[Flask, Runtime]:
        url = database_url or f"sqlite:///{tmp_path / 'okr.db'}"
        settings = Settings(data_dir=tmp_path, database_url=url, secret_key=SECRET_KEY, **more)  # type: ignore[arg-type]
        if migrated:
            upgrade(settings)
        runtime = build_runtime(settings, queue=queue or InlineQueue())  # type: ignore[arg-type]
        opened.append(runtime)
        return create_app(runtime), runtime

    yield build
    for runtime in opened:
        runtime.close()


@pytest.mark.databases("sqlite", "postgres")
def test_health_and_ready(make: Callable[..., tuple[Flask, Runtime]], database_url: str, redis_url: str) -> None:
    app, _ = make(database_url, queue=RedisQueue(redis_url))
    client = app.test_client()
    assert client.get("/health").get_json() == {"status": "ok"}
    ready = client.get("/ready")
    assert (ready.status_code, ready.get_json()["checks"]) == (200, {"database": "ok", "redis": "ok", "queue": "ok"})


def test_ready_names_what_is_missing(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make(migrated=False, queue=RedisQueue(f"redis://127.0.0.1:{free_port()}"))
    client = app.test_client()
    ready = client.get("/ready")
    assert ready.status_code == 503
    checks = ready.get_json()["checks"]
    assert "db upgrade" in checks["database"]
    assert checks["redis"] != "ok"
    assert client.get("/health").status_code == 200


def test_a_database_that_is_away(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make(f"postgresql://okr:hidden@127.0.0.1:{free_port()}/okr", migrated=False)
    client = app.test_client()
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert "hidden" not in ready.text
    metrics = client.get("/metrics")
    assert metrics.status_code == 200
    assert "okr_database_up 0.0" in metrics.text


def test_metrics(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, runtime = make()
    with runtime.store.write() as db:
        db.add(Connection(name="acme-jira", host="jira", url="u", auth="", created_at=runtime.now(), parked_at=runtime.now()))
        db.add(
            Counter(name="okr_deliveries_total", labels='connection="acme-jira",event="jira:x",outcome="ignored: unknown event"', value=3)
        )
        db.add(Counter(name="instance", labels="0123456789", value=1))
    client = app.test_client()
    client.post("/webhooks/nobody", data=b"{}")
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain")
    samples = {(sample.name, *sorted(sample.labels.items())): sample.value for family in parse(response.text) for sample in family.samples}
    labels = (("connection", "acme-jira"), ("event", "jira:x"), ("outcome", "ignored: unknown event"))
    assert samples[("okr_deliveries_total", *labels)] == 3
    assert samples[("okr_connection_parked", ("connection", "acme-jira"))] == 1
    assert samples[("okr_deliveries_pending", ("connection", "acme-jira"))] == 0
    assert ("okr_connection_last_event_seconds", ("connection", "acme-jira")) not in samples  # never is not zero seconds ago
    assert samples[("okr_work_waiting", ("table", "panels"))] == 0
    assert samples[("okr_database_up",)] == 1
    assert [name for name, *_ in samples if name == "okr_door_request_seconds_count"]
    assert [value for (name, *rest), value in samples.items() if name == "okr_door_answers_total" and ("status", "404") in rest] == [1]
    assert "0123456789" not in response.text


def test_headers(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make()
    headers = app.test_client().get("/health", headers={"X-Request-Id": "abc-12345"}).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Request-Id"] == "abc-12345"
    assert "Strict-Transport-Security" not in headers
    odd = app.test_client().get("/health", headers={"X-Request-Id": "<script>"}).headers["X-Request-Id"]
    assert len(odd) == 16
    app, _ = make(public_url="https://okr.example")
    assert "max-age" in app.test_client().get("/health").headers["Strict-Transport-Security"]
    assert app.config["SESSION_COOKIE_SECURE"]


ERRORS = {
    "input": (InputError("is not a number", where="target"), 400),
    "missing": (NotFound("there is no such key result"), 404),
    "conflict": (Conflict("somebody was first"), 409),
    "store": (StoreUnavailable("the database does not answer"), 503),
}


def test_errors_are_problems_for_machines_and_pages_for_people(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make()

    def fail(name: str) -> str:
        raise ERRORS[name][0]

    app.add_url_rule("/api/v9/fail/<name>", view_func=fail)
    app.add_url_rule("/fail/<name>", endpoint="page", view_func=fail)
    client = app.test_client()
    for name, (error, status) in ERRORS.items():
        machine, page = client.get(f"/api/v9/fail/{name}"), client.get(f"/fail/{name}")
        assert (machine.status_code, page.status_code) == (status, status)
        assert machine.content_type == "application/problem+json"
        assert machine.get_json()["status"] == status
        assert page.content_type.startswith("text/html")
        assert ("Retry-After" in machine.headers) == (status == 503)
        if status != 503:
            assert str(error) in machine.get_json()["detail"]


def test_no_answer_but_a_static_file_is_kept_by_browsers_and_proxies(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make()
    for status in (200, 302, 403, 409, 422, 503):
        app.add_url_rule(f"/answer/{status}", endpoint=f"answer{status}", view_func=lambda status=status: ("what was typed", status))
    client = app.test_client()
    for status in (200, 302, 403, 409, 422, 503):
        answer = client.get(f"/answer/{status}")
        assert (answer.status_code, answer.headers.get("Cache-Control")) == (status, "no-store")
    assert client.get("/nowhere").headers["Cache-Control"] == "no-store"
    assert client.get("/api/v1/key-results").headers["Cache-Control"] == "no-store"
    with client.get("/static/app.css") as static:
        assert "no-store" not in static.headers["Cache-Control"]


def test_a_bug_shows_no_traceback(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make()

    def bug() -> str:
        raise RuntimeError("password=hunter2")

    app.add_url_rule("/api/v9/bug", view_func=bug)
    app.add_url_rule("/bug", endpoint="bugpage", view_func=bug)
    client = app.test_client()
    for path in ("/api/v9/bug", "/bug"):
        response = client.get(path)
        assert response.status_code == 500
        assert "hunter2" not in response.text
        assert "Traceback" not in response.text
        assert response.headers["X-Request-Id"] in response.text


def test_unknown_paths(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make()
    client = app.test_client()
    assert client.get("/api/v1/nothing").content_type == "application/problem+json"
    page = client.get("/nothing-<script>alert(1)</script>")
    assert page.status_code == 404
    assert page.content_type.startswith("text/html")
    assert "<script>" not in page.text


def test_sessions_belong_to_pages(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    app, _ = make()

    def remember() -> str:
        session["seen"] = session.get("seen", 0) + 1
        return str(session["seen"])

    app.add_url_rule("/remember", view_func=remember)
    client = app.test_client()
    assert [client.get("/remember").text for _ in range(2)] == ["1", "2"]
    cookie = client.get("/remember").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert SECRET_KEY not in str(app.config["SECRET_KEY"])


def test_two_applications_in_one_process(make: Callable[..., tuple[Flask, Runtime]]) -> None:
    first, runtime = make()
    second, _ = make()
    assert first.test_client().get("/metrics").status_code == second.test_client().get("/metrics").status_code == 200
    with runtime.store.read() as db:
        assert db.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL: an answered delivery survives a power cut
