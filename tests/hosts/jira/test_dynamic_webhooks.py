"""The webhooks of a login by permission: made, prolonged, narrowed and made again; every call held against the contract."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from connector.errors import Refused
from connector.hosts import jira
from connector.hosts.jira import oauth
from connector.hosts.jira.dynamic_webhooks import EVENTS
from connector.hosts.jira.jql import named_projects
from connector.hosts.jira.webhook import JiraDialect
from connector.hosts.limits import Budget

URL = "https://okr.acme.example/webhooks/acme-jira"
BACK = "https://okr.acme.example/sign-in/atlassian/callback"
DAY = 86_400

SCOPES = " ".join(oauth.SCOPES)


def permitted(url, sandbox, scopes=SCOPES):
    client, secret = sandbox.permissions.client
    code = sandbox.permissions.give(BACK, scopes)
    how = {"budget": Budget("consent"), "allow_private": True}
    auth = oauth.exchange_code(url, client, secret, BACK, code, **how)
    (site,) = oauth.sites(url, auth["access_token"], **how)
    return {**auth, "cloud_id": site.cloud_id}


@pytest.fixture
def app(build, url, sandbox):
    """A host whose login is a permission, and whose clock is the stand-in's."""
    sandbox.add_issue(key="WEB-1", project="WEB")
    return build(permitted(url, sandbox))


def filters(sandbox):
    return sorted(hook["jqlFilter"] for hook in sandbox.permissions.webhooks.values())


def test_one_is_made_for_the_projects_that_matter(app, sandbox):
    made = app.register_webhook(URL, "", ["WEB", "ACME"])
    assert (made.created, made.why, made.containers, made.events) == (True, "", ("ACME", "WEB"), EVENTS)
    ((ident, hook),) = sandbox.permissions.webhooks.items()
    assert made.id == str(ident)
    assert (hook["url"], hook["jqlFilter"], hook["events"]) == (URL, 'project in ("ACME", "WEB")', list(EVENTS))
    assert set(EVENTS) <= JiraDialect.handled
    assert timedelta(days=29) < made.ends_at - datetime.now(UTC) <= timedelta(days=30)


def test_without_bounds_two_filters_let_everything_through(app, sandbox):
    made = app.register_webhook(URL, "")
    assert (made.created, made.containers) == (True, ())
    assert filters(sandbox) == ['project != "ACME"', 'project = "ACME"']
    for project in ("ACME", "WEB", "LATER"):
        told = sandbox.permissions.deliveries("jira:issue_updated", {"issue": {"key": f"{project}-1"}})
        assert [len(body["matchedWebhookIds"]) for _, body, _ in told] == [1]


def test_a_second_look_costs_one_request_and_changes_nothing(app, sandbox):
    first = app.register_webhook(URL, "", ["ACME"])
    (hook,) = sandbox.permissions.webhooks.values()
    hook["jqlFilter"] = "PROJECT IN (acme)"  # as Jira may write it
    before = app.requests
    assert app.register_webhook(URL, "", ["ACME"]) == first
    assert app.requests - before == 1


def test_it_is_prolonged_once_a_week(app, sandbox):
    app.register_webhook(URL, "", ["ACME"])
    (hook,) = sandbox.permissions.webhooks.values()
    hook["expirationDate"] = int((time.time() + 22 * DAY) * 1000)
    made = app.register_webhook(URL, "", ["ACME"])
    assert len(sandbox.calls("webhook/refresh")) == 2  # when it was made, to know its end, and now
    assert made.ends_at - datetime.now(UTC) > timedelta(days=29)
    assert len(sandbox.permissions.webhooks) == 1


def test_other_projects_replace_it_and_a_lost_one_is_made_again(app, sandbox):
    first = app.register_webhook(URL, "", ["ACME"])
    second = app.register_webhook(URL, "", ["ACME", "WEB"])
    assert filters(sandbox) == ['project in ("ACME", "WEB")']
    assert second.id != first.id
    sandbox.permissions.webhooks.clear()
    third = app.register_webhook(URL, "", ["ACME", "WEB"])
    assert third.created
    assert third.id == str(*sandbox.permissions.webhooks)


def test_one_that_lacks_an_event_is_replaced(app, sandbox):
    app.register_webhook(URL, "", ["ACME"])
    (hook,) = sandbox.permissions.webhooks.values()
    hook["events"] = ["jira:issue_updated"]
    app.register_webhook(URL, "", ["ACME"])
    (hook,) = sandbox.permissions.webhooks.values()
    assert hook["events"] == list(EVENTS)


def test_a_project_that_is_gone_widens_it_to_the_whole_site(app, sandbox):
    made = app.register_webhook(URL, "", ["ACME", "GONE"])
    assert (made.created, made.containers) == (True, ())
    assert filters(sandbox) == ['project != "ACME"', 'project = "ACME"']


def test_another_address_of_the_same_app_is_told_and_left_alone(app, sandbox):
    app.register_webhook("https://other.acme.example/webhooks/x", "", ["ACME"])
    told = app.register_webhook(URL, "", ["ACME"])
    assert not told.created
    assert "other.acme.example" in told.why
    assert "take another app" in told.why
    assert [hook["url"] for hook in sandbox.permissions.webhooks.values()] == ["https://other.acme.example/webhooks/x"]


def test_a_full_app_is_told_in_jiras_words(app, sandbox):
    for _ in range(5):
        sandbox.permissions._registered({"url": URL, "webhooks": [{"events": ["sprint_closed"], "jqlFilter": "project = ACME"}]})
    told = app.register_webhook(URL, "", ["ACME"])
    assert not told.created
    assert "Only 5 webhooks" in told.why


def test_a_permission_without_the_scope_says_which(build, url, sandbox):
    told = build(permitted(url, sandbox, "read:jira-work write:jira-work read:jira-user offline_access")).register_webhook(URL, "")
    assert not told.created
    assert "manage:jira-webhook" in told.why


def test_other_logins_keep_the_webhooks_of_the_site(host, sandbox):
    assert host.register_webhook(URL, "a-secret", ["ACME"]).containers == ()
    assert sandbox.permissions.webhooks == {}
    assert host.drop_webhook(URL) is False


def test_ours_are_taken_away_at_the_end(app, sandbox):
    app.register_webhook(URL, "")
    assert app.drop_webhook(URL) is True
    assert sandbox.permissions.webhooks == {}
    assert app.drop_webhook(URL) is True


def test_a_login_that_is_no_good_is_not_taken_for_a_missing_right(app, sandbox):
    sandbox.tokens.clear()
    with pytest.raises(Refused) as caught:
        app.register_webhook(URL, "")
    assert caught.value.parks


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        ("project = ACME AND labels = okr", ("ACME",)),
        ('project in ("ACME", WEB) ORDER BY created', ("ACME", "WEB")),
        ('PROJECT="ACME" and summary ~ "this or that"', ("ACME",)),
        ("project = ACME OR labels = okr", ()),
        ("project != ACME", ()),
        ("project not in (ACME)", ()),
        ("NOT project = ACME", ()),
        ('project = "Acme rollout"', ()),
        ("project = ACME AND project = WEB", ()),
        ("labels = okr", ()),
        ("", ()),
    ],
)
def test_only_a_plain_limit_to_projects_is_believed(jql, keys):
    assert named_projects(jql) == keys


def test_the_kinds_of_mappings_name_their_projects(host, make):
    def wanted(selector):
        return make.wanted(host, selector)

    assert jira.containers_of([wanted(make.epics("ACME-1"))]) == {"ACME"}
    assert jira.containers_of([wanted(make.epics("ACME-1")), wanted(make.jql("project = ACME"))]) == {"ACME"}
    assert jira.containers_of([wanted(make.epics("ACME-1")), wanted(make.jql("labels = onboarding"))]) is None
    assert jira.containers_of([]) == frozenset()
