"""API tokens: shown once, found by digest only, revoked at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.rights import Viewer
from connector.errors import InputError, NotFound
from connector.services import tokens
from connector.store.tables import ApiToken, Audit
from tests.support.world import Company, company


@pytest.fixture
def found(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as made:
        yield made


@pytest.mark.databases("sqlite", "postgres")
def test_a_token_opens_until_it_is_revoked(found: Company, database_kind: str) -> None:
    token = tokens.create(found.runtime, "ci", "viewer")
    assert tokens.verify(found.runtime, token) == Viewer("ci", "viewer", shown="ci")
    for wrong in (token + "x", token[:-1], "", "okr_", "Bearer " + token, "okr_\ud800"):
        assert tokens.verify(found.runtime, wrong) is None
    tokens.revoke(found.runtime, "ci")
    assert tokens.verify(found.runtime, token) is None
    with pytest.raises(NotFound):
        tokens.revoke(found.runtime, "ci")


def test_names_are_taken_once_and_roles_are_known(found: Company) -> None:
    tokens.create(found.runtime, "ci")
    with pytest.raises(InputError, match="exists already"):
        tokens.create(found.runtime, "ci")
    with pytest.raises(InputError, match="is not a role"):
        tokens.create(found.runtime, "other", "king")
    with pytest.raises(InputError, match="letters"):
        tokens.create(found.runtime, "")


def test_the_use_is_noted_once_a_minute(found: Company) -> None:
    token = tokens.create(found.runtime, "ci")
    tokens.verify(found.runtime, token)
    first = tokens.list_tokens(found.runtime)[0].last_used_at
    found.clock.ahead += 30
    tokens.verify(found.runtime, token)
    assert tokens.list_tokens(found.runtime)[0].last_used_at == first
    found.clock.ahead += 31
    tokens.verify(found.runtime, token)
    second = tokens.list_tokens(found.runtime)[0].last_used_at
    assert first is not None
    assert second is not None
    assert second > first


def test_the_token_itself_is_stored_nowhere(found: Company) -> None:
    token = tokens.create(found.runtime, "ci")
    with found.runtime.store.read() as session:
        stored = [row.digest for row in session.query(ApiToken)] + [repr((row.before, row.after)) for row in session.query(Audit)]
    assert all(token not in text and token.removeprefix("okr_") not in text for text in stored)
