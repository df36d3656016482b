"""The sandbox: both stand-ins inside the web process, with pages to move work by hand. Never beside real credentials.

``install`` is called by the application in sandbox mode only; ``organisation.prepare`` must have filled the data folder before.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from connector.runtime import Runtime


def install(app: Flask, runtime: Runtime) -> None:
    """Mount the stand-ins at ``/sandbox/jira`` and ``/sandbox/notion`` and add the pages. Call it once per process."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    from connector.sandbox import forge, frames, notion_pages
    from connector.sandbox.standins import Standins
    from connector.sandbox.state import own_address

    standins = Standins(runtime.settings)
    app.extensions["standins"] = standins
    forge.install_app(standins.jira)
    platform = forge.Platform(own_address(runtime.settings), standins.jira.world.settings["cloud_id"])
    app.extensions[frames.PLATFORM] = platform
    app.register_blueprint(notion_pages.blueprint)  # with the board's pages and the frames'

    def told(name: str) -> None:
        feed = app.extensions.get("feed")  # made by the first page that listens
        if feed is not None:
            feed.announce([name])

    standins.on_change = told
    app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]  # the documented way to wrap a Flask application
        app.wsgi_app, {"/sandbox/jira": standins.jira_app, "/ex": standins.jira_api, "/sandbox/notion": standins.notion}
    )
    atexit.register(standins.close)
