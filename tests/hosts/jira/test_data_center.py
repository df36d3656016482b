"""Data Center: REST v2, Bearer login, search by offset, Epic Link instead of parent. Polling only."""

from __future__ import annotations

import orjson
import pytest

from connector.errors import Refused
from connector.hosts import jira
from connector.hosts.base import ConnectionSettings
from connector.hosts.jira.fields import EPIC_LINK
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.jira.sandbox_rest import RefusalError
from connector.hosts.jira.sandbox_views import issue_json
from connector.hosts.limits import Budget
from mappings.rules import Selector, SelectorKind
from tests.support.standin import running

LINK = "customfield_10008"


class OldSite:
    """The stand-in's issues behind the old search; it has no bulkfetch, no JQL parser and no search/jql."""

    def __init__(self, box: JiraSandbox) -> None:
        self.box = box
        self.log: list[str] = []

    def __call__(self, environ, start_response):
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        self.log.append(path)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = orjson.loads(environ["wsgi.input"].read(length)) if length else None
        query = dict(part.split("=", 1) for part in environ["QUERY_STRING"].replace("%2C", ",").split("&") if part)
        try:
            status, answer = self._answer(method, path, query, body, environ.get("HTTP_AUTHORIZATION"))
        except RefusalError as error:
            status, answer = error.status, error.body
        start_response(f"{status} X", [("Content-Type", "application/json")])
        return [orjson.dumps(answer)]

    def _answer(self, method, path, query, body, login):
        if login != "Bearer pat":
            raise RefusalError(401, "no")
        parts = path.strip("/").split("/")
        if parts[:3] != ["rest", "api", "2"] or parts[3] in ("jql", "permissions") or parts[4:] in (["jql"], ["bulkfetch"]):
            raise RefusalError(404, "")
        if parts[3:] == ["search"]:
            found = self.box.rest._run(body["jql"])
            start = body["startAt"]
            page = found[start : start + 2]
            return 200, {"startAt": start, "total": len(found), "issues": [issue_json(self.box.world, one, body["fields"]) for one in page]}
        if parts[3:] == ["project"]:
            return 200, [{"id": "10000", "key": "ACME", "name": "Acme"}]
        answered = self.box.rest.route(method, parts, query, body)
        return answered.status, answered.body


@pytest.fixture
def site():
    box = JiraSandbox()
    box.world.settings["fields"] = [
        *box.world.settings["fields"],
        {"id": LINK, "name": "Epic Link", "custom": True, "schema": {"type": "any", "custom": EPIC_LINK}},
    ]
    box.add_issue(key="ACME-1", type="Epic")
    for number in range(2, 7):
        box.add_issue(key=f"ACME-{number}", fields={LINK: "ACME-1"}, category="done")
    return OldSite(box)


@pytest.fixture
def host(site):
    with running(site) as address:
        settings = ConnectionSettings("old", "jira", address, {"bearer_token": "pat"})
        built = jira.build(settings, budget=Budget("old"), allow_private=True)
        yield built
        built.close()


def test_describe_and_walk_by_offset(host, site, make):
    assert host.describe().containers[0].key == "ACME"
    wanted = make.wanted(host, make.epics("ACME-1"), "Customers")
    items, refs = make.walk(host, host.plan([wanted]))
    assert len(refs) == len(set(refs)) == 5
    epic = site.box.world.find("ACME-1")["id"]
    assert {item.parents for item in items} == {(epic,)}
    assert host.fetch_items([refs[0], "999"], [wanted]).gone == ("999",)
    assert not [path for path in site.log if "search/jql" in path or "bulkfetch" in path]


def test_members_and_jql_check(host, make):
    wanted = make.wanted(host, make.jql("statusCategory = Done ORDER BY created"))
    (first, *_), refs = make.walk(host, host.plan([wanted]))
    assert host.members([wanted], [first.ref, "1"]) == {1: frozenset({first.ref})}
    assert len(refs) == 5
    with pytest.raises(Refused, match="colour"):
        host.resolve(make.jql("colour = red"), [])


def test_database_selectors_are_not_jiras(host):
    with pytest.raises(Refused, match="database"):
        host.resolve(Selector(SelectorKind.DATABASE, database="x"), [])


def test_an_answer_shows_markup_as_it_was_written(host, site):
    box = site.box
    asked = box.add_comment("ACME-1", "/okr status", {"accountId": "alice"})["id"]
    said = "“[~ceo] [click|http://evil.example/a_b] !x.png! {html} -no- kr-setup -3 a\\{b ??who??”: http://okr.example/key-results/kr_a-b."
    host.reply("ACME-1", asked, "alice", said, {})
    assert box.world.find("ACME-1")["comments"][-1]["body"] == (
        "[~alice] “\\[\\~ceo\\] \\[click\\|http://evil.example/a_b\\] \\!x.png\\! \\{html\\} \\-no\\- kr-setup \\-3 a&#92;\\{b "
        "\\?\\?who\\?\\?”: http://okr.example/key-results/kr_a-b."
    )


def test_an_internal_comment_is_answered_internally(host, site):
    box = site.box
    internal = {"key": "sd.public.comment", "value": {"internal": True}}
    box.add_comment("ACME-1", "/okr status", {"accountId": "alice"})
    asked = box.world.add_comment("ACME-1", "/okr status", {"accountId": "alice"}, properties=[internal])
    del asked["jsdPublic"]  # this product tells it by the property alone
    comment = host.fetch_comment("ACME-1", asked["id"])
    assert comment.restricted == {"internal": True}
    host.reply("ACME-1", asked["id"], "alice", "40 %", {}, restricted=comment.restricted)
    answer = box.world.find("ACME-1")["comments"][-1]
    assert answer["properties"]["sd.public.comment"] == {"internal": True}
