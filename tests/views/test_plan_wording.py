"""The pages of wording: the list for champions, the sign-off of one key result, and who may do what there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from connector.domain.rights import Viewer
from connector.services.plan import objectives
from connector.store.tables import KeyResult
from tests.support.signed_in import Visit
from tests.support.world import Company, company

PATH = "/plan/key-results/kr/sign-off"
BETTER = "Share of new customers with an invoice from 40 to 60"


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr")
        with found.runtime.store.write() as session:
            session.get_one(KeyResult, "kr").title = "Improve onboarding"
        yield found


@pytest.fixture
def champion(app: Flask, acme: Company) -> Visit:
    return Visit(app, acme.runtime, "cara@acme.example", "champion")


def test_a_wording_is_returned_and_its_owner_takes_it_over_in_one_click(app: Flask, acme: Company, champion: Visit) -> None:
    typed = {"verdict": "returned", "suggestion": BETTER, "comment": "who, and by how much?", "judged": "Improve onboarding"}
    assert champion.post(PATH, typed).status_code == 303
    owner = Visit(app, acme.runtime, "alice@acme.example", "member")
    page = owner.get(PATH).text
    assert BETTER in page
    assert 'name="verdict"' not in page
    form = re.search(r'action="([^"]+/take-over)".*?name="reason" value="([^"]+)"', page, re.DOTALL)
    assert form
    assert owner.post(form[1], {"reason": form[2]}).status_code == 303
    assert acme.row("kr").title == BETTER
    told = owner.get("/key-results/kr").text
    assert "wording suggested by Cara" in told
    assert "take-over" not in owner.get(PATH).text
    again = owner.post(form[1], {"reason": form[2]})
    assert again.status_code == 303
    assert "Nothing was changed" in owner.get(PATH).text


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(champion: Visit) -> None:
    answer = champion.post(PATH, {"verdict": "returned", "suggestion": "", "comment": "why?", "judged": "Improve onboarding"})
    assert answer.status_code == 422
    assert re.search(r'id="f-suggestion"[^>]*aria-invalid="true"', answer.text)
    assert 'value="why?"' in answer.text
    assert re.search(r'value="returned" checked', answer.text)


def test_a_wording_that_changed_meanwhile_is_not_signed(acme: Company, champion: Visit) -> None:
    answer = champion.post(PATH, {"verdict": "signed", "judged": "Former words"})
    assert answer.status_code == 409
    assert "The wording was changed meanwhile" in answer.text
    assert "Not judged yet." in answer.text


def test_the_list_names_failing_words_and_signs_with_one_click(champion: Visit) -> None:
    page = champion.get("/plan/quality").text
    assert "<mark>Improve</mark>" in page
    answer = champion.post("/plan/key-results/kr/sign-off/again", {"judged": "Improve onboarding", "state": "not judged"})
    assert answer.status_code == 303
    assert "state=not+judged" in answer.location
    assert "No key result is like this." in champion.get(answer.location).text
    assert "Improve onboarding" in champion.get("/plan/quality?state=signed").text
    assert champion.get("/plan/quality?state=odd").status_code == 400
    assert champion.get("/plan/quality?page=x").status_code == 200


@pytest.mark.parametrize("role", ["lead", "member", "viewer"])
def test_only_champions_and_admins_sign(app: Flask, acme: Company, role: str) -> None:
    visit = Visit(app, acme.runtime, "someone@acme.example", role)
    assert visit.get(PATH).status_code == 200
    assert visit.post(PATH, {"verdict": "signed"}).status_code == 403
    assert visit.post(f"{PATH}/again", {}).status_code == 403
    assert visit.post(f"{PATH}/1/take-over", {}).status_code == (403 if role != "lead" else 404)
    assert visit.get("/plan/quality").status_code == (200 if role == "lead" else 403)


def test_hidden_key_results_do_not_exist_here(app: Flask, acme: Company, champion: Visit) -> None:
    objectives.update(acme.runtime, Viewer("script", "admin"), "onboarding", {"restricted": True})
    assert champion.get(PATH).status_code == 404
    assert champion.post(PATH, {"verdict": "signed"}).status_code == 404
    assert "Improve" not in champion.get("/plan/quality").text
    assert "0 key results" in unescape(champion.get("/plan/quality").text)


def test_no_page_asks_the_database_more_than_ten_times(app: Flask, acme: Company) -> None:
    admin = Visit(app, acme.runtime, "root@acme.example", "admin")
    for number in range(12):
        acme.key_result(f"more-{number}")
    admin.get("/plan/quality")
    statements: list[str] = []
    event.listen(acme.runtime.store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for path in (
        "/plan/quality",
        PATH,
        "/plan/key-results/kr",
        "/plan/objectives/onboarding",
        "/plan/objectives/new",
        "/plan/objectives/onboarding/key-results/new",
    ):
        statements.clear()
        assert admin.get(path).status_code == 200
        assert len([each for each in statements if each != "BEGIN"]) <= 10, (path, statements)
