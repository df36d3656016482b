"""The OpenAPI document is valid, and the running API keeps to it for generated requests, good and bad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from connector.api import TABLE
from connector.api.requests import NoQuery
from connector.app import create_app
from connector.services import tokens
from tests.api.conftest import Api
from tests.support.world import company

OPERATIONS = [(endpoint.method, f"/api/v1{endpoint.path}".replace("<", "{").replace(">", "}")) for endpoint in TABLE]
WRONG_SHAPES = [shape for endpoint, shape in zip(TABLE, OPERATIONS, strict=True) if endpoint.query is not NoQuery or endpoint.body]
CASES = [(*shape, GenerationMode.POSITIVE) for shape in OPERATIONS] + [(*shape, GenerationMode.NEGATIVE) for shape in WRONG_SHAPES]
# No host answers in this test, so a well-formed preview may well be refused; a check-in's words are judged by the domain.
JUDGED_BY_MORE_THAN_SHAPE = (
    "file_update",
    "preview",
    "search_mappable",
    "connect",
    "change_connection",
    "add_person",
    "change_person",
    "add_people",
    "make_token",
    "upload_import",
    "choose_import",
    "read_notion",
    "create_objective",
    "change_objective",
    "retire_objective",
    "create_key_result",
    "change_key_result",
    "retire_key_result",
    "sign_off",
    "take_over",
    "create_cycle",
    "change_cycle",
    "retire_cycle",
    "start_cycle",
    "stop_cycle",
    "copy_cycle",
    "create_team",
    "change_team",
    "retire_team",
    "create_forum",
    "change_forum",
    "retire_forum",
    "create_mapping",
    "change_mapping",
    "look",
    "set_up_okr_databases",
    "change_okr_databases",
    "adopt_okr_databases",
    "set_leads_page",
    "suggest",
    "add_channel",
    "test_channel",
    "settle",
    "hand_over",
    "create_decision",
)


def test_the_document_is_valid_and_names_what_is_there(app: Flask) -> None:
    answer = app.test_client().get("/api/openapi.json")
    assert answer.content_type == "application/json"
    document = answer.json
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert served == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_the_api_keeps_to_its_document(app: Flask, api: Api, method: str, path: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    schema.config.generation.update(with_security_parameters=False)  # the token is given below, so leaving it out would be no fault
    operation = schema[path][method]
    checks: list[Any] = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        negative_data_rejection,
    ]
    if operation.definition.raw["operationId"] not in JUDGED_BY_MORE_THAN_SHAPE:
        checks.append(positive_data_acceptance)

    @settings(
        max_examples=20, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and case.query:
            case.query.pop("cursor", None)  # opaque: no generated text is one
        case.call_and_validate(headers=api.headers, checks=checks)

    keeps()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """One application for all questions of the next test, which depend on nothing that is stored: its schema, and a token's headers."""
    with company(tmp_path_factory.mktemp("standing")) as found:
        headers = {"Authorization": f"Bearer {tokens.create(found.runtime, 'contract', 'admin')}"}
        yield schemathesis.openapi.from_wsgi("/api/openapi.json", create_app(found.runtime)), headers


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_asks_for_a_token_and_refuses_other_methods(standing: Any, method: str, path: str) -> None:
    schema, headers = standing
    operation = schema[path][method]

    @settings(max_examples=2, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def asks(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=[ignored_auth, unsupported_method])

    asks()
