"""Logins, refusals, busy and silent sites: what the client makes of them, and what it never does."""

from __future__ import annotations

import traceback

import pytest

from connector.errors import Busy, Gone, InputError, Offline, Refused, Uncertain
from connector.hosts import jira
from connector.hosts.base import ConnectionSettings
from connector.hosts.jira import client as client_module
from connector.hosts.limits import Budget
from tests.hosts.jira.conftest import Checked
from tests.support.standin import running

CLOUD = "11111111-2222-3333-4444-555555555555"
SERVICE = {"cloud_id": CLOUD, "client_id": "sandbox-client", "client_secret": "sandbox-secret"}


# --- faults ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("header", "wait"), [({"Retry-After": "0"}, 0.0), ({"Retry-After": "7"}, 7.0), ({}, None)])
def test_429_is_busy_at_once_and_asked_once(host, sandbox, header, wait):
    sandbox.fail(status=429, headers={**header, "RateLimit-Reason": "jira-burst-based"})
    with pytest.raises(Busy) as caught:
        host.describe()
    assert caught.value.retry_after == wait
    assert caught.value.code == "jira-burst-based"
    assert caught.value.details["rate_limit_reason"] == "jira-burst-based"
    assert len(sandbox.log) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_of_reads_is_offline_even_when_they_are_posts(host, sandbox, status):
    sandbox.fail(path="bulkfetch", status=status, body=b"<html>bad gateway</html>", content_type="text/html")
    with pytest.raises(Offline) as caught:
        host.fetch_items(["10001"], [])
    assert not isinstance(caught.value, Uncertain)
    assert len(sandbox.calls("bulkfetch")) == 1


def test_503_with_a_wish_is_busy(host, sandbox):
    sandbox.fail(path="myself", status=503, headers={"Retry-After": "4"})
    with pytest.raises(Busy) as caught:
        host.describe()
    assert caught.value.retry_after == 4.0


def test_a_dropped_connection_is_offline_for_a_read_and_uncertain_for_a_comment(host, sandbox):
    sandbox.fail(path="myself", drop=True)
    with pytest.raises(Offline):
        host.describe()
    sandbox.fail(path="/comment", drop=True, commit=True)
    with pytest.raises(Uncertain):
        host.notify("ACME-1", ["a"], "b")
    assert len(sandbox.world.find("ACME-1")["comments"]) == 1


def test_a_slow_site_is_offline(host, sandbox, monkeypatch):
    monkeypatch.setattr("connector.hosts.http.READ_TIMEOUT", 0.2)
    sandbox.fail(path="myself", seconds=1.0)
    with pytest.raises(Offline):
        host.describe()


def test_a_login_page_instead_of_json_is_offline(host, sandbox):
    sandbox.fail(path="myself", status=200, body=b"<html>log in</html>", content_type="text/html")
    with pytest.raises(Offline, match="without JSON"):
        host.describe()


def test_a_redirect_is_not_followed(host, sandbox):
    sandbox.fail(path="myself", status=302, headers={"Location": "http://192.0.2.1/"})
    with pytest.raises(Refused):
        host.describe()
    assert len(sandbox.log) == 1


def test_error_words_are_one_sentence(host, sandbox):
    sandbox.fail(path="search/jql", status=400, body=b'{"errorMessages": ["First."], "errors": {"summary": "too long"}}')
    with pytest.raises(Refused, match="First; summary: too long"):
        host.resolve(jql("project = ACME"), [])


def jql(text):
    from mappings.rules import Selector, SelectorKind

    return Selector(SelectorKind.JQL, jql=text)


# --- logins ----------------------------------------------------------------------------------------------------------------


def test_a_wrong_token_parks_and_stays_secret(build):
    host = build({"email": "bot@acme.example", "api_token": "sesame-open-wide"})
    with pytest.raises(Refused) as caught:
        host.describe()
    assert caught.value.parks
    shown = "".join(traceback.format_exception(caught.value)) + repr(host.settings)
    assert "sesame-open-wide" not in shown


def test_a_scoped_token_goes_through_the_cloud_id(build, sandbox):
    sandbox.world.settings["scoped_token"] = True
    host = build({"email": "bot@acme.example", "api_token": "sandbox-token", "cloud_id": CLOUD})
    host.describe()
    assert all(path.startswith(f"/ex/jira/{CLOUD}/rest/api/3/") for _, path, _ in sandbox.log)


def test_a_service_account_fetches_one_token(build, sandbox):
    host = build(SERVICE)
    assert host.describe().scopes == ("read:jira-user", "read:jira-work", "write:jira-work")
    host.fetch_items(["10001"], [])
    assert len(sandbox.calls("/oauth/token")) == 1


def test_a_revoked_access_token_is_fetched_anew_once(build, sandbox):
    host = build(SERVICE)
    host.describe()
    sandbox.tokens.clear()
    host.describe()
    assert len(sandbox.calls("/oauth/token")) == 2
    sandbox.fail(path="/rest/api/3/myself", status=401, times=9)
    with pytest.raises(Refused):
        host.describe()
    assert len(sandbox.calls("/oauth/token")) == 3


def test_an_access_token_near_its_end_is_replaced(build, sandbox, monkeypatch):
    host = build(SERVICE)
    host.describe()
    moment = client_module.time.monotonic() + 3600 - client_module.TOKEN_MARGIN + 1
    monkeypatch.setattr(client_module.time, "monotonic", lambda: moment)
    host.describe()
    assert len(sandbox.calls("/oauth/token")) == 2


def test_a_wrong_client_secret_parks(build):
    host = build({**SERVICE, "client_secret": "wrong-secret"})
    with pytest.raises(Refused, match="no access token") as caught:
        host.describe()
    assert caught.value.parks
    assert "wrong-secret" not in "".join(traceback.format_exception(caught.value))


def test_a_busy_token_address_is_busy(build, sandbox):
    sandbox.fail(path="/oauth/token", status=429, headers={"Retry-After": "3"})
    with pytest.raises(Busy):
        build(SERVICE).describe()


def test_real_sites_with_a_cloud_id_are_called_at_atlassians_address():
    assert client_module._addresses("https://acme.atlassian.net", CLOUD) == (
        f"https://api.atlassian.com/ex/jira/{CLOUD}",
        "https://auth.atlassian.com/oauth/token",
    )
    assert client_module._addresses("https://acme.atlassian.net", "")[0] == "https://acme.atlassian.net"


@pytest.mark.parametrize(
    ("auth", "where"),
    [
        ({}, "auth.email"),
        ({"email": "a@b.example"}, "auth.api_token"),
        ({"email": "a@b.example", "api_token": ""}, "auth.api_token"),
        ({"email": "a@b.example", "api_token": 7}, "auth.api_token"),
        ({"email": "a@b.example", "api_token": "x", "tokn": "y"}, "auth.tokn"),
        ({"email": "a@b.example", "api_token": "x", "cloud_id": "../evil"}, "auth.cloud_id"),
        ({"client_id": "a", "client_secret": "b"}, "auth.cloud_id"),
        ({"client_id": "a", "cloud_id": "c"}, "auth.client_secret"),
        ({"bearer_token": ""}, "auth.bearer_token"),
    ],
)
def test_credentials_of_the_wrong_shape_name_the_key(auth, where):
    with pytest.raises(InputError) as caught:
        jira.check_auth(auth)
    assert caught.value.where == where


def test_all_four_logins_are_accepted():
    jira.check_auth({"email": "a@b.example", "api_token": "x"})
    jira.check_auth({"email": "a@b.example", "api_token": "x", "cloud_id": CLOUD})
    jira.check_auth(SERVICE)
    jira.check_auth({"bearer_token": "x"})


def test_plain_http_is_refused_unless_private_hosts_are_allowed(url):
    settings = ConnectionSettings("acme", "jira", url, {"email": "a@b.example", "api_token": "x"})
    host = jira.build(settings, budget=Budget("acme"), allow_private=False)
    with pytest.raises(Refused) as caught:
        host.describe()
    assert caught.value.code == "address_not_allowed"
    host.close()


def test_requests_are_counted(host, sandbox):
    host.describe()
    assert host.requests == len(sandbox.log) == 4


def test_a_missing_issue_is_gone(host):
    with pytest.raises(Gone):
        host.write_values("ACME-99", {"Customers": 1.0})


# --- the contract check itself ---------------------------------------------------------------------------------------------


def test_the_contract_and_the_stand_in_refuse_keys_of_the_old_search(sandbox, contract):
    checked = Checked(sandbox, contract)
    with running(checked) as address:
        settings = ConnectionSettings("acme", "jira", address, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        host = jira.build(settings, budget=Budget("acme"), allow_private=True)
        with pytest.raises(Refused, match="startAt"):
            host._client.post("search/jql", {"jql": "project = ACME", "startAt": 0})
        with pytest.raises(Refused, match="removed"):
            host._client.post("search", {"jql": "project = ACME"})
        host.close()
    assert len(checked.faults) == 2


def test_identify_is_one_request_and_parks_with_bad_credentials(host, build, sandbox):
    assert host.identify() == "5b10a2844c20165700ede21g"
    assert [path for _, path, _ in sandbox.log] == ["/rest/api/3/myself"]
    with pytest.raises(Refused) as caught:
        build({"email": "bot@acme.example", "api_token": "wrong"}).identify()
    assert caught.value.parks
