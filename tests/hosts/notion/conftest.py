"""The stand-in over real HTTP, a host that talks to it, and a check of every request against Notion's published types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion import build
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from tests.support.standin import running

TESTS = Path(__file__).parents[2]
CONTRACT = json.loads((TESTS / "contracts" / "notion-types.trimmed.json").read_text())
BODIES = {
    ("POST", "/query"): "QueryDataSourceBodyParameters",
    ("POST", "/search"): "SearchBodyParameters",
    ("POST", "/comments"): "CreateCommentBodyParameters",
    ("PATCH", "/comments/"): "UpdateCommentBodyParameters",
    ("PATCH", "/pages/"): "UpdatePageBodyParameters",
}


def check(definition: str, value: object) -> None:
    """Raises when ``value`` does not fit one of Notion's published types."""
    jsonschema.Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": CONTRACT["definitions"]}).validate(value)


def fixture(folder: str, name: str) -> Any:
    return json.loads((TESTS / "fixtures" / folder / name).read_text())


def check_requests(box: NotionSandbox) -> None:
    for method, path, _, body in box.log:
        for (wanted, part), definition in BODIES.items():
            if method == wanted and part in path and body is not None:
                check(definition, body)
        if method == "PATCH" and "/blocks/" in path and body is not None:
            contents = [each["callout"] for each in body["children"]] if "children" in body else [body["callout"]]
            for content in contents:
                assert content["icon"]["type"] == "emoji"
                for run in content["rich_text"]:
                    check("RichTextItemRequest", run)


@pytest.fixture
def box() -> Iterator[NotionSandbox]:
    found = NotionSandbox()
    yield found
    check_requests(found)


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
