"""A whole quarter: three teams, twelve key results, thirteen weeks of work, updates, locks and reviews, in our page, in Jira and in Notion."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.store.tables import KeyResult, Message, PreRead, Raised, Reminded, Review, Signal
from tests.journeys.quarter.company import Quarter, moment, quarter
from tests.journeys.quarter.playing import Play
from tests.journeys.quarter.weeks import (
    DIGESTS, KEY_RESULTS, LISTS, MARKET, MEETINGS, PRODUCT, RAISED, REMINDED, SIGNALS, SKIPPED, STATES, WATCHED, WEEKS, WORDS,
)
from tests.support.fragments import words

_STATE = re.compile(r'<span class="sr">([A-Za-z ]+): </span><a class="quiet" id="kr-([\w-]+)"')


ALL = []


class Seen:
    """What is looked at, and what was there before."""

    def __init__(self, found: Quarter) -> None:
        self.quarter = found
        self.play = Play(found, self.pre_read)
        self.begun = found.runtime.now()
        self.mails = 0
        self.faults: list[str] = []

    def rows(self, table: Any, *conditions: Any) -> list[Any]:
        with self.quarter.runtime.store.read() as session:
            return list(session.scalars(select(table).where(*conditions)))

    def same(self, where: str, seen: Any, wanted: Any) -> None:
        self.quarter.same(where, seen, wanted)

    def pre_read(self, forum: str, week: int, review: Review, pre_read: PreRead) -> None:
        pass

    def week(self, week: int) -> None:
        stored = {row.id: row for row in self.rows(KeyResult)}
        wanted = {name: WORDS[told[week - 1]] for name, told in STATES.items()}
        code = {"on_track": "On track", "at_risk": "At risk", "stalled": "Stalled", "overdue": "Overdue update", "no_data": "No data", "data_late": "Data late", "closed": "Closed"}
        for name, word in wanted.items():
            row = stored[name]
            if code[row.state] != word:
                self.same(f"week {week} {name}", (code[row.state], row.reasons, row.current, row.progress, row.expected), word)
        standing = {(row.kind, row.key_result_id) for row in self.rows(Signal, Signal.ended_at.is_(None), Signal.kind.in_(WATCHED))}
        self.same(f"week {week} signals", standing, {each for each, weeks in SIGNALS.items() if week in weeks})
        reminded = {(self.quarter.name_of(row.person_id), row.key_result_id, row.step) for row in self.rows(Reminded, Reminded.at > self.begun)}
        self.same(f"week {week} reminded", reminded, REMINDED.get(week, set()))
        raised = {(row.key_result_id, row.kind, row.level, self.quarter.name_of(row.person_id)) for row in self.rows(Raised, Raised.at > self.begun)}
        self.same(f"week {week} raised", raised, RAISED.get(week, set()))
        self.begun = self.quarter.runtime.now()


@pytest.mark.timeout(600)
def test_a_whole_quarter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = time.monotonic()
    with quarter(tmp_path, monkeypatch) as found:
        seen = Seen(found)
        print(f"\nbuilt in {time.monotonic() - begun:.1f} s")
        for week in WEEKS:
            at, cpu = time.monotonic(), time.process_time()
            seen.play.week(week)
            seen.week(week)
            for each in found.faults: print("FAULT", each)
            ALL.extend(found.faults); found.faults.clear()
            print(f"week {week}: {time.monotonic() - at:.1f} s, {time.process_time() - cpu:.1f} s of work")
        assert ALL == []
