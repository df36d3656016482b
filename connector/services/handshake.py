"""The set-up of a webhook whose secret comes from the host (Notion's verification token): arm it, show the token once, and the button's."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.button_secret import button_secret
from connector.errors import Conflict
from connector.runtime import Runtime
from connector.services.connection_names import connection_called
from connector.store.tables import Audit, Connection

KEEP_PREVIOUS = timedelta(hours=25)  # the host may still repeat deliveries signed with the old secret


def arm(runtime: Runtime, name: str, *, hours: float = 24.0, replace: bool = False, actor: str = "command") -> None:
    """Accept the next verification token of this connection, once, for some hours.

    Raises ``NotFound``, and ``Conflict`` when a secret is stored and ``replace`` was not asked for.
    """
    now = runtime.now()
    with runtime.store.write() as session:
        row = connection_called(session, name)
        if row.webhook_secret is not None:
            if not replace:
                raise Conflict(f"{name} has a webhook secret; add --replace to accept a new one (the old one counts for a day more)")
            row.previous_webhook_secret, row.webhook_secret = row.webhook_secret, None
            row.previous_secret_until = now + KEEP_PREVIOUS
        row.armed_until = now + timedelta(hours=hours)
        session.add(Audit(at=now, actor=actor, action="arm", entity="connection", entity_id=name))


def show_token(runtime: Runtime, name: str, *, actor: str = "command") -> str:
    """The token that the last handshake brought, for pasting it back at the host; shown once.

    Raises ``NotFound``, and ``Conflict`` when none has come or it was shown before.
    """
    with runtime.store.write() as session:
        row = connection_called(session, name)
        came, shown = _came_and_shown(session, name)
        if row.webhook_secret is None or not came:
            waits = "it is armed and waits for it" if row.armed_until and row.armed_until > runtime.now() else "arm it first"
            raise Conflict(f"no verification token has come for {name}; {waits}")
        if shown > came:
            raise Conflict(
                f"the verification token of {name} was shown before; arm it anew with --replace and ask the host to send another"
            )
        session.add(Audit(at=runtime.now(), actor=actor, action="handshake_shown", entity="connection", entity_id=name))
        return str(runtime.vault.open(row.webhook_secret))


def show_button_secret(runtime: Runtime, name: str, *, actor: str = "command") -> str:
    """What a button of this connection shows in its header instead of a signature; as often as somebody needs it.

    Raises ``NotFound``, and ``Conflict`` when no webhook secret is stored, or the host signs everything that it sends.
    """
    with runtime.store.write() as session:
        row = connection_called(session, name)
        if not runtime.dialect(row.host).unsigned:
            raise Conflict(f"{name} needs no secret for buttons: its host signs everything that it sends")
        if row.webhook_secret is None:
            raise Conflict(f"{name} has no webhook secret yet, and the button's is made of it: set the webhook up first")
        session.add(Audit(at=runtime.now(), actor=actor, action="button_secret_shown", entity="connection", entity_id=name))
        return button_secret(str(runtime.vault.open(row.webhook_secret)))


def is_unshown(session: Session, row: Connection) -> bool:
    """Whether a verification token came that nobody has been shown."""
    came, shown = _came_and_shown(session, row.name)
    return row.webhook_secret is not None and came > shown


def _came_and_shown(session: Session, name: str) -> tuple[int, int]:
    """The places in the audit trail of the last handshake and of the last time that its token was shown; 0 for never."""
    actions = ("handshake", "handshake_shown")
    rows = session.execute(
        select(Audit.action, func.max(Audit.id))
        .where(Audit.entity == "connection", Audit.entity_id == name, Audit.action.in_(actions))
        .group_by(Audit.action)
    )
    last = {row[0]: int(row[1]) for row in rows}
    return last.get(actions[0], 0), last.get(actions[1], 0)
