"""A company for the tests of the rhythm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.reminded import Told, told_company
from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        yield found


@pytest.fixture
def told(tmp_path: Path, database_url: str) -> Iterator[Told]:
    """The key result "setup" of the forum Product."""
    with told_company(tmp_path, database_url) as found:
        found.key_result("setup", "Product")
        yield found


@pytest.fixture
def after_a_review(told: Told) -> Told:
    """The forum has met: the lock was on Wed 11 Nov 16:00."""
    told.review("Product", "2026-11-11T16:00", state="closed")
    return told
