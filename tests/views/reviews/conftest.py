"""The pages of a forum that is about to meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from connector.app import create_app
from tests.support.meeting import Meeting, build_meeting, play
from tests.support.world import company


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    with company(tmp_path) as acme:
        found = build_meeting(acme)
        play(found)
        yield found


@pytest.fixture
def app(meeting: Meeting) -> Flask:
    return create_app(meeting.runtime)
