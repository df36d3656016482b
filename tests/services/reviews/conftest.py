"""A forum that reviews twelve key results, its lock behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.store.tables import KeyResult
from tests.support.meeting import STALLED, Meeting, build_meeting, play
from tests.support.world import company


@pytest.fixture
def bare(tmp_path: Path, database_url: str) -> Iterator[Meeting]:
    """The forum before anybody checked in."""
    with company(tmp_path, database_url) as acme:
        yield build_meeting(acme)


@pytest.fixture
def meeting(bare: Meeting) -> Meeting:
    """The forum with twelve key results: three asks, two stalled, the rest on track."""
    play(bare)
    with bare.runtime.store.read() as session:
        assert session.scalars(select(KeyResult.state).where(KeyResult.id.in_(STALLED))).all() == ["stalled", "stalled"]
    return bare
