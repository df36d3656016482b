"""The pages of the reports: who sees what, files, the pack, and that nobody is named."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from connector.services import check_ins, tokens
from connector.store.tables import Audit, Forum
from tests.support.frozen import DAY, LOCK, START, Meeting, meeting
from tests.support.signed_in import Visit

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Meeting]:
    with meeting(tmp_path) as found:
        found.key_result("kr-ads", 10, unit="k€", title=HOSTILE)
        found.key_result("kr-launch", 10, title="Launch the improved page")
        found.at(LOCK - 2 * DAY)
        found.check_in("kr-ads", 14, 3, decision="budget", blocker=HOSTILE)
        found.check_in("kr-launch", 10, 3, blocker=HOSTILE)
        found.at(LOCK + timedelta(minutes=1))
        found.compute()
        assert found.lock()
        found.change(update(Forum).values(name=f"Product {HOSTILE}", sponsor_id=found.people["Mia"]))
        found.at(START + DAY)
        yield found


def text(answer: str) -> str:
    main = answer.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def test_the_champions_page(app: Flask, acme: Meeting) -> None:
    page = Visit(app, acme.runtime, "carla@acme.example", "champion").get("/champion")
    assert page.status_code == 200
    assert HOSTILE not in page.text
    told = text(page.text)
    for words in (
        "Is it used to decide?",
        "Slow approvals",
        "Blockers that come back",
        "2 times",
        "Badly built key results",
        "What an update costs",
    ):
        assert words in told
    assert "Launch the improved page" in told
    assert 'href="/reports/discipline"' in page.text
    for name in ("Leo", "Mia", "Alice"):
        assert name not in told
    for role, status in (("member", 403), ("viewer", 403), ("lead", 200), ("admin", 200)):
        assert Visit(app, acme.runtime, f"{role}@acme.example", role).get("/champion").status_code == status


def test_a_field_that_nobody_uses_is_hidden_with_one_click_and_comes_back_with_one(app: Flask, acme: Meeting) -> None:
    for _ in range(10):
        acme.company.clock.ahead += 60
        for name in ("kr-ads", "kr-launch"):
            given = {"value": 14, "confidence": 3, "decision": "none", "comment": "No news"}
            check_ins.file_check_in(acme.runtime, name, given, author="alice@acme.example", source="page")
    carla = Visit(app, acme.runtime, "carla@acme.example", "champion")
    alice = Visit(app, acme.runtime, "alice@acme.example", "member")
    form = "/key-results/kr-ads/check-in"
    assert "Comment, doubt, date, delayed number" in alice.get(form).text
    page = carla.get("/champion").text
    assert "Hide “Doubt”" in page
    assert "Hide “Comment”" not in page  # that one is used
    assert alice.post("/champion/form", {"hide": "doubt"}).status_code == 403
    assert carla.post("/champion/form", {"hide": "confidence"}).status_code == 400
    for field in ("doubt", "delayed"):
        assert carla.post("/champion/form", {"hide": field}).status_code == 303
    shown = alice.get(form).text
    assert "Comment, date</summary>" in shown
    assert 'name="doubt"' not in shown
    assert 'name="delayed"' not in shown
    for field in ("value", "confidence", "blocker", "decision", "comment", "as_of"):
        assert f'name="{field}"' in shown
    page = carla.get("/champion").text
    assert "Show “Doubt” again" in page
    assert "Hide “Doubt”" not in page
    assert carla.post("/champion/form", {"show": "doubt"}).status_code == 303
    assert 'name="doubt"' in alice.get(form).text
    with acme.runtime.store.read() as session:
        told = session.scalars(select(Audit).where(Audit.entity == "form_field").order_by(Audit.id)).all()
        assert [(each.actor, each.action, each.entity_id) for each in told] == [
            ("carla@acme.example", "hide", "doubt"), ("carla@acme.example", "hide", "delayed"), ("carla@acme.example", "show", "doubt"),
        ]  # fmt: skip


def test_the_sponsor_sees_the_report_of_the_forum_and_others_do_not(app: Flask, acme: Meeting) -> None:
    mia = Visit(app, acme.runtime, "mia@acme.example", "member")
    page = mia.get("/reports/discipline")
    told = text(page.text)
    assert "19 Nov" in told
    assert "updates came in time" in told
    assert HOSTILE not in page.text
    assert mia.get("/reports/discipline.csv").text.count("\r\n") == 2
    assert mia.get("/reports/discipline.xlsx").data.startswith(b"PK")
    assert mia.get("/reports/discipline.exe").status_code == 404
    assert mia.get("/reports/discipline?forum=99").status_code == 404
    for path in ("/reports/discipline", "/reports/discipline.csv", "/reports/discipline.xlsx"):
        assert mia.get(f"{path}?weeks=²").status_code == 200
    other = Visit(app, acme.runtime, "otto@acme.example", "member").get("/reports/discipline")
    assert "No forum has a report for you." in text(other.text)
    assert "Product" not in text(other.text)


def test_the_pack_is_a_file_for_everybody_who_reads(app: Flask, acme: Meeting) -> None:
    visit = Visit(app, acme.runtime, "otto@acme.example", "member")
    for kind in ("pptx", "xlsx"):
        answer = visit.get(f"/reviews/{acme.review}/pack.{kind}")
        assert answer.data.startswith(b"PK")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="review-product-script-alert-1-s-2026-11-19.{kind}"'
    assert visit.get(f"/reviews/{acme.review}/pack.exe").status_code == 404
    assert visit.get("/reviews/99/pack.pptx").status_code == 404
    assert f"/reviews/{acme.review}/pack.pptx" in visit.get(f"/reviews/{acme.review}/pre-read").text


def test_the_same_over_the_api(app: Flask, acme: Meeting) -> None:
    numbers = count()

    def call(role: str, path: str) -> tuple[int, dict[str, object]]:
        token = tokens.create(acme.runtime, f"{role} {next(numbers)}", role)
        answer = app.test_client().get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.get_json(silent=True) or {}

    status, found = call("lead", "/reports/discipline?weeks=6")
    assert status == 200
    (forum,) = found["forums"]  # type: ignore[misc]
    assert forum["reviews"][0]["state"] == "locked"
    assert forum["reviews"][0]["edits"] is None
    assert call("viewer", "/reports/discipline") == (200, {"forums": []})
    assert call("lead", f"/reports/discipline?forum={acme.forum}")[0] == 200
    assert call("lead", "/reports/discipline?forum=x")[0] == 404
    assert call("lead", "/reports/discipline?weeks=99")[0] == 400
    status, told = call("champion", "/reports/champion")
    assert (status, told["key_results"]) == (200, 2)
    assert told["repeated_blockers"]
    assert call("member", "/reports/champion")[0] == 403
    assert call("viewer", f"/reviews/{acme.review}/pack/xlsx")[0] == 200
    assert call("viewer", "/reviews/x/pack/pptx")[0] == 404
