"""Product events of the app's triggers: stored like webhooks before they are answered, worked off afterwards.

Forge waits 5 seconds and repeats what it gets no 2xx for, four times, a minute apart.
"""

from __future__ import annotations

from flask import Response, current_app, g, request

from connector.errors import Forbidden
from connector.problems import problem
from connector.services.forge.installations import connection_of
from connector.services.forge.states import ACCEPTED
from connector.store.tables import ForgeInstallation
from connector.views.forge.blueprint import blueprint
from connector.views.forge.door import for_events, invocation
from connector.web.context import runtime
from webhooks.intake import Intake


@blueprint.post("/events")
@for_events
def events() -> Response:
    """Keep one event for the connection of its installation. Raises ``Forbidden`` unless that is accepted, ``StoreUnavailable``."""
    installed: ForgeInstallation = g.forge_installation
    intake: Intake = current_app.extensions["door"]
    known = intake.connections.of_app(installed.id) if installed.state in ACCEPTED else None
    if known is None:
        connection_of(runtime(), invocation())  # says which of the reasons it is
        raise Forbidden("This site's connection was retired.")
    answer = intake.keep(known, {header.lower(): value for header, value in request.headers.items()}, request.get_data())
    if answer.status != 200:
        return problem(answer.status, answer.detail)
    return Response(status=204)
