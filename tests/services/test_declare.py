"""``apply`` against a real database and two stand-ins: what it makes, that it is idempotent, and what it leaves alone."""

# ruff: noqa: E501  # lines of YAML stay whole

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from connector.domain.rights import SYSTEM
from connector.queue import InlineQueue
from connector.services import connections
from connector.services.declare.apply import apply_text
from connector.services.drain import drain, settle
from connector.services.listing import list_all
from connector.services.sign_in import links, sessions
from connector.store.tables import (
    Audit,
    Connection,
    Cycle,
    KeyResult,
    Mapping,
    Objective,
    Panel,
    Person,
    PersonAccount,
    Team,
)
from tests.services.conftest import SECRETS, Scene

JQL = "          - {connection: acme-jira, select: {jql: 'project = ACME AND labels = onboarding'}, measure: {sum: \"Story Points\", of: done}, mode: context}\n"
EPICS = "          - {connection: acme-jira, select: {epics: [ACME-1, ACME-7]}, measure: done_share, mode: value}\n"


def lines(outcome: object) -> list[str]:
    return [str(change) for change in outcome.changes]  # type: ignore[attr-defined]


def work_all(scene: Scene) -> None:
    for _ in range(2):
        for connection in scene.rows(Connection):
            if connection.retired_at is None:
                list_all(scene.runtime, connection.id)
                drain(scene.runtime, connection.id)
        settle(scene.runtime)


@pytest.mark.databases("sqlite", "postgres")
def test_the_example_file_makes_everything(scene: Scene, database_kind: str) -> None:
    outcome = scene.apply()
    assert outcome.written
    assert lines(outcome)[:7] == [
        "create connection acme-jira",
        "create connection acme-notion",
        "create person alice@acme.example",
        "create team Growth",
        "create cycle 2026-Q4",
        "create objective onboarding",
        "create key result kr-setup",
    ]
    assert "create mapping kr-setup: acme-jira epics ACME-1 and ACME-7, done_share" in lines(outcome)
    assert outcome.unchanged == 0
    jira = scene.connection("acme-jira")
    assert scene.runtime.vault.open(jira.auth) == {"email": "bot@acme.example", "api_token": "sandbox-token"}
    assert jira.webhook_secret is not None
    assert scene.runtime.vault.open(jira.webhook_secret) == "jira-webhook-secret"
    assert jira.bot_id == "5b10a2844c20165700ede21g"
    assert jira.account == "OKR bot (bot@acme.example)"
    alice = scene.rows(Person)[0]
    assert {each.account for each in scene.rows(PersonAccount)} == {"5b10a2844c20165700ede21g", "6a2f…"}
    assert scene.rows(Team)[0].lead_id == alice.id
    assert scene.rows(Cycle)[0].end.isoformat() == "2099-12-31"
    objective = scene.row(Objective, "onboarding")
    assert objective.pages == [{"connection": scene.connection("acme-notion").id, "ref": scene.page}]
    key_result = scene.row(KeyResult, "kr-setup")
    assert (key_result.owner_id, key_result.unit, key_result.start, key_result.target) == (alice.id, "%", 0.0, 100.0)
    assert key_result.wanted > key_result.done
    first, _, third = scene.rows(Mapping)
    assert set(first.resolved["refs"]) == {"ACME-1", "ACME-7"}
    assert first.wanted > first.done
    assert third.resolved["containers"] == [scene.source]
    assert {each.action for each in scene.rows(Audit)} == {"create"}
    assert isinstance(scene.runtime.queue, InlineQueue)
    assert {job for job, _ in scene.runtime.queue.nudges} == {"settle", "drain", "list"}


@pytest.mark.databases("sqlite", "postgres")
def test_a_second_run_changes_nothing(scene: Scene, database_kind: str) -> None:
    scene.apply()
    work_all(scene)
    before = scene.dump()
    scene.jira.forget_log()
    outcome = scene.apply()
    assert outcome.changes == ()
    assert outcome.unchanged == 11
    assert not outcome.written
    assert scene.dump() == before
    assert scene.jira.log == []


def test_the_numbers_follow(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    assert scene.row(KeyResult, "kr-setup").current == pytest.approx(100 / 3)
    assert scene.row(KeyResult, "kr-signups").current == 450.0
    assert len(scene.jira.calls("remotelink", "POST")) >= 2


def test_a_dry_run_asks_the_hosts_and_writes_nothing(scene: Scene) -> None:
    before = scene.dump()
    outcome = scene.apply(dry_run=True)
    assert len(outcome.changes) == 11
    assert not outcome.written
    assert scene.dump() == before
    assert scene.jira.calls("myself")
    assert isinstance(scene.runtime.queue, InlineQueue)
    assert not scene.runtime.queue.nudges


def test_a_changed_target_is_told_and_computed_again(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    outcome = scene.apply(("target: 100", "target: 90"))
    assert lines(outcome) == ["update key result kr-setup: target 100 → 90"]
    assert outcome.unchanged == 10
    row = scene.row(KeyResult, "kr-setup")
    assert row.target == 90.0
    assert row.wanted > row.done
    assert scene.audit()[-1].before == {"target": 100.0}
    assert scene.audit()[-1].after == {"target": 90.0}
    assert all(panel.wanted > panel.done for panel in scene.rows(Panel))


def test_a_changed_mapping_is_a_new_one_and_the_others_keep_their_ids(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    first, second, third = scene.rows(Mapping)
    outcome = scene.apply(("epics: [ACME-1, ACME-7]", "epics: [ACME-1]"))
    assert lines(outcome) == [
        "create mapping kr-setup: acme-jira epics ACME-1, done_share",
        "retire mapping kr-setup: acme-jira epics ACME-1 and ACME-7, done_share",
    ]
    rows = scene.rows(Mapping)
    assert [row.id for row in rows if row.retired_at is None] == [second.id, third.id, rows[3].id]
    assert rows[0].id == first.id
    assert rows[3].resolved["refs"] == {"ACME-1": first.resolved["refs"]["ACME-1"]}
    work_all(scene)
    # The panel at the epic that no longer feeds anything is cleared.
    cleared = next(each for each in scene.rows(Panel) if each.ref == first.resolved["refs"]["ACME-7"])
    assert cleared.key_results == []
    assert scene.row(KeyResult, "kr-setup").current == 50.0


def test_reordered_mappings_move_and_keep_what_was_resolved(scene: Scene) -> None:
    scene.apply()
    before = {row.id: (row.resolved, row.wanted) for row in scene.rows(Mapping)}
    outcome = scene.apply((EPICS + JQL, JQL + EPICS))
    assert [change.details[-1] for change in outcome.changes] == ["moved", "moved"]
    assert {row.id: (row.resolved, row.wanted) for row in scene.rows(Mapping)} == before
    assert [row.position for row in scene.rows(Mapping)] == [1, 0, 0]


def test_what_leaves_the_file_is_retired_and_comes_back_with_its_history(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    ids = [row.id for row in scene.rows(Mapping)]
    start = scene.text().index("      - id: kr-signups")
    short = (scene.text()[start:], "")
    outcome = scene.apply(short)
    assert lines(outcome) == [
        "retire key result kr-signups",
        f"retire mapping kr-signups: acme-notion database {scene.database}, sum Seats",
    ]
    assert scene.row(KeyResult, "kr-signups").retired_at is not None
    assert scene.apply(short).changes == ()
    back = scene.apply()
    assert lines(back) == [
        "update key result kr-signups: brought back",
        f"update mapping kr-signups: acme-notion database {scene.database}, sum Seats, brought back",
    ]
    assert [row.id for row in scene.rows(Mapping)] == ids
    work_all(scene)
    assert scene.row(KeyResult, "kr-signups").current == 450.0


def test_an_empty_file_retires_all_of_it(scene: Scene) -> None:
    scene.apply()
    text = scene.text()
    outcome = scene.apply((text, "version: 1\n"))
    assert {change.action for change in outcome.changes} == {"retire"}
    assert len(outcome.changes) == 11
    assert not scene.rows(Person)[0].active
    assert scene.apply((text, "version: 1\n")).changes == ()
    assert len(scene.apply().changes) == 11
    assert scene.rows(Person)[0].active
    assert len(scene.rows(PersonAccount)) == 2


def test_a_moved_page_clears_the_old_one(scene: Scene) -> None:
    scene.apply()
    work_all(scene)
    other = scene.notion.world.add_page("Other")
    outcome = scene.apply((scene.page, other))
    assert lines(outcome) == ["update objective onboarding: panels changed"]
    work_all(scene)
    shown = {panel.ref: panel.key_results for panel in scene.rows(Panel)}
    assert shown[scene.page] == []
    assert shown[other] == ["kr-setup", "kr-signups"]


def test_new_credentials_unpark_and_a_new_secret_keeps_the_old_one_for_a_day(scene: Scene) -> None:
    scene.apply()
    before = scene.connection("acme-jira")
    with scene.runtime.store.write() as session:
        connections.park(session, before.id, "401", scene.runtime.now())
        session.execute(update(Connection).where(Connection.id == before.id).values(bot_id="former"))
    scene.jira.world.settings["api_token"] = "another-token"
    scene.environ |= {"JIRA_TOKEN": "another-token", "JIRA_WEBHOOK_SECRET": "another-webhook-secret"}
    outcome = scene.apply()
    assert lines(outcome) == ["update connection acme-jira: credentials changed, webhook secret changed"]
    row = scene.connection("acme-jira")
    assert row.parked_at is None
    assert row.bot_id == "5b10a2844c20165700ede21g"
    assert row.previous_webhook_secret is not None
    assert scene.runtime.vault.open(row.previous_webhook_secret) == "jira-webhook-secret"
    assert row.previous_secret_until is not None
    assert timedelta(hours=23) < row.previous_secret_until - scene.runtime.now() <= timedelta(hours=24)
    assert scene.apply().changes == ()


def test_no_secret_gets_into_plan_audit_or_notes(scene: Scene) -> None:
    outcome = scene.apply()
    scene.environ["JIRA_WEBHOOK_SECRET"] = "another-webhook-secret"
    second = scene.apply()
    told = repr((outcome, second, [(each.before, each.after) for each in scene.audit()]))
    for secret in {*SECRETS.values(), *scene.environ.values()}:
        assert secret not in told


def test_a_notion_connection_without_secret_is_armed_for_a_day(scene: Scene) -> None:
    gone = ('    webhook_secret: "${NOTION_WEBHOOK_SECRET}"   # the verification token\n', "")
    outcome = scene.apply(gone)
    assert any("/webhooks/acme-notion" in note for note in outcome.notes)
    armed = scene.connection("acme-notion").armed_until
    assert armed is not None
    assert timedelta(hours=23) < armed - scene.runtime.now() <= timedelta(hours=24)
    assert scene.apply(gone).changes == ()
    scene.clock.ahead += 25 * 3600
    assert lines(scene.apply(gone)) == ["update connection acme-notion: waiting for the verification token"]
    with scene.runtime.store.write() as session:  # the handshake came
        session.execute(
            update(Connection)
            .where(Connection.name == "acme-notion")
            .values(webhook_secret=scene.runtime.vault.seal("told"), armed_until=None)
        )
    assert scene.apply(gone).changes == ()
    assert scene.connection("acme-notion").webhook_secret is not None


def test_a_jira_connection_without_secret_is_warned_about(scene: Scene) -> None:
    outcome = scene.apply(('    webhook_secret: "${JIRA_WEBHOOK_SECRET}"\n', ""))
    assert any(warning.startswith("acme-jira has no webhook_secret") for warning in outcome.warnings)


def test_a_host_that_is_silent_is_a_warning_and_is_resolved_later(scene: Scene) -> None:
    scene.jira.fail(status=503, times=1000)
    outcome = scene.apply()
    assert outcome.written
    assert [warning for warning in outcome.warnings if warning.startswith("acme-jira: could not be checked now, will be when it answers")]
    first = scene.rows(Mapping)[0]
    assert first.resolved is None
    assert first.wanted > first.done
    scene.jira.faults.clear()
    work_all(scene)
    assert scene.row(KeyResult, "kr-setup").current == pytest.approx(100 / 3)


def test_an_epic_in_two_key_results_of_an_objective_is_warned_about(scene: Scene) -> None:
    extra = "      - id: kr-signups\n"
    other = f"""      - {{id: kr-more, title: More, owner: alice@acme.example, unit: "%", start: 0, target: 50, mappings: [
          {{connection: acme-jira, select: {{epics: [ACME-7]}}, measure: done_share}}]}}
{extra}"""
    outcome = scene.apply((extra, other))
    assert any("ACME-7 (acme-jira) moves kr-setup and kr-more" in warning for warning in outcome.warnings)


def test_two_people_may_swap_their_accounts(scene: Scene) -> None:
    one = '  - {email: alice@acme.example, name: Alice, accounts: {acme-jira: "5b10a2844c20165700ede21g", acme-notion: "6a2f…"}}\n'
    both = (
        "  - {email: alice@acme.example, name: Alice, accounts: {acme-jira: A}}\n  - {email: Bob@acme.example, accounts: {acme-jira: B}}\n"
    )
    swapped = both.replace("{acme-jira: A}", "{acme-jira: X}").replace("jira: B", "jira: A").replace("jira: X", "jira: B")
    scene.apply((one, both))
    outcome = scene.apply((one, swapped))
    assert lines(outcome) == ["update person alice@acme.example: accounts changed", "update person bob@acme.example: accounts changed"]
    people = {person.id: person.email for person in scene.rows(Person)}
    assert {people[each.person_id]: each.account for each in scene.rows(PersonAccount)} == {
        "alice@acme.example": "B",
        "bob@acme.example": "A",
    }


@pytest.mark.parametrize(
    ("change", "signed_in", "link"),
    [
        (", active: false", False, False),
        (", role: champion", True, False),
        (", name: Robert", True, True),
        (None, False, False),
    ],
    ids=["not active", "another role", "another name", "not in the file"],
)
def test_the_file_signs_out_who_is_not_active_and_ends_links_of_a_former_role(
    scene: Scene, change: str | None, signed_in: bool, link: bool
) -> None:
    people = "people:\n"
    bob = people + "  - {email: bob@acme.example"
    scene.apply((people, bob + "}\n"))
    [number] = [each.id for each in scene.rows(Person) if each.email == "bob@acme.example"]
    key = sessions.begin(scene.runtime, number, "link")
    once = links.make(scene.runtime, SYSTEM, "bob@acme.example").rpartition("/")[2]
    scene.apply((people, people if change is None else f"{bob}{change}}}\n"))
    scene.apply((people, bob + "}\n"))
    assert (sessions.find(scene.runtime, key) is not None) is signed_in
    assert (links.look(scene.runtime, once) is not None) is link


def test_an_account_moves_to_a_persons_new_address(scene: Scene) -> None:
    scene.apply()
    outcome = scene.apply(("alice@acme.example", "alice.new@acme.example"))
    assert "retire person alice@acme.example" in lines(outcome)
    assert len(scene.rows(PersonAccount)) == 2
    assert scene.apply(("alice@acme.example", "alice.new@acme.example")).changes == ()


def test_objectives_may_support_each_other_in_any_order_of_the_file(scene: Scene) -> None:
    top = "  - {id: company, title: Company, cycle: 2026-Q4}\n"
    text = scene.text(("supports: null", "supports: company")) + top
    outcome = apply_text(scene.runtime, text, scene.environ)
    assert outcome.written
    assert scene.row(Objective, "onboarding").supports_id == "company"


@pytest.mark.databases("sqlite", "postgres")
def test_every_kind_of_key_result_is_stored_and_stays_the_same(scene: Scene, database_kind: str) -> None:
    text = """\
version: 1
people: [{email: a@b.c}]
cycles: {Q1: {start: "2026-01-01", end: 2099-03-31}}
objectives:
  - id: all-kinds
    title: All kinds
    cycle: Q1
    key_results:
      - {id: a, title: A, owner: A@B.C, start: 50, target: 10, decimals: 1, checkpoints: [{value: 30, progress: 0.5}]}
      - {id: b, title: B, owner: a@b.c, kind: at_least, target: 99.5, unit: "%", strict: true}
      - {id: c, title: C, owner: a@b.c, kind: at_most, target: 1, weight: 0, cadence: fortnightly}
      - {id: d, title: D, owner: a@b.c, kind: between, low: 1, high: 2.5}
      - {id: e, title: E, owner: a@b.c, kind: yes_no}
      - {id: f, title: F, owner: a@b.c, kind: milestones, milestones: [Plan, {title: Build, weight: 2, done: true}],
         phased_targets: [{day: 2026-02-01, value: 0.5}]}
"""
    outcome = apply_text(scene.runtime, text, {})
    assert outcome.written
    assert outcome.warnings == ("objective all-kinds has 6 key results; more than 5 are hard to keep in view",)
    assert apply_text(scene.runtime, text, {}).changes == ()
    settle(scene.runtime)
    assert scene.row(KeyResult, "f").milestones[1] == {"title": "Build", "weight": 2.0, "done": True}
    assert scene.row(KeyResult, "f").progress == pytest.approx(2 / 3)
    assert scene.row(KeyResult, "c").cadence == "fortnightly"
