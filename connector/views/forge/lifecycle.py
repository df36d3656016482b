"""Installation, upgrade and the hourly call of the app. The door has made the installation known before; what is left is little."""

from __future__ import annotations

from flask import Response

from connector.services.forge import installations
from connector.views.forge.blueprint import blueprint
from connector.views.forge.door import for_app, invocation
from connector.web.context import runtime


@blueprint.post("/lifecycle")
@for_app
def lifecycle() -> Response:
    """The app was installed or got a new major version. The answer is the same for a site that waits: Forge would repeat the call."""
    return Response(status=204)


@blueprint.post("/hourly")
@for_app
def hourly() -> Response:
    """The app is still installed, and its system token goes on."""
    installations.note(runtime(), invocation(), hourly=True)
    return Response(status=204)
