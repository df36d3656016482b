"""Webhooks that end: set up with the login's own secret, kept alive by the clock, made again, and taken away at the end."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from connector import schedule
from connector.domain.rights import SYSTEM
from connector.errors import Conflict
from connector.hosts.jira import oauth
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services import doctor_connections, drain
from connector.services.connecting import health, keeping, report, saving, webhooks
from connector.services.listing import list_all
from connector.store.tables import Connection, Delivery
from tests.support import permitted
from tests.support.standin import running
from tests.support.world import Company, company

DAY = 86_400


@pytest.fixture
def jira() -> JiraSandbox:
    box = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}, {"key": "ACME-2", "parent": "ACME-1"}]})
    box.add_issue(key="WEB-1", project="WEB", type="Epic")
    box.world.settings["client_secret"] = "the-client-secret-of-the-app"
    return box


@pytest.fixture
def url(jira: JiraSandbox) -> Iterator[str]:
    with running(jira) as address:
        yield address


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path, public_url="https://okr.acme.example") as found:
        found.objective()
        found.key_result("kr-setup")
        yield found


def map_to(acme: Company, connection: int, **select: object) -> None:
    acme.mapping("kr-setup", connection, select=select, measure="done_share", mode="value")
    list_all(acme.runtime, connection)


def connected(acme: Company, jira: JiraSandbox, url: str) -> int:
    ident = permitted.connect(acme, jira, url)
    with acme.runtime.store.write() as session:
        session.get_one(Connection, ident).webhook_secret = None
    return ident


def kept(acme: Company, ident: int) -> dict[str, object]:
    return dict(permitted.row_of(acme, ident).webhook or {})


def check_of(acme: Company, name: str = "acme-jira") -> report.Check:
    with acme.runtime.store.read() as session:
        facts = health.health(acme.runtime, session, SYSTEM, name).facts
    return next(each for each in report.checks_of(facts, acme.runtime.now(), UTC) if each.name == "Webhook's end")


def test_it_is_set_up_with_the_apps_own_secret_which_nobody_sees(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    map_to(acme, ident, epics=["ACME-1"])
    made = webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    assert (made.created, made.secret, made.steps) == (True, "", ())
    row = permitted.row_of(acme, ident)
    assert row.webhook_secret is not None
    assert acme.runtime.vault.open(row.webhook_secret) == jira.permissions.client[1]
    facts = kept(acme, ident)
    assert (facts["kept"], facts["containers"], facts["wanted"]) == (True, ["ACME"], ["ACME"])
    assert [hook["jqlFilter"] for hook in jira.permissions.webhooks.values()] == ['project in ("ACME")']
    check = check_of(acme)
    assert check.mark == report.FINE
    assert "30 days left" in check.finding
    assert check.finding.endswith("for ACME")
    again = webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    assert again.created
    assert permitted.row_of(acme, ident).previous_webhook_secret is None
    assert len(jira.permissions.webhooks) == 1


def test_where_jira_does_not_take_it_nothing_is_changed_and_no_secret_shown(acme: Company, jira: JiraSandbox, url: str) -> None:
    auth = permitted.permit(jira, url, " ".join(scope for scope in oauth.SCOPES if "webhook" not in scope))
    ident = acme.connection("acme-jira", "jira", url, auth)
    before = permitted.row_of(acme, ident).webhook_secret
    made = webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    assert (made.created, made.secret) == (False, "")
    assert "manage:jira-webhook" in made.why
    assert any("plugins/servlet/webhooks" in step for step in made.steps)
    assert permitted.row_of(acme, ident).webhook_secret == before
    assert check_of(acme).mark == report.BROKEN


def test_the_clock_asks_for_it_daily_and_when_the_projects_change(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    map_to(acme, ident, epics=["ACME-1"])
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    queue = acme.runtime.queue
    queue.nudges.clear()  # type: ignore[attr-defined]
    schedule.keep_webhooks(acme.runtime)
    assert queue.waiting() == 0
    map_to(acme, ident, epics=["WEB-1"])
    schedule.keep_webhooks(acme.runtime)
    assert ("webhook", (ident,)) in queue.nudges  # type: ignore[attr-defined]
    assert keeping.keep(acme.runtime, ident)
    assert kept(acme, ident)["containers"] == ["ACME", "WEB"]
    assert keeping.due(acme.runtime) == []
    acme.clock.ahead = 21 * 3600
    assert keeping.due(acme.runtime) == [ident]


def test_it_lives_on_for_months_and_a_lost_one_comes_back(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    first = kept(acme, ident)["id"]
    begun = time.time()
    for day in range(1, 70):
        with time_machine.travel(begun + day * DAY):
            if keeping.due(acme.runtime):
                keeping.keep(acme.runtime, ident)
            left = [hook["expirationDate"] / 1000 - time.time() for hook in jira.permissions.webhooks.values()]
            assert len(left) == 2
            assert min(left) > 22 * DAY
    assert kept(acme, ident)["id"] == first
    assert 8 <= len(jira.calls("webhook/refresh")) <= 12
    jira.permissions.webhooks.clear()
    with time_machine.travel(begun + 71 * DAY):
        assert keeping.keep(acme.runtime, ident)
    assert len(jira.permissions.webhooks) == 2
    assert kept(acme, ident)["id"] != first


def test_a_project_that_is_gone_does_not_make_it_busy_every_hour(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    map_to(acme, ident, epics=["ACME-1", "GONE-1"])
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    assert kept(acme, ident)["containers"] == []
    assert keeping.due(acme.runtime) == []
    assert "the whole site" in check_of(acme).finding


def test_a_query_without_bounds_takes_the_whole_site(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    map_to(acme, ident, jql="labels = okr")
    assert webhooks.wanted_containers(acme.runtime, permitted.row_of(acme, ident)) == ()


def test_what_cannot_be_kept_is_told_by_health_and_doctor(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    row = permitted.row_of(acme, ident)
    ends = datetime.now(UTC) + timedelta(days=9)
    for facts, mark, words in (
        ({"created": True, "ends_at": ends.isoformat()}, report.LATE, "was not prolonged"),
        ({"created": True, "ends_at": "2026-01-02T00:00:00+00:00"}, report.BROKEN, "ended on 2026-01-02"),
        ({"created": False, "why": "Jira did not take it"}, report.BROKEN, "Jira did not take it"),
    ):
        with acme.runtime.store.write() as session:
            session.get_one(Connection, ident).webhook = {**(row.webhook or {}), **facts}
        assert check_of(acme).mark == mark
        assert words in check_of(acme).finding
        finding = doctor_connections._kept(
            permitted.row_of(acme, ident), "webhook acme-jira", "https://okr.acme.example/webhooks/acme-jira"
        )
        assert finding is not None
        assert "connections/acme-jira/webhook" in finding.mend
    assert keeping.due(acme.runtime) == []  # looked at a moment ago; tomorrow again


def test_a_host_that_does_not_answer_is_noted_and_left_for_the_next_hour(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    before = kept(acme, ident)
    jira.fail(path="/webhook", status=503)
    assert keeping.keep(acme.runtime, ident) is False
    assert kept(acme, ident) == before
    assert permitted.row_of(acme, ident).failures == 1


def test_a_replaced_client_secret_signs_after_the_permission_is_given_again(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = connected(acme, jira, url)
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    jira.world.settings["client_secret"] = "the-next-client-secret-of-the-app"
    draft, tested = saving.try_renewal(acme.runtime, SYSTEM, "acme-jira", {"auth": permitted.permit(jira, url)})
    saving.save_renewal(acme.runtime, SYSTEM, draft, tested)
    assert ("webhook", (ident,)) in acme.runtime.queue.nudges  # type: ignore[attr-defined]
    assert keeping.keep(acme.runtime, ident)
    row = permitted.row_of(acme, ident)
    assert acme.runtime.vault.open(row.webhook_secret or "") == "the-next-client-secret-of-the-app"
    assert acme.runtime.vault.open(row.previous_webhook_secret or "") == "the-client-secret-of-the-app"


def test_it_is_taken_away_when_the_connection_ends(acme: Company, jira: JiraSandbox, url: str) -> None:
    connected(acme, jira, url)
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    with pytest.raises(Conflict):
        webhooks.take_away(acme.runtime, SYSTEM, "acme-jira", "another-version")
    assert jira.permissions.webhooks
    assert webhooks.take_away(acme.runtime, SYSTEM, "acme-jira")
    assert jira.permissions.webhooks == {}
    saving.retire(acme.runtime, SYSTEM, "acme-jira")


def test_a_host_that_refuses_does_not_keep_a_connection_from_ending(acme: Company, jira: JiraSandbox, url: str) -> None:
    connected(acme, jira, url)
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    jira.fail(path="/webhook", status=403, times=3)
    assert webhooks.take_away(acme.runtime, SYSTEM, "acme-jira") is False
    saving.retire(acme.runtime, SYSTEM, "acme-jira")


def test_deliveries_of_the_app_reach_the_key_result(acme: Company, jira: JiraSandbox, url: str) -> None:
    """From the stand-in's change over HTTP, by the token alone, to a stored delivery that is worked off."""
    from connector.app import create_app

    ident = connected(acme, jira, url)
    map_to(acme, ident, epics=["ACME-1"])
    webhooks.register(acme.runtime, SYSTEM, "acme-jira")
    with running(create_app(acme.runtime)) as door:
        for hook in jira.permissions.webhooks.values():
            hook["url"] = f"{door}/webhooks/acme-jira"
        jira.set_status("ACME-2", "done")
        assert jira.hooks.wait()
    assert jira.hooks.sent == [("jira:issue_updated", 200)]
    with acme.runtime.store.read() as session:
        (stored,) = session.query(Delivery).all()
    assert b"matchedWebhookIds" in (zlib.decompress(stored.body) if stored.packed else stored.body)
    assert "authorization" not in stored.headers
    drain.drain(acme.runtime, ident)
    drain.settle(acme.runtime)
    assert acme.row("kr-setup").current == 100.0
