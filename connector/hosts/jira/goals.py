"""Atlassian Goals over the platform's GraphQL API: find a goal, write a key result's numbers into its metric target.

The names follow public documents and code, and were not confirmed on a live site. Input types are not named, since sources disagree about
them: values stand in the query as literals. An answer of 200 may carry errors; it counts only when the part that was asked for is there.
Reference: https://developer.atlassian.com/platform/goals/goals-graphql-api/using-graphql-api
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
import requests

from connector.errors import Busy, Gone, InputError, Offline, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.goals import Goal, GoalNumbers, MetricTarget
from connector.hosts.http import Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.jira.cloud_id import find_cloud_id
from connector.hosts.jira.fields import as_mapping, as_sequence, as_text
from connector.hosts.limits import Allowance, Budget

PATH = "/gateway/api/graphql"
_BUDGET = Allowance("goals", "60 per 60 second")  # calls are counted in points that nobody publishes; an exporter has time
_BETA = '@optIn(to: "Townsquare")'
_ARI = re.compile(r"ari:cloud:townsquare:[\w-]*:goal/[\w/-]{8,100}")
_KEY = re.compile(r"[A-Z][A-Z0-9]{0,19}-\d{1,10}")
_ADDRESS = re.compile(r"https://[^/\s]+/(?:[^?#\s]*/)?goals?/([A-Za-z0-9]+-\d+)(?:[/?#]|$)")
_TARGETS = "metricTargets { edges { node { id startValue targetValue snapshotValue { value } metric { name latestValue { value } } } } }"
_GOAL = f"id key name {_TARGETS}"
_LONGEST_NAME = 120


class JiraGoals:
    """The goals of one Atlassian site; see ``connector.hosts.goals.Goals``. Takes an API token without scopes, as the API does."""

    def __init__(self, settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float = 2.0) -> None:
        auth = settings.auth
        if not auth.get("email") or not auth.get("api_token") or auth.get("cloud_id"):
            raise InputError(
                f"connection {settings.name} logs in another way; goals take an e-mail address with an API token without scopes",
                where="connection",
            )
        self._settings, self._budget, self._allow_private, self._patience = settings, budget, allow_private, patience
        site = settings.url.rstrip("/")
        policy = Policy(allowances=lambda method, path: (_BUDGET,), explain=_explain, idempotent=lambda method, path: True)
        gateway = Gateway(settings.name, frozenset({origin_of(site)}), policy, budget, allow_private=allow_private, patience=patience)
        gateway.secrets = frozenset({auth["api_token"]})
        self._gateway = gateway
        self._url = f"{site}{PATH}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (auth["email"], auth["api_token"])
        adapter = RequestsAdapter(gateway)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        """Give back the sockets."""
        self._session.close()

    def find(self, goal: str) -> Goal:
        """The goal with this id (ARI), key ("ACME-12") or address. Two requests for a key."""
        text = goal.strip()
        address = _ADDRESS.match(text)
        key = (address[1] if address else text).upper()
        if _ARI.fullmatch(text):
            field, arguments = "goals_byId", f"goalId: {_text(text)}"
        elif _KEY.fullmatch(key):
            cloud = find_cloud_id(self._settings, budget=self._budget, allow_private=self._allow_private, patience=self._patience)
            field, arguments = "goals_byKey", f"containerId: {_text(f'ari:cloud:townsquare::site/{cloud}')}, goalKey: {_text(key)}"
        else:
            raise InputError("enter a goal's key such as ACME-12, its address, or its id (ari:cloud:townsquare:…:goal/…)", where="goal")
        found = as_mapping(self._ask(f"query {{ {field}({arguments}) {_BETA} {{ {_GOAL} }} }}", field))
        if not as_text(found.get("id")):
            raise Gone(f"{self._settings.name}: there is no goal {text}, or the bot may not see it", status=404)
        return Goal(as_text(found.get("id")), as_text(found.get("key")), as_text(found.get("name")), _targets(found))

    def add_target(self, goal: str, name: str, numbers: GoalNumbers) -> str:
        """Add a metric target whose metric has this name; gives its id."""
        metric = (
            f"createMetric: {{ goalId: {_text(goal)}, name: {_text(name[:_LONGEST_NAME])}, type: NUMERIC, value: {numbers.current!r} }}"
        )
        values = f"startValue: {numbers.start!r}, targetValue: {numbers.target!r}"
        field = "goals_createAndAddMetricTarget"
        told = self._change(field, f"goalId: {_text(goal)}, {metric}, {values}", f"goal {{ {_TARGETS} }}")
        made = [target.id for target in _targets(as_mapping(told.get("goal"))) if target.name == name[:_LONGEST_NAME]]
        if not made:
            raise Offline(f"{self._settings.name}: the goal's new metric target was not told", code="no_target")
        return made[-1]

    def write(self, target: str, numbers: GoalNumbers) -> None:
        """Set start, current and target value of a metric target."""
        values = f"startValue: {numbers.start!r}, currentValue: {numbers.current!r}, targetValue: {numbers.target!r}"
        self._change("goals_editMetricTarget", f"metricTargetId: {_text(target)}, {values}", "")

    def _change(self, field: str, values: str, answer: str) -> Mapping[str, Any]:
        told = as_mapping(
            self._ask(f"mutation {{ {field}(input: {{ {values} }}) {_BETA} {{ success errors {{ message }} {answer} }} }}", field)
        )
        if told.get("success") is not True:
            raise self._error(as_sequence(told.get("errors")), "the change was not made")
        return told

    def _ask(self, query: str, field: str) -> Any:
        """What was told about one field. Errors beside it do not matter; without it they do."""
        response = self._session.post(self._url, json={"query": query}, allow_redirects=False)
        try:
            answer = as_mapping(orjson.loads(response.content))
        except orjson.JSONDecodeError as error:
            raise Offline(f"{self._settings.name}: {PATH} answered without JSON (a proxy's or login page?)", code="not_json") from error
        found = as_mapping(answer.get("data")).get(field)
        errors = as_sequence(answer.get("errors"))
        if found is None and errors:
            raise self._error(errors, "no reason given")
        return found

    def _error(self, errors: Any, otherwise: str) -> Exception:
        """GraphQL's errors as the product's: by the status in their extensions, else a refusal."""
        told = [as_mapping(each) for each in errors]
        words = self._gateway.harmless("; ".join(filter(None, (as_text(each.get("message")) for each in told))) or otherwise)[:500]
        text = f"{self._settings.name}: goals: {words}"
        extensions = as_mapping(told[0].get("extensions")) if told else {}
        number = extensions.get("statusCode")
        status = number if isinstance(number, int) and not isinstance(number, bool) else 400
        kind = as_text(extensions.get("errorType")) or as_text(extensions.get("classification"))
        if status == 429 or "RATE_LIMIT" in kind.upper():
            return Busy(text, status=429, code=kind)
        if status == 404 or "NOT_FOUND" in kind.upper():
            return Gone(text, status=404, code=kind)
        if status >= 500:
            return Offline(text, status=status, code=kind)
        return Refused(text, status=status, code=kind)


def _targets(goal: Mapping[str, Any]) -> tuple[MetricTarget, ...]:
    found = []
    for edge in as_sequence(as_mapping(goal.get("metricTargets")).get("edges")):
        node = as_mapping(as_mapping(edge).get("node"))
        metric = as_mapping(node.get("metric"))
        now = as_mapping(node.get("snapshotValue")).get("value")
        now = as_mapping(metric.get("latestValue")).get("value") if now is None else now
        told = (node.get("startValue"), node.get("targetValue"), now)
        numbers = [float(each) for each in told if isinstance(each, (int, float)) and not isinstance(each, bool)]
        if identity := as_text(node.get("id")):
            found.append(MetricTarget(identity, as_text(metric.get("name")), GoalNumbers(*numbers) if len(numbers) == 3 else None))
    return tuple(found)


def _text(value: str) -> str:
    """A text as a literal of GraphQL, which is JSON's."""
    return json.dumps(value)


def _explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    """An error answer as (sentence, code, details)."""
    data = as_mapping(answer.json())
    words = [as_text(as_mapping(each).get("message")) for each in as_sequence(data.get("errors"))]
    words = [word for word in words if word] or [as_text(data.get("message")) or ("too many requests" if answer.status == 429 else "")]
    return "; ".join(filter(None, words))[:500] or "no reason given", "", {}
