"""Permissions at Notion: their tokens end without a word, are replaced together, and nobody is locked out or told a secret."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update

from connector import renewal
from connector.domain.rights import SYSTEM
from connector.errors import Busy, HostError, Offline, Refused
from connector.hosts.notion import consent
from connector.services.connecting import checks, saving
from connector.services.declare.apply import apply_text
from connector.services.sync import sync_connection
from connector.store.tables import Connection
from tests.support.notion_permissions import CLIENT, PermittedNotion
from tests.support.permitted import asked_who as who
from tests.support.permitted import login_of, row_of
from tests.support.standin import running
from tests.support.world import Company, company

both_databases = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def notion() -> PermittedNotion:
    return PermittedNotion()


@pytest.fixture
def url(notion: PermittedNotion) -> Iterator[str]:
    with running(notion) as address:
        yield address


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        yield found


def test_a_token_that_notion_refuses_is_renewed_once_and_stored_before_its_use(acme: Company, notion: PermittedNotion, url: str) -> None:
    ident = notion.connect(acme, url)
    before = login_of(acme, ident)
    notion.end_token()
    used: list[tuple[str, str]] = []
    answer = notion.notion._answer

    def watched(request: Any) -> Any:
        used.append((request.headers["Authorization"], login_of(acme, ident)["access_token"]))
        return answer(request)

    notion.notion._answer = watched  # type: ignore[method-assign]
    assert who(acme, ident) == notion.notion.world.data["bot"]
    who(acme, ident)
    assert notion.renewals == 1
    assert [header for header, _ in used] == [
        f"Bearer {token}" for token in (before["access_token"], notion.notion.token, notion.notion.token)
    ]
    assert [stored for _, stored in used[1:]] == [notion.notion.token] * 2
    after = login_of(acme, ident)
    assert {name for name in after if after[name] != before.get(name)} == {"access_token", "refresh_token"}
    assert renewal.same_login(before, after)
    assert (row_of(acme, ident).login_lease_until, row_of(acme, ident).parked_at) == (0.0, None)
    assert notion.asked[-1] == {"grant_type": "refresh_token", "refresh_token": before["refresh_token"]}
    assert set(notion.versions) == {"2026-03-11"}


def test_an_end_that_is_told_is_renewed_minutes_before(acme: Company, notion: PermittedNotion, url: str) -> None:
    notion.lasts = 3600
    ident = notion.connect(acme, url)
    ends = datetime.fromisoformat(login_of(acme, ident)["expires_at"])
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    who(acme, ident)
    assert notion.renewals == 0
    with acme.runtime.store.write() as session:
        row = session.get_one(Connection, ident)
        soon = (datetime.now(UTC) + timedelta(seconds=200)).isoformat()
        row.auth = acme.runtime.vault.seal({**acme.runtime.vault.open(row.auth), "expires_at": soon})
    notion.lasts = None
    who(acme, ident)
    assert notion.renewals == 1
    assert "expires_at" not in login_of(acme, ident)  # the new tokens were given without an end
    assert notion.notion.counts["reads"] == 2  # no call was refused


def test_a_token_that_is_refused_although_it_is_new_parks_with_the_mend(acme: Company, notion: PermittedNotion, url: str) -> None:
    ident = notion.connect(acme, url)
    notion.notion.fail(status=401, code="unauthorized", message="API token is invalid.", times=10)
    with pytest.raises(Refused):
        sync_connection(acme.runtime, ident)
    assert "connect the workspace again" in (row_of(acme, ident).parked_reason or "")
    assert notion.renewals == 1
    assert len(notion.notion.log) == 2


def test_a_permission_that_was_taken_back_parks_and_a_new_one_goes_on(acme: Company, notion: PermittedNotion, url: str) -> None:
    ident = notion.connect(acme, url)
    held = login_of(acme, ident)
    notion.withdrawn = True
    notion.end_token()
    assert not checks.run_checks(acme.runtime, SYSTEM, "acme-notion")["ok"]
    row = row_of(acme, ident)
    assert row.parked_at is not None
    assert "connect the workspace again" in (row.parked_reason or "")
    assert not any(secret in (row.parked_reason or "") for secret in held.values() if secret != CLIENT[0])
    notion.withdrawn = False
    draft, tested = saving.try_renewal(acme.runtime, SYSTEM, "acme-notion", {"auth": notion.permit(url)})
    saving.save_renewal(acme.runtime, SYSTEM, draft, tested)
    assert row_of(acme, ident).parked_at is None
    who(acme, ident)


def test_a_replaced_secret_of_the_client_says_what_to_check(acme: Company, notion: PermittedNotion, url: str) -> None:
    ident = notion.connect(acme, url)
    notion.client = (CLIENT[0], "another")
    notion.end_token()
    with pytest.raises(Refused, match="was not replaced at Notion") as caught:
        who(acme, ident)
    assert caught.value.parks


@pytest.mark.parametrize(
    "answer",
    [
        (502, "<html>Bad gateway</html>"),
        (403, "<html>Attention Required! | Cloudflare</html>"),
        (401, "<html>Attention Required! | Cloudflare</html>"),
        (200, "<html>Sign in</html>"),
        (200, {"token_type": "bearer"}),
        (404, {"code": "invalid_request_url", "message": "Invalid request URL."}),
        (400, {"code": "validation_error", "message": "body failed validation"}),
        (503, {"code": "service_unavailable", "message": "try later"}),
        (429, {"code": "rate_limited", "message": "slow down"}),
        (529, {"code": "service_overload", "message": "slow down"}),
    ],
)
def test_a_bad_day_of_the_token_address_parks_nothing(acme: Company, notion: PermittedNotion, url: str, answer: tuple[int, Any]) -> None:
    ident = notion.connect(acme, url)
    notion.end_token()
    notion.answers = [answer]
    with pytest.raises(HostError) as caught:
        who(acme, ident)
    assert isinstance(caught.value, (Offline, Busy))
    assert row_of(acme, ident).login_lease_until == 0.0
    who(acme, ident)
    assert notion.renewals == 1


def test_an_answer_that_got_lost_ends_in_a_clear_word_never_in_a_loop(acme: Company, notion: PermittedNotion, url: str) -> None:
    """The refresh token is spent and nobody knows the new one: only a new permission helps, and that is said."""
    ident = notion.connect(acme, url)
    notion.end_token()
    notion.lost = 1
    with pytest.raises(Offline):
        who(acme, ident)
    assert row_of(acme, ident).parked_at is None
    assert not checks.run_checks(acme.runtime, SYSTEM, "acme-notion")["ok"]
    assert "connect the workspace again" in (row_of(acme, ident).parked_reason or "")
    assert len([each for each in notion.asked if each["grant_type"] == "refresh_token"]) == 2


def test_whoever_lost_the_race_takes_what_the_other_one_stored(acme: Company, notion: PermittedNotion, url: str) -> None:
    """Another process renewed without our lease, for example one that was cut off: 400 invalid_grant is not the end."""
    ident = notion.connect(acme, url)
    held = login_of(acme, ident)
    notion.end_token()
    token = notion._token

    def beaten(request: Any) -> Any:
        notion._token = token  # type: ignore[method-assign]
        settings = acme.runtime._settings_of(row_of(acme, ident))
        fresh = consent.renew(settings, budget=renewal.Budget("other"), allow_private=True)
        with acme.runtime.store.write() as session:
            session.execute(update(Connection).values(auth=acme.runtime.vault.seal(dict(fresh))))
        return token(request)

    notion._token = beaten  # type: ignore[method-assign]
    who(acme, ident)
    assert notion.renewals == 1
    assert login_of(acme, ident)["access_token"] == notion.notion.token != held["access_token"]
    assert row_of(acme, ident).parked_at is None


@both_databases
def test_many_workers_at_the_same_moment_renew_once(acme: Company, notion: PermittedNotion, url: str) -> None:
    ident = notion.connect(acme, url)
    notion.end_token()
    notion.slow = 0.2
    start, answers = threading.Barrier(6), []

    def work() -> None:
        start.wait()
        answers.append(who(acme, ident))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 6
    assert notion.renewals == 1


SCRIPT = """
import sys
from contextlib import closing
from connector import log
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.settings import load_settings
from connector.store.tables import Connection
log.configure("text", "debug")
runtime = build_runtime(load_settings(
    data_dir=sys.argv[1], database_url=sys.argv[2], allow_private_hosts=True, secret_key="k" * 40), queue=InlineQueue())
print("ready", flush=True)
for line in sys.stdin:
    with runtime.store.read() as session:
        row = session.get(Connection, int(sys.argv[3]))
    with closing(runtime.connect(row)) as host:
        print("me", host.identify(), flush=True)
"""


def _said(worker: subprocess.Popen[str], told: list[str]) -> str:
    """The account that a worker found; its log goes to ``told``."""
    assert worker.stdout
    for line in worker.stdout:
        if line.startswith("me "):
            return line.split()[1]
        told.append(line)
    return ""


def test_two_processes_that_renew_at_the_same_moment_both_go_on(acme: Company, notion: PermittedNotion, url: str, tmp_path: Path) -> None:
    ident = notion.connect(acme, url)
    notion.slow = 0.2
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path), str(acme.runtime.settings.resolved_database_url), str(ident)]
    told: list[str] = []
    with ExitStack() as stack:
        workers = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n"
        for turn in range(1, 4):
            notion.end_token()
            for worker in workers:
                assert worker.stdin
                worker.stdin.write("go\n")
                worker.stdin.flush()
            assert {_said(worker, told) for worker in workers} == {notion.notion.world.data["bot"]}
            assert notion.renewals == turn
        for worker in workers:
            told.extend(worker.communicate(timeout=30))
    assert [worker.returncode for worker in workers] == [0, 0], told
    assert any("login_renewed" in text for text in told)
    assert all(secret not in text for text in told for secret in login_of(acme, ident).values() if secret != CLIENT[0])


def test_tokens_that_end_in_the_middle_of_a_sync_do_not_stop_it(acme: Company, notion: PermittedNotion, url: str) -> None:
    database, source = notion.notion.world.add_database("Deals", {"Seats": "number"})
    for number in range(250):
        notion.notion.world.add_row(source, {"Name": f"Deal {number}", "Seats": 1})
    ident = notion.connect(acme, url)
    acme.objective()
    acme.key_result("kr-seats", unit="", target=1000.0)
    acme.mapping("kr-seats", ident, select={"database": database}, measure={"sum": "Seats"})
    answer, calls = notion.notion._answer, [0]

    def ending(request: Any) -> Any:
        calls[0] += 1
        if calls[0] % 3 == 0:
            notion.end_token()
        return answer(request)

    notion.notion._answer = ending  # type: ignore[method-assign]
    acme.work(ident)
    sync_connection(acme.runtime, ident, trigger="request", full=True)
    assert acme.row("kr-seats").current == 250.0
    assert notion.renewals >= 2
    assert row_of(acme, ident).parked_at is None


def test_a_file_with_the_tokens_of_the_first_day_keeps_the_renewed_ones(acme: Company, notion: PermittedNotion, url: str) -> None:
    declared = {"host": "notion", "url": url, "auth": notion.permit(url)}

    def apply() -> list[str]:
        outcome = apply_text(acme.runtime, yaml.safe_dump({"version": 1, "connections": {"acme-notion": declared}}), {})
        return [str(change) for change in outcome.changes]

    assert apply() == ["create connection acme-notion"]
    notion.end_token()
    who(acme, 1)
    renewed = login_of(acme, 1)
    assert apply() == []
    assert login_of(acme, 1) == renewed
    assert row_of(acme, 1).site == notion.notion.world.data["workspace"]


def test_no_secret_is_in_any_log_or_error(
    acme: Company, notion: PermittedNotion, url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    ident = notion.connect(acme, url)
    secrets = [login_of(acme, ident)]
    notion.end_token()
    who(acme, ident)
    secrets.append(login_of(acme, ident))
    notion.end_token()
    said = {"error": "invalid_grant", "error_description": f"{secrets[1]['refresh_token']} of {CLIENT[1]} is spent"}
    notion.answers = [(400, said)]
    with pytest.raises(Refused) as caught:
        who(acme, ident)
    told = f"{caught.value}{caught.value.details}{caplog.text}{capsys.readouterr()}"
    for login in secrets:
        for name in ("access_token", "refresh_token", "client_secret"):
            assert login[name] not in told
