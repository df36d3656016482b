"""Import and export pages: files out with what one may see, files in with a dry run first, columns chosen on the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.services.exchange import uploads, working
from connector.store.tables import Import, KeyResult, Objective
from tests.support.counting import statements
from tests.support.signed_in import Visit
from tests.support.world import Company, company

HEAD = "Objective,Key Result,Owner,From,To,Current value,Confidence,Blocker,Last updated\r\n"
SETUP = HEAD + "Objective onboarding,Key result kr-setup,alice@acme.example,0,100,42,,,\r\n"


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        found.objective("secret")
        found.key_result("kr-secret", "secret")
        with found.runtime.store.write() as session:
            session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
            session.execute(update(KeyResult).where(KeyResult.id == "kr-secret").values(owner_id=None))
        yield found


def sent(visit: Visit, name: str, data: bytes) -> Any:
    answer = visit.post("/exchange/imports", {"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()  # the client keeps a large body in a file and forgets it
    return answer


def test_a_file_goes_out_with_what_one_may_see(admin: Visit, lead: Visit) -> None:
    answer = admin.get("/exchange/export?kind=csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="okr-all.csv"'
    assert "Key result kr-secret" in answer.text
    assert "Key result kr-secret" not in lead.get("/exchange/export?kind=csv").text
    book = load_workbook(io.BytesIO(lead.get("/exchange/export?kind=xlsx&cycle=now").data))
    assert [row[1].value for row in book["now"].iter_rows(min_row=2)] == ["Key result kr-setup"]
    assert lead.get("/exchange/export?kind=json").status_code == 403
    assert admin.get("/exchange/export?kind=json").get_json()["version"] == 2
    assert lead.get("/exchange/export?kind=pptx").status_code == 200
    assert admin.get("/exchange/export?kind=csv&cycle=never").status_code == 422
    assert admin.get("/exchange/export?kind=exe").status_code == 422


def test_a_file_is_checked_shown_and_imported(lead: Visit, acme: Company) -> None:
    answer = sent(lead, "okr.csv", SETUP.encode())
    assert answer.status_code == 303
    page = lead.get(answer.location).text
    assert "Current value – → 42" in page
    assert "Import: 0 to create, 1 to update" in page
    assert acme.row("kr-setup").current is None
    done = lead.post(f"{answer.location}/run")
    assert done.status_code == 303
    assert "imported" in lead.get(answer.location).text
    acme.work()
    assert acme.row("kr-setup").current == 42.0
    assert "okr.csv" in lead.get("/exchange").text


def test_bad_cells_are_named_and_columns_can_be_chosen(lead: Visit, acme: Company) -> None:
    data = "Was;Wer;Von;Bis\r\nSchneller <b>liefern</b>;alice@acme.example;1,5;10\r\n".encode("cp1252")
    place = sent(lead, "ziele.csv", data).location
    page = lead.get(place).text
    assert "It is not clear yet which column is which" in page
    assert "no column was found for Key Result and Objective" in page
    assert '<option value="Was">Was</option>' in page
    chosen = {"col-key_result": "Was", "col-owner": "Wer", "col-from": "Von", "col-to": "Bis", "all-objective": "Objective onboarding"}
    assert lead.post(f"{place}/options", {**chosen, "reason": "moved"}).status_code == 303
    page = lead.get(place).text
    assert "1 to create" in re.sub(r"</?b>", "", page)
    assert "Schneller &lt;b&gt;liefern&lt;/b&gt;" in page
    assert "decimal commas" in page
    lead.post(f"{place}/run")
    with acme.runtime.store.read() as session:
        row = session.scalars(select(KeyResult).where(KeyResult.title == "Schneller <b>liefern</b>")).one()
    assert (row.start, row.target) == (1.5, 10.0)


def test_a_mapping_that_cannot_be_stays_as_it_was_typed(lead: Visit) -> None:
    place = sent(lead, "okr.csv", SETUP.encode()).location
    answer = lead.post(f"{place}/options", {"col-key_result": "Key Result", "all-objective": "O", "all-kind": "gauge"})
    assert answer.status_code == 422
    assert 'value="gauge"' in answer.text


@pytest.mark.parametrize(
    ("name", "data", "told"), [("a.xlsm", b"x", "macros"), ("a.csv", b"", "this one is empty"), ("", b"x", "must end in")]
)
def test_a_file_that_is_none_is_refused_at_its_field(lead: Visit, name: str, data: bytes, told: str) -> None:
    answer = sent(lead, name, data)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'id="e-file"' in answer.text


def test_large_files_come_from_those_who_may_import_and_from_nobody_else(app: Flask, acme: Company, lead: Visit) -> None:
    data = HEAD.encode() + b"x" * 20_000_000
    assert sent(lead, "okr.csv", data).status_code == 303
    member = Visit(app, acme.runtime, "mia@acme.example", "member")
    assert sent(member, "okr.csv", data).status_code == 413
    assert sent(member, "okr.csv", SETUP.encode()).status_code == 403
    stranger = app.test_client().post("/exchange/imports", data={"file": (io.BytesIO(data), "okr.csv")})
    stranger.request.environ["wsgi.input"].close()
    assert stranger.status_code in (400, 401, 413)
    assert lead.post("/exchange/imports", {"file": (io.BytesIO(b"x"), "a.csv")}, token="wrong").status_code == 400


def test_a_large_file_shows_its_progress(lead: Visit, acme: Company) -> None:
    rows = "".join(f"Objective onboarding,New {number},alice@acme.example,0,10,,,,\r\n" for number in range(2100))
    place = sent(lead, "okr.csv", (HEAD + rows).encode()).location
    ident = int(place.rpartition("/")[2])
    assert "the file waits for a worker" in lead.get(place).text
    with acme.runtime.store.write() as session:
        session.execute(update(Import).values(rows_done=700, rows_total=2100))
    part = lead.get(f"{place}/progress").text
    assert 'value="700" max="2100"' in part
    working.work(acme.runtime, ident)
    ended = lead.get(f"{place}/progress")
    assert (ended.status_code, ended.headers["HX-Redirect"]) == (204, place)
    assert "2100 to create" in re.sub(r"</?b>", "", lead.get(place).text)
    assert lead.post(f"{place}/cancel").status_code == 303
    assert uploads.listed(acme.runtime, Viewer("root", "admin"))[0]["state"] == "cancelled"


def test_a_backup_is_brought_by_admins_alone(admin: Visit, lead: Visit) -> None:
    data = admin.get("/exchange/export?kind=json").data
    assert sent(lead, "okr.json", data).status_code == 403
    place = sent(admin, "okr.json", data).location
    assert "Nothing would change" in admin.get(place).text
    assert ".json" not in lead.get("/exchange").text


def test_files_of_others_are_not_there(app: Flask, acme: Company, lead: Visit) -> None:
    place = sent(lead, "okr.csv", SETUP.encode()).location
    other = Visit(app, acme.runtime, "otto@acme.example", "lead")
    assert other.get(place).status_code == 404
    for part in ("run", "cancel", "options"):
        assert other.post(f"{place}/{part}").status_code == 404
    viewer = Visit(app, acme.runtime, "vera@acme.example", "viewer")
    page = viewer.get("/exchange")
    assert page.status_code == 200
    assert "Import a file" not in page.text


def test_no_page_takes_more_than_ten_statements(lead: Visit, acme: Company) -> None:
    place = sent(lead, "okr.csv", SETUP.encode()).location
    for path in ("/exchange", place):
        with statements(acme.runtime.store) as told:
            page = lead.get(path)
        assert len(page.data) < 150_000
        assert len(told) <= 10, told
