"""The real client against the stand-in over HTTP; every request is held against Jira's published contract on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from werkzeug.wrappers import Request, Response

from connector.domain.model import DecisionKind, State
from connector.domain.panel import KeyResultPanel, Panel
from connector.hosts import jira
from connector.hosts.base import ConnectionSettings, ListQuery, Wanted
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.limits import Budget
from mappings.rules import Selector, SelectorKind
from tests.support.standin import running

# Paths whose answers by the stand-in are held against the contract too; the others leave out much that nobody reads.
ANSWERS = (
    *("user/bulk", "user/search", "users/search", "issuetype", "search/approximate-count", "jql/parse"),
    *("webhook", "webhook/refresh"),
)
CONTRACT = Path(__file__).parents[2] / "contracts" / "jira-platform-v3.used.json"
APP = "6d1c7c1e-0000-4000-8000-000000000001"
AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}


class Checked:
    """The stand-in behind the published contract: what breaks it is kept in ``faults``."""

    def __init__(self, app: JiraSandbox, spec: dict[str, Any]) -> None:
        self.app = app
        self.faults: list[str] = []
        self._openapi = OpenAPI.from_dict({**spec, "servers": [{"url": "/"}]}, config=Config(spec_validator_cls=None))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(raw)
        # Logins with a cloud id call the same paths behind it
        path = re.sub(r"^/ex/jira/[^/]+", "", environ["PATH_INFO"])
        request = Request({**environ, "PATH_INFO": path, "wsgi.input": BytesIO(raw)})
        request.get_data(cache=True)
        if request.path.startswith("/rest/api/3/"):
            try:
                self._openapi.validate_request(WerkzeugOpenAPIRequest(request))
            except OpenAPIError as error:
                self.faults.append(f"{request.method} {request.path}: {error!r} {error.__cause__!r}")
        if request.path.removeprefix("/rest/api/3/") not in ANSWERS:
            return self.app(environ, start_response)
        response = Response.from_app(self.app, environ, buffered=True)
        if response.status_code in (200, 202):
            try:
                self._openapi.validate_response(WerkzeugOpenAPIRequest(request), WerkzeugOpenAPIResponse(response))
            except OpenAPIError as error:
                self.faults.append(f"answer to {request.method} {request.path}: {error!r} {error.__cause__!r}")
        return response(environ, start_response)


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(CONTRACT.read_text())
    # As published no clause at all fits: it forbids every key beside the kinds of clauses that it lists
    spec["components"]["schemas"]["JqlQueryClause"].pop("additionalProperties")
    return spec


@pytest.fixture
def sandbox() -> JiraSandbox:
    box = JiraSandbox()
    box.add_issue(key="ACME-1", summary="Guided set-up", type="Epic", category="indeterminate")
    box.add_issue(key="ACME-7", summary="Sign-up", type="Epic")
    box.add_issue(key="ACME-2", parent="ACME-1", category="done", points=3, labels=["onboarding"], resolution="Done")
    box.add_issue(key="ACME-3", parent="ACME-1", category="indeterminate", points=5, labels=["onboarding"])
    box.add_issue(key="ACME-4", parent="ACME-7", category="new")
    box.add_issue(key="ACME-5", parent="ACME-3", type="Sub-task", category="done")
    return box


@pytest.fixture
def url(sandbox: JiraSandbox, contract: dict[str, Any]) -> Iterator[str]:
    checked = Checked(sandbox, contract)
    with running(checked) as address:
        yield address
    assert checked.faults == []


@pytest.fixture
def build(url: str) -> Iterator[Callable[..., jira.JiraHost]]:
    built: list[jira.JiraHost] = []

    def make(auth: dict[str, str] | None = None, app: dict[str, str] | None = None, told: Any = None, **options: Any) -> jira.JiraHost:
        settings = ConnectionSettings("acme-jira", "jira", url, auth or AUTH, told or {}, app or {})
        built.append(jira.build(settings, **{"budget": Budget("acme-jira"), "allow_private": True, **options}))
        return built[-1]

    yield make
    for host in built:
        host.close()


@pytest.fixture
def host(build: Callable[..., jira.JiraHost]) -> jira.JiraHost:
    return build()


@pytest.fixture
def app(url: str, sandbox: JiraSandbox) -> dict[str, str]:
    """Our Forge app, installed on the site; what a connection's settings say of it."""
    sandbox.rest.access.install_app(APP, "e0000000-1111-4000-8000-000000000009", "the app's token")
    cloud = sandbox.world.settings["cloud_id"]
    ari = f"ari:cloud:ecosystem::app/{APP}"
    return {
        "token": "the app's token",
        "cloud_id": cloud,
        "api_base_url": f"{url}/ex/jira/{cloud}",
        "app_id": ari,
        "environment": "PRODUCTION",
    }


@pytest.fixture
def make() -> SimpleNamespace:
    """Builders of values that many tests need."""
    return SimpleNamespace(epics=_epics, jql=_jql, wanted=_wanted, panel=_panel, key_result=_key_result, walk=_walk)


def _epics(*names: str, subtasks: bool = False) -> Selector:
    return Selector(SelectorKind.EPICS, epics=names, subtasks=subtasks)


def _jql(text: str) -> Selector:
    return Selector(SelectorKind.JQL, jql=text)


def _wanted(host: jira.JiraHost, selector: Selector, *names: str, mapping: int = 1) -> Wanted:
    return Wanted(mapping, selector, host.resolve(selector, names), names)


def _walk(host: jira.JiraHost, queries: list[ListQuery]) -> tuple[list[Any], list[str]]:
    """All items and refs of some walks; query and cursor go through JSON, as they do between two workers."""
    items: list[Any] = []
    refs: list[str] = []
    for query in queries:
        cursor = None
        stored = ListQuery(query.name, json.loads(json.dumps(query.spec)), query.members_of)
        while True:
            page = host.list_items(stored, cursor)
            items += page.items
            refs += page.refs
            if page.cursor is None:
                break
            cursor = json.loads(json.dumps(page.cursor))
    return items, refs


def _key_result(identity: str = "kr-setup", **changes: Any) -> KeyResultPanel:
    values: dict[str, Any] = {
        "id": identity,
        "title": "Guided set-up shipped",
        "url": f"https://okr.acme.example/key-results/{identity}",
        "state": State.AT_RISK,
        "state_word": "At risk",
        "reason": "40 % done, 53 % expected",
        "unit": "%",
        "start": 0.0,
        "target": 100.0,
        "current": 40.0,
        "progress": 0.4,
        "expected": 0.53,
        "sentence": "from 0 % to 100 %, now 40 %",
        "start_text": "0 %",
        "target_text": "100 %",
        "current_text": "40 %",
        "movement": None,
        "movement_text": "Movement not known",
        "confidence": 6,
        "confidence_trail": (6,),
        "question": "",
        "blocker": "",
        "decision": DecisionKind.NONE,
        "owner": "Alice",
        "source_text": "",
        "mend": "",
    }
    return KeyResultPanel(**{**values, **changes})


def _panel(*key_results: KeyResultPanel, as_of: datetime = datetime(2026, 11, 18, 14, 12, tzinfo=UTC)) -> Panel:
    return Panel("inst-1", key_results, cycle_end=date(2026, 12, 31), as_of=as_of)
