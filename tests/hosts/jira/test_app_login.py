"""The login of our Forge app: its token, where it may go, what it costs, and what is said without one."""

from __future__ import annotations

import pytest

from connector.errors import Busy, InputError, Refused
from connector.hosts import jira
from connector.hosts.base import ConnectionSettings
from connector.hosts.jira import app_login
from connector.hosts.jira.app_login import POINTS
from connector.hosts.limits import Allowance, Budget
from tests.hosts.jira.test_transport import CLOUD

LOGIN = {"cloud_id": CLOUD, "forge": "ari:cloud:ecosystem::installation/a"}
SITE = "https://acme.atlassian.net"


def address(app, base, site=SITE, *, private=False):
    settings = ConnectionSettings("acme-jira", "jira", site, LOGIN, {}, {**app, "api_base_url": base})
    return app_login.address(settings, allow_private=private)


def test_the_app_reads_and_writes_as_itself(build, sandbox, app, make):
    host = build(LOGIN, app)
    told = host.describe()
    assert (told.bot_id, told.warnings) == (sandbox.world.settings["app"]["account"], ())
    assert host.fetch_items(["ACME-2"], []).items[0].key == "ACME-2"
    assert host.write_panel("10001", make.panel(make.key_result()), {})["written"] >= 2
    receipt = host.reply("ACME-1", "1", "acc-alice", "40 %", {})
    assert host.fetch_comment("ACME-1", receipt["comment"]).author == told.bot_id
    assert all(path.startswith(f"/ex/jira/{CLOUD}/") for _, path, _ in sandbox.log)


@pytest.mark.parametrize(("token", "words"), [("", "has not called for some hours"), ("of yesterday", "next hourly call")])
def test_without_a_token_that_counts_it_is_said_what_brings_one(build, sandbox, app, token, words):
    host = build(LOGIN, {**app, "token": token} if token else {})
    with pytest.raises(Refused, match=words) as caught:
        host.identify()
    assert (caught.value.status, caught.value.parks) == (401, True)
    assert "of yesterday" not in str(caught.value)
    assert len(sandbox.log) == bool(token)


@pytest.mark.parametrize(
    "base",
    [
        f"https://api.atlassian.com.evil.example/ex/jira/{CLOUD}",
        f"http://api.atlassian.com/ex/jira/{CLOUD}",
        f"https://api.atlassian.com:8443/ex/jira/{CLOUD}",
        f"https://user@api.atlassian.com/ex/jira/{CLOUD}",
        f"https://api.atlassian.com/ex/jira/{CLOUD}?x=1",
        "https://api.atlassian.com/ex/jira/another",
        f"http://127.0.0.1:8000/ex/jira/{CLOUD}",
    ],
)
def test_the_token_goes_to_this_site_at_atlassian_and_nowhere_else(base):
    with pytest.raises(Refused, match="not this site") as caught:
        address({}, base)
    assert caught.value.code == "address_not_allowed"


def test_the_right_address_and_a_stand_in_where_they_are_allowed():
    right = f"https://api.atlassian.com/ex/jira/{CLOUD}"
    assert [address({}, given) for given in (right, f"{right}/", "")] == [right] * 3
    assert address({}, f"http://127.0.0.1:1/ex/jira/{CLOUD}", private=True) == f"http://127.0.0.1:1/ex/jira/{CLOUD}"
    with pytest.raises(Refused):
        address({}, "http://127.0.0.1:1/ex/jira/other", private=True)


@pytest.mark.parametrize(
    ("auth", "where"),
    [({"forge": "a"}, "auth.cloud_id"), ({"cloud_id": "../x", "forge": "a"}, "auth.cloud_id"), ({**LOGIN, "email": "a@b"}, "auth.email")],
)
def test_a_login_of_the_wrong_shape_is_named(auth, where):
    jira.check_auth(LOGIN)
    with pytest.raises(InputError) as caught:
        jira.check_auth(auth)
    assert caught.value.where == where


def test_points_are_counted_by_what_the_answers_hold(build, app):
    budget = Budget("acme-jira")
    host = build(LOGIN, app, budget=budget)
    host.identify()
    host.fetch_items([f"ACME-{number}" for number in (1, 2, 3)], [])
    limit, left, _ = budget.left(POINTS)
    assert limit - left == host.requests + 1 + 1 + 3  # each request, whoever we are, the list of fields, three issues
    assert host.quota()["limit"] == limit


def test_other_logins_cost_no_points(build, app):
    budget = Budget("acme-jira")
    build(None, app, budget=budget).identify()
    assert budget.left(POINTS)[1] == 50_000


def test_when_the_points_are_used_up_it_waits_instead_of_asking(build, app, sandbox):
    budget = Budget("acme-jira")
    host = build(LOGIN, app, budget=budget)
    budget.spend(POINTS, 60_000)
    with pytest.raises(Busy) as caught:
        host.identify()
    assert 0 < caught.value.retry_after <= 3600
    assert sandbox.log == []


def test_a_budget_that_begins_anew_counts_any_cost():
    hour = Allowance("points", "10 per 1 hour", owner="forge", fixed=True)
    budget = Budget("one")
    assert [budget.wait_for([hour]) for _ in range(3)] == [0.0] * 3
    budget.spend(hour, 6)
    assert budget.left(hour)[:2] == (10, 1)
    assert budget.wait_for([hour]) == 0.0
    assert 3500 < budget.wait_for([hour]) <= 3600
    assert budget.wait_for([Allowance("points", "10 per 1 hour")]) == 0.0  # the connection's own bucket
