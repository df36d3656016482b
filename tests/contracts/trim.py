"""Cuts Jira's OpenAPI document down to the paths that the client calls and the schemas they need.

Use: ``python tests/contracts/trim.py <jira-platform-v3.mock.openapi.json> > tests/contracts/jira-platform-v3.used.json``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

USED = {
    "/rest/api/3/myself": ["get"],
    "/rest/api/3/serverInfo": ["get"],
    "/rest/api/3/field": ["get"],
    "/rest/api/3/project/search": ["get"],
    "/rest/api/3/project/{projectIdOrKey}": ["get"],
    "/rest/api/3/permissions/check": ["post"],
    "/rest/api/3/search/jql": ["post"],
    "/rest/api/3/search/approximate-count": ["post"],
    "/rest/api/3/issuetype": ["get"],
    "/rest/api/3/user/bulk": ["get"],
    "/rest/api/3/user/search": ["get"],
    "/rest/api/3/users/search": ["get"],
    "/rest/api/3/jql/parse": ["post"],
    "/rest/api/3/jql/match": ["post"],
    "/rest/api/3/issue": ["post"],
    "/rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes": ["get"],
    "/rest/api/3/issue/bulkfetch": ["post"],
    "/rest/api/3/issue/{issueIdOrKey}": ["get", "put"],
    "/rest/api/3/issue/{issueIdOrKey}/remotelink": ["get", "post", "delete"],
    "/rest/api/3/issue/{issueIdOrKey}/properties/{propertyKey}": ["get", "put", "delete"],
    "/rest/api/3/issue/{issueIdOrKey}/comment": ["get", "post"],
    "/rest/api/3/issue/{issueIdOrKey}/comment/{id}": ["get", "put"],
    "/rest/api/3/comment/{commentId}/properties/{propertyKey}": ["get"],
    "/rest/api/3/app/field/{fieldIdOrKey}/value": ["put"],
    "/rest/api/3/mypermissions": ["get"],
    "/rest/api/3/webhook": ["get", "post", "delete"],
    "/rest/api/3/webhook/refresh": ["put"],
}
DROPPED = {
    "example",
    "examples",
    "description",
    "x-atlassian-oauth2-scopes",
    "x-atlassian-data-security-policy",
    "x-experimental",
    "summary",
    "tags",
    "security",
}


def trimmed(spec: dict[str, Any]) -> dict[str, Any]:
    """The used part of ``spec``, without narrative text. A ``properties`` map keeps all its keys."""
    paths = {}
    for path, methods in USED.items():
        shared = {"parameters": spec["paths"][path]["parameters"]} if "parameters" in spec["paths"][path] else {}
        paths[path] = {**shared, **{method: spec["paths"][path][method] for method in methods}}
    paths = _clean(paths)
    schemas: dict[str, Any] = {}
    waiting = _references(paths)
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = _clean(spec["components"]["schemas"][name])
            waiting |= _references(schemas[name])
    return {
        "openapi": spec["openapi"],
        "info": _clean(spec["info"]),
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _clean(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, dict):
        if not names:
            node = {key: value for key, value in node.items() if key not in DROPPED}
        return {key: _clean(value, names=key == "properties") for key, value in node.items()}
    return [_clean(entry) for entry in node] if isinstance(node, list) else node


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*(_references(value) for value in node.values()))
    return set().union(*(_references(entry) for entry in node)) if isinstance(node, list) else set()


if __name__ == "__main__":
    json.dump(trimmed(json.loads(Path(sys.argv[1]).read_text())), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
