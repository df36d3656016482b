"""The pages of a forum that is about to meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from connector.app import create_app
from tests.support.meeting import Meeting, met


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    with met(tmp_path) as found:
        yield found


@pytest.fixture
def app(meeting: Meeting) -> Flask:
    return create_app(meeting.runtime)
