"""The panel of an issue: the key results that it serves, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, render_template, request, url_for

from connector.services.forge import rights
from connector.services.forge.caller import Caller
from connector.services.forge.issue_reading import read_issue
from connector.services.said import decided_of
from connector.views.forge.blueprint import answer, blueprint
from connector.views.forge.door import caller, for_person
from connector.views.forge.issue_words import blocks, in_one_line
from connector.web.context import runtime

REFRESH = 30  # seconds
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,30}-[1-9][0-9]{0,12}")


@blueprint.get("/issue")
@for_person
def issue() -> Response:
    """The panel of the issue that the caller looks at; ``?open=<key result>`` unfolds that one of several."""
    found = caller()
    ref = rights.require_issue(runtime(), found)
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        panel = read_issue(session, found.viewer, found.connection, ref)
        decided = decided_of(session, [each.facts.row.id for each in panel.shown], now, zone)
    may_see = rights.remembered_issues(runtime(), found, {issue.ref for each in panel.shown for issue in each.stuck})
    html = render_template(
        "panels/issue.html",
        blocks=blocks(panel.issue, panel.shown, _address, now, zone, {ref, *may_see}, decided),
        more=[(each, _address("key_result", each.id)) for each in panel.more],
        left=panel.left,
        opened=request.args.get("open", ""),
        name=(panel.issue.key if panel.shown else "") or _told(found, "key") or "This issue",
        is_epic=_is_epic(found),
        map_url=_map_url(found),
    )
    return answer(html, refresh=REFRESH, title=in_one_line(panel.states))


def _address(kind: str, ident: str) -> str:
    path = url_for("connections.show", name=ident) if kind == "connection" else url_for(f"pages.{kind}", ident=ident)
    return f"{runtime().settings.base_url}{path}"


# An issue that serves nothing for this viewer may serve what they must not know of. So these three look at what the browser says of
# the issue, never at the mirror: both look the same.


def _map_url(found: Caller) -> str:
    """Our mapping form, filled in with this issue."""
    key = _told(found, "key")
    named: dict[str, Any] = {"kind": "epics", "epic": key} if _is_epic(found) else {"kind": "issues", "issues": key}
    return f"{runtime().settings.base_url}{url_for('mappings.new', connection=found.connection_name, **(named if key else {}))}"


def _is_epic(found: Caller) -> bool:
    return _told(found, "type").lower() == "epic"


def _told(found: Caller, name: str) -> str:
    """What the browser says of the issue, for words and a form's field only; "" for a key that is none."""
    place = found.invocation.place.get("issue")
    text = str(place.get(name) or "").strip() if isinstance(place, Mapping) else ""
    return text if name != "key" or _KEY.fullmatch(text) else ""
