"""Every recorded answer is read, and values of every published type are: whatever a row holds, the row itself is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from connector.domain.model import Item, Unknown
from connector.errors import Gone, HostError, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion import build
from connector.hosts.notion.candidates import list_candidates
from connector.hosts.notion.fields import field_value, read_item
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.schema import read_schema
from tests.hosts.notion.conftest import CONTRACT, fixture
from tests.support.standin import running
from tests.support.typed_json import fitting

RECORDED: list[dict[str, Any]] = fixture("notion-api", "recorded.json")


def objects(node: Any, kind: str) -> Iterator[dict[str, Any]]:
    """All objects of a kind in an answer, however deep."""
    if isinstance(node, dict):
        if node.get("object") == kind:
            yield node
        for each in node.values():
            yield from objects(each, kind)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each, kind)


def all_of(kind: str) -> list[dict[str, Any]]:
    return [found for each in RECORDED for found in objects(each["body"], kind)]


def test_every_recorded_page_is_read_with_all_of_its_properties() -> None:
    pages = [page for page in all_of("page") if "properties" in page]
    assert len(pages) > 50
    for page in pages:
        item = read_item(page, None)
        assert item.ref == known_id(page["id"])
        shown = {str(value.get("type")) for value in page["properties"].values()}
        unknown = [value.reason for value in item.fields.values() if isinstance(value, Unknown)]
        # what an older version answered after creating a page told ids alone
        assert all(reason == "unsupported property type None" for reason in unknown) or shown - {"None"} == set()


def test_every_recorded_schema_is_read() -> None:
    sources = [each for each in all_of("data_source") if "properties" in each]
    assert len(sources) > 30
    for source in sources:
        schema = read_schema(source)
        assert schema.source == known_id(source["id"])
        assert len(schema.properties) == len(source["properties"])
        assert schema.title_id == "title"
        assert [each.type for each in schema.container().fields if each.role == "title"] == ["title"]


def test_every_recorded_database_tells_its_data_sources() -> None:
    named = [each for each in all_of("database") if each.get("data_sources")]
    assert named
    for each in named:
        assert all(known_id(source["id"]) for source in each["data_sources"])


class Replay:
    """Answers every request with one recorded answer."""

    recorded: dict[str, Any]

    def __call__(self, environ: Any, start_response: Any) -> Any:
        assert Request(environ).headers["Notion-Version"]
        answer = Response(json.dumps(self.recorded["body"]), status=self.recorded["status"], content_type="application/json")
        return answer(environ, start_response)


@pytest.fixture
def replay() -> Iterator[tuple[Replay, NotionHost]]:
    told = Replay()
    with running(told) as url:
        told_by = ConnectionSettings("acme-notion", "notion", url, {"token": "ntn_recorded"}, {"requests_per_minute": 100_000})
        with closing(build(told_by, budget=Budget("acme-notion"), allow_private=True)) as host:
            yield told, host


def test_every_recorded_error_becomes_words(replay: tuple[Replay, NotionHost]) -> None:
    told, host = replay
    errors = [each for each in RECORDED if each["status"] >= 400]
    assert {each["body"]["code"] for each in errors} >= {"unauthorized", "object_not_found", "invalid_request_url"}
    for each in errors:
        told.recorded = each
        with pytest.raises(HostError) as caught:
            host._client.page("a" * 32)
        assert isinstance(caught.value, Gone if each["body"]["code"] == "object_not_found" else Refused)
        assert caught.value.message


def test_every_recorded_list_is_walked_through_the_client(replay: tuple[Replay, NotionHost]) -> None:
    told, host = replay
    lists = [each for each in RECORDED if "results" in each["body"]]
    assert len(lists) > 30
    for each in lists:
        told.recorded = {**each, "body": {**each["body"], "has_more": False, "next_cursor": None}}
        assert len(host._client.query("a" * 32, {})["results"]) == len(each["body"]["results"])
        page = list_candidates(host._client, lambda source: None, [], datetime(2026, 11, 1, tzinfo=UTC), {"search": None})
        assert all(candidate.kind == "data_source" for candidate in page.candidates)


def test_recorded_property_items_are_read() -> None:
    items = all_of("property_item")
    assert {each["type"] for each in items} >= {"number", "title"}
    assert all(
        not isinstance(field_value({**each, "title": [each["title"]]} if each["type"] == "title" else each), Unknown) for each in items
    )


# --- every published type ----------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(fitting(CONTRACT["definitions"], "PageObjectResponse"))
def test_a_page_of_the_published_types_is_read_property_by_property(page: dict[str, Any]) -> None:
    item = read_item(page, None)
    assert isinstance(item, Item)
    told = {value["id"] for value in page["properties"].values() if isinstance(value.get("id"), str)}
    assert {ident.removesuffix("#group") for ident in item.fields} <= told
    for value in item.fields.values():
        assert value is None or isinstance(value, (str, float, bool, tuple, Unknown))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(fitting(CONTRACT["definitions"], "DataSourceObjectResponse"))
def test_a_schema_of_the_published_types_is_read(source: dict[str, Any]) -> None:
    schema = read_schema(source)
    assert {each.type for each in schema.properties.values()} <= {str(each.get("type")) for each in source["properties"].values()}
    for each in schema.properties.values():
        assert all(each.group_of(ident, name) is not None for ident, name in each.options)


TYPES = (
    *("title", "rich_text", "number", "select", "multi_select", "status", "date", "people", "files", "checkbox", "url", "email"),
    *("phone_number", "formula", "relation", "rollup", "created_time", "created_by", "last_edited_time", "last_edited_by"),
    *("unique_id", "verification", "button", "place"),
)
ODD = st.sampled_from([None, "", "5", 5, True, [], {}, [None], [{}], {"id": "x"}, {"name": None}, {"start": None}, {"type": "incomplete"}])


@given(
    st.sampled_from([*TYPES, "hologram", "last_visited_time"]), ODD, st.booleans(), st.dictionaries(st.text(max_size=3), ODD, max_size=2)
)
def test_odd_shapes_are_unknown_or_empty_and_the_row_is_read(kind: str, inner: Any, left_out: bool, more: dict[str, Any]) -> None:
    value = {"id": "a%3Ab", "type": kind, **({} if left_out else {kind: inner}), **{f"new_{name}": each for name, each in more.items()}}
    page = {"id": "e" * 32, "properties": {"A": value, "B": {"id": "n", "type": "number", "number": 3}, "C": None}}
    item = read_item(page, None)
    assert item.fields["n"] == 3.0
    if left_out or kind in ("hologram", "last_visited_time"):
        assert isinstance(item.fields["a:b"], Unknown)
    if kind == "number" and inner == "5" and not left_out:
        assert isinstance(item.fields["a:b"], Unknown)


def test_the_address_of_a_file_is_no_part_of_its_value() -> None:
    def files(url: str) -> dict[str, Any]:
        return {
            "type": "files",
            "files": [{"name": "plan.pdf", "type": "file", "file": {"url": url, "expiry_time": "2026-11-22T10:00:00Z"}}],
        }

    assert field_value(files("https://files.example/a?sig=1")) == field_value(files("https://files.example/a?sig=2")) == ("plan.pdf",)


def test_a_very_long_text_is_read_whole() -> None:
    runs = [{"type": "text", "plain_text": "é" * 2000, "text": {"content": "é" * 2000}} for _ in range(100)]
    assert field_value({"type": "rich_text", "rich_text": runs}) == "é" * 200_000
