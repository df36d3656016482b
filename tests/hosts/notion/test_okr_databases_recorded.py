"""Databases, data sources and views as Notion really answered: each is read, and the calls that we make are answered by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion import build_okr_databases
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.okr_databases.making import found_database
from connector.hosts.okr_databases import OkrDatabases, View
from tests.hosts.notion.conftest import fixture
from tests.support.standin import running

RECORDED: list[dict[str, Any]] = fixture("notion-api", "recorded.json")


def bodies(kind: str) -> dict[str, dict[str, Any]]:
    """Recorded objects of a kind by id, the fullest of each."""
    found: dict[str, dict[str, Any]] = {}
    for each in RECORDED:
        body = each["body"]
        for shown in [body, *(body.get("results") or ())] if isinstance(body, dict) else ():
            ident = known_id(shown.get("id")) if isinstance(shown, dict) and shown.get("object") == kind else None
            if ident and len(shown) >= len(found.get(ident, ())):
                found[ident] = shown
    return found


DATABASES, SOURCES, VIEWS = bodies("database"), bodies("data_source"), bodies("view")
LISTS = [each["body"] for each in RECORDED if each["method"] == "GET" and each["path"] == "/v1/views" and each["status"] == 200]


class Recorded:
    """Answers from the recordings: databases, data sources and views by id; a made view is the first that was recorded."""

    def __init__(self) -> None:
        self.sources: dict[str, Any] = dict(SOURCES)
        self.views: dict[str, Any] = dict(VIEWS)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        kind, _, ident = request.path.removeprefix("/v1/").partition("/")
        shown: Any = {"databases": DATABASES, "data_sources": self.sources, "views": self.views}[kind].get(ident)
        if kind == "views" and not ident:
            shown = LISTS[0] if request.method == "GET" else next(each for each in VIEWS.values() if "name" in each)
        answer = shown or {"object": "error", "status": 404, "code": "object_not_found", "message": "Could not find it."}
        return Response(json.dumps(answer), status=200 if shown else 404, content_type="application/json")(environ, start_response)


@pytest.fixture
def told() -> Iterator[tuple[Recorded, OkrDatabases]]:
    app = Recorded()
    with running(app) as url:
        settings = ConnectionSettings("acme-notion", "notion", url, {"token": "ntn_recorded"}, {"requests_per_minute": 100_000})
        okr = build_okr_databases(settings, budget=Budget("acme-notion"), allow_private=True)
        yield app, okr
        okr.close()


def test_every_recorded_data_source_is_a_database_with_its_columns() -> None:
    full = [each for each in SOURCES.values() if "properties" in each]
    assert len(full) > 10
    for source in full:
        found = found_database(source, {})
        assert found.source == known_id(source["id"])
        assert {each.name for each in found.columns} == set(source["properties"])
        assert found.title == "".join(run["plain_text"] for run in source["title"])
        assert found.page == (known_id((source.get("database_parent") or {}).get("page_id")) or "")


def test_recorded_databases_are_found_by_their_ids_and_links(told: tuple[Recorded, OkrDatabases]) -> None:
    app, okr = told
    template = next(each for each in SOURCES.values() if "properties" in each)
    single = [each for each in DATABASES.values() if "url" in each and len(each["data_sources"]) == 1 and not each["in_trash"]]
    assert single
    for database in single:
        source = known_id(database["data_sources"][0]["id"]) or ""
        parent = {"type": "database_id", "database_id": database["id"]}
        app.sources.setdefault(
            source, {**template, "id": source, "in_trash": False, "parent": parent, "database_parent": database["parent"]}
        )
        found = okr.find(database["url"])
        assert (found.database, found.source) == (known_id(database["id"]), source)
        assert found.page == (known_id(database["parent"].get("page_id")) or "")


def test_views_are_listed_looked_at_and_made_as_recorded(told: tuple[Recorded, OkrDatabases]) -> None:
    app, okr = told
    source = next(each for each in SOURCES.values() if "properties" in each)
    found = found_database(source, {})
    columns = {"title": found.columns[0]}
    for listed in LISTS:  # what is listed must be there to be looked at
        for each in listed["results"]:
            app.views.setdefault(each["id"], {"object": "view", "id": each["id"], "name": "Default view", "type": "table"})
    made = okr.add_views(found, columns, (View("All"),), {})
    assert made["All"] in VIEWS
