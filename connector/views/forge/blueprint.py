"""The blueprint that the modules of this folder register their views on, and how it answers.

A panel's view answers ``answer(html)``. The bundle puts ``html`` into its frame; ``said`` becomes a short message, ``refresh`` (seconds)
asks it to load anew. Errors are problem details; a 422 may carry the form again in ``html``. 401 says one thing only: the token is
refused (Forge would else take our own refusals for that).

Forge hands the body of a success to the bundle and may drop that of anything else. A bundle therefore asks for an envelope
(``x-okr-envelope: 1``): our refusals then come as 200 with the same problem details, whose ``status`` says what they are. 401 and our
own faults (5xx) stay what they are, so that Forge counts them.
"""

from __future__ import annotations

import math

import structlog
from flask import Blueprint, Response, jsonify, request

from connector.errors import Busy, HostError
from connector.problems import CONTENT_TYPE, problem

log = structlog.get_logger(__name__)

blueprint = Blueprint("forge", __name__, url_prefix="/forge/v1")


def answer(html: str, *, status: int = 200, said: str = "", refresh: int = 0, title: str = "") -> Response:
    """A fragment for the bundle. ``status`` 409 and 422 show a form again with what is wrong; those are problem details too."""
    if status >= 400:
        return problem(status, said or "Something needs a look before this can be saved.", html=html)
    body = {"html": html, **({"said": said} if said else {}), **({"refresh": refresh} if refresh else {})}
    return jsonify(body | ({"title": title} if title else {}))


@blueprint.errorhandler(HostError)
def _host_error(error: HostError) -> Response:
    """What Jira did not answer is no fault of the person, and its paths and numbers are for the log."""
    log.warning("forge_host_error", error=error.message, status=error.status)
    wait = {"Retry-After": str(max(1, math.ceil(error.retry_after or 5)))} if isinstance(error, Busy) else {"Retry-After": "10"}
    words = "Jira asked the OKR connector to wait a moment" if isinstance(error, Busy) else "Jira does not answer the OKR connector now"
    return problem(503, f"{words}. Try again shortly.", headers=wait)


@blueprint.after_request
def _in_envelope(response: Response) -> Response:
    asked = request.headers.get("x-okr-envelope") == "1"
    if asked and 400 <= response.status_code < 500 and response.status_code != 401 and response.content_type == CONTENT_TYPE:
        response.status_code = 200
        response.content_type = "application/json"
    return response
