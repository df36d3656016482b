"""The two fields of a panel, progress and status: those of our Forge app, and ordinary ones that an admin named for us.

A field that cannot be written becomes a warning of the panel and waits for another value: it is never tried for ever, and it never
keeps the rest of the panel from being written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connector.domain.panel import Panel
from connector.domain.wording import STATE_WORDS
from connector.errors import Gone, Refused
from connector.hosts.base import JSON, ConnectionSettings, FieldInfo
from connector.hosts.jira import values
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import APP_MODULES, as_mapping, as_ref, as_text, find_fields
from connector.hosts.jira.panel import digest
from connector.hosts.jira.reader import IssueReader

PROGRESS, STATUS = APP_MODULES
OPTION = "fields"  # the connection option: {"progress": field, "status": field}
_QUIET = {"generateChangelog": "false", "generateAppEvents": "false"}  # no line of history, no event to anybody


def shown(panel: Panel) -> Mapping[str, float | str | None]:
    """What the fields say: percent with one decimal, and the weakest state's word. None empties a field: unknown is not 0."""
    if not panel.key_results:
        return {PROGRESS: None, STATUS: None}
    percent = None if panel.progress is None else round(panel.progress * 100, 1) + 0.0
    return {PROGRESS: percent, STATUS: STATE_WORDS[panel.state]}


def named_fields(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Which ordinary field shows what: module key → the name or id that an admin gave."""
    told = as_mapping(options.get(OPTION))
    pairs = ((PROGRESS, as_text(told.get("progress")).strip()), (STATUS, as_text(told.get("status")).strip()))
    return {module: name for module, name in pairs if name}


class PanelFields:
    """Writes the fields of one connection's panels. ``app``: gives the client that logs in as our app, None without one."""

    def __init__(self, settings: ConnectionSettings, client: JiraClient, reader: IssueReader, app: Callable[[], JiraClient | None]) -> None:
        self._settings, self._client, self._reader, self._app = settings, client, reader, app
        self._candidates: dict[str, tuple[str, ...]] | None = None

    def write(self, ref: str, panel: Panel, before: Mapping[str, JSON]) -> tuple[dict[str, JSON], list[str], int]:
        """(the receipt's part, warnings, requests that wrote). ``before`` is the part of the last write.

        Raises ``Gone`` when the issue itself is gone, other ``HostError`` for outages.
        """
        wanted = shown(panel)
        receipt: dict[str, JSON] = {}
        written = 0
        app = self._app()
        for module in APP_MODULES:
            old = as_mapping(before.get(module))
            entry, count = self._app_field(app, ref, module, wanted[module], old) if app is not None else (dict(old), 0)
            written += count
            receipt |= {module: entry} if entry else {}
        names = named_fields(self._settings.options)
        for module in APP_MODULES:
            old, name = as_mapping(before.get(f"named {module}")), names.get(module, "")
            if old.get("name") and old["name"] != name:
                written += self._empty(ref, as_text(old["name"]))
                old = {}
            if name:
                entry, count = self._named_field(ref, name, wanted[module], old)
                written += count
                receipt[f"named {module}"] = {"name": name, **entry}
        return receipt, [str(entry["warning"]) for entry in receipt.values() if entry.get("warning")], written

    # --- the app's own ---------------------------------------------------------------------------------------------------

    def _app_field(
        self, app: JiraClient, ref: str, module: str, value: float | str | None, before: Mapping[str, Any]
    ) -> tuple[dict[str, JSON], int]:
        """(the receipt of one field, requests that wrote); an empty receipt where the app has no such field."""
        mark = digest(value)
        known = as_text(before.get("field"))
        if before.get("digest") == mark:
            return dict(before), 0
        if not known and value is None and not before:
            return {}, 0  # nothing to show and nothing shown
        warning = ""
        for field in self._tried(module, known):
            try:
                self._put(app, field, ref, value)
                return {"field": field, "digest": mark}, 1
            except (Gone, Refused) as error:
                if error.status == 401:
                    return {"field": "", "digest": "", "warning": f"{_TITLES[module]} was not written: {error.message}"}, 0
                warning = f"{_TITLES[module]} was not written: {error.message}"
        return ({"field": known, "digest": mark, "warning": warning} if warning else {}), 0

    def _tried(self, module: str, known: str) -> Iterator[str]:
        """Where to write: the field that took it before, and only when that does not, those that the site lists."""
        if known:
            yield known
        yield from (field for field in self._app_fields()[module] if field != known)

    def _put(self, app: JiraClient, field: str, ref: str, value: float | str | None) -> None:
        """Set one value. Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-custom-field-values--apps-"""
        issue = ref if ref.isdecimal() else as_ref(as_mapping(self._client.get(f"issue/{quote(ref, safe='')}", {"fields": "id"})).get("id"))
        app.put(f"app/field/{quote(field, safe='')}/value", {"updates": [{"issueIds": [int(issue)], "value": value}]}, _QUIET)

    def check(self, named: Mapping[str, str]) -> dict[str, str]:
        """For each named field that cannot be one of ours: why. One request."""
        infos, faults = self._reader.fields(), {}
        for key, name in named.items():
            try:
                one_field(infos, name)
            except Refused as fault:
                faults[key] = fault.message
        return faults

    def _app_fields(self) -> dict[str, tuple[str, ...]]:
        """Module key → ids of the fields that may be it: several where the app is installed from two environments."""
        if self._candidates is None:
            uuid = self._settings.app.get("app_id", "").rpartition("/")[2]
            own = [info for info in self._reader.fields() if info.role == "own"]
            own = [info for info in own if uuid and uuid in info.type] or own
            self._candidates = {module: tuple(info.id for info in own if info.type.endswith(module)) for module in APP_MODULES}
        return self._candidates

    # --- ordinary ones ---------------------------------------------------------------------------------------------------

    def _named_field(self, ref: str, name: str, value: float | str | None, before: Mapping[str, Any]) -> tuple[dict[str, JSON], int]:
        mark = digest([name, value])
        if before.get("digest") == mark:
            return dict(before), 0
        if value is None and not before:
            return {"digest": mark}, 0  # nothing of ours stands there
        try:
            field = one_field(self._reader.fields(), name)
            done = values.write(self._client, self._reader, ref, {field: value})
        except Gone:
            raise
        except Refused as error:
            if error.parks and error.status == 401:
                raise
            return {"digest": mark, "warning": f"The field {name} was not written: {error.message}"}, 0
        return {"digest": mark}, len(done["written"])

    def _empty(self, ref: str, name: str) -> int:
        """Take our value out of a field that is not ours any more, as far as Jira lets us."""
        try:
            done = values.write(self._client, self._reader, ref, {one_field(self._reader.fields(), name): None})
        except Refused:
            return 0
        return len(done["written"])


_TITLES = {PROGRESS: "OKR progress", STATUS: "OKR status"}


def one_field(infos: Sequence[FieldInfo], name: str) -> str:
    """The id of the field that an admin named. Raises ``Refused`` for none and for several."""
    found = find_fields(infos, name)
    if not found:
        raise Refused(f"Jira has no field {name!r}; name one in the connection's settings", code="unknown_field")
    if len(found) > 1:
        raise Refused(f"Jira has {len(found)} fields called {name!r}; give the id of one: {', '.join(found)}", code="several_fields")
    if next(info.role for info in infos if info.id == found[0]) == "points":
        raise Refused(f"{name!r} holds story points; name a field of its own", code="field_in_use")
    return found[0]
