"""Renewing the login of a stored connection whose tokens end within hours: one process at a time, stored before it is used.

A host gets this as ``ConnectionSettings.renew`` and never sees the store. A refresh token counts once: two renewals at the same moment,
or an answer that is used and then lost, would lock the customer out. So whoever renews holds a lease on the connection's login; the
others wait and take what was stored. Whoever dies with the lease costs time only: hosts let the former refresh token count for minutes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy import select, update

from connector.errors import Busy, HostError, Refused, StoreUnavailable
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.registry import HOSTS
from connector.store.base import Store
from connector.store.tables import Connection
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

# Longer than any request for new tokens, far shorter than the ten minutes for which the former refresh token counts.
LEASE_SECONDS = 240.0
STORED_WITHIN = 30.0  # seconds for which a database that does not answer is waited for: the new tokens are nowhere else
PAUSE = 0.1  # seconds between two looks while another process renews
# Kept apart from what a person typed: these change with every renewal
TOKENS = frozenset({"access_token", "refresh_token", "expires_at"})


def is_renewed(host: str, auth: Mapping[str, str]) -> bool:
    """Whether this login's tokens end within hours and are replaced by us."""
    return bool(HOSTS[host].is_renewed(auth))


def same_login(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two stored logins differ in their tokens at most."""
    return {key: one[key] for key in one.keys() - TOKENS} == {key: other[key] for key in other.keys() - TOKENS}


@dataclass(frozen=True, slots=True)
class Renewal:
    """The renewal of one connection's login. ``patience``: seconds that a call waits for another process which renews already."""

    store: Store
    vault: Vault
    clock: Callable[[], float]
    connection_id: int
    settings: ConnectionSettings
    budget: Budget = field(repr=False)
    allow_private: bool
    patience: float = 20.0

    def __call__(self, held: Mapping[str, str], needed: bool) -> Mapping[str, str]:
        """The credentials to go on with; ``held`` again where they still count (not ``needed``) and cannot be renewed just now.

        Raises ``Refused`` when only a person can mend it, ``Busy`` when others renew for too long, other ``HostError``.
        """
        ends = time.monotonic() + self.patience
        while True:
            sealed, taken = self._stored()
            if not sealed:
                return held  # retired meanwhile: nothing is called for it any more
            stored: Mapping[str, str] = self.vault.open(sealed)
            if stored["access_token"] != held["access_token"] and not self._ended(stored):
                return stored
            lease = 0.0 if taken else self._take(sealed)
            if lease:
                break
            if not needed:
                return held
            if time.monotonic() >= ends:
                raise Busy(f"{self.settings.name}: another process renews the login", retry_after=5.0, code="login_renewed")
            time.sleep(PAUSE * random.uniform(0.5, 1.5))  # noqa: S311  # so that many do not look at once
        try:
            return self._renew(sealed, stored)
        except Refused as error:
            # Somebody may have stored another login meanwhile (a new permission): then the former one's end means nothing.
            now_sealed, _ = self._stored()
            current: Mapping[str, str] = self.vault.open(now_sealed) if now_sealed else stored
            if current.get("access_token") != stored["access_token"]:
                return current
            log.warning("login_not_renewed", connection=self.settings.name, code=error.code, status=error.status)
            raise
        except HostError as error:
            log.warning("login_not_renewed", connection=self.settings.name, error=type(error).__name__)
            if needed:
                raise
            return held
        finally:
            self._free(lease)

    def _renew(self, sealed: str, stored: Mapping[str, str]) -> Mapping[str, str]:
        module = HOSTS[self.settings.host]
        settings = replace(self.settings, auth=stored)
        fresh: Mapping[str, str] = module.renew_auth(settings, budget=self.budget, allow_private=self.allow_private)
        ends = time.monotonic() + STORED_WITHIN
        while True:
            try:
                if self._put(sealed, self.vault.seal(dict(fresh))):
                    log.info("login_renewed", connection=self.settings.name)
                    return fresh
                # Sealed anew with another key: the new tokens must not get lost. Any other login was stored by a person, and wins.
                sealed, _ = self._stored()
                current: Mapping[str, str] = self.vault.open(sealed) if sealed else fresh
                if current.get("access_token") != stored["access_token"]:
                    return current
            except StoreUnavailable:
                if time.monotonic() >= ends:
                    raise
                time.sleep(1.0)

    def _ended(self, login: Mapping[str, str]) -> bool:
        ends = HOSTS[self.settings.host].login_ends(login)
        return ends is not None and ends.timestamp() <= time.time()

    def _stored(self) -> tuple[str, bool]:
        """The sealed login as it stands, "" when there is none any more, and whether somebody renews it now."""
        with self.store.read() as session:
            row = session.execute(select(Connection.auth, Connection.login_lease_until).where(Connection.id == self.connection_id)).first()
        return (row.auth, row.login_lease_until >= self.clock()) if row else ("", False)

    def _take(self, sealed: str) -> float:
        """Become the one who renews: only the login that was just read, and only when nobody else does. 0.0 when not."""
        now = self.clock()
        until = now + LEASE_SECONDS + random.random()  # noqa: S311  # tells leases of one moment apart
        with self.store.write() as session:
            taken = session.execute(
                update(Connection)
                .where(Connection.id == self.connection_id, Connection.auth == sealed, Connection.login_lease_until < now)
                .values(login_lease_until=until)
                .returning(Connection.id)
                .execution_options(synchronize_session=False)
            ).first()
        return until if taken else 0.0

    def _put(self, sealed: str, fresh: str) -> bool:
        with self.store.write() as session:
            return (
                session.execute(
                    update(Connection)
                    .where(Connection.id == self.connection_id, Connection.auth == sealed)
                    .values(auth=fresh)
                    .returning(Connection.id)
                    .execution_options(synchronize_session=False)
                ).first()
                is not None
            )

    def _free(self, lease: float) -> None:
        with self.store.write() as session:
            session.execute(
                update(Connection)
                .where(Connection.id == self.connection_id, Connection.login_lease_until == lease)
                .values(login_lease_until=0.0)
                .execution_options(synchronize_session=False)
            )
