"""A key result's numbers at a goal of Atlassian: linked, exported once for each change, and never a reason to stop other work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from connector.cli import cli
from connector.errors import Conflict, InputError, NotFound
from connector.schedule import nightly
from connector.services import check_ins
from connector.services.drain import drain, settle
from connector.services.goals import linking
from connector.store.tables import Audit, Connection, GoalTarget, KeyResult, Objective
from tests.support.goals import GoalsSite
from tests.support.standin import running
from tests.support.world import Company, company

AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}


@dataclass
class World:
    """A company whose Jira site keeps goals; ``kr-setup`` stands at 10."""

    people: Company
    site: GoalsSite
    connection: int
    goal: str

    def link(self, name: str = "kr-setup", goal: str = "ACME-1", **more: Any) -> linking.Made:
        return linking.link(self.people.runtime, name, goal, "acme-jira", **more)

    def say(self, value: float, name: str = "kr-setup") -> None:
        check_ins.file_check_in(
            self.people.runtime, name, {"value": value, "confidence": 7, "decision": "none"}, author="alice@acme.example"
        )
        settle(self.people.runtime)

    def work(self, later: float = 60.0) -> None:
        self.people.clock.ahead += later
        drain(self.people.runtime, self.connection)

    def row(self, name: str = "kr-setup") -> GoalTarget:
        with self.people.runtime.store.read() as session:
            return session.get_one(GoalTarget, name)

    def shown(self) -> list[tuple[str, float, float, float]]:
        return self.site.shown(self.goal)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    site = GoalsSite()
    goal = site.add("ACME-1", "Win new customers")
    with running(site) as url, company(tmp_path, atlassian_goals=True) as people:
        connection = people.connection("acme-jira", "jira", url, AUTH)
        people.objective()
        people.key_result("kr-setup", title="First invoice sent", start=5.0)
        made = World(people, site, connection, goal)
        made.say(10)
        yield made


def test_a_linked_key_result_is_shown_and_follows(world: World) -> None:
    made = world.link()
    assert (made.goal.name, made.target) == ("Win new customers", "")
    world.work()
    assert world.shown() == [("First invoice sent (%)", 5.0, 100.0, 10.0)]
    world.say(42.5)
    world.work()
    assert world.shown() == [("First invoice sent (%)", 5.0, 100.0, 42.5)]
    assert world.row().exported_at is not None
    assert len(world.site.written) == 2


def test_equal_numbers_are_not_written(world: World) -> None:
    world.link()
    world.work()
    asked = len(world.site.asked)
    world.say(10)
    nightly(world.people.runtime)
    world.work()
    assert len(world.site.asked) == asked


@pytest.mark.parametrize("goal", ["acme-1", "https://home.atlassian.com/o/x/s/y/goal/ACME-1/about", "id"])
def test_a_goal_is_named_by_key_address_or_id(world: World, goal: str) -> None:
    assert world.link(goal=world.goal if goal == "id" else goal).goal.id == world.goal


def test_an_existing_metric_target_is_written_and_of_several_one_is_chosen(world: World) -> None:
    one = world.site.add("ACME-2", "With one", ["Revenue"])
    assert world.link(goal="ACME-2").target
    world.work()
    assert world.site.shown(one) == [("Revenue", 5.0, 100.0, 10.0)]

    several = world.site.add("ACME-3", "With two", ["Revenue", "Churn"])
    with pytest.raises(Conflict, match=r"choose one with --target: .*\(Revenue\).*\(Churn\)"):
        world.link(goal="ACME-3")
    chosen = list(world.site.goals[several]["targets"])[1]
    world.link(goal="ACME-3", target=chosen)
    world.work()
    assert world.site.shown(several) == [("Revenue", 0.0, 1.0, 0.0), ("Churn", 5.0, 100.0, 10.0)]


def test_what_has_no_value_yet_is_not_exported(world: World) -> None:
    world.people.key_result("kr-new", title="New")
    world.link("kr-new")
    world.work()
    assert world.shown() == []


@pytest.mark.parametrize(
    ("columns", "numbers"),
    [
        ({"kind": "yes_no", "unit": "", "start": None, "target": None}, (0.0, 1.0)),
        ({"kind": "metric", "start": 9.0, "target": 3.0, "unit": "days"}, (9.0, 3.0)),
    ],
)
def test_kinds_that_lead_from_here_to_there(world: World, columns: dict[str, Any], numbers: tuple[float, float]) -> None:
    world.people.key_result("kr-kind", title="Kind", **columns)
    world.say(1, "kr-kind")
    world.link("kr-kind")
    world.work()
    [(_, start, target, now)] = world.shown()
    assert (start, target, now) == (*numbers, 1.0)


def test_what_cannot_be_linked_says_why(world: World) -> None:
    world.people.key_result("kr-bound", kind="at_most", start=None, target=3.0)
    with pytest.raises(InputError, match="keeps within a bound"):
        world.link("kr-bound")
    with pytest.raises(InputError, match="enter a goal's key such as ACME-12"):
        world.link(goal="my goal")
    with pytest.raises(NotFound, match="there is no goal ACME-99"):
        world.link(goal="ACME-99")
    with pytest.raises(NotFound, match="no key result"):
        world.link("kr-none")
    with pytest.raises(NotFound, match="no connection"):
        linking.link(world.people.runtime, "kr-setup", "ACME-1", "none")
    world.people.connection("acme-notion", "notion", "https://notion.example", {"token": "x"})
    with pytest.raises(InputError, match="of a host without goals"):
        linking.link(world.people.runtime, "kr-setup", "ACME-1", "acme-notion")
    world.people.connection("app", "jira", "https://acme.example", {"cloud_id": "x", "client_id": "a", "client_secret": "b"})
    with pytest.raises(InputError, match="take an e-mail address with an API token without scopes"):
        linking.link(world.people.runtime, "kr-setup", "ACME-1", "app")
    assert linking.listed(world.people.runtime) == []


@pytest.mark.parametrize("hidden", [{"restricted": True}, {"stage": "draft"}])
def test_what_not_everybody_may_know_never_leaves(world: World, hidden: dict[str, Any]) -> None:
    world.link()
    world.work()
    with world.people.runtime.store.write() as session:
        session.execute(update(Objective).values(**hidden))
    asked = len(world.site.asked)
    with pytest.raises(InputError, match="restricted, a draft"):
        world.link()
    world.say(77)
    world.work()
    assert len(world.site.asked) == asked
    assert "not shown outside any more" in (world.row().error or "")


def test_nothing_is_asked_while_the_setting_is_off(tmp_path: Path) -> None:
    site = GoalsSite()
    goal = site.add("ACME-1", "Win")
    with running(site) as url, company(tmp_path) as people:
        connection = people.connection("acme-jira", "jira", url, AUTH)
        people.objective()
        people.key_result("kr-setup")
        with pytest.raises(InputError, match="goals are off; set OKR_ATLASSIAN_GOALS=1"):
            linking.link(people.runtime, "kr-setup", "ACME-1", "acme-jira")
        with people.runtime.store.write() as session:
            session.add(GoalTarget(id="kr-setup", connection_id=connection, goal=goal, wanted=1))
        world = World(people, site, connection, goal)
        world.say(10)
        world.work()
    assert site.asked == []


# --- trouble -----------------------------------------------------------------------------------------------------------

BUSY = {"data": {"goals_byId": None}, "errors": [{"message": "slow down", "extensions": {"statusCode": 429}}]}


@pytest.mark.parametrize(
    "fault",
    [(429, {"Retry-After": "2"}, {"message": "slow down"}), (200, {}, BUSY), (503, {}, b""), (200, {}, b"<html>Sign in</html>")],
    ids=["429", "429 in a 200", "503", "a page"],
)
def test_an_outage_delays_the_export_and_nothing_else(world: World, fault: tuple[int, dict[str, str], Any]) -> None:
    world.link()
    world.site.faults = [fault, fault]
    world.work()
    assert world.shown() == []
    with world.people.runtime.store.read() as session:
        row = session.get_one(Connection, world.connection)
        assert (row.paused_until, row.parked_at, row.failures) == (0.0, None, 0)
    for _ in range(4):
        world.work(30)
    assert world.shown() == [("First invoice sent (%)", 5.0, 100.0, 10.0)]
    assert world.row().error is None


def test_a_refusal_is_told_once_and_parks_nothing(world: World) -> None:
    world.link()
    world.site.login = "another:token"
    world.work()
    world.work()
    [told] = linking.listed(world.people.runtime)
    assert "401" in told.error
    assert "sandbox-token" not in told.error
    with world.people.runtime.store.read() as session:
        assert session.get_one(Connection, world.connection).parked_at is None
    world.site.login = "bot@acme.example:sandbox-token"
    nightly(world.people.runtime)
    world.work()
    assert world.shown() == [("First invoice sent (%)", 5.0, 100.0, 10.0)]


def test_an_error_of_the_change_itself_counts_though_the_answer_is_200(world: World) -> None:
    world.link()
    world.work()
    world.say(50)
    refused = {"success": False, "errors": [{"message": "the goal is archived"}]}
    world.site.faults = [(200, {}, {"data": {"goals_editMetricTarget": refused}})]
    world.work()
    assert "the goal is archived" in (world.row().error or "")
    world.say(51)
    world.work()
    assert (world.shown()[0][3], world.row().error) == (51.0, None)


def test_errors_beside_what_was_asked_for_do_not_matter(world: World) -> None:
    world.link()
    world.work()
    world.say(50)
    partial = {"data": {"goals_editMetricTarget": {"success": True, "errors": None}}, "errors": [{"message": "an avatar is missing"}]}
    world.site.faults = [(200, {}, partial)]
    world.work()
    assert world.row().error is None


def test_a_lost_answer_adds_no_second_metric_target(world: World) -> None:
    world.link()
    world.site.lose_answers = 1
    world.work()
    world.work()
    assert world.shown() == [("First invoice sent (%)", 5.0, 100.0, 10.0)]


def test_a_metric_target_that_was_deleted_there_is_made_again(world: World) -> None:
    world.link()
    world.work()
    world.site.goals[world.goal]["targets"].clear()
    world.say(50)
    world.work()
    world.work()
    assert world.shown() == [("First invoice sent (%)", 5.0, 100.0, 50.0)]


def test_a_title_cannot_break_out_of_the_query(world: World) -> None:
    with world.people.runtime.store.write() as session:
        session.execute(update(KeyResult).values(title='A "quoted" \\ title\n{ } #  ü'))
    world.link()
    world.work()
    assert world.shown()[0][0] == 'A "quoted" \\ title { } # ü (%)'


# --- the command -------------------------------------------------------------------------------------------------------


def test_the_command_links_lists_and_unlinks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = world.people.runtime.settings
    monkeypatch.setenv("OKR_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("OKR_SECRET_KEY", "k" * 40)
    monkeypatch.setenv("OKR_ALLOW_PRIVATE_HOSTS", "1")
    monkeypatch.setenv("OKR_ATLASSIAN_GOALS", "1")
    monkeypatch.setattr("connector.cli.opening._check_schema", lambda settings: None)  # the tables were made without migrations

    def run(*arguments: str) -> tuple[int, str]:
        told = CliRunner().invoke(cli, ["goals", *arguments])
        return told.exit_code, told.output

    assert run("list") == (0, "no links; make one with: okr-connector goals link KR GOAL --connection NAME\n")
    code, told = run("link", "kr-setup", "ACME-1", "--connection", "acme-jira")
    assert (code, told) == (0, "kr-setup is shown at ACME-1 “Win new customers”: a metric target is added\n")
    assert "not exported yet" in run("list")[1]
    world.work()
    assert "exported 20" in run("list")[1]
    assert run("unlink", "kr-setup")[0] == 0
    assert run("unlink", "kr-setup")[0] != 0
    with world.people.runtime.store.read() as session:
        actions = [row.action for row in session.query(Audit) if "goal" in row.action]
    assert actions == ["link_goal", "unlink_goal"]
