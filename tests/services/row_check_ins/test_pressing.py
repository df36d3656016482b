"""The row's button files what the row holds at once, for whoever pressed it, and pressed twice it is one check-in."""

from __future__ import annotations

from sqlalchemy import update

from connector.services.check_ins import file_check_in
from connector.store.tables import OkrRow, Person
from tests.services.row_check_ins.conftest import FACE, KEY_RESULT, Desk
from tests.services.row_check_ins.test_typing import WHOLE, share_team


def test_a_press_files_what_was_typed_at_once(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.press(after=2.0)
    assert desk.settle(after=0.0) == 1
    assert [(each["by"], each["confidence"]) for each in desk.filed()] == [("Alice", 7)]


def test_a_press_files_cells_that_nobody_read_before(desk: Desk) -> None:
    desk.press(**WHOLE)
    desk.settle(after=0.0)
    assert len(desk.filed()) == 1


def test_a_press_files_what_stands_also_unchanged(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.settle()
    desk.press(after=7 * 24 * 3600.0)
    desk.settle(after=0.0)
    first, second = desk.filed()
    assert {**first, "comment": None} == second


def test_twice_pressed_is_one_check_in(desk: Desk) -> None:
    desk.press(**WHOLE)
    desk.settle(after=0.0)
    desk.press(after=20.0)
    desk.settle(after=0.0)
    desk.press(after=30.0)
    desk.press(after=1.0)
    desk.settle(after=0.0)
    assert len(desk.filed()) == 1
    assert desk.settles_at() is None


def test_a_press_with_another_value_shortly_after_changes_the_check_in(desk: Desk) -> None:
    desk.press(**WHOLE)
    desk.settle(after=0.0)
    desk.press(after=20.0, confidence=5.0)
    desk.settle(after=0.0)
    assert [each["confidence"] for each in desk.filed()] == [5]


def test_whoever_pressed_is_the_author_else_who_is_named_else_who_edited_last(desk: Desk) -> None:
    share_team(desk)
    desk.press("Bob", **WHOLE)
    desk.settle(after=0.0)
    desk.press("", after=400.0, checked_in_by=("n-Alice",), editor="Alice")
    desk.settle(after=0.0)
    desk.press("", after=400.0, editor="Bob")
    desk.settle(after=0.0)
    assert desk.audit("conflict") == []
    assert [each["by"] for each in desk.filed()] == ["Bob", "Alice", "Bob"]


def test_what_somebody_else_was_typing_is_filed_as_theirs(desk: Desk) -> None:
    share_team(desk)
    desk.type("Alice", **WHOLE)
    desk.press("Bob", after=3.0)
    desk.settle(after=0.0)
    assert [each["by"] for each in desk.filed()] == ["Alice"]


def test_nobody_known_pressed(desk: Desk) -> None:
    desk.press("")
    desk.settle(after=0.0)
    assert desk.filed() == []
    assert desk.note == ("Not filed yet: nobody can tell who pressed the button. Choose yourself in Checked in by and press it again.")
    desk.press("", after=30.0, checked_in_by=("n-Alice",), **WHOLE)  # perhaps somebody else chose her
    desk.settle(after=0.0)
    assert desk.filed() == []
    desk.press("", after=30.0, checked_in_by=("n-Alice",), editor="Alice")
    desk.settle(after=0.0)
    assert [(each["by"], each["confidence"]) for each in desk.filed()] == [("Alice", 7)]
    assert desk.note == ""


def test_whoever_is_named_by_others_is_not_credited(desk: Desk) -> None:
    share_team(desk)
    desk.press("", checked_in_by=("n-Alice",), editor="Bob", **WHOLE)
    desk.settle(after=0.0)
    assert [each["by"] for each in desk.filed()] == ["Bob"]
    [entry] = desk.audit("conflict")
    assert (entry.before, entry.after) == ({"checked_in_by": "n-Alice", "entered_by": "n-Bob"}, {"checked_in_by": "n-Bob"})


def test_whom_we_named_ourselves_says_nothing_of_who_pressed(desk: Desk) -> None:
    share_team(desk)
    desk.type("Alice", **WHOLE)
    desk.settle()
    named = {"checked_in_by": ["n-Alice"]}
    with desk.company.runtime.store.write() as session:
        row = session.get_one(OkrRow, desk.row_id)
        row.agreed, row.shown = {**(row.agreed or {}), **named}, {"told": {**FACE, **named}}  # as the row worker notes what it wrote
    desk.type("Bob", after=3600.0, confidence=2.0, blocker="Bob says it fails")
    desk.press("", after=3.0, checked_in_by=("n-Alice",), editor="Bob")
    desk.settle(after=0.0)
    assert [(each["by"], each["confidence"], each["blocker"]) for each in desk.filed()[1:]] == [("Bob", 2, "Bob says it fails")]


def test_a_press_leaves_words_their_author_s_also_before_anybody_read_them(desk: Desk) -> None:
    share_team(desk)
    desk.type("Alice", **WHOLE)
    desk.settle()
    desk.type("Bob", after=3600.0, confidence=2.0, blocker="Bob says it fails")
    noted(desk)
    desk.press("Alice", after=3.0)
    desk.settle(after=0.0)
    assert [(each["by"], each["confidence"], each["blocker"]) for each in desk.filed()[1:]] == [("Bob", 2, "Bob says it fails")]
    desk.press("Alice", after=3600.0, editor="Bob", comment="Bob's comment, read with the press")
    desk.settle(after=0.0)
    assert [(each["by"], each["comment"]) for each in desk.filed()[2:]] == [("Bob", "Bob's comment, read with the press")]


def test_a_stranger_s_words_wait_on_and_whoever_presses_updates_without_them(desk: Desk) -> None:
    desk.type("Alice", **WHOLE)
    desk.settle()
    with desk.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == "Charlie").values(active=False))
    desk.type("Charlie", after=3600.0, confidence=2.0, blocker="A stranger's words")
    noted(desk)
    desk.settle()
    desk.press("Alice", after=60.0)
    desk.settle(after=0.0)
    assert [(each["by"], each["confidence"], each["blocker"]) for each in desk.filed()[1:]] == [("Alice", 7, None)]
    assert desk.held == {"confidence", "blocker"}
    assert desk.note.startswith("Not filed yet: Charlie is not active here any more")


def noted(desk: Desk) -> None:
    """The row worker has noted what we said: the row differs from it because somebody typed."""
    with desk.company.runtime.store.write() as session:
        session.get_one(OkrRow, desk.row_id).shown = {"told": dict(WHOLE)}


def test_a_press_after_somebody_filed_elsewhere_confirms_that(desk: Desk) -> None:
    file_check_in(desk.company.runtime, KEY_RESULT, {**WHOLE, "confidence": 4}, author="alice@acme.example", source="page", source_id="p-1")
    desk.press(after=60.0)
    desk.settle(after=0.0)
    assert [(each["confidence"], each["source"]) for each in desk.filed()] == [(4, "page"), (4, "row")]


def test_a_press_files_what_the_row_held_before_it_was_a_key_result_s(desk: Desk) -> None:
    desk.cells |= WHOLE
    with desk.company.runtime.store.write() as session:
        row = session.get_one(OkrRow, desk.row_id)
        row.agreed, row.shown = dict(WHOLE), {"told": dict.fromkeys(WHOLE)}  # noted when the row was bound: we said nothing of it
    desk.press()
    desk.settle(after=0.0)
    assert [(each["by"], each["confidence"], each["value"]) for each in desk.filed()] == [("Alice", 7, 42.0)]


def test_a_press_on_a_row_that_lags_behind_does_not_bring_old_words_back(desk: Desk) -> None:
    desk.type(**WHOLE)
    desk.settle()
    desk.pass_(400.0)
    file_check_in(desk.company.runtime, KEY_RESULT, {**WHOLE, "confidence": 4}, author="alice@acme.example", source="page", source_id="p-1")
    desk.press(after=1.0)  # the row still says 7
    desk.settle(after=0.0)
    assert [each["confidence"] for each in desk.filed()] == [7, 4, 4]
