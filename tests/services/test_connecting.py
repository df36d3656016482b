"""Connections as services: what the wizard's parts promise without a page, on both databases where SQL is in question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Faults, Forbidden, HostError, InputError, NotFound
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.changes import Stale
from connector.services.connecting import checks, drafts, health, report, rotation, saving, webhooks
from connector.services.connecting.kinds import KINDS, kind_of
from connector.services.connecting.report import Facts, LastRun
from connector.services.sync import sync_connection
from connector.store.tables import Audit, Connection, Delivery, Run
from connector.store.vault import Vault
from tests.support.standin import running
from tests.support.world import Company, company

ADMIN = Viewer("ada@acme.example", "admin", 1)
NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
LOGIN = {"email": "bot@acme.example", "api_token": "sandbox-token"}


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        yield found


@pytest.fixture
def jira() -> Iterator[tuple[JiraSandbox, str]]:
    sandbox = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}, {"key": "ACME-2", "parent": "ACME-1"}]})
    with running(sandbox) as url:
        yield sandbox, url


def row_of(acme: Company, name: str = "acme-jira") -> Connection:
    with acme.runtime.store.read() as session:
        return session.scalars(select(Connection).where(Connection.name == name)).one()


def facts(**more: Any) -> Facts:
    values: dict[str, Any] = {
        "name": "acme-jira",
        "host": "Jira",
        "url": "https://acme.example",
        "account": "bot",
        "created_at": NOW - timedelta(9),
    }
    return Facts(**{**values, **more})


def finding(name: str, found: Facts) -> tuple[str, str]:
    check = next(each for each in report.checks_of(found, NOW, UTC) if each.name == name)
    return check.mark, check.finding


# --- drafts --------------------------------------------------------------------------------------------------------------------


def test_all_faults_of_a_draft_are_told_at_once() -> None:
    with pytest.raises(Faults) as caught:
        drafts.read_draft(
            {"name": "a b", "host": "gitlab", "url": "nowhere at all", "auth": {"token": " "}, "options": {"colour": 1}},
            allow_private=False,
        )
    assert {error.where for error in caught.value.errors} == {"name", "host", "url", "auth.token", "options.colour"}


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://acme.atlassian.net/", "https://acme.atlassian.net"),
        (" acme.atlassian.net ", "https://acme.atlassian.net"),
        ("https://ACME.atlassian.net:443/jira/", "https://acme.atlassian.net:443/jira"),
        ("https://[2606:4700::1111]", "https://[2606:4700::1111]"),
    ],
)
def test_addresses_are_cleaned(given_url: str, url: str) -> None:
    assert drafts.check_url(given_url, allow_private=False) == url


@given(st.ip_addresses())
def test_only_public_addresses_pass_however_they_are_written(address: Any) -> None:
    from connector.hosts.http import is_public

    shown = f"[{address}]" if address.version == 6 else str(address)
    ways = [shown] if address.version == 6 else [shown, str(int(address)), hex(int(address))]
    for way in ways:
        try:
            drafts.check_url(f"https://{way}", allow_private=False)
            passed = True
        except InputError:
            passed = False
        assert passed == is_public(str(address)), way


@given(st.text(max_size=60))
def test_no_text_breaks_the_checks(text: str) -> None:
    for check in (drafts.check_name, drafts.check_host, lambda value: drafts.check_url(value, allow_private=False)):
        where = "a field"
        try:
            check(text)
        except InputError as error:
            where = error.where
        assert where


def test_every_kind_is_told_by_its_keys() -> None:
    for kind in KINDS:
        assert kind_of(kind.host, dict.fromkeys(kind.keys, "x")) is kind
    assert kind_of("jira", {"token": "x"}) is None


# --- the report ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"retired_at": NOW, "parked_at": NOW}, "retired"),
        ({"paused_at": NOW, "parked_at": NOW}, "paused"),
        ({"parked_at": NOW, "parked_reason": "401"}, "parked"),
        ({"waits_until": NOW + timedelta(minutes=1), "last_success_at": NOW}, "waiting"),
        ({"waits_until": NOW - timedelta(minutes=1), "last_success_at": NOW, "mapped": True}, "working"),
        ({"mapped": True}, "unread"),
        ({"last_success_at": NOW}, "unread"),
    ],
)
def test_the_state_of_a_connection(more: dict[str, Any], code: str) -> None:
    assert report.state_of(facts(**more), NOW, UTC).code == code


@pytest.mark.parametrize(
    ("hours", "gap"),
    [((), None), ((40, 38), None), ((0, 0, 40, 40, 0, 40), timedelta(seconds=90)), ((1, 1, 1, 0), timedelta(hours=1))],
)
def test_the_usual_gap(hours: tuple[int, ...], gap: timedelta | None) -> None:
    assert report.usual_gap(hours) == gap


@pytest.mark.parametrize(
    ("ends", "mark", "words"),
    [
        (date(2026, 11, 17), "at_risk", "ended on 2026-11-17"),
        (date(2026, 11, 18), "data_late", "0 days left"),
        (date(2026, 12, 2), "data_late", "14 days left"),
        (date(2026, 12, 3), "on_track", "15 days left"),
        (None, "no_data", "not known"),
    ],
)
def test_the_end_of_a_token_is_told_in_days(ends: date | None, mark: str, words: str) -> None:
    found = finding("Token's end", facts(ends_on=ends))
    assert found[0] == mark
    assert words in found[1]


def test_a_silent_webhook_is_judged_by_its_usual_gap() -> None:
    busy, quiet = (40,) * 10, (1, 0) * 12
    silent = NOW - timedelta(hours=32)
    assert finding("Webhook age", facts(webhook="set", last_event_at=silent, hours=busy)) == (
        "data_late",
        "no delivery for 32 h; usual gap is 90 s",
    )
    assert finding("Webhook age", facts(webhook="set", last_event_at=silent, hours=quiet))[0] == "on_track"
    assert finding("Webhook age", facts(webhook="set", last_event_at=NOW - timedelta(days=8)))[0] == "data_late"
    assert finding("Webhook age", facts(webhook="missing"))[0] == "no_data"


def test_unknown_is_said_not_guessed() -> None:
    for name in ("Token", "Rights", "Token's end", "Clock", "Quota used", "Nightly sync"):
        assert finding(name, facts())[0] == "no_data", name


def test_quota_clock_and_sync_in_words() -> None:
    quota = {"used": 0.87, "source": "host", "reason": "jira-burst", "at": (NOW - timedelta(minutes=5)).isoformat()}
    assert finding("Quota used", facts(quota=quota)) == ("data_late", "87 % of Jira's limit (jira-burst), 5 min ago")
    assert finding("Clock", facts(checks={"ok": True, "skew": -75.2})) == ("at_risk", "75 s behind Jira")
    run = LastRun("full", "done", NOW - timedelta(hours=3), NOW, 4, 120, None)
    done = facts(run=run, done=run, last_sync_at=NOW - timedelta(hours=3))
    assert finding("Nightly sync", done) == ("on_track", "18 Nov 11:00, repaired 4 of 120 items")
    assert finding("Nightly sync", facts(run=run, done=run, last_sync_at=NOW - timedelta(hours=27)))[0] == "at_risk"


def test_missing_rights_stand_beside_their_mend() -> None:
    warning = "the bot may not write panels (links) in ACME; give it the project permission Link issues there"
    check = next(each for each in report.checks_of(facts(checks={"ok": True, "warnings": [warning]}), NOW, UTC) if each.name == "Rights")
    assert (check.mark, check.finding) == ("at_risk", "the bot may not write panels (links) in ACME")
    assert check.mend == "give it the project permission Link issues there"


# --- with a database -----------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_deliveries_are_counted_by_the_hour(acme: Company) -> None:
    ident = acme.connection("acme-jira", "jira", "https://acme.example", LOGIN)
    other = acme.connection("other", "jira", "https://acme.example", LOGIN)
    now = acme.runtime.now()
    top = now.replace(minute=0, second=0, microsecond=0)
    moments = [
        top,
        top + timedelta(seconds=1),
        top - timedelta(milliseconds=5),
        top - timedelta(hours=46, minutes=30),
        top - timedelta(hours=49),
    ]
    for number, moment in enumerate(moments):
        acme.deliver(ident, {"number": number})
        with acme.runtime.store.write() as session:
            session.execute(update(Delivery).where(Delivery.key == f"test-{number + 1}").values(received_at=moment))
    acme.deliver(other, {"number": 99})
    with acme.runtime.store.read() as session:
        found = health.health(acme.runtime, session, SYSTEM, "acme-jira")
    assert found.first_hour == top - timedelta(hours=47)
    assert len(found.facts.hours) == 48
    assert {place: count for place, count in enumerate(found.facts.hours) if count} == {47: 2, 46: 1, 0: 1}


@pytest.mark.databases("sqlite", "postgres")
def test_latest_and_last_finished_run_are_told_apart(acme: Company) -> None:
    ident = acme.connection("acme-jira", "jira", "https://acme.example", LOGIN)
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        for status, repaired in (("done", 3), ("failed", 0), ("done", 7), ("running", 0)):
            session.add(Run(connection_id=ident, kind="full", status=status, started_at=now, repaired=repaired))
            session.flush()
    with acme.runtime.store.read() as session:
        [found] = health.all_facts(session, now)
    assert found.run is not None
    assert found.done is not None
    assert (found.run.status, found.done.repaired) == ("running", 7)


def test_a_sync_remembers_the_quota(acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    acme.objective()
    acme.key_result("kr-setup")
    ident = acme.connection("acme-jira", "jira", jira[1], LOGIN)
    acme.mapping("kr-setup", ident, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    acme.work(ident)
    sync_connection(acme.runtime, ident)
    quota = row_of(acme).quota
    assert quota is not None
    assert quota["source"] == "budget"
    assert 0 <= quota["used"] <= 1


def test_a_paused_connection_is_not_synced(acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    ident = acme.connection("acme-jira", "jira", jira[1], LOGIN)
    saving.pause(acme.runtime, ADMIN, "acme-jira")
    with pytest.raises(Conflict, match="paused"):
        sync_connection(acme.runtime, ident)
    with pytest.raises(Conflict, match="resume it first"):
        saving.ask_for_sync(acme.runtime, ADMIN, "acme-jira")
    with pytest.raises(Conflict, match="paused"):
        checks.run_checks(acme.runtime, ADMIN, "acme-jira")
    saving.pause(acme.runtime, ADMIN, "acme-jira")
    assert jira[0].log == []
    with acme.runtime.store.read() as session:
        assert [entry.action for entry in session.scalars(select(Audit))] == ["pause"]


def test_failed_checks_park_and_good_ones_unpark(acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    acme.connection("acme-jira", "jira", jira[1], LOGIN)
    jira[0].world.settings["api_token"] = "changed"
    found = checks.run_checks(acme.runtime, ADMIN, "acme-jira")
    assert (found["ok"], found["status"], row_of(acme).parked_at is not None) == (False, 401, True)
    jira[0].world.settings["api_token"] = "sandbox-token"
    found = checks.run_checks(acme.runtime, ADMIN, "acme-jira")
    assert (found["ok"], row_of(acme).parked_at, row_of(acme).account != "") == (True, None, True)


def test_silence_parks_nothing(acme: Company) -> None:
    acme.connection("acme-jira", "jira", "http://127.0.0.1:1", LOGIN)
    found = checks.run_checks(acme.runtime, ADMIN, "acme-jira")
    assert (found["ok"], found["status"]) == (False, None)
    assert (row_of(acme).parked_at, row_of(acme).failures) == (None, 1)


def test_what_was_asked_with_other_credentials_is_not_kept(
    acme: Company, jira: tuple[JiraSandbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.connection("acme-jira", "jira", jira[1], {**LOGIN, "api_token": "old"})
    asked = checks._ask

    def meanwhile(*given: Any) -> Any:
        answer = asked(*given)
        draft, tested = saving.try_renewal(acme.runtime, ADMIN, "acme-jira", {"auth": LOGIN})
        saving.save_renewal(acme.runtime, ADMIN, draft, tested)
        return answer

    monkeypatch.setattr(checks, "_ask", meanwhile)
    checks.run_checks(acme.runtime, ADMIN, "acme-jira")
    row = row_of(acme)
    assert row.parked_at is None
    assert row.checks is not None
    assert row.checks["ok"]


def test_another_address_needs_the_credentials_again(acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    acme.connection("acme-jira", "jira", "http://127.0.0.1:1", LOGIN)
    with pytest.raises(InputError) as caught:
        saving.try_renewal(acme.runtime, ADMIN, "acme-jira", {"url": jira[1]})
    assert caught.value.where == "auth"
    assert jira[0].log == []


def test_a_host_that_fails_while_registering_leaves_the_secret(acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    acme.connection("acme-jira", "jira", jira[1], LOGIN)
    before = row_of(acme)
    jira[0].fail(path="webhooks", status=500, times=9)
    with pytest.raises(HostError):
        webhooks.register(acme.runtime, ADMIN, "acme-jira")
    after = row_of(acme)
    assert (after.webhook_secret, after.previous_webhook_secret) == (before.webhook_secret, None)


def test_while_the_host_is_told_both_secrets_count(acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    acme.connection("acme-jira", "jira", jira[1], LOGIN)
    before = row_of(acme).webhook_secret
    seen: list[Connection] = []
    write = jira[0].admin.route

    def watched(*given: Any) -> Any:
        seen.append(row_of(acme))
        return write(*given)

    jira[0].admin.route = watched  # type: ignore[method-assign]
    assert webhooks.register(acme.runtime, ADMIN, "acme-jira").created
    assert {row.previous_webhook_secret for row in seen} == {before}
    opened = acme.runtime.vault.open(row_of(acme).webhook_secret or "")
    assert [hook["secret"] for hook in jira[0].admin.webhooks.values()] == [opened]


def test_only_admins_change_and_unknown_names_are_not_found(acme: Company) -> None:
    acme.connection("acme-jira", "jira", "https://acme.example", LOGIN)
    lead = Viewer("lee@acme.example", "lead", 2)
    acts: list[Any] = [
        saving.pause,
        saving.resume,
        saving.retire,
        saving.ask_for_sync,
        webhooks.make_secret,
        webhooks.register,
        webhooks.arm,
        webhooks.show_token,
        webhooks.show_button_secret,
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            act(acme.runtime, lead, "acme-jira")
        with pytest.raises(NotFound):
            act(acme.runtime, ADMIN, "none")
    with pytest.raises(Stale):
        saving.retire(acme.runtime, ADMIN, "acme-jira", "0" * 16)


# --- rotation of the key ---------------------------------------------------------------------------------------------------------

OLD, NEW = "o" * 40, "n" * 40


@pytest.mark.databases("sqlite", "postgres")
def test_rotation_seals_everything_with_the_newest_key(acme: Company) -> None:
    acme.runtime.vault = Vault(OLD)
    acme.connection("acme-jira", "jira", "https://acme.example", LOGIN)
    webhooks.make_secret(acme.runtime, SYSTEM, "acme-jira")
    with acme.runtime.store.write() as session:
        lost = Vault("x" * 40).seal("gone")
        session.add(Connection(name="lost", host="jira", url="https://acme.example", auth=lost, options={}, created_at=acme.runtime.now()))
    acme.runtime.vault = Vault(f"{NEW} {OLD}")
    done = rotation.reseal(acme.runtime)
    assert (done.number, done.locked) == (3, ("lost: credentials",))
    row, alone = row_of(acme), Vault(NEW)
    assert alone.open(row.auth) == LOGIN
    assert alone.open(row.webhook_secret or "")
    assert alone.open(row.previous_webhook_secret or "") == "a webhook secret for tests"
    assert row_of(acme, "lost").auth == lost
