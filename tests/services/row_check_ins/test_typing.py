"""What people type into a row becomes one check-in of theirs: gathered, filed, amended, told apart by author, never filed twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.services.check_ins import file_check_in
from connector.services.row_check_ins.standing import standing
from connector.store.tables import Objective, OkrRow, Person, Team, TeamMember
from tests.services.row_check_ins.conftest import KEY_RESULT, Desk, minute
from tests.support.world import company

WHOLE = {"value": 42.0, "confidence": 7.0, "decision": "none"}


def test_five_quick_edits_are_one_check_in_with_its_author(desk: Desk) -> None:
    desk.type(confidence=5.0)
    for field, value in (("confidence", 7.0), ("blocker", "Legal has not answered"), ("decision", "approval"), ("value", 44.0)):
        desk.type(after=4.0, **{field: value})
        assert desk.settle(after=0.0) == 0
    assert desk.held == {"confidence", "blocker", "decision", "value"}
    assert desk.settle(after=14.0) == 0
    assert desk.settle(after=1.5) == 1
    assert desk.filed() == [
        {
            "value": 44.0,
            "confidence": 7,
            "blocker": "Legal has not answered",
            "decision": "approval",
            "comment": None,
            "by": "Alice",
            "source": "row",
        }
    ]
    assert desk.held == frozenset()
    assert desk.note == ""
    assert desk.company.row(KEY_RESULT).current == 44.0
    assert desk.settles_at() is None


def test_somebody_who_never_pauses_is_filed_after_a_while(desk: Desk) -> None:
    desk.type(**WHOLE)
    for _ in range(4):
        desk.type(after=10.0, comment="and on")
    assert desk.settle(after=5.5) == 1
    assert len(desk.filed()) == 1


def test_further_edits_within_the_minutes_change_the_same_check_in_and_what_it_said_stays_in_the_trail(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.settle()
    desk.type(after=120.0, value=45.0, comment="Eight more customers")
    desk.settle()
    [only] = desk.filed()
    assert (only["value"], only["comment"], only["confidence"]) == (45.0, "Eight more customers", 7)
    [entry] = desk.audit("amend")
    assert entry.before == {"value": 42.0, "comment": "", "check_in": None}
    assert entry.after == {"value": 45.0, "comment": "Eight more customers", "check_in": desk.stored()[0].id}
    assert entry.actor == "alice@acme.example"
    assert [reading.value for reading in desk.company.readings(KEY_RESULT)] == [42.0, 45.0]
    assert desk.company.row(KEY_RESULT).current == 45.0


def test_movement_of_an_amended_value_is_measured_from_the_update_before(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.settle()
    desk.type(after=600.0, value=44.0)
    desk.settle()
    desk.type(after=60.0, value=41.0)
    desk.settle()
    assert [(row.value, row.movement) for row in desk.stored()] == [(42.0, None), (41.0, "down")]
    desk.type(after=30.0, value=42.0)
    desk.settle()
    assert [(row.value, row.movement) for row in desk.stored()] == [(42.0, None), (42.0, "flat")]


def test_after_the_minutes_an_edit_is_an_update_of_its_own_that_carries_the_rest_over(desk: Desk) -> None:
    desk.type(**WHOLE, blocker="Legal", comment="First")
    desk.settle()
    desk.type(after=301.0, confidence=4.0)
    desk.settle()
    first, second = desk.filed()
    assert (first["confidence"], first["comment"]) == (7, "First")
    # the comment belongs to the update that it was written for
    assert (second["value"], second["confidence"], second["blocker"], second["decision"], second["comment"]) == (
        42.0,
        4,
        "Legal",
        "none",
        None,
    )


def test_a_comment_stands_until_its_author_takes_it_away(desk: Desk) -> None:
    def stands() -> object:
        with desk.company.runtime.store.read() as session:
            return standing(session, desk.connection, [KEY_RESULT])[KEY_RESULT]["comment"]

    desk.type(**WHOLE, comment="First")
    desk.settle()
    desk.type(after=400.0, confidence=6.0)
    desk.settle()
    assert stands() == "First"
    desk.type(after=30.0, comment=None)  # in an amendment
    desk.settle()
    assert stands() is None
    desk.type(after=400.0, comment="Second")
    desk.settle()
    assert stands() == "Second"
    desk.type(after=30.0, comment=None)
    desk.settle()
    assert stands() is None
    desk.type(after=400.0, comment="Third")
    desk.settle()
    desk.type(after=400.0, comment="")  # in an update of its own
    desk.settle()
    assert (stands(), len(desk.filed())) == (None, 5)


def test_two_authors_are_two_check_ins(desk: Desk) -> None:
    share_team(desk)
    desk.type("Alice", **WHOLE)
    desk.type("Bob", after=5.0, confidence=3.0)
    assert desk.settle(after=0.5) == 1  # Bob's edit files Alice's at once
    assert [(each["by"], each["confidence"]) for each in desk.filed()] == [("Alice", 7)]
    desk.settle()
    assert [(each["by"], each["confidence"], each["decision"]) for each in desk.filed()] == [("Alice", 7, "none"), ("Bob", 3, "none")]
    desk.type("Alice", after=5.0, confidence=6.0)  # hers is not the latest any more: a new one
    desk.settle()
    assert [each["by"] for each in desk.filed()] == ["Alice", "Bob", "Alice"]


def test_an_incomplete_update_is_a_draft_the_row_says_what_is_missing_and_completing_it_files_it(desk: Desk) -> None:
    desk.type(confidence=7.0)
    desk.settle()
    assert desk.filed() == []
    assert desk.drafts()[0]["confidence"] == 7
    assert desk.note == "Kept as a draft that does not count yet: enter Value and choose Decision, “none” is a choice too."
    assert desk.held == {"confidence"}
    desk.type(after=900.0, value=42.0, decision="none")
    desk.settle()
    [only] = desk.filed()
    assert (only["value"], only["confidence"], only["decision"], desk.drafts()) == (42.0, 7, "none", [])
    assert desk.note == ""


def test_what_somebody_could_not_complete_another_completes_and_files(desk: Desk) -> None:
    share_team(desk)
    desk.type("Alice", value=42.0, confidence=7.0)
    desk.settle()
    desk.type("Bob", after=60.0, decision="none", confidence=6.0)
    desk.settle()
    [only] = desk.filed()
    assert (only["by"], only["value"], only["confidence"], only["decision"]) == ("Bob", 42.0, 6, "none")
    [entry] = desk.audit("conflict")
    assert (entry.before, entry.after) == ({"confidence": 7.0, "typed_by": "n-Alice"}, {"confidence": 6.0})


def test_words_of_a_draft_stay_their_author_s_when_another_completes_the_rest(desk: Desk) -> None:
    share_team(desk)
    desk.type("Bob", blocker="Bob: legal is slow", value=44.0)
    desk.settle()
    desk.type("Alice", after=3600.0, confidence=6.0, decision="none")
    desk.settle()
    assert [(each["by"], each["value"], each["confidence"], each["blocker"]) for each in desk.filed()] == [("Alice", 44.0, 6, None)]
    assert desk.held == {"blocker"}
    assert desk.note == "Blocker as typed by Bob waits as a draft; it is filed once they go on with it, or the button is pressed."
    desk.type("Bob", after=3600.0, comment="Still so")
    desk.settle()
    last = desk.filed()[-1]
    assert (last["by"], last["blocker"], last["comment"], last["confidence"]) == ("Bob", "Bob: legal is slow", "Still so", 6)
    assert (desk.held, desk.note, desk.waiting[0].account, len(desk.waiting)) == (frozenset(), "", "n-Bob", 1)


def test_words_that_gave_way_to_an_update_from_elsewhere_are_told_in_the_row(desk: Desk) -> None:
    desk.type(confidence=2.0, blocker="My long thought")
    desk.pass_(3.0 + 60.0)
    file_check_in(desk.company.runtime, KEY_RESULT, {**WHOLE, "confidence": 9}, author="alice@acme.example", source="page", source_id="p-1")
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [9]
    assert desk.note.startswith("Confidence and Blocker typed here gave way to a newer update, filed elsewhere ")
    assert desk.note.endswith("; the words are kept in the audit trail. Enter them again if they still hold.")


def test_a_draft_of_the_row_ends_when_its_author_files_elsewhere(desk: Desk) -> None:
    desk.type(value=42.0, confidence=7.0)
    desk.settle()
    desk.pass_(60.0)
    whole = {**WHOLE, "confidence": 8}
    file_check_in(desk.company.runtime, KEY_RESULT, whole, author="alice@acme.example", source="page", source_id="p-1")
    assert [each["confidence"] for each in desk.filed()] == [8]
    assert (desk.drafts(), desk.held, desk.settles_at()) == ([], frozenset(), None)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"confidence": 11.0}, "Confidence: enter a whole number from 1 to 10"),
        ({"confidence": 7.5}, "Confidence: enter a whole number from 1 to 10"),
        ({"comment": "x" * 281}, "Comment: the comment has 281 characters; 280 are the most"),
        ({"blocker": "x" * 281}, "Blocker: the blocker has 281 characters; 280 are the most"),
        ({"blocker": "Legal\nBudget"}, "Blocker: name one blocker, the one that matters most, in one line"),
        ({"blocker": ("Legal", "Budget")}, "Blocker: name one blocker, the one that matters most"),
        (
            {"decision": "maybe"},
            "Decision: choose one of budget, approval, scope, headcount, other, none; “none” is chosen, not left empty",
        ),
        ({"value": "many"}, "Value: enter a number, such as 42 or 4.1, without its unit"),
    ],
)
def test_what_is_wrong_is_said_in_the_row_nothing_is_filed_and_corrected_it_is(desk: Desk, cells: dict[str, object], said: str) -> None:
    desk.type(**{**WHOLE, **cells})  # type: ignore[arg-type]
    desk.settle()
    assert (desk.filed(), desk.drafts()) == ([], [])
    assert desk.note == f"Not filed yet. {said}.".replace("“none”", '"none"')
    assert desk.held == {*WHOLE, *cells}  # what was typed stays
    good = {"confidence": 7.0, "comment": "short", "blocker": "Legal", "decision": "none", "value": 42.0}
    desk.type(after=3600.0, **{name: good[name] for name in cells})  # type: ignore[arg-type]
    desk.settle()
    assert len(desk.filed()) == 1
    assert desk.note == ""


def test_a_wrong_change_of_a_filed_update_leaves_it_as_it_was(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.settle()
    desk.type(after=20.0, confidence=12.0)
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [7]
    assert desk.note == "Not filed yet. Confidence: enter a whole number from 1 to 10."
    desk.type(after=20.0, confidence=8.0, decision=None)
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [7]
    assert "Decision was said and cannot be left open now" in desk.note
    desk.type(after=20.0, decision="none")
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [8]
    assert desk.note == ""


def test_unknown_and_foreign_fields_are_no_edit(desk: Desk) -> None:
    desk.type(title="Another title")
    assert desk.settles_at() is None


def test_a_number_that_a_mapping_gives_is_put_back_with_its_source_and_the_rest_is_filed(desk: Desk) -> None:
    fed(desk)
    desk.type(value=50.0)
    desk.settle()
    assert desk.filed() == []
    assert desk.note.startswith("Value was put back: the number comes from Notion (rows of ")
    assert desk.held == frozenset()
    desk.type(after=60.0, value=51.0, confidence=6.0, decision="none")
    desk.settle()
    assert desk.note.startswith("Kept as a draft that does not count yet: wait for the first number of its source. Value was put back")
    [draft] = desk.drafts()  # the source has no number yet: the value is not known, and never what was typed
    assert draft["value"] is None


def test_somebody_without_the_right_is_told_and_put_back_and_their_words_are_kept(desk: Desk) -> None:
    desk.type("Charlie", **WHOLE, comment="Not mine")
    desk.settle()
    assert desk.filed() == []
    assert desk.note == ("The update was put back: owners, their teams and leads update key results; ask Alice, who owns this one.")
    assert desk.held == frozenset()
    [entry] = desk.audit("put_back")
    assert (entry.actor, entry.before) == (
        "charlie@acme.example",
        {**WHOLE, "comment": "Not mine", "row": desk.row_id},
    )


def test_a_newer_update_from_elsewhere_wins_over_what_was_typed_before_it(desk: Desk) -> None:
    runtime = desk.company.runtime
    typed_at = runtime.now()
    desk.pass_(90.0)
    file_check_in(runtime, KEY_RESULT, {**WHOLE, "confidence": 4}, author="alice@acme.example", source="page", source_id="p-1")
    desk.pass_(5.0)
    desk.type(**WHOLE, at=typed_at)  # the event comes late
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [4]
    [entry] = desk.audit("conflict")
    assert entry.before is not None
    assert entry.before["confidence"] == 7.0
    assert desk.held == frozenset()


def test_a_moment_without_seconds_counts_to_the_end_of_its_minute(desk: Desk) -> None:
    runtime = desk.company.runtime
    desk.pass_(60.0 - runtime.epoch() % 60.0 + 5.0)  # five seconds into a minute
    file_check_in(runtime, KEY_RESULT, {**WHOLE, "confidence": 4}, author="alice@acme.example", source="page", source_id="p-1")
    desk.pass_(2.0)
    desk.type(**WHOLE, at=minute(runtime.now()))
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [4, 7]


def test_edits_of_a_row_on_an_update_from_elsewhere_carry_that_one_over(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.settle()
    desk.pass_(400.0)
    words = {"value": 50, "confidence": 3, "blocker": "Legal", "decision": "budget"}
    file_check_in(desk.company.runtime, KEY_RESULT, words, author="alice@acme.example", source="page", source_id="p-1")
    desk.type(after=1.0, comment="Typed before the row showed the other update")
    desk.settle()
    last = desk.filed()[-1]
    assert (last["value"], last["confidence"], last["blocker"], last["decision"]) == (50.0, 3, "Legal", "budget")


def test_a_crash_between_filing_and_noting_it_files_nothing_twice_and_loses_no_later_edit(desk: Desk) -> None:
    desk.type(**WHOLE)
    before = desk.row()
    desk.settle()
    forget(desk, before)
    desk.settle(after=0.0)
    assert len(desk.filed()) == 1
    assert desk.audit("amend") == []
    forget(desk, before)
    desk.type(after=1.0, confidence=9.0)
    desk.settle()
    assert [each["confidence"] for each in desk.filed()] == [9]


def test_a_closed_cycle_and_a_hidden_key_result_take_nothing(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.pass_(60 * 24 * 3600.0)
    desk.settle()
    assert desk.filed() == []
    assert "is over" in desk.note
    assert desk.audit("put_back")


def test_figures_can_be_chosen(tmp_path: Path) -> None:
    with company(tmp_path) as people:
        desk = Desk(people, settle_seconds=30, amend_minutes=1)
        desk.type(**WHOLE)
        assert desk.settle(after=16.0) == 0
        assert desk.settle(after=15.0) == 1
        desk.type(after=70.0, confidence=5.0)
        desk.settle(after=31.0)
        assert [each["confidence"] for each in desk.filed()] == [7, 5]


@pytest.mark.databases("sqlite", "postgres")
def test_filing_and_amending_are_alike_on_both_databases(desk: Desk) -> None:
    desk.type(**{**WHOLE, "decision": "budget"})
    desk.settle()
    desk.type(after=30.0, value=43.0, decision="none")
    desk.settle()
    assert [(each["value"], each["decision"]) for each in desk.filed()] == [(43.0, "none")]
    assert [(each.kind, each.state) for each in desk.decisions()] == [("budget", "dropped")]
    assert timedelta(0) < desk.company.runtime.now() - desk.stored()[0].created_at


# --- scenes ------------------------------------------------------------------------------------------------------------


def share_team(desk: Desk) -> None:
    """Bob is on the team of the objective."""
    with desk.company.runtime.store.write() as session:
        team = session.scalars(select(Team)).first()
        bob = session.scalars(select(Person).where(Person.name == "Bob")).one()
        assert team is not None
        session.add(TeamMember(team_id=team.id, person_id=bob.id))
        session.get_one(Objective, "onboarding").team_id = team.id


def fed(desk: Desk) -> None:
    desk.company.mapping(KEY_RESULT, desk.connection, select={"database": "d" * 32}, measure={"sum": "Seats"})


def forget(desk: Desk, before: OkrRow) -> None:
    """As if the process had died before it noted what it filed."""
    with desk.company.runtime.store.write() as session:
        row = session.get_one(OkrRow, desk.row_id)
        row.typing, row.settle_at = before.typing, before.settle_at
