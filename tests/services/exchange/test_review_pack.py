"""The review pack: slides and sheets of a frozen pre-read, safe whatever a title says, bounded however much there is."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pptx import Presentation
from pptx.presentation import Presentation as Deck

from connector.domain.rights import Viewer
from connector.errors import InputError, NotFound
from connector.services.exchange import export_pack
from connector.services.exchange.review_pack import MOST_PAGES
from tests.support.frozen import LOCK, START, Meeting, fill, meeting
from tests.support.reports import viewer

ADMIN = Viewer("root", "admin")
HOSTILE = '=HYPERLINK("http://evil") \x07\u202e<script> & co'


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Meeting]:
    with meeting(tmp_path) as found:
        fill(found, HOSTILE, {"confidence": 3, "comment": "@SUM(1) for ads", "blocker": "+1 contract"})
        found.at(LOCK + timedelta(minutes=1))
        found.compute()
        assert found.lock()
        yield found


def deck(acme: Meeting, who: Viewer = ADMIN) -> Deck:
    return Presentation(io.BytesIO(b"".join(export_pack(acme.runtime, "pptx", who, review=acme.review))))


def texts(found: Deck) -> list[str]:
    return ["\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame) for slide in found.slides]


def sheets(acme: Meeting, who: Viewer = ADMIN) -> dict[str, list[tuple[object, ...]]]:
    book = load_workbook(io.BytesIO(b"".join(export_pack(acme.runtime, "xlsx", who, review=acme.review))))
    assert not [cell for sheet in book for row in sheet for cell in row if cell.data_type == "f"]
    return {sheet.title: [tuple(cell.value for cell in row) for row in sheet] for sheet in book}


def test_questions_first_exceptions_in_between_decisions_last(acme: Meeting) -> None:
    told = texts(deck(acme))
    key = acme.snapshot().key
    assert told[0].startswith("OKR review Product, Thu 19 Nov 10:00")
    assert key in told[0]
    places = [told[0].index(each) for each in ("Are we moving?", "Where are we off track?", "What decision is needed now?")]
    assert places == sorted(places)
    ads = next(each for each in told if "script" in each and "Blocker" in each)
    for words in (
        "At risk: ",
        "from 0\u00a0k€ to 100\u00a0k€, now 14\u00a0k€",
        "Confidence 7 · 3",
        "Blocker: +1 contract",
        "Decision needed: Budget: @SUM(1)",
    ):
        assert words in ads
    assert told[-1].startswith("Decisions")
    assert "Budget: " in told[-1]
    assert not any("kr-good" in each for each in told[1:])


def test_the_frozen_one_does_not_change(acme: Meeting) -> None:
    before = texts(deck(acme))
    acme.at(LOCK + timedelta(minutes=5))
    acme.check_in("kr-ads", 99, 9)
    assert texts(deck(acme)) == before


def test_the_trend_is_drawn_and_described(acme: Meeting) -> None:
    slide = next(each for each in deck(acme).slides if any(shape.name == "Trend" for shape in each.shapes))
    (trend,) = [shape for shape in slide.shapes if shape.name == "Trend"]
    assert "from 0" in trend._element.nvSpPr.cNvPr.get("descr")
    names = {shape.name for shape in slide.shapes}
    assert {"Plan", "Now", "Cycle"} <= names


def test_sheets_hold_texts_as_texts(acme: Meeting) -> None:
    found = sheets(acme)
    assert list(found) == ["Summary", "Exceptions", "Asks", "Blockers", "Decisions", "Late"]
    assert any(str(row[1]).startswith("=HYPERLINK") for row in found["Exceptions"])
    assert ("Budget", "@SUM(1) for ads") in {row[:2] for row in found["Asks"]}
    assert found["Blockers"][1][0] == "+1 contract"
    assert "Key result kr-silent" in {row[0] for row in found["Late"]}
    assert acme.snapshot().key in dict(row[:2] for row in found["Summary"])["Pre-read"]


def test_only_what_the_viewer_may_know_of(acme: Meeting) -> None:
    leo = viewer(acme, "Leo")
    for kind in ("pptx", "xlsx"):
        with zipfile.ZipFile(io.BytesIO(b"".join(export_pack(acme.runtime, kind, leo, review=acme.review)))) as file:
            assert not [name for name in file.namelist() if re.search(rb"merger|lawyers", file.read(name))]
    assert "3 key results" in texts(deck(acme, leo))[0]
    assert "4 key results" in texts(deck(acme))[0]


def test_before_the_lock_it_says_that_it_is_not_frozen(tmp_path: Path) -> None:
    with meeting(tmp_path / "other") as early:
        early.key_result("kr-good", 60)
        told = texts(deck(early))
        assert "not frozen yet, locks 18 Nov 16:00" in told[0]
        assert texts(Presentation(io.BytesIO(b"".join(export_pack(early.runtime, "pptx", ADMIN, forum=" product"))))) == told


def test_what_is_not_there_is_said(acme: Meeting) -> None:
    with pytest.raises(NotFound, match="no review 99"):
        export_pack(acme.runtime, "pptx", ADMIN, review=99)
    with pytest.raises(NotFound, match="no forum 'Sales'"):
        export_pack(acme.runtime, "pptx", ADMIN, forum="Sales")
    with pytest.raises(InputError, match="pptx or xlsx"):
        export_pack(acme.runtime, "csv", ADMIN, review=acme.review)


def test_two_hundred_exceptions_stay_a_deck_that_can_be_opened(tmp_path: Path) -> None:
    with meeting(tmp_path / "large") as large:
        for number in range(200):
            large.company.key_result(f"kr-{number:03}", title=f"{'A long title ' * 40}{number}")
        large.compute()
        large.at(START - timedelta(hours=1))
        assert large.lock()
        told = texts(deck(large))
        listed = sum("A long title" in line for each in told for line in each.splitlines() if "More to look at" in each)
        assert len(told) < MOST_PAGES + 20
        assert listed == 200 - MOST_PAGES
        assert len(sheets(large)["Exceptions"]) == 201
