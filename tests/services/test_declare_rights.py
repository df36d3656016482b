"""What ``apply`` says of roles, teams, forums, drafts and reasons; and that a file which does not say it leaves it as it is."""

# ruff: noqa: E501  # a table of cases reads better with one case a line

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from connector.services.declare.apply import apply_text
from connector.services.drain import settle
from connector.store.tables import (
    Cycle,
    Forum,
    KeyResult,
    Mapping,
    Objective,
    ObjectiveReader,
    Panel,
    Person,
    Team,
    TeamMember,
)
from tests.services.conftest import Scene

EVERYTHING = (
    ('email: alice@acme.example, name: Alice, accounts: {acme-jira: "5b', 'email: alice@acme.example, name: Alice, role: lead, accounts: {acme-jira: "5b'),
    (
        "teams: [{name: Growth, lead: alice@acme.example}]",
        "  - {email: bob@acme.example, name: Bob}\n"
        "  - {email: cleo@acme.example, name: Cleo, role: champion}\n"
        "forums: [{name: Growth review, caller: bob@acme.example}]\n"
        "teams: [{name: Growth, lead: alice@acme.example, members: [cleo@acme.example, bob@acme.example], forum: Growth review}]",
    ),
    ("end: 2099-12-31}", "end: 2099-12-31, started: false}"),
    ("    supports: null", "    stage: draft\n    restricted: true\n    readers: [cleo@acme.example]\n    supports: null"),
    ("        target: 900", "        target: 900\n        by_hand: true"),
    ("measure: done_share, mode: value}", "measure: done_share, mode: value, owner: bob@acme.example}"),
)  # fmt: skip
PLAIN_PEOPLE = (
    "teams: [{name",
    "  - {email: bob@acme.example, name: Bob}\n  - {email: cleo@acme.example, name: Cleo}\nteams: [{name",
)


def lines(outcome: object) -> list[str]:
    return [str(change) for change in outcome.changes]  # type: ignore[attr-defined]


def stored(scene: Scene) -> dict[str, object]:
    """Everything that the optional keys say, as the database holds it."""
    emails = {row.id: row.email.partition("@")[0] for row in scene.rows(Person)}
    with scene.runtime.store.read() as session:
        members = sorted(emails[each] for each in session.scalars(select(TeamMember.person_id)))
        readers = sorted(emails[each] for each in session.scalars(select(ObjectiveReader.person_id)))
    team, cycle, objective = scene.rows(Team)[0], scene.rows(Cycle)[0], scene.row(Objective, "onboarding")
    forums = {row.id: (row.name, emails.get(row.caller_id), row.retired_at is None) for row in scene.rows(Forum)}
    return {
        "roles": {emails[row.id]: row.role for row in scene.rows(Person)},
        "members": members,
        "forum": forums.get(team.forum_id),
        "started": cycle.started_at is not None,
        "objective": (objective.stage, objective.restricted, readers),
        "by_hand": scene.row(KeyResult, "kr-signups").by_hand,
        "owner": emails.get(scene.rows(Mapping)[0].owner_id),
    }


SAID = {
    "roles": {"alice": "lead", "bob": "member", "cleo": "champion"},
    "members": ["bob", "cleo"],
    "forum": ("Growth review", "bob", True),
    "started": False,
    "objective": ("draft", True, ["cleo"]),
    "by_hand": True,
    "owner": "bob",
}


@pytest.mark.databases("sqlite", "postgres")
def test_all_of_it_is_stored_and_a_second_run_changes_nothing(scene: Scene, database_kind: str) -> None:
    scene.apply(*EVERYTHING)
    assert stored(scene) == SAID
    before = scene.dump()
    assert scene.apply(*EVERYTHING).changes == ()
    assert scene.dump() == before


@pytest.mark.databases("sqlite", "postgres")
def test_a_file_that_does_not_say_it_leaves_it(scene: Scene, database_kind: str) -> None:
    scene.apply(*EVERYTHING)
    before = scene.dump()
    assert scene.apply(PLAIN_PEOPLE).changes == ()
    assert scene.dump() == before


def test_what_was_set_on_the_pages_survives_an_old_file(scene: Scene) -> None:
    scene.apply(PLAIN_PEOPLE)
    with scene.runtime.store.write() as session:
        forum = Forum(name="Board")
        session.add(forum)
        session.flush()
        session.execute(update(Team).values(forum_id=forum.id))
        session.execute(update(Person).values(role="champion"))
        session.execute(update(Objective).values(restricted=True))
    scene.apply(PLAIN_PEOPLE, ("target: 100", "target: 90"))
    assert stored(scene)["forum"] == ("Board", None, True)
    assert stored(scene)["objective"] == ("ready", True, [])
    assert {row.role for row in scene.rows(Person)} == {"champion"}


def test_a_key_without_a_value_means_its_default(scene: Scene) -> None:
    scene.apply(*EVERYTHING)
    emptied = [
        (
            old,
            new.replace("role: lead", "role: null").replace(
                "[cleo@acme.example, bob@acme.example], forum: Growth review", "null, forum: null"
            ),
        )
        for old, new in EVERYTHING
    ]
    emptied[2] = ("end: 2099-12-31}", "end: 2099-12-31, started: null}")
    emptied[3] = ("    supports: null", "    stage: null\n    restricted: null\n    readers: null\n    supports: null")
    emptied[4] = ("        target: 900", "        target: 900\n        by_hand: null")
    emptied[5] = ("measure: done_share, mode: value}", "measure: done_share, mode: value, owner: null}")
    scene.apply(*emptied)
    assert stored(scene) == {
        "roles": {"alice": "member", "bob": "member", "cleo": "champion"},
        "members": [],
        "forum": None,
        "started": True,
        "objective": ("ready", False, []),
        "by_hand": False,
        "owner": None,
    }


def test_the_plan_tells_each_of_them(scene: Scene) -> None:
    scene.apply(PLAIN_PEOPLE)
    assert lines(scene.apply(*EVERYTHING)) == [
        "update person alice@acme.example: role member → lead",
        "update person cleo@acme.example: role member → champion",
        "create forum Growth review",
        "update team Growth: members changed, forum none → “Growth review”",
        "update cycle 2026-Q4: started yes → no",
        "update objective onboarding: stage ready → draft, restricted no → yes, readers changed",
        "update key result kr-signups: by_hand no → yes",
        "update mapping kr-setup: acme-jira epics ACME-1 and ACME-7, done_share, owner none → bob@acme.example",
    ]


def test_forums_that_leave_a_file_that_names_forums_are_retired(scene: Scene) -> None:
    scene.apply(*EVERYTHING)
    without = [(old, new.replace("forums: [{name: Growth review, caller: bob@acme.example}]", "forums: []")) for old, new in EVERYTHING]
    without = [(old, new.replace(", forum: Growth review", "")) for old, new in without]
    assert lines(scene.apply(*without)) == ["retire forum Growth review"]
    assert scene.rows(Forum)[0].retired_at is not None
    assert scene.rows(Team)[0].forum_id is None
    assert scene.apply(*without).changes == ()
    assert lines(scene.apply(*EVERYTHING)) == [
        "update forum Growth review: brought back",
        "update team Growth: forum none → “Growth review”",
    ]


def test_a_new_cycle_is_started_unless_the_file_says_otherwise(scene: Scene) -> None:
    scene.apply()
    assert scene.rows(Cycle)[0].started_at is not None
    begun = scene.rows(Cycle)[0].started_at
    scene.apply(("end: 2099-12-31", "end: 2099-12-30"))
    assert scene.rows(Cycle)[0].started_at == begun


def test_panels_are_wanted_again_when_an_objective_or_its_cycle_goes_into_hiding(scene: Scene) -> None:
    for change in (
        ("    supports: null", "    stage: draft\n    supports: null"),
        ("    supports: null", "    restricted: true\n    stage: ready\n    supports: null"),
        ("end: 2099-12-31", "end: 2099-12-31, started: false"),
    ):
        scene.apply()
        settle(scene.runtime)
        with scene.runtime.store.write() as session:
            session.execute(update(Panel).values(done=Panel.wanted))
        scene.apply(change)
        assert scene.rows(Panel)
        assert all(panel.wanted > panel.done for panel in scene.rows(Panel) if panel.objective_id)


def test_every_change_carries_its_reason(scene: Scene) -> None:
    scene.apply()
    assert {each.reason for each in scene.audit()} == {"applied from a file"}
    apply_text(scene.runtime, scene.text(("target: 100", "target: 90")), scene.environ, reason="  agreed in the   review ")
    assert scene.audit()[-1].reason == "agreed in the review"


def test_an_admin_whom_the_file_does_not_name_is_not_shut_out(scene: Scene) -> None:
    with scene.runtime.store.write() as session:
        session.add_all(
            [Person(email="root@acme.example", name="Root", role="admin"), Person(email="m@acme.example", name="M", role="member")]
        )
    outcome = scene.apply()
    assert "retire person m@acme.example" in lines(outcome)
    assert [note for note in outcome.notes if "root@acme.example is an admin whom the file does not name" in note]
    assert {row.email: row.active for row in scene.rows(Person)} == {
        "alice@acme.example": True, "root@acme.example": True, "m@acme.example": False
    }  # fmt: skip
    assert scene.apply().changes == ()
    named = ("teams: [{name", "  - {email: root@acme.example, name: Root, active: false}\nteams: [{name")
    assert lines(scene.apply(named)) == ["update person root@acme.example: active yes → no"]


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (("name: Alice,", "name: Alice, role: chief,"), "people[0].role", "unknown role 'chief'"),
        (("lead: alice@acme.example}]", "lead: alice@acme.example, members: [bob@acme.example]}]"), "teams[0].members[0]", "add them under people"),
        (("lead: alice@acme.example}]", "lead: alice@acme.example, members: alice@acme.example}]"), "teams[0].members", "must be a list"),
        (("lead: alice@acme.example}]", "lead: alice@acme.example, forum: Board}]"), "teams[0].forum", "no forum is called 'Board'"),
        (("teams: [", "forums: [{name: A}, {name: A}]\nteams: ["), "forums[1].name", "two forums are called 'A'"),
        (("teams: [", "forums: [{caller: alice@acme.example}]\nteams: ["), "forums[0].name", "name is missing"),
        (("teams: [", "forums: [{name: A, caller: bob@acme.example}]\nteams: ["), "forums[0].caller", "add them under people"),
        (("end: 2099-12-31", "end: 2099-12-31, started: soon"), "cycles.2026-Q4.started", "must be true or false"),
        (("    supports: null", "    stage: raedy"), "objectives[0].stage", "did you mean \"ready\"?"),
        (("    supports: null", "    restricted: 1"), "objectives[0].restricted", "must be true or false"),
        (("    supports: null", "    readers: [bob@acme.example]"), "objectives[0].readers[0]", "add them under people"),
        (("        target: 900", "        target: 900\n        by_hand: perhaps"), "objectives[0].key_results[1].by_hand", "must be true or false"),
        (("mode: value}\n          - {connection: acme-jira", "mode: value, owner: bob@acme.example}\n          - {connection: acme-jira"),
         "objectives[0].key_results[0].mappings[0].owner", "add them under people"),
    ],
)  # fmt: skip
def test_each_mistake_names_line_and_field(scene: Scene, change: tuple[str, str], where: str, words: str) -> None:
    found = [each for each in scene.refused(change) if each[1] == where]
    assert found, scene.refused(change)
    assert words in found[0][2]
    assert found[0][0] > 1
