"""The panel of an issue as the app's bundle gets it: what it says, to whom, and at what cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import update

from connector.domain.rights import Viewer
from connector.services.forge import issue_reading
from connector.store.tables import Connection, Cycle, Item, KeyResult, Mapping, MappingDay, Objective, Team, TeamMember
from tests.support.counting import statements
from tests.support.forge import ALICE, BOB, CHARLIE, STRANGER
from tests.support.issue_scene import EPIC, OTHER, STORY, IssueScene, issue_scene, several

MOST_STATEMENTS = 11


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[IssueScene]:
    with issue_scene(tmp_path, database_url) as made:
        yield made


def html_of(scene: IssueScene, *given: str) -> str:
    return str((scene.panel(*given).json or {})["html"])


# --- what it says ----------------------------------------------------------------------------------------------------------


def test_an_epic_shows_its_chain_its_number_and_why_and_each_goal_one_click_away(scene: IssueScene) -> None:
    text = scene.text()
    assert "ACME-1 Send button on the first screen First invoice sent in 7 days · Bob New customers succeed in their first week" in text
    assert "Run your books from one place now 42 %" in text
    assert "told by Bob from 41 % 5 % · expected" in text
    assert "to 60 % Stalled same value for 5 check-ins" in text
    assert "Flat but confident, what makes this safe?" in text
    assert "Movement flat 0 points since" in text
    assert "Confidence 7 /10" in text
    assert "Blocker, ask none" in text
    links = re.findall(r'<a[^>]* href="([^"]+)"([^>]*)>', html_of(scene))
    assert {address for address, _ in links} == {
        "https://okr.acme.example/key-results/kr-invoice",
        "https://okr.acme.example/objectives/onboarding",
        "https://okr.acme.example/objectives/books",
    }
    assert all("data-open" in rest for _, rest in links)


def test_the_part_of_an_epic_and_of_a_story_in_the_work_is_told_in_points(scene: IssueScene) -> None:
    text = scene.text()
    assert "This epic 13 of 20 points done, 33 % of the work context: never moves the value" in text
    assert "43 of 60 points done in 9 linked issues 5 done, 1 in progress, 3 to do 1 issue without points" in text
    assert "This epic 30 of 40 points done, 67 % of the work" in scene.text(OTHER)
    text = scene.text(STORY)
    assert text.startswith("Key result of this issue ACME-11 Step 1, in ACME-1 First invoice")
    assert "This issue 8 of 60 points, done" in text
    assert "This issue no points yet, not done yet" in scene.text("ACME-14")


def test_a_value_that_work_moves_says_that_a_machine_read_it(scene: IssueScene) -> None:
    scene.company.key_result("kr-setup", title="Guided set-up shipped")
    scene.map("kr-setup", ["ACME-90"], measure="done_share", mode="value", empty="own_status")
    text = scene.text("ACME-90")
    assert "read by sync · Jira, just now from 0 %" in text
    assert "number only, no owner comment" in text
    assert "Updated never" in text
    assert "Guided set-up shipped · Alice output" in text
    assert "never moves the value" not in text


def test_growth_of_the_scope_is_told_only_where_a_night_has_counted_it(scene: IssueScene) -> None:
    assert " since " not in scene.text().partition("43 of 60")[2]
    with scene.company.runtime.store.write() as session:
        first = scene.company.runtime.now().date() - timedelta(days=30)
        for days, count in ((-20, 2), (0, 6), (7, 8)):  # before the cycle, its first night, a later one
            session.add(MappingDay(mapping_id=1, day=first + timedelta(days=days), items=count, done=1))
    assert f"+3 issues since {first.day} " in scene.text()


def test_a_blocker_has_an_age_and_somebody_and_an_ask_says_since_when(scene: IssueScene) -> None:
    for days in (9, 2):
        link = {"connection": 1, "ref": "10003", "key": "ACME-12", "url": "https://acme.example/browse/ACME-12"}
        scene.check_in(
            "kr-invoice",
            days,
            value=40.0,
            confidence=3,
            blocker="ACME-12 Legal",
            blocker_link=link,
            decision="budget",
            comment="Two <weeks> more",
        )
    scene.count_again()
    text = scene.text()
    assert "Ask: budget asked 9 days ago, by Bob" in text
    assert "Blocker: ACME-12 Legal for 9 days, with Bob" in text
    assert "Two <weeks> more" in text
    assert "Two &lt;weeks&gt; more" in html_of(scene)
    assert "Note below the starting point" in text
    assert "Movement slipping" in text or "Movement flat" in text


def test_work_that_stands_still_is_asked_about_until_somebody_confirms_it(scene: IssueScene) -> None:
    with scene.company.runtime.store.write() as session:
        session.execute(update(Item).where(Item.key.in_(("ACME-12", "ACME-20", "ACME-10"))).values(status="Blocked"))  # ACME-10 is done
    text = scene.text()
    counted = "2 linked issues have a status that says nothing moves"
    assert f"Blocker? {counted} seen in the linked work · not yet confirmed by Bob" in text
    assert not re.search(r"ACME-12|ACME-20|Step 2", text)  # who sees the epic need not see those
    scene.panel("ACME-12")  # since then it is known that Alice sees it
    text = scene.text()
    assert "Blocker? ACME-12 has the status “Blocked” and 1 more seen in the linked work" in text
    assert "Step 2" not in text
    scene.panel("ACME-12", STRANGER)
    assert counted in scene.text(account=STRANGER)  # nobody of ours
    assert counted in scene.text(account=BOB)
    scene.check_in("kr-invoice", 0, value=42.0, blocker="Legal")
    scene.count_again()
    assert "Blocker: Legal since today, with Bob" in scene.text()
    assert "Blocker?" not in scene.text()


def test_the_address_of_a_blocker_is_never_a_script(scene: IssueScene) -> None:
    scene.check_in("kr-invoice", 1, blocker="Legal", blocker_link={"key": "ACME-12", "url": "javascript:alert(1)"})
    scene.count_again()
    assert "javascript" not in html_of(scene)
    assert "ACME-12" in scene.text()


def test_another_author_than_the_owner_and_a_delayed_number_are_marked(scene: IssueScene) -> None:
    scene.check_in("kr-invoice", 1, by="Alice", value=44.0, delayed=True)
    scene.count_again()
    day = scene.company.runtime.now() - timedelta(days=1)
    assert re.search(rf"now 44 % as of {day.day} \w+, delayed told by Alice", scene.text())
    assert re.search(rf"Updated {day.day} \w+, Alice", scene.text())


def test_a_key_result_without_a_reading_says_so_and_shows_no_zero(scene: IssueScene) -> None:
    scene.company.key_result("kr-errors", title="Error rate", kind="at_most", start=None, target=1.0, owner_id=None)
    scene.map("kr-errors", ["ACME-90"], measure="done_count", mode="context")
    text = scene.text("ACME-90")
    assert "now no reading yet no source not known at most 1 % No data no reading yet" in text
    assert "Confidence not stated yet Updated never" in text
    assert "No linked issues yet" in text
    assert "This epic no issues below it are counted yet" not in text
    assert "0 %" not in text
    assert '<svg class="spark"' not in html_of(scene, "ACME-90")


def test_a_parked_connection_is_named_with_its_mend(scene: IssueScene) -> None:
    scene.set(Connection, scene.forge.connection, parked_at=scene.company.runtime.now(), parked_reason="Jira no longer accepts the token")
    told = "The connection acme-jira is parked: Jira no longer accepts the token. Numbers stay as they were until an admin mends it."
    assert f"{told} Open the connection" in scene.text()
    assert told in scene.text(account=BOB)
    assert "Open the connection" not in scene.text(account=BOB)


def test_a_closed_cycle_is_read_only(scene: IssueScene) -> None:
    today = scene.company.runtime.now().date()
    scene.set(Cycle, 1, name="2026-Q3", start=today - timedelta(days=100), end=today - timedelta(days=5))
    scene.count_again()
    text = scene.text()
    assert "Closed closed" in text
    assert "The cycle 2026-Q3 is over: values and confidence are frozen." in text
    assert "Update" not in text.replace("Updated", "")
    assert "updates it" not in text


def test_the_words_of_people_are_never_markup_and_a_strict_content_policy_holds(scene: IssueScene) -> None:
    scene.set(KeyResult, "kr-invoice", title='<img src=x onerror="alert(1)">')
    scene.set(Item, 1, title="<script>alert(2)</script>")
    html = html_of(scene)
    assert "<img" not in html
    assert "<script" not in html
    assert not [tag for tag in re.findall(r"<[^>]+>", html) if re.search(r"^<(script|style|link|img)|\s(style|src|on\w+)=", tag)]


class _Shape(HTMLParser):
    """Headings, ids and the order of open elements of a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.headings += [tag] if tag in ("h1", "h2", "h3") else []
        self.ids += [str(value) for name, value in attrs if name == "id"]
        if tag not in ("br", "rect", "path", "circle", "line", "use", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_fragment_is_well_formed_and_has_one_first_heading(scene: IssueScene) -> None:
    for number in range(2):
        shape = _Shape()
        shape.feed(html_of(scene))
        assert shape.open == []
        assert len(shape.ids) == len(set(shape.ids))
        assert shape.headings == (["h1", "h2", "h2"] if number else ["h1"])
        if not number:
            scene.company.key_result("kr-more")
            scene.map("kr-more", [EPIC], measure="done_share", mode="context")


# --- to whom ---------------------------------------------------------------------------------------------------------------


def test_who_may_update_gets_the_button_and_others_the_owners_name(scene: IssueScene) -> None:
    button = 'data-get="/forge/v1/check-in/kr-invoice"'
    assert button in html_of(scene)
    assert button in html_of(scene, EPIC, BOB)
    for account in (CHARLIE, STRANGER):
        assert button not in html_of(scene, EPIC, account)
        assert "Open key result" in scene.text(account=account)
        assert "Bob updates it" in scene.text(account=account)
    with scene.company.runtime.store.write() as session:
        team = Team(name="Books")
        session.add(team)
        session.flush()
        session.execute(update(Objective).values(team_id=team.id))
        session.add(TeamMember(team_id=team.id, person_id=scene.person("Charlie")))
    assert button in html_of(scene, EPIC, CHARLIE)


def test_ones_own_draft_waits_to_be_finished_until_one_has_said_more(scene: IssueScene) -> None:
    scene.check_in("kr-invoice", 1, by="Bob", draft=True, value=43.0, decision=None)
    assert "Finish your draft" in scene.text(account=BOB)
    assert "Finish your draft" not in scene.text()
    assert "43 %" not in scene.text(account=BOB)  # a draft is no update
    scene.check_in("kr-invoice", 0.5, by="Bob", value=43.0)
    assert "Finish your draft" not in scene.text(account=BOB)


def test_a_restricted_objective_is_not_even_hinted_at(scene: IssueScene) -> None:
    hidden = scene.text("ACME-90", CHARLIE).replace("ACME-90", "ACME-1")
    scene.set(Objective, "onboarding", restricted=True)
    assert scene.text(account=CHARLIE) == scene.text(account=STRANGER) == hidden
    assert "restricted" in scene.text(account=BOB)  # its owner


def test_the_goal_above_is_left_out_for_those_who_may_not_know_of_it(scene: IssueScene) -> None:
    scene.set(Objective, "books", restricted=True)
    text = scene.text(account=CHARLIE)
    assert "New customers succeed" in text
    assert "Run your books" not in text
    assert "objectives/books" not in html_of(scene, EPIC, CHARLIE)


def test_a_draft_objective_is_shown_to_those_who_write(scene: IssueScene) -> None:
    scene.set(Objective, "onboarding", stage="draft")
    assert "First invoice sent in 7 days · Bob draft" in scene.text()
    assert "serves no key result" in scene.text(account=CHARLIE)
    scene.set(Objective, "onboarding", stage="ready")
    scene.set(Cycle, 1, started_at=None)
    for account in (ALICE, BOB):  # who writes, and its owner
        assert "First invoice sent in 7 days · Bob scheduled" in scene.text(account=account)
    for account in (CHARLIE, STRANGER):
        assert "serves no key result" in scene.text(account=account)
    scene.forge.person("charlie@acme.example", CHARLIE, "champion")
    assert "First invoice sent in 7 days · Bob scheduled" in scene.text(account=CHARLIE)


def test_a_goal_ahead_of_its_cycle_is_left_out_of_the_chain(scene: IssueScene) -> None:
    scene.company.objective("next", cycle="next year")
    scene.set(Objective, "next", title="What comes next year")
    scene.set(Objective, "onboarding", supports_id="next")
    assert "What comes next year" in scene.text(account=CHARLIE)
    with scene.company.runtime.store.write() as session:
        session.execute(update(Cycle).where(Cycle.name == "next year").values(started_at=None))
    assert "What comes next year" not in scene.text(account=CHARLIE)
    assert "What comes next year" in scene.text()


def test_an_issue_that_serves_nothing_offers_the_way_to_map_it(scene: IssueScene) -> None:
    assert scene.text("ACME-90").startswith("Key result of this issue ACME-90 serves no key result yet.")
    found = re.search(r'href="([^"]+)" data-open>Map this issue', html_of(scene, "ACME-90"))
    assert found
    assert found[1].replace("&amp;", "&").startswith("https://okr.acme.example/mappings/new?connection=acme-jira&kind=issues")
    assert "issues=ACME-90" in found[1]
    for account in (BOB, STRANGER):
        text = scene.text("ACME-90", account)
        assert "serves no key result that you can see." in text
        assert "Map this issue" not in text
        assert "Leads and admins map epics" in text
    place = {"issue": {"id": scene.ref("ACME-90"), "key": '"><b>ACME-1'}}
    answer = scene.forge.call("GET", "/forge/v1/issue", extension=place)
    assert answer.status_code == 200
    assert "<b>" not in answer.json["html"]
    assert "This issue serves no key result" in answer.json["html"]


def test_an_unmapped_epic_is_mapped_as_an_epic(scene: IssueScene) -> None:
    scene.set(Mapping, 1, retired_at=scene.company.runtime.now())
    place = {"issue": {"id": scene.ref(EPIC), "key": EPIC, "type": "Epic"}}
    html = str((scene.forge.call("GET", "/forge/v1/issue", extension=place).json or {})["html"])
    assert "kind=epics&amp;epic=ACME-1" in html
    assert "A subtask" not in html


def test_somebody_whom_jira_does_not_show_the_issue_gets_no_panel(scene: IssueScene) -> None:
    scene.forge.atlassian.hidden.add((CHARLIE, scene.ref(EPIC)))
    answer = scene.panel(account=CHARLIE)
    assert answer.status_code == 403
    assert "Jira does not let you see this issue" in answer.json["detail"]
    assert "First invoice" not in answer.text


# --- at what cost ----------------------------------------------------------------------------------------------------------


def test_a_panel_asks_jira_once_and_then_not_at_all(scene: IssueScene) -> None:
    def calls() -> int:
        return len(scene.forge.jira.log)

    before = calls()
    scene.text()
    assert calls() == before + 1
    scene.text()
    assert calls() == before + 1


@pytest.mark.databases("sqlite", "postgres")
def test_a_panel_takes_the_same_few_statements_for_one_key_result_and_for_many(scene: IssueScene) -> None:
    def reads() -> int:
        with statements(scene.company.runtime.store) as told, scene.company.runtime.store.read() as session:
            viewer = Viewer("bob", "member", scene.person("Bob"))
            told.clear()
            issue_reading.read_issue(session, viewer, scene.forge.connection, scene.ref(STORY))
        return sum(each.lstrip().upper().startswith(("SELECT", "WITH")) for each in told)

    few = reads()
    several(scene, 5)
    assert few == reads() <= MOST_STATEMENTS
