"""What an admin chooses about single panels: what a page shows beside the callout, and to have back what people deleted there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from connector.domain.rights import Act, Viewer
from connector.errors import InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.connection_names import connection_called
from connector.services.panels.changing import change_all
from connector.services.panels.embedding import problem
from connector.store import work
from connector.store.tables import Panel

_GIVEN_UP = ("dismissed", "deleted", "former", "property_only", "lost")  # what a receipt holds of people's and hosts' refusals


def choose(runtime: Runtime, viewer: Viewer, connection: str, ref: str, **given: bool) -> None:
    """Choose what is shown on a page named for an objective: ``table``, ``embed``. Rows of OKR databases follow their database's options.

    Raises ``Forbidden``, ``NotFound``, ``InputError`` for an embed without https.
    """
    require(viewer, Act.ADMINISTER)
    if given.get("embed") and (why := problem(runtime)):
        raise InputError(why, where="embed")
    with runtime.store.write() as session:
        found = connection_called(session, connection)
        row = session.scalar(select(Panel).where(Panel.connection_id == found.id, Panel.ref == ref))
        if row is None:
            raise NotFound(f"{connection} has no panel at {ref}")
        before = {name: bool((row.options or {}).get(name)) for name in given}
        row.options = {**(row.options or {}), **given}
        record(session, viewer, runtime.now(), "update", "panel", f"{found.name} {ref}", before=before, after=dict(given))
        work.want(session, Panel, [row.id], runtime.epoch())
        ident = found.id
    runtime.queue.nudge("drain", ident)


def show_again(runtime: Runtime, viewer: Viewer, connection: str) -> int:
    """Have back what people deleted on a connection's pages, and what a full workspace could not take. Returns how many panels.

    Raises ``Forbidden``, ``NotFound``.
    """

    def forgive(row: Panel) -> bool:
        before = row.receipt or {}
        if forgiven(before) == before:
            return False
        row.receipt = {**forgiven(before), "unsure": True}
        return True

    return change_all(runtime, viewer, connection, forgive, action="show_again", counted="panels")


def forgiven(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt without what people deleted and hosts refused; where things stand is kept."""
    return {
        name: forgiven(value) if isinstance(value, dict) and name in ("table", "embed") else value
        for name, value in receipt.items()
        if not (value and name in _GIVEN_UP)
    }
