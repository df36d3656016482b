"""The end of a night's sync: look for what could be mapped, keep the counts, note since when things drift, tell who answers for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM, Viewer
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services.drift.days import write_days
from connector.services.drift.findings import Finding, Recipient, find
from connector.services.mapping.candidates import Look, look
from connector.services.mirror import upsert
from connector.services.people.notices import LONGEST, tell
from connector.store.tables import DriftFinding, Notice
from connector.store.visibility import sees_key_result
from mappings.repository import load_links

KIND = "drift"
SUBJECT = "mappings"  # one note a day for each person, whatever drifted
LINK = "/mappings/drift"
_TOLD = 4  # findings spelled out in a note


def after_sync(runtime: Runtime, connection_id: int, host: Host) -> Look:
    """Everything that the end of a connection's sync brings. An outage of the host ends the look only."""
    found = look(runtime, connection_id, host)
    today = runtime.now().astimezone(runtime.settings.zone).date()
    with runtime.store.write() as session:
        write_days(session, connection_id, load_links(session, connection_id=connection_id), today)
    with runtime.store.read() as session:
        findings = find(session, SYSTEM, today)
    with runtime.store.write() as session:
        note_since(session, findings, runtime.now())
        tell_owners(session, findings, runtime.now())
    return found


def note_since(session: Session, findings: Sequence[Finding], now: datetime) -> None:
    """Keep since when each finding has been there; what is gone is forgotten."""
    present = {(each.kind, each.subject) for each in findings}
    stored = {(row.kind, row.subject) for row in session.scalars(select(DriftFinding))}
    for kind, subject in sorted(stored - present):
        session.execute(delete(DriftFinding).where(DriftFinding.kind == kind, DriftFinding.subject == subject))
    fresh = [{"kind": kind, "subject": subject, "since": now} for kind, subject in sorted(present - stored)]
    upsert(session, DriftFinding, ["kind", "subject"], fresh)


def tell_owners(session: Session, findings: Sequence[Finding], now: datetime) -> int:
    """One note a day for everybody who answers for something that drifted; a later sync of the day completes it. Returns how many."""
    of_person: dict[int, list[Finding]] = defaultdict(list)
    for each in findings:
        person = _told_about(session, each)
        if person is not None:
            of_person[person.id].append(each)
    for person_id in sorted(of_person):
        text = note_text(of_person[person_id])
        if not tell(session, person_id, KIND, SUBJECT, text, LINK, now):
            session.execute(
                update(Notice)
                .where(
                    Notice.person_id == person_id,
                    Notice.kind == KIND,
                    Notice.subject == SUBJECT,
                    Notice.day == now.date(),
                    Notice.text != text[:LONGEST],
                )
                .values(text=text[:LONGEST], read_at=None)
            )
    return len(of_person)


def _told_about(session: Session, each: Finding) -> Recipient | None:
    """The first who answers for it and may know of it."""
    for person in each.answers:
        if not each.hidden or sees_key_result(session, Viewer("", person.role, person.id), each.key_result):
            return person
    return None


def note_text(findings: Sequence[Finding]) -> str:
    """The note: how much, and the first findings in words."""
    number = len(findings)
    head = "1 mapping needs a look" if number == 1 else f"{number} mappings need a look"
    told = [f"{each.title}: {each.sentence}" for each in findings[:_TOLD]]
    more = f"; and {number - _TOLD} more" if number > _TOLD else ""
    return f"{head}. {'; '.join(told)}{more}."
