"""The OpenAPI 3.1 document, generated from the route table and the models. Nothing here is written twice by hand."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from connector.api.models import Problem

if TYPE_CHECKING:
    from connector.api.routing import Endpoint

_REF = "#/components/schemas/{model}"
_ALWAYS = {400: "Bad request", 401: "No valid token", 403: "The token's role may not do this", 503: "Not available now; try again"}
_SOMETIMES = {
    404: "Not found",
    409: "In conflict with the state of things",
    413: "Body too large",
    415: "Not JSON",
    422: "A field does not fit",
    502: "The host refused",
}
_BINARY = {"type": "string", "format": "binary"}
_SUCCESS = {200: "Done", 201: "Created"}


def document(table: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    outgoing = {endpoint.answer for endpoint in table if not endpoint.file} | {Problem}
    incoming = {endpoint.body for endpoint in table if endpoint.body is not None}
    keyed, schemas = models_json_schema(
        [*((model, "serialization") for model in _sorted(outgoing)), *((model, "validation") for model in _sorted(incoming))],
        ref_template=_REF,
    )
    names = {model: reference for (model, _), reference in keyed.items()}
    paths: dict[str, Any] = {}
    for endpoint in table:
        path = "/api/v1" + endpoint.path.replace("<", "{").replace(">", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "okr-connector",
            "version": version("okr-connector"),
            "description": "Key results with where every number comes from. Errors are problem details (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "made by: okr-connector token create NAME"}},
        },
    }


def _sorted(models: set[Any]) -> list[Any]:
    return sorted(models, key=lambda model: str(model.__name__))


def _operation(endpoint: Endpoint, names: dict[Any, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in endpoint.parameters
    ]
    parameters += _query_parameters(endpoint.query)
    if endpoint.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "the same key files only once; wins over source_id",
            }
        )
    problem = {"application/problem+json": {"schema": names[Problem]}}
    body_problems = (413, 415, 422) if endpoint.body is not None else (413, 422) if endpoint.upload else ()
    told = {**_ALWAYS, **{status: _SOMETIMES[status] for status in (*endpoint.problems, *body_problems)}}
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "description": f"{inspect.getdoc(endpoint.handler) or ''}\n\nRoles: {', '.join(endpoint.roles)}.".strip(),
        "parameters": parameters,
        "responses": {
            **{str(status): {"description": _SUCCESS[status], "content": _content(endpoint, names)} for status in endpoint.statuses},
            **{str(status): {"description": text, "content": problem} for status, text in sorted(told.items())},
        },
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": names[endpoint.body]}}}
    if endpoint.upload:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": _BINARY}}}
    return operation


def _content(endpoint: Endpoint, names: dict[Any, Any]) -> dict[str, Any]:
    if endpoint.file:
        return {endpoint.file: {"schema": {"type": "object"} if endpoint.file == "application/json" else _BINARY}}
    return {"application/json": {"schema": names[endpoint.answer]}}


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Query parameters of a model. They are texts in a URL, so "or null" of the model only means that they may be left out."""
    schema = model.model_json_schema(ref_template=_REF)
    inline = schema.get("$defs", {})
    parameters = []
    for name, given in schema.get("properties", {}).items():
        options = [option for option in given.get("anyOf", [given]) if option.get("type") != "null"]
        chosen = dict(options[0])
        if "$ref" in chosen:
            chosen = dict(inline[chosen["$ref"].rsplit("/", 1)[1]])
        described = chosen.pop("description", "")
        chosen.pop("title", None)
        entry: dict[str, Any] = {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": chosen}
        entry["description"] = given.get("description", described)
        parameters.append(entry)
    return parameters
