"""Sealing every stored secret anew with the newest key of the installation, after ``OKR_SECRET_KEY`` was set to "NEW OLD"."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import InputError
from connector.runtime import Runtime
from connector.services.changes import record
from connector.store.tables import Channel, Connection, ForgeInstallation

FIELDS = {"auth": "credentials", "webhook_secret": "webhook secret", "previous_webhook_secret": "former webhook secret"}


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets are sealed with the newest key now, and which could not be opened with any: "acme-jira: credentials"."""

    number: int
    locked: tuple[str, ...]


def reseal(runtime: Runtime, viewer: Viewer = SYSTEM) -> Resealed:
    """Seal everything with the newest key, retired connections too, in one transaction. What no key opens is left as it is."""
    number, locked = 0, []
    with runtime.store.write() as session:
        for row in session.scalars(select(Connection).order_by(Connection.name).with_for_update()):
            for column, words in FIELDS.items():
                sealed = getattr(row, column)
                if not sealed:
                    continue
                try:
                    setattr(row, column, runtime.vault.seal(runtime.vault.open(sealed)))
                    number += 1
                except InputError:
                    locked.append(f"{row.name}: {words}")
        for channel in session.scalars(select(Channel).where(Channel.retired_at.is_(None)).order_by(Channel.id).with_for_update()):
            try:
                channel.secret = runtime.vault.seal(runtime.vault.open(channel.secret))
                number += 1
            except InputError:
                locked.append(f"{channel.name}: address")
        for app in session.scalars(select(ForgeInstallation).where(ForgeInstallation.system_token.is_not(None)).with_for_update()):
            try:
                app.system_token = runtime.vault.seal(runtime.vault.open(app.system_token or ""))
                number += 1
            except InputError:
                app.system_token = app.token_ends_at = None  # the next hourly call brings another
        record(session, viewer, runtime.now(), "reseal", "secrets", "all", after={"sealed": number, "locked": locked})
    return Resealed(number, tuple(locked))
