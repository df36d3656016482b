"""Values that fit a JSON Schema of Notion's published types, for hypothesis: the keywords which that schema uses, and no more."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

_TEXT = st.text(max_size=6) | st.just("2026-11-21T09:00:00.000-05:00") | st.just("2026-11-21")
_NUMBER = st.integers(-10_000, 10_000) | st.floats(allow_nan=False, allow_infinity=False, width=32)


def fitting(definitions: Mapping[str, Any], name: str, *, depth: int = 14) -> st.SearchStrategy[Any]:
    """Values of one definition. Below ``depth`` only what is required is made, so that recursive types come to an end."""
    return _of(definitions, {"$ref": f"#/definitions/{name}"}, depth)


def _of(definitions: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return st.deferred(lambda: _of(definitions, definitions[schema["$ref"].rpartition("/")[2]], depth - 1))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([_of(definitions, each, depth) for each in schema["anyOf"]])
    kind = schema.get("type")
    if isinstance(kind, list):
        return st.one_of([_of(definitions, {**schema, "type": each}, depth) for each in kind])
    match kind:
        case "object":
            return _object(definitions, schema, depth)
        case "array":
            return st.lists(_of(definitions, schema.get("items", {}), depth), max_size=2 if depth > 0 else 0)
        case "string":
            return _TEXT
        case "number" | "integer":
            return _NUMBER if kind == "number" else st.integers(-10_000, 10_000)
        case "boolean":
            return st.booleans()
        case _:
            return st.none()


def _object(definitions: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))

    def of(name: str) -> st.SearchStrategy[Any]:
        return st.builds(lambda: str(uuid.uuid4())) if name == "id" else _of(definitions, properties[name], depth)

    needed = {name: of(name) for name in properties if name in required}
    others = {name: of(name) for name in properties if name not in required} if depth > 0 else {}
    found = st.fixed_dictionaries(needed, optional=others)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict) and not properties:
        return st.dictionaries(st.text(min_size=1, max_size=5), _of(definitions, extra, depth), max_size=4)
    return found
