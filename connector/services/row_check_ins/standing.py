"""What the row of a key result shows of its updates, wherever these were filed: the last one's words, by whom, and when. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue
from connector.domain.okr_columns import BLOCKER, CHECKED_IN_BY, COMMENT, CONFIDENCE, DECISION, UPDATED, UPDATED_BY
from connector.domain.wording import AFTER_LOCK
from connector.services.facts import recent_check_ins
from connector.services.provenance import author_text
from connector.store.reads.people import names_of
from connector.store.tables import CheckIn, PersonAccount

Standing = dict[str, FieldValue]
NOTHING: Standing = dict.fromkeys((CONFIDENCE, BLOCKER, DECISION, COMMENT, UPDATED, UPDATED_BY)) | {CHECKED_IN_BY: ()}


def standing(session: Session, connection_id: int, key_results: Collection[str]) -> dict[str, Standing]:
    """By key result, what its row shows of updates: our side of the check-in fields, and who said so when.

    One that nobody updated yet shows nothing. Three statements for any number of key results.
    """
    told: dict[str, list[CheckIn]] = {}
    for row in recent_check_ins(session, list(key_results)):
        told.setdefault(row.key_result_id, []).append(row)
    authors = {rows[-1].author_id for rows in told.values()} - {None}
    names = names_of(session, authors)
    accounts = {
        row.person_id: row.account
        for row in session.execute(
            select(PersonAccount.person_id, PersonAccount.account).where(
                PersonAccount.connection_id == connection_id, PersonAccount.person_id.in_(authors), PersonAccount.left_at.is_(None)
            )
        )
    }
    found: dict[str, Standing] = {}
    for key_result in key_results:
        if key_result not in told:
            found[key_result] = dict(NOTHING)
            continue
        last = told[key_result][-1]
        account = accounts.get(last.author_id or 0)
        found[key_result] = {
            CONFIDENCE: float(last.confidence) if last.confidence is not None else None,
            BLOCKER: last.blocker or None,
            DECISION: last.decision,
            COMMENT: standing_comment(told[key_result]) or None,
            CHECKED_IN_BY: (account,) if account else (),
            UPDATED: last.created_at.isoformat(),
            UPDATED_BY: author_text(names.get(last.author_id or 0), last.source) + (f", {AFTER_LOCK}" if last.late else ""),
        }
    return found


def standing_comment(check_ins: Sequence[CheckIn]) -> str:
    """The comment that stands after these updates (oldest first): the last author's latest, until somebody else's update replaces it.

    An empty text, other than None, says that its author took it away.
    """
    last = check_ins[-1] if check_ins else None
    for row in reversed(check_ins):
        if last is None or row.author_id != last.author_id:
            break
        if row.comment is not None:
            return row.comment
    return ""
