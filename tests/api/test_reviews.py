"""Reviews and decisions over the API: the same services, the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.app import create_app
from connector.services import tokens
from connector.store.tables import Objective
from tests.support.meeting import Meeting, met


class Caller:
    """Somebody with a token."""

    def __init__(self, meeting: Meeting, role: str = "lead") -> None:
        self.meeting = meeting
        self.app = create_app(meeting.runtime)
        self.token = tokens.create(meeting.runtime, f"{role} script", role)

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **({} if body is None else {"json": body}))


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    with met(tmp_path) as found:
        yield found


def test_positions_count_what_the_caller_may_know_of(meeting: Meeting) -> None:
    review = meeting.opened()
    with meeting.runtime.store.write() as session:
        session.get_one(Objective, "o-1").restricted = True
    shown = Caller(meeting)("GET", f"/reviews/{review}").json["items"]
    assert len(shown) == 9
    assert [each["position"] for each in shown] == list(range(9))


def test_a_review_is_opened_judged_and_closed(meeting: Meeting) -> None:
    call, review = Caller(meeting), meeting.review()
    assert call("GET", f"/reviews/{review}").json["state"] == "locked"
    opened = call("POST", f"/reviews/{review}/open", {}).json
    talked = [each for each in opened["items"] if not each["folded"]]
    assert [each["key_result"] for each in talked[:3]] == ["kr-1", "kr-2", "kr-3"]
    refused = call("POST", f"/reviews/{review}/close", {})
    assert (refused.status_code, "Missing: a verdict for" in refused.json["detail"]) == (409, True)
    bad = call("POST", f"/reviews/{review}/items/{talked[0]['id']}", {"verdict": "intervene", "action": "reallocate", "text": "Go"})
    assert (bad.status_code, {each["field"] for each in bad.json["errors"]}) == (422, {"owner", "due"})
    due = (meeting.runtime.now() + timedelta(days=9)).date().isoformat()
    given = {"verdict": "intervene", "action": "reallocate", "text": "Go", "owner": "bob@acme.example", "due": due}
    assert call("POST", f"/reviews/{review}/items/{talked[0]['id']}", given).status_code == 200
    for each in talked[1:]:
        assert call("POST", f"/reviews/{review}/items/{each['id']}", {"verdict": "hold"}).status_code == 200
    assert call("POST", f"/reviews/{review}/hold-folded").json["missing"] == ""
    closed = call("POST", f"/reviews/{review}/close", {}).json
    assert (closed["state"], closed["minutes"]["items"][0]["decision"]) == ("closed", "Go")
    again = call("POST", f"/reviews/{review}/close", {})
    assert (again.status_code, "closed this review" in again.json["detail"]) == (409, True)
    found = call("GET", "/decisions").json["items"]
    assert [(each["title"], each["owner"], each["state"]) for each in found] == [("Go", "Bob", "open")]
    done = call("PATCH", f"/decisions/{found[0]['id']}", {"state": "done"})
    assert done.json["state"] == "done"


def test_who_may_only_read_is_refused(meeting: Meeting) -> None:
    call, review = Caller(meeting, "viewer"), meeting.opened()
    assert call("GET", f"/reviews/{review}").status_code == 200
    for path, body in (("open", {}), ("close", {}), ("hand-over", {"person": "bob@acme.example"})):
        assert call("POST", f"/reviews/{review}/{path}", body).status_code == 403
    assert call("POST", "/decisions", {"key_result": "kr-1", "title": "x"}).status_code == 403
    assert call("GET", "/reviews/999").status_code == 404
    assert call("GET", "/reviews/x").status_code == 404
