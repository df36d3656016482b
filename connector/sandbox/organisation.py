"""Makes the sample organisation once: both stand-ins' state, the objectives through ``apply``, eight weeks of history with reviews.

``prepare`` runs before the processes start; a data folder that already has a sandbox is left as it is.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select, update
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import HostError, InputError
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import TOKEN as NOTION_TOKEN
from connector.hosts.notion.sandbox import NotionSandbox
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.sandbox import content, rhythm, worlds
from connector.sandbox.buttons import BUTTON
from connector.sandbox.meetings import PLATFORM, PRODUCT
from connector.sandbox.pasts import WEEKS
from connector.sandbox.state import JIRA, NOTION, own_address, pages_at, state_file, webhook_secret, write_state
from connector.services.declare.apply import apply_text
from connector.services.leads_page.setting import set_leads_page
from connector.services.listing import list_dirty
from connector.services.okr_databases import setting_up
from connector.services.okr_databases.working import work_on_rows
from connector.settings import Settings
from connector.store.tables import Connection, Item, LeadsPage, Objective, OkrDatabase, OkrRow, Person

log = structlog.get_logger(__name__)

CYCLE_WEEKS = 13
AHEAD = 2.0  # seconds
LONG = 3600.0  # seconds
_FACES = (DatabaseKind.OBJECTIVES, DatabaseKind.KEY_RESULTS)
DOCUMENT = Path(__file__).with_name("organisation.yml")
PATHS = {JIRA: "/sandbox/jira", NOTION: "/sandbox/notion"}


def prepare(settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
    """Fill an empty data folder; otherwise only follow a changed port. The database must have its tables.

    Raises ``InputError`` for a database with a real set-up and when the sample document is refused, ``StoreUnavailable`` when the
    database does not answer.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    runtime = build_runtime(settings, queue=InlineQueue(), clock=clock)
    try:
        refuse_real(runtime)
        if _is_filled(runtime, settings):
            _follow_address(runtime, own_address(settings))
            return
        runtime.store.hurry()  # somebody waits for the first page, and nothing in here is worth a look at the disk
        _fill(runtime, settings)
    finally:
        runtime.close()


def refuse_real(runtime: Runtime) -> None:
    """Raises ``InputError`` when the database holds anything but a sandbox.

    The sandbox shows every page without sign-in, and filling it would retire whatever the sample organisation does not name.
    """
    with runtime.store.read() as session:
        rows = session.execute(select(Connection.name, Connection.url).where(Connection.retired_at.is_(None))).all()
        other = session.scalar(select(func.count()).select_from(Objective)) if not rows else 0
    # Connections that somebody added for practice lead to the stand-ins too.
    real = sorted(row.name for row in rows if not row.url.startswith("http://") or not row.url.endswith(tuple(PATHS.values())))
    if real or other:
        held = f"the connection{'' if len(real) == 1 else 's'} {', '.join(real)}" if real else "objectives of its own"
        raise InputError(
            f"the database holds {held}: the sandbox is never run over real data; give it a folder and a database of its own",
            where="OKR_DATA_DIR",
        )


def _is_filled(runtime: Runtime, settings: Settings) -> bool:
    with runtime.store.read() as session:
        known = session.scalar(select(func.count()).select_from(Connection)) or 0
    return known > 0 and all(state_file(settings, name).exists() for name in PATHS)


def _fill(runtime: Runtime, settings: Settings) -> None:
    today = runtime.now().astimezone(settings.zone).date()
    start = today - timedelta(days=today.weekday(), weeks=WEEKS)
    jira = JiraSandbox(worlds.jira_world(today, start))
    data, ids = worlds.notion_world(today, start)
    notion = NotionSandbox.from_json(data)
    notion.pages_at = pages_at(settings)
    with _served({JIRA: jira, NOTION: notion}) as address:
        # The web process is not up yet, so the stand-ins answer at an address of their own while everything is read once.
        _apply(runtime, document(settings, address, ids, start, rhythm.meets(runtime.now(), settings)))
        _list_all(runtime)
        rhythm.play(runtime)
        _keep_in_notion(runtime, notion, ids)
        _follow_address(runtime, own_address(settings), address)
    write_state(state_file(settings, JIRA), jira.to_json())
    write_state(state_file(settings, NOTION), notion.to_json())


def document(settings: Settings, address: str, ids: dict[str, str], start: date, forums: Mapping[str, rhythm.Meets]) -> str:
    """The sample organisation as a document for ``apply``; ``ids`` are the Notion databases and pages by their short names, ``forums``
    when each one meets.
    """
    middle = start + timedelta(weeks=CYCLE_WEEKS // 2)
    accounts = {name: f'jira: "{worlds.account_of(name)}", notion: "{ids[f"person_{name}"]}"' for name, _ in content.PEOPLE}
    people = "\n".join(
        f"  - {{email: {name}@{content.DOMAIN}, name: {full}, accounts: {{{accounts[name]}}}}}" for name, full in content.PEOPLE
    )
    values = {
        "URL": address,
        "JIRA_EMAIL": worlds.JIRA_BOT,
        "JIRA_TOKEN": worlds.JIRA_TOKEN,
        "JIRA_SECRET": webhook_secret(settings, JIRA),
        "NOTION_TOKEN": NOTION_TOKEN,
        "NOTION_SECRET": webhook_secret(settings, NOTION),
        "PEOPLE": people,
        "CYCLE": f"{middle.year}-Q{(middle.month + 2) // 3}",
        "START": start.isoformat(),
        "END": (start + timedelta(weeks=CYCLE_WEEKS, days=-1)).isoformat(),
        "ZONE": settings.timezone,
        "REVIEW_AT": f"{rhythm.REVIEW_AT:%H:%M}",
        "LOCK_AT": f"{rhythm.LOCK_AT:%H:%M}",
        "PRODUCT_DAY": forums[PRODUCT].weekday,
        "PRODUCT_LOCK": str(forums[PRODUCT].days_before),
        "PLATFORM_DAY": forums[PLATFORM].weekday,
        "PLATFORM_LOCK": str(forums[PLATFORM].days_before),
        **ids,
    }
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], DOCUMENT.read_text(encoding="utf-8"))


def _apply(runtime: Runtime, text: str) -> None:
    """The same way that ``okr-connector apply`` goes; and somebody who may change things on the pages."""
    for warning in apply_text(runtime, text, {}, actor="sandbox").warnings:
        log.warning("sandbox_apply", warning=warning)
    with runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == f"{content.ADMIN}@{content.DOMAIN}").values(role="admin"))


def _list_all(runtime: Runtime) -> None:
    """Read every mapping's items once, as the worker would; panels are left to the worker."""
    with runtime.store.read() as session:
        connections = list(session.scalars(select(Connection)))
    for connection in connections:
        host = runtime.connect(connection)
        try:
            while list_dirty(runtime, connection, host):
                pass
        except HostError as error:
            log.warning("sandbox_not_read", connection=connection.name, error=error.message)
        finally:
            host.close()


def _keep_in_notion(runtime: Runtime, notion: NotionSandbox, ids: dict[str, str]) -> None:
    """The OKR databases in the workspace with their rows, as an admin sets them up; and what can only be made by hand there."""
    setting_up.set_up(runtime, SYSTEM, NOTION, ids["okrs"], options={"table": True})
    with runtime.store.read() as session:
        connection = session.scalars(select(Connection).where(Connection.name == NOTION)).one()
        results = session.scalars(
            select(OkrDatabase.source).where(OkrDatabase.connection_id == connection.id, OkrDatabase.kind == DatabaseKind.KEY_RESULTS)
        ).one()
    # Rows of key results wait a second for those of their objectives: here they come after them anyway. Those of updates and decisions
    # are left to the worker, once everything stands.
    _set_aside(runtime, runtime.epoch() + LONG)
    later = replace(runtime, clock=lambda: runtime.clock() + AHEAD)
    while _faces_to_make(runtime) and work_on_rows(later, connection):
        pass
    _set_aside(runtime, 0.0)
    notion.world.add_property(results, BUTTON, "button")
    set_leads_page(runtime, SYSTEM, NOTION, page=ids["leads"])


def _set_aside(runtime: Runtime, until: float) -> None:
    """Have the rows of updates and decisions taken until then; 0: they are free."""
    with runtime.store.write() as session:
        others = select(OkrDatabase.id).where(OkrDatabase.kind.not_in(_FACES))
        rows = update(OkrRow).where(OkrRow.database_id.in_(others), OkrRow.ref.is_(None))
        session.execute(rows.values(lease_until=until).execution_options(synchronize_session=False))


def _faces_to_make(runtime: Runtime) -> int:
    """How many objectives and key results have no row yet."""
    with runtime.store.read() as session:
        query = select(func.count()).select_from(OkrRow).join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        return session.scalar(query.where(OkrDatabase.kind.in_(_FACES), OkrRow.ref.is_(None))) or 0


def _follow_address(runtime: Runtime, address: str, before: str | None = None) -> None:
    """Point the connections and the links of what is theirs to ``address``, where the web process answers from now on."""
    with runtime.store.write() as session:
        for row in session.scalars(select(Connection)):
            path = next((path for path in PATHS.values() if row.url.endswith(path)), None)
            if path is None or row.url == address + path:
                continue
            old = before or row.url.removesuffix(path)
            row.url = address + path
            linked: tuple[Any, ...] = (Item, OkrDatabase, OkrRow, LeadsPage)
            for table in linked:
                session.execute(
                    update(table)
                    .where(table.connection_id == row.id)
                    .values(url=func.replace(table.url, old, address))
                    .execution_options(synchronize_session=False)
                )


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # werkzeug's own name
        """Say nothing."""


@contextmanager
def _served(apps: dict[str, Any]) -> Iterator[str]:
    """Serve the stand-ins on a free loopback port; gives the address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    mounted = DispatcherMiddleware(_nothing, {PATHS[name]: app for name, app in apps.items()})
    server = make_server("127.0.0.1", 0, mounted, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def _nothing(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]
