"""A doubt that an owner tells the lead and the champion alone (R043): kept sealed, opened only for those who may read it.

Sealed in the database, it stays unread in exports, backups and whatever else prints a check-in's row.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.runtime import Runtime
from connector.store.tables import CheckIn, KeyResult, Objective, Team
from connector.store.visibility import visible

READERS = ("lead", "champion")


def readable_doubts(runtime: Runtime, session: Session, viewer: Viewer, check_in_ids: Sequence[int]) -> dict[int, str]:
    """The doubts among these check-ins that the viewer may read: their own, and all that they lead or judge. Not an admin's right."""
    if not check_in_ids:
        return {}
    query = (
        select(CheckIn.id, CheckIn.doubt)
        .join(KeyResult, KeyResult.id == CheckIn.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(CheckIn.id.in_(check_in_ids), CheckIn.doubt.is_not(None), visible(viewer))
    )
    # A draft is its author's alone: it is not said yet.
    theirs: ColumnElement[bool] = CheckIn.draft.is_(False)
    if viewer.person_id is None:
        if viewer.role not in READERS:
            return {}
    elif viewer.role in READERS:
        theirs = or_(theirs, CheckIn.author_id == viewer.person_id)
    else:
        theirs = or_(CheckIn.author_id == viewer.person_id, and_(theirs, Team.lead_id == viewer.person_id))
    query = query.where(theirs)
    found = {ident: open_doubt(runtime, sealed) for ident, sealed in session.execute(query)}
    return {ident: text for ident, text in found.items() if text}


def seal_doubt(runtime: Runtime, text: str) -> str | None:
    """How a doubt is stored; None for none."""
    return runtime.vault.seal(text) if text else None


def open_doubt(runtime: Runtime, sealed: str | None) -> str:
    """The text of a stored doubt; "" for none, and for one that was sealed with a key that is gone."""
    if not sealed:
        return ""
    try:
        return str(runtime.vault.open(sealed))
    except InputError:
        return ""
