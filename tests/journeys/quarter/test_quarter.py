"""A whole quarter: three teams, twelve key results, thirteen weeks of work, updates, locks and reviews, in our page, in Jira and in Notion.

What happens and what has to be seen stands in ``weeks``; here it is looked at. ``-s`` prints how long each week took.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.model import State
from connector.domain.wording import STATE_WORDS
from connector.hosts.jira.fields import plain_text
from connector.store.tables import CheckIn, Decision, HeldValue, KeyResult, Message, PreRead, Raised, Reminded, Review, Signal
from tests.journeys.quarter.company import Quarter, quarter
from tests.journeys.quarter.playing import Play
from tests.journeys.quarter.weeks import (
    CLOSED,
    DIGESTS,
    KEY_RESULTS,
    LATE,
    LISTS,
    MARKET,
    MEETINGS,
    PRODUCT,
    RAISED,
    REMINDED,
    SIGNALS,
    SKIPPED,
    STATES,
    WATCHED,
    WEEKS,
    WORDS,
)
from tests.support.fragments import words

_ON_PAGE = re.compile(r'<span class="sr">([A-Za-z ]+): </span><a class="quiet" id="kr-([\w-]+)"')
_GADGET = re.compile(r'<th scope="rowgroup"[^>]*>([A-Za-z ]+?) [\d,]+</th>|<a class="quiet" id="kr[^>]*>([^<]+)</a>')
_TITLES = {told.title: name for name, told in KEY_RESULTS.items()}
_LEADERS = {PRODUCT: ("Lea", "Nadia"), MARKET: ("Paul",)}  # when Market is locked, Lea has closed her laptop: hers comes in the morning


class Seen:
    """What everybody sees after a week."""

    def __init__(self, found: Quarter) -> None:
        self.quarter = found
        self.play = Play(found, self.pre_read)
        self.begun = found.runtime.now()
        self.same = found.same

    def rows(self, table: Any, *conditions: Any) -> list[Any]:
        with self.quarter.runtime.store.read() as session:
            return list(session.scalars(select(table).where(*conditions)))

    def week(self, week: int) -> None:
        """States in every place, signals, who was reminded, who else was told."""
        self.states(week)
        standing = {(row.kind, row.key_result_id) for row in self.rows(Signal, Signal.ended_at.is_(None), Signal.kind.in_(WATCHED))}
        self.same(f"week {week}: signals", standing, {each for each, weeks in SIGNALS.items() if week in weeks})
        name_of = self.quarter.name_of
        told = {(name_of(row.person_id), row.key_result_id, row.step) for row in self.rows(Reminded, Reminded.at > self.begun)}
        self.same(f"week {week}: reminded", told, REMINDED.get(week, set()))
        mails = self.rows(Message, Message.kind == "reminder", Message.way == "mail", Message.created_at > self.begun)
        self.same(f"week {week}: digests", [row.state for row in mails], ["sent"] * DIGESTS.get(week, 0))
        raised = {(row.key_result_id, row.kind, row.level, name_of(row.person_id)) for row in self.rows(Raised, Raised.at > self.begun)}
        self.same(f"week {week}: raised", raised, RAISED.get(week, set()))
        self.begun = self.quarter.runtime.now()

    def states(self, week: int) -> None:
        """The same in the database, on our page, on the Jira dashboard, in Notion's rows and on its leads' pages."""
        wanted = {name: WORDS[told[week - 1]] for name, told in STATES.items()}
        lists = {name: LISTS[told[week - 1]] for name, told in STATES.items()}
        stored = {row.id: row for row in self.rows(KeyResult)}
        for name, row in stored.items():
            why = (row.reasons, row.current, row.progress, row.expected)
            self.same(f"week {week}: {name}", STATE_WORDS[State(row.state)], wanted[name], why)
        page = self.quarter.visit("Lea").get("/triage").text
        self.same(f"week {week}: page", {name: word for word, name in _ON_PAGE.findall(page)}, wanted)
        self.same(f"week {week}: Jira", in_lists(self.gadget("triage")), lists)
        rows = {_TITLES[str(row["Key result"])]: str(row["OKR status"]).removesuffix(" update") for row in self.quarter.notion.rows()}
        self.same(f"week {week}: Notion", rows, wanted)
        for forum in (PRODUCT, MARKET):
            text = self.leads_page(forum)
            mine = [name for name, told in KEY_RESULTS.items() if (told.team == "Sales") is (forum == MARKET)]
            for word in set(LISTS.values()):
                count = sum(lists[name] == word for name in mine)
                if count:
                    self.same(f"week {week}: leads' page of {forum}, {word}", f"{word}: {count}" in text, True, text[:600])

    def pre_read(self, forum: str, week: int, review: Review, pre_read: PreRead) -> None:
        """At the lock: one id in every channel, and what was late is not in it."""
        where = f"week {week}: pre-read of {forum}"
        page = self.quarter.visit("Nadia" if forum == PRODUCT else "Paul").get(f"/reviews/{review.id}/pre-read").text
        places = {
            "page": page,
            "Jira": self.gadget("pre_read", forum=str(self.quarter.forums[forum])),
            "Notion": self.leads_page(forum),
            **{f"mail to {name}": self.mails(name) for name in _LEADERS[forum]},
        }
        self.same(where, [name for name, text in places.items() if pre_read.key not in text], [])
        kept = {each["id"]: each for each in pre_read.content["entries"]}
        for of, name in LATE:
            if of == week and name in kept:
                self.same(f"{where}: {name}", (kept[name]["current_text"], kept[name]["update"]["standing"]), ("40", "missing"))

    # --- places --------------------------------------------------------------------------------------------------------

    def gadget(self, view: str, **config: Any) -> str:
        """The Jira dashboard panel as Alice sees it."""
        answer = self.quarter.forge.call("POST", "/forge/v1/dashboard", {"config": {"view": view, **config}}, account="account-alice")
        assert answer.status_code == 200, answer.text
        return str((answer.json or {})["html"])

    def leads_page(self, forum: str) -> str:
        """The leads' page of a forum in Notion."""
        page = self.quarter.leads[forum]
        blocks = [each for each in self.quarter.notion.world.data["blocks"].values() if each["page"] == page and not each.get("in_trash")]
        return "\n".join("".join(run["plain_text"] for run in each["content"].get("rich_text", ())) for each in blocks)

    def mails(self, name: str) -> str:
        """All mails that somebody has got."""
        got = self.quarter.mail.to(f"{name.lower()}@acme.example")
        return "\n".join(f"{each['Subject']}\n{each.get_body(('plain',)).get_content()}" for each in got)  # type: ignore[union-attr]

    def comments(self, key: str) -> list[str]:
        """What the connector wrote at an issue."""
        issue = self.quarter.jira.world.find(key)
        bot = self.quarter.jira.world.settings["account"]["accountId"]
        return [plain_text(each["body"]) for each in (issue or {"comments": ()})["comments"] if each["author"]["accountId"] == bot]


def in_lists(html: str) -> dict[str, str]:
    """Key result → the list below whose heading it stands."""
    found: dict[str, str] = {}
    heading = ""
    for bucket, title in _GADGET.findall(html):
        heading = bucket or heading
        if title in _TITLES:
            found[_TITLES[title]] = heading
    return found


def missing(text: str, parts: Iterable[str]) -> list[str]:
    """Those parts that do not stand in a text."""
    return [each for each in parts if each not in text]


def look_back(seen: Seen) -> None:
    """What the quarter leaves behind: late updates, decisions with their ends, minutes in both hosts, answers to who asked."""
    play, same = seen.play, seen.same
    late = {(row.key_result_id, f"{row.created_at:%m-%d}") for row in seen.rows(CheckIn, CheckIn.late.is_(True))}
    same("late updates", late, {("signups", "11-04"), ("renewals", "11-09")})
    decided = {row.key_result_id: (row.state, row.verdict, str(row.due)) for row in seen.rows(Decision) if row.verdict != "hold"}
    same(
        "decisions",
        decided,
        {
            "activation": ("done", "intervene", "2026-12-04"),
            "setup": ("done", "intervene", "2026-12-04"),
            "tickets": ("done", "intervene", "2026-12-18"),
            "certificate": ("done", "escalate", "2026-11-20"),
        },
    )
    [by_issue] = [row for row in play.decisions() if row.key_result_id == "setup"]
    same("the issue that closed it", by_issue.outcome, f"done in {play.issue_of('setup')}")
    same("decisions closed on pages", {each for _, each in CLOSED.values()}, {"certificate", "activation", "tickets"})
    for name, text in (("setup", "Try the set-up with five customers"), ("tickets", "Answer in the app before a ticket is made")):
        told = "\n".join(seen.comments(seen.quarter.epics[name]))
        same(f"minutes at the epic of {name}", missing(told, [f"intervene for “{KEY_RESULTS[name].title}”", text]), [])
    for forum, last in ((PRODUCT, 13), (MARKET, 12)):
        minutes = play.review(forum, last).minutes
        same(f"minutes of {forum} in Notion", missing(seen.leads_page(forum), [f"{forum}, {minutes['time_text']}"]), [])
    same("what came of the ask", missing(seen.mails("Alice"), ["What came of your ask", "Two people more for the first hour"]), [])
    same("what came of the other ask", missing(seen.mails("Charlie"), ["What came of your ask", "Ask the head office of the auditor"]), [])
    [held] = seen.rows(HeldValue)
    same("the held value", (held.value, held.outcome, held.reason), (3070.0, "refused", "Three zeros too many in one deal"))
    states = {row.state for row in seen.rows(Message)}
    same("messages", states <= {"sent", "not_needed"}, True, states)
    listed = words(seen.quarter.visit("Nadia").get("/reviews").text)
    same("reasons of skipped reviews", missing(listed, SKIPPED.values()), [])
    keys = [row.key for row in seen.rows(PreRead)]
    same("pre-reads", len(keys), len(MEETINGS) - len(SKIPPED))
    same("pre-reads to Lea", missing(seen.mails("Lea"), keys), [])
    held_ones = seen.rows(Review, Review.state == "closed")
    same("reviews held", len(held_ones), len(MEETINGS) - len(SKIPPED))


@pytest.mark.timeout(600)
def test_a_whole_quarter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = time.monotonic()
    with quarter(tmp_path, monkeypatch) as found:
        seen = Seen(found)
        print(f"\nthe company: {time.monotonic() - begun:.1f} s")
        for week in WEEKS:
            at, work = time.monotonic(), time.process_time()
            seen.play.week(week)
            seen.week(week)
            print(f"week {week}: {time.monotonic() - at:.1f} s, {time.process_time() - work:.1f} s of them work", flush=True)
            for each in found.faults:
                print("FAULT", each)
        look_back(seen)
    assert not found.faults, "\n".join(found.faults)
