"""The stand-in over real HTTP, a host that talks to it, and a check of every request against Notion's published types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from werkzeug.wrappers import Request

from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion import build, build_okr_databases
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.hosts.okr_databases import OkrDatabases
from tests.support.standin import running

TESTS = Path(__file__).parents[2]
CONTRACT = json.loads((TESTS / "contracts" / "notion-types.trimmed.json").read_text())
CONTRACT["definitions"] |= json.loads((TESTS / "contracts" / "notion-views.json").read_text())["definitions"]
BODIES = {
    ("POST", "/query$"): "QueryDataSourceBodyParameters",
    ("POST", "/search$"): "SearchBodyParameters",
    ("POST", "/comments$"): "CreateCommentBodyParameters",
    ("PATCH", "/comments/"): "UpdateCommentBodyParameters",
    ("POST", "/v1/pages$"): "CreatePageBodyParameters",
    ("PATCH", "/pages/"): "UpdatePageBodyParameters",
    ("POST", "/v1/databases$"): "CreateDatabaseBodyParameters",
    ("PATCH", "/data_sources/"): "UpdateDataSourceBodyParameters",
    ("POST", "/v1/views$"): "CreateViewRequest",
}
ANSWERS = {"page": "PageObjectResponse", "data_source": "DataSourceObjectResponse", "database": "DatabaseObjectResponse"}
YOUNGER = {"button", "place", "verification"}  # property types that the published schema does not have yet


def check(definition: str, value: object) -> None:
    """Raises when ``value`` does not fit one of Notion's published types."""
    jsonschema.Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": CONTRACT["definitions"]}).validate(value)


def fixture(folder: str, name: str) -> Any:
    return json.loads((TESTS / "fixtures" / folder / name).read_text())


def check_requests(box: NotionSandbox) -> None:
    for method, path, _, body in box.log:
        for (wanted, part), definition in BODIES.items():
            if method == wanted and re.search(part, path) and body is not None:
                check(definition, body)
        if method == "PATCH" and "/blocks/" in path and body is not None:
            for block in body.get("children", [body]):
                check("BlockObjectRequest", block)
                if "callout" in block:
                    assert block["callout"]["icon"]["type"] == "emoji"


def check_answer(answer: Any) -> None:
    """The object of an answer, or the first of its list."""
    shown = next(iter(answer["results"]), {}) if answer.get("object") == "list" else answer
    properties = shown.get("properties") or {}
    if YOUNGER.isdisjoint(each.get("type") for each in properties.values()) and shown.get("object") in ANSWERS:
        check(ANSWERS[shown["object"]], shown)


class CheckedSandbox(NotionSandbox):
    """The stand-in, which keeps its answers for a look at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []

    def _answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        status, body = super()._answer(request)
        if status == 200 and len(self.answers) < 60:
            self.answers.append(body)
        return status, body


@pytest.fixture
def box() -> Iterator[NotionSandbox]:
    found = CheckedSandbox()
    yield found
    check_requests(found)
    for each in found.answers:
        check_answer(each)


@pytest.fixture
def base(box: NotionSandbox) -> Iterator[str]:
    with running(box) as url:
        yield url


@pytest.fixture
def make_host(base: str) -> Iterator[Callable[..., NotionHost]]:
    made: list[NotionHost] = []

    def make(*, token: str = TOKEN, patience: float = 2.0, url: str = "", **options: Any) -> NotionHost:
        settings = ConnectionSettings("acme-notion", "notion", url or base, {"token": token}, {"requests_per_minute": 100_000, **options})
        made.append(build(settings, budget=Budget("acme-notion"), allow_private=True, patience=patience))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def host(make_host: Callable[..., NotionHost]) -> NotionHost:
    return make_host()


@pytest.fixture
def make_okr(base: str) -> Iterator[Callable[..., OkrDatabases]]:
    made: list[OkrDatabases] = []

    def make(*, token: str = TOKEN, patience: float = 2.0, **options: Any) -> OkrDatabases:
        settings = ConnectionSettings("acme-notion", "notion", base, {"token": token}, {"requests_per_minute": 100_000, **options})
        made.append(build_okr_databases(settings, budget=Budget("acme-notion"), allow_private=True, patience=patience))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def okr(make_okr: Callable[..., OkrDatabases]) -> OkrDatabases:
    return make_okr()
