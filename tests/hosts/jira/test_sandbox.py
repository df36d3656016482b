"""The stand-in itself: lag, state in and out, moves between projects, faults that end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import requests

from connector.hosts.jira.sandbox import JiraSandbox


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self):
        return self.now


def search(box, jql, **more):
    return [issue["key"] for issue in box.rest._search({"jql": jql, "fields": ["key"], **more}).body["issues"]]


def test_the_index_lags_and_reconciling_does_not():
    clock = Clock()
    box = JiraSandbox(clock=clock)
    box.index_lag = 30
    key = box.add_issue("ACME", "one")
    ref = int(box.world.find(key)["id"])
    assert search(box, "project = ACME") == []
    assert search(box, "project = ACME", reconcileIssues=[ref]) == [key]
    clock.now += timedelta(seconds=31)
    assert search(box, "project = ACME") == [key]
    box.set_status(key, "done")
    assert search(box, "statusCategory = Done") == []
    assert search(box, "statusCategory = Done", reconcileIssues=[ref]) == [key]
    box.delete(key)
    assert search(box, "project = ACME") == [key]
    clock.now += timedelta(seconds=31)
    assert search(box, "project = ACME") == []


def test_state_goes_out_and_in(host, sandbox, make):
    host.write_panel("ACME-1", make.panel(make.key_result()), {})
    host.notify("ACME-1", ["a"], "hello")
    sandbox.world.projects["NEW"] = {"id": "10009", "key": "NEW", "name": "New", "archived": False}
    sandbox.move_to_project("ACME-4", "NEW")
    state = json.loads(json.dumps(sandbox.to_json()))
    other = JiraSandbox()
    other.from_json(state)
    assert other.to_json() == state
    assert other.world.find("ACME-1")["properties"]["okr"]["version"] == 1
    assert other.world.find("ACME-4")["key"] == "NEW-1"
    assert other.add_issue("ACME") == "ACME-8"


def test_reads_and_writes_are_counted(host, sandbox, make):
    sandbox.forget_log()
    host.write_panel("ACME-1", make.panel(make.key_result()), {})
    host.fetch_comment("ACME-1", "1")
    assert (sandbox.reads, sandbox.writes) == (0, 2)
    host.fetch_items(["10001"], [])
    assert sandbox.reads == 2


def test_a_large_site_is_walked_quickly(host, sandbox, make):
    for number in range(2000):
        sandbox.add_issue("ACME", f"n{number}", parent="ACME-1", category="done" if number % 2 else "new")
    items, _ = make.walk(host, host.plan([make.wanted(host, make.epics("ACME-1"))]))
    assert len(items) == 2002


# --- who asks --------------------------------------------------------------------------------------------------------------


def ask(url, sandbox, token, method, path, body=None):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.request(
        method, f"{url}/ex/jira/{sandbox.world.settings['cloud_id']}/rest/api/3/{path}", headers=headers, json=body, timeout=10
    )
    return answer.status_code, answer.json() if answer.content else None


def test_people_with_tokens_of_their_own_see_what_is_theirs(sandbox, url, app):
    sandbox.world.settings |= {
        "logins": {"of alice": "alice", "of charlie": "charlie"},
        "hidden": {"charlie": ["ACME-1"], "bob": ["ACME"]},
        "admins": ["alice"],
    }
    assert ask(url, sandbox, "of alice", "GET", "issue/ACME-1")[0] == 200
    assert ask(url, sandbox, "of charlie", "GET", "issue/ACME-1")[0] == 404
    assert ask(url, sandbox, "of charlie", "GET", "issue/ACME-2")[0] == 200
    assert ask(url, sandbox, "of nobody", "GET", "issue/ACME-2")[0] == 401
    assert ask(url, sandbox, "of charlie", "GET", "myself")[1]["accountId"] == "charlie"
    found = ask(url, sandbox, "of charlie", "POST", "search/jql", {"jql": "project = ACME", "fields": ["id"]})[1]["issues"]
    assert len(found) == len(sandbox.world.issues) - 1
    bulk = ask(url, sandbox, "of charlie", "POST", "issue/bulkfetch", {"issueIdsOrKeys": ["ACME-1", "ACME-2"]})[1]
    assert [issue["key"] for issue in bulk["issues"]] == ["ACME-2"]


def test_the_app_may_ask_for_the_rights_of_others(sandbox, url, app):
    sandbox.world.settings |= {"logins": {"of bob": "bob"}, "hidden": {"charlie": ["ACME-1"], "bob": ["ACME"]}, "admins": ["alice"]}
    one, two = (int(sandbox.world.find(key)["id"]) for key in ("ACME-1", "ACME-2"))
    wish = {"projectPermissions": [{"permissions": ["BROWSE_PROJECTS"], "issues": [one, two], "projects": [10000]}]}

    def seen(account, token="the app's token"):
        status, told = ask(
            url, sandbox, token, "POST", "permissions/check", {**wish, "accountId": account, "globalPermissions": ["ADMINISTER"]}
        )
        if status != 200:
            return status
        (right,) = told["projectPermissions"]
        return right["issues"], right["projects"], told["globalPermissions"]

    assert seen("alice") == ([one, two], [10000], ["ADMINISTER"])
    assert seen("charlie") == ([two], [10000], [])
    assert seen("bob") == ([], [], [])
    assert seen("alice", "of bob") == 403
    rights = ask(url, sandbox, "of bob", "GET", "mypermissions?permissions=ADMINISTER,BROWSE_PROJECTS")[1]["permissions"]
    assert {name: right["havePermission"] for name, right in rights.items()} == {"ADMINISTER": False, "BROWSE_PROJECTS": True}
    assert ask(url, sandbox, "of bob", "GET", "mypermissions?permissions=BROWSE_PROJECTS&issueKey=ACME-2")[0] == 404


def test_only_the_app_writes_its_fields_and_only_what_fits(sandbox, url, app):
    sandbox.world.settings["logins"] = {"of alice": "alice"}
    update = {"updates": [{"issueIds": [10001], "value": 40}]}
    path = "app/field/customfield_10200/value"
    assert ask(url, sandbox, "the app's token", "PUT", path, update) == (204, None)
    assert ask(url, sandbox, "of alice", "PUT", path, update)[0] == 403
    assert ask(url, sandbox, "the app's token", "PUT", "app/field/customfield_10030/value", update)[0] == 403
    assert ask(url, sandbox, "the app's token", "PUT", "app/field/customfield_99999/value", update)[0] == 404
    assert ask(url, sandbox, "the app's token", "PUT", path, {"updates": [{"issueIds": [10001], "value": "40"}]})[0] == 400
    assert ask(url, sandbox, "the app's token", "PUT", path, {"updates": [{"issueIds": [99999], "value": 1}]})[0] == 400
    assert ask(url, sandbox, "the app's token", "PUT", path, {"updates": [{"issueIds": [10001], "value": None}]})[0] == 204
