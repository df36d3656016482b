"""From the route table to a Flask blueprint: token, role, query and body are checked here, the same way for every endpoint.

Knows no endpoint by name. Every answer is JSON; everything else is a problem (``connector.api.problems``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request, stream_with_context
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from connector.api import openapi
from connector.api.problems import ProblemError, answer, as_problem, invalid
from connector.api.requests import NoQuery
from connector.domain.rights import Act, Viewer, roles_that_may
from connector.errors import ConnectorError
from connector.runtime import Runtime
from connector.services import tokens

LONGEST_BODY = 1_000_000  # bytes

_CHALLENGE = 'Bearer realm="okr-connector"'
_PARAMETER = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Call:
    """One request after all checks: who asks, the query and the body as models."""

    runtime: Runtime
    viewer: Viewer
    query: Any
    body: Any
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler gives: JSON-ready data, or for an endpoint that gives a file its pieces, and the status."""

    data: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the route table; the blueprint and the OpenAPI document are both made from it."""

    method: str
    path: str  # below /api/v1, parameters as <name>
    handler: Callable[..., Answer]  # (call, **path parameters)
    summary: str
    answer: Any  # model of the body of a success
    act: Act | None = None  # what the role must allow; None: reading, which is everybody's
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    statuses: Sequence[int] = (200,)
    problems: Sequence[int] = field(default_factory=tuple)  # beyond 400, 401, 403, 503, which every endpoint has
    idempotent: bool = False  # takes the header Idempotency-Key
    file: str = ""  # the media type when a success is a file instead of JSON; ``answer`` is then only a name
    upload: int = 0  # bytes of the file that is its body at most; 0: its body is JSON, or nothing

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that may call it."""
        return roles_that_may(self.act)

    @property
    def parameters(self) -> list[str]:
        """The names of the path parameters."""
        return _PARAMETER.findall(self.path)


def runtime() -> Runtime:
    """The runtime of the application that serves this request."""
    found = current_app.extensions["runtime"]
    assert isinstance(found, Runtime)
    return found


def make_blueprint(table: Sequence[Endpoint]) -> Blueprint:
    """The blueprint for ``/api``: every endpoint of the table, and the document that describes them."""
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    for endpoint in table:
        name = f"{endpoint.method.lower()}_{re.sub('[^a-z]+', '_', endpoint.path).strip('_')}"
        blueprint.add_url_rule(f"/v1{endpoint.path}", name, _view(endpoint), methods=[endpoint.method])
    document = orjson.dumps(openapi.document(table))
    blueprint.add_url_rule("/openapi.json", "openapi", lambda: Response(document, mimetype="application/json"))
    blueprint.register_error_handler(ConnectorError, lambda error: answer(as_problem(error)))
    blueprint.register_error_handler(HTTPException, _plain_http)
    return blueprint


def _plain_http(error: HTTPException) -> Response:
    kept = {name: value for name, value in error.get_headers() if name.lower() in ("allow", "retry-after")}
    return answer(ProblemError(error.code or 500, error.description or error.name, headers=kept))


def _view(endpoint: Endpoint) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        viewer = _viewer(endpoint)
        query = _query(endpoint)
        body: Any = None
        if endpoint.upload:
            request.max_content_length = endpoint.upload
            body = request.get_data()
        elif endpoint.body is not None:
            body = _body(endpoint)
        if any("\x00" in value for value in parameters.values()):
            raise ProblemError(404, "there is no such thing")
        given = endpoint.handler(Call(runtime(), viewer, query, body, _key(endpoint)), **parameters)
        if endpoint.file:
            return Response(stream_with_context(given.data), given.status, given.headers, mimetype=endpoint.file)
        return Response(orjson.dumps(given.data), given.status, mimetype="application/json")

    return view


def _viewer(endpoint: Endpoint) -> Viewer:
    """Who the token stands for. 401 without a valid one, 403 when its role may not do this."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ProblemError(401, "send an API token: Authorization: Bearer okr_…", headers={"WWW-Authenticate": _CHALLENGE})
    found = tokens.verify(runtime(), token.strip())
    if found is None:
        raise ProblemError(
            401, "this token is not known or was revoked", headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
        )
    if endpoint.act is not None and not found.may(endpoint.act):
        raise ProblemError(403, f"the role {found.role} may not do this; it takes {' or '.join(endpoint.roles)}")
    return found


def _query(endpoint: Endpoint) -> BaseModel:
    given = request.args.to_dict(flat=False)
    if repeated := [name for name, values in given.items() if len(values) > 1]:
        raise ProblemError(400, f"{repeated[0]} is given more than once", errors=[{"field": repeated[0], "message": "give it once"}])
    try:
        return endpoint.query.model_validate({name: values[0] for name, values in given.items()})
    except ValidationError as error:
        raise invalid(error, 400) from None


def _body(endpoint: Endpoint) -> BaseModel:
    assert endpoint.body is not None
    if request.mimetype != "application/json":
        raise ProblemError(415, "send JSON: Content-Type: application/json")
    request.max_content_length = LONGEST_BODY
    try:
        data = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise ProblemError(400, f"this is not JSON: {error}") from None
    try:
        return endpoint.body.model_validate(data)
    except ValidationError as error:
        raise invalid(error, 422) from None


def _key(endpoint: Endpoint) -> str | None:
    key = request.headers.get("Idempotency-Key") if endpoint.idempotent else None
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise ProblemError(400, "Idempotency-Key must be 1 to 255 printable characters")
    return key
