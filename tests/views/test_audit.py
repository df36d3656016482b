"""The audit trail as admins see it: words, filters, pages, CSV; never a secret."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.app import create_app
from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Forbidden
from connector.services import audit, tokens
from connector.services.changes import record
from connector.services.people import editing
from connector.services.sign_in import links
from connector.store.tables import Audit, BrowserSession, SignInLink
from tests.support.signed_in import Visit
from tests.support.world import Company, company

PLANTED = "planted-secret-value"


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective()
        yield found


@pytest.fixture
def visit(acme: Company) -> Visit:
    return Visit(create_app(acme.runtime), acme.runtime, "ann@acme.example")


def change(acme: Company, ident: str, actor: str = "bob@acme.example", days_ago: float = 0.0, **more: Any) -> None:
    with acme.runtime.store.write() as session:
        viewer, at = Viewer(actor, "admin"), acme.runtime.now() - timedelta(days=days_ago)
        record(session, viewer, at, more.pop("action", "update"), more.pop("entity", "key_result"), ident, **more)


def test_before_and_after_are_words(acme: Company, visit: Visit) -> None:
    change(
        acme,
        "kr-1",
        before={"target": 40.0, "strict": False, "owner": None},
        after={"target": 60.0, "strict": True, "owner": "x"},
        reason="new <b>plan</b>",
    )
    page = visit.get("/audit?entity=key_result").text
    for words in ("target: ", "40", "60", "no", "yes", "not set", "Reason: new &lt;b&gt;plan&lt;/b&gt;", "bob@acme.example"):
        assert words in page
    assert "<b>plan" not in page
    assert audit.words({"a": [1.5, None], "b": {}}) == "a: 1.5; not set, b: not set"


@pytest.mark.databases("sqlite", "postgres")
def test_each_filter_narrows(acme: Company, visit: Visit) -> None:
    change(acme, "kr-1", days_ago=3, after={"x": 1})
    change(acme, "kr-2", actor="dora@acme.example", after={"x": 1})
    change(acme, "jira", entity="connection", action="park", after={"x": 1})

    def shown(**query: str) -> set[str]:
        text = visit.get("/audit", query_string=query).text
        return {ident for ident in ("kr-1", "kr-2", "jira") if f">{ident}</a>" in text}

    today = acme.runtime.now().date()
    assert shown() == {"kr-1", "kr-2", "jira"}
    assert shown(actor="dora@acme.example") == {"kr-2"}
    assert shown(entity="connection") == {"jira"}
    assert shown(id="kr-1") == {"kr-1"}
    assert shown(action="park") == {"jira"}
    assert shown(since=today.isoformat()) == {"kr-2", "jira"}
    assert shown(until=(today - timedelta(days=1)).isoformat()) == {"kr-1"}
    assert shown(since="0001-01-01", until="9999-12-31") == {"kr-1", "kr-2", "jira"}
    assert shown(id="nothing") == set()


def test_a_day_that_is_none_is_told_and_the_rest_still_shown(acme: Company, visit: Visit) -> None:
    answer = visit.get("/audit?since=yesterday&actor=ann@acme.example")
    assert answer.status_code == 422
    assert 'value="yesterday"' in answer.text
    assert "Enter a day" in answer.text
    assert "sign in person" in answer.text


@pytest.mark.parametrize("cursor", ["nonsense", "WzEsMl0", "%00"])
def test_a_cursor_that_is_none_is_refused(visit: Visit, cursor: str) -> None:
    assert visit.get(f"/audit?cursor={cursor}").status_code == 400


def test_pages_follow_each_other_and_keep_the_filters(acme: Company, visit: Visit) -> None:
    for number in range(60):
        change(acme, f"kr-{number}", after={"x": number})
    first = visit.get("/audit?entity=key_result").text
    assert ">kr-59</a>" in first
    assert ">kr-9</a>" not in first
    following = first.partition("/audit?cursor=")[2].partition('"')[0].replace("&amp;", "&")
    assert "entity=key_result" in following
    assert ">kr-9</a>" in visit.get(f"/audit?cursor={following}").text


def test_csv_has_all_that_fits_the_filters_and_no_formula(acme: Company, visit: Visit) -> None:
    for number in range(450):
        change(acme, f"kr-{number}", after={"x": number})
    change(acme, "=HYPERLINK(1)", actor="@SUM(1)", after={"x": 1}, reason="-2+3")
    answer = visit.get("/audit.csv?entity=key_result")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 451
    assert (rows[0]["id"], rows[0]["actor"], rows[0]["reason"]) == ("'=HYPERLINK(1)", "'@SUM(1)", "'-2+3")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert rows[1]["after"] == '{"x": 449}'


def test_only_admins_read_it(acme: Company, visit: Visit) -> None:
    with pytest.raises(Forbidden):
        audit.export(acme.runtime, Viewer("x", "lead"), audit.Filters())
    with acme.runtime.store.read() as session, pytest.raises(Forbidden):
        audit.audit_page(session, Viewer("x", "lead"), audit.Filters(), acme.runtime.settings.zone)


def test_nothing_secret_is_in_it(acme: Company, visit: Visit, caplog: pytest.LogCaptureFixture) -> None:
    acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "bot@acme.example", "api_token": PLANTED})
    token = tokens.create(acme.runtime, "ci", "admin", viewer=SYSTEM)
    link = links.make(acme.runtime, SYSTEM, "bob@acme.example").rpartition("/")[2]
    session_key = links.use(acme.runtime, link)
    editing.save_person(acme.runtime, SYSTEM, "bob@acme.example", {"accounts": {"acme-jira": "acc-1"}})
    api = visit.client.get("/api/v1/audit?limit=200", headers={"Authorization": f"Bearer {token}"})
    assert len(api.json["items"]) >= 5
    pages = ["/audit", "/audit.csv", "/people", "/people/tokens", "/people/bob@acme.example", "/account", "/metrics", "/ready"]
    texts = [api.text, caplog.text, *(visit.get(path).text for path in pages)]
    with acme.runtime.store.read() as session:
        texts += [str(vars(row)) for table in (Audit, BrowserSession, SignInLink) for row in session.scalars(select(table))]
    for secret in (PLANTED, token, link, session_key):
        assert all(secret not in text for text in texts)
