"""Makes notion-types.trimmed.json: the definitions that our tests use, out of the full schema, adapted to version 2026-03-11.

Usage: python tests/contracts/trim_notion.py FULL_SCHEMA. The full schema is generated from the type declarations of the npm
package @notionhq/client 5.26.0 (MIT, Copyright 2021 Notion Labs, Inc.).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOTS = [
    "QueryDataSourceBodyParameters",
    "SearchBodyParameters",
    "UpdatePageBodyParameters",
    "CreatePageBodyParameters",
    "CreateDatabaseBodyParameters",
    "UpdateDataSourceBodyParameters",
    "CreateCommentBodyParameters",
    "UpdateCommentBodyParameters",
    "RichTextItemRequest",
    "PageObjectResponse",
    "DataSourceObjectResponse",
    "DatabaseObjectResponse",
    "CommentObjectResponse",
    "SearchResponse",
    "ListUsersResponse",
    "UserObjectResponse",
]


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        found = {str(node["$ref"]).rpartition("/")[2]} if "$ref" in node else set()
        return found.union(*(_references(each) for each in node.values()))
    return set().union(*(_references(each) for each in node)) if isinstance(node, list) else set()


def main(full: Path) -> None:
    definitions = json.loads(full.read_text())["definitions"]
    events = [name for name in definitions if name.endswith("WebhookPayload") and name != "BaseWebhookPayload"]
    wanted, kept = [*ROOTS, *events], {}
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = definitions[name]
            wanted += sorted(_references(definitions[name]))
    for name in kept:  # version 2026-03-11 has no `archived` any more
        properties = kept[name].get("properties")
        if isinstance(properties, dict) and "in_trash" in properties:
            properties.pop("archived", None)
            kept[name]["required"] = [each for each in kept[name].get("required", []) if each != "archived"]
    target = Path(__file__).with_name("notion-types.trimmed.json")
    target.write_text(
        json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": kept}, sort_keys=True, separators=(",", ":"))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
