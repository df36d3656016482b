"""Issues for decisions, held against Jira's contract: made once, found again by their mark, refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.errors import Refused, Uncertain
from connector.hosts import jira
from connector.hosts.base import ConnectionSettings
from connector.hosts.jira.making import PROPERTY
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.limits import Budget
from connector.hosts.makers import ItemMaker
from tests.hosts.jira.conftest import AUTH

MARK = {"instance": "here", "decision": "7"}


@pytest.fixture
def maker(url: str) -> Iterator[ItemMaker]:
    settings = ConnectionSettings("acme-jira", "jira", url, AUTH)
    made = jira.build_item_maker(settings, budget=Budget("acme-jira"), allow_private=True)
    yield made
    made.close()


def test_an_issue_carries_its_mark_and_its_words(maker: ItemMaker, sandbox: JiraSandbox, url: str) -> None:
    made = maker.make("ACME", "Task", "Move <b>12 k€</b>\n to ads", "First line\nsecond", MARK)
    issue = sandbox.world.find(made.key)
    assert issue is not None
    assert (issue["id"], made.url) == (made.ref, f"{url}/browse/{made.key}")
    assert (issue["fields"]["summary"], issue["fields"]["type"]) == ("Move <b>12 k€</b> to ads", "Task")
    assert issue["fields"]["description"] == "First line\nsecond"
    assert issue["properties"][PROPERTY] == MARK


def test_after_a_lost_answer_it_is_found_again(maker: ItemMaker, sandbox: JiraSandbox) -> None:
    sandbox.fail(path="/issue", method="POST", status=503, commit=True)
    with pytest.raises(Uncertain):
        maker.make("ACME", "Task", "Call the bank", "", MARK)
    maker.make("ACME", "Task", "Call the bank", "", MARK | {"decision": "8"})
    found = maker.find("ACME", "Call the bank", MARK, timedelta(minutes=2))
    assert found is not None
    issue = sandbox.world.find(found.ref)
    assert issue is not None
    assert issue["properties"][PROPERTY] == MARK
    assert maker.find("ACME", "Call the bank", MARK | {"decision": "9"}, timedelta(minutes=2)) is None
    assert maker.find("ACME", "Call the bank", MARK, timedelta(minutes=2), {found.ref}) is None


def test_what_jira_asks_for_is_said_in_words(maker: ItemMaker, sandbox: JiraSandbox) -> None:
    with pytest.raises(Refused, match=r"type Aufgabe in ACME: Specify a valid issue type. The project ACME has: Task, Story, Bug"):
        maker.make("ACME", "Aufgabe", "Call the bank", "", MARK)
    sandbox.world.settings["required_fields"] = {"customfield_10400": "Cost centre"}
    with pytest.raises(Refused, match="does not take an issue of type Task in ACME: Cost centre is required") as caught:
        maker.make("ACME", "Task", "Call the bank", "", MARK)
    assert not caught.value.parks
    with pytest.raises(Refused, match="valid project is required"):
        maker.make("NONE", "Task", "Call the bank", "", MARK)
