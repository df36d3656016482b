"""A company with one key result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", unit="", start=400.0, target=900.0, current=640.0)
        yield found
