"""The two stand-ins of this web process: loaded from the data folder, saved after changes, their webhooks sent to our own door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.jira.sandbox_world import Change
from connector.hosts.notion.sandbox import NotionSandbox
from connector.sandbox.buttons import Presses
from connector.sandbox.state import JIRA, NOTION, Saver, own_address, pages_at, read_state, state_file, webhook_secret
from connector.settings import Settings


class Standins:
    """``jira`` and ``notion`` hold the worlds; ``on_change`` hears the name of the one that changed."""

    def __init__(self, settings: Settings) -> None:
        door = f"{own_address(settings)}/webhooks"
        self.on_change: Callable[[str], None] = lambda name: None
        self.jira = JiraSandbox(_load(settings, JIRA))
        self.jira.webhook_url, self.jira.webhook_secret = f"{door}/{JIRA}", webhook_secret(settings, JIRA)
        self.notion = NotionSandbox(_load(settings, NOTION), webhook_url=f"{door}/{NOTION}", secret=webhook_secret(settings, NOTION))
        self.notion.pages_at = pages_at(settings)
        self._savers = {
            JIRA: Saver(state_file(settings, JIRA), self.jira.to_json),
            NOTION: Saver(state_file(settings, NOTION), self.notion.to_json),
        }
        self.presses = Presses(self.notion, lambda: self.note_change(NOTION))
        self._watch_jira()
        self._watch_notion()

    def _watch_jira(self) -> None:
        send = self.jira.world.listener

        def changed(change: Change) -> None:
            if send is not None:
                send(change)
            self.note_change(JIRA)

        self.jira.world.listener = changed

    def _watch_notion(self) -> None:
        send = self.notion.world.announce

        def changed(event: str, kind: str, ident: str, data: Mapping[str, Any], author: str) -> None:
            send(event, kind, ident, data, author)
            self.note_change(NOTION)

        self.notion.world.announce = changed

    def note_change(self, name: str) -> None:
        """Save a world that changed and tell the open pages; what a world announces itself comes here too."""
        self._savers[name].changed()
        self.on_change(name)

    def jira_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The Jira stand-in; links to an issue, which people follow, lead to the board."""
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith("/browse/"):
            issue = quote(path.removeprefix("/browse/").encode("latin-1", "replace"))  # as it came: it must not end the header
            start_response("302 Found", [("Location", f"/sandbox/board?issue={issue}"), ("Content-Length", "0")])
            return [b""]
        return self.jira(environ, start_response)

    def jira_api(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The Jira stand-in where Atlassian serves every site by its cloud id: ``/ex/jira/<cloud id>/…``."""
        return self.jira({**environ, "PATH_INFO": f"/ex{environ.get('PATH_INFO', '')}"}, start_response)

    def close(self) -> None:
        """Write what waits to be saved."""
        for saver in self._savers.values():
            saver.close()


def _load(settings: Settings, name: str) -> dict[str, Any] | None:
    path = state_file(settings, name)
    return read_state(path) if path.exists() else None
