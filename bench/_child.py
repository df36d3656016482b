"""The connector's side of a benchmark, alone in a process, so that its memory is its own. Prints one line of JSON.

Run by ``bench._company.child``; roles: ``sync CONNECTION`` (a sync, then the panels it asks for), ``recompute``, ``preview MAPPING``
and ``preview_plain MAPPING`` (a mapping as a Python literal).
"""

from __future__ import annotations

import ast
import json
import sys
import time
from typing import Any

from bench._company import peak_megabytes
from connector import log
from connector.hosts.jira import client as jira_client
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.services import drain as drains
from connector.services import sync as syncs
from connector.settings import load_settings


def main(role: str, arguments: list[str]) -> dict[str, Any]:
    """Do one role."""
    # The stand-in has no other users whose share of the tenant's budget must be spared.
    jira_client.RATES = dict.fromkeys(jira_client.RATES, "100000 per 1 second")
    jira_client.ISSUE_WRITES = "100000 per 1 second"
    settings = load_settings()
    log.configure("text", "warning")
    runtime = build_runtime(settings, queue=InlineQueue())
    try:
        if role in ("preview", "preview_plain"):
            return (preview if role == "preview" else preview_plain)(runtime, ast.literal_eval(*arguments))
        return sync(runtime, *arguments) if role == "sync" else recompute(runtime)
    finally:
        runtime.close()


def sync(runtime: Runtime, connection: str) -> dict[str, Any]:
    """One sync and everything that follows from it."""
    begun = time.perf_counter()
    run = syncs.sync_connection(runtime, int(connection), trigger="bench")
    synced = time.perf_counter()
    memory = peak_megabytes()
    drains.settle(runtime)
    settled = time.perf_counter()
    while _is_due(runtime, int(connection)):  # a drain ends after a minute, so that others get a turn
        drains.drain(runtime, int(connection))
    done = time.perf_counter()
    return {
        "kind": run.kind, "seen": run.seen, "changed": run.changed, "gone": run.gone, "requests": run.requests,
        "sync_seconds": synced - begun, "settle_seconds": settled - synced, "panel_seconds": done - settled,
        "sync_memory": memory, "memory": peak_megabytes(),
    }  # fmt: skip


def _is_due(runtime: Runtime, connection: int) -> bool:
    with runtime.store.read() as session:
        due = drains.agenda(session, connection).due_at
    return due is not None and due <= runtime.epoch() + drains.LINGER


def recompute(runtime: Runtime) -> dict[str, Any]:
    """All key results once, whatever they are."""
    from connector.services.rollup import want_all

    with runtime.store.write() as session:
        want_all(session, runtime.epoch())
    begun, worked = time.perf_counter(), time.process_time()
    drains.settle(runtime)
    return {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - worked, "memory": peak_megabytes()}


def preview(runtime: Runtime, mapping: dict[str, Any]) -> dict[str, Any]:
    """One preview as the form asks for it, then the same items under another measure."""
    from connector.hosts.http import Gateway
    from connector.services.preview import preview_steps, shape

    sent = [0]
    exchange = Gateway.exchange

    def counted(self: Gateway, *arguments: Any) -> None:
        sent[0] += 1
        exchange(self, *arguments)

    Gateway.exchange = counted  # type: ignore[method-assign]  # requests are counted where all of them pass
    begun = time.perf_counter()
    at: list[float] = []
    for step in preview_steps(runtime, mapping):
        told = shape(step)
        at.append(time.perf_counter() - begun)
    requests = sent[0]
    begun = time.perf_counter()
    field = mapping["measure"]
    other = {"mean": field["sum"]} if isinstance(field, dict) else "done_count"
    for step in preview_steps(runtime, {**mapping, "measure": other}):
        shape(step)
    again = time.perf_counter() - begun
    return {
        "items": told["items"], "first": at[0], "seconds": at[-1], "partial": len(at) - 1, "requests": requests,
        "again": again, "requests_again": sent[0] - requests,
    }  # fmt: skip


def preview_plain(runtime: Runtime, mapping: dict[str, Any]) -> dict[str, Any]:
    """The same items by the walk of a sync: one page after the other."""
    from sqlalchemy import select

    from connector.hosts.base import Wanted
    from connector.store.tables import Connection
    from mappings.rules import field_names, parse_mapping

    with runtime.store.read() as session:
        connection = session.scalars(select(Connection)).one()
    draft = parse_mapping(mapping, where="mapping", host=connection.host)
    host = runtime.connect(connection, patience=60.0)
    begun = time.perf_counter()
    seen = 0
    wanted = [Wanted(0, draft.selector, host.resolve(draft.selector, field_names(draft)), field_names(draft))]
    for query in host.plan(wanted):
        cursor: Any = None
        while True:
            page = host.list_items(query, cursor)
            seen += len(page.refs)
            cursor = page.cursor
            if cursor is None:
                break
    seconds = time.perf_counter() - begun
    requests = host.requests
    host.close()
    return {"items": seen, "seconds": seconds, "requests": requests}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2:])))
