"""What was begun or asked elsewhere and goes on in the row: open drafts and asks from before set-up."""

from __future__ import annotations

from sqlalchemy import delete

from connector.services.check_ins import file_check_in
from connector.services.row_check_ins.asks import note_standing_asks
from connector.store.tables import Decision
from tests.services.row_check_ins.conftest import KEY_RESULT, Desk
from tests.services.row_check_ins.test_typing import WHOLE

ALICE = "alice@acme.example"


def begin(desk: Desk, ident: str = "c-1", **said: object) -> None:
    """As a comment does: an update without its decision."""
    file_check_in(desk.company.runtime, KEY_RESULT, said, author=ALICE, source="comment", source_id=ident, worded=True)


def test_a_draft_from_elsewhere_is_told_in_the_row_and_completed_by_what_its_author_types_there(desk: Desk) -> None:
    desk.type(**WHOLE, blocker="Bank")
    desk.settle()
    begin(desk, value=42.0, confidence=6, blocker="Bank")
    assert desk.note == "Alice has an update that lacks a decision; what Alice files next, here or elsewhere, completes it."
    desk.type(after=10.0, decision="budget")  # within the minutes in which the one before would be changed
    desk.settle()
    assert [(each["confidence"], each["decision"], each["blocker"]) for each in desk.filed()] == [
        (7, "none", "Bank"),
        (6, "budget", "Bank"),
    ]
    assert (desk.drafts(), desk.note) == ([], "")
    desk.type(after=10.0, confidence=8.0)
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [7, 8]  # one that goes on is changed again


def test_an_ask_from_before_decisions_were_kept_becomes_one_once_and_no_decided_one_comes_back(desk: Desk) -> None:
    file_check_in(desk.company.runtime, KEY_RESULT, {**WHOLE, "decision": "budget"}, author=ALICE, source="page", source_id="p-1")
    begun = desk.stored()[0].created_at
    with desk.company.runtime.store.write() as session:
        session.execute(delete(Decision))
    desk.pass_(86400.0)
    now = desk.company.runtime.now()
    with desk.company.runtime.store.write() as session:
        assert note_standing_asks(session, now) == 1
        assert note_standing_asks(session, now) == 0
    [made] = desk.decisions()
    assert (made.kind, made.state, made.created_at, made.check_in_id) == ("budget", "asked", begun, desk.stored()[0].id)
    with desk.company.runtime.store.write() as session:
        row = session.get_one(Decision, made.id)
        row.state, row.closed_at = "done", now
    with desk.company.runtime.store.write() as session:
        assert note_standing_asks(session, now) == 0
    assert [each.state for each in desk.decisions()] == ["done"]
