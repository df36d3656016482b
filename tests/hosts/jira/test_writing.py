"""Panels, values and comments written to the stand-in: what stands there afterwards, and what is not written twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.domain.model import State, Unknown
from connector.errors import Busy, Gone, Refused, Uncertain
from connector.hosts.jira.panel import PROPERTY_LENGTH, global_id, property_value, remote_link


def links(sandbox, key="ACME-1"):
    return sandbox.world.find(key)["links"]


def stored(sandbox, key="ACME-1"):
    return sandbox.world.find(key)["properties"].get("okr")


def test_a_panel_is_one_link_per_key_result_and_a_property(host, sandbox, make):
    ref = sandbox.world.find("ACME-1")["id"]
    receipt = host.write_panel(ref, make.panel(make.key_result(), make.key_result("kr-two")), {})
    assert receipt["written"] == 3
    assert list(links(sandbox)) == ["okr-connector.inst-1.kr-setup", "okr-connector.inst-1.kr-two"]
    body = links(sandbox)["okr-connector.inst-1.kr-setup"]["body"]
    assert body["relationship"] == "OKR"
    assert body["object"]["summary"] == "from 0 % to 100 %, now 40 %, at risk"
    assert body["object"]["status"]["resolved"] is False
    assert body["object"]["status"]["icon"]["url16x16"] == "https://okr.acme.example/static/icons/at_risk16.png"
    first = stored(sandbox)["key_results"][0]
    assert (first["id"], first["state"], first["progress"], first["as_of"]) == ("kr-setup", "at_risk", 0.4, "2026-11-18T14:12:00+00:00")


def test_the_same_panel_again_writes_nothing(host, sandbox, make):
    panel = make.panel(make.key_result(), make.key_result("kr-two"))
    receipt = host.write_panel("ACME-1", panel, {})
    sandbox.forget_log()
    later = make.panel(*panel.key_results, as_of=datetime(2026, 11, 19, 9, 0, tzinfo=UTC))
    again = host.write_panel("ACME-1", later, receipt)
    assert again == {**receipt, "written": 0}
    assert sandbox.log == []


def test_only_the_part_that_differs_is_written(host, sandbox, make):
    receipt = host.write_panel("ACME-1", make.panel(make.key_result(), make.key_result("kr-two")), {})
    sandbox.forget_log()
    changed = make.panel(make.key_result(), make.key_result("kr-two", sentence="from 0 % to 100 %, now 50 %", current=50.0, progress=0.5))
    assert host.write_panel("ACME-1", changed, receipt)["written"] == 2
    assert [method for method, _, _ in sandbox.log] == ["POST", "PUT"]
    assert len(links(sandbox)) == 2


def test_a_lost_receipt_gives_no_second_link(host, sandbox, make):
    panel = make.panel(make.key_result())
    host.write_panel("ACME-1", panel, {})
    host.write_panel("ACME-1", panel, {})
    assert len(links(sandbox)) == 1


def test_a_key_result_that_left_is_taken_away(host, sandbox, make):
    odd = make.key_result("kr/ü & two")
    receipt = host.write_panel("ACME-1", make.panel(make.key_result(), odd), {})
    receipt = host.write_panel("ACME-1", make.panel(make.key_result()), receipt)
    assert list(links(sandbox)) == ["okr-connector.inst-1.kr-setup"]
    receipt = host.write_panel("ACME-1", make.panel(), receipt)
    assert links(sandbox) == {}
    assert stored(sandbox) is None
    assert receipt == {"links": {}, "property": "", "written": 2}
    assert host.write_panel("ACME-1", make.panel(), receipt)["written"] == 0


def test_a_link_removed_by_a_person_does_not_hinder(host, sandbox, make):
    receipt = host.write_panel("ACME-1", make.panel(make.key_result()), {})
    links(sandbox).clear()
    assert host.write_panel("ACME-1", make.panel(), receipt)["links"] == {}


def test_a_deleted_issue_is_gone(host, sandbox, make):
    sandbox.delete("ACME-1")
    with pytest.raises(Gone):
        host.write_panel("ACME-1", make.panel(make.key_result()), {})


def test_reached_or_closed_is_struck_through_and_unknown_is_not(make):
    def resolved(**changes):
        return remote_link("i", make.key_result(**changes))["object"]["status"]["resolved"]

    assert resolved(progress=1.0)
    assert resolved(state=State.CLOSED, progress=0.2)
    assert not resolved(progress=None)


def test_lengths_stay_within_jiras_limits(make):
    long = make.key_result("k" * 400, title="t" * 400, sentence="s" * 400)
    body = remote_link("inst", long)
    assert len(body["globalId"]) <= 255
    assert body["globalId"] == global_id("inst", "k" * 400)
    assert len(body["object"]["title"]) == 255
    many = make.panel(*(make.key_result(f"kr-{number}", title="ü" * 250) for number in range(200)))
    value = property_value(many)
    assert value["truncated"] is True
    assert len(str(value)) <= PROPERTY_LENGTH


def test_the_global_id_holds_nothing_that_changes(make):
    one = remote_link("inst", make.key_result())
    other = remote_link("inst", make.key_result(title="Renamed", current=99.0, state=State.ON_TRACK))
    assert one["globalId"] == other["globalId"]


def test_values_are_written_only_when_they_differ(host, sandbox):
    assert host.write_values("ACME-2", {"Customers": 40.0})["written"] == ["Customers"]
    assert sandbox.world.find("ACME-2")["fields"]["customfield_10030"] == 40
    sandbox.forget_log()
    assert host.write_values("ACME-2", {"Customers": 40.0, "Story Points": Unknown("not shared")})["written"] == []
    assert sandbox.calls(method="PUT") == []
    with pytest.raises(Refused, match="Nope"):
        host.write_values("ACME-2", {"Nope": 1.0})


def test_an_edit_that_jira_drops_silently_is_told(host, sandbox):
    sandbox.world.set_field = lambda *args, **more: None
    with pytest.raises(Refused, match="administrator"):
        host.write_values("ACME-2", {"Customers": 41.0})


def test_notify_mentions_and_comments_read_back_as_text(host, sandbox):
    receipt = host.notify("ACME-1", ["acc-alice"], "please check in\nby Friday")
    comment = host.fetch_comment("ACME-1", receipt["comment"])
    assert comment.text == "please check in\nby Friday"
    assert comment.author == "5b10a2844c20165700ede21g"
    assert comment.created_at.tzinfo is UTC
    assert host.fetch_comment("ACME-1", "1") is None


def test_a_comment_without_a_clear_answer_is_uncertain_and_not_repeated(host, sandbox):
    sandbox.fail(path="/comment", status=503, commit=True)
    with pytest.raises(Uncertain):
        host.notify("ACME-1", ["acc-alice"], "hello")
    assert len(sandbox.calls("/comment")) == 1


def test_commit_then_503_on_a_link_ends_in_one_link(host, sandbox, make):
    sandbox.fail(path="/remotelink", status=503, commit=True)
    panel = make.panel(make.key_result())
    with pytest.raises(Exception, match="503"):
        host.write_panel("ACME-1", panel, {})
    host.write_panel("ACME-1", panel, {})
    assert len(links(sandbox)) == 1


def test_writes_of_one_issue_have_their_own_budget(build, sandbox, make):
    host = build(patience=0.0)

    def write_on():
        for number in range(30):
            host.write_panel("ACME-1", make.panel(make.key_result(current=float(number))), {"links": {}})

    with pytest.raises(Busy) as caught:
        write_on()
    assert caught.value.code == "own_budget"
    assert len(sandbox.calls(method="POST")) + len(sandbox.calls(method="PUT")) == 20
    host.write_panel("ACME-7", make.panel(make.key_result()), {})
