"""Comments at issues and pages: one message to its item. The one place here that calls a host."""

from __future__ import annotations

import hashlib

from connector.errors import Gone, HostError, Refused, Uncertain
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import connections
from connector.services.messages.delivering import words_of
from connector.services.messages.outcomes import Outcome
from connector.store.tables import Connection, Message


def comment(runtime: Runtime, message: Message, *, looked_for: bool) -> Outcome:
    """Write one comment. ``looked_for``: one may have been written before, so it is looked for first."""
    with runtime.store.read() as session:
        connection = session.get(Connection, message.connection_id or 0)
    if connection is None or connection.retired_at is not None:
        return Outcome(False, "the connection was retired", lasting=True, gone=True)
    words = words_of(runtime, message)
    text = "\n".join([*words.lines, *([words.link] if words.link else [])])
    mark = hashlib.sha256(message.key.encode()).hexdigest()[:24]
    host = runtime.connect(connection, background=True)
    try:
        receipt = host.notify(
            message.ref, message.content.get("mentions", ()), text, mark=mark, since=message.created_at if looked_for else None
        )
    except HostError as error:
        return _outcome(runtime, connection, host, error)
    finally:
        host.close()
    with runtime.store.write() as session:
        connections.succeeded(session, connection.id, runtime.now())
    return Outcome(True, receipt=str(receipt.get("comment") or ""))


def _outcome(runtime: Runtime, connection: Connection, host: Host, error: HostError) -> Outcome:
    if isinstance(error, Uncertain):
        return Outcome(None, error.message)
    alone = connections.is_item_trouble(error) or (isinstance(error, Refused) and connections.credentials_work(host, error))
    if alone:
        return Outcome(False, error.message, lasting=True, gone=isinstance(error, Gone))
    with runtime.store.write() as session:
        until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())
    # What concerns the whole connection is its trouble: the comment waits with it, however long.
    return Outcome(False, error.message, halts=True, wait=max(1.0, until - runtime.epoch()), counts=False)
