"""A whole walk for somebody who waits: the same issues as page by page, sooner, and never after its end."""

from __future__ import annotations

import threading

import pytest

from connector.errors import Busy, Offline
from connector.hosts.base import ListQuery


@pytest.fixture
def many(sandbox):
    for number in range(430):
        sandbox.add_issue(key=f"ACME-{number + 100}", parent="ACME-1", points=number, category="done" if number % 2 else "new")
    return sandbox


def read(host, make, selector, most=10_000):
    wanted = [make.wanted(host, selector, "")]
    pages = []
    complete = [host.read_all(query, most, pages.append) for query in host.plan(wanted)]
    items = {item.ref: item for page in pages for item in page.items}
    refs = [ref for page in pages for ref in page.refs]
    return all(complete), items, refs, pages


@pytest.mark.parametrize("kind", ["epic", "deep epic", "jql"])
def test_it_gives_what_the_pages_give(host, make, many, kind):
    selector = make.jql("project = ACME AND issuetype = Story") if kind == "jql" else make.epics("ACME-1", subtasks=kind == "deep epic")
    complete, items, refs, pages = read(host, make, selector)
    slow, slow_refs = make.walk(host, list(host.plan([make.wanted(host, selector, "")])))
    assert complete
    assert items == {item.ref: item for item in slow}
    assert sorted(refs) == sorted(slow_refs)
    assert len(refs) == len(set(refs))
    assert len(pages[0].items) == 100


def test_a_short_walk_is_one_request(host, make, sandbox):
    host.plan([make.wanted(host, make.epics("ACME-1"), "")])
    before = host.requests
    complete, items, _, _ = read(host, make, make.epics("ACME-1"))
    assert (complete, len(items)) == (True, 2)
    assert host.requests - before == 2  # resolving it anew, and the page


@pytest.mark.parametrize("most", [1, 100, 101, 250])
def test_it_stops_at_the_most_and_says_so(host, make, many, most):
    complete, _, refs, _ = read(host, make, make.epics("ACME-1"), most)
    assert not complete
    assert max(most, 100) == len(refs)


def test_a_walk_that_ends_before_the_most_is_complete(host, make, many):
    complete, _, refs, _ = read(host, make, make.epics("ACME-1"), 433)
    assert complete
    assert len(refs) == 432


def test_issues_come_in_parallel_and_are_shown_in_the_callers_thread(host, make, many):
    many.fail(path="bulkfetch", seconds=0.2, times=99)
    wanted = [make.wanted(host, make.epics("ACME-1"), "")]
    many.forget_log()
    threads = set()
    requests = host.requests
    (query,) = host.plan(wanted)
    host.read_all(query, 10_000, lambda page: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}
    assert host.requests - requests == len(many.log) == 6  # a page, the ids, four times a hundred


@pytest.mark.parametrize(("how", "kind"), [({"status": 429, "headers": {"Retry-After": "9"}}, Busy), ({"drop": True}, Offline)])
def test_a_fault_on_the_way_is_raised_and_leaves_no_thread(host, make, many, how, kind):
    wanted = [make.wanted(host, make.epics("ACME-1"), "")]
    (query,) = host.plan(wanted)
    many.fail(path="bulkfetch", **how)
    with pytest.raises(kind):
        host.read_all(query, 10_000, lambda page: None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jira-quick-read")]


def test_a_caller_that_fails_leaves_no_thread(host, make, many):
    (query,) = host.plan([make.wanted(host, make.epics("ACME-1"), "")])
    shown = []

    def tire(page):
        shown.append(page)
        if len(shown) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host.read_all(query, 10_000, tire)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jira-quick-read")]


def test_bare_ids_need_no_parallel_reading(host, make, many):
    (query,) = host.plan([make.wanted(host, make.epics("ACME-1"), "")], ids_only=True)
    pages = []
    assert host.read_all(ListQuery(query.name, query.spec), 10_000, pages.append)
    assert sum(len(page.refs) for page in pages) == 432
    assert len(many.calls("bulkfetch")) == 1  # for resolving the epic
