"""Whether Jira lets a person see an issue or administer it: asked once, remembered briefly, never taken from the call itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request

from connector.errors import Forbidden, HostError, InputError, Offline
from connector.services.forge.caller import Caller
from connector.services.forge.people import caller_of
from connector.services.forge.rights import remembered_issues, require_issue, require_jira_admin, visible_issues
from tests.support.forge import ALICE, BOB, CHARLIE, STRANGER, Forge, forge_site

CONTRACT = Path(__file__).parents[2] / "contracts" / "jira-platform-v3.used.json"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as world:
        world.jira.add_issue(key="ACME-1", type="Epic")
        world.jira.add_issue(key="ACME-2", type="Epic")
        yield world


def caller(forge: Forge, account: str = ALICE, *, user: bool = True, system: bool = True, **place: Any) -> Caller:
    found = caller_of(forge.company.runtime, forge.invocation(account, **place))
    changes = {**({} if user else {"user_token": ""}), **({} if system else {"system_token": ""})}
    return replace(found, invocation=replace(found.invocation, **changes))


@pytest.mark.parametrize("user", [True, False])
def test_jira_is_asked_once_and_the_answer_kept_for_two_minutes(forge: Forge, user: bool) -> None:
    runtime = forge.company.runtime
    asked = [("GET", "issue/10001")] if user else [("POST", "permissions/check")]
    for _ in range(3):
        assert require_issue(runtime, caller(forge, issue="10001", user=user)) == "10001"
    assert forge.atlassian.asked == asked
    forge.company.clock.ahead = 119
    require_issue(runtime, caller(forge, issue="10001", user=user))
    assert forge.atlassian.asked == asked
    forge.company.clock.ahead = 121
    forge.atlassian.hidden.add((ALICE, "10001"))
    with pytest.raises(Forbidden, match="does not let you see"):
        require_issue(runtime, caller(forge, issue="10001", user=user))
    assert forge.atlassian.asked == asked * 2


def test_an_issue_that_is_named_like_a_right_gives_none(forge: Forge) -> None:
    runtime = forge.company.runtime
    require_jira_admin(runtime, caller(forge))
    with pytest.raises(Forbidden, match="does not let you see"):
        require_issue(runtime, caller(forge, issue="ADMINISTER"))
    forge.atlassian.admins.clear()
    forge.company.clock.ahead = 300
    with pytest.raises(Forbidden, match="does not let you see"):
        require_issue(runtime, caller(forge, issue="ADMINISTER"))
    forge.atlassian.admins.add(ALICE)
    require_jira_admin(runtime, caller(forge))


@pytest.mark.parametrize("user", [True, False])
def test_a_refusal_is_kept_for_a_shorter_time(forge: Forge, user: bool) -> None:
    forge.atlassian.hidden.add((BOB, "10001"))
    for _ in range(2):
        with pytest.raises(Forbidden):
            require_issue(forge.company.runtime, caller(forge, BOB, issue="10001", user=user))
    assert len(forge.atlassian.asked) == 1
    forge.atlassian.hidden.clear()
    forge.company.clock.ahead = 21
    assert require_issue(forge.company.runtime, caller(forge, BOB, issue="10001", user=user)) == "10001"


def test_what_one_may_see_says_nothing_of_others_or_of_other_issues(forge: Forge) -> None:
    runtime = forge.company.runtime
    forge.atlassian.hidden |= {(BOB, "10001"), (ALICE, "10002")}
    require_issue(runtime, caller(forge, ALICE, issue="10001"))
    for account, issue in ((BOB, "10001"), (ALICE, "10002"), (ALICE, "99999")):
        with pytest.raises(Forbidden):
            require_issue(runtime, caller(forge, account, issue=issue))
    assert len(forge.atlassian.asked) == 4


def test_a_key_gives_the_id_and_an_odd_one_is_not_sent(forge: Forge) -> None:
    runtime = forge.company.runtime
    assert require_issue(runtime, caller(forge, issue="ACME-1")) == "10001"
    for issue in ("../myself", "1?x=1", "a b", "x" * 81):
        with pytest.raises(InputError, match="names no issue"):
            require_issue(runtime, caller(forge, extension={"issue": {"id": issue}}))
    with pytest.raises(InputError, match="names no issue"):
        require_issue(runtime, caller(forge))
    with pytest.raises(InputError, match="its id is needed"):
        require_issue(runtime, caller(forge, issue="ACME-1", user=False, account=BOB))
    assert len(forge.atlassian.asked) == 1


@pytest.mark.parametrize(("user", "path"), [(True, "issue/bulkfetch"), (False, "permissions/check")])
def test_of_many_issues_jira_is_asked_together_and_once(forge: Forge, user: bool, path: str) -> None:
    runtime = forge.company.runtime
    forge.atlassian.hidden.add((BOB, "10002"))
    mine = caller(forge, BOB, user=user)
    assert remembered_issues(runtime, mine, ["10001", "10002"]) == set()
    for _ in range(2):
        assert visible_issues(runtime, mine, ["10001", "10002", "99999", "ACME-1", "²"]) == {"10001"}
    assert forge.atlassian.asked == [("POST", path)]
    assert remembered_issues(runtime, mine, ["10001", "10002"]) == {"10001"}
    assert remembered_issues(runtime, caller(forge, CHARLIE, user=user), ["10001"]) == set()
    assert require_issue(runtime, caller(forge, BOB, user=user, issue="10001")) == "10001"
    assert len(forge.atlassian.asked) == 1
    forge.company.clock.ahead = 121
    assert remembered_issues(runtime, mine, ["10001"]) == set()
    assert visible_issues(runtime, mine, [str(number) for number in range(10001, 10201)]) == {"10001"}
    assert len(forge.atlassian.asked) == 2


def test_an_account_that_nobody_knows_sees_no_other_issue_and_an_outage_shows_none(forge: Forge) -> None:
    runtime = forge.company.runtime
    assert visible_issues(runtime, caller(forge, STRANGER), ["10001"]) == set()
    require_issue(runtime, caller(forge, STRANGER, issue="10001"))
    assert remembered_issues(runtime, caller(forge, STRANGER), ["10001"]) == set()
    forge.atlassian.status = 500
    assert visible_issues(runtime, caller(forge), ["10001"]) == set()
    forge.atlassian.status = 0
    assert visible_issues(runtime, caller(forge), ["10001"]) == {"10001"}


def test_without_any_token_nobody_sees_anything(forge: Forge) -> None:
    with pytest.raises(Forbidden, match="no token of Jira"):
        require_issue(forge.company.runtime, caller(forge, issue="10001", user=False, system=False))


@pytest.mark.parametrize("user", [True, False])
def test_only_administrators_of_jira_are_administrators(forge: Forge, user: bool) -> None:
    runtime = forge.company.runtime
    for _ in range(2):
        require_jira_admin(runtime, caller(forge, ALICE, user=user))
        with pytest.raises(Forbidden, match="administrator of the Jira site"):
            require_jira_admin(runtime, caller(forge, BOB, user=user))
    assert len(forge.atlassian.asked) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_an_app_that_may_not_ask_says_so_and_does_not_remember_it(forge: Forge, status: int) -> None:
    runtime = forge.company.runtime
    forge.atlassian.status = status
    with pytest.raises(Forbidden, match="did not let the app look up"):
        require_jira_admin(runtime, caller(forge))
    with pytest.raises(Forbidden, match="did not let the app look up"):
        require_issue(runtime, caller(forge, issue="10001", user=False))
    forge.atlassian.status = 0
    require_jira_admin(runtime, caller(forge))


def test_an_outage_is_no_refusal(forge: Forge) -> None:
    forge.atlassian.status = 500
    with pytest.raises(Offline):
        require_issue(forge.company.runtime, caller(forge, issue="10001"))
    forge.atlassian.status = 429
    with pytest.raises(HostError):
        require_jira_admin(forge.company.runtime, caller(forge))
    forge.atlassian.status = 0
    assert require_issue(forge.company.runtime, caller(forge, issue="10001")) == "10001"


def test_the_token_of_a_person_is_never_sent_to_an_address_that_is_not_atlassians(forge: Forge) -> None:
    found = caller(forge, issue="10001")
    forge.company.runtime.settings.allow_private_hosts = False
    with pytest.raises(HostError, match="must be https"):
        require_issue(forge.company.runtime, found)
    assert forge.atlassian.asked == []


def test_what_is_asked_and_how_the_stand_in_answers_keep_to_jiras_contract(forge: Forge) -> None:
    spec = json.loads(CONTRACT.read_text())
    openapi = OpenAPI.from_dict({**spec, "servers": [{"url": "/"}]}, config=Config(spec_validator_cls=None))
    headers = forge.headers(forge.token(forge.claims()), ALICE)
    asked = [
        ("GET", "issue/10001?fields=issuetype", None),
        ("GET", "serverInfo", None),
        ("POST", "permissions/check", {"globalPermissions": ["ADMINISTER"]}),
        ("POST", "issue/bulkfetch", {"issueIdsOrKeys": ["10001", "10002"], "fields": ["issuetype"]}),
        (
            "POST",
            "permissions/check",
            {"accountId": ALICE, "projectPermissions": [{"permissions": ["BROWSE_PROJECTS"], "issues": [10001]}]},
        ),
    ]
    base = f"/ex/jira/{forge.cloud_id}"
    for method, path, body in asked:
        client = Client(forge.atlassian)
        answer = client.open(
            f"{base}/rest/api/3/{path}", method=method, json=body, headers={"Authorization": f"Bearer {headers['X-Forge-OAuth-User']}"}
        )
        assert answer.status_code == 200
        request = Request(EnvironBuilder(f"/rest/api/3/{path}", method=method, json=body).get_environ())
        openapi.validate_request(WerkzeugOpenAPIRequest(request))
        openapi.validate_response(WerkzeugOpenAPIRequest(request), WerkzeugOpenAPIResponse(answer))
