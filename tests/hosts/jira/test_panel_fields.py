"""The fields of a panel: those of our app and those an admin named; what they say, when they are written, what is only a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.model import State
from connector.errors import Gone, HostError, Offline, Refused
from connector.hosts.jira.panel_fields import shown
from tests.hosts.jira.test_transport import CLOUD

PROGRESS, STATUS = "customfield_10200", "customfield_10201"
PERCENT, STATE = "customfield_10300", "customfield_10301"
KINDS = "com.atlassian.jira.plugin.system.customfieldtypes"
NAMED = {"fields": {"progress": "OKR percent", "status": STATE}}


def field(ident, name, kind, custom):
    return {"id": ident, "key": ident, "name": name, "custom": True, "schema": {"type": kind, "custom": f"{KINDS}:{custom}"}}


@pytest.fixture
def named(sandbox):
    """The site with two ordinary fields, as an admin makes them."""
    ours = [field(PERCENT, "OKR percent", "number", "float"), field(STATE, "OKR state", "string", "textfield")]
    sandbox.world.settings["fields"] = [*sandbox.world.settings["fields"], *ours]


def panel(make, progress=0.4, state=State.AT_RISK):
    return replace(make.panel(make.key_result()), progress=progress, state=state)


def values(sandbox, *names, key="ACME-1"):
    fields = sandbox.world.find(key)["fields"]
    return tuple(fields.get(name) for name in names)


# --- what they say ---------------------------------------------------------------------------------------------------------


def test_the_values_are_percent_and_a_word_and_unknown_is_empty(make):
    assert list(shown(panel(make, 0.4)).values()) == [40.0, "At risk"]
    assert list(shown(panel(make, 1 / 3, State.ON_TRACK)).values()) == [33.3, "On track"]
    assert list(shown(panel(make, 0.0)).values()) == [0.0, "At risk"]
    assert list(shown(panel(make, None, State.NO_DATA)).values()) == [None, "No data"]
    assert list(shown(make.panel()).values()) == [None, None]


# --- the app's own fields --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [{"cloud_id": CLOUD, "forge": "i"}, None])
def test_the_apps_fields_are_written_by_the_app_without_history_or_event(build, sandbox, app, make, login):
    host = build(login, app)
    told = []
    sandbox.world.listener = lambda change: told.append(change[0])
    receipt = host.write_panel("10001", panel(make), {})
    assert values(sandbox, PROGRESS, STATUS) == (40.0, "At risk")
    assert told == ["jira:issue_updated", "issue_property_set"]  # of the link and the property
    assert [(method, path.partition("/rest")[0], body) for method, path, body in sandbox.calls("/app/field/")] == [
        ("PUT", f"/ex/jira/{CLOUD}", {"updates": [{"issueIds": [10001], "value": 40.0}]}),
        ("PUT", f"/ex/jira/{CLOUD}", {"updates": [{"issueIds": [10001], "value": "At risk"}]}),
    ]
    assert receipt["written"] == 4
    assert host.requests == len(sandbox.log)


def test_what_did_not_change_is_not_written_and_a_change_is_one_request(build, sandbox, app, make):
    receipt = build(None, app).write_panel("10001", panel(make), {})
    sandbox.forget_log()
    again = build(None, app)
    assert again.write_panel("10001", panel(make), receipt) == {**receipt, "written": 0}
    assert sandbox.log == []
    assert again.write_panel("10001", panel(make, 0.5), receipt)["written"] == 1
    assert values(sandbox, PROGRESS, STATUS) == (50.0, "At risk")
    assert len(sandbox.log) == 1  # the field's id stands in the receipt


def test_unknown_empties_the_field_and_a_panel_that_goes_takes_its_values_along(build, sandbox, app, make):
    host = build(None, app)
    receipt = host.write_panel("10001", panel(make), {})
    receipt = host.write_panel("10001", panel(make, None, State.NO_DATA), receipt)
    assert values(sandbox, PROGRESS, STATUS) == (None, "No data")
    receipt = host.write_panel("10001", make.panel(), receipt)
    assert values(sandbox, PROGRESS, STATUS) == (None, None)
    sandbox.forget_log()
    assert host.write_panel("10001", make.panel(), receipt)["written"] == 0
    assert sandbox.log == []


def test_a_panel_that_never_showed_anything_writes_no_field(build, sandbox, app, make):
    assert build(None, app).write_panel("10001", make.panel(), {})["written"] == 0
    assert sandbox.calls("/app/") == []


def test_a_key_is_turned_into_the_id_that_the_address_of_values_needs(build, sandbox, app, make):
    build(None, app).write_panel("ACME-7", panel(make), {})
    assert values(sandbox, PROGRESS, key="ACME-7") == (40.0,)


def test_an_app_without_a_token_or_without_fields_leaves_the_rest_alone(build, sandbox, app, make):
    receipt = build(None, app).write_panel("10001", panel(make), {})
    silent = build(None, {**app, "token": ""}).write_panel("10001", panel(make, 0.6), receipt)
    assert (silent["fields"], values(sandbox, PROGRESS)) == (receipt["fields"], (40.0,))
    assert build(None, app).write_panel("10001", panel(make, 0.6), silent)["written"] == 1
    sandbox.world.settings["fields"] = sandbox.world.settings["fields"][:-2]
    bare = build(None, app).write_panel("10002", panel(make), {})
    assert (bare["written"], "fields" in bare, "warnings" in bare) == (2, False, False)


def test_the_app_installed_anew_has_new_fields(build, sandbox, app, make):
    receipt = build(None, app).write_panel("10001", panel(make), {})
    entries = sandbox.world.settings["fields"]
    sandbox.world.settings["fields"] = [{**each, "id": each["id"].replace("_102", "_109")} for each in entries]
    sandbox.world.settings["app"]["fields"] = {"okr-progress": "customfield_10900", "okr-status": "customfield_10901"}
    receipt = build(None, app).write_panel("10001", panel(make, 0.5), receipt)
    assert values(sandbox, "customfield_10900") == (50.0,)
    assert receipt["fields"]["okr-progress"]["field"] == "customfield_10900"
    assert "warnings" not in receipt


def test_the_fields_of_another_environment_are_passed_over(build, sandbox, app, make):
    entries = sandbox.world.settings["fields"]
    foreign = [{**each, "id": each["id"].replace("_102", "_101")} for each in entries if each["id"] in (PROGRESS, STATUS)]
    sandbox.world.settings["fields"] = [*foreign, *entries]
    receipt = build(None, app).write_panel("10001", panel(make), {})
    assert values(sandbox, PROGRESS, "customfield_10100") == (40.0, None)
    assert "warnings" not in receipt


def test_the_fields_are_found_by_their_keys_where_the_type_says_nothing(build, sandbox, app, make):
    for entry in sandbox.world.settings["fields"]:
        if entry["id"] in (PROGRESS, STATUS):
            entry["schema"] = {"type": entry["schema"]["type"]}
    build(None, app).write_panel("10001", panel(make), {})
    assert values(sandbox, PROGRESS, STATUS) == (40.0, "At risk")


def test_a_refusal_is_a_warning_and_is_not_tried_for_ever(build, sandbox, app, make):
    sandbox.fail(path="/app/field/", status=403, times=9)
    receipt = build(None, app).write_panel("10001", panel(make), {})
    assert receipt["written"] == 2
    assert [text.partition(":")[0] for text in receipt["warnings"]] == ["OKR progress was not written", "OKR status was not written"]
    sandbox.forget_log()
    assert build(None, app).write_panel("10001", panel(make), receipt) == {**receipt, "written": 0}
    assert sandbox.log == []
    sandbox.faults.clear()
    receipt = build(None, app).write_panel("10001", panel(make, 0.5, State.ON_TRACK), receipt)
    assert values(sandbox, PROGRESS, STATUS) == (50.0, "On track")
    assert "warnings" not in receipt


def test_a_token_that_ended_meanwhile_is_a_warning_and_the_next_write_tries_again(build, sandbox, app, make):
    receipt = build(None, {**app, "token": "of yesterday"}).write_panel("10001", panel(make), {})
    assert len(receipt["warnings"]) == 2
    assert "of yesterday" not in str(receipt)
    receipt = build(None, app).write_panel("10001", panel(make), receipt)
    assert (receipt["written"], values(sandbox, PROGRESS)) == (2, (40.0,))


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True}, {"status": 429, "headers": {"Retry-After": "30"}}])
def test_an_outage_at_a_field_keeps_what_was_written_before_it(build, sandbox, app, make, trouble):
    sandbox.fail(path="/app/field/", **trouble)
    with pytest.raises(HostError) as caught:
        build(None, app).write_panel("10001", panel(make), {})
    assert not isinstance(caught.value, (Refused, Gone))
    sandbox.forget_log()
    build(None, app).write_panel("10001", panel(make), caught.value.details["receipt"])
    assert {method for method, _, _ in sandbox.log} == {"GET", "PUT"}
    assert values(sandbox, PROGRESS, STATUS) == (40.0, "At risk")


@pytest.mark.parametrize("name", ["OKR progress", PROGRESS, "OKR percent", "okr state"])
def test_nothing_can_be_measured_by_a_field_that_we_write(build, app, make, named, name):
    host = build(None, app, NAMED)
    with pytest.raises(Refused, match="written by the connector itself") as caught:
        host.resolve(make.epics("ACME-1"), [name])
    assert caught.value.code == "own_field"
    assert not {PROGRESS, STATUS, PERCENT, STATE} & {info.id for info in host.describe().fields}


# --- ordinary fields -------------------------------------------------------------------------------------------------------


def test_named_fields_are_written_only_when_they_differ_and_without_mails(build, sandbox, make, named):
    host = build(told=NAMED)
    receipt = host.write_panel("10001", panel(make), {})
    assert values(sandbox, PERCENT, STATE) == (40.0, "At risk")
    assert receipt["written"] == 4
    sandbox.forget_log()
    assert host.write_panel("10001", panel(make), receipt) == {**receipt, "written": 0}
    assert sandbox.log == []
    unproven = {**receipt, "fields": {name: {**entry, "digest": ""} for name, entry in receipt["fields"].items()}}
    assert host.write_panel("10001", panel(make), unproven)["written"] == 0
    assert sandbox.calls(method="PUT") == []


def test_without_the_option_no_field_is_touched(build, sandbox, make, named):
    build().write_panel("10001", panel(make), {})
    assert values(sandbox, PERCENT, STATE) == (None, None)
    assert sandbox.calls("/field") == []


@pytest.mark.parametrize(("name", "why"), [("Nowhere", "Jira has no field 'Nowhere'"), ("Story Points", "holds story points")])
def test_a_field_that_cannot_take_it_is_a_warning_once(build, sandbox, make, named, name, why):
    told = {"fields": {"progress": name}}
    receipt = build(told=told).write_panel("10001", panel(make), {})
    assert receipt["written"] == 2
    assert why in receipt["warnings"][0]
    sandbox.forget_log()
    assert build(told=told).write_panel("10001", panel(make), receipt)["warnings"] == receipt["warnings"]
    assert sandbox.log == []


@pytest.mark.parametrize("status", [400, 403])
def test_an_edit_that_jira_refuses_is_a_warning_in_its_words(build, sandbox, make, named, status):
    fault = sandbox.fail(path="/issue/10001", method="PUT", status=status, body=b'{"errors": {"customfield_10300": "must be a number"}}')
    fault.hits = lambda method, path: method == "PUT" and path.endswith("/issue/10001")
    receipt = build(told=NAMED).write_panel("10001", panel(make), {})
    assert len(receipt["warnings"]) == 2
    assert "customfield_10300: must be a number" in receipt["warnings"][0]


def test_two_fields_of_one_name_are_not_guessed(build, sandbox, make, named):
    twin = field("customfield_10399", "OKR percent", "number", "float")
    sandbox.world.settings["fields"] = [*sandbox.world.settings["fields"], twin]
    receipt = build(told=NAMED).write_panel("10001", panel(make), {})
    assert "give the id of one: customfield_10300, customfield_10399" in receipt["warnings"][0]
    assert values(sandbox, PERCENT, STATE) == (None, "At risk")


def test_an_edit_that_jira_drops_silently_is_a_warning_with_its_mend(build, sandbox, make, named):
    sandbox.world.set_field = lambda *args, **more: None
    receipt = build(told=NAMED).write_panel("10001", panel(make), {})
    assert all("make the bot an administrator of the project" in text for text in receipt["warnings"])


def test_another_field_takes_over_and_the_old_one_is_emptied(build, sandbox, make, named):
    receipt = build(told={"fields": {"progress": "OKR percent"}}).write_panel("10001", panel(make), {})
    receipt = build(told={"fields": {"progress": "Customers"}}).write_panel("10001", panel(make), receipt)
    assert values(sandbox, PERCENT, "customfield_10030") == (None, 40.0)
    receipt = build().write_panel("10001", panel(make), receipt)
    assert values(sandbox, PERCENT, "customfield_10030") == (None, None)
    assert "fields" not in receipt


def test_a_deleted_issue_is_gone_and_an_outage_is_one(build, sandbox, make, named):
    host = build(told=NAMED)
    receipt = host.write_panel("10001", panel(make), {})
    sandbox.fail(path="/issue/10001", method="GET", status=503)
    with pytest.raises(Offline):
        host.write_panel("10001", panel(make, 0.5), receipt)
    sandbox.delete("ACME-1")
    with pytest.raises(Gone):
        host.write_panel("10001", panel(make, 0.5), receipt)
