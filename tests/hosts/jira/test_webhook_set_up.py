"""The admin webhook: made once, brought up to date, and told in steps where the rights do not allow it."""

from __future__ import annotations

import pytest
from werkzeug.wrappers import Request, Response

from connector.errors import Offline, Refused, Uncertain
from connector.hosts.jira.webhook import WANTED
from connector.hosts.jira.webhook_set_up import CORE, EVENTS
from tests.hosts.jira.test_transport import CLOUD, SERVICE
from tests.support.standin import running
from webhooks.signatures import verify

URL = "https://okr.acme.example/webhooks/acme-jira"
SECRET = "whsec-planted-and-never-shown"


def test_a_webhook_is_made_with_our_events_and_secret(host, sandbox):
    made = host.register_webhook(URL, SECRET)
    assert (made.created, made.how, made.why) == (True, (), "")
    hook = sandbox.admin.webhooks[made.id]
    assert (hook["url"], hook["secret"], hook["excludeBody"], hook["filters"]) == (URL, SECRET, False, {})
    assert set(hook["events"]) == set(made.events) == WANTED


def test_a_second_time_brings_it_up_to_date_and_never_makes_two(host, sandbox):
    first = host.register_webhook(URL, SECRET)
    hook = sandbox.admin.webhooks[first.id]
    hook.update(filters={"issue-related-events-section": "project = ACME"}, events=["sprint_closed"], enabled=False, name="Ours")
    second = host.register_webhook(URL + "/", "another-secret")
    assert (second.created, second.id) == (True, first.id)
    (kept,) = sandbox.admin.webhooks.values()
    assert kept["filters"] == {"issue-related-events-section": "project = ACME"}
    assert (kept["secret"], kept["enabled"], kept["name"]) == ("another-secret", True, "Ours")
    assert set(kept["events"]) == {*EVENTS, "sprint_closed"}


def test_other_webhooks_are_left_alone_and_a_twin_is_told(host, sandbox):
    others = {"1": {"name": "Chat", "url": "https://chat.acme.example", "events": []}}
    twins = {number: {"name": f"Twin {number}", "url": URL, "events": ["jira:issue_updated"]} for number in ("2", "3")}
    sandbox.admin.webhooks.update({**others, **twins})
    made = host.register_webhook(URL, SECRET)
    assert (made.created, made.id) == (True, "2")
    assert "Delete the webhook Twin 3" in made.how[0]
    assert sandbox.admin.webhooks["1"] == others["1"]
    assert sandbox.admin.webhooks["3"] == twins["3"]


def test_a_site_that_does_not_know_the_newer_events_gets_the_core(host, sandbox):
    sandbox.admin.known_events = ("jira:issue_", "comment_", "project_updated", "project_deleted")
    made = host.register_webhook(URL, SECRET)
    assert made.created
    assert sorted(sandbox.admin.webhooks[made.id]["events"]) == sorted(CORE)


def check_steps(told):
    assert not told.created
    assert any("plugins/servlet/webhooks" in step for step in told.how)
    assert f"URL: {URL}" in told.how
    assert any("Issue created" in step for step in told.how)
    assert SECRET not in repr(told)


def test_without_administer_jira_the_steps_are_told(host, sandbox):
    sandbox.rest.denied = {"ADMINISTER"}
    told = host.register_webhook(URL, SECRET)
    check_steps(told)
    assert "does not administer Jira" in told.why
    assert sandbox.admin.webhooks == {}


@pytest.mark.parametrize("auth", [SERVICE, {"email": "bot@acme.example", "api_token": "sandbox-token", "cloud_id": CLOUD}])
def test_logins_with_scopes_may_not_make_one(build, sandbox, auth):
    sandbox.world.settings["scoped_token"] = True
    check_steps(build(auth).register_webhook(URL, SECRET))


def test_a_site_without_that_api_or_with_other_wishes_is_told_by_hand(host, sandbox):
    sandbox.closed_paths["webhooks/1.0"] = 404
    check_steps(host.register_webhook(URL, SECRET))
    sandbox.closed_paths.clear()
    sandbox.fail(path="webhooks/1.0", method="POST", status=400, times=2, body=b'{"errorMessages": ["No such address"]}')
    told = host.register_webhook(URL, SECRET)
    check_steps(told)
    assert "No such address" in told.why


def test_a_site_that_drops_the_secret_is_not_called_done(host, sandbox):
    sandbox.admin.takes_secrets = False
    told = host.register_webhook(URL, SECRET)
    check_steps(told)
    assert told.id in sandbox.admin.webhooks
    assert "did not take its secret" in told.why
    assert len(sandbox.admin.webhooks) == 1
    host.register_webhook(URL, SECRET)
    assert len(sandbox.admin.webhooks) == 1


def test_outages_and_bad_logins_are_raised_and_a_lost_answer_makes_no_second_one(host, build, sandbox):
    sandbox.fail(path="webhooks/1.0", status=503)
    with pytest.raises(Offline):
        host.register_webhook(URL, SECRET)
    with pytest.raises(Refused) as caught:
        build({"email": "bot@acme.example", "api_token": "wrong-token"}).register_webhook(URL, SECRET)
    assert caught.value.parks
    sandbox.fail(path="webhooks/1.0", method="POST", drop=True, commit=True)
    with pytest.raises(Uncertain):
        host.register_webhook(URL, SECRET)
    assert host.register_webhook(URL, SECRET).created
    assert len(sandbox.admin.webhooks) == 1


def test_a_site_that_repeats_the_secret_is_not_quoted(host, sandbox):
    sandbox.fail(path="webhooks/1.0", method="POST", status=400, times=2, body=f'{{"errorMessages": ["bad secret {SECRET}"]}}'.encode())
    told = host.register_webhook(URL, SECRET)
    assert "bad secret" in told.why
    check_steps(told)


def test_the_webhook_brings_signed_events(host, sandbox):
    came = []

    def door(environ, start_response):
        request = Request(environ)
        came.append((request.get_data(), request.headers.get("X-Hub-Signature")))
        return Response(status=200)(environ, start_response)

    with running(door) as address:
        made = host.register_webhook(f"{address}/webhooks/acme-jira", SECRET)
        sandbox.set_status("ACME-3", "done")
        sandbox.admin.webhooks[made.id]["events"] = []
        sandbox.set_status("ACME-3", "new")
        assert sandbox.hooks.wait()
    ((body, signature),) = came
    assert verify([SECRET], body, signature)
    assert b"jira:issue_updated" in body


def test_a_webhook_whose_id_is_not_told_is_left_to_a_person(host, sandbox):
    sandbox.fail(path="webhooks/1.0", method="GET", status=200, body=f'[{{"name": "Ours", "url": "{URL}"}}]'.encode())
    told = host.register_webhook(URL, SECRET)
    check_steps(told)
    assert "edit it instead" in told.why
    assert sandbox.admin.webhooks == {}
