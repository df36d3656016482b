"""Addresses with a number that no row can have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from connector.app import create_app
from tests.support.signed_in import Visit
from tests.support.world import Company, company

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def acme(tmp_path: Path, database_kind: str, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        yield found


def with_numbers(app: Flask) -> list[tuple[str, str]]:
    """(method, address) of every page that has a row's number in its address, with one that is far too large."""
    found = []
    for rule in app.url_map.iter_rules():
        if any(type(converter).__name__ == "RowNumber" for converter in rule._converters.values()):
            values = {name: 10**25 if type(each).__name__ == "RowNumber" else "x" for name, each in rule._converters.items()}
            address = rule.rule
            for name, value in values.items():
                address = address.replace(f"<int:{name}>", str(value)).replace(f"<{name}>", str(value))
            found += [(method, address) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
    return found


def test_a_number_that_no_row_can_have_is_not_found(acme: Company) -> None:
    app = create_app(acme.runtime)
    admin = Visit(app, acme.runtime, "ada@acme.example")
    token = admin.token()
    pages = with_numbers(app)
    assert len(pages) > 20
    for method, address in pages:
        answer = admin.get(address) if method == "GET" else admin.post(address, token=token)
        assert answer.status_code in (404, 405), (method, address)
