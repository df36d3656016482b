"""Each kind of login: what is told when it is no good or lacks something, and what completes it."""

from __future__ import annotations

import pytest

from connector.errors import InputError, Offline, Refused
from connector.hosts import jira
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from tests.hosts.jira.test_transport import CLOUD, SERVICE

CLASSIC = {"email": "bot@acme.example", "api_token": "sandbox-token"}
SCOPED = {**CLASSIC, "cloud_id": CLOUD}


def complete(url, auth):
    return jira.complete_auth(ConnectionSettings("acme-jira", "jira", url, auth), budget=Budget("acme-jira"), allow_private=True)


# --- refused logins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "mend"),
    [
        ({**CLASSIC, "api_token": "wrong-token"}, "a token with scopes also needs the site's cloud id"),
        (SCOPED, "with a cloud id only a token with scopes is accepted"),
        ({**SERVICE, "client_secret": "wrong-secret"}, "client id and secret of the service account"),
        ({"bearer_token": "wrong-token"}, "personal access token has not ended"),
    ],
)
def test_a_refused_login_says_what_to_check(build, auth, mend):
    with pytest.raises(Refused) as caught:
        build(auth).identify()
    assert mend in str(caught.value)
    assert caught.value.parks
    assert "wrong-" not in str(caught.value)


def test_a_wrong_cloud_id_is_not_an_account_that_is_gone(build, sandbox):
    sandbox.world.settings["scoped_token"] = True
    with pytest.raises(Refused, match="check the cloud id") as caught:
        build({**CLASSIC, "cloud_id": "99999999-aaaa"}).describe()
    assert caught.value.code == "wrong_address"


def test_a_missing_scope_is_named_and_costs_no_new_token(build, sandbox):
    sandbox.world.settings["scopes"] = "read:jira-work read:jira-user"
    host = build(SERVICE)
    with pytest.raises(Refused, match="give it the scope write:jira-work") as caught:
        host.notify("ACME-1", ["a"], "b")
    assert caught.value.code == "missing_scope"
    assert len(sandbox.calls("/oauth/token")) == 1
    sandbox.world.settings["scopes"] = "read:jira-work"
    with pytest.raises(Refused, match="give it the scope read:jira-user"):
        host.identify()


# --- rights ----------------------------------------------------------------------------------------------------------------


def test_scopes_that_a_service_account_lacks_are_warned_of(build, sandbox):
    sandbox.world.settings["scopes"] = "read:jira-work read:jira-user"
    (warning,) = build(SERVICE).describe().warnings
    assert "write panels and comments" in warning
    assert "write:jira-work" in warning
    sandbox.world.settings["scopes"] = "read:jira-user read:jira-work write:jira-work manage:jira-webhook"
    assert build(SERVICE).describe().warnings == ()


def test_what_the_bot_may_do_without_is_a_note_and_no_warning(host, sandbox):
    told = host.describe()
    assert (told.warnings, told.notes, told.expires_at) == ((), (), None)
    sandbox.rest.denied = {"ADMINISTER", "USER_PICKER"}
    told = host.describe()
    assert told.warnings == ()
    assert "makes it by hand" in told.notes[0]
    assert "Browse users and groups" in told.notes[1]


@pytest.mark.parametrize(
    ("right", "name"),
    [
        ("BROWSE_PROJECTS", "Browse projects"),
        ("LINK_ISSUES", "Link issues"),
        ("EDIT_ISSUES", "Edit issues"),
        ("ADD_COMMENTS", "Add comments"),
    ],
)
def test_each_missing_permission_is_named_with_its_project(host, sandbox, right, name):
    sandbox.rest.denied = {right}
    (warning,) = host.describe().warnings
    assert f"give it the project permission {name} there" in warning
    assert "ACME" in warning


def test_a_bot_without_any_project_is_told_so(host, sandbox):
    sandbox.archive_project("ACME")
    assert "Browse projects" in host.describe().warnings[0]


# --- completing ------------------------------------------------------------------------------------------------------------


def test_a_classic_token_stays_as_it_is(url, sandbox):
    assert complete(url, CLASSIC) == CLASSIC
    assert len(sandbox.log) == 1


def test_a_token_with_scopes_gets_the_cloud_id(url, sandbox):
    sandbox.world.settings["scoped_token"] = True
    assert complete(url, CLASSIC) == SCOPED
    assert len(sandbox.log) == 3
    assert complete(url, SCOPED) == SCOPED
    assert len(sandbox.log) == 3


def test_a_token_that_lacks_a_scope_is_still_one_with_scopes(url, sandbox):
    sandbox.world.settings.update(scoped_token=True, scopes="read:jira-work")
    assert complete(url, CLASSIC) == SCOPED


def test_a_wrong_token_comes_back_unchanged(url):
    wrong = {**CLASSIC, "api_token": "wrong-token"}
    assert complete(url, wrong) == wrong


def test_a_service_account_gets_the_cloud_id(url, sandbox):
    bare = {name: value for name, value in SERVICE.items() if name != "cloud_id"}
    assert complete(url, bare) == SERVICE
    assert [path for _, path, _ in sandbox.log] == ["/_edge/tenant_info"]


def test_an_address_that_is_no_jira_is_told(url, sandbox):
    bare = {name: value for name, value in SERVICE.items() if name != "cloud_id"}
    sandbox.fail(path="tenant_info", status=404)
    with pytest.raises(Refused, match="no Jira Cloud site"):
        complete(url, bare)
    sandbox.fail(path="tenant_info", status=200, body=b"<html>")
    with pytest.raises(Offline, match="without JSON"):
        complete(url, bare)
    sandbox.fail(path="tenant_info", status=200, body=b"{}")
    with pytest.raises(Refused, match="does not tell a cloud id"):
        complete(url, bare)
    with pytest.raises(InputError):
        complete(url, {"email": "bot@acme.example"})
