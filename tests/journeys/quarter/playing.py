"""Plays a week of the table: work that moves, people who update at our page, in Jira and in Notion, reviews that are held."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

from sqlalchemy import select

from connector.hosts.jira import sandbox_blocking as blocking
from connector.hosts.jira.fields import document
from connector.store.tables import Blocker, Decision, HeldValue, PreRead, Review, ReviewItem
from tests.journeys.quarter.company import NEW_YORK, Quarter, moment
from tests.journeys.quarter.weeks import (
    ADDED,
    ASKS,
    CLOSED,
    DONE,
    FIRST_RENEWALS,
    FRIDAYS,
    KEY_RESULTS,
    LATE,
    MARKET,
    MEETINGS,
    PRODUCT,
    REMINDED,
    SAID,
    SKIPPED,
    Verdict,
)

_HIDDEN = re.compile(r'name="(key|seen|shown_value|shown_day|clicks|version|review_version|held)"[^>]*?value="([^"]*)"')
_CALLERS = {PRODUCT: "Nadia", MARKET: "Paul"}


@dataclass
class Play:
    """The weeks, one after the other. ``seen`` is called for each pre-read that was frozen."""

    quarter: Quarter
    frozen: Callable[[str, int, Review, PreRead], None]
    held: dict[str, Any] = field(default_factory=dict)

    # --- one week ------------------------------------------------------------------------------------------------------

    def week(self, week: int) -> None:
        """Monday to Thursday morning, with the Friday before; afterwards everything stands as on Thursday, the review of Product held."""
        if week > 1:
            self.friday(week - 1)
        self.monday(week)
        early = week == 7
        if early:
            self.go(week, "Mon 16:00")
            self.go(week, "Tue 14:00")
        if (MARKET, week) in MEETINGS:
            self.at(week, "Tue 15:02")
            self.hold(MARKET, week)
        self.at(week, "Tue 15:10")
        if week in SKIPPED:
            self.skip(week)
        self.close_decisions(week)
        self.work(week)
        self.say(week)
        self.quarter.turn()
        if early:
            self.go(week, "Tue 16:00")
            self.lock(PRODUCT, week)
        else:
            if week in REMINDED or week == 2:  # elsewhere the lock would tell of whoever is still missing
                self.go(week, "Tue 16:00")
                self.go(week, "Wed 14:00")
            if week == 8:  # a slip of the hand
                self.at(week, "Wed 15:00")
                self.deal(3000)
                self.quarter.turn()
            self.go(week, "Wed 16:00")
            if week not in SKIPPED:
                self.lock(PRODUCT, week)
        if late := [name for of, name in LATE if of == week]:
            self.at(week, "Wed 16:30")
            for name in late:
                self.update(name, *self.said(week, name))
            self.quarter.turn()
        self.night(week, "Thu 02:20")
        self.at(week, "Thu 10:01")
        if week in SKIPPED:
            self.quarter.turn()
        else:
            self.hold(PRODUCT, week)

    def friday(self, week: int) -> None:
        """Charlie updates what Market reviews; what is mended is mended."""
        if week % 2 == 0 and week not in (8,):
            return
        self.at(week, "Fri 15:40")
        for name, said in FRIDAYS.items():
            if week in said:
                self.update(name, *said[week])
        if week == 3:  # what held it up is gone; Gwen has heard of it, so Alice is asked
            blocking.flag(self.quarter.jira.world, self.held["flagged"], on=False)
            self.quarter.turn()
            self.clear()
        if week == 8:
            self.refuse()
        self.quarter.turn()
        if week == 1:  # Monday is a holiday there: the lock falls on Friday
            self.go(week, "Fri 16:00", NEW_YORK)
            self.lock(MARKET, 2)

    def monday(self, week: int) -> None:
        """In the weeks of Market its lock, with the reminders before it; in week 3 an issue is flagged."""
        if week == 3:
            self.at(week, "Mon 09:00")
            self.held["flagged"] = self.quarter.stories["invoices"][-1]
            blocking.flag(self.quarter.jira.world, self.held["flagged"])
            self.quarter.turn()
        if week % 2 or week == 2:
            return
        self.night(week, "Mon 02:20")
        if week in (4, 6):  # Sunday is quiet: what falls on it is told on Monday morning
            self.go(week, "Mon 08:00", NEW_YORK)
            self.go(week, "Mon 14:00", NEW_YORK)
        self.go(week, "Mon 16:00", NEW_YORK)
        self.lock(MARKET, week)
        if week == 6:
            self.at(week, "Mon 16:30", NEW_YORK)
            self.update("renewals", *FIRST_RENEWALS)
            self.quarter.turn()

    # --- the clock -----------------------------------------------------------------------------------------------------

    def at(self, week: int, told: str, zone: Any = None) -> None:
        self.quarter.at(moment(week, told, zone) if zone else moment(week, told))

    def go(self, week: int, told: str, zone: Any = None) -> None:
        """Push the clock and do what is due then."""
        self.at(week, told, zone)
        self.quarter.turn()

    def night(self, week: int, told: str) -> None:
        """A night with its syncs, counts and signals."""
        self.at(week, told)
        self.quarter.let_it_be_night()
        self.quarter.turn()

    # --- work that moves -----------------------------------------------------------------------------------------------

    def work(self, week: int) -> None:
        """Stories are done, added; another deal is signed; the issue that a decision became is done."""
        for name, counts in DONE.items():
            before = counts[week - 2] if week > 1 else 0
            for key in self.quarter.stories[name][before : counts[week - 1]]:
                self.quarter.jira.set_status(key, "done")
        if week in ADDED:
            name, count = ADDED[week]
            epic = self.quarter.epics[name]
            self.quarter.stories[name] += [self.quarter.jira.add_issue("ACME", f"Added {number}", parent=epic) for number in range(count)]
        if week != 8:
            self.deal(10)
        if week == 9:
            self.quarter.jira.set_status(self.issue_of("setup"), "done")

    def deal(self, seats: int) -> None:
        world = self.quarter.notion.world
        self.held["deal"] = world.add_row(self.quarter.deals, {"Name": f"Deal of {seats} seats", "Seats": seats})

    def issue_of(self, key_result: str) -> str:
        """The issue that a decision became."""
        [row] = [each for each in self.decisions() if each.key_result_id == key_result and each.link]
        return str((row.link or {})["key"])

    def decisions(self) -> list[Decision]:
        with self.quarter.runtime.store.read() as session:
            return list(session.scalars(select(Decision).order_by(Decision.id)))

    # --- people --------------------------------------------------------------------------------------------------------

    def say(self, week: int) -> None:
        """The updates of a week, but those that come late."""
        for name in SAID:
            if (week, name) not in LATE:
                value, *rest = self.said(week, name)
                if value is not None:
                    self.update(name, value, *rest)

    def said(self, week: int, name: str) -> tuple[Any, int, str, str]:
        values, confidences = SAID[name]
        return values[week - 1], confidences[week - 1], "", ASKS.get((week, name), "none")

    def update(self, name: str, value: Any, confidence: int, blocker: str, ask: str) -> None:
        """One update, where its owner makes them; "read": the source's own number."""
        told = KEY_RESULTS[name]
        {"page": self._on_page, "jira": self._in_jira, "notion": self._in_notion}[told.at](name, value, confidence, blocker, ask)

    def _on_page(self, name: str, value: Any, confidence: int, blocker: str, ask: str) -> None:
        visit, address = self.quarter.visit(KEY_RESULTS[name].owner), f"/key-results/{name}/check-in"
        form = {field: unescape(text) for field, text in _HIDDEN.findall(visit.get(address).text)}
        answer = self.quarter.post(
            KEY_RESULTS[name].owner,
            address,
            {**form, "value": str(value), "confidence": str(confidence), "blocker": blocker, "decision": ask},
        )
        assert answer.status_code == 303, re.sub(r"<[^>]+>|\s+", " ", answer.text)

    def _in_jira(self, name: str, value: Any, confidence: int, blocker: str, ask: str) -> None:
        number = "" if value == "read" else f"value {value} "
        text = f"/okr {name} {number}confidence {confidence} decision {ask}"
        self.quarter.jira.add_comment(self.quarter.epics[name], document(text), self.quarter.account(KEY_RESULTS[name].owner))

    def _in_notion(self, name: str, value: Any, confidence: int, blocker: str, ask: str) -> None:
        number = {} if value == "read" else {"Value": value}
        row = self.quarter.notion.row(KEY_RESULTS[name].title)
        row.edit({**number, "Confidence": confidence, "Decision": ask}, by=KEY_RESULTS[name].owner)

    def clear(self) -> None:
        """Alice says that the blocker which was seen is gone."""
        with self.quarter.runtime.store.read() as session:
            [row] = session.scalars(select(Blocker).where(Blocker.key_result_id == "invoices", Blocker.ended_at.is_(None)))
        assert row.clear_at is not None
        assert self.quarter.post("Alice", f"/key-results/invoices/blockers/{row.id}", {"answer": "clear"}).status_code == 303

    def refuse(self) -> None:
        """Bob refuses the value that was held back, and mends the deal."""
        visit = self.quarter.visit("Bob")
        page = visit.get("/key-results/seats/held").text
        form = {field: unescape(text) for field, text in _HIDDEN.findall(page)}
        given = {**form, "verdict": "refuse", "reason": "Three zeros too many in one deal"}
        assert self.quarter.post("Bob", "/key-results/seats/held", given).status_code == 303
        self.quarter.notion.world.set_property(self.held["deal"], "Seats", 10, author=self.quarter.notion.account("Bob"))
        with self.quarter.runtime.store.read() as session:
            assert [row.outcome for row in session.scalars(select(HeldValue))] == ["refused"]

    # --- reviews -------------------------------------------------------------------------------------------------------

    def review(self, forum: str, week: int) -> Review:
        """The review of a week."""
        day = moment(week, "Thu 00:00" if forum == PRODUCT else "Tue 00:00") + timedelta(hours=12)
        query = select(Review).where(Review.forum_id == self.quarter.forums[forum], Review.day == day.date())
        with self.quarter.runtime.store.read() as session:
            return session.scalars(query).one()

    def lock(self, forum: str, week: int) -> None:
        """The pre-read has been frozen by the schedule, at the moment of the table."""
        review, wanted = self.review(forum, week), MEETINGS[forum, week]
        assert (f"{review.lock_at:%m-%d %H:%M}", f"{review.starts_at:%m-%d %H:%M}") == (wanted.lock, wanted.start)
        assert review.state == "locked"
        with self.quarter.runtime.store.read() as session:
            pre_read = session.scalars(select(PreRead).where(PreRead.review_id == review.id)).one()
        self.frozen(forum, week, review, pre_read)

    def skip(self, week: int) -> None:
        review = self.review(PRODUCT, week)
        answer = self.quarter.post("Nadia", f"/reviews/{review.id}/skip", {"reason": SKIPPED[week]})
        assert answer.status_code == 303, answer.text[:300]

    def hold(self, forum: str, week: int) -> None:
        """Who can call decisions opens the review, gives each item its verdict, holds course for the rest, closes it."""
        review, wanted = self.review(forum, week), MEETINGS[forum, week]
        caller, path = _CALLERS[forum], f"/reviews/{review.id}"
        visit = self.quarter.visit(caller)
        assert self.quarter.post(caller, f"{path}/open", {}).status_code == 303
        items = self.items(review.id)
        talked = [each for each in items if not each.folded]
        agenda = tuple(each.key_result_id for each in talked)
        self.quarter.same(f"week {week} agenda of {forum}", agenda, wanted.agenda, [(e.key_result_id, e.score, e.reasons) for e in items])
        page = visit.get(path).text
        places = [page.index(KEY_RESULTS[name].title) for name in agenda]
        assert places == sorted(places), (forum, week)
        assert not re.search(r'name="(value|confidence)"', page)
        for number, each in enumerate(talked):
            if number == 0:
                assert self.quarter.post(caller, f"{path}/close", {}).status_code == 409
            verdict = wanted.verdicts.get(each.key_result_id)
            given = self.given(verdict) if verdict else {"verdict": "hold"}
            answer = self.quarter.post(caller, f"{path}/items/{each.id}", given)
            assert answer.status_code == 303, re.sub(r"<[^>]+>|\s+", " ", answer.text)
        assert self.quarter.post(caller, f"{path}/hold-folded", {}).status_code == 303
        version = re.search(r'name="review_version" value="(\d+)"', visit.get(path).text)
        closed = self.quarter.post(caller, f"{path}/close", {"review_version": version[1] if version else ""})
        assert (closed.status_code, closed.location) == (303, f"{path}/minutes"), re.sub(r"<[^>]+>|\s+", " ", closed.text)
        self.quarter.turn()

    def items(self, review: int) -> list[ReviewItem]:
        with self.quarter.runtime.store.read() as session:
            return list(session.scalars(select(ReviewItem).where(ReviewItem.review_id == review).order_by(ReviewItem.position)))

    def given(self, verdict: Verdict) -> dict[str, str]:
        """A verdict as the form sends it."""
        told = {"verdict": verdict.verdict, "action": verdict.action, "text": verdict.text}
        issue = {"issue": f"{self.quarter.forge.connection}|ACME|Task"} if verdict.issue else {}
        return {**told, "owner": f"{verdict.owner}@acme.example", "due": verdict.due, **issue}

    def close_decisions(self, week: int) -> None:
        """Who owns a decision says that it is done."""
        if week not in CLOSED:
            return
        who, key_result = CLOSED[week]
        [row] = [each for each in self.decisions() if each.key_result_id == key_result and each.state == "open"]
        visit, path = self.quarter.visit(who), f"/decisions/{row.id}"
        form = {field: unescape(text) for field, text in _HIDDEN.findall(visit.get(path).text)}
        given = {
            **form,
            "title": row.title,
            "owner": f"{who.lower()}@acme.example",
            "due": str(row.due),
            "state": "done",
            "outcome": "done",
        }
        assert self.quarter.post(who, path, given).status_code == 303
