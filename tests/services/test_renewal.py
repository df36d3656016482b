"""Logins that end every hour: renewed once by whoever comes first, stored before use, and never a customer locked out."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select, update

from connector import renewal
from connector.domain.rights import SYSTEM
from connector.errors import Busy, Offline, Refused
from connector.hosts.jira.sandbox import JiraSandbox
from connector.runtime import build_runtime
from connector.services.connecting import checks, rotation, saving
from connector.services.declare.apply import apply_text
from connector.services.sync import sync_connection
from connector.store.tables import Connection
from connector.store.vault import Vault
from tests.support import permitted
from tests.support.permitted import asked_who as who
from tests.support.standin import running
from tests.support.world import Company, company

LONG_AGO = "2026-01-01T00:00:00+00:00"
both_databases = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def jira() -> JiraSandbox:
    box = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}, {"key": "ACME-2", "parent": "ACME-1", "category": "done"}]})
    box.permissions.leeway = 0.0  # stricter than Atlassian: a spent refresh token is void at once
    return box


@pytest.fixture
def url(jira: JiraSandbox) -> Iterator[str]:
    with running(jira) as address:
        yield address


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        yield found


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# --- one process -----------------------------------------------------------------------------------------------------------


def test_a_token_that_counts_is_used_as_it_is(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    assert who(acme, ident) == who(acme, ident) == jira.world.settings["account"]["accountId"]
    assert jira.permissions.renewals == 0


def test_an_ended_token_is_renewed_once_and_stored_before_its_use(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    before = permitted.login_of(acme, ident)
    jira.tokens.clear()
    permitted.age(acme, ident, LONG_AGO)
    used: list[tuple[str, str]] = []

    def watch(environ: dict[str, str]) -> None:
        used.append((environ.get("HTTP_AUTHORIZATION", ""), permitted.login_of(acme, ident)["access_token"]))

    asked = jira._route

    def route(method: str, path: str, *rest: object) -> object:
        if path.endswith("/myself"):
            watch(rest[-1])  # type: ignore[arg-type]
        return asked(method, path, *rest)  # type: ignore[arg-type]

    jira._route = route  # type: ignore[method-assign, assignment]
    who(acme, ident)
    who(acme, ident)
    assert jira.permissions.renewals == 1
    assert [header for header, _ in used] == [f"Bearer {stored}" for _, stored in used]
    after = permitted.login_of(acme, ident)
    assert {name for name in after if after[name] != before[name]} - {"expires_at"} == {"access_token", "refresh_token"}
    assert renewal.same_login(before, after)
    assert permitted.row_of(acme, ident).login_lease_until == 0.0


def test_a_token_is_renewed_minutes_before_its_end(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, soon(200))
    who(acme, ident)
    assert jira.permissions.renewals == 1


def test_a_refused_token_is_renewed_once_and_then_the_refusal_counts(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    jira.tokens.clear()  # revoked, though it should count for an hour
    who(acme, ident)
    assert jira.permissions.renewals == 1
    jira.fail(path="myself", status=401, times=10)
    with pytest.raises(Refused) as caught:
        who(acme, ident)
    assert caught.value.parks
    assert "give the permission again" in caught.value.message
    assert jira.permissions.renewals == 2
    assert len(jira.calls("myself")) == 4


def test_tokens_that_end_in_the_middle_of_a_sync_do_not_stop_it(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    acme.objective()
    acme.key_result("kr-setup")
    acme.mapping("kr-setup", ident, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    asked, calls = jira._route, []

    def route(method: str, path: str, *rest: object) -> object:
        if "/ex/jira/" in path:
            calls.append(path)
            if len(calls) % 3 == 0:
                jira.tokens.clear()
        return asked(method, path, *rest)  # type: ignore[arg-type]

    jira._route = route  # type: ignore[method-assign, assignment]
    acme.work(ident)
    sync_connection(acme.runtime, ident, trigger="request", full=True)
    assert jira.permissions.renewals >= 2
    assert permitted.row_of(acme, ident).parked_at is None
    assert permitted.row_of(acme, ident).last_sync_at is not None


def test_while_the_token_still_counts_trouble_with_the_renewal_is_none(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, soon(200))
    jira.fail(path="/oauth/token", status=503, times=5)
    with closing(acme.runtime.connect(permitted.row_of(acme, ident))) as host:
        host.identify()
        host.identify()
    assert len(jira.calls("/oauth/token", "POST")) == 2  # the first was the permission; not again for each call


def test_an_answer_that_got_lost_is_asked_for_again(acme: Company, jira: JiraSandbox, url: str) -> None:
    jira.permissions.leeway = 600.0
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, LONG_AGO)
    jira.tokens.clear()
    jira.fail(path="/oauth/token", drop=True, commit=True)  # the old refresh token is spent, and nobody knows the new one
    with pytest.raises(Offline):
        who(acme, ident)
    assert permitted.row_of(acme, ident).login_lease_until == 0.0
    who(acme, ident)
    assert jira.permissions.renewals == 2


def test_whoever_died_with_the_lease_costs_minutes_and_no_login(acme: Company, jira: JiraSandbox, url: str) -> None:
    jira.permissions.leeway = 600.0
    ident = permitted.connect(acme, jira, url)
    jira.permissions._renewed(permitted.login_of(acme, ident)["refresh_token"])  # its answer died with the process
    permitted.age(acme, ident, soon(200))
    with acme.runtime.store.write() as session:
        session.execute(update(Connection).values(login_lease_until=acme.runtime.epoch() + renewal.LEASE_SECONDS))
    who(acme, ident)  # the old token still counts, and goes on being used
    assert jira.permissions.renewals == 1
    acme.clock.ahead = renewal.LEASE_SECONDS + 1
    who(acme, ident)
    assert jira.permissions.renewals == 2


def test_a_login_that_others_renew_for_too_long_waits(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    row, held = permitted.row_of(acme, ident), permitted.login_of(acme, ident)
    with acme.runtime.store.write() as session:
        session.execute(update(Connection).values(login_lease_until=acme.runtime.epoch() + 60))
    with closing(acme.runtime.connect(row)) as host:
        renew = host.settings.renew
    assert isinstance(renew, renewal.Renewal)
    quick = renewal.Renewal(renew.store, renew.vault, renew.clock, ident, renew.settings, renew.budget, True, patience=0.2)
    with pytest.raises(Busy, match="another process"):
        quick(held, True)
    assert quick(held, False) == held


# --- the end of a permission -----------------------------------------------------------------------------------------------


def test_a_permission_that_was_taken_back_parks_with_the_mend(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    jira.permissions.grants[0].withdrawn = True
    jira.tokens.clear()
    found = checks.run_checks(acme.runtime, SYSTEM, "acme-jira")
    assert (found["ok"], found["refused"]) == (False, True)
    row = permitted.row_of(acme, ident)
    assert row.parked_at is not None
    assert "give the permission again" in (row.parked_reason or "")
    assert permitted.login_of(acme, ident)["refresh_token"] not in (row.parked_reason or "")
    assert len(jira.calls("/oauth/token", "POST")) == 2


def test_a_replaced_client_secret_says_what_to_check(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    jira.world.settings["client_secret"] = "another-client-secret"
    permitted.age(acme, ident, LONG_AGO)
    with pytest.raises(Refused, match="client secret was not replaced"):
        who(acme, ident)


def test_a_token_address_that_is_gone_is_no_issue_that_is_gone(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, LONG_AGO)
    jira.fail(path="/oauth/token", status=404)
    with closing(acme.runtime.connect(permitted.row_of(acme, ident))) as host, pytest.raises(Offline):
        host.fetch_items(["10001"], [])


def test_a_new_permission_wins_over_the_end_of_the_former_one(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    row = permitted.row_of(acme, ident)
    jira.permissions.grants[0].withdrawn = True
    jira.tokens.clear()
    fresh = permitted.permit(jira, url)
    draft, tested = saving.try_renewal(acme.runtime, SYSTEM, "acme-jira", {"auth": fresh})
    saving.save_renewal(acme.runtime, SYSTEM, draft, tested)
    with closing(acme.runtime.connect(row)) as host:  # built before, with the tokens of the former
        host.identify()
    assert permitted.login_of(acme, ident)["access_token"] == fresh["access_token"]


def test_a_renewal_by_the_checks_themselves_keeps_what_they_found(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, LONG_AGO)
    assert checks.run_checks(acme.runtime, SYSTEM, "acme-jira")["ok"]
    assert (permitted.row_of(acme, ident).checks or {})["ok"]


def test_a_retired_connection_is_renewed_no_more(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, LONG_AGO)
    row = permitted.row_of(acme, ident)
    saving.retire(acme.runtime, SYSTEM, "acme-jira")
    with closing(acme.runtime.connect(row)) as host:
        host.identify()  # with the token that it was built with, which the stand-in still takes
    assert permitted.row_of(acme, ident).auth == ""
    assert jira.permissions.renewals == 0


def test_a_file_with_the_tokens_of_the_first_day_keeps_the_renewed_ones(acme: Company, jira: JiraSandbox, url: str) -> None:
    declared: dict[str, object] = {"host": "jira", "url": url, "auth": permitted.permit(jira, url), "webhook_secret": "a-secret-for-tests"}

    def apply() -> list[str]:
        outcome = apply_text(acme.runtime, yaml.safe_dump({"version": 1, "connections": {"acme-jira": declared}}), {})
        return [str(change) for change in outcome.changes]

    assert apply() == ["create connection acme-jira"]
    with acme.runtime.store.read() as session:
        ident = session.scalars(select(Connection.id)).one()
    jira.tokens.clear()
    who(acme, ident)
    renewed = permitted.login_of(acme, ident)
    assert apply() == []
    declared["options"] = {"requests_per_minute": 500}  # a change that is tried at the host first
    assert len(apply()) == 1
    assert permitted.login_of(acme, ident) == renewed
    who(acme, ident)


# --- several at a time -----------------------------------------------------------------------------------------------------


@both_databases
def test_many_workers_at_the_same_moment_renew_once(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    jira.tokens.clear()
    permitted.age(acme, ident, LONG_AGO)
    jira.fail(path="/oauth/token", seconds=0.3)
    start, answers = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        answers.append(who(acme, ident))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 8
    assert jira.permissions.renewals == 1
    who(acme, ident)


SCRIPT = """
import sys
from contextlib import closing
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.settings import load_settings
from connector.store.tables import Connection
runtime = build_runtime(load_settings(
    data_dir=sys.argv[1], database_url=sys.argv[2], allow_private_hosts=True, secret_key="k" * 40), queue=InlineQueue())
print("ready", flush=True)
sys.stdin.readline()
for _ in range(12):
    with runtime.store.read() as session:
        row = session.get(Connection, int(sys.argv[3]))
    with closing(runtime.connect(row)) as host:
        host.identify()
"""


def test_processes_that_lose_their_tokens_all_the_time_are_never_locked_out(
    acme: Company, jira: JiraSandbox, url: str, tmp_path: Path
) -> None:
    jira.permissions.seconds = 1.0  # each token is due for renewal as soon as it is there
    ident = permitted.connect(acme, jira, url)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path), str(acme.runtime.settings.resolved_database_url), str(ident)]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            for _ in range(3)
        ]
        for worker in workers:
            assert worker.stdout
            worker.stdout.readline()
        for worker in workers:  # all begin at the same moment
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        told = [worker.communicate(timeout=90)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], told
    assert jira.permissions.renewals > 3
    who(acme, ident)


@both_databases
def test_a_change_of_the_key_in_the_middle_of_a_renewal_loses_no_tokens(acme: Company, jira: JiraSandbox, url: str) -> None:
    ident = permitted.connect(acme, jira, url)
    permitted.age(acme, ident, LONG_AGO)
    jira.tokens.clear()
    settings = acme.runtime.settings.model_copy(update={"secret_key": "n" * 40 + " " + "k" * 40})
    newer = build_runtime(settings, queue=acme.runtime.queue)
    acme.runtime.vault = Vault("n" * 40 + " " + "k" * 40)
    asked = jira._new_token

    def slow(*rest: object) -> object:
        answer = asked(*rest)  # type: ignore[arg-type]
        rotation.reseal(newer)
        return answer

    jira._new_token = slow  # type: ignore[method-assign, assignment]
    who(acme, ident)
    newer.close()
    assert jira.permissions.grants[0].refresh == permitted.login_of(acme, ident)["refresh_token"]
