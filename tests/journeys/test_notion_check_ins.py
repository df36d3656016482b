"""Updates without leaving Notion: typed into the row, filed by its button, said in a comment. Real HTTP both ways, a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector.app import create_app
from connector.domain.okr_columns import DatabaseKind
from connector.hosts.notion.sandbox_buttons import press
from connector.services.check_ins import file_check_in
from connector.services.drain import drain
from connector.store.tables import CheckIn, Connection, OkrRow, Person, PersonAccount
from tests.support.okr_notion import NotionRow, OkrScene, okr_world
from tests.support.standin import running
from tests.support.world import SECRET

TITLE = "First invoice sent"
WHOLE = {"Value": 42, "Confidence": 7, "Decision": "none"}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with okr_world(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title=TITLE, start=41.0, target=60.0)
        found.drain()
        yield found


def said(scene: OkrScene) -> list[tuple[Any, ...]]:
    """The check-ins that count: by whom, value, confidence, decision, comment."""
    names = {scene.person(name).id: name for name in ("Alice", "Bob", "Charlie")}
    return [(names[row.author_id or 0], row.value, row.confidence, row.decision, row.comment) for row in counted(scene)]


def counted(scene: OkrScene) -> list[CheckIn]:
    return [row for row in scene.check_ins() if not row.draft]


def settle(scene: OkrScene) -> None:
    """Everything that is due within half a minute."""
    for _ in range(3):
        scene.drain(10.0)


def row(scene: OkrScene) -> NotionRow:
    return scene.row(TITLE)


def rows_of_check_ins(scene: OkrScene) -> list[NotionRow]:
    return scene.rows(DatabaseKind.CHECK_INS)


def test_five_quick_edits_are_one_check_in_which_lands_in_check_ins(scene: OkrScene) -> None:
    for column, value in (("Confidence", 5), ("Confidence", 7), ("Blocker", "Legal"), ("Decision", "approval"), ("Value", 44)):
        row(scene).edit({column: value})
        scene.drain(3.0)
    assert counted(scene) == []
    settle(scene)
    assert said(scene) == [("Alice", 44.0, 7, "approval", None)]
    assert (row(scene)["OKR progress"], row(scene)["Updated by"], row(scene)["Checked in by"]) == (
        pytest.approx(3 / 19),
        "Alice",
        (scene.account("Alice"),),
    )
    [shown] = rows_of_check_ins(scene)
    assert (shown["Value"], shown["Confidence"], shown["Blocker"], shown["Decision"]) == (44.0, 7.0, "Legal", "approval")
    assert (shown["Author"], shown["Key result"]) == ((scene.account("Alice"),), (row(scene).ref,))
    [asked] = scene.rows(DatabaseKind.DECISIONS)
    assert (asked["Kind"], asked["State"], asked["Asked by"]) == ("approval", "asked", "Alice")


def test_afterwards_nothing_goes_on(scene: OkrScene) -> None:
    row(scene).edit(WHOLE)
    settle(scene)
    scene.count()
    settle(scene)
    assert scene.count() == (0, 0)
    assert len(counted(scene)) == 1


def test_a_later_edit_within_the_minutes_changes_the_update_and_its_row(scene: OkrScene) -> None:
    row(scene).edit(WHOLE)
    settle(scene)
    row(scene).edit({"Comment": "Eight more customers", "Value": 45})
    settle(scene)
    assert said(scene) == [("Alice", 45.0, 7, "none", "Eight more customers")]
    [shown] = rows_of_check_ins(scene)
    assert (shown["Value"], shown["Comment"]) == (45.0, "Eight more customers")
    assert row(scene)["Comment"] == "Eight more customers"


def test_two_people_are_two_updates(scene: OkrScene) -> None:
    lead(scene, "Bob")
    row(scene).edit(WHOLE, by="Alice")
    scene.drain(3.0)
    row(scene).edit({"Confidence": 4}, by="Bob")
    settle(scene)
    assert said(scene) == [("Alice", 42.0, 7, "none", None), ("Bob", 42.0, 4, "none", None)]
    assert row(scene)["Updated by"] == "Bob"
    assert len(rows_of_check_ins(scene)) == 2


def test_what_is_wrong_or_missing_stands_in_the_row_and_goes_when_it_is_mended(scene: OkrScene) -> None:
    row(scene).edit({"Value": 42, "Confidence": 11})
    settle(scene)
    assert row(scene)["OKR note"] == "Not filed yet. Confidence: enter a whole number from 1 to 10."
    assert row(scene)["Confidence"] == 11.0
    row(scene).edit({"Confidence": 8})
    settle(scene)
    assert row(scene)["OKR note"] == "Kept as a draft that does not count yet: choose Decision, “none” is a choice too."
    assert rows_of_check_ins(scene) == []
    row(scene).edit({"Decision": "none"})
    settle(scene)
    assert said(scene) == [("Alice", 42.0, 8, "none", None)]
    assert row(scene)["OKR note"] is None


def test_somebody_without_the_right_is_put_back_with_the_reason(scene: OkrScene) -> None:
    row(scene).edit(WHOLE)
    settle(scene)
    row(scene).edit({"Confidence": 1, "Blocker": "I say so", "Value": 10}, by="Charlie")
    settle(scene)
    assert len(said(scene)) == 1
    assert (row(scene)["Confidence"], row(scene)["Blocker"], row(scene)["Value"]) == (7.0, None, 42.0)
    assert (
        row(scene)["OKR note"] == "The update was put back: owners, their teams and leads update key results; ask Alice, who owns this one."
    )
    [entry] = [each for each in scene.audit("put_back") if each.actor == "charlie@acme.example"]
    assert entry.before is not None
    assert entry.before["blocker"] == "I say so"
    row(scene).edit({"Confidence": 6})
    settle(scene)
    assert row(scene)["OKR note"] is None


def test_a_stranger_s_update_waits_until_an_admin_says_who_that_is(scene: OkrScene) -> None:
    row(scene).edit(WHOLE, by="Eve")
    settle(scene)
    assert said(scene) == []
    note = str(row(scene)["OKR note"])
    assert "belongs to no person in the OKR connector" in note
    assert "/people" in note
    assert (row(scene)["Confidence"], row(scene)["Value"]) == (7.0, 42.0)
    enter(scene, "Eve", "lead", linked=True)
    scene.drain(600.0)
    settle(scene)
    with scene.runtime.store.read() as session:
        assert [session.get_one(Person, each.author_id).name for each in counted(scene)] == ["Eve"]
    assert row(scene)["OKR note"] is None


def test_a_stranger_with_an_address_that_is_known_here_is_no_stranger(scene: OkrScene) -> None:
    enter(scene, "Eve", "lead", linked=False)
    row(scene).edit(WHOLE, by="Eve")
    settle(scene)
    with scene.runtime.store.read() as session:
        assert [session.get_one(Person, each.author_id).name for each in counted(scene)] == ["Eve"]


# --- filed elsewhere ---------------------------------------------------------------------------------------------------


def test_an_update_filed_elsewhere_shows_in_the_row_and_is_no_new_edit(scene: OkrScene) -> None:
    row(scene).edit({**WHOLE, "Comment": "Mine"})
    settle(scene)
    scene.company.clock.ahead += 3600
    data = {"value": 48, "confidence": 4, "blocker": "Legal", "decision": "budget", "comment": "From the page"}
    file_check_in(scene.runtime, "kr-setup", data, author="bob@acme.example", source="page", source_id="p-1")
    settle(scene)
    shown = {name: row(scene)[name] for name in ("Value", "Confidence", "Blocker", "Decision", "Comment", "Updated by", "Checked in by")}
    assert shown == {
        "Value": 48.0,
        "Confidence": 4.0,
        "Blocker": "Legal",
        "Decision": "budget",
        "Comment": "From the page",
        "Updated by": "Bob",
        "Checked in by": (scene.account("Bob"),),
    }
    scene.count()
    settle(scene)
    assert [each[0] for each in said(scene)] == ["Alice", "Bob"]
    assert len(rows_of_check_ins(scene)) == 2
    assert scene.count() == (0, 0)


def test_history_is_put_back_when_people_edit_it(scene: OkrScene) -> None:
    row(scene).edit(WHOLE)
    settle(scene)
    [shown] = rows_of_check_ins(scene)
    shown.edit({"Value": 99}, by="Bob")
    settle(scene)
    assert shown["Value"] == 42.0
    assert len(rows_of_check_ins(scene)) == 1
    assert any(each.actor == "bob@acme.example" for each in scene.audit("put_back"))
    assert "“Value” was put back" in str(shown["OKR note"])


# --- trouble -----------------------------------------------------------------------------------------------------------


def test_a_write_that_was_committed_and_answered_503_makes_no_second_row(scene: OkrScene) -> None:
    scene.sandbox.fail(method="POST", path="/v1/pages$", status=503, commit=True)
    row(scene).edit(WHOLE)
    settle(scene)
    scene.drain(120.0)
    settle(scene)
    assert len(said(scene)) == 1
    assert len(rows_of_check_ins(scene)) == 1


def test_a_process_that_dies_after_filing_files_nothing_twice(scene: OkrScene) -> None:
    row(scene).edit(WHOLE)
    scene.drain(3.0)
    before = scene.row_here(row(scene).ref)
    settle(scene)
    with scene.runtime.store.write() as session:
        fresh = session.get_one(OkrRow, before.id)
        fresh.typing, fresh.settle_at = before.typing, before.settle_at
    settle(scene)
    assert len(said(scene)) == 1
    assert len(rows_of_check_ins(scene)) == 1


# --- the button --------------------------------------------------------------------------------------------------------


@pytest.fixture
def button(scene: OkrScene) -> Iterator[Button]:
    with running(create_app(scene.runtime)) as door:
        yield Button(scene, f"{door}/webhooks/acme-notion")


class Button:
    """A "Check in" button in Notion, with the secret header entered by hand."""

    def __init__(self, scene: OkrScene, address: str) -> None:
        self.scene, self.address = scene, address

    def press(self, page: str = "", *, by: str = "", secret: str = SECRET, attempts: int = 1) -> bool:
        """Press it; whether the automation still runs afterwards."""
        box = self.scene.sandbox
        box.webhook_url, box.secret = self.address, secret
        try:
            press(box, page or row(self.scene).ref, self.scene.account(by) if by else "", attempts=attempts)
            box.flush()
        finally:
            box.webhook_url = box.secret = ""
        return not box.button_paused


def test_a_press_files_at_once_and_twice_is_one(scene: OkrScene, button: Button) -> None:
    row(scene).edit(WHOLE)
    assert button.press(by="Alice")
    scene.drain(1.0)
    assert said(scene) == [("Alice", 42.0, 7, "none", None)]
    assert button.press(by="Alice")
    scene.drain(20.0)
    assert button.press(by="Alice", attempts=3)
    settle(scene)
    assert len(said(scene)) == 1
    scene.company.clock.ahead += 7 * 24 * 3600
    assert button.press(by="Alice")
    settle(scene)
    assert len(said(scene)) == 2  # also when nothing is new: nothing moved, and that is said today


def test_a_press_without_a_name_is_by_who_is_named_in_the_row_else_who_edited_it(scene: OkrScene, button: Button) -> None:
    lead(scene, "Bob")
    row(scene).edit({**WHOLE, "Checked in by": ["Bob"]}, by="Bob")
    assert button.press()
    scene.drain(1.0)
    assert [each[0] for each in said(scene)] == ["Bob"]


def test_a_press_elsewhere_is_taken_and_left_alone_and_a_wrong_secret_is_not(scene: OkrScene, button: Button) -> None:
    page = scene.world.add_page("Not ours")
    assert button.press(page)
    settle(scene)
    assert said(scene) == []
    assert not button.press(secret="a wrong secret")
    settle(scene)
    assert said(scene) == []


# --- comments ----------------------------------------------------------------------------------------------------------


def say(scene: OkrScene, text: str, by: str = "Alice", on: str = "") -> str:
    return str(scene.world.add_comment(on or row(scene).ref, text, scene.account(by))["id"])


def answers(scene: OkrScene) -> list[str]:
    bot = scene.world.data["bot"]
    comments = scene.world.data["comments"].values()
    return ["".join(each["plain_text"] for each in comment["rich_text"]) for comment in comments if comment["created_by"] == bot]


def test_a_comment_on_the_row_files_an_update_and_is_answered_once(scene: OkrScene) -> None:
    say(scene, "/okr 44 confidence 7 blocker: waiting for legal decision: none")
    settle(scene)
    assert said(scene) == [("Alice", 44.0, 7, "none", None)]
    [text] = answers(scene)
    assert "“First invoice sent” is updated: value 44\xa0%, confidence 7, a blocker, no decision needed." in text
    assert (row(scene)["Confidence"], row(scene)["Blocker"]) == (7.0, "waiting for legal")
    assert len(rows_of_check_ins(scene)) == 1
    scene.count()
    settle(scene)
    assert scene.count() == (0, 0)


def test_an_edited_comment_is_carried_out_anew_and_its_answer_follows(scene: OkrScene) -> None:
    comment = say(scene, "/okr 44 confidence 7 decision: none")
    settle(scene)
    scene.world.edit_comment(comment, "/okr 45 confidence 6 decision: none")
    settle(scene)
    assert [each[1] for each in said(scene)] == [44.0, 45.0]
    [text] = answers(scene)
    assert "value 45\xa0%" in text
    scene.world.delete_comment(comment)
    settle(scene)
    assert len(said(scene)) == 2


def test_on_an_objective_the_key_result_is_named(scene: OkrScene) -> None:
    scene.key_result("kr-other", title="Second", start=0.0, target=10.0)
    scene.drain()
    objective = scene.row("Objective onboarding", DatabaseKind.OBJECTIVES)
    say(scene, "/okr confidence 7 decision none", on=objective.ref)
    settle(scene)
    assert "This page serves kr-other (Second), kr-setup (First invoice sent)" in answers(scene)[-1]
    say(scene, "/okr kr-other 5 confidence 7 decision none", on=objective.ref)
    say(scene, "/okr help", on=objective.ref)
    settle(scene)
    assert [(row.key_result_id, row.value) for row in counted(scene)] == [("kr-other", 5.0)]
    assert any("the key result that this page serves" in text for text in answers(scene))


def test_comments_without_a_command_elsewhere_and_by_strangers(scene: OkrScene) -> None:
    page = scene.world.add_page("Not ours")
    scene.drain()
    scene.count()
    say(scene, "/okr 44", on=page)
    scene.drain(1.0)
    assert scene.count() == (0, 0)  # a page that shows nothing of ours costs no request
    say(scene, "Nice")
    scene.drain(1.0)
    assert scene.count() == (1, 0)
    say(scene, "/okr 44 confidence 7 decision none", by="Eve")
    settle(scene)
    assert "belongs to no person" in answers(scene)[-1]
    assert said(scene) == []


def test_two_connections_to_one_workspace_answer_once(scene: OkrScene) -> None:
    other = scene.company.connection("acme-notion-2", "notion", scene.url, {"token": scene.sandbox.token})
    with scene.runtime.store.write() as session:
        session.execute(update(Connection).values(site=scene.world.data["workspace"], bot_id=scene.world.data["bot"]))
    scene.company.objective("elsewhere", pages=[{"connection": other, "ref": row(scene).ref}])
    say(scene, "/okr 44 confidence 7 decision none")
    told = scene.sandbox.events[-1]
    scene.company.deliver(other, told)
    drain(scene.runtime, other)
    settle(scene)
    drain(scene.runtime, other)
    assert len(said(scene)) == 1
    assert len(answers(scene)) == 1


def test_a_command_costs_few_requests(scene: OkrScene) -> None:
    scene.count()
    say(scene, "/okr status")
    scene.drain(1.0)
    assert scene.count() == (1, 1)  # the comment, the answer


# --- scenes ------------------------------------------------------------------------------------------------------------


def lead(scene: OkrScene, name: str) -> None:
    with scene.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == name).values(role="lead"))


def enter(scene: OkrScene, name: str, role: str, *, linked: bool) -> None:
    """An admin enters a person here."""
    with scene.runtime.store.write() as session:
        person = Person(email=f"{name.lower()}@acme.example", name=name, role=role)
        session.add(person)
        session.flush()
        if linked:
            session.add(PersonAccount(person_id=person.id, connection_id=scene.connection, account=scene.account(name)))
