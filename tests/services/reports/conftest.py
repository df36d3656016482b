"""A forum that has met: a review with its frozen pre-read, held and closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.rights import Viewer
from connector.services.reviews import closing, deciding, holding
from connector.services.rhythm import marks
from tests.support.frozen import LOCK, START, Meeting, fill, meeting
from tests.support.reports import talked


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Meeting]:
    with meeting(tmp_path) as found:
        found.person("Carla", "champion")
        fill(found, "=HYPERLINK(1) \x07 ads", {"value": 10, "confidence": 3, "comment": "12 k€ for ads", "blocker": "No contract"})
        found.compute()
        yield found


@pytest.fixture
def locked(acme: Meeting) -> Meeting:
    acme.at(LOCK + timedelta(minutes=1))
    acme.compute()
    assert acme.lock()
    return acme


@pytest.fixture
def held(locked: Meeting) -> Meeting:
    """Leo opened the pre-read in time, Dora did not; one update came late, one during the meeting; everything got a verdict."""
    leo = Viewer("leo@acme.example", "member", locked.people["Leo"], "leo@acme.example", "Leo")
    admin = Viewer("root", "admin")
    locked.at(LOCK + timedelta(hours=2))
    marks.note_reading(locked.runtime, leo, locked.review, "page")
    locked.check_in("kr-silent", 30, 6)
    locked.at(START)
    holding.open_review(locked.runtime, admin, locked.review)
    locked.at(START + timedelta(minutes=5))
    locked.check_in("kr-good", 67, 8)
    for each in talked(locked):
        given = {
            "verdict": "intervene", "action": "reallocate", "text": "Move 12 k€", "owner": "alice@acme.example", "due": "2026-11-25",
        }  # fmt: skip
        deciding.decide(locked.runtime, admin, locked.review, each.id, given)
    holding.hold_folded(locked.runtime, admin, locked.review)
    closing.close(locked.runtime, admin, locked.review)
    return locked
