"""A stand-in for the goals of an Atlassian site: GraphQL over HTTP, executed against a schema in the published names.

Fields in beta answer only where ``@optIn(to: "Townsquare")`` stands beside them. It keeps goals in memory and can be busy, broken or partly
wrong on request.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

SITE = "11111111-2222-3333-4444-555555555555"
SCHEMA = build_schema("""
directive @optIn(to: [String!]!) on FIELD
enum TownsquareMetricType { CURRENCY NUMERIC PERCENTAGE }
type Value { value: Float }
type Metric { id: ID! name: String latestValue: Value type: TownsquareMetricType }
type MetricTarget { id: ID! startValue: Float targetValue: Float snapshotValue: Value metric: Metric }
type MetricTargetEdge { node: MetricTarget }
type MetricTargetConnection { edges: [MetricTargetEdge] }
type Goal { id: ID! key: String! name: String! metricTargets: MetricTargetConnection }
type Query { goals_byId(goalId: ID!): Goal goals_byKey(containerId: ID!, goalKey: String!): Goal }
type MutationError { message: String }
type AddPayload { success: Boolean! errors: [MutationError!] goal: Goal }
type EditPayload { success: Boolean! errors: [MutationError!] }
input CreateMetricInput { goalId: ID! name: String! type: TownsquareMetricType! value: Float! }
input AddInput { goalId: ID! createMetric: CreateMetricInput! startValue: Float! targetValue: Float! }
input EditInput { metricTargetId: ID! startValue: Float currentValue: Float targetValue: Float }
type Mutation { goals_createAndAddMetricTarget(input: AddInput!): AddPayload goals_editMetricTarget(input: EditInput!): EditPayload }
""")


@dataclass
class GoalsSite:
    """The goals by id. ``faults``: answers to give instead, first come first served: (status, headers, body or None to lose the answer)."""

    login: str = "bot@acme.example:sandbox-token"
    goals: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)
    lose_answers: int = 0  # changes that are made, but whose answer is an outage

    def add(self, key: str, name: str, targets: Iterable[str] = ()) -> str:
        """A goal with metric targets of these names; gives its id."""
        ident = f"ari:cloud:townsquare:{SITE}:goal/00000000-0000-0000-0000-{len(self.goals):012d}"
        self.goals[ident] = {"id": ident, "key": key, "name": name, "targets": {}}
        for each in targets:
            self._add_target(ident, each, 0.0, 1.0, 0.0)
        return ident

    def shown(self, goal: str) -> list[tuple[str, float, float, float]]:
        """The metric targets of a goal: (name, start, target, current)."""
        return [(each["name"], each["start"], each["target"], each["now"]) for each in self.goals[goal]["targets"].values()]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status, headers, body = self._answer(environ)
        words = {200: "OK", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}.get(status, "Trouble")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        start_response(f"{status} {words}", [("Content-Type", "application/json"), ("Content-Length", str(len(raw))), *headers.items()])
        return [raw]

    def _answer(self, environ: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        path = environ["PATH_INFO"]
        if path == "/_edge/tenant_info":
            return 200, {}, {"cloudId": SITE}
        if path != "/gateway/api/graphql" or environ["REQUEST_METHOD"] != "POST":
            return 404, {}, {"message": "Not Found"}
        if environ.get("HTTP_AUTHORIZATION") != f"Basic {base64.b64encode(self.login.encode()).decode()}":
            return 401, {}, {"code": 401, "message": "Unauthorized; scope does not match"}
        query = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["query"]
        self.asked.append(query)
        if self.faults:
            return self.faults.pop(0)
        result = graphql_sync(SCHEMA, query, root_value=_Root(self))
        if self.lose_answers and query.startswith("mutation"):
            self.lose_answers -= 1
            return 502, {}, b"<html>Bad gateway</html>"
        return 200, {}, result.formatted

    def _add_target(self, goal: str, name: str, start: float, target: float, now: float) -> None:
        number = sum(len(each["targets"]) for each in self.goals.values())
        ident = f"ari:cloud:townsquare:{SITE}:metric-target/{number}"
        self.goals[goal]["targets"][ident] = {"id": ident, "name": name, "start": start, "target": target, "now": now}


class _Root:
    """The fields at the top."""

    def __init__(self, site: GoalsSite) -> None:
        self._site = site

    def goals_byId(self, info: GraphQLResolveInfo, goalId: str) -> Any:  # noqa: N802, N803  # the API's names
        """By id."""
        _opted_in(info)
        return _shape(self._site.goals.get(goalId))

    def goals_byKey(self, info: GraphQLResolveInfo, containerId: str, goalKey: str) -> Any:  # noqa: N802, N803  # the API's names
        """By key, in a site."""
        _opted_in(info)
        if containerId != f"ari:cloud:townsquare::site/{SITE}":
            raise GraphQLError("no such container", extensions={"statusCode": 404})
        return _shape(next((goal for goal in self._site.goals.values() if goal["key"] == goalKey), None))

    def goals_createAndAddMetricTarget(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> Any:  # noqa: N802  # the API's name
        """A new metric with its target."""
        _opted_in(info)
        metric = input["createMetric"]
        assert metric["goalId"] == input["goalId"]
        self._site.written.append(input)
        self._site._add_target(input["goalId"], metric["name"], input["startValue"], input["targetValue"], metric["value"])
        return {"success": True, "errors": [], "goal": _shape(self._site.goals[input["goalId"]])}

    def goals_editMetricTarget(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> Any:  # noqa: N802  # the API's name
        """Other numbers."""
        _opted_in(info)
        found = next(
            (goal["targets"][input["metricTargetId"]] for goal in self._site.goals.values() if input["metricTargetId"] in goal["targets"]),
            None,
        )
        if found is None:
            raise GraphQLError("no such metric target", extensions={"statusCode": 404})
        self._site.written.append(input)
        found |= {"start": input["startValue"], "target": input["targetValue"], "now": input["currentValue"]}
        return {"success": True, "errors": []}


def _opted_in(info: GraphQLResolveInfo) -> None:
    beta = [directive for node in info.field_nodes for directive in node.directives or () if directive.name.value == "optIn"]
    if not beta or "Townsquare" not in str(beta[0].arguments[0].value.to_dict() if beta[0].arguments else ""):
        raise GraphQLError(f"{info.field_name} is in beta: opt in to Townsquare")


def _shape(goal: dict[str, Any] | None) -> Any:
    if goal is None:
        return None
    edges = [
        {
            "node": {
                "id": each["id"],
                "startValue": each["start"],
                "targetValue": each["target"],
                "snapshotValue": {"value": each["now"]},
                "metric": {"id": "m", "name": each["name"], "latestValue": {"value": each["now"]}},
            }
        }
        for each in goal["targets"].values()
    ]
    return {"id": goal["id"], "key": goal["key"], "name": goal["name"], "metricTargets": {"edges": edges}}
