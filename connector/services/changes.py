"""What every change by a person has in common: a line in the audit trail, and a check that nobody else changed the thing meanwhile.

A *view* is a thing as a small JSON-able dict that names what it refers to; its digest is the version that a form carries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, and_, type_coerce
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM, Act, Viewer, roles_that_may
from connector.errors import Conflict, Forbidden
from connector.store.tables import Audit

View = Mapping[str, Any]


class Stale(Conflict):
    """The thing was changed since it was read. ``theirs`` is how it is now, ``version`` its version, ``by`` who changed it last."""

    def __init__(self, theirs: View, *, version: str, by: str = "") -> None:
        who = f" by {by}" if by else ""
        super().__init__(f"this was changed{who} while you were editing it; nothing was saved. Look at both versions and save again")
        self.theirs, self.version, self.by = dict(theirs), version, by


def version_of(view: View) -> str:
    """The version of a view: the same for equal content, whoever made it."""
    return hashlib.sha256(orjson.dumps(view, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def check_version(now: View, given: str | None, *, by: str = "") -> None:
    """Raises ``Stale`` when ``given`` (None: not asked for) is not the version of how the thing is now."""
    version = version_of(now)
    if given is not None and given != version:
        raise Stale(now, version=version, by=by)


def require(viewer: Viewer, act: Act) -> None:
    """Raises ``Forbidden`` when the viewer's role does not allow it. Services call this too, so that no door forgets it."""
    if not viewer.may(act):
        raise Forbidden(f"the role {viewer.role} may not do this; it takes {' or '.join(roles_that_may(act))}")


def record(
    session: Session,
    viewer: Viewer,
    at: datetime,
    action: str,
    entity: str,
    ident: str,
    *,
    before: View | None = None,
    after: View | None = None,
    reason: str = "",
) -> bool:
    """One line of the audit trail: for an update only what differs. False, and no line, when nothing does. Never give it a secret."""
    if before is not None and after is not None:
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        if not keys:
            return False
        before, after = ({key: view.get(key) for key in keys} for view in (before, after))
    session.add(
        Audit(
            at=at,
            actor=viewer.name,
            action=action,
            entity=entity,
            entity_id=ident,
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
            reason=reason,
        )
    )
    return True


def record_by_system(
    session: Session, at: datetime, action: str, entity: str, ident: str, *, before: View | None = None, after: View | None = None
) -> bool:
    """``record`` of what background work did."""
    return record(session, SYSTEM, at, action, entity, ident, before=before, after=after)


def edits_of(key_results: Collection[str], since: datetime, field: str) -> ColumnElement[bool]:
    """A condition over ``Audit``: somebody edited one of these key results since then, and the line says something of ``field``."""
    return and_(
        Audit.entity == "key_result",
        Audit.entity_id.in_(key_results),
        Audit.action.in_(("update", "import")),
        Audit.at >= since,
        type_coerce(Audit.after, Text).contains(f'"{field}":'),
    )
