"""The panel of an issue: the key results that it serves, and where they stand."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, render_template, request, url_for

from connector.services.forge import rights
from connector.services.forge.caller import Caller
from connector.services.forge.issue_links import Issue
from connector.services.forge.issue_reading import read_issue
from connector.views.forge.blueprint import answer, blueprint
from connector.views.forge.door import caller, for_person
from connector.views.forge.issue_words import blocks, in_one_line
from connector.web.context import runtime

REFRESH = 60  # seconds; a change at the source is in the mirror by then (R046)
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
    html = render_template(
        "panels/issue.html",
        blocks=blocks(panel.issue, panel.shown, _address, now, zone),
        more=[(each, _address("key_result", each.id)) for each in panel.more],
        opened=request.args.get("open", ""),
        name=panel.issue.key or _told_key(found) or "This issue",
        mirrored=panel.issue.item is not None,
        map_url=_map_url(found, panel.issue),
    )
    return answer(html, refresh=REFRESH, title=in_one_line([*(each.served for each in panel.shown), *panel.more]))


def _address(kind: str, ident: str) -> str:
    return f"{runtime().settings.base_url}{url_for(f'pages.{kind}', ident=ident)}"


def _map_url(found: Caller, issue: Issue) -> str:
    """Our mapping form, filled in with this issue as far as its key is known."""
    key = issue.key or _told_key(found)
    named: dict[str, Any] = {"kind": "epics", "epic": key} if _is_epic(found, issue) else {"kind": "issues", "issues": key}
    named = named if key else {}
    return f"{runtime().settings.base_url}{url_for('mappings.new', connection=found.connection_name, **named)}"


def _told_key(found: Caller) -> str:
    """The key as the browser names it, for words and a form's field only; "" for anything that is no key."""
    place = found.invocation.place.get("issue")
    key = str(place.get("key") or "") if isinstance(place, dict) else ""
    return key if _KEY.fullmatch(key) else ""


def _is_epic(found: Caller, issue: Issue) -> bool:
    place = found.invocation.place.get("issue")
    kind = str(place.get("type") or "") if isinstance(place, dict) else ""
    return issue.kind == "epic" or (not issue.kind and kind.strip().lower() == "epic")
