"""Everything that a process works with, built once in the process that uses it (a connection must not cross a fork)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from connector.hosts.base import ConnectionSettings, Dialect, Host
from connector.hosts.goals import Goals
from connector.hosts.limits import Budget
from connector.hosts.makers import ItemMaker
from connector.hosts.okr_databases import OkrDatabases
from connector.hosts.registry import HOSTS
from connector.queue import InlineQueue, Queue, RedisQueue
from connector.renewal import Renewal, is_renewed
from connector.settings import Settings
from connector.store.base import Store
from connector.store.inserts import insert_into
from connector.store.tables import Connection, Counter, ForgeInstallation
from connector.store.vault import Vault


@dataclass
class Runtime:
    """Settings, store, vault, queue, hosts and clock of one process.

    ``now()`` is aware UTC; ``epoch()`` the same moment in seconds, for work bookkeeping. Tests replace ``clock``. ``stopping``: this
    process was told to end: long work stops at its next step, the database remembers the rest.
    """

    settings: Settings
    store: Store
    vault: Vault
    queue: Queue
    clock: Callable[[], float] = time.time
    redis_url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    remembered: dict[str, Any] = field(default_factory=dict)  # what this process keeps for a short time; see services.remembered
    _instance: str = ""
    _budgets: dict[int, Budget] = field(default_factory=dict)

    def epoch(self) -> float:
        """Now, in seconds since 1970."""
        return self.clock()

    def now(self) -> datetime:
        """Now, aware UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    @property
    def instance(self) -> str:
        """This installation's stable id: part of what we write into hosts, made once and kept in the database."""
        if not self._instance:
            with self.store.write() as session:
                # Two processes that start on an empty database must not make two: the second waits here for the first's commit.
                session.execute(insert_into(session, Counter).values(name="instance-made", labels="", value=1.0).on_conflict_do_nothing())
                row = session.scalar(select(Counter).where(Counter.name == "instance").order_by(Counter.labels).limit(1))
                if row is None:
                    row = Counter(name="instance", labels=os.urandom(5).hex(), value=1.0)
                    session.add(row)
                self._instance = row.labels
        return self._instance

    def dialect(self, host: str) -> Dialect:
        """How a kind of host speaks at the door."""
        dialect: Dialect = HOSTS[host].dialect
        return dialect

    def connect(self, connection: Connection, *, patience: float = 2.0, background: bool = False, spread: bool = False) -> Host:
        """A host object for one connection; close it after use. ``patience``: seconds it may sleep for request budget.

        ``background``: nobody waits for what it does, so calls that somebody waits for come first. ``spread``: what it does follows from
        edits, of which there may be many at once (see ``hosts.limits``).
        """
        return self.connect_with(
            self._settings_of(connection), budget_key=connection.id, patience=patience, background=background, spread=spread
        )

    def okr_databases(
        self, connection: Connection, *, patience: float = 2.0, background: bool = False, spread: bool = False
    ) -> OkrDatabases | None:
        """The OKR databases that a connection's host can keep, None for a host that keeps none; close it after use. See ``connect``."""
        build = getattr(HOSTS[connection.host], "build_okr_databases", None)
        if build is None:
            return None
        budget = self._budget(connection.id, connection.name, background=background, spread=spread)
        found: OkrDatabases = build(
            self._settings_of(connection), budget=budget, allow_private=self._allows_private, instance=self.instance, patience=patience
        )
        return found

    def _settings_of(self, connection: Connection) -> ConnectionSettings:
        settings = ConnectionSettings(
            connection.name,
            connection.host,
            connection.url,
            self.vault.open(connection.auth),
            connection.options or {},
            self._app_of(connection),
        )
        if is_renewed(connection.host, settings.auth):
            budget, private = self._budget(connection.id, connection.name), self._allows_private
            settings = replace(settings, renew=Renewal(self.store, self.vault, self.clock, connection.id, settings, budget, private))
        return settings

    def _app_of(self, connection: Connection) -> dict[str, str]:
        """What the Forge app that works for a connection lets us do; empty without one, or when its token has ended."""
        if connection.installation_id is None:
            return {}
        with self.store.read() as session:
            found = session.get(ForgeInstallation, connection.installation_id)
        if found is None or not found.system_token or found.token_ends_at is None or found.token_ends_at <= self.now():
            return {}
        return {
            "token": str(self.vault.open(found.system_token)),
            "cloud_id": found.cloud_id,
            "api_base_url": found.api_base_url,
            "app_id": self.settings.forge_app_id,
            "environment": found.environment,
        }

    def connect_with(
        self,
        settings: ConnectionSettings,
        *,
        budget_key: int = 0,
        patience: float = 2.0,
        background: bool = False,
        spread: bool = False,
    ) -> Host:
        """A host object for settings that need not be stored yet (connection test, ``apply``)."""
        host: Host = HOSTS[settings.host].build(
            settings,
            budget=self._budget(budget_key, settings.name, background=background, spread=spread),
            allow_private=self._allows_private,
            instance=self.instance,
            patience=patience,
        )
        return host

    def goals(self, connection: Connection, *, patience: float = 2.0) -> Goals | None:
        """The goals that a connection's host keeps, None for a host without. Raises ``InputError`` for a login that they do not take."""
        build = getattr(HOSTS[connection.host], "build_goals", None)
        if build is None:
            return None
        auth = self.vault.open(connection.auth)
        settings = ConnectionSettings(connection.name, connection.host, connection.url, auth, connection.options or {})
        budget = self._budget(connection.id, connection.name)
        goals: Goals = build(settings, budget=budget, allow_private=self._allows_private, patience=patience)
        return goals

    def item_maker(self, connection: Connection, *, patience: float = 2.0) -> ItemMaker | None:
        """What makes issues or rows on a connection, None for a host that makes none; close it after use."""
        build = getattr(HOSTS[connection.host], "build_item_maker", None)
        if build is None:
            return None
        budget = self._budget(connection.id, connection.name, spread=True)
        found: ItemMaker = build(self._settings_of(connection), budget=budget, allow_private=self._allows_private, patience=patience)
        return found

    @property
    def _allows_private(self) -> bool:
        return self.settings.allow_private_hosts or self.settings.sandbox

    def _budget(self, key: int, name: str, *, background: bool = False, spread: bool = False) -> Budget:
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = Budget(f"{key}-{name}", self.redis_url)
        if background:
            return budget.for_background()
        return budget.for_storms() if spread else budget

    def close(self) -> None:
        """Give back what is held."""
        self.store.close()


def build_runtime(settings: Settings, *, queue: Queue | None = None, clock: Callable[[], float] = time.time) -> Runtime:
    """Build the runtime of this process. Nothing is called yet: the first use opens connections."""
    redis_url = settings.resolved_redis_url()
    if queue is None:
        queue = RedisQueue(redis_url) if redis_url else InlineQueue()
    return Runtime(settings, Store(settings.resolved_database_url), Vault(settings.resolved_secret_key()), queue, clock, redis_url)
