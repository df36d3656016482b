"""The fields that a stand-in's site has unless its world says otherwise. Data only."""

from __future__ import annotations

from typing import Any

CHECKBOXES = "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes"
FLOAT = "com.atlassian.jira.plugin.system.customfieldtypes:float"
POINTS = "customfield_10016"
FLAG = "customfield_10021"

DEFAULT_FIELDS: list[dict[str, Any]] = [
    {"id": "summary", "key": "summary", "name": "Summary", "custom": False, "schema": {"type": "string", "system": "summary"}},
    {"id": "status", "key": "status", "name": "Status", "custom": False, "schema": {"type": "status", "system": "status"}},
    {
        "id": "labels",
        "key": "labels",
        "name": "Labels",
        "custom": False,
        "schema": {"type": "array", "items": "string", "system": "labels"},
    },
    {
        "id": POINTS,
        "key": POINTS,
        "name": "Story point estimate",
        "custom": True,
        "schema": {"type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points", "customId": 10016},
    },
    {
        "id": "customfield_10026",
        "key": "customfield_10026",
        "name": "Story Points",
        "custom": True,
        "schema": {"type": "number", "custom": FLOAT, "customId": 10026},
    },
    {
        "id": "customfield_10030",
        "key": "customfield_10030",
        "name": "Customers",
        "custom": True,
        "schema": {"type": "number", "custom": FLOAT, "customId": 10030},
    },
    {
        "id": FLAG,
        "key": FLAG,
        "name": "Flagged",
        "custom": True,
        "schema": {"type": "array", "items": "option", "custom": CHECKBOXES, "customId": 10021},
    },
]
