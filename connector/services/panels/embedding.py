"""Addresses of our live page for one place in a host: signed, bound to that place, ended by time or by an admin. Reads as a stranger would.

An address is the whole right to read one key result or one objective, so it is made only where somebody chose to embed, only for https, is
kept in no log and no receipt, and ends 30 days after it was given out; the nightly run renews what is still shown. Revoking raises a
number that every address carries: all earlier ones end at once.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import Forbidden
from connector.runtime import Runtime
from connector.services.panels.building import home_of
from connector.services.panels.changing import change_all
from connector.services.panels.placing import LONGEST, QUIET, REST
from connector.store import work
from connector.store.tables import Connection
from connector.store.tables import Panel as PanelRow

LASTS = timedelta(days=30)
RENEWED = timedelta(days=10)  # before its end
PATH = "/embed/"
NEEDS_HTTPS = "our live page can only be embedded when it has an https address: set OKR_PUBLIC_URL to one"
_LINK = "embed_link"  # the option of a panel that holds what its address says: {"number", "until"}
_ASK = "Ask an admin of okr-connector to show the live page here again."


@dataclass(frozen=True, slots=True)
class Live:
    """What an address opens: one key result, or one objective."""

    panel: int
    key_result: str = ""
    objective: str = ""


def problem(runtime: Runtime) -> str:
    """Why nothing can be embedded here, "" when it can."""
    return "" if runtime.settings.public_url.startswith("https://") else NEEDS_HTTPS


def address(runtime: Runtime, panel_id: int) -> str:
    """The address to embed at a place, the same one until it is renewed; "" where nobody chose that, or it is not possible."""
    if problem(runtime):
        return ""
    today = _today(runtime)
    with runtime.store.read() as session:
        row = session.get_one(PanelRow, panel_id)
        if not is_chosen(session, row):
            return ""
        link = _link(row)
    if date.fromisoformat(link["until"]) - today <= RENEWED:
        with runtime.store.write() as session:
            fresh = session.get_one(PanelRow, panel_id)
            link = {"number": _link(fresh)["number"], "until": (today + LASTS).isoformat()}
            fresh.options = {**(fresh.options or {}), _LINK: link}
    said = [runtime.instance, row.id, row.key_result_id or "", row.objective_id or "", link["number"], link["until"]]
    return f"{runtime.settings.base_url}{PATH}{_sealer(runtime).dumps(said)}"


def is_chosen(session: Session, row: PanelRow) -> bool:
    """Whether our live page is wanted at this place."""
    if row.key_result_id is None and row.objective_id is None:
        return False
    home = home_of(session, row)
    if home.left or session.get_one(Connection, row.connection_id).retired_at is not None:
        return False
    return bool((row.options or {}).get("embed") or (home.database is not None and (home.database.options or {}).get("embed")))


def read_token(runtime: Runtime, token: str) -> Live:
    """What an address of ours opens now. Raises ``Forbidden``, in words for whoever looks at the page."""
    try:
        instance, ident, key_result, objective, number, until = _sealer(runtime).loads(token)
        ends = date.fromisoformat(until)
    except (BadData, ValueError, TypeError) as error:
        raise Forbidden(f"This address is not one of ours, or it was not copied whole. {_ASK}") from error
    if instance != runtime.instance:
        raise Forbidden(f"This address belongs to another installation. {_ASK}")
    if _today(runtime) > ends:
        raise Forbidden(f"This address has ended on {ends.isoformat()}: it lasts {LASTS.days} days when nothing renews it. {_ASK}")
    with runtime.store.read() as session:
        row = session.get(PanelRow, ident)
        if row is None or not is_chosen(session, row) or (row.key_result_id or "", row.objective_id or "") != (key_result, objective):
            raise Forbidden(f"The live page is not shown at this place any more. {_ASK}")
        if _link(row)["number"] != number:
            raise Forbidden(f"This address was taken back. {_ASK}")
    return Live(ident, key_result, objective)


def renew_ending(session: Session, today: date, now: float) -> int:
    """Ask for the panels to be written whose address ends soon: that renews it. Returns how many."""
    rows = session.execute(select(PanelRow.id, PanelRow.options).where(PanelRow.options.is_not(None)))
    ending = [
        ident
        for ident, options in rows
        if (until := ((options or {}).get(_LINK) or {}).get("until")) and date.fromisoformat(until) - today <= RENEWED
    ]
    work.want(session, PanelRow, ending, now, quiet=QUIET, longest=LONGEST, gap=REST)
    return len(ending)


def revoke(runtime: Runtime, viewer: Viewer, connection: str) -> int:
    """End all addresses that were given out for a connection's places, at once; those still wanted get new ones. Returns how many.

    Raises ``Forbidden``, ``NotFound``.
    """
    until = (_today(runtime) + LASTS).isoformat()

    def end(row: PanelRow) -> bool:
        if _LINK not in (row.options or {}):
            return False
        row.options = {**row.options, _LINK: {"number": _link(row)["number"] + 1, "until": until}}
        return True

    return change_all(runtime, viewer, connection, end, action="revoke_embeds", counted="addresses")


def _link(row: PanelRow) -> dict[str, Any]:
    found = (row.options or {}).get(_LINK) or {}
    return {"number": int(found.get("number") or 1), "until": str(found.get("until") or date.min.isoformat())}


def _today(runtime: Runtime) -> date:
    moment: datetime = runtime.now()
    return moment.astimezone(runtime.settings.zone).date()


def _sealer(runtime: Runtime) -> URLSafeSerializer:
    """Signs with the newest key and reads with all of them; keys of its own, so that no other use of the secret key weakens it."""
    keys = [
        hmac.new(key.encode(), b"okr-connector embed 1", hashlib.sha256).hexdigest()
        for key in reversed(runtime.settings.resolved_secret_key().split())
    ]
    return URLSafeSerializer(keys, salt="okr-connector embed", signer_kwargs={"digest_method": hashlib.sha256})
