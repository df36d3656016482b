"""Optional fields that the form leaves out because nobody uses them, with one click and back with one (R117). Never one of the six.

What stands is what the audit trail said last of a field: it is kept with the trail, and every change has who and when.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.form_diet import OPTIONAL
from connector.domain.rights import Act, Viewer
from connector.errors import Forbidden, InputError
from connector.runtime import Runtime
from connector.services.changes import record
from connector.store.tables import Audit

ENTITY, HIDE, SHOW = "form_field", "hide", "show"


def hidden_fields(session: Session) -> frozenset[str]:
    """The fields that forms leave out. One statement."""
    last = select(func.max(Audit.id)).where(Audit.entity == ENTITY).group_by(Audit.entity_id)
    rows = session.execute(select(Audit.entity_id, Audit.action).where(Audit.id.in_(last)))
    return frozenset(name for name, action in rows if action == HIDE and name in OPTIONAL)


def set_hidden(runtime: Runtime, viewer: Viewer, name: str, *, hidden: bool, reason: str = "") -> str:
    """Leave a field out of the form, or show it again; what was filed stays. Returns what it is called.

    Raises ``Forbidden`` for roles that neither write nor sign off, ``InputError`` for a field that every update has.
    """
    if not (viewer.may(Act.WRITE) or viewer.may(Act.SIGN_OFF)):
        raise Forbidden("champions, leads and admins choose what the form asks for")
    if name not in OPTIONAL:
        raise InputError(f"{name[:40]!r} cannot be left out; the form can do without {', '.join(OPTIONAL)}", where="field")
    with runtime.store.write() as session:
        before: Mapping[str, bool] = {"hidden": name in hidden_fields(session)}
        action = HIDE if hidden else SHOW
        record(session, viewer, runtime.now(), action, ENTITY, name, before=before, after={"hidden": hidden}, reason=reason)
    return OPTIONAL[name]
