"""The discipline report: what one review of a forum says of it, for whom, and that nobody is named."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import update

from connector.domain.rights import Viewer
from connector.domain.vitality import Share
from connector.errors import NotFound
from connector.services.reports import discipline_files
from connector.services.reports.discipline import Report, load_reports
from connector.services.state_changes import note_states
from connector.store.tables import Decision, Forum, Raised, Review
from tests.support.frozen import DAY, LOCK, START, Meeting
from tests.support.reports import viewer

ADMIN = Viewer("root", "admin")


def reports(acme: Meeting, who: Viewer = ADMIN, **more: int) -> list[Report]:
    with acme.runtime.store.read() as session:
        return load_reports(session, who, acme.runtime.now(), acme.runtime.settings.zone, **more)


def test_one_review_in_numbers(held: Meeting) -> None:
    held.at(START + DAY)
    (report,) = reports(held)
    (week,) = report.weeks
    assert (week.state, week.day) == ("closed", START.date())
    assert (week.on_time, week.late, week.missing) == (3, 1, 0)  # the late one came after the lock
    assert week.opened == Share(1, 2)  # Leo, not Dora
    assert week.verdicts.good == week.verdicts.of >= 1
    assert week.decisions >= 1
    assert week.edits == 1
    assert week.use.vitality is not None
    assert report.updates == Share(3, 4)


def test_before_the_review_its_verdicts_are_not_known(locked: Meeting) -> None:
    locked.at(START + timedelta(minutes=1))
    ((week,),) = [each.weeks for each in reports(locked)]
    assert (week.missing, week.verdicts, week.edits) == (1, Share(), None)
    locked.at(START + 2 * DAY)  # nobody held it
    ((week,),) = [each.weeks for each in reports(locked)]
    assert week.verdicts.good == 0
    assert week.verdicts.of >= 1


def test_only_what_the_viewer_may_know_is_counted(held: Meeting) -> None:
    held.at(START + DAY)
    (mine,) = reports(held, viewer(held, "Leo"))
    (all_of_it,) = reports(held)
    assert mine.updates.of == all_of_it.updates.of - 1
    assert mine.weeks[0].decisions == all_of_it.weeks[0].decisions - 1


def test_who_sees_which_forum(held: Meeting) -> None:
    held.at(START + DAY)
    assert reports(held, viewer(held, "Mia")) == []  # a member without a seat
    assert reports(held, Viewer("token", "viewer")) == []
    assert [each.name for each in reports(held, viewer(held, "Carla", "champion"))] == ["Product"]
    with pytest.raises(NotFound):
        reports(held, viewer(held, "Mia"), forum=held.forum)
    held.change(update(Forum).values(sponsor_id=held.people["Mia"]))
    assert [each.name for each in reports(held, viewer(held, "Mia"))] == ["Product"]


def test_a_skipped_review_says_why_and_counts_nothing(acme: Meeting) -> None:
    acme.change(update(Review).values(state="skipped", skipped_reason="off-site"))
    acme.at(START + DAY)
    (report,) = reports(acme)
    assert (report.weeks[0].skipped, report.weeks[0].updates.of, report.uses) == ("off-site", 0, [])
    assert "skipped: off-site" in discipline_files.write_csv([report]).decode()


def test_days_from_first_off_track_to_first_decision(held: Meeting) -> None:
    with held.runtime.store.write() as session:
        session.query(Decision).delete()
        note_states(session, {"kr-good": ("at_risk", 0.2), "kr-silent": ("stalled", 0.1)}, START - 9 * DAY)
        made = {"key_result_id": "kr-good", "kind": "other", "title": "x", "source": "review", "state": "open", "outcome": ""}
        session.add(Decision(**made, created_at=START, decided_at=START - 5 * DAY))
        session.add(Decision(**made, created_at=START, decided_at=START))
    held.at(START + DAY)
    (report,) = reports(held)
    assert (report.first_decision.median, report.first_decision.decided) == (4.0, 1)
    assert report.first_decision.of >= 2


def test_follow_through_and_raised_steps(held: Meeting) -> None:
    with held.runtime.store.write() as session:
        session.query(Decision).delete()
        for number, closed in enumerate((START - 4 * DAY, START - DAY, None)):
            state = "done" if closed else "open"
            session.add(
                Decision(
                    key_result_id="kr-good", kind="other", title=str(number), source="review", state=state, outcome="",
                    due=(START - 3 * DAY).date(), closed_at=closed, created_at=START - 9 * DAY,
                )
            )  # fmt: skip
        session.add(Raised(key_result_id="kr-good", kind="missed", since=LOCK - 9 * DAY, level=2, at=LOCK - DAY))
        session.add(Raised(key_result_id="kr-good", kind="blocker", since=LOCK - 30 * DAY, level=1, at=LOCK - 30 * DAY))
    held.at(START + DAY)
    (report,) = reports(held)
    assert report.weeks[0].follow_through == Share(1, 3)  # one in time, one late, one not at all
    assert (report.weeks[0].raised_missed, report.weeks[0].raised_blockers) == (1, 0)


def test_files_are_safe_and_name_nobody(held: Meeting) -> None:
    held.change(update(Forum).values(name="=cmd()"))
    held.at(START + DAY)
    found = reports(held)
    rows = list(csv.reader(io.StringIO(discipline_files.write_csv(found).decode())))
    assert rows[1][0] == "'=cmd()"
    assert len(rows[0]) == len(rows[1]) == len(discipline_files.COLUMNS) + 1
    told = discipline_files.write_csv(found).decode() + repr(found)
    assert not [name for name in held.people if name in told]
    assert discipline_files.write_xlsx(found).startswith(b"PK")
